# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The lines of one explanation, in plain English or Korean."""

import unicodedata

from edge.core import faults as f
from edge.core import limits as lim
from edge.core import terms
from edge.core.blackbox import SAMPLE_BYTES
from edge.core.records import QUALITY
from host_tools import texts
from host_tools.explain_texts import detail, source, verdict, word
from host_tools.explain_time import shown, span

MOST_EVENTS = 8
NETWORK_WHY = ("network_went", "network_password", "network_nobody", "network_address", "network_other")


def lines_of(found, lang, zone):
    """The lines of a Found (host_tools.explain)."""
    lines = []
    base = found.base
    if found.problem is not None:
        lines.append("  " + found.problem)
        if base is None:
            return lines
        ago = span(lang, found.at_ms - base.at_ms)
        lines.append("  " + word(lang, "still") % (shown(base.at_ms, zone), ago))
    else:
        ago = span(lang, found.at_ms - base.at_ms)
        lines.append("  " + word(lang, "rests_" + base.cls) % (shown(base.at_ms, zone, False), ago))
    facts = _facts(found, lang, zone)
    lines.append("")
    for side in ("charge", "discharge"):
        name, why = _named(lang, _source(base.body[side + "_why"]), facts)
        lines.append("  " + word(lang, "may") % (word(lang, side), _amps(base.body[side + "_limit"]), _with(name, why)))
    lines += _together(found, lang)
    lines += ["", *_table(base.body, lang, facts, found.orders.late), ""]
    lines.append("  %s: %s" % (word(lang, "mode"), _mode(lang, base.body.get("mode"))))
    if base.body.get("active"):
        lines.append("  %s: %s" % (word(lang, "faults"), ", ".join(_fault(lang, each) for each in base.body["active"])))
    lines += _change(found.change, lang, zone)
    return lines + _events(found, lang, zone)


def _together(found, lang):
    """What all packs behind one PCS may together, and whose limit binds; no line for a site of one pack."""
    if found.together is None:
        return []
    b = found.together.body
    lines = []
    for side in ("charge", "discharge"):
        pack = found.names.get(b.get(side + "_pack"), word(lang, "unknown"))
        name = source(lang, _source(b[side + "_why"]))[0]
        lines.append("  " + word(lang, "all") % (word(lang, side), _amps(b[side + "_limit"]), pack, name))
    return lines


def _with(name, why):
    return "%s (%s)" % (name, why) if why else name


def _source(code):
    return lim.SOURCES[code] if 0 <= code < len(lim.SOURCES) else str(code)


def _named(lang, name, facts):
    label, why = source(lang, name)
    return label, why % facts


def _amps(ma):
    return "–" if ma is None else "%.1f" % (ma / 1000)


def _fault(lang, code):
    if not 0 <= code < len(f.FAULTS):
        return str(code)
    name = f.NAMES[code]
    return "%s (%s)" % (name, texts.fault(lang, name) or f.FAULTS[code][6])


def _mode(lang, code):
    if code is None or not 0 <= code < len(f.MODE_NAMES):
        return word(lang, "unknown")
    return texts.word(lang, f.MODE_NAMES[code])


def _gravest(active):
    known = [code for code in active or () if 0 < code < len(f.FAULTS)]
    return max(known, key=lambda code: f.FAULTS[code][1], default=None)


def _facts(found, lang, zone):
    """What the reasons of the sources name: measured values, documents, the fault."""
    b = found.base.body
    unknown = word(lang, "unknown")

    def value(key, form, scale):
        return unknown if b.get(key) is None else form % (b[key] / scale)

    spread = None if b.get("cell_max") is None or b.get("cell_min") is None else b["cell_max"] - b["cell_min"]
    fault = _gravest(b.get("active"))
    quality = b.get("quality")
    known = b.get("soc") is not None and b.get("soc_std") is not None
    soc = detail(lang, "soc") % ("%.1f %%" % (b["soc"] / 1e4), "%.1f" % (b["soc_std"] / 1e4)) if known else unknown
    if not known or b["soc_std"] > lim.UNKNOWN_STD_PPM:
        soc += word(lang, "capped")
    return {
        "cell_max": value("cell_max", "%.3f V", 1000),
        "cell_min": value("cell_min", "%.3f V", 1000),
        "temp_max": value("temp_max", "%.1f °C", 1000),
        "temp_min": value("temp_min", "%.1f °C", 1000),
        "spread": unknown + word(lang, "capped") if spread is None else "%d mV" % spread,
        "soc": soc,
        "mode": _mode(lang, b.get("mode")),
        "fault": unknown if fault is None else _fault(lang, fault),
        "quality": texts.word(lang, "q_" + QUALITY[quality]) if quality is not None else unknown,
        "grade": _grade(found.identity, lang),
        "lease": _behind(found.orders, "contract", lang, zone) or detail(lang, "settings"),
        "narrow": _behind(found.orders, "engineer", lang, zone) or detail(lang, "no_order"),
        "order": _behind(found.orders, "order", lang, zone) or detail(lang, "no_order"),
    }


def _grade(identity, lang):
    if identity is None:
        return detail(lang, "no_grade")
    b = identity.body
    letter, _, rest = b.get("grade", "").partition(" ")
    centre, _, date = rest.rpartition(" ")
    said = detail(lang, "grade") % (centre, letter, date)
    if b.get("grade_signer") is None:
        return said + "; " + detail(lang, "unsigned")
    number, version = b.get("grade_number", "?"), b.get("grade_version", "?")
    return said + "; " + detail(lang, "certificate") % (number, version, b["grade_signer"])


