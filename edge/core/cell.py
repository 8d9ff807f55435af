# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What is known of a cell type: tables of open-circuit voltage, resistance and half-cells.

A cell file (written by `reuse-edge fit`) or a built-in module gives integers; here they become tables of
floats for a cell of the pack's size. Resistance falls with size: a cell of twice the capacity is two in
parallel.
"""

from array import array

BUILT_IN = {"nmc": "cell_nmc811", "lfp": "cell_lfp"}
# What else a cell of that chemistry may be: the alignment chooses. All have the same time constants.
OTHERS = {"nmc": ("cell_nmc532",), "lfp": ()}
KELVIN_MC = 273150
REFERENCE_K = 298.15  # tables hold at 25 °C
STEEP_V = 50.0  # slope of a half-cell beyond its table, V per unit of stoichiometry: a wall
TYPES = 4  # cells kept to be shared
_KEPT = []


def exponential(x):
    """e^x from + - * / only, so that every runtime gives the same bits: (e^(x/2^k))^(2^k), Taylor to x^7."""
    k = 0
    while x > 0.25 or x < -0.25:
        x /= 2.0
        k += 1
    y = 1.0 + x * (
        1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0)))))
    )
    for _ in range(k):
        y *= y
    return y


def at(table, u):
    """Value of an even table at u in 0..1 by linear interpolation, and its slope per unit of u.

    Beyond the ends the value stays and the slope is that of the last step.
    """
    n = len(table) - 1
    place = u * n
    k = int(place)
    if place <= 0.0:
        return table[0], (table[1] - table[0]) * n
    if k >= n:
        return table[n], (table[n] - table[n - 1]) * n
    step = table[k + 1] - table[k]
    return table[k] + (place - k) * step, step * n


def value_at(table, u):
    """The value alone: it is asked for often, and each number on the way is a piece of a board's heap."""
    n = len(table) - 1
    place = u * n
    k = int(place)
    if place <= 0.0:
        return table[0]
    if k >= n:
        return table[n]
    low = table[k]
    return low + (place - k) * (table[k + 1] - low)


class Half:
    """Half-cell potentials of a cell type and the fresh cell's electrodes, for a cell of capacity_ah.

    V = positive(y) - negative(x), y = (lithium_ah - x negative_ah) / positive_ah: x grows with charge.
    """

    def __init__(self, data, size, low_v, high_v):
        self.first = data["first_ppm"] / 1000000.0
        self.step = data["step_ppm"] / 1000000.0
        self.positive = array("f", [uv / 1000000.0 for uv in data["positive_uv"]])
        self.negative = array("f", [uv / 1000000.0 for uv in data["negative_uv"]])
        self.positive_ah = data["positive_mah"] / 1000.0 / size
        self.negative_ah = data["negative_mah"] / 1000.0 / size
        self.lithium_ah = data["lithium_mah"] / 1000.0 / size
        self.low_v = low_v
        self.high_v = high_v

    def potential(self, table, s):
        """(V, slope in V per unit) of one half-cell table at stoichiometry s, by a quadratic B-spline: without steps in
        the slope, which would hold a search where it happens to come from."""
        if s < self.first:
            return table[0] + (self.first - s) * STEEP_V, -STEEP_V
        place = (s - self.first) / self.step
        k = int(place)
        last = len(table) - 2
        if k > last:
            k = last
        step = table[k + 1] - table[k]
        place -= k
        half = place - 0.5
        near = k - 1 if half < 0.0 else k + 1
        if near < 0 or near > last or half > 0.5:
            return table[k] + place * step, step / self.step
        bend = table[near + 1] - table[near] - step
        if half < 0.0:
            bend = -bend
        return table[k] + place * step + 0.5 * bend * half * half, (step + bend * half) / self.step


class Cell:
    """Tables of one cell position of a pack. data: a cell file's dict; capacity_mah: the pack's nominal capacity."""

    def __init__(self, data, capacity_mah):
        size = data["nominal_mah"] / float(capacity_mah)
        self.nominal_ah = capacity_mah / 1000.0
        self.low_v = data["cell_min_mv"] / 1000.0
        self.high_v = data["cell_max_mv"] / 1000.0
        self.ocv = array("f", [uv / 1000000.0 for uv in data["ocv_uv"]])
        self.r = [array("f", [uohm * size / 1000000.0 for uohm in row]) for row in data["r_uohm"]]
        self.tau_s = (data["tau_ms"][0] / 1000.0, data["tau_ms"][1] / 1000.0)
        self.ea_k = float(data["ea_k"])
        hysteresis = data["hysteresis_uv"]
        self.hysteresis = array("f", [uv / 1000000.0 for uv in hysteresis]) if max(hysteresis) > 0 else None
        self.gamma = float(data["gamma"])
        self.residual_v = data["residual_uv"] / 1000000.0
        half = data["half"]
        self.half = None if half is None else Half(half, size, self.low_v, self.high_v)

    def same(self, other):
        """True when the tables of other hold the same numbers."""
        return _numbers(self) == _numbers(other)

    def warmth(self, temp_mc):
        """Factor of resistance at temp_mc against 25 °C (Arrhenius); 1 when the temperature is not known."""
        if temp_mc is None:
            return 1.0
        return exponential(self.ea_k * (1000.0 / (temp_mc + KELVIN_MC) - 1.0 / REFERENCE_K))


def load(pack):
    """The cell file of a pack: its own (pack["cell"]), or the built-in one of its chemistry."""
    own = pack.get("cell")
    if own is not None:
        return own
    return built_in(BUILT_IN[pack["chemistry"]])


def built_in(name):
    """The built-in cell file of that module name."""
    return __import__("edge.core." + name, None, None, ("CELL",)).CELL


def shared(pack):
    """The Cell of a pack; packs of one type and size share it: its tables are most of what a pack takes."""
    made = Cell(load(pack), pack["capacity_mah"])
    for kept in _KEPT:
        if kept.same(made):
            return kept
    _KEPT.append(made)
    if len(_KEPT) > TYPES:
        _KEPT.pop(0)
    return made


def _numbers(cell):
    """All that a Cell holds, to be compared."""
    half = cell.half
    found = [cell.nominal_ah, cell.low_v, cell.high_v, cell.tau_s, cell.ea_k, cell.gamma, cell.residual_v]
    found += [bytes(table) for table in [cell.ocv] + cell.r]
    found.append(None if cell.hysteresis is None else bytes(cell.hysteresis))
    if half is not None:
        found += [half.first, half.step, half.positive_ah, half.negative_ah, half.lithium_ah]
        found += [bytes(half.positive), bytes(half.negative)]
    return found
