# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The inverse of can_decode: a record becomes the frames that the device would send. Same profile.

The simulated device speaks with it. Values are rounded to the nearest step; what the record does not
know becomes the device's mark for unknown, or a raw value outside the range.
"""

from bms_bridge.can import put_raw, with_sum
from bms_bridge.can_decode import EXTENDED, LEAST, MAGNITUDE, QUOTIENT, raw_at
from bms_bridge.encode import inverse
from bms_bridge.isotp import segments, single_frame


def encode_message(table, index, sample, counter=0):
    """Data bytes of message index that say sample (a record, or a list of its values by slot).

    counter: what its counter shows, if it has one. Of a diagnostic answer: the data behind its header.
    """
    back = inverse(table)
    data = bytearray(back.TEMPLATES[index])
    for place, value, _ in table.CHECKS[index]:
        put_raw(data, place, value)
    if table.MUX[index] is not None:
        put_raw(data, *table.MUX[index])
    behind = _behind(table, index, sample)
    for row, blank in zip(table.FIELDS[index], back.FIELDS[index]):
        if row[0] >= 15 and row[0] not in behind:
            continue  # not in the record: what the template says
        value = behind[row[0]] if row[0] in behind else sample[row[0]]
        put_raw(data, row[1], _raw(value, row[2], row[3], row[4], row[7], blank))
    for row, shape, blank in zip(table.ARRAYS[index], table.SHAPES[index], back.ARRAYS[index]):
        _encode_array(data, row, shape, blank, sample)
    if table.BITS[index] is not None:
        _encode_alarms(data, table.BITS[index], sample[14])
    return bytes(with_sum(data, table.COUNTERS[index], counter, table.SUMS[index]))


def _behind(table, index, sample):
    """{scratch slot: value} of what stands behind a limit of the record: its power (W), the limit with the sign
    that the device sends (mul). Of several sources the first says it, the others say nothing."""
    found = {}
    rows = table.DERIVED[index]
    for k in range(len(rows) - 1, -1, -1):
        kind, target, a, b, mul = rows[k]
        value = found[target] if target in found else sample[target] if target < 15 else None
        if kind == LEAST:
            for slot in a:
                found[slot] = None
            found[a[0]] = value
        elif kind == MAGNITUDE:
            found[a] = None if value is None else mul * value
        elif kind == QUOTIENT:
            found[a] = None if value is None or sample[b] is None else _nearest(value * sample[b], mul)
    return found


def _nearest(num, den):
    """num / den rounded to the nearest integer, halves up."""
    if den < 0:
        num, den = -num, -den
    return (2 * num + den) // (2 * den)


def _raw(value, mul, div, add, unknown, blank):
    mark, floor, ceiling = blank
    if value is None:
        return mark
    while floor in unknown:
        floor += 1
    while ceiling in unknown:
        ceiling -= 1
    return max(floor, min(ceiling, _nearest((value - add) * div, mul)))


def _encode_array(data, row, shape, blank, sample):
    slot, offset, code, stride, first, count, little = shape
    width = {"B": 1, "H": 2, "I": 4}[code.upper()]
    values = (sample[slot] or ())[first : first + count]
    for number in range(count):
        value = values[number] if number < len(values) else None
        raw = _raw(value, row[2], row[3], row[4], row[7], blank)
        at = offset + number * stride
        put_raw(data, (at, at + width, little, 0, (1 << 8 * width) - 1, 0), raw)
        if row[9] is not None and value is not None:
            place, highest_first = row[9]
            data[place + (number >> 3)] |= 0x80 >> (number & 7) if highest_first else 1 << (number & 7)


def _encode_alarms(data, bits, alarms):
    """Set the first bit that stands for each alarm, or put the compared number outside its limits.

    What nothing stands for becomes the collective alarm if a bit says that; so does None.
    """
    _, stray, rows, limits = bits
    for place, flip, _, pairs in rows:
        for mask, _ in pairs:
            data[place] = data[place] & ~mask & 0xFF | flip & mask
    for place, low, high, _ in limits:
        if not low <= raw_at(data, place) <= high:
            put_raw(data, place, low)
    left = _say(data, rows, limits, stray if alarms is None else alarms)
    if left:
        _say(data, rows, limits, stray)


def _say(data, rows, limits, alarms):
    """Say alarms (bits); returns those that could not be said."""
    for place, flip, _, pairs in rows:
        for mask, alarm in pairs:
            if alarms & alarm:
                data[place] = data[place] & ~mask & 0xFF | ~flip & mask
                alarms &= ~alarm
    for place, low, high, alarm in limits:
        if alarms & alarm:
            put_raw(data, place, low - 1 if low > 0 else high + 1)
            alarms &= ~alarm
    return alarms


def encode_frames(table, sample, counter=0):
    """Every frame that the device sends by itself: [(can_id, extended, data), ...]."""
    frames = []
    for index, row in enumerate(table.BLOCKS):
        if row[1] == 0:
            data = encode_message(table, index, sample, counter)
            frames.append((row[0] & 0x1FFFFFFF, row[0] >= EXTENDED, data))
    return frames


class Responder:
    """The answering side of a simulated device: it answers the questions of a table.

    size: bytes of its frames, 8 or 64 (CAN FD). It obeys flow control (block size; gaps are not kept).
    """

    def __init__(self, table, size=8):
        self.table = table
        self._size = size
        self._left = []
        self._ask = None
        self._count = 0

    def take(self, can_id, extended, data, sample):
        """Frames to send now, [(can_id, extended, data), ...], for a frame that a tester sent."""
        key = can_id | EXTENDED if extended else can_id
        if self._ask is not None and key == self._ask[0]:
            head = len(self._ask[8])
            if data[:head] == self._ask[8] and len(data) > head and data[head] >> 4 == 3:
                count = data[head + 1] or len(self._left)
                now, self._left = self._left[:count], self._left[count:]
                return self._frames(now)
        for poll in self.table.POLLS:
            if key == poll[0]:
                return self._polled(poll[2], sample)
        for ask in self.table.ASKS:
            head = ask[8] + bytes((len(ask[2]),)) + ask[2]
            if key == ask[0] and bytes(data[: len(head)]) == head:
                answer = ask[3] + encode_message(self.table, ask[6], sample)
                frames = segments(answer, ask[5], self._size, ask[9])
                self._ask = ask
                self._left = frames[1:]
                return self._frames(frames[:1])
        for ask in self.table.ASKS:
            head = len(ask[8])
            if key == ask[0] and len(data) > head + 1 and data[:head] == ask[8] and data[head] >> 4 == 0:
                self._ask = ask
                self._left = []
                return self._frames([single_frame(bytes((0x7F, data[head + 1], 0x31)), ask[5], 8, ask[9])])
        return []

    def _polled(self, indexes, sample):
        """The frames that answer a question without data."""
        self._count += 1
        frames = []
        for index in indexes:
            key = self.table.BLOCKS[index][0]
            data = encode_message(self.table, index, sample, self._count)
            frames.append((key & 0x1FFFFFFF, key >= EXTENDED, data))
        return frames

    def _frames(self, frames):
        key = self._ask[1]
        return [(key & 0x1FFFFFFF, key >= EXTENDED, data) for data in frames]
