# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a cell of each chemistry is like: open-circuit voltage, resistances, time constants.

The open-circuit voltage of a cell is made of its two electrodes, so that ageing moves features of the
curve as it does in real cells (lost lithium slides the electrodes against each other). This is not the
estimator's model: that one reads a single mean table (edge.core.curve).

Sources of the electrode equations:
LFP and its graphite: M. Safari, C. Delacourt, J. Electrochem. Soc. 158 (2011) A562; positive electrode
as refitted by A. Afshar (2017). NMC811 and graphite-silicon: C. H. Chen et al., J. Electrochem. Soc.
167 (2020) 080534. Resistances and time constants: typical large prismatic cells, order of magnitude.
"""

from collections import namedtuple

import numpy as np

# The tables of a plant reach a little beyond empty and full, because cells do.
SOC_LOW = -0.05
SOC_HIGH = 1.05
POINTS = 442  # 0.25 % apart

# lli: share of capacity loss that is lost lithium. negative_excess, positive_excess: electrode capacity
# over cell capacity when new. x_empty: graphite at 0 %. y_full: positive electrode at 100 %.
# r_ohm_ah: pulse resistance x capacity; r1, r2: the slow parts as share of it; tau_s: their constants.
# hysteresis_v: half the gap between the branches. gamma: how many swings of the full capacity turn a branch.
Chemistry = namedtuple(
    "Chemistry",
    (
        "negative_excess",
        "positive_excess",
        "x_empty",
        "y_full",
        "r_ohm_ah",
        "r1",
        "r2",
        "tau1_s",
        "tau2_s",
        "hysteresis_v",
        "gamma",
        "arrhenius_k",
        "heat_j_per_k_ah",
        "cool_w_per_k_ah",
        "self_ma",
    ),
)
LFP = Chemistry(1.20, 1.07, 0.006, 0.029, 0.090, 0.55, 0.75, 28.0, 640.0, 0.0065, 18.0, 3000.0, 19.0, 0.0035, 0.4)
NMC = Chemistry(1.16, 1.62, 0.028, 0.270, 0.130, 0.45, 0.60, 22.0, 480.0, 0.0020, 30.0, 3400.0, 17.0, 0.0040, 0.6)
CHEMISTRIES = {"lfp": LFP, "nmc": NMC}


def _lfp_negative(x):
    return (
        0.6379
        + 0.5416 * np.exp(-305.5309 * x)
        + 0.044 * np.tanh(-(x - 0.1958) / 0.1088)
        - 0.1978 * np.tanh((x - 1.0571) / 0.0854)
        - 0.6875 * np.tanh((x + 0.0117) / 0.0529)
        - 0.0175 * np.tanh((x - 0.5692) / 0.0875)
    )


def _lfp_positive(y):
    w = np.clip(1.0 - y, 0.0, 1.02)
    return (
        3.4323
        - 0.8428 * np.exp(-80.2493 * w**1.3198)
        - 3.2474e-6 * np.exp(20.2645 * w**3.8003)
        + 3.2482e-6 * np.exp(20.2646 * w**3.7995)
    )


def _nmc_negative(x):
    return (
        1.9793 * np.exp(-39.3631 * x)
        + 0.2482
        - 0.0909 * np.tanh(29.8538 * (x - 0.1234))
        - 0.04478 * np.tanh(14.9159 * (x - 0.2769))
        - 0.0205 * np.tanh(30.4444 * (x - 0.6103))
    )


def _nmc_positive(y):
    return (
        -0.8090 * y
        + 4.4875
        - 0.0428 * np.tanh(18.5138 * (y - 0.5542))
        - 17.7326 * np.tanh(15.7890 * (y - 0.3117))
        + 17.5842 * np.tanh(15.9308 * (y - 0.3120))
    )


_ELECTRODES = {"lfp": (_lfp_positive, _lfp_negative), "nmc": (_nmc_positive, _nmc_negative)}


def ocv_table(chemistry, health, excess_negative, excess_positive):
    """Open-circuit voltage in V of one cell at POINTS states of charge from SOC_LOW to SOC_HIGH.

    health: present capacity over the new cell's (0.5..1). excess_*: spread of the electrodes of this
    cell, factors near 1. Growing in SoC. Fewer lithium ions shuttle in electrodes that are still large:
    the same swing of the cell uses less of each of them.
    """
    kind = CHEMISTRIES[chemistry]
    positive, negative = _ELECTRODES[chemistry]
    soc = np.linspace(SOC_LOW, SOC_HIGH, POINTS)
    # four fifths of the loss is lithium, one fifth active material of both electrodes
    active = 1.0 - 0.2 * (1.0 - health)
    x = kind.x_empty + soc * health / (kind.negative_excess * excess_negative * active)
    y = kind.y_full + (1.0 - soc) * health / (kind.positive_excess * excess_positive * active)
    volts = positive(y) - negative(np.maximum(x, 1e-4))
    # beyond empty and full the voltage runs away steeply
    volts = volts - 8.0 * np.maximum(-soc, 0.0) + 4.0 * np.maximum(soc - 1.0, 0.0)
    return np.maximum.accumulate(volts)


def resistance_shape(chemistry):
    """Factor on the resistance over the same grid: higher when nearly empty, a little when full."""
    soc = np.linspace(SOC_LOW, SOC_HIGH, POINTS)
    steep = 0.9 if chemistry == "lfp" else 0.7
    return 1.0 + steep * np.exp(-np.maximum(soc, 0.0) / 0.06) + 0.15 * np.exp(-np.maximum(1.0 - soc, 0.0) / 0.04)
