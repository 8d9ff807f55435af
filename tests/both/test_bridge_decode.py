# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Profiles against their examples, signs, alarm bits, borders, broken bytes: on both runtimes."""

from bms_bridge.bms import Bms
from bms_bridge.decode import Assembler, decode_block
from bms_bridge.encode import encode_all, encode_block, inverse, served
from bms_bridge.narrow import Narrow
from bms_bridge.poll import Request
from bms_bridge.tables import load
from edge.core.records import (
    ALARMS,
    G_ALARMS,
    G_CELLS,
    G_CURRENT,
    G_LIMITS,
    G_PACK,
    G_READBACK,
    G_TEMPS,
    IMPLAUSIBLE,
    MISSING,
    NEVER,
    OK,
    SENTINEL,
    MeterSample,
    PcsSample,
    Sample,
)
from tests.both.bridge_vectors import VECTORS

NAMES = ("seplos_v3", "sunspec_802_805", "sunspec_pcs", "sunspec_meter")


def alarm(name):
    return 1 << ALARMS.index(name)


def seplos(**changes):
    values = {
        "pack_mv": 52340,
        "current_ma": -7200,
        "cells": tuple([3270 + k for k in range(16)]),
        "temps": (25000, 23800, -10000, 40000),
        "alarms": 0,
    }
    values.update(changes)
    cells = values["cells"]
    return Sample(
        0,
        values["pack_mv"],
        values["current_ma"],
        3285,
        3270,
        40000,
        -10000,
        cells,
        values["temps"],
        479000,
        999000,
        180000,
        150000,
        None,
        values["alarms"],
        (),
    )


def sunspec(**changes):
    cells = changes.get("cells", tuple([3600 + k for k in range(96)]))
    temps = changes.get("temps", tuple([20000 + 100 * k for k in range(8)]))
    current = changes.get("current_ma", -25500)
    return Sample(
        0, 350200, current, 3695, 3600, 31500, -5000, cells, temps, 615000, 872000, 80000, 90000, 400000,
        changes.get("alarms", 0), (),
    )  # fmt: skip


PCS = PcsSample(0, 52400, -60100, -3150, 2, 2500, 4050, 5000, ())
METER = MeterSample(0, 234567, 4294967294, -1250, ())


def received(table, blocks, now_ms=1000):
    """The record that a controller has after these blocks came."""
    state = Assembler(table)
    for index, data in enumerate(blocks):
        assert state.take(now_ms, index, data)
    return state.record()


def slots_of(table, index, data):
    slots = [None] * table.SLOTS
    quality, void = decode_block(table, index, data, slots)
    for group in range(len(table.SLOTS_OF)):
        if void & (1 << group):
            for slot, _ in table.SLOTS_OF[group]:
                slots[slot] = None
    return slots, quality, void


def test_every_example_of_every_profile_decodes():
    for name, index, data, expected in VECTORS:
        slots, _, _ = slots_of(load(name), index, data)
        for slot, value in expected:
            assert slots[slot] == value, (name, index, slot, slots[slot], value)
    assert len(VECTORS) >= 15


def test_plus_charges_whatever_the_wire_says():
    cases = (
        ("seplos_v3", seplos(current_ma=10000), 0, 2, 10000, 1000),  # + on the wire
        ("seplos_v3", seplos(current_ma=-10000), 0, 2, -10000, -1000),
        ("sunspec_802_805", sunspec(current_ma=10000), 0, 88, 10000, -100),  # - on the wire
        ("sunspec_802_805", sunspec(current_ma=-10000), 0, 88, -10000, 100),
    )
    for name, sample, index, place, current_ma, wire in cases:
        table = load(name)
        data = encode_block(table, index, sample)
        raw = data[place] << 8 | data[place + 1]
        assert raw == wire & 0xFFFF, name
        assert slots_of(table, index, data)[0][2] == current_ma


def test_pcs_current_takes_the_sign_of_its_power():
    table = load("sunspec_pcs")
    for dc_ma, dc_w in ((60100, 3150), (-60100, -3150), (0, 0)):
        sample = PcsSample(0, 52400, dc_ma, dc_w, 2, 0, 0, 5000, ())
        back = received(table, encode_all(table, sample, 10000))
        assert (back.dc_ma, back.dc_w) == (dc_ma, dc_w)


