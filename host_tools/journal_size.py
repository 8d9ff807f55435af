# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""How long the journal of a site lasts without a broker: by its size, the records of this site and what the journal
writes around each. What goes first when it is full is telemetry, then minutes; events, registers, identity and black
boxes go only when nothing else is left.
"""

from edge.core.settings import with_defaults
from edge.shell.frames import CHAIN_BYTES, HEAD_BYTES, STREAMS, place_of
from edge.shell.journal import segment_of
from host_tools import traffic

GATEWAY_KB = 65536  # edge.shell.gateway_journal.DEFAULT_KB, which needs paho
BOARDS_KB = (512, 1024, 6144)  # flash of 2, 4 and 8 MB or more, with room for the code and for littlefs
MONTH_DAYS, WEEK_DAYS = 30, 7
GAP_BYTES = 125  # a declared gap and its frame


def per_day(settings, month):
    """Bytes that a site writes in a day, {stream of the journal: bytes}. month: of traffic.month."""
    bytes_of = dict.fromkeys(STREAMS, 0)
    for row in month:
        if row["class"]:
            stream = STREAMS[place_of(row["class"])]
            frame = HEAD_BYTES + (CHAIN_BYTES if stream == "k" else 0)
            bytes_of[stream] += row["records"] * (row["record_bytes"] + frame) / MONTH_DAYS
    return bytes_of


def room(journal_kb):
    """(bytes that are always used, bytes of a segment) of a journal of so many KB. The segments that are being written
    and the one that goes are room of the budget too."""
    limit = 1024 * journal_kb
    segment = segment_of(limit)
    return limit - (len(STREAMS) + 1) * segment, segment


def _kept(journal_kb, daily):
    """Bytes of kept records a day once the budget is used: each segment that goes is declared."""
    return daily["k"] + GAP_BYTES * (daily["m"] + daily["t"]) / room(journal_kb)[1]


def lasts(journal_kb, daily):
    """(days of everything, days of events and registers alone). daily: of per_day."""
    usable, _ = room(journal_kb)
    return usable / sum(daily.values()), usable / _kept(journal_kb, daily)


def holds(journal_kb, daily, days=MONTH_DAYS):
    """{stream: days that are left} after so many days without a broker, at least: just after a segment went."""
    left = {}
    usable, _ = room(journal_kb)
    daily = dict(daily, k=_kept(journal_kb, daily))
    for stream in STREAMS:
        left[stream] = max(0.0, min(days, usable / daily[stream]))
        usable -= days * daily[stream]
    return left


def table(settings):
    """[{journal_kb, what, days, kept_days, telemetry_days, minutes_days, week_minutes_days}] of a site: its own
    journal, or what others would hold. days: of everything; the last three: left after 30 days, and after seven."""
    settings = with_defaults(settings)
    asked = settings.get("journal_kb")
    month = traffic.month(settings if settings["uplink"] else dict(settings, uplink={"host": "none"}))
    daily = per_day(settings, month)
    sizes = [(asked, "journal_kb")] if asked else [(GATEWAY_KB, "gateway")] + [(size, "board") for size in BOARDS_KB]
    rows = []
    for size, what in sizes:
        days, kept_days = lasts(size, daily)
        month_left, week_left = holds(size, daily), holds(size, daily, WEEK_DAYS)
        values = {
            "days": round(days, 1),
            "kept_days": round(kept_days),
            "telemetry_days": round(month_left["t"], 1),
            "minutes_days": round(month_left["m"], 1),
            "week_minutes_days": round(week_left["m"], 1),
        }
        rows.append({"journal_kb": size, "what": what, **values})
    return rows


def show(rows):
    """The lines that a person reads."""
    yield "without a broker the journal keeps (telemetry goes first, then minutes; events and registers last), in days:"
    for row in rows:
        who = {"gateway": "gateway, unless set", "board": "board with journal_kb"}.get(row["what"], "journal_kb")
        kept = min(row["kept_days"], MONTH_DAYS)
        left = (kept, row["minutes_days"], row["telemetry_days"], row["week_minutes_days"])
        text = "  %-21s %6d  everything %.1f; of 30: events, registers %d, minutes %.1f, telemetry %.1f; of 7: M %.1f"
        yield text % (who, row["journal_kb"], row["days"], *left)
