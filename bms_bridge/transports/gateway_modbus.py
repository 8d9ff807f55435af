# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Modbus on a Linux gateway: pymodbus carries the frames on TCP, the gate decides which.

The same task as on a board (bms_bridge/transports/board_modbus.py); pymodbus is imported only here. A
serial line is the board's own, over pyserial: whose answer it is that comes late (bms_bridge.turns) has to
be decided frame by frame, and pymodbus drops the frames that it does not expect.
"""

import asyncio
from struct import pack

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException, ModbusIOException

from bms_bridge.modbus import (
    BAD_REPLY,
    EXCEPTION,
    LINK_DOWN,
    REFUSED,
    TIMEOUT,
    data_size,
)
from bms_bridge.transports.board_modbus import (
    CONNECT_MS,
    REPLY_MS,
    TIMEOUTS_MAX,
    WIRE_ERRORS,
    serve,
)
from bms_bridge.transports.board_rtu import RtuLine
from bms_bridge.transports.gateway_serial import Port


class GateRefused(ModbusIOException):
    """The gate did not let a frame out."""


async def run_link(link, devices, clock, gate, beat=None):
    """Serve one line for ever. link: its settings dict. devices: Bms and Pcs on it. gate: its TxGate. beat: as
    board_modbus.serve() has it.

    Nothing is raised but CancelledError.
    """
    line = PymodbusLine(link, clock, gate) if link["kind"] == "tcp" else RtuLine(link, clock, gate, Port)
    await serve(line, devices, clock, beat)


class PymodbusLine:
    """One Modbus TCP connection of pymodbus whose lowest send goes through the gate."""

    def __init__(self, link, clock, gate):
        self._link = link
        self._clock = clock
        self._gate = gate
        self._client = None
        self._timeouts = 0

    @property
    def is_open(self):
        """True while connected."""
        return self._client is not None and self._client.connected

    def _make_client(self):
        client = AsyncModbusTcpClient(
            self._link["host"], port=self._link["port"], timeout=REPLY_MS / 1000, retries=0, reconnect_delay=0
        )
        raw_send = client.ctx.send

        def gated_send(frame, addr=None):
            # the one way to the wire
            if self._gate.send(self._clock.now_ms(), bytes(frame), raw_send):
                raise GateRefused("refused by the gate")

        client.ctx.low_level_send = gated_send
        return client

    async def open(self):
        """Connect; True when connected."""
        await self.close()
        self._client = self._make_client()
        self._timeouts = 0
        try:
            return bool(await asyncio.wait_for(self._client.connect(), CONNECT_MS / 1000))
        except (*WIRE_ERRORS, ModbusException):
            return False

    async def close(self):
        """Give the connection up."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def exchange(self, request):
        """Send request and wait for its answer: (data, 0) or (None, reason)."""
        try:
            answer = await self._call(request)
        except GateRefused:
            return None, REFUSED
        except (*WIRE_ERRORS, ModbusException):
            if not self.is_open:
                await self.close()
                return None, LINK_DOWN
            self._timeouts += 1
            if self._timeouts >= TIMEOUTS_MAX:
                await self.close()
            return None, TIMEOUT
        self._timeouts = 0
        if answer.isError():
            return None, EXCEPTION + getattr(answer, "exception_code", 0)
        return _data(request, answer)

    async def _call(self, request):
        """The answer PDU of pymodbus."""
        client = self._client
        where = {"count": request.count, "device_id": request.unit & 0xFF}
        if request.function == 1:
            return await client.read_coils(request.address, **where)
        if request.function == 2:
            return await client.read_discrete_inputs(request.address, **where)
        if request.function == 3:
            return await client.read_holding_registers(request.address, **where)
        if request.function == 4:
            return await client.read_input_registers(request.address, **where)
        if request.function == 5:
            return await client.write_coil(request.address, request.data[0] == 0xFF, device_id=request.unit & 0xFF)
        if request.function == 6:
            value = request.data[0] << 8 | request.data[1]
            return await client.write_register(request.address, value, device_id=request.unit & 0xFF)
        values = [request.data[i] << 8 | request.data[i + 1] for i in range(0, len(request.data), 2)]
        return await client.write_registers(request.address, values, device_id=request.unit & 0xFF)


def _data(request, answer):
    """Data bytes of a good answer, checked against what was asked."""
    if answer.function_code != request.function:
        return None, BAD_REPLY
    if request.function == 16:
        if answer.address != request.address or answer.count != request.count:
            return None, BAD_REPLY
        return b"", 0
    if request.function == 5:
        good = answer.address == request.address and answer.bits[:1] == [request.data[0] == 0xFF]
        return (b"", 0) if good else (None, BAD_REPLY)
    if request.function == 6:
        sent = request.data[0] << 8 | request.data[1]
        return (b"", 0) if answer.address == request.address and answer.registers == [sent] else (None, BAD_REPLY)
    if request.function <= 2:
        data = bytearray((len(answer.bits) + 7) // 8)
        for place, bit in enumerate(answer.bits):
            if bit:
                data[place >> 3] |= 1 << (place & 7)
        data = bytes(data)
    else:
        data = pack(">%dH" % len(answer.registers), *answer.registers)
    if len(data) != data_size(request.function, request.count):
        return None, BAD_REPLY
    return data, 0
