# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Bytes of CAN frames and of diagnostic answers become values, by table. Pure, on both runtimes.

A block of a CAN table is one message: a frame that the device sends by itself (one value of its
multiplexer, if it has one) or one diagnostic answer without its header. Slots, groups and qualities
are those of bms_bridge.decode.

A place says where a raw number lies: (first byte, byte behind the last, 1 for little-endian, shift,
mask, sign bit or 0).
"""

from struct import unpack_from

from bms_bridge import crc
from edge.core.records import IMPLAUSIBLE, OK, SENTINEL

EXTENDED = 0x80000000  # in a key: the identifier has 29 bits

# Rows of DERIVED
QUOTIENT = 2  # target (mA) = a (W) * mul // b (mV)
ANY = 3  # target = all bits of the slots in a, and of those in b, which come only when there is something to say
HIGHEST = 4  # target = highest of list a
LOWEST = 5
MAGNITUDE = 6  # target = a without its sign
LEAST = 7  # target = lowest of the slots in a; the first must be known, the others may say nothing


def raw_at(data, place):
    """The raw integer at place of data (bytes)."""
    first, last, little, shift, mask, sign = place
    if last - first == 1:
        raw = data[first] >> shift & mask
    else:
        raw = int.from_bytes(data[first:last], "little" if little else "big") >> shift & mask
    return raw - mask - 1 if raw & sign else raw


def sum_of(row, data):
    """Checksum that row of SUMS wants over data; see sum_is_good."""
    name, _, first, last, init, xor, magic, count = row
    part = bytes(data[first:last])
    if magic:
        part += bytes((magic[raw_at(data, count)],))
    return crc.check(name, part, init, xor)


def sum_is_good(row, data):
    """True when data holds the checksum that row says. row: (name, place of the sum, first byte, byte
    behind the last, init, xor, magic bytes by counter or (), place of that counter or None)."""
    return raw_at(data, row[1]) == sum_of(row, data)


def decode_message(table, index, data, slots):
    """Decode data (bytes) of message index into slots; (quality, void) as decode_block gives it.

    None, and slots untouched, when the length or the checksum is wrong.
    """
    least, most = table.SIZES[index]
    if not least <= len(data) <= most:
        return None
    row = table.SUMS[index]
    if row is not None and not sum_is_good(row, data):
        return None
    quality = [OK] * 9  # the last for signals that may be missing
    void = 0
    for place, value, groups in table.CHECKS[index]:
        if raw_at(data, place) != value:
            void |= groups
    for slot, place, mul, div, add, low, high, unknown, groups in table.FIELDS[index]:
        raw = raw_at(data, place)
        if low <= raw <= high and raw not in unknown:
            slots[slot] = raw * mul // div + add
        else:
            slots[slot] = None
            _worse(quality, groups, SENTINEL if raw in unknown else IMPLAUSIBLE)
    for row in table.ARRAYS[index]:
        slots[row[0]] = _decode_array(row, data, quality)
    bits = table.BITS[index]
    if bits is not None:
        slots[bits[0]] = _decode_alarms(bits, data)
    for row in table.DERIVED[index]:
        _derive(row, slots)
    return quality, void


def _worse(quality, groups, code):
    for group in groups:
        if code > quality[group]:
            quality[group] = code


def array_form(offset, code, stride, count, little):
    """Format for struct: count values of letter code from byte offset, one every stride bytes."""
    gap = stride - {"B": 1, "H": 2, "I": 4}[code.upper()]
    form = "<" if little else ">"
    if offset:
        form += "%dx" % offset
    if gap:
        return form + (code + "%dx" % gap) * (count - 1) + (code if count else "")
    return form + ("%d%s" % (count, code) if count else "")


def _decode_array(row, data, quality):
    """One run of equal signals; a place without its bit in the presence mask is None."""
    _, form, mul, div, add, low, high, unknown, groups, present = row
    raws = unpack_from(form, data, 0)
    values = []
    for number, raw in enumerate(raws):
        if present is not None and not _is_present(present, data, number):
            values.append(None)
            _worse(quality, groups, SENTINEL)
        elif low <= raw <= high and raw not in unknown:
            values.append(raw * mul // div + add)
        else:
            values.append(None)
            _worse(quality, groups, SENTINEL if raw in unknown else IMPLAUSIBLE)
    if present is not None and len(present) > 2:  # the device sees more than the site says
        for number in range(len(raws), present[2]):
            if _is_present(present, data, number):
                _worse(quality, groups, IMPLAUSIBLE)
    return tuple(values)


def _is_present(present, data, number):
    first, highest_first = present[:2]
    bit = number & 7
    return data[first + (number >> 3)] & (0x80 >> bit if highest_first else 1 << bit)


def _decode_alarms(bits, data):
    """Alarm bits and compared numbers as bits of Evt1. Raw numbers outside low..high are the alarm."""
    _, stray, rows, limits = bits
    alarms = 0
    for place, flip, known, pairs in rows:
        byte = data[place] ^ flip
        for mask, alarm in pairs:
            if byte & mask:
                alarms |= alarm
        if byte & ~known & 0xFF:
            alarms |= stray
    for place, low, high, alarm in limits:
        if not low <= raw_at(data, place) <= high:
            alarms |= alarm
    return alarms


def _derive(row, slots):
    kind, target, a, b, mul = row
    if kind == QUOTIENT:
        watts = slots[a]
        mv = slots[b]
        slots[target] = watts * mul // mv if watts is not None and mv else None
    elif kind == ANY:
        slots[target] = _any([slots[slot] for slot in a], [slots[slot] for slot in b])
    elif kind == MAGNITUDE:
        slots[target] = None if slots[a] is None else abs(slots[a])
    elif kind == LEAST:
        known = [slots[slot] for slot in a if slots[slot] is not None]
        slots[target] = None if slots[a[0]] is None else min(known)
    else:
        values = []
        for slot in a:
            values.extend((None,) if slots[slot] is None else slots[slot])
        if not values or None in values:
            slots[target] = None
        else:
            slots[target] = max(values) if kind == HIGHEST else min(values)


def _any(parts, events):
    """Bits of all parts and events; None when nothing is set and a part is not known."""
    alarms = 0
    for part in parts + events:
        alarms |= part or 0
    return None if alarms == 0 and None in parts else alarms


_NAMES = (
    "NAME KIND BLOCKS MUX SIZES SUMS COUNTERS CHECKS FIELDS BITS DERIVED RATED SLOTS SLOTS_OF ASKS SENDS PERIODS_MS "
    "EVENTS POLLS INFOS"
).split()


def at_address(table, unit):
    """table with the identifiers of the device whose address is unit; table itself when its profile knows no
    addresses, or unit is None or the address that the profile is written for."""
    row = getattr(table, "ADDRESS", None)
    if row is None or unit is None or unit == row[0]:
        return table
    return _Addressed(table, unit - row[0])


class _Addressed:
    """A table, its identifiers moved by away addresses. Everything else is the table's."""

    def __init__(self, table, away):
        for name in dir(table):
            if name[0] != "_":
                setattr(self, name, getattr(table, name))
        step, ask, send = [away * number for number in table.ADDRESS[2:]]
        self.BLOCKS = tuple([(row[0] + step,) + tuple(row[1:]) for row in table.BLOCKS])
        self.ASKS = tuple([(row[0] + ask, row[1] + step) + tuple(row[2:]) for row in table.ASKS])
        self.POLLS = tuple([(row[0] + ask,) + tuple(row[1:]) for row in table.POLLS])
        self.SENDS = tuple([(row[0] + send,) + tuple(row[1:]) for row in table.SENDS])


