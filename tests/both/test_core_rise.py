# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Self-heating: found when it is fast, when it is slow, and not made up of currents and loose sensors."""

from edge.core.rise import Rise


def found_at(mc_of, current_ma=0, seconds=1800):
    """Second at which the rise is found, or None. mc_of: temperature by the second."""
    rise = Rise(140000)
    for second in range(seconds):
        if rise.step(second * 1000, mc_of(second), current_ma):
            return second
    return None


def test_fast():
    assert found_at(lambda s: 25000 + 1000 * s) == 3
    assert found_at(lambda s: 25000 + 5000 * s) == 3
    assert found_at(lambda s: 25000 + 999 * s) == 180  # the slow sign finds it
    assert found_at(lambda s: 25000 + 6000 * min(s, 5)) is None  # faster than any cell: a sensor
    assert found_at(lambda s: 25000 + 1000 * (s % 3)) is None


def test_slow():
    assert found_at(lambda s: 25000 + 1000 * s // 60) == 180
    assert found_at(lambda s: 25000 + 999 * (s // 60)) is None
    assert found_at(lambda s: 25000 + (20000 if s > 300 else 0)) is None  # a step is one minute
    assert found_at(lambda s: 25000 - 1000 * s // 60) is None


def test_what_the_current_explains():
    assert found_at(lambda s: 25000 + 1900 * s // 60, 140000) is None
    assert found_at(lambda s: 25000 + 2000 * s // 60, -140000) == 180
    assert found_at(lambda s: 25000 + 1240 * s // 60, 70000) is None
    assert found_at(lambda s: 25000 + 1250 * s // 60, 70000) == 180


def test_unknown_starts_again():
    rise = Rise(140000)
    for second in range(400):
        mc = None if second % 100 == 99 else 25000 + 1000 * second // 60
        assert not rise.step(second * 1000, mc, 0)
