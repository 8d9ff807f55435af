# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Compiler of profiles with `bus: can` (host only). docs/PROFILES.md, "CAN"."""

from bms_bridge.can_decode import HIGHEST, LOWEST, decode_message
from bms_bridge.can_encode import encode_message
from bms_bridge.compile_can_layout import ALARM_SLOT, NAMES, CanLayout, Message, hex_of
from bms_bridge.compile_can_rules import address, events, infos, polls, same_question, way
from bms_bridge.compile_examples import PROOFS
from bms_bridge.isotp import DONE, Receiver
from edge.core.records import ALARMS, OK

REQUIRED = ("bus", "name", "kind", "title", "source", "licence", "blocks", "fields", "examples")
OPTIONAL = ("line", "cells", "temps", "cell_lsb_mv", "protection", "opens_by", "caveats", "alarms", "order")
SHARED = ("require", "serve", "send", "address", "info")
EVENT_MS = 1000  # a message that comes only while an alarm lasts is over at the earliest after this
STRAY = 1 << ALARMS.index("other_alarm")
_WORDS = tuple(name for name in ALARMS if not name.startswith("reserved")) + ("ignored",)


class Rows:
    """A table in memory, as far as encode and decode need it."""

    def __init__(self, values):
        for name, value in values.items():
            setattr(self, name, value)


def compile_profile(top, facts):
    """{attribute: value} of the table of the profile top (Spot), with INVERSE and EXAMPLES.

    facts: makes the attributes that all buses share. Raises ProfileError.
    """
    cells = top.table(REQUIRED, OPTIONAL + SHARED)
    cells["kind"].word(("bms",))
    layout = CanLayout(top)
    layout.fields(cells["fields"])
    if "info" in cells:
        infos(layout, cells["info"])
    if "require" in cells:
        layout.require(cells["require"])
    if "alarms" in cells:
        _alarms(layout, cells["alarms"])
    events(layout)
    same_question(layout)
    values = facts({key: spot for key, spot in cells.items() if key != "line"}, "bms", layout)
    if "line" in cells:
        values["INFO"].update(_line(cells["line"]))
    values["BUS"] = "can"
    values.update(_rows(layout))
    values["SENDS"] = _sends(layout, cells["send"]) if "send" in cells else ()
    values["ADDRESS"] = address(values, cells["address"]) if "address" in cells else None
    values["INVERSE"] = _inverse(layout, cells)
    examples = [_example(layout, values, item) for item in cells["examples"].items()]
    if not examples:
        raise cells["examples"].wrong("no example", "add bytes of the device with the values they mean")
    _check_encode(values, cells["examples"])
    proofs = []
    for row in examples:
        if row[0] not in proofs:
            proofs.append(row[0])
    values["INFO"]["proof"] = ", ".join(proofs)
    values["EXAMPLES"] = examples
    return values


def _line(spot):
    cells = spot.table(("kind", "bitrate"), ("fd", "data_bitrate"))
    cells["kind"].word(("can",))
    info = {"line": "can", "bitrate": cells["bitrate"].integer(10000, 1000000)}
    if "fd" in cells and cells["fd"].plain() is True:
        info["fd"] = 1
    if "data_bitrate" in cells:
        info["data_bitrate"] = cells["data_bitrate"].integer(10000, 8000000)
    return info


