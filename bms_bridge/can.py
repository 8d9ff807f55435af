# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A BMS on a CAN bus: it listens, asks diagnostic questions, and sends what keeps the BMS awake. Pure.

The Device port over a CAN table. A transport gives it every frame with take and sends what next_frame
gives, through the gate. Nothing here opens or closes a contactor.
"""

from bms_bridge.can_decode import EXTENDED, NarrowCan, at_address, decode_message, raw_at, sum_of
from bms_bridge.decode import Assembler
from bms_bridge.isotp import BROKEN, DONE, FLOW, LIMIT, TIMEOUT_MS, Receiver, flow_frame, single_frame
from bms_bridge.modbus import BAD_REPLY, EXCEPTION, REFUSED, TIMEOUT
from bms_bridge.poll import BACKOFF_MAX_MS, BACKOFF_MIN_MS

GAP_MS = 20  # rest between an answer and the next question
IDLE_MS = 1000
FAR_MS = 1 << 60


def key_of(can_id, extended):
    """One number for an identifier: bit 31 says that it has 29 bits."""
    return can_id | EXTENDED if extended else can_id


def with_sum(data, counter, value, row):
    """data (bytes) with value (integer) in the place counter (or None) and the checksum of row (or None)."""
    if counter is None and row is None:
        return data
    data = bytearray(data)
    if counter is not None:
        put_raw(data, counter, value)
    if row is not None:
        put_raw(data, row[1], sum_of(row, data))
    return bytes(data)


def put_raw(data, place, raw):
    """Write raw (integer; its lowest bits count) to place of data (bytearray)."""
    first, last, little, shift, mask, _ = place
    part = bytes(data[first:last])
    old = int.from_bytes(part, "little" if little else "big")
    new = old & ~(mask << shift) | (raw & mask) << shift
    data[first:last] = new.to_bytes(last - first, "little" if little else "big")


class CanBms:
    """One BMS on a CAN bus. table: a table with BUS "can". settings: the device's settings dict: "id", "unit"
    where the profile knows addresses, and "cells" and "temps", which may be fewer than the table has places for.

    taken, broken, repeated: frames that were used, that had a wrong length or checksum, and whose
    counter stood still. sending: False keeps everything but questions off the bus.
    """

    def __init__(self, table, settings):
        self.name = settings["id"]
        self.unit = 0
        self.last_failure = 0
        self.taken = self.broken = self.repeated = 0
        self.sending = True
        table = at_address(table, settings.get("unit"))
        cells = settings.get("cells", table.CELLS)
        temps = settings.get("temps", table.TEMPS)
        if cells < table.CELLS or temps < table.TEMPS:
            table = NarrowCan(table, cells, temps)
        self.table = table
        self._state = Assembler(table)
        for slot in getattr(table, "EMPTY", ()):
            self._state.slots[slot] = ()
        self._events = [{"row": row, "at_ms": None} for row in getattr(table, "EVENTS", ())]
        self._counters = [None] * len(table.BLOCKS)
        self._routes = {}
        for index, row in enumerate(table.BLOCKS):
            if row[1] != 1:
                self._routes.setdefault(row[0], []).append(index)
        infos = [row[2] for row in table.INFOS]
        self._used = [index for index, groups in enumerate(table.GROUPS_OF) if groups or index in infos]
        asks = []
        for row in table.ASKS:
            same = [ask for ask in asks if (ask.key, ask.to, ask.request) == (row[0], row[8], row[2])]
            if same:
                same[0].indexes.append(row[6])  # the length of the answer chooses
            elif row[6] in self._used:
                asks.append(Ask(row, not table.GROUPS_OF[row[6]]))
        polls = []
        for row in table.POLLS:
            answers = [index for index in row[2] if index in self._used]
            if answers:
                polls.append(Poll(row, answers))
        self._asks = tuple(asks) + tuple(polls)
        self._sends = [[row, None, 0] for row in table.SENDS]
        self._open = None  # the Ask that waits for its answer
        self._flow = False
        self._quiet_until_ms = None
        self._pause_ms = 0

    def read(self, now_ms):
        """The newest Sample, None before the first frame. Never blocks."""
        return self._state.record()

    def take(self, now_ms, can_id, extended, data):
        """Enter a frame (data: bytes) that arrived at now_ms. True when it carried something for this BMS."""
        key = key_of(can_id, extended)
        used = False
        for index in self._routes.get(key, ()):
            mux = self.table.MUX[index]
            if mux is not None and (len(data) < mux[0][1] or raw_at(data, mux[0]) != mux[1]):
                continue
            broken = self.broken
            used = self._broadcast(now_ms, index, data) or used
            if self._open is not None and broken == self.broken and self._open.hears(index):
                self._answered(now_ms)
        if self._open is not None and key == self._open.answer:
            self._answer(now_ms, data)
            used = True
        return used

    def _broadcast(self, now_ms, index, data):
        counter = self.table.COUNTERS[index]
        if counter is not None and len(data) >= counter[1] and raw_at(data, counter) == self._counters[index]:
            self.repeated += 1
            return False
        for event in self._events:
            self._forget(now_ms, index, event)
        result = decode_message(self.table, index, data, self._state.slots)
        if result is None:
            self.broken += 1
            return False
        if counter is not None:
            self._counters[index] = raw_at(data, counter)
        self.taken += 1
        self._state.enter(now_ms, index, result)
        return True

    def _forget(self, now_ms, index, event):
        """An alarm that is only told while it lasts is over when its message has not come for a while.
        event: its row (message, slot of its alarms, ms) and when it came last, or None."""
        message, slot, hold_ms = event["row"]
        at_ms = event["at_ms"]
        if message == index:
            event["at_ms"] = now_ms
        elif at_ms is not None and now_ms - at_ms > hold_ms:
            event["at_ms"] = None
            self._state.slots[slot] = 0

    def _answer(self, now_ms, data):
        ask = self._open
        verdict = ask.receiver.take(now_ms, data)
        if verdict == FLOW:
            self._flow = True
        elif verdict == BROKEN:
            self.failed(now_ms, BAD_REPLY)
        elif verdict == DONE:
            payload = ask.receiver.payload
            if payload[:1] == b"\x7f" and len(payload) == 3 and payload[1] == ask.request[0]:
                if payload[2] != 0x78:  # 78: the answer will come later
                    self.failed(now_ms, EXCEPTION + payload[2])
                return
            head = len(ask.prefix)
            result = None
            index = None
            for index in ask.indexes if payload[:head] == ask.prefix else ():
                result = decode_message(self.table, index, payload[head:], self._state.slots)
                if result is not None:
                    break
            if result is None:
                self.failed(now_ms, BAD_REPLY)
                return
            self.taken += 1
            self._answered(now_ms)
            self._state.enter(now_ms, index, result)

    def _answered(self, now_ms):
        self.last_failure = 0
        self._pause_ms = 0
        self._close(now_ms, GAP_MS)

    def _close(self, now_ms, rest_ms):
        """The open question is over; the next one not before rest_ms."""
        ask = self._open
        self._open = None
        self._flow = False
        self._quiet_until_ms = now_ms + rest_ms
        ask.due_ms = max(ask.due_ms + ask.period_ms, now_ms)

    def failed(self, now_ms, reason):
        """The open question was not answered; reason: a code of bms_bridge.modbus. An exception costs
        only its own message; anything else makes the questions rarer, at last one every 10 s, unless the
        question is only for information."""
        if self._open is None:
            return
        self.last_failure = reason
        if reason == BAD_REPLY:
            self.broken += 1
        if reason >= EXCEPTION:
            self._pause_ms = 0
        elif not self._open.extra:
            self._pause_ms = min(max(2 * self._pause_ms, BACKOFF_MIN_MS), BACKOFF_MAX_MS)
        self._close(now_ms, self._pause_ms or GAP_MS)

    def refused(self, now_ms):
        """The frame that next_frame gave last was refused by the gate."""
        self.failed(now_ms, REFUSED)

    def due_ms(self, now_ms):
        """When next_frame has something to say, monotonic ms; in the past: now."""
        if self._flow:
            return now_ms
        soonest = now_ms + IDLE_MS
        if self.sending:
            for _, due, _ in self._sends:
                soonest = min(soonest, now_ms if due is None else due)
        if self._open is not None:
            return min(soonest, self._open.expires_ms())
        due, _ = self._next_ask(now_ms)
        return min(soonest, due)

    def _next_ask(self, now_ms):
        """(when, Ask) of the question that has waited longest."""
        best = None
        best_ms = FAR_MS
        for ask in self._asks:
            if ask.due_ms is None:
                ask.due_ms = now_ms  # it waits from now on: the others do not starve it
            if ask.due_ms < best_ms:
                best = ask
                best_ms = ask.due_ms
        if self._quiet_until_ms is not None and best_ms < self._quiet_until_ms:
            best_ms = self._quiet_until_ms
        return best_ms, best

    def next_frame(self, now_ms):
        """(can_id, extended, data) that is due now, or None: flow control first, then what is sent in
        cycles, then the next question."""
        if self._open is not None and now_ms >= self._open.expires_ms():
            self.failed(now_ms, TIMEOUT)
        if self._flow:
            self._flow = False
            return _frame(self._open.key, flow_frame(self._open.flow, self._open.pad, 8, self._open.to))
        if self.sending:
            for send in self._sends:
                row, due, count = send
                if due is None or due <= now_ms:
                    late = due is None or due + row[1] <= now_ms
                    send[1] = now_ms + row[1] if late else due + row[1]
                    send[2] = count + 1
                    return _frame(row[0], with_sum(row[2][count % len(row[2])], row[4], count, row[5]))
        if self._open is not None:
            return None
        due, ask = self._next_ask(now_ms)
        if ask is None or due > now_ms:
            return None
        if ask.due_ms is None:
            ask.due_ms = now_ms
        self._open = ask
        return _frame(ask.key, ask.start(now_ms))

    def info(self):
        """{name: (value, monotonic ms when it came)} of what the device tells beyond its Sample, as far as it is
        known: its own capacity counter, for example. Information only: nothing that controls may rest on it."""
        found = {}
        for name, slot, index in self.table.INFOS:
            value = self._state.slots[slot]
            if value is not None:
                found[name] = (value, self._state.came_ms(index))
        return found

    def wanted(self):
        """Keys (bit 31: 29 bits) of every message that take can use: what a controller has to let through."""
        return sorted(set(self._routes) | set([ask.answer for ask in self._asks if ask.answer]))

    def gate_rules(self):
        """What the gate may let out for this device: (reads, sends) as TxGate of kind "can" wants them."""
        reads = []
        for ask in self._asks:
            reads.extend(ask.rules())
        sends = []
        for key, _, datas, mask, _, _ in self.table.SENDS:
            sends.extend([(key, data, mask) for data in datas])
        return tuple(reads), tuple(sends)


def _frame(key, data):
    return key & 0x1FFFFFFF, key >= EXTENDED, data


class Ask:
    """One diagnostic question of ASKS: (key of the request, key of the answer, request, prefix of the
    answer, flow control, filling byte, message index, period in ms, address byte of the request, of the
    answer). extra: nothing but information hangs on it."""

    def __init__(self, row, extra):
        self.key, self.answer, self.request, self.prefix, self.flow, self.pad, index = row[:7]
        self.indexes = [index]
        self.extra = extra
        self.period_ms, self.to, back = row[7:]
        self.receiver = Receiver(self.flow, LIMIT, back)
        self.expires_ms = self.receiver.expires_ms
        self.due_ms = None

    def start(self, now_ms):
        """Ask: the data of the frame; the wait for the answer begins at now_ms."""
        self.receiver.start(now_ms)
        return single_frame(self.request, self.pad, 8, self.to)

    def hears(self, index):
        """No frame that comes by itself is its answer."""
        return False

    def rules(self):
        """What the gate has to let out."""
        start = bytes((len(self.request),)) + self.request
        to = (self.to,) if self.to else ()
        return [(self.key, start) + to, (self.key, self.flow) + to]


class Poll:
    """One question of POLLS, asked by its identifier alone: (key, period in ms, messages that answer).
    answers: those of them that are waited for."""

    answer = None  # no segmented answer
    extra = False

    def __init__(self, row, answers):
        self.key, self.period_ms = row[:2]
        self.due_ms = None
        self._answers = answers
        self._left = []
        self._until_ms = 0

    def start(self, now_ms):
        """Ask: the data of the frame; the wait for the answers begins at now_ms."""
        self._left = list(self._answers)
        self._until_ms = now_ms + TIMEOUT_MS + 1
        return bytes(8)

    def expires_ms(self):
        """From this time on the answers have been missing for too long, monotonic ms."""
        return self._until_ms

    def hears(self, index):
        """Message index came. True when it was the last one that was waited for."""
        if index in self._left:
            self._left.remove(index)
            return not self._left
        return False

    def rules(self):
        """What the gate has to let out."""
        return [(self.key, None)]
