# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The board's serial line inside the MicroPython VM, over a pseudo-terminal instead of machine.UART.
Arguments: PATH ROUNDS. Prints one line of JSON."""

import asyncio
import io
import json
import select
import sys
import time

from bms_bridge.bms import Bms
from bms_bridge.poll import line_rules
from bms_bridge.tables import load
from bms_bridge.transports.board_modbus import run_link
from edge.core.tx_gate import READ, TxGate

GET_FILENO = 10  # of MicroPython's stream protocol: asyncio then waits on the file itself


class Clock:
    def now_ms(self):
        return time.ticks_ms()


class Port(io.IOBase):
    """What machine.UART is on a board: read() gives what is there."""

    def __init__(self, path):
        self._file = open(path, "r+b")
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def _ready(self):
        return bool(self._poll.poll(0))

    def read(self, size):
        data = b""
        while len(data) < size and self._ready():
            data += self._file.read(1)
        return data

    def write(self, data):
        return self._file.write(data)

    def close(self):
        self._file.close()

    def ioctl(self, request, flags):
        return self._file.fileno() if request == GET_FILENO else -1


async def main(path, rounds):
    clock = Clock()
    pack = Bms(load("seplos_v3"), 1, {"id": "pack", "cells": 16, "temps": 4})
    dead = Bms(load("seplos_v3"), 2, {"id": "dead", "cells": 16, "temps": 4})
    gate = TxGate("rtu", READ, line_rules([pack, dead]))
    link = {"kind": "rtu", "path": path, "uart": 1, "baud": 19200, "parity": "N"}
    task = asyncio.create_task(
        run_link(link, [dead, pack], clock, gate, lambda settings: asyncio.StreamReader(Port(settings["path"])))
    )
    end_ms = clock.now_ms() + 25000
    while clock.now_ms() < end_ms:
        sample = pack.read(0)
        if sample is not None and sample.groups[7].count >= rounds:
            break
        await asyncio.sleep(0.05)
    task.cancel()
    sample = pack.read(0)
    print(json.dumps({
        "cell_mv": sample and sample.cell_mv,
        "current_ma": sample and sample.current_ma,
        "dead": dead.read(0),
        "approved_sum": gate.approved_sum,
        "refused": gate.refused,
    }))  # fmt: skip


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
