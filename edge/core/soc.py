# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""State of charge and capacity, independently of the BMS, with an honest standard deviation.

Between anchors charge is counted exactly; what the counting cannot know (the sensor's offset, the true
capacity) lives in a three-state Kalman filter:

    z   state of charge, 0..1 of the present capacity
    b   offset of the current sensor in A (what it shows at zero current)
    q   1 / capacity in 1/Ah

    z' = z + (charge/3600 - b dt/3600) q,  b' = b,  q' = q          (random walks on b and q)

An anchor is a rest: after REST_MS without current the mean cell voltage is close to its open-circuit
voltage, and the OCV table turns the voltage band v +- STD_V into a band of z. A flat curve (LFP between
20 and 95 %) gives a wide band and so hardly any weight: nothing is learned where nothing can be seen.
The filter's covariance carries the correlation, so that two anchors far apart also correct b and q
("capacity between anchors"). Equations: any text on the linear Kalman filter, e.g. G. Plett, Battery
Management Systems vol. 2, ch. 3; only + - * / and sqrt are used: equal results on every runtime.
"""

from math import sqrt

from edge.core.curve import OCV, inverse
from edge.core.records import UNKNOWN, Est

# Why a value is what it is.
WHY = ("unknown", "first voltage", "counted", "rest anchor", "certificate", "not observable", "no anchor yet")
W_UNKNOWN, W_FIRST, W_COUNTED, W_ANCHOR, W_CERTIFICATE, W_HIDDEN, W_NO_ANCHOR = range(7)

FOLD_MS = 60000  # the filter takes the counted charge in once a minute
REST_MS = 1800000  # relaxation: 30 min leave about 1 mV in LFP and 2 mV in NMC
REST_PPM = 20000  # "no current": below this share of C (covers sensor offsets)
# One standard deviation of the relaxed voltage against the table, and half the hysteresis gap between
# the charge and the discharge branch (A123 C/30 branches: 24..58 mV apart).
STD_MV = {"lfp": 8, "nmc": 8}
HYSTERESIS_MV = {"lfp": 15, "nmc": 0}
# From the middle to either branch takes this share of the nominal capacity in one direction; in between
# the branch is taken as linear, and what is not known of it widens the band.
BRANCH_PPM = 100000
# The table is not this pack's: an anchor is never trusted to better than this, and many anchors are not
# either, because they share the table's error. NMC: a fresh table on cells at 80 % SoH is wrong by 4.5 % rms.
STD_MODEL = {"lfp": 0.012, "nmc": 0.03}
FIRST_MV = 60  # first voltage under unknown load
STD_BIAS_C = 0.005  # prior of the sensor's offset, share of C (typical BMS shunts and Hall sensors)
WALK_BIAS_C = 0.0005  # its random walk per sqrt(day)
WALK_CAPACITY = 0.002  # relative random walk of capacity per sqrt(day)
STD_GAIN = 0.01  # gain of the current sensor: not observable here, always added to capacity
GATE = 4.0  # an anchor further away than this many sigma widens the filter first

_DAY_MS = 86400000.0


class Soc:
    """Filter of one pack. pack: its settings; state: dict as state() gave it or None."""

    def __init__(self, pack, state=None):
        self.cells = pack["cells"]
        self.chemistry = pack["chemistry"]
        self.curve = OCV[self.chemistry]
        self.nominal_ah = pack["capacity_mah"] / 1000.0
        grade = pack["grade"]
        self.rest_ma = pack["capacity_mah"] * REST_PPM // 1000000
        capacity_ah = grade["capacity_mah"] / 1000.0
        relative = grade["capacity_std_mah"] / float(grade["capacity_mah"])
        self.z = None
        self.b = 0.0
        self.q = 1.0 / capacity_ah
        self.p = [0.0, 0.0, 0.0, (STD_BIAS_C * self.nominal_ah) ** 2, 0.0, (relative * self.q) ** 2]
        self.clock_ms = 0  # operating time of the filter: goes on across restarts
        self.anchor_ms = None  # clock_ms of the last anchor
        self.why = W_UNKNOWN
        self._charge = 0  # counted since the last fold, mA ms
        self._span_ms = 0
        self._unknown_ms = 0
        self._rest_ms = 0
        self._anchored = False
        self._branch_most = pack["capacity_mah"] * 36 * (BRANCH_PPM // 10)  # mA ms from the middle to a branch
        self._branch = 0  # mA ms: +most on the charge branch, -most on the discharge branch, 0 not known
        self._seen_ms = None
        if state:
            self._load(state)

    # ---- time update -------------------------------------------------------------------------

    def step(self, now_ms, charge_ma_ms, known_ms, unknown_ms, current_ma, pack_mv):
        """Take what the metering counted since the last fresh reading, and that reading.

        Returns True when an anchor was taken in this step.
        """
        self.clock_ms += known_ms + unknown_ms
        self._charge += charge_ma_ms
        self._span_ms += known_ms
        self._unknown_ms += unknown_ms
        self._seen_ms = now_ms
        if abs(charge_ma_ms) > self.rest_ma * known_ms:  # not the sensor's offset
            self._branch = min(max(self._branch + charge_ma_ms, -self._branch_most), self._branch_most)
        if current_ma is None or pack_mv is None:
            self._rest_ms = 0
            return False
        if self.z is None:
            self._first(pack_mv)
        if self._span_ms + self._unknown_ms >= FOLD_MS:
            self._fold()
        return self._rest(current_ma, pack_mv, known_ms, unknown_ms)

    def _first(self, pack_mv):
        mv = pack_mv // self.cells
        low = inverse(self.curve, mv - FIRST_MV)
        high = inverse(self.curve, mv + FIRST_MV)
        self.z = (low + high) / 2000000.0
        std = max((high - low) / 2000000.0, 0.05)
        self.p[0] = std * std
        self.why = W_FIRST

    def _fold(self):
        """Move the counted charge into the filter and let the covariance grow for that time."""
        dt_h = self._span_ms / 3600000.0
        ah = self._charge / 3600000000.0 - self.b * dt_h
        gap_h = self._unknown_ms / 3600000.0
        days = (self._span_ms + self._unknown_ms) / _DAY_MS
        self.z += ah * self.q
        fb = -dt_h * self.q  # dz/db
        p00, p01, p02, p11, p12, p22 = self.p
        n01 = p01 + fb * p11 + ah * p12
        n02 = p02 + fb * p12 + ah * p22
        p00 = p00 + fb * p01 + ah * p02 + fb * n01 + ah * n02
        # what flowed while nobody looked: up to C/2 either way, as a standard deviation
        gap = 0.5 * self.nominal_ah * self.q * gap_h
        p00 += gap * gap
        p11 += (WALK_BIAS_C * self.nominal_ah) ** 2 * days
        p22 += (WALK_CAPACITY * self.q) ** 2 * days
        self.p = [p00, n01, n02, p11, p12, p22]
        self._charge = 0
        self._span_ms = 0
        self._unknown_ms = 0
        if self.why == W_ANCHOR:
            self.why = W_COUNTED
        if not -0.02 < self.z < 1.02:
            self.z = min(max(self.z, -0.02), 1.02)

    # ---- anchors -----------------------------------------------------------------------------

    def _rest(self, current_ma, pack_mv, known_ms, unknown_ms):
        if abs(current_ma) > self.rest_ma or unknown_ms:
            self._rest_ms = 0
            self._anchored = False
            return False
        self._rest_ms += known_ms
        if self._anchored or self._rest_ms < REST_MS:
            return False
        self._anchored = True
        self._fold()
        self._anchor(pack_mv)
        return True

    def relaxed(self, mv):
        """(z in ppm, half-width of its one-sigma band in ppm) of a cell at rest at mv, from the table."""
        gap_mv = HYSTERESIS_MV[self.chemistry]
        known_mv = gap_mv * abs(self._branch) // self._branch_most
        mv -= known_mv if self._branch > 0 else -known_mv
        std = STD_MV[self.chemistry] + gap_mv - known_mv
        low = inverse(self.curve, mv - std)
        high = inverse(self.curve, mv + std)
        return (low + high) // 2, (high - low) // 2

    def _anchor(self, pack_mv):
        z_ppm, half_ppm = self.relaxed(pack_mv // self.cells)
        model = STD_MODEL[self.chemistry] ** 2
        r = (half_ppm / 1000000.0) ** 2 + model
        p00, p01, p02, p11, p12, p22 = self.p
        y = z_ppm / 1000000.0 - self.z
        if y * y > GATE * GATE * (p00 + r):
            # neither the count nor the table is trusted more than this distance: open the filter
            p00 += y * y
        s = p00 + r
        k0, k1, k2 = p00 / s, p01 / s, p02 / s
        self.z += k0 * y
        self.b += k1 * y
        self.q += k2 * y
        self.p = [p00 - k0 * p00, p01 - k0 * p01, p02 - k0 * p02, p11 - k1 * p01, p12 - k1 * p02, p22 - k2 * p02]
        if self.p[0] < model:
            self.p[0] = model
        for i in (3, 5):
            if self.p[i] < 1e-12:
                self.p[i] = 1e-12
        if half_ppm < 30000:
            self.anchor_ms = self.clock_ms
            self.why = W_ANCHOR

    # ---- results -----------------------------------------------------------------------------

    def _at_ms(self):
        """Monotonic time of the last anchor, or None; before this boot it is negative and that is right."""
        if self.anchor_ms is None or self._seen_ms is None:
            return None
        return self._seen_ms - (self.clock_ms - self.anchor_ms)

    def soc(self):
        """Est of the pack's SoC in ppm, with the charge counted since the last fold."""
        if self.z is None:
            return UNKNOWN
        dt_h = self._span_ms / 3600000.0
        z = self.z + (self._charge / 3600000000.0 - self.b * dt_h) * self.q
        ppm = int(min(max(z, 0.0), 1.0) * 1000000.0 + 0.5)
        return Est(ppm, int(sqrt(self.p[0]) * 1000000.0) + 1, self._at_ms(), self.why)

    def capacity(self):
        """Est of the present capacity in mAh; the sensor's unknown gain is part of the deviation."""
        relative = sqrt(self.p[5]) / self.q
        mah = int(1000.0 / self.q + 0.5)
        std = int(mah * sqrt(relative * relative + STD_GAIN * STD_GAIN)) + 1
        return Est(mah, std, self._at_ms(), W_CERTIFICATE if self.anchor_ms is None else W_COUNTED)

    def bias(self):
        """Est of the current sensor's offset in mA."""
        return Est(int(self.b * 1000.0), int(sqrt(self.p[3]) * 1000.0) + 1, self._at_ms(), self.why)

    def state(self):
        """Dict of integers for the store; floats are kept as parts of 10^15."""
        scale = 1e15
        values = [self.z if self.z is not None else -1.0, self.b, self.q] + self.p
        return {
            "x": [int(v * scale) for v in values],
            "clock_ms": self.clock_ms,
            "anchor_ms": self.anchor_ms,
            "charge": self._charge,
            "span_ms": self._span_ms,
            "why": self.why,
            "branch": self._branch,
        }

    def _load(self, state):
        values = [v / 1e15 for v in state["x"]]
        self.z = values[0] if values[0] >= -0.5 else None
        self.b, self.q = values[1], values[2]
        self.p = values[3:9]
        if len(values) != 9 or not 0.2 < self.q * self.nominal_ah < 20.0:
            raise ValueError(state["x"])
        if self.p[0] < 0.0 or self.p[3] < 0.0 or self.p[5] < 0.0 or values[0] > 1.1:
            raise ValueError(state["x"])
        for key in ("clock_ms", "charge", "span_ms", "branch", "why", "anchor_ms"):
            if not isinstance(state[key], int) and not (key == "anchor_ms" and state[key] is None):
                raise ValueError(key)
        self.clock_ms = state["clock_ms"]
        self.anchor_ms = state["anchor_ms"]
        self._charge = state["charge"]
        self._span_ms = state["span_ms"]
        self.why = state["why"]
        self._branch = state["branch"]
