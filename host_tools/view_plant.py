# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The part of the live view below the packs: faults, what was done, PCS, requested power, meter, link."""

from datetime import datetime

from edge.core.faults import FAULTS
from host_tools import display
from host_tools.display import ALWAYS, NEEDED, SPARE, UNKNOWN, USEFUL
from host_tools.texts import fault as fault_text


def event_lines(look, status):
    """Faults, gravest first, and the newest events: [(keep, line), ...]."""
    faults = status.get("faults")
    if not faults:
        text = UNKNOWN if faults is None else look.word("none")
        lines = [(NEEDED, [look.label("fault"), (text, "")])]
    else:
        lines = []
        for number, item in enumerate(gravest_first(faults)):
            meaning = fault_text(look.lang, item[0])
            name = "✕ %s" % item[0] + (" (%s)" % meaning if meaning else "")
            since = look.word("for") % display.duration(item[1]) if item[1] is not None else ""
            text = "%s %s" % (name, since)
            lines.append((NEEDED if number == 0 else USEFUL, [look.label("" if number else "fault"), (text, "bad")]))
    newest = sorted(status.get("last") or [], key=lambda event: event.get("ago_ms") or 0)
    for number, event in enumerate(newest[:5]):
        ago = look.word("ago") % display.duration(event.get("ago_ms"))
        text = str(event.get("text") or UNKNOWN).replace("->", "→")
        line = [look.label("" if number else "last"), (display.pad(ago, 12), "dim"), (" " + text, "")]
        lines.append((NEEDED if number == 0 else SPARE, line))
    return lines


def gravest_first(faults):
    """[[name, since_ms], ...] by level (locked, trip, warning), else in the order given."""
    levels = {row[0]: row[1] for row in FAULTS}
    return sorted(faults, key=lambda item: -levels.get(item[0], 0))


def plant_lines(look, status):
    """PCS, meter, link and the controller itself: [(keep, line), ...]."""
    lines = [(NEEDED, _pcs_line(look, status.get("pcs") or {}))]
    if status.get("request"):
        lines.append((NEEDED, _request_line(look, status)))
    lines.append((USEFUL, _meter_line(look, status.get("meter") or {})))
    link = status.get("link") or {}
    lines.append((NEEDED, _link_line(look, link)))
    if link.get("connected") is False and link.get("log"):
        lines.append((USEFUL, look.row([(ALWAYS, [("  %s" % link["log"], "warn")])])))  # why: certificate, broker, line
    late = look.word("late") % tuple(
        UNKNOWN if status.get(key) is None else "%d ms" % status[key] for key in ("late_ms", "late_max_ms")
    )
    build = "%s %s" % (status.get("runtime") or UNKNOWN, status.get("version") or UNKNOWN)
    lines.append((SPARE, look.row([look.head("core", [(build, "")]), (NEEDED, [(late, "")])])))
    return lines


def _pcs_line(look, pcs):
    state = look.word("pcs_%d" % pcs["state"]) if pcs.get("state") in (0, 1, 2, 3) else UNKNOWN
    obeys = pcs.get("obeys")
    sign, key, style = {True: ("●", "obeys", "ok"), False: ("✕", "disobeys", "bad")}.get(
        obeys, ("○", "not_known", "warn")
    )
    held = "%s %s / %s" % (
        look.word("holds"),
        display.power(pcs.get("charge_w")),
        display.power(pcs.get("discharge_w")),
    )
    watchdog = pcs.get("watchdog_ms")
    guard = (
        look.word("watchdog_off") if watchdog == 0 else "%s %s" % (look.word("watchdog"), display.duration(watchdog))
    )
    pieces = [
        look.head("pcs", [(state, "bad" if pcs.get("state") == 3 else "head")]),
        (USEFUL, [(display.volts(pcs.get("dc_mv")), "")]),
        (USEFUL, [(display.scaled(pcs.get("dc_ma"), 1000, 1, "A", True), "")]),
        (NEEDED, [(display.power(pcs.get("dc_w"), True), "")]),
        (NEEDED, [(held, "")]),
        (SPARE, [(guard, "bad" if watchdog == 0 else "")]),
    ]
    return look.row(pieces, [("%s %s" % (look.word(key), sign), style)], 2)


def _request_line(look, status):
    """Who asks for what power, what of it may flow, what does, and until when."""
    asked = status["request"]
    permitted_w = asked.get("permitted_w")
    clipped = permitted_w != asked.get("asked_w")
    pieces = [
        look.head("request", [(display.power(asked.get("asked_w"), True), "head")]),
        (NEEDED, [("%s %s" % (look.word("permitted"), display.power(permitted_w, True)), "warn" if clipped else "")]),
        (NEEDED, [("%s %s" % (look.word("obeyed"), display.power(asked.get("obeyed_w"), True)), "")]),
        (USEFUL, [(look.word("by_%s" % (asked.get("by") or "local")), "")]),
        (USEFUL, [(_until(look, status.get("utc_s"), asked.get("left_ms")), "")]),
    ]
    if status.get("mode") == "observe":
        pieces.append((NEEDED, [(look.word("not_forwarded"), "warn")]))
    return look.row(pieces, None, 2)


def _until(look, utc_s, left_ms):
    """When it is over, by the clock; without one, in how long."""
    if utc_s is None or left_ms is None:
        return look.word("for") % display.duration(left_ms)
    at_s = utc_s + left_ms // 1000
    return look.word("until") % datetime.fromtimestamp(at_s, look.zone).strftime("%H:%M:%S")


def _meter_line(look, meter):
    today = [display.scaled(meter.get(key), 1000, 1, "") for key in ("today_in_wh", "today_out_wh")]
    known = meter.get("today_in_wh") is not None
    bms = [display.scaled(meter.get(key), 1000, 1, "") for key in ("bms_in_wh", "bms_out_wh")]
    pieces = [
        look.head("meter", [("%s %s" % (look.word("charged"), display.energy(meter.get("in_wh"))), "")]),
        (NEEDED, [("%s %s" % (look.word("delivered"), display.energy(meter.get("out_wh"))), "")]),
        (NEEDED, [("%s %s / %s kWh" % (look.word("today"), today[0], today[1]), "")]) if known else None,
        (SPARE, [("%s %s / %s kWh" % (look.word("bms_says"), bms[0], bms[1]), "dim")]),
    ]
    return look.row(pieces)


def _link_line(look, link):
    connected, lost = link.get("connected"), link.get("lost")
    sign, key, style = {True: ("●", "broker", "ok"), False: ("✕", "broker_away", "warn")}.get(
        connected, (UNKNOWN, "broker", "")
    )
    seq = look.word("records") + " " + display.grouped(link.get("seq"))
    pieces = [
        look.head("link", [("%s %s" % (look.word(key), sign), style)]),
        (NEEDED, [("%s %s" % (look.word("backlog"), display.grouped(link.get("backlog"))), "")]),
        (USEFUL, [("%s %s" % (look.word("last_ack"), display.duration(link.get("last_ack_ms_ago"))), "")]),
        (NEEDED, [(seq, "")]),
        (ALWAYS, [("%s %s" % (look.word("lost"), display.grouped(lost)), "bad" if lost else "")]),
    ]
    return look.row(pieces)
