# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CanBms as dialogues: what it asks, when, and what it makes of good, late, broken and missing answers."""

from bms_bridge.can import CanBms, key_of
from bms_bridge.can_decode import at_address
from bms_bridge.can_encode import Responder, encode_frames, encode_message
from bms_bridge.isotp import segments
from bms_bridge.modbus import BAD_REPLY, EXCEPTION, REFUSED, TIMEOUT
from bms_bridge.tables import load
from edge.core.records import G_CELLS, G_CURRENT, G_EXTREMES, G_LIMITS, MISSING, NEVER, OK
from edge.core.tx_gate import READ, SENT, TxGate
from tests.both.test_can_decode import sample_of


class Copy:
    """A table with something changed."""

    def __init__(self, table, **changes):
        for name in dir(table):
            if name[0] != "_":
                setattr(self, name, getattr(table, name))
        for name, value in changes.items():
            setattr(self, name, value)


def packed(frame):
    can_id, extended, data = frame
    key = key_of(can_id, extended)
    return bytes((key >> 24, key >> 16 & 255, key >> 8 & 255, key & 255, len(data))) + data


def run(device, responder, sample, now_ms, end_ms, gate=None):
    """Device and simulated BMS talk from now_ms to end_ms; returns the frames that the device sent."""
    sent = []
    while now_ms < end_ms:
        if now_ms % 100 == 0:
            for can_id, extended, data in encode_frames(load(device.table.NAME), sample):
                device.take(now_ms, can_id, extended, data)
        frame = device.next_frame(now_ms)
        while frame is not None:
            if gate is not None:
                assert gate.send(now_ms, packed(frame), sent.append) == SENT, frame
            else:
                sent.append(frame)
            for can_id, extended, data in responder.take(frame[0], frame[1], frame[2], sample) if responder else ():
                device.take(now_ms, can_id, extended, data)
            frame = device.next_frame(now_ms)
        now_ms += 10
    return sent


def test_a_whole_pack_arrives_through_the_gate():
    for name in ("kia_64", "nissan_leaf"):
        table = load(name)
        device = CanBms(table, {"id": "p"})
        device.sending = False
        assert device.read(0) is None
        sample = sample_of(table)
        gate = TxGate("can", READ, device.gate_rules())
        sent = run(device, Responder(table), sample, 0, 3000, gate)
        record = device.read(3000)
        assert gate.refused == 0 and device.broken == 0 and len(sent) > 5
        assert record.cell_mv == sample.cell_mv and record.current_ma == -7000 and record.temp_mc == sample.temp_mc
        for group, period_ms in enumerate(table.PERIODS_MS):
            assert record.groups[group].quality == OK, (name, group)
        assert device.read(3000) is record


def test_questions_keep_their_periods():
    table = load("kia_64")
    device = CanBms(table, {"id": "p"})
    sent = run(device, Responder(table), sample_of(table), 0, 10000)
    counts = {}
    for _, _, data in sent:
        if data[0] == 3:
            counts[data[3]] = counts.get(data[3], 0) + 1
    assert counts == {1: 10, 2: 10, 3: 10, 4: 10, 5: 2}
    assert 9000 < device.due_ms(9990) <= 10100


def test_no_answer_is_asked_for_less_and_less_often():
    table = load("nissan_leaf")
    device = CanBms(table, {"id": "p"})
    device.sending = False
    times = []
    now_ms = 0
    while now_ms < 60000:
        assert device.due_ms(now_ms) >= now_ms - 1 or device.due_ms(now_ms) <= now_ms
        if device.next_frame(now_ms) is not None:
            times.append(now_ms)
        now_ms += 10
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert gaps[0] < 1500 and max(gaps) <= 11100 and gaps == sorted(gaps)
    assert device.last_failure == TIMEOUT
    # broadcasts go on meanwhile
    can_id, extended, data = encode_frames(table, sample_of(table))[0]
    assert device.take(60000, can_id, extended, data) and device.read(60000).current_ma == -7000


def test_an_exception_costs_only_its_own_message():
    table = load("kia_64")
    device = CanBms(table, {"id": "p"})
    now_ms = 0
    asked = []
    while now_ms < 900:
        frame = device.next_frame(now_ms)
        if frame is not None and frame[2][0] == 3:
            asked.append(frame[2][3])
            device.take(now_ms, 0x7EC, False, b"\x03\x7f\x22\x31\x00\x00\x00\x00")
            assert device.last_failure == EXCEPTION + 0x31
        now_ms += 10
    assert asked == [1, 2, 3, 4, 5]


