# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Serial numbers: decoded, read rarely and behind everything else, and never in the way of the other blocks."""

from bms_bridge.bms import Bms
from bms_bridge.decode import decode_block
from bms_bridge.encode import encode_block, inverse
from bms_bridge.modbus import EXCEPTION, TIMEOUT
from bms_bridge.serial_bms import SerialBms, reply_payload
from bms_bridge.serial_encode import answer_frame
from bms_bridge.tables import load
from bms_bridge.text import SOON_MS, SURE, text_of
from edge.core.records import NEVER, Sample

MODBUS = (
    ("seplos_v3", "SP00S0000000000"),
    ("sunspec_802_805", "0001"),
    ("sunspec_string", "0004"),
    ("sunspec_803", "0005"),
)
SERIAL = (("pylontech_rs485", "K170601C00755050"), ("jk_pb_frames", "40119491480"))


def sample_of(table):
    cells, temps = (3300,) * table.CELLS, (25000,) * table.TEMPS
    values = (0, 52800, 1000, 3300, 3300, 25000, 25000, cells, temps, 500000, 1000000, 80000, 80000, 56000, 0)
    return Sample(*(values + ((NEVER,) * 8,)))


def test_text_of():
    for data, text in (
        (b"AB12\x00\x00zz", "AB12"),
        (b"  AB 12 ", "AB 12"),
        (b"AB12\xff\xff", "AB12"),
        (b"\x00\x00", None),
        (b"", None),
        (b"\xff\xff\xff", None),
        (b"    ", None),
        (b"00000000", None),
        (b"--------", None),
        (b"AB\x07", None),
        (b"AB\xc3\xa4", None),
    ):
        assert text_of(data) == text, data


def test_every_profile_with_a_number_serves_and_decodes_it():
    for name, text in MODBUS + SERIAL:
        table = load(name)
        index, slot = table.SERIAL
        assert table.GROUPS_OF[index] == () and table.BLOCKS[index][3] >= 60000
        slots = [None] * table.SLOTS
        assert decode_block(table, index, bytes(encode_block(table, index, sample_of(table))), slots) is not None
        assert slots[slot] == text, name
    for name in ("jbd", "jk_pb", "daly_d2"):
        assert not hasattr(load(name), "SERIAL") and inverse(load(name)) is not None


class Line:
    """A device whose answers come after 30 ms. Per block: count of questions, longest time between two, and of the
    block with the number every time."""

    def __init__(self, device, fails=None):
        self.device = device
        self.fails = fails  # {block: reason}
        self.now = 0
        blocks = len(device.table.BLOCKS)
        self.count, self.last, self.gap = [0] * blocks, [None] * blocks, [0] * blocks
        self.named = []
        self.before = None  # questions before the first for the number

    def run(self, end_ms):
        device, table = self.device, self.device.table
        serial = isinstance(device, SerialBms)
        while self.now < end_ms:
            request = device.next_request(self.now)
            if request is None:
                self.now += 10
                continue
            self._note(request.index)
            reason = None if self.fails is None else self.fails.get(request.index, self.fails.get("all"))
            self.now += 800 if reason == TIMEOUT else 30
            if reason is not None:
                device.failed(self.now, request, reason)
                continue
            data = bytes(encode_block(table, request.index, sample_of(table)))
            if serial:
                data = reply_payload(request, answer_frame(table, request.index, device.unit, data))[0]
            assert device.reply(self.now, request, data)
        return self

    def _note(self, index):
        if index == self.device.table.SERIAL[0]:
            if not self.named:
                self.before = sum(self.count)
            self.named.append(self.now)
        if self.count[index]:
            self.gap[index] = max(self.gap[index], self.now - self.last[index])
        self.last[index] = self.now
        self.count[index] += 1

    def times(self, since=0):
        return [at for at in self.named if at >= since]


def devices():
    for name, text in MODBUS[:2] + SERIAL:
        table = load(name)
        settings = {"id": "p", "cells": table.CELLS, "temps": table.TEMPS}
        if name in ("seplos_v3", "sunspec_802_805"):
            device = Bms(table, 1, settings)
            device.reader.one_block_each()
        else:
            device = SerialBms(table, 1, settings)
        yield device, table.SERIAL[0], text


def test_it_is_read_after_everything_else_three_times_and_then_rarely():
    for device, _, text in devices():
        line = Line(device).run(700000)
        times = line.times()
        assert line.before == len(device.table.BLOCKS) - 1
        assert len(times) == SURE + 2 and device.serial.text == text and device.serial.count == len(times)
        assert times[2] < 2 * SOON_MS + 1000 and times[4] - times[3] >= 300000


def test_another_number_is_read_again_soon():
    for device, _, text in devices():
        line = Line(device).run(20000)
        serial = device.serial
        serial.text, serial._same = "ANOTHER", SURE
        line.run(340000)
        assert len(line.times(20000)) == SURE and serial.text == text


def test_after_a_silence_it_is_read_at_once():
    for device, _, _ in devices():
        line = Line(device).run(20000)
        line.fails = {"all": TIMEOUT}
        line.run(25000)
        line.fails = None
        line.run(36000)
        assert len(line.times(25000)) == 1, line.times()


def test_a_device_that_has_none_is_asked_more_and_more_rarely_and_pays_nothing():
    for reason in (TIMEOUT, EXCEPTION + 2, EXCEPTION + 3):
        for device, index, _ in devices():
            line = Line(device, {index: reason}).run(1000000)
            assert len(line.times()) <= 3 and device.serial.count == 0 and device.serial.text is None
            for other, row in enumerate(device.table.BLOCKS):
                if other != index:
                    assert line.gap[other] <= row[3] + 2200, (device.table.NAME, other, line.gap[other])
                    assert line.count[other] >= 1000000 // row[3] * 9 // 10


def test_one_string_of_a_bank_does_not_take_the_number_of_the_bank():
    table = load("sunspec_string")
    settings = {"id": "p", "cells": 96, "temps": 8, "string": 2}
    assert Bms(table, 1, settings).serial is None
    device = Bms(table, 1, dict(settings, string=None))
    assert device.serial is not None and table.SERIAL[0] == len(table.BLOCKS) - 1


def test_no_other_block_is_joined_to_it():
    device = Bms(load("sunspec_802_805"), 1, {"id": "p", "cells": 96, "temps": 8})
    rows = [row for row in device.gate_rules()[0] if row[2] == 40052]
    assert rows == [(1, 3, 40052, 40068, 16)]