def test_encode_then_decode_gives_the_record():
    cases = (
        ("seplos_v3", seplos(), 0),
        ("sunspec_802_805", sunspec(), 0),
        ("sunspec_pcs", PCS, 10000),
        ("sunspec_meter", METER, 0),
    )
    for name, sample, power_w in cases:
        table = load(name)
        back = received(table, encode_all(table, sample, power_w))
        end = len(back) - 1
        assert tuple(back)[1:end] == tuple(sample)[1:end], name
        for group, row in enumerate(back.groups):
            if table.PERIODS_MS[group] is not None:
                assert row.quality == OK and row.at_ms == 1000 and row.count == 1
            else:
                assert row == NEVER


def scalar_rows(table):
    for index in range(len(table.BLOCKS)):
        if table.FIELDS[index] is not None:
            for row, back in zip(table.FIELDS[index][1], inverse(table).FIELDS[index]):
                yield index, row, back


def with_raw(data, back, raw):
    """data with the register or registers of a field replaced."""
    data = bytearray(data)
    _, _, _, _, place, words, _, _, _ = back
    for k in range(2 * words):
        data[2 * place + k] = raw >> (8 * (2 * words - 1 - k)) & 0xFF
    return bytes(data)


def test_borders_of_every_field():
    """The lowest and highest plausible raw value pass, one beyond does not, a mark is a mark."""
    samples = {"seplos_v3": seplos(), "sunspec_802_805": sunspec(), "sunspec_pcs": PCS, "sunspec_meter": METER}
    for name in NAMES:
        table = load(name)
        blocks = encode_all(table, samples[name], 10000)
        for index, row, back in scalar_rows(table):
            slot, mul, div, add, low, high, unknown, group = row
            floor, ceiling = back[7], back[8]
            for raw in (low, high):
                slots, quality, _ = slots_of(table, index, with_raw(blocks[index], back, raw))
                assert slots[slot] == (None if raw in unknown else raw * mul // div + add), (name, slot, raw)
            for raw in (low - 1, high + 1):
                if floor <= raw <= ceiling:
                    slots, quality, _ = slots_of(table, index, with_raw(blocks[index], back, raw))
                    assert slots[slot] is None and quality[group] == IMPLAUSIBLE, (name, slot, raw)
            for raw in unknown:
                slots, quality, _ = slots_of(table, index, with_raw(blocks[index], back, raw))
                assert slots[slot] is None and quality[group] == SENTINEL, (name, slot, raw)


def test_every_plausible_step_survives_the_round_trip():
    for name in NAMES:
        table = load(name)
        for _, row, back in scalar_rows(table):
            _, mul, div, add, low, high, unknown, _ = row
            for k in range(41):
                raw = low + (high - low) * k // 40
                if raw not in unknown:
                    value = raw * mul // div + add
                    num, den = (value - add) * div, mul
                    if den < 0:
                        num, den = -num, -den
                    assert (2 * num + den) // (2 * den) == raw, (name, row, raw)


def test_none_becomes_the_mark_and_comes_back_as_none():
    nothing = Sample(
        0, None, None, None, None, None, None, (None,) * 16, (None,) * 4, None, None, None, None, None, 0, ()
    )
    table = load("seplos_v3")
    back = received(table, encode_all(table, nothing))
    assert tuple(back)[1:7] == (None,) * 6 and back.cell_mv == (None,) * 16 and back.temp_mc == (None,) * 4
    for group in (G_PACK, G_CURRENT, G_CELLS, G_LIMITS):
        assert back.groups[group].quality == IMPLAUSIBLE
    assert back.groups[G_TEMPS].quality == SENTINEL
    table = load("sunspec_802_805")
    nothing = Sample(
        0, None, None, None, None, None, None, (None,) * 96, (None,) * 8, None, None, None, None, None, None, ()
    )
    back = received(table, encode_all(table, nothing))
    assert tuple(back)[1:7] == (None,) * 6 and back.cell_mv == (None,) * 96 and back.alarms is None
    for group in range(8):
        assert back.groups[group].quality == SENTINEL


def test_one_bad_cell_keeps_its_place():
    cells = list(seplos().cell_mv)
    cells[5] = None
    table = load("seplos_v3")
    back = received(table, encode_all(table, seplos(cells=tuple(cells))))
    assert back.cell_mv == tuple(cells) and back.groups[G_CELLS].quality == IMPLAUSIBLE
    assert back.groups[G_CURRENT].quality == OK


def test_every_alarm_bit_of_every_profile():
    """Each bit alone gives its alarm, and each alarm comes back from its own bit."""
    for name in ("seplos_v3", "sunspec_802_805"):
        table = load(name)
        sample = seplos() if name == "seplos_v3" else sunspec()
        for index, bits in enumerate(table.BITS):
            if bits is None:
                continue
            slot, _, _, stray, rows = bits
            clean = bytearray(encode_block(table, index, sample))
            for place, known, pairs in rows:
                meaning = dict(pairs)
                for shift in range(8):
                    mask = 1 << shift
                    data = bytearray(clean)
                    data[place] |= mask
                    want = meaning.get(mask, 0 if known & mask else stray)
                    assert slots_of(table, index, bytes(data))[0][slot] == want, (name, place, mask)


def test_alarms_that_a_device_can_say_come_back():
    for name, make in (("seplos_v3", seplos), ("sunspec_802_805", sunspec)):
        table = load(name)
        sayable = 0
        for bits in table.BITS:
            if bits is not None:
                for _, _, pairs in bits[4]:
                    for _, bit in pairs:
                        sayable |= bit
        for bit in range(len(ALARMS)):
            if ALARMS[bit][:8] == "reserved":
                continue
            back = received(table, encode_all(table, make(alarms=1 << bit)))
            assert back.alarms == (1 << bit if sayable & (1 << bit) else alarm("other_alarm")), (name, ALARMS[bit])
        assert received(table, encode_all(table, make(alarms=sayable))).alarms == sayable


def test_a_register_that_must_be_fixed_voids_its_groups():
    table = load("sunspec_802_805")
    blocks = encode_all(table, sunspec())
    cases = (
        (0, 0, 99, (0, 1, 5, 6, 7)),  # another model
        (0, 61, -2, (G_CURRENT,)),  # A_SF
        (0, 59, 0, (G_PACK, G_LIMITS)),  # V_SF
        (1, 42, -2, (2, G_CELLS)),  # CellV_SF stands in another block than the cells
        (1, 43, 0, (2, G_TEMPS)),
    )
    for index, register, value, groups in cases:
        data = bytearray(blocks[index])
        data[2 * register] = value >> 8 & 0xFF
        data[2 * register + 1] = value & 0xFF
        changed = list(blocks)
        changed[index] = bytes(data)
        back = received(table, changed)
        for group in range(8):
            assert (back.groups[group].quality == IMPLAUSIBLE) == (group in groups), (register, group)
        if G_CELLS in groups:
            assert back.cell_mv == (None,) * 96
        if G_CURRENT in groups:
            assert back.current_ma is None


def test_a_group_over_several_blocks_is_fresh_only_when_all_came():
    table = load("sunspec_802_805")
    blocks = encode_all(table, sunspec())
    state = Assembler(table)
    assert state.record() is None
    for index in range(5):
        state.take(1000 + index, index, blocks[index])
    sample = state.record()
    assert sample.cell_mv == (None,) * 96 and sample.groups[G_CELLS] == NEVER and sample.groups[G_PACK].count == 1
    state.take(1005, 5, blocks[5])
    sample = state.record()
    assert sample.groups[G_CELLS] == (OK, 1001, 1) and sample.cell_mv == sunspec().cell_mv
    other = encode_all(table, sunspec(cells=(3700,) * 96))
    for index in range(2, 6):  # without the header the round is not complete
        state.take(2000 + index, index, other[index])
    assert state.record().groups[G_CELLS] == (OK, 1001, 1) and state.record().cell_mv == sunspec().cell_mv
    state.take(2010, 1, other[1])
    assert state.record().groups[G_CELLS] == (OK, 2002, 2) and state.record().cell_mv == (3700,) * 96


def test_the_record_stays_the_same_object_until_a_block_comes():
    table = load("seplos_v3")
    blocks = encode_all(table, seplos())
    state = Assembler(table)
    state.take(1000, 0, blocks[0])
    first = state.record()
    assert state.record() is first and first.groups[G_CELLS].quality == MISSING and first.cell_mv == (None,) * 16
    state.take(1100, 1, blocks[1])
    second = state.record()
    assert second is not first and second.groups[G_PACK] is first.groups[G_PACK] and second.at_ms == 1100


def test_what_did_not_change_is_not_made_again():
    table = load("seplos_v3")
    state = Assembler(table)
    before = None
    for now_ms, first_mv in ((1000, 3270), (2000, 3280)):
        cells = tuple([first_mv + k for k in range(16)])
        for index, data in enumerate(encode_all(table, seplos(cells=cells))):
            state.take(now_ms, index, data)
        record = state.record()
        assert (record.cell_mv, record.temp_mc[2]) == (cells, -10000)
        assert record.groups[G_PACK] is record.groups[G_CURRENT]  # one block, one Group
        assert record.groups[G_PACK].at_ms == now_ms
        assert before is None or record.temp_mc is before.temp_mc
        before = record


def test_wrong_length_changes_nothing():
    for name in NAMES:
        table = load(name)
        state = Assembler(table)
        for index, size in enumerate(table.SIZES):
            for length in (0, 1, size - 1, size + 1, 2 * size):
                assert not state.take(5, index, bytes(length))
        assert state.record() is None and state.slots == [None] * table.SLOTS


def test_any_bytes_decode_without_an_exception():
    seed = 20261122
    for name in NAMES:
        table = load(name)
        state = Assembler(table)
        for _ in range(150):
            for index, size in enumerate(table.SIZES):
                data = bytearray(size)
                for k in range(size):
                    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
                    data[k] = seed >> 16 & 0xFF
                assert state.take(1, index, bytes(data))
        record = state.record()
        assert len(record) == len(tuple(record))
        for slot, length in table.LISTS:
            assert len(record[slot]) == length


def test_a_pack_with_fewer_cells_reads_only_those():
    device = Bms(load("seplos_v3"), 1, {"id": "p", "cells": 15, "temps": 3})
    table = load("seplos_v3")
    for index, data in enumerate(encode_all(table, seplos(cells=(3300,) * 15, temps=(20000,) * 3))):
        device.reply(1000, Request(1, 4, 0, 0, None, index), data)
    sample = device.read(1000)
    assert sample.cell_mv == (3300,) * 15 and sample.temp_mc == (20000,) * 3
    assert sample.groups[G_CELLS].quality == OK and sample.groups[G_TEMPS].quality == OK
    table = load("sunspec_802_805")
    narrow = Narrow(table, 30, 3)
    full = encode_all(table, sunspec())
    back = received(narrow, full)
    assert back.cell_mv == sunspec().cell_mv[:30] and back.temp_mc == sunspec().temp_mc[:3]
    assert back.groups[G_CELLS].quality == OK


def test_pcs_percent_refers_to_the_rating_of_the_device():
    table = load("sunspec_pcs")
    blocks = encode_all(table, PCS, 10000)
    state = Assembler(table, (table.RATED[0], 10000, table.RATED[1] - 1, G_READBACK))
    state.take(1, 1, blocks[1])
    assert state.record().charge_w == 2500 and state.record().groups[G_READBACK].quality == OK
    other = encode_all(table, PCS, 20000)  # the same watts, but a device of twice the rating
    state.take(2, 1, other[1])
    assert state.record().charge_w is None and state.record().groups[G_READBACK].quality == IMPLAUSIBLE


def test_unknown_state_of_a_pcs_is_not_a_state():
    table = load("sunspec_pcs")
    data = bytearray(encode_block(table, 0, PCS, 10000))
    data[77] = 99
    slots, quality, _ = slots_of(table, 0, bytes(data))
    assert slots[4] is None and quality[0] == IMPLAUSIBLE


def test_identification_is_served_beside_the_blocks():
    rows = served(load("sunspec_pcs"))
    assert rows[0] == (3, 40000, (0x5375, 0x6E53, 1, 66)) and served(load("seplos_v3")) == ()


def test_unknown_tables_are_refused():
    for name in ("no_such_profile", "../x", "a.b", "Upper"):
        try:
            load(name)
        except ImportError:
            continue
        raise AssertionError(name)


def test_alarm_group_is_required_to_arrive():
    table = load("seplos_v3")
    state = Assembler(table)
    state.take(1, 0, encode_block(table, 0, seplos()))
    sample = state.record()
    assert sample.alarms is None and sample.groups[G_ALARMS] == NEVER
