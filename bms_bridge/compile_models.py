# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a profile says beyond fixed blocks: how to poll, SunSpec models to search, factors that a device
states, masks of present cells, values as floating point. All optional: a table without has no such rows."""

from fractions import Fraction

from bms_bridge.decode import FLOAT, FLOAT_SWAPPED, PRESENT
from bms_bridge.poll import POLLING

BASES = (40000, 0, 50000)
REACH = 4000
NAN = 0x7FC00000
NAN_SWAPPED = 0x00007FC0


def block_age(cells, row):
    """(period_ms, takes turns) of a block: one of period_ms and max_age_ms must be given."""
    if ("period_ms" in cells) == ("max_age_ms" in cells):
        raise row.wrong("give period_ms or max_age_ms", "period_ms: every cycle; max_age_ms: lists that take turns")
    if "max_age_ms" in cells:
        return cells["max_age_ms"].integer(1000, 600000) // 2, True
    return cells["period_ms"].integer(100, 600000), False


def block_model(cells):
    """Row of MODELS for a block: (model ids, offset, ((register, value or 0 for the string), ...), stride)."""
    if "model" not in cells:
        return None
    spot = cells["model"]
    ids = spot.items() if isinstance(spot.value, list) else [spot]
    where = []
    for register, cell in cells["where"].table(free=True).items() if "where" in cells else ():
        if not isinstance(register, int) or not 2 <= register <= 100:
            raise cell.wrong(f"{register!r} is not a register of a model", "2 to 100, 0 and 1 are ID and length")
        where.append((register, 0 if cell.value == "string" else cell.integer(1, 65535)))
    offset = cells["offset"].integer(0, 5000) if "offset" in cells else 0
    stride = cells["string_stride"].integer(1, 1000) if "string_stride" in cells else 0
    return tuple(item.integer(1, 65534) for item in ids), offset, tuple(where), stride


def scaled_step(layout, cells, step, group):
    """step of a field as its simulated device sends it; notes the register of its factor."""
    if "scale" not in cells:
        return step
    scale = cells["scale"].table(("at", "like"), ("block",))
    index = layout.block(scale["block"] if "block" in scale else cells["block"])
    at = layout.registers(index, scale["at"], scale["at"].integer(0, 65535), scale["at"].value)
    like = scale["like"].integer(-10, 10)
    if (index, at) not in layout.scales:
        layout.claim(index, scale["at"], at, 1, "scale")
        layout.scales[index, at] = (like, [])
    if layout.scales[index, at][0] != like:
        raise scale["like"].wrong("this factor is stated with another value above", "one value for one register")
    layout.masks[index] |= 1 << group
    return step * Fraction(10) ** like


def note_user(layout, cells, user, step, kind):
    """Note a field whose raw value is scaled. user: (block, 0 field or 1 array, byte offset or place);
    step: at factor 0, with its sign; kind: row of TYPES."""
    if "scale" not in cells:
        return
    scale = cells["scale"].value
    index = layout.block(scale["block"] if "block" in scale else cells["block"])
    low, high = (item.value for item in cells["range"].items())
    row = user + (step.numerator, step.denominator, low, high, kind[2], kind[3])
    layout.scales[index, scale["at"].value][1].append(row)


def present(layout, cells, index, slot, group):
    """Enter the mask of present cells of a list: bit k stands for place k."""
    spot = cells["present"]
    row = spot.table(("at", "type"))
    row["type"].word(("uint32",))
    at = row["at"].integer(0, 65535)
    layout.registers(index, spot, at, at + 1)
    layout.claim(index, spot, at, 2, "present")
    mask = layout.new_slot()
    decode = (mask, 1, 1, 0, 1, 0xFFFFFFFF, (), group)
    layout.scalars[index].append((2 * at, "I", decode, (mask, 1, 1, 0, at, 2, 0, 0, 0xFFFFFFFF), spot))
    layout.derived[index].append((PRESENT, slot, mask, group))


def float_field(layout, cells, step, index, at, slot, group):
    """Enter a value of type float32 or float32_swapped (low word first): its bits are taken apart in whole
    numbers, the same on every runtime."""
    swapped = cells["type"].value == "float32_swapped"
    low, high = (item.integer(-(2**40), 2**40) for item in cells["range"].items())
    bits = layout.new_slot()
    decode = (bits, 1, 1, 0, 0, 0xFFFFFFFF, (), group)
    blank = NAN_SWAPPED if swapped else NAN
    layout.scalars[index].append((2 * at, "I", decode, (bits, 1, 1, 0, at, 2, blank, 0, 0xFFFFFFFF), cells["at"]))
    kind = FLOAT_SWAPPED if swapped else FLOAT
    layout.derived[index].append((kind, slot, bits, group, low, high, step.numerator, step.denominator))


def extras(layout, cells):
    """{attribute: value} of what this profile has beyond the blocks, after every field is entered."""
    values = {}
    if "polling" in cells:
        row = cells["polling"].table(optional=("most", "hole", "gap_ms", "step", "reply_unit"))
        limits = (("most", 1, 125), ("hole", 0, 100), ("gap_ms", 0, 5000), ("step", 1, 2), ("reply_unit", 1, 255))
        default = (*POLLING, 0)
        values["POLLING"] = tuple(
            row[name].integer(low, high) if name in row else default[place]
            for place, (name, low, high) in enumerate(limits)
        )
    turns = tuple(index for index, taken in enumerate(layout.turns) if taken)
    if turns:
        values["TURNS"] = turns
    if any(layout.models):
        values["MODELS"] = _models(layout, cells)
    if layout.scales:
        values["SCALES"] = tuple(_scale(layout, *item) for item in sorted(layout.scales.items()))
    if layout.serial is not None:
        values["SERIAL"] = layout.serial[:2]
    if layout.counts:
        places = [sorted(row[0] for row in layout.checks[index]).index(offset) for index, offset in layout.counts]
        values["COUNTS"] = tuple(
            (index, place, offset // 2) for (index, offset), place in zip(layout.counts, places, strict=True)
        )
    return values


def _models(layout, cells):
    if not all(layout.models):
        raise cells["blocks"].wrong("some blocks name a model, some do not", "all or none")
    bases, reach = BASES, REACH
    if "models" in cells:
        row = cells["models"].table(optional=("bases", "reach"))
        bases = tuple(item.integer(0, 65000) for item in row["bases"].items()) if "bases" in row else bases
        reach = row["reach"].integer(100, 65536) if "reach" in row else reach
    return bases, reach, tuple(layout.models)


def _scale(layout, key, value):
    """Row of SCALES: the place of a field among the sorted fields of its block is known only now."""
    users = []
    for block, kind, place, *rest in value[1]:
        if kind == 0:
            place = sorted(row[0] for row in layout.scalars[block]).index(place)
        users.append((block, kind, place, *rest))
    return key[0], 2 * key[1], tuple(users)
