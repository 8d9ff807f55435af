# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Recorded logs as CSV or CSV.gz, row by row, checked.

The first SURVEY rows are looked at as a whole before anything runs: a wrong unit or sign shows there. After that
each row is checked as it comes.
"""

import csv
import gzip
import itertools
import os
import zlib
from datetime import UTC, datetime

from host_tools.replay_columns import Finder, parse
from host_tools.replay_core import ReplayError, Row, gap_after_ms

SURVEY = 20000
EPOCH_S = 300_000_000  # larger times are seconds since 1970
MOST_C = 30.0  # a larger share of the nominal capacity is no current of a storage battery
MOST_SWINGS = 3.0  # nominal capacities that may flow one way
STEP_NEAR_MS = 130000  # rows further apart say nothing about the sign


def open_text(path):
    """(text stream, binary stream) of a CSV, packed or not: its first bytes say which. Raises OSError."""
    raw = open(path, "rb")
    packed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    if packed:
        return gzip.open(raw, "rt", encoding="utf-8-sig", newline=""), raw
    raw.close()
    text = open(path, encoding="utf-8-sig", newline="")
    return text, text.buffer


class CsvLog:
    """A CSV log. pack: its settings; columns: text of --columns; discharge_positive: the log's sign; truth: name of
    the column with the true SoC, or None; skip_bad: rows that are wrong are passed over and counted in skipped.
    Raises ReplayError for what cannot be used, also while rows() runs.

    gap_ms: intervals above it are gaps. origin_ms, is_utc: time of at_ms 0, since 1970 or on the log's own clock.
    cell_names: names of the cell columns.
    """

    samples = False

    def __init__(self, path, pack, columns=None, discharge_positive=False, truth=None, skip_bad=False):
        self.name = os.path.basename(path)
        self.pack = pack
        self.sign = -1 if discharge_positive else 1
        self.skip_bad = skip_bad
        self.skipped = 0
        self.notes = []
        self.origin_ms = self._last_ms = None
        self.is_utc = False
        self._line = self._place = 0
        self._text, self._raw = open_text(path)
        self._size = max(os.path.getsize(path), 1)
        self._lines = self._read()
        first = next(self._lines, None)
        if first is None:
            raise ReplayError(self.name, None, "is empty", "give a CSV with one header line and rows")
        self.header = [name.strip() for name in first[1]]
        self.layout = Finder(self.name, first[0], self.header, parse(columns), pack["cells"]).layout(truth)
        self.cell_names = [self.header[index] for index, _ in self.layout.cells]
        self._first = []
        self._no_temps = [None] * pack["temps"]
        self._survey(itertools.islice(self._lines, SURVEY))

    # ---- text ----------------------------------------------------------------------------------

    def _read(self):
        """(line in the file, [text]) of every row that is neither empty nor a comment."""
        try:
            head = self._text.readline()
            before = 0
            while head and (not head.strip() or head.startswith("#")):
                head = self._text.readline()
                before += 1
            mark = max(",;\t", key=head.count)
            reader = csv.reader(itertools.chain((head,), self._text) if head else (), delimiter=mark)
            for row in reader:
                self._line = before + reader.line_num
                if not row or not any(row) or row[0].startswith("#"):
                    continue
                yield self._line, [cell.replace(",", ".") for cell in row] if mark == ";" else row
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            problem = "the gzip file ends or breaks after this row (%s)" % str(error).rstrip(".")
            raise ReplayError(self.name, self._line, problem, "copy it again, or replay what gunzip gives") from None
        except UnicodeDecodeError:
            raise ReplayError(self.name, self._line + 1, "is not UTF-8 text", "save it as CSV, UTF-8") from None
        except csv.Error as error:
            raise ReplayError(self.name, self._line + 1, "is not CSV (%s)" % error, "save it as CSV, UTF-8") from None

    def share(self):
        """How much of the log is replayed, 0..1."""
        read = 1.0 if self._raw.closed else min(self._raw.tell() / self._size, 1.0)
        return read * self._place / len(self._first) if self._first else read

    def close(self):
        """Close the file."""
        self._text.close()
        self._raw.close()

    # ---- one row -------------------------------------------------------------------------------

    def _number(self, row, line, at):
        """Value of a column times its factor, a whole number; None for an empty place."""
        text = row[at[0]] if at[0] < len(row) else ""
        try:
            return round(float(text) * at[1])
        except (ValueError, OverflowError):
            if not text.strip():
                return None
            problem = "%s is '%s', not a number" % (self.header[at[0]], text.strip()[:30])
            mend = "mend it; leave the place empty when the value is not known (or --skip-bad)"
            raise ReplayError(self.name, line, problem, mend) from None

    def _time(self, row, line):
        """ms on the clock of the log: since 1970 for dates and epoch seconds."""
        index, factor = self.layout.t
        text = row[index].strip() if index < len(row) else ""
        try:
            value = float(text)
            if not -1e15 < value < 1e15:
                raise ValueError(text)
            self.is_utc = self.is_utc or value * factor > EPOCH_S * 1000
            return round(value * factor)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(text.replace("/", "-"))
        except ValueError:
            problem = "%s is '%s', no time" % (self.header[index], text[:40])
            raise ReplayError(self.name, line, problem, "seconds, or 2026-03-02T10:00:00") from None
        self.is_utc = True
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)

    def _row(self, line, row):
        """The Row of one line. Raises ReplayError."""
        layout = self.layout
        clock_ms = self._time(row, line)
        last_ms = self._last_ms
        if last_ms is None:
            self.origin_ms = clock_ms
        elif clock_ms < last_ms:
            problem = "time goes back by %g s" % ((last_ms - clock_ms) / 1000.0)
            mend = "sort the rows; split the log where the clock was set (or --skip-bad)"
            raise ReplayError(self.name, line, problem, mend)
        current_ma = self._number(row, line, layout.i)
        cells = tuple([self._number(row, line, at) for at in layout.cells]) or None
        if layout.v is not None:
            pack_mv = self._number(row, line, layout.v)
        else:
            pack_mv = None if None in cells else sum(cells)
        temps = [self._number(row, line, at) for at in layout.temps]
        known = [mc for mc in temps if mc is not None]
        truth, truths = None, None
        if layout.truths:
            truths = tuple([self._number(row, line, at) for at in layout.truths])
            truth = None if None in truths else sum(truths) // len(truths)
        elif layout.truth is not None:
            truth = self._number(row, line, layout.truth)
        soc = None if layout.soc is None else self._number(row, line, layout.soc)
        self._last_ms = clock_ms
        return Row(
            clock_ms - self.origin_ms,
            None if current_ma is None else current_ma * self.sign,
            pack_mv,
            cells,
            max(known) if known else None,
            min(known) if known else None,
            tuple((temps + self._no_temps)[: len(self._no_temps)]) if temps else None,
            soc,
            None,
            truth,
            truths,
            None,
            line,
        )

    def _checked(self, lines):
        for line, row in lines:
            try:
                yield self._row(line, row)
            except ReplayError:
                if not self.skip_bad:
                    raise
                self.skipped += 1

    def rows(self):
        """Iterate over every Row of the log, once."""
        for row in self._first:
            self._place += 1
            yield row
        self._first = []
        yield from self._checked(self._lines)

    # ---- the first rows as a whole -------------------------------------------------------------

    def _survey(self, lines):
        rows = self._first = list(self._checked(lines))
        if len(rows) < 2:
            where = "holds %s" % ("one row" if rows else "a header, but no rows")
            raise ReplayError(self.name, None, where, "give a log that goes on for a while")
        spans = [b.at_ms - a.at_ms for a, b in zip(rows, rows[1:]) if b.at_ms > a.at_ms]
        if not spans:
            raise ReplayError(self.name, rows[1].line, "the time does not go on", "is it the right column?")
        self.gap_ms = gap_after_ms(spans)
        self._judge_soc(rows)
        for what, values in (("current", [row.current_ma for row in rows]), ("voltage", [row.pack_mv for row in rows])):
            if all(value is None for value in values):
                self._refuse(rows[0], "every %s is empty" % what, "is it the right column?")
        self._judge_volts(rows)
        self._judge_amps(rows)
        self._judge_sign(rows)

    def _refuse(self, row, problem, mend):
        raise ReplayError(self.name, row.line, problem, mend)

    def _judge_soc(self, rows):
        """A SoC of 0..1 or 0..100 tells its unit by its size. Temperatures tell theirs too."""
        for field, at in (("bms_soc_ppm", self.layout.soc), ("truth_ppm", self.layout.truth)):
            if at is None or at[1] != 1000000:
                continue
            most = max((getattr(row, field) or 0 for row in rows), default=0)
            if most > 1500000:
                column = "soc" if field == "bms_soc_ppm" else "truth"
                self.layout = self.layout._replace(**{column: (at[0], 10000)})
                for place, row in enumerate(rows):  # the rows of the survey: they are self._first
                    if getattr(row, field) is not None:
                        rows[place] = row._replace(**{field: getattr(row, field) // 100})
                self.notes.append("%s is taken as percent" % self.header[at[0]])
        for row in rows:
            mc = row.temp_max_mc
            if mc is not None and not -60000 < row.temp_min_mc <= mc < 150000:
                looks = "no cell has that"
                if 200000 < mc < 400000:
                    looks = "this looks like K"
                elif mc > 1000000:
                    looks = "this looks like m°C"
                self._refuse(row, "temperature %g °C: %s" % (mc / 1000.0, looks), "give °C, or --columns temp=NAME:mc")

    def _judge_volts(self, rows):
        """The middle voltage against what cells in series can have."""
        cells, maker = self.pack["cells"], self.pack["maker"]
        low, high = maker["cell_min_mv"] * 7 // 10, maker["cell_max_mv"] * 12 // 10
        volts = sorted(row.pack_mv for row in rows if row.pack_mv is not None)
        middle = volts[len(volts) // 2]
        if low * cells <= middle <= high * cells:
            return
        row = next(row for row in rows if row.pack_mv is not None and not low * cells <= row.pack_mv <= high * cells)
        problem = "voltage %g V does not fit %d cells of %s in series" % (
            row.pack_mv / 1000.0,
            cells,
            self.pack["chemistry"],
        )
        mend = "mend `cells:` and `chemistry:` of the settings, or the column (--columns v=NAME:mv)"
        for factor, words, hint in (
            (1000, "this looks like mV", "name the unit: --columns v=NAME:mv"),
            (0.001, "this looks like V in a column of mV", "name the unit: --columns v=NAME:v"),
        ):
            if low * cells <= middle / factor <= high * cells:
                problem, mend = "%s: %s" % (problem, words), hint
        if cells > 1 and low <= middle <= high:
            problem += ": this looks like one cell"
            mend = "set cells: 1 and the cell's capacity, or give the pack's voltage"
        self._refuse(row, problem, mend)

    def _judge_amps(self, rows):
        """Currents beyond reason, either way, and charge that no pack of this size takes."""
        nominal = self.pack["capacity_mah"]
        most = max(rows, key=lambda row: abs(row.current_ma or 0))
        size = abs(most.current_ma or 0)
        mend = "name the unit (--columns i=NAME:ma), or mend capacity_ah"
        if size > MOST_C * nominal:
            problem = "current %g A is above %g C of %g Ah" % (size / 1000.0, MOST_C, nominal / 1000.0)
            self._refuse(most, problem + (": this looks like mA" if size < 30000 * nominal else ""), mend)
        charge = low = high = 0
        for before, row in zip(rows, rows[1:]):
            span_ms = row.at_ms - before.at_ms
            if row.current_ma is not None and span_ms <= self.gap_ms:
                charge += row.current_ma * span_ms
                low, high = min(low, charge), max(high, charge)
            if high - low > MOST_SWINGS * nominal * 3600000:
                problem = "up to here %g times the nominal capacity flowed one way: a wrong unit of time or current?"
                mend = "name the units: --columns t=NAME:ms,i=NAME:ma"
                self._refuse(row, problem % MOST_SWINGS, mend)
        volts = [row.pack_mv for row in rows if row.pack_mv is not None]
        swing_mv = (max(volts) - min(volts)) // self.pack["cells"]
        if 0 < size * 1000 < nominal and swing_mv > 200:
            problem = "the voltage moves by %d mV per cell, but no current is above %g A" % (swing_mv, size / 1000.0)
            self._refuse(most, problem + ": a wrong unit?", "name the unit: --columns i=NAME:a")

    def _judge_sign(self, rows):
        """Voltage follows the current; where it goes the other way the sign is wrong."""
        top = max(abs(row.current_ma or 0) for row in rows)
        agree = squares = 0.0
        wrong = None
        for before, row in zip(rows, rows[1:]):
            if None in (before.current_ma, row.current_ma, before.pack_mv, row.pack_mv):
                continue
            step_ma = row.current_ma - before.current_ma
            if abs(step_ma) * 10 < top or row.at_ms - before.at_ms > STEP_NEAR_MS:
                continue
            product = step_ma * (row.pack_mv - before.pack_mv)
            agree += product
            squares += float(step_ma) * step_ma
            if wrong is None and product < 0:
                wrong = (before, row)
        # cells of any size have 0.05 ohm Ah and more: a tenth of that with the wrong sign is no noise
        if wrong is None or -agree * self.pack["capacity_mah"] < squares * 5.0 * self.pack["cells"]:
            return
        before, row = wrong
        problem = "the voltage goes the other way than the current (%+g A, %+g V from the row before)" % (
            (row.current_ma - before.current_ma) / 1000.0, (row.pack_mv - before.pack_mv) / 1000.0,
        )  # fmt: skip
        turn = "leave out --discharge-positive" if self.sign < 0 else "--discharge-positive"
        self._refuse(row, problem, "+ must charge: %s turns the sign" % turn)
