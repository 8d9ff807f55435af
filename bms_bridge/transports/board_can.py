# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CAN on a board: an slcan adapter on a UART, or machine.CAN where the board has it. Runs on both runtimes.

One task per bus: it sends what the devices have due, through the gate, and gives them every frame that
comes. A bus that fails is opened again and again, at last every 5 s.
"""

import asyncio

from bms_bridge.can_line import Lines, encode_line, gate_frame, opening, split_frame
from bms_bridge.transports.board_modbus import (
    CONNECT_MS,
    RECONNECT_MAX_MS,
    RECONNECT_MIN_MS,
    WIRE_ERRORS,
    Ears,
    drained,
    open_uart,
    shut,
)

IDLE_MS = 20  # longest wait for a frame before the devices are asked again
BURST = 16  # frames sent at most before the bus is listened to again


async def run_link(link, devices, clock, gate, open_serial=None, beat=None):
    """Serve one bus for ever. link: its settings dict. devices: CanBms on it. gate: its TxGate of kind can.

    open_serial: opens a serial stream from link (default: machine.UART number link["uart"]); of no use with
    machine.CAN. beat: as board_modbus.serve() has it. Nothing is raised but CancelledError.
    """
    if link.get("interface") == "machine":
        from bms_bridge.transports.board_can_machine import MachinePort

        port = MachinePort(link, sorted(set(sum([device.wanted() for device in devices], []))))
    else:
        port = SlcanPort(link, open_serial)
    await serve(port, devices, clock, gate, beat)


async def serve(port, devices, clock, gate, beat=None):
    """The task of a bus, for any port with is_open, open(), close(), send(frame) and receive(wait_ms). beat: as
    board_modbus.serve() has it."""
    beat = beat or [0]
    pause_ms = RECONNECT_MIN_MS
    try:
        while True:
            if _is_cancelled():
                raise asyncio.CancelledError
            now_ms = beat[0] = clock.now_ms()
            if not port.is_open and not await port.open():
                await asyncio.sleep(pause_ms / 1000)
                pause_ms = min(2 * pause_ms, RECONNECT_MAX_MS)
                continue
            try:
                if await _turn(port, devices, clock, gate, now_ms):
                    pause_ms = RECONNECT_MIN_MS
            except WIRE_ERRORS:
                await port.close()
                await asyncio.sleep(pause_ms / 1000)
                pause_ms = min(2 * pause_ms, RECONNECT_MAX_MS)
    finally:
        await port.close()


def _is_cancelled():
    """As in board_modbus: wait_for of CPython before 3.12 can drop a cancellation."""
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is not None and cancelling() > 0


async def _turn(port, devices, clock, gate, now_ms):
    """Send what is due, then listen. True when a frame came that a device could use."""
    wait_ms = IDLE_MS
    for device in devices:
        for _ in range(BURST):
            frame = device.next_frame(now_ms)
            if frame is None:
                break
            # the one way to the wire
            if gate.send(now_ms, gate_frame(*frame), port.send):
                device.refused(now_ms)
        wait_ms = min(wait_ms, max(device.due_ms(now_ms) - now_ms, 1))
    used = False
    for can_id, extended, data in await port.receive(wait_ms):
        now_ms = clock.now_ms()
        for device in devices:
            used = device.take(now_ms, can_id, extended, data) or used
    return used


class SlcanPort:
    """An slcan adapter behind a serial stream. link: "baud" of the UART, "bitrate" of the bus, "fd"."""

    def __init__(self, link, open_serial=None):
        self.is_open = False
        self.lines = Lines()
        self._link = link
        self._open_serial = open_serial or open_uart
        self._stream = None
        self._ears = None

    async def open(self):
        """Open the port and the bus behind it; True when open."""
        try:
            self._stream = self._open_serial(self._link)
            self._stream.write(opening(self._link["bitrate"]))
            await drained(self._stream, CONNECT_MS)
            self._ears = Ears(self._stream)
        except WIRE_ERRORS + (ImportError,):
            await self.close()
            return False
        self.lines = Lines()
        self.is_open = True
        return True

    async def close(self):
        """Let the port go."""
        self.is_open = False
        stream, self._stream, self._ears = self._stream, None, None
        if stream is not None:
            await shut(stream)

    def send(self, frame):
        """Write one gate frame; only the gate calls this."""
        can_id, extended, data = split_frame(frame)
        self._stream.write(encode_line(can_id, extended, data, bool(self._link.get("fd"))))

    async def receive(self, wait_ms):
        """Frames that have come, waiting at most wait_ms for the first: [(can_id, extended, data), ...]."""
        await drained(self._stream, CONNECT_MS)
        chunk = await self._ears.read(256, wait_ms)
        if chunk is None:
            return []
        if not chunk:
            await asyncio.sleep(0.002)
            return []
        return self.lines.feed(chunk)
