# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CAN lines: python-can's virtual bus in one process, slcan over a pseudo-terminal between processes, the
board's own slcan in the MicroPython VM; a bus that fails and comes back."""

import asyncio
import json
import os
import pathlib
import subprocess
import sys
import threading

import can
import pytest

from bms_bridge.can import CanBms
from bms_bridge.can_decode import at_address
from bms_bridge.can_encode import Responder, encode_frames
from bms_bridge.can_line import gate_frame
from bms_bridge.poll import line_rules
from bms_bridge.tables import load
from bms_bridge.transports import gateway_can
from edge.core.tx_gate import LISTEN, READ, TxGate, approved_sum
from tests.both.test_can_decode import sample_of
from tests.bridge.rig import Clock, drive, until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Battery:
    """A battery on a virtual bus: sends its frames every 50 ms and answers questions."""

    def __init__(self, channel, name, unit=None, **changes):
        self.table = at_address(load(name), unit)
        self.sample = sample_of(self.table, **changes)
        self.total = 1
        self.received = []
        self._bus = can.Bus(interface="virtual", channel=channel)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join(30)
        self._bus.shutdown()

    def _send(self, frames):
        for can_id, extended, data in frames:
            self._bus.send(can.Message(arbitration_id=can_id, is_extended_id=extended, data=data))

    def _serve(self):
        responder = Responder(self.table)
        while not self._stopping:
            message = self._bus.recv(0.05)
            if message is None:
                self._send(encode_frames(self.table, self.sample))
                continue
            frame = (message.arbitration_id, message.is_extended_id, bytes(message.data))
            self.received.append(frame)
            self.total = approved_sum(self.total, gate_frame(*frame))
            self._send(responder.take(*frame, self.sample))


def is_whole(pack):
    """True when every group that the profile provides has come."""
    sample = pack.read(0)
    periods = pack.table.PERIODS_MS
    return sample is not None and all(row.count for row, period in zip(sample.groups, periods) if period)


@pytest.mark.parametrize("name", ["kia_64", "nissan_leaf"])
def test_gateway_on_a_virtual_bus(name):
    with Battery("test-" + name, name) as battery:
        pack = CanBms(load(name), {"id": "pack"})
        pack.sending = False
        gate = TxGate("can", READ, pack.gate_rules())
        link = {"kind": "can", "interface": "virtual", "channel": "test-" + name, "bitrate": 500000}
        drive(gateway_can.run_link, link, [pack], gate, lambda: is_whole(pack))
        assert pack.read(0).cell_mv == battery.sample.cell_mv and pack.read(0).current_ma == -7000
        assert gate.refused == 0
    assert battery.total == gate.approved_sum and len(battery.received) == gate.approved


def test_two_packs_of_one_profile_on_one_bus_do_not_mix():
    """Every value that one pack tells is that pack's own, in every sample that is seen."""
    packs = [CanBms(load("jk_can"), {"id": "p%d" % unit, "unit": unit}) for unit in (1, 2)]
    gate = TxGate("can", READ, line_rules(packs))
    link = {"kind": "can", "interface": "virtual", "channel": "test-two", "bitrate": 250000}
    mixed = []

    def done():
        for unit, pack in enumerate(packs, 1):
            record = pack.read(0)
            if record is not None and record.current_ma not in (None, 1000 * unit):
                mixed.append((unit, record.current_ma))
        return all(map(is_whole, packs)) and min(pack.read(0).groups[1].count for pack in packs) > 10

    cells = [(3300 + unit,) * 24 for unit in (1, 2)]
    batteries = [Battery("test-two", "jk_can", unit, current_ma=1000 * unit, cells=cells[unit - 1]) for unit in (1, 2)]
    with batteries[0], batteries[1]:
        drive(gateway_can.run_link, link, packs, gate, done)
    assert mixed == [] and [pack.read(0).cell_mv for pack in packs] == cells
    assert gate.approved == 0 and gate.refused == 0  # it only listens


def test_nothing_leaves_while_listening():
    with Battery("test-listen", "kia_64") as battery:
        pack = CanBms(load("kia_64"), {"id": "pack"})
        gate = TxGate("can", LISTEN, pack.gate_rules())
        link = {"kind": "can", "interface": "virtual", "channel": "test-listen", "bitrate": 500000}
        drive(gateway_can.run_link, link, [pack], gate, lambda: pack.read(0) and gate.refused > 1)
        assert pack.read(0).current_ma == -7000
    assert battery.received == [] and gate.approved == 0


