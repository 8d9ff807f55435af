# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Numbers that protect a pack, written down a second time: a change of one must be made in two places.

Faults: debounce 0.5 s for voltage, 0.3 s for current, 5 s for temperature, each with 3 fresh samples; a warning
takes 1 s and clears after 30 s inside; a trip restarts after 300 s; a LOCK never clears by itself (docs/FAULTS.md).
Curves: sources stand with each table in edge/core/limits.py.
"""

from edge.core import faults as f
from edge.core import limits as lim

# name: (level, side, ms, fresh samples, clear ms); in the order of the codes
FAULTS = (
    ("none", "info", 0, 0, 0, 0),
    ("bms_silent", "trip", 0, 0, 0, 300000),
    ("input_invalid", "warn", 0, 0, 0, 0),
    ("cell_high", "warn", 1, 1000, 3, 30000),
    ("cell_low", "warn", 2, 1000, 3, 30000),
    ("cell_over_volt", "trip", 0, 500, 3, 300000),
    ("cell_under_volt", "trip", 0, 500, 3, 300000),
    ("deep_discharge", "lock", 0, 0, 3, 0),
    ("temp_high", "warn", 0, 1000, 3, 30000),
    ("temp_over", "trip", 0, 5000, 3, 300000),
    ("temp_far_over", "lock", 0, 0, 3, 0),
    ("temp_low_charge", "warn", 1, 1000, 3, 30000),
    ("temp_low", "warn", 2, 1000, 3, 30000),
    ("over_current", "trip", 0, 300, 3, 300000),
    ("bms_blocks_charge", "warn", 1, 0, 0, 30000),
    ("bms_blocks_discharge", "warn", 2, 0, 0, 30000),
    ("bms_alarm", "trip", 0, 500, 3, 300000),
    ("cells_wrong", "warn", 0, 0, 0, 30000),
    ("pcs_silent", "warn", 0, 0, 0, 0),
    ("pcs_disobeys", "warn", 0, 0, 2, 10000),
    ("pcs_ignores_zero", "trip", 0, 2000, 3, 300000),
    ("flow_while_open", "lock", 0, 0, 3, 0),
    ("estop", "trip", 0, 0, 0, 300000),
    ("smoke", "lock", 0, 0, 0, 0),
    ("insulation", "lock", 0, 0, 0, 0),
    ("door", "warn", 0, 1000, 0, 1000),
    ("late_step", "warn", 0, 0, 0, 0),
    ("budget_used", "lock", 0, 0, 0, 0),
    ("temp_rise", "lock", 0, 0, 0, 0),
    ("weld", "lock", 0, 1000, 3, 0),
    ("contactor_dead", "trip", 0, 1000, 3, 300000),
    ("precharge_failed", "lock", 0, 0, 0, 0),
    ("unexplained_stop", "trip", 0, 0, 0, 300000),
    ("state_lost", "trip", 0, 0, 0, 300000),
    ("pcs_lost", "trip", 0, 0, 3, 300000),
    ("pcs_watchdog", "warn", 0, 10000, 3, 0),
    ("circulating", "trip", 0, 2000, 3, 300000),
    ("identity", "lock", 0, 0, 3, 0),
    ("sensor_lost", "trip", 0, 0, 0, 300000),
    ("pcs_unapplied", "warn", 0, 10000, 3, 0),
    ("relays_silent", "warn", 0, 0, 0, 1000),
)


def test_faults():
    assert f.LEVELS == ("info", "warn", "trip", "lock") and (f.INFO, f.WARN, f.TRIP, f.LOCK) == (0, 1, 2, 3)
    assert (f.BOTH, f.CHARGE, f.DISCHARGE) == (0, 1, 2)
    for code in range(len(FAULTS)):
        name, level, side, debounce_ms, fresh, clear_ms = FAULTS[code]
        row = f.FAULTS[code]
        assert row[:6] == (name, f.LEVELS.index(level), side, debounce_ms, fresh, clear_ms), name
        assert getattr(f, "F_" + name.upper()) == code and f.NAMES[code] == name
    assert len(f.FAULTS) == len(FAULTS)


def test_numbers_of_the_faults():
    assert (f.RESTARTS, f.SILENT_RESTARTS, f.RESTART_WINDOW_MS) == (3, 10, 86400000)
    assert (f.SILENT_MIN_MS, f.SILENT_PERIODS, f.LOST_MS) == (10000, 5, 2000)
    assert (f.FLOW_OPEN_PPM, f.DISOBEY_PPM, f.SOME_DAY) == (20000, 30000, -1)
    assert (f.E_NONE, f.E_MODE, f.E_RAISED, f.E_CLEARED) == (0, 1, 2, 3) and len(f.EVENTS) > f.E_CLEARED


def test_alarm_bits_are_those_of_sunspec_802():
    """Evt1: 5 over-temperature, 9 over-charge-current, 15 over-voltage alarm; 7, 11, 13 their counterparts for
    discharging; 0 communication, 1 and 3 temperature and its sensors, 18, 20, 22 imbalance and others, 25, 27, 28,
    30, 31 faults that have no direction."""
    assert f.BLOCK_CHARGE_MASK == 0x00008220
    assert f.BLOCK_DISCHARGE_MASK == 0x00002880
    assert f.ALARM_MASK == 0xDA54000B


CHARGE_BY_VOLTAGE = {
    "lfp": ((-4000, 1000000), (-250, 1000000), (-150, 400000), (-80, 100000), (-20, 20000), (0, 0)),
    "nmc": ((-4000, 1000000), (-120, 1000000), (-60, 300000), (-20, 50000), (0, 0)),
    "lmo": ((-4000, 1000000), (-120, 1000000), (-60, 300000), (-20, 50000), (0, 0)),
}
DISCHARGE_BY_VOLTAGE = {
    "lfp": ((0, 0), (50, 50000), (200, 300000), (400, 1000000), (4000, 1000000)),
    "nmc": ((0, 0), (50, 50000), (200, 300000), (500, 1000000), (4000, 1000000)),
    "lmo": ((0, 0), (50, 50000), (250, 300000), (600, 1000000), (4000, 1000000)),
}
CHARGE_BY_TEMPERATURE = {
    "lfp": ((0, 0), (5000, 200000), (12000, 1000000), (40000, 1000000), (45000, 500000), (55000, 0)),
    "nmc": ((0, 0), (5000, 150000), (15000, 1000000), (40000, 1000000), (45000, 500000), (55000, 0)),
    "lmo": ((0, 0), (5000, 150000), (15000, 1000000), (35000, 1000000), (45000, 300000), (50000, 0)),
}
DISCHARGE_BY_TEMPERATURE = {
    "lfp": ((-20000, 0), (-10000, 300000), (5000, 1000000), (45000, 1000000), (55000, 0)),
    "nmc": ((-20000, 0), (-10000, 300000), (5000, 1000000), (45000, 1000000), (55000, 0)),
    "lmo": ((-20000, 0), (-10000, 300000), (5000, 1000000), (40000, 1000000), (50000, 0)),
}
BY_SPREAD = {
    "lfp": ((0, 1000000), (200, 1000000), (500, 200000), (1000, 0)),
    "nmc": ((0, 1000000), (150, 1000000), (400, 200000), (800, 0)),
    "lmo": ((0, 1000000), (150, 1000000), (400, 200000), (800, 0)),
}


def test_curves():
    assert lim.CHARGE_BY_VOLTAGE == CHARGE_BY_VOLTAGE
    assert lim.DISCHARGE_BY_VOLTAGE == DISCHARGE_BY_VOLTAGE
    assert lim.CHARGE_BY_TEMPERATURE == CHARGE_BY_TEMPERATURE
    assert lim.DISCHARGE_BY_TEMPERATURE == DISCHARGE_BY_TEMPERATURE
    assert lim.BY_SPREAD == BY_SPREAD
    assert lim.CHARGE_BY_SOC == ((0, 1000000), (950000, 1000000), (1000000, 200000))
    assert lim.DISCHARGE_BY_SOC == ((0, 50000), (50000, 1000000), (1000000, 1000000))
    assert lim.BY_SOH == ((300000, 0), (500000, 400000), (700000, 1000000), (1500000, 1000000))


def test_numbers_of_the_limits():
    """Unknown: 0.2 C; an SoC within 20 %; up 2 % per second; hysteresis 20 mV, 2 K, 2 %."""
    assert lim.PPM == 1000000
    assert lim.UNKNOWN_PPM == {"lfp": 200000, "nmc": 200000, "lmo": 200000}
    assert (lim.UNKNOWN_STD_PPM, lim.RAMP_PPM_PER_S) == (200000, 20000)
    assert (lim.HELD_MV, lim.HELD_MC, lim.HELD_PPM, lim.TEMP_LSB_MC) == (20, 2000, 20000, 1000)
    assert lim._WORSE == (1, -1, 1, -1, 1, -1, -1, 1)


def test_codes_of_the_sources():
    names = "none mode input maker grade contract bms voltage temperature soc fault ramp guard other_pack late"
    names = names.split() + ["soh", "imbalance", "engineer", "order"]
    for code in range(len(names)):
        assert getattr(lim, "S_" + names[code].upper()) == code
    assert len(lim.SOURCES) == len(names)