def _rows(layout):
    """The attributes that decode reads."""
    messages = layout.messages
    count = range(len(messages))
    masks = [0 if row.event else row.mask for row in messages]
    of_group = tuple(tuple(i for i in count if masks[i] & 1 << group) for group in range(8))
    slots_of = tuple(tuple(layout.slots_of.get(group, ())) for group in range(8))
    periods = tuple(max((messages[i].period_ms for i in members), default=None) for members in of_group)
    asks = [(index, row) for index, row in enumerate(messages) if row.ask is not None]
    return {
        "BLOCKS": tuple((row.key, way(row), 0, row.period_ms, row.mask) for row in messages),
        "SIZES": tuple((row.least, row.most) for row in messages),
        "MUX": tuple(row.mux for row in messages),
        "SUMS": tuple(row.sum for row in messages),
        "COUNTERS": tuple(row.counter for row in messages),
        "CHECKS": tuple(tuple(row.checks) for row in messages),
        "FIELDS": tuple(tuple(row.fields) for row in messages),
        "ARRAYS": tuple(tuple(row.arrays) for row in messages),
        "SHAPES": tuple(tuple(row.shapes) for row in messages),
        "BITS": tuple(row.bits for row in messages),
        "DERIVED": tuple(tuple(row.derived) for row in messages),
        "SLOTS": layout.scratch,
        "LISTS": tuple((slot, layout.lengths[slot][0] if slot in layout.lengths else 0) for slot in (7, 8)),
        "GROUPS_OF": tuple(tuple(g for g in range(8) if mask & 1 << g) for mask in masks),
        "BLOCKS_OF": of_group,
        "SLOTS_OF": slots_of,
        "RATED": None,
        "PERIODS_MS": tuple(None if not slots_of[g] else periods[g] for g in range(8)),
        "WRITES": (),
        "ASKS": tuple((*row.ask, index, row.period_ms, row.to, row.back) for index, row in asks),
        "POLLS": polls(messages),
        "INFOS": tuple((name, slot, messages.index(row)) for name, slot, row in layout.info),
        "EVENTS": tuple(
            (i, messages[i].bits[0], max(5 * messages[i].period_ms, EVENT_MS)) for i in count if messages[i].event
        ),
    }


def alarm_bit(spot):
    """Bit of Evt1 that the word at spot names; 0 for ignored."""
    name = spot.word(_WORDS)
    return 0 if name == "ignored" else 1 << ALARMS.index(name)


def _alarms(layout, spot):
    """Alarm bits and limits: one section per message."""
    parts = []
    sections = spot.items() if isinstance(spot.value, list) else [spot]
    for item in sections:
        cells = item.table(("block",), ("bits", "clear", "limits", "whole", "unmapped"))
        message = layout.message(cells["block"])
        if message.bits is not None:
            raise item.wrong("the block has alarms already", "one section for each block")
        slot = layout.new_slot() if len(sections) > 1 else ALARM_SLOT
        stray = alarm_bit(cells["unmapped"]) if "unmapped" in cells else STRAY
        places = [(*row, 0) for row in _bits(message, cells.get("bits"))]
        places += [(*row, 1) for row in _bits(message, cells.get("clear"))]
        whole = []
        for number in cells["whole"].items() if "whole" in cells else ():
            whole.append(number.integer(0, message.least - 1))
        limits = [_limit(layout, message, row) for row in cells["limits"].items()] if "limits" in cells else []
        message.bits = (slot, stray, _bytes(places, whole), tuple(limits))
        parts.append((slot, message))
    layout.alarm_parts(parts)


def _bits(message, spot):
    """[(byte, mask, alarm bit or 0)] from "byte.bit: word" lines."""
    found = []
    for key, word in spot.table(free=True).items() if spot is not None else ():
        byte, dot, bit = str(key).partition(".")
        if not (dot and byte.isdigit() and bit.isdigit() and int(bit) < 8):
            raise word.wrong(f"{key!r} is not a bit", "write byte.bit, as in 3.5")
        if int(byte) >= message.least:
            raise word.wrong(f"byte {byte} is outside the block", f"it has {message.least}")
        found.append((int(byte), 1 << int(bit), alarm_bit(word)))
    return found


def _bytes(places, whole):
    """((byte, bits to turn round, known bits, ((mask, alarm), ...)), ...): a set bit of a byte in whole
    that has no line counts as an alarm too."""
    rows = {}
    for byte, mask, alarm, clear in places:
        row = rows.setdefault(byte, [0, 0, []])
        row[0] |= mask if clear else 0
        row[1] |= mask
        if alarm:
            row[2].append((mask, alarm))
    for byte in whole:
        rows.setdefault(byte, [0, 0, []])
    return tuple(
        (byte, flip, known if byte in whole else 0xFF, tuple(pairs)) for byte, (flip, known, pairs) in rows.items()
    )


