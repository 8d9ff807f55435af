# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""From the YAML tree of a CAN profile to the rows of its table: messages, places of bits, fields, lists."""

import re

from bms_bridge.can_decode import ANY, EXTENDED, HIGHEST, LOWEST, MAGNITUDE, QUOTIENT, array_form
from bms_bridge.compile_can_rules import NUMBER, PLACE, least, leaves
from bms_bridge.compile_layout import FIELDS, LISTS, SIGNED, parse_unit
from bms_bridge.crc import NAMES as SUM_NAMES

NAMES = FIELDS["bms"]
GROUPS = ("pack", "current", "extremes", "cells", "temps", "state", "limits", "alarms")
ALARM_SLOT = 14
_LETTERS = {8: "B", 16: "H", 32: "I"}
_PLACE = PLACE
_FRAME_MAY = ("check", "counter", "mux", "event", "poll", "proves")
_NUMBER = NUMBER
_NUMBER_MAY = ("sign", "offset", "unknown", "optional", "over", "sent")


class Message:
    """One block: a frame that comes by itself, or a diagnostic answer (ask is its row for ASKS)."""

    def __init__(self, name, spot, key, size, period_ms):
        self.name = name
        self.spot = spot
        self.key = key
        self.least, self.most = size
        self.period_ms = period_ms
        self.ask = None
        self.to = self.back = b""  # address bytes of a question and of its answer
        self.poll = None  # identifier that asks for this frame
        self.event = False  # it comes only while an alarm lasts
        self.mux = self.sum = self.counter = None
        self.mask = 0
        self.used = {}
        self.checks, self.fields, self.blanks = [], [], []
        self.arrays, self.shapes, self.array_blanks = [], [], []
        self.bits = None
        self.derived = []


def hex_of(spot):
    """The bytes that a text of hexadecimal digits at spot says; blanks do not count."""
    try:
        return bytes.fromhex("".join(str(spot.value).split()))
    except ValueError:
        raise spot.wrong("not hexadecimal", "two digits per byte, between quotes") from None


