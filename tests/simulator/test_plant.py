# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The plant behaves as packs do, exactly repeatably, and unlike the estimator's table."""

import numpy as np
import pytest

from edge.core import cell_lfp, cell_nmc811
from simulator import halfcells
from simulator.cells import cell_file, growth
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


BUILT_IN = {"lfp": cell_lfp.CELL["ocv_uv"], "nmc": cell_nmc811.CELL["ocv_uv"]}


def _known_v(chemistry, soc):
    """What the estimator's built-in new cell has at soc, V."""
    table = np.array(BUILT_IN[chemistry]) * 1e-6
    return np.interp(soc, np.linspace(0.0, 1.0, len(table)), table)


@pytest.mark.parametrize("pack,low,high", [(LFP, 3150, 3420), (NMC, 3300, 4170)], ids=["lfp16", "nmc96"])
def test_voltage_grows_with_charge_and_is_near_the_table_but_not_on_it(pack, low, high):
    rests = []
    for soc in (0.12, 0.3, 0.5, 0.7, 0.9, 0.97):
        plant = Plant(pack, 1, soc=soc)
        _settle(plant, 1.0)
        rests.append(plant.truth().pack_mv / pack["cells"])
    assert rests == sorted(rests)
    assert low < rests[0] and rests[-1] < high
    away = [abs(mv - 1000.0 * _known_v(pack["chemistry"], soc)) for soc, mv in zip((0.3, 0.5, 0.7), rests[1:])]
    assert 1 < max(away) < 100


def _misread(plant, known):
    """Largest error of SoC, 5 to 95 %, when the rest voltages of plant's mean cell are read in a new cell's table.

    known: (SoC, V) of that table."""
    soc = np.linspace(halfcells.SOC_LOW, halfcells.SOC_HIGH, halfcells.POINTS)
    mean_v = plant._ocv.reshape(plant.cells, -1).mean(axis=0)
    shown = np.interp(np.interp(np.linspace(0.05, 0.95, 91), soc, mean_v), known[1], known[0])
    return abs(shown - np.linspace(0.05, 0.95, 91)).max()


@pytest.mark.parametrize("health,least,most", [(1.0, 0.0, 0.05), (0.8, 0.06, 0.11), (0.65, 0.09, 0.16)])
def test_an_aged_cell_shows_another_charge_in_the_table_of_a_new_one(health, least, most):
    for seed in (1, 2, 3):
        assert least <= _misread(Plant(NMC, seed, health=health), halfcells.fresh_table("nmc")) < most


@pytest.mark.parametrize("chemistry,least_v", [("lfp", 0.002), ("nmc", 0.005)])
def test_even_the_new_cell_is_not_the_one_that_is_built_into_the_estimator(chemistry, least_v):
    soc, volts = halfcells.fresh_table(chemistry)
    away = volts - _known_v(chemistry, soc)
    inside = (soc > 0.1) & (soc < 0.95)
    assert least_v < (away[inside] ** 2).mean() ** 0.5 < 0.03


def test_half_cell_curves_are_off_by_five_millivolts_and_the_cells_of_a_pack_alike():
    s = np.linspace(0.0, 1.0, 101)
    squares, alike = [], []
    for seed in range(40):
        errors = halfcells.draw_errors(np.random.default_rng(seed), 8)
        for one in errors:
            curves = halfcells._waves(one, np.tile(s, (8, 1)))
            squares.append((curves**2).mean())
            alike.append((curves.mean(axis=0) ** 2).mean())
    assert 0.004 < np.mean(squares) ** 0.5 < 0.006
    assert 0.003 < np.mean(alike) ** 0.5 < 0.005


