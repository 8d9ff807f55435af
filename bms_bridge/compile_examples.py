# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Examples of a profile: bytes with the values that they must give. A profile whose examples do not
decode as it says is refused."""

from bms_bridge.compile_layout import STATES
from bms_bridge.decode import decode_block
from bms_bridge.modbus import crc16
from edge.core.records import ALARMS

PROOFS = ("captured", "vendor document", "synthesised")
_ALARM_SLOT = 14


def compile_examples(layout, table, spot):
    """[(proof, block index, data, ((slot, value), ...))], each checked against decode."""
    rows = []
    for item in spot.items():
        cells = item.table(("origin", "block", "expect"), ("proof", "frame", "data", "registers"))
        if "proof" not in cells:
            raise item.wrong("the example does not say where it comes from", f"add proof: one of {', '.join(PROOFS)}")
        proof = cells["proof"].word(PROOFS)
        cells["origin"].text()
        index = layout.block(cells["block"])
        data = _data(layout, index, cells, item)
        expected = _expected(layout, table, index, cells["expect"])
        _compare(layout, table, index, data, expected, item)
        rows.append((proof, index, data, expected))
    if not rows:
        raise spot.wrong("no example", "add bytes of the device with the values they mean")
    return rows


def _hex(spot):
    text = "".join(str(spot.value).split())
    try:
        return bytes.fromhex(text)
    except ValueError:
        mend = "write two digits per byte, between quotes when they are all digits"
        raise spot.wrong("not hexadecimal", mend) from None


def _data(layout, index, cells, item):
    """Data bytes of the example: from a whole RTU frame, from the data alone, or from registers."""
    name, function, _, count, _, _ = layout.blocks[index]
    size = (count + 7) // 8 if function <= 2 else 2 * count
    given = [key for key in ("frame", "data", "registers") if key in cells]
    if len(given) != 1:
        raise item.wrong("give exactly one of frame, data and registers", "frame: is a whole answer with CRC")
    spot = cells[given[0]]
    if given[0] == "registers":
        registers = [0xFFFF] * count  # what nobody states is not known
        for key, cell in spot.table(free=True).items():
            if not isinstance(key, int) or not 0 <= key < count:
                raise cell.wrong(f"register {key!r} is outside the block", f"0 to {count - 1}")
            registers[key] = cell.integer(-0x8000, 0xFFFF) & 0xFFFF
        return b"".join(bytes((register >> 8, register & 0xFF)) for register in registers)
    data = _hex(spot)
    if given[0] == "frame":
        if len(data) < 5 or crc16(data[:-2]) != (data[-1] << 8 | data[-2]):
            mend = "give the answer as sent: unit, function, count, data, CRC"
            raise spot.wrong("the CRC of the frame is wrong", mend)
        if data[1] != function:
            raise spot.wrong(f"the frame is of function {data[1]}", f"block {name} has function {function}")
        data = data[3:-2]
    if len(data) != size:
        raise spot.wrong(f"{len(data)} bytes of data", f"block {name} has {size}")
    return data


def _expected(layout, table, index, spot):
    """((slot, value), ...): every field of the block must be stated."""
    cells = spot.table(free=True)
    wanted = {}
    for name, slot in layout.slots.items():
        group = layout.names[name][1]
        if any(place == slot and not parts for place, parts in layout.slots_of.get(group, ())):
            if _lives_in(table, index, slot):
                wanted[name] = slot
    if table.BITS[index] is not None:
        wanted["alarms"] = _ALARM_SLOT
    if layout.serial is not None and layout.serial[0] == index:
        wanted["serial"] = layout.serial[1]
    for name in wanted:
        if name not in cells:
            raise spot.wrong(f"{name} is missing", "state every field of the block, null for not known")
    for name, cell in cells.items():
        if name not in wanted:
            raise cell.wrong("not a field of this block", f"it has {', '.join(wanted)}")
    return tuple((wanted[name], _value(name, cells[name])) for name in wanted)


def _lives_in(table, index, slot):
    rows = table.FIELDS[index][1] if table.FIELDS[index] is not None else ()
    slots = {row[0] for row in rows} | {row[0] for row in table.ARRAYS[index]}
    slots |= {row[0] for row in table.ENUMS[index]} | {row[1] for row in table.DERIVED[index]}
    return slot in slots


def _value(name, spot):
    value = spot.plain()
    if value is None:
        return None
    if name == "alarms":
        alarms = 0
        for item in spot.items():
            alarms |= 1 << ALARMS.index(item.word(list(ALARMS)))
        return alarms
    if name == "state":
        return STATES[spot.word(list(STATES))]
    return tuple(value) if isinstance(value, list) else value


def example_values(table, index, data):
    """What data decode to: {slot: value}, void groups already None."""
    slots = [None] * table.SLOTS
    _, void = decode_block(table, index, data, slots)
    for group, rows in enumerate(table.SLOTS_OF):
        if void & (1 << group):
            for slot, _ in rows:
                slots[slot] = None
    return slots


def _compare(layout, table, index, data, expected, item):
    slots = example_values(table, index, data)
    names = {slot: name for name, slot in layout.slots.items()}
    names[_ALARM_SLOT] = "alarms"
    if layout.serial is not None:
        names[layout.serial[1]] = "serial"
    for slot, value in expected:
        if slots[slot] != value:
            raise item.wrong(
                f"{names[slot]} decodes to {slots[slot]}, the example says {value}",
                "correct the field (at, type, unit, sign) or the example",
            )
