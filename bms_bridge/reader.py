# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The reading half of a polled device: requests go out by plan, answers become the newest record.

An answer may hold several blocks, one, or a part of one; only whole blocks reach the decoder, and the
time of a block is that of its oldest part. Where a profile names SunSpec models instead of addresses,
the blocks are searched first (bms_bridge.walk), and again when they no longer hold what they must.
"""

from bms_bridge.modbus import BAD_REPLY
from bms_bridge.poll import SPAN, WALK, Plan, Request, Span

PAD = b"\x80\x00"  # a register that a shorter model does not have: unknown as int16, implausible as uint16


class Reader:
    """table: profile table; unit: Modbus unit id; state: Assembler; settings: the device's dict, of which
    "max_registers" (most registers per request) and "string" (which string of a bank, from 1) count here."""

    def __init__(self, table, unit, state, settings):
        self.table = table
        self.unit = unit | getattr(table, "POLLING", (0, 0, 0, 1, 0))[4] << 8
        self.state = state
        self.plan = Plan(table, settings.get("max_registers"))
        self.walk = None
        self._unasked = ()
        self.last_failure = 0
        self._span = None
        self._requests = {}  # first block -> (span, newest Request for it)
        self._part = b""
        self._part_ms = None
        self.serial = None
        if hasattr(table, "SERIAL"):
            self._texts(table.SERIAL, state, settings.get("string"))
        if getattr(table, "MODELS", None):
            from bms_bridge.walk import Walk

            self.walk = Walk(table, settings.get("string") or 1)

    def _texts(self, row, state, string):
        """The serial number, unless it is that of a bank and this pack is one string of it."""
        if string is None:
            from bms_bridge.text import Serial  # only where a profile has one

            self.serial = Serial(row, state.slots)
        else:
            self._unasked = (row[0],)
            self.plan.counts[row[0]] = 0
            self.plan.locate(self.plan.addresses, self.plan.counts)

    def one_block_each(self):
        """From now on each request reads one whole block at its declared address."""
        self.plan.merges = False
        self.walk = None

    def due_ms(self, now_ms):
        """When the next request is due, monotonic ms."""
        if self.walk is not None and not self.walk.done:
            return max(self.plan.free_ms(now_ms), self.walk.due_ms(now_ms))
        return self.plan.due_ms(now_ms)

    def next_request(self, now_ms):
        """The Request that is due now, or None."""
        if self.walk is not None:
            self.walk.watch(now_ms)
        if self.walk is not None and not self.walk.done:
            if self.due_ms(now_ms) > now_ms:
                return None
            self.plan.count(now_ms)
            address, count = self.walk.wants()
            return Request(self.unit, 3, address, count, None, WALK)
        span = self.plan.next_span(now_ms)
        if span is None:
            return None
        self._span = span
        first = span.indexes[0]
        known = self._requests.get(first)
        if known is None or known[0] is not span:
            known = self._requests[first] = (span, self._request(first, span))
        return known[1]

    def _request(self, first, span):
        whole = len(span.indexes) == 1 and span.count == self.table.BLOCKS[first][2]
        return Request(self.unit, self.plan.functions[first], span.address, span.count, None, first if whole else SPAN)

    def reply(self, now_ms, request, data):
        """Take the answer. False (and counted as a failure) when its length is wrong."""
        if request.index == WALK:
            good = len(data) == 2 * request.count
            if good:
                self._walked(now_ms, data)
        elif request.index == SPAN:
            good = len(data) == 2 * self._span.count
            if good:
                self._deal(now_ms, self._span, data)
        else:
            good = self._whole(now_ms, request.index, data)
        if good:
            self.last_failure = 0
        else:
            self.failed(now_ms, request, BAD_REPLY)
        return good

    def failed(self, now_ms, request, reason):
        """request was not answered; reason: a code of bms_bridge.modbus."""
        self.last_failure = reason
        self._part = b""
        if request.index == WALK:
            self.plan.failures += 1
            if self.walk.failed(now_ms, reason):
                self.plan.wait(now_ms)
            return
        span = self._span
        if request.index != SPAN:
            span = Span((request.index,), 0, request.address, self.plan.counts[request.index])
        self.plan.failed(now_ms, span, reason)

    def rules(self):
        """Read rules for TxGate."""
        if getattr(self.table, "MODELS", None):
            unit = self.unit & 0xFF
            reach = self.table.MODELS[1]
            return tuple([(unit, 3, base, min(base + reach, 65536), self.plan.most) for base in self.table.MODELS[0]])
        return self.plan.rules(self.unit)

    def _walked(self, now_ms, data):
        self.walk.take(now_ms, data)
        if self.walk.done:
            unused = getattr(self.state.table, "UNUSED", ())
            unused = unused + self._unasked
            counts = [0 if index in unused else count for index, count in enumerate(self.walk.counts)]
            self.plan.locate(self.walk.addresses, counts)

    def _whole(self, now_ms, index, data):
        if not self.state.take(now_ms, index, data):
            return False
        self.plan.answered(now_ms, index)
        if self.serial is not None and index == self.serial.index:
            self.plan.soon(now_ms, self.serial.take())
        if self.walk is not None and self.state.is_void(index):
            self.walk.again(now_ms)  # another model lies here now
        return True

    def _deal(self, now_ms, span, data):
        """Give every block of a joined answer, or the newly completed one, to the decoder."""
        if len(span.indexes) > 1:
            self.plan.span_answered(now_ms, span)
            plan = self.plan
            for index in span.indexes:
                at = 2 * (plan.addresses[index] - span.address) // plan.step
                self._padded(now_ms, index, data[at : at + 2 * plan.counts[index]])
            return
        if span.offset == 0:
            self._part = b""
            self._part_ms = now_ms
        self._part += data
        if self.plan.span_answered(now_ms, span):
            whole, self._part = self._part, b""
            self._padded(self._part_ms, span.indexes[0], whole)

    def _padded(self, now_ms, index, data):
        missing = self.table.SIZES[index] - len(data)
        self._whole(now_ms, index, data + PAD * (missing // 2))
