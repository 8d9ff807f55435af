# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The simulated BMS, PCS, meter and factory: vices, limits, reversion, the shape of the day."""

from itertools import pairwise

import numpy as np
import pytest

from simulator.bms import DEMO, GOOD, SimBms
from simulator.mishaps import BY_NAME, ROWS, YEAR, Mishaps, schedule
from simulator.pcs import IN_RATE, OUT_RATE, STORCTL, FactoryDay, SimMeter, SimPcs
from simulator.plant import Plant
from simulator.sites import settings

SITE = settings()
PACK = SITE["packs"][0]


def _bms(vices=GOOD, **truth):
    plant = Plant(PACK, 1, **truth)
    bms = SimBms(PACK, plant, Mishaps(), 1, 0, vices)
    bms.step(0, 0.0)
    return plant, bms


def test_sensor_vices_offset_and_steps():
    plant, bms = _bms(DEMO, soc=0.5)
    readings = []
    for k in range(200):
        plant.step(1.0, 20.0, 22.0)
        bms.step(k * 1000, 1.0)
        readings.append(bms.sample.current_ma)
    assert all(ma % 10 == 0 for ma in readings)
    assert abs(sum(readings) / 200.0 - (20000 * 1.001 - 400)) < 5
    assert bms.sample.pack_mv == sum(bms.sample.cell_mv)
    assert len(bms.sample.cell_mv) == 16 and len(bms.sample.temp_mc) == 4


def test_bms_soc_starts_wrong_and_drifts_while_current_flows():
    plant, bms = _bms(DEMO, soc=0.8)
    start = bms.sample.bms_soc_ppm - plant.truth().usable_ppm
    for k in range(3600):
        plant.step(4.0, -30.0, 22.0)
        bms.step(k * 4000, 4.0)
    end = bms.sample.bms_soc_ppm - plant.truth().usable_ppm
    assert start == pytest.approx(-20000, abs=2000)
    assert end < start - 5000
    assert bms.sample.bms_soh_ppm == 1000000


@pytest.mark.parametrize(
    "soc,current_a,charge,discharge", [(0.5, 10.0, True, True), (1.02, 2.0, False, True), (-0.03, -2.0, True, False)]
)
def test_own_limits_taper_at_both_ends(soc, current_a, charge, discharge):
    plant, bms = _bms(soc=soc)
    plant.step(1.0, current_a, 22.0)
    bms.step(1000, 1.0)
    assert (bms.sample.bms_charge_ma > 0) is charge
    assert (bms.sample.bms_discharge_ma > 0) is discharge


def test_full_stays_full_until_the_pack_was_discharged():
    plant, bms = _bms(soc=1.0)
    plant.step(1.0, 3.0, 22.0)
    bms.step(1000, 1.0)
    assert bms.full
    for k in range(200):
        plant.step(10.0, 0.0, 22.0)
        bms.step(2000 + k * 10000, 10.0)
    assert bms.full and bms.sample.bms_charge_ma == 0
    for k in range(900):
        plant.step(10.0, -40.0, 22.0)
        bms.step(9000000 + k * 10000, 10.0)
    assert not bms.full and bms.sample.bms_charge_ma > 0


def test_hot_and_cold_packs_get_no_charge():
    for temp_c in (-5.0, 53.0):
        bms = _bms(soc=0.5, temp_c=temp_c)[1]
        assert bms.sample.bms_charge_ma == 0


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.where == "bms"])
def test_every_bms_mishap_changes_what_it_says_and_ends(name):
    plant, bms = _bms(soc=0.5)
    plant.step(1.0, 30.0, 22.0)
    bms.step(1000, 1.0)
    healthy = bms.sample
    bms.mishaps.start(name, 1000)
    for k in range(40):
        plant.step(10.0, 30.0, 22.0)
        bms.step(2000 + k * 1000, 10.0)
    struck = bms.sample
    if name in ("bms_silent", "transport_hangs"):
        assert struck.cell_mv != healthy.cell_mv  # the line is dead, not the BMS
    elif name == "page_frozen":
        assert struck.cell_mv == bms._frozen["page_frozen"].cell_mv
    elif name == "cell_frozen":
        assert struck.cell_mv[3] == bms._frozen["cell_frozen"]
    elif name == "sentinel":
        assert struck.cell_mv[5] is None and struck.cell_mv[4] is not None
    elif name == "cells_invalid":
        assert struck.cell_mv == (None,) * 16 and struck.cell_max_mv is None
    elif name == "temp_open":
        assert struck.temp_mc[1] is None
    elif name == "limits_missing":
        assert struck.bms_charge_ma is None and struck.bms_discharge_ma is None
    elif name == "limits_zero":
        assert struck.bms_charge_ma == 0 == struck.bms_discharge_ma
    elif name == "limits_spike":
        assert struck.bms_charge_ma == 10 * healthy.bms_charge_ma
    elif name == "alarm":
        assert struck.alarms == 2
    elif name == "cell_jump":
        assert struck.cell_max_mv == struck.cell_mv[7] > healthy.cell_max_mv + 300
    else:
        assert abs(struck.current_ma - 30000) > 2000
    bms.mishaps.stop(name, 99000)
    bms.step(99000, 1.0)
    assert bms.sample.alarms == 0 and None not in bms.sample.cell_mv and not bms._frozen


