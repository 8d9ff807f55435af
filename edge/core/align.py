# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Electrode alignment: the open-circuit voltage that ages with the cell, and capacity with a deviation.

A cell's voltage is the difference of two half-cell potentials that do not age; what ages is how much of
each electrode is active and how much lithium moves between them. Four numbers describe that:

    x    stoichiometry of the negative electrode at the reference count
    n    active negative electrode, p active positive electrode, l lithium, as shares of the fresh cell
    V(Q) = Up((l L - x N n) / (P p)) - Un(x) + e(z) + r0 R0 I + r1 (R1 I1 + R2 I2),   x(Q) = x + (Q - b t) / (N n)

They are fitted to points (counted charge Q, time t, voltage, current through the RC filters) that the pack
gave while it worked, together with the sensor's offset b, two scales of resistance and KNOTS values of e, the
error of the half-cell curves themselves: a smooth function with a prior. The prior on e makes the deviation
honest: curves that are 5 mV wrong show up as uncertainty, not as confident nonsense. The certificate's
capacity is one more observation.

Levenberg-Marquardt on parameters scaled by their prior deviation: each prior row is a unit row, so that the
normal matrix has no eigenvalue below 1 and single precision suffices. solve() is a generator that yields
after every slice of work, so that a board does it between its deadlines.