def test_pending_answers_are_waited_for():
    table = load("kia_64")
    device = CanBms(table, {"id": "p"})
    assert device.next_frame(0)[2] == b"\x03\x22\x01\x01\x00\x00\x00\x00"
    for now_ms in (500, 1400, 2300):
        device.take(now_ms, 0x7EC, False, b"\x03\x7f\x22\x78\x00\x00\x00\x00")
        assert device.next_frame(now_ms + 5) is None and device.last_failure == 0
    assert device.next_frame(3200) is None
    device.next_frame(3301)
    assert device.last_failure == TIMEOUT


def answer(device, now_ms, frames):
    for _, _, data in [(0, 0, data) for data in frames]:
        device.take(now_ms, 0x7EC, False, data)


def test_foreign_and_broken_answers_change_nothing():
    table = load("kia_64")
    sample = sample_of(table)
    good = segments(b"\x62\x01\x01" + encode_message(table, 3, sample), 0)
    other = segments(b"\x62\x01\x02" + encode_message(table, 4, sample), 0)
    short = segments(b"\x62\x01\x01" + bytes(20), 0)
    for frames in (other, short, good[:3] + good[4:], [b""], [b"\x00" * 8]):
        device = CanBms(table, {"id": "p"})
        answer(device, 0, good)  # nobody asked
        assert device.read(0) is None
        device.next_frame(0)
        answer(device, 10, frames)
        assert device.read(10) is None and device.last_failure == BAD_REPLY and device.broken == 1
    device = CanBms(table, {"id": "p"})
    device.next_frame(0)
    answer(device, 10, good)
    assert device.read(10).groups[G_EXTREMES].quality == OK and device.taken == 1


def test_limits_need_the_voltage():
    table = load("nissan_leaf")
    frames = encode_frames(table, sample_of(table))
    device = CanBms(table, {"id": "p"})
    device.take(0, *frames[1])
    assert device.read(0).bms_charge_ma is None and device.read(0).groups[G_LIMITS] == NEVER
    device.take(10, *frames[0])
    record = device.read(10)
    assert record.groups[G_LIMITS] == (OK, 0, 1) and abs(record.bms_charge_ma - 100000) < 1000
    unknown = encode_frames(table, sample_of(table, pack_mv=None))
    device.take(20, *unknown[0])
    device.take(20, *frames[1])
    record = device.read(20)
    assert record.bms_charge_ma is None and record.groups[G_LIMITS].quality != OK and record.pack_mv is None


def test_a_counter_that_stands_still_is_no_news():
    table = load("kia_64")
    counters = list(table.COUNTERS)
    counters[1] = (0, 1, 1, 4, 15, 0)
    device = CanBms(Copy(table, COUNTERS=tuple(counters)), {"id": "p"})
    for k, byte in enumerate((0x10, 0x10, 0x1F, 0x20, 0x20, 0x10)):
        device.take(k, 0x595, False, bytes((byte, 0, 0, 0, 0, 0, 0x36, 0x0E)))
    assert device.repeated == 3 and device.read(9).groups[G_CURRENT].count == 3
    assert not device.take(9, 0x595, False, b"") and device.broken == 1


def test_a_multiplexed_frame_goes_to_its_message():
    table = load("kia_64")
    mux = list(table.MUX)
    mux[1] = ((0, 1, 1, 6, 3, 0), 2)
    device = CanBms(Copy(table, MUX=tuple(mux)), {"id": "p"})
    for byte, used in ((0x00, False), (0x40, False), (0xC0, False), (0x80, True), (0xBF, True)):
        assert device.take(1, 0x595, False, bytes((byte, 0, 0, 0, 0, 0, 0x36, 0x0E))) == used
    assert not device.take(1, 0x595, False, b"")
    assert not device.take(1, 0x595, True, bytes(8)) and not device.take(1, 0x123, False, bytes(8))


def test_cycles_with_counter_and_checksum():
    # 29 28 00 .. : a counter in the low bits of byte 0 and CRC-8 2f over bytes 0 to 6 with a magic byte
    row = ("crc8_2f", (7, 8, 1, 0, 255, 0), 0, 7, 0xFF, 0xFF, (), None)
    sends = ((0x200, 100, (bytes(8),), b"\xf0" + b"\xff" * 6 + b"\x00", (0, 1, 1, 0, 15, 0), row),)
    device = CanBms(Copy(load("kia_64"), SENDS=sends, ASKS=(), POLLS=()), {"id": "p"})
    gate = TxGate("can", 2, device.gate_rules())
    sent = run(device, None, sample_of(load("kia_64")), 0, 2000, gate)
    assert len(sent) == 20 and [data[5] for data in sent[:17]] == list(range(16)) + [0]
    assert len(set([data[12] for data in sent])) == 16
    device.sending = False
    assert device.next_frame(5000) is None and device.due_ms(5000) == 6000


