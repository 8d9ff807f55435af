# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The open-circuit voltage of aged cells from their two electrodes: what the plant is, not what the estimator knows.

A cell is three amounts of charge: what its negative and its positive electrode can hold (n_ah, p_ah) and the
lithium between them (lithium_ah). Ageing takes from all three: loss of active material of either electrode, loss
of lithium inventory. Where the voltage limits fall on the electrodes decides capacity and the shape of the curve:

    V = Up(y) - Un(x),   y = (lithium_ah - x n_ah) / p_ah,   capacity = n_ah (x100 - x0)

Every curve deviates smoothly from the published one: ERROR_V for each half-cell, the larger part of it common to
the cells of a pack, which come from one production.

Sources of the electrode equations. NMC811: C. H. Chen et al., J. Electrochem. Soc. 167 (2020) 080534; graphite
with SiOx of the same cell in the fit that S. O'Kane extended to high stoichiometry (S. E. J. O'Kane et al., Phys.
Chem. Chem. Phys. 24 (2022) 7909). LFP and its graphite: M. Safari, C. Delacourt, J. Electrochem. Soc. 158 (2011)
A562. Degradation modes: C. R. Birkl et al., J. Power Sources 341 (2017) 373. The estimator's built-in cells use
other equations (LFP: Afshar, Prada; graphite with SiOx: Chen) or measured tables.
"""

from collections import namedtuple

import numpy as np

# The tables of a plant reach a little beyond empty and full, because cells do.
SOC_LOW = -0.05
SOC_HIGH = 1.05
POINTS = 442  # 0.25 % apart
ERROR_V = 0.005  # rms of one half-cell curve of one cell against the published one
_COMMON = 0.8  # share of that (as deviation) which all cells of a pack have alike
_WAVES = 6
_STEEP_V = 60.0  # beyond what an electrode can hold its potential runs away, V per unit
_HALVINGS = 30
_SECANTS = 5

# low_v, high_v: open-circuit voltages of an empty and a full cell. negative, positive, lithium: amounts of the
# new cell over its capacity.
Kind = namedtuple("Kind", ("low_v", "high_v", "negative", "positive", "lithium"))
# n_ah, p_ah, lithium_ah: arrays over cells.
Electrodes = namedtuple("Electrodes", ("n_ah", "p_ah", "lithium_ah"))


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
    w = 1.0 - y
    return (
        3.4323
        - 0.8428 * np.exp(-80.2493 * w**1.3198)
        - 3.2474e-6 * np.exp(20.2645 * w**3.8003)
        + 3.2482e-6 * np.exp(20.2646 * w**3.7995)
    )


def _nmc_negative(x):
    return (
        1.051 * np.exp(-26.76 * x)
        + 0.1916
        - 0.05598 * np.tanh(35.62 * (x - 0.1356))
        - 0.04483 * np.tanh(14.64 * (x - 0.2861))
        - 0.02097 * np.tanh(26.28 * (x - 0.6183))
        - 0.02398 * np.tanh(38.1 * (x - 1.0))
    )


def _nmc_positive(y):
    return (
        -0.8090 * y
        + 4.4875
        - 0.0428 * np.tanh(18.5138 * (y - 0.5542))
        - 17.7326 * np.tanh(15.7890 * (y - 0.3117))
        + 17.5842 * np.tanh(15.9308 * (y - 0.3120))
    )


_CURVES = {"lfp": (_lfp_positive, _lfp_negative), "nmc": (_nmc_positive, _nmc_negative)}


def _new(chemistry, low_v, high_v, x0, x100, y0, y100):
    """Kind of a new cell whose electrodes end about there; scaled so that its capacity is exactly 1."""
    n, p = 1.0 / (x100 - x0), 1.0 / (y0 - y100)
    rough = Electrodes(np.array([n]), np.array([p]), np.array([x0 * n + y0 * p]))
    kind = Kind(low_v, high_v, 0.0, 0.0, 0.0)
    low, high = _ends(kind, chemistry, rough, None)
    capacity = float((rough.n_ah * (high - low))[0])
    return kind._replace(negative=n / capacity, positive=p / capacity, lithium=float(rough.lithium_ah[0]) / capacity)


def _potential(curve, s):
    inside = np.clip(s, 0.0005, 1.0)
    return curve(inside) - _STEEP_V * (s - inside)


def _waves(waves, s):
    """Smooth error at s (cells, or cells x points). waves: (amplitude, phase), each cells x _WAVES."""
    if waves is None:
        return 0.0
    amplitude, phase = waves
    total = np.zeros(s.shape)
    for k in range(_WAVES):
        a, shift = amplitude[:, k], phase[:, k]
        if s.ndim == 2:
            a, shift = a[:, None], shift[:, None]
        total += a * np.cos((k + 1) * np.pi * s + shift)
    return total


def open_v(chemistry, electrodes, x, errors=None):
    """Open-circuit voltage in V at stoichiometry x of the negative electrode (cells, or cells x points).

    errors: as draw_errors() gave them, or None for the published curves."""
    positive, negative = _CURVES[chemistry]
    n_ah, p_ah, lithium_ah = electrodes
    if x.ndim == 2:
        n_ah, p_ah, lithium_ah = n_ah[:, None], p_ah[:, None], lithium_ah[:, None]
    y = (lithium_ah - x * n_ah) / p_ah
    volts = _potential(positive, y) - _potential(negative, x)
    if errors is not None:
        volts += _waves(errors[0], y) - _waves(errors[1], x)
    return volts


def _ends(kind, chemistry, electrodes, errors):
    """(x0, x100) of every cell: where the limits of kind fall, by halving."""
    n = len(electrodes.n_ah)
    found = []
    for target_v in (kind.low_v, kind.high_v):
        low, high = np.full(n, -0.05), np.full(n, 1.1)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            below = open_v(chemistry, electrodes, middle, errors) < target_v
            low = np.where(below, middle, low)
            high = np.where(below, high, middle)
        found.append(0.5 * (low + high))
    return found


# Ends of the new cells on their electrodes. NMC: the LG M50 of Chen et al. LFP: the cell of Safari and Delacourt.
KINDS = {
    "nmc": _new("nmc", 2.5, 4.2, 0.0263, 0.9106, 0.8540, 0.2638),
    "lfp": _new("lfp", 2.0, 3.6, 0.0085, 0.7800, 0.9500, 0.0250),
}


def ends(chemistry, electrodes, errors=None):
    """(x0, x100): stoichiometry of the negative electrode of every empty and every full cell."""
    return _ends(KINDS[chemistry], chemistry, electrodes, errors)


def capacity_ah(chemistry, electrodes, errors=None):
    """Capacity in Ah of every cell between its voltage limits."""
    x0, x100 = ends(chemistry, electrodes, errors)
    return electrodes.n_ah * (x100 - x0)


def draw_errors(rng, cells):
    """Smooth errors of the half-cell curves of a pack: (positive, negative) for open_v()."""
    both = []
    for _ in range(2):
        common = rng.standard_normal((1, _WAVES, 2))
        own = rng.standard_normal((cells, _WAVES, 2))
        mixed = _COMMON * common + (1.0 - _COMMON * _COMMON) ** 0.5 * own
        # a cosine of random amplitude and phase; rms over 0..1 and over draws is ERROR_V
        amplitude = np.hypot(mixed[..., 0], mixed[..., 1]) * ERROR_V / _WAVES**0.5
        both.append((amplitude, np.arctan2(mixed[..., 1], mixed[..., 0])))
    return tuple(both)


def aged(chemistry, new_ah, share, lam_n, lam_p, errors=None):
    """Electrodes of cells whose capacity is share x new_ah.

    share, lam_n, lam_p: arrays over cells; lam_*: lost active material, 0..1. The rest of the loss is lithium:
    as much as it takes to reach that capacity.
    """
    kind = KINDS[chemistry]
    n_ah, p_ah = kind.negative * new_ah * (1.0 - lam_n), kind.positive * new_ah * (1.0 - lam_p)
    target = share * new_ah
    lithium = kind.lithium * new_ah - (new_ah - target) * 1.03
    slope, before, miss_before = np.full(len(share), 0.95), None, None
    for _ in range(_SECANTS):
        miss = capacity_ah(chemistry, Electrodes(n_ah, p_ah, lithium), errors) - target
        if before is not None:
            moved = lithium - before
            slope = np.clip((miss - miss_before) / np.where(np.abs(moved) < 1e-9, 1e-9, moved), 0.4, 1.3)
        before, miss_before = lithium, miss
        lithium = np.clip(lithium - miss / slope, 0.2 * new_ah, 1.1 * kind.lithium * new_ah)
    return Electrodes(n_ah, p_ah, lithium)


def tables(chemistry, electrodes, x0, x100, errors=None):
    """Open-circuit voltages in V, cells x POINTS, over SoC from SOC_LOW to SOC_HIGH; growing in SoC."""
    soc = np.linspace(SOC_LOW, SOC_HIGH, POINTS)
    inside = np.clip(soc, 0.0, 1.0)
    volts = open_v(chemistry, electrodes, x0[:, None] + inside * (x100 - x0)[:, None], errors)
    # beyond empty and full the voltage runs away steeply
    volts += 8.0 * np.minimum(soc, 0.0) + 4.0 * np.maximum(soc - 1.0, 0.0)
    return np.maximum.accumulate(volts, axis=1)


def published(chemistry, s):
    """(positive, negative) half-cell potentials in V at stoichiometries s, without errors."""
    positive, negative = _CURVES[chemistry]
    return _potential(positive, s), _potential(negative, s)


def _fresh(chemistry):
    kind = KINDS[chemistry]
    one = Electrodes(np.array([kind.negative]), np.array([kind.positive]), np.array([kind.lithium]))
    return one, ends(chemistry, one)


def fresh_ends(chemistry):
    """(x0, x100) of the new cell."""
    x0, x100 = _fresh(chemistry)[1]
    return float(x0[0]), float(x100[0])


def fresh_table(chemistry):
    """Open-circuit voltage of the new cell with the published curves: (SoC, V), arrays of POINTS."""
    one, (x0, x100) = _fresh(chemistry)
    return np.linspace(SOC_LOW, SOC_HIGH, POINTS), tables(chemistry, one, x0, x100)[0]
