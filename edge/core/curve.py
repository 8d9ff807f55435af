# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Curves as tables of integers: derating and open-circuit voltage.

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


# Open-circuit voltage of a cell over its state of charge: (ppm, mV), mean of charge and discharge
# branch at 25 °C. LFP: shape of the A123 26650 C/30 measurements (G. Plett's ESC toolbox data).
# NMC: NMC811/graphite-silicon 5 Ah cell (LG M50), C. H. Chen et al., J. Electrochem. Soc. 167 (2020) 080534.
OCV_LFP = (
    (0, 2161),
    (10000, 2725),
    (20000, 2854),
    (30000, 2933),
    (50000, 3037),
    (80000, 3137),
    (100000, 3183),
    (120000, 3209),
    (150000, 3219),
    (180000, 3235),
    (200000, 3245),
    (250000, 3264),
    (300000, 3280),
    (350000, 3292),
    (400000, 3302),
    (500000, 3308),
    (600000, 3317),
    (650000, 3323),
    (700000, 3330),
    (750000, 3341),
    (800000, 3345),
    (850000, 3348),
    (900000, 3352),
    (940000, 3361),
    (960000, 3374),
    (970000, 3389),
    (980000, 3418),
    (985000, 3441),
    (990000, 3472),
    (995000, 3517),
    (1000000, 3590),
)
OCV_NMC = (
    (0, 2500),
    (10000, 2711),
    (20000, 2862),
    (30000, 2971),
    (50000, 3109),
    (80000, 3228),
    (100000, 3296),
    (125000, 3379),
    (150000, 3434),
    (200000, 3485),
    (250000, 3529),
    (300000, 3581),
    (350000, 3629),
    (400000, 3667),
    (450000, 3705),
    (500000, 3751),
    (550000, 3798),
    (600000, 3841),
    (650000, 3890),
    (700000, 3948),
    (750000, 3994),
    (800000, 4042),
    (850000, 4081),
    (900000, 4097),
    (950000, 4124),
    (970000, 4149),
    (1000000, 4200),
)
OCV = {"lfp": OCV_LFP, "nmc": OCV_NMC}


def inverse(curve, y):
    """x at y for a curve with growing y, rounded to the nearest; the end values outside the range."""
    if y <= curve[0][1]:
        return curve[0][0]
    for index in range(1, len(curve)):
        x1, y1 = curve[index]
        if y <= y1:
            x0, y0 = curve[index - 1]
            return x0 + ((x1 - x0) * (y - y0) + (y1 - y0) // 2) // (y1 - y0)
    return curve[-1][0]
