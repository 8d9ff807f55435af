# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The durable outbox: what the backend has not acknowledged, out of RAM and out of the journal.

append() gives a record its number and hands it to the journal; the newest ones stay in RAM. A record leaves only when
it is synced. What RAM no longer holds, and what earlier starts left behind, is read back from the journal: one start
after the other, at most `window` ahead of the acknowledgement, while new records go out beside it at once. An
acknowledgement only moves the cursor: nothing is erased for it. Numbers that neither RAM nor journal hold are declared
in a record of their own. A journal that fails does not stop the reports: they leave unsynced until it is well again
(every start has a new epoch, so no key ever gets two contents).

The same methods as edge.shell.outbox.Outbox: append, take, rewind, ack.
"""

from edge.core.faults import E_GAP
from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import acks
from edge.shell.frames import KEPT_CLASSES
from edge.shell.outbox import HOLE_MS, MAX_EPOCH, RESEND_MS, WINDOW, encode_record, envelope_head
from edge.shell.recent import Recent

REASON_ENCODING = 2  # registry metric gap_reason
REASON_GONE = 5  # no longer on the disk: the budget, damage, or a disk that failed
LIVE_START = 8  # records of the newest that go first after a reconnect
CURSOR_MS = 10000  # the cursor is written at most so often; an old one costs repeats, nothing else
MOST_HOLES = 64  # in one record
MOST_SCANNED = 500  # records looked at for them


class Backlog:
    """Outbox of one device over a journal. append() may be called from another thread than all else.

    epoch, boot: of this start; journal: Journal or LateJournal; shelf: edge.shell.shelf.Shelf over the same disk;
    limit_bytes: RAM; lock: context manager around what both threads touch; key: secret of the acknowledgements, or
    None; cursor: edge.shell.cursor.Cursor or None. Counters as in Outbox; dropped: numbers that were declared gone.
    """

    def __init__(self, device, epoch, boot, journal, shelf, limit_bytes, lock, key=None, cursor=None, window=WINDOW):
        self.device = device
        self.epoch = epoch & MAX_EPOCH
        self.boot = boot
        self.limit_bytes = limit_bytes
        self.window = window
        self.resend_ms = RESEND_MS
        self.seq = 0
        self.dropped = 0
        self.sent = 0
        self.refused = 0
        self.foreign = 0
        self.last_ack_ms = None
        self.acked = 0  # of the start that is being sent
        self._journal = journal
        self._shelf = shelf
        self._lock = lock
        self._key = key
        self._cursor = cursor
        self._head = envelope_head(self.epoch)
        self._recent = Recent()
        self._stamp = (0, None, 0)
        self._starts = None  # [(epoch, boot, last number)] that are to be sent before this one
        self._next = 1  # next number of the start that is being sent
        self._flight = []  # numbers handed out and not acknowledged
        self._live = 0  # highest number of this start that went out beside the backlog
        self._ever = 0  # highest number of this start that went out
        self._anew = False  # everything that is held is sent again, whatever the cursor says
        self._turn = False
        self._progress_ms = 0
        self._told = []  # declared, not yet acknowledged: (epoch, [from, to, from, to, ...], number of the record)
        self._urgent = []  # numbers of such records that go out next: the window may wait for them
        self._ack_at = None
        self._saved = None
        self._saved_ms = None

    # ---- what the control side uses ---------------------------------------------------------------

    @property
    def backlog(self):
        """Records that the backend has not acknowledged, as far as is known without reading the disk."""
        earlier = sum([last for _, _, last in self._starts[1:]]) if self._starts else 0
        if self._starts:
            return earlier + max(0, self._starts[0][2] - self.acked) + self.seq
        return self.seq - self.acked

    @property
    def bytes(self):
        """RAM that the newest records take."""
        return self._recent.bytes

    @property
    def flight(self):
        """Number of records handed out and not acknowledged."""
        return len(self._flight)

    def append(self, record):
        """Take `record`, give it to the journal and return its sequence number. Never raises, never reads."""
        with self._lock:
            return self._append(record)

    def _append(self, record):
        self.seq += 1
        seq = self.seq
        self._stamp = (record.mono_ms, record.wall_ms, record.clock_quality)
        try:
            payload = encode_record(self._head, self.boot, seq, record)
        except (ValueError, TypeError, AttributeError, MemoryError):
            record = self._gap(self.epoch, [seq, seq], REASON_ENCODING)
            payload = encode_record(self._head, self.boot, seq, record)
            self.dropped += 1
        self._recent.put(record.cls in KEPT_CLASSES, seq, payload)
        self._journal.append(record, seq)
        self._recent.shrink(self.limit_bytes, self._journal.durable)
        return seq

    # ---- what the uplink uses ---------------------------------------------------------------------

    def take(self, now_ms):
        """(number, payload) of the next record to publish, or None. Reads the disk, without the lock.

        When nothing was acknowledged for resend_ms, starts again with the oldest.
        """
        if self._starts is None and not self._open():
            return None
        self._save(now_ms)
        if self._flight and now_ms - self._progress_ms >= self.resend_ms:
            self.rewind(now_ms, True)
        self._turn = not self._turn
        row = self._declared() or (self._fresh() if self._turn else None) or self._oldest(now_ms) or self._fresh()
        if row is not None:
            self.sent += 1
        return row

    def rewind(self, now_ms, keeps_live=False):
        """Send again what is not acknowledged: after a reconnect or a silent backend."""
        self._next = self.acked + 1
        self._flight = []
        self._progress_ms = now_ms
        self._urgent = [row[2] for row in self._told if self._starts or row[2] > self.acked]
        if not keeps_live:
            self._live = max(self._live, self._allowed() - LIVE_START)

    def _open(self):
        """Find the earlier starts once; False when the disk cannot be read now."""
        try:
            starts = [row for row in self._shelf.starts() if row[0] != self.epoch]
            done = self._cursor.load() if self._cursor and not self._anew else None
            if done is not None:
                known = [row[0] for row in starts]
                if done[0] in known:
                    starts = starts[known.index(done[0]) :]
                else:
                    starts = [row for row in starts if row[1] > done[1]]
            rows = [(epoch, boot, self._shelf.last(epoch)) for epoch, boot in starts]
        except OSError:
            return False
        self.acked = done[2] if done is not None and rows and rows[0][0] == done[0] else 0
        self._starts = rows
        self._next = self.acked + 1
        return True

    def _allowed(self):
        """Highest number of this start that may leave."""
        return self.seq if self._journal.problem is not None else self._journal.durable

    def _declared(self):
        """The next record that declares a hole, or None."""
        if not self._urgent or self._urgent[0] > self._allowed():
            return None
        with self._lock:
            row = self._recent.at(self._urgent[0])
        seq = self._urgent.pop(0)
        if row is None or row[0] != seq:
            return None  # no longer in RAM: it comes in its turn
        self._ever = max(self._ever, seq)
        return row

    def _fresh(self):
        """The next record of this start that goes out beside the backlog, or None when there is no backlog."""
        if not self._starts and self._next > self._live:
            return None
        with self._lock:
            row = self._recent.at(self._live + 1)
        if row is None or row[0] > self._allowed():
            return None
        self._live = row[0]
        self._ever = max(self._ever, row[0])
        return row

    def _oldest(self, now_ms):
        """The next record in order, within the window."""
        while self._starts and self.acked >= self._starts[0][2]:
            self._following()
        if len(self._flight) >= self.window:
            return None
        epoch, last = (self._starts[0][0], self._starts[0][2]) if self._starts else (self.epoch, self._allowed())
        if self._next > last:
            return None
        try:
            row = self._find(epoch, self._next, last)
            found = last + 1 if row is None else row[0]
            if found > self._next and not self._is_told(epoch, self._next, found - 1):
                self._declare(epoch, self._holes(epoch, last))
        except OSError:
            return None
        self._next = found + 1 if row is not None else found
        if row is None:
            return None
        if not self._flight:
            self._progress_ms = now_ms
        self._flight.append(found)
        if epoch == self.epoch:
            self._ever = max(self._ever, found)
        return row

    def _following(self):
        """The first of the earlier starts is done: on to the next."""
        self._starts = self._starts[1:]
        self.acked = 0
        self._next = 1
        self._flight = []

    def _find(self, epoch, seq, last):
        """The row with the smallest number from seq to last, in RAM or on the disk; None when there is none."""
        row = None
        if epoch == self.epoch:
            with self._lock:
                row = self._recent.at(seq)
            if row is not None and row[0] == seq:
                return row
        shelf = self._shelf
        if shelf.epoch != epoch or shelf.at > seq:
            shelf.seek(epoch, seq)
        shelf.skip(seq - 1)
        rows = [each for each in (row, shelf.peek()) if each is not None and each[0] <= last]
        return min(rows) if rows else None

    def _holes(self, epoch, last):
        """[from, to, from, to, ...] of the next holes from _next on, some of many."""
        ranges = []
        seq = self._next
        place = self._shelf.place()
        for _ in range(MOST_SCANNED):
            row = self._find(epoch, seq, last)
            found = last + 1 if row is None else row[0]
            if found > seq:
                ranges += [seq, found - 1]
            if row is None or len(ranges) >= 2 * MOST_HOLES:
                break
            seq = found + 1
        self._shelf.back(place)
        return ranges

    def _is_told(self, epoch, first, last):
        """True when a hole was declared and not yet acknowledged."""
        for known, ranges, _ in self._told:
            if known == epoch:
                for index in range(0, len(ranges), 2):
                    if ranges[index] <= first and last <= ranges[index + 1]:
                        return True
        return False

    def _declare(self, epoch, ranges):
        """Say that the numbers in ranges of a start are gone."""
        for index in range(0, len(ranges), 2):
            self.dropped += ranges[index + 1] - ranges[index] + 1
        with self._lock:
            seq = self._append(self._gap(epoch, ranges, REASON_GONE))
        ahead = [row for row in self._told[-63:] if row[0] == epoch and row[1][-1] > self.acked]
        self._told = ahead + [(epoch, ranges, seq)]
        self._urgent.append(seq)

    def _gap(self, epoch, ranges, reason):
        pairs = (
            (KEYS["event"], E_GAP),
            (KEYS["gap_from"], ranges[0]),
            (KEYS["gap_to"], ranges[-1]),
            (KEYS["gap_reason"], reason),
        )
        if epoch != self.epoch:
            pairs += ((KEYS["gap_epoch"], epoch),)
        if len(ranges) > 2:
            pairs += ((KEYS["gap_ranges"], ranges),)
        mono_ms, wall_ms, quality = self._stamp
        return Record("E", -1, mono_ms, wall_ms, quality, pairs)

    # ---- acknowledgements -------------------------------------------------------------------------

    def ack(self, data, now_ms):
        """Take an acknowledgement (any bytes, see edge.shell.acks). True when it moved the cursor.

        Not genuine, of another device or an unknown start: counted, no effect. Of the future: refused. An older number
        is an old message and has no effect, unless the backend made it later than all before: then it has lost
        records, and they are sent again. The same number again: a record was lost on the way, the window is sent again.
        """
        told = acks.read(data, self.device, self._key)
        starts = self._starts or []
        known = [row[0] for row in starts]
        if told is None:
            self.foreign += 1
            return False
        fresh = told.at_ms is not None and (self._ack_at is None or told.at_ms > self._ack_at)
        if told.epoch != self.epoch and told.epoch not in known:
            if not (fresh and self._back(told, now_ms)):
                self.foreign += 1
                return False
        elif told.epoch == self.epoch and told.upto > self._ever:
            self.refused += 1  # of an earlier start it may have more than is left here
            return False
        self.last_ack_ms = now_ms
        if fresh:
            self._ack_at = told.at_ms
        if told.credit is not None:
            self.window = min(max(told.credit, 1), 4 * WINDOW)
        if told.epoch != (self._starts[0][0] if self._starts else self.epoch):
            return False  # of a start whose turn has not come
        return self._move(told.upto, now_ms, fresh)

    def _back(self, told, now_ms):
        """True when a start that was done is still held here and the backend, restored from an older copy, has less of
        it than there is: it is sent again, and what came after it."""
        try:
            starts = [row for row in self._shelf.starts() if row[0] != self.epoch]
            held = [row[0] for row in starts]
            if self._starts is None or told.epoch not in held:
                return False
            rows = [(epoch, boot, self._shelf.last(epoch)) for epoch, boot in starts[held.index(told.epoch) :]]
        except OSError:
            return False
        if told.upto >= rows[0][2]:
            return False
        self._starts = rows
        self.acked = told.upto
        self.rewind(now_ms, True)
        return True

    def _move(self, upto, now_ms, fresh):
        """The start that is being sent is acknowledged up to a number."""
        if upto <= self.acked:
            if upto < self.acked and fresh:  # the backend was restored from an older copy
                self.acked = upto
                self.rewind(now_ms, True)
                if upto == 0:  # it does not know this start at all: perhaps not the ones before either
                    self._starts = None
                    self._anew = True
            elif upto == self.acked and now_ms - self._progress_ms >= HOLE_MS:
                self.rewind(now_ms, True)
            return False
        self.acked = upto
        self._next = max(self._next, upto + 1)
        self._flight = [seq for seq in self._flight if seq > upto]
        self._progress_ms = now_ms
        if not self._starts:
            with self._lock:
                self._recent.free(upto)
        return True

    def _save(self, now_ms):
        """Write the cursor when it has moved and the last time is long ago."""
        if self._cursor is None or (self._saved_ms is not None and now_ms - self._saved_ms < CURSOR_MS):
            return
        epoch, boot = self._starts[0][:2] if self._starts else (self.epoch, self.boot)
        if (epoch, boot, self.acked) != self._saved:
            self._saved_ms = now_ms
            if self._cursor.save(epoch, boot, self.acked):
                self._saved = (epoch, boot, self.acked)