def _behind(orders, name, lang, zone):
    """The order behind a source, and what the record of the limits does not know of it yet; None when there is none."""
    order = orders.behind[name]
    if order is None:
        return None
    said = _order(order, lang, zone)
    if name == "order" and orders.release is not None:
        return "%s; %s" % (said, detail(lang, "released") % _order(orders.release, lang, zone))
    return "%s; %s" % (said, detail(lang, "late")) if name in orders.late and name != "order" else said


def _order(order, lang, zone):
    b = order.body
    said = (b.get("order_counter", "?"), b.get("order_key", "?"), shown(order.at_ms, zone))
    text = detail(lang, "by_order") % said
    return text + ": " + b["order_reason"] if b.get("order_reason") else text


def _table(body, lang, facts, late):
    """The table of all sources; what binds is marked, also when it is no standing source. late: names of sources with
    an order that is newer than the table."""
    flat = body["sources"]
    standing = flat[::3]
    rows = list(zip(standing, flat[1::3], flat[2::3]))
    whys = (body["charge_why"], body["discharge_why"])
    maker = next((row[1:] for row in rows if row[0] == lim.S_MAKER), None)
    for code in sorted({code for code in whys if code not in standing}):
        values = [body[key] if why == code else None for key, why in zip(("charge_limit", "discharge_limit"), whys)]
        rows.insert(0, (code, *values))
    cells = [
        ("", word(lang, "source"), word(lang, "charge") + " A ", word(lang, "discharge") + " A ", word(lang, "why"))
    ]
    for code, charge, discharge in rows:
        name, why = _named(lang, _source(code), facts)
        marks = ["*" if each == code else " " for each in whys]
        if code == lim.S_INPUT:
            charge, discharge = charge or 0, discharge or 0
        elif code in standing and (charge is None or discharge is None):
            why = word(lang, "no_value")
        elif code in (lim.S_ENGINEER, lim.S_ORDER) and (code, charge, discharge)[1:] == maker:
            charge = discharge = None
            why = why if _source(code) in late else word(lang, "says_nothing")
        cells.append(("", name, _amps(charge) + marks[0], _amps(discharge) + marks[1], why))
    widths = [max(_width(row[column]) for row in cells) for column in (1, 2, 3)]
    lines = []
    for row in cells:
        left = row[1] + " " * (widths[0] - _width(row[1]))
        right = [" " * (widths[i] - _width(row[i + 1])) + row[i + 1] for i in (1, 2)]
        lines.append(("  %s  %s  %s  %s" % (left, right[0], right[1], row[4])).rstrip())
    return [*lines, "  " + word(lang, "binds")]


def _width(text):
    """Display cells of a text: Korean takes two each."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _change(change, lang, zone):
    """The last change of what may flow, old and new."""
    if change is None:
        return []
    b = change.body
    lines = ["  %s: %s" % (word(lang, "change"), shown(change.at_ms, zone))]
    for side in ("charge", "discharge"):
        old_why = b.get(side + "_why_before")
        old = word(lang, "first") if old_why is None else source(lang, _source(old_why))[0]
        new = source(lang, _source(b[side + "_why"]))[0]
        row = (word(lang, side), _amps(b.get(side + "_before")), old, _amps(b[side + "_limit"]), new)
        lines.append("    " + word(lang, "change_line").split(": ", 1)[1] % row)
    if b.get("suppressed"):
        lines.append("    " + word(lang, "counted") % b["suppressed"])
    return lines


def _events(found, lang, zone):
    """What happened around the moment, the nearest when there is much."""
    rows = [(entry.at_ms, _said(entry.body, lang)) for entry in found.events]
    rows = [row for row in rows if row[1]]
    near = sorted(sorted(rows, key=lambda row: abs(row[0] - found.at_ms))[:MOST_EVENTS], key=lambda row: row[0])
    if not near:
        return []
    lines = ["    %s  %s" % (shown(at_ms, zone, False), said) for at_ms, said in near]
    more = ["    …"] if len(rows) > MOST_EVENTS else []
    return ["  %s:" % word(lang, "around"), *lines, *more]


def _judged(b, lang):
    """What became of an order, and the reason that it gives."""
    code = b.get("order_action")
    action = terms.ACTIONS[code] if code in range(len(terms.ACTIONS)) else "?"
    said = word(lang, "order") % (action, b.get("order_key", "?"), verdict(lang, b.get("order_verdict", 0)))
    return "%s; %s" % (said, b["order_reason"]) if b.get("order_reason") else said


def _said(b, lang):
    """One event in words; None for what is told elsewhere."""
    event, fault = b.get("event"), b.get("fault", 0)
    if event == f.E_RAISED:
        return word(lang, "raised") % _fault(lang, fault)
    if event == f.E_CLEARED:
        return word(lang, "cleared") % _fault(lang, fault)
    if event == f.E_MODE:
        return word(lang, "mode_to") % _mode(lang, b.get("mode"))
    if event == f.E_FRAME and not b.get("box_part"):
        row_bytes = SAMPLE_BYTES + 2 * (b.get("frame_cells", 0) + b.get("frame_temps", 0))
        return word(lang, "frame") % (len(b["frame"]) // row_bytes, _fault(lang, fault))
    if event == f.E_JOURNAL:
        return word(lang, "journal_fails" if b.get("detail") else "journal_well")
    if event == f.E_REFUSED:
        return word(lang, "link_refused") % b.get("refusal", "?") if b.get("detail") else word(lang, "link_taken")
    if event == f.E_NETWORK:
        why = word(lang, NETWORK_WHY[min(b.get("network_why", 4), 4)])
        return word(lang, "network_back") % (b.get("detail", 0), why)
    if event == f.E_ORDER:
        return _judged(b, lang)
    return None
