# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Everything that one pack's estimators know, as one: what a step does, what a gap does, what is saved."""

from edge.core import anomalies as a
from edge.core import sensors as sn
from edge.core.cell import at
from edge.core.estimator import Estimator
from edge.core.power import CHARGE, DISCHARGE
from edge.core.validate import Believed
from tests.both import core_help as h

CELLS = 4
AH = 5.0
OHM = 0.02
STEP_MS = 10000


def settings():
    """A pack of four fresh NMC cells of 5 Ah."""
    return h.pack(
        chemistry="nmc",
        cells=CELLS,
        temps=4,
        capacity_mah=5000,
        maker={"charge_ma": 5000, "discharge_ma": 5000},
        grade={"charge_ma": 5000, "discharge_ma": 5000, "capacity_mah": 5000, "capacity_std_mah": 100},
    )


class Plant:
    """Four equal cells at z, an own resistance, an own temperature each; fed to an Estimator."""

    def __init__(self, estimator, z=0.6):
        self.estimator = estimator
        self.ocv = estimator.soc.joint.ocv
        self.z = z
        self.now_ms = 0
        self.temps_mc = (25000, 25000, 25000, 25000)
        self.cells = True
        self.bms = (None, None)
        estimator.step(0, 0, 0, 0, self.reading(0))

    def reading(self, ma):
        """What the BMS says at this current."""
        mv = int((at(self.ocv, self.z)[0] + ma / 1000.0 * OHM) * 1000.0 + 0.5)
        cell_mv = (mv,) * CELLS if self.cells else None
        known = (mv * CELLS, ma, mv, mv, 25000, 25000, cell_mv, None, None, None, None) + self.bms
        return Believed(*(known + (None,) * 5))

    def run(self, minutes, ma=0):
        """So many minutes of one current; counts slices of work."""
        slices = 0
        for _ in range(minutes * 6):
            self.now_ms += STEP_MS
            self.z += ma * STEP_MS / 3600000000.0 / AH
            self.estimator.step(self.now_ms, ma * STEP_MS, STEP_MS, 0, self.reading(ma), self.temps_mc)
            for _ in range(10):
                if not self.estimator.work():
                    break
                slices += 1
        return slices

    def gap(self, minutes):
        """Nobody looked."""
        self.now_ms += minutes * 60000
        self.estimator.step(self.now_ms, 0, 0, minutes * 60000, self.reading(0), self.temps_mc)


def kinds(estimator):
    """Names of what is abnormal."""
    return [a.KINDS[each.kind] for each in estimator.anomalies()]


def test_a_gap_counts_as_unknown_and_no_minute_spans_it():
    made = Estimator(settings())
    plant = Plant(made)
    plant.run(30)
    seen_s, std, cell_std = made.cells.seen_s, made.soc.soc().std, made.cells.std(0, 0)
    assert abs(seen_s - 1800.0) <= 60.0 and made.soc.soc().value is not None
    plant.gap(60)
    assert made.cells.seen_s == seen_s and made.soc.soc().std > std and made.cells.std(0, 0) > cell_std
    plant.run(10)
    assert abs(made.cells.seen_s - seen_s - 600.0) <= 60.0
    assert abs(made.soc.soc().value - int(plant.z * 1e6)) <= 4 * made.soc.soc().std


def test_without_cells_the_pack_goes_on():
    made = Estimator(settings())
    plant = Plant(made)
    plant.cells = False
    plant.run(30, 1000)
    assert made.soc.soc().value is not None and made.cells.seen_s == 0.0
    assert made.extremes() == (None, None) and made.leak() is None
    plant.cells = True
    plant.run(10)
    assert made.cells.seen_s > 500.0


def test_power_comes_in_slices():
    made = Estimator(settings())
    assert made.power is None
    plant = Plant(made)
    assert plant.run(10) > 3
    first = made.power
    for side in (CHARGE, DISCHARGE):
        for row in first[side]:
            assert row[0] is not None and 0 <= row[0] <= 5000, row
    plant.run(10, 2000)
    assert made.power is not first  # again after five minutes


def test_the_bms_disagrees_both_ways():
    made = Estimator(settings())
    plant = Plant(made)
    # (points of SoC and of SoH that the BMS is away, what is abnormal)
    for away_soc, away_soh, found in (
        (0, 0, []),
        (400000, 0, ["bms_soc"]),
        (-400000, 0, ["bms_soc"]),
        (0, 300000, ["bms_soh"]),
        (0, -300000, ["bms_soh"]),
        (None, None, []),
    ):
        plant.run(2)
        soc, soh = made.soc.soc().value, made.soc.capacity().value * 1000 // 5
        plant.bms = (None, None) if away_soc is None else (soc + away_soc, soh + away_soh)
        plant.run(4)
        assert kinds(made) == [], "not for a moment"
        plant.run(3)
        assert kinds(made) == found, (away_soc, away_soh)
        for each in made.anomalies():
            assert (each.value > 0) == (away_soc + away_soh > 0)


def test_an_odd_temperature_sensor_appears_and_goes():
    made = Estimator(settings())
    plant = Plant(made)
    plant.run(30 + sn.TEMP_LOOKS + 5)
    assert made.temps.observable() and kinds(made) == []
    plant.temps_mc = (25000, 25000, 32000, 25000)
    plant.run(sn.STRANGE_LOOKS // 2)
    assert kinds(made) == []
    plant.run(sn.STRANGE_LOOKS)
    assert [(a.KINDS[each.kind], each.where) for each in made.anomalies()] == [("temp_sensor", 2)]
    plant.temps_mc = (25000, 25000, 25000, 25000)
    plant.run(3)
    assert kinds(made) == []
    looks = made.temps.looks
    plant.run(10, 2000)  # in use the sensors may differ
    plant.temps_mc = (25000, 25000, 40000, 25000)
    plant.run(20, 2000)
    assert kinds(made) == [] and made.temps.looks == looks


def test_state_survives_and_a_damaged_part_starts_afresh_alone():
    made = Estimator(settings())
    plant = Plant(made)
    plant.run(60, 1000)
    plant.run(60)
    saved = h.kept(made.state())
    again = Estimator(settings(), saved)
    assert again.cells.seen_s == made.cells.seen_s and again.judge.looks == made.judge.looks > 0
    assert again.ohm.state() == made.ohm.state() and again.temps.looks == made.temps.looks > 0
    assert h.kept(again.cells.state()) == h.kept(made.cells.state())
    assert abs(again.soc.capacity_ah - made.soc.capacity_ah) < 1e-6
    for part in ("soc", "cells", "judge", "ohm", "temps"):
        for damage in (0, "text", [], {}, {"cells": CELLS}, ["x"] * 5):
            bad = dict(saved)
            bad[part] = damage
            made = Estimator(settings(), bad)
            assert part == "cells" or made.cells.seen_s == again.cells.seen_s, (part, damage)
            assert part == "judge" or made.judge.looks == again.judge.looks, (part, damage)
            assert part == "temps" or made.temps.looks == again.temps.looks, (part, damage)
            assert part != "cells" or made.cells.seen_s == 0.0, damage
    for whole in (None, [], "text", {}):
        assert Estimator(settings(), whole).cells.seen_s == 0.0