Sources: C. R. Birkl et al., J. Power Sources 341 (2017) 373 (degradation modes by half-cell alignment);
J. A. Mondragon and G. Plett, arXiv:2410.16980 (electrode-level observer); Levenberg-Marquardt and Huber
weights: Nocedal and Wright, Numerical Optimization, ch. 10; Huber, Robust Statistics.
"""

from array import array
from math import sqrt

from edge.core import prior
from edge.core.cell import at
from edge.core.points import WIDTH

KNOTS = 11
X, N, P, L, B, R0, R1, E = range(8)  # parameters; E is the first knot
SIZE = E + KNOTS
LAST = SIZE - 1
STD_CURVE_V = 0.006  # prior of the half-cells' error, per knot
STD_POINT_V = 0.003  # of a 5-min mean voltage beside the model
POLARISATION = 0.12  # share of the polarisation that the model gets wrong
HUBER = 2.5
POINTS_PER_SLICE = 4
INDEPENDENT_H = 1.0  # model errors of points closer in time are not independent, and what repeats each day never is:
MOST_H = 48.0  # no more than so many count, however long the points reach back


class Fit:
    """Result of an alignment: parameters p (scaled), its limits x0, x100, capacity_ah, and the Cholesky factor.

    place: (Ah, hours) of the pack's count at which its own count is zero.
    """

    place = (0.0, 0.0)

    def __init__(self, p, cost, chi2, x0, x100, capacity_ah, factor):
        self.p = p
        self.cost = cost
        self.chi2 = chi2
        self.x0 = x0
        self.x100 = x100
        self.capacity_ah = capacity_ah
        self.factor = factor


class Align:
    """Alignment of one pack's mean cell. cell: edge.core.cell.Cell with half-cells; certificate: Ah and deviation.

    strange: how many times worse the half-cells may fit than those of a cell file of this very type.
    """

    def __init__(self, cell, certificate_ah, certificate_std_ah, strange=1.0):
        self.cell = cell
        self.half = cell.half
        self.curve_v = STD_CURVE_V * strange
        self.certificate_ah = certificate_ah
        self.certificate_std_ah = certificate_std_ah
        self.mean, self.std = prior.electrodes(self._capacity_of, cell.nominal_ah, certificate_ah)
        self.std[B] *= cell.nominal_ah

    def _capacity_of(self, mean):
        self.mean, self.std = mean, prior.STD
        return self.window([0.0] * SIZE)[2]

    # ---- model -----------------------------------------------------------------------------------

    def values(self, p):
        """Physical values of the seven first parameters of p."""
        return [self.mean[i] + self.std[i] * p[i] for i in range(E)]

    def open_v(self, v, x):
        """Open-circuit voltage of the mean cell with parameter values v at stoichiometry x, without e."""
        half = self.half
        y = (v[L] * half.lithium_ah - x * v[N] * half.negative_ah) / (v[P] * half.positive_ah)
        return half.potential(half.positive, y)[0] - half.potential(half.negative, x)[0]

    def limit(self, v, target_v):
        """Stoichiometry at which the open-circuit voltage is target_v (V rises with x): halved, then by Newton."""
        low = -0.02
        high = 1.05
        half = self.half
        n_ah = v[N] * half.negative_ah
        p_ah = v[P] * half.positive_ah
        li_ah = v[L] * half.lithium_ah
        for k in range(12):
            if k < 8:
                x = 0.5 * (low + high)
            up, dup = half.potential(half.positive, (li_ah - x * n_ah) / p_ah)
            un, dun = half.potential(half.negative, x)
            miss = up - un - target_v
            if miss < 0.0:
                low = x
            else:
                high = x
            if k >= 7:
                x -= miss / max(-dup * n_ah / p_ah - dun, 0.001)
                x = low if x < low else high if x > high else x
        return x

    def window(self, p):
        """(x0, x100, capacity_ah) between the cell's voltage limits."""
        v = self.values(p)
        x0 = self.limit(v, self.half.low_v - p[E] * self.curve_v)
        x100 = self.limit(v, self.half.high_v - p[LAST] * self.curve_v)
        return x0, x100, v[N] * self.half.negative_ah * (x100 - x0)

    def _row(self, v, p, x0, x100, point):
        """(residual in V, polarisation in V, derivatives by the parameters, first knot) of one point."""
        q_ah, hours, cell_v, i0, i1, i2 = point
        half = self.half
        nominal_n = half.negative_ah
        n_ah = v[N] * nominal_n
        p_ah = v[P] * half.positive_ah
        q = q_ah - v[B] * hours
        x = v[X] + q / n_ah
        y = (v[L] * half.lithium_ah - x * n_ah) / p_ah
        z = (x - x0) / (x100 - x0)
        r0 = at(self.cell.r[0], z)[0] * v[R0]
        r1 = at(self.cell.r[1], z)[0] * v[R1]
        r2 = at(self.cell.r[2], z)[0] * v[R1]
        fast = r0 * (i0 - v[B])
        slow = r1 * (i1 - v[B]) + r2 * (i2 - v[B])
        up, dup = half.potential(half.positive, y)
        un, dun = half.potential(half.negative, x)
        place = (0.0 if z < 0.0 else 1.0 if z > 1.0 else z) * (KNOTS - 1)
        knot = int(place)
        knot = KNOTS - 2 if knot > KNOTS - 2 else knot
        place -= knot
        error = (p[E + knot] * (1.0 - place) + p[E + knot + 1] * place) * self.curve_v
        by_x = -dup * n_ah / p_ah - dun
        std = self.std
        rows = (
            by_x * std[X],
            (-by_x * q / (n_ah * v[N]) - dup * x * nominal_n / p_ah) * std[N],
            -dup * y / v[P] * std[P],
            dup * half.lithium_ah / p_ah * std[L],
            (-by_x * hours / n_ah - r0 - r1 - r2) * std[B],
            fast / v[R0] * std[R0],
            slow / v[R1] * std[R1],
            (1.0 - place) * self.curve_v,
            place * self.curve_v,
        )
        return cell_v - (up - un + error + fast + slow), fast + slow, rows, E + knot

    def _slope(self, p, capacity_ah):
        """Derivative of capacity by the parameters (differences: the limits are found by bisection)."""
        slope = [0.0] * SIZE
        for i in (N, P, L, E, LAST):
            moved = p[:]
            moved[i] += 0.05
            slope[i] = (self.window(moved)[2] - capacity_ah) / 0.05
            yield
        self._gradient = slope

    def _build(self, p, points, jacobian):
        """Sum up cost, and with jacobian the normal matrix (lower rows) and right side; a generator."""
        v = self.values(p)
        x0, x100, capacity_ah = self.window(p)
        yield
        matrix = [array("d", [0.0] * (i + 1)) for i in range(SIZE)] if jacobian else None
        right = [0.0] * SIZE
        cost = chi2 = 0.0
        scale = self._scale
        for base in range(0, len(points), WIDTH):
            if base % (POINTS_PER_SLICE * WIDTH) == 0:
                yield
            error, pol, rows, knot = self._row(v, p, x0, x100, points[base : base + WIDTH])
            weight = 1.0 / (sqrt(STD_POINT_V * STD_POINT_V + POLARISATION * POLARISATION * pol * pol) * scale)
            error *= weight
            size = error if error > 0.0 else -error
            if size > HUBER:
                cost += HUBER * (2.0 * size - HUBER)
                down = HUBER / size
            else:
                cost += error * error
                down = 1.0
            chi2 += down * error * error
            if jacobian:
                _add(matrix, right, rows, knot, weight * weight * down, error * weight * down)
        for i in range(SIZE):
            cost += p[i] * p[i]
            right[i] -= p[i]
        miss = (self.certificate_ah - capacity_ah) / self.certificate_std_ah
        cost += miss * miss
        if jacobian:
            yield from self._slope(p, capacity_ah)
            slope = [g / self.certificate_std_ah for g in self._gradient]
            for i in range(SIZE):
                right[i] += slope[i] * miss
                matrix[i][i] += 1.0
                for j in range(i + 1):
                    matrix[i][j] += slope[i] * slope[j]
        self._sums = (cost, chi2, matrix, right, x0, x100, capacity_ah)

    # ---- search ----------------------------------------------------------------------------------

    def solve(self, points, start, iterations, close=0.001):
        """Levenberg-Marquardt from the scaled parameters start; a generator of slices, leaves self.fit.

        points: array of (q_ah, hours, cell_v, i0_a, i1_a, i2_a) after each other (edge.core.points). It ends one step
        after a step promised less than close of the cost: what is promised does not hang on the last digits, the cost
        that is found does.
        """
        hours = array("f", [points[k] for k in range(1, len(points), WIDTH)])
        span = max(hours) - min(hours) if len(hours) else 0.0
        self._scale = sqrt(max(1.0, len(hours) * INDEPENDENT_H / min(max(12.0, span), MOST_H)))
        p = start
        damping = 0.01
        yield from self._build(p, points, True)
        for _ in range(iterations):
            sums = self._sums
            better = None
            for _ in range(6):
                factor = yield from cholesky(sums[2], damping)
                if factor is not None:
                    step = solved(factor, sums[3])
                    last = dot(step, sums[3]) < close * (sums[0] + 1.0)
                    moved = self._moved(p, step)
                    yield
                    if moved is not None:
                        yield from self._build(moved, points, False)
                        if self._sums[0] < sums[0]:
                            better = moved
                            break
                    if last:
                        break
                damping = damping * 5.0 + 1e-6
            if better is None:
                self._sums = sums
                break
            p = better
            damping = max(damping * 0.2, 1e-7)
            yield from self._build(p, points, True)
            if last:
                break
        cost, chi2, matrix, _, x0, x100, capacity_ah = self._sums
        factor = yield from cholesky(matrix, 0.0)
        self.fit = None if factor is None else Fit(p, cost, chi2, x0, x100, capacity_ah, factor)

    def excess(self, fit, points):
        """Square of what the points miss the fit by, against what was expected; 1 where they miss it by less."""
        return max(fit.chi2 * self._scale * self._scale * WIDTH / len(points), 1.0)

    def release(self):
        """Let go what only a running search needs (half of all that a pack takes)."""
        self.fit = self._sums = self._gradient = self.slope = None

    def _moved(self, p, step):
        """p + step, at most two prior deviations in one go; None outside of what a cell can be."""
        most = max([s if s > 0.0 else -s for s in step])
        shrink = 1.0 if most < 2.0 else 2.0 / most
        moved = [p[i] + step[i] * shrink for i in range(SIZE)]
        v = self.values(moved)
        if not (-0.1 < v[X] < 1.1 and 0.3 < v[N] < 1.6 and 0.3 < v[P] < 1.6 and 0.3 < v[L] < 1.4):
            return None
        if v[R0] < 0.1 or v[R1] < 0.05:
            return None
        x0, x100, _ = self.window(moved)
        return moved if x100 - x0 > 0.1 else None

    def moved(self, fit, place):
        """Scaled start from an older fit, counted from place (Ah, hours) on."""
        start = fit.p[:]
        v = self.values(start)
        count = place[0] - fit.place[0] - v[B] * (place[1] - fit.place[1])
        start[X] += count / (v[N] * self.half.negative_ah) / self.std[X]
        return start

    def start(self, z, n, p, lithium):
        """Scaled start for a guess: SoC z at the reference, electrode shares n, p and lithium."""
        start = [0.0] * SIZE
        for i, value in ((N, n), (P, p), (L, lithium)):
            start[i] = (value - self.mean[i]) / self.std[i]
        x0, x100, _ = self.window(start)
        x = x0 + z * (x100 - x0)
        start[X] = (x - self.mean[X]) / self.std[X]
        return start

    # ---- results -----------------------------------------------------------------------------------

    def capacity_std_ah(self, fit):
        """Standard deviation of the capacity; a generator (differences), leaves self.deviation."""
        yield from self._slope(fit.p, fit.capacity_ah)
        slope = self._gradient
        self.deviation = sqrt(max(dot(slope, solved(fit.factor, slope)), 0.0))

    def soc(self, fit, q_ah, hours):
        """SoC by the fit at a count and a time since its place."""
        v = self.values(fit.p)
        x = v[X] + (q_ah - v[B] * hours) / (v[N] * self.half.negative_ah)
        return (x - fit.x0) / (fit.x100 - fit.x0)

    def soc_slope(self, fit, q_ah, hours):
        """Derivative of soc() by the parameters; a generator, leaves self.slope."""
        z = self.soc(fit, q_ah, hours)
        slope = [0.0] * SIZE
        for i in (X, N, P, L, B, E, LAST):
            moved = fit.p[:]
            moved[i] += 0.05
            x0, x100, _ = self.window(moved)
            slope[i] = (self.soc(Fit(moved, 0, 0, x0, x100, 0, None), q_ah, hours) - z) / 0.05
            yield
        self.slope = slope

    def worn(self, table):
        """Fill table (even over SoC) with the open-circuit voltage in V of a cell on the path of ageing."""
        p = [0.0] * SIZE
        x0, x100, capacity_ah = self.window(p)
        for _ in self.ocv(Fit(p, 0.0, 0.0, x0, x100, capacity_ah, None), table):
            pass

    def ocv(self, fit, table):
        """Fill table (even over SoC) with the aged open-circuit voltage in V; a generator."""
        v = self.values(fit.p)
        knots = [k * self.curve_v for k in fit.p[E:]]
        n = len(table) - 1
        for i in range(n + 1):
            z = i / float(n)
            table[i] = self.open_v(v, fit.x0 + z * (fit.x100 - fit.x0)) + at(knots, z)[0]
            yield


