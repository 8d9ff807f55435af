# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Measured against issued, a lost PCS, currents between packs, contactors and restarts in the whole step."""

from edge.core import faults as f
from edge.core.obey import KEEP, Obey
from tests.both import core_help as h

CONTACTOR = {"break_ma": 20000, "fuse_ms": 3000, "join_mv": 1000, "precharge": "output"}


def test_time_to_obey():
    obey = Obey(2000)
    assert (obey.last_ms(), obey.worst_ms(), obey.is_slow(0)) == (None, None, False)
    for now_ms, flow, again in ((0, 10100, False), (1000, 10101, True), (2000, 20000, False), (3000, -5100, False)):
        obey.step(now_ms, flow, (10000, 5000), 100)
        assert obey.again == again, now_ms
    assert (obey.last_ms(), obey.worst_ms(), obey.count) == (2000, 2000, 1)
    assert not obey.is_slow(3000)
    obey.step(10000, -5101, (10000, 5000), 100)
    assert obey.again and not obey.is_slow(12000) and obey.is_slow(12001)
    obey.step(20000, None, (10000, 5000), 100)  # nobody knows
    assert obey.count == 1 and not obey.is_slow(30000)
    for k in range(KEEP + 5):
        obey.step(40000 + 10000 * k, 30000, (0, 0), 100)
        obey.step(41000 + 10000 * k + (3000 if k == 4 else 0), 0, (0, 0), 100)
        assert obey.is_slow(41000 + 10000 * k) == (4 <= k < 4 + KEEP), k
    obey.step(990000, 30000, (0, 0), 100)
    obey.step(991000, 0, (0, 0), 100)
    assert obey.count == KEEP + 7 and obey.worst_ms() == 1000 and not obey.is_slow(991000)


def bench_of(packs=1, state=None, contactor=True, **more):
    many = [h.pack(id="p%d" % k, serial="S%d" % k) for k in range(packs)]
    for pack in many:
        if contactor:
            pack["contactor"] = dict(CONTACTOR)
    bench = h.Bench(h.site_settings(many, **more), state)
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, packs * bench.current_ma, 51360)
    bench.keeps = False
    return bench


def closed():
    """A bench whose contactor closed as it has to."""
    bench = bench_of()
    for _ in range(30):
        command = bench.step()
        assert (command.charge_ma, command.discharge_ma) == (0, 0)
        assert bench.outcome.commands[1].contactor in (0, None)
    assert bench.outcome.state is not None or bench.site.durable.is_waiting()
    bench.site.saved = bench.site.durable.made
    bench.step()
    assert bench.outcome.commands[1].contactor == 1 and bench.outcome.commands[0].charge_ma == 0
    bench.site.saved = bench.site.durable.made
    assert bench.run(60).charge_ma == 80000
    return bench


def test_zero_until_it_is_closed_and_durable():
    assert len(closed().site.packs[0].contactor.book) == 1


def test_observe_leaves_the_contactor_alone():
    bench = bench_of(mode="observe")
    for _ in range(10):
        bench.site.saved = bench.site.durable.made
        bench.step()
        assert bench.outcome.commands[1].contactor in (0, None)


def test_a_stop_that_nobody_explained_costs_one_restart():
    bench = closed()
    for state, names in ((bench.site.state(), [f.F_UNEXPLAINED_STOP]), (bench.site.state(True), [])):
        again = bench_of(state=h.kept(state))
        again.run(5)
        assert again.site.packs[0].faults.names() == names
        again.run(310)
        again.site.saved = again.site.durable.made
        again.run(5)
        assert again.site.packs[0].mode == f.RUNNING
        assert len(again.site.packs[0].faults.restarts) == len(names)
    # killed once more before it is over: still a trip
    again = bench_of(state=h.kept(bench.site.state()))
    again.run(2)
    third = bench_of(state=h.kept(again.site.state()))
    third.run(2)
    assert third.site.packs[0].mode == f.OPEN


def test_an_unreadable_state_is_a_trip_with_or_without_a_contactor():
    for contactor in (True, False):
        bench = bench_of(state={"unreadable": 1}, contactor=contactor)
        bench.run(400)
        assert bench.site.packs[0].faults.names() == [f.F_STATE_LOST]  # its restart is not durable
        bench.keeps = True
        bench.run(2)
        assert bench.site.packs[0].faults.names() == []


def test_a_lost_pcs_trips_only_when_current_flows():
    for current_ma, names in ((8400, False), (8401, True)):
        bench = bench_of(contactor=False)
        bench.run(40)
        last = h.pcs_sample(bench.now_ms - 1000, 40)
        bench.pcs = lambda now_ms, count, last=last: last
        bench.current_ma = current_ma
        found = None
        for k in range(20):
            bench.step()
            if bench.site.packs[0].faults.active[f.F_PCS_LOST] and found is None:
                found = k
        assert (found is not None) == names
        assert found is None or 7 <= found <= 10  # watchdog 5 s, 2 s more, three readings


def test_a_pcs_with_another_watchdog_is_held_at_zero():
    for watchdog_ms, wrong in ((5000, False), (None, False), (0, True), (60000, True)):
        bench = bench_of(contactor=False)
        bench.pcs = lambda now_ms, count, w=watchdog_ms: h.pcs_sample(now_ms, count, watchdog_ms=w)
        command = bench.run(60)
        assert bench.site.packs[0].faults.active[f.F_PCS_WATCHDOG] == wrong
        assert (command.charge_ma == 0) == wrong


def test_currents_between_packs_are_held_against_their_own_limits():
    for ma, trips in ((88000, False), (88500, True)):
        bench = bench_of(2, contactor=False)
        bench.run(60)
        bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, 0)
        for k, sign in ((0, 1), (1, -1)):
            bench.reads[k] = lambda now_ms, count, m=sign * ma: h.sample(
                now_ms, count, mv=3210 + count % 3, current_ma=m + count % 2
            )
        bench.run(8)
        for pack in bench.site.packs:
            assert pack.faults.active[f.F_CIRCULATING] == trips
            assert not pack.faults.active[f.F_PCS_IGNORES_ZERO]


def test_a_slow_pcs_leaves_room_for_one_pack_to_leave():
    bench = bench_of(2, contactor=False)
    assert bench.run(60).charge_ma > 100000
    bench.site.obey.step(0, 90000, (0, 0), 0)
    bench.site.obey.step(5000, 0, (0, 0), 0)
    assert bench.step().charge_ma == 80000


def test_self_heating_locks():
    bench = bench_of(contactor=False)
    bench.run(30)
    start = bench.count
    bench.reads[0] = lambda now_ms, count: h.sample(
        now_ms, count, mv=3210 + count % 3, temp_mc=(25000 + 1000 * (count - start),) * 4
    )
    bench.run(5)
    assert bench.site.packs[0].mode == f.LOCKED and bench.site.packs[0].faults.active[f.F_TEMP_RISE]


def test_every_part_of_the_new_rows():
    for code, level in (
        (f.F_TEMP_RISE, f.LOCK),
        (f.F_WELD, f.LOCK),
        (f.F_CONTACTOR_DEAD, f.TRIP),
        (f.F_PRECHARGE_FAILED, f.LOCK),
        (f.F_UNEXPLAINED_STOP, f.TRIP),
        (f.F_STATE_LOST, f.TRIP),
        (f.F_PCS_LOST, f.TRIP),
        (f.F_PCS_WATCHDOG, f.WARN),
        (f.F_CIRCULATING, f.TRIP),
    ):
        assert f.FAULTS[code][1] == level and f.FAULTS[code][2] == f.BOTH
