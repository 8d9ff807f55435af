# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The journal: every record on any file system, in append-only segments, within a budget of bytes.

A record counts when its frame is written and synced. Kept records (classes E, B, X, I) form one hash chain over all
segments and starts; minutes (M) and telemetry (T) stand in segments of their own. When the budget is used the oldest
telemetry goes, without any the oldest minutes, and kept records last. What goes is declared: a gap record in the chain
says which records, of which time, and why. Nothing here raises into the caller; what could not be written waits in
bounded RAM, and what did not fit there is declared too.
"""

from edge.core.faults import E_GAP
from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import cbor
from edge.shell.frames import (
    HEAD,
    KEPT,
    MIXED,
    PLAIN,
    START,
    STREAMS,
    VERSION,
    first,
    frame,
    header,
    link,
    name_of,
    parts_of,
    place_of,
    walk,
)
from edge.shell.outbox import encode_record, envelope_head

BUDGET, ENCODING, DISK, DAMAGED = 1, 2, 3, 4  # registry metric gap_reason
LEAST_SEGMENT = 2048
MOST_SEGMENT = 1 << 20
SEGMENTS = 32  # of a whole budget; one of each stream is being written
GAP_CLASSES = "EMT"  # the class that a gap in each of STREAMS names
NO_SPACE = 28  # errno of a full disk
RETRY_MS = 30000  # a disk that failed is left alone for this long
LATEST_MS = 60000  # on a board records of little value wait this long for company


def segment_of(limit_bytes):
    """Bytes of a segment of a journal with this budget."""
    return max(LEAST_SEGMENT, min(limit_bytes // SEGMENTS, MOST_SEGMENT))


class _Stream:
    """What is known of one stream: its next number, its closed segments (generation, bytes), the open one."""

    def __init__(self, letter):
        self.letter = letter
        self.number = 0
        self.closed = []
        self.generation = None
        self.file = None
        self.bytes = 0
        self.dirty = False


class Journal:
    """Journal of one device on a disk (Folder or alike). One owner, or a thread of its own around it.

    epoch, boot: of this start, as in the outbox. limit_bytes: budget of all files. hold_bytes: RAM for what waits.
    synced: number of records that are durable since the start, durable: highest of their numbers; lost: declared
    lost; damaged: places that were not readable when the journal was opened; problem: text or None.
    """

    def __init__(self, disk, device, epoch, boot, limit_bytes, hold_bytes=65536):
        self.disk = disk
        self.device = device
        self.epoch = epoch
        self.boot = boot
        self.limit_bytes = limit_bytes
        self.segment_bytes = segment_of(limit_bytes)
        self.hold_bytes = hold_bytes
        self.synced = 0
        self.durable = 0  # highest number of this start that is synced
        self.lost = 0
        self.damaged = 0
        self.failures = 0
        self.problem = None
        self.boxes = None  # edge.shell.boxes.Boxes, when there are any
        self.chain = START
        self.streams = [_Stream(letter) for letter in STREAMS]
        self._head = envelope_head(epoch)
        self._generation = 0
        self._ready = False
        self._waiting = []  # [place in streams, seq, payload, wall ms or None]
        self._held = 0
        self._gaps = []  # [reason, from seq, to seq, class, boot, since ms, until ms, count] not yet durable
        self._doomed = []  # (letter, generation, bytes) whose gap is written before the file goes
        self._stamp = (0, None, 0)
        self._since_ms = None  # monotonic time of the oldest that waits
        self._urgent = False
        self._retry_ms = None

    # ---- taking records ---------------------------------------------------------------------------

    def append(self, record, seq):
        """Take `record` with the sequence number that the outbox gave it. Never raises, writes nothing yet."""
        self._stamp = (record.mono_ms, record.wall_ms, record.clock_quality)
        place = place_of(record.cls)
        try:
            payload = encode_record(self._head, self.boot, seq, record)
        except (ValueError, TypeError, AttributeError, MemoryError):
            self._lose(ENCODING, place, seq, record.wall_ms)
            return
        if self.boxes is not None and record.cls == "X":
            self.boxes.take(record, payload)
        self._waiting.append([place, seq, payload, record.wall_ms])
        self._held += len(payload)
        self._urgent = self._urgent or place == 0
        if self._since_ms is None:
            self._since_ms = record.mono_ms
        while self._held > self.hold_bytes and self._waiting:
            self._forget()

    def _forget(self):
        """Give up the oldest of what waits and counts least: telemetry, then minutes."""
        places = [row[0] for row in self._waiting]
        place, seq, payload, wall_ms = self._waiting.pop(places.index(max(places)))
        self._held -= len(payload)
        self._lose(DISK, place, seq, wall_ms)

    def missed(self, place, old, new, since_ms, until_ms, count):
        """Declare records of one stream (its place in STREAMS) that never reached append (the queue before a slow disk
        was full): numbers old to new, wall times or None."""
        self._lose(DISK, place, old, since_ms, new, until_ms, count)

    def _lose(self, reason, place, seq, wall_ms, last=None, until_ms=None, count=1):
        self.lost += count
        last = seq if last is None else last
        until_ms = wall_ms if until_ms is None else until_ms
        cls = GAP_CLASSES[place]
        for gap in self._gaps:
            if gap[0] == reason and gap[3] == cls and gap[4] == self.boot:
                gap[2] = last
                gap[5] = wall_ms if gap[5] is None else gap[5]
                gap[6] = gap[6] if until_ms is None else until_ms
                gap[7] += count
                return
        self._gaps.append([reason, seq, last, cls, self.boot, wall_ms, until_ms, count])

    # ---- writing ----------------------------------------------------------------------------------

    def after_step(self, now_ms):
        """For a board: one bounded write and sync when something kept waits, or the rest waited long enough."""
        if self._since_ms is None and not self._gaps:
            return
        if self._retry_ms is not None and now_ms < self._retry_ms:
            return
        due = self._since_ms is None or now_ms - self._since_ms >= LATEST_MS
        if due or self._urgent or self._held * 2 > self.hold_bytes:
            self._retry_ms = None if self.flush() else now_ms + RETRY_MS

    def flush(self):
        """Write and sync all that waits; False when the disk refused. What waits then still waits. Never raises."""
        chain, numbers = self.chain, [stream.number for stream in self.streams]
        if self.boxes is not None:
            self.boxes.flush()
        try:
            self._open()
            for place, _, payload, _ in self._waiting:
                self._put(self.streams[place], payload)
            for gap in self._gaps:  # it grows while a new segment names what must go
                self._put(self.streams[0], self._gap(gap))
            self._sync()
        except (OSError, ValueError, MemoryError) as error:
            self._failed(error, chain, numbers)
            return False
        self.synced += len(self._waiting)
        if self._waiting:
            self.durable = max(self.durable, self._waiting[-1][1])
        self._waiting = []
        self._held = 0
        self._gaps = []
        self._since_ms = None
        self._urgent = False
        self.problem = None
        self._remove()
        return True

    def close(self):
        """Write what waits and close the files."""
        self.flush()
        if self.boxes is not None:
            self.boxes.close()
        for stream in self.streams:
            self._close(stream)

    def _failed(self, error, chain, numbers):
        """The disk refused: back to what is durable, and go on in new segments."""
        self.failures += 1
        self.problem = "journal not written: %s" % error
        self.chain = chain
        for stream, number in zip(self.streams, numbers):
            stream.number = number
            stream.dirty = False
            try:
                self._close(stream)
            except OSError:
                stream.file = None
        if error.args and error.args[0] == NO_SPACE:
            if not self._doomed:
                self._doom(1)  # never a kept one: others may be filling this disk
            self._remove()

    def _put(self, stream, payload):
        """Append one frame to the stream's open segment, the next one when it is full."""
        if stream.file is not None and stream.bytes + len(payload) + 64 > self.segment_bytes:
            if stream.dirty:
                self.disk.sync(stream.file)
            stream.dirty = False
            self._close(stream)
        if stream.file is None:
            self._begin(stream)
        if stream.letter == "k":
            self.chain = link(self.chain, payload)
            data = frame(stream.generation, KEPT, stream.number, payload, self.chain)
        else:
            data = frame(stream.generation, PLAIN, stream.number, payload)
        stream.number += 1
        stream.dirty = True
        stream.bytes += len(data)
        stream.file.write(data)

    def _begin(self, stream):
        """Open the next segment of a stream; names what must go so that all stays inside the budget."""
        self._generation += 1
        name = name_of(stream.letter, self._generation)
        stream.file = self.disk.create(name)
        stream.generation = self._generation
        mono_ms, wall_ms, _ = self._stamp
        chain = self.chain if stream.letter == "k" else b""
        fields = (VERSION, self.epoch, self.device, self.boot, mono_ms, wall_ms, stream.number, chain)
        data = frame(self._generation, HEAD, 0, cbor.encode({key: fields[key] for key in range(8)}))
        stream.bytes = len(data)
        stream.dirty = True
        stream.file.write(data)
        while self._closed() > self.limit_bytes - len(STREAMS) * self.segment_bytes and self._doom():
            pass  # one of each stream may be written full

    def _sync(self):
        for stream in self.streams:
            if stream.dirty:
                self.disk.sync(stream.file)
                stream.dirty = False

    def _close(self, stream):
        if stream.file is not None:
            file, stream.file = stream.file, None
            stream.closed.append((stream.generation, stream.bytes))
            file.close()

    # ---- the budget -------------------------------------------------------------------------------

    def _closed(self):
        return sum([sum([size for _, size in stream.closed]) for stream in self.streams])

    @property
    def bytes(self):
        """Bytes of all segments, those about to go included."""
        written = sum([stream.bytes for stream in self.streams if stream.file])
        return self._closed() + written + sum([row[2] for row in self._doomed])

    def _doom(self, least=0):
        """Choose the segment that goes: the oldest of telemetry, else of minutes, else (least 0) of kept records; False
        when none is left. Its gap is declared with the next write, and only then it is removed."""
        place = len(STREAMS) - 1
        while place > least and not self.streams[place].closed:
            place -= 1
        if not self.streams[place].closed:
            return False
        generation, size = self.streams[place].closed.pop(0)
        self._doomed.append((STREAMS[place], generation, size))
        gap = self._content(place, generation, size)
        if gap is not None:
            self.lost += gap[7]
            self._gaps.append(gap)
            self._urgent = True
        return True

    def _content(self, place, generation, size):
        """What a segment holds, as a gap; None when there is nothing in it."""
        ends = []
        count = 0
        cls = GAP_CLASSES[place]
        try:
            with self.disk.open(name_of(STREAMS[place], generation)) as file:
                for kind, _, _, body, _ in walk(file, generation, size):
                    if kind == HEAD and cls == "T" and (header(body) or {}).get(0) == MIXED:
                        cls = "M"
                    if kind in (KEPT, PLAIN):
                        count += 1
                        ends = [ends[0] if ends else body, body]
            rows = [cbor.decode(body) for body in ends]
        except (OSError, ValueError):
            return None
        if not rows:
            return None
        old, new = rows
        return [BUDGET, old[2], new[2], cls, old[3], old.get(5), new.get(5), count]

    def _remove(self):
        """Remove the segments whose gap is declared."""
        while self._doomed:
            letter, generation, _ = self._doomed.pop(0)
            try:
                self.disk.remove(name_of(letter, generation))
            except OSError as error:
                self.problem = "journal: a segment stays: %s" % error

    def _gap(self, gap):
        """Payload of the record that declares a gap; its sequence number is 0: it never leaves this disk."""
        reason, old, new, cls, boot, since_ms, until_ms, count = gap
        values = (
            (KEYS["event"], E_GAP),
            (KEYS["gap_from"], old),
            (KEYS["gap_to"], new),
            (KEYS["gap_class"], ord(cls)),
            (KEYS["gap_reason"], reason),
            (KEYS["gap_boot"], boot),
            (KEYS["gap_since"], since_ms),
            (KEYS["gap_until"], until_ms),
            (KEYS["gap_count"], count),
        )
        pairs = tuple([pair for pair in values if pair[1] is not None])
        mono_ms, wall_ms, quality = self._stamp
        return encode_record(self._head, self.boot, 0, Record("E", -1, mono_ms, wall_ms, quality, pairs))

    # ---- the start --------------------------------------------------------------------------------

    def _open(self):
        """Read once what is there: sizes of the segments, and where numbers and chain go on."""
        if self._ready:
            return
        found = sorted([parts for parts in [parts_of(name) for name in self.disk.names()] if parts])
        for letter, generation in found:
            size = self.disk.size(name_of(letter, generation))
            self.streams[STREAMS.index(letter)].closed.append((generation, size))
            self._generation = max(self._generation, generation)
        for stream in self.streams:
            self._resume(stream)
        self._ready = True
        if self.damaged:
            self._gaps.append([DAMAGED, 0, 0, "E", self.boot, None, None, self.damaged])

    def _resume(self, stream):
        """Go on after the last whole frame of the newest readable segment."""
        for index in range(len(stream.closed) - 1, -1, -1):
            generation, size = stream.closed[index]
            with self.disk.open(name_of(stream.letter, generation)) as file:
                fields = first(file, generation)
                if fields is None:
                    continue  # torn in its first write: nothing in it ever counted
                stream.number = fields[6]
                if stream.letter == "k":
                    self.chain = fields[7]
                for kind, number, chain, _, _ in walk(file, generation, size):
                    if kind in (KEPT, PLAIN):
                        stream.number = number + 1
                        self.chain = chain if kind == KEPT else self.chain
                    elif kind == 0 and number is not None:
                        self.damaged += 1
            return
