# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The board's machine.CAN port against the documented interface (tests/bridge/fake_machine.py), in the MicroPython
VM and here. It has never run on hardware."""

import asyncio
import json
import os
import pathlib
import subprocess
import sys

import pytest

from bms_bridge.can_line import gate_frame
from bms_bridge.transports import board_can_machine
from bms_bridge.transports.board_can_machine import MachinePort
from tests.bridge import fake_machine
from tests.bridge.rig import until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINK = {"kind": "can", "interface": "machine", "controller": 1, "bitrate": 500000}


def run(program, *words):
    done = subprocess.run(
        [*program, "tests/bridge/machine_can_driver.py", *words],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False, cwd=ROOT,
        env={**os.environ, "MICROPYPATH": "%s:.frozen" % ROOT, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("profile", "unit", "cells"), [("nissan_leaf", 0, 96), ("jk_can", 2, 24), ("pylontech_hv_can", 1, 0)]
)
def test_a_pack_is_read_over_machine_can_in_the_vm(micropython, profile, unit, cells):
    """Questions leave in order through three places, frames of others are filtered, remote frames ignored; off the
    bus, the controller is started anew."""
    result = run([micropython, "-X", "heapsize=384k"], profile, str(unit))
    assert result["whole"] and result["again"] and result["stopped"], result
    assert len(result["cell_mv"]) == cells and None not in result["cell_mv"] and result["current_ma"] == -7000
    assert result["filters"] == result["wanted"] and result["stranger"] == 0 and result["broken"] == 0
    assert result["refused"] == 0 and result["approved_sum"] == result["sum"]
    assert result["approved"] == result["count"] and (result["count"] > 0) == (profile != "jk_can")


@pytest.fixture
def port(monkeypatch):
    """An open port; port.can is its controller."""
    monkeypatch.setitem(sys.modules, "machine", fake_machine)
    made = MachinePort(LINK, (0x100, 0x80000200))
    assert asyncio.run(made.open()) and made.is_open
    made.can = fake_machine.HEARD[-1]
    return made


def test_frames_wait_for_a_full_controller_and_keep_their_order(port):
    frames = [(0x100, False, bytes((k,))) for k in range(6)]
    for frame in frames:
        port.send(gate_frame(*frame))
    left = []
    for _ in frames:  # an equal identifier waits: the controller would not promise the order
        left += port.can.take()
        assert asyncio.run(port.receive(0)) == []
    assert left + port.can.take() == frames


def test_a_bus_that_takes_nothing_is_an_error(port):
    for _ in range(board_can_machine.WAITING + 1):
        port.send(gate_frame(0x100, False, b""))
    with pytest.raises(OSError, match="takes nothing"):
        port.send(gate_frame(0x100, False, b""))
    port.can.leave()
    for call in (lambda: asyncio.run(port.receive(5)), lambda: port._flush()):
        with pytest.raises(OSError):
            call()
    asyncio.run(port.close())
    assert not port.is_open and port.can.state() == port.can.STATE_STOPPED


def test_bursts_arrive_whole_and_a_flood_is_counted(port):
    burst = [(0x200, True, bytes((k,))) for k in range(50)]
    for frame in burst:  # the handler empties the three places at once
        port.can.hear(*frame)
    assert asyncio.run(port.receive(100)) == burst and port.lost == 0
    for _ in range(board_can_machine.RECEIVED + 7):
        port.can.hear(0x100, False, b"")
    assert len(asyncio.run(port.receive(0))) == board_can_machine.RECEIVED and port.lost == 7
    port._busy = True  # the main program is fetching: the handler leaves it to it
    for k in range(5):
        port.can.hear(0x100, False, bytes((k,)))
    port._busy = False
    assert [data for _, _, data in asyncio.run(port.receive(0))] == [b"\0", b"\1", b"\2"] and port.lost == 8


def test_a_frame_is_waited_for(port):
    async def main():
        task = asyncio.create_task(port.receive(5000))
        await asyncio.sleep(0.01)
        assert not task.done()
        port.can.hear(0x100, False, b"now")
        await until(task.done)
        assert task.result() == [(0x100, False, b"now")] and await port.receive(4) == []

    asyncio.run(main())


def test_too_many_identifiers_let_everything_through(monkeypatch):
    monkeypatch.setitem(sys.modules, "machine", fake_machine)
    port = MachinePort(LINK, tuple(range(fake_machine.CAN.FILTERS_MAX + 1)))
    assert asyncio.run(port.open()) and fake_machine.HEARD[-1].filters is None
    monkeypatch.setattr(fake_machine.CAN, "FILTERS_MAX", 99)
    port = MachinePort(LINK, (0x80000001, 0xA0000000))
    assert asyncio.run(port.open()) and len(fake_machine.HEARD[-1].filters) == 2


def test_a_board_without_machine_can_does_not_open(monkeypatch):
    monkeypatch.setitem(sys.modules, "machine", object())
    assert not asyncio.run(MachinePort(LINK).open())
    monkeypatch.setitem(sys.modules, "machine", fake_machine)
    assert not asyncio.run(MachinePort(dict(LINK, controller=7)).open())
