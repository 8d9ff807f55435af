# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CAN profiles against an independent decoder: cantools reads the same random frames by DBC files that were
written apart from the profiles. A signal's limits in the DBC are the physical range, its values table the
marks for unknown; charge_w and discharge_w are the powers behind limits in amperes."""

import math
import pathlib
import random

import cantools
import pytest

from bms_bridge.can import put_raw
from bms_bridge.can_decode import LEAST, MAGNITUDE, QUOTIENT, decode_message, sum_of
from bms_bridge.compile import compile_file
from bms_bridge.tables import load
from edge.core.records import ALARMS
from tests.both.test_can_device import Copy

HERE = pathlib.Path(__file__).resolve().parent
PROFILES = HERE.parent.parent / "bms_bridge" / "profiles"
# Every CAN profile: one without a DBC of its own fails.
TABLES = sorted(path.stem for path in (PROFILES.parent / "tables").glob("[!_]*.py"))
NAMES = tuple(name for name in TABLES if getattr(load(name), "BUS", "") == "can" and load(name).KIND == "bms")
FRAMES = 1200
SCALE = {"mv": 1000, "ma": 1000, "mc": 1000, "ppm": 10000, "w": 1000, "mah": 1000, "wh": 1, "ohm": 1000}
SLOTS = {
    "pack_mv": 1,
    "current_ma": 2,
    "cell_max_mv": 3,
    "cell_min_mv": 4,
    "temp_max_mc": 5,
    "temp_min_mc": 6,
    "bms_soc_ppm": 9,
    "bms_soh_ppm": 10,
    "bms_charge_ma": 11,
    "bms_discharge_ma": 12,
    "bms_charge_mv": 13,
}


def blocks_of(name):
    """{name of a block: its index}."""
    compiled = compile_file(PROFILES / (name + ".yaml"))
    assert compiled["BLOCKS"] == load(name).BLOCKS
    lines = (PROFILES / (name + ".yaml")).read_text(encoding="utf-8").split("\nblocks:\n")[1].split("\n\n")[0]
    return {line.strip().split(":")[0]: index for index, line in enumerate(lines.splitlines())}


def watts_slots(table):
    """{"charge_w": slot, "discharge_w": slot} of the powers behind limits."""
    names = {11: "charge_w", 12: "discharge_w"}
    rows = [row for rows in table.DERIVED for row in rows]
    for row in rows:
        if row[0] == LEAST:  # one of several sources
            names.update(dict.fromkeys(row[2], names[row[1]]))
    return {names[row[1]]: row[2] for row in rows if row[0] == QUOTIENT}


def info_slots(table, index):
    """{name: slot} of what message index tells beyond the record."""
    return {name: slot for name, slot, message in table.INFOS if message == index}


def expected(signal, data):
    """What cantools says about one signal: its value in the record's unit, None outside its limits."""
    raw = data[signal.name.removesuffix("!")]
    value = raw * signal.scale + signal.offset
    if signal.choices and raw in signal.choices:
        return None
    if not signal.minimum - 1e-9 <= value <= signal.maximum + 1e-9:
        return None
    factor = SCALE[signal.name.rsplit("_", 1)[1]] if signal.unit != "W" else 1
    exact = value * factor
    return math.floor(exact + 1e-6) if signal.name.split("_", 1)[0] == "bms" else round(exact)


def plausible(message, rng):
    """A frame that cantools makes of random values inside the limits."""
    values = {}
    for signal in message.signals:
        if signal.name.startswith(("alarm_", "limit_")):
            values[signal.name] = rng.randrange(1 << signal.length)
        else:
            ends = [round((end - signal.offset) / signal.scale) for end in (signal.minimum, signal.maximum)]
            values[signal.name] = rng.randint(*sorted(ends))
    return message.encode(values, scaling=False, strict=False)


def differences(table, message, index, count, seed):
    """How many of count random frames the two decoders read differently."""
    rng = random.Random(seed)
    watts = watts_slots(table)
    unsigned = [row[1] for row in table.DERIVED[index] if row[0] == MAGNITUDE]
    infos = info_slots(table, index)
    wrong = 0
    for _ in range(count):
        data = bytearray(rng.randbytes(message.length) if rng.random() < 0.5 else plausible(message, rng))
        if table.SUMS[index] is not None:
            put_raw(data, table.SUMS[index][1], sum_of(table.SUMS[index], data))
        if table.CHECKS[index]:
            for place, value, _ in table.CHECKS[index]:
                put_raw(data, place, value)
        slots = [None] * table.SLOTS
        assert decode_message(table, index, bytes(data), slots) is not None
        raws = message.decode(bytes(data), decode_choices=False, scaling=False)
        alarms = 0
        same = True
        for signal in message.signals:
            if signal.name.startswith(("alarm_", "limit_")):
                allowed = (signal.minimum or 0, signal.maximum or 0) if signal.name[0] == "l" else (0, 0)
                if not allowed[0] <= raws[signal.name] <= allowed[1]:
                    alarms |= 1 << ALARMS.index(signal.name[6:].split("__")[0])
                continue
            name = signal.name.replace("discharge_current", "current")
            found = slots[infos[name] if name in infos else watts[name] if name in watts else SLOTS[name]]
            want = expected(signal, raws)
            if want is not None and SLOTS.get(name) in unsigned:
                want = abs(want)
            if want is not None and name != signal.name:
                want = -want  # the wire counts discharging positive
            same = same and found == want
        if any(signal.name.startswith(("alarm_", "limit_")) for signal in message.signals):
            same = same and slots[table.BITS[index][0]] == alarms
        wrong += not same
    return wrong


def messages_of(name):
    """[(message of the DBC, block index)]."""
    database = cantools.database.load_file(HERE / "dbc" / (name + ".dbc"), strict=True)
    blocks = blocks_of(name)
    return [(message, blocks[message.name]) for message in database.messages]


@pytest.mark.parametrize("name", NAMES)
def test_both_decoders_agree(name):
    pairs = messages_of(name)
    table = load(name)
    for message, index in pairs:
        assert differences(table, message, index, FRAMES // len(pairs) + 1, 20261122) == 0, message.name


@pytest.mark.parametrize("name", NAMES)
def test_the_dbc_names_every_scalar(name):
    table = load(name)
    for message, index in messages_of(name):
        values = [signal for signal in message.signals if not signal.name.startswith(("alarm_", "limit_"))]
        assert len(values) == len(table.FIELDS[index]), message.name
    named = {index for _, index in messages_of(name)}
    assert all(index in named or not rows for index, rows in enumerate(table.FIELDS))


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_wrong_bit_is_found(name):
    """Every field of the profile moved by one bit, one at a time."""
    table = load(name)
    for message, index in messages_of(name):
        rows = table.FIELDS[index]
        for k, row in enumerate(rows):
            first, last, little, shift, mask, sign = row[1]
            place = (first, last, little, shift - 1 if shift else shift + 1, mask, sign)
            moved = rows[:k] + ((row[0], place, *row[2:]),) + rows[k + 1 :]
            fields = table.FIELDS[:index] + (moved,) + table.FIELDS[index + 1 :]
            assert differences(Copy(table, FIELDS=fields), message, index, 60, 7) > 0, (message.name, row[0])
