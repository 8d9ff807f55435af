# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the Modbus profiles have beyond fixed registers: masks, bytes, floats, factors, searched models."""

from bms_bridge.bms import Bms
from bms_bridge.decode import Assembler, decode_block, float_value
from bms_bridge.encode import encode_all, encode_block, inverse, served
from bms_bridge.modbus import EXCEPTION, request_pdu, rtu_frame, rtu_parse, tcp_frame
from bms_bridge.narrow import Narrow
from bms_bridge.poll import WALK
from bms_bridge.tables import load
from edge.core.records import (
    ALARMS,
    G_CELLS,
    G_CURRENT,
    G_EXTREMES,
    G_LIMITS,
    G_PACK,
    IMPLAUSIBLE,
    OK,
    SENTINEL,
    MeterSample,
    Sample,
)
from edge.core.tx_gate import READ, SENT, TxGate

NAMES = ("daly_d2", "daly_p81", "jk_pb", "sunspec_string")


def pack(cells=32, temps=2, **changes):
    values = {
        "at_ms": 0,
        "pack_mv": 52000,
        "current_ma": -12500,
        "cell_max_mv": 3400,
        "cell_min_mv": 3300,
        "temp_max_mc": 30000,
        "temp_min_mc": -5000,
        "cell_mv": tuple([3300 + k for k in range(cells)]),
        "temp_mc": tuple([20000 + 1000 * k for k in range(temps)]),
        "bms_soc_ppm": 550000,
        "bms_soh_ppm": 910000,
        "bms_charge_ma": 60000,
        "bms_discharge_ma": 100000,
        "bms_charge_mv": 56000,
        "alarms": 0,
        "groups": (),
    }
    values.update(changes)
    return Sample(**values)


def received(table, blocks):
    state = Assembler(table)
    for index, data in enumerate(blocks):
        assert state.take(1000, index, data)
    return state.record()


def carried(table):
    """Slots of the record that this profile reads."""
    return [slot for rows in table.SLOTS_OF for slot, _ in rows]


def test_what_goes_out_comes_back():
    for name in NAMES:
        table = load(name)
        for current_ma in (12500, -12500, 0):
            sample = pack(table.CELLS, table.TEMPS, current_ma=current_ma)
            back = received(table, encode_all(table, sample))
            for slot in carried(table):
                assert back[slot] == sample[slot], (name, slot, back[slot], sample[slot])
            for group, rows in enumerate(table.SLOTS_OF):
                if rows:
                    assert back.groups[group].quality == OK, (name, group)


def test_every_alarm_bit_alone():
    for name in NAMES:
        table = load(name)
        sample = pack(table.CELLS, table.TEMPS)
        seen = 0
        for index, bits in enumerate(table.BITS):
            if bits is None:
                continue
            slot, _, _, stray, rows = bits
            clean = encode_block(table, index, sample)
            for place, known, pairs in rows:
                for shift in range(8):
                    data = bytearray(clean)
                    data[place] |= 1 << shift
                    slots = [None] * table.SLOTS
                    decode_block(table, index, bytes(data), slots)
                    want = dict(pairs).get(1 << shift, 0 if known >> shift & 1 else stray)
                    assert slots[slot] == want, (name, place, shift)
                    seen += 1
        assert seen in (32, 64)
        sayable = 0
        for bits in table.BITS:
            for _, _, pairs in bits[4] if bits is not None else ():
                for _, alarm in pairs:
                    sayable |= alarm
        for bit in range(len(ALARMS)):
            if sayable >> bit & 1:
                back = received(table, encode_all(table, pack(table.CELLS, table.TEMPS, alarms=1 << bit)))
                assert back.alarms == 1 << bit, (name, ALARMS[bit])


def test_jk_mask_of_present_cells():
    table = load("jk_pb")
    narrow = Narrow(table, 16, 2)
    full = encode_all(table, pack(16))
    assert full[0][64:68] == b"\x00\x00\xff\xff"
    back = received(narrow, full)
    assert back.cell_mv == pack(16).cell_mv and back.groups[G_CELLS].quality == OK
    cases = (
        (0x0000FFFF, (), OK),
        (0x0000FFDF, (5,), SENTINEL),  # a wire has come off
        (0x0000FFFE, (0,), SENTINEL),
        (0x0001FFFF, (), IMPLAUSIBLE),  # a cell more than the site has
        (0x00000000, tuple(range(16)), IMPLAUSIBLE),
    )
    for mask, gone, quality in cases:
        data = bytearray(full[0])
        for k in range(4):
            data[64 + k] = mask >> (24 - 8 * k) & 0xFF
        back = received(narrow, [bytes(data)] + full[1:])
        for place, value in enumerate(back.cell_mv):
            assert value == (None if place in gone else 3300 + place), (mask, place)
        assert back.groups[G_CELLS].quality == quality, mask
        assert back.groups[G_CURRENT].quality == OK