class CanLayout:
    """Rows under construction for one CAN profile. top: its Spot."""

    def __init__(self, top):
        cells = top.value
        self.order = cells["order"].word(("little", "big")) if "order" in cells else None
        self.messages = []
        self.slots = {}
        self.slots_of = {}
        self.lengths = {}
        self.scratch = 15
        self.parts = {}  # list -> [(slot, message)]
        self.info = []  # (name, slot, message) of what is not in the record
        for name, row in cells["blocks"].table(free=True).items():
            self.messages.append(self._message(name, row))
        if not self.messages:
            raise cells["blocks"].wrong("no block", "name at least one frame or question")

    # ---- messages ------------------------------------------------------------------------------

    def _message(self, name, row):
        optional = ("extended",)
        if isinstance(row.value, dict) and "ask" in row.value:
            may = optional + ("flow", "pad", "to", "from")
            cells = row.table(("ask", "answer", "request", "length", "period_ms"), may)
        else:
            cells = row.table(("id", "length", "period_ms"), optional + _FRAME_MAY)
        period_ms = cells["period_ms"].integer(5, 600000)
        size = self._size(cells["length"], 4090 if "ask" in cells else 64)
        if "ask" in cells:
            message = Message(name, row, self.key(cells, "answer"), size, period_ms)
            message.ask = self._ask(cells, message.key)
            if "to" in cells or "from" in cells:
                if not ("to" in cells and "from" in cells):
                    raise row.wrong("one address byte is missing", "to: before a question, from: before an answer")
                message.to, message.back = [bytes((cells[key].integer(0, 255),)) for key in ("to", "from")]
            return message
        message = Message(name, row, self.key(cells, "id"), size, period_ms)
        message.event = "event" in cells and cells["event"].plain() is True
        if "poll" in cells:
            message.poll = self.key(cells, "poll")
        for item in cells["proves"].items() if "proves" in cells else ():
            message.mask |= 1 << GROUPS.index(item.word(GROUPS))
        if "mux" in cells:
            mux = cells["mux"].table(("at", "type", "value"), _PLACE)
            place, low, high = self.place(message, mux, "mux")
            message.mux = (place, mux["value"].integer(low, high))
        if "counter" in cells:
            counter = cells["counter"].table(("at", "type"), _PLACE)
            message.counter = self.place(message, counter, "counter")[0]
        if "check" in cells:
            message.sum = self.sum_row(message, cells["check"])
        return message

    def _size(self, spot, most):
        if isinstance(spot.value, list):
            ends = [item.integer(1, most) for item in spot.items()]
            if len(ends) != 2 or ends[0] > ends[1]:
                raise spot.wrong("a length has two ends", "write 8, or [6, 8]")
            return tuple(ends)
        length = spot.integer(1, most)
        return length, length

    def key(self, cells, name):
        """Identifier and its kind as one number."""
        extended = "extended" in cells and cells["extended"].plain() is True
        number = cells[name].integer(0, 0x1FFFFFFF if extended else 0x7FF)
        return number | EXTENDED if extended else number

    def _ask(self, cells, answer):
        request = hex_of(cells["request"])
        if not request or request[0] not in (0x21, 0x22) or len(request) != {0x21: 2, 0x22: 3}[request[0]]:
            mend = "21 xx (KWP) or 22 xx xx (UDS): nothing that changes the device is ever asked"
            raise cells["request"].wrong("not a question", mend)
        flow = hex_of(cells["flow"]) if "flow" in cells else b"\x30\x00\x00"
        if len(flow) != 3 or flow[0] != 0x30:
            raise cells["flow"].wrong("not a flow control", 'as in "30 00 05"')
        pad = cells["pad"].integer(0, 255) if "pad" in cells else 0
        prefix = bytes((request[0] | 0x40,)) + request[1:]
        return self.key(cells, "ask"), answer, request, prefix, flow, pad

    def sum_row(self, message, spot):
        """Row of SUMS: (name, place, first, last, init, xor, magic, place of the counter)."""
        cells = spot.table(("name", "at", "over"), ("init", "xor", "magic"))
        name = cells["name"].word(tuple(SUM_NAMES))
        at = cells["at"].integer(0, 63)
        size = SUM_NAMES[name][1]
        ends = [item.integer(0, 63) for item in cells["over"].items()]
        if len(ends) != 2 or ends[0] > ends[1] or ends[1] >= message.least or at + size > message.least:
            raise spot.wrong("the checksum lies outside the frame", "over: [first byte, last byte]")
        if ends[0] < at + size and at <= ends[1]:
            raise spot.wrong("a checksum does not cover itself", "over: the bytes without it")
        place = (at, at + size, 1, 0, 256**size - 1, 0)
        self.claim(message, spot, place, "check")
        values = [cells[key].integer(0, 255) if key in cells else 0 for key in ("init", "xor")]
        magic = tuple(item.integer(0, 255) for item in cells["magic"].items()) if "magic" in cells else ()
        if magic and (message.counter is None or len(magic) <= message.counter[4]):
            raise cells["magic"].wrong("one byte for each value of the counter", "add counter: and enough bytes")
        return name, place, ends[0], ends[1] + 1, values[0], values[1], magic, message.counter if magic else None

    def message(self, spot):
        """The message that spot names."""
        names = [row.name for row in self.messages]
        return self.messages[names.index(spot.word(names))]

    # ---- places ----------------------------------------------------------------------------------

    def place(self, message, cells, field, claimed=True):
        """(place, lowest raw, highest raw) from at, bit, type and order.

        Little-endian: bit is the lowest bit of the number, in byte at (default 0). Big-endian: bit is
        its highest bit, in byte at (default 7).
        """
        found = re.fullmatch(r"(u?)int([1-9][0-9]?)", str(cells["type"].value))
        if not found or int(found[2]) > 32:
            raise cells["type"].wrong(f"{cells['type'].value!r} is not a type", "uint1 to uint32, int2 to int32")
        size = int(found[2])
        at = cells["at"].integer(0, 4095)
        order = cells["order"].word(("little", "big")) if "order" in cells else self.order
        if order is None:
            if size > 8 or "bit" in cells:
                raise cells["at"].wrong("the byte order is not known", "order: little or big, here or at the top")
            order = "little"
        bit = cells["bit"].integer(0, 7) if "bit" in cells else 0 if order == "little" else 7
        if order == "little":
            last = at + (bit + size + 7) // 8
            shift = bit
        else:
            last = at + (7 - bit + size + 7) // 8
            shift = 8 * (last - at) - (7 - bit + size)
        if last > message.least:
            reason = f"byte {last - 1} is outside block {message.name}, which has {message.least}"
            raise cells["at"].wrong(reason, f"the last one is {message.least - 1}")
        mask = (1 << size) - 1
        sign = 0 if found[1] else 1 << (size - 1)
        place = (at, last, 1 if order == "little" else 0, shift, mask, sign)
        if claimed:
            self.claim(message, cells["at"], place, field)
        return place, -sign, mask - sign if sign else mask

    def claim(self, message, spot, place, field):
        """Note that field uses these bits; each has one user."""
        first, last, little, shift, mask, _ = place
        bits = (mask << shift).to_bytes(last - first, "little" if little else "big")
        for number, byte in enumerate(bits, first):
            for bit in range(8):
                if byte & 1 << bit:
                    if (number, bit) in message.used:
                        reason = f"bit {number}.{bit} is read by {message.used[number, bit]} already"
                        raise spot.wrong(reason, "one field each")
                    message.used[number, bit] = field

    # ---- fields ----------------------------------------------------------------------------------

    def new_slot(self):
        """A fresh scratch slot behind the record."""
        self.scratch += 1
        return self.scratch - 1

    def fields(self, spot):
        """Enter every field of the profile."""
        rows = spot.table(optional=tuple(NAMES))
        scaled = any("over" in row.value for row in leaves(rows.values()))
        for name in sorted(rows, key=lambda name: (name != "pack_mv", self._is_derived(rows[name]))):
            slot = self.slots[name] = NAMES[name][0]
            if name in LISTS:
                self._list(name, rows[name])
            elif self._is_derived(rows[name]):
                self._extreme(name, slot, rows[name])
            elif "least_of" in rows[name].value:
                least(self, name, slot, rows[name], scaled)
            else:
                self.scalar(name, slot, rows[name], scaled)

    def _is_derived(self, spot):
        return isinstance(spot.value, dict) and ("highest_of" in spot.value or "lowest_of" in spot.value)

    def number(self, name, cells, spot, low, high):
        """(mul, div, add, low, high, unknown, mark for unknown, floor, ceiling) of a numeric field."""
        suffix = "w" if "over" in cells else name.rsplit("_", 1)[1]
        step = parse_unit(cells["unit"], suffix)
        if name in SIGNED and "sign" not in cells:
            mend = "add sign: charge or sign: discharge (what positive means on the wire)"
            raise spot.wrong(f"{name} has no sign", mend)
        if name not in SIGNED and "sign" in cells:
            raise cells["sign"].wrong("this field has no sign", f"only {', '.join(SIGNED)} have one")
        if "sign" in cells and cells["sign"].word(("charge", "discharge")) == "discharge":
            step = -step
        add = step * (cells["offset"].integer(-0x80000000, 0x7FFFFFFF) if "offset" in cells else 0)
        if add.denominator != 1:
            raise cells["offset"].wrong("offset times unit is not a whole number", "choose a finer unit")
        unknown = ()
        if "unknown" in cells:
            unknown = tuple(item.integer(low, high) for item in cells["unknown"].items())
        ends = [item.integer(-(2**40), 2**40) for item in cells["range"].items()]
        if len(ends) != 2 or ends[0] >= ends[1]:
            raise cells["range"].wrong("the range is empty", "write [low, high]")
        first, last = sorted((end - add) / step for end in ends)
        first = max(-(-first.numerator // first.denominator), low)
        last = min(last.numerator // last.denominator, high)
        blank = unknown[0] if unknown else high if low == 0 else low
        if first <= blank <= last and blank not in unknown and "optional" not in cells:
            mend = "add unknown: [raw value for not known], or narrow the range"
            raise spot.wrong(f"the raw value {blank} lies inside the range and has no other meaning", mend)
        return (step.numerator, step.denominator, int(add), first, last, unknown), (blank, low, high)

    def _own(self, message, group, slot, parts=()):
        message.mask |= 1 << group
        rows = self.slots_of.setdefault(group, [])
        if slot < 15 and (slot, parts) not in rows:
            rows.append((slot, parts))

    def scalar(self, name, slot, spot, scaled, source=None):
        """Enter one number. source: (scratch slot, may it be unknown) of one of several sources."""
        cells = spot.table(("block", "at", "type", *_NUMBER), _PLACE + _NUMBER_MAY)
        message = self.message(cells["block"])
        place, low, high = self.place(message, cells, name)
        row, blank = self.number(name, cells, spot, low, high)
        group = NAMES[name][1]
        groups = (8,) if "optional" in cells and cells["optional"].plain() is True else (group,)
        self._own(message, group, slot)
        if source is not None:
            slot, silent = source
            groups = (8,) if silent else groups
        if name == "pack_mv" and scaled:
            groups = (group, 6)
            message.mask |= 1 << 6
        if "over" in cells:
            cells["over"].word(("pack_mv",))
            if "pack_mv" not in self.slots:
                raise cells["over"].wrong("pack_mv is not a field", "add fields.pack_mv")
            watts = self.new_slot()
            derived = (QUOTIENT, slot, watts, NAMES["pack_mv"][0], 1000000)
            slot = watts
            for other in self.messages:
                if other is message or any(field[0] == 1 for field in other.fields):
                    other.derived.append(derived)
        if "sent" in cells:
            side = {"positive": 1, "negative": -1}[cells["sent"].word(("positive", "negative"))]
            magnitude = (MAGNITUDE, slot, self.new_slot(), 0, side)
            slot = magnitude[2]
            message.derived.insert(0, magnitude)
        message.fields.append((slot, place, *row, groups))
        message.blanks.append(blank)

    def _extreme(self, name, slot, spot):
        cells = spot.table(optional=("highest_of", "lowest_of"))
        kind, key = (HIGHEST, "highest_of") if "highest_of" in cells else (LOWEST, "lowest_of")
        wanted = "cell_mv" if name.startswith("cell") else "temp_mc"
        source = cells[key].word((wanted,))
        if source not in self.parts:
            raise cells[key].wrong(f"{source} is not a field", f"add fields.{source}")
        group = NAMES[name][1]
        slots = tuple(part for part, _ in self.parts[source])
        for message in self.messages:
            rows = [row for row in message.arrays if row[0] in slots]
            if rows:
                self._own(message, group, slot)
                message.derived.append((kind, slot, slots, 0, 0))
                message.arrays = [
                    (*row[:8], (row[8][0], group), row[9]) if row in rows else row for row in message.arrays
                ]

    def _list(self, name, spot):
        where = ("block", "at", "count", "stride")
        may = ("parts", *where, "order", "offset", "unknown", "present")
        cells = spot.table(("type", *_NUMBER), may)
        if "parts" in cells:
            rows = [item.table(where[:3], (*where[3:], "present")) for item in cells["parts"].items()]
        else:
            for key in where[:3]:
                if key not in cells:
                    raise spot.wrong(f"{key} is missing", f"add {key}:, or parts: [...]")
            blocks = cells["block"].items() if isinstance(cells["block"].value, list) else [cells["block"]]
            rows = [{**cells, "block": block} for block in blocks]
        slot = NAMES[name][0]
        self.parts[name] = []
        first = 0
        for row in rows:
            part = slot if len(rows) == 1 else self.new_slot()
            first += self._part(name, cells, row, (slot, part, first), spot)
        parts = tuple(part for part, _ in self.parts[name]) if len(rows) > 1 else ()
        group = NAMES[name][1]
        for _, message in self.parts[name]:
            self._own(message, group, slot, parts)
        self.lengths[slot] = (first, spot)

    def _part(self, name, cells, row, slots, spot):
        """One run of a list; returns how many values it has."""
        slot, part, first = slots
        message = self.message(row["block"])
        count = row["count"].integer(1, 400)
        at = row["at"].integer(0, 4095)
        found = re.fullmatch(r"u?int(8|16|32)", str(cells["type"].value))
        if not found:
            raise cells["type"].wrong(f"{cells['type'].value!r} is not a type of lists", "uint8, int8, uint16 ...")
        width = int(found[1]) // 8
        stride = row["stride"].integer(width, 64) if "stride" in row else width
        place = (at, at, 0, 0, 0, 0)
        for number in range(count):
            spots = {**cells, "at": row["at"]}
            spots["at"] = type(spot)(spot.file, row["at"].key, row["at"].line, at + number * stride)
            place, low, high = self.place(message, spots, name)
        numbers, blank = self.number(name, cells, spot, low, high)
        present = None
        if "present" in row:
            rows = row["present"].table(("at", "first"))
            offset = rows["at"].integer(0, message.least - (count + 7) // 8)
            present = (offset, int(rows["first"].word(("highest_bit", "lowest_bit")) == "highest_bit"))
        code = _LETTERS[8 * width] if low == 0 else _LETTERS[8 * width].lower()
        form = array_form(at, code, stride, count, place[2])
        self.parts[name].append((part, message))
        message.arrays.append((part, form, *numbers, (NAMES[name][1],), present))
        message.shapes.append((slot, at, code, stride, first, count, place[2]))
        message.array_blanks.append(blank)
        return count

    # ---- bytes with a fixed value ------------------------------------------------------------------

    def require(self, spot):
        """Enter the bytes that must hold a fixed value."""
        for name, rows in spot.table(optional=tuple(row.name for row in self.messages)).items():
            message = [row for row in self.messages if row.name == name][0]
            for row in rows.items():
                cells = row.table(("at", "type", "value", "groups"), _PLACE)
                place, low, high = self.place(message, cells, "require")
                mask = 0
                for item in cells["groups"].items():
                    mask |= 1 << GROUPS.index(item.word(GROUPS))
                message.mask |= mask
                message.checks.append((place, cells["value"].integer(low, high), mask))

    def alarm_parts(self, parts):
        """Join the alarms of several messages into one. parts: [(slot, message)]."""
        if len(parts) > 1:
            steady = tuple(slot for slot, message in parts if not message.event)
            events = tuple(slot for slot, message in parts if message.event)
            for _, message in parts:
                message.derived.append((ANY, ALARM_SLOT, steady, events, 0))
        for _, message in parts:
            self._own(message, 7, ALARM_SLOT)
