# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a site notices beside its packs: saves that fail, a PCS that holds something else, a clock that jumps, floods."""

import tests.both.core_help as h
from edge.core import faults as f
from edge.core.registry import KEYS

EVENT, FAULT, DETAIL, COUNTED = [KEYS[name] for name in ("event", "fault", "detail", "suppressed")]
NTP = 3


def running(seconds=60, **changes):
    bench = h.Bench(h.site_settings(**changes))
    bench.run(seconds)
    bench.events = []
    return bench


def saves(bench, steps):
    """Numbers of the steps that gave a state to save."""
    return [k for k in range(steps) if bench.step() and bench.outcome.state is not None]


def told(bench, event, fault=None):
    return [each for each in bench.events if each[EVENT] == event and fault in (None, each[FAULT])]


def test_a_save_is_repeated_every_ten_seconds_until_it_is_durable():
    bench = h.Bench()
    bench.keeps = False
    assert saves(bench, 45) == [0, 10, 20, 30, 40]
    bench.site.saved = bench.site.durable.made
    assert saves(bench, 200) == []


def test_a_save_that_is_durable_in_time_is_not_repeated():
    bench = h.Bench()
    bench.keeps = False
    assert saves(bench, 4) == [0]
    bench.site.saved = bench.site.durable.made
    assert saves(bench, 200) == []


def test_an_older_save_that_arrives_is_not_enough():
    bench = h.Bench()
    bench.keeps = False
    assert saves(bench, 11) == [0, 10]
    bench.site.saved = bench.site.durable.made - 1
    assert saves(bench, 11) == [9]


def test_a_pcs_that_does_not_hold_what_it_was_told_gets_nothing():
    for mode, answers, wrong in (
        ("control", [5], True),
        ("control", [1, 0], True),
        ("control", [0, 1], False),
        ("control", [0], False),
        ("control", [], False),
        ("observe", [1], False),
    ):
        bench = running(mode=mode)
        bench.site.answers = answers
        raised = None
        for k in range(15):
            command = bench.step()
            if raised is None and bench.site.packs[0].faults.active[f.F_PCS_UNAPPLIED]:
                raised = k
        assert raised == (10 if wrong else None), (mode, answers)
        assert (command.charge_ma == 0) == wrong
        if wrong:
            bench.site.answers = [0]
            assert bench.step().charge_ma > 0
            assert not bench.site.packs[0].faults.active[f.F_PCS_UNAPPLIED]


def test_another_fault_of_the_pcs_is_not_told_twice():
    bench = running()
    bench.site.answers = [4]
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, watchdog_ms=60000)
    bench.run(20)
    assert bench.site.packs[0].faults.names() == [f.F_PCS_WATCHDOG]
    bench = running()
    last = h.pcs_sample(bench.now_ms - 1000, 60)
    bench.pcs = lambda now_ms, count: last
    bench.site.answers = [3]
    bench.run(30)
    assert bench.site.packs[0].faults.names() == [f.F_PCS_SILENT]


def test_a_jump_of_the_wall_clock_is_told_with_its_step():
    """R11: an event tells the step of the clock."""
    bench = running()
    for utc_s, steps_ms in (
        (None, []),
        (1000, []),
        (1001, []),
        (1004, []),  # 2 s too far: a clock in seconds may show one, and be slewed
        (1008, [3000]),
        (1009, []),
        (1007, [-3000]),
        (1006, []),
        (None, []),
        (1008, []),
        (None, []),
        (315361010, [315360000000]),
        (315361011, []),
    ):
        bench.utc = (utc_s, 0 if utc_s is None else NTP)
        bench.events = []
        command = bench.step()
        assert [each[DETAIL] for each in told(bench, f.E_CLOCK)] == steps_ms, utc_s
        assert command.charge_ma > 0
    assert bench.site.reporter.recent[-1][1:3] == (-1, f.E_CLOCK)


def flapping(bench, steps):
    """Every second answer of the BMS has lost its cells."""

    def reads(now_ms, count):
        one = h.sample(now_ms, count, mv=3210 + count % 3)
        return h.regroup(one, 0, h.groups(now_ms, count, 2)[0]) if count % 2 else one

    bench.reads[0] = reads
    bench.run(steps)


def test_what_comes_and_goes_each_second_is_told_five_times_a_minute():
    bench = running(60)
    flapping(bench, 61)
    both = told(bench, f.E_RAISED, f.F_INPUT_INVALID) + told(bench, f.E_CLEARED, f.F_INPUT_INVALID)
    assert 5 <= len(both) <= 10 and 5 <= len(told(bench, f.E_QUALITY)) <= 10
    before = bench.site.reporter.dropped_events
    assert before > 100
    for _ in range(4):
        bench.events = []
        bench.run(60)
        both = told(bench, f.E_RAISED, f.F_INPUT_INVALID) + told(bench, f.E_CLEARED, f.F_INPUT_INVALID)
        assert len(both) == 5 and len(told(bench, f.E_QUALITY)) == 5
        assert len(bench.events) <= 25 + 5  # with the modes to and fro, and the audit
        assert sum([each.get(COUNTED, 0) for each in both]) == 55


def test_what_was_only_counted_is_told_with_the_next_one():
    bench = running(60)
    flapping(bench, 50)
    bench.reads[0] = bench.healthy
    bench.run(120)
    bench.events = []
    bench.reads[0] = lambda now_ms, count: None
    bench.run(3)
    first = told(bench, f.E_RAISED, f.F_INPUT_INVALID)[0]
    assert first[COUNTED] == 45
    bench.reads[0] = bench.healthy
    bench.run(3)
    assert COUNTED not in told(bench, f.E_CLEARED, f.F_INPUT_INVALID)[0]
