# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A serial Modbus line in virtual time: the real line and the real devices at this end, at the other one
units that answer late, one behind, or not at all. Every block that is taken is compared with what the unit
has there, so that a block in the place of another is seen at once."""

import asyncio
import random
import selectors
from struct import pack

from bms_bridge.bms import Bms
from bms_bridge.encode import encode_all, served
from bms_bridge.pcs import Pcs
from bms_bridge.poll import line_rules
from bms_bridge.tables import load
from bms_bridge.transports.board_modbus import serve
from bms_bridge.transports.board_rtu import RtuLine
from edge.core.tx_gate import READ, TxGate
from simulator.wire import SampleSource, Wire
from tests.bridge import fuzz

PROFILES = [name for name in fuzz.PROFILES if getattr(load(name), "BUS", "modbus") == "modbus"]
LINK = {"kind": "rtu", "path": "", "uart": 0, "baud": 19200, "parity": "N"}


class Selector(selectors.DefaultSelector):
    """Never waits: the time it was told to wait has passed."""

    now_s = 0.0

    def select(self, timeout=None):
        assert timeout is not None, "nothing will ever happen"
        self.now_s += max(timeout, 0)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps. Clock port as well."""

    def __init__(self):
        self._jump = Selector()
        super().__init__(self._jump)

    def time(self):
        return self._jump.now_s

    def now_ms(self):
        """Milliseconds; the hour before is for what was never."""
        return 3600000 + int(self._jump.now_s * 1000 + 0.5)


class Image(SampleSource):
    """What the units say, what is never polled included."""

    def image(self, unit):
        table = self.units[unit][0]
        if isinstance(table, Equal):
            return tuple(row[:3] + (data,) for row, data in zip(table.BLOCKS, table.blocks))
        rows = [(f, a, len(r), pack(">%dH" % len(r), *r)) for f, a, r in served(table)]
        return super().image(unit) + tuple(rows)


def often(table):
    """The blocks of table that come every cycle: all but a text."""
    return [index for index, row in enumerate(table.BLOCKS) if row[3] < 60000]


class Equal:
    """A table of blocks of one length, too far apart to be joined: no answer is told by its length."""

    NAME = "equal"
    KIND = "bms"
    CELLS = TEMPS = 0
    LISTS = ()
    RATED = None
    SLOTS = 15
    BLOCKS = tuple((3, 100 * k, 10, 1000, 0) for k in range(4))
    SIZES = (20,) * 4
    GROUPS_OF = BLOCKS_OF = SLOTS_OF = ((),) * 8
    CHECKS = FIELDS = BITS = (None,) * 4
    ARRAYS = ENUMS = DERIVED = SHAPES = ((),) * 4
    blocks = tuple(pack(">10H", *range(100 * k, 100 * k + 10)) for k in range(4))


class Peer:
    """The far end as an asyncio stream. late_s: {unit: how much later than ANSWER_S each answer comes}; a unit
    works on one request after the other. behind: {unit: its answer to the request before}. only: the request
    frames that are heard, None: all."""

    ANSWER_S = 0.03

    def __init__(self, loop, source):
        self.loop = loop
        self.wire = Wire("rtu", source, seed=5)
        self.only = None
        self.late_s = {}
        self.behind = {}
        self.answers = 0
        self.asked = []  # (now_ms, frame)
        self._free_s = {}
        self._reader = asyncio.StreamReader(loop=loop)
        self.read = self._reader.read

    def write(self, frame):
        """A request arrives."""
        frame = bytes(frame)
        unit = frame[0]
        self.asked.append((self.loop.now_ms(), frame))
        if self.only is not None and frame not in self.only:
            return
        for answer in self.wire.exchange(frame):
            if unit in self.behind:
                answer, self.behind[unit] = self.behind[unit], answer
            self.answers += len(answer) > 0
            free_s = max(self.loop.time() + self.late_s.get(unit, 0), self._free_s.get(unit, 0)) + self.ANSWER_S
            self._free_s[unit] = free_s
            self.loop.call_at(free_s, self._reader.feed_data, answer)

    async def drain(self):
        """Nothing is held back."""

    def close(self):
        """Nothing to close."""

    async def wait_closed(self):
        """It is closed."""


class Bench:
    """tables: one per unit, from unit 1. taken: per unit {block: [ms]}."""

    def __init__(self, tables, settings=None):
        self.loop = Loop()
        self.tables = tables
        self.devices = []
        self.taken = []
        units = {}
        for unit, table in enumerate(tables, 1):
            sample = None
            if not isinstance(table, Equal):
                sample = fuzz.good_sample(table, fuzz.bounds_of(table.NAME), random.Random(table.NAME))
            units[unit] = (table, sample, 10000)
            blocks = encode_all(table, sample, 10000) if sample else table.blocks
            self.devices.append(self._device(unit, table, blocks, settings or {}))
        self.peer = Peer(self.loop, Image(units))
        self.wire = self.peer.wire
        self.gate = TxGate("rtu", READ, line_rules(self.devices))
        self.line = RtuLine(LINK, self.loop, self.gate, lambda link: self.peer)
        self._task = None

    def _device(self, unit, table, blocks, settings):
        if table.KIND == "pcs":
            device = Pcs(table, unit, {"id": "pcs", "power_w": 10000, "watchdog_ms": 5000}, self.loop)
        else:
            settings = dict(settings, id="unit-%d" % unit, cells=table.CELLS, temps=table.TEMPS)
            device = Bms(table, unit, settings)
        assert len(set(blocks)) == len(blocks), "equal blocks: a swap would not be seen"
        log = {}
        state = device.reader.state
        take = state.take

        def noted(now_ms, index, data):
            assert data == blocks[index], "block %d of unit %d holds something else" % (index, unit)
            assert device.plan.addresses[index] == table.BLOCKS[index][1]
            log.setdefault(index, []).append(now_ms)
            return take(now_ms, index, data)

        state.take = noted
        self.taken.append(log)
        return device

    def run(self, seconds):
        """Serve the line for so many virtual seconds; what the task raises comes out here."""

        async def main():
            if self._task is None:
                self._task = self.loop.create_task(serve(self.line, self.devices, self.loop))
            await asyncio.wait([self._task], timeout=seconds)
            if self._task.done():
                self._task.result()

        self.loop.run_until_complete(main())

    def close(self):
        """End the task of the line."""
        self._task.cancel()
        self.loop.run_until_complete(asyncio.gather(self._task, return_exceptions=True))
        self.loop.close()

    def fresh(self, seconds, unit=1):
        """True when every block of unit, but a text, was taken in the last so many seconds."""
        since_ms = self.loop.now_ms() - 1000 * seconds
        log = self.taken[unit - 1]
        return all(log.get(index, [0])[-1] >= since_ms for index in often(self.tables[unit - 1]))

    def widest_gap_ms(self, unit, since_ms):
        """Longest time without a block of unit, over its blocks."""
        widest = 0
        for index in often(self.tables[unit - 1]):
            times = self.taken[unit - 1].get(index, [])
            times = [since_ms] + [at for at in times if at >= since_ms] + [self.loop.now_ms()]
            widest = max(widest, max(b - a for a, b in zip(times, times[1:])))
        return widest
