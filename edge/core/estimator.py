# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Everything that one pack's estimators know, from the counted charge and the believed readings.

    Soc          SoC and capacity of the mean cell, offset of the current sensor, ageing of the electrodes
    CellDeltas   every cell against the mean cell: SoC, capacity, resistance, leak
    Resistance   of the mean cell at 10 s
    Steps        of every cell at 10 s against the mean cell, and its jumps
    power        what current holds for 10 s, 5 min, 1 h
    Judge, Temps what of it is abnormal
    Against      the BMS's own words, Counters its charge counters: a second opinion
    advise       what would tell most when sigma is too wide

step() is called once per step and does little; work() does one slice of what takes longer (alignment, power).
"""

from array import array
from math import sqrt

from edge.core import advice as ad
from edge.core import power, prior
from edge.core import sensors as sn
from edge.core.anomalies import LEAKS, SHORT, Judge
from edge.core.bounds import bound
from edge.core.cell import at, exponential, value_at
from edge.core.cells import CellDeltas
from edge.core.collapse import missing_mv
from edge.core.records import UNKNOWN, Est
from edge.core.resistance import Resistance
from edge.core.second import Counters
from edge.core.soc import W_CERTIFICATE, W_HIDDEN, Soc
from edge.core.steps import Steps

CELLS_MS = 60000  # the cell layer takes blocks of a minute
POWER_MS = 300000
QUIET_PPM = 20000  # of C: less is rest, the sensor's offset included
QUIET_MS = 1800000
ADVICE_MS = 3600000
ADVISED_MS = 86400000
CERTIFICATE_STD = 0.1  # relative: its resistance against ours, for another SoC, load and warmth
TEST_S = 10.0  # the certificate's resistance is the one after 10 s
DAMAGED = (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError)


class Estimator:
    """Estimators of one pack. pack: its settings; state: dict as state() gave it or None.

    A damaged part of the state starts afresh, the others go on.
    """

    def __init__(self, pack, state=None):
        self.pack = pack
        saved = state if isinstance(state, dict) else {}
        count = pack["cells"]
        nominal_mah = pack["capacity_mah"]
        self.soc = restored(lambda part: Soc(pack, part), saved.get("soc"))
        self.cells = restored(lambda part: CellDeltas(count, nominal_mah, part), saved.get("cells"))
        self.judge = restored(lambda part: Judge(count, nominal_mah, part), saved.get("judge"))
        self.ohm = restored(lambda part: Resistance(nominal_mah, part), saved.get("ohm"))
        self.steps = restored(lambda part: Steps(count, nominal_mah, part), saved.get("steps"))
        self.temps = restored(lambda part: sn.Temps(pack["temps"], part), saved.get("temps"))
        self.counters = restored(lambda part: Counters(nominal_mah, part), saved.get("counters"))
        self.against = sn.Against()
        self.gain = UNKNOWN  # of the current sensor, by the site's meter (edge.core.second.Energy)
        self.power = None  # of edge.core.power.power(), or None
        self.certificate = self._certificate(self.soc.clock_ms == 0)  # (factor on resistances, its sigma) or None
        advice = saved.get("advice")
        self.advice = advice if isinstance(advice, int) and 0 < advice < len(ad.ADVICE) else ad.A_NONE
        self._advice_ms = self.soc.clock_ms + ADVICE_MS
        self._advised_ms = self.soc.clock_ms
        knee_ms = saved.get("knee_ms")
        self._knee_ms = knee_ms if isinstance(knee_ms, int) else 0  # operating time of the last visit
        self._odd_temps = ()
        self._quiet_ma = nominal_mah * QUIET_PPM // 1000000
        self._quiet_ms = 0
        self._quiet_look_ms = 0
        self._power_ms = None
        self._work = None
        self._table = power.Cells(count)  # of that work; here for good, as in CellDeltas
        self._missing_mv = 0  # what collapsed cells take from the pack voltage
        self._mv = array("l", [0] * count)
        self._looks = array("H", [0] * count)
        self._minute()

    def _certificate(self, fresh):
        """The certificate's resistance as factor on the cell type's table, and its sigma; None without one. A fresh
        filter starts there instead of anywhere between new and worn out."""
        grade = self.pack["grade"]
        uohm = grade.get("resistance_uohm")
        if uohm is None:
            return None
        cell = self.soc.cell
        model = at(cell.r[0], 0.5)[0]
        for k in (1, 2):
            model += at(cell.r[k], 0.5)[0] * (1.0 - exponential(-TEST_S / cell.tau_s[k - 1]))
        factor = uohm / 1e6 / self.pack["cells"] / (model * cell.warmth(grade.get("resistance_temp_mc")))
        factor = min(max(factor, 0.2), 6.0)
        std = CERTIFICATE_STD * factor * self.soc.strange
        if fresh:
            joint = self.soc.joint
            joint.x[4] = factor
            joint.p[14] = std * std
        return factor, std

    def _minute(self):
        self._span_s = 0.0
        self._ampere_s = 0.0
        self._volt_s = 0.0
        for i in range(len(self._mv)):
            self._mv[i] = self._looks[i] = 0

    # ---- each step ---------------------------------------------------------------------------------

    def step(self, now_ms, charge_ma_ms, known_ms, unknown_ms, believed, temps_mc=None):
        """Take what the metering counted since the last fresh reading, the believed readings, and every temperature."""
        soc = self.soc
        temp_mc = None
        if believed.temp_max_mc is not None:
            temp_mc = (believed.temp_max_mc + believed.temp_min_mc) // 2
        pack_mv = believed.pack_mv
        if pack_mv is not None:
            pack_mv += self._missing_mv
        block = soc.step(now_ms, charge_ma_ms, known_ms, unknown_ms, believed.current_ma, pack_mv, temp_mc)
        if unknown_ms:
            self.cells.gap(unknown_ms / 1000.0, soc.capacity_ah)
            self.ohm.step(now_ms, None, None)
            self.steps.step(0.0, None, None)
            self._minute()
        self._rest(now_ms, known_ms, unknown_ms, believed.current_ma, temps_mc)
        if block is not None:
            self._block(now_ms, block, believed.cell_mv)
            told = self.counters.told
            bms = (believed.bms_soc_ppm, believed.bms_soh_ppm, None if told is None else told[0])
            self.against.look(soc.clock_ms, soc.soc(), soc.capacity(), bms, self.pack["capacity_mah"])
            self.judge.look(soc.clock_ms, self.cells, soc.joint.x[0], soc.bias(), self.steps.rises)

    def _rest(self, now_ms, known_ms, unknown_ms, ma, temps_mc):
        """Temperature sensors are compared when the pack has been at rest for long enough to be even."""
        if ma is None or unknown_ms or abs(ma) > self._quiet_ma:
            self._quiet_ms = 0
            return
        self._quiet_ms += known_ms
        if self._quiet_ms >= QUIET_MS and now_ms - self._quiet_look_ms >= CELLS_MS and temps_mc is not None:
            self._quiet_look_ms = now_ms
            self._odd_temps = self.temps.look(now_ms, temps_mc)

    def _block(self, now_ms, block, cell_mv):
        """One block of the pack filter: (dt_s, current_a, cell_v)."""
        dt_s, current_a, cell_v = block
        self.ohm.step(now_ms, current_a, cell_v)
        joint = self.soc.joint
        self._span_s += dt_s
        self._ampere_s += (current_a - joint.x[3]) * dt_s
        self._volt_s += joint.polarisation_v * dt_s
        self._missing_mv = 0
        drift_v = at(joint.ocv, joint.x[0])[1] * current_a * dt_s / 3600.0 / self.soc.capacity_ah
        self.steps.step(dt_s, current_a, cell_mv, drift_v)
        if cell_mv is not None:
            self._missing(cell_mv)
            for i in range(len(self._mv)):
                if cell_mv[i] is not None:
                    self._mv[i] += cell_mv[i]
                    self._looks[i] += 1
        if self._span_s * 1000.0 >= CELLS_MS:
            self._cells(now_ms)

    def _missing(self, cell_mv):
        """What a collapsed cell takes from the pack voltage, for the next block."""
        joint = self.soc.joint
        ocv = joint.ocv
        z = joint.x[0]
        self._missing_mv = missing_mv(
            self.cells, cell_mv, z, at(ocv, z)[1], joint.polarisation_v, lambda place: value_at(ocv, place)
        )

    def _mean_v(self, cell):
        """Mean voltage of a cell in this minute, of which there were looks."""
        return self._mv[cell] / 1000.0 / self._looks[cell]

    def _cells(self, now_ms):
        """Give the cell layer its minute."""
        soc = self.soc
        ocv = soc.joint.ocv
        looks = self._looks
        total = 0.0
        known = 0
        for i in range(len(looks)):
            if looks[i]:
                total += self._mean_v(i)
                known += 1
        middle = total / known if known else None
        z = soc.joint.x[0]
        mean = (z, soc.std(), at(ocv, z)[1], self._volt_s / self._span_s, soc.capacity_ah)
        deviations = (self._mean_v(i) - middle if looks[i] else None for i in range(len(looks)))
        ampere = self._ampere_s / self._span_s
        self.cells.update(self._span_s, ampere, mean, deviations, lambda place: value_at(ocv, place), now_ms)
        if known and z > ad.KNEE_Z and middle - self._volt_s / self._span_s >= prior.KNEE_V:
            self._knee_ms = soc.clock_ms
        self._minute()
        if soc.clock_ms >= self._advice_ms:
            self._advice_ms = soc.clock_ms + ADVICE_MS
            self._advise(z)

    def _advise(self, z):
        """Once an hour: what would tell most, when sigma is too wide."""
        soc = self.soc
        capacity = soc.capacity()
        curve = (soc.joint.ocv, soc.joint.curve_v)
        shares = (soc.std(), capacity.std / float(capacity.value))
        lfp = self.pack["chemistry"] == "lfp"
        best = ad.advise(z, shares[0], shares[1], curve, lfp, soc.clock_ms - self._knee_ms, self.advice)
        if best == self.advice or (best and self.advice and soc.clock_ms - self._advised_ms < ADVISED_MS):
            return  # one manoeuvre a day: the place on the curve changes faster
        self.advice = best
        self._advised_ms = soc.clock_ms

    # ---- in slices ------------------------------------------------------------------------------------

    def work(self):
        """Do one slice of what takes longer; True while there is work."""
        if self._work is None:
            soc = self.soc
            if (self._power_ms is None or soc.clock_ms - self._power_ms >= POWER_MS) and soc.soc().value is not None:
                self._power_ms = soc.clock_ms
                self._work = self._powers()
            else:
                return soc.work()
        try:
            next(self._work)
        except StopIteration:
            self._work = None
        return True

    def _powers(self):
        soc = self.soc
        joint = soc.joint
        ohm = self.resistance()
        relative = 0.3 if ohm.value is None or ohm.why == W_HIDDEN else ohm.std / float(ohm.value)
        cells = power.cells_of(self.cells, joint.x[0], soc.std(), relative, self._table)
        ocv = joint.ocv
        model = joint.response()
        limits = {key: bound(self.pack, key) for key in ("charge_ma", "discharge_ma", "cell_max_mv", "cell_min_mv")}
        self.power = yield from power.slices(cells, model, lambda z: value_at(ocv, z), limits)

    # ---- results ----------------------------------------------------------------------------------------

    def anomalies(self):
        """Tuple of edge.core.anomalies.Anomaly that hold now."""
        found = _with(self.judge.found + tuple(self._odd_temps) + self.against.found, sn.suspect_gain(self.gain))
        found = _with(found, sn.suspect_count(self.counters.ratio()))
        if self.certificate is not None and self.soc.informed_ms is not None:
            joint = self.soc.joint
            std = sqrt(max(joint.p[14], 0.0))
            factor, factor_std = self.certificate
            found = _with(found, sn.suspect_rise(joint.x[4], std, factor, factor_std, self.soc.bias().at_ms))
        return found

    def second_capacity(self):
        """Est in mAh: what the BMS's own counting says of the capacity."""
        return self.counters.capacity(self.soc.capacity())

    def resistance(self):
        """Est in uohm of the mean cell at 10 s: measured, before that the certificate's."""
        found = self.ohm.est()
        uohm = self.pack["grade"].get("resistance_uohm")
        if found.value is not None or uohm is None:
            return found
        mean = uohm // self.pack["cells"]
        return Est(mean, int(mean * CERTIFICATE_STD) + 1, None, W_CERTIFICATE)

    def extremes(self):
        """((cell, Est), (cell, Est)): lowest and highest SoC in ppm, or (None, None)."""
        return self.cells.extremes(self.soc.soc())

    def leak(self):
        """(cell, Est in mA) of the largest significant self-discharge, or None."""
        worst = None
        for each in self.judge.found:
            if each.kind in (LEAKS, SHORT) and (worst is None or each.value > worst.value):
                worst = each
        if worst is None:
            return None
        own = self.cells.leak(worst.where)
        if own.value is None:
            return None
        return worst.where, Est(own.value // 1000, own.std // 1000 + 1, own.at_ms, own.why)

    def state(self):
        """Dict for the store, in parts (see Site.state)."""
        return {
            "soc": self.soc.state,
            "cells": self.cells.state,
            "judge": self.judge.state,
            "ohm": self.ohm.state,
            "steps": self.steps.state,
            "temps": self.temps.state,
            "counters": self.counters.state,
            "knee_ms": self._knee_ms,
            "advice": self.advice,
        }


def _with(found, suspect):
    """found with one more anomaly, if there is one."""
    return found if suspect is None else found + (suspect,)


def restored(make, saved):
    """make(saved), or make(None) when there is none or it is damaged."""
    if saved is not None:
        try:
            return make(saved)
        except DAMAGED:
            pass
    return make(None)
