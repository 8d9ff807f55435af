# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Serial lines that are not Modbus on a Linux gateway: pyserial opens and sets the port, the task of the
line is the board's own (bms_bridge/transports/board_serial.py)."""

import asyncio

import serial

from bms_bridge.transports import board_serial

POLL_S = 0.004  # at 9600 baud four characters; pyserial has no asyncio port that works on every system


async def run_link(link, devices, clock, gate, beat=None):
    """Serve one line for ever. link: its settings dict with path, baud and parity. devices: SerialBms on it. gate: its
    TxGate of kind "serial". beat: as board_modbus.serve() has it. Nothing is raised but CancelledError."""
    await board_serial.run_link(link, devices, clock, gate, Port, beat)


class Port:
    """What the line needs of a stream, over a port of pyserial that never blocks."""

    def __init__(self, link):
        self._port = serial.Serial(link["path"], link["baud"], parity=link["parity"], timeout=0, write_timeout=0)

    async def read(self, size):
        """Up to size bytes, at least one: waits for them."""
        while True:
            data = self._port.read(size)
            if data:
                return data
            await asyncio.sleep(POLL_S)

    def write(self, data):
        """Send data (a question fits into the driver's buffer)."""
        self._port.write(data)

    async def drain(self):
        """Nothing to wait for."""

    def close(self):
        """Let the port go."""
        self._port.close()

    async def wait_closed(self):
        """Nothing to wait for."""
