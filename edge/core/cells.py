# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Every cell of a pack against the mean cell: charge, capacity, resistance and leak, each with its sigma.

A bar-delta filter (G. Plett, Battery Management Systems vol. 2, ch. 5): the pack filter follows the mean
cell, this one only how cell i differs from it. Once a minute, with the block means of that minute:

    dz_i' = dz_i + (I dt/3600/Q) dq_i - (dt/3600) (Qn/Q) l_i
    dv_i  = OCV(z + dz_i) - OCV(z) + pol dr_i + c_i(z) + noise

dz  difference of SoC          dq  relative difference of 1/capacity
dr  relative difference of resistance       l  leak, share of the nominal capacity per hour, + loses charge
c   how this cell's curve (and the offset of its voltage input) differs from the mean curve: KNOTS values
    over z, linear in between. What repeats at the same z every day is curve, not leak; only what drifts
    is. Where the curve is flat, dv goes into c, and dz learns nothing.

All cells see the same I, z, slope and pol, so they share ONE covariance; a cell costs WIDTH values of
single precision and room for one block. A cell with gaps keeps a factor (`wide`) by which its own covariance
is larger. The model error is correlated in time: the variance of one block counts as long as TAU_S. The mean
over the cells is taken out of dv and of its prediction, so that what all cells have in common stays with the
pack filter; a cell far off, or on a steeper piece of the curve, counts less there and cannot move the others.
A block in which a cell is beyond the ends of the curve, or most cells are beyond the gate, corrects nothing.
States stay inside bounds; a cell that is held at one is not observable until it has been seen well for hours.
"""

from array import array
from math import sqrt

from edge.core.innovation import DQ, DR, DZ, GATE, KNOTS, LEAK, NONE_V, WIDTH, innovations
from edge.core.records import UNKNOWN, Est
from edge.core.soc import W_COUNTED, W_HIDDEN

# One sigma before anything was seen. Spread of second-life packs: capacity sd 2.4 to 12 %.
PRIOR = (0.1, 0.1, 0.5, 0.002)
CURVE_V = 0.010  # a knot of one cell's own curve; cells of one pack at 65 to 80 % SoH differ by 5 to 20 mV
INPUT_V = 0.001  # common offset of a cell's voltage input
NOISE_V = 0.002  # rms of what the model of dv misses
NOISE_POL = 0.1  # and this share of the polarisation (time constants differ, not only resistance)
NOISE_SHAPE = 0.25  # and of slope times the pack's own sigma: its curve is not known better than this
TAU_S = 1800.0  # correlation time of those
WALK_Z = 0.0003  # random walks: per sqrt(hour) ...
WALK = (0.0, 0.002, 0.03, 0.00004)  # ... and per sqrt(day), in the order of the states
WALK_CURVE_V = 0.0005
MOST_WIDE = 1000000.0  # of a saved state
BACK = 0.99  # how fast a cell that is back gets narrow again: at most this per block
EDGE = 0.05  # a cell's own SoC stays this close to 0..1
MOST_LEAK = 0.02  # of nominal per hour
LOW = (-1.0 - EDGE, -0.6, -0.9, -MOST_LEAK)  # bounds of dz, dq (factor 0.4), dr, leak
HIGH = (1.0 + EDGE, 1.5, 4.0, MOST_LEAK)  # 1/capacity at most 2.5 times the mean cell's
# The filter's sigma leaves out what it holds for certain; measured factors, and floors of one sigma.
REPORT = (1.4, 1.4, 1.4, 1.0)
FLOOR = (0.003, 0.005, 0.01, 0.00002)
HIDDEN = (0.03, 0.08, 0.2, 0.0006)  # above this sigma a value is not observable
NEW_S = 21600.0
FOREIGN_V = 0.015  # rms of the first block after a restart that says: these are other cells
TEXT = 96  # characters of saved state in one piece


class CellDeltas:
    """Differences of count cells from their mean. nominal_mah: the cells' rated capacity.

    state: dict as state() gave it, or None. One of another count or rating starts afresh; a damaged one
    raises KeyError, TypeError, IndexError or ValueError.
    """

    def __init__(self, count, nominal_mah, state=None):
        self.count = count
        self.nominal_mah = nominal_mah
        self.nominal_ah = nominal_mah / 1000.0
        self.at_ms = None
        self.seen_s = 0.0  # time with information since the start
        self._restored = False
        # of one block, V; here for good, because a heap in splinters has no room for lists as long as a pack
        self.errors, self.opens, self.scales = [array("f", bytes(4 * count)) for _ in range(3)]
        self._fresh()
        if state is not None and state["cells"] == count and state["nominal_mah"] == nominal_mah:
            self._load(state)

    def _fresh(self):
        self.x = array("f", bytes(4 * self.count * WIDTH))
        self.wide = array("f", [1.0] * self.count)
        self.p = p = array("f", bytes(4 * WIDTH * WIDTH))
        self.seen_s = 0.0
        for i in range(4):
            p[i * WIDTH + i] = PRIOR[i] * PRIOR[i]
        for i in range(4, WIDTH):
            for j in range(4, WIDTH):
                p[i * WIDTH + j] = INPUT_V * INPUT_V
            p[i * WIDTH + i] += CURVE_V * CURVE_V

    # ---- one block ------------------------------------------------------------------------------

    def update(self, dt_s, current_a, mean, deviations_v, ocv=None, at_ms=None):
        """Take the means of one block of dt_s seconds.

        current_a: without the sensor's known offset, + charges. mean: (z, its sigma, slope of the curve
        in V per unit of z, polarisation of the mean cell in V (all parts, slow ones too, + when charged),
        capacity in Ah). deviations_v: gives per cell its mean voltage minus the mean of the known cells, None =
        not known. ocv: function z -> V of the pack's present curve, for cells far from the mean (None: the
        slope alone). at_ms: time stamp of the results.
        """
        z, z_std, slope, pol_v, q_ah = mean
        move = current_a * dt_s / 3600.0 / q_ah
        self._predict(dt_s, move, q_ah)
        self._hold(z)
        known = at = 0
        for v in deviations_v:
            self.errors[at] = NONE_V if v is None else v
            known += v is not None
            at += 1
        if known < 2:  # nobody saw the cells: the covariance only grows
            return
        gain = self._gain(slope, pol_v, z, dt_s, z_std)
        if not innovations(self, gain, mean, ocv):
            return
        if self._restored:
            self._restored = False
            if self._foreign(gain):
                self._fresh()
                return
        if not self._gated(gain, known):
            return
        self._correct(gain, z)
        self._hold(z)
        self.seen_s += dt_s
        self.at_ms = at_ms

    def gap(self, dt_s, q_ah):
        """Time without information: leaks go on, and up to C/2 may have flowed either way."""
        self._predict(dt_s, 0.0, q_ah)
        moved = 0.5 * self.nominal_ah / q_ah * dt_s / 3600.0
        self.p[0] += moved * moved * self.p[DQ * WIDTH + DQ]

    def _predict(self, dt_s, move, q_ah):
        """Move states and covariance by one block: move is the mean cell's change of z."""
        x = self.x
        p = self.p
        hours = dt_s / 3600.0
        lost = -hours * self.nominal_ah / q_ah
        for at in range(0, len(x), WIDTH):
            x[at] += move * x[at + DQ] + lost * x[at + LEAK]
        row = [p[j] + move * p[DQ * WIDTH + j] + lost * p[LEAK * WIDTH + j] for j in range(WIDTH)]
        row[0] += move * row[DQ] + lost * row[LEAK] + WALK_Z * WALK_Z * hours
        for j in range(WIDTH):
            p[j] = row[j]
            p[j * WIDTH] = row[j]
        days = hours / 24.0
        for j in range(1, WIDTH):
            walk = WALK[j] if j < 4 else WALK_CURVE_V
            p[j * WIDTH + j] += walk * walk * days

    def _gain(self, slope, pol_v, z, dt_s, z_std):
        """(covariance of the states with dv, its variance by the states, by noise, knot, share)."""
        place = min(max(z, 0.0), 1.0) * (KNOTS - 1)
        knot = min(int(place), KNOTS - 2)
        share = place - knot
        p = self.p
        low = 4 + knot
        with_v = []
        for at in range(0, WIDTH * WIDTH, WIDTH):
            with_v.append(slope * p[at] + pol_v * p[at + DR] + (1.0 - share) * p[at + low] + share * p[at + low + 1])
        states = slope * with_v[0] + pol_v * with_v[DR] + (1.0 - share) * with_v[low] + share * with_v[low + 1]
        pol = NOISE_POL * pol_v
        shape = NOISE_SHAPE * slope * z_std
        noise = (NOISE_V * NOISE_V + pol * pol + shape * shape) * max(1.0, TAU_S / dt_s)
        return with_v, max(states, 0.0), noise, low, share

    def _foreign(self, gain):
        """True when the voltages of the first block after a restart do not belong to the saved cells."""
        total = 0.0
        known = 0
        for error in self.errors:
            if error != NONE_V:
                total += error * error
                known += 1
        expected = gain[1] + NOISE_V * NOISE_V
        return total > known * max(16.0 * expected, FOREIGN_V * FOREIGN_V)

    def _gated(self, gain, known):
        """Cut errors beyond the gate, and make those cells wider; False when most cells are beyond it."""
        _, states, noise, _, _ = gain
        widest = self._widest()
        narrow = GATE * sqrt(states + noise)
        beyond = 0
        for i in range(self.count):
            error = self.errors[i]
            if error == NONE_V:
                self.wide[i] = min(self.wide[i] * (states + noise) / noise, widest)
                continue
            wide = self.wide[i]
            most = narrow if wide == 1.0 else GATE * sqrt(wide * states + noise)
            if abs(error) > most:
                self.errors[i] = most if error > 0.0 else -most
                self.wide[i] = min(wide * 1.1, widest)
                beyond += 1
        return 2 * beyond <= known

    def _correct(self, gain, z):
        """Every known cell by the shared gain; then the covariance. One that would leave 0..1 stays as it is."""
        with_v, states, noise, _, _ = gain
        least, most = window(z)
        total = states + noise
        x = self.x
        for i in range(self.count):
            error = self.errors[i]
            if error == NONE_V:
                continue
            wide = self.wide[i]
            factor = error * wide / (wide * states + noise) if wide > 1.0 else error / total
            at = i * WIDTH
            if not least <= x[at] + factor * with_v[DZ] <= most:
                self.wide[i] = self._widest()
                continue
            if wide > 1.0:
                self._narrow(i, wide, states, noise)
            for j in range(WIDTH):
                x[at + j] += factor * with_v[j]
        self._shrink(with_v, total)

    def _widest(self):
        return max(PRIOR[DZ] * PRIOR[DZ] / self.p[0], 1.0)

    def _hold(self, z):
        """Keep every state inside its bounds; a cell that wanted out is as little known as at first."""
        x = self.x
        least, most = window(z)
        for i in range(self.count):
            at = i * WIDTH
            held = False
            for j in range(4):
                low = LOW[j] if j != DZ else least
                high = HIGH[j] if j != DZ else most
                if not low <= x[at + j] <= high:
                    x[at + j] = low if x[at + j] < low else high
                    held = True
            if held:
                self.wide[i] = self._widest()

    def _narrow(self, i, wide, states, noise):
        """A cell that is back: wide falls as its information comes, but slowly."""
        least = 1.0 + (wide - 1.0) * BACK
        self.wide[i] = max(wide * (states + noise) / (wide * states + noise), least)

    def _shrink(self, with_v, total):
        p = self.p
        for i in range(WIDTH):
            factor = with_v[i] / total
            for j in range(i):
                value = p[i * WIDTH + j] - factor * with_v[j]
                p[i * WIDTH + j] = value
                p[j * WIDTH + i] = value
            own = p[i * WIDTH + i]
            p[i * WIDTH + i] = max(own - factor * with_v[i], own * 1e-4)

    # ---- results --------------------------------------------------------------------------------

    def std(self, cell, which):
        """One sigma of state DZ, DQ, DR or LEAK of a cell (shares of 1; LEAK: of nominal per hour)."""
        own = REPORT[which] * sqrt(self.p[which * WIDTH + which] * self.wide[cell])
        if which == LEAK:  # before a place of the curve is seen again, curve and leak are hard to tell apart
            own *= sqrt(1.0 + NEW_S / max(self.seen_s, 60.0))
        own = min(sqrt(own * own + FLOOR[which] * FLOOR[which]), PRIOR[which])
        value = self.x[cell * WIDTH + which]
        if not LOW[which] * 0.999 < value < HIGH[which] * 0.999:  # held: nothing is known but the bound
            return max(own, abs(value))
        return own

    def _est(self, cell, which, value, std, scale):
        why = W_HIDDEN if std > HIDDEN[which] else W_COUNTED
        if not self.seen_s:
            return UNKNOWN
        return Est(_rounded(value * scale), _rounded(std * scale) + 1, self.at_ms, why)

    def soc_deviation(self, cell):
        """Est of a cell's SoC minus the mean cell's, ppm. Its reason says when it is not observable."""
        return self._est(cell, DZ, self.x[cell * WIDTH], self.std(cell, DZ), 1e6)

    def capacity_deviation(self, cell):
        """Est of a cell's capacity relative to the mean cell's, ppm (-100000: a tenth smaller)."""
        return self._est(cell, DQ, 1.0 / (1.0 + self._dq(cell)) - 1.0, self.std(cell, DQ), 1e6)

    def resistance_deviation(self, cell):
        """Est of a cell's resistance relative to the mean cell's, ppm."""
        return self._est(cell, DR, self.x[cell * WIDTH + DR], self.std(cell, DR), 1e6)

    def leak(self, cell):
        """Est of a cell's self-discharge relative to the mean cell's, uA, + loses charge."""
        scale = self.nominal_ah * 1e6
        return self._est(cell, LEAK, self.x[cell * WIDTH + LEAK], self.std(cell, LEAK), scale)

    def _dq(self, cell):
        return min(max(self.x[cell * WIDTH + DQ], -0.7), 3.0)

    def deviation(self, cell):
        """(dz, dr, factor on the mean cell's capacity) of a cell as floats, for edge.core.power."""
        at = cell * WIDTH
        return self.x[at], self.x[at + DR], 1.0 / (1.0 + self._dq(cell))

    def extremes(self, pack):
        """((cell, Est), (cell, Est)): the lowest and the highest SoC in ppm now, pack: Est of the mean
        cell's SoC. (None, None) when the cells cannot be told apart."""
        if not self.seen_s or pack.value is None:
            return None, None
        low = high = 0
        for i in range(1, self.count):
            if self.x[i * WIDTH] < self.x[low * WIDTH]:
                low = i
            if self.x[i * WIDTH] > self.x[high * WIDTH]:
                high = i
        result = []
        for cell in (low, high):
            own = self.soc_deviation(cell)
            if own.why == W_HIDDEN:
                return None, None
            value = min(max(pack.value + own.value, 0), 1000000)
            std = int(sqrt(float(own.std) * own.std + float(pack.std) * pack.std)) + 1
            result.append((cell, Est(value, std, own.at_ms, own.why)))
        return tuple(result)

    def limiting(self, z):
        """(cell that is empty first, cell that is full first) from SoC z of the mean cell on, counting each
        cell's own capacity; (None, None) while nothing is known."""
        if not self.seen_s:
            return None, None
        empty = full = None
        for i in range(self.count):
            own = z + self.x[i * WIDTH]
            capacity = 1.0 / (1.0 + self._dq(i))
            down = own * capacity
            up = (1.0 - own) * capacity
            if empty is None or down < empty[0]:
                empty = (down, i)
            if full is None or up < full[0]:
                full = (up, i)
        return empty[1], full[1]

    # ---- state ----------------------------------------------------------------------------------

    def state(self):
        """Dict for the store, in parts (see Site.state); the tables of single-precision numbers as hexadecimal text in
        short pieces."""
        return {
            "cells": self.count,
            "nominal_mah": self.nominal_mah,
            "x": lambda: _texts(self.x),
            "p": lambda: _texts(self.p),
            "wide": lambda: _texts(self.wide),
            "seen_s": int(self.seen_s),
        }

    def _load(self, state):
        x = _table(state["x"], self.count * WIDTH)
        p = _table(state["p"], WIDTH * WIDTH)
        wide = _table(state["wide"], self.count)
        if min(wide) < 0.999 or max(wide) > MOST_WIDE or max(x) > 10.0 or min(x) < -10.0:
            raise ValueError("range")
        for i in range(WIDTH):
            if not 0.0 < p[i * WIDTH + i] <= 10.0:
                raise ValueError("covariance")
            for j in range(i):
                if p[i * WIDTH + j] != p[j * WIDTH + i]:
                    raise ValueError("covariance")
        self.p = p
        self.x = x
        self.wide = wide
        self.seen_s = float(int(state["seen_s"]))
        self._restored = True


def window(z):
    """(least, most) dz of a cell when the mean cell is at z."""
    least = -EDGE - min(max(z, 0.0), 1.0)
    return least, least + 1.0 + 2.0 * EDGE


def _texts(table):
    """A table as texts of at most TEXT characters, one after the other."""
    step = TEXT // 8
    for at in range(0, len(table), step):
        yield bytes(table[at : at + step]).hex()


def _table(texts, size):
    """The table of _texts(); raises ValueError for another size or a number that is none."""
    table = array("f", bytes.fromhex("".join(texts)))
    if len(table) != size:
        raise ValueError("size")
    for value in table:
        if value - value != 0.0:
            raise ValueError("not a number")
    return table


def _rounded(value):
    """Nearest integer, halves away from zero (round() differs between runtimes for halves)."""
    return int(value + 0.5) if value >= 0.0 else -int(0.5 - value)
