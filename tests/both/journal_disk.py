# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A disk in memory for the journal's tests: knows what was synced, loses power after any byte, fails on demand."""

import io

from edge.core.records import Record
from edge.shell.frames import HEAD, KEPT, PLAIN, first, parts_of, walk


class PowerCut(Exception):
    """The power is gone; nothing catches it inside the journal."""


class _File:
    def __init__(self, disk, name):
        self.disk = disk
        self.name = name

    def write(self, data):
        disk = self.disk
        if disk.fails:
            disk.files[self.name] += data[: len(data) // 2]
            raise OSError(disk.fails, "disk")
        room = len(data) if disk.cut_after is None else max(0, disk.cut_after - disk.written)
        disk.files[self.name] += data[:room]
        disk.last = self.name
        disk.written += len(data[:room])
        if room < len(data):
            raise PowerCut()

    def close(self):
        pass


class Disk:
    """files: {name: bytes as written}. safe: {name: bytes that were synced}. cut_after: bytes until the power goes.
    fails: errno that every write and sync raises, or None. synced: called after each sync. last: name of the file that
    was written last."""

    def __init__(self, cut_after=None):
        self.files = {}
        self.safe = {}
        self.cut_after = cut_after
        self.fails = None
        self.written = 0
        self.synced = None
        self.last = None

    def names(self):
        return list(self.files)

    def size(self, name):
        return len(self.files[name])

    def create(self, name):
        if self.fails:
            raise OSError(self.fails, "disk")
        self.files[name] = b""
        return _File(self, name)

    def open(self, name):
        return io.BytesIO(self.files[name])

    def remove(self, name):
        del self.files[name]
        self.safe.pop(name, None)

    def sync(self, file):
        if self.fails:
            raise OSError(self.fails, "disk")
        self.safe[file.name] = self.files[file.name]
        if self.synced:
            self.synced()

    def after_cut(self, unsynced, tail=b""):
        """The disk that the next start finds. unsynced: True when written bytes survived without a sync; tail: what
        stands behind the end of the file that was being written."""
        found = Disk()
        for name in self.files:
            found.files[name] = self.files[name] if unsynced else self.safe.get(name, b"")
            if name == self.last:
                found.files[name] += tail
        return found


def record(cls, number, size=40):
    """A record of class cls that tells its number."""
    return Record(cls, 0, 1000 * number, 1700000000000 + 1000 * number, 3, ((1, number), (86, "x" * size)))


def read(disk, letter):
    """(numbers, bodies, damaged places, torn ends) of one stream of a disk, in order."""
    numbers, bodies = [], []
    damaged = torn = 0
    for name in sorted(disk.names()):
        stream, generation = parts_of(name)
        if stream != letter:
            continue
        file = disk.open(name)
        fields = first(file, generation)
        if fields is not None:
            while numbers and numbers[-1] >= fields[6]:
                numbers.pop()
                bodies.pop()
        for kind, number, _, body, _ in walk(file, generation, disk.size(name)):
            if kind in (KEPT, PLAIN):
                numbers.append(number)
                bodies.append(body)
            elif kind != HEAD:
                damaged += number is not None
                torn += number is None
    return numbers, bodies, damaged, torn
