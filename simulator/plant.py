# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One second-life pack as it truly is: cells in series, each with its own capacity, resistance and curve.

Two RC pairs, hysteresis, one lumped temperature, an open-circuit table per cell, leakage, ageing. All
cells are stepped together with numpy and without allocation; + current charges. Deterministic by seed.
"""

from collections import namedtuple
from math import exp

import numpy as np

from simulator.cells import CHEMISTRIES, POINTS, SOC_HIGH, SOC_LOW, ocv_table, resistance_shape

# soc_ppm: charge in all cells over the capacity of all cells: the state of charge of the mean cell, which
# is what can be seen in the pack voltage. capacity_mah: of the mean cell. usable_ppm, usable_mah: from the
# first full to the first empty cell, unbalanced as the pack is. cell_*: of each cell alone. current_ma: at
# the terminals, mean of the last step, + charges.
Truth = namedtuple(
    "Truth",
    (
        "soc_ppm",
        "capacity_mah",
        "usable_ppm",
        "usable_mah",
        "cell_soc_ppm",
        "cell_capacity_mah",
        "current_ma",
        "pack_mv",
        "cell_mv",
    ),
)

# The part of the truth that is looked at in every step.
Brief = namedtuple("Brief", ("soc_ppm", "current_ma", "cell_max_mv", "cell_min_mv"))

_SCALE = (POINTS - 1) / (SOC_HIGH - SOC_LOW)
_AGE_EVERY_S = 3600.0
# Share of capacity lost per full cycle and per year at 25 °C; resistance grows twice as fast.
_FADE_PER_CYCLE = 4.0e-5
_FADE_PER_S = 0.015 / (365.0 * 86400.0)


class Plant:
    """pack: the pack's part of the settings. seed: int. soc: 0..1 at start. health: mean capacity over
    the nameplate. leaks_ma: {cell: mA} of self-discharge beyond the normal. weak: {cell: factor on
    capacity}. spread: relative standard deviation of capacity between cells."""

    def __init__(self, pack, seed, soc=0.5, health=0.84, leaks_ma=None, weak=None, spread=0.012, temp_c=22.0):
        self.cells = n = pack["cells"]
        self.chemistry = pack["chemistry"]
        self.kind = kind = CHEMISTRIES[self.chemistry]
        rng = np.random.default_rng([seed, 1])
        new_ah = pack["capacity_mah"] / 1000.0
        share = health * (1.0 + spread * rng.standard_normal(n).clip(-2.5, 2.5))
        for cell, factor in (weak or {}).items():
            share[cell] *= factor
        self.capacity_ah = new_ah * share
        self.charge_ah = self.capacity_ah * (soc + 0.004 * rng.standard_normal(n).clip(-2.0, 2.0))
        self.leak_a = np.full(n, kind.self_ma / 1000.0) * rng.uniform(0.7, 1.3, n)
        for cell, leak_ma in (leaks_ma or {}).items():
            self.leak_a[cell] += leak_ma / 1000.0
        grown = 1.0 + 2.2 * (1.0 - share)
        self.r0_ohm = kind.r_ohm_ah / new_ah * grown * rng.lognormal(0.0, 0.05, n)
        self.r1_ohm = self.r0_ohm * kind.r1 * rng.lognormal(0.0, 0.05, n)
        self.r2_ohm = self.r0_ohm * kind.r2 * rng.lognormal(0.0, 0.05, n)
        self._tables(rng, share)
        self.gap_v = kind.hysteresis_v * rng.uniform(0.8, 1.2, n)
        self.new_ah = new_ah
        self.temp_c = temp_c
        self.hysteresis = 0.0
        self.bleed_a = np.zeros(n)
        self.current_a = 0.0
        self.cycles = 0.0
        self._aged_s = 0.0
        self._aged_ah = 0.0
        self._buffers(n)
        self.step(0.0, 0.0, temp_c)

    def _tables(self, rng, share):
        n = self.cells
        spread = rng.normal(1.0, 0.012, (n, 2))
        curves = np.stack([ocv_table(self.chemistry, share[k], spread[k, 0], spread[k, 1]) for k in range(n)])
        self._ocv = np.ascontiguousarray(curves).ravel()
        self._shape = resistance_shape(self.chemistry)
        self._row = np.arange(n, dtype=np.int64) * POINTS

    def _buffers(self, n):
        self.v1 = np.zeros(n)
        self.v2 = np.zeros(n)
        self.soc = np.empty(n)
        self.cell_v = np.empty(n)
        self._f = np.empty(n)
        self._a = np.empty(n)
        self._b = np.empty(n)
        self._index = np.empty(n, dtype=np.int64)
        self._drain_a = self.leak_a.copy()
        self._decays = {}

    def bleed(self, bleed_a):
        """Set the balancing currents, A per cell (an array of cells, >= 0), that the BMS draws."""
        self.bleed_a[:] = bleed_a
        np.add(self.leak_a, self.bleed_a, out=self._drain_a)

    def leak(self, cell, leak_ma):
        """Set the self-discharge of one cell to leak_ma mA from now on."""
        self.leak_a[cell] = leak_ma / 1000.0
        np.add(self.leak_a, self.bleed_a, out=self._drain_a)

    def step(self, dt_s, current_a, ambient_c):
        """Let current_a (A, + charges) flow for dt_s seconds at ambient_c °C."""
        a, b, f = self._a, self._b, self._f
        np.subtract(current_a, self._drain_a, out=a)
        a *= dt_s / 3600.0
        self.charge_ah += a
        np.divide(self.charge_ah, self.capacity_ah, out=self.soc)
        self.current_a = current_a
        self._branch(dt_s, current_a)
        warm = exp(self.kind.arrhenius_k * (1.0 / (self.temp_c + 273.15) - 1.0 / 298.15))
        driven = current_a * warm
        decay1, decay2 = self._decay(dt_s)
        self.v1 *= decay1
        np.multiply(self.r1_ohm, driven * (1.0 - decay1), out=a)
        self.v1 += a
        self.v2 *= decay2
        np.multiply(self.r2_ohm, driven * (1.0 - decay2), out=a)
        self.v2 += a
        self._lookup(f, a, b)
        np.multiply(self.r0_ohm, driven, out=b)
        b *= a
        f += b
        f += self.v1
        f += self.v2
        np.multiply(self.gap_v, self.hysteresis, out=b)
        np.add(f, b, out=self.cell_v)
        self._heat(dt_s, current_a, ambient_c, warm)
        self._age(dt_s, current_a)

    def _lookup(self, volts, shape, scratch):
        """Open-circuit voltages into volts and resistance factors into shape, by linear interpolation."""
        index = self._index
        np.subtract(self.soc, SOC_LOW, out=scratch)
        scratch *= _SCALE
        # np.clip on an array costs more than these two
        np.maximum(scratch, 0.0, out=scratch)
        np.minimum(scratch, POINTS - 1.001, out=scratch)
        index[:] = scratch
        scratch -= index
        self._shape.take(index, out=shape, mode="clip")
        index += self._row
        self._ocv.take(index, out=volts, mode="clip")
        index += 1
        upper = self._ocv.take(index, mode="clip")
        upper -= volts
        upper *= scratch
        volts += upper

    def _decay(self, dt_s):
        pair = self._decays.get(dt_s)
        if pair is None:
            pair = (exp(-dt_s / self.kind.tau1_s), exp(-dt_s / self.kind.tau2_s))
            self._decays[dt_s] = pair
        return pair

    def _branch(self, dt_s, current_a):
        if current_a:
            turn = exp(-self.kind.gamma * abs(current_a) * dt_s / 3600.0 / self.new_ah)
            side = 1.0 if current_a > 0.0 else -1.0
            self.hysteresis = side + (self.hysteresis - side) * turn

    def _heat(self, dt_s, current_a, ambient_c, warm):
        watts = current_a * current_a * self._r_sum * warm if dt_s else 0.0
        size = self.new_ah * self.cells
        flow = watts - (self.temp_c - ambient_c) * self.kind.cool_w_per_k_ah * size
        self.temp_c += dt_s * flow / (self.kind.heat_j_per_k_ah * size)

    def _age(self, dt_s, current_a):
        self._aged_s += dt_s
        self._aged_ah += abs(current_a) * dt_s / 3600.0
        if dt_s and self._aged_s < _AGE_EVERY_S:
            return
        cycles = self._aged_ah / (2.0 * self.new_ah)
        fade = _FADE_PER_CYCLE * cycles + _FADE_PER_S * self._aged_s * 2.0 ** ((self.temp_c - 25.0) / 10.0)
        self.cycles += cycles
        self.capacity_ah *= 1.0 - fade
        for r_ohm in (self.r0_ohm, self.r1_ohm, self.r2_ohm):
            r_ohm *= 1.0 + 2.0 * fade
        self._r_sum = float((self.r0_ohm + self.r1_ohm + self.r2_ohm).sum())
        self._aged_s = 0.0
        self._aged_ah = 0.0

    def emf(self):
        """(V without the ohmic part, ohm) of the pack now: what decides how parallel packs share."""
        warm = exp(self.kind.arrhenius_k * (1.0 / (self.temp_c + 273.15) - 1.0 / 298.15))
        r_ohm = float(self.r0_ohm.sum()) * warm
        return float(self.cell_v.sum()) - self.current_a * r_ohm, r_ohm

    def mean_soc(self):
        """State of charge of the mean cell, 0..1."""
        return float(self.charge_ah.sum() / self.capacity_ah.sum())

    def usable(self):
        """(SoC 0..1, capacity in Ah) as a user of the pack meets it: charge left until the first cell is
        empty, over that plus the charge that fits until the first cell is full."""
        left = float(self.charge_ah.min())
        room = float((self.capacity_ah - self.charge_ah).min())
        return left / (left + room), left + room

    def brief(self):
        """The Brief of this moment, integers."""
        return Brief(
            round(self.mean_soc() * 1e6),
            round(self.current_a * 1000.0),
            round(float(self.cell_v.max()) * 1000.0),
            round(float(self.cell_v.min()) * 1000.0),
        )

    def truth(self):
        """The Truth of this moment, integers."""
        usable, usable_ah = self.usable()
        return Truth(
            round(self.mean_soc() * 1e6),
            round(float(self.capacity_ah.mean()) * 1000.0),
            round(usable * 1e6),
            round(usable_ah * 1000.0),
            tuple(np.rint(self.soc * 1e6).astype(int).tolist()),
            tuple(np.rint(self.capacity_ah * 1000.0).astype(int).tolist()),
            round(self.current_a * 1000.0),
            round(float(self.cell_v.sum()) * 1000.0),
            tuple(np.rint(self.cell_v * 1000.0).astype(int).tolist()),
        )
