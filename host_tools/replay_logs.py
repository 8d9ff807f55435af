# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Recorded logs that are not CSV: the receiver's database, a CAN log, the state folder of a gateway."""

import bisect
import os
import sqlite3

from bms_bridge.can import CanBms
from bms_bridge.can_decode import NarrowCan
from edge.core import registry
from edge.core.records import G_CURRENT
from edge.core.validate import stale_after_ms
from edge.shell import cbor
from host_tools import identify
from host_tools.ledger import open_read_only
from host_tools.listen import Listener
from host_tools.replay_core import ReplayError, Row, gap_after_ms

STEP_MS = 1000  # a CAN log is looked at once in a second of its time, as the controller does
SQLITE = b"SQLite format 3\0"
FIELDS = ("current", "pack_v", "temp_max", "temp_min", "bms_soc", "current_min", "current_max")
T_MS, M_MS = 10000, 60000  # periods of the records (edge.core.report)
JOURNAL = ("journal",)  # folder inside a state folder


def is_database(path):
    """True for a SQLite file."""
    with open(path, "rb") as file:
        return file.read(16) == SQLITE


def refuse_folder(path):
    """ReplayError for a folder: a gateway's state holds what is true now, not what was."""
    name = os.path.basename(os.path.abspath(path))
    mend = "replay the receiver's database (reuse-edge receive --db), a CSV or a candump log"
    if any(os.path.exists(os.path.join(path, inner)) for inner in JOURNAL):
        raise ReplayError(name, None, "this version does not read a journal", mend)
    raise ReplayError(name, None, "is a folder without a journal of measurements", mend)


