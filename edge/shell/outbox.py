# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The outbox: records that the backend has not acknowledged, in bounded RAM.

A record is encoded once, when it is appended, and gets the next sequence number. Only a cumulative
acknowledgement of the backend frees it. Records leave in order, at most `window` ahead of the
acknowledgement. Above limit_bytes the oldest record of the least valuable class that was never sent is
dropped; a gap record with the number of the last dropped record takes its place, so the sequence has no
silent hole and one key never gets two contents. Clock-free: time comes in as now_ms.

With a journal, edge.shell.backlog takes its place: the same methods append, take, rewind, ack.
"""

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import acks, cbor

VERSION = 1
WINDOW = 64
RESEND_MS = 10000  # without a new acknowledgement the window is sent again
HOLE_MS = 2000  # the same acknowledgement again, so long after the last progress: the window is sent again at once
MAX_EPOCH = (1 << 63) - 1  # fits the signed integers of databases
VALUE_ORDER = "TMIXBE"  # dropped from the left
_RANKS = {"T": 0, "M": 1, "I": 2, "X": 3, "B": 4, "E": 5}
REASON_BUDGET = 1  # registry metric gap_reason
REASON_ENCODING = 2

GAP_FROM = KEYS["gap_from"]
GAP_TO = KEYS["gap_to"]
GAP_CLASS = KEYS["gap_class"]
GAP_REASON = KEYS["gap_reason"]

_OVERHEAD_BYTES = 96  # of one held record beside its payload (32-bit board 64, CPython 160)
# One held record: [seq, rank in VALUE_ORDER or -1, payload or None, gap or None];
# gap: (first seq, class rank, reason, mono_ms): not encoded before it is sent, so that it can grow.
_SEQ, _RANK, _PAYLOAD, _GAP = 0, 1, 2, 3


def encode_record(head, boot, seq, record):
    """Return the envelope of `record` as CBOR bytes.

    head: bytes of the keys 0 and 1 (see envelope_head); boot: start count; seq: sequence number.
    Keys of the body must grow, as in Record.pairs; otherwise, or for a float, CborError.
    """
    cls, pack, mono_ms, wall_ms, clock_quality, pairs = record
    encode_int = cbor.encode_int
    out = bytearray(b"\xa9" if wall_ms is None else b"\xaa")
    out.extend(head)
    out.append(2)
    encode_int(out, seq)
    out.append(3)
    encode_int(out, boot)
    out.append(4)
    encode_int(out, mono_ms)
    if wall_ms is not None:
        out.append(5)
        encode_int(out, wall_ms)
    out.append(6)
    encode_int(out, clock_quality)
    out.append(7)
    encode_int(out, ord(cls))
    out.append(8)
    encode_int(out, pack)
    out.append(9)
    _encode_body(out, pairs)
    return bytes(out)


def _encode_body(out, pairs):
    """Append the body map of ((key, value), ...); keys are integers >= 0 that grow."""
    encode_int = cbor.encode_int
    encode_into = cbor.encode_into
    cbor.encode_head(out, cbor.MAP, len(pairs))
    last = -1
    for key, value in pairs:
        if key <= last:
            raise cbor.CborError("keys of a body must grow")
        last = key
        encode_int(out, key)
        if type(value) is int:
            encode_int(out, value)
        else:
            encode_into(out, value)


def envelope_head(epoch):
    """Return the encoded keys 0 (version) and 1 (epoch, 0 to MAX_EPOCH) of every envelope of one start."""
    out = bytearray(b"\x00\x01\x01")
    cbor.encode_int(out, epoch)
    return bytes(out)


class Outbox:
    """Unacknowledged records of one device and epoch. Not thread-safe: one owner, or a lock around it.

    epoch: random integer, new at each start (nothing survives a restart here); boot: start count;
    limit_bytes: budget of payloads and bookkeeping; window: records sent ahead of the acknowledgement.
    Counters: dropped (records declared lost), sent (handed out, repeats included), refused (acknowledgements
    of the future), foreign (of another epoch, or unreadable), last_ack_ms (monotonic, None before the first).
    """

    def __init__(self, device, epoch, boot, limit_bytes, window=WINDOW, resend_ms=RESEND_MS, key=None):
        self.device = device
        self.epoch = epoch & MAX_EPOCH
        self.boot = boot
        self.limit_bytes = limit_bytes
        self.window = window
        self.resend_ms = resend_ms
        self.seq = 0  # last number given
        self.acked = 0  # all up to here are with the backend
        self.bytes = 0
        self.dropped = 0
        self.sent = 0
        self.refused = 0
        self.foreign = 0
        self.last_ack_ms = None
        self._key = key  # secret of the acknowledgements, None: they need not be signed
        self._head = envelope_head(self.epoch)
        self._held = []
        self._first = 0  # index of the oldest held record in _held; what lies before it is free
        self._next = 0  # index of the next record to hand out
        self._ever = 0  # highest number ever handed out: such a record is never dropped
        self._progress_ms = 0  # when the window last moved
        self._unsent = [0] * len(VALUE_ORDER)  # records per class that were never handed out
        self._from_seq = [0] * len(VALUE_ORDER)  # no such record of that class below this number

    @property
    def backlog(self):
        """Number of entries that wait for an acknowledgement (a gap counts as one)."""
        return len(self._held) - self._first

    @property
    def flight(self):
        """Number of entries handed out and not acknowledged."""
        return self._next - self._first

    def append(self, record):
        """Take `record` and return its sequence number; drops and declares when over budget. Never raises.

        A record that has no encoding (a float, unordered keys), or no memory, becomes a declared gap.
        """
        self.seq += 1
        rank = _RANKS.get(record.cls, 5)  # an unknown class is kept like an event
        try:
            payload = encode_record(self._head, self.boot, self.seq, record)
        except (ValueError, TypeError, AttributeError, MemoryError):
            payload = None
        self._held.append([self.seq, rank, payload, None])
        self._unsent[rank] += 1
        self.bytes += _OVERHEAD_BYTES
        if payload is None:
            self._drop(len(self._held) - 1, REASON_ENCODING, record.mono_ms)
        else:
            self.bytes += len(payload)
        while self.bytes > self.limit_bytes and self._drop_least(record.mono_ms):
            pass
        return self.seq

    def take(self, now_ms):
        """Return (seq, payload) of the next record to publish, or None: window full, or nothing left.

        When nothing was acknowledged for resend_ms, starts again with the oldest.
        """
        if self.flight and now_ms - self._progress_ms >= self.resend_ms:
            self.rewind(now_ms)
        if self.flight >= self.window or self._next >= len(self._held):
            return None
        entry = self._held[self._next]
        if not self.flight:
            self._progress_ms = now_ms
        if entry[_SEQ] > self._ever:
            self._ever = entry[_SEQ]
            if entry[_GAP] is None:
                self._unsent[entry[_RANK]] -= 1
            else:
                entry[_PAYLOAD] = self._encode_gap(entry)
                self.bytes += len(entry[_PAYLOAD])
        self._next += 1
        self.sent += 1
        return entry[_SEQ], entry[_PAYLOAD]

    def rewind(self, now_ms):
        """Send again from the oldest held record: after a reconnect or a silent backend."""
        self._next = self._first
        self._progress_ms = now_ms

    def ack(self, data, now_ms):
        """Take an acknowledgement (see edge.shell.acks), any bytes.

        Returns True when it freed something. Of another epoch, of the future, not genuine or unreadable: counted, no
        effect. An older number than before is an old message (a broker's retained one): no effect. The same number
        again says that a record was lost on the way: the window is sent again, at most every HOLE_MS.
        """
        told = acks.read(data, self.device, self._key)
        if told is None or told.epoch != self.epoch:
            self.foreign += 1
            return False
        upto = told.upto
        if upto > self._ever:
            self.refused += 1
            return False
        self.last_ack_ms = now_ms
        if upto <= self.acked:
            if upto == self.acked and now_ms - self._progress_ms >= HOLE_MS:
                self.rewind(now_ms)  # later ones arrived, this one did not: nobody has to wait for RESEND_MS
            return False
        self.acked = upto
        self._progress_ms = now_ms
        self._free(upto)
        return True

    def _free(self, upto):
        """Forget all records up to the number `upto`."""
        held = self._held
        index = self._first
        while index < len(held) and held[index][_SEQ] <= upto:
            self.bytes -= _OVERHEAD_BYTES + len(held[index][_PAYLOAD])
            held[index] = None
            index += 1
        self._first = index
        if self._next < index:
            self._next = index
        if index >= 64 and index * 2 >= len(held):
            self._held = held[index:]
            self._next -= index
            self._first = 0

    def _index(self, seq):
        """Index of the first held record whose number is >= seq."""
        low, high = self._first, len(self._held)
        while low < high:
            middle = (low + high) // 2
            if self._held[middle][_SEQ] < seq:
                low = middle + 1
            else:
                high = middle
        return low

    def _drop_least(self, mono_ms):
        """Drop the oldest never-sent record of the least valuable class; False when there is none."""
        for rank in range(len(VALUE_ORDER)):
            if self._unsent[rank]:
                index = self._index(max(self._from_seq[rank], self._ever + 1))
                while self._held[index][_RANK] != rank or self._held[index][_GAP] is not None:
                    index += 1
                self._from_seq[rank] = self._held[index][_SEQ]
                self._drop(index, REASON_BUDGET, mono_ms)
                return True
        return False

    def _drop(self, index, reason, mono_ms):
        """Turn the never-sent record at `index` into a gap and merge it with the gaps beside it."""
        held = self._held
        entry = held[index]
        self.dropped += 1
        self._unsent[entry[_RANK]] -= 1
        if entry[_PAYLOAD] is not None:
            self.bytes -= len(entry[_PAYLOAD])
        first, rank = entry[_SEQ], entry[_RANK]
        if index > self._first and self._grows(held[index - 1]):
            first, other, reason, _ = held[index - 1][_GAP]
            rank = max(rank, other)
            held.pop(index - 1)
            index -= 1
            self.bytes -= _OVERHEAD_BYTES
        if index + 1 < len(held) and self._grows(held[index + 1]):
            _, other, _, mono_ms = held[index + 1][_GAP]
            rank = max(rank, other)
            entry = held.pop(index + 1)
            self.bytes -= _OVERHEAD_BYTES
        held[index] = [entry[_SEQ], -1, None, (first, rank, reason, mono_ms)]

    def _grows(self, entry):
        """True for a gap that was never sent and may still grow."""
        return entry[_GAP] is not None and entry[_SEQ] > self._ever

    def _encode_gap(self, entry):
        """Return the envelope of the gap: class E, the number of its last lost record."""
        first, rank, reason, mono_ms = entry[_GAP]
        seq = entry[_SEQ]
        pairs = ((GAP_FROM, first), (GAP_TO, seq), (GAP_CLASS, ord(VALUE_ORDER[rank])), (GAP_REASON, reason))
        return encode_record(self._head, self.boot, seq, Record("E", -1, mono_ms, None, 0, pairs))
