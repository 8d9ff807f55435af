# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The whole step: permits, faults, lateness, inputs, two packs on one PCS."""

from edge.core import anomalies as a
from edge.core import faults as f
from edge.core import limits as lim
from edge.core.records import G_CELLS, OK, SENTINEL, Group
from edge.core.registry import KEYS
from tests.both import core_help as h


def running(seconds=60, **changes):
    """A bench whose ramp is through: 80 A both ways."""
    bench = h.Bench(**changes)
    command = bench.run(seconds)
    assert (command.charge_ma, command.discharge_ma) == (80000, 80000)
    return bench


def test_ramp_from_zero_at_boot():
    bench = h.Bench()
    first = bench.step()
    assert (first.charge_ma, first.discharge_ma) == (0, 0)
    for k in range(1, 28):
        assert bench.step().charge_ma == 2800 * k
    assert bench.run(3).charge_ma == 80000


def test_commands_expire_and_count():
    bench = h.Bench()
    for k in range(1, 20):
        at_ms = bench.now_ms
        command = bench.step()
        assert command.valid_until_ms == at_ms + 2000 and command.decision == k == bench.outcome.decision
        assert command.target == -1 and bench.outcome.wake_ms == at_ms + 1000


def test_every_required_group_lost_is_zero_in_that_step():
    for g in range(8):
        bench = running()

        def broken(now_ms, count, g=g):
            return h.regroup(h.sample(now_ms, count, mv=3300 + count % 3), g, Group(SENTINEL, now_ms, count))

        bench.reads[0] = broken
        command = bench.step()
        if g == 5:
            assert command.charge_ma == 80000  # the BMS's own SoC is only information
        else:
            assert (command.charge_ma, command.discharge_ma) == (0, 0), g
            assert bench.site.packs[0].limits.charge_why == lim.S_INPUT
            bench.reads[0] = bench.healthy
            assert bench.step().charge_ma == 2800  # back through the ramp


def test_published_is_enforced():
    bench = running()
    # every source is content; the guard, made stricter by hand, is not
    bench.site.packs[0].guard_ms = (0,) * 8
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms - 1, count, mv=3300 + count % 3)
    command = bench.step()
    assert command.charge_ma == command.discharge_ma == 0
    pack = bench.site.packs[0]
    assert (pack.limits.charge_ma, pack.limits.discharge_ma) == (0, 0)
    assert lim.S_GUARD in (pack.limits.charge_why, pack.limits.discharge_why)


def test_a_late_step_permits_nothing_and_is_told():
    bench = running()
    command = bench.step(late_ms=300)
    assert command.charge_ma == 80000  # at the class limit
    command = bench.step(late_ms=301)
    assert (command.charge_ma, command.discharge_ma) == (0, 0)
    assert bench.site.packs[0].limits.charge_why == lim.S_LATE
    assert [e for e in bench.events if e[60] == f.E_LATE][0][63] == 301
    assert 0 < bench.step().charge_ma <= 2800  # back through the ramp
    assert bench.site.late_max_ms == 301
    command = bench.step(late_ms=3600000)  # stopped by a debugger for an hour
    assert (command.charge_ma, command.discharge_ma) == (0, 0)
    assert bench.now_ms % 1000 == 0  # still on the grid


def test_an_early_step_stays_on_the_grid():
    bench = running()
    grid = bench.now_ms
    bench.now_ms -= 400
    bench.step()
    assert bench.now_ms == grid


def with_mv(mv):
    return lambda now_ms, count: h.sample(now_ms, count, mv=mv + count % 3)


def test_weak_cell_stops_discharge_then_trips_then_restarts_thrice_and_locks():
    bench = running()
    low = (3300,) * 15 + (2300,)
    weak = lambda now_ms, count: h.sample(now_ms, count, cell_mv=low, current_ma=count % 5)  # noqa: E731
    for _ in range(3):
        bench.reads[0] = weak
        command = bench.step()
        assert command.discharge_ma == 0
        bench.run(4)
        assert bench.site.packs[0].mode == f.OPEN
        bench.reads[0] = bench.healthy
        assert bench.until_zero(299) == 1 and bench.site.packs[0].mode == f.OPEN
        bench.run(310)
        assert bench.site.packs[0].mode == f.RUNNING
    bench.reads[0] = weak
    bench.run(5)
    bench.reads[0] = bench.healthy
    bench.run(320)
    assert bench.site.packs[0].mode == f.LOCKED
    assert f.F_BUDGET_USED in [e.get(61) for e in bench.events if e[60] == f.E_RAISED]
    again = h.Bench(state=h.kept(bench.site.state()))
    command = again.run(100)
    assert command.charge_ma == 0 and again.site.packs[0].mode == f.LOCKED


