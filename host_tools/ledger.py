# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The receiver's database: which records arrived, once each, and what is still missing.

Completeness is counted from the rows themselves, never from what a controller says about itself.
"""

import bisect
import sqlite3
from collections import namedtuple
from pathlib import Path

from edge.core import registry
from edge.shell import cbor
from edge.shell.outbox import MAX_EPOCH, VALUE_ORDER, VERSION
from host_tools.envelopes import envelope_of

GAP_FROM = registry.key("gap_from")
GAP_TO = registry.key("gap_to")
GAP_EPOCH = registry.key("gap_epoch")
GAP_RANGES = registry.key("gap_ranges")
EPOCH_BEFORE = registry.key("epoch_before")
SEQ_BEFORE = registry.key("seq_before")
OLDEST = max(1, VERSION - 1)  # version that is still taken: the one before this one
TRUSTED_CLOCK = 2  # quality from which a wall time counts: RTC, NTP, signed
MOST_GAP_RANGES = 256  # in one record
MAX_RANGES = 4096  # islands of one epoch beyond the acknowledgement; an honest edge makes at most its window
_INT64 = 1 << 63

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
  device TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, boot INTEGER NOT NULL,
  mono_ms INTEGER NOT NULL, wall_ms INTEGER, clkq INTEGER NOT NULL, cls TEXT NOT NULL, pack INTEGER NOT NULL,
  body BLOB NOT NULL, gap_from INTEGER, received_ms INTEGER NOT NULL, PRIMARY KEY (device, epoch, seq));
CREATE INDEX IF NOT EXISTS newest ON records (device, cls);
CREATE INDEX IF NOT EXISTS dated ON records (device, epoch, wall_ms, pack) WHERE clkq >= 2;
CREATE INDEX IF NOT EXISTS undated ON records (device, epoch, mono_ms, pack) WHERE clkq < 2;
CREATE INDEX IF NOT EXISTS minutes ON records (device, pack, wall_ms) WHERE cls = 'M';
CREATE TABLE IF NOT EXISTS gaps (
  device TEXT NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (device, epoch, first, last));
CREATE TABLE IF NOT EXISTS streams (
  device TEXT NOT NULL, epoch INTEGER NOT NULL, topic TEXT NOT NULL, cum INTEGER NOT NULL,
  PRIMARY KEY (device, epoch));
CREATE TABLE IF NOT EXISTS conflicts (
  device TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, boot INTEGER NOT NULL,
  mono_ms INTEGER NOT NULL, wall_ms INTEGER, clkq INTEGER NOT NULL, cls TEXT NOT NULL, pack INTEGER NOT NULL,
  body BLOB NOT NULL, gap_from INTEGER, received_ms INTEGER NOT NULL,
  UNIQUE (device, epoch, seq, boot, mono_ms, wall_ms, clkq, cls, pack, body));
"""

# One row of records. gap_from: first number that this record declares lost (see gaps_of), else None.
Row = namedtuple(
    "Row",
    (
        "device",
        "epoch",
        "seq",
        "boot",
        "mono_ms",
        "wall_ms",
        "clkq",
        "cls",
        "pack",
        "body",
        "gap_from",
        "received_ms",
    ),
)

# counts: stored, duplicates, conflicts, gaps, bad. acks: [(topic root, epoch, cumulative number), ...] of
# every stream touched. stored: the new rows; conflicts: rows whose key is known with another content.
Result = namedtuple("Result", ("counts", "acks", "stored", "conflicts"))

# Of one device and epoch. minimum: smallest number seen; maximum: largest one seen, declared, or told by the start
# after it; count: rows; missing: numbers from 1 to maximum that neither arrived nor were declared lost; declared:
# numbers declared lost.
Completeness = namedtuple("Completeness", ("minimum", "maximum", "count", "missing", "declared"))


def open_db(path):
    """Return a connection to the database file, made when missing; sqlite3.Error when it is unusable."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_read_only(path):
    """Return a read-only connection to an existing database; sqlite3.Error when there is none."""
    return sqlite3.connect(Path(path).resolve().as_uri() + "?mode=ro", uri=True, timeout=5.0)


def _bounded(value, low, high):
    """Return `value`; ValueError when it is not an integer from low to high."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{value!r} is not an integer from {low} to {high}")
    return value


