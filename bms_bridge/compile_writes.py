# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a profile of a PCS lets be written, as rows of WRITES (host only): docs/PROFILES.md."""

from bms_bridge.compile_layout import parse_unit
from bms_bridge.readback import MODES
from edge.core.tx_gate import (
    CHARGE_MA,
    CHARGE_MW,
    DISCHARGE_MA,
    DISCHARGE_MW,
    FLOAT,
    FLOAT_SWAPPED,
    SETPOINT_MW,
    WATCHDOG_MS,
)

LIMIT = {
    ("charge", "w"): CHARGE_MW,
    ("discharge", "w"): DISCHARGE_MW,
    ("charge", "ma"): CHARGE_MA,
    ("discharge", "ma"): DISCHARGE_MA,
}
FORMS = {"high word first": FLOAT, "low word first": FLOAT_SWAPPED}


def compile_writes(layout, spot):
    """The rows of WRITES: ((address, count, ((offset, what, num, den, rated[, form]), ...)[, function, once]), ...).

    rated: bit 0: of the PCS's rating; bit 1: one end of a window, which below zero orders the other direction.
    function 16 and once 0 are left out. once 1: set at the start and again when it is found changed, not kept alive.
    """
    rows = []
    for item in spot.items():
        cells = item.table(("block", "at", "registers"), ("function", "once"))
        index = layout.block(cells["block"])
        at = cells["at"].integer(0, 65535)
        function = cells["function"].integer(6, 16) if "function" in cells else 16
        fields = []
        count = 0
        for register in cells["registers"].items():
            field = _field(count, register)
            fields.append(field)
            count += 2 if len(field) > 5 else 1
        if len(fields) > 1 and [1 for field in fields if field[1] in (SETPOINT_MW, MODES)]:
            raise item.wrong("a setpoint or a mode stands alone in its write", "an entry of its own")
        layout.registers(index, cells["at"], at, at + count - 1)
        if function not in (6, 16) or (function == 6 and count != 1):
            raise item.wrong("no such write", "function 6 writes one register, 16 any number")
        row = (layout.blocks[index][2] + at, count, tuple(fields))
        once = "once" in cells and cells["once"].plain() is True
        rows.append(row + (function, int(once)) if function != 16 or once else row)
    return tuple(rows)


def _field(offset, spot):
    cells = spot.table(optional=("constant", "limit", "unit", "watchdog", "float", "setpoint", "window", "modes"))
    form = (FORMS[cells["float"].word(list(FORMS))],) if "float" in cells else ()
    if "constant" in cells:
        return (offset, 0, cells["constant"].integer(0, 0xFFFF), 1, 0, *form)
    if "watchdog" in cells:
        step = parse_unit(cells["watchdog"], "ms")
        return (offset, WATCHDOG_MS, step.numerator, step.denominator, 0)
    if "modes" in cells:
        modes = cells["modes"].table(("idle", "charge", "discharge"))
        return (offset, MODES, *[modes[name].integer(0, 0xFFFF) for name in ("idle", "charge", "discharge")])
    if ("limit" not in cells) == ("setpoint" not in cells) or "unit" not in cells:
        mend = "constant: N, watchdog: 1 s, or with unit: either limit: charge or setpoint: charge (what + means)"
        raise spot.wrong("the register has no meaning", mend)
    side = cells["limit" if "limit" in cells else "setpoint"].word(("charge", "discharge"))
    words = cells["unit"].text().split()
    suffix = "ma" if words[-1] in ("A", "mA") else "w"
    window = 2 if "window" in cells and cells["window"].plain() is True else 0
    if suffix == "ma" and (window or "setpoint" in cells):
        raise cells["unit"].wrong("a power is ordered in watts or percent", "unit: 1 W")
    rated = int(words[-1] == "%")
    if rated:
        step = parse_unit(cells["unit"], "ppm") / 1000  # ppm of watts are microwatts
    else:
        step = parse_unit(cells["unit"], suffix) * (1000 if suffix == "w" else 1)
    if "setpoint" in cells:
        return (
            offset,
            SETPOINT_MW,
            step.numerator if side == "charge" else -step.numerator,
            step.denominator,
            rated,
            *form,
        )
    return (offset, LIMIT[side, suffix], step.numerator, step.denominator, rated | window, *form)
