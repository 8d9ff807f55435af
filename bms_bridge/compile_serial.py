# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Compiler of profiles with `bus: serial` (host only): questions and answers of protocols that are not
Modbus, by bytes. docs/PROFILES.md."""

from types import SimpleNamespace

from bms_bridge.compile_bits import _STRAY, _WORDS, _alarm, _rows
from bms_bridge.compile_layout import GROUP_NAMES, LISTS, OPTIONAL, SIGNED, Layout, parse_unit
from bms_bridge.compile_serial_examples import compile_examples
from bms_bridge.compile_texts import compile_texts
from bms_bridge.decode import PRODUCT
from bms_bridge.serial_frames import BITS, BYTES, CHOICE, COUNTED, FRAMINGS, OPEN, TAIL, shape_size, write_frame
from edge.core.records import ALARMS, G_ALARMS, G_CELLS, G_TEMPS

_REQUIRED = ("name", "kind", "bus", "title", "source", "licence", "line", "blocks", "fields", "examples")
_BMS = (
    "cells",
    "temps",
    "cell_lsb_mv",
    "protection",
    "opens_by",
    "caveats",
    "alarms",
    "counts",
    "require",
    "switch",
    "texts",
)
# type -> (format letter, bytes, lowest raw, highest raw)
TYPES = {
    "uint8": ("B", 1, 0, 0xFF),
    "int8": ("b", 1, -0x80, 0x7F),
    "uint16": ("H", 2, 0, 0xFFFF),
    "int16": ("h", 2, -0x8000, 0x7FFF),
    "uint32": ("I", 4, 0, 0xFFFFFFFF),
    "int32": ("i", 4, -0x80000000, 0x7FFFFFFF),
}
_WIDTHS = {row[0]: row[1] for row in TYPES.values()}
_ALARM_SLOT = 14
_COUNTS = {"cells": (7, 1 << G_CELLS), "temps": (8, 1 << G_TEMPS)}


def compile_serial(top, kind, facts):
    """{attribute: value} of the table of the profile in top (a Spot tree), as compile_file gives it.

    kind: bms or meter. facts: reads what all profiles share, facts(cells, kind, layout).
    """
    cells = top.table(_REQUIRED, _BMS if kind == "bms" else ("caveats", "require"))
    layout = SerialLayout(top, kind)
    layout.fields(cells["fields"])
    if "require" in cells:
        layout.require(cells["require"])
    if "counts" in cells:
        layout.counted(cells["counts"])
    bits = _alarms(layout, cells["alarms"]) if "alarms" in cells else None
    if "texts" in cells:
        compile_texts(layout, cells["texts"], lambda index, row, size: layout.place(index, row["at"], size, "serial"))
    values = facts({name: spot for name, spot in cells.items() if name != "line"}, kind, layout)
    values["BUS"] = "serial"
    _line(values, cells["line"])
    values.update(_table_rows(layout, bits))
    values["WRITES"] = ()
    if layout.serial is not None:
        values["SERIAL"] = layout.serial[:2]
    if "switch" in cells:
        values["SWITCH"] = _switch(values["FRAMING"], cells["switch"])
    values["INVERSE"] = back = {
        "CAVEATS": tuple(item.text() for item in cells["caveats"].items()) if "caveats" in cells else (),
        "FIELDS": tuple(tuple(row[3] for row in sorted(rows, key=lambda row: row[0])) for rows in layout.scalars),
        "ARRAYS": tuple(tuple(rows) for rows in layout.array_inverse),
        "SERVED": (),
    }
    examples = compile_examples(layout, SimpleNamespace(**values), cells["examples"])
    values["INFO"]["proof"] = ", ".join(dict.fromkeys(row[0] for row in examples))
    values["EXAMPLES"] = examples
    back["TEMPLATES"] = _templates(layout, examples, cells["examples"])
    return values


def _switch(framing, spot):
    """Row of SWITCH: (command, frame that locks, frame that releases, alarm bits that the lock raises)."""
    if framing != "jbd":
        raise spot.wrong("no write is known of this framing", "only jbd has one")
    cells = spot.table(("command", "lock", "release", "raises"))
    command = cells["command"].integer(0, 255)
    off, on = (write_frame(framing, command, bytes.fromhex(cells[key].text())) for key in ("lock", "release"))
    return command, off, on, sum({1 << ALARMS.index(item.word(list(ALARMS))) for item in cells["raises"].items()})


def _line(values, spot):
    cells = spot.table(("kind", "framing", "baud"), ("parity", "gap_ms"))
    values["INFO"]["line"] = cells["kind"].word(("serial",))
    values["INFO"]["baud"] = cells["baud"].integer(300, 1000000)
    values["INFO"]["parity"] = cells["parity"].word(("N", "E", "O")) if "parity" in cells else "N"
    values["FRAMING"] = cells["framing"].word(FRAMINGS)
    values["GAP_MS"] = cells["gap_ms"].integer(2, 1000) if "gap_ms" in cells else 20


def _templates(layout, examples, spot):
    result = []
    for index, row in enumerate(layout.blocks):
        whole = [example[2] for example in examples if example[1] == index]
        if not whole:
            raise spot.wrong(f"block {row[0]} has no example", "give bytes that the device really sent")
        result.append(whole[0])
    return tuple(result)


class SerialLayout(Layout):
    """Rows under construction for a serial profile; places are bytes of the answer with full lists."""

    def _blocks(self, spot):
        self.shapes_of = []  # (head, segments)
        self.orders = []  # ">" or "<"
        self.fixed = []  # per block: (offset, code, kind, value, mask)
        for name, row in spot.table(free=True).items():
            cells = row.table(("command", "period_ms", "answer"), ("body", "frames", "head", "order"))
            command = cells["command"].integer(0, 0xFFFF)
            frames = cells["frames"].integer(1, 32) if "frames" in cells else 1
            period_ms = cells["period_ms"].integer(100, 600000)
            head = cells["head"].integer(0, 64) if "head" in cells else 0
            self.shapes_of.append((head, tuple(_segment(item) for item in cells["answer"].items())))
            order = cells["order"].word(("big", "little")) if "order" in cells else "big"
            self.orders.append(">" if order == "big" else "<")
            self.fixed.append([])
            self.blocks.append((name, command, _body(cells.get("body")), frames, period_ms, row))
        if not self.blocks:
            raise spot.wrong("no block", "name at least one question")

    def place(self, index, spot, size, field):
        """The byte offset at spot in block index, claimed for size bytes of field."""
        name = self.blocks[index][0]
        have = shape_size(self.shapes_of[index])
        at = spot.integer(0, 65535)
        if at + size > have:
            raise spot.wrong(f"byte {at + size - 1} is outside block {name}", f"with full lists it has {have}")
        self.claim(index, spot, at, size, field)
        return at

    def fields(self, spot):
        """Enter every field of the profile."""
        for name, row in spot.table(optional=tuple(self.names)).items():
            optional = ("sign", "offset", "unknown", "optional", "negate", "when")
            if name in LISTS:
                self._places(name, row, row.table(("block", "at", "type", "unit", "range"), (*optional, "count")))
            else:
                self._value(name, row, row.table(("block", "at", "type", "unit", "range"), optional))

    def _number(self, name, cells, spot):
        kind = TYPES[cells["type"].word(list(TYPES))]
        step = parse_unit(cells["unit"], name.rsplit("_", 1)[1])
        if (name in SIGNED) != ("sign" in cells):
            raise spot.wrong(f"{name} has no sign", "sign: charge or discharge, for currents and powers only")
        if "sign" in cells and cells["sign"].word(("charge", "discharge")) == "discharge":
            step = -step
        if "negate" in cells and cells["negate"].plain() is True:
            step = -step
        add = step * (cells["offset"].integer(-0x80000000, 0x7FFFFFFF) if "offset" in cells else 0)
        if add.denominator != 1:
            raise cells["offset"].wrong("offset times unit is not a whole number", "choose a finer unit")
        unknown = ()
        if "unknown" in cells:
            unknown = tuple(item.integer(kind[2], kind[3]) for item in cells["unknown"].items())
        low, high = self._range(cells["range"], step, int(add), kind)
        blank = unknown[0] if unknown else kind[3] if kind[2] == 0 else kind[2]
        if low <= blank <= high and blank not in unknown:
            mend = "add unknown: [raw value for not known], or narrow the range"
            raise spot.wrong(f"the raw value {blank} lies inside the range and has no other meaning", mend)
        floor, ceiling = kind[2], kind[3]
        while floor in unknown:
            floor += 1
        while ceiling in unknown:
            ceiling -= 1
        return kind, (step.numerator, step.denominator, int(add), low, high, unknown), (blank, floor, ceiling)

    def _value(self, name, spot, cells):
        kind, numbers, ends = self._number(name, cells, spot)
        index = self.block(cells["block"])
        at = self.place(index, cells["at"], kind[1], name)
        slot = self.slot(name)
        group = self.names[name][1]
        self._own(group, index, slot, ())
        quality = OPTIONAL if "optional" in cells and cells["optional"].plain() is True else group
        if "when" in cells:
            target, slot = slot, self.new_slot()
            switch, other = self._switch(name, cells["when"], quality)
            self.masks[other] |= 1 << group
            for place in {index, other}:
                self.derived[place].append((PRODUCT, target, slot, switch, 1, 1))
        back = (slot, *numbers[:3], self.orders[index] + kind[0], at, *ends)
        self.scalars[index].append((at, kind[0], (slot, *numbers, quality), back, spot))

    def _switch(self, name, spot, quality):
        """(slot, block) of the byte, 0 or 1, that says whether a limit holds or is zero."""
        cells = spot.table(("block", "at"))
        index = self.block(cells["block"])
        at = self.place(index, cells["at"], 1, name)
        slot = self.new_slot()
        back = (slot, 1, 1, 0, self.orders[index] + "B", at, 0, 0, 1)
        self.scalars[index].append((at, "B", (slot, 1, 1, 0, 0, 1, (), quality), back, spot))
        return slot, index

    def _places(self, name, spot, cells):
        kind, numbers, ends = self._number(name, cells, spot)
        index = self.block(cells["block"])
        where = cells["at"]
        if isinstance(where.value, list):
            places = tuple(self.place(index, item, kind[1], name) for item in where.items())
        else:
            count = cells["count"].integer(1, 255) if "count" in cells else 0
            if not count:
                raise spot.wrong("count is missing", "add count:, or give every place: at: [..]")
            first = self.place(index, where, count * kind[1], name)
            places = tuple(first + k * kind[1] for k in range(count))
        if list(places) != sorted(places):
            raise where.wrong("the places do not grow", "the compiler keeps their order: sensor 1 first")
        slot = self.slot(name)
        group = self.names[name][1]
        self._own(group, index, slot, ())
        code = self.orders[index] + kind[0]
        self.arrays[index].append((slot, form_of(code[0], [(at, kind[0]) for at in places]), *numbers, group))
        self.shapes[index].append((slot, code, places))
        self.array_inverse[index].append((slot, *numbers[:3], code, places, *ends))
        self.lengths[slot] = (len(places), spot)

    def require(self, spot):
        """Enter the bytes that must hold a fixed value."""
        for name, rows in spot.table(optional=tuple(row[0] for row in self.blocks)).items():
            index = self.block(rows, name)
            for row in rows.items():
                cells = row.table(("at", "type", "value", "groups"))
                kind = TYPES[cells["type"].word(list(TYPES))]
                at = self.place(index, cells["at"], kind[1], "require")
                mask = self._mask(cells["groups"])
                self.masks[index] |= mask
                self.fixed[index].append((at, kind[0], 0, cells["value"].integer(kind[2], kind[3]), mask))

    def _mask(self, spot):
        groups = list(GROUP_NAMES[self.kind])
        mask = 0
        for item in spot.items():
            mask |= 1 << groups.index(item.word(groups))
        return mask

    def counted(self, spot):
        """Enter the places where the device states how many cells or sensors it has: another number
        than the site's is a fault of that list."""
        for row in spot.items():
            cells = row.table(("of", "block", "at", "type"), ("mask", "groups"))
            slot, mask = _COUNTS[cells["of"].word(list(_COUNTS))]
            if "groups" in cells:
                mask = self._mask(cells["groups"])
            index = self.block(cells["block"])
            kind = TYPES[cells["type"].word(("uint8", "uint16", "uint32"))]
            at = self.place(index, cells["at"], kind[1], "counts")
            self.masks[index] |= mask
            as_mask = "mask" in cells and cells["mask"].plain() is True
            self.fixed[index].append((at, kind[0], slot + (100 if as_mask else 0), 0, mask))