def test_jk_bytes_share_a_register():
    table = load("jk_pb")
    data = encode_block(table, 1, pack(bms_soc_ppm=10000, bms_soh_ppm=1000000))
    assert data[38:40] == b"\x00\x01" and data[56:58] == b"\x64\x00"


def test_jk_is_asked_by_byte_offsets_through_the_gate():
    device = Bms(load("jk_pb"), 1, {"id": "p", "cells": 16})
    gate = TxGate("rtu", READ, device.gate_rules())
    left = []
    now_ms = 0
    while now_ms < 1000:
        request = device.next_request(now_ms)
        if request is None:
            now_ms += 10
            continue
        assert gate.send(now_ms, rtu_frame(request.unit, request_pdu(request)), left.append) == SENT
        device.reply(now_ms, request, encode_block(load("jk_pb"), request.index, pack(16)))
    assert left[0] == bytes((1, 3, 0x12, 0x00, 0, 64)) + left[0][6:]
    assert [frame[2] << 8 | frame[3] for frame in left] == [0x1200, 0x1280, 0x102C]
    assert device.read(1000).groups[G_LIMITS].at_ms == 240  # 120 ms from answer to request
    assert gate.send(0, rtu_frame(1, bytes((3, 0x12, 0x80, 0, 65))), left.append) != SENT
    assert gate.send(0, rtu_frame(1, bytes((3, 0x16, 0x20, 0, 1))), left.append) != SENT


def test_p81_answers_under_another_unit():
    table = load("daly_p81")
    device = Bms(table, 0x81, {"id": "p", "cells": 16, "temps": 4})
    gate = TxGate("rtu", READ, device.gate_rules())
    request = device.next_request(0)
    left = []
    assert gate.send(0, rtu_frame(request.unit, request_pdu(request)), left.append) == SENT
    assert left[0] == b"\x81\x03\x00\x00\x00\x40\x5b\xfa"  # as recorded
    data = encode_block(table, 0, pack(48, 8))
    pdu = bytes((3, 128)) + data
    for unit, good in ((0x51, True), (0x81, False)):
        found = rtu_parse(rtu_frame(unit, pdu), request.unit >> 8, 3)
        assert (found is not None) == good
    assert device.reply(0, request, data) and device.read(0).pack_mv == 52000


def test_floats_in_whole_numbers():
    cases = (
        (0x00000000, 1000, 1, 0),
        (0x80000000, 1000, 1, 0),
        (0x3F800000, 1000, 1, 1000),
        (0xBF800000, 1000, 1, -1000),
        (0x449A5000, 1000, 1, 1234500),
        (0x3A83126F, 1000, 1, 1),  # 0.001
        (0x4B7FFFFF, 1, 1, 16777215),
        (0x4F000000, 1, 1, 2147483648),
        (0x00000001, 1000000, 1, 0),
        (0x3F000000, 1, 1, 1),  # halves up
        (0x7F800000, 1, 1, None),
        (0xFF800000, 1, 1, None),
        (0x7FC00000, 1, 1, None),
        (0x7F800001, 1, 1, None),
    )
    for bits, mul, div, want in cases:
        assert float_value(bits, mul, div) == want, hex(bits)


def test_sdm630_round_trip_and_one_request():
    table = load("sdm630")
    for in_wh, out_wh, power_w in ((0, 0, 0), (1234567, 1, -1250), (16777215, 500, 99999), (None, None, None)):
        sample = MeterSample(0, in_wh, out_wh, power_w, ())
        back = received(table, encode_all(table, sample))
        assert tuple(back)[1:4] == tuple(sample)[1:4]
        assert back.groups[0].quality == (SENTINEL if in_wh is None else OK)
    device = Bms(table, 1, {"id": "m"})
    request = device.next_request(0)
    assert request[:4] == (1, 4, 0x34, 24)
    assert device.gate_rules()[0] == ((1, 4, 0x34, 0x4C, 24),)
    blocks = encode_all(table, MeterSample(0, 1000, 2000, 3000, ()))
    assert device.reply(5, request, blocks[0] + bytes(36) + blocks[1])
    assert device.read(5)[1:4] == (1000, 2000, 3000)


