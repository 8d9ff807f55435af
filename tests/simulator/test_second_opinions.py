# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of the BMS and of its sensor, made in the simulated BMS: they are seen upstream, and a good one is not accused."""

import pytest

from edge.core import anomalies as a
from edge.core import faults as f
from edge.core.advice import ADVICE
from edge.core.registry import KEYS
from simulator.bms import GOOD
from simulator.rigs import Local
from simulator.sites import settings
from simulator.world import World
from simulator.year import YEAR_TRUTH, cell_file, fast

DAY_MS = 86400000


def play(days, counter=None, kind="lfp16", **vices):
    """(Local, [events of class E as {name: value}]) of a pack whose BMS has these vices. counter: factor on what its
    SoC counter takes the capacity for."""
    site = settings(kind)
    for pack in site["packs"]:
        pack["cell"] = cell_file(pack["chemistry"])
    world = World(site, 3, step_ms=10000, **dict(YEAR_TRUTH, vices=GOOD._replace(**vices)))
    if counter is not None:
        world.bms[0].soc_mah *= counter
    rig = Local(world, fast(site, 10000))
    names = {number: name for name, number in KEYS.items()}
    events = []
    while world.now_ms < days * DAY_MS:
        turn = rig.turn()
        world.advance(turn.wake_ms)
        events += [{names[key]: value for key, value in each.pairs} for each in turn.records if each.cls == "E"]
    return rig, events


def begun(events):
    """Kinds of the anomalies that began."""
    return [a.KINDS[each["anomaly"]] for each in events if each["event"] == f.E_ANOMALY]


@pytest.mark.long
@pytest.mark.parametrize(("gain_ppm", "found"), [(40000, True), (-40000, True), (500, False)])
def test_a_gain_of_the_sensor_is_seen_by_the_meter(gain_ppm, found):
    rig, events = play(2.2, gain_ppm=gain_ppm)
    gain = rig.rig.site.packs[0].estimator.gain
    assert abs(gain.value - gain_ppm) < 2 * gain.std and gain.std < 12000
    assert ("current_gain" in begun(events)) == found
    rig.close()


@pytest.mark.long
def test_a_drifted_counter_of_the_bms_is_held_against_it_with_both_values():
    rig, events = play(0.3, counter=1.7, kind="nmc96")
    (told,) = [each for each in events if each["event"] == f.E_ANOMALY and a.KINDS[each["anomaly"]] == "bms_soc"]
    assert told["anomaly_value"] == pytest.approx(told["bms_soc"] - told["soc"], abs=3000)
    assert told["anomaly_value"] > 3 * told["soc_std"] and told["anomaly_std"] == told["soc_std"]
    rig.close()


@pytest.mark.long
def test_one_record_advises_while_sigma_is_wide():
    rig, events = play(0.5)
    told = [each for each in events if each["event"] == f.E_ADVICE]
    assert len(told) == 1 and ADVICE[told[0]["advice"]] != "nothing" and told[0]["soc_std"] > 20000
    rig.close()
