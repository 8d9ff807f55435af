# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The inverse of decode for serial tables: a record becomes the bytes that the device would answer."""

from struct import calcsize, pack_into

from bms_bridge.decode import TEXT
from bms_bridge.encode import say_any, set_bits
from bms_bridge.modbus import rtu_frame, write_pdu
from bms_bridge.serial_frames import fold, pylontech_frame


def encode_answer(table, back, index, sample):
    """Data of block index that says sample (the record of the table's kind), lists at full length: what
    unfold gives. back: the inverse table. Places that no field reads hold what a real device sent."""
    slots = list(sample)
    slots.extend([None] * (table.SLOTS - len(slots)))
    for row in table.DERIVED[index]:
        if row[0] == TEXT:
            continue
        _, target, factor, switch = row[:4]
        slots[factor] = slots[target]
        slots[switch] = 0 if slots[target] == 0 else 1
    data = bytearray(back.TEMPLATES[index])
    for slot, mul, div, add, form, place, blank, floor, ceiling in back.FIELDS[index]:
        pack_into(form, data, place, _raw(slots[slot], mul, div, add, blank, floor, ceiling))
    for slot, mul, div, add, form, places, blank, floor, ceiling in back.ARRAYS[index]:
        values = slots[slot]
        for k, place in enumerate(places):
            value = values[k] if k < len(values) else None
            pack_into(form, data, place, _raw(value, mul, div, add, blank, floor, ceiling))
    if table.FIXED[index] is not None:
        _encode_fixed(table.FIXED[index], slots, data)
    bits = table.BITS[index]
    if bits is not None:
        _encode_bits(bits, slots[bits[0]], data)
    return bytes(data)


def _raw(value, mul, div, add, blank, floor, ceiling):
    if value is None:
        return blank
    num, den = (value - add) * div, mul
    if den < 0:
        num, den = -num, -den
    raw = (2 * num + den) // (2 * den)
    return floor if raw < floor else ceiling if raw > ceiling else raw


def _encode_fixed(row, slots, data):
    """Constants, and the numbers of cells and sensors that the record has."""
    form, places = row
    at = 0
    number = ""
    rows = iter(places)
    for char in form[1:]:
        if char >= "0" and char <= "9":
            number += char
        elif char == "x":
            at += int(number)
            number = ""
        else:
            kind, value, _ = next(rows)
            if kind > 100:
                value = (1 << len(slots[kind - 100])) - 1
            elif kind:
                value = len(slots[kind])
            pack_into(form[0] + char, data, at, value)
            at += calcsize(form[0] + char)


def _encode_bits(bits, alarms, data):
    _, _, _, stray, rows = bits
    for place, _, _ in rows:
        data[place] = 0
    if set_bits(rows, stray if alarms is None else alarms, data):
        say_any(rows, stray, data)


def answer_frame(table, index, unit, data):
    """The whole answer on the wire for data (bytes, lists at full length) of block index."""
    return payload_frame(table, index, unit, fold(table.ANSWERS[index], data))


def payload_frame(table, index, unit, payload):
    """payload (bytes, as sent) of block index in its frame, with a good check."""
    command, _, frames, _, _ = table.BLOCKS[index]
    if table.FRAMING == "jbd":
        inner = bytes((0, len(payload))) + payload
        total = -sum(inner) & 0xFFFF
        return bytes((0xDD, command)) + inner + bytes((total >> 8, total & 0xFF, 0x77))
    if table.FRAMING == "pylontech":
        return pylontech_frame(unit, 0, payload)
    if table.FRAMING == "jk":
        payload = payload[:-1] + bytes((sum(payload[:-1]) & 0xFF,))
        request = rtu_frame(unit, write_pdu(command, b"\x00\x00"))
        return payload + rtu_frame(unit, request[1:6])
    return b"".join([_daly(unit, command, frames, k, payload) for k in range(frames)])


def _daly(unit, command, frames, k, payload):
    part = payload if frames == 1 else bytes((k + 1,)) + payload[7 * k : 7 * k + 7]
    frame = bytes((0xA5, unit, command, 8)) + part
    return frame + bytes((sum(frame) & 0xFF,))
