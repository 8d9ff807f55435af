# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""From a profile's YAML tree to the rows of its tables: blocks, fields, fixed registers, writes."""

from fractions import Fraction

from bms_bridge.compile_models import block_age, block_model, float_field, note_user, present, scaled_step
from bms_bridge.compile_words import FIELDS, FLOATS, TYPES, UNITS
from bms_bridge.decode import PRODUCT, RECORDS, SIGN_OF
from bms_bridge.narrow import list_form

SIGNED = ("current_ma", "dc_ma", "dc_w", "power_w")
LISTS = ("cell_mv", "temp_mc")
STATES = {"off": 0, "standby": 1, "running": 2, "fault": 3}
GROUP_NAMES = {
    "bms": ("pack", "current", "extremes", "cells", "temps", "state", "limits", "alarms"),
    "pcs": ("measure", "readback"),
    "meter": ("measure",),
}
OPTIONAL = 8  # group number of signals that may be missing without harm to their group


def parse_unit(spot, suffix):
    """ "0.01 V" at spot as a Fraction of the record's unit suffix ("mv") per step."""
    words = spot.text().split()
    if len(words) != 2 or words[1] not in UNITS:
        raise spot.wrong(f"unknown unit {spot.value!r}", f"a number and one of {', '.join(UNITS)}, as in 0.01 V")
    name, factor = UNITS[words[1]]
    if name != suffix:
        raise spot.wrong(f"{words[1]} is not a unit of this field", f"it ends in _{suffix}")
    try:
        step = Fraction(words[0]) * factor
    except (ValueError, ZeroDivisionError):
        raise spot.wrong(f"{words[0]} is not a number", "as in 0.01 V") from None
    if step <= 0:
        raise spot.wrong("the step is not positive", "the sign has its own key: sign")
    return step


