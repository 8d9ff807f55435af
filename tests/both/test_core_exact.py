# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Exact products and shares: the same as one large product and one division."""

from edge.core.exact import millionth, ppm_of

VALUES = (0, 1, 2, 999, 1000, 1001, 1999, 56000, 150000, 499999, 999999, 1000000, 1000001, 3456789, 987654321)


def test_millionth_is_the_product_by_a_million():
    for a in VALUES:
        for b in VALUES:
            for more in (0, 500000, 999999):
                assert millionth(a, b, more) == (a * b + more) // 1000000, (a, b, more)
                assert millionth(-a, b, more) == (-a * b + more) // 1000000, (a, b, more)
                assert millionth(a, -b, more) == (-a * b + more) // 1000000, (a, b, more)
    assert millionth(1500000, 1) == 1 and millionth(1, 999999) == 0


def test_ppm_of_is_the_share_of_the_whole():
    for part in VALUES:
        for whole in VALUES[1:]:
            assert ppm_of(part, whole) == part * 1000000 // whole, (part, whole)
