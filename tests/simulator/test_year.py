# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The unchanged loop in the simulated world: invariants hold, mishaps lead to zero, violations are caught."""

import pytest

from edge.core.faults import F_PCS_DISOBEYS
from edge.core.records import Est
from edge.core.registry import KEYS
from simulator import ageing, year
from simulator.cells import cell_file
from simulator.checks import Violation
from simulator.rigs import Local
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import World
from simulator.year import Run, play

MINUTE_MS = 60000


def _run(seed=1, site=None, plan=(), **truth):
    site = site or settings()
    world = World(site, seed, **dict(DEMO_TRUTH, **truth))
    return Run(world, Local(world, site), plan)


def test_every_invariant_holds_and_the_digest_repeats():
    digests = []
    for seed in (1, 1, 2):
        run = _run(seed)
        run.until(20 * MINUTE_MS)
        assert run.steps == 1200
        assert run.world.pcs.dc_a > 20.0  # the sun shines and the battery charges
        digests.append(run.rig.digest)
    assert digests[0] == digests[1] != digests[2]


def test_96_cells():
    run = _run(1, settings("nmc96"), plants=[{"soc": 0.43, "health": 0.84}])
    run.until(10 * MINUTE_MS)
    assert run.world.pcs.dc_a > 10.0


def test_two_packs_on_one_pcs():
    run = _run(1, settings(packs=2), plants=[{"soc": 0.43, "health": 0.88}, {"soc": 0.43, "health": 0.8}])
    run.until(10 * MINUTE_MS)
    assert run.world.pcs.dc_a > 20.0


def test_observe_computes_but_writes_nothing():
    run = _run(1, settings(mode="observe"))
    run.until(3 * MINUTE_MS)
    assert run.world.pcs.writes == 0 and run.world.pcs.dc_a == 0.0
    assert run.last.commands[0].charge_ma > 0


def test_nothing_flows_while_the_bms_was_never_heard():
    run = _run()
    run.world.mishaps.start("bms_silent", 0)
    run.until(MINUTE_MS)
    assert run.last.soc[0].value is None
    assert run.world.pcs.dc_a == 0.0
    run.world.mishaps.stop("bms_silent", MINUTE_MS)
    run.until(8 * MINUTE_MS)
    assert run.world.pcs.dc_a > 5.0


# mishap -> milliseconds after which nothing may flow any more
ZERO_AFTER_MS = {
    "bms_silent": 6000,
    "transport_hangs": 6000,
    "page_frozen": 65000,
    "sentinel": 3000,
    "cells_invalid": 3000,
    "temp_open": 3000,
    "limits_missing": 3000,
    "limits_zero": 3000,
    "alarm": 6000,
    "current_scale": 8000,
    "pcs_silent": 8000,
    "over_temp": 10000,
}


@pytest.mark.parametrize("name", sorted(ZERO_AFTER_MS))
def test_a_mishap_under_load_leads_to_zero_current_in_time(name):
    run = _run()
    run.until(5 * MINUTE_MS)
    assert run.world.pcs.dc_a > 20.0
    at_ms = run.world.now_ms
    run.plan = [(at_ms, at_ms + ZERO_AFTER_MS[name] + 30000, name)]
    run.until(at_ms + ZERO_AFTER_MS[name])
    assert abs(run.world.pcs.dc_a) < 0.2
    run.until(at_ms + ZERO_AFTER_MS[name] + 20000)
    assert abs(run.world.pcs.dc_a) < 0.2
    run.until(at_ms + ZERO_AFTER_MS[name] + 60000)  # and the world goes on when it has ended


def test_a_frozen_cell_leads_to_zero_once_the_others_move():
    run = _run()
    run.until(5 * MINUTE_MS)
    run.world.mishaps.start("cell_frozen", run.world.now_ms)
    run.until(7 * MINUTE_MS)
    run.world.day.power_w *= 0.3  # a cloud: every living cell falls by more than 8 mV
    run.until(10 * MINUTE_MS)
    assert run.world.pcs.dc_a == 0.0


def test_a_current_sensor_wired_the_wrong_way_round_never_lets_the_current_grow():
    run = _run()
    run.until(5 * MINUTE_MS)
    at_ms = run.world.now_ms
    run.world.mishaps.start("current_sign", at_ms)
    most_a = 0.0
    for k in range(4, 120):
        run.until(at_ms + 1000 * k)
        most_a = max(most_a, abs(run.world.pcs.dc_a))
    assert most_a < 15.0


def test_a_limit_that_spikes_lifts_nothing():
    run = _run()
    run.until(5 * MINUTE_MS)
    before = run.last.commands[0]
    run.world.mishaps.start("limits_spike", run.world.now_ms)
    run.until(run.world.now_ms + 30000)
    after = run.last.commands[0]
    assert after.charge_ma <= max(before.charge_ma, run.world.settings["packs"][0]["contract"]["charge_ma"])


def test_a_pcs_that_ignores_its_limit_is_noticed_by_the_controller():
    run = _run()
    run.until(5 * MINUTE_MS)
    at_ms = run.world.now_ms
    run.plan = [(at_ms, at_ms + 120000, "pcs_ignores")]
    run.world.mishaps.start("limits_zero", at_ms)
    run.until(at_ms + 20000)
    assert run.world.pcs.dc_a > 20.0  # it does ignore
    assert run.last.commands[0].charge_ma == 0
    events = [dict(record.pairs) for _, record in run.rig.rig.uplink.records if record.cls == "E"]
    assert F_PCS_DISOBEYS in [event.get(KEYS["fault"]) for event in events]  # and it was reported


