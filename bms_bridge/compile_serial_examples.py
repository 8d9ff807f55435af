# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Examples of a serial profile: whole answers as they came, decoded by the code of the product."""

from bms_bridge.compile_examples import PROOFS, _compare, _value
from bms_bridge.decode import TEXT
from bms_bridge.serial_bms import Fitted
from bms_bridge.serial_frames import parse_reply, unfold

_ALARM_SLOT = 14
_OPTIONAL = ("proof", "frame", "payload", "unit", "record", "cells", "temps")


def compile_examples(layout, table, spot):
    """[(proof, block index, data, ((slot, value), ...), unit, frame, payload, record, cells, temps), ...],
    each checked. data: the answer with full lists; frame: b"" where only the payload was given."""
    rows = []
    for item in spot.items():
        cells = item.table(("origin", "block", "expect"), _OPTIONAL)
        if "proof" not in cells:
            raise item.wrong("the example does not say where it comes from", f"add proof: one of {', '.join(PROOFS)}")
        proof = cells["proof"].word(PROOFS)
        cells["origin"].text()
        index = layout.block(cells["block"])
        unit = cells["unit"].integer(0, 255) if "unit" in cells else 0
        record = cells["record"].integer(0, 63) if "record" in cells else None
        sizes = []
        for key, most in (("cells", table.CELLS), ("temps", table.TEMPS)):
            sizes.append(cells[key].integer(1, most) if key in cells else most)
        frame, payload = _bytes(table, index, unit, cells, item)
        data = unfold(table.ANSWERS[index], payload, record)
        if data is None:
            raise item.wrong(f"{len(payload)} bytes of answer do not fit", "correct answer: of the block, or record:")
        fitted = Fitted(table, *sizes)
        expected = _expected(layout, fitted, index, cells["expect"])
        _compare(layout, fitted, index, data, expected, item)
        rows.append((proof, index, data, expected, unit, frame, payload, record, *sizes))
    if not rows:
        raise spot.wrong("no example", "add bytes of the device with the values they mean")
    return rows


def _bytes(table, index, unit, cells, item):
    """(whole frame or b"", payload)."""
    if ("frame" in cells) == ("payload" in cells):
        raise item.wrong("give exactly one of frame and payload", "frame: is a whole answer with its check")
    spot = cells["frame"] if "frame" in cells else cells["payload"]
    text = str(spot.value).strip()
    try:
        data = text.encode("ascii") + b"\r" if text.startswith("~") else bytes.fromhex("".join(text.split()))
    except ValueError:
        raise spot.wrong("not hexadecimal", "two digits per byte between quotes; ~ begins a text frame") from None
    if "payload" in cells:
        return b"", data
    command, _, frames, _, _ = table.BLOCKS[index]
    found = parse_reply(table.FRAMING, data, unit, command, frames)
    if found is None or found[1] or found[2] != len(data):
        mend = "give it as sent, from the first byte to the last, and unit: when the protocol has addresses"
        raise spot.wrong("not a good answer to the question of this block", mend)
    return data, found[0]


def _expected(layout, table, index, spot):
    """((slot, value), ...): every field that this block alone decides must be stated."""
    wanted = {}
    rows = table.FIELDS[index][1] if table.FIELDS[index] is not None else ()
    here = {row[0] for row in rows} | {row[0] for row in table.ARRAYS[index]}
    for row in table.DERIVED[index]:
        if row[0] == TEXT:
            continue
        _, target, factor, switch = row[:4]
        if factor in here and switch in here:
            here.add(target)
    for name, slot in layout.slots.items():
        if slot in here:
            wanted[name] = slot
    if table.BITS[index] is not None:
        wanted["alarms"] = _ALARM_SLOT
    if layout.serial is not None and layout.serial[0] == index:
        wanted["serial"] = layout.serial[1]
    cells = spot.table(free=True)
    for name in wanted:
        if name not in cells:
            raise spot.wrong(f"{name} is missing", "state every field of the block, null for not known")
    for name, cell in cells.items():
        if name not in wanted:
            raise cell.wrong("not a field of this block alone", f"it has {', '.join(wanted)}")
    return tuple((wanted[name], _value(name, cells[name])) for name in wanted)
