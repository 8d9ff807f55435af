# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Recorded answers of Daly BMS: each decodes, and its numbers agree with each other."""

import pathlib

import pytest

from bms_bridge.bms import Bms
from bms_bridge.modbus import rtu_parse
from bms_bridge.tables import load
from edge.core.records import OK

FRAMES = pathlib.Path(__file__).with_name("daly_frames.txt")


def recorded(kind):
    """Data bytes of the recorded answers of one kind, checked by CRC."""
    unit = {"d2": 0xD2, "p81": 0x51}[kind]
    found = []
    for line in FRAMES.read_text(encoding="utf-8").splitlines():
        if line.startswith(kind):
            frame = bytes.fromhex(line.split()[1])
            pdu, used = rtu_parse(frame, unit, 3)
            assert used == len(frame)
            found.append(pdu[2:])
    return found


@pytest.mark.parametrize("data", recorded("d2"))
def test_d2_agrees_with_itself(data):
    cells = data[99]
    device = Bms(load("daly_d2"), 0xD2, {"id": "p", "cells": cells, "temps": data[101]})
    request = device.next_request(0)
    assert request[:4] == (0xD2, 3, 0, 62)
    assert device.reply(0, request, data[:124])
    sample = device.read(0)
    assert (sum(sample.cell_mv) - sample.pack_mv) in range(-150, 151) and len(sample.cell_mv) == cells
    # one recording has its lowest cell 1 mV below the register for it: not all registers are of one moment
    assert max(sample.cell_mv) - sample.cell_max_mv in (-1, 0, 1) and min(sample.cell_mv) - sample.cell_min_mv in (
        -1,
        0,
        1,
    )
    assert (max(sample.temp_mc), min(sample.temp_mc)) == (sample.temp_max_mc, sample.temp_min_mc)
    # register 0x2F: 0 rest, 1 charges, 2 discharges; register 0x39: power
    assert {0: 0, 1: 1, 2: -1}[data[95]] == (sample.current_ma > 0) - (sample.current_ma < 0)
    assert abs(abs(sample.current_ma) * sample.pack_mv // 1000000 - data[115]) <= 6
    assert sample.alarms == 0
    assert all(group.quality == OK for group in sample.groups if group.count)


def test_p81_agrees_with_itself():
    device = Bms(load("daly_p81"), 0x81, {"id": "p", "cells": 16, "temps": 4})
    for now_ms, data in enumerate(recorded("p81")):
        request = device.next_request(1000 * now_ms)
        assert request.unit == 0x5181 and request[2:4] == ((0x41, 62) if now_ms % 2 else (0, 64))
        assert device.reply(1000 * now_ms, request, data)
        sample = device.read(1000 * now_ms)
        assert abs(sum(sample.cell_mv) - sample.pack_mv) <= 100
        assert sample.current_ma == -8900 and sample.bms_soc_ppm == 864000  # register 0x48: discharges
        if now_ms % 2:
            assert data[15] == 2 and sample.alarms == 0 and max(sample.cell_mv) == sample.cell_max_mv
            assert (sample.temp_max_mc, sample.temp_min_mc) == (max(sample.temp_mc), min(sample.temp_mc))
    assert all(group.quality == OK for group in sample.groups if group.count)