class DatabaseLog:
    """The receiver's database: telemetry every 10 s, minutes where telemetry was dropped. pack: its settings;
    pack_index: its place in them; device: name of the controller. Attributes as CsvLog."""

    samples = False
    cell_names = ()
    skipped = 0
    is_utc = True

    def __init__(self, path, pack, pack_index, device):
        self.name = os.path.basename(path)
        self.notes = []
        self._done = 0
        self._index = pack_index
        self._keys = [registry.key(name) for name in FIELDS]
        self._nominal_mah = pack["capacity_mah"]
        try:
            self._db = open_read_only(path)
            self.device = self._device(device)
            self._offsets = self._clocks()
            self._rows = self._collect()
        except sqlite3.Error as error:
            raise ReplayError(self.name, None, str(error), "give a database that reuse-edge receive wrote") from None
        if not self._rows:
            problem = "no telemetry of %s, pack %d" % (self.device, pack_index + 1)
            raise ReplayError(self.name, None, problem, "--pack names another one; was the controller running?")
        self.origin_ms = self._rows[0][0]
        self.gap_ms = gap_after_ms([b[0] - a[0] for a, b in zip(self._rows, self._rows[1:])])

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

    def _collect(self):
        """[(ms since 1970, numbers of FIELDS, seq)] by time, once each.

        A minute (class M) holds the mean current of the 60 s before it: it is spread over the places of its minute
        where no telemetry is. Its voltage only counts when the current hardly moved: it belongs to one moment.
        """
        query = (
            "SELECT epoch, boot, mono_ms, cls, body, seq FROM records WHERE device = ? AND pack = ? "
            "AND cls IN ('T', 'M') ORDER BY epoch, boot, mono_ms"
        )
        rows, minutes = {}, []
        for epoch, boot, mono_ms, cls, body, seq in self._db.execute(query, (self.device, self._index)):
            values = cbor.decode(body)
            row = (mono_ms + self._offsets[(epoch, boot)], [values.get(key) for key in self._keys], seq)
            if cls == "T":
                rows.setdefault(row[0], row)
            else:
                minutes.append(row)
        times = sorted(rows)
        for wall_ms, values, seq in minutes:
            low_ma, high_ma = values[-2:]
            steady = None not in (low_ma, high_ma) and (high_ma - low_ma) * 20 < self._nominal_mah
            for at_ms in range(wall_ms - M_MS + T_MS, wall_ms + 1, T_MS):
                place = bisect.bisect_left(times, at_ms - T_MS * 3 // 4)
                if place == len(times) or times[place] > at_ms + T_MS * 3 // 4:
                    pack_mv = values[1] if steady and at_ms == wall_ms else None
                    rows.setdefault(at_ms, (at_ms, [values[0], pack_mv, *values[2:]], seq))
        return [rows[at_ms] for at_ms in sorted(rows)]

    def share(self):
        """How much is read, 0..1."""
        return self._done / max(len(self._rows), 1)

    def close(self):
        """Close the database."""
        self._db.close()

    def rows(self):
        """Iterate over every Row."""
        for wall_ms, values, seq in self._rows:
            self._done += 1
            current_ma, pack_mv, hot, cold, soc = values[:5]
            cold = hot if cold is None else cold
            at_ms = wall_ms - self.origin_ms
            yield Row(at_ms, current_ma, pack_mv, None, hot, cold if hot is not None else None, None, soc, line=seq)


class _Overheard:
    """A BMS whose diagnostic questions somebody else asked: the log holds both sides."""

    def __init__(self, table, pack):
        if pack["cells"] < table.CELLS or pack["temps"] < table.TEMPS:
            table = NarrowCan(table, pack["cells"], pack["temps"])
        self._listener = Listener(table)
        for slot in getattr(table, "EMPTY", ()):
            self._listener.state.slots[slot] = ()

    def take(self, frame):
        """Enter a frame; True when it belongs to the profile."""
        return self._listener.take(frame)

    def read(self, now_ms):
        """The newest Sample, None before the first frame."""
        return self._listener.state.record()


class _Broadcast:
    """A BMS that talks by itself, with the very device that runs on site."""

    def __init__(self, table, pack):
        self._bms = CanBms(table, {"id": pack["id"], "cells": pack["cells"], "temps": pack["temps"]})

    def take(self, frame):
        """Enter a frame; True when it carried something for this BMS."""
        return self._bms.take(frame.ts_us // 1000, frame.can_id, frame.extended, frame.data)

    def read(self, now_ms):
        """The newest Sample, None before the first frame."""
        return self._bms.read(now_ms)


class CanLog:
    """A CAN log decoded by a profile, looked at once a second of its time. frames: list of candump.Frame; table: a
    table with BUS "can"; pack: its settings, with the facts of that table. Attributes as CsvLog."""

    samples = True
    cell_names = ()
    skipped = 0

    def __init__(self, name, frames, table, pack):
        self.name = name
        self.notes = []
        frames = sorted(frames, key=lambda frame: frame.ts_us)
        self._done = 0
        if frames[-1].ts_us - frames[0].ts_us < 1000000:
            raise ReplayError(name, None, "its frames have no times, or less than a second", "record with candump -L")
        self.origin_ms = frames[0].ts_us // 1000
        self.frames = [frame._replace(ts_us=frame.ts_us - 1000 * self.origin_ms) for frame in frames]
        self.is_utc = self.origin_ms > 300_000_000_000
        self.gap_ms = stale_after_ms(max(pack["facts"]["periods_ms"][G_CURRENT], STEP_MS))
        table = identify.as_heard(self.frames, table)
        if table.ASKS:
            self._device = _Overheard(table, pack)
        else:
            self._device = _Broadcast(table, pack)

    def share(self):
        """How much is read, 0..1."""
        return self._done / len(self.frames)

    def close(self):
        """Nothing is open."""

    def rows(self):
        """Iterate over one Row per second, from the first frame that the profile knows. ReplayError: none is."""
        known = 0
        due_ms = None
        for frame in self.frames:
            self._done += 1
            at_ms = frame.ts_us // 1000
            if due_ms is not None and at_ms >= due_ms:
                sample = self._device.read(due_ms)
                if sample is not None:
                    yield Row(due_ms, sample=sample, line=frame.line)
                due_ms += STEP_MS * max(1, (at_ms - due_ms) // STEP_MS)
            known += bool(self._device.take(frame))
            if due_ms is None and known:
                due_ms = at_ms + STEP_MS
        if not known:
            mend = "reuse-edge sniff %s --identify ranks them" % self.name
            raise ReplayError(self.name, None, "no frame of this profile in it", mend)
