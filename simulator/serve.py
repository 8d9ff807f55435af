# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The world on real sockets in real time: BMS, PCS and meter as Modbus TCP servers on free ports.

The servers are pymodbus's: another implementation of the protocol than the one under test. They listen
on 127.0.0.1 only. Run alone: reuse-edge sim serve --seconds 60 prints the ports as one JSON line; with
--profile it serves one device instead (simulator.wire_serve).
"""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from simulator.sites import DEMO_TRUTH, settings
from simulator.world import ANSWERS, World

TICK_MS = 100
_KINDS = {1: 0, 2: 1, 3: 2, 4: 3, 5: 0, 6: 2, 15: 0, 16: 2}


class Server:
    """One line of the site: every device on it, on one port.

    devices: ((unit, number of the device in the world), ...). writes: list that gets (world's now_ms,
    unit, address, registers) of each FC16 that arrived, taken or not.
    """

    def __init__(self, world, devices, writes):
        self.world = world
        self.writes = writes
        self.port = None
        self._server = None
        self._devices = [self._device(unit, device) for unit, device in devices]

    def _device(self, unit, device):
        async def act(function, first, address, count, registers, values):
            return self._act(unit, device, function, first, address, count, registers, values)

        # one entry of many values: pymodbus checks an entry with a count as count x count places
        words = [SimData(0, values=[0] * 65536, datatype=DataType.REGISTERS)]
        bits = [SimData(0, values=[False] * 65536, datatype=DataType.BITS)]
        return SimDevice(unit, simdata=(bits, bits, words, words), action=act)

    def _act(self, unit, device, function, first, address, count, registers, values):
        """Fill in or take registers just before pymodbus answers; an exception code refuses."""
        if self.world.status(device) != ANSWERS:
            raise NoSuchIdException("device %d is silent" % device)  # the server then answers nothing
        if values:
            return self._write(unit, device, function, address, values)
        if function == 5:
            return None  # pymodbus reads back what it has just written
        bits = function <= 2
        data = self.world.answer(device, function, address, None if bits else count)
        if data is None:
            return ExcCodes.ILLEGAL_ADDRESS
        if bits:
            start = address // 16 - first
            number = int.from_bytes(data, "little") << address % 16
            words = [number >> at & 0xFFFF for at in range(0, 8 * len(data) + address % 16, 16)]
        else:
            start = address - first
            words = [high << 8 | low for high, low in zip(data[::2], data[1::2])]
        registers[start : start + len(words)] = words
        return None

    def _write(self, unit, device, function, address, values):
        self.writes.append((self.world.now_ms, unit, address, tuple(values)))
        if function == 5:
            return None if self.world.coil(device, address, bool(values[0])) else ExcCodes.ILLEGAL_ADDRESS
        data = b"".join(value.to_bytes(2, "big") for value in values) if function == 16 else b""
        if function != 16 or not self.world.write(device, address, data):
            return ExcCodes.ILLEGAL_ADDRESS
        return None

    async def start(self, port=0):
        """Listen; returns the port."""
        self._server = ModbusTcpServer(self._devices, address=("127.0.0.1", port), ignore_missing_devices=True)
        await self._server.serve_forever(background=True)
        listening: Any = self._server.transport
        self.port = listening.sockets[0].getsockname()[1]
        return self.port

    async def stop(self):
        """Close the port and every connection."""
        if self._server is not None:
            await self._server.shutdown()


class Served:
    """A world on its lines. Call start(), then run() as a task; writes holds what arrived at the PCS."""

    def __init__(self, world):
        self.world = world
        self.writes = []
        site = world.settings
        rows = list(site["packs"]) + [site["pcs"]] + ([site["meter"]] if site.get("meter") else [])
        rows += world.modules.rows()
        lines = {}
        for device, row in enumerate(rows):
            lines.setdefault(row["link"], []).append((row["unit"], device))
        self.servers = {link: Server(world, devices, self.writes) for link, devices in lines.items()}
        self._zero = None

    async def start(self):
        """Listen on every line; returns {link index: port}."""
        return {link: await server.start() for link, server in self.servers.items()}

    async def run(self, each=None):
        """Let the world's time pass as the wall's does, for ever; each(now_ms) after every step."""
        self.world.step_ms = TICK_MS
        started = time.monotonic_ns() // 1000000 - self.world.now_ms
        while True:
            self.world.advance(time.monotonic_ns() // 1000000 - started, each)
            await asyncio.sleep(TICK_MS / 1000.0)

    async def stop(self):
        """Close every line."""
        for server in self.servers.values():
            await server.stop()


def with_ports(site, ports):
    """A copy of settings `site` whose lines point to the ports ({link: port}) on 127.0.0.1."""
    served = dict(site)
    served["links"] = [dict(row) for row in site["links"]]
    for link, port in ports.items():
        served["links"][link].update(kind="tcp", host="127.0.0.1", port=port)
    return served


async def serve(site, seed, seconds, ports_out):
    """Serve a fresh demo world for `seconds` (None: until cancelled); the ports go to ports_out as JSON."""
    served = Served(World(site, seed, step_ms=TICK_MS, **DEMO_TRUTH))
    ports = await served.start()
    print(json.dumps({"ports": ports}), file=ports_out, flush=True)
    task = asyncio.ensure_future(served.run())
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await served.stop()


def options_of(words):
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="reuse-edge sim serve",
        description="A simulated site on Modbus TCP, or one device of any profile on a line of its own.",
        epilog="mishaps: python -m simulator lists them. exit codes: 0 done, 2 wrong use, 3 cannot listen, "
        "130 interrupted",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cells", type=int, help="of the pack (site: 16 or 96)")
    parser.add_argument("--seconds", type=float, default=None, help="stop after so long; else Ctrl-C")
    parser.add_argument("--profile", help="serve one device: a profile's name, or the path of a profile file")
    parser.add_argument("--unit", type=int, help="its unit id or device address (1; CAN: the profile's first)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--modbus-tcp", metavar="[HOST:]PORT", default="0", help="port 0, the default: a free one")
    where.add_argument("--modbus-rtu", metavar="PATH", help="a serial port, or a name for a new pseudo-terminal")
    where.add_argument("--serial", metavar="PATH", help="the same for a profile that is not Modbus")
    where.add_argument(
        "--can", metavar="INTERFACE:CHANNEL", help="slcan:PATH (a new pseudo-terminal), socketcan:can0, ..."
    )
    parser.add_argument("--baud", type=int, help="of the serial port (default: the profile's)")
    parser.add_argument("--mishap", action="append", default=[], metavar="NAME[:KEY=N,...]", help="may be repeated")
    options = parser.parse_args(words)
    if options.profile is None:
        if options.modbus_rtu or options.serial or options.can or options.mishap:
            parser.error("--modbus-rtu, --serial, --can and --mishap need --profile")
        if options.cells not in (None, 16, 96):
            parser.error("a site has 16 or 96 cells")
    return options


def main(words=None):
    """Command line; returns the exit code."""
    options = options_of(words)
    try:
        if options.profile is not None:
            from simulator.wire_serve import serve as serve_profile

            asyncio.run(serve_profile(options, sys.stdout))
        else:
            site = settings("nmc96" if options.cells == 96 else "lfp16")
            asyncio.run(serve(site, options.seed, options.seconds, sys.stdout))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
