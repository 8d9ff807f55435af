# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Records that should stand between the ones an explanation rests on and the moment, and do not."""

from host_tools.audit_numbers import missing
from host_tools.audit_read import HOUR_MS
from host_tools.explain_texts import word
from host_tools.explain_time import shown

MOST_RANGES = 3  # that are named


def told(book, base, at_ms, lang, zone):
    """Text about records that are missing from `base` (Entry) on to the moment, or None when all are there."""
    numbers = book.numbers if at_ms - base.at_ms < HOUR_MS else book.numbers.whole()
    timed = [entry for entry in book.entries if entry.at_ms is not None]
    following = next((entry for entry in timed if entry.at_ms > at_ms), None)
    for boot, epoch, first, last in _spans(numbers, timed, base, following):
        holes = missing(numbers, epoch, first, last)
        places = [_place(numbers, epoch, hole) for hole in holes]
        if not holes and following is None and epoch == timed[-1].epoch and at_ms > timed[-1].at_ms:
            end = numbers.last(epoch)  # what is damaged behind the last record has no number any more
            places = [spot.place for spot in numbers.spots if spot.epoch == epoch and spot.after is None]
            holes = [(end + 1, end + 1)] if places else []
        if holes:
            own = [entry for entry in timed if entry.epoch == epoch]
            since = max((e.at_ms for e in own if e.seq < holes[0][0]), default=None)
            until = min((e.at_ms for e in own if e.seq > holes[-1][1]), default=None)
            ends = [word(lang, "unknown") if t is None else shown(t, zone) for t in (since, until)]
            return word(lang, "missing") % (_cause(lang, places), _named(holes), boot, *ends)
    return None


def _spans(numbers, timed, base, following):
    """[(boot, epoch, first number, last number), ...] that an answer rests on: all behind base, up to the first record
    behind the moment."""
    starts = dict.fromkeys((entry.boot, entry.epoch) for entry in timed)
    ends = {e.body["epoch_before"]: e.body.get("seq_before") or 0 for e in timed if "epoch_before" in e.body}
    until = None if following is None else (following.boot, following.epoch)
    found = []
    for start in starts:
        if start < (base.boot, base.epoch) or (until is not None and start > until):
            continue
        first = base.seq + 1 if start[1] == base.epoch else 1
        last = following.seq - 1 if start == until else max(numbers.last(start[1]), ends.get(start[1], 0))
        if first <= last:
            found.append((*start, first, last))
        elif start != until:
            found.append((*start, first, first - 1))
    return found


def _place(numbers, epoch, hole):
    """File and byte of the damage behind a hole, or None."""
    for spot in numbers.spots:
        if spot.epoch == epoch and spot.before < hole[0] and (spot.after is None or spot.after > hole[1]):
            return spot.place
    return None


def _cause(lang, places):
    named = list(dict.fromkeys(place for place in places if place))
    if not named:
        return word(lang, "gone")
    more = ", …" if len(named) > MOST_RANGES else ""
    return "%s: %s" % (word(lang, "r4"), ", ".join(named[:MOST_RANGES]) + more)


def _named(holes):
    texts = ["%d" % first if first == last else "%d-%d" % (first, last) for first, last in holes]
    return ", ".join(texts[:MOST_RANGES]) + (", …" if len(texts) > MOST_RANGES else "")
