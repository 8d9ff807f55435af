# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a device holds of what was written: the raw values in a write, and the blocks that show them."""

from struct import pack_into, unpack_from

from bms_bridge.decode import Assembler, signed_word
from edge.core.tx_gate import FLOAT, SETPOINT_MW, signed_float

# Meaning of a register that says how the PCS works: num on its own, den to charge, rated to discharge with its limits.
MODES = 10


class Readback(Assembler):
    """An Assembler that shows every whole block to seen(now_ms, index, data) before it is decoded."""

    def __init__(self, table, rated, seen):
        Assembler.__init__(self, table, rated)
        self._seen = seen

    def take(self, now_ms, index, data):
        """Enter the data (bytes) of block index that arrived at now_ms; False when its length is wrong."""
        good = Assembler.take(self, now_ms, index, data)
        if good:
            self._seen(now_ms, index, data)
        return good


def get_raw(data, field):
    """Raw value of field (row of a write: offset, ..., form) in data (bytes); None for a float32 that is no whole
    number. Only a float32 and what may be an order (is_end, SETPOINT_MW) has a sign."""
    at = 2 * field[0]
    if len(field) < 6:
        raw = signed_word(data, at)
        return raw if is_end(field) or field[1] == SETPOINT_MW else raw & 0xFFFF
    high, low = unpack_from(">HH", data, at)
    return signed_float(high << 16 | low if field[5] == FLOAT else low << 16 | high)


def is_end(field):
    """True for a limit that is one end of a window: below zero it orders the other direction (SunSpec 124)."""
    return field[4] > 1 and field[1] != MODES


def put_raw(data, field, raw):
    """Enter raw (integer, a float32 of a size below 2^23) into data (bytearray) where field says."""
    if len(field) < 6:
        pack_into(">H", data, 2 * field[0], raw & 0xFFFF)
        return
    bits = 0
    sign = raw < 0
    if raw:
        raw = abs(raw)
        shift = 0
        while raw << shift < 0x800000:
            shift += 1
        bits = sign << 31 | (150 - shift) << 23 | raw << shift & 0x7FFFFF
    high, low = bits >> 16, bits & 0xFFFF
    if field[5] != FLOAT:
        high, low = low, high
    pack_into(">HH", data, 2 * field[0], high, low)
