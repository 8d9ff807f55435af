# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What to ask a device next. Pure planning: no clock, no wire; now_ms comes in, deadlines go out.

Blocks are asked as the profile declares them, each in its own period. A device that does not answer
is asked less and less often (so that it does not eat the time of the others on its line), at the
latest every BACKOFF_MAX_MS; one that answers with an exception loses only that block.
"""

from collections import namedtuple

from bms_bridge.modbus import EXCEPTION

# data: bytes of the registers of a write (function 16), None for a read. index: block of the table,
# -1 for a write.
Request = namedtuple("Request", ("unit", "function", "address", "count", "data", "index"))

BACKOFF_MIN_MS = 200
BACKOFF_MAX_MS = 10000  # LIMITS 3.14: the protected BMS is asked at least every 10 s


class Plan:
    """When each block of one device is due. table: its profile table."""

    def __init__(self, table):
        self._periods = [row[3] for row in table.BLOCKS]
        self._due_ms = [None] * len(self._periods)
        self._pause_ms = 0
        self._until_ms = None
        self.failures = 0

    def due_ms(self, now_ms):
        """Time at which the next block is due (may lie in the past)."""
        soonest = None
        for due in self._due_ms:
            if due is None:
                due = now_ms
            if soonest is None or due < soonest:
                soonest = due
        if self._until_ms is not None and soonest < self._until_ms:
            return self._until_ms
        return soonest

    def next_block(self, now_ms):
        """Index of the block that has waited longest, None when none is due."""
        if self._until_ms is not None and now_ms < self._until_ms:
            return None
        best = None
        best_due = now_ms
        for index, due in enumerate(self._due_ms):
            if due is None:
                due = now_ms
            if due < best_due or (best is None and due <= now_ms):
                best = index
                best_due = due
        return best

    def answered(self, now_ms, index):
        """Block index has arrived: its next turn is one period after its last (no catching up)."""
        self._until_ms = None
        self._pause_ms = 0
        self.failures = 0
        self._schedule(now_ms, index)

    def failed(self, now_ms, index, reason):
        """Block index did not come. An exception: the device lives, the block waits its period.
        Anything else: the whole device waits, 200 ms at first, twice as long each time."""
        self.failures += 1
        if reason >= EXCEPTION:
            self._until_ms = None
            self._pause_ms = 0
            self._schedule(now_ms, index)
            return
        self._pause_ms = min(max(2 * self._pause_ms, BACKOFF_MIN_MS), BACKOFF_MAX_MS)
        self._until_ms = now_ms + self._pause_ms

    def _schedule(self, now_ms, index):
        period_ms = self._periods[index]
        due = self._due_ms[index]
        due = now_ms if due is None else due
        due += period_ms
        self._due_ms[index] = due if due > now_ms else now_ms + period_ms


def pick(devices, now_ms):
    """The device of a line whose request has waited longest: (device, due_ms).

    devices: a list of Bms and Pcs. due_ms in the future: nobody is due before. (None, None) for an
    empty line.
    """
    chosen = None
    soonest = None
    for device in devices:
        due = device.due_ms(now_ms)
        if chosen is None or due < soonest:
            chosen = device
            soonest = due
    return chosen, soonest


def line_rules(devices):
    """What the gate of a line may let out for these devices: (reads, writes) for TxGate."""
    reads = ()
    writes = ()
    for device in devices:
        more_reads, more_writes = device.gate_rules()
        reads += tuple(more_reads)
        writes += tuple(more_writes)
    return reads, writes
