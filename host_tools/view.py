# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The live view: the Status dict of a controller as lines of text. Pure: no terminal, no clock.

Top to bottom: who and when, the verdict (what is wrong and what may flow because of it), the pack, the
limits with every source, the cells, the faults and what was done, the meter, the link. Colour only
repeats what a word or a sign already says. When the screen is low, the least important lines go first.
"""

from datetime import UTC, datetime

from host_tools import display
from host_tools.display import ALWAYS, NEEDED, SPARE, UNKNOWN, USEFUL, Look
from host_tools.texts import fault as fault_text
from host_tools.texts import source as source_text
from host_tools.view_pack import QUALITIES, pack_groups
from host_tools.view_plant import event_lines, gravest_first, plant_lines
from host_tools.view_signs import alarm_of, sign_text

CLOCKS = ("no clock", "floor", "RTC", "NTP", "signed")
STATE_STYLES = {"running": "ok", "starting": "warn", "stopped": "bad", "open": "bad", "locked": "bad"}


def render(status, width, height, ascii_only=False, lang="en", zone=UTC, notice=None, pack=0):
    """Lines of segments [(text, style), ...] for a screen of width x height cells.

    status: the Status dict, values may be None, or None when nothing was received yet. notice: a line that
    takes the verdict's place ("no answer since 5 s"); the values are then dim. pack: index of the pack shown
    in full. Every line fits in width; there are at most height lines.
    """
    look = Look(width, ascii_only, lang, zone)
    status = status or {}
    groups = [_top(look, status, notice, pack), *pack_groups(look, status, pack)]
    groups += [event_lines(look, status), plant_lines(look, status)]
    lines = _fit(groups, height)
    if notice:
        lines = lines[:2] + [[(text, "dim") for text, _ in line] for line in lines[2:]]
    return [look.finish(line) for line in lines]


def text_of(lines):
    """The lines as plain text, trailing blanks removed."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def _fit(groups, height):
    """Drop the least needed lines until all fit, or part the groups by blank lines while there is room."""
    rows = [(keep, line, number) for number, group in enumerate(groups) for keep, line in group]
    while len(rows) > height:
        lowest = min(keep for keep, _, _ in rows)
        last = max(i for i, item in enumerate(rows) if item[0] == lowest)
        del rows[last]
    spare = height - len(rows)
    lines = []
    for index, (_, line, number) in enumerate(rows):
        if index and number != rows[index - 1][2] and spare > 0:
            lines.append([])
            spare -= 1
        lines.append(line)
    return lines


def _clock(look, status):
    utc_s = status.get("utc_s")
    if utc_s is None:
        return UNKNOWN
    quality = CLOCKS[status.get("clkq") or 0]
    return "%s (%s)" % (datetime.fromtimestamp(utc_s, look.zone).strftime("%Y-%m-%d %H:%M:%S %Z"), quality)


def _top(look, status, notice, index):
    state = status.get("state")
    style = STATE_STYLES.get(state, "warn")
    right = [(look.word(state) if state in STATE_STYLES and not notice else UNKNOWN, style)]
    mode = status.get("mode")
    pieces = [
        (ALWAYS, [("reuse-edge", "head")]),
        (ALWAYS, [(str(status.get("device") or UNKNOWN), "head")]),
        (NEEDED, [(_clock(look, status), "")]),
        (SPARE, [("%s %s" % (look.word("up"), display.duration(status["up_ms"])), "")])
        if status.get("up_ms")
        else None,
        (USEFUL, [(look.word("mode_" + mode), "warn" if mode == "observe" else "")]) if mode else None,
    ]
    if notice:
        verdict = [("✕ %s" % notice, "bad"), (" " + look.word("old_values"), "bad")]
    else:
        verdict = _verdict(look, status, index)
    return [(ALWAYS, look.row(pieces, right, 2)), (ALWAYS, verdict)]


def _verdict(look, status, index):
    """The one line that says whether it is well, and if not, what may still flow."""
    packs = status.get("packs") or []
    pack = packs[index] if index < len(packs) else {}
    if not status:
        return _said("○", look.word("no_status"), "warn")
    if status.get("faults"):
        return _fault_verdict(look, status["faults"], pack)
    if status.get("state") not in ("running", None):
        quiet = all(item.get("age_ms") is None for item in packs)
        text = look.word("boot") if quiet and status["state"] == "starting" else _flow_text(look, pack)
        return _said("○", text, STATE_STYLES.get(status["state"], "warn"))
    if (status.get("pcs") or {}).get("obeys") is False:
        return _said("✕", "%s → %s" % (fault_text(look.lang, "pcs_disobeys"), _amps_text(look, pack)), "bad")
    alarm = alarm_of(pack)
    if alarm is not None:
        return _said("✕", sign_text(look, alarm)[2:], "bad")
    if not pack or any(item.get("quality") != "ok" for item in packs):
        return _said("◐", _quality_text(look, pack), "warn")
    if (status.get("link") or {}).get("connected") is False:
        said = "refused" if status["link"].get("refused") else "away"
        return _said("◐", look.word(said) % display.grouped(status["link"].get("backlog")), "warn")
    if status.get("mode") == "observe":
        return _said("●", look.word("watching"), "warn")
    if pack.get("charge_ma") and pack.get("discharge_ma"):
        return _said("●", look.word("well"), "ok")
    return _said("◐", _flow_text(look, pack), "warn")


def _said(sign, text, style):
    return [("%s %s" % (sign, text), style)]


def _fault_verdict(look, faults, pack):
    """First fault, since when, how many more, and what may flow: on a narrow screen the code goes first."""
    name, since_ms = gravest_first(faults)[0]
    meaning = fault_text(look.lang, name)
    if name == "input_invalid" and pack.get("quality") in QUALITIES:
        meaning = "BMS %s: %s" % (look.word("q_" + pack["quality"]), meaning)
    pieces = [(ALWAYS, [("✕ %s" % (meaning or name), "bad")])]
    if meaning:
        pieces.append((SPARE, [("[%s]" % name, "bad")]))
    if since_ms is not None:
        pieces.append((USEFUL, [(look.word("for") % display.duration(since_ms), "bad")]))
    if len(faults) > 1:
        pieces.append((NEEDED, [("(%s)" % (look.word("more") % (len(faults) - 1)), "bad")]))
    pieces.append((ALWAYS, [("→ %s" % _amps_text(look, pack), "bad")]))
    return look.row(pieces, None, 1)


def _amps_text(look, pack):
    """What may flow now, both ways."""
    amps = [display.limit_amps(pack.get(side + "_ma")) for side in ("charge", "discharge")]
    return look.word("may_flow") % tuple(amps)


def _flow_text(look, pack):
    """What is forbidden and who forbids it."""
    whys = [source_text(look.lang, pack.get(side + "_why") or UNKNOWN) for side in ("charge", "discharge")]
    charge, discharge = pack.get("charge_ma"), pack.get("discharge_ma")
    if charge and discharge:
        return _amps_text(look, pack)
    if charge or discharge:
        names = [look.word("charge_word"), look.word("discharge_word")]
        free, shut = (0, 1) if charge else (1, 0)
        return look.word("half_flows") % (names[free], names[shut], whys[shut])
    return look.word("nothing_flows") % " / ".join(dict.fromkeys(whys))


def _quality_text(look, pack):
    quality = pack.get("quality") or "missing"
    name = look.word("q_" + quality) if quality in QUALITIES else quality
    return "BMS: %s → %s" % (name, _amps_text(look, pack))