def parse(topic, payload, received_ms):
    """Return the Row of one message; ValueError (CborError) when it is not a record of a known version.

    topic: .../<org>/<site>/<device>/rec; payload: envelope, CBOR or JSON; received_ms: wall time of the receiver.
    """
    envelope = envelope_of(payload)
    if not isinstance(envelope, dict):
        raise ValueError("no envelope")
    _bounded(envelope.get(0), OLDEST, VERSION)
    body = envelope.get(9)
    cls = chr(_bounded(envelope.get(7), 0, 127))
    if not isinstance(body, dict) or cls not in VALUE_ORDER:
        raise ValueError("no body, or an unknown class")
    seq = _bounded(envelope.get(2), 1, _INT64 - 1)
    gap_from = body.get(GAP_FROM)
    if gap_from is not None:
        gaps_of(envelope.get(1), body)
    wall_ms = envelope.get(5)
    return Row(
        device=topic.split("/")[-2],
        epoch=_bounded(envelope.get(1), 0, MAX_EPOCH),
        seq=seq,
        boot=_bounded(envelope.get(3), 0, _INT64 - 1),
        mono_ms=_bounded(envelope.get(4), -_INT64, _INT64 - 1),
        wall_ms=None if wall_ms is None else _bounded(wall_ms, -_INT64, _INT64 - 1),
        clkq=_bounded(envelope.get(6), 0, 255),
        cls=cls,
        pack=_bounded(envelope.get(8), -1, 65535),
        body=cbor.encode(body),
        gap_from=gap_from,
        received_ms=received_ms,
    )


def gaps_of(epoch, body):
    """(epoch, [(first, last), ...]) that a body (dict) with a gap declares lost; ValueError when that has no sense.

    epoch: of the record itself. The ranges grow and do not touch the ones before them.
    """
    ends = body.get(GAP_RANGES, [body.get(GAP_FROM), body.get(GAP_TO)])
    if not isinstance(ends, list) or not ends or len(ends) % 2 or len(ends) > 2 * MOST_GAP_RANGES:
        raise ValueError("ranges of a gap are pairs")
    ranges, low = [], 1
    for first, last in zip(ends[::2], ends[1::2], strict=True):
        _bounded(first, low, _INT64 - 1)
        low = _bounded(last, first, _INT64 - 1) + 1
        ranges.append((first, last))
    return _bounded(body.get(GAP_EPOCH, epoch), 0, MAX_EPOCH), ranges


class Coverage:
    """Which numbers of one epoch are known. cum: all from 1 to cum are; ranges: islands above it, sorted."""

    def __init__(self, cum=0):
        self.cum = cum
        self.ranges = []  # [(first, last), ...], apart from each other and from cum

    def full(self, first):
        """True when a range that begins at `first` might make too many islands."""
        return first > self.cum + 1 and len(self.ranges) >= MAX_RANGES

    def add(self, first, last):
        """Add the numbers first to last."""
        if last <= self.cum:
            return
        at = bisect.bisect_left(self.ranges, (first, first))
        if at and self.ranges[at - 1][1] >= first - 1:
            at -= 1
        end = at
        while end < len(self.ranges) and self.ranges[end][0] <= last + 1:
            first = min(first, self.ranges[end][0])
            last = max(last, self.ranges[end][1])
            end += 1
        self.ranges[at:end] = [(first, last)]
        if self.ranges[0][0] <= self.cum + 1:
            self.cum = max(self.cum, self.ranges.pop(0)[1])


