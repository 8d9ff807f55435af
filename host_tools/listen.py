# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What passes on a CAN bus, decoded by a profile without sending anything.

Broadcast frames are decoded as the product decodes them. Diagnostic answers are decoded too when somebody
else on the bus (a tester, the car) asks the profile's questions: the log then holds both sides.
"""

from bms_bridge.can_decode import EXTENDED, decode_message, raw_at, sum_is_good
from bms_bridge.decode import Assembler
from bms_bridge.isotp import DONE, Receiver
from edge.core.records import GROUPS, QUALITY, Sample
from edge.core.validate import stale_after_ms

LISTS = {7: "cell_mv", 8: "temp_mc"}
# Field of Sample -> its group; what is not here is no signal.
GROUP_OF = {1: 0, 2: 1, 3: 2, 4: 2, 5: 2, 6: 2, 7: 3, 8: 4, 9: 5, 10: 5, 11: 6, 12: 6, 13: 6, 14: 7}
_FLOW = b"\x30\x00\x00"


def key_of(frame):
    """One number for the identifier of a frame, as tables have it."""
    return frame.can_id | EXTENDED if frame.extended else frame.can_id


class Heard:
    """What became of the frames of one message of the table."""

    def __init__(self):
        self.count = self.short = self.unsummed = 0
        self.first_us = self.last_us = None

    def period_ms(self):
        """Mean time between two, None before the second."""
        if self.count < 2:
            return None
        return (self.last_us - self.first_us) / 1000.0 / (self.count - 1)


class Listener:
    """A device that is only overheard. table: one with BUS "can"."""

    def __init__(self, table):
        self.table = table
        self.state = Assembler(table)
        self.heard = [Heard() for _ in table.BLOCKS]
        self.now_us = 0
        self.implausible = [0] * len(table.BLOCKS)  # frames with a value outside its range
        self._marks = [None] * len(table.BLOCKS)
        self._routes = {}
        self._answers = {}
        for index, row in enumerate(table.BLOCKS):
            if row[1] != 1:
                self._routes.setdefault(row[0], []).append(index)
        for row in table.ASKS:
            self._answers.setdefault(row[1], Receiver(_FLOW, address=row[9]))
        self._blocks_of = blocks_of_slots(table)

    def take(self, frame):
        """Enter a frame; True when the profile has a message with its identifier."""
        self.now_us = max(self.now_us, frame.ts_us)
        key = key_of(frame)
        known = False
        for index in self._routes.get(key, ()):
            mux = self.table.MUX[index]
            if mux is None or (len(frame.data) >= mux[0][1] and raw_at(frame.data, mux[0]) == mux[1]):
                self._enter(index, frame, frame.data)
                known = True
        receiver = self._answers.get(key)
        if receiver is not None and receiver.take(frame.ts_us // 1000, frame.data) == DONE:
            self._answer(key, frame, receiver.payload)
        return known or receiver is not None

    def _answer(self, key, frame, payload):
        """Of several messages that answer one question, its length chooses."""
        rows = [row for row in self.table.ASKS if row[1] == key and payload[: len(row[3])] == row[3]]
        sizes = self.table.SIZES
        fits = [row for row in rows if sizes[row[6]][0] <= len(payload) - len(row[3]) <= sizes[row[6]][1]]
        for row in fits or rows[:1]:
            self._enter(row[6], frame, payload[len(row[3]) :])

    def _enter(self, index, frame, data):
        heard = self.heard[index]
        result = decode_message(self.table, index, data, self.state.slots)
        if result is None:
            least, most = self.table.SIZES[index]
            if least <= len(data) <= most and not sum_is_good(self.table.SUMS[index], data):
                heard.unsummed += 1
            else:
                heard.short += 1
            return
        heard.count += 1
        heard.first_us = frame.ts_us if heard.first_us is None else heard.first_us
        heard.last_us = frame.ts_us
        self._marks[index] = result[0]
        self.implausible[index] += max(result[0]) == QUALITY.index("implausible")
        self.state.enter(frame.ts_us // 1000, index, result)

    def signals(self):
        """[Signal as a dict] of everything the profile provides, in the order of Sample.

        name, value (integer, list, None), quality, age_ms (None: never came), blocks. In lists None stands
        for a place that is not known.
        """
        found = []
        for slot, blocks in sorted(self._blocks_of.items()):
            name = Sample._fields[slot]
            value = self._value(slot)
            ages = [None if self.heard[i].last_us is None else self.now_us - self.heard[i].last_us for i in blocks]
            age_ms = None if None in ages else max(ages) // 1000
            row = {"name": name, "value": value, "quality": self._quality(slot, value, ages), "age_ms": age_ms}
            row["group"] = GROUPS[GROUP_OF[slot]]
            found.append(row)
        return found

    def _value(self, slot):
        slots = self.state.slots
        if slot not in LISTS:
            return slots[slot]
        parts = dict(self.table.SLOTS_OF[GROUP_OF[slot]]).get(slot) or (slot,)
        places = part_sizes(self.table, slot)
        return [value for part in parts for value in (slots[part] or (None,) * places[part])]

    def _quality(self, slot, value, ages):
        if None in ages:
            return "missing"
        period_ms = max(self.table.BLOCKS[index][3] for index in self._blocks_of[slot])
        if max(ages) > 1000 * stale_after_ms(period_ms):
            return "stale"
        if value is None or (slot in LISTS and None in value):
            codes = [self._marks[index][GROUP_OF[slot]] for index in self._blocks_of[slot]]
            return QUALITY[max(codes)] if max(codes) else "sentinel"
        return "ok"


def blocks_of_slots(table):
    """{slot of Sample: [messages that it is made of]} of the signals of a CAN table."""
    found = {}
    parts_of = {}
    for rows in table.SLOTS_OF:
        for slot, parts in rows:
            found.setdefault(slot, set())
            for part in parts or (slot,):
                parts_of.setdefault(part, set()).add(slot)
    for index in range(len(table.BLOCKS)):
        direct = [row[0] for row in table.FIELDS[index]] + [row[0] for row in table.ARRAYS[index]]
        if table.BITS[index] is not None:
            direct.append(table.BITS[index][0])
        for row in table.DERIVED[index]:
            target, a = row[1:3]
            uses = a if isinstance(a, tuple) else (a,)
            if any(slot in direct for slot in uses):
                direct.append(target)
        for slot in direct:
            for whole in parts_of.get(slot, ()):
                found[whole].add(index)
    return {slot: sorted(blocks) for slot, blocks in found.items() if blocks and slot in GROUP_OF}


def part_sizes(table, slot):
    """{slot of a part: how many values} of the list slot."""
    sizes = {}
    for rows, shapes in zip(table.ARRAYS, table.SHAPES):
        for row, shape in zip(rows, shapes):
            if shape[0] == slot:
                sizes[row[0]] = shape[5]
    return sizes
