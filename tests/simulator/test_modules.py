# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A gateway's safety inputs and contactor on Modbus modules, fault by fault at the wire."""

import pytest

from edge.core import faults as f
from edge.core.settings import check, with_defaults
from simulator.rigs import Local
from simulator.world import World
from tests.simulator.test_contacts import Bench, Wish, settings

CONTACTOR = {"break_ma": 20000, "join_mv": 2000, "output": 0, "precharge_output": 1, "feedback_input": 5}


def site():
    made = settings()
    made["packs"][0]["contactor"] = dict(CONTACTOR)
    made["links"] += [dict(made["links"][0], port=15030), dict(made["links"][0], port=15031)]
    made["inputs"] = {"profile": "moxa_e1214", "link": 3, "unit": 1, "estop_input": 0, "smoke_input": 1}
    made["outputs"] = {"profile": "icpdas_tm_r5", "link": 4, "unit": 1}
    return with_defaults(check(made))


def flowing():
    bench = Bench.__new__(Bench)
    bench.settings = site()
    bench.world = World(bench.settings, 5, step_ms=100)
    bench.world.day = Wish()
    bench.rig = Local(bench.world, bench.settings)
    bench.run(100)
    assert bench.one.main and bench.one.closings == 1 and bench.world.pcs.dc_a > 50.0
    assert bench.pack().contactor.book[0][3] == 1  # one precharge
    return bench


@pytest.mark.parametrize(
    ("start", "names", "mode"),
    [
        (lambda b: b.start("estop"), ["estop"], f.OPEN),
        (lambda b: b.start("wire_broken", input="estop"), ["estop"], f.OPEN),
        (lambda b: b.start("smoke"), ["smoke"], f.LOCKED),
    ],
)
def test_a_loop_that_opens_opens_the_contactor(start, names, mode):
    bench = flowing()
    start(bench)
    assert bench.run(10, bench.is_open) <= 1.5  # one period and the bounce
    assert bench.names() == names and bench.pack().mode == mode


def test_modules_that_fall_silent():
    bench = flowing()
    bench.start("inputs_silent")  # both: the line is cut
    bench.run(6)
    assert bench.world.pcs.dc_a == 0.0
    assert bench.run(20, bench.is_open) <= 10 and bench.one.opened_ma <= CONTACTOR["break_ma"]


def test_a_controller_that_dies_is_followed_by_the_module():
    bench = flowing()
    for _ in range(14):
        bench.world.advance(bench.world.now_ms + 1000)
    assert bench.is_open() and bench.one.opened_ma == 0.0  # the PCS's watchdog came first


def test_a_weld_is_seen_by_the_auxiliary_contact():
    bench = flowing()
    bench.start("contactor_weld")
    bench.start("alarm")
    bench.run(15)
    assert bench.one.main and "weld" in bench.names() and bench.pack().mode == f.LOCKED
