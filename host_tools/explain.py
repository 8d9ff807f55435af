# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge explain --at TIME SOURCE`: why so much could flow at that moment, and who said so.

The answer comes from the records alone, so a journal, a board's backup and a receiver's database give the same one.
"""

import argparse
import sys
from collections import namedtuple

from edge.core import faults as f
from host_tools import audit_read, explain_missing, texts
from host_tools.explain_lines import lines_of
from host_tools.explain_orders import obeyed, orders_of
from host_tools.explain_texts import word
from host_tools.explain_time import moment, shown, span, start_of, zone_of

SILENT_MS = 30000  # telemetry comes every 10 s: a longer silence means something
TELEMETRY_MS = 10500

# What is known of one pack at a moment. base: the record with all sources on which the answer rests, or None. problem:
# text why it is not (fully) known, or None. identity, change: newest I record and change of limits up to the
# moment, or None. orders: host_tools.explain_orders.Orders. events: entries within a minute.
# together: of several packs, the newest record of what they allow together, or None; names: {index: name} of all.
Found = namedtuple(
    "Found", ("pack", "at_ms", "base", "problem", "identity", "change", "orders", "events", "together", "names")
)


def packs_of(book):
    """{pack index: name} of all packs that the records know; an order may name one that does not exist."""
    names = {}
    for entry in book.entries:
        if entry.pack >= 0 and entry.body.get("event") != f.E_ORDER:
            names.setdefault(entry.pack, "pack %d" % (entry.pack + 1))
            if entry.cls == "I":
                names[entry.pack] = entry.body.get("pack_id", names[entry.pack])
    return dict(sorted(names.items()))


def find(book, pack, at_ms, lang, zone):
    """The Found of pack index `pack` at that moment."""
    before = [e for e in book.entries if e.at_ms is not None and e.at_ms <= at_ms]
    own = [e for e in before if e.pack == pack]
    base = oldest = _last(own, lambda e: "sources" in e.body)
    newest = _last(own, lambda e: e.cls == "T" or e is base)
    if newest is not base and base is not None:  # telemetry without sources: they are as told before
        base = newest._replace(body={**newest.body, "sources": base.body["sources"]})
    identity = _last(own, lambda e: e.cls == "I")
    if identity is None:
        identity = next((e for e in book.entries if e.pack == pack and e.cls == "I"), None)
    names = packs_of(book)
    near = [e for e in book.entries if e.at_ms is not None and abs(e.at_ms - at_ms) <= 60000]
    orders = orders_of(before, pack, base)
    return Found(
        pack,
        at_ms,
        obeyed(base, orders),
        _problem(book, before, base, oldest, at_ms, lang, zone),
        identity,
        _last(own, _changes),
        orders,
        [e for e in near if (e.pack in (pack, -1) or e.pack not in names) and e.cls in "EX"],
        _last(before, lambda e: e.pack < 0 and e.body.get("event") == f.E_LIMITS),
        names,
    )


def _changes(entry):
    """True for a limits record in which what may flow, or its reason, changed (not only the list of faults)."""
    b = entry.body
    if b.get("event") != f.E_LIMITS:
        return False
    return any(b[name] != b.get(name + "_before") for name in ("charge_why", "discharge_why")) or any(
        b[side + "_limit"] != b.get(side + "_before") for side in ("charge", "discharge")
    )


def _last(entries, wanted):
    return next((e for e in reversed(entries) if wanted(e)), None)


def _problem(book, before, base, oldest, at_ms, lang, zone):
    """Why the moment is not known, as a text; None when it is. oldest: the record whose sources base has."""
    gap = _dropped(book, base, at_ms)
    if gap is not None:
        kinds = word(lang, gap.cls if gap.cls in "TM" else "kept")
        since, until = [word(lang, "unknown") if t is None else shown(t, zone) for t in (gap.since_ms, gap.until_ms)]
        return word(lang, "dropped") % (word(lang, "r%d" % gap.reason), kinds, gap.count, since, until)
    if base is None:
        since_ms = min((e.at_ms for e in book.entries if e.at_ms is not None), default=None)
        return word(lang, "before") % (book.device, shown(since_ms, zone))
    missing = explain_missing.told(book, oldest, at_ms, lang, zone)
    if missing is not None:
        return missing
    last = before[-1]
    if at_ms - last.at_ms <= SILENT_MS:
        return None
    following = next((e for e in book.entries if e.at_ms is not None and e.at_ms > at_ms), None)
    if following is None:
        return word(lang, "after") % (shown(last.at_ms, zone), span(lang, at_ms - last.at_ms))
    ends = (shown(last.at_ms, zone), shown(following.at_ms, zone))
    if following.boot != last.boot:
        return word(lang, "off") % (ends[0], ends[1], last.boot, following.boot)
    return word(lang, "silent") % ends


def _dropped(book, base, at_ms):
    """What was dropped between the record that we have and the moment, all of one class together; or None."""
    if base is not None and at_ms - base.at_ms <= TELEMETRY_MS:
        return None
    hit = None
    for gap in book.gaps:
        since_ms, until_ms = gap.since_ms, gap.until_ms
        if since_ms is None or until_ms is None:
            continue
        if since_ms <= at_ms and (base is None or until_ms > base.at_ms) and at_ms <= until_ms + TELEMETRY_MS:
            hit = gap
    if hit is None:
        return None
    same = [g for g in book.gaps if (g.cls, g.reason) == (hit.cls, hit.reason) and g.since_ms is not None]
    return hit._replace(
        since_ms=min(g.since_ms for g in same),
        until_ms=max(g.until_ms for g in same),
        count=sum(g.count for g in same),
    )


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="reuse-edge explain",
        description="Why so much could flow at a moment: every source, its value, which one bound, who said so.",
        epilog="exit codes: 0 explained, 1 not (fully) known and why, 2 wrong use",
    )
    parser.add_argument("source", metavar="SOURCE", help="journal folder, board backup, export, or receiver's database")
    parser.add_argument(
        "--at",
        required=True,
        metavar="TIME",
        help="2026-03-02T14:03 (local), ...Z (UTC), 14:03 (the last one), 5min (before the newest record), last, "
        "trip (the last trip), or START+SECONDS without a wall clock",
    )
    parser.add_argument("--pack", help="name or number of one pack; all when absent")
    parser.add_argument("--lang", choices=texts.LANGUAGES)
    parser.add_argument("--tz", metavar="ZONE", help="for example Asia/Seoul; this machine's own when absent")
    parser.add_argument("--device", help="when a database holds several")
    argv = list(sys.argv[1:] if argv is None else argv)
    if "--at" in argv[:-1]:  # -5min is a time, not an option
        at = argv.index("--at")
        argv[at : at + 2] = ["--at=" + argv[at + 1]]
    return parser.parse_args(argv)


def _listed(numbers):
    """Growing numbers as a short text: the first and the last of many."""
    return ", ".join(map(str, numbers)) if len(numbers) < 4 else "%d … %d" % (numbers[0], numbers[-1])


def _resolved(options, lang, zone):
    """(Book, moment in ms), or a text why there is none."""
    start = start_of(options.at)
    book = audit_read.read(options.source, options.device, None if start else audit_read.NEWEST)
    if not book.entries:
        return word(lang, "nothing") % options.source
    starts = sorted({e.boot for e in book.entries})
    newest = (starts[-1], book.entries[-1].mono_ms // 1000)
    if start is not None:
        boots = [e._replace(at_ms=e.mono_ms) for e in book.entries if e.boot == start[0]]
        if not boots:
            return word(lang, "no_start") % (start[0], _listed(starts), *newest)
        book.entries, book.gaps = boots, []
        return book, start[1]
    newest_ms = book.newest_ms()
    if newest_ms is None:
        return word(lang, "no_time") % newest
    if options.at == "trip":
        trip = _last(book.entries, lambda e: e.body.get("event") == f.E_FRAME and e.at_ms is not None)
        if trip is None:
            return word(lang, "no_trip")
        at_ms = trip.at_ms
    else:
        at_ms = moment(options.at, newest_ms, zone)
    return audit_read.read(options.source, options.device, at_ms), at_ms


def _of_start(book, at_ms, lang):
    """(text of a moment of a start, text why it has none, or None). A gateway's clock runs since its machine did."""
    boot, first_s, last_s = book.entries[0].boot, book.entries[0].at_ms // 1000, book.newest_ms() // 1000
    when, row = word(lang, "start") % (boot, shown(at_ms, None)), (boot, boot, first_s, boot, last_s)
    if at_ms - book.newest_ms() > SILENT_MS:
        return when, word(lang, "ended") % row
    return when, word(lang, "begins") % row if at_ms < first_s * 1000 else None


def answer(options):
    """(lines, exit code) for parsed options."""
    lang = texts.language(options.lang)
    zone = zone_of(options.tz)
    found = _resolved(options, lang, zone)
    if isinstance(found, str):
        return [found], 1
    book, at_ms = found
    by_start = start_of(options.at) is not None
    names = packs_of(book)
    chosen = [i for i in names if options.pack in (None, names[i], str(i + 1))]
    if not chosen and options.pack is not None:
        return [word(lang, "no_pack") % (options.pack, ", ".join(names.values()))], 2
    lines, code, ended, when = [], 0, None, shown(at_ms, zone)
    if by_start:
        when, ended = _of_start(book, at_ms, lang)
    for pack in chosen:
        one = find(book, pack, at_ms, lang, zone)
        if ended is not None:
            one = one._replace(problem=ended)
        code = max(code, int(one.problem is not None))
        lines += [word(lang, "head") % (book.device, names[pack], when)]
        lines += lines_of(one, lang, zone) + [""]
    return lines[:-1], code


def main(argv=None):
    """`reuse-edge explain ...`; returns the exit code: see --help."""
    lines, code = answer(_arguments(argv))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
