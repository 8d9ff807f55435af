# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Curves as tables of integers, for derating.

A curve is ((x, y), ...) with growing x. Between points it is a straight line; arithmetic is exact and
rounds toward zero, so that a derating never allows more than the line. No floats: results are the same
on every runtime.
"""


def inside(curve, x):
    """y at x by linear interpolation, rounded down; 0 outside the curve's domain; None when x is None.

    For derating: outside what the table knows nothing may flow.
    """
    if x is None:
        return None
    if x < curve[0][0] or x > curve[-1][0]:
        return 0
    return clamped(curve, x)


def clamped(curve, x):
    """y at x by linear interpolation, rounded down; the end values outside the domain."""
    if x <= curve[0][0]:
        return curve[0][1]
    low = 0
    high = len(curve) - 1
    if x >= curve[high][0]:
        return curve[high][1]
    while high - low > 1:
        middle = (low + high) >> 1
        if curve[middle][0] <= x:
            low = middle
        else:
            high = middle
    x0, y0 = curve[low]
    x1, y1 = curve[high]
    return y0 + (y1 - y0) * (x - x0) // (x1 - x0)
