# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The black box of one pack: every sample of the minute before a trip and of the minute after it.

A ring of packed samples, one per fresh reading of the BMS (at most one per control step). At a TRIP or a LOCK the ring
is told at once, in parts of at most PART_BYTES; what follows is told every ten seconds, until a minute after the last
trip. A trip within that minute prolongs the box; after MOST_MS the next one opens another. Setting black_box: none,
extremes (22 bytes a sample: 1.4 KB at one sample a second), or cells, with every cell and sensor beside it.
"""

from struct import pack_into, unpack_from

from edge.core.records import G_CURRENT
from edge.core.registry import KEYS

BEFORE_MS = AFTER_MS = 60000
PART_MS = 10000
PART_BYTES = 4096
MOST_MS = 300000
# Of one sample: milliseconds modulo 2^32, current, voltage, highest and lowest cell, hottest and coldest sensor in
# hundredths of a °C, quality, mode (low four bits) and contactor (bit 4 we close it, bit 5 its contact is known, bit 6
# it says closed). What is not known is the value beside it. Then every cell in mV and every sensor, when wanted.
FORM = ">IiIHHhhBB"
SAMPLE_BYTES = 22
NO_MA, NO_MV, NO_CELL, NO_TEMP = -0x80000000, 0xFFFFFFFF, 0xFFFF, -0x8000


class BlackBox:
    """settings: of the site; pack: of this pack. at_ms: time of the newest sample, None before the first."""

    def __init__(self, settings, pack):
        wide = settings.get("black_box") == "cells"
        self.cells = pack["cells"] if wide else 0
        self.temps = pack["temps"] if wide else 0
        self.row_bytes = SAMPLE_BYTES + 2 * (self.cells + self.temps)
        rate_ms = max(settings["period_ms"], pack["facts"]["periods_ms"][G_CURRENT])
        self.rows = BEFORE_MS // rate_ms + 4
        self.at_ms = None
        self.number = 0  # of the newest box
        self._bytes = bytearray(self.rows * self.row_bytes)
        self._count = 0
        self._fresh = None
        self._began_ms = None  # first trip of the box that is open
        self._trip_ms = None  # its last one
        self._told = 0  # samples told of it
        self._told_ms = None  # None: a trip of this step, all goes out at once
        self._part = 0

    def take(self, now_ms, pack, sample):
        """Take what is believed now, once per fresh reading. pack: edge.core.controller.Controller."""
        b = pack.believed
        if b.fresh == self._fresh:
            return
        self._fresh = b.fresh
        at = self._count % self.rows * self.row_bytes
        pack_into(
            FORM,
            self._bytes,
            at,
            now_ms if now_ms <= 0xFFFFFFFF else now_ms & 0xFFFFFFFF,
            _fit(b.current_ma, -0x7FFFFFFF, 0x7FFFFFFF, NO_MA),
            _fit(b.pack_mv, 0, 0xFFFFFFFE, NO_MV),
            _fit(b.cell_max_mv, 0, 0xFFFE, NO_CELL),
            _fit(b.cell_min_mv, 0, 0xFFFE, NO_CELL),
            _temp(b.temp_max_mc),
            _temp(b.temp_min_mc),
            b.worst,
            pack.mode | _contactor(pack) << 4,
        )
        if self.cells:
            self._wide(at + SAMPLE_BYTES, sample)
        self._count += 1
        self.at_ms = now_ms

    def _wide(self, at, sample):
        """Every cell and sensor as the BMS says them."""
        cell_mv = sample.cell_mv if sample is not None else ()
        temp_mc = sample.temp_mc if sample is not None else ()
        for k in range(self.cells):
            mv = cell_mv[k] if k < len(cell_mv) else None
            pack_into(">H", self._bytes, at + 2 * k, _fit(mv, 0, 0xFFFE, NO_CELL))
        at += 2 * self.cells
        for k in range(self.temps):
            pack_into(">h", self._bytes, at + 2 * k, _temp(temp_mc[k] if k < len(temp_mc) else None))

    def trip(self, now_ms):
        """Open a box with what the ring holds, or prolong the one that is open."""
        self._trip_ms = now_ms
        self._told_ms = None
        if self._began_ms is None or now_ms - self._began_ms > MOST_MS:
            self.number += 1
            self._began_ms = now_ms
            self._told = max(0, self._count - self.rows)
            self._part = 0

    def part(self):
        """((key, value), ...) of the next part: the oldest samples that were not told."""
        most = PART_BYTES // self.row_bytes
        until = min(self._count, self._told + most)
        data = bytearray((until - self._told) * self.row_bytes)  # one block: a board's memory is in splinters
        size = self.row_bytes
        for row in range(self._told, until):
            at = row % self.rows * size
            data[(row - self._told) * size : (row - self._told + 1) * size] = memoryview(self._bytes)[at : at + size]
        at_ms = None
        if data:
            at_ms = self.at_ms - ((self.at_ms - unpack_from(">I", data, len(data) - size)[0]) & 0xFFFFFFFF)
        pairs = (
            (KEYS["box"], self.number),
            (KEYS["box_part"], self._part),
            (KEYS["frame_at"], at_ms),
            (KEYS["frame"], data),
            (KEYS["frame_cells"], self.cells or None),
            (KEYS["frame_temps"], self.temps or None),
        )
        self._told = until
        self._part += 1
        return pairs

    def following(self, now_ms):
        """The parts that are due in this step, each as in part(); the last one says so."""
        if self._began_ms is None:
            return ()
        parts = []
        if self._told_ms is None:
            self._told_ms = now_ms
            while self._told < self._count:
                parts.append(self.part())
            return parts
        over = now_ms - self._trip_ms > AFTER_MS
        most = PART_BYTES // self.row_bytes
        while self._count - self._told >= most or over or now_ms - self._told_ms >= PART_MS:
            self._told_ms = now_ms
            last = over and self._count - self._told <= most
            if last or self._told < self._count:
                parts.append(self.part() + (((KEYS["box_end"], 1),) if last else ()))
            if last or self._told >= self._count:
                break
        if over:
            self._began_ms = None
        return parts


def _contactor(pack):
    """Three bits: we close it, its contact is known, it says closed."""
    contactor = pack.contactor
    if contactor is None:
        return 0
    return int(contactor.contactor == 1) | (6 if contactor.carries else 0)


def _temp(value_mc):
    return NO_TEMP if value_mc is None else _fit(value_mc // 10, -0x7FFF, 0x7FFF, NO_TEMP)


def _fit(value, low, high, unknown):
    return unknown if value is None else min(max(value, low), high)
