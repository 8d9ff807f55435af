# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One polled device that is only read: a BMS or an energy meter. The Device port, and the questions."""

from bms_bridge.decode import Assembler, Narrow
from bms_bridge.modbus import BAD_REPLY
from bms_bridge.poll import Plan, Request


class Bms:
    """Device port over a profile table. table: from bms_bridge.tables.load. unit: Modbus unit id.
    settings: the device's settings dict: "id" for texts; of a pack also "cells" and "temps", which may
    be fewer than the profile has places for.

    A transport asks next_request, sends it, and reports reply or failed; read gives the newest record.
    """

    def __init__(self, table, unit, settings):
        self.table = table
        self.unit = unit
        self.name = settings["id"]
        self.plan = Plan(table)
        self.last_failure = 0
        cells = settings.get("cells", table.CELLS)
        temps = settings.get("temps", table.TEMPS)
        if cells < table.CELLS or temps < table.TEMPS:
            table = Narrow(table, cells, temps)
        self._state = Assembler(table)

    def read(self, now_ms):
        """The newest record (Sample or MeterSample), None before the first answer. Never blocks.
        Its groups say how old it is; nothing happens to it when the device falls silent."""
        return self._state.record()

    def due_ms(self, now_ms):
        """When the next request is due, monotonic ms."""
        return self.plan.due_ms(now_ms)

    def next_request(self, now_ms):
        """The Request that is due now, or None."""
        index = self.plan.next_block(now_ms)
        if index is None:
            return None
        function, address, count, _, _ = self.table.BLOCKS[index]
        return Request(self.unit, function, address, count, None, index)

    def reply(self, now_ms, request, data):
        """Take the answer: data (bytes) of registers or coils. False (and counted as a failure) when
        its length is wrong."""
        if not self._state.take(now_ms, request.index, data):
            self.failed(now_ms, request, BAD_REPLY)
            return False
        self.last_failure = 0
        self.plan.answered(now_ms, request.index)
        return True

    def failed(self, now_ms, request, reason):
        """request was not answered; reason: a code of bms_bridge.modbus."""
        self.last_failure = reason
        self.plan.failed(now_ms, request.index, reason)

    def gate_rules(self):
        """What the gate may let out for this device: (reads, writes) as TxGate wants them."""
        return read_rules(self.table, self.unit), ()


def read_rules(table, unit):
    """One read rule per block: exactly that block, nothing around it."""
    return tuple([(unit, row[0], row[1], row[1] + row[2], row[2]) for row in table.BLOCKS])
