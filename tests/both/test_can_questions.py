# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Questions beyond one identifier and one answer: address bytes, frames that are polled, answers whose length
chooses, several sources of a limit, and information that is not in the record. On both runtimes."""

from binascii import unhexlify

from bms_bridge.can import CanBms
from bms_bridge.can_encode import Responder, encode_message
from bms_bridge.isotp import BROKEN, DONE, FLOW, WAIT, Receiver, flow_frame, segments, single_frame
from bms_bridge.modbus import BAD_REPLY, TIMEOUT
from bms_bridge.tables import load
from edge.core import tx_gate as g
from edge.core.records import G_CELLS, G_CURRENT, G_LIMITS, OK
from tests.both.test_can_decode import sample_of
from tests.both.test_can_device import packed, run


def test_an_address_byte_stands_before_every_frame():
    assert single_frame(b"\x22\xdd\xbf", 0, 8, b"\x07") == b"\x07\x03\x22\xdd\xbf\x00\x00\x00"
    assert flow_frame(b"\x30\x00\x02", 0, 8, b"\x07") == b"\x07\x30\x00\x02\x00\x00\x00\x00"
    for size in (8, 64):
        for length in (1, 6, 7, 8, 12, 41, 60, 61, 62, 63, 200):
            payload = bytes([k & 0xFF for k in range(length)])
            frames = segments(payload, 0xAA, size, b"\xf1")
            receiver = Receiver(b"\x30\x00\x02", 4095, b"\xf1")
            verdicts = [receiver.take(k, frame) for k, frame in enumerate(frames)]
            assert verdicts[-1] == DONE and receiver.payload == payload, (size, length)
            assert [frame[0] for frame in frames] == [0xF1] * len(frames)
            assert [receiver.take(0, b"\xf4" + frame[1:]) for frame in frames] == [WAIT] * len(frames)
    receiver = Receiver(b"\x30\x00\x02", 4095, b"\xf1")
    assert receiver.take(0, b"\xf1\x10\x07\x62\xdd\xbf\x0e") == BROKEN  # a first frame is full
    assert receiver.take(0, b"\xf1\x10\x07\x62\xdd\xbf\x0e\xbe") == FLOW
    assert receiver.take(0, b"") == WAIT and receiver.take(0, b"\xf1\x21\x0e\xc2") == DONE


def test_the_gate_wants_the_address_byte_and_nothing_but_reads():
    rules = (((0x6F1, b"\x03\x22\xdd\xbf", b"\x07"), (0x6F1, b"\x30\x00\x02", b"\x07"), (0x98900140, None)), ())
    for data, verdict in (
        ("0703 22ddbf 000000", g.SENT),
        ("0730 0002 ffffffff", g.SENT),
        ("0603 22ddbf 000000", g.REFUSED_ADDRESS),
        ("0322 ddbf 00000000", g.REFUSED_ADDRESS),
        ("0703 22ddbf 000001", g.REFUSED_ADDRESS),
        ("0703 22ddbf 0000", g.REFUSED_ADDRESS),
        ("0705 3101ad6e 01 00", g.REFUSED_ADDRESS),
    ):
        frame = packed((0x6F1, False, unhexlify(data.replace(" ", ""))))
        assert g.TxGate("can", g.READ, rules).send(0, frame, lambda data: None) == verdict, data
    routine = (((0x6F1, b"\x05\x31\x01\xad\x6e\x01", b"\x07"),), ())
    frame = packed((0x6F1, False, unhexlify("07053101ad6e0100")))
    assert g.TxGate("can", g.CONTROL, routine).send(0, frame, lambda data: None) == g.REFUSED_ADDRESS
    for key, extended, data, verdict in (
        (0x18900140, True, bytes(8), g.SENT),
        (0x18900140, True, b"\x01" + bytes(7), g.REFUSED_ADDRESS),
        (0x18900140, True, bytes(7), g.REFUSED_ADDRESS),
        (0x18D90140, True, bytes(8), g.REFUSED_ADDRESS),
    ):
        assert g.TxGate("can", g.READ, rules).send(0, packed((key, extended, data)), lambda data: None) == verdict


def test_an_i3_answers_with_its_address_byte():
    table = load("bmw_i3")
    device = CanBms(table, {"id": "p"})
    gate = g.TxGate("can", g.READ, device.gate_rules())
    run(device, Responder(table), sample_of(table), 0, 2500, gate)
    record = device.read(2500)
    assert (record.cell_min_mv, record.cell_max_mv) == (3700, 3740) and device.broken == 0
    assert device.info()["bms_capacity_mah"][0] == 120410 and gate.refused == 0


def test_the_lowest_source_of_a_limit_counts():
    table = load("bmw_i3")
    frames = ((0x112, "F81F260EC770155B"), (0x2F5, "720F6029220A0610"), (0x40D, "DC78125ADC78035F"))
    device = CanBms(table, {"id": "p"})
    for can_id, data in frames:
        device.take(5, can_id, False, unhexlify(data))
    record = device.read(5)
    assert record.bms_charge_ma == 240000 and record.groups[G_LIMITS].quality == OK  # 92.8 kW is more
    assert record.bms_discharge_ma == 3 * (0x10000 - 0x5F03) * 1000000 // 362200
    # FFFC of a battery that allows nothing: 12 W, not 196 kW; FFFF says nothing
    for data, want in (("0000FCFF0000FCFF", 12 * 1000000 // 362200), ("FFFFFFFFFFFFFFFF", 409000)):
        for can_id, other in frames[:2]:
            device.take(10, can_id, False, unhexlify(other))
        device.take(10, 0x40D, False, unhexlify(data))
        assert device.read(10).bms_discharge_ma == want, data
    for can_id, other in frames[:1] + ((0x2F5, "FFFFFFFFFFFFFFFF"),) + frames[2:]:
        device.take(20, can_id, False, unhexlify(other))
    assert device.read(20).bms_charge_ma is None and device.read(20).groups[G_LIMITS].quality != OK


def test_polled_frames_are_waited_for():
    table = load("daly_can")
    device = CanBms(table, {"id": "p", "cells": 16, "temps": 4})
    gate = g.TxGate("can", g.READ, device.gate_rules())
    sample = sample_of(table)
    run(device, Responder(table), sample, 0, 3000, gate)
    record = device.read(3000)
    assert record.cell_mv == sample.cell_mv[:16] and record.temp_mc == sample.temp_mc[:4]
    assert record.current_ma == -7000 and gate.refused == 0 and device.last_failure == 0
    assert device.info()["bms_remaining_mah"][0] == 296640


def test_a_silent_poll_times_out_and_a_still_life_counter_makes_nothing_fresh():
    table = load("daly_can")
    device = CanBms(table, {"id": "p", "cells": 16, "temps": 4})
    assert device.next_frame(0) is not None and device.next_frame(900) is None
    device.next_frame(1100)
    assert device.last_failure == TIMEOUT

    class Still(Responder):
        def take(self, can_id, extended, data, sample):
            self._count = 0
            return Responder.take(self, can_id, extended, data, sample)

    device = CanBms(table, {"id": "p", "cells": 16, "temps": 4})
    run(device, Still(table), sample_of(table), 0, 5000)
    groups = device.read(5000).groups
    assert groups[G_CURRENT].count == 1 and groups[G_CELLS].count >= 3 and device.repeated >= 3


def test_the_length_of_an_answer_chooses_and_costs_only_itself():
    table = load("nissan_leaf")
    sample = sample_of(table)
    rows = [row for row in table.ASKS if row[2] == b"\x21\x01"]
    for row, capacity in ((rows[0], 64504), (rows[1], 111711), (None, None)):
        device = CanBms(table, {"id": "p"})
        device.sending = False
        now_ms = 0
        while True:
            frame = device.next_frame(now_ms)
            if frame is not None and frame[2][:3] == b"\x02\x21\x01":
                break
            for answer in Responder(table).take(frame[0], frame[1], frame[2], sample) if frame else ():
                device.take(now_ms, *answer)
            if device._open is not None:
                device.failed(now_ms, TIMEOUT)
            now_ms += 20
        data = b"\x61\x01" + (bytes(20) if row is None else encode_message(table, row[6], sample))
        for part in segments(data, 0xFF):
            device.take(now_ms, 0x7BB, False, part)
        assert device.info().get("bms_capacity_mah", (None,))[0] == capacity
        assert row is not None or device.last_failure == BAD_REPLY
    assert device.next_frame(now_ms + 30000) is not None


def test_keep_alive_frames_of_the_leaf():
    """Bytes as published for a parked car; nothing else passes the gate, and only in control."""
    device = CanBms(load("nissan_leaf"), {"id": "p"})
    gate = g.TxGate("can", g.CONTROL, device.gate_rules())
    sent = []
    for now_ms in range(0, 400, 10):
        frame = device.next_frame(now_ms)
        while frame is not None:
            assert gate.send(now_ms, packed(frame), sent.append) == g.SENT
            frame = device.next_frame(now_ms)
    words = {}
    for frame in sent:
        words.setdefault(frame[2] << 8 | frame[3], []).append(bytes(frame[5:]))
    assert [data[4] for data in words[0x1D4][:4]] == [0x07, 0x47, 0x87, 0xC7]
    assert [data[7] for data in words[0x1D4][:4]] == [0x12, 0xD5, 0x19, 0xDE]
    assert [data[7] for data in words[0x1F2][:6]] == [0x8F, 0x80, 0x81, 0x82, 0x8F, 0x84]
    assert [data[3:] for data in words[0x50C][:2]] == [b"\x00\x5d\xc8", b"\x01\xb2\x31"]
    assert words[0x50B][0] == unhexlify("000006C0000000") and len(words[0x1D4]) == 40
    torque = packed((0x1D4, False, unhexlify("6E6E0104074 6E012".replace(" ", ""))))
    assert gate.send(400, torque, sent.append) == g.REFUSED_ADDRESS