def _limit(layout, message, spot):
    cells = spot.table(("at", "type", "alarm"), ("bit", "order", "below", "above"))
    place, low, high = layout.place(message, cells, "alarms", claimed=False)
    if "below" not in cells and "above" not in cells:
        raise spot.wrong("no limit", "add below: N or above: N (raw numbers)")
    floor = cells["below"].integer(low, high) if "below" in cells else low
    ceiling = cells["above"].integer(low, high) if "above" in cells else high
    return place, floor, ceiling, alarm_bit(cells["alarm"])


def _sends(layout, spot):
    """Rows of SENDS: (key, period_ms, data, mask of the bytes that never change, counter, checksum)."""
    rows = []
    for name, item in spot.table(free=True).items():
        cells = item.table(("id", "period_ms", "data"), ("extended", "counter", "check"))
        several = isinstance(cells["data"].value, list)
        datas = tuple(hex_of(data) for data in (cells["data"].items() if several else [cells["data"]]))
        data = datas[0] if datas else b""
        if not data or any(len(other) != len(data) for other in datas):
            raise cells["data"].wrong("frames of different lengths", "data: one frame, or a list of equally long ones")
        message = Message(name, item, layout.key(cells, "id"), (len(data), len(data)), 0)
        if "counter" in cells:
            counter = cells["counter"].table(("at", "type"), ("bit", "order"))
            message.counter = layout.place(message, counter, "counter")[0]
        row = layout.sum_row(message, cells["check"]) if "check" in cells else None
        mask = bytearray(b"\xff" * len(data))
        for byte, bit in message.used:
            mask[byte] &= ~(1 << bit)
        period_ms = cells["period_ms"].integer(5, 60000)
        rows.append((message.key, period_ms, datas, bytes(mask), message.counter, row))
    return tuple(rows)


def _inverse(layout, cells):
    served = cells["serve"].table(optional=tuple(row.name for row in layout.messages)) if "serve" in cells else {}
    templates = []
    for message in layout.messages:
        data = bytes(message.least)
        if message.name in served:
            data = hex_of(served[message.name])
            if not message.least <= len(data) <= message.most:
                raise served[message.name].wrong(f"{len(data)} bytes", f"the block has {message.least}")
        templates.append(data)
    caveats = cells["caveats"].items() if "caveats" in cells else ()
    return {
        "CAVEATS": tuple(item.text() for item in caveats),
        "FIELDS": tuple(tuple(row.blanks) for row in layout.messages),
        "ARRAYS": tuple(tuple(row.array_blanks) for row in layout.messages),
        "TEMPLATES": tuple(templates),
        "SERVED": (),
    }


# ---- examples ------------------------------------------------------------------------------------


def _example(layout, values, item):
    """(proof, block index, data, given, expected), decoded and compared."""
    cells = item.table(("origin", "block", "expect"), ("proof", "data", "answer", "frames", "given"))
    if "proof" not in cells:
        raise item.wrong("the example does not say where it comes from", f"add proof: one of {', '.join(PROOFS)}")
    proof = cells["proof"].word(PROOFS)
    cells["origin"].text()
    message = layout.message(cells["block"])
    index = layout.messages.index(message)
    data = _data(message, cells, item)
    given = ()
    if "given" in cells:
        given = tuple((NAMES[name][0], cell.plain()) for name, cell in cells["given"].table(optional=NAMES).items())
    slots = [None] * values["SLOTS"]
    for slot, value in given:
        slots[slot] = value
    if decode_message(Rows(values), index, data, slots) is None:
        fits = message.least <= len(data) <= message.most
        reason = "the checksum is wrong" if fits else "wrong length"
        raise item.wrong(f"{reason} ({len(data)} bytes)", "give the bytes as they were captured")
    wanted = _wanted(layout, message)
    found = cells["expect"].table(free=True)
    for name in wanted:
        if name not in found:
            raise cells["expect"].wrong(f"{name} is missing", "state every field of the block, null for not known")
    for name, cell in found.items():
        if name not in wanted:
            raise cell.wrong("not a field of this block", f"it has {', '.join(wanted)}")
    expected = []
    for name, places in wanted.items():
        expected += _compare(name, places, found[name], slots, item)
    return proof, index, data, given, tuple(expected)


