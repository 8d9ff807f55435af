# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A line whose far end says in every value which request it answers, and the real transports at this end."""

import asyncio
import os
import time

from bms_bridge.bms import Bms
from bms_bridge.compile import Table
from bms_bridge.poll import line_rules
from bms_bridge.tables import load
from bms_bridge.transports import board_modbus, gateway_modbus
from edge.core.records import OK, Sample
from edge.core.tx_gate import READ, TxGate
from simulator.wire import SampleSource, Wire
from simulator.wire_serve import SerialServer, TcpServer

DEADLINE_S = 20
REPLY_MS = 50  # instead of 800: nothing here is slower than that
PERIOD_MS = 30


def quick(name, period_ms=PERIOD_MS):
    """The table of that profile with every block asked each period_ms."""
    module = load(name)
    values = {key: getattr(module, key) for key in dir(module) if key.isupper()}
    values["BLOCKS"] = tuple(row[:3] + (period_ms,) + row[4:] for row in module.BLOCKS)
    return Table(values)


def numbered(n):
    """The Sample whose every value tells the number n, below 900."""
    cells = tuple(3000 + n + k for k in range(16))
    temps = tuple(20000 + 100 * (n % 200) + 100 * k for k in range(4))
    alarm = 1 << 9 if n % 2 else 1 << 11
    return Sample(
        0, 40000 + 10 * n, 10 * n, cells[-1], cells[0], temps[-1], temps[0], cells, temps,
        1000 * n, 1000 * n, 1000 * (n % 400), 1000 * (n % 400), None, alarm, (),
    )  # fmt: skip


class Counting(SampleSource):
    """Units 1 and 2; each request is answered with the next number."""

    def __init__(self):
        table = load("seplos_v3")
        super().__init__({1: (table, numbered(0), 0), 2: (table, numbered(0), 0)})
        self.number = 0

    def image(self, unit):
        """The sample with the next number."""
        self.number += 1
        table, _, power_w = self.units[unit]
        self.units[unit] = (table, numbered(self.number), power_w)
        return super().image(unit)


def number_of(record, apart=0):
    """(oldest number in the pia block, in the pib block) of a record; None for a block that never came.

    Every value must tell a number, and those of one block the same one; apart: how far they may lie from
    each other where a block is read in pieces.
    """
    assert all(row.quality == OK or row.at_ms is None for row in record.groups)
    assert record.alarms in (None, 1 << 9, 1 << 11)
    first = second = None
    if record.groups[0].at_ms is not None:
        scaled = (record.current_ma, record.bms_soc_ppm, record.bms_soh_ppm)
        told = {(record.pack_mv - 40000) // 10, record.cell_max_mv - 3015, record.cell_min_mv - 3000}
        told |= {value // step for value, step in zip(scaled, (10, 1000, 1000))}
        first = min(told)
        assert max(told) - first <= apart
        kept = [numbered(number) for number in range(first, first + apart + 1)]
        for place in (1, 2, 5, 6, 11, 12):
            assert record[place] in [row[place] for row in kept]
    if record.groups[3].at_ms is not None:
        told = {mv - 3000 - k for k, mv in enumerate(record.cell_mv)}
        second = min(told)
        assert max(told) - second <= apart
        assert record.temp_mc in [numbered(number).temp_mc for number in range(second, second + apart + 1)]
    return first, second


class Clock:
    """Clock port; rate: how many times faster than the wall."""

    def __init__(self, rate=1):
        self.rate = rate

    def now_ms(self):
        """Milliseconds."""
        return time.monotonic_ns() * self.rate // 1000000


class Stream:
    """An asyncio stream over a pseudo-terminal, as a board has over its UART."""

    def __init__(self, path):
        self._handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._reader = asyncio.StreamReader()
        asyncio.get_running_loop().add_reader(self._handle, self._arrived)

    def _arrived(self):
        try:
            self._reader.feed_data(os.read(self._handle, 512))
        except BlockingIOError:
            pass

    async def read(self, size):
        """What is there, or wait for it."""
        return await self._reader.read(size)

    def write(self, data):
        """All of data at once."""
        os.write(self._handle, data)

    async def drain(self):
        """Nothing is held back."""

    def close(self):
        """Let the terminal go."""
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)

    async def wait_closed(self):
        """It is closed."""


def transport(runtime, kind):
    """run_link of one runtime for that kind of line."""
    if runtime == "gateway":
        return gateway_modbus.run_link
    if kind == "tcp":
        return board_modbus.run_link

    async def run_link(link, devices, clock, gate):
        await board_modbus.run_link(link, devices, clock, gate, lambda row: Stream(row["path"]))

    return run_link


class Line:
    """A Wire on a real socket or pseudo-terminal, and devices read over it by a real transport."""

    def __init__(self, runtime, kind, source=None, table=None, clock=None, units=(1,)):
        self.kind = kind
        self.wire = Wire(kind, source or Counting(), seed=7)
        self.source = self.wire.source
        self.clock = clock or Clock()
        table = table or quick("seplos_v3")
        self.packs = [Bms(table, unit, {"id": "unit-%d" % unit}) for unit in units]
        self.pack = self.packs[0]
        self._run_link = transport(runtime, kind)

    def play(self, script):
        """Run coroutine function script(self) while the line is served."""

        async def main():
            server = TcpServer(self.wire) if self.kind == "tcp" else SerialServer(self.wire)
            place = await server.start()
            link = {"kind": self.kind, "host": "127.0.0.1", "port": place, "path": place, "baud": 115200, "parity": "N"}
            gate = TxGate(self.kind, READ, line_rules(self.packs))
            task = asyncio.create_task(self._run_link(link, self.packs, self.clock, gate))
            try:
                await asyncio.wait_for(script(self), DEADLINE_S)
                assert not task.done()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await server.stop()

        asyncio.run(main())

    def rounds(self, pack=None):
        """Fresh reads of the group that has fewest."""
        record = (pack or self.pack).read(0)
        return 0 if record is None else min(row.count for row in record.groups)

    async def until(self, condition, each=None):
        """Let the line run until condition() holds; each(record) at every change of the record."""
        last = None
        while True:
            record = self.pack.read(0)
            if each is not None and record is not None and record is not last:
                each(record)
                last = record
            if condition():
                return
            await asyncio.sleep(0.002)
