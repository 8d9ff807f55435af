# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The newest records in RAM, in front of the journal: (number, payload), found by number, the oldest go first."""

_OVERHEAD_BYTES = 96  # of one row beside its payload


class Alone:
    """The lock of a program with one thread."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


class Recent:
    """Rows of kept records and of telemetry, whose numbers grow. bytes: what they take."""

    def __init__(self):
        self.bytes = 0
        self._kept = _Queue()
        self._plain = _Queue()

    def put(self, kept, seq, payload):
        """Append a record."""
        (self._kept if kept else self._plain).rows.append((seq, payload))
        self.bytes += len(payload) + _OVERHEAD_BYTES

    def at(self, seq):
        """The first row whose number is not below seq, or None."""
        rows = [row for row in (self._kept.at(seq), self._plain.at(seq)) if row is not None]
        return min(rows) if rows else None

    def shrink(self, limit_bytes, durable):
        """Let rows go until limit_bytes hold: the oldest when all up to its number are durable, else telemetry."""
        while self.bytes > limit_bytes:
            kept, plain = self._kept.at(0), self._plain.at(0)
            if plain is None or (kept is not None and kept[0] < plain[0] <= durable):
                self._pop(self._kept)
            else:
                self._pop(self._plain)

    def free(self, upto):
        """Let go what is acknowledged."""
        for queue in (self._kept, self._plain):
            row = queue.at(0)
            while row is not None and row[0] <= upto:
                self._pop(queue)
                row = queue.at(0)

    def _pop(self, queue):
        row = queue.rows[queue.first]
        self.bytes -= len(row[1]) + _OVERHEAD_BYTES
        queue.rows[queue.first] = None
        queue.first += 1
        if queue.first >= 64 and queue.first * 2 >= len(queue.rows):
            queue.rows = queue.rows[queue.first :]
            queue.first = 0


class _Queue:
    """rows from index `first` on are there."""

    def __init__(self):
        self.rows = []
        self.first = 0

    def at(self, seq):
        """The first row whose number is not below seq, or None."""
        low, high = self.first, len(self.rows)
        while low < high:
            middle = (low + high) // 2
            if self.rows[middle][0] < seq:
                low = middle + 1
            else:
                high = middle
        return self.rows[low] if low < len(self.rows) else None
