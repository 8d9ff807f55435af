# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""When the alignment runs, where it starts, and whether its result is believed.

A round fits coarsely from several starts (the search has wrong minima: half of the voltage curve looks like
another half) and finely from the best. It is believed when it fits the points, when its electrodes are those
of a cell, when its capacity agrees with what was known, and on LFP only after a visit to the upper knee:
without it the flat curve does not hold the fit.
"""

from array import array
from math import sqrt

from edge.core import align as al
from edge.core import prior
from edge.core.cell import OTHERS, at
from edge.core.points import WIDTH, Points
from edge.core.soc import ALIGNED_CURVE_V, ALIGNED_CURVE_Z, W_ALIGNED

# Why the last alignment was not believed.
REFUSED = (
    "",
    "none yet",
    "too few points",
    "does not fit",
    "unlikely electrodes",
    "jumped",
    "no knee visit",
    "hysteresis",
    "type not clear",
)
A_BELIEVED, A_NONE, A_POINTS, A_MISFIT, A_BOX, A_JUMP, A_KNEE, A_HYSTERESIS, A_TYPE = range(9)

SCHEDULE_H = (1.0, 2.0, 4.0, 6.0, 9.0, 12.0, 18.0, 24.0)
LATER_H = 12.0
STARTS_Z = (0.15, 0.35, 0.5, 0.65, 0.85)
STARTS_ELECTRODES = ((0.95, 0.97, 0.92), (0.85, 0.92, 0.78))
COARSE = 4  # iterations from each start; the best goes on for
FINE = 20
CLOSE = 1e-4  # and stops where a step promises less of the cost: the same place in single precision
ALL_STARTS = 4  # rounds with all starts; later ones rotate
MIN_POINTS = 10
MAX_CHI2 = 6.0  # weighted squares per point
BOX = 3.5  # electrode shares further out, in prior deviations, are not a cell
# Capacity against what was known before, and against the certificate, in deviations. More than certified is not
# believed; less is, unless the cell is only a built-in one: a wrong curve shows as a wrong capacity.
AGREE = 3.0
STRANGE_AGREE = 2.0
CLEAR = 9.0  # cost by which one type must fit better than any other: 3 sigma
# Squares of the curve error's knots in prior deviations: eleven are expected, 4.7 either way; a built-in cell has three
# times the deviation already, and what needs all of it is another type.
MAX_KNOTS = 30.0
STRANGE_KNOTS = 11.0
FADE = 0.03  # of capacity in a year
_YEAR_MS = 3.15e10


class Rounds:
    """Alignments of one pack: points, schedule, judgement. soc: edge.core.soc.Soc, whose cell is alignable."""

    def __init__(self, soc):
        self.align = al.Align(soc.cell, soc.capacity_ah, soc.capacity_std_ah, soc.strange)
        self.points = Points(soc.capacity_ah)
        self.others = OTHERS[soc.chemistry] if soc.strange > 1.0 else ()  # built-in types that may fit better
        self.refused = A_NONE
        self.count = 0
        self.fit = None  # the last believed one, while its reference holds
        self._next = 0
        self._work = None

    def reset(self, soc):
        """The reference moved: points and fit do not belong to it; the capacity found so far is the new prior."""
        self.align.certificate_ah = soc.capacity_ah
        self.align.certificate_std_ah = soc.capacity_std_ah
        self.points = Points(soc.capacity_ah)
        self.points.offset_a = soc.joint.x[3]
        self.fit = None
        self._next = 0
        self._work = None
        self.align.release()

    def take(self, soc, dt_s, cell_v, warm_a):
        """One block: its mean voltage (None: not known) and its current times the temperature factor."""
        if cell_v is None:
            self.points.cut()
            return
        ah, hours = soc.place()
        self.points.add(dt_s, (ah, hours, cell_v, warm_a, soc.slow[0], soc.slow[1]))

    def work(self, soc):
        """Do one slice when a round is due or under way; True while there is work. soc: edge.core.soc.Soc."""
        if self._work is None:
            if soc.place()[1] < self._due_h():
                return False
            self._next += 1
            if self.points.size() < MIN_POINTS:
                self.refused = A_POINTS
                return False
            self._work = self._round(soc)
        try:
            next(self._work)
        except StopIteration:
            self._work = None
            self.align.release()
            if self.fit is not None:
                self.fit.factor = None  # only its place and parameters are a start again
        return True

    def _due_h(self):
        n = len(SCHEDULE_H)
        return SCHEDULE_H[self._next] if self._next < n else SCHEDULE_H[-1] + LATER_H * (self._next - n + 1)

    def _starts(self, soc, align):
        """Scaled starts, one after the other, all for the moment of the first."""
        now = min(max(soc.joint.x[0], 0.02), 0.98)
        if self.fit is not None:
            yield align.moved(self.fit, soc.place())
        several = STARTS_Z if self.count < ALL_STARTS else (STARTS_Z[self.count % len(STARTS_Z)],)
        electrodes = STARTS_ELECTRODES if soc.electrodes is None else (soc.electrodes,) + STARTS_ELECTRODES
        for z in (now,) + tuple(several):
            for n, p, lithium in electrodes:
                yield align.start(z, n, p, lithium)

    def _round(self, soc):
        """One alignment over a copy of the points; a generator."""
        place = soc.place()  # the fit counts from here: long extrapolations make offset and start indistinct
        points = self.points.copy(place[0], place[1])
        align, name = self.align, None
        best = yield from self._search(soc, align, points)
        if self.others:
            best, align, name = yield from self._choose(soc, best, points)
        self.count += 1
        if best is None:
            self.refused = A_MISFIT if align is not None else A_TYPE
            return
        best.place = place
        yield from align.capacity_std_ah(best)
        excess = align.excess(best, points)
        align.deviation *= sqrt(excess)
        self.refused = self._judge(soc, align, best, align.deviation, points)
        if self.refused == A_BELIEVED:
            if self.others:
                soc.become(name, align.cell)
                self.align, self.others = align, ()
            self.fit = best
            yield from self._believe(soc, best, align.deviation, excess, points)
        elif self.refused in (A_MISFIT, A_BOX, A_JUMP) and soc.aligned_ms is not None:
            soc.doubt()

    def _search(self, soc, align, points):
        """The best fit or None: coarse from every start, fine from the best; a generator."""
        best = None
        for start in self._starts(soc, align):
            yield
            yield from align.solve(points, start, COARSE)
            if align.fit is not None and (best is None or align.fit.cost < best.cost):
                best = align.fit
        if best is not None:
            yield from align.solve(points, best.p, FINE, CLOSE)
            best = align.fit
        return best

    def _choose(self, soc, fit, points):
        """(fit, alignment, name) of the built-in type that fits best, name None for the one at hand; a generator.

        The fit is None when none fits, the alignment too when two fit alike. One type at a time is in memory.
        """
        align, name, margin = self.align, None, CLEAR
        for other in self.others:
            align.release()
            yield
            also = al.Align(soc.typed(other), align.certificate_ah, align.certificate_std_ah, soc.strange)
            found = yield from self._search(soc, also, points)
            if found is None:
                continue
            ahead = CLEAR if fit is None else fit.cost - found.cost
            margin = min(margin, abs(ahead))
            if ahead > 0.0:
                fit, align, name = found, also, other
        return (fit, align, name) if margin >= CLEAR else (None, None, None)

    def _judge(self, soc, align, fit, std_ah, points):
        """A_BELIEVED, or why not."""
        if fit.chi2 * WIDTH > MAX_CHI2 * len(points):
            return A_MISFIT
        if al.dot(fit.p[al.E :], fit.p[al.E :]) > (STRANGE_KNOTS if soc.strange > 1.0 else MAX_KNOTS):
            return A_MISFIT
        for i in (al.N, al.P, al.L):
            if not -BOX < fit.p[i] < BOX:
                return A_BOX
        away = fit.capacity_ah - soc.capacity_ah
        if away * away > AGREE * AGREE * (std_ah * std_ah + soc.capacity_std_ah * soc.capacity_std_ah):
            return A_JUMP
        certified_ah, certified_std_ah = soc.certificate
        over = fit.capacity_ah - certified_ah
        if soc.strange > 1.0 and over < 0.0:
            over = -over - FADE * certified_ah * soc.clock_ms / _YEAR_MS
        most = STRANGE_AGREE if soc.strange > 1.0 else AGREE
        if over > most * sqrt(std_ah * std_ah + certified_std_ah * certified_std_ah):
            return A_JUMP
        ah, hours = since(soc, fit)
        moved = align.soc(fit, ah, hours) - soc.joint.x[0]
        if moved * moved > AGREE * AGREE * soc.std() * soc.std():
            return A_JUMP
        if soc.chemistry == "lfp" and _highest_v(soc, points) < prior.KNEE_V:
            return A_KNEE
        return A_BELIEVED

    def _believe(self, soc, fit, std_ah, excess, points):
        """Go on with the aged table and with the state that the alignment found; a generator."""
        align = self.align
        aged = array("f", soc.joint.ocv)
        yield from align.ocv(fit, aged)
        ah, hours = since(soc, fit)
        yield from align.soc_slope(fit, ah, hours)
        by = al.solved(fit.factor, align.slope)
        yield
        steep = steepness(align, fit, aged, points)
        variance = max(al.dot(align.slope, by), 0.0) * excess
        unit = [0.0] * al.SIZE
        unit[al.B] = align.std[al.B]
        bias_variance = al.solved(fit.factor, unit)[al.B] * align.std[al.B] * excess
        values = align.values(fit.p)
        joint = soc.joint
        ah, hours = since(soc, fit)
        z = align.soc(fit, ah, hours)
        moved = (z - joint.x[0]) ** 2 / 2.0 if soc.aligned_ms is not None else 0.0
        changed = (fit.capacity_ah - soc.capacity_ah) ** 2 / 2.0 if soc.aligned_ms is not None else 0.0
        std_ah = sqrt(std_ah * std_ah + changed)
        joint.ocv = aged
        joint.curve_v = ALIGNED_CURVE_V * soc.strange
        joint.curve_z = ALIGNED_CURVE_Z
        joint.adopt(
            z,
            variance,
            values[al.B],
            bias_variance,
            by[al.B] * align.std[al.B] * excess,
            values[al.R0],
            values[al.R1] / values[al.R0],
            fit.capacity_ah,
            std_ah / fit.capacity_ah,
        )
        soc.electrodes = (values[al.N], values[al.P], values[al.L])
        soc.capacity_ah = fit.capacity_ah
        soc.capacity_std_ah = std_ah
        self.points.offset_a = values[al.B]
        soc.floor = max(sqrt(variance + moved), ALIGNED_CURVE_V * soc.strange / max(steep, 0.05))
        soc.aligned_ms = soc.clock_ms
        soc.informed_ms = soc.clock_ms
        soc.why = W_ALIGNED


def since(soc, fit):
    """(counted Ah, hours) since the place from which the fit counts."""
    ah, hours = soc.place()
    return ah - fit.place[0], hours - fit.place[1]


def steepness(align, fit, table, points):
    """Slope of an open-circuit voltage over the points, V per unit of SoC: its inverse is what an error of it shifts.

    The mean of the roots, squared: where the curve is flat, steep ends far away hardly help.
    """
    total = 0.0
    for k in range(0, len(points), WIDTH):
        total += sqrt(max(at(table, align.soc(fit, points[k], points[k + 1]))[1], 0.0))
    total *= WIDTH / float(len(points))
    return total * total


def _highest_v(soc, points):
    """Highest cell voltage among the points, less its polarisation by the filter's own resistance."""
    r = [at(table, 0.9)[0] * soc.joint.x[4] for table in soc.cell.r]
    highest = 0.0
    for k in range(0, len(points), WIDTH):
        volt = points[k + 2] - r[0] * points[k + 3] - r[1] * points[k + 4] - r[2] * points[k + 5]
        highest = max(highest, volt)
    return highest
