# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a cell of each chemistry is like beside its open-circuit voltage: resistances, time constants, heat.

Typical large prismatic cells, order of magnitude. The plant relaxes on three time scales, the slowest of them over
an hour as diffusion in porous electrodes does; the estimator's model has two, with other constants.
"""

from collections import namedtuple

import numpy as np

from simulator import halfcells
from simulator.halfcells import POINTS, SOC_HIGH, SOC_LOW

# r_ohm_ah: pulse resistance x capacity of the new cell; r1, r2, r3: the slow parts as share of it; tau*_s: their
# constants. hysteresis_v: half the gap between the branches. gamma: how many swings of the full capacity turn a
# branch. lam_n, lam_p: lost active material as share of the lost capacity, lowest and highest of a cell.
Chemistry = namedtuple(
    "Chemistry",
    (
        "r_ohm_ah",
        "r1",
        "r2",
        "r3",
        "tau1_s",
        "tau2_s",
        "tau3_s",
        "hysteresis_v",
        "gamma",
        "arrhenius_k",
        "heat_j_per_k_ah",
        "cool_w_per_k_ah",
        "self_ma",
        "lam_n",
        "lam_p",
    ),
)
LFP = Chemistry(
    0.050, 0.60, 0.70, 0.50, 28.0, 640.0, 1900.0, 0.0110, 18.0, 3000.0, 19.0, 0.0035, 0.4, (0.10, 0.35), (0.02, 0.12)
)
NMC = Chemistry(
    0.130, 0.45, 0.40, 0.25, 22.0, 420.0, 1400.0, 0.0020, 30.0, 3400.0, 17.0, 0.0040, 0.6, (0.25, 0.45), (0.10, 0.30)
)
CHEMISTRIES = {"lfp": LFP, "nmc": NMC}


def growth(share):
    """Factor of resistance when share of the capacity is left: 1 new, about 1.8 at 80 %, 2.5 at 65 %.

    Second-life cells of 65 % measured 2 to 2.7 times their first resistance.
    """
    loss = 1.0 - share
    return 1.0 + 3.6 * loss + 2.0 * loss * loss


def resistance_shape(chemistry):
    """Factor on the ohmic resistance over the plant's grid: higher when nearly empty, a little when full."""
    soc = np.linspace(SOC_LOW, SOC_HIGH, POINTS)
    steep = 0.9 if chemistry == "lfp" else 0.7
    return 1.0 + steep * np.exp(-np.maximum(soc, 0.0) / 0.06) + 0.15 * np.exp(-np.maximum(1.0 - soc, 0.0) / 0.04)


def slow_shape():
    """Factor on the slow resistances over the same grid: diffusion hinders most when nearly empty."""
    soc = np.linspace(SOC_LOW, SOC_HIGH, POINTS)
    return 0.9 + 1.4 * np.exp(-np.maximum(soc, 0.0) / 0.10) + 0.25 * np.cos(3.0 * np.pi * soc) ** 2


def cell_file(chemistry):
    """What `reuse-edge fit` would know of this kind of cell from a new one: a cell file (dict) for the estimator.

    The published curves without the errors of a pack's cells, resistances of the new cell on two time constants.
    """
    kind, new = CHEMISTRIES[chemistry], halfcells.KINDS[chemistry]
    nominal_mah = 100000
    grid, volts = halfcells.fresh_table(chemistry)
    soc = np.linspace(0.0, 1.0, 21)
    ohmic = np.interp(soc, grid, resistance_shape(chemistry)) * kind.r_ohm_ah
    slow = np.interp(soc, grid, slow_shape()) * kind.r_ohm_ah
    rows = (ohmic, slow * kind.r1, slow * (kind.r2 + 0.7 * kind.r3))
    size = nominal_mah / 1000.0
    x0, x100 = halfcells.fresh_ends(chemistry)
    sto = 0.005 * np.arange(1, 201)
    positive, negative = halfcells.published(chemistry, sto)
    return {
        "version": 1,
        "name": "sim-" + chemistry,
        "source": "the simulator's own new cell",
        "chemistry": chemistry,
        "nominal_mah": nominal_mah,
        "cell_min_mv": round(new.low_v * 1000),
        "cell_max_mv": round(new.high_v * 1000),
        "ocv_uv": _integers(np.interp(np.linspace(0.0, 1.0, 101), grid, volts), 1e6),
        "r_uohm": [_integers(row / size, 1e6) for row in rows],
        "tau_ms": [30000, 900000],
        "ea_k": round(kind.arrhenius_k),
        "hysteresis_uv": [round(kind.hysteresis_v * 1e6)] * 21,
        "gamma": round(kind.gamma),
        "residual_uv": 2000,
        "half": {
            "first_ppm": 5000,
            "step_ppm": 5000,
            "positive_uv": _integers(positive, 1e6),
            "negative_uv": _integers(negative, 1e6),
            "positive_mah": round(new.positive * nominal_mah),
            "negative_mah": round(new.negative * nominal_mah),
            "lithium_mah": round(new.lithium * nominal_mah),
            "x0_ppm": max(round(x0 * 1e6), 0),
            "x100_ppm": round(x100 * 1e6),
        },
    }


def _integers(values, scale):
    return np.rint(values * scale).astype(int).tolist()
