# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Every mishap of the wire can be chosen where it can happen and nowhere else; what the reader makes of those of
serial and CAN lines."""

import argparse

import pytest

from bms_bridge.can import CanBms
from bms_bridge.compile import load_profile
from bms_bridge.modbus import TIMEOUT
from bms_bridge.serial_bms import SerialBms, reply_payload
from bms_bridge.tables import load
from simulator.can_wire import CanWire, dialogue
from simulator.serial_wire import SerialWire
from simulator.wire import ROWS
from simulator.wire_serve import Bench, ServeError, load_any, profiles, world_for
from tests.host_tools.test_sniff import ACME

LINES = {
    "tcp": ("seplos_v3", {"modbus_tcp": "0"}),
    "rtu": ("seplos_v3", {"modbus_rtu": "x"}),
    "serial": ("jbd", {"serial": "x"}),
    "can": ("nissan_leaf", {"can": "slcan:x"}),
}


def options(profile, line, *mishaps):
    values = {"modbus_tcp": None, "modbus_rtu": None, "serial": None, "can": None, **line}
    return argparse.Namespace(profile=profile, seed=1, cells=None, unit=None, baud=None, mishap=mishaps, **values)


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_mishap_is_chosen_by_name_where_it_can_happen(row, kind):
    profile, line = LINES[kind]
    text = row.name + ":" + ",".join("%s=1" % key for key, _ in row.defaults) if row.defaults else row.name
    if kind in row.kinds:
        bench = Bench(options(profile, line, text), load_any(profile))
        assert row.name in bench.wire.active
        bench.wire.stop(row.name)
        assert row.name not in bench.wire.active
    else:
        with pytest.raises(ServeError, match="no such mishap here"):
            Bench(options(profile, line, text), load_any(profile))


@pytest.mark.parametrize("name", profiles())
def test_every_profile_is_served_by_its_bus_and_refused_by_others(name):
    table = load(name)
    bus = getattr(table, "BUS", "modbus")
    for kind, (_, line) in LINES.items():
        if kind == bus or (bus == "modbus" and kind in ("tcp", "rtu")):
            bench = Bench(options(name, line), table)
            bench.world.advance(300)
        else:
            with pytest.raises(ServeError, match="serve it with"):
                Bench(options(name, line), table)


def spoken(name, mishap, start_ms=2500, end_ms=6000):
    """(counts per group when the mishap began, counts later, samples said, the record) of a serial line."""
    table = load(name)
    world, _ = world_for(table)
    wire = SerialWire(table, 2, lambda: world.samples[0], seed=3)
    said = world.samples[0]
    device = SerialBms(table, 2, {"id": "x", "cells": len(said.cell_mv), "temps": len(said.temp_mc)})
    before = None
    for now_ms in range(0, end_ms, 100):
        world.advance(now_ms)
        if before is None and now_ms >= start_ms:
            before = [row.count for row in device.read(now_ms).groups]
            wire.start(mishap)
        question = device.next_request(now_ms)
        if question is None:
            continue
        back = b"".join(wire.exchange(question.data))
        if "echo" in wire.active:
            back = back[len(question.data) :]
        found = reply_payload(question, back) or (None, TIMEOUT)
        if found[1]:
            device.failed(now_ms, question, found[1])
        else:
            device.reply(now_ms, question, found[0])
    return before, [row.count for row in device.read(end_ms).groups], world.samples[0], device.read(end_ms)


@pytest.mark.parametrize("name", [name for name in profiles() if getattr(load(name), "BUS", "") == "serial"])
@pytest.mark.parametrize("mishap", [row.name for row in ROWS if "serial" in row.kinds])
def test_serial_mishaps_reach_the_reader(name, mishap):
    before, after, said, record = spoken(name, mishap)
    if mishap == "dead_unit":
        assert after == before
    elif mishap == "late":  # at most the answer to the same question before: nothing wrong
        assert abs(record.pack_mv - said.pack_mv) <= 1000
    else:
        assert after[0] > before[0]
        assert abs(record.pack_mv - said.pack_mv) <= 1000


def heard(table, mishap, **parameters):
    """(fresh frames per message before, later) of a CAN device that is read for 2 s, then 2 s with the mishap."""
    world, _ = world_for(table)
    wire = CanWire(table, lambda: world.samples[0])
    device = CanBms(table, {"id": "x"})
    start_ms = world.now_ms
    list(dialogue(wire, start_ms, start_ms + 2000, 10, world.advance, device))
    counts = list(device._state._count)
    wire.start(mishap, **parameters)
    list(dialogue(wire, start_ms + 2000, start_ms + 4000, 10, world.advance, device))
    return counts, list(device._state._count), device


def test_one_silent_identifier_stops_its_messages_only():
    table = load("nissan_leaf")
    before, after, _ = heard(table, "silent_id", id=0x55B)
    for index, row in enumerate(table.BLOCKS):
        if row[0] == 0x55B:
            assert after[index] == before[index] > 0
        elif row[1] == 0:
            assert after[index] > before[index] > 0


def test_a_counter_that_stands_still_is_no_news():
    table = load_profile(ACME)
    before, after, device = heard(table, "counter_stuck")
    counted = [index for index, place in enumerate(table.COUNTERS) if place is not None]
    assert counted and device.repeated > 10
    for index, row in enumerate(table.BLOCKS):
        if index in counted:
            assert after[index] - before[index] <= 1
        elif row[1] == 0:
            assert after[index] > before[index]
