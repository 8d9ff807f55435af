# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The controller's side of a fault scenario: the world with a hand on its wires, and lines in virtual time.

Three ways to a pack: "blocks" (whole blocks, as in simulator.rigs; also for the MicroPython VM), "tcp" and "rtu" (the
real line tasks of bms_bridge.transports on an event loop whose time is the world's, bytes by simulator.wire.Wire), and
"can" (frames by simulator.can_wire.CanWire). The PCS and the meter always answer in blocks.
"""

import asyncio
import selectors
from struct import pack

from bms_bridge.can_line import gate_frame
from bms_bridge.tables import load
from bms_bridge.transports import board_modbus
from bms_bridge.transports.board_rtu import RtuLine
from edge.core.tx_gate import SENT
from edge.shell.pipe import MOST_REQUESTS, POLL, Rig
from edge.shell.wiring import Wiring
from simulator.can_wire import CanWire
from simulator.lockstep import Lockstep, step_payload
from simulator.rigs import NTP, Local
from simulator.wire import Wire, WorldSource
from simulator.world import SILENT, World

LATENCY_MS = 20  # from a request to its answer, on every line with bytes


class Wish:
    """Instead of a factory's day: a fixed wish in W, + charges."""

    def __init__(self):
        self.power_w = 0.0

    def request_w(self, local_s, soc):
        """The wish."""
        return self.power_w


class FaultWorld(World):
    """A World with a hand on its wires. says: {device: function(sample) -> sample}, what the device says instead of
    what it measured. bytes_of: {device: function(index, data) -> data}, what becomes of block index on the way.
    silent: devices that answer nothing. swallows(device, address, data) -> True: that write is acknowledged and not
    applied."""

    def __init__(self, *arguments, **keywords):
        self.says = {}
        self.bytes_of = {}
        self.silent = set()
        self.swallows = None
        super().__init__(*arguments, **keywords)
        self.day = Wish()

    def _measure(self, dt_s):
        super()._measure(dt_s)
        for device, change in self.says.items():
            self.samples[device] = change(self.samples[device])

    def status(self, device):
        """See World."""
        return SILENT if device in self.silent else super().status(device)

    def block(self, device, index):
        """See World."""
        data = super().block(device, index)
        change = self.bytes_of.get(device)
        return data if change is None else change(index, data)

    def write(self, device, address, data):
        """See World."""
        if self.swallows is not None and self.swallows(device, address, data):
            return True
        return super().write(device, address, data)


# ---- Modbus lines: the real tasks, in the world's time ------------------------------------------------


class Jump(selectors.DefaultSelector):
    """A selector that waits by moving its clock."""

    def __init__(self):
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout=None):
        """Nothing ever arrives from outside: time passes at once."""
        if timeout:
            self.now_s += timeout
        return super().select(0)


class Virtual:
    """An event loop in virtual time, and the Clock port of the lines on it."""

    def __init__(self, start_ms):
        self.selector = Jump()
        self.loop = asyncio.SelectorEventLoop(self.selector)
        self.loop.time = lambda: self.selector.now_s
        self.start_ms = start_ms

    def now_ms(self):
        """Monotonic ms."""
        return self.start_ms + round(self.selector.now_s * 1000)

    def to(self, now_ms):
        """Let the tasks run until now_ms."""
        at_s = (now_ms - self.start_ms) / 1000
        if at_s > self.selector.now_s:
            self.loop.call_at(at_s, self.loop.stop)
            self.loop.run_forever()

    def close(self):
        """Cancel what runs."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()


class Stream:
    """Both ends of a connection for a line task: what is written goes to the Wire, its answers come back later."""

    def __init__(self, loop, wire, latency_ms):
        self.loop = loop
        self.wire = wire
        self.latency_ms = latency_ms
        self.reader = asyncio.StreamReader(loop=loop)
        self.read = self.reader.read
        self.log = []

    def write(self, frame):
        """A whole request frame leaves."""
        frame = bytes(frame)
        for data in self.wire.exchange(frame):
            self.log.append((frame, data))
            self.loop.call_later(self.latency_ms / 1000, self.reader.feed_data, data)

    async def drain(self):
        """Nothing waits."""

    def close(self):
        """See asyncio streams."""

    async def wait_closed(self):
        """See asyncio streams."""


class TcpLine(board_modbus.TcpLine):
    """The board's Modbus TCP line over a Stream."""

    def __init__(self, link, clock, gate, stream):
        super().__init__(link, clock, gate)
        self._make = stream

    async def open(self):
        """Connect: at once."""
        self._writer = self._make()
        self._ears = board_modbus.Ears(self._writer)
        self._buffer = b""
        self._timeouts = 0
        self.is_open = True
        return True


