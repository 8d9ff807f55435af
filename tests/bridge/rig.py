# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Peers for the transports: a real pymodbus server in a thread, and a scripted one that misbehaves."""

import asyncio
import contextlib
import socket
import threading
import time

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from bms_bridge.encode import encode_all, served
from bms_bridge.modbus import tcp_parse

DEADLINE_S = 30


class Clock:
    """Clock port on the monotonic clock."""

    def now_ms(self):
        return time.monotonic_ns() // 1000000


def images(units):
    """{unit: (table, sample, power_w)} as {unit: (words, bits)}: everything the devices answer."""
    result = {}
    for unit, (table, sample, power_w) in units.items():
        words = [0] * 65536
        bits = [False] * 65536
        for row, data in zip(table.BLOCKS, encode_all(table, sample, power_w)):
            function, address, count = row[:3]
            for k in range(count):
                if function <= 2:
                    bits[address + k] = bool(data[k >> 3] >> (k & 7) & 1)
                else:
                    words[address + k] = data[2 * k] << 8 | data[2 * k + 1]
        for _, address, registers in served(table):
            words[address : address + len(registers)] = registers
        result[unit] = (words, bits)
    return result


class Peer:
    """A pymodbus TCP server on a free port in its own thread. received: every byte that came, in order.
    writes: (unit, address, [registers]) of each FC16. words: {unit: 65536 registers} of devices without a table."""

    def __init__(self, units, words=None):
        self.received = b""
        self.writes = []
        self.port = None
        self._images = images(units)
        for unit, registers in (words or {}).items():
            self._images[unit] = (registers, [False] * 65536)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)

    async def _run(self):
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        devices = [self._device(unit, *image) for unit, image in self._images.items()]
        server = ModbusTcpServer(devices, address=("127.0.0.1", 0), trace_packet=self._trace)
        task = asyncio.create_task(server.serve_forever())
        while not server.transport:
            await asyncio.sleep(0.005)
        self.port = server.transport.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        await server.shutdown()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def _device(self, unit, words, bits):
        async def act(function, first, address, count, registers, values):
            if values:
                self.writes.append((unit, address, list(values)))

        words = [SimData(0, values=words, datatype=DataType.REGISTERS)]
        bits = [SimData(0, values=bits, datatype=DataType.BITS)]
        return SimDevice(unit, simdata=(bits, bits, words, words), action=act)

    def _trace(self, sending, data):
        # pymodbus shows its receive buffer; keep the bytes only when a frame is complete
        if not sending:
            found = tcp_parse(data)
            if found is not None:
                self.received += data[: found[3]]
        return data


class Script:
    """A TCP server that answers through act(connection number, request number, frame) -> bytes to send,
    None to close, b"" for silence."""

    def __init__(self, act):
        self._act = act
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.connections = 0
        self.requests = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(DEADLINE_S)

    def _accept(self):
        while not self._stopping:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with peer, contextlib.suppress(OSError):
                peer.settimeout(0.05)
                self._serve(peer, self.connections)

    def _serve(self, peer, number):
        buffer = b""
        while not self._stopping:
            try:
                chunk = peer.recv(300)
            except TimeoutError:
                continue
            if not chunk:
                return
            buffer += chunk
            while (found := tcp_parse(buffer)) is not None:
                frame, buffer = buffer[: found[3]], buffer[found[3] :]
                self.requests += 1
                answer = self._act(number, self.requests, frame)
                if answer is None:
                    return
                peer.sendall(answer)


async def until(condition, deadline_s=DEADLINE_S):
    """Wait until condition() holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "deadline passed"
        await asyncio.sleep(0.01)


def drive(run_link, link, devices, gate, condition):
    """Run one line until condition() holds, then cancel it; whatever it raised comes out here."""

    async def main():
        task = asyncio.create_task(run_link(link, devices, Clock(), gate))
        try:
            await until(lambda: task.done() or condition())
        finally:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
        assert condition()

    asyncio.run(main())