class Ledger:
    """The writing end of the database; used from one thread."""

    def __init__(self, path):
        self._db = open_db(path)
        self._streams = {}  # (device, epoch) -> (topic root, Coverage)

    def close(self):
        """Close the database."""
        self._db.close()

    def store(self, batch):
        """Commit [(topic root, Row), ...] in one transaction and return the Result.

        sqlite3.Error: nothing was stored and nothing may be acknowledged; make a new Ledger then.
        """
        counts = dict.fromkeys(("stored", "duplicates", "conflicts", "gaps", "bad"), 0)
        touched, stored, conflicts = {}, [], []
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for root, row in batch:
                what = self._insert(root, row)
                counts[what] += 1
                if what == "stored":
                    stored.append(row)
                    counts["gaps"] += row.gap_from is not None
                if what == "conflicts":
                    conflicts.append(row)
                if what != "bad":
                    touched[(row.device, row.epoch)] = root
                if what in ("stored", "duplicates") and row.gap_from is not None:
                    touched[(row.device, gaps_of(row.epoch, cbor.decode(row.body))[0])] = root
            for device, epoch in touched:
                cum = self._streams[(device, epoch)][1].cum
                self._db.execute("UPDATE streams SET cum = ? WHERE device = ? AND epoch = ?", (cum, device, epoch))
            self._db.execute("COMMIT")
        except sqlite3.Error:
            self._streams.clear()
            raise
        acks = [(root, key[1], self._streams[key][1].cum) for key, root in touched.items()]
        return Result(counts, acks, stored, conflicts)

    def standing(self):
        """[(topic root, epoch, cumulative number)] of the two newest starts of every device, the older first."""
        newest = {}
        for device, *row in self._db.execute("SELECT device, topic, epoch, cum FROM streams ORDER BY rowid"):
            newest[device] = [*newest.get(device, [])[-1:], tuple(row)]
        return [row for rows in newest.values() for row in rows]

    def _insert(self, root, row):
        """Insert one row; returns what it was: stored, duplicates, conflicts or bad."""
        topic, coverage = self._stream(root, row.device, row.epoch)
        if topic != root or coverage.full(row.seq):
            return "bad"  # somebody else's name and epoch, or numbers without sense
        gaps = None
        if row.gap_from is not None:
            lost_epoch, gaps = gaps_of(row.epoch, cbor.decode(row.body))
            topic, lost = self._stream(root, row.device, lost_epoch)
            if topic != root or any(lost.full(first) for first, _ in gaps):
                return "bad"
        marks = ",".join("?" * len(row))
        cursor = self._db.execute(f"INSERT OR IGNORE INTO records VALUES ({marks})", row)
        if cursor.rowcount:
            coverage.add(row.seq, row.seq)
            for first, last in gaps or ():
                lost.add(first, last)
                self._db.execute(
                    "INSERT OR IGNORE INTO gaps VALUES (?, ?, ?, ?)", (row.device, lost_epoch, first, last)
                )
            return "stored"
        known = self._db.execute(
            f"SELECT {','.join(Row._fields)} FROM records WHERE device = ? AND epoch = ? AND seq = ?", row[:3]
        ).fetchone()
        if known[:-1] == row[:-1]:
            return "duplicates"
        self._db.execute(f"INSERT OR IGNORE INTO conflicts VALUES ({marks})", row)
        return "conflicts"

    def _stream(self, root, device, epoch):
        """Return (topic root, Coverage) of a device and epoch, from memory or the database."""
        key = (device, epoch)
        if key in self._streams:
            return self._streams[key]
        found = self._db.execute("SELECT topic, cum FROM streams WHERE device = ? AND epoch = ?", key).fetchone()
        if found is None:
            self._db.execute("INSERT INTO streams VALUES (?, ?, ?, 0)", (*key, root))
            found = (root, 0)
        coverage = Coverage(found[1])
        later = self._db.execute(
            "SELECT seq, seq FROM records WHERE device = ?1 AND epoch = ?2 AND seq > ?3 UNION ALL "
            "SELECT first, last FROM gaps WHERE device = ?1 AND epoch = ?2 AND last > ?3",
            (*key, coverage.cum),
        )
        for first, last in later:
            coverage.add(first, last)
        self._streams[key] = (found[0], coverage)
        return self._streams[key]


def completeness(db):
    """Return {(device, epoch): Completeness} of a database (path or connection), from its rows."""
    connection = db if isinstance(db, sqlite3.Connection) else open_read_only(db)
    try:
        rows = connection.execute(
            "SELECT device, epoch, MIN(seq), MAX(seq), COUNT(*) FROM records GROUP BY device, epoch"
        ).fetchall()
        result = {row[:2]: row[2:] for row in rows}
        gaps = declared_ranges(connection)
        known = {*result, *gaps}
        ends = {}
        for device in {key[0] for key in known}:
            ends.update(ends_told(connection, device, {epoch for name, epoch in known if name == device}))
        return {
            key: _complete(connection, key, result.get(key, (0, 0, 0)), gaps.get(key, ()), ends.get(key, 0))
            for key in sorted({*known, *ends})
        }
    finally:
        if connection is not db:
            connection.close()


