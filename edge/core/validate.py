# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Validity before value: what of a BMS sample may be believed now.

Every group of signals is judged by its age, its own quality mark, whether its content still moves
while current flows, and whether it agrees with its neighbours. What fails becomes None with a reason.
An outlier on the dangerous side is never dropped: it counts until it is proved wrong.
"""

from collections import namedtuple

from edge.core.exact import millionth
from edge.core.jump import Jump
from edge.core.records import (
    FROZEN,
    G_ALARMS,
    G_CELLS,
    G_CURRENT,
    G_EXTREMES,
    G_LIMITS,
    G_PACK,
    G_STATE,
    G_TEMPS,
    IMPLAUSIBLE,
    MISSING,
    OK,
    STALE,
)
from edge.core.trust import Still, Trust, is_same

# Groups without which no current may flow (LIMITS: V, I, T, cell extremes, BMS limits, alarm word).
REQUIRED_GROUPS = (G_PACK, G_CURRENT, G_EXTREMES, G_CELLS, G_TEMPS, G_LIMITS, G_ALARMS)
_ALL = 8

STALE_PERIODS = 3
STALE_MIN_MS = 1000

# Frozen: content unchanged over this many fresh reads and this long while current flows; on a slow bus
# the longer time alone. Only reads with current count, and only a changed content ends it: a page frozen
# at rest would otherwise be believed again each time the current has been stopped because of it.
FROZEN_READS = 30
FROZEN_MS = 30000
FROZEN_MOST_MS = 60000
# "Current flows" above this share of the nameplate capacity per hour (BMS offsets stay below it).
FLOW_PPM = 20000
# Frozen cells: looked for in windows of this many fresh reads in which the middle cell, or the pack
# voltage per cell, moved this much.
CELL_WINDOW_READS = 15
CELL_MOVE_LSB = 8

# BMS and PCS current further apart than this share of C for this many fresh reads: one of them lies.
DISAGREE_PPM = 30000
# Cells must add up to the pack voltage within the larger of these for this many fresh reads.
SUM_PPM = 10000
SUM_MV = 3000
SUM_READS = 3
TOGETHER_MS = 250  # what arrived further apart may belong to another load
# A larger step of an extreme cell counts on the dangerous side for this many fresh reads first.
JUMP_MV = 200
JUMP_MC_PER_S = 5000
# The BMS's SoC may not step by more than this beyond what its own current explains.
JUMP_SOC_PPM = 30000
# A step of the current by more than this share of C must move the pack's voltage the same way; so many that move it
# the other way in a row, and the sign of the current is not believed.
STEP_PPM = 100000
STEP_READS = 3
# The BMS's SoC must go the way of its current: looked at each time so much of C has flowed. At least half as far the
# other way, so many times in a row, and the sign of the current is not believed.
DRIFT_PPM = 50000
DRIFTS = 2

# quality: one code per group, worst: the worst of the required ones. age_ms: of the oldest required group, or None.
# fresh: count of fresh reads of the current since the start. cells_wrong: another count of cells answers.
Believed = namedtuple(
    "Believed",
    "pack_mv current_ma cell_max_mv cell_min_mv temp_max_mc temp_min_mc cell_mv bms_charge_ma "
    "bms_discharge_ma bms_charge_mv alarms bms_soc_ppm bms_soh_ppm quality worst age_ms fresh cells_wrong",
)


def _together(sample):
    """True when the cells and the BMS's own extremes arrived together: others may belong to another load."""
    cells_ms, extremes_ms = sample.groups[G_CELLS].at_ms, sample.groups[G_EXTREMES].at_ms
    return cells_ms is not None and extremes_ms is not None and abs(cells_ms - extremes_ms) <= TOGETHER_MS


def _first(values, count):
    """The first count of values: values itself when it has no more."""
    return values if len(values) == count else values[:count]


def _is_short(values, count):
    """True when fewer than count are there, or one of the first count is None."""
    return len(values) < count or None in _first(values, count)


def stale_after_ms(period_ms):
    """Age at which a group of that declared period (ms) is stale: three periods, at least 1 s."""
    return max(STALE_PERIODS * period_ms, STALE_MIN_MS)


