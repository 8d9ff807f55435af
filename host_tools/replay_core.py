# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Recorded rows through the estimators of edge.core, as fast as they go: the driver behind `reuse-edge replay`.

    drive = Drive(pack, gap_ms=30000)
    for point in drive.feed(rows):
        ...

A row that carries a Sample goes through the Validator, as on site. Rows of numbers go straight to Metering. The
current of such a row stands for the interval that ends with it: loggers write means, or the current that belongs to
the voltage beside it. An interval longer than gap_ms is a gap: its time counts as unknown and nothing is integrated.
"""

from collections import Counter, namedtuple

from edge.core.estimator import Estimator
from edge.core.metering import Metering
from edge.core.records import G_CURRENT, UNKNOWN, Est
from edge.core.rounds import REFUSED
from edge.core.validate import Validator

# at_ms: monotonic time, from 0. current_ma: + charges. cell_mv, temps_mc: tuples of every cell and sensor, or None.
# truth_ppm, truth_cells: SoC that a laboratory knows, only compared. sample: Sample, or None; with one the numbers
# before come from it. line: place in the log. None = not known, everywhere.
Row = namedtuple(
    "Row",
    "at_ms current_ma pack_mv cell_mv temp_max_mc temp_min_mc temps_mc bms_soc_ppm bms_soh_ppm truth_ppm truth_cells "
    "sample line",
    defaults=(None, None, None, None, None, None, None, None, None, None, None, None),
)

# What is known at at_ms. soc, capacity, bias, resistance: Est (ppm, mAh, mA, uohm at 10 s of the mean cell).
# weakest, strongest: (cell from 0, Est in ppm) or None. anomalies: tuple of edge.core.anomalies.Anomaly.
Point = namedtuple(
    "Point",
    "at_ms soc capacity bias resistance innovation_uv weakest strongest bms_soc_ppm truth_ppm anomalies "
    "current_ma pack_mv",
)

GAP_PERIODS = 3
GAP_MIN_MS = 3000
GAP_MOST_MS = 300000


class ReplayError(Exception):
    """A log that cannot be replayed: file, row (None: the whole file), what is wrong, what mends it."""

    exit_code = 2

    def __init__(self, name, row, problem, mend):
        place = name if row is None else "%s:%d" % (name, row)
        super().__init__("%s: %s\n  → %s" % (place, problem, mend))
        self.row = row
        self.problem = problem


def gap_after_ms(spans_ms):
    """The interval above which rows are apart by a gap, from a list of intervals in ms: three usual periods."""
    usual_ms = sorted(spans_ms)[len(spans_ms) * 95 // 100] if spans_ms else 1000
    return min(max(GAP_PERIODS * usual_ms, GAP_MIN_MS), max(GAP_MOST_MS, usual_ms * 3 // 2))


class Drive:
    """One pack's estimators, fed with Row. pack: its part of the settings; gap_ms: longer intervals are gaps;
    period_ms: control period, for rows with a Sample; every_ms: least time between two Points; hint: (SoC 0..1, its
    sigma) known from outside before the first row, or None.

    estimator: edge.core.estimator.Estimator. rows, duplicates: rows taken, and rows passed over because their time
    was there already. believed, refused: alignments that were believed, and Counter of the others by reason.
    """

    def __init__(self, pack, gap_ms, period_ms=1000, every_ms=10000, hint=None):
        self.pack = pack
        self.estimator = Estimator(pack)
        self.soc = self.estimator.soc
        if hint is not None:
            self.soc.hint(*hint)
        self.metering = Metering(gap_ms)
        self.validator = Validator(pack, period_ms)
        self.every_ms = every_ms
        self.rows = self.duplicates = self.believed = 0
        self.refused = Counter()
        self._counted = 0
        self._fresh = self._at_ms = None
        self._due_ms = 0
        self._row = None

    def feed(self, rows):
        """Iterate over the Points of rows (an iterable of Row with growing time). ValueError when time goes back."""
        for row in rows:
            if self.take(row) and row.at_ms >= self._due_ms:
                self._due_ms = row.at_ms - row.at_ms % self.every_ms + self.every_ms
                yield self.point()

    def take(self, row):
        """Take one Row; False when it brought nothing new. ValueError when its time is before the last one."""
        if row.sample is not None:
            row = self._judged(row)
            if row is None:
                return False
            now_ms = row.at_ms
            last_ms = self._at_ms
            spans = self.metering.step(now_ms, row.current_ma, row.pack_mv)
        else:
            now_ms = row.at_ms
            last_ms = self._at_ms
            if last_ms is not None and now_ms <= last_ms:
                if now_ms < last_ms:
                    raise ValueError("time goes back from %d to %d ms" % (last_ms, now_ms))
                self.duplicates += 1
                return False
            if last_ms is not None:
                self.metering.step(last_ms, row.current_ma, row.pack_mv)
            spans = self.metering.step(now_ms, row.current_ma, row.pack_mv)
        self._at_ms = now_ms
        self._row = row
        self.rows += 1
        # a Row has the names of a Believed
        self.estimator.step(now_ms, spans[0], spans[1], spans[2], row, row.temps_mc)
        if last_ms is not None and spans[1]:
            self._work(now_ms // 1000 - last_ms // 1000)
        return True

    def _judged(self, row):
        """The row with what the Validator believes of its Sample, at the time of its current; None when that current
        is not a fresh one."""
        believed = self.validator.step(row.at_ms, row.sample, None)
        if believed.fresh == self._fresh:
            return None
        self._fresh = believed.fresh
        at_ms = row.sample.groups[G_CURRENT].at_ms
        if at_ms is None or (self._at_ms is not None and at_ms <= self._at_ms):
            return None
        temps_mc = None if believed.temp_max_mc is None else row.sample.temp_mc
        return Row(
            at_ms,
            believed.current_ma,
            believed.pack_mv,
            believed.cell_mv,
            believed.temp_max_mc,
            believed.temp_min_mc,
            temps_mc,
            believed.bms_soc_ppm,
            believed.bms_soh_ppm,
            row.truth_ppm,
            row.truth_cells,
            None,
            row.line,
        )

    def _work(self, seconds):
        """The slices of the alignment that the controller's loop does in that time: one each second."""
        work = self.estimator.work
        for _ in range(seconds):
            if not work():
                break
        else:
            return
        rounds = self.soc.rounds
        if rounds is not None and rounds.count != self._counted:
            self._counted = rounds.count
            if rounds.refused:
                self.refused[REFUSED[rounds.refused]] += 1
            else:
                self.believed += 1

    def point(self):
        """The Point of the last row."""
        soc, row = self.soc, self._row
        weakest = strongest = None
        if self.pack["cells"] > 1:
            weakest, strongest = self.estimator.extremes()
        return Point(
            self._at_ms,
            soc.soc(),
            soc.capacity(),
            soc.bias(),
            self.estimator.ohm.est(),
            int(soc.joint.innovation_v * 1e6),
            weakest,
            strongest,
            row.bms_soc_ppm,
            row.truth_ppm,
            self.estimator.anomalies(),
            row.current_ma,
            row.pack_mv,
        )

    def cell_socs(self):
        """List with the Est of every cell's SoC in ppm, UNKNOWN where the cells cannot be told apart; None for a pack
        without a cell layer or before anything was seen."""
        pack, cells = self.soc.soc(), self.estimator.cells
        if self.pack["cells"] < 2 or pack.value is None or not cells.seen_s:
            return None
        found = []
        for cell in range(self.pack["cells"]):
            own = cells.soc_deviation(cell)
            found.append(UNKNOWN if own.value is None else Est(pack.value + own.value, own.std, own.at_ms, own.why))
        return found
