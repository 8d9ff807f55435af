# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The guard: may only lower, trusts nothing."""

from edge.core import guard as g
from edge.core import records as r
from tests.both import core_help as h

PACK = h.pack()
LIMITS_MS = g.stale_limits(PACK, 1000)


def wanted(charge_ma=200000, discharge_ma=200000):
    return r.Command(0, charge_ma, discharge_ma, 56000, None, None, 1, 4000, None)


def ask(sample, now_ms=1000, want=None, pack=PACK):
    command, reason = g.guard(now_ms, pack, LIMITS_MS, sample, want or wanted(), 7)
    return command.charge_ma, command.discharge_ma, reason, command


def test_healthy_is_the_smallest_document():
    charge, discharge, reason, command = ask(h.sample(1000))
    assert (charge, discharge, reason) == (80000, 80000, g.G_DOCUMENT)
    assert command.pack_mv == 52800 and command.decision == 7 and command.valid_until_ms == 4000
    assert ask(h.sample(1000, bms_charge_ma=1, bms_discharge_ma=0))[:2] == (1, 0)
    no_contract = h.pack(contract=None)
    assert ask(h.sample(1000), pack=no_contract)[:2] == (90000, 100000)


def test_lowers_and_never_raises():
    assert ask(h.sample(1000), want=wanted(5, 3))[:3] == (5, 3, g.G_PASSED)
    assert ask(h.sample(1000), want=wanted(None, None))[:2] == (0, 0)
    assert ask(h.sample(1000), want=wanted(-9, -9))[:2] == (0, 0)


def test_no_sample_or_no_group_is_zero_and_no_voltage():
    charge, discharge, reason, command = ask(None)
    assert (charge, discharge, reason, command.pack_mv) == (0, 0, g.G_NO_SAMPLE, None)
    for index in (r.G_PACK, r.G_CURRENT, r.G_CELLS, r.G_TEMPS, r.G_LIMITS, r.G_ALARMS):
        for group in (r.NEVER, r.Group(r.SENTINEL, 1000, 1), r.Group(r.OK, 1001, 1), r.Group(r.OK, -2001, 1)):
            charge, discharge, _, command = ask(h.regroup(h.sample(1000), index, group))
            assert (charge, discharge, command.pack_mv) == (0, 0, None), (index, group)
        assert ask(h.regroup(h.sample(1000), index, r.Group(r.OK, -2000, 1)))[0] == 80000
        periods = [1000] * 8
        periods[index] = None
        short = g.stale_limits(h.pack(facts={"periods_ms": periods}), 1000)
        assert g.guard(1000, PACK, short, h.sample(1000), wanted(), 1)[0].charge_ma == 0


def test_what_no_sensor_can_read_is_zero():
    one_cell = (3300,) * 15
    for change in (
        {"pack_mv": None},
        {"pack_mv": 999},
        {"pack_mv": 2000001},
        {"current_ma": None},
        {"current_ma": 3000001},
        {"current_ma": -3000001},
        {"cell_mv": one_cell},
        {"cell_mv": one_cell + (None,)},
        {"cell_mv": one_cell + (499,)},
        {"cell_mv": one_cell + (5001,)},
        {"cell_mv": one_cell + (65535,)},
        {"temp_mc": (25000,) * 3},
        {"temp_mc": (25000, 25000, 25000, None)},
        {"temp_mc": (25000, 25000, 25000, -40001)},
        {"temp_mc": (25000, 25000, 25000, 100001)},
        {"bms_charge_ma": None},
        {"bms_discharge_ma": None},
        {"alarms": None},
    ):
        values = {"pack_mv": 52800}
        values.update(change)
        charge, discharge, reason, command = ask(h.sample(1000, **values))
        assert (charge, discharge, reason, command.pack_mv) == (0, 0, g.G_RANGE, None), change


def test_what_a_sensor_can_just_read_is_a_measurement():
    cells, temps = (3300,) * 15, (25000,) * 3
    for change in (
        {"cell_mv": cells + (500,), "pack_mv": 50000},
        {"cell_mv": cells + (5000,), "pack_mv": 50000},
        {"temp_mc": temps + (-40000,)},
        {"temp_mc": temps + (100000,)},
        {"pack_mv": 1000},
        {"pack_mv": 2000000},
        {"current_ma": 3000000},
        {"current_ma": -3000000},
    ):
        assert ask(h.sample(1000, **change))[2] == g.G_DOCUMENT, change


def test_age_is_three_declared_periods_and_at_least_a_second():
    # declared period, control period, greatest age (docs/FAULTS.md: what is old is zero)
    for declared, period_ms, limit_ms in (
        (1000, 1000, 3000),
        (2000, 1000, 6000),
        (500, 1000, 3000),
        (400, 400, 1200),
        (333, 200, 1000),
        (334, 200, 1002),
        (100, 100, 1000),
        (None, 1000, None),
    ):
        pack = h.pack(facts={"periods_ms": [declared] * 8})
        assert g.stale_limits(pack, period_ms) == (limit_ms,) * 8


