# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Recorded CAN logs for a replay."""

import codecs
import zlib

from bms_bridge.can import CanBms
from bms_bridge.can_decode import NarrowCan
from edge.core.records import G_CURRENT
from edge.core.validate import stale_after_ms
from host_tools import can_live, candump, identify
from host_tools.listen import Listener
from host_tools.replay_core import ReplayError, Row

STEP_MS = 1000  # a CAN log is looked at once in a second of its time, as the controller does
HEAD = 65536  # bytes that tell what a file is


def is_can(path):
    """True when the first line that says something is a frame. Raises OSError."""
    if can_live.is_other(path) and not path.lower().endswith((".csv", ".csv.gz")):
        return True
    with open(path, "rb") as file:
        data = file.read(HEAD)
    try:
        if data[:2] == b"\x1f\x8b":
            data = zlib.decompressobj(31).decompress(data)
        encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
        for number, line in enumerate(data.decode(encoding, errors="replace").splitlines()[:20], 1):
            if line.strip() and not line.startswith("#"):
                return candump.parse_line(line, path, number) is not None
    except (candump.LogError, zlib.error):
        pass
    return False


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
