# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One simulated device of any profile on a socket or a serial line, with mishaps on the wire.

reuse-edge sim serve --profile seplos_v3 --modbus-tcp 15020
reuse-edge sim serve --profile ./my_bms.yaml --modbus-rtu ./my-line --mishap crc_bad:percent=30
reuse-edge sim serve --profile nissan_leaf --can slcan:./my-bus       # reuse-edge sniff slcan:./my-bus
reuse-edge sim serve --profile jbd --serial ./my-line

A serial path that does not exist becomes a pseudo-terminal with that name, so that no adapter is needed.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from typing import Any

from bms_bridge.compile import load_profile
from bms_bridge.tables import load
from simulator.bms import GOOD
from simulator.can_serve import SlcanLine, run_bus, run_slcan
from simulator.can_wire import CanWire
from simulator.inverter import InverterWire
from simulator.mishaps import BY_NAME as WORLD_MISHAPS
from simulator.serial_wire import SerialWire
from simulator.sites import DEMO_TRUTH, settings
from simulator.wire import BY_NAME, Wire, WorldSource, parse_mishap
from simulator.world import World

TICK_MS = 100
_DEVICE = {"bms": 0, "pcs": 1, "meter": 2}


class ServeError(Exception):
    """Wrong use: one message with what is wrong and what to do."""

    exit_code = 2


def load_any(name):
    """The table of a profile that ships, or of a profile file anywhere."""
    if name.endswith((".yaml", ".yml")):
        return load_profile(name)
    try:
        return load(name)
    except ImportError:
        raise ServeError("--profile %s: no such profile\n  → one of: %s" % (name, ", ".join(profiles()))) from None


def profiles():
    """Names of the profiles that ship."""
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bms_bridge", "tables")
    return sorted(name[:-3] for name in os.listdir(folder) if name.endswith(".py") and name[0] != "_")


def world_for(table, seed=1, cells=None):
    """(World, number of the device) where the device of that kind speaks table. cells: of the pack, None
    for as many as the profile has places for (when it reads none, 96 or 16, by its range of the pack voltage)."""
    cells = cells or table.CELLS or (96 if _lowest_mv(table) > 60000 else 16)
    site = settings("nmc96" if cells > 24 else "lfp16")
    pack = site["packs"][0]
    pack["cells"] = cells
    pack["temps"] = table.TEMPS or pack["temps"]
    truth = dict(DEMO_TRUTH)
    truth["plants"] = [{"soc": 0.43, "health": 0.84}]
    lsb_mv = getattr(table, "CELL_LSB_MV", 1)
    truth["vices"] = GOOD._replace(cell_lsb_mv=lsb_mv)
    world = World(site, seed, step_ms=TICK_MS, **truth)
    device = _DEVICE[table.KIND]
    world.tables[device] = table
    return world, device