def test_warnings_stop_one_direction():
    bench = running()
    bench.reads[0] = with_mv(3652)
    command = bench.run(5)
    assert command.charge_ma == 0 and command.discharge_ma > 0
    assert bench.site.packs[0].mode == f.RUNNING
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=3300 + count % 3, alarms=1 << 9)
    command = bench.step()
    assert command.charge_ma == 0 and command.discharge_ma > 0
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=3300 + count % 3, alarms=1 << 1)
    bench.run(3)
    assert bench.site.packs[0].mode == f.OPEN


def test_disobedience():
    bench = running()
    bench.reads[0] = lambda now_ms, count: h.sample(
        now_ms, count, mv=3300 + count % 3, current_ma=bench.current_ma, bms_charge_ma=20000
    )
    bench.current_ma = 28399  # 20 A + 3 % C: tolerated
    bench.run(30)
    assert bench.site.packs[0].mode == f.RUNNING
    bench.current_ma = 28401
    commands = [bench.step() for _ in range(6)]
    assert commands[0].charge_ma == 20000
    assert (commands[2].charge_ma, commands[2].discharge_ma) == (0, 0)
    assert f.F_PCS_DISOBEYS in bench.site.packs[0].faults.names()
    found = [k for k in range(20) if bench.step() and bench.site.packs[0].mode == f.OPEN]
    assert found and found[0] <= 4  # zero was ignored too


def test_a_pcs_that_follows_a_falling_limit_is_not_accused():
    bench = running()
    limits = []

    def falling(now_ms, count):
        limits.append(max(80000 - 6000 * max(0, count - 60), 0))
        lag = limits[-3] if len(limits) > 2 else 0  # 2 s behind, as obey_ms allows
        return h.sample(now_ms, count, mv=3300 + count % 3, current_ma=lag, bms_charge_ma=limits[-1])

    bench.reads[0] = falling
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, dc_ma=limits[-3] if len(limits) > 2 else 0)
    bench.run(1)
    del bench.events[:]
    for _ in range(20):
        bench.step()
        assert f.F_PCS_DISOBEYS not in bench.site.packs[0].faults.names()


def test_disobedience_is_seen_by_the_pcs_current_alone():
    bench = running()
    bench.reads[0] = lambda now_ms, count: None
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, dc_ma=-60000)
    for _ in range(8):
        command = bench.step()
        assert (command.charge_ma, command.discharge_ma) == (0, 0)
    assert f.F_PCS_IGNORES_ZERO in bench.site.packs[0].faults.names()
    assert bench.site.packs[0].mode == f.OPEN


def test_observe_accuses_nobody_and_computes_all():
    bench = h.Bench(h.site_settings(mode="observe"))
    bench.current_ma = 120000
    command = bench.run(60)
    assert command.charge_ma == 80000
    assert bench.site.packs[0].faults.names() == []


def test_pcs_silent_is_zero_and_a_pcs_without_current_is_not_silent():
    bench = running()
    bench.pcs = lambda now_ms, count: None
    assert bench.until_zero(12) <= 11  # never seen since: as at the start
    bench = running()
    last = h.pcs_sample(bench.now_ms - 1000, 60)
    bench.pcs = lambda now_ms, count: last
    assert bench.until_zero(10) == 4  # first step with an age above 3 s
    bench = h.Bench()
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, dc_ma=None)
    assert bench.run(60).charge_ma == 80000


def with_inputs():
    bench = h.Bench(h.site_settings(inputs={"estop_pin": 1}))
    bench.inputs = lambda now_ms, count: h.quiet_inputs(now_ms)
    return bench


def test_inputs_each_alone_active_or_unknown():
    for index, fault, level in (
        (1, f.F_ESTOP, f.OPEN),
        (2, f.F_SMOKE, f.LOCKED),
        (3, f.F_INSULATION, f.LOCKED),
        (4, f.F_DOOR, f.STOPPED),
    ):
        for value in (True, None):
            bench = with_inputs()
            assert bench.run(40).charge_ma == 80000

            def active(now_ms, count, index=index, value=value):
                parts = list(h.quiet_inputs(now_ms))
                parts[index] = value
                return h.Inputs(*parts)

            bench.inputs = active
            assert bench.until_zero(2) is not None
            assert fault in bench.site.packs[0].faults.names() and bench.site.packs[0].mode == level


def test_inputs_that_hang_or_never_come():
    bench = with_inputs()
    bench.run(40)
    last = h.quiet_inputs(bench.now_ms - 1000)
    bench.inputs = lambda now_ms, count: last
    assert bench.until_zero(10) == 3 + 1
    assert bench.site.packs[0].mode == f.STOPPED  # not locked by a hiccup
    bench.inputs = lambda now_ms, count: h.quiet_inputs(now_ms)
    assert bench.run(40).charge_ma == 80000
    bench = with_inputs()
    bench.inputs = lambda now_ms, count: None
    for k in range(15):
        assert bench.step().charge_ma == 0
        assert (bench.site.packs[0].mode == f.LOCKED) == (k > 10), k


def test_flow_through_an_open_contactor_locks():
    bench = with_inputs()
    bench.inputs = lambda now_ms, count: h.quiet_inputs(now_ms, contactor=False)
    bench.run(10)
    assert bench.site.packs[0].mode == f.RUNNING
    bench.current_ma = 5601
    bench.run(3)
    assert bench.site.packs[0].mode == f.LOCKED


