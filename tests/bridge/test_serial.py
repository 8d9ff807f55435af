# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Serial lines over pseudo-terminals: pyserial on the gateway, a stream in the MicroPython VM, one framing.
The peer answers unit 1 with noise in front, as a line driver that turns around makes it."""

import asyncio
import json
import os
import pathlib
import pty
import select
import subprocess
import threading
import tty

import pytest

from bms_bridge.bms import Bms
from bms_bridge.encode import encode_all
from bms_bridge.modbus import crc16, rtu_frame
from bms_bridge.poll import line_rules
from bms_bridge.tables import load
from bms_bridge.transports import gateway_modbus
from edge.core.records import Sample
from edge.core.tx_gate import READ, TxGate, approved_sum
from tests.bridge.rig import Clock, drive

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DRIVER = pathlib.Path(__file__).with_name("rtu_driver.py")
CELLS = tuple(3270 + k for k in range(16))
PACK = Sample(
    0, 52340, -7200, 3285, 3270, 25000, 23800, CELLS, (25000, 23800, 24000, 24500), 479000, 999000, 180000, 150000,
    None, 0, (),
)  # fmt: skip


BEHIND = -1


class Line:
    """A Seplos V3 as unit 1 on a pseudo-terminal. noise: bytes before each answer. late: the number of
    the request whose answer is lost; BEHIND: every answer is held back until the next request. received:
    every byte that came."""

    def __init__(self, noise=b"", late=0):
        table = load("seplos_v3")
        self._good = {row[1]: data for row, data in zip(table.BLOCKS, encode_all(table, PACK))}
        self._noise = noise
        self._late = late
        self._held = b""
        self.received = b""
        self.requests = 0
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join(30)
        os.close(self._master)
        os.close(self._slave)

    def _serve(self):
        buffer = b""
        while not self._stopping:
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            chunk = os.read(self._master, 256)
            self.received += chunk
            buffer += chunk
            while len(buffer) >= 8:
                frame, buffer = buffer[:8], buffer[8:]
                assert crc16(frame[:-2]) == frame[-1] << 8 | frame[-2]
                self.requests += 1
                if frame[0] == 1:
                    os.write(self._master, self._answer(frame))

    def _answer(self, frame):
        data = self._good[frame[2] << 8 | frame[3]]
        reply = self._noise + rtu_frame(1, bytes((frame[1], len(data))) + data)
        if self.requests == self._late:
            return b""
        if self._late == BEHIND:
            reply, self._held = self._held, reply
        return reply


@pytest.mark.parametrize("noise", [b"", b"\x00"], ids=["clean", "turn-around"])
def test_gateway_reads_a_serial_line(noise):
    with Line(noise) as line:
        pack = Bms(load("seplos_v3"), 1, {"id": "pack", "cells": 16, "temps": 4})
        gate = TxGate("rtu", READ, line_rules([pack]))
        link = {"kind": "rtu", "path": line.path, "uart": 0, "baud": 19200, "parity": "N"}
        drive(gateway_modbus.run_link, link, [pack], gate, lambda: pack.read(0) and pack.read(0).groups[7].count >= 2)
        assert tuple(pack.read(0))[1:15] == tuple(PACK)[1:15]
        assert approved_sum(1, line.received) == gate.approved_sum


def test_gateway_waits_for_a_port_that_is_not_there(tmp_path):
    pack = Bms(load("seplos_v3"), 1, {"id": "pack", "cells": 16, "temps": 4})
    gate = TxGate("rtu", READ, line_rules([pack]))
    link = {"kind": "rtu", "path": str(tmp_path / "none"), "uart": 0, "baud": 19200, "parity": "N"}

    async def main():
        task = asyncio.create_task(gateway_modbus.run_link(link, [pack], Clock(), gate))
        await asyncio.sleep(0.3)  # some failed openings
        assert not task.done() and gate.approved == 0 and pack.read(0) is None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize(
    ("noise", "late"),
    [(b"", 0), (b"\x00", 0), (b"", 2), (b"", BEHIND)],
    ids=["clean", "turn-around", "lost", "behind"],
)
def test_board_reads_a_serial_line_in_the_vm(micropython, noise, late):
    with Line(noise, late) as line:
        done = subprocess.run(
            [micropython, "-X", "heapsize=384k", str(DRIVER), line.path, "3"],
            capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
            env={**os.environ, "MICROPYPATH": "%s:.frozen" % ROOT},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads(done.stdout.splitlines()[-1])
        assert result["cell_mv"] == list(CELLS) and result["current_ma"] == -7200
        assert result["dead"] is None and result["refused"] == 0
        assert approved_sum(1, line.received) == result["approved_sum"]
