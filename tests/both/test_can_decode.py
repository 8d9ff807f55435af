# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CAN profiles against their examples, signs, alarm bits, borders, broken bytes: on both runtimes."""

from bms_bridge.can import put_raw
from bms_bridge.can_decode import QUOTIENT, array_form, decode_message, raw_at
from bms_bridge.can_encode import encode_frames, encode_message
from bms_bridge.encode import inverse
from bms_bridge.tables import load
from edge.core.records import ALARMS, IMPLAUSIBLE, OK, SENTINEL, Sample
from tests.both.can_vectors import VECTORS

NAMES = ("hyundai_egmp", "jk_can", "kia_64", "nissan_leaf", "pylontech_hv_can", "pylontech_lv_can", "sma_lv_can")
# profile: a plausible pack voltage where it is not a car of 400 V
PACK_MV = {"jk_can": 53000, "pylontech_lv_can": 53000, "sma_lv_can": 53000, "hyundai_egmp": 690000}

ZERO = {"jk_can": 4000, "pylontech_hv_can": 30000}  # raw value of no current, where it is not 0


def sample_of(table, **changes):
    """A plausible Sample for the table, with every list filled."""
    pack_mv = PACK_MV.get(table.NAME, 360000)
    cells = tuple([3700 + 20 * (k % 3) for k in range(table.CELLS)])
    temps = tuple([20000 + 4000 * (k % 2) for k in range(table.TEMPS)])
    values = {
        "current_ma": -7000,
        "cells": cells,
        "temps": temps,
        "alarms": 0,
        "pack_mv": pack_mv,
    }
    values.update(changes)
    return Sample(
        0,
        values["pack_mv"],
        values["current_ma"],
        3740,
        3700,
        24000,
        20000,
        values["cells"],
        values["temps"],
        500000,
        910000,
        100000,
        120000,
        56000,
        values["alarms"],
        (),
    )


def slots_of(table, index, data, given=()):
    slots = [None] * table.SLOTS
    for slot, value in given:
        slots[slot] = value
    result = decode_message(table, index, data, slots)
    return slots, result


def alarm(name):
    return 1 << ALARMS.index(name)


def repaired(table, index, data):
    """data with its checksum made good again."""
    row = table.SUMS[index]
    if row is None:
        return bytes(data)
    from bms_bridge.can_decode import sum_of

    put_raw(data, row[1], sum_of(row, data))
    return bytes(data)


def test_every_example_of_every_profile_decodes():
    seen = set()
    for name, index, data, given, expected in VECTORS:
        slots, result = slots_of(load(name), index, data, given)
        assert result is not None, (name, index)
        for slot, value in expected:
            assert slots[slot] == value, (name, index, slot, slots[slot], value)
        seen.add((name, index))
    for name in NAMES:
        assert len([1 for profile, _ in seen if profile == name]) >= len(load(name).BLOCKS) - 5, name


def test_plus_charges_whatever_the_wire_says():
    # profile, block of the current, wire value of +10 A, place of the raw number
    cases = (
        ("kia_64", 0x595, -100, (4, 6, 1, 0, 0xFFFF, 0x8000)),
        ("nissan_leaf", 0x1DB, 20, (0, 2, 0, 5, 0x7FF, 0x400)),
        ("hyundai_egmp", 0x7EC, -100, (10, 12, 0, 0, 0xFFFF, 0x8000)),
        ("pylontech_lv_can", 0x356, 100, (2, 4, 1, 0, 0xFFFF, 0x8000)),
        ("sma_lv_can", 0x356, 100, (2, 4, 1, 0, 0xFFFF, 0x8000)),
        ("jk_can", 0x2F4, 100, (2, 4, 1, 0, 0xFFFF, 0)),
        ("pylontech_hv_can", 0x80004210, 100, (2, 4, 1, 0, 0xFFFF, 0)),
    )
    done = 0
    for name, key, wire, place in cases:
        if name not in NAMES:
            continue
        done += 1
        table = load(name)
        index = [k for k, row in enumerate(table.BLOCKS) if row[0] == key and row[4] & 2][0]
        for factor in (1, -1):
            data = encode_message(table, index, sample_of(table, current_ma=10000 * factor))
            assert raw_at(data, place) == wire * factor + ZERO.get(name, 0), name
            assert slots_of(table, index, data)[0][2] == 10000 * factor
    assert done == len(NAMES)