class NarrowCan:
    """A CAN table as it looks to a pack with fewer cells or temperature sensors than the table has
    places for; the first ones count. A message without any of them left is not waited for."""

    def __init__(self, table, cells, temps):
        for name in _NAMES:
            setattr(self, name, getattr(table, name, ()))
        lengths = {7: cells, 8: temps}
        self.LISTS = tuple([(slot, min(length, lengths[slot])) for slot, length in table.LISTS])
        self.CELLS = min(cells, table.CELLS)
        self.TEMPS = min(temps, table.TEMPS)
        arrays = []
        empty = []  # (message, group) of lists that have nothing left there
        bare = []
        for index, rows in enumerate(table.ARRAYS):
            kept = []
            places = {}
            for row, shape in zip(rows, table.SHAPES[index]):
                target, offset, code, stride, first, whole, little = shape
                count = max(0, min(whole, lengths[target] - first))
                places[target] = places.get(target, 0) + count
                if count == 0:
                    bare.append(row[0])
                present = row[-1] if row[-1] is None else row[-1] + (whole,)
                kept.append((row[0], array_form(offset, code, stride, count, little)) + row[2:-1] + (present,))
            arrays.append(tuple(kept))
            empty.extend([(index, target - 4) for target in places if places[target] == 0])
        self.ARRAYS = tuple(arrays)
        self.EMPTY = tuple(bare)
        groups = range(len(table.BLOCKS_OF))
        self.BLOCKS_OF = tuple([tuple([i for i in table.BLOCKS_OF[g] if (i, g) not in empty]) for g in groups])
        self.GROUPS_OF = tuple(
            [tuple([g for g in row if (index, g) not in empty]) for index, row in enumerate(table.GROUPS_OF)]
        )