class LineRig(Rig):
    """Rig whose packs are met over a real line. kind: "tcp", "rtu" or "can"; every pack has unit id index + 1.
    wire: of the line; several packs share a Modbus line. virtual: None on CAN."""

    def __init__(self, settings, state, world, keep, kind):
        super().__init__(settings, state, world, keep)
        self.kind = kind
        self.packs = range(len(settings["packs"]))
        self.virtual = None
        self.stream = None
        if kind == "can":
            self.wires_of = [CanWire(world.tables[k], lambda k=k: world.samples[k]) for k in self.packs]
            self.wire = self.wires_of[0]
            self.pack_gate = self._gate_of(settings)
            return
        for k in self.packs:
            self.devices[k].reader.plan.merges = True
        self.wire = Wire(kind, WorldSource(world, {settings["packs"][k]["unit"]: k for k in self.packs}))
        self.virtual = Virtual(world.now_ms)
        gate = self._gate_of(settings)
        line = self._line(settings["links"][settings["packs"][0]["link"]], gate)
        devices = [self.devices[k] for k in self.packs]
        self.task = self.virtual.loop.create_task(board_modbus.serve(line, devices, self.virtual))

    def _gate_of(self, settings):
        """A gate of the line's own kind: the settings of a simulated site say "tcp" for every line."""
        at = settings["packs"][0]["link"]
        links = list(settings["links"])
        links[at] = dict(links[at], kind=self.kind)
        return Wiring(dict(settings, links=links), load, self.clock).lines[at][2]

    def _line(self, link, gate):
        if self.kind == "tcp":
            return TcpLine(link, self.virtual, gate, self._stream_of)
        return RtuLine(dict(link, baud=19200), self.virtual, gate, lambda _: self._stream_of())

    def _stream_of(self):
        self.stream = Stream(self.virtual.loop, self.wire, LATENCY_MS)
        return self.stream

    def _serve(self, index):
        if index not in self.packs:
            super()._serve(index)
        elif self.kind == "can":
            self._hear(index)

    def _hear(self, index):
        now_ms = self.clock.at_ms
        if self.wires.status(index) == SILENT:
            self.wires_of[index].due(now_ms)
            return
        device, wire = self.devices[index], self.wires_of[index]
        for frame in wire.due(now_ms):
            device.take(now_ms, *frame)
        for _ in range(MOST_REQUESTS):
            frame = device.next_frame(now_ms)
            if frame is None:
                return
            if self.pack_gate.send(now_ms, gate_frame(*frame), _nothing) != SENT:
                device.refused(now_ms)
                continue
            for back in wire.take(*frame):
                device.take(now_ms, *back)

    def lines_to(self, now_ms):
        """Let the line tasks run until now_ms."""
        if self.virtual is not None:
            self.virtual.to(now_ms)

    def close(self):
        """See Rig."""
        super().close()
        if self.virtual is not None:
            self.virtual.close()


def _nothing(frame):
    """What left is known already."""


# ---- the two runtimes ---------------------------------------------------------------------------------


class Here(Local):
    """simulator.rigs.Local that can also poll between the steps. kind: of the way to the packs."""

    def __init__(self, world, settings, kind, state=None):
        self._kind = kind
        super().__init__(world, settings, state, 4000)

    def make(self, settings, state, keep):
        """The Rig."""
        if self._kind == "blocks":
            return super().make(settings, state, keep)
        return LineRig(settings, state, self.world, keep, self._kind)

    def poll(self):
        """Ask and write what is due now."""
        self.rig.set_time(self.world.now_ms, self.world.utc_s(), NTP)
        self.rig.poll()

    def lines_to(self, now_ms):
        """Lines with a time of their own run until now_ms."""
        if self._kind in ("tcp", "rtu"):
            self.rig.lines_to(now_ms)


class There(Lockstep):
    """simulator.lockstep.Lockstep that can also poll between the steps: blocks only."""

    def poll(self):
        """Ask and write what is due now."""
        payload = step_payload(self.world)
        self._written(self._exchange(bytes([POLL]) + payload[1:]), 0)

    def lines_to(self, now_ms):
        """There are none."""


def registers(values):
    """Bytes of 16-bit registers."""
    return pack(">%dH" % len(values), *values)
