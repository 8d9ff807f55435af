# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The part of the live view that shows the packs: values, limits with their sources, cells."""

from host_tools import display
from host_tools.display import ALWAYS, LABEL, LEAST, NEEDED, SPARE, UNKNOWN, USEFUL
from host_tools.texts import FAULTS
from host_tools.texts import source as source_text
from host_tools.view_signs import sign_lines

AGEING_MS = 2500
BARS = "▁▂▃▄▅▆▇█"
WINDOW_MV = 40  # the bars span at least this: noise in a balanced pack must not look like imbalance
# sign and style behind the serial number that the BMS tells, by what is proved of it
IDENTITIES = {"proved": ("✓", ""), "commissioned": ("✓", ""), "other": ("✕", "bad"), "unproved": ("?", "dim")}
QUALITIES = ("missing", "stale", "frozen", "sentinel", "implausible")


def pack_groups(look, status, index):
    """Groups of lines of the packs: the chosen one in full, every other in one line."""
    packs = status.get("packs") or [{}]
    chosen = packs[index] if index < len(packs) else packs[0]
    others = [(NEEDED, _brief(look, pack)) for pack in packs if pack is not chosen]
    who = [
        (ALWAYS, _pack_line(look, chosen)),
        (ALWAYS, _soc_line(look, chosen)),
        (NEEDED, _soh_line(look, chosen)),
    ]
    who.append((ALWAYS, _now_line(look, chosen)))
    if chosen.get("currents_ma"):
        who.append((USEFUL, _power_line(look, chosen["currents_ma"])))
    return [who, sign_lines(look, chosen), _limits(look, chosen), _cells(look, chosen), others]


def quality_mark(pack):
    """(sign, style, key of the word) for the quality of the data."""
    quality, age_ms = pack.get("quality"), pack.get("age_ms")
    if quality is None or quality == "missing" or age_ms is None:
        return "✕", "bad", "q_missing"
    if quality != "ok":
        return "○", "bad", "q_" + quality
    return ("◐", "warn", "q_ok") if age_ms > AGEING_MS else ("●", "ok", "q_ok")


def _quality(look, name, pack):
    """Segments `BMS 0.4 s ago ●`."""
    sign, style, key = quality_mark(pack)
    age = look.word("ago") % display.duration(pack["age_ms"]) if pack.get("age_ms") is not None else UNKNOWN
    kind = "" if key == "q_ok" else " " + look.word(key)
    return [("%s %s%s %s" % (name, age, kind, sign), style)]


def _pack_line(look, pack):
    grade = UNKNOWN
    if pack.get("grade"):
        grade = "%s (%s %s)" % (pack["grade"], pack.get("body") or UNKNOWN, (pack.get("date") or UNKNOWN)[:7])
    count = "%ds" % pack["cells"] if pack.get("cells") else UNKNOWN
    proof, told = (pack.get("identity") or ["unproved", None])[:2]
    mark, style = IDENTITIES.get(proof, ("?", "dim"))
    pieces = [
        look.head("pack", [(str(pack.get("id") or UNKNOWN), "head")]),
        (USEFUL, [(str(pack.get("title") or pack.get("profile") or UNKNOWN), "")]),
        (NEEDED, [(count, "")]),
        (SPARE, [("%s %s" % (look.word("grade"), grade), "")]),
    ]
    if told is not None:
        pieces.append((USEFUL if proof == "other" else SPARE, [("no. %s %s" % (told, mark), style)]))
    return look.row(pieces, _quality(look, "BMS", pack), 2)


def _plus_minus(value, std, text, digits):
    """` ±0.8` behind a known value; nothing when sigma is unknown."""
    return "" if value is None or std is None else " ±" + display.scaled(std, text, digits, "")


def _soc_line(look, pack):
    soc, std, bms = pack.get("soc_ppm"), pack.get("soc_std_ppm"), pack.get("bms_soc_ppm")
    ours = "%s %s%s" % (look.word("ours"), display.percent(soc), _plus_minus(soc, std, 10000, 1))
    reason = (LEAST, [("(%s)" % pack["soc_why"], "dim")]) if pack.get("soc_why") else None
    theirs = [("BMS %s" % display.percent(bms), "")]
    if soc is not None and bms is not None:
        far = abs(bms - soc) > max(20000, 3 * (std or 0))
        shift = display.scaled(bms - soc, 10000, 1, "", True)
        theirs.append((" (%s)" % (look.word("differs") % shift), "warn" if far else "dim"))
    pieces = [look.head("soc", [(ours, "head")]), reason, (NEEDED, theirs)]
    for key, keep in (("weakest", USEFUL), ("strongest", SPARE)):
        if pack.get(key):
            number, value = pack[key][0] + 1, display.percent(pack[key][1])
            pieces.append((keep, [("%s #%d %s" % (look.word(key), number, value), "")]))
    return look.row(pieces)


