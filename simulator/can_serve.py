# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A simulated CAN BMS where others can reach it: an slcan adapter on a pseudo-terminal, which needs neither
hardware nor a kernel with SocketCAN, or any interface of python-can."""

import asyncio
import time

from bms_bridge.can_line import decode_line, encode_line, gate_frame

TICK_S = 0.005
_DONE = b"\r"
_ANSWERS = {b"V": b"V1013\r", b"N": b"NSIM1\r", b"F": b"F00\r"}
_PENDING = 4096


class SlcanLine:
    """What an slcan adapter with the CanWire `wire` behind it says. Used by wire_serve.SerialServer.
    requests: frames that the host sent. fd: long frames are told as CAN FD."""

    def __init__(self, wire, fd=False):
        self.wire = wire
        self.requests = 0
        self.is_open = False
        self._fd = fd
        self._listens = False

    def split(self, buffer):
        """(one line without its end, rest), or (None, rest) when more bytes are needed."""
        line, end, rest = buffer.partition(b"\r")
        return (line, rest) if end else (None, buffer[-_PENDING:])

    def exchange(self, line):
        """What the adapter gives back for one line of the host: a list of byte strings."""
        if line in (b"O", b"L", b"C"):
            self.is_open = line != b"C"
            self._listens = line == b"L"
            return [_DONE]
        frame = decode_line(line) if self.is_open and not self._listens else None
        if frame is None:
            return [_ANSWERS.get(line[:1], _DONE)]
        self.requests += 1
        return [_DONE, self._lines(self.wire.take(*frame))]

    def due(self, now_ms):
        """Lines of what the device sends by itself now, as bytes; b"" while the adapter is closed."""
        frames = self.wire.due(now_ms)
        return self._lines(frames) if self.is_open else b""

    def _lines(self, frames):
        return b"".join(
            [encode_line(can_id, extended, data, self._fd or len(data) > 8) for can_id, extended, data in frames]
        )


async def run_slcan(line, server):
    """Send what is due on a pseudo-terminal, for ever. server: the SerialServer that carries line."""
    while True:
        server.send(line.due(time.monotonic_ns() // 1000000))
        await asyncio.sleep(TICK_S)


async def run_bus(wire, link):
    """Be the device on an interface of python-can, for ever. link: {"interface", "channel", "bitrate", "fd"}.
    Raises OSError when the interface cannot be opened."""
    from bms_bridge.transports.gateway_can import CanPort

    port = CanPort(link)
    if not await port.open():
        raise OSError("cannot open %s:%s" % (link["interface"], link["channel"]))
    try:
        while True:
            frames = wire.due(time.monotonic_ns() // 1000000)
            for frame in await port.receive(int(1000 * TICK_S)):
                frames += wire.take(*frame)
            for frame in frames:
                port.send(gate_frame(*frame))
    finally:
        await port.close()