def two(**changes):
    packs = [h.pack(id="a"), h.pack(id="b", serial="S2", **changes)]
    bench = h.Bench(h.site_settings(packs))
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, dc_ma=2 * bench.current_ma)
    return bench


def share(bench, a_ma, b_ma):
    """Both packs carry these currents, the PCS their sum."""

    def at(ma):
        return lambda now_ms, count: h.sample(now_ms, count, mv=3300 + count % 3, current_ma=ma + count % 2)

    bench.reads = [at(a_ma), at(b_ma)]
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, dc_ma=a_ma + b_ma)


def warm(bench):
    """The ramp is through before current flows."""
    bench.run(60)
    return bench


def test_two_packs_share_by_the_worst_until_measured():
    # 50 and 100 milliohm with 80 A each: 80 / (2/3) = 120 A, not 160
    command = two().run(80)
    assert 119990 <= command.charge_ma <= 120000 and 119990 <= command.discharge_ma <= 120000


def test_two_packs_share_as_measured_with_margin():
    bench = warm(two())
    share(bench, 30000, 30000)
    assert bench.run(50).charge_ma <= 120000  # one look is not enough
    assert 145000 <= bench.run(60).charge_ma <= 146000  # 80 / (0.5 + 0.05)
    bench = warm(two())
    share(bench, 40000, 10000)
    assert 94000 <= bench.run(120).charge_ma <= 94200  # 80 / (0.8 + 0.05)


def test_two_packs_never_above_n_times_the_smallest_and_one_stops_all():
    bench = two(contract={"charge_ma": 10000, "discharge_ma": 80000})
    share(bench, 0, 0)
    command = bench.run(80)
    assert command.charge_ma <= 15000
    bench.reads[1] = lambda now_ms, count: None
    command = bench.step()
    assert (command.charge_ma, command.discharge_ma, command.pack_mv) == (0, 0, None)


def test_an_old_current_of_one_pack_does_not_accuse_the_other():
    bench = warm(two())
    share(bench, 30000, 30000)
    bench.run(80)
    old = h.sample(bench.now_ms - 1000, 80, current_ma=30000)
    bench.reads[1] = lambda now_ms, count: old
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=3300 + count % 3, current_ma=count % 2)
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, dc_ma=0)
    bench.run(30)
    assert bench.site.packs[1].mode == f.OPEN
    assert bench.site.packs[0].believed.worst == OK
    assert bench.site.packs[0].faults.names() == []


def test_records_carry_registered_keys_in_order():
    bench = running()
    seen = set()
    for _ in range(1000):
        bench.step()
        for record in bench.outcome.records:
            keys = [pair[0] for pair in record.pairs]
            assert keys == sorted(set(keys))
            for _, value in record.pairs:
                if isinstance(value, list):  # sources, faults: integers, None = not given
                    assert all([each is None or isinstance(each, int) for each in value])
                else:
                    assert isinstance(value, (int, str))
            seen.add(record.cls)
            if record.cls == "E" and KEYS["anomaly"] in keys:
                assert a.KINDS[dict(record.pairs)[KEYS["anomaly"]]] == "bms_soh"  # it says 100 %, the certificate 85 %
                assert dict(record.pairs)[KEYS["bms_soh"]] == 1000000 and KEYS["capacity_std"] in keys
    assert seen == {"T", "M", "B", "E"}


def test_cells_frozen_reach_the_permit():
    bench = running()
    frozen = lambda now_ms, count: h.sample(  # noqa: E731
        now_ms,
        count,
        cell_mv=tuple([3300 if i == 3 else 3290 + abs(count % 40 - 20) for i in range(16)]),
        current_ma=count,
    )
    bench.reads[0] = frozen
    assert bench.until_zero(130) is not None
    assert bench.site.packs[0].believed.quality[G_CELLS] != OK


def test_a_sensor_that_stays_lost_is_zero_at_once_and_then_open():
    from edge.core import faults as f

    bench = h.Bench()
    bench.run(60)
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, temp_mc=(25000, None, 25000, 25000))
    assert bench.step().charge_ma == 0
    pack = bench.site.packs[0]
    bench.run(10)
    assert pack.mode == f.STOPPED and not pack.faults.active[f.F_SENSOR_LOST]
    bench.step()
    assert pack.mode == f.OPEN and pack.faults.names() == [f.F_INPUT_INVALID, f.F_SENSOR_LOST]
    bench.reads[0] = bench.healthy
    bench.run(299)
    assert pack.mode == f.OPEN
    bench.run(5)
    assert pack.mode == f.RUNNING and len(pack.faults.restarts) == 1
    bench.reads[0] = lambda now_ms, count: None  # silence is not a lost sensor: it has its own budget
    bench.run(30)
    assert pack.faults.names() == [f.F_BMS_SILENT, f.F_INPUT_INVALID]
