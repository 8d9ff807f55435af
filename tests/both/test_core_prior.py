# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What is expected of a used cell before it was measured, and the filter where the curve bends or says nothing."""

from edge.core import align as al
from edge.core import prior
from edge.core.cell import Cell, at, load
from edge.core.points import WIDTH
from edge.core.soc import Soc
from tests.both import core_help as h
from tests.both.test_core_soc import aged, cell_mv, days_of_duty, drive, nmc


def lfp(certified_mah, half_gap_uv=None):
    """Settings of one LFP cell of 5 Ah. half_gap_uv: hysteresis of its cell file, None: as built in."""
    settings = h.pack(cells=1, capacity_mah=5000, grade={"capacity_mah": certified_mah, "capacity_std_mah": 200})
    settings["cell"] = dict(load(settings))
    if half_gap_uv is not None:
        settings["cell"]["hysteresis_uv"] = [half_gap_uv] * 21
    return settings


def test_the_prior_has_the_certified_capacity_and_widens_with_what_is_lost():
    cell = Cell(load(nmc()), 5000)
    before = None
    for certified_ah in (5.0, 4.5, 4.0, 3.2):
        align = al.Align(cell, certified_ah, 0.16)
        found_ah = align.window([0.0] * al.SIZE)[2]
        assert abs(found_ah / certified_ah - 1.0) < 0.01 or (certified_ah == 5.0 and 4.7 < found_ah < 5.0), found_ah
        now = align.values([0.0] * al.SIZE)[al.N : al.B], align.std[al.N : al.B]
        if before is not None:
            assert all(new < old for new, old in zip(now[0], before[0]))
            assert all(new > old for new, old in zip(now[1], before[1]))
        before = now
    worn_out = al.Align(cell, 0.5, 0.16).values([0.0] * al.SIZE)
    assert worn_out[al.L] == 1.0 - prior.MOST_LOST


def test_an_aged_cell_is_read_by_an_aged_curve():
    # three mixtures in which lithium goes first, none of them on the path itself
    for shares in ((0.95, 0.97, 0.78), (0.80, 0.97, 0.80), (0.85, 0.88, 0.79)):
        ocv, capacity_ah = aged(Soc(nmc()), *shares)
        missed = []
        for certified_mah in (int(capacity_ah * 1000.0), 5000):
            soc = Soc(nmc(certified_mah))
            worst = 0.0
            for k in range(2, 10):
                volt = ocv(k / 10.0)
                z = min([(abs(at(soc.joint.ocv, i / 500.0)[0] - volt), i / 500.0) for i in range(501)])[1]
                worst = max(worst, abs(z - k / 10.0))
            missed.append(worst)
        assert missed[0] < 0.75 * missed[1], (shares, missed)


def test_a_hysteretic_cell_ages_too_and_a_new_one_does_not():
    new, old = Soc(lfp(5000)), Soc(lfp(4000))
    assert new.joint.ocv is new.cell.ocv and old.rounds is None
    # the steps of graphite move up: at 70 % the aged cell is still below the upper one
    assert at(old.joint.ocv, 0.7)[0] < at(new.joint.ocv, 0.7)[0]
    assert abs(at(old.joint.ocv, 1.0)[0] - at(new.joint.ocv, 1.0)[0]) < 0.03


def test_a_worse_sensor_has_a_worse_gain():
    assert prior.gain_std(0.0) == prior.STD_GAIN
    assert prior.gain_std(-0.01) == prior.gain_std(0.01) > 0.01
    assert prior.gain_std(0.5) == prior.MOST_GAIN


def test_what_the_points_miss_widens_the_deviation():
    soc = Soc(nmc())
    ocv, capacity_ah = aged(soc)
    days_of_duty(soc, ocv, capacity_ah, 14)
    align = soc.rounds.align
    points = soc.rounds.points.copy(0.0, 0.0)
    ratios = []
    for wrong_v in (0.0, 0.05):
        for k in range(2, len(points), 2 * WIDTH):  # every second point
            points[k] += wrong_v
        for _ in align.solve(points, align.start(0.5, 0.9, 0.95, 0.82), 30):
            pass
        ratios.append(align.excess(align.fit, points))
    assert ratios[0] == 1.0 and ratios[1] > 2.0, ratios


def test_rounds_that_disagree_are_less_sure():
    stds = []
    for off_ah in (0.0, 0.15):
        soc = Soc(nmc())
        ocv, capacity_ah = aged(soc)
        days_of_duty(soc, ocv, capacity_ah, 23)
        assert soc.aligned_ms is not None
        believed_ms = soc.aligned_ms
        soc.capacity_ah += off_ah  # the round before found another one
        soc.rounds._next -= 1
        while soc.work():
            pass
        assert soc.aligned_ms > believed_ms
        stds.append(soc.capacity_std_ah)
    assert stds[1] > 0.1 > stds[0], stds


def test_a_place_that_the_voltage_refuses_makes_nobody_sure():
    # counted up beyond the knee of an LFP cell that rests on its plateau
    soc = Soc(lfp(5000, 0))
    now_ms = drive(soc, 7200, 0, cell_mv(soc, 0.85))
    soc.joint.x[0] = 1.05
    soc._steep = 0.05
    drive(soc, 600, 0, cell_mv(soc, 0.85), now_ms)
    assert soc.joint.x[0] < 0.95 and soc._steep < 0.5 and soc.std() > 0.06, (soc.joint.x[0], soc._steep, soc.std())