class Layout:
    """Rows under construction for one profile. top: its Spot; kind: bms, pcs or meter."""

    def __init__(self, top, kind):
        self.kind = kind
        self.names = FIELDS[kind]
        self.blocks = []  # (name, function, address, count, period_ms, Spot)
        self.scratch = RECORDS[kind][1]
        self.slots = {}  # field -> slot
        self.slots_of = {}  # group -> [(slot, parts)]
        self.turns = []  # per block: does it take turns
        self.models = []  # per block: row of MODELS or None
        self.scales = {}  # (block, register) -> (factor that is served, users)
        self.counts = []  # (block, byte offset) of registers that must hold the number of cells
        self._blocks(top.value["blocks"])
        count = len(self.blocks)
        self.scalars = [[] for _ in range(count)]  # (offset, code, decode row, encode row, Spot)
        self.arrays = [[] for _ in range(count)]
        self.shapes = [[] for _ in range(count)]
        self.array_inverse = [[] for _ in range(count)]
        self.enums = [[] for _ in range(count)]
        self.derived = [[] for _ in range(count)]
        self.checks = [[] for _ in range(count)]
        self.masks = [0] * count
        self.used = [{} for _ in range(count)]  # register -> field
        self.lengths = {}
        self.rated = None
        self.serial = None  # (block, slot, first byte, end, what a simulated device says) of the serial number

    def _blocks(self, spot):
        for name, row in spot.table(free=True).items():
            model = ("model", "offset", "where", "string_stride")
            cells = row.table(("function", "address", "count"), ("period_ms", "max_age_ms", *model))
            function = cells["function"].integer(1, 4)
            address = cells["address"].integer(0, 65535)
            count = cells["count"].integer(1, 2000 if function <= 2 else 125)
            period_ms, turns = block_age(cells, row)
            self.turns.append(turns)
            self.models.append(block_model(cells))
            if address + count > 65536:
                raise cells["count"].wrong("the block ends behind address 65535", "correct address or count")
            self.blocks.append((name, function, address, count, period_ms, row))
        if not self.blocks:
            raise spot.wrong("no block", "name at least one block to read")

    def block(self, spot, name=None):
        """Index of the block that spot names."""
        names = [row[0] for row in self.blocks]
        if name is None:
            name = spot.word(names)
        return names.index(name)

    def registers(self, index, spot, first, last):
        """Check that registers first to last (offsets) lie inside block index, which must hold registers."""
        name, function, _, count, _, _ = self.blocks[index]
        if function <= 2:
            raise spot.wrong(f"block {name} holds coils", "fields lie in blocks of function 3 or 4")
        if last >= count:
            raise spot.wrong(
                f"register {last} is outside block {name}, which has {count}", f"the last one is {count - 1}"
            )
        return first

    def claim(self, index, spot, place, words, field):
        """Note that field uses these registers; each has one user."""
        for offset in range(place, place + words):
            if offset in self.used[index]:
                raise spot.wrong(f"register {offset} is read by {self.used[index][offset]} already", "one field each")
            self.used[index][offset] = field

    def slot(self, field):
        """The slot of field; a new scratch slot when it has no place in the record."""
        slot = self.names[field][0]
        if slot is None:
            slot = self.new_slot()
        self.slots[field] = slot
        return slot

    def new_slot(self):
        """A fresh scratch slot behind the record."""
        self.scratch += 1
        return self.scratch - 1

    # ---- fields ------------------------------------------------------------------------------

    def fields(self, spot):
        """Enter every field of the profile."""
        rows = spot.table(optional=tuple(self.names))
        order = sorted(rows, key=lambda name: (name != "rated_w", name in ("dc_ma",)))
        for name in order:
            if name in LISTS:
                self._list(name, rows[name])
            elif name == "state":
                self._enum(name, rows[name])
            else:
                self._scalar(name, rows[name])

    def _number(self, name, cells, spot):
        """(type, mul, div, add, low, high, unknown) of a numeric field."""
        kind = TYPES[cells["type"].word(list(TYPES))]
        if "of" in cells:
            step = Fraction(1)
        else:
            step = parse_unit(cells["unit"], name.rsplit("_", 1)[1])
        if name in SIGNED and "sign" not in cells:
            mend = "add sign: charge or sign: discharge (what positive means on the wire)"
            raise spot.wrong(f"{name} has no sign", mend)
        if name not in SIGNED and "sign" in cells:
            raise cells["sign"].wrong("this field has no sign", f"only {', '.join(SIGNED)} have one")
        if "sign" in cells and cells["sign"].word(("charge", "discharge", "as dc_w")) == "discharge":
            step = -step
        step = scaled_step(self, cells, step, self.names[name][1])
        offset = cells["offset"].integer(-0x80000000, 0x7FFFFFFF) if "offset" in cells else 0
        add = step * offset
        if add.denominator != 1:
            raise cells["offset"].wrong("offset times unit is not a whole number", "choose a finer unit")
        unknown = ()
        if "unknown" in cells:
            unknown = tuple(item.integer(kind[2], kind[3]) for item in cells["unknown"].items())
        if cells["type"].value in FLOATS:
            return kind, step.numerator, step.denominator, 0, 0, kind[3], ()
        low, high = self._range(cells["range"], step, int(add), kind)
        return kind, step.numerator, step.denominator, int(add), low, high, unknown

    def _range(self, spot, step, add, kind):
        """The physical range as raw integers, inside what the type can hold."""
        items = spot.items()
        if len(items) != 2:
            raise spot.wrong("a range has two ends", "write [low, high] in the unit of the field's name")
        low, high = (item.integer(-(2**40), 2**40) for item in items)
        if low >= high:
            raise spot.wrong("the range is empty", "write [low, high]")
        ends = sorted((Fraction(low - add) / step, Fraction(high - add) / step))
        first = -(-ends[0].numerator // ends[0].denominator)
        last = ends[1].numerator // ends[1].denominator
        return max(first, kind[2]), min(last, kind[3])

    def _blank(self, kind, low, high, unknown, spot):
        """(mark for unknown, floor, ceiling) for the inverse table."""
        blank = unknown[0] if unknown else kind[3] if kind[2] == 0 else kind[2]
        if low <= blank <= high and blank not in unknown:
            raise spot.wrong(
                f"the raw value {blank} lies inside the range and has no other meaning",
                "add unknown: [raw value that the device sends for not known], or narrow the range",
            )
        floor, ceiling = kind[2], kind[3]
        while floor in unknown:
            floor += 1
        while ceiling in unknown:
            ceiling -= 1
        return blank, floor, ceiling

    def _scalar(self, name, spot):
        required = ["block", "at", "type", "unit", "range"]
        cells = spot.table(required, ("sign", "offset", "unknown", "optional", "of", "part", "scale"))
        kind, mul, div, add, low, high, unknown = self._number(name, cells, spot)
        index = self.block(cells["block"])
        at = cells["at"].integer(0, 65535)
        self.registers(index, cells["at"], at, at + kind[1] - 1)
        words, byte = self._part(cells, index, at, kind, name)
        slot = self.slot(name)
        group = self.names[name][1]
        self._own(group, index, slot, ())
        if cells["type"].value in FLOATS:
            float_field(self, cells, Fraction(mul, div), index, at, slot, group)
            return
        quality = OPTIONAL if "optional" in cells and cells["optional"].plain() is True else group
        target = slot
        if "of" in cells:
            cells["of"].word(("rated_w",))
            if "rated_w" not in self.slots:
                raise cells["of"].wrong("rated_w is not a field", "add fields.rated_w")
            slot = self.new_slot()
            step = parse_unit(cells["unit"], "ppm") / 1000000
            rated = self.slots["rated_w"]
            self.derived[index].append((PRODUCT, target, slot, rated, step.numerator, step.denominator))
        elif "sign" in cells and cells["sign"].value == "as dc_w":
            if "dc_w" not in self.slots:
                raise cells["sign"].wrong("dc_w is not a field", "add fields.dc_w")
            slot = self.new_slot()
            self.derived[index].append((SIGN_OF, target, slot, self.slots["dc_w"], 1, 1))
        if name == "rated_w":
            self.rated = (slot, mul)
        blank, floor, ceiling = self._blank(kind, low, high, unknown, spot)
        decode = (slot, mul, div, add, low, high, unknown, quality)
        back = (slot, mul, div, add, at, words, blank, floor, ceiling)
        self.scalars[index].append((byte, kind[0], decode, back, spot))
        if "scale" in cells:
            like = cells["scale"].value["like"].value
            note_user(self, cells, (index, 0, byte), Fraction(mul, div) / Fraction(10) ** like, kind)

    def _part(self, cells, index, at, kind, name):
        """(words for encode, first byte) of a scalar; words 0 and -1: the high and the low byte of a register."""
        if kind[0] != "B":
            self.claim(index, cells["at"], at, kind[1], name)
            return kind[1], 2 * at
        if "part" not in cells:
            raise cells["type"].wrong("which half of the register?", "add part: high or part: low")
        low = cells["part"].word(("high", "low")) == "low"
        if isinstance(self.used[index].get(at, low), str) or self.used[index].get(at) is low:
            raise cells["at"].wrong(f"register {at} is read already", "one field each")
        self.used[index][at] = low
        return (-1, 2 * at + 1) if low else (0, 2 * at)

    def _list(self, name, spot):
        required = ["block", "at", "count", "type", "unit", "range"]
        cells = spot.table(required, ("stride", "offset", "unknown", "present", "scale"))
        kind, mul, div, add, low, high, unknown = self._number(name, cells, spot)
        where = cells["block"]
        blocks = [self.block(item) for item in where.items()] if isinstance(where.value, list) else [self.block(where)]
        many = isinstance(cells["at"].value, list)
        ats = [item.integer(0, 65535) for item in cells["at"].items()] if many else [cells["at"].integer(0, 65535)]
        if len(ats) not in (1, len(blocks)):
            raise cells["at"].wrong("at and block have different lengths", "one at for all blocks, or one each")
        count = cells["count"].integer(1, 125)
        stride = cells["stride"].integer(1, 125) if "stride" in cells else kind[1]
        slot = self.slot(name)
        group = self.names[name][1]
        blank, floor, ceiling = self._blank(kind, low, high, unknown, spot)
        parts = tuple(self.new_slot() for _ in blocks) if len(blocks) > 1 else ()
        for part, index in enumerate(blocks):
            at = ats[part % len(ats)]
            self.registers(index, cells["count"], at, at + (count - 1) * stride + kind[1] - 1)
            for k in range(count):
                self.claim(index, cells["at"], at + k * stride, kind[1], name)
            form = list_form(2 * at, kind[0], 2 * stride, count)
            target = parts[part] if parts else slot
            self.arrays[index].append((target, form, mul, div, add, low, high, unknown, group))
            self.shapes[index].append((slot, 2 * at, kind[0], 2 * stride, part * count, count))
            self.array_inverse[index].append(
                (slot, mul, div, add, at, stride, part * count, count, blank, floor, ceiling)
            )
            self.masks[index] |= 1 << group
            if "scale" in cells:
                like = cells["scale"].value["like"].value
                user = (index, 1, len(self.arrays[index]) - 1)
                note_user(self, cells, user, Fraction(mul, div) / Fraction(10) ** like, kind)
        if "present" in cells:
            present(self, cells, blocks[0], slot, group)
        self.slots_of.setdefault(group, []).append((slot, parts))
        self.lengths[slot] = (count * len(blocks), spot)

    def _enum(self, name, spot):
        cells = spot.table(("block", "at", "type", "map"))
        cells["type"].word(("enum16",))
        index = self.block(cells["block"])
        at = cells["at"].integer(0, 65535)
        self.registers(index, cells["at"], at, at)
        self.claim(index, cells["at"], at, 1, name)
        pairs = []
        for raw, word in cells["map"].table(free=True).items():
            if not isinstance(raw, int) or not 0 <= raw <= 0xFFFE:
                raise word.wrong(f"{raw!r} is not a register value", "write number: word")
            pairs.append((raw, STATES[word.word(list(STATES))]))
        slot = self.slot(name)
        group = self.names[name][1]
        self._own(group, index, slot, ())
        self.enums[index].append((slot, ">H", 2 * at, tuple(pairs), group))

    def _own(self, group, index, slot, parts):
        self.masks[index] |= 1 << group
        if slot < RECORDS[self.kind][1]:
            self.slots_of.setdefault(group, []).append((slot, parts))

    # ---- registers with a fixed value ------------------------------------------------------

    def require(self, spot):
        """Enter the registers that must hold a fixed value."""
        groups = GROUP_NAMES[self.kind]
        for name, rows in spot.table(optional=tuple(row[0] for row in self.blocks)).items():
            index = self.block(rows, name)
            for row in rows.items():
                cells = row.table(("at", "value", "groups"))
                at = cells["at"].integer(0, 65535)
                self.registers(index, cells["at"], at, at)
                self.claim(index, cells["at"], at, 1, "require")
                if cells["value"].value == "cells":
                    value = self.lengths[7][0]
                    self.counts.append((index, 2 * at))
                else:
                    value = cells["value"].integer(-0x8000, 0xFFFF)
                mask = 0
                for item in cells["groups"].items():
                    mask |= 1 << groups.index(item.word(list(groups)))
                self.masks[index] |= mask
                self.checks[index].append((2 * at, "h" if value < 0 else "H", value, mask))
