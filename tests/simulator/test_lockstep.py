# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The same world drives CPython and the real MicroPython VM: the digests of all steps are equal."""

from functools import partial

import pytest

from host_tools import bundle
from simulator.lockstep import Lockstep, VmError, find_vm
from simulator.rigs import Local
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import World
from simulator.year import Run

pytestmark = pytest.mark.skipif(find_vm() is None, reason="no MicroPython VM: set MICROPYTHON=/path/to/micropython")

# (start_ms, end_ms, mishap): one after the other, with time to recover
PLAN = (
    (240000, 250000, "bms_silent"),
    (280000, 285000, "sentinel"),
    (310000, 330000, "pcs_silent"),
    (360000, 380000, "transport_hangs"),
    (420000, 425000, "alarm"),
)


def _digest(kind, rig_of, until_ms):
    site = settings(kind)
    world = World(site, 6, **dict(DEMO_TRUTH, plants=[{"soc": 0.43}]))
    rig = rig_of(world, site)
    try:
        run = Run(world, rig, PLAN)
        run.until(until_ms)
        return rig.digest, run.steps, world.pcs.writes, round(world.pcs.dc_a, 6)
    finally:
        rig.close()


@pytest.mark.parametrize("kind,minutes", [("lfp16", 15), ("nmc96", 8)])
def test_equal_on_both_runtimes_through_mishaps(kind, minutes):
    here = _digest(kind, Local, minutes * 60000)
    there = _digest(kind, Lockstep, minutes * 60000)
    assert here == there
    assert here[1] == minutes * 60


@pytest.mark.parametrize("kind,minutes", [("lfp16", 15), pytest.param("nmc96", 8, marks=pytest.mark.long)])
def test_a_shortened_bundle_decides_the_same(kind, minutes, tmp_path):
    made = bundle.build(tmp_path, settings(kind), ("edge.shell.pipe",))
    assert not [path for path in made.files if path.startswith("edge") and path.endswith(".py")]
    here = _digest(kind, Local, minutes * 60000)
    assert here == _digest(kind, partial(Lockstep, code=tmp_path), minutes * 60000)


def test_a_vm_that_dies_is_told_with_what_it_said():
    site = settings()
    world = World(site, 1)
    rig = Lockstep(world, site)
    rig.turn()
    rig.process.kill()
    rig.process.wait(10)
    with pytest.raises(VmError):
        rig.turn()
    rig.close()


def test_settings_that_the_vm_cannot_run_are_told():
    site = settings()
    world = World(site, 1)
    site["pcs"] = dict(site["pcs"], profile="no_such_profile")
    with pytest.raises(VmError) as caught:
        Lockstep(world, site)
    assert "no_such_profile" in str(caught.value)