def _body(spot):
    """Data of a question: bytes, or None for one byte that holds the unit address."""
    if spot is None:
        return b""
    if spot.value == "unit":
        return None
    try:
        return bytes.fromhex(str(spot.value))
    except ValueError:
        raise spot.wrong("not hexadecimal", "write body: unit, or two digits per byte between quotes") from None


def _segment(spot):
    if isinstance(spot.value, int):
        return (BYTES, spot.integer(1, 4096))
    if not isinstance(spot.value, dict):
        return {"bits": (BITS,), "rest": (TAIL,)}[spot.word(("bits", "rest"))]
    cells = spot.table(optional=("list", "open", "most", "choose", "fill"))
    fill = cells["fill"].integer(0, 255) if "fill" in cells else 0xFF
    if "choose" in cells:
        pairs = tuple((key, item.integer(0, 255)) for key, item in cells["choose"].table(free=True).items())
        return (CHOICE, pairs, max(size for _, size in pairs), fill)
    for key, kind in (("list", COUNTED), ("open", OPEN)):
        if key in cells and "most" in cells:
            return (kind, cells[key].integer(1, 8), cells["most"].integer(1, 255), fill)
    raise spot.wrong("not a part of an answer", "N bytes, bits, rest, {list: width, most: N}, {open: width, most: N}")