class Validator:
    """Judges the samples of one pack. pack: its settings (edge.core.settings, section "pack")."""

    def __init__(self, pack, period_ms):
        self.cells = pack["cells"]
        self.temps = pack["temps"]
        self.lsb_mv = pack["facts"].get("cell_lsb_mv") or 1
        self.capacity_mah = pack["capacity_mah"]
        self.flow_ma = millionth(pack["capacity_mah"], FLOW_PPM)
        self._apart_ma = millionth(pack["capacity_mah"], DISAGREE_PPM)
        self._step_ma = millionth(pack["capacity_mah"], STEP_PPM)
        self.stale_ms = tuple(
            None if p is None else stale_after_ms(max(p, period_ms)) for p in pack["facts"]["periods_ms"]
        )
        self._count = None
        self._fresh = 0
        self._oldest_ms = None
        self._same_reads = 0
        self._same_ms = 0
        self._judged_ms = None
        self._trust = Trust()
        self._still = Still(pack["capacity_mah"], self.lsb_mv)
        self.asked_ma = 0  # what a request wants to flow; counts as flowing where no second source of current is
        self._sum_bad = self._mean_bad = self._window_reads = self._against = self._drifts = 0
        self._window = None
        self._dead = []
        self._cell_jump = Jump()
        self._temp_jump = Jump()
        self._temp_ms = None
        self._before = None  # the fresh sample before
        self._drift = None  # [SoC at its start, charge since then in ppm of C, and the rest of it in mA x ms]
        self.lost = True  # a required value is absent, old or impossible by itself, whatever its neighbours say
        self.watched = False  # a second source of current tells whether any flows: a page frozen at rest is noticed
        self._marks = [OK] * _ALL
        self._codes = [OK] * _ALL  # quality of this step
        self._quality = ()  # and as it was told last

    def step(self, now_ms, sample, other_ma):
        """Return Believed for sample (or None) at now_ms.

        other_ma: the pack's current by a second source (PCS, + charges), or None when there is none.
        """
        self._aged = None
        self.lost = sample is None
        self.watched = other_ma is not None
        if sample is None:
            return self._nothing(now_ms)
        count = sample.groups[G_CURRENT].count
        if count != self._count:
            self._count = count
            self._fresh += 1
            self._judge_content(now_ms, sample, other_ma)
            self._cell_jump.fresh()
            self._temp_jump.fresh()
        oldest_ms = now_ms
        worst = OK
        for g in range(_ALL):
            group = sample.groups[g]
            code = self._judge_age(g, now_ms, group)
            lacks = self._lacks(g, sample)
            lost = code != OK or lacks
            if code == OK:
                code = self._marks[g]
                if code == OK and lacks:
                    code = MISSING
            self._codes[g] = code
            if g != G_STATE:
                if code > worst:
                    worst = code
                if self.stale_ms[g] is None:
                    continue
                self.lost = self.lost or lost
                if group.at_ms is None:
                    oldest_ms = None
                elif oldest_ms is not None and group.at_ms < oldest_ms:
                    oldest_ms = group.at_ms
        self._oldest_ms = oldest_ms
        age_ms = None if oldest_ms is None else now_ms - oldest_ms
        self._tell()
        return self._believe(sample, worst, age_ms)

    def _tell(self):
        """Make self._quality say what self._codes say; the tuple of before while nothing changed."""
        codes, told = self._codes, self._quality
        for g in range(len(told)):
            if told[g] != codes[g]:
                told = ()
                break
        self._quality = told or tuple(codes)

    def _lacks(self, g, sample):
        """True when a value of group g that must be there is None, whatever the group's quality says."""
        if g == G_PACK:
            return sample.pack_mv is None
        if g == G_CURRENT:
            return sample.current_ma is None
        if g == G_CELLS:
            return _is_short(sample.cell_mv, self.cells)
        if g == G_TEMPS:
            return _is_short(sample.temp_mc, self.temps)
        if g == G_LIMITS:
            return sample.bms_charge_ma is None or sample.bms_discharge_ma is None
        return g == G_ALARMS and sample.alarms is None

    def _nothing(self, now_ms):
        """Nothing came at all: everything unknown; the age goes on from what was known last."""
        age_ms = None if self._oldest_ms is None else now_ms - self._oldest_ms
        return Believed(*((None,) * 13 + ((MISSING,) * _ALL, MISSING, age_ms, self._fresh, False)))

    def _judge_age(self, g, now_ms, group):
        limit_ms = self.stale_ms[g]
        if limit_ms is None:
            # the profile does not carry this group: extremes come from the cells, the rest is missing
            return OK if g == G_EXTREMES else MISSING
        if group.at_ms is None:
            return MISSING
        if group.quality != OK:
            return group.quality
        if group is not self._aged:  # groups that came together are one
            self._aged, self._age_ms = group, now_ms - group.at_ms
        age_ms = self._age_ms
        if age_ms < 0:
            return IMPLAUSIBLE
        return STALE if age_ms > limit_ms else OK

    def _judge_content(self, now_ms, sample, other_ma):
        """Set one mark per group for a fresh sample, from its content alone."""
        marks = self._marks
        current_ma = sample.current_ma
        flow_ma = max(abs(current_ma or 0), abs(self.asked_ma if other_ma is None else other_ma))
        mark = FROZEN if self._is_frozen(now_ms, sample, flow_ma) else OK
        for g in range(_ALL):
            marks[g] = mark
        cells = _first(sample.cell_mv, self.cells)
        if len(cells) == self.cells and None not in cells:
            self._judge_cells(sample, cells, marks)
            if self._still.is_frozen(now_ms, current_ma, cells, self.stale_ms[G_CURRENT]):
                marks[G_CELLS] = marks[G_EXTREMES] = FROZEN
        if current_ma is not None and other_ma is not None:
            apart = abs(current_ma - other_ma) > self._apart_ma
            if self._trust.is_lost(apart, sample, cells):
                marks[G_CURRENT] = IMPLAUSIBLE
        before, self._before = self._before, sample
        if before is not None:
            self._judge_steps(before, sample, marks)

    def _judge_steps(self, before, sample, marks):
        """What two fresh samples say together: SoC without charge, a voltage that goes against the current."""
        span_ms = sample.at_ms - before.at_ms
        if before.bms_soc_ppm is not None and sample.bms_soc_ppm is not None and sample.current_ma is not None:
            moved_ppm = abs(sample.current_ma) * span_ms // (self.capacity_mah * 18 // 5 or 1)
            if abs(sample.bms_soc_ppm - before.bms_soc_ppm) > JUMP_SOC_PPM + 2 * moved_ppm:
                marks[G_STATE] = IMPLAUSIBLE
                self._drift = None
            else:
                self._judge_drift(sample, span_ms)
        if self._drifts >= DRIFTS:
            marks[G_CURRENT] = IMPLAUSIBLE
        if before.current_ma is None or sample.current_ma is None or before.pack_mv is None or sample.pack_mv is None:
            return
        if sample.groups[G_PACK].at_ms != sample.groups[G_CURRENT].at_ms:
            return  # not measured together: the voltage may follow a reading later
        step_ma = sample.current_ma - before.current_ma
        step_mv = sample.pack_mv - before.pack_mv
        if abs(step_ma) > self._step_ma and abs(step_mv) > 2 * self.lsb_mv * self.cells:
            self._against = self._against + 1 if (step_ma > 0) != (step_mv > 0) else 0
        if self._against >= STEP_READS:
            marks[G_CURRENT] = IMPLAUSIBLE

    def _judge_drift(self, sample, span_ms):
        """Does the BMS's SoC go the way of its current?"""
        unit = self.capacity_mah * 18 // 5 or 1  # a millionth of C
        drift = self._drift = self._drift or [sample.bms_soc_ppm, 0, 0]
        drift[2] += sample.current_ma * span_ms
        drift[1] += drift[2] // unit
        drift[2] %= unit
        charge_ppm = drift[1]
        if abs(charge_ppm) >= DRIFT_PPM:
            moved_ppm = sample.bms_soc_ppm - drift[0]
            wrong = abs(moved_ppm) >= DRIFT_PPM // 2 and (moved_ppm > 0) != (charge_ppm > 0)
            self._drifts = self._drifts + 1 if wrong else 0
            self._drift = None

    def _is_frozen(self, now_ms, sample, flow_ma):
        span_ms = 0 if self._judged_ms is None else now_ms - self._judged_ms
        self._judged_ms = now_ms
        if self._before is None or not is_same(sample, self._before):
            self._same_reads = 0
            self._same_ms = 0
            return False
        if flow_ma > self.flow_ma:
            self._same_reads += 1
            if span_ms <= self.stale_ms[G_CURRENT]:  # a gap in the reads proves nothing
                self._same_ms += span_ms
        if self._same_ms >= FROZEN_MOST_MS:
            return True
        return self._same_reads >= FROZEN_READS and self._same_ms >= FROZEN_MS

    def _judge_cells(self, sample, cells, marks):
        if sample.pack_mv is not None:
            apart = abs(sum(cells) - sample.pack_mv) > max(millionth(sample.pack_mv, SUM_PPM), SUM_MV)
            self._sum_bad = self._sum_bad + 1 if apart else 0
            if self._sum_bad >= SUM_READS:
                marks[G_CELLS] = IMPLAUSIBLE
                marks[G_PACK] = IMPLAUSIBLE
        if sample.cell_max_mv is not None and sample.cell_min_mv is not None and _together(sample):
            mean_mv = sum(cells) // self.cells
            inside = sample.cell_min_mv - self.lsb_mv <= mean_mv <= sample.cell_max_mv + self.lsb_mv
            self._mean_bad = 0 if inside else self._mean_bad + 1
            if self._mean_bad >= SUM_READS:
                marks[G_EXTREMES] = IMPLAUSIBLE
        self._watch_cells(cells, sample.pack_mv)
        if self._dead and marks[G_CELLS] == OK:
            marks[G_CELLS] = FROZEN

    def _watch_cells(self, cells, pack_mv):
        """Dead readings among living ones: after a window in which the middle cell or the pack voltage
        moved, a cell that did not move at all is frozen until it moves again."""
        count = len(cells) if pack_mv is None else len(cells) + 1
        if self._window is None or len(self._window[0]) != count:
            values = list(cells) if pack_mv is None else list(cells) + [pack_mv]
            self._window = (values, list(values))
            self._window_reads = 0
            return
        low, high = self._window
        self._window_reads += 1
        for i in range(count):
            value = cells[i] if i < len(cells) else pack_mv
            if value < low[i]:
                low[i] = value
            elif value > high[i]:
                high[i] = value
        if self._window_reads >= CELL_WINDOW_READS:
            self._window = None
            self._judge_window(low, high, pack_mv is not None)

    def _judge_window(self, low, high, with_pack):
        """The cells that are dead after a window. low, high: of every cell, and of the pack behind them (with_pack)."""
        moved = [high[i] - low[i] for i in range(len(low))]
        per_cell = moved.pop() // self.cells if with_pack else 0
        quiet = max(sorted(moved)[len(moved) // 2], per_cell) < CELL_MOVE_LSB * self.lsb_mv
        self._dead = [i for i in range(self.cells) if moved[i] == 0 and (not quiet or i in self._dead)]

    def _cell_ends(self, sample, cells):
        """(highest, lowest) cell that count. cells: all of them."""
        high, low = max(cells), min(cells)
        if self._quality[G_EXTREMES] == OK:
            if sample.cell_max_mv is not None:
                high = max(high, sample.cell_max_mv)
            if sample.cell_min_mv is not None:
                low = min(low, sample.cell_min_mv)
        return self._cell_jump.step(high, low, JUMP_MV)

    def _temp_ends(self, sample):
        """(hottest, coldest) that count."""
        temps = _first(sample.temp_mc, self.temps)
        hot, cold = max(temps), min(temps)
        if self._quality[G_EXTREMES] == OK:
            for told_mc in (sample.temp_max_mc, sample.temp_min_mc):
                if told_mc is not None:
                    hot, cold = max(hot, told_mc), min(cold, told_mc)
        return self._temp_jump.step(hot, cold, self._temp_step(sample.groups[G_TEMPS].at_ms))

    def _believe(self, sample, worst, age_ms):
        quality = self._quality
        high = low = hot = cold = cells = None
        if quality[G_CELLS] == OK:
            cells = _first(sample.cell_mv, self.cells)
            high, low = self._cell_ends(sample, cells)
        if quality[G_TEMPS] == OK:
            hot, cold = self._temp_ends(sample)
        limits_ok, state_ok = quality[G_LIMITS] == OK, quality[G_STATE] == OK
        wrong = len(sample.cell_mv) > self.cells and any([v for v in sample.cell_mv[self.cells :]])
        return Believed(
            sample.pack_mv if quality[G_PACK] == OK else None,
            sample.current_ma if quality[G_CURRENT] == OK else None,
            high,
            low,
            hot,
            cold,
            cells,
            sample.bms_charge_ma if limits_ok else None,
            sample.bms_discharge_ma if limits_ok else None,
            sample.bms_charge_mv if limits_ok else None,
            sample.alarms if quality[G_ALARMS] == OK else None,
            sample.bms_soc_ppm if state_ok else None,
            sample.bms_soh_ppm if state_ok else None,
            quality,
            worst,
            age_ms,
            self._fresh,
            wrong,
        )

    def _temp_step(self, at_ms):
        """By how much a temperature may have moved since the last fresh one, in thousandths of a degree."""
        span_ms = 1000 if self._temp_ms is None else max(1000, at_ms - self._temp_ms)
        self._temp_ms = at_ms
        return JUMP_MC_PER_S * span_ms // 1000
