# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The result of host_tools.fleet as lines of segments (see display.py): one block per pack, 80 columns."""

from datetime import datetime

from edge.core import faults as f
from edge.core.records import ALARMS
from host_tools import days, texts
from host_tools.display import (
    ALWAYS,
    NEEDED,
    UNKNOWN,
    USEFUL,
    duration,
    energy,
    grouped,
    limit_amps,
    pad,
    percent,
    scaled,
    wrap,
)
from host_tools.fleet_texts import word

LABEL = 10
LIVE_MS, AGEING_MS = 30000, 300000
WINDOWS = ("yesterday", "today", "month")
LEVELS = {row[0]: row[1] for row in f.FAULTS}


def is_grave(name):
    """True for a fault that stops, an alarm of the BMS that is no mere warning, and what nobody knows here."""
    if name in ALARMS:
        return not name.endswith("warning")
    return LEVELS.get(name, f.TRIP) >= f.TRIP


def lines_of(look, sites, zone_name):
    """All lines for the sites of fleet.survey()."""
    if not sites:
        return [[(word(look.lang, "empty"), "dim")]]
    lines = []
    for site in sites:
        lines += _site(look, site) + [[]]
    packs = [pack for site in sites for pack in site["packs"]]
    bad = sum(1 for pack in packs if not pack["well"])
    lines.append([(word(look.lang, "sum", len(packs), bad), "bad" if bad else "ok")])
    lines.append([(word(look.lang, "signs", zone_name), "dim")])
    return lines


def _site(look, site):
    lang = look.lang
    lines = [look.row([(ALWAYS, [(site["site"], "head")]), (USEFUL, [(site["device"], "dim")])])]
    if site["conflicts"]:
        newest = site["conflicts_newest"][0]
        lines += _warning(look, word(lang, "conflict", grouped(site["conflicts"]), newest["epoch"], newest["seq"]))
    for each in site["doubled"]:
        epochs = tuple(each["epochs"])
        if each["until_ms"] is None:
            lines += _warning(look, word(lang, "fork", *epochs))
        else:
            until = datetime.fromtimestamp(each["until_ms"] / 1000, look.zone).strftime("%m-%d %H:%M")
            lines += _warning(look, word(lang, "twins", *epochs, until))
    if site["undated"]:
        lines.append([("  ", ""), (word(lang, "undated", grouped(site["undated"])), "warn")])
    for pack in site["packs"]:
        lines += _pack(look, pack)
    return lines + _meter(look, site["meter"])


def _warning(look, text):
    """Lines of a text that must be read whole."""
    words = [[(each + " ", "bad")] for each in text.split(" ")]
    return wrap(look.plain([("✕ ", "bad")]), words, look.width, 4)


def _pack(look, pack):
    """The block of one pack."""
    lang = look.lang
    permits = [
        (ALWAYS, [("%s %s A ◂ %s" % (word(lang, side), limit_amps(pack[side + "_ma"]), _why(lang, pack, side)), "")])
        for side in ("charge", "discharge")
    ]
    energies = [
        (ALWAYS, [("BMS %s %s" % (word(lang, side), energy(pack["bms_%s_wh" % side])), "")]) for side in ("in", "out")
    ]
    lines = [
        _head(look, pack),
        _row(look, "records", [_records(look, pack["records"][name], name) for name in WINDOWS]),
        _row(look, "minutes", [_minutes(look, pack["records"][name], name) for name in WINDOWS]),
        _row(look, "energy", energies),
        _row(look, "permits", permits),
    ]
    return lines + _alarms(look, pack)


def _alarms(look, pack):
    """Faults with their meaning and alarms of the BMS, what stops before what warns."""
    head = look.plain(_label(look.lang, "alarms"))
    items = []
    for name in sorted(pack["faults"] + pack["alarms"], key=lambda each: not is_grave(each)):
        text = texts.fault(look.lang, name) if name not in ALARMS else None
        sign, style = ("✕", "bad") if is_grave(name) else ("◐", "warn")
        items.append([("%s %s%s   " % (sign, name, " (%s)" % text if text else ""), style)])
    items = items or [[(word(look.lang, "none"), "")]]
    return wrap(head, [look.plain(item) for item in items], look.width, LABEL + 2)