def _soh_line(look, pack):
    capacity, std, rated = pack.get("capacity_mah"), pack.get("capacity_std_mah"), pack.get("rated_mah")
    text = display.scaled(capacity, 1000, 1, "Ah") + _plus_minus(capacity, std, 1000, 1)
    if capacity is not None and rated:
        text += " (%.1f %%)" % (100 * capacity / rated)
    age_ms = pack.get("capacity_age_ms")
    old = look.word("evidence") % display.duration(age_ms) if age_ms is not None else look.word("no_evidence")
    pieces = [
        look.head("soh", [("%s %s" % (look.word("capacity"), text), "")]),
        (NEEDED, [("BMS %s" % display.percent(pack.get("bms_soh_ppm"), 0), "")]),
        (USEFUL, [(old, "dim")]),
    ]
    second = (pack.get("second") or {}).get("capacity_mah") or (None, None)
    if second[0] is not None:
        said = display.scaled(second[0], 1000, 1, "Ah") + _plus_minus(second[0], second[1], 1000, 1)
        pieces.insert(2, (USEFUL, [(look.word("second") % said, "")]))
    return look.row(pieces)


def _now_line(look, pack):
    current = pack.get("current_ma")
    way = "" if current is None else look.word("charging" if current > 0 else "discharging" if current < 0 else "idle")
    pieces = [
        look.head("now", [(display.volts(pack.get("pack_mv")), "head")]),
        (ALWAYS, [(display.scaled(current, 1000, 1, "A", True), "head")]),
        (ALWAYS, [(display.power(pack.get("power_w"), True), "")]),
        (USEFUL, [(way, "")]) if way else None,
        (NEEDED, [(_cell_span(look, pack), "")]),
        (NEEDED, [(display.span(pack.get("temp_min_mc"), pack.get("temp_max_mc"), 1000, 0, "°C"), "")]),
    ]
    return look.row(pieces)


def _power_line(look, limits):
    """What every cell can take and give for 10 s, 5 min and 1 h."""
    sides = []
    for side, key in ((0, "charge"), (1, "discharge")):
        amps = " / ".join(display.limit_amps(value) for value in limits[side])
        sides.append([("%s %s A" % (look.word(key), amps), "")])
    pieces = [look.head("power", sides[0]), (NEEDED, sides[1]), (USEFUL, [("(10 s / 5 min / 1 h)", "dim")])]
    return look.row(pieces)


def _cell_span(look, pack):
    text = display.span(pack.get("cell_min_mv"), pack.get("cell_max_mv"), 1000, 3, "V")
    return "%s %s" % (look.word("cells_span"), text)


def _brief(look, pack):
    """One line for a pack that is not shown in full."""
    limits = "%s / %s A" % (
        display.limit_amps(pack.get("charge_ma")),
        display.limit_amps(pack.get("discharge_ma")),
    )
    std = _plus_minus(pack.get("soc_ppm"), pack.get("soc_std_ppm"), 10000, 1)
    pieces = [
        look.head("pack", [(str(pack.get("id") or UNKNOWN), "head")]),
        (NEEDED, [("SoC %s%s" % (display.percent(pack.get("soc_ppm")), std), "")]),
        (USEFUL, [(display.volts(pack.get("pack_mv")), "")]),
        (NEEDED, [(display.scaled(pack.get("current_ma"), 1000, 1, "A", True), "")]),
        (ALWAYS, [("%s %s" % (look.word("limit"), limits), "")]),
    ]
    return look.row(pieces, _quality(look, "BMS", pack), 2)


def _bound(why):
    """Names in `sources` that `why` stands for: a fault's name stands for the sources fault and input."""
    return (why, "fault", "input") if why in FAULTS else (why,)


