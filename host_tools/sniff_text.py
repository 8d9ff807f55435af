# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What `reuse-edge sniff` prints: signals with quality and age, cells by number, identifiers of a bus."""

from edge.core.records import ALARMS
from host_tools.candump import id_text
from host_tools.display import UNKNOWN, duration, scaled
from host_tools.skeleton import survey

# unit of a field's name -> (divisor, digits, unit shown)
UNITS = {"mv": (1000, 3, "V"), "ma": (1000, 1, "A"), "mc": (1000, 1, "°C"), "ppm": (10000, 1, "%")}
PER_LINE = 8


def value_text(name, value):
    """A value of Sample field `name` with its unit; alarms in words; UNKNOWN for None."""
    if name == "alarms":
        if value is None:
            return UNKNOWN
        return " ".join(word for bit, word in enumerate(ALARMS) if value >> bit & 1) or "none"
    divisor, digits, unit = UNITS[name.rsplit("_", 1)[1]]
    if isinstance(value, list):
        known = [item for item in value if item is not None]
        if not known:
            return "%s (0 of %d)" % (UNKNOWN, len(value))
        ends = (min(known) / divisor, max(known) / divisor)
        return "%.*f…%.*f %s (%d of %d)" % (digits, ends[0], digits, ends[1], unit, len(known), len(value))
    if name == "pack_mv":
        digits = 2
    return scaled(value, divisor, digits, unit, sign=name == "current_ma")


def list_lines(name, values):
    """The values of a list, PER_LINE in a row, with the number of the first one (from 1)."""
    divisor, digits, _ = UNITS[name.rsplit("_", 1)[1]]
    lines = []
    for first in range(0, len(values), PER_LINE):
        part = values[first : first + PER_LINE]
        lines.append("  #%-4d %s" % (first + 1, " ".join("%7s" % scaled(item, divisor, digits, "") for item in part)))
    return lines


def signals_text(listener, frames):
    """The whole view of one profile."""
    table = listener.table
    rows = listener.signals()
    lines = ["%s  %s  (%s)" % (table.NAME, table.INFO["title"], table.INFO["proof"])]
    span_us = max(frame.ts_us for frame in frames) - min(frame.ts_us for frame in frames) if frames else 0
    good = sum(heard.count for heard in listener.heard)
    bad = sum(heard.short + heard.unsummed for heard in listener.heard)
    lines.append(
        "%s, %d frames; %d messages decoded, %d broken; + current charges"
        % (duration(span_us // 1000), len(frames), good, bad)
    )
    lines.append("")
    for row in rows:
        age = UNKNOWN if row["age_ms"] is None else duration(row["age_ms"])
        lines.append("%-17s %-12s %7s  %s" % (row["name"], row["quality"], age, value_text(row["name"], row["value"])))
    for row in rows:
        if isinstance(row["value"], list) and any(item is not None for item in row["value"]):
            lines += ["", "%s, %s:" % (row["name"], UNITS[row["name"].rsplit("_", 1)[1]][2])]
            lines += list_lines(row["name"], row["value"])
    return "\n".join(lines)


def overview(frames):
    """One line for each identifier: how often, how long, what moves."""
    lines = ["id        count  period  bytes  moving    newest"]
    newest = {(frame.can_id, frame.extended): frame.data for frame in frames}
    for key, seen in survey(frames).items():
        period_ms = seen.period_ms()
        sizes = "-".join(str(size) for size in sorted({min(seen.sizes), max(seen.sizes)}))
        marks = "".join("x" if at in seen.moving() else "." for at in range(min(seen.sizes, default=0)))
        period = (
            UNKNOWN if period_ms is None else duration(round(period_ms)) if period_ms >= 1000 else "%d ms" % period_ms
        )
        lines.append(
            "%-8s %6d %7s  %5s  %-8s  %s" % (id_text(*key), seen.count, period, sizes, marks, newest[key].hex(" "))
        )
    return "\n".join(lines)
