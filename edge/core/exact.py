# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Products and shares of a million, exact, in steps that stay small.

On a 32-bit board an integer from 2^30 on is an object on the heap, and so is all that is reckoned with it. These give
the same as one large product and one division.
"""


def millionth(a, b, more=0):
    """(a * b + more) // 1000000: a share of b in ppm, or the product of mA and mV in W."""
    return (a // 1000 * b + (a % 1000 * b + more) // 1000) // 1000


def ppm_of(part, whole):
    """part * 1000000 // whole, for a whole above zero."""
    part *= 1000
    return part // whole * 1000 + part % whole * 1000 // whole
