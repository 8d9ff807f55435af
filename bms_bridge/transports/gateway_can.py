# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CAN on a gateway: python-can carries the frames, the gate decides which.

The same task as on a board (bms_bridge/transports/board_can.py). link: {"kind": "can", "interface":
socketcan, slcan, virtual or any other of python-can, "channel":, "bitrate":, "fd": true or absent}.
"""

import asyncio
import collections
import threading

import can

from bms_bridge.can_line import split_frame
from bms_bridge.transports.board_can import serve
from bms_bridge.transports.board_modbus import CONNECT_MS

QUEUE = 4096  # frames kept for a slow loop; older ones are dropped and counted
RECEIVE_S = 0.1
SEND_S = 0.05


async def run_link(link, devices, clock, gate, beat=None):
    """Serve one bus for ever. link: its settings dict. devices: CanBms on it. gate: its TxGate of kind can. beat: as
    board_modbus.serve() has it.

    Nothing is raised but CancelledError.
    """
    await serve(CanPort(link), devices, clock, gate, beat)


def open_bus(link):
    """The python-can bus that link describes. Raises can.CanError, OSError, ValueError."""
    options = {"interface": link["interface"], "channel": link["channel"]}
    if link.get("bitrate"):
        options["bitrate"] = link["bitrate"]
    if link.get("fd"):
        options["fd"] = True
    if link["interface"] == "slcan":
        options["sleep_after_open"] = link.get("settle_ms", 100) / 1000
    return can.Bus(**options)


class CanPort:
    """One bus; a thread listens, because few interfaces of python-can can be awaited.

    lost: frames dropped because nobody fetched them. errors: error frames and lines that were none.
    """

    def __init__(self, link):
        self.lost = 0
        self.errors = 0
        self._link = link
        self._bus = None
        self._thread = None
        self._failed = False
        self._frames = collections.deque()
        self._came = None
        self._loop = None

    @property
    def is_open(self):
        """True while the bus is open and has not failed."""
        return self._bus is not None and not self._failed

    async def open(self):
        """Open the bus; True when open."""
        await self.close()
        self._loop = asyncio.get_running_loop()
        try:
            bus = await self._loop.run_in_executor(None, open_bus, self._link)
        except (can.CanError, OSError, ValueError, NotImplementedError, TypeError):
            return False
        self._failed = False
        self._came = asyncio.Event()
        self._frames.clear()
        self._bus = bus
        self._thread = threading.Thread(target=self._listen, args=(bus,), name="can", daemon=True)
        self._thread.start()
        return True

    async def close(self):
        """Give the bus up."""
        bus, self._bus = self._bus, None
        if bus is not None:
            closing = asyncio.get_running_loop().run_in_executor(None, _shut, bus, self._thread)
            await asyncio.wait([closing], timeout=CONNECT_MS / 1000)

    def _listen(self, bus):
        """Thread: put every data frame into the queue until the bus is given up or fails."""
        while self._bus is bus:
            try:
                message = bus.recv(RECEIVE_S)
            except (ValueError, IndexError):  # noise on a serial adapter
                self.errors += 1
                continue
            except (can.CanError, OSError, TypeError):
                self._failed = True
                self._wake()
                return
            if message is None:
                continue
            if message.is_error_frame or message.is_remote_frame:
                self.errors += 1
                continue
            if len(self._frames) >= QUEUE:
                self._frames.popleft()
                self.lost += 1
            self._frames.append((message.arbitration_id, message.is_extended_id, bytes(message.data)))
            self._wake()

    def _wake(self):
        try:
            self._loop.call_soon_threadsafe(self._came.set)
        except RuntimeError:  # the event loop has ended
            self._failed = True

    def send(self, frame):
        """Send one gate frame; only the gate calls this."""
        can_id, extended, data = split_frame(frame)
        message = can.Message(
            arbitration_id=can_id, is_extended_id=extended, data=data, is_fd=bool(self._link.get("fd")), check=True
        )
        try:
            self._bus.send(message, timeout=SEND_S)
        except can.CanError as error:
            raise OSError(str(error)) from None

    async def receive(self, wait_ms):
        """Frames that have come, waiting at most wait_ms for the first: [(can_id, extended, data), ...]."""
        if not self._frames:
            try:
                await asyncio.wait_for(self._came.wait(), wait_ms / 1000)
            except TimeoutError:
                pass
        self._came.clear()
        if self._failed:
            raise OSError("the bus has failed")
        frames = []
        while self._frames:
            frames.append(self._frames.popleft())
        return frames


def _shut(bus, thread):
    thread.join(10 * RECEIVE_S)
    try:
        bus.shutdown()
    except (can.CanError, OSError, ValueError):
        pass