def _head(look, pack):
    """`● HK64-0231   12 s ago   SoC 61.3 % ±0.8   capacity 131.4 Ah ±1.9`"""
    lang, age_ms = look.lang, pack["age_ms"]
    mark, style = ("✕", "bad")
    if age_ms is not None:
        late = sum(age_ms > each for each in (LIVE_MS, AGEING_MS, 3 * AGEING_MS))
        mark, style = (("●", "ok"), ("◐", "warn"), ("○", "warn"), ("✕", "bad"))[late]
    age = word(lang, "never") if age_ms is None else word(lang, "ago", duration(age_ms))
    soc = "SoC %s" % percent(pack["soc_ppm"]) + _sigma(pack["soc_std_ppm"], 10000)
    size = "%s %s" % (word(lang, "capacity"), scaled(pack["capacity_mah"], 1000, 1, "Ah"))
    size += _sigma(pack["capacity_std_mah"], 1000)
    return look.row(
        [
            (ALWAYS, [("%s %s" % (mark, pack["name"]), style)]),
            (ALWAYS, [(age, style)]),
            (NEEDED, [(soc, "")]),
            (NEEDED, [(size, "")]),
        ]
    )


def _sigma(value, divisor):
    return "" if value is None else " ±" + scaled(value, divisor, 1, "")


def _label(lang, key):
    return [("  " + pad(word(lang, key), LABEL), "dim")]


def _row(look, key, pieces):
    """A line with a label; every piece stays."""
    first, rest = pieces[0], pieces[1:]
    return look.row([(ALWAYS, _label(look.lang, key) + first[1]), *rest])


def _share(value_ppm):
    """A share that is 100 only when nothing lacks."""
    if value_ppm is None:
        return UNKNOWN
    return "100 %" if value_ppm >= days.WHOLE_PPM else "%.2f %%" % min(99.99, value_ppm // 100 / 100)


def _records(look, row, name):
    """Records of one window: share received, what was declared, what is missing."""
    share = days.ppm(row["received"], row["expected"])
    text = "%s %s" % (word(look.lang, name), _share(share))
    segments = [(text, "")]
    if row["declared"]:
        segments.append((" " + word(look.lang, "declared", row["declared"]), "warn"))
    if row["missing"]:
        segments.append((" " + word(look.lang, "missing", row["missing"]), "bad"))
    return (ALWAYS if row["missing"] or name == "month" else NEEDED, segments)


def _minutes(look, row, name):
    """Availability of one window, the month against its bar."""
    share = row["availability_ppm"]
    segments = [("%s %s" % (word(look.lang, name), _share(share)), "")]
    if name == "month" and share is not None and share < days.BAR_PPM:
        segments.append((" " + word(look.lang, "below", days.BAR_PPM // 10000), "bad"))
    if row["minutes_blank"]:
        segments.append((" " + word(look.lang, "blank", row["minutes_blank"]), "warn"))
    return (ALWAYS if name == "month" else NEEDED, segments)


def _why(lang, pack, side):
    why = pack[side + "_why"]
    return UNKNOWN if why is None else texts.source(lang, why)


def _meter(look, meter):
    """The site's meter, and how far the BMS side is from it; nothing without a meter."""
    if meter["meter_in_wh"] is None and meter["meter_out_wh"] is None:
        return []
    pieces = []
    for side in ("in", "out"):
        apart = scaled(meter["deviation_%s_ppm" % side], 10000, 2, "%", True)
        text = "%s %s (%s)" % (
            word(look.lang, side),
            energy(meter["meter_%s_wh" % side]),
            word(look.lang, "against", apart),
        )
        pieces.append((ALWAYS, [(text, "")]))
    return [_row(look, "meter", pieces)]
