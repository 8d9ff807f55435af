# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Years of one ageing pack past metering and state estimation alone: is the truth inside what they report?

python -m simulator.ageing --chemistry nmc --years 1 --seed 3 --sensors bad

The estimator is given the cell file of the plant's kind when new; the cells of a pack differ from it (see
simulator.halfcells). --cell builtin gives it the built-in cell of the chemistry, which is another cell.
Nothing but plant, sensors, edge.core.metering and edge.core.soc, at 10 s: no wire, no limits, no records.
simulator.year plays the whole controller. Progress on stderr; exit 0 when the true SoC was inside 3 sigma for
99 % of the time and the true capacity inside 2 sigma at the end, else 1; 2 for wrong use.
"""

import argparse
import sys
import time
from collections import namedtuple
from math import pi, sin, sqrt

import numpy as np

from edge.core.metering import Metering
from edge.core.soc import Soc
from simulator.bms import GOOD
from simulator.cells import cell_file
from simulator.pcs import FactoryDay
from simulator.plant import Plant

# Errors of the sensors of BMSs in the field. offset_c, noise_c: of the current, share of the nameplate (1/h), + reads
# too much charge. gain: share. offset_mv, noise_mv, lsb_mv: of a cell's voltage.
Sensors = namedtuple("Sensors", ("offset_c", "gain", "noise_c", "offset_mv", "noise_mv", "lsb_mv"))
SENSORS = {
    "good": Sensors(-0.0005, 0.003, 0.001, 0.5, 0.8, 0.5),
    "bad": Sensors(-0.004, -0.01, 0.004, -2.0, 2.0, 1.0),
    "ugly": Sensors(0.010, 0.02, 0.010, 4.0, 3.0, 5.0),
}
STEP_S = 10
INSIDE = 0.99  # of the time within 3 sigma
CERTIFICATE = 0.03  # rms error of the test centre's capacity; it states 4 %
_LSB_C = 0.0005
_CHUNK = 8640
# cells and nameplate; where charging tapers off and ends, where discharging ends and tapers off, V of a cell
_PACKS = {"nmc": (12, 150000, 4.08, 4.17, 3.00, 3.30), "lfp": (16, 280000, 3.43, 3.53, 2.75, 3.00)}


def vices(name, capacity_mah):
    """The named sensors as Vices of a simulated BMS whose pack has capacity_mah on its nameplate."""
    s = SENSORS[name]
    return GOOD._replace(
        offset_ma=round(s.offset_c * capacity_mah),
        gain_ppm=round(s.gain * 1e6),
        noise_ma=s.noise_c * capacity_mah,
        noise_mv=s.noise_mv,
        offset_mv=s.offset_mv,
        cell_lsb_mv=max(round(s.lsb_mv), 1),
    )


class Score:
    """How an estimate kept to the truth: take(estimate, truth) once per equal span of time."""

    def __init__(self):
        self.count = self.inside2 = self.inside3 = 0
        self.square = self.std = 0.0
        self.worst = 0

    def take(self, estimate, truth):
        """estimate: Est with a value; truth in the same unit."""
        error = abs(estimate.value - truth)
        self.count += 1
        self.inside2 += error <= 2 * estimate.std
        self.inside3 += error <= 3 * estimate.std
        self.square += error * error
        self.std += estimate.std
        self.worst = max(self.worst, error)

    def share(self, sigmas):
        """Share of the time within 2 or 3 sigma."""
        return (self.inside2 if sigmas == 2 else self.inside3) / max(self.count, 1)

    def rmse(self):
        """Root of the mean square error."""
        return sqrt(self.square / max(self.count, 1))

    def mean_std(self):
        """Mean of the reported deviations."""
        return self.std / max(self.count, 1)


class Life:
    """One pack and its estimator. chemistry: "nmc" or "lfp". health: share of the nameplate that is left.

    cell: cell file (dict) that the estimator is given, or None for the built-in one. soc: Score of the SoC
    in ppm, settled: the same without the first day, capacity: Score in mAh."""

    def __init__(self, chemistry, seed, sensors="bad", health=0.8, cell=None):
        cells, capacity_mah, *self._volts = _PACKS[chemistry]
        pack = {"cells": cells, "chemistry": chemistry, "capacity_mah": capacity_mah}
        self.plant = Plant(pack, seed, soc=0.45, health=health)
        self.rng = rng = np.random.default_rng([seed, 7])
        true_mah = self.plant.truth().capacity_mah
        stated = round(true_mah * (1.0 + CERTIFICATE * min(max(float(rng.standard_normal()), -2.0), 2.0)))
        pack["grade"] = {"capacity_mah": stated, "capacity_std_mah": round(stated * 0.04)}
        if cell is not None:
            pack["cell"] = cell
        self.pack = pack
        self.estimator = Soc(pack)
        self.metering = Metering(3000 * STEP_S)
        self.sensors = SENSORS[sensors]
        energy_wh = float(self.plant.cell_v.sum()) * self.plant.usable()[1]
        self.day = FactoryDay(seed, 0.24 * energy_wh, 0.85)
        self.now_ms = 0
        self.work_s = 0.0
        self.soc, self.settled, self.capacity = Score(), Score(), Score()
        self._at = _CHUNK
        self._pack_mv = None

    def until(self, to_ms):
        """Live until to_ms."""
        while self.now_ms < to_ms:
            self._step()
            if self.now_ms % 60000 == 0:
                self._judge()

    def _step(self):
        if self._at >= _CHUNK:
            self._noise = self.rng.standard_normal((_CHUNK, 3))
            self._at = 0
        noise_a, noise_v, noise_t = self._noise[self._at]
        self._at += 1
        plant, s, nominal_ah = self.plant, self.sensors, self.plant.new_ah
        current_a = self._current()
        lsb_a = _LSB_C * nominal_ah
        read_a = current_a * (1.0 + s.gain) + (s.offset_c + s.noise_c * noise_a) * nominal_ah
        read_ma = round(round(read_a / lsb_a) * lsb_a * 1000.0)
        temp_mc = round(plant.temp_c * 2.0 + 0.4 * noise_t) * 500
        charge, known_ms, unknown_ms = self.metering.step(self.now_ms, read_ma, self._pack_mv)
        if self._pack_mv is not None:
            self.estimator.step(self.now_ms, charge, known_ms, unknown_ms, read_ma, self._pack_mv, temp_mc)
        self._work()
        plant.step(STEP_S, current_a, self._ambient_c())
        self.now_ms += STEP_S * 1000
        mean_mv = float(plant.cell_v.sum()) / plant.cells * 1000.0 + s.offset_mv + s.noise_mv * noise_v
        self._pack_mv = round(round(mean_mv / s.lsb_mv) * s.lsb_mv * plant.cells)

    def _work(self):
        """What the loop does between its deadlines: one slice per second."""
        estimator = self.estimator
        if not estimator.work():
            return
        started_s = time.perf_counter()
        for _ in range(STEP_S - 1):
            if not estimator.work():
                break
        self.work_s += time.perf_counter() - started_s

    def _current(self):
        """Current in A that the factory wants and the cells' voltages allow."""
        plant = self.plant
        volts = plant.cell_v
        power_w = self.day.request_w(self.now_ms / 1000.0, plant.mean_soc())
        current_a = power_w / float(volts.sum())
        taper, full, empty, weak = self._volts
        if current_a > 0.0:
            return current_a * min(max((full - float(volts.max())) / (full - taper), 0.0), 1.0)
        return current_a * min(max((float(volts.min()) - empty) / (weak - empty), 0.0), 1.0)

    def _ambient_c(self):
        days = self.now_ms / 86400000.0
        return 20.0 + 6.0 * sin(2.0 * pi * (days / 365.0 - 0.3)) + 3.0 * sin(2.0 * pi * (days - 0.375))

    def _judge(self):
        found = self.estimator.soc()
        if found.value is None:
            return
        truth = self.plant.mean_soc() * 1e6
        self.soc.take(found, truth)
        if self.now_ms > 86400000:
            self.settled.take(found, truth)
        if self.now_ms % 3600000 == 0:
            self.capacity.take(self.estimator.capacity(), float(self.plant.capacity_ah.mean()) * 1000.0)

    def good(self):
        """True when the reported deviations held."""
        found = self.estimator.capacity()
        inside = abs(found.value - self.plant.truth().capacity_mah) <= 2 * found.std
        return self.soc.share(3) >= INSIDE and inside

    def lines(self):
        """What came out, two lines of text."""
        found, true_mah = self.estimator.capacity(), self.plant.truth().capacity_mah
        return (
            "SoC: inside 3 sigma %.2f %% of the time, 2 sigma %.1f %%; RMSE %.2f %% (after a day %.2f %%), "
            "worst %.1f %%, mean sigma %.2f %%"
            % (
                self.soc.share(3) * 100,
                self.soc.share(2) * 100,
                self.soc.rmse() / 1e4,
                self.settled.rmse() / 1e4,
                self.settled.worst / 1e4,
                self.soc.mean_std() / 1e4,
            ),
            "capacity: true %.1f Ah, ours %.1f +- %.1f Ah (%+.1f %%); inside 2 sigma %.1f %% of the time, RMSE %.1f %%"
            % (
                true_mah / 1e3,
                found.value / 1e3,
                found.std / 1e3,
                (found.value / true_mah - 1.0) * 100,
                self.capacity.share(2) * 100,
                self.capacity.rmse() / true_mah * 100,
            ),
        )


