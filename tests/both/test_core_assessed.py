# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a hostile assessor found: doors that stood open, each with the test that saw it."""

from edge.core import contactor as k
from edge.core import faults as f
from edge.core import guard as g
from edge.core import limits as lim
from edge.core import records as r
from edge.core.anomalies import WEAK, Anomaly
from edge.core.registry import KEYS
from tests.both import core_help as h

NAN = float("nan")


def two(**changes):
    """A bench of two packs, the second with a contactor of ours and its auxiliary contact."""
    packs = [h.pack(id="a"), h.pack(id="b", serial="S2", contactor={"break_ma": 5000}, **changes)]
    settings = h.site_settings(packs, inputs={"estop_pin": 1})
    bench = h.Bench(settings)
    bench.welded = False

    def inputs(now_ms, count):
        closed = bench.welded or bench.site.packs[1].contactor.contactor == 1
        return h.Inputs(now_ms, False, False, False, False, (None, closed))

    bench.inputs = inputs
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, dc_mv=51360)
    return bench


def test_a_welded_pack_stays_on_the_bus_and_binds_the_others():
    bench = two()
    assert bench.run(90).charge_ma > 100000
    bench.welded = True
    bench.reads[1] = lambda now_ms, count: h.sample(now_ms, count, mv=3210 + count % 3, alarms=f.ALARM_MASK)
    for number in range(20):  # it trips and says open; its contact stays closed
        command = bench.step()
        assert (command.charge_ma, command.discharge_ma) == (0, 0) or number < 3, number
    assert bench.site.packs[1].contactor.state_now == k.OPEN and not bench.site.packs[1].is_away()
    assert f.F_WELD in bench.site.packs[1].faults.names()


def test_a_pack_that_really_left_does_not_bind_the_others():
    bench = two()
    bench.run(90)
    bench.reads[1] = lambda now_ms, count: h.sample(now_ms, count, mv=3210 + count % 3, alarms=f.ALARM_MASK)
    assert bench.run(100).charge_ma > 50000 and bench.site.packs[1].is_away()


def test_what_is_not_known_clears_no_fault():
    """A trip restarts when its values are inside again for its time: not when nobody can see them."""
    hurt = f.Faults()
    conditions = [False] * len(f.FAULTS)
    held = [f.F_CELL_OVER_VOLT, f.F_ESTOP, f.F_DOOR]
    for fault in held + [f.F_LATE_STEP]:
        conditions[fault] = True
    hurt.step(0, 1, 1, conditions)
    hurt.step(1000, 9, 9, conditions)
    assert hurt.names() == held + [f.F_LATE_STEP]
    blind = [False] * len(f.FAULTS)
    blind[f.F_INPUT_INVALID] = True
    changes = [(f.E_RAISED, f.F_INPUT_INVALID), (f.E_CLEARED, f.F_LATE_STEP)]  # what clears at once does so
    for now_ms in range(2000, 900000, 1000):
        assert hurt.step(now_ms, 9, 9, blind) == (changes if now_ms == 2000 else [])
    seen = [False] * len(f.FAULTS)
    assert hurt.step(900000, 9, 9, seen) == [(f.E_CLEARED, f.F_INPUT_INVALID)]
    hurt.step(901000, 9, 9, seen)
    assert hurt.names() == held[:2]
    hurt.step(1100000, 9, 9, blind)  # its time begins again
    hurt.step(1101000, 9, 9, seen)
    hurt.step(1400999, 9, 9, seen)
    assert hurt.names() == held[:2]
    assert hurt.step(1401000, 9, 9, seen) == [(f.E_CLEARED, fault) for fault in held[:2]]


def test_a_lock_that_came_after_the_signature_is_not_lifted():
    hurt = f.Faults()
    hurt.active[f.F_WELD] = hurt.active[f.F_SMOKE] = True
    hurt.acknowledge(None, [f.F_WELD])
    assert hurt.names() == [f.F_SMOKE]
    hurt.acknowledge(None)
    assert hurt.names() == []


def locked(settings, name):
    """State of a site whose pack of that name has a lock."""
    bench = h.Bench(settings)
    bench.run(3)
    for pack in bench.site.packs:
        if pack.pack["id"] == name:
            pack.faults.active[f.F_WELD] = True
    return h.kept(bench.site.state())


def test_a_lock_survives_another_list_of_packs():
    one, other = h.pack(id="a"), h.pack(id="b", serial="S2")
    state = locked(h.site_settings([one, other]), "a")
    for packs in ([other, one], [one], [h.pack(id="c", serial="S3"), other, one]):
        site = h.Bench(h.site_settings(packs), state).site
        for pack in site.packs:
            assert (f.F_WELD in pack.faults.names()) == (pack.pack["id"] == "a"), packs
    # the same pack, described or named in another way
    for change in ({"cells": 15}, {"chemistry": "nmc"}, {"serial": None}, {"id": "d"}):
        bench = h.Bench(h.site_settings([h.pack(**dict({"id": "a"}, **change))]), state)
        bench.step()
        assert f.F_STATE_LOST in bench.site.packs[0].faults.names()
    old = dict(state["packs"][0], version=0)
    bench = h.Bench(h.site_settings([one]), dict(state, packs=[old]))
    bench.step()
    assert f.F_STATE_LOST in bench.site.packs[0].faults.names()
    for change in ({"id": "d", "serial": "S9"}, {"serial": "S9"}):  # another pack
        bench = h.Bench(h.site_settings([h.pack(**dict({"id": "a"}, **change))]), state)
        bench.step()
        assert bench.site.packs[0].faults.names() == []


