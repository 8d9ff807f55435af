# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A clock and a pseudo-terminal that looks like machine.UART, for drivers inside the MicroPython VM."""

import asyncio
import io
import select
import time

GET_FILENO = 10  # of MicroPython's stream protocol: asyncio then waits on the file itself


async def ended(task):
    """Cancel task until it has ended: a wait_for that times out in the same moment swallows a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.sleep(0.02)


class Clock:
    """Clock port."""

    def now_ms(self):
        return time.ticks_ms()


class Port(io.IOBase):
    """read() gives what is there."""

    def __init__(self, path):
        self._file = open(path, "r+b")
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def read(self, size):
        data = b""
        while len(data) < size and self._poll.poll(0):
            data += self._file.read(1)
        return data

    def write(self, data):
        return self._file.write(data)

    def close(self):
        self._file.close()

    def ioctl(self, request, flags):
        return self._file.fileno() if request == GET_FILENO else -1