# ---- SunSpec: searched models and live factors -----------------------------------------------------------


def words_of(table, samples):
    """{address: register} of a bank: one string per sample behind the other, as the served image has it."""
    words = {}
    for string, sample in enumerate(samples):
        for row, data in zip(table.BLOCKS, encode_all(table, sample)):
            for k in range(row[2]):
                words[row[1] + k] = data[2 * k] << 8 | data[2 * k + 1]
        for _, address, registers in served(table):
            for k, value in enumerate(registers):
                words[address + k] = value
        if string == 0:
            bank = dict(words)
    del bank[40686]
    del bank[40687]
    return bank


def shifted(words, base):
    return {address - 40000 + base: value for address, value in words.items()}


class Wire:
    """Answers a device from {address: register}, through its gate; a place that is not there: exception 2."""

    def __init__(self, table, words, settings):
        self.device = Bms(table, 1, settings)
        self.gate = TxGate("tcp", READ, self.device.gate_rules())
        self.words = words
        self.asked = []
        self.now = 0

    def run(self, until_ms):
        while self.now < until_ms:
            request = self.device.next_request(self.now)
            if request is None:
                self.now += 20
                continue
            left = []
            assert self.gate.send(self.now, tcp_frame(1, 1, request_pdu(request)), left.append) == SENT, request
            self.asked.append(request)
            data = b""
            for address in range(request.address, request.address + request.count):
                if address not in self.words:
                    self.device.failed(self.now, request, EXCEPTION + 2)
                    break
                data += bytes((self.words[address] >> 8, self.words[address] & 0xFF))
            else:
                self.device.reply(self.now, request, data)
        return self.device.read(self.now)


def ended(words, at):
    words[at] = 0xFFFF
    words[at + 1] = 0
    return words


def test_models_are_found_at_every_base():
    table = load("sunspec_string")
    sample = pack(96, 8, pack_mv=350200)
    words = ended(words_of(table, [sample]), 40686)
    for base in (40000, 0, 50000):
        wire = Wire(table, shifted(words, base), {"id": "p"})
        back = wire.run(3000)
        for slot in carried(table):
            assert back[slot] == sample[slot], (base, slot)
        assert wire.device.plan.addresses[0] == base + 70
        walked = [request for request in wire.asked if request.index == WALK]
        assert len(walked) <= 12
    wire = Wire(table, {}, {"id": "p"})
    assert wire.run(9000) is None and len(wire.asked) == 3  # one round of the bases, then a rest
    wire.words = words
    assert wire.run(15000).cell_mv == sample.cell_mv


def test_models_between_and_a_longer_chain():
    table = load("sunspec_string")
    sample = pack(96, 8, pack_mv=350200)
    words = words_of(table, [sample])
    moved = {}
    for address, value in words.items():
        moved[address if address < 40070 else address + 12] = value
    moved[40070], moved[40071] = 64999, 10  # a vendor's model in front
    for k in range(10):
        moved[40072 + k] = 7
    back = Wire(table, ended(moved, 40698), {"id": "p"}).run(3000)
    assert back.cell_mv == sample.cell_mv and back.current_ma == sample.current_ma


def two_strings(table):
    """A bank with two strings: 802, 803 (NStr 2), 804 Idx 1, 805, 804 Idx 2, 805."""
    first = pack(96, 8, pack_mv=350200, current_ma=-10000)
    second = pack(96, 8, pack_mv=349000, current_ma=7000, cell_mv=tuple([3500 + k for k in range(96)]))
    one = words_of(table, [first])
    two = words_of(table, [second])
    words = {address: value for address, value in one.items() if address < 40194}
    words[40135], words[40136] = 90, 2  # length and NStr of 803
    for address, value in one.items():
        if 40162 <= address < 40194:
            words[address + 32] = value
        if address >= 40194:
            words[address + 32] = value
    for address, value in two.items():
        if address >= 40194:
            words[address + 32 + 492] = value
    words[40194 + 32 + 492 + 2] = 2
    words[40258 + 32 + 492 + 2] = 2
    return first, second, ended(words, 40686 + 32 + 492)


