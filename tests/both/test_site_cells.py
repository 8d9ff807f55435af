# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A site may have fewer cells and sensors than its profile has places for; a device with another number than
the site says is not believed where it tells its number."""

from bms_bridge.bms import Bms
from bms_bridge.can import CanBms
from bms_bridge.can_decode import decode_message
from bms_bridge.can_encode import encode_message
from bms_bridge.encode import encode_block
from bms_bridge.serial_bms import SerialBms, reply_payload
from bms_bridge.serial_encode import answer_frame
from bms_bridge.tables import load
from edge.core.records import G_CELLS, G_TEMPS, IMPLAUSIBLE, NEVER, OK, SENTINEL, Sample

# profile, cells, sensors
SITES = [
    ("jbd", cells, temps) for cells, temps in ((3, 1), (4, 3), (7, 2), (13, 2), (16, 4), (20, 8), (24, 5), (32, 8))
]
SITES += [("jk_pb_frames", cells, 4) for cells in (4, 8, 16, 24, 32)] + [("jk_pb_frames", 8, 2)]
SITES += [("pylontech_rs485", cells, temps) for cells, temps in ((8, 5), (15, 5), (16, 6), (15, 8))]
SITES += [("jk_pb", cells, 2) for cells in (4, 8, 16, 24, 32)] + [("jk_pb", 16, 1)]
SITES += [("daly_d2", cells, temps) for cells, temps in ((4, 1), (8, 2), (16, 4), (24, 4), (32, 8))]
SITES += [("daly_p81", cells, temps) for cells, temps in ((4, 1), (16, 4), (24, 4), (48, 8))]
SITES += [("seplos_v3", cells, temps) for cells, temps in ((8, 2), (15, 4), (16, 4))]
SITES += [("kia_64", cells, 4) for cells in (88, 90, 96, 98)] + [("kia_64", 98, 2)]
SITES += [("hyundai_egmp", cells, temps) for cells, temps in ((144, 16), (180, 16), (192, 16), (180, 5), (192, 12))]


def sample(table, cells, temps):
    volts = 3700 if table.NAME not in ("hyundai_egmp",) else 3660
    cell_mv = tuple([volts + 20 * (k % 3) for k in range(cells)])
    return Sample(
        0, sum(cell_mv) // 100 * 100, -7000, 3740, 3700, 24000, 20000, cell_mv,
        tuple([20000 + 1000 * (k % 5) for k in range(temps)]), 500000, 900000, 60000, 70000, 56000, 0, (),
    )  # fmt: skip


def heard(name, cells, temps, said):
    """The record of a site of cells and temps whose device says the sample said."""
    table = load(name)
    settings = {"id": "pack", "cells": cells, "temps": temps}
    bus = getattr(table, "BUS", "modbus")
    if bus == "can":
        device = CanBms(table, settings)
        for index in range(len(table.BLOCKS)):
            slots = device._state.slots
            result = decode_message(device.table, index, encode_message(table, index, said), slots)
            assert result is not None
            device._state.enter(1, index, result)
        return device.read(1)
    now_ms = 0
    device = SerialBms(table, 2, settings) if bus == "serial" else Bms(table, 2, settings)
    if bus == "modbus":
        device.reader.one_block_each()
    for _ in range(60):
        now_ms += 100
        request = device.next_request(now_ms)
        if request is None:
            continue
        data = encode_block(table, request.index, said)
        if bus == "serial":
            frame = answer_frame(table, request.index, 2, data)
            payload, reason = reply_payload(request, frame)
            assert reason == 0
            data = payload
        assert device.reply(now_ms, request, data), (name, request)
    return device.read(now_ms)


def test_a_site_with_fewer_cells_than_the_profile_has_places():
    for name, cells, temps in SITES:
        said = sample(load(name), cells, temps)
        record = heard(name, cells, temps, said)
        assert record.cell_mv == said.cell_mv, (name, cells)
        assert record.temp_mc == said.temp_mc, (name, temps, record.temp_mc)
        for group, row in enumerate(record.groups):
            assert row == NEVER or row.quality == OK, (name, cells, temps, group, row)


def test_a_device_with_another_number_of_cells_is_not_believed():
    """More cells than were commissioned, where the device tells how many it has; fewer, everywhere."""
    cases = (
        ("jbd", 13, 14), ("jbd", 16, 15), ("jk_pb_frames", 8, 16), ("jk_pb_frames", 16, 8), ("jk_pb", 8, 16),
        ("pylontech_rs485", 15, 16), ("pylontech_rs485", 16, 15), ("kia_64", 90, 98), ("kia_64", 88, 90),
        ("hyundai_egmp", 144, 180), ("jk_pb", 16, 8), ("kia_64", 98, 90), ("hyundai_egmp", 192, 180), ("daly_d2", 16, 15),
        ("daly_p81", 16, 15), ("seplos_v3", 16, 15),
    )  # fmt: skip
    for name, cells, real in cases:
        temps = min(load(name).TEMPS, 4)
        said = sample(load(name), real, temps)
        record = heard(name, cells, temps, said)
        assert record.groups[G_CELLS].quality in (IMPLAUSIBLE, SENTINEL), (name, cells, real)
        if real > cells:
            assert record.groups[G_CELLS].quality == IMPLAUSIBLE
        else:
            assert None in record.cell_mv
        assert record.groups[G_TEMPS].quality == OK, name
