# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Each invariant catches the violation planted for it, and lets the healthy moment pass."""

import pytest

from edge.core.records import NEVER, OK, SENTINEL, Command, Est, Group, Record, Sample
from simulator.checks import CHECKS, Checks, Moment, Violation, expired_is_zero
from simulator.mishaps import Mishaps
from simulator.pcs import OUT_RATE, SimPcs
from simulator.plant import Brief
from simulator.sites import settings

SITE = settings()


def _sample(at_ms, groups=None, charge_ma=90000, count=1):
    groups = groups or (Group(OK, at_ms, count),) * 8
    cells, temps = (3300,) * 16, (22000,) * 4
    return Sample(
        at_ms, 52800, 10000, 3300, 3300, 22000, 22000, cells, temps, 500000, 1000000, charge_ma, 90000, 56000, 0, groups
    )


def _command(**other):
    fields = dict(Command(-1, 80000, 80000, None, 52800, None, None, 13000, 7)._asdict(), **other)
    return Command(**fields)


def _moment(**other):
    fields = {
        "now_ms": 10000,
        "wake_ms": 11000,
        "settings": SITE,
        "commands": (_command(),),
        "delivered": [_sample(10000)],
        "truths": [Brief(500000, 10000, 3300, 3300)],
        "soc": [Est(505000, 4000, 0, 0)],
        "believed_ma": [10000],
        "totals": [[0, 0, 0, 0, 0, 0]],
        "records": [],
        "seq": 5,
        "pcs": SimPcs(SITE["pcs"], Mishaps()),
        "excused": (),
    }
    fields.update(other)
    return Moment(**fields)


def _old(quality=OK):
    group = Group(quality, 10000, 1)
    return (group, Group(quality, 5999, 1)) + (group,) * 6


WRITTEN = SimPcs(SITE["pcs"], Mishaps())
WRITTEN.writes = 1

# name of the check -> the moments that lead to the violation
PLANTED = {
    "permit_bounded": [_moment(commands=(_command(charge_ma=80001),))],
    "nothing_before_first": [_moment(delivered=[None], soc=[Est(None, None, None, 0)])],
    "silent_is_zero": [_moment(delivered=[_sample(10000, _old())])],
    "invalid_is_zero": [_moment(delivered=[_sample(10000, (Group(SENTINEL, 10000, 1),) * 8)])],
    "commands_expire": [_moment(commands=(_command(valid_until_ms=13001),))],
    "current_obeys": [
        _moment(commands=(_command(charge_ma=0),)),
        _moment(now_ms=13001, commands=(_command(charge_ma=0),), truths=[Brief(500000, 6000, 3300, 3300)]),
    ],
    "soc_honest": [_moment(soc=[Est(545000, 4000, 0, 0)])],
    "charge_exact": [
        _moment(),
        _moment(now_ms=11000, delivered=[_sample(11000, count=2)], totals=[[10000 * 1000 - 1, 0, 0, 0, 0, 0]]),
    ],
    "records_whole": [_moment(), _moment(seq=7, records=[Record("T", 0, 10000, None, 0, ())])],
    "outcome_complete": [_moment(commands=())],
    "cells_inside": [_moment(truths=[Brief(500000, 0, 3651, 3300)])],
    "wakes_forward": [_moment(wake_ms=10000)],
    "observe_writes_nothing": [_moment(settings=dict(SITE, mode="observe"), pcs=WRITTEN)],
}


def test_every_check_has_its_planted_violation():
    assert {name for name, _ in CHECKS} == set(PLANTED)


@pytest.mark.parametrize("name", [name for name, _ in CHECKS])
def test_a_planted_violation_is_caught_by_its_own_check(name):
    checks = Checks([row for row in CHECKS if row[0] == name])
    moments = PLANTED[name]
    for moment in moments[:-1]:
        checks.take(moment)
    with pytest.raises(Violation) as caught:
        checks.take(moments[-1])
    assert caught.value.name == name


def test_the_healthy_moments_pass_all_checks():
    checks = Checks()
    checks.take(_moment())
    more = _sample(11000, count=2)
    record = Record("T", 0, 11000, None, 0, ())
    checks.take(
        _moment(
            now_ms=11000,
            wake_ms=12000,
            commands=(_command(decision=8),),
            delivered=[more],
            totals=[[10000 * 1000, 0, 0, 0, 0, 0]],
            records=[record],
            seq=6,
        )
    )
    assert checks.steps == 2


@pytest.mark.parametrize(
    "other",
    [
        {"commands": (_command(charge_ma=-1),)},
        {"commands": (_command(charge_ma=None),)},
        {"commands": (_command(decision=None),)},
    ],
    ids=["negative", "none", "no decision"],
)
def test_incomplete_commands_are_caught(other):
    checks = Checks([row for row in CHECKS if row[0] == "outcome_complete"])
    with pytest.raises(Violation):
        checks.take(_moment(**other))


def test_a_decision_that_does_not_grow_and_a_record_of_the_past_are_caught():
    checks = Checks([row for row in CHECKS if row[0] == "outcome_complete"])
    checks.take(_moment())
    with pytest.raises(Violation):
        checks.take(_moment())
    checks = Checks([row for row in CHECKS if row[0] == "records_whole"])
    checks.take(_moment(records=[Record("T", 0, 10000, None, 0, ())]))
    with pytest.raises(Violation):
        checks.take(_moment(seq=6, records=[Record("T", 0, 9999, None, 0, ())]))


def test_an_estimate_before_the_first_sample_is_caught():
    checks = Checks([row for row in CHECKS if row[0] == "nothing_before_first"])
    with pytest.raises(Violation):
        checks.take(_moment(delivered=[None], commands=(_command(charge_ma=0, discharge_ma=0),)))
    with pytest.raises(Violation):
        checks.take(_moment(delivered=[_sample(10000, (NEVER,) * 8)]))


def test_dishonest_sigma_is_caught_over_time():
    checks = Checks([row for row in CHECKS if row[0] == "soc_honest"])
    with pytest.raises(Violation) as caught:
        for _ in range(4000):
            checks.take(_moment(soc=[Est(515000, 4000, 0, 0)]))
    assert "3 sigma" in caught.value.text


def test_a_pcs_that_keeps_its_limit_after_the_command_died_is_caught():
    pcs = SimPcs(SITE["pcs"], Mishaps())
    pcs.write(0, OUT_RATE, b"\x27\x10\x27\x10\0\0\0\x3c")
    assert expired_is_zero(18000, 13000, SITE, pcs) is None
    assert "6001 ms" in expired_is_zero(19001, 13000, SITE, pcs)
