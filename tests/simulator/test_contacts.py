# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Contactors and safety inputs end to end: plant, wire, controller, contactor, on both runtimes."""

import pytest

from edge.core import faults as f
from edge.core import limits as lim
from edge.core.settings import check, with_defaults
from simulator.lockstep import Lockstep
from simulator.rigs import Local
from simulator.sites import settings
from simulator.world import World

CONTACTOR = {"break_ma": 20000, "fuse_ms": 3000, "join_mv": 2000, "precharge": "output"}


class Wish:
    """A fixed wish instead of a factory's day."""

    power_w = 4000.0

    def request_w(self, local_s, soc):
        return self.power_w


def site_of(packs=1, inputs=True):
    made = settings(packs=packs)
    for pack in made["packs"]:
        pack["contactor"] = dict(CONTACTOR)
    made["inputs"] = {"estop_pin": 1} if inputs else None
    return with_defaults(check(made))


class Bench:
    """World and controller; time goes on in tenths of a second."""

    def __init__(self, packs=1, inputs=True, state=None, plants=None, rig=Local):
        self.settings = site_of(packs, inputs)
        self.world = World(self.settings, 5, plants=plants, step_ms=100)
        self.world.day = Wish()
        self.rig = rig(self.world, self.settings, state)
        self.seen = set()

    def run(self, seconds, until=None):
        """Seconds that passed; stops when until() holds."""
        end_ms = self.world.now_ms + round(seconds * 1000)
        start_ms = self.world.now_ms
        while self.world.now_ms < end_ms:
            turn = self.rig.turn()
            self.world.advance(turn.wake_ms)
            if until is not None and until():
                break
        return (self.world.now_ms - start_ms) / 1000

    def start(self, name, pack=0, **more):
        self.world.mishaps.start(name, self.world.now_ms, pack, **more)

    def stop(self, name, pack=0):
        self.world.mishaps.stop(name, self.world.now_ms, pack)

    @property
    def one(self):
        return self.world.contacts.each[0]

    def is_open(self):
        return not self.one.main

    def pack(self, index=0):
        return self.rig.rig.site.packs[index]

    def names(self, index=0):
        return [f.NAMES[fault] for fault in self.pack(index).faults.names()]


def flowing(**more):
    bench = Bench(**more)
    assert bench.one.main is False
    bench.run(90)
    assert all(one.main and one.closings == 1 for one in bench.world.contacts.each)
    assert bench.world.pcs.dc_a > 50.0
    return bench


def test_it_closes_by_precharge_and_only_then_current_flows():
    bench = Bench()
    most_a = 0.0
    while not bench.one.main:
        turn = bench.rig.turn()
        assert turn.commands[0].charge_ma == 0
        bench.world.advance(turn.wake_ms)
        most_a = max(most_a, abs(bench.world.plants[0].current_a))
        assert bench.world.now_ms < 20000
    assert most_a == 0.0
    bench.run(60)
    assert bench.world.plants[0].current_a > 50.0
    book = bench.pack().contactor.book
    assert len(book) == 1 and abs(book[0][0]) <= 2000 and book[0][3] == 1


@pytest.mark.parametrize("name", ["estop", "smoke", "insulation"])
def test_hard_inputs_open_at_once(name):
    for start in (lambda b: b.start(name), lambda b: b.start("wire_broken", input=name)):
        bench = flowing()
        start(bench)
        assert bench.run(10, bench.is_open) <= 1.3  # one period and the bounce
        assert name in bench.names()
        assert bench.pack().mode == (f.OPEN if name == "estop" else f.LOCKED)


def test_the_door_only_stops():
    bench = flowing()
    bench.start("door")
    bench.run(5)
    assert bench.world.pcs.dc_a == 0.0 and bench.one.main and bench.names() == ["door"]
    bench.stop("door")
    bench.run(60)
    assert bench.world.pcs.dc_a > 50.0


def test_a_silent_input_module_is_zero_then_open():
    bench = flowing()
    bench.start("inputs_silent")
    bench.run(4)
    assert bench.world.pcs.dc_a == 0.0 and bench.one.main
    assert bench.run(20, bench.is_open) <= 10


def test_a_trip_lets_the_current_fall_first():
    bench = flowing()
    bench.start("alarm")
    bench.run(10, bench.is_open)
    assert bench.is_open() and bench.one.opened_ma <= CONTACTOR["break_ma"]
    bench.stop("alarm")
    bench.run(330)
    assert bench.one.main and bench.one.closings == 2


def test_a_pcs_that_ignores_zero_is_opened_after_the_fuse_time():
    bench = flowing()
    bench.start("pcs_ignores")
    bench.world.day.power_w = 7000.0
    seconds = bench.run(40, bench.is_open)
    assert bench.is_open() and 7 <= seconds <= 16, seconds
    assert bench.one.opened_ma > CONTACTOR["break_ma"]
    assert "pcs_ignores_zero" in bench.names()
    assert bench.rig.rig.site.obey.is_slow(bench.world.now_ms) or bench.rig.rig.site.obey.count