def test_the_reason_names_who_lowered():
    rows = (
        ((80000, 80000), g.G_PASSED),
        ((80001, 80000), g.G_DOCUMENT),
        ((80000, 80001), g.G_DOCUMENT),
        ((0, 80001), g.G_DOCUMENT),
        ((0, 0), g.G_PASSED),
    )
    for want, reason in rows:
        assert ask(h.sample(1000), want=wanted(want[0], want[1]))[2] == reason, want
    assert ask(h.regroup(h.sample(1000), r.G_CELLS, r.Group(r.OK, -2001, 1)))[2] == g.G_OLD
    assert ask(h.regroup(h.sample(1000), r.G_CELLS, r.NEVER))[2] == g.G_NO_SAMPLE
    assert ask(None)[2] == g.G_NO_SAMPLE and g.REASONS[g.G_OLD] == "old" and len(g.REASONS) == 8


def test_one_cell_and_one_sensor_are_enough():
    cells, temps = (3300,) * 15, (25000,) * 3
    rows = (
        ({"cell_mv": cells + (3650,)}, 0, 80000),
        ({"cell_mv": cells + (2500,)}, 80000, 0),
        ({"cell_mv": (3650,) + cells}, 0, 80000),
        ({"temp_mc": temps + (55000,)}, 0, 0),
        ({"temp_mc": temps + (0,)}, 0, 80000),
        ({"temp_mc": (-20000,) + temps}, 0, 0),
    )
    for change, charge, discharge in rows:
        assert ask(h.sample(1000, pack_mv=52800, **change))[:2] == (charge, discharge), change


def test_what_the_guard_does_not_judge_passes_unchanged():
    want = r.Command(3, 5, 6, 56000, 1, 1, 0, 4321, None)
    made, _ = g.guard(1000, PACK, LIMITS_MS, h.sample(1000), want, 7)
    assert made == r.Command(3, 5, 6, 56000, 52800, 1, 0, 4321, 7)


def test_each_bound_stops_its_direction():
    rows = (
        ({"mv": 3650}, 0, 80000),
        ({"mv": 3649}, 80000, 80000),
        ({"mv": 2500}, 80000, 0),
        ({"mv": 2501}, 80000, 80000),
        ({"temp_mc": (25000, 25000, 25000, 55000)}, 0, 0),
        ({"temp_mc": (25000, 25000, 25000, 54999)}, 80000, 80000),
        ({"temp_mc": (25000, 25000, 25000, 0)}, 0, 80000),
        ({"temp_mc": (25000, 25000, 25000, 1)}, 80000, 80000),
        ({"temp_mc": (25000, 25000, 25000, -20000)}, 0, 0),
        ({"bms_charge_ma": -1}, 0, 80000),
        ({"bms_discharge_ma": -1}, 80000, 0),
    )
    for change, charge, discharge in rows:
        assert ask(h.sample(1000, **change))[:2] == (charge, discharge), change


def test_dead_positions_beyond_the_commissioned_ones_do_not_matter():
    cells = (3300,) * 16 + (None, 0)
    assert ask(h.sample(1000, cell_mv=cells, pack_mv=52800))[0] == 80000


def test_orders_bind_the_guard_by_their_own_times():
    """The guard reads the raw terms: nobody has to tell it that one has ended."""
    lease = ((5, 50000, 2000, 7000), (17, 60000, 1500, None), (18, None, None, None))

    def at(now_ms, charge=lease, discharge=(), end_ms=None):
        want = r.Command(0, 200000, 200000, 56000, None, None, 1, end_ms, None)
        made, _ = g.guard(now_ms, PACK, LIMITS_MS, h.sample(now_ms), want, 7, (charge, discharge))
        return made.charge_ma, made.discharge_ma

    assert at(1000) == at(1999) == (50000, 80000)
    # no command outlives a lease: what holds after it holds as soon as the command would reach its end
    assert at(1000, end_ms=1999) == (50000, 80000) and at(1000, end_ms=2000) == (7000, 80000)
    assert at(1000, ((5, 9000, 2000, 50000),), end_ms=4000) == (9000, 80000)
    assert at(1000, (), lease[1:], 4000) == (80000, 60000)
    assert at(2000) == at(9000) == (7000, 80000)
    assert at(1499, (), lease[1:]) == (80000, 60000)
    assert at(1500, (), lease[1:]) == (80000, 80000)
    assert at(1000, ((18, 0, None, None),), ((5, 3, None, 9),)) == (0, 3)
    assert at(1000, ((5, -7, None, None),)) == (0, 80000)
