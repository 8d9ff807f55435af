# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Curves: exact, rounding toward zero, nothing outside the domain."""

from edge.core import limits
from edge.core.curve import inside
from edge.core.settings import check_cell

LINE = ((0, 0), (10, 100), (20, 30))

# (x, y of the line rounded down)
POINTS = ((0, 0), (1, 10), (9, 90), (10, 100), (11, 93), (15, 65), (19, 37), (20, 30))


def test_points_and_between():
    for x, y in POINTS:
        assert inside(LINE, x) == y, x


def test_outside_nothing_may_flow():
    assert inside(LINE, -1) == 0
    assert inside(LINE, 21) == 0
    assert inside(LINE, None) is None
    flat = ((5, 7), (9, 7))
    assert [inside(flat, x) for x in (4, 5, 6, 9, 10)] == [0, 7, 7, 7, 0]


def test_never_above_the_exact_line():
    for curve in all_deratings():
        for i in range(1, len(curve)):
            (x0, y0), (x1, y1) = curve[i - 1], curve[i]
            for part in range(33):
                x = x0 + (x1 - x0) * part // 32
                exact_up = y0 * (x1 - x0) + (y1 - y0) * (x - x0)
                y = inside(curve, x)
                assert y * (x1 - x0) <= exact_up < (y + 1) * (x1 - x0)


def all_deratings():
    tables = (
        limits.CHARGE_BY_VOLTAGE,
        limits.DISCHARGE_BY_VOLTAGE,
        limits.CHARGE_BY_TEMPERATURE,
        limits.DISCHARGE_BY_TEMPERATURE,
        limits.BY_SPREAD,
    )
    found = [limits.CHARGE_BY_SOC, limits.DISCHARGE_BY_SOC, limits.BY_SOH]
    for table in tables:
        for kind in limits.UNKNOWN_PPM:
            found.append(table[kind])
    return found


def test_tables_are_sorted_and_bounded():
    for curve in all_deratings():
        for i in range(1, len(curve)):
            assert curve[i - 1][0] < curve[i][0]
        for _, y in curve:
            assert 0 <= y <= 1000000


def test_charging_ends_at_the_maximum_and_discharging_at_the_minimum():
    for kind in ("lfp", "nmc"):
        assert limits.CHARGE_BY_VOLTAGE[kind][-1] == (0, 0)
        assert limits.DISCHARGE_BY_VOLTAGE[kind][0] == (0, 0)


def test_built_in_cells_grow_with_charge():
    for name in ("nmc811", "nmc532", "lfp"):
        cell = __import__("edge.core.cell_" + name, None, None, ("CELL",)).CELL
        check_cell(name, cell)
        table = cell["ocv_uv"]
        for i in range(1, len(table)):
            assert table[i - 1] < table[i], (name, i)
        assert cell["cell_min_mv"] - 60 <= table[0] // 1000 and table[-1] // 1000 <= cell["cell_max_mv"] + 60, name