def _limits(look, pack):
    """Charge and discharge: the permit, the source that binds, every other source in brackets."""
    lines = []
    for number, side in enumerate(("charge", "discharge")):
        value, why = pack.get(side + "_ma"), pack.get(side + "_why")
        amps = display.limit_amps(value)
        name = display.pad(look.word(side), 6)
        head = [
            look.label("" if number else "limit"),
            ("%s %6s A" % (name, amps), "bad" if not value else "head"),
        ]
        head.append((" ◂ %s" % source_text(look.lang, why or UNKNOWN), "warn"))
        rest = [item for item in pack.get("sources") or [] if item[0] not in _bound(why)]
        words = ["%s %s" % (source_text(look.lang, item[0]), display.limit_amps(item[1 + number])) for item in rest]
        if words:
            words = [word_ + "," for word_ in words[:-1]] + [words[-1] + ")"]
            words[0] = "(" + words[0]
        segments = [[(" " + text, "dim")] for text in words]
        broken = look.wrap(head, segments, LABEL + 6)
        lines += [(ALWAYS if i == 0 else USEFUL, line) for i, line in enumerate(broken)]
    return lines


def _shape(count, room):
    """(cells per row, width of a bar, gap after it) so that the bars are as wide as there is room."""
    for bar, gap in ((4, 1), (3, 1), (2, 1), (1, 1)):
        if count * (bar + gap) <= room:
            return count, bar, gap
    rows_ = -(-count // (room * 8 // 9 // 8 * 8))
    return -(-count // rows_ // 8) * 8, 1, 0


def _cells(look, pack):
    """Bars of all cells, a line of marks beneath, and what the marks mean."""
    voltages = pack.get("cell_mv") or []
    known = [value for value in voltages if value is not None]
    if not known:
        return [(NEEDED, [look.label("cells"), (UNKNOWN, "")])]
    low, high = min(known), max(known)
    window = max(WINDOW_MV, high - low)
    base = (low + high - window) / 2
    levels = [None if mv is None else int((mv - base) / window * 7.99) for mv in voltages]
    per_row, bar, gap = _shape(len(voltages), look.width - LABEL - 1)
    marks = _marked(pack)
    lines = []
    for first in range(0, len(voltages), per_row):
        part = range(first, min(first + per_row, len(voltages)))
        lines.append((ALWAYS, [look.label("" if first else "cells"), *_bars(part, levels, marks, bar, gap, pack)]))
        if any(cell in marks for cell in part):
            lines.append((USEFUL, [look.label(""), *_mark_row(look, part, marks, bar, gap)]))
    pieces = [
        look.head("", [("%s %d mV" % (look.word("spread"), high - low), "dim")]),
        *_cell_notes(look, pack),
    ]
    return [*lines, (NEEDED, look.row(pieces))]


def _marked(pack):
    """{cell index: key of its mark}; a leak is said before weakness."""
    marks = {}
    for key in ("weakest", "leak"):
        if pack.get(key):
            marks[pack[key][0]] = "weak" if key == "weakest" else "leak"
    return marks


def _space(cell, gap):
    """Blanks after a bar; rows of narrow bars are parted after every eighth cell."""
    return " " * gap if gap else " " * (cell % 8 == 7)


def _bars(part, levels, marks, bar, gap, pack):
    fresh = pack.get("quality") == "ok"
    line = []
    for cell in part:
        sign = UNKNOWN if levels[cell] is None else BARS[levels[cell]]
        style = "bad" if levels[cell] is None or marks.get(cell) == "leak" else "warn" if cell in marks else ""
        line.append((sign * bar, style if fresh else "dim"))
        line.append((_space(cell, gap), ""))
    return line


def _mark_row(look, part, marks, bar, gap):
    line = []
    for cell in part:
        text = "" if cell not in marks else look.word(marks[cell]) if bar >= 4 else "▴"
        line.append((display.pad(text, bar), "bad" if marks.get(cell) == "leak" else "warn"))
        line.append((_space(cell, gap), ""))
    return line


def _cell_notes(look, pack):
    """Pieces that name the marked cells."""
    notes = []
    if pack.get("leak"):
        cell, ma, std = pack["leak"]
        text = "%.1f mA" % ma + ("" if std is None else " ±%.1f" % std)
        notes.append((NEEDED, [(look.word("leaks") % (cell + 1, text), "bad")]))
    if pack.get("weakest"):
        notes.append((USEFUL, [("%s #%d" % (look.word("weakest"), pack["weakest"][0] + 1), "warn")]))
    if pack.get("quality") not in ("ok", None):
        sign, style, key = quality_mark(pack)
        notes.append((NEEDED, [("%s %s" % (look.word(key), sign), style)]))
    return notes
