# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Resistance at 10 s by regression of the voltage step on the current step of neighbouring 10-s blocks.

The current is noisy too, so that plain least squares is too small (errors in variables), and picking the
large steps by the noisy current itself is another bias. With a weight g(X) that rises smoothly over the
noisy step X, and Gaussian noise of variance s2 in it, Stein's identity gives both corrections at once:

    E[g(X) dI] = E[g(X) X] - s2 E[g'(X)],   so   R = sum g(X) dV / (sum g(X) X - s2 sum g'(X))

(g = X is the classical correction, W. Fuller, Measurement Error Models, ch. 1). s2 is measured while the
battery is idle. Steps are shares of C, which keeps single precision safe.
"""

from math import sqrt

from edge.core.records import UNKNOWN, Est
from edge.core.soc import W_COUNTED, W_HIDDEN

FROM_C = 0.06  # weight 0 up to this step (share of C) ...
STEP_C = 0.14  # ... and least squares from here on; in between it rises linearly
IDLE_C = 0.03  # idle: the current is below this share of C ...
IDLE_BLOCKS = 30  # ... for so many blocks
KEEP = 0.9995  # forgetting per observed step
NOISE_KEEP = 0.995  # forgetting of the noise per idle step
NOISE_LEAST = 30  # idle steps before the noise counts as known
NOISE_C = 0.005  # until then nothing is corrected, and a block may be off by this share of C
LEAST = 5.0  # steps (weighted) before anything is said
SPREAD = 0.15  # one step is off by this much, because R depends on SoC and temperature
FLOOR = 0.015  # relative sigma that never goes away: gain of the current sensor
GATE_V = 1.0  # a step of one cell larger than this is not a resistance
_SCALE = 1e12


class Resistance:
    """R at 10 s of one voltage (the mean cell or one cell). state: list as state() gave it, or None."""

    def __init__(self, nominal_mah, state=None):
        self.nominal_ah = nominal_mah / 1000.0
        self.s = [0.0] * 7  # sums of g y, g x, g', g g y y, g g x y, g g x x, and the count of steps
        self.noise = 0.0  # variance of a step at idle, (share of C)^2
        self.idle = 0.0
        self.at_ms = None
        self._last = None
        self._quiet = 0
        if state:
            self._load(state)

    def step(self, at_ms, current_a, cell_v):
        """Means of one 10-s block (None: not known; then the next block makes no step). + charges."""
        last = self._last
        if current_a is None or cell_v is None:
            self._last = None
            return
        x1 = current_a / self.nominal_ah
        self._last = (x1, cell_v)
        if last is None:
            return
        x = x1 - last[0]
        y = cell_v - last[1]
        if abs(y) > GATE_V:
            return
        self._quiet = self._quiet + 1 if abs(x1) < IDLE_C else 0
        if self._quiet > IDLE_BLOCKS:
            keep = min(NOISE_KEEP, self.idle / (self.idle + 1.0))
            self.noise = keep * self.noise + (1.0 - keep) * x * x
            self.idle = min(self.idle + 1.0, 100000.0)
        size = abs(x)
        if size > FROM_C:
            self._add(x, y, size)
            self.at_ms = at_ms

    def _add(self, x, y, size):
        g = x
        slope = 1.0
        share = 1.0
        if size < STEP_C:
            share = (size - FROM_C) / (STEP_C - FROM_C)
            g = x * share
            slope = share + size / (STEP_C - FROM_C)
        s = self.s
        news = (g * y, g * x, slope, g * g * y * y, g * g * x * y, g * g * x * x, share)
        keep = 1.0 - (1.0 - KEEP) * share
        for i in range(7):
            s[i] = keep * s[i] + news[i]

    def est(self):
        """Est in uohm; its reason is "not observable" when sigma is above a tenth of the value."""
        s = self.s
        if s[6] < LEAST:
            return UNKNOWN
        known = self.idle >= NOISE_LEAST
        taken = self.noise * s[2] if known else 0.0
        below = s[1] - taken
        r = s[0] / below if below > 0.3 * s[1] else 0.0
        if r <= 0.0:
            return Est(None, None, self.at_ms, W_HIDDEN)
        scatter = max(s[3] - 2.0 * r * s[4] + r * r * s[5], 0.0)  # around the line
        unsure = r / below * (0.2 * taken if known else 2.0 * NOISE_C * NOISE_C * s[2])
        std = sqrt(scatter / below / below + unsure * unsure + r * r * (SPREAD * SPREAD / s[6] + FLOOR * FLOOR))
        scale = 1e6 / self.nominal_ah
        why = W_COUNTED if std < 0.1 * r else W_HIDDEN
        return Est(int(r * scale + 0.5), int(std * scale) + 1, self.at_ms, why)

    def state(self):
        """List of integers for the store."""
        return [int(value * _SCALE) for value in self.s + [self.noise, self.idle]]

    def _load(self, state):
        values = [int(value) / _SCALE for value in state]
        if len(values) != 9 or values[1] < 0.0 or values[7] < 0.0:
            raise ValueError("resistance")
        self.s = values[:7]
        self.noise = values[7]
        self.idle = values[8]