class Peer:
    """tests/bridge/can_peer.py as a process."""

    def __init__(self, name, *options):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bridge.can_peer", name, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", cwd=ROOT,
        )  # fmt: skip
        self.path = self._process.stdout.readline().strip()

    def finish(self):
        """What it has seen."""
        out, _ = self._process.communicate("end\n", timeout=30)
        return json.loads(out.splitlines()[-1])


def test_gateway_over_slcan_to_another_process():
    peer = Peer("kia_64")
    pack = CanBms(load("kia_64"), {"id": "pack"})
    gate = TxGate("can", READ, pack.gate_rules())
    link = {"kind": "can", "interface": "slcan", "channel": peer.path, "bitrate": 500000}
    try:
        drive(gateway_can.run_link, link, [pack], gate, lambda: is_whole(pack) and pack.read(0).groups[1].count > 5)
    finally:
        seen = peer.finish()
    assert pack.read(0).cell_mv == sample_of(load("kia_64")).cell_mv
    assert seen["sum"] == gate.approved_sum and seen["count"] == gate.approved
    assert seen["opened"] >= 3  # noise has made it open the adapter again


def test_gateway_over_slcan_with_can_fd():
    """Answers in frames of 64 bytes."""
    peer = Peer("hyundai_egmp", "fd")
    pack = CanBms(load("hyundai_egmp"), {"id": "pack", "cells": 180})
    gate = TxGate("can", READ, pack.gate_rules())
    link = {"kind": "can", "interface": "slcan", "channel": peer.path, "bitrate": 500000, "fd": True}
    try:
        drive(gateway_can.run_link, link, [pack], gate, lambda: is_whole(pack))
    finally:
        seen = peer.finish()
    assert pack.read(0).cell_mv == sample_of(load("hyundai_egmp")).cell_mv[:180]
    assert seen["sum"] == gate.approved_sum and seen["count"] == gate.approved


def test_board_over_slcan_in_the_vm(micropython):
    peer = Peer("nissan_leaf")
    try:
        done = subprocess.run(
            [micropython, "-X", "heapsize=384k", "tests/bridge/can_driver.py", peer.path, "nissan_leaf"],
            capture_output=True, text=True, encoding="utf-8", timeout=120, check=False, cwd=ROOT,
            env={**os.environ, "MICROPYPATH": "%s:.frozen" % ROOT},
        )  # fmt: skip
    finally:
        seen = peer.finish()
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["cell_mv"] == list(sample_of(load("nissan_leaf")).cell_mv) and result["current_ma"] == -7000
    assert result["refused"] == 0 and result["approved_sum"] == seen["sum"] and result["approved"] == seen["count"]


def test_a_bus_that_is_not_there_is_tried_again(tmp_path):
    pack = CanBms(load("kia_64"), {"id": "pack"})
    gate = TxGate("can", READ, pack.gate_rules())
    link = {"kind": "can", "interface": "slcan", "channel": str(tmp_path / "none"), "bitrate": 500000}

    async def main():
        task = asyncio.create_task(gateway_can.run_link(link, [pack], Clock(), gate))
        await asyncio.sleep(0.3)  # some failed openings
        assert not task.done() and gate.approved == 0 and pack.read(0) is None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_bus_that_goes_off_is_opened_again(monkeypatch):
    """After bus-off python-can raises at every call; the port is given up and opened anew."""
    opened = []

    def open_bus(link):
        bus = can.Bus(interface="virtual", channel=link["channel"])
        opened.append(bus)
        return bus

    monkeypatch.setattr(gateway_can, "open_bus", open_bus)
    with Battery("test-off", "kia_64"):
        pack = CanBms(load("kia_64"), {"id": "pack"})
        gate = TxGate("can", READ, pack.gate_rules())
        link = {"kind": "can", "interface": "virtual", "channel": "test-off", "bitrate": 500000}

        async def main():
            task = asyncio.create_task(gateway_can.run_link(link, [pack], Clock(), gate))
            await until(lambda: is_whole(pack))
            opened[0].shutdown()  # from here on every call raises CanOperationError
            count = pack.read(0).groups[1].count
            await until(lambda: len(opened) > 1 and pack.read(0).groups[1].count > count + 3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
