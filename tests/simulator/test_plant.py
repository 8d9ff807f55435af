# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The plant behaves as packs do, exactly repeatably, and unlike the estimator's table."""

import pytest

from edge.core.curve import OCV, clamped
from simulator.plant import Plant

LFP = {"cells": 16, "chemistry": "lfp", "capacity_mah": 280000}
NMC = {"cells": 96, "chemistry": "nmc", "capacity_mah": 150000}


def _settle(plant, hours):
    for _ in range(int(hours * 360)):
        plant.step(10.0, 0.0, 22.0)


@pytest.mark.parametrize("pack", [LFP, NMC], ids=["lfp16", "nmc96"])
def test_the_same_seed_gives_the_same_pack_bit_for_bit(pack):
    first, second, other = Plant(pack, 5), Plant(pack, 5), Plant(pack, 6)
    for plant in (first, second, other):
        for k in range(300):
            plant.step(1.0, 40.0 if k % 60 < 30 else -25.0, 21.0)
    assert first.truth() == second.truth()
    assert first.truth() != other.truth()


@pytest.mark.parametrize("pack", [LFP, NMC], ids=["lfp16", "nmc96"])
def test_charge_moves_every_cell_by_current_over_capacity(pack):
    plant = Plant(pack, 1, soc=0.4)
    before = plant.charge_ah.copy()
    for _ in range(3600):
        plant.step(1.0, 20.0, 22.0)
    moved = plant.charge_ah - before + plant.leak_a
    assert abs(moved - 20.0).max() < 1e-6


@pytest.mark.parametrize("pack,low,high", [(LFP, 3190, 3420), (NMC, 3300, 4150)], ids=["lfp16", "nmc96"])
def test_voltage_grows_with_charge_and_is_near_the_table_but_not_on_it(pack, low, high):
    rests = []
    for soc in (0.12, 0.3, 0.5, 0.7, 0.9, 0.97):
        plant = Plant(pack, 1, soc=soc)
        _settle(plant, 1.0)
        rests.append(plant.truth().pack_mv / pack["cells"])
    assert rests == sorted(rests)
    assert low < rests[0] and rests[-1] < high
    away = [abs(mv - clamped(OCV[pack["chemistry"]], int(soc * 1e6))) for soc, mv in zip((0.3, 0.5, 0.7), rests[1:])]
    assert max(away) < 60
    assert max(away) > 1


def test_voltage_under_load_relaxes_in_two_stages_and_keeps_the_branch():
    plant = Plant(LFP, 1, soc=0.5)
    for _ in range(1800):
        plant.step(1.0, 50.0, 22.0)
    loaded = plant.cell_v.mean()
    plant.step(1.0, 0.0, 22.0)
    at_once = plant.cell_v.mean()
    _settle(plant, 0.05)
    soon = plant.cell_v.mean()
    _settle(plant, 1.0)
    late = plant.cell_v.mean()
    assert loaded > at_once > soon > late
    down = Plant(LFP, 1, soc=plant.mean_soc() + 50.0 * 0.5 / 235.0)
    for _ in range(1800):
        down.step(1.0, -50.0, 22.0)
    _settle(down, 1.05)
    assert abs(down.mean_soc() - plant.mean_soc()) < 0.01
    assert late - down.cell_v.mean() > 0.008  # the two branches stay apart


def test_a_leaking_cell_falls_behind_and_the_pack_shrinks_with_it():
    plant = Plant(LFP, 1, soc=0.6, leaks_ma={11: 120.0})
    whole_ah = plant.usable()[1]
    for _ in range(24 * 60):
        plant.step(60.0, 0.0, 22.0)
    first = Plant(LFP, 1, soc=0.6, leaks_ma={11: 120.0}).truth().cell_soc_ppm
    fell = [before - now for before, now in zip(first, plant.truth().cell_soc_ppm)]
    assert fell[11] > 11000 and max(fell[:11]) < 200
    for _ in range(48 * 60):
        plant.step(60.0, 0.0, 22.0)
    assert whole_ah - plant.usable()[1] > 3.0
    assert plant.truth().usable_ppm < plant.truth().soc_ppm


def test_cold_cells_resist_more_and_current_heats():
    cold, warm = Plant(LFP, 1, temp_c=0.0), Plant(LFP, 1, temp_c=30.0)
    for plant, ambient in ((cold, 0.0), (warm, 30.0)):
        base = plant.cell_v.mean()
        plant.step(1.0, 80.0, ambient)
        plant.rise = plant.cell_v.mean() - base
    assert cold.rise > 1.8 * warm.rise
    for _ in range(3600):
        warm.step(1.0, 100.0 if warm.mean_soc() < 0.8 else -100.0, 30.0)
    assert warm.temp_c > 31.0


def test_cycling_ages_capacity_down_and_resistance_up():
    plant = Plant(LFP, 1)
    capacity, ohm = plant.capacity_ah.mean(), plant.r0_ohm.mean()
    for k in range(2000):
        plant.step(360.0, 60.0 if k % 20 < 10 else -60.0, 25.0)
    assert 0.97 * capacity < plant.capacity_ah.mean() < capacity
    assert plant.r0_ohm.mean() > ohm


def test_inner_voltage_and_resistance_explain_the_terminal_voltage():
    plant = Plant(NMC, 1)
    plant.step(1.0, 30.0, 22.0)
    inner_v, ohm = plant.emf()
    assert abs(inner_v + 30.0 * ohm - plant.cell_v.sum()) < 1e-9
    assert ohm > 0.0
