# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a BMS can say wrongly about current, limits and alarms: faults 10 to 17, and what peers got wrong there."""

from edge.core import faults as f
from simulator.faults import WIRE, Scenario
from simulator.scenarios_bms import (
    APART,
    BOTH,
    DECODE,
    FIELD_RANGE,
    GUARD,
    LIMITS,
    OLD_MS,
    PERIOD_MS,
    SEPLOS,
    SOON_MS,
    STALE_MS,
    THRICE_MS,
    UP_RAMP,
    VALIDATE,
    as_it_is,
    changed,
    one_cell,
    put,
)

# ---- current and limits ---------------------------------------------------------------------------------------


def _current_wrong(stage, share, change):
    stage.settle(share)
    stage.fault(changed(current_ma=lambda sample: change(sample.current_ma)))
    stage.zero_within(THRICE_MS)
    stage.expect("input_invalid", THRICE_MS)
    stage.heal(as_it_is)
    stage.recovers(30)


def current_scale(stage):
    """10: the current ten times too large, then a thousandth of itself (mA taken for A)."""
    _current_wrong(stage, -0.1, lambda ma: 10 * ma)
    _current_wrong(stage, -0.5, lambda ma: ma // 1000)


def current_sign(stage):
    """11: the current has the wrong sign."""
    _current_wrong(stage, -0.3, lambda ma: -ma)


def over_range_current(stage):
    """B13: a current above what the field may hold is a fault, not a frame to be dropped."""
    stage.settle()
    stage.fault(put(0, {1: 32767}))
    stage.zero_within(SOON_MS)
    stage.expect("input_invalid", SOON_MS)
    stage.heal(as_it_is)


def bytes_swapped(stage):
    """12: every register of the page with its bytes swapped."""

    def swap(index, data):
        return b"".join(data[k + 1 : k + 2] + data[k : k + 1] for k in range(0, len(data), 2)) if index == 0 else data

    stage.settle()
    stage.fault(lambda world: world.bytes_of.update({0: swap}))
    stage.zero_within(SOON_MS)
    stage.expect("input_invalid", SOON_MS)
    stage.heal(as_it_is)
    stage.recovers(10)


def limit_spike(stage):
    """13, B7: the BMS's limit ten times as high for one frame: no reference that only grows, at most one ramp step."""
    low = changed(bms_charge_ma=20000, bms_discharge_ma=20000)
    stage.fault(low)
    stage.settle(-0.5)
    stage.need(19000 < max(stage.permit()) <= 20000, "BMS allows 20 A, permit %s mA" % (stage.permit(),))
    most = [0]

    def watch():
        most[0] = max(most[0], *stage.permit())

    stage.each = watch
    stage.fault(changed(bms_charge_ma=200000, bms_discharge_ma=200000))
    stage.run(PERIOD_MS)
    stage.fault(low)
    stage.run(5 * PERIOD_MS)
    stage.each = None
    step = max(stage.settings["packs"][0]["maker"].get(key) for key in ("charge_ma", "discharge_ma")) // 50
    stage.need(most[0] <= 20000 + 2 * step, "one frame raised the permit to %d mA" % most[0])
    stage.need(max(stage.permit()) <= 20000, "the spike stayed: %s mA" % (stage.permit(),))


def limit_unlimited(stage):
    """B7: the code for unlimited is no limit of 6500 A: nothing is known then."""
    stage.settle()
    stage.fault(put(0, {15: 0xFFFF, 16: 0xFFFF}))
    stage.zero_within(SOON_MS)
    stage.expect("input_invalid", SOON_MS)
    stage.expect_quality("limits", "implausible")
    stage.heal(as_it_is)
    stage.recovers(10)


def limit_zero(stage):
    """14: the BMS allows 0 and then allows again: 0 is a limit, and it does not stick."""
    stage.settle()
    before = stage.permit()
    stage.fault(changed(bms_charge_ma=0, bms_discharge_ma=0))
    stage.zero_within(SOON_MS)
    stage.expect_why(f.CHARGE, "bms")
    stage.expect_why(f.DISCHARGE, "bms")
    stage.stays_zero(10000)
    stage.heal(as_it_is)
    stage.recovers(4)
    stage.run(60000, 1000)
    stage.need(min(stage.permit()) > min(before) * 9 // 10, "stuck at %s mA" % (stage.permit(),))


def limit_missing(stage):
    """15: the BMS's own limits are missing, the rest is fine."""
    stage.settle()
    stage.fault(changed(bms_charge_ma=None, bms_discharge_ma=None))
    stage.zero_within(SOON_MS)
    stage.expect("input_invalid", SOON_MS)
    stage.stays_zero(5000)
    stage.heal(as_it_is)
    stage.recovers(10)


# ---- alarms and marks -----------------------------------------------------------------------------------------


def alarm_word_missing(stage):
    """16: after a reconnect everything comes but the alarm word; then it is lost on the way."""

    def drop(index, data):
        return b"" if index == 2 else data

    stage.fault(lambda world: world.bytes_of.update({0: drop}))
    stage.run(8000)
    stage.need(stage.permit() == (0, 0), "%s mA without a word about alarms" % (stage.permit(),))
    stage.heal(as_it_is)
    stage.settle(ms=400000)
    stage.fault(lambda world: world.bytes_of.update({0: drop}))
    stage.zero_within(OLD_MS, stale_ms=STALE_MS)
    stage.expect_quality("alarms", "stale")


def mark_inverted(stage):
    """17: the mark by which a page is known to be valid reads inverted; the values look good."""

    def invert(index, data):
        return bytes((data[0] ^ 0xFF, data[1] ^ 0xFF)) + data[2:] if index == 0 else data

    stage.settle()
    stage.fault(lambda world: world.bytes_of.update({0: invert}))
    stage.zero_within(SOON_MS)
    stage.expect("input_invalid", SOON_MS)
    stage.heal(as_it_is)
    stage.recovers(10)


def alarm_bits(stage):
    """B17: every alarm bit that forbids one direction, and one that forbids both."""
    for bit, side, fault in (
        (9, f.CHARGE, "bms_blocks_charge"),
        (5, f.CHARGE, "bms_blocks_charge"),
        (11, f.DISCHARGE, "bms_blocks_discharge"),
        (7, f.DISCHARGE, "bms_blocks_discharge"),
    ):
        stage.settle(0.5 if side == f.CHARGE else -0.5)
        stage.fault(changed(alarms=1 << bit))
        stage.zero_within(SOON_MS, side)
        stage.expect(fault, SOON_MS)
        stage.need(max(stage.permit()) > 0, "the other direction is zero as well")
        stage.heal(as_it_is)
        stage.recovers(60)
    stage.fault(changed(alarms=1 << 1))
    stage.zero_within(THRICE_MS)
    stage.expect("bms_alarm", THRICE_MS)


def cell_jumps(stage):
    """B21: one cell 300 mV up for one frame: counts on the dangerous side first, accepted after two frames."""
    stage.settle()
    stage.fault(changed(cell_mv=lambda sample: one_cell(4, sample.cell_mv[4] + 300)(sample)))
    stage.run(PERIOD_MS)
    stage.heal(as_it_is)
    stage.run(THRICE_MS + 2 * stage.slow_ms())
    if stage.runtime == "cpython":
        high_mv = stage.believed().cell_max_mv
        said_mv = max(stage.world.samples[0].cell_mv)
        stage.need(high_mv is not None and abs(high_mv - said_mv) < 30, "believes %s, BMS says %d" % (high_mv, said_mv))
    stage.settle()


_ROWS = (
    ("current_scale", "4.10", "the current is ten times, then a thousandth of itself", current_scale, (APART,), BOTH),
    ("current_sign", "4.11", "the current has the wrong sign", current_sign, (APART,), BOTH),
    ("over_range_current", "B13", "a current above its field", over_range_current, (FIELD_RANGE,), SEPLOS),
    ("bytes_swapped", "4.12", "registers with their bytes swapped", bytes_swapped, (FIELD_RANGE,), SEPLOS),
    ("limit_spike", "4.13 B7", "the BMS's limit spikes to ten times for one frame", limit_spike, UP_RAMP, BOTH),
    ("limit_unlimited", "B7", "the BMS says unlimited", limit_unlimited, (FIELD_RANGE,), SEPLOS),
    (
        "limit_zero",
        "4.14",
        "the BMS allows 0, then allows again",
        limit_zero,
        ((LIMITS, "value = max(row[column], 0) if type(row[column]) is int else 0", "value = row[column] or 10**9"),),
        BOTH,
    ),
    ("limit_missing", "4.15", "the BMS's limits are missing", limit_missing, (FIELD_RANGE,), BOTH),
    (
        "alarm_word_missing",
        "4.16",
        "everything comes but the alarm word",
        alarm_word_missing,
        (
            (
                VALIDATE,
                "if g != G_STATE:\n                if code > worst:",
                "if g not in (G_STATE, G_ALARMS):\n                if code > worst:",
            ),
            (GUARD, "G_TEMPS, G_LIMITS, G_ALARMS):\n", "G_TEMPS, G_LIMITS):\n"),
        ),
        SEPLOS,
    ),
    (
        "mark_inverted",
        "4.17",
        "the mark of a valid page reads inverted",
        mark_inverted,
        ((DECODE, "void |= masks[i]\n    fields", "pass\n    fields"),),
        ("sunspec",),
    ),
    (
        "alarm_bits",
        "B17",
        "alarm bits of the BMS, both directions",
        alarm_bits,
        (("edge/core/faults.py", "_BLOCK_CHARGE_BITS = (5, 9, 15)", "_BLOCK_CHARGE_BITS = (15,)"),),
        ("sunspec", "seplos"),
    ),
    (
        "cell_jumps",
        "B21",
        "a cell jumps for one frame",
        cell_jumps,
        (("edge/core/jump.py", "self._reads = max(0, self._reads - 1)", "pass"),),
        BOTH,
    ),
)
SCENARIOS = tuple(
    [
        Scenario(name, tuple(numbers.split()), text, WIRE, play, rules, sites, True)
        for name, numbers, text, play, rules, sites in _ROWS
    ]
)
