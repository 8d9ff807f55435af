# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a BMS can say wrongly: faults 1 to 17, and what peers got wrong with the same. The line: scenarios_line."""

from edge.core import faults as f
from simulator.faults import PLANT, WIRE, Scenario

PERIOD_MS = 1000
SOON_MS = 2 * PERIOD_MS + 100  # the next frame, and the step that sees it
THRICE_MS = 4 * PERIOD_MS + 100  # three fresh frames
STALE_MS = 3000
OLD_MS = STALE_MS + PERIOD_MS + 100
FROZEN_MS = 30000

# ---- rules that several scenarios rest on: (file, text, replacement) --------------------------------------

VALIDATE, GUARD, LIMITS = "edge/core/validate.py", "edge/core/guard.py", "edge/core/limits.py"
DECODE, CAN_DECODE = "bms_bridge/decode.py", "bms_bridge/can_decode.py"
OLD_IS_STALE = (VALIDATE, "return STALE if age_ms > limit_ms else OK", "return OK")
GUARD_AGE = (GUARD, "if age_ms < 0 or age_ms > limit_ms:", "if age_ms < 0:")
FIELD_RANGE = (
    DECODE,
    "if low <= raw <= high and raw not in unknown:\n                slots[slot] = (raw",
    "if True:\n                slots[slot] = (raw",
)
LIST_RANGE = (DECODE, "good = min(raws) >= low and max(raws) <= high", "good = True")
LIST_CODES = (DECODE, "if code in raws:\n            good = False", "pass")
APART = ("edge/core/trust.py", "if self._apart >= DISAGREE_READS:", "if False:")
UP_RAMP = (
    (LIMITS, "last[0] + rates[0] * span_ms // 1000, last[1] + rates[1] * span_ms // 1000", "10**9, 10**9"),
    ("edge/core/sharing.py", "min(charge_ma, before[0] + charge_rate * span_ms // 1000),", "charge_ma,"),
    ("edge/core/sharing.py", "min(discharge_ma, before[1] + discharge_rate * span_ms // 1000),", "discharge_ma,"),
)
TEMPS = "self._temp_jump.step(hot, cold, "


def changed(**fields):
    """A hand on the wire of pack 0: it says its sample with these fields. A field may be a function of the sample."""

    def say(sample):
        return sample._replace(**{key: value(sample) if callable(value) else value for key, value in fields.items()})

    def hand(world):
        world.says[0] = say

    return hand


def as_it_is(world):
    """The hand leaves the wire of pack 0."""
    world.says.clear()
    world.bytes_of.clear()
    world.silent.clear()


def put(block, places):
    """A hand on the bytes of pack 0: in that block these registers hold other values. places: {register: value}."""

    def change(index, data):
        if index != block:
            return data
        data = bytearray(data)
        for place, value in places.items():
            data[2 * place : 2 * place + 2] = value.to_bytes(2, "big")
        return bytes(data)

    def hand(world):
        world.bytes_of[0] = change

    return hand


def one_cell(number, mv):
    """The cells of a sample with another value, mV or None, at one place."""
    return lambda sample: (*sample.cell_mv[:number], mv, *sample.cell_mv[number + 1 :])


# ---- silence and age --------------------------------------------------------------------------------------


def bms_silent(stage):
    """1, B3: nothing comes any more."""
    stage.settle()
    stage.fault(lambda world: world.silent.add(0))
    stage.zero_within(OLD_MS, stale_ms=STALE_MS)
    stage.expect("bms_silent", stage.silent_ms() + PERIOD_MS + 100)
    stage.stays_zero(5000)
    stage.heal(as_it_is)
    stage.stays_zero(299000, tick_ms=1000)
    stage.recovers(10)


