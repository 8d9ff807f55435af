# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""State of power: the most current, and power, that holds for 10 s, 5 min and 1 h in each direction.

Closed form of the step response of a cell with two RC pairs (G. Plett, Battery Management Systems vol. 2,
ch. 6). With a constant current I from now on, after t seconds

    v(t) = ocv(z + I t/3600/Q) + I r0 + sum_k ( v_k e_k + I r_k (1 - e_k) ),   e_k = exp(-t/tau_k)

and the I that takes v(t) to its limit is found by halving, because the curve bends. Every cell is taken two
sigma to the bad side in SoC, resistance and capacity; the smallest |I| over cells, SoC and the maker wins.
"""

from array import array
from math import sqrt

from edge.core.cell import exponential

HORIZONS_S = (10, 300, 3600)
REASONS = ("unknown", "cell voltage", "cell soc", "maker", "nothing left")
R_UNKNOWN, R_VOLTAGE, R_SOC, R_MAKER, R_EMPTY = range(len(REASONS))
SIGMAS = 2.0
CHARGE, DISCHARGE = 0, 1
CELLS_PER_SLICE = 4
LEAST_CAPACITY = 0.1  # a capacity is not taken smaller than this share of the mean one
_WIDTH = 6


class Cell:
    """What power() needs of one cell: z, z_std: SoC 0..1. r, r_std: factor on the resistances of the model. q, q_std:
    factor on its capacity."""

    def __init__(self, z, z_std, r, r_std, q=1.0, q_std=0.0):
        self.z, self.z_std = z, z_std
        self.r, self.r_std = r, r_std
        self.q, self.q_std = q, q_std


class Cells:
    """The same of many cells in one flat table: a sequence that makes one Cell at a time."""

    def __init__(self, count):
        self.table = array("f", bytes(4 * count * _WIDTH))

    def __len__(self):
        return len(self.table) // _WIDTH

    def __getitem__(self, i):
        if not 0 <= i < len(self):  # ends a for loop
            raise IndexError
        at = i * _WIDTH
        z, z_std, r, r_std, q, q_std = self.table[at : at + _WIDTH]
        return Cell(z, z_std, r, r_std, q, q_std)


def cells_of(deltas, z, z_std, r_std, made):
    """made, Cells of that many cells, filled from edge.core.cells.CellDeltas and the mean cell's SoC (0..1) with its
    sigma; r_std: relative sigma of the mean cell's resistance. None while nothing is known."""
    if z is None or not deltas.seen_s:
        return None
    table = made.table
    for i in range(deltas.count):
        dz, dr, q = deltas.deviation(i)
        std_z, std_r, std_q = deltas.std(i, 0), deltas.std(i, 2), deltas.std(i, 1)
        at = i * _WIDTH
        table[at] = z + dz
        table[at + 1] = sqrt(z_std * z_std + std_z * std_z)
        table[at + 2] = 1.0 + dr
        table[at + 3] = sqrt(r_std * r_std + std_r * std_r)
        table[at + 4] = q
        table[at + 5] = std_q
    return made


def power(cells, model, ocv, maker, window=(0.0, 1.0)):
    """{CHARGE: ((current_ma, power_w, reason, cell), ... per horizon), DISCHARGE: (...)}; magnitudes >= 0.

    cells: list of Cell, or Cells. model: (r0_ohm, r1_ohm, r2_ohm, tau1_s, tau2_s, v1_v, v2_v, q_ah) of the mean cell
    now, voltages + after charging. ocv: function z -> V. maker: pack settings (charge_ma, discharge_ma,
    cell_max_mv, cell_min_mv). window: allowed SoC. current_ma and power_w are None and the reason "unknown"
    when an input is None; power_w counts all cells at the lower voltage: when charging that of the start,
    when discharging that of the end.
    """
    work = slices(cells, model, ocv, maker, window)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value


