# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A device on each bus for tests/bridge/fuzz.py: ask() gives the payload of the good answer to what is asked
next, frame() makes a frame of a payload, give() lets one arrive."""

from struct import pack

from bms_bridge.bms import Bms
from bms_bridge.encode import encode_all, served
from bms_bridge.modbus import TIMEOUT, data_size, reply_data, rtu_frame, rtu_parse
from bms_bridge.pcs import Pcs
from bms_bridge.poll import SPAN, WALK
from bms_bridge.serial_bms import SerialBms, reply_payload
from bms_bridge.serial_encode import payload_frame
from bms_bridge.serial_frames import fold
from simulator.wire import read_image

STEP_MS = 20000  # longer than every period and every back-off


class Modbus:
    """A device on a serial line, each request one whole block."""

    keep = 0
    whole = True
    joins = False

    def __init__(self, table, sample):
        self.table = table
        if table.KIND == "pcs":
            self.device = Pcs(table, 1, {"id": "pcs", "power_w": 10000, "watchdog_ms": 5000}, None)
        else:
            self.device = Bms(table, 1, {"id": "pack", "cells": table.CELLS, "temps": table.TEMPS})
        reader = self.device.reader
        if not self.joins:
            reader.one_block_each()
        self._blocks = encode_all(table, sample, 10000)
        self._now_ms = 0

    def ask(self):
        """Payload of the good answer to the next request."""
        self._now_ms += STEP_MS
        self.request = self.device.next_request(self._now_ms)
        if self.request.data is not None:
            return b""
        return self._blocks[self.request.index]

    def frame(self, payload):
        """payload as the unit would send it."""
        request = self.request
        if request.data is not None:
            return rtu_frame(self.sender, pack(">BHH", 16, request.address, request.count) + payload)
        return rtu_frame(self.sender, bytes((request.function, len(payload) & 0xFF)) + payload)

    @property
    def sender(self):
        """Unit id of the answer."""
        return self.request.unit >> 8 or self.request.unit

    def give(self, wire):
        """wire arrives; True when it was taken as the answer."""
        found = rtu_parse(wire, self.sender, self.request.function)
        data, reason = (None, TIMEOUT) if found is None else reply_data(self.request, found[0])
        if reason:
            self.device.failed(self._now_ms, self.request, reason)
            return False
        return bool(self.device.reply(self._now_ms, self.request, data))


class Joined(Modbus):
    """The same device as a line has it: blocks come together or in parts, models are searched, requests
    are refused."""

    joins = True

    def __init__(self, table, sample):
        super().__init__(table, sample)
        self._sample = sample
        self._rows = [row[:3] + (data,) for row, data in zip(table.BLOCKS, self._blocks)]
        for function, address, registers in served(table):
            self._rows.append((function, address, len(registers), pack(">%dH" % len(registers), *registers)))

    def ask(self):
        """Payload of the good answer to the next request."""
        self.request = None
        while self.request is None:
            self._now_ms += STEP_MS
            self.request = self.device.next_request(self._now_ms)
        request = self.request
        rows = [row for row in self._rows if row[0] == request.function]
        step = self.device.plan.step
        data = read_image(rows, request.address, request.count, request.function <= 2, None, step)
        return bytes(data_size(request.function, request.count)) if data is None else data

    @property
    def whole(self):
        """True when a good answer makes a record."""
        return self.request.index not in (SPAN, WALK)

    def straight(self):
        """The values of a device whose blocks arrived whole and once."""
        line = Modbus(self.table, self._sample)
        for index, data in enumerate(line._blocks):
            line.device.reader.state.take(0, index, data)
        return line.device.read(0)[1:-1]

    def refusal(self, rng):
        """The exception that the unit could answer."""
        return rtu_frame(self.sender, bytes((self.request.function | 0x80, rng.choice((1, 2, 3, 4, 6)))))


class Serial:
    """A device with a framing of its own."""

    whole = True

    def __init__(self, table, sample):
        self.table = table
        self.device = SerialBms(table, 2, {"id": "pack", "cells": table.CELLS, "temps": table.TEMPS})
        self.keep = 5 if table.FRAMING == "jk" else 0  # a frame without its head is no frame
        self._blocks = encode_all(table, sample)
        self._now_ms = 0

    def ask(self):
        """Payload of the good answer to the next question."""
        self._now_ms += STEP_MS
        self.request = self.device.next_request(self._now_ms)
        return fold(self.table.ANSWERS[self.request.index], self._blocks[self.request.index])

    def frame(self, payload):
        """payload as the device would send it."""
        return payload_frame(self.table, self.request.index, 2, payload)

    def give(self, wire):
        """wire arrives; True when it was taken as the answer."""
        payload, reason = reply_payload(self.request, wire) or (None, TIMEOUT)
        if reason:
            self.device.failed(self._now_ms, self.request, reason)
            return False
        return self.device.reply(self._now_ms, self.request, payload)


class Can:
    """A device on a CAN bus: what it sends by itself, and the answers to diagnostic questions."""

    keep = 0
    whole = True

    def __init__(self, table, sample):
        from bms_bridge.can import CanBms
        from bms_bridge.can_encode import encode_message

        self.table = table
        self.device = CanBms(table, {"id": "pack", "cells": table.CELLS, "temps": table.TEMPS})
        self.device.sending = False
        self._blocks = [encode_message(table, index, sample) for index in range(len(table.BLOCKS))]
        self._turn = -1
        self._now_ms = 0
        self._count = 0

    def ask(self):
        """Data of the next message."""
        self._now_ms += 20
        self._count += 1
        self._turn = (self._turn + 1) % len(self._blocks)
        self._row = None
        if self.table.BLOCKS[self._turn][1] != 1:
            return self._blocks[self._turn]
        for _ in range(400):  # until a question is out; what is sent in cycles comes between
            if self.device._open is not None:
                break
            self._now_ms += 100
            self.device.next_frame(self._now_ms)
        ask = self.device._open
        self._row = next(row for row in self.table.ASKS if row[1] == ask.answer and row[6] == ask.indexes[0])
        return self._blocks[ask.indexes[0]]

    def frame(self, payload):
        """payload with a good checksum and the next counter; of an answer: with its header."""
        from bms_bridge.can import with_sum

        if self._row is not None:
            return self._row[3] + payload
        row = self.table.SUMS[self._turn]
        counter = self.table.COUNTERS[self._turn]
        least = max([place[1] for place in (counter, row and row[1]) if place] or [0])
        return payload if len(payload) < least else with_sum(payload, counter, self._count, row)

    def give(self, wire):
        """wire arrives; True when it was decoded."""
        from bms_bridge.isotp import segments

        before = self.device.taken
        if self._row is None:
            key = self.table.BLOCKS[self._turn][0]
            self.device.take(self._now_ms, key & 0x1FFFFFFF, key >= 1 << 31, wire)
            return self.device.taken != before
        key = self._row[1]
        for part in segments(wire, self._row[5], 8, self._row[9]) if wire else [b""]:
            self.device.take(self._now_ms, key & 0x1FFFFFFF, key >= 1 << 31, part)
            self.device.next_frame(self._now_ms)
        if self.device._open is not None:
            self.device.failed(self._now_ms, TIMEOUT)
        return self.device.taken != before