def test_each_pack_reads_its_own_string():
    table = load("sunspec_string")
    first, second, words = two_strings(table)
    for string, sample in ((1, first), (2, second)):
        wire = Wire(table, words, {"id": "p", "string": string})
        back = wire.run(4000)
        assert (back.pack_mv, back.current_ma) == (sample.pack_mv, sample.current_ma)
        assert back.cell_mv == sample.cell_mv and back.groups[G_EXTREMES].quality == OK
        # the bank's limits are not one string's
        assert back.bms_charge_ma is None and back.groups[G_LIMITS].quality == IMPLAUSIBLE
    back = Wire(table, words, {"id": "p", "string": 3}).run(4000)
    assert back.pack_mv is None and back.cell_mv == (None,) * 96


def test_factors_follow_the_device():
    table = load("sunspec_string")
    sample = pack(96, 8, pack_mv=350200)
    words = ended(words_of(table, [sample]), 40686)
    wire = Wire(table, words, {"id": "p"})
    wire.run(2500)
    place = {"A": 40194 + 41, "V": 40194 + 42, "Cell": 40258 + 42}
    words[place["A"]] = 0xFFFE  # -2
    words[40194 + 13] = 1250
    back = wire.run(4000)
    assert back.current_ma == -12500 and back.pack_mv == 350200
    words[place["V"]] = 0x8000  # not implemented
    back = wire.run(6000)
    assert back.pack_mv is None and back.groups[G_PACK].quality == IMPLAUSIBLE and back.current_ma == -12500
    words[place["V"]] = 11  # absurd
    assert wire.run(8000).pack_mv is None
    words[place["V"]] = 0
    words[40194 + 14] = 350
    assert wire.run(10000).pack_mv == 350000
    # cells in tenths of a millivolt would be 33 V at the old factor
    words[place["Cell"]] = 0xFFFC
    for k in range(96):
        words[40302 + 4 * k] = 33000 + 10 * k
    seen = set()
    while wire.now < 20000:
        back = wire.run(wire.now + 20)
        seen.add(back.cell_mv[:2] if back.groups[G_CELLS].quality == OK else None)
    assert seen <= {(3300, 3301), None} and back.cell_mv == sample.cell_mv


def test_the_number_of_cells_is_the_sites():
    table = load("sunspec_string")
    words = ended(words_of(table, [pack(16, 2, pack_mv=52000)]), 40686)
    words[40259] = 42 + 4 * 16  # the module ends behind its cells
    for address in range(40302 + 64, 40688):
        del words[address]
    ended(words, 40302 + 64)
    wire = Wire(table, words, {"id": "p", "cells": 16, "temps": 2})
    back = wire.run(5000)
    assert back.cell_mv == pack(16).cell_mv and back.temp_mc == pack(16).temp_mc
    assert back.groups[G_CELLS].quality == OK
    assert not [1 for request in wire.asked if request.address >= 40366 and request.index != WALK]
    words[40262] = 15
    back = wire.run(10000)
    assert back.cell_mv == (None,) * 16 and back.groups[G_CELLS].quality == IMPLAUSIBLE


def test_a_model_that_moves_is_found_again():
    table = load("sunspec_string")
    sample = pack(96, 8, pack_mv=350200)
    words = ended(words_of(table, [sample]), 40686)
    wire = Wire(table, words, {"id": "p"})
    wire.run(15000)
    for address in list(words):
        del words[address]
    words.update(shifted(ended(words_of(table, [sample]), 40686), 0))
    moved = Wire(table, words, {"id": "p"})
    assert moved.run(3000).cell_mv == sample.cell_mv
    # at the old place there is another model now
    words.update(ended(words_of(table, [sample]), 40686))
    words[40070] = 899
    back = wire.run(40000)
    assert back.bms_charge_ma is None  # 40000 comes first, and has no 802
    words[40000] = 0
    back = wire.run(140000)
    assert back.bms_charge_ma == 60000 and back.pack_mv == 350200


def test_any_meter_model_and_factor():
    table = load("sunspec_meter")
    for model in (201, 202, 203, 204):
        sample = MeterSample(0, 234567, 123456, -1250, ())
        words = {}
        data = encode_block(table, 0, sample)
        for k in range(len(data) // 2):
            words[40070 + k] = data[2 * k] << 8 | data[2 * k + 1]
        for _, address, registers in served(table):
            for k, value in enumerate(registers):
                words[address + k] = value
        words[40070] = model
        words[40070 + 54] = 3  # kWh
        back = Wire(table, shifted(words, 0), {"id": "m"}).run(2000)
        assert tuple(back)[1:4] == (234567000, 123456000, -1250)
    assert inverse(table).TEMPLATES[0][0] == 203
