# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What every profile must pass, on both runtimes. The profiles are those of the folder: a new one is in here
without a line of its own."""

import os
from struct import pack_into

import bms_bridge.tables as tables
from bms_bridge.can import put_raw
from bms_bridge.can_decode import QUOTIENT, decode_message, sum_of
from bms_bridge.can_encode import encode_message
from bms_bridge.decode import FLOAT, decode_block
from bms_bridge.encode import encode_block, inverse
from bms_bridge.serial_bms import Fitted
from edge.core.records import IMPLAUSIBLE, OK, SENTINEL, MeterSample, PcsSample, Sample
from tests.both.bridge_vectors import VECTORS as MODBUS_VECTORS
from tests.both.can_vectors import VECTORS as CAN_VECTORS
from tests.both.serial_vectors import VECTORS as SERIAL_VECTORS

FOLDER = tables.__file__.replace("\\", "/").rpartition("/")[0]
NAMES = sorted([name[:-3] for name in os.listdir(FOLDER) if name.endswith(".py") and name[0] != "_"])
NAMES = [name for name in NAMES if not hasattr(tables.load(name), "TOLD")]  # those speak and read no value
POWER_W = 10000
# Values in the middle of things, by place in the record; held inside the range of each profile.
BMS = (0, 52000, -7000, 3740, 3700, 24000, 20000, 3720, 22000, 500000, 910000, 100000, 120000, 56000, 0, ())
PCS = (0, 52400, -60100, -3150, 2, 2500, 4050, 5000, ())
METER = (0, 234567, 7654321, -1250, ())
SIGNED = {"bms": 2, "pcs": 2, "meter": 3}  # place of the value whose sign is that of the current
WIDTHS = {"B": 1, "H": 2, "I": 4}


class Profile:
    """One table, the same way whatever bus it is for: encode, decode, and the raw numbers of its blocks."""

    def __init__(self, name):
        self.name = name
        self.table = tables.load(name)
        self.bus = getattr(self.table, "BUS", "modbus")
        self.back = inverse(self.table)
        self.view = self.table
        if self.bus == "serial":
            self.view = Fitted(self.table, self.table.CELLS, self.table.TEMPS)
        self.blocks = range(len(self.table.BLOCKS))

    def encode(self, index, sample):
        if self.bus == "can":
            return bytearray(encode_message(self.table, index, sample))
        return bytearray(encode_block(self.table, index, sample, POWER_W))

    def decode(self, index, data, slots=None):
        """(slots, (quality, void)) of data with its checksum made good."""
        slots = [None] * self.table.SLOTS if slots is None else slots
        if self.bus != "can":
            return slots, decode_block(self.view, index, bytes(data), slots)
        row = self.table.SUMS[index]
        if row is not None:
            put_raw(data, row[1], sum_of(row, data))
        return slots, decode_message(self.table, index, bytes(data), slots)

    def scalars(self, index):
        """(slot, mul, div, add, low, high, unknown, groups, floor, ceiling, put) of every single number;
        put(data, raw) writes it."""
        rows = self.table.FIELDS[index]
        if self.bus != "can":
            rows = () if rows is None else rows[1]
        for row, back in zip(rows, self.back.FIELDS[index]):
            if self.bus == "can":
                slot, place, mul, div, add, low, high, unknown, groups = row

                def put(data, raw, place=place):
                    put_raw(data, place, raw)
            else:
                slot, mul, div, add, low, high, unknown, group = row
                groups = (group,)
                put = put_serial(back[4], back[5]) if self.bus == "serial" else put_registers(back[4], back[5])
            yield slot, mul, div, add, low, high, unknown, groups, back[-2], back[-1], put

    def lists(self, index):
        """(slot, mul, div, add, low, high, unknown, groups, floor, ceiling, put, place) of every list: place
        is that of its last value here."""
        for k, row in enumerate(self.table.ARRAYS[index]):
            back = self.back.ARRAYS[index][k]
            shape = self.table.SHAPES[index][k]
            if self.bus == "can":
                slot, _, mul, div, add, low, high, unknown, groups, _ = row
                _, offset, code, stride, _, count, little = shape
                width = WIDTHS[code.upper()]
                at = offset + stride * (count - 1)
                sign = 1 << (8 * width - 1) if code in "bhi" else 0
                place = (at, at + width, little, 0, (1 << 8 * width) - 1, sign)

                def put(data, raw, place=place):
                    put_raw(data, place, raw)
            else:
                slot, _, mul, div, add, low, high, unknown, group = row
                groups = (group,)
                if self.bus == "serial":
                    count = len(back[5])
                    put = put_serial(back[4], back[5][-1])
                else:
                    count = back[7]
                    put = put_registers(back[4] + back[5] * (count - 1), 1)
            yield slot, mul, div, add, low, high, unknown, groups, back[-2], back[-1], put, count - 1


def put_serial(form, at):
    def put(data, raw):
        pack_into(form, data, at, raw)

    return put


def put_registers(place, words):
    """words: 2, 1; below 1 a byte of the register, 0 the high one."""

    def put(data, raw):
        at, width = (2 * place, 2 * words) if words >= 1 else (2 * place + (1 if words else 0), 1)
        data[at : at + width] = (raw & (1 << 8 * width) - 1).to_bytes(width, "big")

    return put


PROFILES = [Profile(name) for name in NAMES]


def values_of(row):
    """(lowest, highest) value of a row of a single number or a list."""
    ends = [raw * row[1] // row[2] + row[3] for raw in (row[4], row[5])]
    return min(ends), max(ends)


def sample_of(profile, **changes):
    """A plausible record for the profile: every value inside its range and on a step of its wire."""
    kind = profile.table.KIND
    make, values = {"bms": (Sample, BMS), "pcs": (PcsSample, PCS), "meter": (MeterSample, METER)}[kind]
    values = list(values)
    alike = {}
    for index in profile.blocks:
        for row in list(profile.scalars(index)) + list(profile.lists(index)):
            alike.setdefault(row[0], row)
    for rows in profile.table.SLOTS_OF:
        for slot, parts in rows:
            row = alike.get(parts[0] if parts else slot)
            if row is not None and slot < len(values) - 1:
                low, high = values_of(row)
                value = values[slot] if low <= values[slot] <= high else (low + high) // 2
                raw = (value - row[3]) * row[2] // row[1]
                values[slot] = raw * row[1] // row[2] + row[3]
    if kind == "bms":
        values[7] = (values[7],) * profile.table.CELLS
        values[8] = (values[8],) * profile.table.TEMPS
    for name, value in changes.items():
        values[int(name[1:])] = value
    return make(*values)


def vectors():
    """(profile, block, ((slot, value), ...)) of every example."""
    for row in MODBUS_VECTORS:
        yield row[0], row[1], row[3]
    for row in SERIAL_VECTORS:
        yield row[0], row[1], row[3]
    for row in CAN_VECTORS:
        yield row[0], row[1], row[4]


def test_every_block_has_an_example():
    """The examples themselves are decoded in the test of their bus, which takes all of them. A block with
    nothing but a part of a longer list is like the others of that list."""
    seen = {}
    for name, index, _ in vectors():
        seen.setdefault(name, set()).add(index)
    for profile in PROFILES:
        table = profile.table
        parts = [part for rows in table.SLOTS_OF for _, rest in rows for part in rest]
        for index in profile.blocks:
            only_parts = not [row for row in table.ARRAYS[index] if row[0] not in parts]
            bare = not list(profile.scalars(index)) and table.BITS[index] is None and only_parts
            assert bare or index in seen.get(profile.name, ()), (profile.name, index)


def test_examples_prove_both_signs():
    """Not the encoder but an example says what + means: one charges, one discharges."""
    signs = {}
    for name, _, expected in vectors():
        table = tables.load(name)
        for slot, value in expected:
            if slot == SIGNED[table.KIND] and value:
                signs.setdefault(name, set()).add(value > 0)
    for profile in PROFILES:
        slot = SIGNED[profile.table.KIND]
        if slot in [row[0] for rows in profile.table.SLOTS_OF for row in rows]:
            assert len(signs.get(profile.name, ())) == 2, profile.name


def test_plus_charges_there_and_back():
    for profile in PROFILES:
        slot = SIGNED[profile.table.KIND]
        own = [row[0] for rows in profile.table.SLOTS_OF for row in rows]
        if slot not in own:
            continue
        found = []
        for value in (9000, -9000):
            slots = [None] * profile.table.SLOTS
            changes = {"_3": value // 3} if profile.table.KIND == "pcs" else {}
            sample = sample_of(profile, **{"_%d" % slot: value}, **changes)
            for index in profile.blocks:
                profile.decode(index, profile.encode(index, sample), slots)
            found.append(slots[slot])
        assert abs(found[0] - 9000) <= 500 and abs(found[1] + 9000) <= 500, (profile.name, found)


def check_row(profile, index, clean, row, value_in):
    """Raw numbers at the borders of row, just outside, and its marks for unknown. value_in(slots): its value."""
    slot, mul, div, add, low, high, unknown, groups, floor, ceiling, put = row[:11]
    name = (profile.name, index, slot)
    for raw in (low, high, low + 1, high - 1, (low + high) // 2):
        if raw in unknown or not floor <= raw <= ceiling or not low <= raw <= high:
            continue
        data = bytearray(clean)
        put(data, raw)
        slots, result = profile.decode(index, data)
        assert value_in(slots) == raw * mul // div + add, name + (raw, value_in(slots))
    for raw in (low - 1, high + 1) + tuple(unknown):
        if not floor <= raw <= ceiling and raw not in unknown:
            continue
        data = bytearray(clean)
        put(data, raw)
        slots, result = profile.decode(index, data)
        assert value_in(slots) is None, name + (raw,)
        for group in groups:
            wanted = SENTINEL if raw in unknown else IMPLAUSIBLE
            assert result[0][group] == wanted or group == 8, name + (raw, group)


def test_every_number_at_its_borders():
    for profile in PROFILES:
        sample = sample_of(profile)
        for index in profile.blocks:
            clean = profile.encode(index, sample)
            for row in profile.scalars(index):
                check_row(profile, index, clean, row, lambda slots, slot=row[0]: slots[slot])
            for row in profile.lists(index):
                check_row(profile, index, clean, row, lambda slots, row=row: slots[row[0]][row[11]])


def test_floats_at_their_borders():
    for profile in PROFILES:
        for index in profile.blocks:
            for row in profile.table.DERIVED[index]:
                if row[0] != FLOAT or profile.bus == "can":
                    continue
                _, target, _, group, low, high, _, _ = row
                for value, good in ((low, True), (high - high // 1000000, True), (high * 2, False), (0, low <= 0)):
                    data = profile.encode(index, sample_of(profile, **{"_%d" % target: value}))
                    slots, result = profile.decode(index, data)
                    if good:
                        assert abs(slots[target] - value) <= abs(value) // 8000000 + 1, (profile.name, target)
                    else:
                        assert slots[target] is None and result[0][group] == IMPLAUSIBLE, (profile.name, target)


def test_what_goes_out_comes_back():
    for profile in PROFILES:
        table = profile.table
        sample = sample_of(profile)
        slots = [None] * table.SLOTS
        for _ in range(2):  # a limit may need the voltage of another message
            for index in profile.blocks:
                _, result = profile.decode(index, profile.encode(index, sample), slots)
                assert result is not None and result[1] == 0, (profile.name, index)
        assert max(result[0][:8]) == OK
        powers = [row[1] for rows in table.DERIVED for row in rows if profile.bus == "can" and row[0] == QUOTIENT]
        for rows in table.SLOTS_OF:
            for slot, parts in rows:
                if slot >= len(sample) - 1:
                    continue
                found = slots[slot]
                if parts:
                    found = ()
                    for part in parts:
                        found += slots[part]
                if found != sample[slot]:
                    near = abs(found - sample[slot])
                    allowed = 1000 if slot in powers else POWER_W // 100 if table.KIND == "pcs" else 0
                    extreme = slot in (3, 4, 5, 6)  # made of a list that is the same everywhere here
                    assert near <= allowed or extreme, (profile.name, slot, found, sample[slot])


def bits_of(profile, index):
    """(slot, stray, ((byte, flip, known, pairs), ...), limits) of the alarms of a block."""
    bits = profile.table.BITS[index]
    if profile.bus == "can":
        return bits
    slot, _, _, stray, rows = bits
    return slot, stray, [(place, 0, known, pairs) for place, known, pairs in rows], ()


def test_every_alarm_bit_in_both_directions():
    for profile in PROFILES:
        sayable = 0
        sample = sample_of(profile)
        for index in profile.blocks:
            if profile.table.BITS[index] is None:
                continue
            slot, stray, rows, limits = bits_of(profile, index)
            clean = profile.encode(index, sample)
            assert profile.decode(index, clean)[0][slot] == 0, profile.name
            for place, _, known, pairs in rows:
                meaning = dict(pairs)
                for shift in range(8):
                    mask = 1 << shift
                    if profile.bus == "can" and mask not in meaning and known == 0xFF:
                        continue  # a bit of some value
                    data = bytearray(clean)
                    data[place] ^= mask
                    want = meaning.get(mask, 0 if known & mask else stray)
                    assert profile.decode(index, data)[0][slot] == want, (profile.name, index, place, shift)
            said = [alarm for row in rows for _, alarm in row[3]] + [row[3] for row in limits]
            if profile.bus != "can" and [row for row in rows if row[2] != 0xFF]:
                said.append(stray)  # by a bit without a meaning where no other says it
            for alarm in said:
                data = profile.encode(index, sample_of(profile, _14=alarm))
                assert profile.decode(index, data)[0][slot] == alarm, (profile.name, index, alarm)
                sayable += 1
            for place, low, high, alarm in limits:
                for raw in (low - 1, high + 1):
                    data = bytearray(clean)
                    if place[4] + 1 > raw >= (-place[5] if place[5] else 0):
                        put_raw(data, place, raw)
                        assert profile.decode(index, data)[0][slot] == alarm, (profile.name, index, raw)
        provides = 7 < len(profile.table.PERIODS_MS) and profile.table.PERIODS_MS[7] is not None
        assert sayable or not provides, profile.name


def test_another_length_changes_nothing():
    for profile in PROFILES:
        for index in profile.blocks:
            clean = bytes(profile.encode(index, sample_of(profile)))
            least, most = profile.table.SIZES[index] if profile.bus == "can" else (len(clean), len(clean))
            for length in (0, 1, least - 1, most + 1, 2 * most):
                if least <= length <= most:
                    continue
                slots = [None] * profile.table.SLOTS
                data = (clean + bytes(most + 2))[:length]
                if profile.bus == "can":
                    result = decode_message(profile.table, index, data, slots)
                else:
                    result = decode_block(profile.view, index, data, slots)
                assert result is None and slots == [None] * profile.table.SLOTS, (profile.name, index, length)
