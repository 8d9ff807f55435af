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
    low = len(curve) - 2
    while curve[low][0] > x:
        low -= 1
    x0, y0 = curve[low]
    x1, y1 = curve[low + 1]
    return y0 + (y1 - y0) * (x - x0) // (x1 - x0)
