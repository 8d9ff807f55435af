# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A module of digital inputs on Modbus: the Device port of the safety inputs.

A safety loop is wired normally closed: current flows through it while all is quiet, its input is on. Open, broken or
without supply, it is off, which is active. An auxiliary contact is on while its contactor is closed. What a silent
module said last grows old, and whoever reads it sees by at_ms that nobody knows any more.
"""

from bms_bridge.reader import Reader
from edge.core.records import Inputs

LOOPS = ("estop", "smoke", "insulation", "door")


def bits_of(function, data, count):
    """count bits as a list of bool. data: coils packed lowest bit first (functions 1, 2), or registers, the lowest
    bit of the first register first."""
    if function <= 2:
        return [data[i >> 3] >> (i & 7) & 1 == 1 for i in range(count)]
    return [data[(i >> 4) * 2 + (1 - (i >> 3 & 1))] >> (i & 7) & 1 == 1 for i in range(count)]


class Points:
    """What the Reader of a digital module fills: the newest bits of every block, and when they came."""

    def __init__(self, table):
        self.table = table
        self.data = [None] * len(table.BLOCKS)
        self.at_ms = [None] * len(table.BLOCKS)

    def take(self, now_ms, index, data):
        """Enter the data (bytes) of block index; False when its length is wrong."""
        if len(data) != self.table.SIZES[index]:
            return False
        self.data[index] = data
        self.at_ms[index] = now_ms
        return True

    def is_void(self, index):
        """Nothing here says that another device answers."""
        return False

    def bits(self, index):
        """Bits of block index, or None before it came."""
        row = self.table.BLOCKS[index]
        return None if self.data[index] is None else bits_of(row[0], self.data[index], row[2])


class InputModule:
    """Device port. settings: section "inputs" of the site with {loop}_input; contacts: the settings' feedback_input
    per pack, None where a pack has none. What is not wired is quiet, a contact that is not wired is not known."""

    def __init__(self, table, settings, contacts):
        self.name = settings["id"]
        self.unit = settings["unit"]
        self._loops = [self._place(table, settings.get(name + "_input")) for name in LOOPS]
        self._contacts = [self._place(table, number) for number in contacts]
        self._points = Points(table)
        self.reader = Reader(table, self.unit, self._points, {})
        self.plan = self.reader.plan
        self.due_ms = self.reader.due_ms
        self.next_request = self.reader.next_request
        self.reply = self.reader.reply
        self.failed = self.reader.failed

    def _place(self, table, number):
        return None if number is None else number - table.FIRST

    def read(self, now_ms):
        """The newest Inputs, None before the first answer. Never blocks."""
        bits = self._points.bits(0)
        if bits is None:
            return None
        told = [place is not None and not bits[place] for place in self._loops]
        closed = tuple([None if place is None else bits[place] for place in self._contacts])
        return Inputs(self._points.at_ms[0], told[0], told[1], told[2], told[3], closed)

    def gate_rules(self):
        """What the gate may let out for this device: (reads, writes) as TxGate wants them."""
        return self.reader.rules(), ()
