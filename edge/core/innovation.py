# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the voltages of one block say against edge.core.cells: the innovation of every cell.

What all cells have in common belongs to the pack filter and is taken out. That mean is robust: a cell far
from the median does not count, and a cell where the curve is steep, where a small error of SoC is a large
voltage, counts by less.
"""

KNOTS = 10
WIDTH = 4 + KNOTS  # dz, dq, dr, leak, curve
DZ, DQ, DR, LEAK = 0, 1, 2, 3
GATE = 5.0  # sigmas a single block may pull
SMALL = 0.01  # below this |dz| the slope at z is good enough
EDGE_V = 0.02  # an open-circuit voltage this far beyond the ends of the curve tells nothing
NONE_V = 1e9  # in place of a voltage that is not known


def innovations(cells, gain, mean, ocv):
    """Turn cells.errors, the deviations of the voltages, into the innovation of every cell in V, without what the known
    cells have in common. NONE_V stays: not known.

    Each as large as it would be at the slope of the mean cell. False when a cell is beyond the curve.
    """
    z, _, slope, pol_v, _ = mean
    _, _, _, low, share = gain
    x = cells.x
    base = lowest = highest = 0.0
    if ocv is not None:
        base, lowest, highest = ocv(z), ocv(0.0) - EDGE_V, ocv(1.0) + EDGE_V
    rest = 1.0 - share
    errors, scales, opens = cells.errors, cells.scales, cells.opens
    for i in range(cells.count):
        v = errors[i]
        if v == NONE_V:
            continue
        at = i * WIDTH
        dz = x[at]
        scales[i] = 1.0
        if ocv is None:
            own = slope * dz
        else:
            own = ocv(z + dz) - base
            if abs(dz) > SMALL:
                scales[i] = _scale(ocv, z, dz, own, slope)
        v -= pol_v * x[at + DR] + rest * x[at + low] + share * x[at + low + 1]
        opens[i] = v
        errors[i] = v - own
    common = _common(cells, gain)
    for i in range(cells.count):
        error = errors[i]
        if error == NONE_V:
            continue
        errors[i] = (error - common) * scales[i]
        if ocv is not None:
            open_v = base + opens[i] - common
            if open_v < lowest or open_v > highest:
                return False
    return True


def _common(cells, gain):
    """Weighted mean of the known errors that are within the gate around their median."""
    errors, scales = cells.errors, cells.scales
    ordered = [NONE_V] * cells.count
    n = 0
    for error in errors:
        if error != NONE_V:
            ordered[n] = error
            n += 1
    ordered.sort()
    middle = (ordered[n // 2] + ordered[(n - 1) // 2]) / 2.0
    ordered = None
    _, states, noise, _, _ = gain
    gate = GATE * GATE
    narrow = gate * (states + noise)
    total = 0.0
    weights = 0.0
    for i in range(cells.count):
        error = errors[i]
        if error == NONE_V:
            continue
        scale = scales[i]
        away = (error - middle) * scale
        wide = cells.wide[i]
        if away * away <= (narrow if wide == 1.0 else gate * (wide * states + noise)):
            total += error * scale
            weights += scale
    return total / weights if weights > 0.0 else middle


def _scale(ocv, z, dz, own, slope):
    """Factor on an error of a cell at z + dz, where the curve may be steeper than at z: do not overshoot."""
    place = min(max(z + dz, 0.0), 1.0)
    step = SMALL if dz > 0.0 else -SMALL
    steep = max(own / dz, (ocv(place) - ocv(place - step)) / step)
    if steep <= slope:
        return 1.0
    return slope / steep if slope > 0.0 else 0.0