def _alarms(layout, spot):
    """(block index, row for BITS) of the alarms section."""
    cells = spot.table(("block", "bits"), ("unmapped",))
    index = layout.block(cells["block"])
    stray = _STRAY
    if "unmapped" in cells:
        stray = 1 << ALARMS.index(cells["unmapped"].word(_WORDS[:-1]))
    places = []
    whole = []
    for row in cells["bits"].items():
        words = row.table(("at", "bits"), ("width", "count"))
        width = words["width"].integer(1, 4) if "width" in words else 1
        count = words["count"].integer(1, 64) if "count" in words else 1
        at = layout.place(index, words["at"], width * count, "alarms")
        whole += range(at, at + width * count)
        for bit, word in words["bits"].table(free=True).items():
            if not isinstance(bit, int) or not 0 <= bit < 8 * width:
                raise word.wrong(f"bit {bit!r} is outside 0 to {8 * width - 1}", "bits count from the lowest, 0")
            byte = bit // 8 if layout.orders[index] == "<" else width - 1 - bit // 8
            places += [(at + k * width + byte, 1 << (bit & 7), _alarm(word)) for k in range(count)]
    layout.masks[index] |= 1 << G_ALARMS
    layout.slots_of.setdefault(G_ALARMS, []).append((_ALARM_SLOT, ()))
    return index, (_ALARM_SLOT, G_ALARMS, None, stray, _rows(places, whole))


