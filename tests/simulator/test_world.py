# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The world: repeatable, answering in bytes, with parallel packs that share by their resistance."""

import pytest

from bms_bridge.decode import Assembler
from edge.core.records import OK
from simulator.pcs import OUT_RATE, STORCTL
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import ANSWERS, HANGS, SILENT, World

HOUR_MS = 3600000


def _open(world):
    """Let the PCS do what it likes: both limits at rated power, for a minute."""
    world.write(len(world.bms), OUT_RATE, b"\x27\x10\x27\x10\x00\x00\x00\x3c")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    seen = []
    for seed in (3, 3, 4):
        world = World(settings(), seed, **DEMO_TRUTH)
        for k in range(120):
            _open(world)
            world.advance(1000 * (k + 1))
        seen.append([world.block(d, i) for d, table in enumerate(world.tables) for i in range(len(table.BLOCKS))])
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize("kind", ["lfp16", "nmc96"])
def test_what_the_bytes_say_is_what_the_bms_measured(kind):
    world = World(settings(kind), 1)
    _open(world)
    world.advance(30000)
    assembler = Assembler(world.tables[0])
    for index in range(len(world.tables[0].BLOCKS)):
        assert assembler.take(30000, index, world.block(0, index))
    said, read = world.samples[0], assembler.record()
    assert max(abs(a - b) for a, b in zip(said.cell_mv, read.cell_mv)) <= 1
    assert abs(said.current_ma - read.current_ma) <= 100
    assert abs(said.pack_mv - read.pack_mv) <= 100
    periods = world.settings["packs"][0]["facts"]["periods_ms"]
    assert all(g.quality == OK for g, period in zip(read.groups, periods) if period is not None)


def test_reads_may_span_blocks_but_not_leave_them():
    world = World(settings(), 1)
    whole = world.answer(1, 3, 40068, 54)
    assert whole[:4] == b"\x00\x01\x80\x00" and whole[4:] == world.block(1, 0)
    assert world.answer(1, 3, 40071, 2) == world.block(1, 0)[2:6]
    assert world.answer(1, 3, 39999, 2) is None
    assert world.answer(1, 4, 40070, 2) is None
    assert world.answer(0, 1, 4608, None) == world.block(0, 2)
    assert world.answer(0, 1, 1, None) is None


def test_control_bits_that_are_off_are_seen_in_the_answer():
    world = World(settings(), 1)
    assert world.answer(1, 3, STORCTL, 1) == b"\x00\x03"
    assert world.write(1, STORCTL, b"\x00\x01")
    assert world.answer(1, 3, STORCTL, 1) == b"\x00\x01"
    assert not world.write(0, STORCTL, b"\x00\x03")


def test_mishaps_decide_how_a_device_meets_a_request():
    world = World(settings(packs=2), 1, plants=[{}, {}])
    assert [world.status(d) for d in range(4)] == [ANSWERS] * 4
    world.mishaps.start("bms_silent", 0, pack=1)
    world.mishaps.start("transport_hangs", 0)
    world.mishaps.start("pcs_silent", 0)
    assert [world.status(d) for d in range(4)] == [HANGS, SILENT, SILENT, ANSWERS]
    world.mishaps.stop("pcs_silent", 0)
    assert world.status(2) == ANSWERS


@pytest.mark.parametrize("name", ["over_temp", "cell_weak", "cell_leak"])
def test_mishaps_of_the_plant_are_taken_back(name):
    world = World(settings(), 1)
    plant = world.plants[0]
    before = (plant.r0_ohm.copy(), plant.leak_a.copy(), plant.temp_c)
    world.mishaps.start(name, 0)
    world.advance(1000)
    assert (plant.r0_ohm != before[0]).any() or (plant.leak_a != before[1]).any() or plant.temp_c > 60.0
    world.mishaps.stop(name, 1000)
    world.advance(2000)
    assert (abs(plant.r0_ohm - before[0]) < 1e-12).all() and (abs(plant.leak_a - before[1]) < 1e-12).all()
    assert plant.temp_c < before[2] + 1.0


def test_parallel_packs_share_by_resistance_and_the_currents_add_up():
    world = World(settings(packs=2), 1, plants=[{"soc": 0.5, "health": 0.90}, {"soc": 0.5, "health": 0.72}])
    world.start_utc_s += 10 * 3600
    for k in range(600):
        _open(world)
        world.advance(1000 * (k + 1))
    currents = [plant.current_a for plant in world.plants]
    assert world.pcs.dc_a > 20.0
    assert abs(sum(currents) - world.pcs.dc_a) < 1e-6
    assert currents[0] > currents[1] > 0.0
    assert abs(world.plants[0].cell_v.sum() - world.plants[1].cell_v.sum()) < 0.05


def test_time_passes_in_steps_of_at_most_step_ms_and_each_is_told():
    world = World(settings(), 1, step_ms=400)
    told = []
    world.advance(1000, told.append)
    assert told == [400, 800, 1000] and world.now_ms == 1000 and world.steps == 3
    assert world.utc_s() == world.start_utc_s + 1
