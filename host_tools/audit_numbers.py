# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Which numbers of a start a source accounts for: a record has them, or a gap declares them lost. The rest is missing.

Every record of a start has the next number, over all classes, so a number that nobody accounts for was taken away.
"""

from collections import namedtuple

from host_tools import ledger

# Bytes of a journal's file that are no frame. place: file and byte. before, after: numbers of the whole records of
# that file around them; before 0: there is none; after None: none follows.
Spot = namedtuple("Spot", ("place", "epoch", "before", "after"))


class OfEntries:
    """Numbers of records that were read. ranges: [(boot, first, last), ...] declared lost; spots: what is damaged.
    again: gives the same of the whole source, when only a part of it was read, or None."""

    def __init__(self, entries, ranges=(), spots=(), again=None):
        self.spots = spots
        self.again = again
        self._numbers = {}
        epochs = {}
        for entry in entries:
            self._numbers.setdefault(entry.epoch, []).append(entry.seq)
            epochs[entry.boot] = entry.epoch
        self._declared = [(epochs.get(boot), first, last) for boot, first, last in ranges]

    def known(self, epoch, first, last):
        """[(first, last), ...] of what is accounted for between two numbers of a start, in any order."""
        rows = [(seq, seq) for seq in self._numbers.get(epoch, ()) if first <= seq <= last]
        return rows + [row[1:] for row in self._declared if row[0] == epoch]

    def last(self, epoch):
        """Highest number of a start that is known to have been given, 0 when none is."""
        return max(self._numbers.get(epoch, ()), default=0)

    def whole(self):
        """The same over everything that the source holds."""
        return self if self.again is None else self.again()


class OfDatabase:
    """The same of one device in a receiver's database, asked when it is needed."""

    spots = ()

    def __init__(self, path, device):
        self._path = path
        self._device = device

    def known(self, epoch, first, last):
        """As OfEntries.known()."""
        rows = self._rows(
            "SELECT seq, seq FROM records WHERE device = ?1 AND epoch = ?2 AND seq BETWEEN ?3 AND ?4 UNION ALL "
            "SELECT first, last FROM gaps WHERE device = ?1 AND epoch = ?2 AND last >= ?3 AND first <= ?4",
            (self._device, epoch, first, last),
        )
        return rows

    def last(self, epoch):
        """As OfEntries.last(); what the receiver has acknowledged was there once."""
        rows = self._rows(
            "SELECT max(seq) FROM records WHERE device = ?1 AND epoch = ?2 UNION ALL "
            "SELECT max(cum) FROM streams WHERE device = ?1 AND epoch = ?2",
            (self._device, epoch),
        )
        return max(row[0] or 0 for row in rows)

    def whole(self):
        """The same over everything that the source holds."""
        return self

    def _rows(self, query, values):
        connection = ledger.open_read_only(self._path)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()


def missing(numbers, epoch, first, last):
    """[(first, last), ...] of the numbers from first to last that nobody accounts for, growing."""
    coverage = ledger.Coverage(first - 1)
    for row in numbers.known(epoch, first, last):
        coverage.add(*row)
    holes, low = [], coverage.cum + 1
    for start, end in [*coverage.ranges, (last + 1, last + 1)]:
        if low <= min(start - 1, last):
            holes.append((low, min(start - 1, last)))
        low = end + 1
    return holes
