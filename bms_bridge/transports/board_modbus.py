# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Modbus on a board: the task of a line, and TCP over asyncio streams (RTU: board_rtu). Runs on both runtimes.

One task per line. It asks the device whose request has waited longest, waits for its answer at most
REPLY_MS and goes on: a dead unit costs the others its own time-out and no more, and less and less often.
"""

import asyncio
import select
import time

from bms_bridge.modbus import (
    LINK_DOWN,
    REFUSED,
    TIMEOUT,
    answer_unit,
    reply_data,
    tcp_parse,
    tcp_request,
)
from bms_bridge.poll import pick

REPLY_MS = 800
CONNECT_MS = 3000
RECONNECT_MIN_MS = 100
RECONNECT_MAX_MS = 5000
IDLE_MS = 20  # a write that comes while nothing is due waits at most this long
LOOK_MS = 2  # while an answer is waited for: how often a board looks whether something came
TIMEOUTS_MAX = 3  # so many in a row: the TCP connection is given up

# What goes wrong on a wire. A time-out is no OSError on MicroPython, an early end is an EOFError.
WIRE_ERRORS = (OSError, ValueError, EOFError, asyncio.TimeoutError)


async def run_link(link, devices, clock, gate, open_serial=None, beat=None):
    """Serve one line for ever. link: its settings dict. devices: Bms and Pcs on it. gate: its TxGate.

    open_serial: opens a serial stream from link (default: machine.UART number link["uart"]). beat: as serve() has it.
    Nothing is raised but CancelledError.
    """
    if link["kind"] == "tcp":
        line = TcpLine(link, clock, gate)
    else:
        from bms_bridge.transports.board_rtu import RtuLine  # only a site with such a line loads it

        line = RtuLine(link, clock, gate, open_serial)
    await serve(line, devices, clock, beat)


async def serve(line, devices, clock, beat=None):
    """The task of a line, for any object with is_open, open(), close() and exchange(request).

    beat: list whose first item is set to the time of each turn, or None. A turn takes 16 s at most: an exchange with
    all its time-outs, a close and a pause.
    """
    beat = beat or [0]
    pause_ms = RECONNECT_MIN_MS
    try:
        while True:
            if _is_cancelled():
                raise asyncio.CancelledError
            now_ms = beat[0] = clock.now_ms()
            if not line.is_open and not await line.open():
                await asyncio.sleep(pause_ms / 1000)
                pause_ms = min(2 * pause_ms, RECONNECT_MAX_MS)
                continue
            if await _serve_next(line, devices, clock, now_ms):
                pause_ms = RECONNECT_MIN_MS
            elif not line.is_open:
                await asyncio.sleep(pause_ms / 1000)
                pause_ms = min(2 * pause_ms, RECONNECT_MAX_MS)
    finally:
        await line.close()


def _is_cancelled():
    """True when this task was cancelled and nobody told it: wait_for of CPython before 3.12 returns the
    result, and drops the cancellation, when both come in the same turn of the event loop."""
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is not None and cancelling() > 0


async def _serve_next(line, devices, clock, now_ms):
    """One request of the device that has waited longest, or a short rest. True after a good answer."""
    device, due_ms = pick(devices, now_ms)
    request = None
    if device is not None and due_ms <= now_ms:
        request = device.next_request(now_ms)
    if request is None:
        wait_ms = IDLE_MS if device is None else min(max(due_ms - now_ms, 1), IDLE_MS)
        await asyncio.sleep(wait_ms / 1000)
        return False
    data, reason = await line.exchange(request)
    now_ms = clock.now_ms()
    if reason:
        device.failed(now_ms, request, reason)
        return False
    return device.reply(now_ms, request, data)


class TcpLine:
    """One Modbus TCP connection. Late answers are told by their transaction number and dropped."""

    def __init__(self, link, clock, gate):
        self.is_open = False
        self._host = link["host"]
        self._port = link["port"]
        self._clock = clock
        self._gate = gate
        self._ears = None
        self._writer = None
        self._transaction = 0
        self._timeouts = 0
        self._buffer = b""

    async def open(self):
        """Connect; True when connected. A refused connection may show only at the first exchange."""
        try:
            reader, self._writer = await asyncio.wait_for(
                asyncio.open_connection(self._host, self._port), CONNECT_MS / 1000
            )
        except WIRE_ERRORS:
            return False
        self._ears = Ears(reader)
        self._buffer = b""
        self._timeouts = 0
        self.is_open = True
        return True

    async def close(self):
        """Give the connection up."""
        self.is_open = False
        writer, self._writer, self._ears = self._writer, None, None
        if writer is not None:
            await shut(writer)

    async def exchange(self, request):
        """Send request and wait for its answer: (data, 0) or (None, reason)."""
        self._transaction = self._transaction + 1 & 0xFFFF
        frame = tcp_request(self._transaction, request)
        try:
            # the one way to the wire
            if self._gate.send(self._clock.now_ms(), frame, self._writer.write):
                return None, REFUSED
            deadline_ms = self._clock.now_ms() + REPLY_MS
            await drained(self._writer, REPLY_MS)
            pdu = await self._answer(request, deadline_ms)
        except WIRE_ERRORS:
            pdu = b""
        if pdu == b"":
            await self.close()
            return None, LINK_DOWN
        if pdu is None:
            self._timeouts += 1
            if self._timeouts >= TIMEOUTS_MAX:
                await self.close()
            return None, TIMEOUT
        self._timeouts = 0
        return reply_data(request, pdu)

    async def _answer(self, request, deadline_ms):
        """PDU of the answer; None when the deadline passes, b"" when the connection is of no use."""
        while True:
            found = tcp_parse(self._buffer)
            if found is not None:
                transaction, unit, pdu, used = found
                if not used:
                    return b""
                self._buffer = self._buffer[used:]
                if transaction == self._transaction and unit in (request.unit & 0xFF, answer_unit(request.unit)):
                    return pdu
                continue
            left_ms = deadline_ms - self._clock.now_ms()
            if left_ms <= 0:
                return None
            chunk = await self._ears.read(300, left_ms)
            if chunk is None:
                return None
            if not chunk:
                return b""
            self._buffer = self._buffer + chunk if self._buffer else chunk


def open_uart(link):
    """An asyncio stream on UART number link["uart"] with the baud rate and parity of link, 8 data bits."""
    from machine import UART

    parity = {"N": None, "E": 0, "O": 1}[link["parity"]]
    pins = {key: link[key] for key in ("tx", "rx") if link.get(key) is not None}  # else those of the port
    uart = UART(link["uart"], link["baud"], bits=8, parity=parity, stop=1, timeout=0, rxbuf=512, **pins)
    return asyncio.StreamReader(uart)


class Ears:
    """What is heard on stream, within a time. wait_for of MicroPython makes a task each time, half a kilobyte of heap:
    there the port below the stream is looked at again and again instead."""

    def __init__(self, stream):
        self._stream = stream
        self._port = getattr(stream, "s", None)  # only streams of MicroPython have it
        self._poller = None
        if self._port is not None:
            self._poller = select.poll()
            self._poller.register(self._port, select.POLLIN)

    async def read(self, most, wait_ms):
        """At most so many bytes, b"" at the end of the stream; None when nothing came within wait_ms."""
        if self._poller is None:
            try:
                return await asyncio.wait_for(self._stream.read(most), wait_ms / 1000)
            except asyncio.TimeoutError:
                return None
        end = time.ticks_add(time.ticks_ms(), wait_ms)  # type: ignore[attr-defined]  # MicroPython
        while True:
            for _ in self._poller.ipoll(0):  # type: ignore[attr-defined]  # MicroPython
                chunk = self._port.read(most)
                if chunk is not None:
                    return chunk
            if time.ticks_diff(end, time.ticks_ms()) <= 0:  # type: ignore[attr-defined]  # MicroPython
                return None
            await asyncio.sleep_ms(LOOK_MS)  # type: ignore[attr-defined]  # MicroPython


async def drained(writer, most_ms):
    """Wait until writer has sent everything, at most so long. A stream of MicroPython sends at once what the wire
    takes and tells what is left."""
    if getattr(writer, "out_buf", None) != b"":
        await asyncio.wait_for(_drain(writer), most_ms / 1000)


async def _drain(writer):
    """A coroutine of our own: wait_for of MicroPython wants one."""
    await writer.drain()


async def shut(writer):
    """Close writer; what goes wrong with that is of no use to anybody."""
    writer.close()
    try:
        await asyncio.wait_for(_wait_closed(writer), CONNECT_MS / 1000)
    except WIRE_ERRORS:
        pass


async def _wait_closed(writer):
    """Streams of MicroPython close the port below them (s); a UART has no close(), it is switched off."""
    port = getattr(writer, "s", writer)
    if hasattr(port, "close"):
        await writer.wait_closed()
    else:
        port.deinit()
