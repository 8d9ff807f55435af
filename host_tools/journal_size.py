# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""How long the journal of a site lasts without a broker: by its size, the records of this site and what the journal
writes around each. What goes first when it is full is telemetry with minutes, oldest first; events, registers,
identity and black boxes go only when nothing else is left.
"""

from edge.core.settings import with_defaults
from edge.shell.frames import HEAD_BYTES
from edge.shell.journal import LEAST_SEGMENT, MOST_SEGMENT
from host_tools import traffic

GATEWAY_KB = 65536  # edge.shell.gateway_journal.DEFAULT_KB, which needs paho
BOARDS_KB = (512, 1024, 6144)  # flash of 2, 4 and 8 MB or more, with room for the code and for littlefs
CHAIN_BYTES = 16  # of a kept frame
MONTH_DAYS = 30


def per_day(settings, month):
    """(bytes of kept records, of telemetry and minutes) that a site writes in a day. month: of traffic.month."""
    kept = plain = 0
    for row in month:
        if row["class"] in ("T", "M"):
            plain += row["records"] * (row["record_bytes"] + HEAD_BYTES)
        elif row["class"]:
            kept += row["records"] * (row["record_bytes"] + HEAD_BYTES + CHAIN_BYTES)
    return kept / MONTH_DAYS, plain / MONTH_DAYS


def lasts(journal_kb, kept, plain):
    """(days of everything, days of events and registers alone) that a journal of so many KB holds. kept, plain: bytes a
    day. The segment that is written and the one that goes are room of the budget too."""
    limit = 1024 * journal_kb
    segment = max(LEAST_SEGMENT, min(limit // 8, MOST_SEGMENT))
    usable = limit - 2 * segment
    return usable / (kept + plain), usable / kept


def holds(journal_kb, kept, plain, days=MONTH_DAYS):
    """Days of telemetry and minutes that are left after so many days without a broker."""
    segment = max(LEAST_SEGMENT, min(128 * journal_kb, MOST_SEGMENT))
    left = 1024 * journal_kb - 2 * segment - days * kept
    return max(0.0, min(days, left / plain))


def table(settings):
    """[{journal_kb, what, days, kept_days, month_days}] of a site: its own journal, or what others would hold."""
    settings = with_defaults(settings)
    asked = settings.get("journal_kb")
    month = traffic.month(settings if settings["uplink"] else dict(settings, uplink={"host": "none"}))
    kept, plain = per_day(settings, month)
    sizes = [(asked, "journal_kb")] if asked else [(GATEWAY_KB, "gateway")] + [(size, "board") for size in BOARDS_KB]
    rows = []
    for size, what in sizes:
        days, kept_days = lasts(size, kept, plain)
        values = {
            "days": round(days, 1),
            "kept_days": round(kept_days),
            "month_days": round(holds(size, kept, plain), 1),
        }
        rows.append({"journal_kb": size, "what": what, **values})
    return rows


def show(rows):
    """The lines that a person reads."""
    yield "without a broker the journal keeps (oldest telemetry and minutes go first, events and registers last):"
    for row in rows:
        who = {"gateway": "gateway, unless set", "board": "board with journal_kb"}.get(row["what"], "journal_kb")
        kept = min(row["kept_days"], MONTH_DAYS)
        text = (who, row["journal_kb"], row["days"], row["month_days"], kept)
        yield "  %-21s %6d  everything %5.1f days; of 30 days: telemetry and minutes %.1f, the rest %d" % text
