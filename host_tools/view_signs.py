# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The part of the live view that says what is abnormal, with evidence and sigma, and what would tell more."""

from edge.core.anomalies import ALARMS, KINDS
from host_tools import display
from host_tools.display import ALWAYS, NEEDED, USEFUL
from host_tools.texts import said

# kind: (divisor, digits, unit) where it is no share in %
UNITS = {
    "self_discharge": (1000, 1, "mA"),
    "internal_short": (1000, 1, "mA"),
    "current_offset": (1000, 0, "mA"),
    "temp_sensor": (1000, 1, "K"),
}
ALARM_KINDS = tuple(KINDS[kind] for kind in ALARMS)


def sign_lines(look, pack):
    """[(keep, line), ...]: every anomaly, alarms first, then the advice; nothing when there is neither."""
    found = sorted(pack.get("anomalies") or [], key=lambda each: each[0] not in ALARM_KINDS)
    lines = []
    for number, each in enumerate(found):
        alarm = each[0] in ALARM_KINDS
        line = [look.label("" if number else "signs"), (sign_text(look, each), "bad" if alarm else "warn")]
        lines.append((ALWAYS if alarm else NEEDED if number == 0 else USEFUL, line))
    if pack.get("advice"):
        text = said(look.lang, pack["advice"])
        lines.append((NEEDED, look.row([look.head("advice", [(text, "")]), (USEFUL, [(_why(look, pack), "dim")])])))
    return lines


def sign_text(look, each):
    """`✕ #5 loses charge fast +55.0 mA ±4.0` of one anomaly of the status."""
    kind, where, value, std, text = each
    divisor, digits, unit = UNITS.get(kind, (10000, 1, "%"))
    size = display.scaled(value, divisor, digits, unit, True)
    if std is not None:
        size += " ±" + display.scaled(std, divisor, digits, "")
    place = "" if where < 0 else (look.word("sensor") if kind == "temp_sensor" else "#%d") % (where + 1) + " "
    return "%s %s%s %s" % ("✕" if kind in ALARM_KINDS else "◐", place, said(look.lang, text), size)


def alarm_of(pack):
    """The first anomaly of the pack that is an alarm, or None."""
    for each in pack.get("anomalies") or []:
        if each[0] in ALARM_KINDS:
            return each
    return None


def _why(look, pack):
    """What is not sure enough."""
    std, capacity, capacity_std = (pack.get(key) for key in ("soc_std_ppm", "capacity_mah", "capacity_std_mah"))
    parts = [look.word("to_learn")]
    if std is not None:
        parts.append("SoC ±%s" % display.scaled(std, 10000, 1, "%"))
    if capacity and capacity_std is not None:
        parts.append("%s ±%s" % (look.word("capacity"), display.scaled(100 * capacity_std, capacity, 1, "%")))
    return ": ".join([parts[0], ", ".join(parts[1:])]) if parts[1:] else parts[0]