def declared_ranges(connection, device=None):
    """{(device, epoch): [[first, last], ...]} of what was declared lost, growing and apart from each other."""
    gaps = {}
    where, of = ("", ()) if device is None else ("WHERE device = ?", (device,))
    for name, epoch, first, last in connection.execute(
        f"SELECT * FROM gaps {where} ORDER BY device, epoch, first, last", of
    ):
        merged = gaps.setdefault((name, epoch), [])
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return gaps


def starts_told(connection, device):
    """[(epoch, boot, mono_ms, wall_ms, epoch before it, last number of that)] as the starts of a device tell it."""
    rows = connection.execute(
        "SELECT epoch, boot, mono_ms, wall_ms, body FROM records WHERE device = ? AND cls = 'E' AND instr(body, ?)",
        (device, cbor.encode(EPOCH_BEFORE)),
    ).fetchall()
    found = []
    for *row, data in rows:
        body = cbor.decode(data)
        before, last = body.get(EPOCH_BEFORE), body.get(SEQ_BEFORE)
        if all(type(each) is int and 0 <= each < _INT64 for each in (before, last)):
            found.append((*row, before, last))
    return found


def ends_told(connection, device, known):
    """{(device, epoch): last number} of the starts that a later one tells of. known: epochs with rows or gaps.

    A start of which nothing arrived counts only when the database knows one before it: its account begins there.
    """
    ends = {}
    boots = None
    for _, boot, _, _, before, last in starts_told(connection, device):
        if before not in known:
            if boots is None:
                boots = [_boot(connection, device, epoch) for epoch in known]
            if not any(each is not None and each < boot for each in boots):
                continue
        ends[(device, before)] = max(last, ends.get((device, before), 0))
    return {key: last for key, last in ends.items() if last > 0}


def _boot(connection, device, epoch):
    """Count of that start, None when no row of it is there."""
    row = connection.execute("SELECT boot FROM records WHERE device = ? AND epoch = ? LIMIT 1", (device, epoch))
    return next(row, (None,))[0]


def _complete(connection, key, row, gaps, end):
    """Completeness of one stream. row: (smallest number, highest, count of rows); gaps: [[first, last], ...] apart;
    end: last number as the next start tells it, or 0."""
    minimum, maximum, count = row
    maximum = max(maximum, end)
    declared = inside = 0
    for first, last in gaps:
        maximum = max(maximum, last)
        # a record that declares its own number stands for what was lost, it is not what was lost
        there = connection.execute(
            "SELECT COUNT(*), COUNT(CASE WHEN gap_from <= seq AND epoch = ?2 THEN 1 END) FROM records "
            "WHERE device = ?1 AND epoch = ?2 AND seq BETWEEN ?3 AND ?4",
            (*key, first, last),
        ).fetchone()
        inside += there[0]
        declared += last - first + 1 - (there[0] - there[1])
    missing = maximum - (count - inside) - sum(last - first + 1 for first, last in gaps)
    return Completeness(minimum, maximum, count, missing, declared)


def latest(db, device):
    """Return {(class, pack): (mono_ms, wall_ms, {metric key: value})}: the newest record of each kind.

    db: path or connection; looks at the last 200 rows of each class that the device sent. Old records may come
    after new ones: the newest is the one of the highest start and number.
    """
    connection = db if isinstance(db, sqlite3.Connection) else open_read_only(db)
    try:
        found = {}
        for cls in VALUE_ORDER:
            rows = connection.execute(
                "SELECT boot, seq, pack, mono_ms, wall_ms, body FROM records WHERE device = ? AND cls = ?"
                " ORDER BY rowid DESC LIMIT 200",
                (device, cls),
            )
            for row in rows:
                kept = found.get((cls, row[2]))
                if kept is None or row[:2] > kept[:2]:
                    found[(cls, row[2])] = row
        return {key: (row[3], row[4], cbor.decode(row[5])) for key, row in found.items()}
    finally:
        if connection is not db:
            connection.close()