def _lowest_mv(table):
    """Lowest pack voltage that a CAN table takes for plausible; 0 for the other buses."""
    if getattr(table, "BUS", "modbus") != "can":
        return 0
    rows = [row for rows in table.FIELDS for row in rows if row[0] == 1]
    return min([row[5] * row[2] // row[3] + row[4] for row in rows], default=0)


class TcpServer:
    """A Wire of kind "tcp" on a port."""

    def __init__(self, wire):
        self.wire = wire
        self.port = None
        self._server = None
        self._writers = set()

    async def start(self, host="127.0.0.1", port=0):
        """Listen; returns the port. OSError when it cannot."""
        self._server = await asyncio.start_server(self._serve, host, port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def _serve(self, reader, writer):
        buffer = b""
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            while chunk := await reader.read(4096):
                buffer += chunk
                frame, buffer = self.wire.split(buffer)
                while frame is not None:
                    writer.write(b"".join(self.wire.exchange(frame)))
                    frame, buffer = self.wire.split(buffer)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    async def stop(self):
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.close()


class SerialServer:
    """A Wire of kind "rtu" on a serial port (POSIX), or on a pseudo-terminal that it makes."""

    def __init__(self, wire):
        self.wire = wire
        self.path = None
        self._handles: Any = ()
        self._buffer = b""
        self._link = None
        self._heard_s = 0.0

    async def start(self, path=None, baud=9600, parity="N"):
        """Open path, or make a pseudo-terminal (and a link to it at path when given); returns the path to
        open at the other end. OSError when it cannot."""
        import pty
        import tty

        if path and os.path.exists(path):
            handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            self._handles = (handle,)
            tty.setraw(handle)
            _set_line(handle, baud, parity)
            self.path = path
        else:
            handle, other = pty.openpty()
            self._handles = (handle, other)
            tty.setraw(other)
            self.path = os.ttyname(other)
            if path:
                os.symlink(self.path, path)
                self.path = self._link = path
        os.set_blocking(handle, False)
        asyncio.get_running_loop().add_reader(handle, self._arrived, handle)
        return self.path

    def _arrived(self, handle):
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(handle, 4096)
            now_s = time.monotonic()
            if now_s - self._heard_s > 0.5:
                self._buffer = b""  # what came before such a silence is no part of this request
            self._heard_s = now_s
            frame, self._buffer = self.wire.split(self._buffer + chunk)
            while frame is not None:
                for data in self.wire.exchange(frame):
                    os.write(handle, data)
                frame, self._buffer = self.wire.split(self._buffer)

    def send(self, data):
        """Send data unasked; it is gone when nobody fetches it."""
        if data:
            with contextlib.suppress(BlockingIOError):
                os.write(self._handles[0], data)

    async def stop(self):
        """Give the port back; a pseudo-terminal and its name go away."""
        if self._handles:
            asyncio.get_running_loop().remove_reader(self._handles[0])
        for handle in self._handles:
            os.close(handle)
        self._handles = ()
        if self._link:
            os.unlink(self._link)


def _set_line(handle, baud, parity):
    import termios

    speed = getattr(termios, "B%d" % baud, None)
    if speed is None:
        raise ServeError("--baud %d: this system does not know that rate\n  → use 9600, 19200 or 115200" % baud)
    row: Any = termios.tcgetattr(handle)
    row[2] &= ~(termios.PARENB | termios.PARODD | termios.CSTOPB)
    if parity != "N":
        row[2] |= termios.PARENB | (termios.PARODD if parity == "O" else 0)
    row[4] = row[5] = speed
    termios.tcsetattr(handle, termios.TCSANOW, row)


def start_mishaps(texts, wire, world):
    """Switch on the mishaps named on the command line: those of the wire first, then those of the world."""
    for text in texts:
        try:
            name, parameters = parse_mishap(text)
            if name in BY_NAME and wire.kind in BY_NAME[name].kinds:
                wire.start(name, **parameters)
            else:
                world.mishaps.start(name, world.now_ms, **parameters)
        except KeyError:
            known = [row.name for row in BY_NAME.values() if wire.kind in row.kinds] + list(WORLD_MISHAPS)
            raise ServeError("--mishap %s: no such mishap here\n  → one of: %s" % (text, ", ".join(known))) from None
        except (TypeError, ValueError) as error:
            raise ServeError("--mishap %s: %s\n  → NAME:parameter=integer" % (text, error)) from None


def address_of(text):
    """(host, port) of "[HOST:]PORT". Raises ServeError."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ServeError(
            "--modbus-tcp %s: not [HOST:]PORT\n  → for example --modbus-tcp 15020; 0 is a free port" % text
        )
    return host.strip("[]") or "127.0.0.1", int(port)


async def pass_time(world):
    """Let the world's time pass as the wall's does, for ever."""
    started = time.monotonic_ns() // 1000000 - world.now_ms
    while True:
        world.advance(time.monotonic_ns() // 1000000 - started)
        await asyncio.sleep(TICK_MS / 1000.0)


def kind_of(options, table):
    """The bus that the options ask for. Raises ServeError when the profile speaks another one."""
    bus = getattr(table, "BUS", "modbus")
    kind = "can" if options.can else "serial" if options.serial else "rtu" if options.modbus_rtu else "tcp"
    if bus != {"can": "can", "serial": "serial"}.get(kind, "modbus"):
        mend = {"can": "--can slcan:PATH", "serial": "--serial PATH", "modbus": "--modbus-tcp PORT"}[bus]
        raise ServeError("profile %s speaks %s\n  → serve it with %s" % (table.NAME, bus, mend))
    return kind


def can_link(text):
    """Link settings of "INTERFACE:CHANNEL[@BITRATE]". Raises ServeError."""
    interface, colon, channel = text.partition(":")
    channel, at, bitrate = channel.partition("@")
    if not colon or not channel or (at and not bitrate.isdecimal()):
        raise ServeError("--can %s: not INTERFACE:CHANNEL[@BITRATE]\n  → for example slcan:./my-bus" % text)
    return {"kind": "can", "interface": interface, "channel": channel, "bitrate": int(bitrate or 500000)}


class Bench:
    """One served profile: wire (with the mishaps), where (what to tell), start(), stop(), run()."""

    def __init__(self, options, table):
        self.options = options
        self.table = table
        self.kind = kind_of(options, table)
        self.world, device = world_for(table, options.seed, options.cells)
        self.line = self.server = self.link = None
        first, last = (getattr(table, "ADDRESS", None) or (1, 255))[:2]
        self.unit = first if options.unit is None else options.unit
        if hasattr(table, "ADDRESS") and table.ADDRESS and not first <= self.unit <= last:
            raise ServeError("--unit %d: %s has %d to %d" % (self.unit, table.NAME, first, last))
        self.wire: Any

        def sample():
            return self.world.samples[device]

        if hasattr(table, "TOLD"):
            self.wire = InverterWire(any(row[4] for row in table.TOLD), seed=options.seed)
        elif self.kind == "can":
            self.wire = CanWire(table, sample, options.seed, self.unit)
        elif self.kind == "serial":
            self.wire = SerialWire(table, self.unit, sample, options.seed)
        else:
            self.wire = Wire(self.kind, WorldSource(self.world, {self.unit: device}), options.seed)
        start_mishaps(options.mishap, self.wire, self.world)

    async def start(self):
        """Listen; {"modbus_tcp": "HOST:PORT"} or the like."""
        options = self.options
        if self.kind == "tcp":
            host, port = address_of(options.modbus_tcp)
            self.server = TcpServer(self.wire)
            return {"modbus_tcp": "%s:%d" % (host, await self.server.start(host, port))}
        path, name = options.modbus_rtu or options.serial, "modbus_rtu" if self.kind == "rtu" else "serial"
        carried = self.wire
        if self.kind == "can":
            self.link = can_link(options.can)
            if self.link["interface"] != "slcan":
                return {"can": options.can}
            carried = self.line = SlcanLine(self.wire, bool(self.table.INFO.get("fd")))
            path, name = self.link["channel"], "can"
        self.server = SerialServer(carried)
        baud = options.baud or self.table.INFO.get("baud", 9600)
        path = await self.server.start(path, baud, self.table.INFO.get("parity", "N"))
        return {name: ("slcan:" if self.kind == "can" else "") + path}

    def run(self):
        """The tasks that make time pass, as coroutines."""
        tasks = [pass_time(self.world)]
        if self.line is not None:
            tasks.append(run_slcan(self.line, self.server))
        elif self.kind == "can":
            tasks.append(run_bus(self.wire, self.link))
        return tasks

    async def stop(self):
        """Close every port."""
        if self.server is not None:
            await self.server.stop()


async def serve(options, out):
    """Serve one profile as the options of simulator.serve say; where it listens goes to out as JSON."""
    bench = Bench(options, load_any(options.profile))
    said = {"profile": bench.table.NAME, "unit": bench.unit, **await bench.start()}
    print(json.dumps(said), file=out, flush=True)
    tasks = [asyncio.ensure_future(task) for task in bench.run()]
    try:
        await asyncio.wait(tasks, timeout=options.seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bench.stop()
        if bench.kind == "can":
            print("sent %d frames" % bench.wire.sent, file=sys.stderr)
        else:
            print("answered %d requests" % bench.wire.requests, file=sys.stderr)
