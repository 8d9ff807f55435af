# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Compiler of CAN profiles (host only): what holds between messages: several sources of a limit, information
beyond the record, questions and their answers, events, addresses."""

import re

from bms_bridge.can_decode import LEAST
from bms_bridge.compile_words import FIELDS

PLACE = ("bit", "order")
NUMBER = ("unit", "range")


def leaves(spots):
    """The fields among spots that are written out, also those below least_of."""
    found = []
    for spot in spots:
        if isinstance(spot.value, dict):
            found += leaves(spot.value["least_of"].items()) if "least_of" in spot.value else [spot]
    return found


def least(layout, name, slot, spot, scaled):
    """A limit that the device states more than once: the lowest counts. The first source must be known."""
    rows = spot.table(("least_of",))["least_of"].items()
    if len(rows) < 2 or not name.startswith("bms_") or FIELDS["bms"][name][1] != 6:
        raise spot.wrong("nothing to choose from", "least_of: [source, source] of a limit, the surest first")
    slots = tuple(layout.new_slot() for _ in rows)
    for number, row in enumerate(rows):
        layout.scalar(name, slot, row, scaled, (slots[number], number > 0))
    for message in layout.messages:
        own = {row[0] for row in message.fields} | {row[1] for row in message.derived}
        if own & set(slots):
            message.derived.append((LEAST, slot, slots, 0, 0))


def infos(layout, spot):
    """Enter what the device tells beyond the record."""
    for name, row in spot.table(free=True).items():
        if not re.fullmatch(r"bms_[a-z_]+_(mah|wh|ohm|ppm)", name):
            raise row.wrong(f"{name} is no name of an information", "bms_..., its unit last: mah, wh, ohm or ppm")
        for item in row.items() if isinstance(row.value, list) else [row]:
            cells = item.table(("block", "at", "type", *NUMBER), (*PLACE, "offset", "unknown"))
            message = layout.message(cells["block"])
            place, low, high = layout.place(message, cells, name)
            numbers, blank = layout.number(name, cells, item, low, high)
            slot = layout.new_slot()
            message.fields.append((slot, place, *numbers, (8,)))
            message.blanks.append(blank)
            layout.info.append((name, slot, message))


def way(message):
    """How a message comes: 0 by itself, 1 as a diagnostic answer, 2 because its identifier was asked for."""
    return 1 if message.ask is not None else 2 if message.poll is not None else 0


def same_question(layout):
    """Messages that answer one question differ in length, and no group waits for any of them."""
    seen: dict = {}
    for message in layout.messages:
        for other in seen.setdefault((message.ask, message.to), []) if message.ask is not None else ():
            if message.mask or other.mask:
                raise message.spot.wrong("this question has a block already", "two only for information (info:)")
            if message.least <= other.most and other.least <= message.most:
                raise message.spot.wrong("the length does not tell the answers apart", "lengths that do not overlap")
        if message.ask is not None:
            seen[message.ask, message.to].append(message)


def polls(messages):
    """Rows of POLLS: (key of the question, period in ms, messages that answer)."""
    rows: dict = {}
    for index, message in enumerate(messages):
        if message.poll is not None:
            rows.setdefault(message.poll, []).append(index)
    return tuple((key, min(messages[i].period_ms for i in answers), tuple(answers)) for key, answers in rows.items())


def events(layout):
    """A message that comes only while an alarm lasts holds nothing but alarms, beside others that are steady."""
    steady = [row for row in layout.messages if row.bits is not None and not row.event]
    for message in layout.messages:
        if message.event and (message.fields or message.arrays or message.checks or message.bits is None):
            raise message.spot.wrong("an event has alarms and nothing else", "leave event: away, or move the fields")
        if message.event and not steady:
            mend = "without it nobody knows that there is no alarm: add a message that always comes"
            raise message.spot.wrong("only events tell the alarms", mend)


def address(values, spot):
    """Row of ADDRESS: (first, last, step of messages and answers, of questions, of what is sent in cycles)."""
    cells = spot.table(("first", "last", "step"), ("asks", "sends"))
    first = cells["first"].integer(0, 247)
    last = cells["last"].integer(first + 1, 247)
    steps = [cells[name].integer(0, 0x10000000) if name in cells else 0 for name in ("step", "asks", "sends")]
    rows = [(row[0], steps[0]) for row in values["BLOCKS"]]
    rows += [(row[0], steps[1]) for row in values["ASKS"] + values["POLLS"]]
    rows += [(row[0], steps[2]) for row in values["SENDS"]]
    for key, step in rows:
        if (key + step * (last - first)) & 0x7FFFFFFF > (0x1FFFFFFF if key >> 31 else 0x7FF):
            raise cells["last"].wrong("identifier %X leaves its range there" % (key & 0x7FFFFFFF), "a lower last")
    users: dict = {}
    for unit in range(last - first + 1):
        for row in values["BLOCKS"]:
            if users.setdefault(row[0] + steps[0] * unit, unit) != unit:
                raise spot.wrong("two addresses share an identifier", "another step, or a lower last")
    return (first, last, *steps)