def test_a_smaller_pack_does_not_wait_for_cells_it_has_not():
    table = load("kia_64")
    device = CanBms(table, {"id": "p", "cells": 60, "temps": 3})
    sample = sample_of(table, cells=sample_of(table).cell_mv[:60])
    sent = run(device, Responder(table), sample, 0, 1500)
    record = device.read(1500)
    assert record.cell_mv == sample.cell_mv and record.temp_mc == sample.temp_mc[:3]
    assert record.groups[G_CELLS].quality == OK
    assert not [data for _, _, data in sent if data[:4] == b"\x03\x22\x01\x04"]
    assert [data for _, _, data in sent if data[:4] == b"\x03\x22\x01\x05"]  # SoH


def test_a_refused_question_is_a_failure():
    device = CanBms(load("kia_64"), {"id": "p"})
    device.next_frame(0)
    device.refused(0)
    assert device.last_failure == REFUSED and device.next_frame(100) is None
    assert device.next_frame(200) is not None
    device = CanBms(load("kia_64"), {"id": "p"})
    device.failed(0, TIMEOUT)
    assert device.last_failure == 0


def test_missing_groups_stay_missing():
    table = load("kia_64")
    device = CanBms(table, {"id": "p"})
    device.take(5, *encode_frames(table, sample_of(table))[1])
    record = device.read(5)
    assert record.groups[G_CELLS].quality == MISSING and record.cell_mv == (None,) * 98


def test_devices_of_one_profile_at_their_addresses_do_not_mix():
    table = load("jk_can")
    packs = [CanBms(table, {"id": "p%d" % unit, "unit": unit}) for unit in (0, 1, 11)]
    for count, unit in enumerate((11, 0, 1)):
        sample = sample_of(table, current_ma=1000 * unit, pack_mv=50000 + 100 * unit)
        for can_id, extended, data in encode_frames(at_address(table, unit), sample):
            used = [pack.take(count, can_id, extended, data) for pack in packs]
            assert used == [pack.name == "p%d" % unit for pack in packs], hex(can_id)
    for pack, unit in zip(packs, (0, 1, 11)):
        record = pack.read(10)
        assert (record.current_ma, record.pack_mv) == (1000 * unit, 50000 + 100 * unit)
        assert (0x2F4 + unit) in pack.wanted() and (0x80000000 | 0x18F328F4 + unit) in pack.wanted()
    assert at_address(table, 0) is table and at_address(table, None) is table
    assert at_address(load("nissan_leaf"), 5) is load("nissan_leaf")


def test_questions_and_cycles_move_by_steps_of_their_own():
    table = Copy(load("kia_64"), ADDRESS=(1, 3, 0x10, 1, 2), SENDS=((0x300, 1000, (b"\x00",), b"\xff", None, None),))
    pack = CanBms(table, {"id": "p", "unit": 3})
    assert [row[0] for row in at_address(table, 3).BLOCKS] == [row[0] + 0x20 for row in table.BLOCKS]
    assert pack.next_frame(0)[0] == 0x304 and pack.next_frame(0)[0] == table.ASKS[0][0] + 2
    reads, sends = pack.gate_rules()
    assert {key for key, _ in reads} == {table.ASKS[0][0] + 2} and sends[0][0] == 0x304
    assert CanBms(table, {"id": "p"}).gate_rules()[1][0][0] == 0x300  # no address given: the first


def test_an_alarm_that_is_told_while_it_lasts_ends():
    table = load("jk_can")
    pack = CanBms(table, {"id": "p"})
    clean = encode_frames(table, sample_of(table))
    alarm = [frame for frame in encode_frames(table, sample_of(table, alarms=1 << 9)) if frame[0] == 0x7F4][0]
    for now_ms in range(0, 3000, 100):
        for frame in clean:
            if frame[0] != 0x7F4:
                pack.take(now_ms, *frame)
        if 500 <= now_ms < 1000:
            pack.take(now_ms, *alarm)
        want = 1 << 9 if 600 <= now_ms <= 1900 else 0
        if now_ms != 500:
            assert pack.read(now_ms).alarms == want, now_ms
    assert pack.read(3000).groups[7].count == 30 and table.EVENTS[0][2] == 1000


def test_a_limit_of_either_sign_is_a_magnitude():
    table = load("pylontech_hv_can")
    for raw in (29630, 30370):
        pack = CanBms(table, {"id": "p"})
        pack.take(0, 0x4220, True, b"\x2d\x09\x00\x07\x24\x77" + raw.to_bytes(2, "little"))
        assert pack.read(0).bms_discharge_ma == 37000 and pack.read(0).bms_charge_ma == 50000
    said = encode_message(table, 1, sample_of(table))
    assert said[6] | said[7] << 8 == 30000 - 1200  # sent: negative