def _data(message, cells, item):
    """The data that decode gets: of a frame, or of an answer without its header."""
    given = [key for key in ("data", "answer", "frames") if key in cells]
    if len(given) != 1:
        raise item.wrong("give exactly one of data, answer and frames", "frames: as captured, blanks between them")
    spot = cells[given[0]]
    if given[0] == "data":
        return hex_of(spot)
    if message.ask is None:
        raise spot.wrong(f"block {message.name} is a frame", "data: its bytes")
    if given[0] == "answer":
        payload = hex_of(spot)
    else:
        receiver = Receiver(message.ask[4], address=message.back)
        verdicts = [receiver.take(0, bytes.fromhex(word)) for word in str(spot.value).split()]
        if not verdicts or verdicts[-1] != DONE:
            raise spot.wrong("the frames make no whole answer", "all of them, in order")
        payload = receiver.payload
    prefix = message.ask[3]
    if payload[: len(prefix)] != prefix:
        raise spot.wrong("not an answer to this question", f"it begins with {prefix.hex()}")
    return payload[len(prefix) :]


def _wanted(layout, message):
    """{field: [slots]} that this message gives."""
    slots = {row[0] for row in message.fields}
    for kind, target, a, _, _ in message.derived:
        uses = a if isinstance(a, tuple) else (a,)
        if kind in (HIGHEST, LOWEST) or any(slot in slots for slot in uses):
            slots.add(target)
    wanted = {name: [NAMES[name][0]] for name in layout.slots if NAMES[name][0] in slots}
    for name, parts in layout.parts.items():
        mine = [slot for slot, owner in parts if owner is message]
        if mine:
            wanted[name] = mine
    for name, slot, owner in layout.info:
        if owner is message:
            wanted[name] = [slot]
    if message.bits is not None:
        wanted["alarms"] = [message.bits[0]]
    return wanted


def _compare(name, places, spot, slots, item):
    """[(slot, value)] of one field, after checking it."""
    if name == "alarms":
        value = 0
        for cell in spot.items():
            value |= 1 << ALARMS.index(cell.word(list(ALARMS)))
        rows: list = [(places[0], value)]
    elif isinstance(spot.plain(), list):
        items = list(spot.plain())
        rows = []
        for slot in places:
            size = len(slots[slot])
            rows.append((slot, tuple(items[:size])))
            del items[:size]
        if items:
            raise spot.wrong("too many values", "as many as the block has")
    else:
        rows = [(places[0], spot.plain())]
    for slot, value in rows:
        if slots[slot] != value:
            mend = "correct the field (at, type, unit, sign) or the example"
            raise item.wrong(f"{name} decodes to {slots[slot]}, the example says {value}", mend)
    return rows


def _check_encode(values, spot):
    """Every message that encode makes of an empty record must decode: templates hold what is required."""
    table = Rows({**values, "INVERSE": Rows(values["INVERSE"])})
    empty = [None] * 15
    for slot, length in values["LISTS"]:
        empty[slot] = (None,) * length
    for index in range(len(values["BLOCKS"])):
        result = decode_message(table, index, encode_message(table, index, empty), [None] * values["SLOTS"])
        if result is None or max(result[0]) < OK or result[1]:
            raise spot.wrong(f"block {index} does not come back from encode", "see serve: and require:")
