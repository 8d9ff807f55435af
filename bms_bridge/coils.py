# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A module of relays on Modbus that pulls contactors: a polled device, and one Actuator port per contactor.

Nothing is closed before the module's own registers say that its outputs fall when nobody speaks to it: its watchdog is
set, its time suits the site, its safe and power-on values are off. When this controller dies, that is what opens.
"""

from bms_bridge.digital import Points
from bms_bridge.modbus import REFUSED
from bms_bridge.poll import Request
from bms_bridge.reader import Reader
from edge.core.coil_gate import CLOSE, PRECHARGE
from edge.core.tx_gate import CONTROL

OK = 0
FAULT_REFUSED = 1  # the gate did not take the command
FAULT_SILENT = 3  # the module has not answered for SILENT_MS: what it holds will fall
FAULT_WATCHDOG = 4  # the module's watchdog is not (or not yet) read back as it must be: nothing is closed

RETRY_MS = 200
AGAIN_MS = 50  # after the gate refused one: the command expired on the way
SILENT_MS = 3000  # three refreshes; far below the shortest time after which a module drops what it holds
REFRESH_MS = 1000  # a closed coil is written again: not every module counts a read as a sign of life

ON, OFF = b"\xff\x00", b"\x00\x00"


class OutputModule:
    """Device. settings: section "outputs" of the site. time_ms: (shortest, longest) time-out that the module may have.

    gate: the TxGate of its line, set by the start-up file; without one, or below CONTROL, nothing is ever written.
    """

    def __init__(self, table, settings, time_ms):
        self.table = table
        self.name = settings["id"]
        self.unit = settings["unit"]
        self.gate = None
        self.writes = 0
        self._time_ms = time_ms
        self._points = Points(table)
        self.reader = Reader(table, self.unit, self._points, {})
        self.plan = self.reader.plan
        self._rules = []
        self._heard_ms = None  # when it answered last
        count = table.POINTS
        self._want = [None] * count  # None: as it is
        self._until_ms = [None] * count  # a closed one is wanted until then
        self._held = [None] * count  # as acknowledged, or read back later
        self._sent_ms = [None] * count
        self._retry_ms = [None] * count

    def use(self, number, pack, what):
        """Output number (as printed) belongs to the contactor of pack; what: CLOSE or PRECHARGE. Returns its place."""
        place = number - self.table.FIRST
        self._rules.append((self.unit, 5, self.table.BLOCKS[0][1] + place, pack, what))
        return place

    def want(self, place, on, until_ms):
        """Output at place: 1 or 0; a 1 until until_ms, then 0 by itself."""
        self._want[place] = on
        self._until_ms[place] = until_ms

    def is_silent(self, now_ms):
        """True when it has not answered for SILENT_MS, or never."""
        return self._heard_ms is None or now_ms - self._heard_ms > SILENT_MS

    def falls_by_itself(self):
        """True when the module has said that it opens by itself, in time."""
        for block, what, value in self.table.WATCH:
            data = self._points.data[block]
            if data is None:
                return False
            if what == "time":
                if not self._time_ms[0] <= value * (data[0] << 8 | data[1]) <= self._time_ms[1]:
                    return False
            elif [bit for bit in self._points.bits(block) if bit != (value == 1)]:
                return False
        return True

    def _next_write(self, now_ms):
        """(place, value) of the write that is due now, opening before closing; None."""
        if self.gate is None or self.gate.mode != CONTROL:
            return None
        found = None
        for place in range(len(self._want)):
            on = self._want[place]
            if on is None:
                continue
            if on and now_ms > self._until_ms[place]:
                on = 0
            if on and not self.falls_by_itself():
                continue
            if self._retry_ms[place] is not None and now_ms < self._retry_ms[place]:
                continue
            if self._held[place] != on or (on and now_ms - self._sent_ms[place] >= REFRESH_MS):
                if not on:
                    return place, 0
                found = place, 1
        return found

    def due_ms(self, now_ms):
        """When the next request is due; a write that is waiting is due before any read."""
        if self._next_write(now_ms) is not None:
            return now_ms - 10000
        return self.reader.due_ms(now_ms)

    def next_request(self, now_ms):
        """The Request that is due now, or None: writes first, then reads."""
        write = self._next_write(now_ms)
        if write is None:
            return self.reader.next_request(now_ms)
        place, on = write
        return Request(self.unit, 5, self.table.BLOCKS[0][1] + place, 1, ON if on else OFF, -1 - place)

    def reply(self, now_ms, request, data):
        """Take the answer to request. False (and counted as a failure) when its length is wrong."""
        if request.index < 0:
            place = -1 - request.index
            self._heard_ms = now_ms
            self.writes += 1
            self._held[place] = 1 if request.data == ON else 0
            self._sent_ms[place] = now_ms
            self._retry_ms[place] = None
            return True
        good = self.reader.reply(now_ms, request, data)
        if good:
            self._heard_ms = now_ms
        if good and request.index == 0:
            bits = self._points.bits(0)
            for place in range(len(bits)):  # a relay that is not as it was told is told again
                if self._held[place] is not None:
                    self._held[place] = int(bits[place])
        return good

    def failed(self, now_ms, request, reason):
        """request was not answered; reason: a code of bms_bridge.modbus."""
        if request.index < 0:
            self._retry_ms[-1 - request.index] = now_ms + (AGAIN_MS if reason == REFUSED else RETRY_MS)
            return
        self.reader.failed(now_ms, request, reason)

    def read(self, now_ms):
        """Nothing: what its contacts do, the auxiliary contacts say."""

    def gate_rules(self):
        """What the gate may let out for this device: (reads, writes) as TxGate wants them."""
        return self.reader.rules(), tuple(self._rules)


class CoilContactor:
    """Actuator port of the contactor of pack `index`. own: section "contactor" of the pack. hold_ms: it opens when it
    was not renewed for so long. clock: Clock port."""

    def __init__(self, module, index, own, hold_ms, clock):
        self.module = module
        self.hold_ms = hold_ms
        self.clock = clock
        self._main = module.use(own["output"], index, CLOSE)
        second = None if own["precharge"] == "none" else own["precharge_output"]
        self._precharge = None if second is None else module.use(second, index, PRECHARGE)

    def apply(self, command):
        """Take what command says of the contactor; None leaves it as it is and renews nothing. Never raises."""
        if command.contactor is None:
            return OK
        now_ms = self.clock.now_ms()
        gate = self.module.gate
        if gate is None or not gate.permit_contactor(now_ms, command):
            return FAULT_REFUSED
        if self._precharge is not None:
            self.module.want(self._precharge, 1 if command.precharge == 1 else 0, command.valid_until_ms)
        self.module.want(self._main, 1 if command.contactor == 1 else 0, now_ms + self.hold_ms)
        if not command.contactor:
            return OK
        if self.module.is_silent(now_ms):
            return FAULT_SILENT
        return OK if self.module.falls_by_itself() else FAULT_WATCHDOG

    def zero(self):
        """Precharge off. The contactor itself falls when its hold ends: the PCS stops first, nothing is cut under
        load."""
        if self._precharge is not None:
            self.module.want(self._precharge, 0, None)
