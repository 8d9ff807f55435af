# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Logs that a controller made itself: the receiver's database, and a journal (a gateway's, a board's backup, an
export of either).

Their measurements are telemetry (class T): a reading every 10 s, with the current of that moment; and minutes (class
M) with the mean current, which fill in where telemetry is missing. Neither holds the voltage of single cells.
"""

import bisect
import os
import sqlite3
from datetime import UTC, datetime

from edge.core import registry
from edge.shell import cbor
from edge.shell.frames import name_of
from host_tools import audit_read, explain_texts
from host_tools.display import UNKNOWN
from host_tools.ledger import open_read_only
from host_tools.replay_core import ReplayError, Row, gap_after_ms
from host_tools.texts_replay import word

FIELDS = ("current", "pack_v", "temp_max", "temp_min", "bms_soc", "bms_soh", "current_min", "current_max")
T_MS, M_MS = 10000, 60000  # periods of the records (edge.core.report)
OFF_MS = 3600000  # a pause that no clock measured: after so long any state of charge is possible
DAMAGED = 4  # registry metric gap_reason


def kind_of(path):
    """ "journal", "export" or "database"; None for another file. Raises OSError."""
    if not os.path.isdir(path):
        open(path, "rb").close()
    try:
        return audit_read.kind_of(path)
    except audit_read.SourceError:
        return None


def filled(telemetry, minutes, nominal_mah):
    """[(time in ms, numbers of FIELDS, seq)] by time, once each, of two such lists.

    A minute holds the mean current of the 60 s before it: it is spread over the places of its minute where no
    telemetry is. Its voltage only counts when the current hardly moved: it belongs to one moment.
    """
    rows = {}
    for row in telemetry:
        rows.setdefault(row[0], row)
    times = sorted(rows)
    for wall_ms, values, seq in minutes:
        low_ma, high_ma = values[-2:]
        steady = None not in (low_ma, high_ma) and (high_ma - low_ma) * 20 < nominal_mah
        for at_ms in range(wall_ms - M_MS + T_MS, wall_ms + 1, T_MS):
            place = bisect.bisect_left(times, at_ms - T_MS * 3 // 4)
            if place == len(times) or times[place] > at_ms + T_MS * 3 // 4:
                pack_mv = values[1] if steady and at_ms == wall_ms else None
                rows.setdefault(at_ms, (at_ms, [values[0], pack_mv, *values[2:]], seq))
    return [rows[at_ms] for at_ms in sorted(rows)]


class Records:
    """What the records of one pack say, row by row. Attributes as CsvLog; dropped: what is known to be missing."""

    samples = False
    cell_names = ()
    skipped = 0
    is_utc = True

    def __init__(self, name):
        self.name = name
        self.device = ""
        self.notes = []
        self.dropped = []
        self._done = 0

    def _take(self, rows, pack, mend):
        """Take the rows of filled(). ReplayError when there are none, or when they are those of another pack."""
        if not rows:
            raise ReplayError(self.name, None, "no telemetry of %s, %s" % (self.device, pack["id"]), mend)
        self._rows = rows
        self.origin_ms = rows[0][0]
        self.gap_ms = gap_after_ms([b[0] - a[0] for a, b in zip(rows, rows[1:])])
        volts = sorted([row[1][1] for row in rows if row[1][1] is not None])
        cells, maker = pack["cells"], pack["maker"]
        low_mv, high_mv = maker["cell_min_mv"] * 7 // 10 * cells, maker["cell_max_mv"] * 12 // 10 * cells
        if volts and not low_mv <= volts[len(volts) // 2] <= high_mv:
            row = next(row for row in rows if row[1][1] is not None and not low_mv <= row[1][1] <= high_mv)
            problem = "voltage %g V does not fit %d cells of %s" % (row[1][1] / 1000.0, cells, pack["chemistry"])
            raise ReplayError(self.name, row[2], problem, "mend `cells:` and `chemistry:` of the settings, or --pack")

    def share(self):
        """How much is read, 0..1."""
        return self._done / max(len(self._rows), 1)

    def close(self):
        """Nothing is open."""

    def rows(self):
        """Iterate over every Row."""
        for clock_ms, values, seq in self._rows:
            self._done += 1
            current_ma, pack_mv, hot, cold, soc, soh = values[:6]
            cold = hot if cold is None else cold
            at_ms = clock_ms - self.origin_ms
            yield Row(
                at_ms, current_ma, pack_mv, None, hot, cold if hot is not None else None, None, soc, soh, line=seq
            )


class DatabaseLog(Records):
    """The receiver's database. pack: its settings; index: its place in them; device: name of the controller."""

    def __init__(self, path, pack, index, device):
        super().__init__(os.path.basename(path))
        self._keys = [registry.key(name) for name in FIELDS]
        try:
            self._db = open_read_only(path)
            self.device = self._device(device)
            rows = self._collect(index, pack["capacity_mah"])
        except sqlite3.Error as error:
            raise ReplayError(self.name, None, str(error), "give a database that reuse-edge receive wrote") from None
        self._take(rows, pack, "--pack names another one; was the controller running?")

    def _device(self, wanted):
        devices = [row[0] for row in self._db.execute("SELECT DISTINCT device FROM records ORDER BY device")]
        if wanted in devices:
            return wanted
        if len(devices) == 1:
            self.notes.append(
                "the settings are of '%s', the only device in the database is '%s'" % (wanted, devices[0])
            )
            return devices[0]
        problem = "holds no device '%s'" % wanted if devices else "holds no record"
        raise ReplayError(self.name, None, problem, "devices in it: %s" % (", ".join(devices) or "none"))

    def _clocks(self):
        """{(epoch, boot): ms to add to a record's monotonic time}: from its own clock, else from its arrival."""
        found = {}
        query = (
            "SELECT epoch, boot, MIN(wall_ms - mono_ms), MIN(received_ms - mono_ms) FROM records WHERE device = ? "
            "GROUP BY epoch, boot"
        )
        for epoch, boot, by_wall, by_arrival in self._db.execute(query, (self.device,)):
            found[(epoch, boot)] = by_arrival if by_wall is None else by_wall
        return found

    def _collect(self, index, nominal_mah):
        """The rows of filled(), by the wall clock."""
        query = (
            "SELECT epoch, boot, mono_ms, cls, body, seq FROM records WHERE device = ? AND pack = ? "
            "AND cls IN ('T', 'M') ORDER BY epoch, boot, mono_ms"
        )
        offsets = self._clocks()
        found = {"T": [], "M": []}
        for epoch, boot, mono_ms, cls, body, seq in self._db.execute(query, (self.device, index)):
            values = cbor.decode(body)
            found[cls].append((mono_ms + offsets[(epoch, boot)], [values.get(key) for key in self._keys], seq))
        return filled(found["T"], found["M"], nominal_mah)

    def close(self):
        """Close the database."""
        self._db.close()


