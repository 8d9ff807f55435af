# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What reviews of the permit found: each was a way to a permit that was too large, or to a lock without a cause."""

from edge.core import faults as f
from edge.core import grades
from edge.core import orders as o
from edge.core import records as r
from edge.core import terms as t
from edge.core.jump import Jump
from edge.core.trust import STILL_PERCENT, Still
from tests.both import core_help as h
from tests.both.test_core_orders import Desk, order


def test_watts_do_not_follow_one_wild_pack_voltage():
    bench = h.Bench()
    bench.run(80)
    first = bench.count + 1
    good = bench.step()
    allowed_mw = good.discharge_ma * good.pack_mv

    def wild(now_ms, n):
        read = h.sample(now_ms, n, mv=3210 + n % 3)
        return h.sample(now_ms, n, mv=3210 + n % 3, pack_mv=read.pack_mv * 10) if n <= first + 1 else read

    bench.reads = [wild]
    for _ in range(4):
        command = bench.step()
        assert command.discharge_ma * (command.pack_mv or 0) < 1.05 * allowed_mw


def test_watts_follow_the_pack_voltage_of_unequal_cells():
    bench = h.Bench()
    bench.reads = [lambda now_ms, n: h.sample(now_ms, n, cell_mv=(3300 + n % 3,) + (3200,) * 15)]
    bench.run(80)
    assert 51300 <= bench.step().pack_mv <= 51302  # the sum; sixteen times the lowest would be 51200


def test_cells_that_stand_still_while_charge_flows_are_an_old_page():
    bench = h.Bench()
    bench.current_ma = 0
    bench.run(60)
    bench.current_ma = 40000
    start = bench.count
    cells = (3400,) * 16

    def old_cells(now_ms, n):  # pack voltage and current go on, the page of the cells does not
        ma = 40000 + 10 * (n % 3)
        return h.sample(
            now_ms, n, cell_mv=cells, pack_mv=54400 + n % 5, current_ma=ma, cell_max_mv=3400, cell_min_mv=3400
        )

    bench.reads = [old_cells]
    capacity_mah = bench.site.packs[0].pack["capacity_mah"]
    due_s = capacity_mah * 36 * STILL_PERCENT // 40000 + 60
    for _ in range(due_s):
        command = bench.step()
    assert (command.charge_ma, command.discharge_ma) == (0, 0), bench.count - start
    assert bench.site.packs[0].believed.quality[r.G_CELLS] == r.FROZEN