def test_every_field_at_its_borders():
    """Raw values at and just beyond the range, and every mark for unknown, of every field."""
    for name in NAMES:
        table = load(name)
        back = inverse(table)
        for index in range(len(table.BLOCKS)):
            clean = encode_message(table, index, sample_of(table))
            for row, blank in zip(table.FIELDS[index], back.FIELDS[index]):
                slot, place, mul, div, add, low, high, unknown, groups = row
                for raw in (low, high, low + 1, high - 1, (low + high) // 2):
                    if raw in unknown:
                        continue
                    data = bytearray(clean)
                    put_raw(data, place, raw)
                    slots, result = slots_of(table, index, repaired(table, index, data))
                    assert slots[slot] == raw * mul // div + add, (name, index, slot, raw)
                    assert result[0][groups[0]] == OK
                for raw in (low - 1, high + 1):
                    if blank[1] <= raw <= blank[2] and raw not in unknown:
                        data = bytearray(clean)
                        put_raw(data, place, raw)
                        slots, result = slots_of(table, index, repaired(table, index, data))
                        assert slots[slot] is None, (name, index, slot, raw)
                        for group in groups:
                            assert result[0][group] == IMPLAUSIBLE
                for raw in unknown:
                    data = bytearray(clean)
                    put_raw(data, place, raw)
                    slots, result = slots_of(table, index, repaired(table, index, data))
                    assert slots[slot] is None and result[0][groups[0]] == SENTINEL


def test_encode_then_decode_gives_the_values_back():
    for name in NAMES:
        table = load(name)
        sample = sample_of(table)
        slots = [None] * table.SLOTS
        for index in range(len(table.BLOCKS)):
            assert decode_message(table, index, encode_message(table, index, sample), slots) is not None
        for index in range(len(table.BLOCKS)):  # once more: limits need the voltage of another message
            quality, void = decode_message(table, index, encode_message(table, index, sample), slots)
            assert max(quality) == OK and void == 0, (name, index)
        powers = [row[1] for rows in table.DERIVED for row in rows if row[0] == QUOTIENT]
        for rows in table.SLOTS_OF:
            for slot, parts in rows:
                found = ()
                for part in parts:
                    found += slots[part]
                found = found if parts else slots[slot]
                if slot in powers:
                    assert abs(found - sample[slot]) <= 1000, (name, slot, found)
                else:
                    assert found == sample[slot], (name, slot, found, sample[slot])


def test_unknown_values_come_back_as_none():
    nothing = Sample(0, *([None] * 6), (), (), *([None] * 5), 0, ())
    for name in NAMES:
        table = load(name)
        slots = [None] * table.SLOTS
        for index in range(len(table.BLOCKS)):
            quality, _ = decode_message(table, index, encode_message(table, index, nothing), slots)
            for slot, _, _, _, _, _, _, _, groups in table.FIELDS[index]:
                if slot in [row[1] for row in table.INFOS]:
                    continue  # beyond the record: what the profile serves
                assert slots[slot] is None, (name, index, slot)
                assert quality[groups[0]] != OK
            for row in table.ARRAYS[index]:
                assert slots[row[0]] == (None,) * len(slots[row[0]]), (name, index)


def test_every_alarm_bit_in_both_directions():
    for name in NAMES:
        table = load(name)
        count = 0
        for index, bits in enumerate(table.BITS):
            if bits is None:
                continue
            slot, stray, rows, limits = bits
            clean = encode_message(table, index, sample_of(table))
            assert slots_of(table, index, clean)[0][slot] == 0, name
            for place, flip, known, pairs in rows:
                meaning = dict(pairs)
                for shift in range(8):
                    mask = 1 << shift
                    if mask not in meaning and known == 0xFF:
                        continue  # a bit of some value
                    data = bytearray(clean)
                    data[place] ^= mask
                    want = meaning.get(mask, 0 if known & mask else stray)
                    got = slots_of(table, index, repaired(table, index, data))[0][slot]
                    assert got == want, (name, index, place, shift, got, want)
                for mask, bit in pairs:
                    said = encode_message(table, index, sample_of(table, alarms=bit))
                    assert slots_of(table, index, said)[0][slot] == bit, (name, index, place, mask)
                    count += 1
            for place, low, high, bit in limits:
                said = encode_message(table, index, sample_of(table, alarms=bit))
                assert slots_of(table, index, said)[0][slot] == bit, (name, index)
                data = bytearray(clean)
                put_raw(data, place, low)
                assert slots_of(table, index, repaired(table, index, data))[0][slot] == 0
                put_raw(data, place, low - 1)
                assert slots_of(table, index, repaired(table, index, data))[0][slot] == bit
                count += 1
        assert count >= 1, name


def test_a_wrong_length_or_checksum_changes_nothing():
    for name in NAMES:
        table = load(name)
        for index, (least, most) in enumerate(table.SIZES):
            clean = encode_message(table, index, sample_of(table))
            for length in (0, 1, least - 1, most + 1, 2 * most):
                slots, result = slots_of(table, index, (clean + bytes(200))[:length])
                assert result is None and slots == [None] * table.SLOTS, (name, index, length)
            if table.SUMS[index] is not None:
                for bit in range(8 * least):
                    data = bytearray(clean)
                    data[bit >> 3] ^= 1 << (bit & 7)
                    slots, result = slots_of(table, index, bytes(data))
                    assert result is None and slots == [None] * table.SLOTS, (name, index, bit)


def test_any_bytes_give_values_inside_their_ranges():
    seed = 20261122
    for name in NAMES:
        table = load(name)
        for index, (least, _) in enumerate(table.SIZES):
            for _ in range(15):
                data = bytearray(least)
                for k in range(least):
                    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
                    data[k] = seed >> 16 & 0xFF
                slots, result = slots_of(table, index, repaired(table, index, data))
                assert result is not None
                for slot, _, mul, div, add, low, high, _, _ in table.FIELDS[index]:
                    ends = (low * mul // div + add, high * mul // div + add)
                    assert slots[slot] is None or min(ends) <= slots[slot] <= max(ends)


def test_frames_that_the_device_sends_by_itself():
    for name in NAMES:
        table = load(name)
        frames = encode_frames(table, sample_of(table))
        own = [row for row in table.BLOCKS if row[1] == 0]
        assert [can_id for can_id, _, _ in frames] == [row[0] & 0x1FFFFFFF for row in own]
        for (_, extended, data), row in zip(frames, own):
            assert extended == (row[0] >= 0x80000000) and len(data) <= 8


def test_forms_of_runs():
    assert array_form(4, "B", 1, 32, 0) == ">4x32B"
    assert array_form(0, "H", 2, 3, 1) == "<3H"
    assert array_form(2, "b", 3, 2, 0) == ">2xb2xb"
    assert array_form(2, "b", 3, 0, 0) == ">2x"
    assert array_form(2, "H", 2, 0, 1) == "<2x"