def test_hidden_locks_are_a_trip_that_ends_in_a_lock():
    state = locked(h.site_settings(), "pack-1")
    state["packs"][0]["faults"] = {"locked": "x"}
    bench = h.Bench(state=state)
    bench.run(2)
    assert bench.site.packs[0].mode == f.OPEN
    bench.run(310)
    assert bench.site.packs[0].mode == f.LOCKED and f.F_BUDGET_USED in bench.site.packs[0].faults.names()


def test_only_integers_are_values():
    pack = h.pack()
    limits_ms = g.stale_limits(pack, 1000)

    def ask(sample, charge_ma=200000):
        want = r.Command(0, charge_ma, 200000, None, None, None, None, 3000, None)
        made, reason = g.guard(1000, pack, limits_ms, sample, want, 1)
        return made.charge_ma, made.discharge_ma, reason

    assert ask(h.sample(1000)) == (80000, 80000, g.G_DOCUMENT)
    for odd in (NAN, 3300.0, float("inf")):
        for key in ("pack_mv", "current_ma", "bms_charge_ma", "bms_discharge_ma"):
            assert ask(h.sample(1000, **{key: odd})) == (0, 0, g.G_RANGE), (key, odd)
        cells = h.sample(1000)
        for at in (0, 7, 15):
            mv = [3300] * 16
            mv[at] = odd
            assert ask(h.sample(1000, cell_mv=tuple(mv), pack_mv=52800)) == (0, 0, g.G_RANGE)
        assert ask(h.sample(1000, temp_mc=(25000, odd, 25000, 25000))) == (0, 0, g.G_RANGE)
        assert ask(cells, odd)[0] == 0
        assert lim.least(((3, 5), (4, odd), (5, 9)), 1) == (0, 4)


def test_in_force_to_the_end_of_a_command():
    papers = ((5, 50, 2000, 7), (5, 60, 3000, None), (6, 1, None, None))
    rows = ((1000, 1999, 50), (1000, 2000, 7), (2000, 2000, 7), (1999, 0, 50), (3500, 9000, 7))
    for now_ms, end_ms, ma in rows:
        assert lim.in_force(now_ms, papers, 5, 99, end_ms) == ma, (now_ms, end_ms)
    assert lim.in_force(2500, papers[1:], 5, 99, 9000) == 60
    assert lim.in_force(3000, papers[1:], 5, 99) == 99
    assert lim.in_force(0, ((5, 9, 2000, 50),), 5, 99, 4000) == 9  # what comes is looser: not yet


def test_what_packs_allow_together_is_told_with_the_one_that_binds():
    bench = h.Bench(h.site_settings([h.pack(id="a"), h.pack(id="b", serial="S2")]))
    bench.reads[1] = lambda now_ms, count: h.sample(now_ms, count, mv=3210 + count % 3, bms_charge_ma=9000)
    bench.run(200)
    told = []
    for pairs in bench.events:
        if pairs.get(KEYS["charge_pack"]) is not None:
            told.append(pairs)
    last = told[-1]
    command = bench.outcome.commands[0]
    assert last[KEYS["event"]] == f.E_LIMITS and last[KEYS["charge_pack"]] == 1
    assert last[KEYS["charge_limit"]] == command.charge_ma and last[KEYS["charge_why"]] == lim.S_BMS
    assert abs(last[KEYS["discharge_limit"]] - command.discharge_ma) <= 14000
    count = len(told)
    bench.run(60)
    assert len(told) == count and count <= 20


def test_the_lowest_wish_of_all_packs_for_the_charging_voltage_counts():
    bench = h.Bench(h.site_settings([h.pack(id="a"), h.pack(id="b", serial="S2")]))
    wishes = [56000, 54000]

    def at(i):
        return lambda now_ms, count: h.sample(now_ms, count, mv=3210 + count % 3, bms_charge_mv=wishes[i])

    bench.reads = [at(0), at(1)]
    assert bench.run(3).charge_mv == 54000
    wishes[1] = None
    assert bench.run(3).charge_mv == 56000
    wishes[0] = None
    assert bench.run(3).charge_mv is None


def test_a_flickering_anomaly_is_counted():
    bench = h.Bench()
    bench.run(3)
    estimator = bench.site.packs[0].estimator
    flag = [()]
    estimator.anomalies = lambda: flag[0]
    bench.events = []
    for number in range(40):
        flag[0] = () if number % 2 else (Anomaly(WEAK, 3, 120000, 1000, 0, 7),)
        bench.step()
    assert len([row for row in bench.events if row.get(KEYS["event"]) in (f.E_ANOMALY, f.E_OVER)]) == 5
    bench.events = []
    flag[0] = ()
    bench.run(60)
    flag[0] = (Anomaly(WEAK, 3, 120000, 1000, 0, 7),)
    bench.step()
    told = [row for row in bench.events if row.get(KEYS["event"]) == f.E_ANOMALY]
    assert len(told) == 1 and told[0][KEYS["suppressed"]] == 35


def test_the_up_ramp_takes_no_room_from_the_stop():
    """Twelve seconds of ramp move five times by more than 5 %: the stop that follows must be told all the same."""
    bench = h.Bench()
    bench.run(25)
    bench.reads[0] = lambda now_ms, count: None
    at_ms = bench.now_ms
    bench.events = []
    while bench.now_ms < at_ms + 6000:
        bench.step()
    told = [row for row in bench.events if row[KEYS["event"]] == f.E_LIMITS]
    assert told and told[0][KEYS["charge_limit"]] == 0 and told[0][KEYS["charge_why"]] == lim.S_INPUT
