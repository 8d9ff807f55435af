# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One second-life pack as it truly is: cells in series, each with its own capacity, resistance and curve.

Every cell has electrodes and lithium of its own (simulator.halfcells): its capacity follows from its voltage
limits and its open-circuit curve from how it aged. Three relaxations with resistances that depend on charge, age
and temperature, hysteresis, one lumped temperature, leakage. Ageing goes on: what throughput and time take from
lithium and electrodes is taken every hour, and curves and capacities are made anew once a day. All cells are
stepped together with numpy; + current charges. Deterministic by seed.
"""

from collections import namedtuple
from math import exp

import numpy as np

from simulator import halfcells
from simulator.cells import CHEMISTRIES, growth, resistance_shape, slow_shape
from simulator.halfcells import POINTS, SOC_HIGH, SOC_LOW, Electrodes

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
_RENEW_EVERY_S = 86400.0
# Share of capacity lost per full cycle and per year at 25 °C; resistance grows three times as fast.
_FADE_PER_CYCLE = 6.0e-5
_FADE_PER_S = 0.018 / (365.0 * 86400.0)
_FADE_N, _FADE_P = 0.35, 0.15  # share of active material that goes with it
_GROWTH = 3.0


class Plant:
    """pack: the pack's part of the settings. seed: int. soc: 0..1 at start. health: mean capacity over
    the nameplate. leaks_ma: {cell: mA} of self-discharge beyond the normal. weak: {cell: factor on
    capacity}. spread: relative standard deviation of capacity between cells."""

    def __init__(self, pack, seed, soc=0.5, health=0.84, leaks_ma=None, weak=None, spread=0.012, temp_c=22.0):
        self.cells = n = pack["cells"]
        self.chemistry = pack["chemistry"]
        self.kind = kind = CHEMISTRIES[self.chemistry]
        rng = np.random.default_rng([seed, 1])
        self.new_ah = pack["capacity_mah"] / 1000.0
        share = health * (1.0 + spread * rng.standard_normal(n).clip(-2.5, 2.5))
        for cell, factor in (weak or {}).items():
            share[cell] *= factor
        start = soc + 0.004 * rng.standard_normal(n).clip(-2.0, 2.0)
        self.leak_a = np.full(n, kind.self_ma / 1000.0) * rng.uniform(0.7, 1.3, n)
        for cell, leak_ma in (leaks_ma or {}).items():
            self.leak_a[cell] += leak_ma / 1000.0
        self._resist(rng, share)
        self._electrodes(rng, share)
        self.charge_ah = self.capacity_ah * start
        self.gap_v = kind.hysteresis_v * rng.uniform(0.8, 1.2, n)
        self.temp_c = temp_c
        self.hysteresis = 0.0
        self.bleed_a = np.zeros(n)
        self.current_a = 0.0
        self.cycles = 0.0
        self._aged_s = 0.0
        self._aged_ah = 0.0
        self._renewed_s = 0.0
        self._buffers(n)
        self.step(0.0, 0.0, temp_c)

    def _resist(self, rng, share):
        kind, n = self.kind, self.cells
        self.r0_ohm = kind.r_ohm_ah / self.new_ah * growth(share) * rng.lognormal(0.0, 0.05, n)
        slow = [self.r0_ohm * factor * rng.lognormal(0.0, 0.06, n) for factor in (kind.r1, kind.r2, kind.r3)]
        self.r1_ohm, self.r2_ohm, self.r3_ohm = slow
        self._shape = resistance_shape(self.chemistry)
        self._slow = slow_shape()

    def _electrodes(self, rng, share):
        kind, n = self.kind, self.cells
        # one history for the pack, with small differences between its cells
        lams = []
        for low, high in (kind.lam_n, kind.lam_p):
            part = rng.uniform(low, high) * (1.0 + 0.1 * rng.standard_normal(n).clip(-2.0, 2.0))
            lams.append(part * np.maximum(1.0 - share, 0.0))
        self._errors = halfcells.draw_errors(rng, n)
        self.electrodes = halfcells.aged(self.chemistry, self.new_ah, share, lams[0], lams[1], self._errors)
        self._row = np.arange(n, dtype=np.int64) * POINTS
        self._renew()

    def _renew(self):
        """Capacity and open-circuit curve of every cell from its electrodes. The charge in it stays."""
        x0, x100 = halfcells.ends(self.chemistry, self.electrodes, self._errors)
        self.capacity_ah = self.electrodes.n_ah * (x100 - x0)
        self._ocv = halfcells.tables(self.chemistry, self.electrodes, x0, x100, self._errors).ravel()

    def _buffers(self, n):
        self.v1 = np.zeros(n)
        self.v2 = np.zeros(n)
        self.v3 = np.zeros(n)
        self.soc = np.empty(n)
        self.cell_v = np.empty(n)
        self._f = np.empty(n)
        self._a = np.empty(n)
        self._b = np.empty(n)
        self._c = np.empty(n)
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
        a, b, c, f = self._a, self._b, self._c, self._f
        np.subtract(current_a, self._drain_a, out=a)
        a *= dt_s / 3600.0
        self.charge_ah += a
        np.divide(self.charge_ah, self.capacity_ah, out=self.soc)
        self.current_a = current_a
        self._branch(dt_s, current_a)
        warm = exp(self.kind.arrhenius_k * (1.0 / (self.temp_c + 273.15) - 1.0 / 298.15))
        driven = current_a * warm
        self._lookup(f, a, c, b)
        np.multiply(self.r0_ohm, driven, out=b)
        b *= a
        f += b
        decay1, decay2, decay3 = self._decay(dt_s)
        for volts, r_ohm, decay in (
            (self.v1, self.r1_ohm, decay1),
            (self.v2, self.r2_ohm, decay2),
            (self.v3, self.r3_ohm, decay3),
        ):
            volts *= decay
            np.multiply(r_ohm, driven * (1.0 - decay), out=b)
            b *= c
            volts += b
            f += volts
        np.multiply(self.gap_v, self.hysteresis, out=b)
        np.add(f, b, out=self.cell_v)
        self._heat(dt_s, current_a, ambient_c, warm)
        self._age(dt_s, current_a)

    def _lookup(self, volts, shape, slow, scratch):
        """Open-circuit voltages into volts and resistance factors into shape and slow: linear interpolation."""
        index = self._index
        np.subtract(self.soc, SOC_LOW, out=scratch)
        scratch *= _SCALE
        # np.clip on an array costs more than these two
        np.maximum(scratch, 0.0, out=scratch)
        np.minimum(scratch, POINTS - 1.001, out=scratch)
        index[:] = scratch
        scratch -= index
        self._shape.take(index, out=shape, mode="clip")
        self._slow.take(index, out=slow, mode="clip")
        index += self._row
        self._ocv.take(index, out=volts, mode="clip")
        index += 1
        upper = self._ocv.take(index, mode="clip")
        upper -= volts
        upper *= scratch
        volts += upper

    def _decay(self, dt_s):
        three = self._decays.get(dt_s)
        if three is None:
            kind = self.kind
            three = tuple(exp(-dt_s / tau_s) for tau_s in (kind.tau1_s, kind.tau2_s, kind.tau3_s))
            self._decays[dt_s] = three
        return three

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
        n_ah, p_ah, lithium_ah = self.electrodes
        self.electrodes = Electrodes(
            n_ah * (1.0 - _FADE_N * fade), p_ah * (1.0 - _FADE_P * fade), lithium_ah - fade * self.capacity_ah
        )
        for r_ohm in (self.r0_ohm, self.r1_ohm, self.r2_ohm, self.r3_ohm):
            r_ohm *= 1.0 + _GROWTH * fade
        self._r_sum = float((self.r0_ohm + self.r1_ohm + self.r2_ohm + self.r3_ohm).sum())
        self._renewed_s += self._aged_s
        self._aged_s = 0.0
        self._aged_ah = 0.0
        if self._renewed_s >= _RENEW_EVERY_S:
            self._renewed_s = 0.0
            self._renew()

    def ageing(self):
        """(lost lithium, lost negative, lost positive active material) of the mean cell, ppm of the new cell."""
        kind = halfcells.KINDS[self.chemistry]
        new = (kind.lithium, kind.negative, kind.positive)
        n_ah, p_ah, lithium_ah = (float(amount.mean()) / self.new_ah for amount in self.electrodes)
        return tuple(round((1.0 - left / first) * 1e6) for left, first in zip((lithium_ah, n_ah, p_ah), new))

    def rest_v(self):
        """Voltage of the mean cell if it had rested for long: without polarisation, on its branch."""
        self._lookup(self._f, self._a, self._c, self._b)
        return float(self._f.mean() + self.gap_v.mean() * self.hysteresis)

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
