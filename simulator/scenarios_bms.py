# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of the BMS and of the line to it: 1 to 24, and what peers got wrong with the same."""

from simulator.faults import WIRE, Scenario

STALE_MS = 3000
PERIOD_MS = 1000

# Rules that several scenarios rest on: (file, text, replacement).
OLD_IS_STALE = ("edge/core/validate.py", "return STALE if age_ms > limit_ms else OK", "return OK")
GUARD_AGE = ("edge/core/guard.py", "if age_ms < 0 or age_ms > limit_ms:", "if age_ms < 0:")


def bms_silent(stage):
    """1, B3: nothing comes any more."""
    stage.settle()
    stage.fault(lambda world: world.silent.add(0))
    stage.zero_within(STALE_MS + PERIOD_MS + 100, stale_ms=STALE_MS)
    stage.expect("bms_silent", stage.silent_ms() + PERIOD_MS + 100)
    stage.stays_zero(5000)
    stage.heal(lambda world: world.silent.clear())
    stage.stays_zero(299000, tick_ms=1000)
    stage.recovers(10)


SCENARIOS = (
    Scenario(
        "bms_silent",
        ("4.1", "B3"),
        "the BMS falls silent",
        WIRE,
        bms_silent,
        (OLD_IS_STALE, GUARD_AGE),
        ("seplos", "leaf", "seplos_rtu"),
        True,
    ),
)
