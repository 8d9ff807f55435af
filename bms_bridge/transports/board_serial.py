# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Serial lines that are not Modbus, on both runtimes: questions of the profile out, answers in.

The same task per line as for Modbus (bms_bridge.transports.board_modbus.serve), another exchange.
"""

import asyncio

from bms_bridge.modbus import LINK_DOWN, REFUSED, TIMEOUT
from bms_bridge.serial_bms import reply_payload
from bms_bridge.transports.board_modbus import REPLY_MS, WIRE_ERRORS, Ears, drained, open_uart, serve, shut

KEEP = 2048  # bytes of an answer that has not ended yet; the longest known one has 680
QUIET_MS = 20  # silence that ends a late answer


async def run_link(link, devices, clock, gate, open_serial=None, beat=None):
    """Serve one line for ever. link: its settings dict. devices: SerialBms on it. gate: its TxGate of
    kind "serial".

    open_serial: opens a stream (read, write, drain, close, wait_closed) from link; default: machine.UART
    number link["uart"]. beat: as board_modbus.serve() has it. Nothing is raised but CancelledError.
    """
    await serve(SerialLine(link, clock, gate, open_serial or open_uart), devices, clock, beat)


class SerialLine:
    """One serial line. After a failure it is read empty before the next question."""

    def __init__(self, link, clock, gate, open_serial):
        self.is_open = False
        self._link = link
        self._clock = clock
        self._gate = gate
        self._open_serial = open_serial
        self._stream = None
        self._ears = None
        self._dirty = False

    async def open(self):
        """Open the port; True when open."""
        try:
            self._stream = self._open_serial(self._link)
            self._ears = Ears(self._stream)
        except (OSError, ValueError, ImportError):
            return False
        self._dirty = True
        self.is_open = True
        return True

    async def close(self):
        """Let the port go."""
        self.is_open = False
        stream, self._stream, self._ears = self._stream, None, None
        if stream is not None:
            await shut(stream)

    async def exchange(self, request):
        """Send request (Question) and wait for its answer: (payload, 0) or (None, reason)."""
        try:
            await asyncio.sleep(request.gap_ms / 1000)
            if self._dirty:
                await self._empty()
            # the one way to the wire
            if self._gate.send(self._clock.now_ms(), request.data, self._stream.write):
                return None, REFUSED
            self._dirty = True
            deadline_ms = self._clock.now_ms() + REPLY_MS
            await drained(self._stream, REPLY_MS)
            found = await self._answer(request, deadline_ms)
        except WIRE_ERRORS:
            await self.close()
            return None, LINK_DOWN
        if found is None:
            return None, TIMEOUT
        self._dirty = found[1] != 0
        return found

    async def _answer(self, request, deadline_ms):
        buffer = b""
        while True:
            left_ms = deadline_ms - self._clock.now_ms()
            if left_ms <= 0:
                return None
            chunk = await self._ears.read(256, left_ms)
            if chunk is None:
                return None
            if not chunk:
                await asyncio.sleep(0.002)
                continue
            buffer += chunk
            found = reply_payload(request, buffer)
            if found is not None:
                return found
            buffer = buffer[-KEEP:]

    async def _empty(self):
        """Read and drop until the line has been silent for a moment, at most REPLY_MS."""
        deadline_ms = self._clock.now_ms() + REPLY_MS
        while self._clock.now_ms() < deadline_ms:
            if await self._ears.read(256, QUIET_MS) is None:
                return