@pytest.mark.parametrize("chemistry", ["lfp", "nmc"])
def test_capacity_follows_from_the_voltage_limits(chemistry):
    kind = halfcells.KINDS[chemistry]
    plant = Plant(LFP if chemistry == "lfp" else NMC, 4, health=0.78)
    electrodes, errors = plant.electrodes, plant._errors
    x0, x100 = halfcells.ends(chemistry, electrodes, errors)
    assert abs(halfcells.open_v(chemistry, electrodes, x0, errors) - kind.low_v).max() < 1e-3
    assert abs(halfcells.open_v(chemistry, electrodes, x100, errors) - kind.high_v).max() < 1e-3
    assert abs(electrodes.n_ah * (x100 - x0) - plant.capacity_ah).max() < 1e-6
    assert abs(plant.capacity_ah.mean() / plant.new_ah - 0.78) < 0.012
    lost = plant.ageing()
    assert 0.05 < lost[0] / 1e6 < 0.3 and min(lost[1:]) > 0  # lithium most of all


def test_every_loss_shrinks_the_cell():
    kind = halfcells.KINDS["nmc"]
    new = [np.array([amount]) for amount in (kind.negative, kind.positive, kind.lithium)]
    assert abs(halfcells.capacity_ah("nmc", halfcells.Electrodes(*new))[0] - 1.0) < 1e-6
    for lost in range(3):
        before = 1.0
        for left in (0.9, 0.8, 0.7):
            amounts = [amount * (left if k == lost else 1.0) for k, amount in enumerate(new)]
            if lost < 2:  # active material goes with the lithium that is in it
                amounts[2] = new[2] * (1.0 - 0.5 * (1.0 - left))
            capacity = float(halfcells.capacity_ah("nmc", halfcells.Electrodes(*amounts))[0])
            assert capacity < before
            before = capacity


def test_resistance_grows_with_age():
    ohms = [Plant(NMC, 1, health=health).r0_ohm.mean() for health in (1.0, 0.8, 0.65)]
    assert ohms == sorted(ohms)
    assert 1.5 < ohms[1] / ohms[0] < 2.1 and 2.0 < ohms[2] / ohms[0] < 2.7
    assert growth(1.0) == 1.0


@pytest.mark.parametrize("chemistry", ["lfp", "nmc"])
def test_the_cell_file_is_the_new_cell_in_integers(chemistry):
    cell = cell_file(chemistry)
    assert cell.keys() == cell_lfp.CELL.keys() | {"half"} - {"entropy_uv_per_k"} or "entropy_uv_per_k" not in cell
    assert [len(cell["ocv_uv"])] + [len(row) for row in cell["r_uohm"]] == [101, 21, 21, 21]
    assert len(cell["half"]["positive_uv"]) == len(cell["half"]["negative_uv"]) == 200
    assert all(isinstance(uv, int) for uv in cell["ocv_uv"] + cell["half"]["positive_uv"])
    low, high = cell["ocv_uv"][0] / 1000, cell["ocv_uv"][-1] / 1000
    assert abs(low - cell["cell_min_mv"]) < 20 and abs(high - cell["cell_max_mv"]) < 2


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


@pytest.mark.parametrize("pack", [LFP, NMC], ids=["lfp", "nmc"])
def test_a_year_of_daily_cycles_takes_some_three_percent(pack):
    plant = Plant(dict(pack, cells=4), 2, health=0.8)
    first, before, lost = plant.capacity_ah.mean(), plant.capacity_ah.mean(), plant.ageing()
    current_a = 0.7 * plant.new_ah * 0.8 / 6.0
    for day in range(120):
        for hour in range(24):
            wanted = current_a if 9 <= hour < 15 else -current_a if 17 <= hour < 23 else 0.0
            plant.step(3600.0, wanted, 23.0)
        if day % 30 == 29:
            assert plant.capacity_ah.mean() < before
            before = plant.capacity_ah.mean()
    assert 0.015 < (1.0 - before / first) * 365 / 120 < 0.045
    assert all(now > then for now, then in zip(plant.ageing(), lost))


def test_inner_voltage_and_resistance_explain_the_terminal_voltage():
    plant = Plant(NMC, 1)
    plant.step(1.0, 30.0, 22.0)
    inner_v, ohm = plant.emf()
    assert abs(inner_v + 30.0 * ohm - plant.cell_v.sum()) < 1e-9
    assert ohm > 0.0
