# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""FAULTS and MODES: every row, every pair."""

import json

from edge.core import faults as f


def on(*codes):
    conditions = [False] * len(f.FAULTS)
    for code in codes:
        conditions[code] = True
    return conditions


def test_the_table_is_well_formed():
    assert len(set(f.NAMES)) == len(f.FAULTS)
    for name, level, side, debounce_ms, reads, clear_ms, text in f.FAULTS:
        assert level in (f.INFO, f.WARN, f.TRIP, f.LOCK) and side in (f.BOTH, f.CHARGE, f.DISCHARGE)
        assert debounce_ms >= 0 and reads >= 0 and clear_ms >= 0 and text and name
        if level == f.TRIP:
            assert side == f.BOTH and clear_ms == 300000
        if level == f.LOCK:
            assert side == f.BOTH and clear_ms == 0


def test_debounces_are_those_of_the_design():
    for code, debounce_ms, reads in (
        (f.F_CELL_OVER_VOLT, 500, 3),
        (f.F_CELL_UNDER_VOLT, 500, 3),
        (f.F_OVER_CURRENT, 300, 3),
        (f.F_TEMP_OVER, 5000, 3),
        (f.F_CELL_HIGH, 1000, 3),
        (f.F_DEEP_DISCHARGE, 0, 3),
    ):
        assert f.FAULTS[code][3:5] == (debounce_ms, reads)


