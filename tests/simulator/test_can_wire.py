# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Simulated CAN and serial BMSs, met by the real transports; every profile is read by its own reader."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from bms_bridge.bms import Bms
from bms_bridge.can import CanBms
from bms_bridge.modbus import TIMEOUT, answer_unit, reply_data, request_pdu, rtu_frame, rtu_parse
from bms_bridge.poll import line_rules
from bms_bridge.serial_bms import SerialBms
from bms_bridge.tables import load
from bms_bridge.transports import board_serial, gateway_can, gateway_serial
from edge.core.records import GROUPS, OK
from edge.core.tx_gate import READ, TxGate
from simulator.can_serve import SlcanLine, run_slcan
from simulator.can_wire import CanWire, dialogue
from simulator.serial_wire import SerialWire
from simulator.wire import Wire, WorldSource
from simulator.wire_serve import SerialServer, ServeError, can_link, profiles, world_for
from tests.simulator.wire_rig import REPLY_MS, Clock

BUS_OF = {name: getattr(load(name), "BUS", "modbus") for name in profiles()}
CAN = [name for name, bus in BUS_OF.items() if bus == "can" and load(name).KIND == "bms"]
SERIAL = [name for name, bus in BUS_OF.items() if bus == "serial"]
MODBUS = [name for name, bus in BUS_OF.items() if bus == "modbus" and load(name).KIND != "pcs"]
DEADLINE_S = 20


def provided(table):
    """Numbers of the groups that a profile provides."""
    return [group for group, period_ms in enumerate(table.PERIODS_MS) if period_ms is not None]


def counts(device):
    record = device.read(0)
    return [0] if record is None else [record.groups[group].count for group in provided(device.table)]


def is_true(record, samples, table):
    """Pack voltage and current of record are those of one of samples, within one step of the wire."""
    near = [sample for sample in samples if abs(sample.pack_mv - record.pack_mv) <= 500]
    return any(abs(sample.current_ma - record.current_ma) <= 1000 for sample in near)


@pytest.mark.parametrize("name", MODBUS)
def test_a_served_modbus_profile_is_read_in_full(name):
    table = load(name)
    world, device = world_for(table)
    wire = Wire("rtu", WorldSource(world, {1: device}))
    reader = Bms(table, 1, {"id": "x"})
    now_ms = 0
    while now_ms < 8000:
        world.advance(now_ms)
        request = reader.next_request(now_ms)
        now_ms += 50
        if request is None:
            continue
        back = wire.exchange(rtu_frame(request.unit, request_pdu(request)))
        found = rtu_parse(back[0], answer_unit(request.unit), request.function) if back else None
        data, reason = reply_data(request, found[0]) if found else (None, TIMEOUT)
        assert not reason, (request, reason)
        reader.reply(now_ms, request, data)
    assert min(counts(reader)) >= 1 and all(reader.read(0).groups[group].quality == OK for group in provided(table))


@pytest.mark.parametrize("name", CAN)
def test_a_served_can_profile_is_read_in_full(name):
    table = load(name)
    world, _ = world_for(table)
    reader = CanBms(table, {"id": "x"})
    start_ms = world.now_ms
    wire = CanWire(table, lambda: world.samples[0])
    frames = list(dialogue(wire, start_ms, start_ms + 2500, 10, world.advance, reader))
    assert len(frames) > 10 and reader.broken == 0
    qualities = {GROUPS[group]: reader.read(0).groups[group].quality for group in provided(table)}
    assert set(qualities.values()) == {OK}, qualities


MISHAPS = [("lost", {"percent": 30}), ("page_frozen", {}), ("frozen_at_rest", {"ma": 10**9}), ("bus_off", {})]


