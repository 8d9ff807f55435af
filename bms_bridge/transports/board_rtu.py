# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Modbus RTU over machine.UART, or any stream that open_serial gives. Runs on both runtimes.

An answer on a serial line carries no number: whose it is, edge case by edge case, is bms_bridge.turns.
"""

import asyncio

from bms_bridge.modbus import (
    BAD_REPLY,
    LINK_DOWN,
    REFUSED,
    TIMEOUT,
    answer_unit,
    reply_data,
    request_pdu,
    rtu_frame,
    rtu_parse,
)
from bms_bridge.transports.board_modbus import REPLY_MS, WIRE_ERRORS, Ears, drained, open_uart, shut
from bms_bridge.turns import ALIEN, MINE, PROBE, REST, Turns, probe_of

QUIET_MS = 20  # silence that ends a late answer
FRAMES_MOST = 32  # frames that are kept
SETTLE_MS = 60  # after the answer to an earlier request: how long the right one may follow by itself


class RtuLine:
    """One serial line. After a failure it is read empty before the next request; an answer that may be that
    to an earlier request is dropped and the request sent again (bms_bridge.turns)."""

    def __init__(self, link, clock, gate, open_serial=None):
        self.is_open = False
        self._link = link
        self._clock = clock
        self._gate = gate
        self._open_serial = open_serial or open_uart
        self._stream = None
        self._ears = None
        self._dirty = False
        self._turns = Turns()
        self._frames = {}  # read request -> its bytes: the same few go out again and again
        # 3.5 characters of 11 bits, at least 1.75 ms (Modbus over Serial Line V1.02, 2.5.1.1)
        self._gap_s = max(2, 38500 // link["baud"] + 1) / 1000

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
        """Send request and wait for its answer: (data, 0) or (None, reason)."""
        try:
            step = self._turns.step(self._clock.now_ms(), request)
            if step == REST:
                return None, TIMEOUT
            if step == PROBE:
                reason = (await self._ask(probe_of(request), REPLY_MS // 2))[1]
                if reason in (TIMEOUT, REFUSED):
                    return None, reason
            return await self._ask(request, REPLY_MS)
        except WIRE_ERRORS:
            await self.close()
            return None, LINK_DOWN

    async def _ask(self, request, most_ms):
        """Send request, and again after each answer of doubtful origin while half of the time is left."""
        frame = self._frame(request)
        end_ms = None
        while end_ms is None or end_ms - self._clock.now_ms() > most_ms // 2:
            await asyncio.sleep(self._gap_s)
            if self._dirty:
                await self._empty()
            # the one way to the wire
            if self._gate.send(self._clock.now_ms(), frame, self._stream.write):
                return None, REFUSED
            self._dirty = True
            now_ms = self._clock.now_ms()
            self._turns.asked(now_ms, request)
            end_ms = end_ms or now_ms + most_ms
            await drained(self._stream, REPLY_MS)
            pdu, doubt = await self._answer(request, end_ms)
            if pdu is not None:
                return reply_data(request, pdu)
            if not doubt:
                return None, TIMEOUT
        return None, BAD_REPLY

    def _frame(self, request):
        frame = self._frames.get(request)
        if frame is None:
            frame = rtu_frame(request.unit, request_pdu(request))
            if request.data is None:
                if len(self._frames) >= FRAMES_MOST:
                    self._frames.clear()
                self._frames[request] = frame
        return frame

    async def _answer(self, request, deadline_ms):
        """(PDU of the answer to request, or None; True when another request may have been answered)."""
        buffer = b""
        doubt = False
        while True:
            found = rtu_parse(buffer, answer_unit(request.unit), None)
            if found is not None:
                pdu, used = found
                buffer = buffer[used:]
                now_ms = self._clock.now_ms()
                verdict = self._turns.judge(now_ms, request.unit, pdu)
                if verdict == MINE:
                    self._dirty = len(buffer) > 0
                    return pdu, False
                if verdict != ALIEN:
                    doubt = True
                    deadline_ms = min(deadline_ms, now_ms + SETTLE_MS)
                elif pdu[0] & 0x7F == request.function:
                    return pdu, False
                continue
            left_ms = deadline_ms - self._clock.now_ms()
            if left_ms <= 0:
                return None, doubt
            chunk = await self._ears.read(256, left_ms)
            if chunk is None:
                return None, doubt
            if not chunk:
                await asyncio.sleep(0.002)
                continue
            buffer = buffer[-512:] + chunk if buffer else chunk

    async def _empty(self):
        """Read and drop until the line has been silent for a moment, at most REPLY_MS."""
        deadline_ms = self._clock.now_ms() + REPLY_MS
        while self._clock.now_ms() < deadline_ms:
            if await self._ears.read(256, QUIET_MS) is None:
                return