def slices(cells, model, ocv, maker, window=(0.0, 1.0)):
    """The same in slices: a generator that yields after every CELLS_PER_SLICE cells and returns what power() does."""
    if not cells or model is None or ocv is None or maker is None or None in model:
        unknown = (None, None, R_UNKNOWN, -1)
        return {CHARGE: (unknown,) * len(HORIZONS_S), DISCHARGE: (unknown,) * len(HORIZONS_S)}
    result = {}
    for side in (CHARGE, DISCHARGE):
        limits = []
        for t_s in HORIZONS_S:
            limit = yield from _limit(cells, model, ocv, maker, window, t_s, side)
            limits.append(limit)
        result[side] = tuple(limits)
    return result


def _limit(cells, model, ocv, maker, window, t_s, side):
    """(current_ma, power_w, reason, cell) of one horizon and direction; a generator."""
    sign = 1.0 if side == CHARGE else -1.0
    parts = _step(model, t_s)
    limit_v = (maker["cell_max_mv"] if side == CHARGE else maker["cell_min_mv"]) / 1000.0
    edge = window[1] if side == CHARGE else window[0]
    most = maker["charge_ma" if side == CHARGE else "discharge_ma"] / 1000.0
    best = (most, R_MAKER, -1)
    for i in range(len(cells)):
        if i % CELLS_PER_SLICE == 0:
            yield
        found = _cell_limit(cells[i], parts, model, ocv, limit_v, edge, sign, min(most, best[0]))
        if found[0] < best[0]:
            best = (found[0], found[1], i)
    current_a = best[0]
    if current_a <= 0.0:
        return (0, 0, R_EMPTY, best[2])
    watts = 0.0
    for i in range(len(cells)):
        cell = cells[i]
        if side == CHARGE:
            watts += ocv(min(max(cell.z, 0.0), 1.0)) * current_a
        else:
            watts += _voltage(cell.z, cell.r, cell.q, -current_a, parts, model, ocv) * current_a
    return (int(current_a * 1000.0), max(int(watts), 0), best[1], best[2])


def _step(model, t_s):
    """(V per A of the mean cell without OCV, V left of the RC pairs, hours): response after t_s."""
    r0, r1, r2, tau1, tau2, v1, v2, _ = model
    e1 = exponential(-t_s / tau1)
    e2 = exponential(-t_s / tau2)
    return (r0 + r1 * (1.0 - e1) + r2 * (1.0 - e2), v1 * e1 + v2 * e2, t_s / 3600.0)


def _voltage(z, r, q, current_a, parts, model, ocv):
    per_a, left, hours = parts
    at = min(max(z + current_a * hours / (model[7] * q), 0.0), 1.0)
    return ocv(at) + r * (current_a * per_a + left)


def _cell_limit(cell, parts, model, ocv, limit_v, edge, sign, most):
    """(|I| in A, reason) of one cell on its bad side."""
    z = cell.z + sign * SIGMAS * cell.z_std
    r = max(cell.r + SIGMAS * cell.r_std, 0.0)
    q = max(cell.q - SIGMAS * cell.q_std, LEAST_CAPACITY)
    room = sign * (edge - z)
    if room <= 0.0:
        return (0.0, R_SOC)
    by_soc = room * model[7] * q / parts[2]
    high = min(most, by_soc)
    left_v = sign * parts[1]
    base = sign * limit_v - (left_v * max(r, 1.0) if left_v > 0.0 else left_v * min(r, 1.0))
    if sign * ocv(min(max(z, 0.0), 1.0)) >= base:
        return (0.0, R_VOLTAGE)
    if _short(z, r, q, sign, high, parts, model, ocv) <= base:
        return (by_soc, R_SOC)  # at least high: larger than what others allow, or the window's end
    low = 0.0
    for _ in range(20):  # the curve bends: halve instead of dividing once
        half = 0.5 * (low + high)
        if _short(z, r, q, sign, half, parts, model, ocv) <= base:
            low = half
        else:
            high = half
    return (low, R_VOLTAGE)


def _short(z, r, q, sign, size_a, parts, model, ocv):
    """sign * voltage at the end, without what is left of the past."""
    at = min(max(z + sign * size_a * parts[2] / (model[7] * q), 0.0), 1.0)
    return sign * ocv(at) + r * size_a * parts[0]