def test_every_fault_needs_its_time_and_its_fresh_reads():
    for code in range(1, len(f.FAULTS)):
        _, _, _, debounce_ms, reads, _, _ = f.FAULTS[code]
        # time is there, reads are not: a transport that hangs debounces nothing
        table = f.Faults()
        if reads > 1:
            for now_ms in range(0, 100000, 10000):
                assert table.step(now_ms, 1, 1, on(code)) == []
        # reads are there, time is not
        table = f.Faults()
        if debounce_ms:
            for k in range(20):
                assert table.step(k * (debounce_ms - 1) // 19, k, k, on(code)) == []
        # exactly at the later of the two, with a read every 100 ms
        table = f.Faults()
        expected = max(debounce_ms, (reads - 1) * 100 if reads else 0)
        now_ms = 0
        while not table.active[code]:
            table.step(now_ms, now_ms // 100, now_ms // 100, on(code))
            now_ms += 100
            assert now_ms < 100000, code
        raised = now_ms - 100
        assert raised == -(-expected // 100) * 100, (f.NAMES[code], raised, expected)
        assert table.raised_ms[code] == raised


def test_an_interrupted_condition_starts_again():
    table = f.Faults()
    for k in range(50):
        assert table.step(k * 300, k, k, on(f.F_CELL_OVER_VOLT) if k % 3 else on()) == []


def test_every_fault_clears_after_its_time_and_a_lock_never():
    for code in range(1, len(f.FAULTS)):
        if code == f.F_BUDGET_USED:
            continue
        level, clear_ms = f.FAULTS[code][1], f.FAULTS[code][5]
        table = raised(code)
        start = 1000000
        for wait, active in ((0, clear_ms > 0), (clear_ms - 1, clear_ms > 0), (clear_ms, False)):
            if wait >= 0:
                table.step(start + wait, 999, 999, on())
                assert table.active[code] == (active or level == f.LOCK), f.NAMES[code]
        # a return of the condition starts the time again
        if clear_ms:
            table = raised(code)
            table.step(start, 999, 999, on())
            table.step(start + clear_ms - 1, 999, 999, on(code))
            table.step(start + clear_ms, 999, 999, on())
            assert table.active[code]


def raised(*codes):
    """Faults with these active."""
    table = f.Faults()
    for now_ms in range(0, 20000, 100):
        table.step(now_ms, now_ms // 100, now_ms // 100, on(*codes))
    for code in codes:
        assert table.active[code]
    return table


def test_modes_are_total_and_every_pair_is_what_it_should_be():
    assert len(f.MODES) == len(f.MODE_NAMES)
    for mode in range(len(f.MODES)):
        row = f.MODES[mode]
        assert len(row) == len(f.EFFECT_NAMES)
        for effect in range(len(row)):
            after = row[effect]
            assert 0 <= after < len(f.MODE_NAMES)
            if effect == f.LOCKING:
                assert after == f.LOCKED
            elif mode == f.LOCKED:
                assert after == (f.STARTING if effect == f.ACKNOWLEDGE else f.LOCKED)
            elif effect == f.TRIPPED:
                assert after == f.OPEN
            elif mode == f.OPEN:
                assert after == (f.STARTING if effect == f.RESTART else f.OPEN)
            elif effect == f.READY:
                assert after == f.RUNNING
            elif effect == f.HOLD:
                assert after != f.RUNNING


def test_nothing_leads_from_open_or_locked_straight_to_running():
    for mode in (f.OPEN, f.LOCKED):
        assert f.RUNNING not in f.MODES[mode]


def test_effect_of_each_level():
    assert f.effect(f.Faults(), True) == f.READY
    assert f.effect(f.Faults(), False) == f.HOLD
    for code, expected in (
        (f.F_CELL_HIGH, f.READY),
        (f.F_INPUT_INVALID, f.HOLD),
        (f.F_OVER_CURRENT, f.TRIPPED),
        (f.F_SMOKE, f.LOCKING),
    ):
        assert f.effect(raised(code), True) == expected
    assert f.effect(raised(f.F_CELL_HIGH, f.F_CELL_LOW), True) == f.HOLD
    assert f.effect(raised(f.F_OVER_CURRENT, f.F_SMOKE), True) == f.LOCKING


def test_blocking_names_the_gravest_of_a_side():
    table = raised(f.F_CELL_HIGH)
    assert (table.blocking(f.CHARGE), table.blocking(f.DISCHARGE)) == (f.F_CELL_HIGH, f.F_NONE)
    table = raised(f.F_CELL_HIGH, f.F_OVER_CURRENT)
    assert (table.blocking(f.CHARGE), table.blocking(f.DISCHARGE)) == (f.F_OVER_CURRENT, f.F_OVER_CURRENT)


class Day:
    """Trips and waits on one table."""

    def __init__(self, table=None):
        self.table = table or f.Faults()
        self.now_ms = 0

    def run(self, ms, *codes):
        changes = []
        for _ in range(ms // 1000):
            self.now_ms += 1000
            step = self.now_ms // 1000
            changes += self.table.step(self.now_ms, step, step, on(*codes))
        return changes


def test_three_restarts_in_a_day_then_a_lock():
    day = Day()
    for _ in range(f.RESTARTS):
        assert (f.E_RAISED, f.F_OVER_CURRENT) in day.run(10000, f.F_OVER_CURRENT)
        assert (f.E_CLEARED, f.F_OVER_CURRENT) in day.run(310000)
    day.run(10000, f.F_OVER_CURRENT)
    assert day.run(310000) == [(f.E_RAISED, f.F_BUDGET_USED)]
    assert day.table.level() == f.LOCK
    day.table.acknowledge(None)
    assert day.run(310000) == [(f.E_CLEARED, f.F_OVER_CURRENT)]


def test_several_faults_of_one_event_cost_one_restart():
    day = Day()
    codes = (f.F_CELL_OVER_VOLT, f.F_OVER_CURRENT, f.F_BMS_ALARM, f.F_PCS_IGNORES_ZERO)
    day.run(10000, *codes)
    day.run(100000, f.F_BMS_ALARM)  # one of them lasts longer: it decides
    assert day.run(299000) == []
    assert len(day.run(5000)) == len(codes)
    assert len(day.table.restarts) == 1


def test_the_budget_comes_back_after_a_day_of_operation():
    day = Day()
    for _ in range(f.RESTARTS):
        day.run(10000, f.F_OVER_CURRENT)
        day.run(310000)
    day.run(86400000 - 900000)
    day.run(10000, f.F_OVER_CURRENT)
    day.run(310000)
    assert day.table.level() == f.INFO


def test_a_silent_bms_has_its_own_budget_and_never_locks():
    day = Day()
    for _ in range(f.SILENT_RESTARTS):
        day.run(5000, f.F_BMS_SILENT)
        assert (f.E_CLEARED, f.F_BMS_SILENT) in day.run(310000)
    assert day.table.restarts == []
    day.run(5000, f.F_BMS_SILENT)
    assert day.run(310000) == []
    assert day.table.level() == f.TRIP


def test_locks_trips_and_budgets_survive_a_restart_through_json():
    day = Day()
    for _ in range(2):
        day.run(10000, f.F_OVER_CURRENT)
        day.run(310000)
    day.run(10000, f.F_CELL_OVER_VOLT, f.F_SMOKE)
    again = f.Faults(json.loads(json.dumps(day.table.state())))
    assert again.active[f.F_SMOKE] and again.active[f.F_CELL_OVER_VOLT]
    assert len(again.restarts) == 2 and again.uptime_ms == day.table.uptime_ms
    later = Day(again)
    later.run(299000)
    assert again.active[f.F_CELL_OVER_VOLT]  # its 300 s start again
    later.run(5000)
    assert not again.active[f.F_CELL_OVER_VOLT] and again.active[f.F_SMOKE]
    assert len(again.restarts) == 3


def test_a_restart_is_spent_before_it_is_made():
    from edge.core.durable import Durable

    durable = Durable(0)
    day = Day(f.Faults(None, durable))
    day.run(10000, f.F_OVER_CURRENT)
    assert day.run(400000) == [] and day.table.active[f.F_OVER_CURRENT]
    assert durable.is_wanted() and len(day.table.restarts) == 1
    kept = day.table.state()
    assert kept["tripped"] == [f.F_OVER_CURRENT] and len(kept["restarts"]) == 1
    durable.saved = durable.next()
    assert day.run(1000) == [(f.E_CLEARED, f.F_OVER_CURRENT)] and len(day.table.restarts) == 1
    # paid for, and then another fault came: it is not paid twice, and not made before both are over
    day.run(10000, f.F_OVER_CURRENT)
    day.run(302000)
    day.run(10000, f.F_CELL_OVER_VOLT)
    durable.saved = durable.next()
    assert day.run(299000) == []
    assert len(day.run(2000)) == 2 and len(day.table.restarts) == 2
    # what a silent BMS paid for does not clear another fault
    day.run(5000, f.F_BMS_SILENT)
    day.run(302000)
    assert (len(day.table.silent_restarts), len(day.table.restarts)) == (1, 2)
    day.run(10000, f.F_OVER_CURRENT)
    durable.saved = durable.next()
    assert day.run(302000) == [] and len(day.table.restarts) == 3


def test_some_locks_need_a_grade_of_a_later_day():
    for code in range(1, len(f.FAULTS)):
        if f.FAULTS[code][1] != f.LOCK:
            continue
        for lock_day, graded_day, lifted in (
            (20000, None, False),
            (20000, 19999, False),
            (20000, 20000, False),
            (20000, 20001, True),
            (None, 20001, False),  # nobody knew the day: it may have been this morning
        ):
            table = f.Faults()
            for k in range(4):
                table.step(1000 * k, k, k, on(code, f.F_WELD), lock_day)
            needs = code in f.REGRADED
            assert table.waits_for_grade(graded_day) == (needs and not lifted), f.NAMES[code]
            table = f.Faults(json.loads(json.dumps(table.state())))  # a reboot changes nothing
            table.acknowledge(graded_day)
            assert table.active[code] == (needs and not lifted)
            assert not table.active[f.F_WELD]
            assert table.lock_day is None or table.active[code]
    table = f.Faults()
    for k in range(4):
        table.step(1000 * k, k, k, on(f.F_IDENTITY))
    table.step(9000, 9, 9, on(), 20005)  # the first day that is known counts
    table.step(9999, 9, 9, on(), 20009)
    assert table.lock_day == 20005
    old = table.state()
    del old["lock_day"]
    assert f.Faults(old).lock_day == f.SOME_DAY
    assert [f.NAMES[code] for code in f.REGRADED] == ["deep_discharge", "temp_far_over", "temp_rise", "identity"]


def test_another_number_counts_by_readings_of_the_number_and_nothing_else_does():
    table = f.Faults()
    for k in range(20):
        table.step(1000 * k, k, k, on(f.F_IDENTITY, f.F_DEEP_DISCHARGE), None, 4 + k // 5)
        assert table.active[f.F_DEEP_DISCHARGE] == (k >= 2)
        assert table.active[f.F_IDENTITY] == (k >= 10), k
    table = f.Faults()
    for k in range(5):
        table.step(1000 * k, 7, k, on(f.F_IDENTITY, f.F_FLOW_WHILE_OPEN), None, 0)
    assert table.active[f.F_FLOW_WHILE_OPEN] and not table.active[f.F_IDENTITY]
    for k in range(3):
        assert not table.active[f.F_IDENTITY]
        table.step(9000 + k, 7, 4, on(f.F_IDENTITY), None, k)
    assert table.active[f.F_IDENTITY]
    table = f.Faults()
    for k in range(3):
        assert not table.active[f.F_IDENTITY]
        table.step(1000 * k, k, 0, on(f.F_IDENTITY))
    assert table.active[f.F_IDENTITY]


def test_alarm_masks():
    for bit, mask in (
        (9, f.BLOCK_CHARGE_MASK),
        (5, f.BLOCK_CHARGE_MASK),
        (11, f.BLOCK_DISCHARGE_MASK),
        (7, f.BLOCK_DISCHARGE_MASK),
        (1, f.ALARM_MASK),
        (20, f.ALARM_MASK),
        (25, f.ALARM_MASK),
    ):
        assert mask >> bit & 1
    assert f.BLOCK_CHARGE_MASK & f.BLOCK_DISCHARGE_MASK == 0
    warnings = (2, 4, 6, 8, 10, 12, 14, 16, 17, 19, 24, 26, 29)
    for bit in warnings:
        assert not (f.BLOCK_CHARGE_MASK | f.BLOCK_DISCHARGE_MASK | f.ALARM_MASK) >> bit & 1
