# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The site as a SunSpec battery on Modbus TCP, for any energy manager on site: models 1, 802, 803, 804, 805, 704.

It answers FC03, takes requests for power by FC06 and FC16 in model 704 while the site controls, and refuses everything
else with an exception. What is not known now, because it
is stale, frozen or never came, is SunSpec's "not implemented", never an old number; the limits are what the
controller permits now, rounded down, and zero when it does not run. Hb counts on only while every pack
brings fresh values. SoC and SoH are the estimators'; their sigma has no place in these models.
"""

import asyncio
from struct import pack, unpack_from

from bms_bridge.modbus import tcp_frame, tcp_parse
from edge.shell.gateway_sunspec_models import Models, is_live

MOST = 125  # registers per read (Modbus Application Protocol V1.1b3, 6.3)
CLIENTS = 8
IDLE_S = 120.0  # a client that asks nothing for so long is let go
READ = 3
WRITE_ONE = 6
WRITE = 16
ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
FAILURE = 4  # the loop does not run: nobody would clip the request


class SunSpecServer:
    """guarded: edge.shell.control.Guarded. clock: Clock port. settings: of the site."""

    def __init__(self, guarded, clock, settings):
        self.models = Models(settings)
        self.refused = 0
        self._guarded = guarded
        self._clock = clock
        self._clients = 0
        self._writers = set()
        self._server = None

    async def start(self, host, port):
        """Listen on host:port (0: any free one); returns the port. Raises OSError when it cannot."""
        self._server = await asyncio.start_server(self._serve, host, port)
        return self._server.sockets[0].getsockname()[1]

    def close(self):
        """Stop listening and let every client go."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.close()

    async def _serve(self, reader, writer):
        self._clients += 1
        self._writers.add(writer)
        try:
            if self._clients <= CLIENTS:
                await self._talk(reader, writer)
        except (OSError, asyncio.TimeoutError):
            pass  # a client that goes is of no interest
        finally:
            self._clients -= 1
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader, writer):
        buffer = b""
        while chunk := await asyncio.wait_for(reader.read(1024), IDLE_S):
            buffer += chunk
            while (found := tcp_parse(buffer)) is not None:
                transaction, unit, pdu, used = found
                if not used:
                    return
                buffer = buffer[used:]
                await self._send(writer, tcp_frame(transaction, unit, self.answer(pdu)))

    async def _send(self, writer, frame):
        """The one way to the wire."""
        writer.write(frame)
        await asyncio.wait_for(writer.drain(), IDLE_S)

    def answer(self, pdu):
        """Answer PDU (bytes) to the request pdu (bytes): registers, what was written, or an exception."""
        if pdu[0] in (WRITE_ONE, WRITE) and self._controls():
            code = self._write(pdu)
            self.refused += code != 0
            return self._exception(pdu, code) if code else pdu[:5]
        if pdu[0] != READ:
            self.refused += 1
            return self._exception(pdu, ILLEGAL_FUNCTION)
        if len(pdu) != 5:
            return self._exception(pdu, ILLEGAL_VALUE)
        address, count = unpack_from(">HH", pdu, 1)
        if not 1 <= count <= MOST:
            return self._exception(pdu, ILLEGAL_VALUE)
        data = self.models.read(self._guarded.site, self._clock.now_ms(), address, count)
        if data is None:
            return self._exception(pdu, ILLEGAL_ADDRESS)
        return pack(">BB", READ, len(data)) + data

    def _controls(self):
        site = self._guarded.site
        return site is not None and site.settings["mode"] == "control"

    def _write(self, pdu):
        """Take a write of model 704; 0 or the code of an exception."""
        if len(pdu) < 5:
            return ILLEGAL_VALUE
        address, count = unpack_from(">HH", pdu, 1)
        data = pdu[6:]
        if pdu[0] == WRITE_ONE:
            count, data = 1, pdu[3:]
        elif len(pdu) < 6 or pdu[5] != 2 * count:
            return ILLEGAL_VALUE
        if not count or len(data) != 2 * count:
            return ILLEGAL_VALUE
        site, now_ms = self._guarded.site, self._clock.now_ms()
        if not is_live(site, now_ms) or self.models.power_at is None:
            return FAILURE
        power = self.models.power
        first = address - self.models.power_at
        if not power.takes(first, count):
            return ILLEGAL_ADDRESS
        return 0 if power.write(site, now_ms, first, unpack_from(">%dH" % count, data)) else ILLEGAL_VALUE

    def _exception(self, pdu, code):
        return bytes((pdu[0] & 0x7F | 0x80, code))
