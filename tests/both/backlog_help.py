# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A controller's uplink over a disk in memory, and a backend that is only a set of numbers."""

from edge.core.registry import KEYS
from edge.shell import acks, cbor
from edge.shell.backlog import Backlog
from edge.shell.cursor import Cursor
from edge.shell.journal import Journal
from edge.shell.outbox import WINDOW
from edge.shell.recent import Alone
from edge.shell.shelf import Shelf, numbers_of
from tests.both.journal_disk import record

DEVICE, KEY = "dev", b"k" * 32


class Backend:
    """What arrived and what was declared: {epoch: {number: payload}}, {epoch: set of numbers}."""

    def __init__(self, credit=None):
        self.got = {}
        self.gone = {}
        self.conflicts = 0
        self.repeats = 0
        self.now_ms = 0
        self.credit = credit

    def take(self, payload):
        epoch, seq = numbers_of(payload)
        rows = self.got.setdefault(epoch, {})
        if seq in rows:
            self.repeats += 1
            self.conflicts += rows[seq] != payload
        rows[seq] = payload
        body = cbor.decode(payload)[9]
        if KEYS["gap_from"] in body:
            gone = self.gone.setdefault(body.get(KEYS["gap_epoch"], epoch), set())
            ranges = body.get(KEYS["gap_ranges"]) or [body[KEYS["gap_from"]], body[KEYS["gap_to"]]]
            for index in range(0, len(ranges), 2):
                gone.update(range(ranges[index], ranges[index + 1] + 1))
            return {epoch, body.get(KEYS["gap_epoch"], epoch)}
        return {epoch}

    def take_all(self, other):
        """What another backend has."""
        for rows in other.got.values():
            for payload in rows.values():
                self.take(payload)
        self.now_ms = other.now_ms

    def upto(self, epoch):
        number = 0
        known = set(self.got.get(epoch, ())) | self.gone.get(epoch, set())
        while number + 1 in known:
            number += 1
        return number

    def ack(self, epoch):
        self.now_ms += 1
        return acks.make(DEVICE, KEY, epoch, self.upto(epoch), self.now_ms, self.credit)

    def missing(self, epoch, last):
        known = set(self.got.get(epoch, ())) | self.gone.get(epoch, set())
        return [number for number in range(1, last + 1) if number not in known]


class Unit:
    """One start of a controller. ram: bytes; hold: journal's RAM."""

    def __init__(self, disk, boot, limit=1 << 20, ram=4000, window=WINDOW):
        self.journal = Journal(disk, DEVICE, 100 + boot, boot, limit, 65536)
        self.cursor = Cursor(disk)
        self.box = Backlog(DEVICE, 100 + boot, boot, self.journal, Shelf(disk), ram, Alone(), KEY, self.cursor, window)
        self.now_ms = 0

    def put(self, classes, flush=True):
        for cls in classes:
            self.box.append(record(cls, self.box.seq + 1, 4))
        return self.journal.flush() if flush else None

    def send(self, backend, count=1000, lose=None, acked=True):
        """Hand out up to count records; lose(payload) True: it never arrives. The number handed out."""
        sent = 0
        while sent < count:
            self.now_ms += 10
            row = self.box.take(self.now_ms)
            if row is None:
                break
            sent += 1
            if lose is None or not lose(row[1]):
                touched = backend.take(row[1])
                for epoch in touched if acked else ():
                    self.box.ack(backend.ack(epoch), self.now_ms)
        return sent

    def drain(self, backend, lose=None):
        """Send with time going on until nothing is left; rounds of a failing line are bounded."""
        for _ in range(400):
            if not self.send(backend, lose=lose):
                if self.box.backlog == 0 and not self.box.flight:
                    return
                self.journal.flush()
                self.now_ms += 11000
        raise AssertionError((self.box.backlog, self.box.flight, self.box.acked))
