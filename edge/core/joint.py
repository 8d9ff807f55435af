# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Joint extended Kalman filter of the pack's mean cell.

States:
    0 z   state of charge, 0..1 of the present capacity
    1 v1  polarisation of the fast RC pair in V, unscaled (+ while charging)
    2 v2  of the slow RC pair
    3 b   offset of the current sensor in A: it shows the true current + b
    4 r   scale of all resistances against the cell type's table
    5 q   true capacity of the moment: capacity_ah / q
    6 d   error of the OCV table at this z in V: it renews itself as z moves on

    z' = z + k q i,   v' = a v + (1 - a) R i,   i = I - b,   k = dt / (3600 capacity_ah)
    V  = OCV(z) + M(z) h + d + r (R0 i + v1 + v2) + noise

q is considered, not estimated (Schmidt): its uncertainty acts on every covariance, but a curve that is a
little wrong must not walk the capacity away; capacity comes from the certificate and from the alignment.
State d is what keeps the filter honest: resting for a week at one place tells no more about z than one
reading there, because the table's error does not average out (it would with white noise, the usual
textbook mistake). What remains of model error is correlated over CORRELATED_S and enters as white noise of
equal long-run effect. Hysteresis h follows h' = -gamma |dz| (h - sign i).
Source: G. Plett, Battery Management Systems vol. 2 (EKF, ESC model with hysteresis); D. Simon, Optimal State
Estimation, ch. 10 (consider states). Only + - * / and sqrt: the same bits on every runtime.
"""

from math import sqrt

from edge.core.cell import at, exponential

FIRST_STD_V = 0.02  # first voltage: relaxation of an unknown past
FIRST_STD_Z = 0.015  # and the table's error along z
CORRELATED_S = 300.0  # model error under load keeps its sign for minutes
NOISE_V = 0.005  # voltage reading and fast model error
POLARISATION = 0.15  # share of the polarisation that the two RC pairs get wrong
CURVE_RANGE = 0.1  # the table's error renews itself over this change of z
SHIFT_LASTS = 6.0  # an error of the table along z lasts longer than CORRELATED_S, by this factor
# An innovation above FAR_V takes the slope to where the curve has that voltage, at most FAR_Z away: beside a knee the
# slope at z would make sure of a wrong place.
FAR_V = 0.03
FAR_Z = 0.5
CHORD = 0.01  # a deviation of z above this takes the slope over it, not at z: the curve bends
GATE = 36.0  # innovations beyond 6 sigma change nothing,
LOCKED_S = 1800.0  # but when all were for so long it is the filter that is wrong: deviations grow
LOCKED_STD = 0.05  # by this much SoC, and to those of a sensor not yet known
WALK_BIAS_C = 0.001  # random walks per sqrt(day): offset in C,
WALK_SCALE = 0.1  # resistance scale,
WALK_CAPACITY = 0.002  # relative capacity
STD_BIAS_C = 0.006  # first offset of a sensor
BRANCH_SHARE = 0.35  # of the hysteresis half gap is never known
INFORMED = 0.9999  # a voltage that leaves more of the variance of z than this told nothing
RELAXATION_V = 0.02  # polarisation that nobody saw build up or fade
_DAY_S = 86400.0


class Joint:
    """Filter of the mean cell. cell: edge.core.cell.Cell; capacity_ah with relative deviation capacity_rel."""

    def __init__(self, cell, capacity_ah, capacity_rel):
        self.cell = cell
        self.ocv = cell.ocv
        self.capacity_ah = capacity_ah
        self.curve_v = 0.015
        self.curve_z = 0.015
        self.ratio = 1.0  # of the RC pairs' scale to the ohmic scale
        self.h = 0.0
        self.h_std = 1.0
        self.innovation_v = 0.0
        self.polarisation_v = 0.0  # of the last block, + after charging
        self._warmth = 1.0
        self._locked_s = 0.0
        self.x = [0.5, 0.0, 0.0, 0.0, 1.4, 1.0, 0.0]
        p = [0.0] * 28
        p[0] = 0.09
        p[2] = p[5] = 1e-6
        p[9] = (STD_BIAS_C * cell.nominal_ah) ** 2
        p[14] = 0.36
        p[20] = capacity_rel * capacity_rel
        p[27] = self.curve_v * self.curve_v
        self.p = p
        self.a1 = self.a2 = 0.0
        self._dt_s = None

    def _span(self, dt_s):
        self._dt_s = dt_s
        self.a1 = exponential(-dt_s / self.cell.tau_s[0])
        self.a2 = exponential(-dt_s / self.cell.tau_s[1])
        self._white = max(CORRELATED_S, dt_s) / dt_s

    def first(self, z0, std0, current_a, cell_v, warmth):
        """SoC from the first voltage and a guess z0 with deviation std0: the whole table weighed by both.

        The weights have wide tails (Student, 7 degrees of freedom): one of the two may be far off.
        """
        ohm = at(self.cell.r[0], 0.5)[0] * self.x[4] * warmth
        total = mean = square = 0.0
        for k in range(101):
            z = k / 100.0
            ocv, slope = at(self.ocv, z)
            miss = cell_v - ocv - ohm * current_a
            variance = FIRST_STD_V * FIRST_STD_V + (slope * FIRST_STD_Z) ** 2 + (ohm * current_a) ** 2
            away = (z - z0) / std0
            weight = 1.0 + 0.5 * (miss * miss / variance + away * away)
            weight = 1.0 / (weight * weight * weight * weight * sqrt(variance))
            total += weight
            mean += weight * z
            square += weight * z * z
        mean /= total
        self.x[0] = mean
        self.p[0] = max(square / total - mean * mean, 0.0004)

    def step(self, dt_s, current_a, cell_v, warmth):
        """One block of dt_s seconds: mean current (+ charges), mean cell voltage (None: not known), and the factor
        of resistance for the temperature. Returns True when the voltage told something about z."""
        if dt_s != self._dt_s:
            self._span(dt_s)
        self._warmth = warmth
        r0 = self._predict(dt_s, current_a, warmth)
        if cell_v is None:
            return False
        before = self.p[0]
        self._correct(current_a, cell_v, r0)
        return self.p[0] < INFORMED * before

    def gap(self, unseen_a, hours):
        """Nobody looked for that long, while up to unseen_a (one deviation) may have flowed either way."""
        share = unseen_a * hours / self.capacity_ah
        self.p[0] += share * share
        for k in (2, 5):
            self.p[k] += min(hours, 1.0) * RELAXATION_V * RELAXATION_V

    def restart(self):
        """Forget what a pause of unknown length wipes out: polarisation and its covariances."""
        self.x[1] = self.x[2] = 0.0
        p = [0.0] * 28
        for k in (0, 9, 14, 20, 27):
            p[k] = self.p[k]
        p[2] = p[5] = RELAXATION_V * RELAXATION_V
        self.p = p

    def response(self):
        """(r0_ohm, r1_ohm, r2_ohm, tau1_s, tau2_s, v1_v, v2_v, capacity_ah) of the mean cell now, scaled."""
        z = self.x[0]
        scale = self.x[4] * self._warmth
        slow = scale * self.ratio
        r0, r1, r2 = [at(table, z)[0] for table in self.cell.r]
        tau1, tau2 = self.cell.tau_s
        v1, v2 = self.x[4] * self.x[1], self.x[4] * self.x[2]
        return (r0 * scale, r1 * slow, r2 * slow, tau1, tau2, v1, v2, self.capacity_ah)

    def adopt(self, z, z_var, bias_a, bias_var, z_bias, scale, ratio, capacity_ah, capacity_rel):
        """Go on from a state found elsewhere: SoC, offset, scales and capacity with their (co)variances."""
        change = ratio / self.ratio
        self.ratio = ratio
        self.capacity_ah = capacity_ah
        self.x = [z, self.x[1] * change, self.x[2] * change, bias_a, scale, 1.0, 0.0]
        p = [0.0] * 28
        p[0] = z_var
        p[2] = p[5] = 1e-6
        p[6] = z_bias
        p[9] = bias_var
        p[14] = 0.01
        p[20] = capacity_rel * capacity_rel
        p[27] = self.curve_v * self.curve_v
        self.p = p

    def _predict(self, dt_s, current_a, warmth):
        """Move state and covariance; returns the ohmic resistance at the new z."""
        z, v1, v2, b, r, q, d = self.x
        p00, p10, p11, p20, p21, p22, p30, p31, p32, p33, p40, p41, p42, p43, p44 = self.p[:15]
        p50, p51, p52, p53, p54, p55, p60, p61, p62, p63, p64, p65, p66 = self.p[15:]
        a1 = self.a1
        a2 = self.a2
        r0t, r1t, r2t = self.cell.r
        n = len(r0t) - 1
        u = z * n
        j = int(u)
        j = 0 if u < 0.0 else n - 1 if j >= n else j
        u -= j
        u = 0.0 if u < 0.0 else 1.0 if u > 1.0 else u
        i = current_a - b
        g1 = (1.0 - a1) * (r1t[j] + u * (r1t[j + 1] - r1t[j])) * warmth * self.ratio
        g2 = (1.0 - a2) * (r2t[j] + u * (r2t[j + 1] - r2t[j])) * warmth * self.ratio
        k = dt_s / 3600.0 / self.capacity_ah
        dz = k * q * i
        f3 = -k * q
        f5 = k * i
        move = dz if dz > 0.0 else -dz
        ad = 1.0 - move / CURVE_RANGE
        ad = 0.0 if ad < 0.0 else ad
        m00 = p00 + f3 * p30 + f5 * p50
        m03 = p30 + f3 * p33 + f5 * p53
        m05 = p50 + f3 * p53 + f5 * p55
        m10 = a1 * p10 - g1 * p30
        m13 = a1 * p31 - g1 * p33
        m15 = a1 * p51 - g1 * p53
        m20 = a2 * p20 - g2 * p30
        m23 = a2 * p32 - g2 * p33
        m25 = a2 * p52 - g2 * p53
        p60 = ad * (p60 + f3 * p63 + f5 * p65)
        p40 = p40 + f3 * p43 + f5 * p54
        p00 = m00 + f3 * m03 + f5 * m05 + (0.002 * dz) ** 2 + 4e-14 * dt_s
        p10 = m10 + f3 * m13 + f5 * m15
        p20 = m20 + f3 * m23 + f5 * m25
        p21 = a2 * (a1 * p21 - g1 * p32) - g2 * m13
        p11 = a1 * (a1 * p11 - g1 * p31) - g1 * m13 + 9e-8 * dt_s / self.cell.tau_s[0]
        p22 = a2 * (a2 * p22 - g2 * p32) - g2 * m23 + 9e-8 * dt_s / self.cell.tau_s[1]
        p61 = ad * (a1 * p61 - g1 * p63)
        p62 = ad * (a2 * p62 - g2 * p63)
        p41 = a1 * p41 - g1 * p43
        p42 = a2 * p42 - g2 * p43
        days = dt_s / _DAY_S
        nominal = self.cell.nominal_ah
        p33 += (WALK_BIAS_C * nominal) ** 2 * days
        p44 += WALK_SCALE * WALK_SCALE * days
        p55 += WALK_CAPACITY * WALK_CAPACITY * days
        self.x = [z + dz, a1 * v1 + g1 * i, a2 * v2 + g2 * i, b, r, q, ad * d]
        self.p = [p00, p10, p11, p20, p21, p22, m03, m13, m23, p33, p40, p41, p42, p43, p44]
        self.p += [m05, m15, m25, p53, p54, p55, p60, p61, p62, ad * p63, ad * p64, ad * p65, ad * ad * p66]
        self._fresh = 1.0 - ad * ad
        self._hysteresis(move, i)
        return (r0t[j] + u * (r0t[j + 1] - r0t[j])) * warmth

    def _hysteresis(self, move, i):
        if self.cell.hysteresis is None:
            return
        g = self.cell.gamma * move
        g = 1.0 if g > 1.0 else g
        self.h += g * ((1.0 if i > 0.0 else -1.0) - self.h)
        self.h_std *= 1.0 - g

    def _locked(self):
        """Another innovation out of bounds."""
        self._locked_s += self._dt_s
        if self._locked_s >= LOCKED_S:
            self._locked_s = 0.0
            self.p[0] += LOCKED_STD * LOCKED_STD
            self.p[9] = max(self.p[9], (STD_BIAS_C * self.cell.nominal_ah) ** 2)

    def _curve(self, z, variance):
        """Open-circuit voltage at z, and its slope over the deviation of z."""
        ocv, slope = self._open(z)
        wide = sqrt(variance) if variance > 0.0 else 0.0
        if wide > CHORD:
            slope = (self._open(z + wide)[0] - self._open(z - wide)[0]) / (2.0 * wide)
        return ocv, slope

    def _secant(self, z, slope, y):
        """Slope at z; where the innovation y is beyond FAR_V more and more, and from twice that on all, the slope from
        z to where the curve is y higher."""
        far = (y if y > 0.0 else -y) / FAR_V - 1.0
        if far <= 0.0:
            return slope
        at_z, here = slope, self._open(z)[0]
        for _ in range(4):
            dz = y / max(slope, 0.01)
            dz = FAR_Z if dz > FAR_Z else -FAR_Z if dz < -FAR_Z else dz
            slope = (self._open(z + dz)[0] - here) / dz
        return slope if far >= 1.0 else at_z + far * (slope - at_z)

    def _open(self, z):
        """Open-circuit voltage and slope; beyond its ends the table goes on straight."""
        ocv, slope = at(self.ocv, z)
        if z > 1.0:
            ocv += slope * (z - 1.0)
        elif z < 0.0:
            ocv += slope * z
        return ocv, slope

    def _correct(self, current_a, cell_v, r0):
        z, v1, v2, b, r, q, d = self.x
        p00, p10, p11, p20, p21, p22, p30, p31, p32, p33, p40, p41, p42, p43, p44 = self.p[:15]
        p50, p51, p52, p53, p54, p55, p60, p61, p62, p63, p64, p65, p66 = self.p[15:]
        ocv, slope = self._curve(z, p00)
        unsure = self.curve_v * self.curve_v
        if self.cell.hysteresis is not None:
            gap, _ = at(self.cell.hysteresis, z)
            ocv += gap * self.h
            unsure += gap * gap * (BRANCH_SHARE * BRANCH_SHARE + self.h_std * self.h_std)
        p66 += self._fresh * unsure
        pol = r0 * (current_a - b) + v1 + v2
        self.polarisation_v = r * pol
        h4 = pol
        h3 = -r * r0
        y = cell_v - ocv - d - r * pol
        slope = self._secant(z, slope, y)
        curve = slope * self.curve_z
        e0 = p00 * slope + r * (p10 + p20) + h3 * p30 + h4 * p40 + p60
        e1 = p10 * slope + r * (p11 + p21) + h3 * p31 + h4 * p41 + p61
        e2 = p20 * slope + r * (p21 + p22) + h3 * p32 + h4 * p42 + p62
        e3 = p30 * slope + r * (p31 + p32) + h3 * p33 + h4 * p43 + p63
        e4 = p40 * slope + r * (p41 + p42) + h3 * p43 + h4 * p44 + p64
        e5 = p50 * slope + r * (p51 + p52) + h3 * p53 + h4 * p54 + p65
        e6 = p60 * slope + r * (p61 + p62) + h3 * p63 + h4 * p64 + p66
        share = POLARISATION * r * pol
        s = (
            slope * e0
            + r * (e1 + e2)
            + h3 * e3
            + h4 * e4
            + e6
            + (NOISE_V * NOISE_V + share * share + SHIFT_LASTS * curve * curve) * self._white
        )
        self.innovation_v = y
        if y * y > GATE * s:
            self.p[27] = p66
            self._locked()
            return
        self._locked_s = 0.0
        w = y / s
        x = [z + e0 * w, v1 + e1 * w, v2 + e2 * w, b + e3 * w, r + e4 * w, q, d + e6 * w]
        x[0] = -0.05 if x[0] < -0.05 else 1.05 if x[0] > 1.05 else x[0]
        x[4] = 0.2 if x[4] < 0.2 else 6.0 if x[4] > 6.0 else x[4]
        self.x = x
        w = 1.0 / s
        f0, f1, f2, f3, f4, f5, f6 = e0 * w, e1 * w, e2 * w, e3 * w, e4 * w, e5 * w, e6 * w
        self.p = [p00 - e0 * f0, p10 - e1 * f0, p11 - e1 * f1, p20 - e2 * f0, p21 - e2 * f1, p22 - e2 * f2]
        self.p += [p30 - e3 * f0, p31 - e3 * f1, p32 - e3 * f2, p33 - e3 * f3]
        self.p += [p40 - e4 * f0, p41 - e4 * f1, p42 - e4 * f2, p43 - e4 * f3, p44 - e4 * f4]
        self.p += [p50 - e0 * f5, p51 - e1 * f5, p52 - e2 * f5, p53 - e3 * f5, p54 - e4 * f5]
        self.p += [p55, p60 - e6 * f0, p61 - e6 * f1, p62 - e6 * f2]
        self.p += [p63 - e6 * f3, p64 - e6 * f4, p65 - e6 * f5, p66 - e6 * f6]
