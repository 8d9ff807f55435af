# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The inverse of decode: a record becomes the bytes that the device would answer. Same profile.

The simulated device answers with it. A value that the record does not know becomes the device's own
mark for unknown, or, where it has none, a raw value outside the signal's range. What only this
direction needs lies in a second table, tables/_<name>, so that a board does not carry it.
"""

from struct import pack, unpack

from bms_bridge.decode import FLOAT, FLOAT_SWAPPED, PRESENT, SIGN_OF, TEXT


def inverse(table):
    """The inverse table that belongs to table; imported on first use and kept with it."""
    try:
        return table.INVERSE
    except AttributeError:
        name = "_" + table.NAME
        table.INVERSE = __import__("bms_bridge.tables." + name, None, None, (name,))
        return table.INVERSE


def served(table):
    """Registers that the device answers and that are never polled (identification and the like):
    ((function, address, (register, ...)), ...)."""
    return inverse(table).SERVED


def encode_block(table, index, sample, power_w=0):
    """Data bytes of block index (registers big-endian, coils packed LSB first) that say sample.

    sample: the record of the table's kind. power_w: rated power of a PCS, which the percentages of
    its limits refer to (others: not used). Values are rounded to the nearest step of the device and
    held inside the range of its type; alarms that the device cannot say become its collective alarm.
    """
    back = inverse(table)
    if getattr(table, "BUS", "modbus") == "serial":
        from bms_bridge.serial_encode import encode_answer

        return encode_answer(table, back, index, sample)
    slots = _slots(table, index, sample, power_w)
    bits = table.BITS[index]
    if table.BLOCKS[index][0] <= 2:
        data = bytearray(back.TEMPLATES[index])
    else:
        registers = list(back.TEMPLATES[index])
        for row in back.FIELDS[index]:
            _encode_field(row, slots, registers)
        for row in back.ARRAYS[index]:
            _encode_array(row, slots, registers)
        for row in table.ENUMS[index]:
            _encode_enum(row, slots, registers)
        for block, _, register in getattr(table, "COUNTS", ()):
            if block == index:
                registers[register] = len(sample.cell_mv)
        data = pack(back.PACKS[index], *registers)
        if bits is None:
            return data
        data = bytearray(data)
    if bits is not None:
        _encode_bits(bits, slots, data)
    return bytes(data)


def encode_all(table, sample, power_w=0):
    """The data bytes of every block of table, a list in the order of table.BLOCKS."""
    return [encode_block(table, index, sample, power_w) for index in range(len(table.BLOCKS))]


def _slots(table, index, sample, power_w):
    """Every value by slot: the record's own, and the scratch places worked out backwards."""
    derived = table.DERIVED[index]
    if not derived or derived[0][0] == TEXT:
        return sample
    slots = list(sample)
    slots.extend([None] * (table.SLOTS - len(slots)))
    if table.RATED is not None:
        slots[table.RATED[0]] = power_w
    for row in derived:
        kind, target, a, b = row[:4]
        mul, div = row[-2:]
        value = slots[target]
        if kind == PRESENT:
            slots[a] = sum([1 << place for place, item in enumerate(value) if item is not None])
        elif value is None:
            slots[a] = None
        elif kind == SIGN_OF:
            slots[a] = abs(value)
        elif kind >= FLOAT:
            bits = unpack(">I", pack(">f", value * div / mul))[0]
            slots[a] = (bits & 0xFFFF) << 16 | bits >> 16 if kind == FLOAT_SWAPPED else bits
        else:
            slots[a] = _nearest(value * div, slots[b] * mul) if slots[b] else 0
    return slots


def _nearest(num, den):
    """num / den rounded to the nearest integer, halves up."""
    if den < 0:
        num, den = -num, -den
    return (2 * num + den) // (2 * den)


def _encode_field(row, slots, registers):
    slot, mul, div, add, place, words, blank, floor, ceiling = row
    value = slots[slot]
    if value is None:
        raw = blank
    else:
        value -= add
        raw = value if mul == 1 and div == 1 else _nearest(value * div, mul)
        raw = floor if raw < floor else ceiling if raw > ceiling else raw
    if words == 1:
        registers[place] = raw & 0xFFFF
    elif words < 1:  # a byte: the low or the high one
        keep = registers[place]
        registers[place] = keep & 0xFF00 | raw & 0xFF if words else raw << 8 & 0xFF00 | keep & 0xFF
    else:
        registers[place] = raw >> 16 & 0xFFFF
        registers[place + 1] = raw & 0xFFFF


def _encode_array(row, slots, registers):
    slot, mul, div, add, place, stride, first, count, blank, floor, ceiling = row
    values = slots[slot]
    if count != len(values):
        values = values[first : first + count]  # a pack may have fewer cells than the device can read
        if not values:
            return
    plain = mul == 1 and div == 1 and not add and floor == 0
    if plain and None not in values and min(values) >= 0 and max(values) <= ceiling:
        raws = values
    else:
        raws = []
        for value in values:
            if value is None:
                raws.append(blank & 0xFFFF)
                continue
            raw = _nearest((value - add) * div, mul)
            raws.append((floor if raw < floor else ceiling if raw > ceiling else raw) & 0xFFFF)
    if stride == 1:
        registers[place : place + len(raws)] = raws
        return
    for raw in raws:
        registers[place] = raw
        place += stride


def _encode_enum(row, slots, registers):
    slot, _, offset, pairs, _ = row
    registers[offset >> 1] = 0xFFFF
    for code, value in pairs:
        if value == slots[slot]:
            registers[offset >> 1] = code & 0xFFFF
            return


def _encode_bits(bits, slots, data):
    slot, _, unknown, stray, rows = bits
    alarms = slots[slot]
    for place, _, _ in rows:
        data[place] = 0
    if alarms is None and unknown is not None:
        data[unknown[0] : unknown[1]] = unknown[2]
    elif alarms is None:
        say_any(rows, stray, data)  # a device without a mark for unknown: at least not "no alarm"
    elif alarms and set_bits(rows, alarms, data):
        say_any(rows, stray, data)


def say_any(rows, stray, data):
    """Say the collective alarm: by the first bit that means it, else by the first bit without a meaning."""
    if set_bits(rows, stray, data):
        for place, known, _ in rows:
            nameless = ~known & 0xFF
            if nameless:
                data[place] |= nameless & -nameless
                return


def set_bits(rows, alarms, data):
    """Set the first bit that stands for each alarm; returns the alarms that no bit stands for."""
    for place, _, pairs in rows:
        for mask, alarm in pairs:
            if alarms & alarm:
                data[place] |= mask
                alarms &= ~alarm
    return alarms