def bms_returns(stage):
    """2: silent for 9 s: no open sequence, back by the ramp from zero (the oracle judges every step of it)."""
    stage.settle()
    before = stage.permit()
    stage.fault(lambda world: world.silent.add(0))
    stage.zero_within(OLD_MS, stale_ms=STALE_MS)
    stage.run(9000 - (stage.world.now_ms - stage.mark_ms))
    stage.expect_not("bms_silent")
    stage.heal(as_it_is)
    stage.recovers(10)
    stage.need(max(stage.permit()) < max(before) // 3, "came back at once, %s mA" % (stage.permit(),))
    stage.run(60000, 1000)
    stage.need(min(stage.permit()) > min(before) * 9 // 10, "did not come back, %s mA" % (stage.permit(),))


def bms_pauses(stage):
    """2: silent for 5 s: zero, and back by the ramp from zero."""
    stage.settle()
    before = stage.permit()
    stage.fault(lambda world: world.silent.add(0))
    stage.zero_within(OLD_MS, stale_ms=STALE_MS)
    stage.run(5000 - (stage.world.now_ms - stage.mark_ms))
    stage.heal(as_it_is)
    stage.recovers(5)
    stage.expect_not("bms_silent")
    stage.need(max(stage.permit()) < max(before) // 3, "came back at once, %s mA" % (stage.permit(),))


def before_first(stage):
    """B5: before the first frame nothing is known and nothing is allowed."""
    stage.fault(lambda world: world.silent.add(0))
    stage.run(5000)
    stage.stays_zero(3000)
    if stage.runtime == "cpython":
        stage.need(stage.delivered()[0] is None, "a sample without a frame")
    stage.need(stage.turn.soc[0].value is None, "an SoC without a frame")
    stage.expect("input_invalid", 3000)
    stage.heal(as_it_is)
    stage.recovers(330)  # silent for 10 s by the time it is asked again


def page_frozen(stage):
    """3, B2: the link lives, the page is always the same, current flows."""
    stage.settle()
    kept = []

    def same(sample):
        kept.append(sample)
        return kept[0]

    stage.fault(lambda world: world.says.update({0: same}))
    stage.zero_within(FROZEN_MS + THRICE_MS)
    stage.expect("input_invalid", FROZEN_MS + THRICE_MS)
    stage.expect_quality("cells", "frozen")
    stage.stays_zero(5000)
    stage.heal(as_it_is)
    stage.recovers(10)


def cells_old(stage):
    """4: fresh frames, the cells in them are old, everything else lives."""
    stage.settle()
    old = []

    def same(sample):
        old.append(sample.cell_mv)
        return sample._replace(cell_mv=old[0])

    def swing():
        if max(stage.permit()):
            stage.wish(-0.9 if stage.world.now_ms // 5000 % 2 else 0)

    stage.fault(lambda world: world.says.update({0: same}))
    stage.each = swing
    stage.zero_within(35000)
    stage.expect("input_invalid", 35000)
    stage.heal(as_it_is)
    stage.each = None
    stage.world.day.power_w = 0.0
    stage.run(1000)
    stage.wish(-0.5)


# ---- values that are none -----------------------------------------------------------------------------------


def cell_codes(stage):
    """5, B4: one cell says 0xFFFF, 0, 32767: codes, no voltages."""
    for raw in (0xFFFF, 0, 32767):
        stage.settle()
        stage.fault(put(1, {3: raw}))
        stage.zero_within(SOON_MS)
        stage.expect("input_invalid", SOON_MS)
        stage.heal(as_it_is)
        stage.recovers(10)


def every_field_unknown(stage):
    """B4: each required value in turn says its code for not known."""
    unknown = (
        {"pack_mv": None},
        {"current_ma": None},
        {"cell_mv": one_cell(5, None)},
        {"temp_mc": lambda sample: (None, *sample.temp_mc[1:])},
        {"bms_charge_ma": None, "bms_discharge_ma": None},
    )
    slow_ms = stage.slow_ms()
    for fields in unknown:
        stage.settle()
        stage.fault(changed(**fields))
        stage.zero_within(SOON_MS + slow_ms)
        stage.expect("input_invalid", SOON_MS + slow_ms)
        stage.heal(as_it_is)
        stage.recovers(10 + slow_ms // 1000)


def cells_all_invalid(stage):
    """6: every cell invalid, extremes as before."""
    stage.settle()
    stage.fault(changed(cell_mv=lambda sample: (None,) * len(sample.cell_mv)))
    stage.zero_within(SOON_MS)
    stage.expect("input_invalid", SOON_MS)
    stage.stays_zero(5000)
    stage.heal(as_it_is)
    stage.recovers(10)


def cells_vanish(stage):
    """B6: some cells do not answer any more: the commissioned count stays the count, nothing is detected anew."""
    stage.settle()
    stage.fault(changed(cell_mv=lambda sample: (*sample.cell_mv[:-4], None, None, None, None)))
    stage.zero_within(SOON_MS)
    stage.expect("input_invalid", SOON_MS)
    stage.stays_zero(90000, tick_ms=1000)


def weak_cell(stage):
    """7: one cell 400 mV below the mean, below its limit; the BMS leaves it out of its own extremes."""
    for pack in stage.settings["packs"]:
        pack["maker"]["cell_min_mv"] = 3100 if pack["chemistry"] == "lfp" else 3550
    stage.settle()
    stage.fault(changed(cell_mv=lambda sample: one_cell(7, sample.cell_mv[7] - 400)(sample)))
    stage.zero_within(SOON_MS, f.DISCHARGE)
    stage.expect("cell_under_volt", THRICE_MS)
    stage.zero_within(THRICE_MS)
    stage.stays_zero(30000, tick_ms=1000)


def temp_open_short(stage):
    """8: a temperature sensor open or short: -40 is cold and counts, 215 is no temperature."""
    stage.settle()
    stage.fault(changed(temp_mc=lambda sample: (-40000, *sample.temp_mc[1:])))
    slow_ms = stage.slow_ms()
    stage.zero_within(SOON_MS + slow_ms)
    stage.expect("temp_low", THRICE_MS + 3 * slow_ms)
    stage.heal(as_it_is)
    stage.recovers(45 + slow_ms // 1000)
    stage.settle()
    stage.fault(put(1, {16: 2731 + 2150}))
    stage.zero_within(SOON_MS)
    stage.expect("input_invalid", SOON_MS)
    stage.heal(as_it_is)
    stage.recovers(10)


def frost(stage):
    """9: truly -5 °C: as a sign lost it would be +5 °C and charging would be allowed."""
    for plant in stage.plants:
        plant["temp_c"] = -5.0
    stage.run(20000)
    if stage.runtime == "cpython":
        found = stage.delivered()[0].temp_mc
        stage.need(None not in found and all(abs(mc + 5000) < 2500 for mc in found), "reads %s" % (found,))
    stage.need(stage.permit()[0] == 0, "charge %d mA in frost" % stage.permit()[0])
    stage.need(stage.permit()[1] > 0, "no discharge at -5 °C")
    stage.stays_zero(10000, f.CHARGE)


def overheated(stage):
    """8: a sensor at 60 °C, which is hot and not broken: both directions zero at once, a trip after its time."""
    ours = changed(bms_charge_ma=200000, bms_discharge_ma=200000, alarms=0)  # the BMS itself says nothing
    stage.fault(ours)
    stage.settle()
    stage.fault(lambda world: setattr(world.plants[0], "temp_c", 60.0))
    stage.zero_within(SOON_MS)
    stage.expect("temp_over", 5000 + SOON_MS)


SEPLOS, BOTH = ("seplos",), ("seplos", "leaf")
_ROWS = (
    ("bms_silent", "4.1 B3", "the BMS falls silent", bms_silent, (OLD_IS_STALE, GUARD_AGE), (*BOTH, "seplos_rtu")),
    ("bms_returns", "4.2", "the BMS is silent for 9 s and returns", bms_returns, UP_RAMP, BOTH),
    ("bms_pauses", "4.2", "the BMS is silent for 5 s and returns", bms_pauses, UP_RAMP, SEPLOS),
    (
        "before_first",
        "B5",
        "nothing has come yet",
        before_first,
        ((VALIDATE, "((MISSING,) * _ALL, MISSING, age_ms,", "((OK,) * _ALL, OK, age_ms,"),),
        BOTH,
    ),
    (
        "page_frozen",
        "4.3 B2",
        "the link lives, the page stands still while current flows",
        page_frozen,
        (
            (VALIDATE, "return self._same_reads >= FROZEN_READS and self._same_ms >= FROZEN_MS", "return False"),
            (VALIDATE, "if self._same_ms >= FROZEN_MOST_MS:", "if False:"),
        ),
        BOTH,
    ),
    (
        "cells_old",
        "4.4",
        "fresh frames with old cells in them",
        cells_old,
        (
            (VALIDATE, "if self._dead and marks[G_CELLS] == OK:", "if False:"),
            (VALIDATE, "if self._mean_bad >= SUM_READS:", "if False:"),
            (VALIDATE, "if self._sum_bad >= SUM_READS:", "if False:"),
        ),
        BOTH,
    ),
    ("cell_codes", "4.5 B4", "one cell says 0xFFFF, 0, 32767", cell_codes, (LIST_RANGE, LIST_CODES), SEPLOS),
    (
        "every_field_unknown",
        "4.5 B4",
        "each required value in turn says its code for not known",
        every_field_unknown,
        (
            FIELD_RANGE,
            LIST_RANGE,
            LIST_CODES,
        ),
        ("sunspec", "leaf"),
    ),
    ("cells_all_invalid", "4.6", "every cell is invalid", cells_all_invalid, (LIST_RANGE, LIST_CODES), BOTH),
    (
        "cells_vanish",
        "B6",
        "four cells do not answer any more",
        cells_vanish,
        (LIST_RANGE, LIST_CODES),
        BOTH,
    ),
    (
        "weak_cell",
        "4.7",
        "a cell 400 mV below the mean, left out of the BMS's extremes",
        weak_cell,
        ((VALIDATE, "high, low = max(cells), min(cells)", "high, low = max(cells), sorted(cells)[1]"),),
        BOTH,
    ),
    (
        "temp_open_short",
        "4.8",
        "a temperature sensor open or short",
        temp_open_short,
        ((VALIDATE, TEMPS, TEMPS.replace("cold", "sorted(temps)[1]")),),
        SEPLOS,
    ),
    (
        "frost",
        "4.9",
        "five degrees of frost",
        frost,
        (("bms_bridge/tables/sunspec_802_805.py", '(19, ">2xh94xh"', '(19, ">2xH94xH"'),),
        ("sunspec", "seplos", "leaf"),
    ),
)
SCENARIOS = (
    *[
        Scenario(name, tuple(nums.split()), text, WIRE, play, rules, sites, True)
        for name, nums, text, play, rules, sites in _ROWS
    ],
    Scenario(
        "overheated",
        ("4.8",),
        "the pack is truly at 60 °C",
        PLANT,
        overheated,
        (
            (VALIDATE, TEMPS, TEMPS.replace("hot, cold", "25000, 25000")),
            (GUARD, "hot = max(temps)", "hot = 25000"),
        ),
        BOTH,
        True,
    ),
)