class _Start:
    """What one start of a controller wrote. offset_ms: wall less monotonic time by its newest record, or None."""

    def __init__(self, boot):
        self.boot = boot
        self.offset_ms = None
        self.found = {"T": [], "M": []}
        self.ends_ms = None

    def take(self, entry, wanted):
        """Take an Entry; wanted: it is a measurement of the pack that is replayed."""
        mono_ms = entry.mono_ms
        if entry.wall_ms is not None:
            self.offset_ms = entry.wall_ms - mono_ms
        if wanted:
            low, high = self.ends_ms or (mono_ms, mono_ms)
            self.ends_ms = (min(low, mono_ms), max(high, mono_ms))
            self.found[entry.cls].append((mono_ms, [entry.body.get(name) for name in FIELDS], entry.seq))


class JournalLog(Records):
    """A journal's folder (or the state folder around it), a board's backup of it, or an export.

    pack: its settings; index: its place in them; device: name of the controller; lang: of the notes; tell: called
    with the share of the bytes read, 0..1. SourceError when there is no journal.
    """

    def __init__(self, path, pack, index, device, lang, tell=None):
        super().__init__(os.path.basename(os.path.abspath(path)))
        self._lang = lang
        self._pack = pack
        self._index = index
        self._ids = {}  # pack index -> what the identity records call it
        self._serial = None
        self._starts = {}
        self._gaps = {}  # reason -> [count, since ms, until ms]
        self._read(audit_read.wanted(audit_read.segments(path)[0], None), device, tell)
        starts = [self._starts[key] for key in sorted(self._starts) if self._starts[key].ends_ms is not None]
        found = {"T": [], "M": []}
        for start, offset_ms in self._placed(starts):
            for cls in found:
                found[cls] += [(mono_ms + offset_ms, values, seq) for mono_ms, values, seq in start.found[cls]]
        packs = ", ".join([self._ids[index] for index in sorted(self._ids)]) or "none"
        self._take(filled(found["T"], found["M"], pack["capacity_mah"]), pack, "packs in it: %s" % packs)
        self.notes.append(word(lang, "resolution"))
        self._missing()

    def _read(self, segments, device, tell):
        """Take every record of the segments; kept ones come first: they say which pack is which."""
        names = set()
        whole, read = sum([len(each.data) for each in segments]), 0
        for each in segments:
            names.add(audit_read.owner(each))
            damage = []
            for entry in audit_read.inside(each, damage):
                self._enter(entry)
            for offset in damage:
                self.notes.append(word(self._lang, "damaged") % (name_of(each.stream, each.generation), offset))
            read += len(each.data)
            if tell is not None:
                tell(read / whole)
        names.discard(None)
        self.device = " ".join(sorted(names))
        if device is not None and names and device not in names:
            self.notes.append(word(self._lang, "other_device") % (device, self.device))

    def _enter(self, entry):
        """Take one record: identity, a gap, or a measurement."""
        if entry.seq == 0:
            self._lost(audit_read.gap_of(entry))
            return
        if entry.cls == "I":
            self._identity(entry)
        key = (entry.boot, entry.epoch)
        if key not in self._starts:
            self._starts[key] = _Start(entry.boot)
        self._starts[key].take(entry, entry.cls in "TM" and entry.pack == self._index)

    def _identity(self, entry):
        """The pack is found by its name; its cells must be those of the settings, another serial is told."""
        body, pack = entry.body, self._pack
        name = body.get("pack_id")
        if name is not None and entry.pack not in self._ids:
            self._ids[entry.pack] = name
            if name == pack["id"]:
                self._index = entry.pack
        if entry.pack != self._index:
            return
        if body.get("cells", pack["cells"]) != pack["cells"]:
            problem = "start %d: %s has %d cells, the settings say %d" % (
                entry.boot,
                name,
                body["cells"],
                pack["cells"],
            )
            raise ReplayError(self.name, entry.seq, problem, "give the settings of that time, or --pack")
        serial = body.get("serial")
        if self._serial is not None and serial is not None and serial != self._serial:
            self.notes.append(word(self._lang, "swapped") % (self._serial, serial, shown(entry.wall_ms)))
        self._serial = serial or self._serial

    def _lost(self, gap):
        """Take a Gap of measurements, or of damage that may be one."""
        if gap.cls not in "TM" and gap.reason != DAMAGED:
            return
        found = self._gaps.setdefault(gap.reason, [0, None, None])
        found[0] += gap.count
        if gap.since_ms is not None:
            found[1] = gap.since_ms if found[1] is None else min(found[1], gap.since_ms)
        if gap.until_ms is not None:
            found[2] = gap.until_ms if found[2] is None else max(found[2], gap.until_ms)

    def _missing(self):
        """Tell what was dropped, and from when to when."""
        for reason in sorted(self._gaps):
            count, since_ms, until_ms = self._gaps[reason]
            why = "r%d" % reason
            ends = (shown(since_ms), shown(until_ms))
            self.notes.append(word(self._lang, "lost") % (count, explain_texts.word(self._lang, why), *ends))
            row = {"records": count, "why": explain_texts.word("en", why)}
            self.dropped.append(dict(row, **{"from": iso(since_ms), "to": iso(until_ms)}))

    def _placed(self, starts):
        """[(start, ms to add to its monotonic times)]: by the wall clock where it goes on, else behind the one before
        after OFF_MS; those before the first with a clock stand before it in the same way."""
        known = [place for place, start in enumerate(starts) if start.offset_ms is not None]
        self.is_utc = bool(known)
        first = known[0] if known else 0
        placed = []
        for start in reversed(starts[:first]):
            behind_ms = placed[0][0].ends_ms[0] + placed[0][1] if placed else self._begin(starts[first])
            placed.insert(0, (start, behind_ms - OFF_MS - start.ends_ms[1]))
            self.notes.append(word(self._lang, "no_clock") % start.boot)
        for start in starts[first:]:
            end_ms = placed[-1][0].ends_ms[1] + placed[-1][1] if placed else None
            offset_ms = start.offset_ms
            if offset_ms is None or (end_ms is not None and start.ends_ms[0] + offset_ms <= end_ms):
                if end_ms is not None:
                    self.notes.append(word(self._lang, "no_clock" if offset_ms is None else "back") % start.boot)
                offset_ms = 0 if end_ms is None else end_ms + OFF_MS - start.ends_ms[0]
            placed.append((start, offset_ms))
        return placed

    @staticmethod
    def _begin(start):
        return start.ends_ms[0] + start.offset_ms


def iso(wall_ms):
    """ISO text of a wall time in ms, or None."""
    if wall_ms is None:
        return None
    return datetime.fromtimestamp(wall_ms / 1000.0, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def shown(wall_ms):
    """The same for people."""
    return iso(wall_ms) or UNKNOWN