def test_disobedience_that_nobody_announced_violates_an_invariant():
    run = _run()
    run.until(5 * MINUTE_MS)
    at_ms = run.world.now_ms
    run.world.mishaps.start("limits_zero", at_ms)
    run.world.pcs.limits_w = lambda: (10000.0, 10000.0)
    with pytest.raises(Violation) as caught:
        run.until(at_ms + MINUTE_MS)
    assert caught.value.name in ("current_obeys", "expired_is_zero")


def test_a_fixed_estimate_violates_an_invariant():
    run = _run()
    run.until(2 * MINUTE_MS)
    run.rig.rig.site.packs[0].soc.soc = lambda: Est(900000, 1000, 0, 0)
    with pytest.raises(Violation) as caught:
        run.until(3 * MINUTE_MS)
    assert caught.value.name == "soc_honest"


def test_lost_charge_violates_an_invariant():
    run = _run()
    run.until(2 * MINUTE_MS)
    run.rig.rig.site.packs[0].metering.totals[0] -= 1
    with pytest.raises(Violation) as caught:
        run.until(3 * MINUTE_MS)
    assert caught.value.name == "charge_exact"


def test_commands_die_in_the_actuator_when_the_loop_stops():
    run = _run()
    run.until(5 * MINUTE_MS)
    rig, world = run.rig.rig, run.world
    for _ in range(5):
        world.advance(world.now_ms + 1000)
        rig.set_time(world.now_ms, world.utc_s(), 3)
        rig.poll()  # the lines live, the loop does not
    world.advance(world.now_ms + 1000)
    assert world.pcs.limits_w() == (0, 0) and world.pcs.dc_a == 0.0 and not world.pcs.reverted


def test_the_pcs_falls_to_zero_when_the_whole_controller_dies():
    run = _run()
    run.until(5 * MINUTE_MS)
    run.world.advance(run.world.now_ms + 7000)
    assert run.world.pcs.reverted and run.world.pcs.dc_a == 0.0


def test_stopping_the_loop_sends_zero():
    run = _run()
    run.until(5 * MINUTE_MS)
    run.rig.close()
    assert run.world.pcs.limits_w() == (0, 0)
    assert run.rig.rig.store.load() is not None


def test_played_days_leave_a_state_that_a_controller_goes_on_from():
    site = settings()
    world = World(site, 1, **DEMO_TRUTH)
    shown = []
    state = play(world, site, 0.25, progress=lambda done, total: shown.append(done / total))
    assert shown and shown == sorted(shown) and world.step_ms == 1000
    run = Run(world, Local(world, site, state))
    run.until(world.now_ms + MINUTE_MS)
    turn = run.last
    assert abs(turn.soc[0].value - world.truth().soc_ppm) < 3 * turn.soc[0].std
    assert turn.totals[0][0] > 0


def test_command_line(capsys):
    assert year.main(["--seed", "3", "--days", "0.01", "-q"]) == 0
    first = capsys.readouterr().out
    assert "seed 3" in first and "864 steps" in first and "all invariants held" in first
    assert "bad sensors: true SoC inside 3 sigma" in first and "capacity: true" in first
    assert year.main(["--seed", "3", "--days", "0.01", "-q"]) == 0
    assert first.split("digest")[1].split()[0] == capsys.readouterr().out.split("digest")[1].split()[0]
    with pytest.raises(SystemExit) as stopped:
        year.main(["--days", "-1"])
    assert stopped.value.code == 2


def test_command_line_names_seed_step_and_invariant(capsys, monkeypatch):
    monkeypatch.setattr(year, "expired_is_zero", lambda *given: "planted" if given[0] > 5000 else None)
    assert year.main(["--seed", "4", "--days", "0.01", "-q"]) == 1
    assert "seed 4, step 6: invariant expired_is_zero: planted" in capsys.readouterr().out


def test_bad_sensors_read_what_their_row_says():
    made = ageing.vices("bad", 150000)
    assert (made.offset_ma, made.gain_ppm, made.offset_mv, made.cell_lsb_mv) == (-600, -10000, -2.0, 1)
    assert ageing.vices("ugly", 280000).offset_ma == 2800
    readings = []
    for name in ("good", "ugly"):
        world = World(settings(), 1, **dict(DEMO_TRUTH, vices=ageing.vices(name, 280000)))
        world.advance(1000)
        readings.append((world.samples[0].current_ma, world.samples[0].pack_mv - world.truth().pack_mv))
    assert readings[0][0] < 500 and readings[1][0] > 500
    assert -40 < readings[0][1] - 8 < 40 and readings[1][1] > 16


def test_a_score_counts_what_is_inside():
    score = ageing.Score()
    for error in (0, 150, 250, 350):
        score.take(Est(1000 + error, 100, 0, 0), 1000)
    assert (score.share(2), score.share(3), score.worst) == (0.5, 0.75, 350)
    assert 200 < score.rmse() < 250 and score.mean_std() == 100


@pytest.mark.parametrize("chemistry", ["nmc", "lfp"])
def test_days_of_the_estimator_alone_keep_to_the_truth(chemistry):
    life = ageing.Life(chemistry, 5, "bad", 0.78, cell_file(chemistry))
    life.until(2 * 86400000)
    assert life.settled.share(3) >= ageing.INSIDE, life.lines()
    most = 15000 if chemistry == "nmc" else 45000  # LFP with hysteresis is not aligned
    assert life.settled.rmse() < most and life.settled.mean_std() < 3 * most, life.lines()


def test_command_line_of_the_estimator_alone(capsys):
    assert ageing.main(["--chemistry", "lfp", "--years", "0.0005", "--seed", "5", "-q"]) in (0, 1)
    shown = capsys.readouterr().out
    assert "bad sensors" in shown and "inside 3 sigma" in shown and "capacity: true" in shown
    with pytest.raises(SystemExit) as stopped:
        ageing.main(["--health", "0.2"])
    assert stopped.value.code == 2
