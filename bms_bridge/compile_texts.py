# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Texts of a profile (host only): the serial number, in a block of its own that is read every few minutes."""

from bms_bridge.decode import TEXT

PERIOD_MIN_MS = 60000
LENGTH_MOST = 64


def compile_texts(layout, spot, place):
    """Enter the texts of a profile into layout (of Modbus or of a serial protocol).

    place(index, cells, length) -> first byte of the text in the data of block index, claimed.
    """
    cells = spot.table(("serial",))["serial"].table(("block", "at", "length"), ("like",))
    index = layout.block(cells["block"])
    length = cells["length"].integer(4, LENGTH_MOST)
    first = place(index, cells, length)
    _alone(layout.masks[index], layout.blocks[index][4], cells["block"])
    like = cells["like"].text() if "like" in cells else None
    if like is not None and len(like) > length:
        raise cells["like"].wrong(f"longer than {length} bytes", "shorten it, or correct length")
    slot = layout.new_slot()
    layout.derived[index].append((TEXT, slot, first, first + length))
    layout.serial = (index, slot, first, first + length, like)


def _alone(mask, period_ms, spot):
    """A block with a text holds nothing else, and is read rarely: it waits until everything else has been asked."""
    if mask:
        raise spot.wrong("the block holds fields too", "a block of its own for the text")
    if period_ms < PERIOD_MIN_MS:
        raise spot.wrong(f"every {period_ms} ms", f"a text is read every {PERIOD_MIN_MS} ms at most")


def register_place(layout):
    """place() of compile_texts for blocks of registers."""

    def place(index, cells, length):
        at = cells["at"].integer(0, 65535)
        words = (length + 1) // 2
        layout.registers(index, cells["at"], at, at + words - 1)
        layout.claim(index, cells["at"], at, words, "serial")
        return 2 * at

    return place


def put_text(data, first, end, text):
    """Write text (str or None: not known) into bytes first to end of data (bytearray), filled with zeros."""
    raw = (text or "").encode()[: end - first]
    data[first:end] = raw + bytes(end - first - len(raw))


def say_serial(table, index, data, text):
    """data (bytes of block index) of a device that says text is its serial number; None: what the profile has."""
    if text is None or not hasattr(table, "SERIAL") or index != table.SERIAL[0]:
        return data
    data = bytearray(data)
    put_text(data, table.DERIVED[index][0][2], table.DERIVED[index][0][3], text)
    return bytes(data)


def served_text(layout, index, registers):
    """registers (list) of the template of block index with what a simulated device says of itself."""
    if layout.serial is None or layout.serial[0] != index or layout.serial[4] is None:
        return registers
    _, _, first, end, like = layout.serial
    data = bytearray(b"".join(bytes((word >> 8, word & 0xFF)) for word in registers))
    put_text(data, first, end, like)
    return [data[k] << 8 | data[k + 1] for k in range(0, len(data), 2)]
