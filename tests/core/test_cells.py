# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The cell layer where every operation is rounded to single precision, as a board does it."""

import math
from array import array

import numpy
import pytest

from edge.core import cells

CELLS = 5
HOURS = 48
SINGLE = numpy.float32


class Singles(list):
    """A list that holds single precision and computes in it."""

    def __init__(self, values):
        super().__init__(SINGLE(value) for value in values)

    def __setitem__(self, at, value):
        super().__setitem__(at, SINGLE(value))


def curve(z):
    """A bent curve of the type of the number it gets."""
    kind = type(z)
    return kind(3.4) + z * (kind(1.1) - kind(0.9) * z * (kind(1.0) - z))


def run(kind):
    """Deviations (dz, dq, leak) of all cells after HOURS of days with differing capacity and one leak."""
    rng = numpy.random.default_rng(4)
    made = cells.CellDeltas(CELLS, 5000)
    made.nominal_ah = kind(made.nominal_ah)
    z, own = 0.3, [0.3 + 0.01 * i for i in range(CELLS)]
    for minute in range(HOURS * 60):
        hour = minute // 60 % 24
        current = 0.4 if 6 <= hour < 12 else -0.4 if 16 <= hour < 22 else 0.0
        z += current / 240
        own = [own[i] + current / 240 * (1 + 0.05 * (i - 2)) - (0.006 / 240 if i == 1 else 0) for i in range(CELLS)]
        volts = numpy.array([curve(float(each)) for each in own]) + 0.001 * rng.standard_normal(CELLS)
        each = [kind(v) for v in volts - volts.mean()]
        slope = (curve(z + 0.01) - curve(z - 0.01)) / 0.02
        mean = (kind(z), kind(0.003), kind(slope), kind(current * 0.06), kind(4.0))
        made.update(kind(60.0), kind(current), mean, each, curve)
    x = [float(value) for value in made.x]
    std = [float(made.std(1, which)) for which in (cells.DZ, cells.DQ, cells.LEAK)]
    return [[x[i * cells.WIDTH + k] for i in range(CELLS)] for k in (cells.DZ, cells.DQ, cells.LEAK)], std


def test_single_precision_gives_the_same(monkeypatch):
    (dz, dq, leak), std = run(float)
    monkeypatch.setattr(cells, "array", lambda code, values: Singles(array(code, values)))
    monkeypatch.setattr(cells, "sqrt", lambda value: SINGLE(math.sqrt(value)))
    (single_dz, single_dq, single_leak), single_std = run(SINGLE)
    for i in range(CELLS):
        assert single_dz[i] == pytest.approx(dz[i], abs=0.0002)
        assert single_dq[i] == pytest.approx(dq[i], abs=0.001)
        assert single_leak[i] == pytest.approx(leak[i], abs=0.00001)
    assert single_std == pytest.approx(std, rel=0.02)


def test_a_cell_costs_at_most_84_bytes():
    one, two = (cells.CellDeltas(count, 5000) for count in (1, 2))
    parts = (two.x, two.wide, two.errors, two.opens, two.scales)
    assert sum(len(part) * part.itemsize for part in parts) <= 2 * 84
    assert len(two.p) == len(one.p) and len(two.p) * two.p.itemsize <= 1024