def test_unknown_mishaps_and_parameters_are_refused():
    mishaps = Mishaps()
    with pytest.raises(KeyError):
        mishaps.start("no_such_thing", 0)
    with pytest.raises(TypeError):
        mishaps.start("alarm", 0, colour="red")
    assert set(YEAR) <= set(BY_NAME)


def test_schedule_is_seeded_and_never_overlaps():
    plan = schedule(np.random.default_rng([3, 4]), 20)
    assert plan == schedule(np.random.default_rng([3, 4]), 20)
    assert len(plan) > 10
    for (_, end, _), (start, _, _) in pairwise(plan):
        assert start - end >= 1200000


def _write(pcs, now_ms, out_rate, in_rate, revert_s=5):
    data = b"".join(value.to_bytes(2, "big") for value in (out_rate, in_rate, 0, revert_s))
    return pcs.write(now_ms, OUT_RATE, data)


def test_pcs_gives_nothing_before_a_write_then_what_the_limits_allow():
    pcs = SimPcs(SITE["pcs"], Mishaps())
    assert pcs.step(1000, 1.0, 52.0, 3000.0) == 0.0
    assert _write(pcs, 1000, 1000, 2000)
    assert pcs.step(2000, 1.0, 52.0, 3000.0) == 2000.0
    assert pcs.step(3000, 1.0, 52.0, -3000.0) == -1000.0
    assert pcs.sample(3000).charge_w == 2000 and pcs.sample(3000).watchdog_ms == 5000


def test_pcs_reverts_to_zero_when_nobody_writes():
    pcs = SimPcs(SITE["pcs"], Mishaps())
    _write(pcs, 0, 10000, 10000)
    assert pcs.step(5000, 1.0, 52.0, 3000.0) == 3000.0
    assert pcs.step(5001, 1.0, 52.0, 3000.0) == 0.0
    assert pcs.reverted and pcs.registers[IN_RATE] == 0


def test_pcs_ramps_within_its_time_to_obey_and_may_ignore():
    pcs = SimPcs(SITE["pcs"], Mishaps())
    _write(pcs, 0, 10000, 10000, 60)
    assert pcs.step(100, 0.1, 52.0, 9000.0) < 9000.0
    pcs.step(200, 0.1, 52.0, 9000.0)
    assert pcs.step(300, 0.1, 52.0, 9000.0) == 9000.0
    _write(pcs, 300, 0, 0, 60)
    pcs.mishaps.start("pcs_ignores", 300)
    assert pcs.step(1300, 1.0, 52.0, 9000.0) == 9000.0
    pcs.mishaps.stop("pcs_ignores", 1300)
    assert pcs.step(2300, 1.0, 52.0, 9000.0) == 0.0


def test_pcs_refuses_other_registers_and_frees_a_side_without_control_bit():
    pcs = SimPcs(SITE["pcs"], Mishaps())
    assert not pcs.write(0, 40000, b"\0\1")
    assert not pcs.write(0, STORCTL, b"")
    assert pcs.write(0, STORCTL, b"\0\1")
    assert pcs.limits_w() == (0.0, SITE["pcs"]["power_w"])


def test_meter_registers_only_grow_and_lie_on_the_ac_side():
    meter = SimMeter()
    meter.step(3600.0, 1000.0)
    meter.step(3600.0, -1000.0)
    sample = meter.sample(0)
    assert sample.in_wh == 1036 and sample.out_wh == 965 and sample.power_w == -965


def test_the_factory_day_leaves_rest_at_both_ends():
    day = FactoryDay(1, 2600.0)
    asked = [day.request_w(3.0 * 86400.0 + s, 0.5) for s in range(0, 86400, 60)]
    assert max(asked) > 2000.0 and min(asked) < -1000.0
    assert all(w <= 0.0 for w in asked[17 * 60 + 20 :])
    empty = [day.request_w(4.0 * 86400.0 + s, 0.1) for s in range(0, 86400, 60)]
    assert min(empty) == 0.0  # below the reserve it asks for no discharge
    assert empty[0 : 6 * 60] == [0.0] * 360
    assert [day.request_w(5.0 * 86400.0 + s, 0.5) for s in range(0, 86400, 60)] != asked
