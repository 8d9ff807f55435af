# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The simulated end of benchmarks.fleet: packs (benchmarks.fleet_pack), a PCS and a meter, each on a Modbus
TCP port of 127.0.0.1, in a process of their own. The world behind them is that of the simulator.
"""

import asyncio
import multiprocessing
import time
from struct import pack, pack_into, unpack_from

from benchmarks.fleet_pack import CELLS, POWER_W, STAMP_MS, STAMP_PLACE, STAMPS, TEMPS, UNIT
from benchmarks.polling import areas
from bms_bridge.compile import load_profile
from bms_bridge.encode import encode_all
from simulator.sites import DEMO_TRUTH, settings
from simulator.wire import Wire, WorldSource
from simulator.wire_serve import TcpServer
from simulator.world import World

TICK_MS = 200


class Pack(asyncio.Protocol):
    """Modbus TCP server of one pack: function 3 out of one flat image. counts: requests, shared."""

    def __init__(self, image, first, counts, number, started_s):
        self.image = image
        self.first = first
        self.counts = counts
        self.number = number
        self.started_s = started_s
        self.buffer = b""
        self.transport = None

    def connection_made(self, transport):
        """asyncio: somebody connected."""
        self.transport = transport

    def data_received(self, data):
        """asyncio: bytes of requests, in any portions."""
        self.buffer += data
        while len(self.buffer) >= 12:
            frame, self.buffer = self.buffer[:12], self.buffer[12:]
            self.transport.write(self.answer(*unpack_from(">HHHBBHH", frame)))

    def answer(self, transaction, protocol, length, unit, function, address, count):
        """The answer frame of one read."""
        self.counts[self.number] += 1
        stamp = int((time.monotonic() - self.started_s) * 1000) // STAMP_MS % STAMPS
        pack_into(">H", self.image, 2 * STAMP_PLACE, stamp)
        at = 2 * (address - self.first)
        if function != 3 or at < 0 or at + 2 * count > len(self.image) or not 1 <= count <= 125:
            return pack(">HHHBBB", transaction, 0, 3, unit, function | 0x80, 2)
        return (
            pack(">HHHBBB", transaction, 0, 3 + 2 * count, unit, function, 2 * count) + self.image[at : at + 2 * count]
        )


def make_world(packs, table):
    """A simulated site of so many parallel racks behind one PCS, with a meter."""
    site = settings("lfp16", packs=packs)
    for row in site["packs"]:
        row.update(cells=CELLS, temps=TEMPS)
    site["pcs"]["power_w"] = POWER_W
    truth = dict(DEMO_TRUTH, plants=[{"soc": 0.43, "health": 0.84} for _ in range(packs)])
    world = World(site, 1, step_ms=TICK_MS, **truth)
    for number in range(packs):
        world.tables[number] = table
    return world


async def serve(world, counts, started_s, tell):
    """Serve the world for ever; tell: gets the list of ports (packs, PCS, meter)."""
    packs = len(world.bms)
    table = world.tables[0]
    first = areas()[0][0]
    size = 2 * (areas()[-1][0] + areas()[-1][1] - first)
    images = [bytearray(size) for _ in range(packs)]
    ports, servers = [], []
    loop = asyncio.get_running_loop()
    for number in range(packs):
        server = await loop.create_server(
            lambda number=number: Pack(images[number], first, counts, number, started_s), "127.0.0.1", 0
        )
        servers.append(server)
        ports.append(server.sockets[0].getsockname()[1])
    for device in (packs, packs + 1):
        other = TcpServer(Wire("tcp", WorldSource(world, {UNIT: device})))
        servers.append(other)
        ports.append(await other.start())
    world_ms = world.now_ms
    while True:
        world.advance(world_ms + int((time.monotonic() - started_s) * 1000))
        for number in range(packs):
            for block, data in zip(table.BLOCKS, encode_all(table, world.samples[number])):
                at = 2 * (block[1] - first)
                images[number][at : at + len(data)] = data
        if tell is not None:
            tell(ports)
            tell = None
        await asyncio.sleep(TICK_MS / 1000)


def _run(packs, path, counts, started_s, pipe):
    try:
        asyncio.run(serve(make_world(packs, load_profile(path)), counts, started_s, pipe.send))
    except KeyboardInterrupt:
        pass


class SiteProcess:
    """The servers in a process of their own. path: of the profile. A context manager.

    ports: packs, then PCS and meter. requests(): how many reads the packs have answered.
    """

    def __init__(self, packs, path):
        self.started_s = time.monotonic()
        spawn = multiprocessing.get_context("spawn")
        self._counts = spawn.Array("Q", packs, lock=False)
        mine, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=_run, args=(packs, path, self._counts, self.started_s, theirs), daemon=True
        )
        self._pipe = mine
        self.ports = []

    def __enter__(self):
        self._process.start()
        if not self._pipe.poll(60):
            raise RuntimeError("the simulated site did not start")
        self.ports = self._pipe.recv()
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.join()

    def requests(self):
        """Reads that the packs have answered since the start."""
        return sum(self._counts)

    def age_ms(self, stamp):
        """How long ago the packs said stamp (10 ms steps)."""
        now = (time.monotonic() - self.started_s) * 1000
        return (now - stamp * STAMP_MS) % (STAMPS * STAMP_MS)