def main(words=None):
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="simulator.ageing", description=__doc__.split("\n")[0])
    parser.add_argument("--chemistry", choices=sorted(_PACKS), default="nmc")
    parser.add_argument("--years", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sensors", choices=sorted(SENSORS), default="bad")
    parser.add_argument("--health", type=float, default=0.8, help="share of the nameplate left at start (0.8)")
    parser.add_argument("--cell", choices=("own", "builtin"), default="own", help="what the estimator knows")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    arguments = parser.parse_args(words)
    if not 0.0 < arguments.years <= 20.0 or not 0.55 <= arguments.health <= 1.0:
        parser.error("--years must be 0 to 20, --health 0.55 to 1")
    cell = cell_file(arguments.chemistry) if arguments.cell == "own" else None
    life = Life(arguments.chemistry, arguments.seed, arguments.sensors, arguments.health, cell)
    first_mah = life.plant.truth().capacity_mah
    end_ms = int(arguments.years * 365 * 8640) * 10000
    started_s = shown_s = time.monotonic()
    while life.now_ms < end_ms:
        life.until(min(life.now_ms + 3600000, end_ms))
        if not arguments.quiet and time.monotonic() - shown_s > 5.0:
            shown_s = time.monotonic()
            print("day %d: %s" % (life.now_ms // 86400000, life.lines()[0]), file=sys.stderr, flush=True)
    lost = tuple(ppm / 1e4 for ppm in life.plant.ageing())
    print(
        "seed %d: %s, %g years with %s sensors in %.0f s (alignment %.0f s); capacity %.1f -> %.1f Ah, %.0f cycles; "
        "lost lithium %.0f %%, negative %.0f %%, positive %.0f %%"
        % (
            arguments.seed,
            arguments.chemistry,
            arguments.years,
            arguments.sensors,
            time.monotonic() - started_s,
            life.work_s,
            first_mah / 1e3,
            life.plant.truth().capacity_mah / 1e3,
            life.plant.cycles,
            *lost,
        )
    )
    for line in life.lines():
        print(line)
    return 0 if life.good() else 1


if __name__ == "__main__":
    sys.exit(main())