def _add(matrix, right, rows, knot, weight, error):
    """Add one weighted row of derivatives; rows 7 and 8 belong to knot and knot + 1."""
    places = (0, 1, 2, 3, 4, 5, 6, knot, knot + 1)
    for i in range(9):
        scaled = rows[i] * weight
        line = matrix[places[i]]
        right[places[i]] += rows[i] * error
        for j in range(i + 1):
            line[places[j]] += scaled * rows[j]


def dot(a, b):
    """Sum of products."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


def cholesky(matrix, damping):
    """Lower factor of matrix (lower rows) with its diagonal raised by damping, or None; a generator of slices."""
    factor = []
    for i in range(len(matrix)):
        row = matrix[i][:]
        row[i] *= 1.0 + damping
        for j in range(i):
            line = factor[j]
            s = row[j]
            for k in range(j):
                s -= row[k] * line[k]
            row[j] = s / line[j]
        s = row[i]
        for k in range(i):
            s -= row[k] * row[k]
        if s <= 0.0:
            return None
        row[i] = sqrt(s)
        factor.append(row)
        if i % 4 == 3:
            yield
    return factor


def solved(factor, right):
    """Solution of (factor factor') y = right."""
    n = len(factor)
    y = right[:]
    for i in range(n):
        line = factor[i]
        s = y[i]
        for k in range(i):
            s -= line[k] * y[k]
        y[i] = s / line[i]
    for i in range(n - 1, -1, -1):
        s = y[i]
        for k in range(i + 1, n):
            s -= factor[k][i] * y[k]
        y[i] = s / factor[i][i]
    return y