def test_a_silent_pcs_with_current_is_opened_after_its_watchdog():
    bench = flowing()
    bench.start("pcs_ignores")
    bench.start("pcs_silent")
    seconds = bench.run(40, bench.is_open)
    assert bench.is_open() and {"pcs_lost", "pcs_ignores_zero"} & set(bench.names())
    assert seconds <= 5 + 2 + 3 + 4


def test_weld_locks():
    bench = flowing()
    bench.start("contactor_weld")
    bench.start("alarm")
    bench.run(15)
    assert bench.one.main and "weld" in bench.names() and bench.pack().mode == f.LOCKED


def test_a_contactor_that_does_not_close_and_a_burnt_resistor():
    bench = Bench()
    bench.start("contactor_dead")
    bench.run(30)
    assert "contactor_dead" in bench.names() and bench.pack().mode == f.OPEN
    bench = Bench()
    bench.start("precharge_open")
    bench.run(60)
    assert "precharge_failed" in bench.names() and bench.pack().mode == f.LOCKED and bench.one.closings == 0


def test_self_heating_locks_long_before_it_is_hot():
    bench = flowing()
    bench.world.day.power_w = 0.0
    bench.start("self_heating")
    assert bench.run(600, bench.is_open) <= 245
    assert bench.names() == ["temp_rise"] and bench.pack().believed.temp_max_mc < 40000


def test_a_controller_that_dies_lets_it_fall_and_explains_itself_first():
    bench = flowing()
    state = bench.rig.rig.store.load()
    assert state["packs"][0]["contactor"]["closed"] == 1
    for _ in range(14):
        bench.world.advance(bench.world.now_ms + 1000)  # nobody renews anything
    assert bench.is_open() and bench.one.opened_ma == 0.0  # the PCS's watchdog came first
    again = Bench(state=state)
    again.run(60)
    assert again.names() == ["unexplained_stop"] and again.one.closings == 0
    again.run(300)
    assert again.one.main and len(again.pack().faults.restarts) == 1


def test_a_peaceful_end_needs_no_explanation():
    bench = flowing()
    bench.rig.close()
    again = Bench(state=bench.rig.rig.store.load())
    again.run(20)
    assert again.one.main and again.names() == []


def test_an_unreadable_state_stays_open():
    bench = Bench(state={"unreadable": 1})
    bench.run(100)
    assert bench.one.closings == 0 and bench.names() == ["state_lost"]


def test_a_pack_leaves_and_the_rest_goes_on():
    bench = flowing(packs=2)
    bench.world.day.power_w = 8000.0
    bench.run(60)
    bench.start("alarm", 1)
    site = bench.rig.rig.site
    limits = []
    bench.run(20, lambda: limits.append(site.site_limits[0]) or not bench.world.contacts.each[1].main)
    assert 0 in limits and max(limits[limits.index(0) :]) <= 2800  # first the current falls, then the pack leaves
    assert bench.world.contacts.each[1].opened_ma <= CONTACTOR["break_ma"]
    bench.run(10)
    assert 0 < site.site_limits[0] <= 40000  # it ramps
    bench.run(60)
    assert bench.world.plants[0].current_a > 50.0 and bench.world.plants[1].current_a == 0.0
    assert site.site_limits[0] <= site.packs[0].limits.charge_ma


def test_packs_of_unequal_voltage_do_not_join():
    bench = Bench(packs=2, plants=[{"soc": 0.9}, {"soc": 0.05}])
    bench.run(60)
    volts = [float(plant.cell_v.sum()) for plant in bench.world.plants]
    assert volts[0] - volts[1] > 2.0
    assert [one.main for one in bench.world.contacts.each].count(True) == 1


def test_observe_never_closes():
    made = site_of()
    made["mode"] = "observe"
    world = World(made, 5, step_ms=100)
    rig = Local(world, made)
    for _ in range(30):
        world.advance(rig.turn().wake_ms)
    assert world.contacts.each[0].closings == 0
    assert rig.rig.site.packs[0].limits.charge_why == lim.S_MODE


def test_both_runtimes_do_the_same(micropython):
    digests = []
    for rig in (Local, Lockstep):
        bench = Bench(inputs=False, rig=rig)
        bench.run(60)
        assert bench.one.main
        bench.start("alarm")
        bench.run(10)
        assert bench.is_open()
        digests.append(bench.rig.digest)
        bench.rig.close()
    assert digests[0] == digests[1]


def test_a_current_beyond_the_permit_is_answered_by_a_write():
    bench = flowing()
    port = bench.rig.rig.actuators[0]
    bench.start("pcs_ignores")
    bench.world.day.power_w = 7000.0
    bench.run(10, lambda: bench.rig.rig.site.obey.again)
    writes = port.writes
    port.told(bench.rig.rig.site, None)
    bench.rig.rig.flush()
    assert port.writes > writes