@pytest.mark.parametrize(("mishap", "parameters"), MISHAPS, ids=[row[0] for row in MISHAPS])
def test_can_mishaps_over_slcan(mishap, parameters):
    """A real python-can bus on a pseudo-terminal: what is taken was said; on bus_off nothing is fresh."""
    table = load("nissan_leaf")
    world, _ = world_for(table)
    wire = CanWire(table, lambda: world.samples[0])
    reader = CanBms(table, {"id": "x"})
    samples = []

    async def main():
        line = SlcanLine(wire)
        server = SerialServer(line)
        path = await server.start()
        gate = TxGate("can", READ, line_rules([reader]))
        link = {"kind": "can", "interface": "slcan", "channel": path, "bitrate": 500000, "settle_ms": 10}
        tasks = [
            asyncio.create_task(gateway_can.run_link(link, [reader], Clock(), gate)),
            asyncio.create_task(run_slcan(line, server)),
        ]
        try:
            await asyncio.wait_for(script(), DEADLINE_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.stop()

    async def until(condition):
        while not condition():
            world.advance(world.now_ms + 20)
            samples.append(world.samples[0])
            record = reader.read(0)
            assert record is None or None in record[1:3] or is_true(record, samples, table)
            await asyncio.sleep(0.005)

    async def script():
        samples.append(world.samples[0])
        await until(lambda: min(counts(reader)[:2]) >= 5)
        wire.start(mishap, **parameters)
        before = counts(reader)[0]
        if mishap == "bus_off":
            sent = wire.sent
            await until(lambda: world.now_ms >= 4000)
            assert wire.sent == sent
            await asyncio.sleep(0.05)
            before = counts(reader)[0]
            await until(lambda: world.now_ms >= 6000)
            assert counts(reader)[0] == before
            wire.stop(mishap)
        await until(lambda: counts(reader)[0] >= before + 10)
        if "frozen" in mishap:
            pack_mv = reader.read(0).pack_mv
            await until(lambda: counts(reader)[0] >= before + 20)
            assert reader.read(0).pack_mv == pack_mv

    asyncio.run(main())


@pytest.mark.parametrize("name", SERIAL)
@pytest.mark.parametrize("mishap", ["echo", "lost", "crc_bad"])
def test_serial_mishaps(name, mishap, monkeypatch):
    monkeypatch.setattr(board_serial, "REPLY_MS", REPLY_MS, raising=False)
    monkeypatch.setattr("bms_bridge.serial_bms.BACKOFF_MIN_MS", 20)
    table = load(name)
    world, _ = world_for(table)
    samples = [world.samples[0]]
    cells = len(samples[0].cell_mv)
    wire = SerialWire(table, 2, lambda: world.samples[0], seed=3)
    wire.start(mishap)
    reader = SerialBms(table, 2, {"id": "x", "cells": cells, "temps": len(samples[0].temp_mc)})

    async def main():
        server = SerialServer(wire)
        path = await server.start(None, 115200)
        gate = TxGate("serial", READ, line_rules([reader]))
        link = {"kind": "serial", "path": path, "uart": 0, "baud": 115200, "parity": "N"}
        task = asyncio.create_task(gateway_serial.run_link(link, [reader], Clock(), gate))
        try:
            await asyncio.wait_for(until(lambda: min(counts(reader)) >= 1), DEADLINE_S)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await server.stop()

    async def until(condition):
        while not condition():
            world.advance(world.now_ms + 20)
            samples.append(world.samples[0])
            record = reader.read(0)
            assert record is None or None in record[1:3] or is_true(record, samples, table)
            await asyncio.sleep(0.005)

    asyncio.run(main())


def test_an_slcan_adapter_says_what_adapters_say():
    world, _ = world_for(load("nissan_leaf"))
    line = SlcanLine(CanWire(load("nissan_leaf"), lambda: world.samples[0]))
    assert line.split(b"S6\rO\r") == (b"S6", b"O\r") and line.split(b"t1") == (None, b"t1")
    assert line.due(0) == b""
    assert line.exchange(b"t79B80221020000000000") == [b"\r"] and line.exchange(b"V") == [b"V1013\r"]
    assert line.exchange(b"O") == [b"\r"]
    assert b"t1DB8" in line.due(1000)
    answer = line.exchange(b"t79B80221020000000000")
    assert answer[1].startswith(b"t7BB810C66102")
    assert line.exchange(b"L") == [b"\r"] and line.exchange(b"t79B80221020000000000") == [b"\r"]


@pytest.mark.parametrize("text", ["can0", "slcan:", "slcan:x@fast"])
def test_an_interface_that_is_none(text):
    with pytest.raises(ServeError, match="→"):
        can_link(text)
    assert can_link("socketcan:can0@250000")["bitrate"] == 250000


def test_a_stranger_sniffs_a_served_leaf(tmp_path):
    """Two processes, a pseudo-terminal between them: sim serve here, sniff there."""
    path = tmp_path / "버스"
    words = [sys.executable, "-m", "host_tools.cli"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    served = subprocess.Popen([*words, "sim", "serve", "--profile", "nissan_leaf", "--can", "slcan:%s" % path], **pipes)
    try:
        assert json.loads(served.stdout.readline())["can"] == "slcan:%s" % path
        save = str(tmp_path / "a.log")
        done = subprocess.run(
            [*words, "sniff", "slcan:%s" % path, "--seconds", "1.5", "--save", save, "--json"],
            capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["profile"] == "nissan_leaf" and os.path.getsize(save) > 1000
        rows = {row["name"]: row for row in result["signals"]}
        assert rows["pack_mv"]["quality"] == "ok" and 250000 < rows["pack_mv"]["value"] < 420000
        served.send_signal(signal.SIGINT)
        assert served.wait(20) == 130
        assert not os.path.lexists(path)
    finally:
        served.kill()
        served.communicate()
