# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Recorded frames of real packs: each decodes, and its numbers agree with each other."""

import pathlib

from bms_bridge.decode import Assembler
from bms_bridge.encode import encode_block
from bms_bridge.modbus import reply_data, rtu_parse
from bms_bridge.poll import Request
from bms_bridge.tables import load
from edge.core.records import OK

FRAMES = pathlib.Path(__file__).with_name("seplos_v3_frames.txt")
BLOCKS = {"pia": 0, "pib": 1, "pic": 2}


def recorded():
    for line in FRAMES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, text = line.split()
            yield BLOCKS[name], bytes.fromhex(text)


def taken(table, index, frame):
    """The record after this one frame went the way of a serial answer."""
    function, address, count, _, _ = table.BLOCKS[index]
    pdu, used = rtu_parse(frame, 1, function)
    assert used == len(frame)
    data, reason = reply_data(Request(1, function, address, count, None, index), pdu)
    assert reason == 0
    state = Assembler(table)
    assert state.take(1, index, data)
    return state.record(), data


def test_every_recorded_frame_is_whole_and_good():
    table = load("seplos_v3")
    frames = list(recorded())
    assert len(frames) == 8
    for index, frame in frames:
        record, _ = taken(table, index, frame)
        for group in table.GROUPS_OF[index]:
            assert record.groups[group].quality == OK


def test_numbers_of_one_recording_agree():
    table = load("seplos_v3")
    frames = list(recorded())
    pairs = ((frames[0], frames[4]), (frames[2], frames[5]), (frames[3], frames[6]))
    for (_, pia), (_, pib) in pairs:
        pack, _ = taken(table, 0, pia)
        cells, _ = taken(table, 1, pib)
        assert abs(sum(cells.cell_mv) - pack.pack_mv) <= 50
        assert (max(cells.cell_mv), min(cells.cell_mv)) == (pack.cell_max_mv, pack.cell_min_mv)
        assert abs(max(cells.temp_mc) - pack.temp_max_mc) <= 100
        assert abs(min(cells.temp_mc) - pack.temp_min_mc) <= 100


def test_recorded_values_encode_to_the_recorded_bytes():
    """Every register that a field reads comes back bit for bit."""
    table = load("seplos_v3")
    for index, frame in recorded():
        record, data = taken(table, index, frame)
        again = Assembler(table)
        again.take(1, index, encode_block(table, index, record))
        assert tuple(again.record())[1:15] == tuple(record)[1:15]
        if index == 1:
            assert encode_block(table, index, record)[:40] == data[:40]
        if index == 2:
            assert encode_block(table, index, record) == data
