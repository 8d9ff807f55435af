# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A cell that collapses must not pull the mean cell: what the pack voltage would be without it.

The pack filter follows the mean cell by the pack voltage. One cell of 16 that falls by 1 V takes 60 mV from that mean,
more than the curve of the type is ever wrong. So a cell further from the median than its own deviations explain
(edge.core.cells) is taken as if it stood where they say, or at the median when the cell layer has lost it as well.
Only differences between cells of one reading count:
the pack voltage may be older or newer than they are.
"""

from math import sqrt

from edge.core.cells import DZ, WIDTH

FAR_V = 0.15  # this far from what its deviations explain, and ...
SIGMAS = 5.0  # ... so many sigma of its SoC at this slope
LOST = 2.0  # a cell whose own variance is this many times that of the others is followed no more
MOST = 4  # not more than one cell in so many: else the cells say that the median is wrong


def missing_mv(deltas, cell_mv, z, slope, pol_v, ocv):
    """mV that collapsed cells take from the pack voltage (negative: that they add); 0 without one.

    deltas: CellDeltas. cell_mv: one reading (None: not known). z, slope, pol_v: of the mean cell, as in
    CellDeltas.update(). ocv: function z -> V.
    """
    lowest = highest = None
    for mv in cell_mv:
        if mv is not None:
            lowest = mv if lowest is None or mv < lowest else lowest
            highest = mv if highest is None or mv > highest else highest
    if lowest is None or highest - lowest <= FAR_V * 1000.0:
        return 0
    ordered = sorted([mv for mv in cell_mv if mv is not None])
    n = len(ordered)
    if n < MOST:
        return 0
    middle = ordered[n // 2]
    if max(highest - middle, middle - lowest) <= FAR_V * 1000.0:
        return 0
    far = max(FAR_V, SIGMAS * slope * sqrt(deltas.p[DZ * WIDTH + DZ]))
    total = 0.0
    beyond = 0
    for i in range(len(cell_mv)):
        if cell_mv[i] is None:
            continue
        away = (cell_mv[i] - middle) / 1000.0
        if -FAR_V <= away <= FAR_V:
            continue
        if deltas.wide[i] < LOST:
            dz, dr, _ = deltas.deviation(i)
            away -= ocv(z + dz) - ocv(z) + pol_v * dr
        if abs(away) > far:
            total -= away
            beyond += 1
    return int(total * 1000.0) if beyond * MOST <= n else 0
