# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A receiver's database as one edge after the other would have filled it, without broker and without waiting."""

from datetime import datetime
from zoneinfo import ZoneInfo

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell.outbox import encode_record, envelope_head
from host_tools import ledger

SEOUL = ZoneInfo("Asia/Seoul")
MINUTE_MS, HOUR_MS, DAY_MS = 60000, 3600000, 86400000
NOW_MS = round(datetime(2026, 3, 10, 12, 0, tzinfo=SEOUL).timestamp() * 1000)
MIDNIGHT_MS = NOW_MS - 12 * HOUR_MS


def pairs(**values):
    """Body of a record."""
    return tuple(sorted((KEYS[name], value) for name, value in values.items()))


class Edge:
    """One start of one edge that counts its own numbers. began_ms: wall time at monotonic 0."""

    def __init__(self, device="gumi-014", epoch=77, boot=1, began_ms=MIDNIGHT_MS - DAY_MS, root=None):
        self.device, self.epoch, self.boot, self.began_ms = device, epoch, boot, began_ms
        self.root = root or "bess/v1/demo/%s/%s/" % (device, device)
        self.seq = 0
        self.rows = []

    def make(self, cls, at_ms, body, pack=0, quality=3, wall=True, late_ms=100):
        """A record made at a wall time; returns its number. It arrives late_ms later."""
        self.seq += 1
        record = Record(cls, pack, at_ms - self.began_ms, at_ms if wall else None, quality, body)
        data = encode_record(envelope_head(self.epoch), self.boot, self.seq, record)
        self.rows.append((self.root, ledger.parse(self.root + "rec", data, at_ms + late_ms)))
        return self.seq

    def minutes(self, since_ms, until_ms, pack=0, samples=60, every_ms=MINUTE_MS, **options):
        """Minute records, the first one a minute after since_ms."""
        for at_ms in range(since_ms + every_ms, until_ms + 1, every_ms):
            self.make("M", at_ms, pairs(soc=600000, samples=samples), pack, **options)

    def lose(self, *numbers):
        """These never reach the receiver."""
        self.rows = [row for row in self.rows if row[1].seq not in numbers]


def store(path, *edges):
    """Commit what the edges made; returns the ledger's results."""
    book = ledger.Ledger(path)
    try:
        return [book.store(edge.rows) for edge in edges]
    finally:
        book.close()
