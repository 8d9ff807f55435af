# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults at their edges: first and last code, equal levels, exact times, damaged states."""

from edge.core import faults as f
from tests.both.test_core_faults import Day, on, raised


def test_a_new_table_knows_nothing_and_spends_nothing():
    table = f.Faults()
    assert table.state() == f.Faults(table.state()).state()
    assert (table.uptime_ms, table.restarts, table.silent_restarts, table.names()) == (0, [], [], [])
    assert table.level() == f.INFO and table.blocking(f.CHARGE) == table.blocking(f.DISCHARGE) == f.F_NONE
    for now_ms, uptime_ms in ((1000, 0), (1000, 0), (1500, 500), (1400, 500), (1500, 600)):
        assert table.step(now_ms, 1, 1, on()) == []
        assert table.uptime_ms == uptime_ms  # a clock that steps back costs nothing


def test_a_saved_state_holds_only_trips_and_locks():
    saved = f.Faults().state()
    for code in range(-2, len(f.FAULTS)):
        for key in ("locked", "tripped"):
            state = dict(saved)
            state[key] = [code]
            good = code > 0 and f.FAULTS[code][1] >= f.TRIP
            try:
                assert f.Faults(state).names() == [code] and good
            except ValueError:
                assert not good, code


def test_code_zero_is_no_fault():
    table = f.Faults()
    everything = [True] * len(f.FAULTS)
    for now_ms in range(0, 20000, 100):
        changes = table.step(now_ms, now_ms, now_ms, everything)
        assert (f.E_RAISED, f.F_NONE) not in changes
    assert table.names() == list(range(1, len(f.FAULTS)))
    assert table.state()["locked"] == [c for c in range(len(f.FAULTS)) if f.FAULTS[c][1] == f.LOCK]
    assert table.state()["tripped"] == [c for c in range(len(f.FAULTS)) if f.FAULTS[c][1] == f.TRIP]


def test_what_any_current_shows_counts_the_samples_of_both():
    for code, flow in ((f.F_CELL_OVER_VOLT, False), (f.F_OVER_CURRENT, True), (f.F_FLOW_WHILE_OPEN, True)):
        for which in (False, True):
            table = f.Faults()
            for k in range(50):
                table.step(k * 100, 1 if which else k, k if which else 1, on(code))
            assert table.active[code] == (flow == which), (code, which)
    assert f.FLOW_FAULTS[:4] == (f.F_OVER_CURRENT, f.F_PCS_DISOBEYS, f.F_PCS_IGNORES_ZERO, f.F_FLOW_WHILE_OPEN)


def test_each_change_is_told_once():
    table = f.Faults()
    told = []
    for k in range(100):
        told.extend(table.step(500000 + k * 1000, k, k, on(f.F_CELL_HIGH) if 10 <= k < 20 else on()))
        if k < 12:
            assert told == []  # two samples, a second
    assert told == [(f.E_RAISED, f.F_CELL_HIGH), (f.E_CLEARED, f.F_CELL_HIGH)]
    assert table.raised_ms[f.F_CELL_HIGH] == 512000


def test_the_time_of_a_condition_counts_from_its_own_start():
    for start_ms in (0, 500000):
        table = f.Faults()
        for ms in range(0, 6000, 100):
            table.step(start_ms + ms, ms, ms, on(f.F_TEMP_OVER))
            assert table.active[f.F_TEMP_OVER] == (ms >= 5000), ms


def test_a_silent_bms_holds_up_the_restart_of_others():
    table = raised(f.F_OVER_CURRENT, f.F_BMS_SILENT)
    for now_ms in range(100000, 1000000, 100000):
        assert table.step(now_ms, 999, 999, on(f.F_BMS_SILENT)) == []
    assert table.active[f.F_OVER_CURRENT] and table.restarts == []
    assert table.step(1000000, 999, 999, on()) == []
    assert len(table.step(1300000, 999, 999, on())) == 2
    assert len(table.restarts) == 1 and table.silent_restarts == []


def spent(uptimes, now_ms):
    """Changes when a trip is due at now_ms of uptime and restarts were spent at uptimes."""
    state = f.Faults().state()
    state.update({"restarts": uptimes, "tripped": [f.F_OVER_CURRENT], "uptime_ms": now_ms - 300000})
    table = f.Faults(state)
    assert table.step(0, 1, 1, on()) == []
    return table, table.step(300000, 1, 1, on())


def test_a_restart_is_forgotten_after_a_day_of_uptime():
    day_ms = 24 * 3600000
    for oldest, changes in ((1000, [(f.E_CLEARED, f.F_OVER_CURRENT)]), (1001, [(f.E_RAISED, f.F_BUDGET_USED)])):
        table, got = spent([oldest, 50000000, 50000000], day_ms + 1000)
        assert got == changes
        if oldest == 1000:
            assert table.restarts == [50000000, 50000000, day_ms + 1000]
        else:
            assert table.raised_ms[f.F_BUDGET_USED] == 300000
            assert table.step(300000, 1, 1, on()) == []  # told once
    table, got = spent([50000000] * 2, day_ms + 1000)
    assert got == [(f.E_CLEARED, f.F_OVER_CURRENT)]


def test_an_acknowledgement_lifts_every_lock_and_nothing_else():
    table = raised(f.F_SMOKE, f.F_OVER_CURRENT, f.F_CELL_HIGH)
    table.acknowledge(None)
    assert table.names() == [f.F_CELL_HIGH, f.F_OVER_CURRENT] and table.restarts == []
    day = Day()
    for _ in range(f.RESTARTS + 1):
        day.run(10000, f.F_OVER_CURRENT)
        day.run(310000)
    assert day.table.names() == [f.F_OVER_CURRENT, f.F_BUDGET_USED]
    day.table.acknowledge(None)
    assert day.table.names() == [f.F_OVER_CURRENT] and day.table.level() == f.TRIP


def test_the_first_of_equal_faults_is_named():
    table = raised(f.F_CELL_HIGH, f.F_TEMP_HIGH)
    assert table.blocking(f.CHARGE) == f.F_CELL_HIGH and table.blocking(f.DISCHARGE) == f.F_TEMP_HIGH
    table = raised(f.F_BMS_SILENT, f.F_OVER_CURRENT)
    assert table.blocking(f.CHARGE) == f.F_BMS_SILENT and table.level() == f.TRIP
    assert raised(f.F_BMS_SILENT).names() == [f.F_BMS_SILENT]
    assert raised(f.F_BMS_SILENT).level() == f.TRIP