def form_of(order, places):
    """Format for struct that takes values at growing offsets [(offset, letter), ...] and skips the rest."""
    form, at = order, 0
    for offset, code in places:
        form += ("%dx" % (offset - at) if offset > at else "") + code
        at = offset + _WIDTHS[code]
    return form


def _table_rows(layout, bits):
    """The attributes that decode and the serial device read."""
    blocks = range(len(layout.blocks))
    groups = 8 if layout.kind == "bms" else 2
    of_group = tuple(tuple(i for i in blocks if layout.masks[i] & 1 << group) for group in range(groups))
    slots_of = tuple(tuple(layout.slots_of.get(group, ())) for group in range(groups))
    fields = []
    fixed = []
    for i in blocks:
        order = layout.orders[i]
        rows = sorted(layout.scalars[i], key=lambda row: row[0])
        fields.append((form_of(order, rows_of(rows)), tuple(row[2] for row in rows)) if rows else None)
        rows = sorted(layout.fixed[i])
        fixed.append((form_of(order, rows_of(rows)), tuple(row[2:] for row in rows)) if rows else None)
    longest = [max((layout.blocks[i][4] for i in members), default=None) for members in of_group]
    return {
        "BLOCKS": tuple(row[1:5] + (layout.masks[i],) for i, row in enumerate(layout.blocks)),
        "ANSWERS": tuple(layout.shapes_of),
        "SIZES": tuple(shape_size(shape) for shape in layout.shapes_of),
        "FIELDS": tuple(fields),
        "ARRAYS": tuple(tuple(rows) for rows in layout.arrays),
        "SHAPES": tuple(tuple(rows) for rows in layout.shapes),
        "ENUMS": tuple(() for _ in blocks),
        "BITS": tuple(bits[1] if bits is not None and bits[0] == i else None for i in blocks),
        "CHECKS": tuple(None for _ in blocks),
        "FIXED": tuple(fixed),
        "DERIVED": tuple(tuple(rows) for rows in layout.derived),
        "SLOTS": layout.scratch,
        "LISTS": tuple(sorted((slot, count) for slot, (count, _) in layout.lengths.items())),
        "GROUPS_OF": tuple(tuple(g for g in range(groups) if layout.masks[i] & 1 << g) for i in blocks),
        "BLOCKS_OF": of_group,
        "SLOTS_OF": slots_of,
        "RATED": None,
        "PERIODS_MS": tuple(longest[g] if slots_of[g] else None for g in range(groups)),
    }


def rows_of(rows):
    """[(offset, letter), ...] of rows that begin so."""
    return [(row[0], row[1]) for row in rows]
