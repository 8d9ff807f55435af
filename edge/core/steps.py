# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Fast resistance of every cell against the mean cell, from the voltage steps between neighbouring 10-s blocks.

The filter of the cells (edge.core.cells) sees slow polarisation and learns a resistance in days, so that a contact that
comes loose, which is only ohmic, stays below what it can tell. Here y = (step of cell i) - (step of the mean cell m)
is regressed on m over a window of some hours:

    rho_i = sum m y / sum m m,   var rho_i = scatter_i / sum m m

All voltages are of one reading, so neither noise nor delay of the current enter; the current only says that m was a
step of load and not the open-circuit voltage on its way. The window is held against a slow baseline of the windows
before. How much windows differ without a fault (charge, warmth) is measured by the other cells: the median of their
moves is part of sigma.
"""

from array import array
from math import sqrt

WINDOW_S = 21600.0
ENOUGH = 0.03  # a window is closed when the middle cell is known so well; an open one counts from half as well
LEAST = 3  # steps before a window says anything
FLOOR = 0.01  # relative sigma that never goes away
SLOW = 6  # windows in the baseline
NONE = -32768
MOST = 2000.0  # of a rise and its sigma: what the tables hold


class Steps:
    """count cells, nominal_mah: rated capacity. state: list as state() gave it, or None; a damaged one raises
    KeyError, TypeError, IndexError or ValueError, one of another count starts afresh."""

    def __init__(self, count, nominal_mah, state=None):
        self.count = count
        self.least_a = nominal_mah / 100000.0  # C/100: the current has to move as well, and in the same direction
        self.base = array("f", [0.0] * count)  # slow baseline of rho
        self.var = 0.0
        self.windows = 0
        self.risen = array("i", [0] * count)  # of the last window, ppm ...
        self.stds = array("i", [0] * count)  # ... and its sigma; 0: none
        self._last = array("h", [NONE] * count)  # mV
        self._last_a = None
        self._open()
        if state is not None and len(state) == count + 2:
            self._load(state)

    def _open(self):
        self.xy = array("f", [0.0] * self.count)  # mV^2
        self.yy = array("f", [0.0] * self.count)
        self.xx = 0.0
        self.steps = 0
        self.span_s = 0.0

    def step(self, dt_s, current_a, cell_mv, drift_v=0.0):
        """One block: its mean current, one reading of the cells at its end (None: not known), and how far the
        open-circuit voltage of the mean cell moved in it."""
        if current_a is None or cell_mv is None:
            self._last_a = None
            return
        self.span_s += dt_s
        last = self._last
        if self._last_a is not None:
            self._take(current_a - self._last_a, cell_mv, drift_v)
        for i in range(self.count):
            last[i] = NONE if cell_mv[i] is None else cell_mv[i]
        self._last_a = current_a
        if self.span_s >= WINDOW_S and self.steps >= LEAST:
            self._close()

    def _take(self, moved_a, cell_mv, drift_v):
        if abs(moved_a) < self.least_a:
            return
        last = self._last
        total = known = 0
        for i in range(self.count):
            if cell_mv[i] is not None and last[i] != NONE:
                total += cell_mv[i] - last[i]
                known += 1
        if known < 3 or 2 * known < self.count:
            return
        mean = total / known
        size = abs(mean)  # mV; below 2 it is noise
        if size < 2.0 or mean * moved_a < 0.0 or size < 3000.0 * abs(drift_v):
            return
        self.steps += 1
        self.xx += mean * mean
        for i in range(self.count):
            if cell_mv[i] is not None and last[i] != NONE:
                y = cell_mv[i] - last[i] - mean
                self.xy[i] += mean * y
                self.yy[i] += y * y

    def _rho(self, cell):
        return self.xy[cell] / self.xx

    def _variances(self):
        """Variance of each rho in the open window: by its own scatter, but not less than the middle cell's."""
        found = array("d", self.base)
        for i in range(self.count):
            found[i] = max(self.yy[i] - self._rho(i) * self.xy[i], 0.0) / (self.steps - 1) / self.xx
        middle = _middle(found)
        for i in range(self.count):
            found[i] = max(found[i], middle) + FLOOR * FLOOR
        return found

    def _close(self):
        variances = self._variances()
        middle = _middle(variances)
        if middle > ENOUGH * ENOUGH:
            return
        if self.windows:
            self.risen, self.stds = self._moves(variances)
        self.windows = min(self.windows + 1, SLOW)
        share = 1.0 / self.windows
        for i in range(self.count):
            self.base[i] += share * (self._rho(i) - self.base[i])
        self.var = (1.0 - share) * (1.0 - share) * self.var + share * share * middle
        self._open()

    def rises(self):
        """(rise of its fast resistance against the baseline per cell, sigma per cell), both in ppm; None while not
        known."""
        if self.windows and self.steps >= LEAST:
            moves = self._moves(self._variances())
            if _middle(moves[1]) < 2e6 * ENOUGH:
                return moves
        if not self.stds[0]:
            return None
        return self.risen, self.stds

    def _moves(self, variances):
        """What a window found, against the baseline, as in rises(). variances: of the window; used up."""
        moves = array("d", self.base)
        for i in range(self.count):
            before = max(1.0 + self.base[i], 0.1)
            moves[i] = (self._rho(i) - self.base[i]) / before
            variances[i] = (variances[i] + self.var) / before / before
        common = _middle(moves)  # of few cells one moves the mean
        for i in range(self.count):
            moves[i] -= common
        usual = 1.5 * sorted([abs(move) for move in moves])[self.count // 2]
        more = max(usual * usual - _middle(variances), 0.0)
        risen, stds = array("i", self.risen), array("i", self.stds)
        for i in range(self.count):
            risen[i] = int(min(max(moves[i], -MOST), MOST) * 1e6)
            stds[i] = int(min(sqrt(variances[i] + more), MOST) * 1e6) + 1
        return risen, stds

    def state(self):
        """Integers for the store, one after the other: the baseline; an open window starts again."""
        yield self.windows
        yield int(self.var * 1e9)
        for rho in self.base:
            yield int(rho * 1e6)

    def _load(self, state):
        values = [int(value) for value in state]
        if not 0 <= values[0] <= SLOW or values[1] < 0 or min(values[2:]) < -1000000 or max(values[2:]) > 100000000:
            raise ValueError("steps")
        self.windows = values[0]
        self.var = values[1] / 1e9
        self.base = array("f", [value / 1e6 for value in values[2:]])


def _middle(values):
    return sorted(values)[len(values) // 2]