def test_what_stands_still_counts_charge_and_resolution_but_no_gaps():
    for lsb_mv in (1, 3):
        still = Still(1000, lsb_mv)  # 5 % of 1 Ah: 180 A s
        seconds = 180 * lsb_mv
        assert not still.is_frozen(0, 1000, (3300, 3301), 3000)
        assert not still.is_frozen(seconds * 1000 // 2, 1000, (3300, 3301), 10**9)
        assert not still.is_frozen(seconds * 1000, 1000, (3300, 3301), 10**9)
        assert not still.is_frozen(9 * 10**6, 1000, (3300, 3301), 3000)  # nobody looked
        assert not still.is_frozen(9 * 10**6 + 1000, None, (3300, 3301), 3000)  # nobody knows
        assert still.is_frozen(9 * 10**6 + 2000, 1000, (3300, 3301), 3000)
        assert not still.is_frozen(9 * 10**6 + 3000, 1000, (3300, 3302), 3000)
    still = Still(1000, 1)
    for k in range(2000):  # there and back is no charge
        assert not still.is_frozen(k * 1000, 1000 if k % 2 else -1000, (3300,), 3000)


def test_a_request_counts_as_a_flow_where_the_inverter_tells_none():
    bench = h.Bench()
    bench.pcs = lambda now_ms, n: h.pcs_sample(now_ms, n, dc_ma=None)
    bench.reads = [lambda now_ms, n: h.sample(now_ms, n, mv=3250, current_ma=0)]
    bench.run(60)
    assert bench.step().discharge_ma > 0  # at rest nobody can tell an old page
    bench.site.request(bench.now_ms, -4000, bench.now_ms + 3600000, 2)
    for _ in range(70):
        command = bench.step()
    assert (command.charge_ma, command.discharge_ma) == (0, 0)


def test_a_grade_whose_last_day_is_over_permits_nothing():
    grade = {"version": 3, "valid_until": "2026-06-30", "signer": "0" * 16, "hash": "0" * 64, "number": "N"}
    last = grades.day("2026-06-30")
    for day, trusted, flows in ((0, 3, True), (1, 3, True), (2, 3, False), (2, 0, True), (20, 3, False)):
        bench = h.Bench(h.site_settings([h.pack(grade=grade)]))
        for k in range(80):
            bench.utc = ((last + day) * 86400 + k, trusted)
            command = bench.step()
        assert (command.discharge_ma > 0) == flows, (day, trusted)
    assert grades.is_over({"valid_until": "soon"}, 1)
    assert grades.day("20²6-01-01") is None


def test_a_trip_is_saved_in_its_own_step():
    bench = h.Bench()
    bench.run(80)
    hot = (70000,) * 4
    bench.reads = [lambda now_ms, n: h.sample(now_ms, n, mv=3210 + n % 3, temp_mc=hot)]
    for _ in range(30):
        bench.site._saved_ms = bench.now_ms  # something else was saved a moment ago
        bench.step()
        if f.TRIP in [f.LEVEL[fault] for fault in bench.site.packs[0].faults.names()]:
            break
    else:
        raise AssertionError("no trip")
    saved = h.kept(bench.outcome.state)
    assert saved["packs"][0]["faults"]["tripped"]


def test_one_bad_frame_is_no_lock_and_no_trip():
    for bad in ({"cell_mv": (1800,) + (3210,) * 15}, {"cell_mv": (3750,) + (3210,) * 15}):
        bench = h.Bench()
        bench.run(60)
        at = bench.count + 1

        def read(now_ms, n, at=at, bad=bad):
            return h.sample(now_ms, n, mv=3210 + n % 3, **(bad if n == at else {}))

        bench.reads = [read]
        for _ in range(5):
            bench.step()
        raised = [f.LEVEL[fault] for fault in bench.site.packs[0].faults.names()]
        assert not raised or max(raised) < f.TRIP, bad


def test_a_jump_counts_for_two_reads_whatever_follows():
    jump = Jump()
    seen = []
    for value in (3300, 3300, 3900, 3300, 3300, 3300, 3900, 3900, 3900, 3900):
        jump.fresh()
        seen.append(jump.step(value, value, 200))
    assert [high for high, _ in seen] == [3300, 3300, 3900, 3900, 3300, 3300, 3900, 3900, 3900, 3900]
    assert [low for _, low in seen] == [3300, 3300, 3300, 3300, 3300, 3300, 3300, 3300, 3900, 3900]


def test_a_lease_that_tightens_finds_room_in_a_full_row():
    desk = Desk()
    desk.run(60)
    desk.ask(order(1, t.LEASE, {1: [50000, 9000, 0], 2: [50000, 9000, 0]}))
    desk.keeps = False  # the store is stuck
    told = [t.VERDICTS[desk.ask(order(2 + k, t.LEASE, {1: [60000 + k, 9000, 0]}))[0]] for k in range(9)]
    assert told[-1] == t.VERDICTS[o.V_BUSY] != told[0]
    assert desk.ask(order(20, t.LEASE, {1: [0, 9000, 0], 2: [0, 9000, 0]}))[0] != o.V_BUSY
    assert desk.permit(5) == (0, 0)
    told = [desk.ask(order(21 + k, t.LEASE, {1: [0, 8999 - k, 0], 2: [0, 9000, 0]}))[0] for k in range(9)]
    assert [verdict == o.V_BUSY for verdict in told] == [False] * 7 + [True] * 2  # eight more, and no more


def test_the_day_of_a_lock_stays_while_one_that_needs_a_grade_does():
    hurt = f.Faults()
    conditions = [False] * f.COUNT
    hurt.active[f.F_WELD] = True
    conditions[f.F_DEEP_DISCHARGE] = True
    for k in range(4):
        hurt.step(1000 * k, k, k, conditions, day=20000)
    hurt.acknowledge(20001, [f.F_WELD])
    assert hurt.names() == [f.F_DEEP_DISCHARGE] and hurt.lock_day == 20000
    assert hurt.waits_for_grade(20000) and not hurt.waits_for_grade(20001)
    hurt.acknowledge(20001)
    assert hurt.names() == [] and hurt.lock_day is None


def test_graded_resistances_widen_the_worst_share():
    def permit(ohms):
        packs = []
        for i, uohm in enumerate(ohms):
            grade = {"charge_ma": 50000, "discharge_ma": 50000}
            if uohm is not None:
                grade["resistance_uohm"] = uohm
            packs.append(h.pack(id="p%d" % i, serial="S%d" % i, unit=i + 1, grade=grade))
        bench = h.Bench(h.site_settings(packs))
        bench.pcs = lambda now_ms, n: h.pcs_sample(now_ms, n, dc_ma=None)
        bench.run(120)
        return bench.step().discharge_ma

    assert 70000 < permit((30000, 40000)) == permit((30000, None)) <= 75000
    assert permit((30000, 120000)) <= 62500  # four fifths of it may go through the better one
    assert permit((30000, 120000)) > 60000
