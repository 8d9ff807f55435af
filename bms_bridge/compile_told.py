# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Compiler of profiles with `bus: can` and `kind: pcs` (host only): the inverter's side of a battery's CAN protocol.
docs/PROFILES.md, "kind: pcs on CAN"."""

from bms_bridge.compile_can import alarm_bit
from bms_bridge.compile_can_layout import hex_of
from bms_bridge.compile_examples import PROOFS
from bms_bridge.compile_layout import parse_unit
from bms_bridge.pcs_can import CEILING, FLOOR, NEAREST, VALUES, encode
from edge.core.records import ALARMS

REQUIRED = ("bus", "name", "kind", "title", "source", "licence", "line", "alive", "told", "examples")
OPTIONAL = ("caveats",)
# type -> (bytes, lowest raw, highest raw)
TYPES = {"uint8": (1, 0, 0xFF), "uint16": (2, 0, 0xFFFF), "int16": (2, -0x8000, 0x7FFF)}
# A limit is rounded toward zero current, a lowest voltage upwards; a measurement to the nearest step.
ROUNDING = {"discharge_mv": CEILING, "pack_mv": NEAREST, "current_ma": NEAREST, "temp_mc": NEAREST}
ENABLES = {"charge_on": "charge_ma", "discharge_on": "discharge_ma"}
UNNAMED = 0xFFFFFFFF >> len(ALARMS) << len(ALARMS)  # bits of Evt1 that have no name are alarms
EMPTY = ("BLOCKS", "SIZES", "FIELDS", "WRITES", "LISTS", "GROUPS_OF", "BLOCKS_OF", "SLOTS_OF", "INFOS", "SENDS")


def compile_told(top, facts):
    """{attribute: value} of the table of the profile top (Spot), with INVERSE and EXAMPLES. facts: makes the attributes
    that all buses share. Raises ProfileError."""
    cells = top.table(REQUIRED, OPTIONAL)
    values = facts({key: spot for key, spot in cells.items() if key != "line"}, "pcs", _NoLists(top))
    line = cells["line"].table(("kind", "bitrate"))
    line["kind"].word(("can",))
    values["INFO"].update({"line": "can", "bitrate": line["bitrate"].integer(10000, 1000000)})
    values["BUS"] = "can"
    values.update({name: () for name in EMPTY})
    values.update({"SLOTS": 0, "RATED": None})
    alive = cells["alive"].table(("id", "period_ms"), ("extended",))
    period_ms = alive["period_ms"].integer(100, 10000)
    values["ALIVE"] = (_key(alive), period_ms)
    values["PERIODS_MS"] = (period_ms, None)
    frames = cells["told"].table(free=True)
    values["TOLD"] = tuple(_frame(spot) for spot in frames.values())
    caveats = cells["caveats"].items() if "caveats" in cells else ()
    values["INVERSE"] = {"CAVEATS": tuple(item.text() for item in caveats)}
    examples = [_example(list(frames), values["TOLD"], item) for item in cells["examples"].items()]
    seen = {row[1] for row in examples}
    for index, name in enumerate(frames):
        if index not in seen:
            raise cells["examples"].wrong(f"{name} has no example", "add one for each frame")
    values["INFO"]["proof"] = ", ".join(dict.fromkeys(row[0] for row in examples))
    values["EXAMPLES"] = tuple(examples)
    return values


class _NoLists:
    """As far as the shared facts look at a layout: there are no lists."""

    def __init__(self, top):
        self.lengths = {7: (0, top), 8: (0, top)}


def _key(cells):
    if "extended" in cells and cells["extended"].plain() is True:
        return cells["id"].integer(0, 0x1FFFFFFF) | 0x80000000
    return cells["id"].integer(0, 0x7FF)


def _frame(spot):
    """One row of TOLD: (key, period in ms, data before anything is said, numbers, enable bits, alarms)."""
    cells = spot.table(("id", "period_ms", "data"), ("extended", "fields", "enable", "alarms"))
    data = hex_of(cells["data"])
    if not 0 < len(data) <= 8:
        raise cells["data"].wrong(f"{len(data)} bytes", "a frame has 1 to 8")
    used = set()
    numbers = [_number(name, item, data, used) for name, item in _lines(cells.get("fields"))]
    steps = {VALUES[row[0]]: -(-row[3] // row[4]) for row in numbers}
    flags = []
    for name, item in _lines(cells.get("enable")):
        at, bit = _bit(str(name), item, data, used)
        limit = ENABLES[item.word(tuple(ENABLES))]
        flags.append((at, bit, VALUES.index(limit), steps.get(limit, 100)))
    alarms = _alarms(cells["alarms"], data, used) if "alarms" in cells else ()
    return _key(cells), cells["period_ms"].integer(200, 10000), data, tuple(numbers), tuple(flags), alarms


def _lines(spot):
    return spot.table(free=True).items() if spot is not None else ()


def _claim(spot, at, bits, data, used):
    """Take bits of byte at for one meaning; they have to be 0 in data."""
    if at >= len(data):
        raise spot.wrong(f"byte {at} is outside the frame", f"it has {len(data)}")
    for bit in range(8):
        if bits >> bit & 1:
            if (at, bit) in used or data[at] >> bit & 1:
                raise spot.wrong(f"bit {at}.{bit} has a meaning already", "correct the place")
            used.add((at, bit))


def _number(name, spot, data, used):
    """(value, first byte, end, num, den, rounding, lowest raw, highest raw, raw for not known or None)."""
    if name not in VALUES:
        raise spot.wrong(f"{name!r} cannot be told", f"one of: {', '.join(VALUES)}")
    cells = spot.table(("at", "type"), ("unit", "range", "unknown"))
    size, low, high = TYPES[cells["type"].word(tuple(TYPES))]
    num = den = 1
    if "unit" in cells:
        step = parse_unit(cells["unit"], name.rpartition("_")[2])
        num, den = step.numerator, step.denominator
    first = cells["at"].integer(0, 7)
    for at in range(first, first + size):
        _claim(spot, at, 0xFF, data, used)
    if "range" in cells:
        bounds = [item.integer(-(10**9), 10**9) for item in cells["range"].items()]
        low, high = max(low, -(-bounds[0] * den // num)), min(high, bounds[1] * den // num)
    if name in ("charge_ma", "discharge_ma"):
        low, high = 0, min(high, (1 << 8 * size - 1) - 1)
    mark = cells["unknown"].integer(0, (1 << 8 * size) - 1) if "unknown" in cells else None
    return VALUES.index(name), first, first + size, num, den, ROUNDING.get(name, FLOOR), low, high, mark


def _bit(text, spot, data, used):
    byte, dot, bit = text.partition(".")
    if not (dot and byte.isdigit() and bit.isdigit() and int(bit) < 8):
        raise spot.wrong(f"{text!r} is not a bit", "write byte.bit, as in 3.5")
    _claim(spot, int(byte), 1 << int(bit), data, used)
    return int(byte), 1 << int(bit)


def _alarms(spot, data, used):
    """((byte, bits when raised, bits when quiet, alarms of Evt1), ...). What no bit stands for raises the collective
    alarm (or warning) of the frame."""
    cells = spot.table(("bits",), ("pairs",))
    pairs = "pairs" in cells and cells["pairs"].plain() is True  # 01 came, 10 went
    rows = []
    for name, item in cells["bits"].table(free=True).items():
        at, bit = _bit(str(name), item, data, used)
        if pairs:
            _claim(item, at, bit << 1, data, used)
        words = item.items() if isinstance(item.value, list) else [item]
        mask = 0
        for word in words:
            mask |= alarm_bit(word)
        rows.append([at, bit, bit << 1 if pairs else 0, mask])
    told = 0
    for row in rows:
        told |= row[3]
    for word, warns in (("other_alarm", False), ("other_warning", True)):
        for row in rows:
            if row[3] >> ALARMS.index(word) & 1:
                kind = sum(1 << k for k, alarm in enumerate(ALARMS) if alarm.endswith("_warning") == warns)
                row[3] |= (kind if warns else kind | UNNAMED) & ~told
    return tuple(tuple(row) for row in rows)


def _example(names, told, item):
    """(proof, frame, values, alarms, data), encoded and compared."""
    cells = item.table(("proof", "origin", "frame", "say", "data"), ("alarms",))
    proof = cells["proof"].word(PROOFS)
    cells["origin"].text()
    index = names.index(cells["frame"].word(tuple(names)))
    say = cells["say"].table(optional=VALUES)
    values = tuple(say[name].plain() if name in say else None for name in VALUES)
    alarms = 0
    for word in cells["alarms"].items() if "alarms" in cells else ():
        alarms |= alarm_bit(word)
    wanted = None if cells["data"].value is None else hex_of(cells["data"])
    found = encode(told[index], values, alarms)
    if found != wanted:
        said = "nothing" if found is None else found.hex(" ")
        raise item.wrong(f"the profile says {said}", "correct the field or the example")
    return proof, index, values, alarms, wanted
