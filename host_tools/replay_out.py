# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a replay leaves: estimates.csv, summary.json, and the tracks that the plots are made of.

Cells are numbered from 1, as everywhere a person reads; summary.json names their columns.
"""

import csv
from datetime import UTC, datetime
from math import sqrt

from edge.core.advice import ADVICE
from edge.core.anomalies import GAIN, KINDS, TEMP, TEXTS, observable
from edge.core.rounds import REFUSED
from edge.core.soc import W_HIDDEN, WHY

COLUMNS = (
    "t_s utc soc_pct soc_std_pct soc_why capacity_ah capacity_std_ah capacity_why bias_a bias_std_a resistance_mohm "
    "resistance_std_mohm innovation_mv weakest_cell weakest_soc_pct strongest_cell strongest_soc_pct bms_soc_pct "
    "truth_soc_pct current_a pack_v anomalies"
).split()
KEPT = 20000  # points of a track; a longer one is thinned
HEAT_MS = 600000  # of the map of the cells
SETTLED_MS = 86400000  # errors are told once more without the first day ...
SETTLED_PPM = 30000  # ... and when they went below this for good
UA_KINDS = 2  # the first kinds, and the offset, are told in uA
CELL_UNIT = {GAIN: "ppm", TEMP: "mK"}


def part(value, divisor, digits):
    """value / divisor with that many digits, None for None."""
    return None if value is None else round(value / divisor, digits)


def _over(value, divisor):
    return None if value is None else value / divisor


def pct(ppm):
    """ppm as percent."""
    return part(ppm, 10000.0, 3)


def moment(log, at_ms):
    """(t in s on the log's clock, ISO time or None) of at_ms."""
    clock_ms = log.origin_ms + at_ms
    if not log.is_utc:
        return clock_ms / 1000.0, None
    text = datetime.fromtimestamp(clock_ms / 1000.0, UTC).isoformat(
        timespec="milliseconds" if clock_ms % 1000 else "seconds"
    )
    return at_ms / 1000.0, text.replace("+00:00", "Z")


def label(anomaly):
    """`kind` or `kind#cell` of an Anomaly."""
    return KINDS[anomaly.kind] + ("" if anomaly.where < 0 else "#%d" % (anomaly.where + 1))


class Track:
    """Rows for a plot, thinned by halves so that KEPT are never passed by far."""

    def __init__(self):
        self.rows = []
        self._every = 1
        self._count = 0

    def add(self, row):
        """Keep the row when it is its turn."""
        if self._count % self._every == 0:
            self.rows.append(row)
            if len(self.rows) > KEPT:
                self.rows = self.rows[::2]
                self._every *= 2
        self._count += 1


class Errors:
    """Errors of SoC against a truth, in ppm."""

    def __init__(self):
        self.count = self.inside = self.total = self.most = self.squares = 0

    def add(self, error, std=None):
        """Take one error; std: the sigma that was claimed."""
        self.count += 1
        self.total += error
        self.squares += error * error
        self.most = max(self.most, abs(error))
        self.inside += std is not None and abs(error) <= 2 * std

    def told(self, inside=True):
        """Dict of what they come to, None without any."""
        if not self.count:
            return None
        found = {
            "points": self.count,
            "rmse_pct": pct(sqrt(self.squares / self.count)),
            "mean_pct": pct(self.total / self.count),
            "max_pct": pct(self.most),
        }
        if inside:
            found["inside_2_sigma_pct"] = round(100.0 * self.inside / self.count, 1)
        return found


class Outcome:
    """Collects the Points of a replay. log: the log (CsvLog ...); drive: host_tools.replay_core.Drive."""

    def __init__(self, log, drive):
        self.log = log
        self.drive = drive
        self.track = Track()
        self.heat = Track()
        self.errors, self.settled, self.bms = Errors(), Errors(), Errors()
        self.apart = Errors()
        self.seen = {}
        self.outside_ms = None
        self.first = self.last = None
        self._heat_ms = 0

    def take(self, point):
        """Take one Point; returns its row of estimates.csv."""
        self.first = point if self.first is None else self.first
        self.last = point
        soc, truth, bms = point.soc, point.truth_ppm, point.bms_soc_ppm
        if soc.value is not None and truth is not None:
            self._compare(point, soc.value - truth)
        if bms is not None and truth is not None:
            self.bms.add(bms - truth)
        if bms is not None and soc.value is not None:
            self.apart.add(soc.value - bms)
        capacity = point.capacity
        self.track.add((
            point.at_ms, soc.value, soc.std, bms, truth, capacity.value, capacity.std, point.innovation_uv, soc.why,
        ))  # fmt: skip
        for anomaly in point.anomalies:
            first = self.seen.get(label(anomaly), (point.at_ms,))[0]
            self.seen[label(anomaly)] = (first, point.at_ms, anomaly)
        if point.at_ms >= self._heat_ms:
            self._heat_ms = point.at_ms - point.at_ms % HEAT_MS + HEAT_MS
            self._map(point)
        return self._line(point)

    def _compare(self, point, error):
        self.errors.add(error, point.soc.std)
        if point.at_ms - self.first.at_ms >= SETTLED_MS:
            self.settled.add(error, point.soc.std)
        if abs(error) > SETTLED_PPM:
            self.outside_ms = point.at_ms

    def _map(self, point):
        each = self.drive.cell_socs()
        if each is not None and point.soc.value is not None:
            row = [None if est.value is None or est.why == W_HIDDEN else est.value - point.soc.value for est in each]
            self.heat.add((point.at_ms, row))

    def _line(self, point):
        """The row of estimates.csv: whole numbers divided by a power of ten need no rounding."""
        t_s, utc = moment(self.log, point.at_ms)
        soc, capacity, bias, ohm = point.soc, point.capacity, point.bias, point.resistance
        line = [t_s, utc, _over(soc.value, 1e4), _over(soc.std, 1e4), WHY[soc.why]]
        line += [
            capacity.value / 1000.0,
            capacity.std / 1000.0,
            WHY[capacity.why],
            bias.value / 1000.0,
            bias.std / 1000.0,
        ]
        known = ohm.value is not None
        line += [ohm.value / 1000.0, ohm.std / 1000.0] if known else [None, None]
        line.append(point.innovation_uv / 1000.0)
        for end in (point.weakest, point.strongest):
            line += [None, None] if end is None else [end[0] + 1, end[1].value / 1e4]
        line += [_over(point.bms_soc_ppm, 1e4), _over(point.truth_ppm, 1e4)]
        line += [_over(point.current_ma, 1000.0), _over(point.pack_mv, 1000.0)]
        line.append(" ".join(label(anomaly) for anomaly in point.anomalies) if point.anomalies else None)
        return line

    # ---- summary -------------------------------------------------------------------------------

    def summary(self):
        """The dict of summary.json."""
        log, drive, last = self.log, self.drive, self.last
        in_mah, out_mah, in_mwh, out_mwh, known_ms, unknown_ms = drive.metering.registers()
        start, end = moment(log, self.first.at_ms), moment(log, last.at_ms)
        rounds = drive.soc.rounds
        ageing = drive.soc.ageing()
        return {
            "version": 1,
            "log": log.name,
            "pack": drive.pack["id"],
            "sign": "+ charges",
            "from": start[1] or start[0],
            "to": end[1] or end[0],
            "rows": drive.rows,
            "duplicates": drive.duplicates,
            "skipped_bad_rows": log.skipped,
            "dropped": getattr(log, "dropped", []),
            "known_s": known_ms / 1000.0,
            "unknown_s": unknown_ms / 1000.0,
            "gap_above_s": log.gap_ms / 1000.0,
            "charged_ah": in_mah / 1000.0,
            "discharged_ah": out_mah / 1000.0,
            "charged_kwh": part(in_mwh, 1e6, 6),
            "discharged_kwh": part(out_mwh, 1e6, 6),
            "soc": self._est(last.soc, "pct", 10000.0, 3),
            "capacity": self._est(last.capacity, "ah", 1000.0, 3),
            "bias": self._est(last.bias, "a", 1000.0, 3),
            "resistance": self._est(last.resistance, "mohm", 1000.0, 4),
            "ageing": None
            if ageing is None
            else dict(zip(("lli_pct", "lam_negative_pct", "lam_positive_pct"), map(pct, ageing))),
            "alignments": {
                "believed": drive.believed,
                "refused": dict(drive.refused),
                "last": "cannot be aligned" if rounds is None else REFUSED[rounds.refused] or "believed",
            },
            "cells": self._cells(),
            "anomalies": self._anomalies(),
            "truth": self._truth(),
            "bms": {"against_truth": self.bms.told(False), "against_ours": self.apart.told(False)},
            "notes": log.notes,
        }

    def _est(self, est, unit, divisor, digits):
        """An Est as a dict; informed_s: how long before the end something last told about it."""
        age_s = None if est.at_ms is None else (self.last.at_ms - est.at_ms) / 1000.0
        return {
            "value_" + unit: part(est.value, divisor, digits),
            "std_" + unit: part(est.std, divisor, digits),
            "why": WHY[est.why],
            "informed_s_before_end": age_s,
        }

    def _truth(self):
        told = self.errors.told()
        if told is None:
            return None
        told["after_24_h"] = self.settled.told()
        ok = self.outside_ms is None or self.outside_ms < self.last.at_ms
        start_ms = self.first.at_ms
        told["within_3_pct_after_h"] = (
            part(0 if self.outside_ms is None else self.outside_ms - start_ms, 3.6e6, 2) if ok else None
        )
        return told

    def _anomalies(self):
        found = []
        for first_ms, last_ms, anomaly in self.seen.values():
            in_ua = anomaly.kind < UA_KINDS or KINDS[anomaly.kind] == "current_offset"
            unit = CELL_UNIT.get(anomaly.kind, "uA" if in_ua else "ppm")
            found.append({
                "kind": KINDS[anomaly.kind],
                "cell": None if anomaly.where < 0 else anomaly.where + 1,
                "value": anomaly.value,
                "std": anomaly.std,
                "unit": unit,
                "text": TEXTS[anomaly.text],
                "first_h": part(first_ms - self.first.at_ms, 3.6e6, 2),
                "holds_at_end": anomaly in self.last.anomalies or last_ms == self.last.at_ms,
            })  # fmt: skip
        return found

    def _cells(self):
        """Every cell against the mean cell, None for a log without cells."""
        deltas, names = self.drive.estimator.cells, self.log.cell_names
        if deltas.count < 2 or not deltas.seen_s:
            return None
        each = []
        for cell in range(deltas.count):
            row = {"cell": cell + 1}
            if names:
                row["column"] = names[cell]
            for name, est, unit, divisor in (
                ("soc", deltas.soc_deviation(cell), "pct", 1e4),
                ("capacity", deltas.capacity_deviation(cell), "pct", 1e4),
                ("resistance", deltas.resistance_deviation(cell), "pct", 1e4),
                ("leak", deltas.leak(cell), "ma", 1e3),
            ):
                row["%s_%s" % (name, unit)] = part(est.value, divisor, 3)
                row["%s_std_%s" % (name, unit)] = part(est.std, divisor, 3)
                row["%s_why" % name] = WHY[est.why]
            each.append(row)
        ends = {}
        for name, end in (("weakest", self.last.weakest), ("strongest", self.last.strongest)):
            ends[name] = (
                None if end is None else {"cell": end[0] + 1, "soc_pct": pct(end[1].value), "std_pct": pct(end[1].std)}
            )
        seen = {KINDS[kind]: can for kind, can in observable(deltas, self.last.bias)}
        ends.update(observable=seen, advice=ADVICE[self.drive.estimator.advice], against_mean=each)
        return ends


def write_rows(path, points, outcome):
    """Write estimates.csv while points (an iterable of Point) come; yields each Point."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for point in points:
            writer.writerow(outcome.take(point))
            yield point
