# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What to expect of a used cell and of its current sensor before they were measured.

A cell that has lost capacity has mostly lost lithium, and some of its electrodes (J. Vetter et al., J. Power
Sources 147 (2005) 269; C. R. Birkl et al., J. Power Sources 341 (2017) 373). The certificate says how much is lost; on
that path of ageing the open-circuit voltage is known beforehand to half of what the new cell's would be wrong by.
"""

from math import sqrt

# Parameters of edge.core.align up to the knots: place in the window, shares of the fresh cell's negative and positive
# electrode and lithium, offset of the sensor in C, two scales of resistance (cells at 65 % SoH: 2 to 2.7 times).
MEAN = (0.5, 1.0, 1.0, 1.0, 0.0, 1.5, 1.5)
STD = (0.5, 0.06, 0.05, 0.06, 0.006, 0.7, 0.7)
# Each falls by WORN of the capacity that is lost, and its deviation grows by STD_WORN of it.
WORN = (0.0, 0.5, 0.3, 1.0, 0.0, 0.0, 0.0)
STD_WORN = (0.0, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0)
MOST_LOST = 0.5
STEPS = 5
# OCV table of the type, aged to the certificate, against this pack's. LMO has no built-in cell: it runs on its own.
STD_OCV_V = {"nmc": 0.015, "lfp": 0.008, "lmo": 0.015}
# SoC read from it: for a cell of the type, and for what it has lost as a share of that. Random mixtures of lost lithium
# and electrodes at one capacity lie 0.11 to 0.18 of the loss apart (rms over SoC; half cells of three types).
STD_SOC = {"nmc": 0.02, "lfp": 0.04, "lmo": 0.04}
STD_SOC_LOST = {"nmc": 0.17, "lfp": 0.2, "lmo": 0.23}
KNEE_V = 3.40  # LFP: a relaxed mean cell above it is at the upper knee
# Gain of the current sensor: not observable from current and voltage. The worse a sensor's class the larger both its
# errors: what is found of its offset (in C) says what to expect of the gain.
STD_GAIN = 0.0045
GAIN_BY_OFFSET = 1.2
MOST_GAIN = 0.03


def electrodes(capacity_of, nominal_ah, certified_ah):
    """(mean, standard deviation) of the parameters of a cell with the certified capacity on the path of ageing.

    capacity_of: function of the means that tells the capacity in Ah of such a cell.
    """
    lost, step = 0.0, 1.0 - certified_ah / nominal_ah
    for _ in range(STEPS):
        lost = min(max(lost + step, 0.0), MOST_LOST)
        mean = [MEAN[i] - WORN[i] * lost for i in range(len(MEAN))]
        step = (capacity_of(mean) - certified_ah) / nominal_ah
    return mean, [STD[i] + STD_WORN[i] * lost for i in range(len(STD))]


def soc_std(chemistry, lost, strange):
    """Deviation of the SoC by that curve. lost: share of the capacity; strange: how many times worse the type fits."""
    return max(STD_SOC[chemistry] * strange, STD_SOC_LOST[chemistry] * max(lost, 0.0))


def gain_std(offset_c):
    """Deviation of the current sensor's gain, relative. offset_c: its offset in C."""
    by_offset = GAIN_BY_OFFSET * offset_c
    return min(sqrt(STD_GAIN * STD_GAIN + by_offset * by_offset), MOST_GAIN)
