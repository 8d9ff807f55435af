# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A simulated rack around a virtual board: BMS, PCS and meter on the UARTs of the board, or on Modbus TCP, as the
site.yaml says that is there; without one it is written. The engineer's meter and the panel of the PCS are lines on the
console of `reuse-edge sim board`."""

import asyncio
import os
import threading
from typing import Any

from bms_bridge.compile_yaml import ProfileError, read_yaml
from simulator.can_serve import SlcanLine, run_slcan
from simulator.can_wire import CanWire
from simulator.pcs import IN_RATE, OUT_RATE, REVERT
from simulator.serial_wire import SerialWire
from simulator.serve import Served
from simulator.wire import Wire, WorldSource
from simulator.wire_serve import SerialServer, ServeError, load_any, world_for

BAUD = 19200
UNITS = (1, 1, 2)  # of pack, PCS and meter where site.yaml is to be written
FREE = "tcp:127.0.0.1:0"
SITE = """\
# Written by `reuse-edge sim board --site`: a simulated rack around a virtual board. Yours to change.
site: gumi-014
org: demo
mode: observe
period_s: 1

packs:
  - id: pack-1
    serial: "{serial}"
    bms: {bms}
    connection: {pack}
    unit: 1
    cells: {cells}
    temps: {temps}
    chemistry: {chemistry}
    capacity_ah: {capacity_ah}{opening}
    maker:
{maker}
    grade:
{grade}

pcs:
  profile: sunspec_pcs
  connection: {pcs}
  unit: 1
  power_w: {power_w}
  watchdog_s: 5

meter:
  profile: sunspec_meter
  connection: {meter}
  unit: {unit}

uplink:
  host: 127.0.0.1
  port: 1883
"""
OPENING = "\n    opening_path: fuse of the simulated rack  # this BMS does not open by itself"
WHOLE = {"ma": "a", "mv": "v", "mc": "c", "mah": "ah"}


def section(values):
    """Lines of site.yaml for a section of settings, in A, V, C and Ah."""
    lines = []
    for key, value in values.items():
        stem, _, unit = key.rpartition("_")
        known = unit in WHOLE
        lines.append(
            "      %s: %s" % (stem + "_" + WHOLE[unit] if known else key, "%g" % (value / 1000) if known else value)
        )
    return "\n".join(lines)


def cells_of(table):
    """Cells of a pack for a BMS with that table: 96 of a car, or the 16 of a rack module."""
    return 96 if table.CELLS and table.CELLS >= 96 else 16


def connection_of(table, uart):
    """`connection:` of a BMS with that table on a UART of a board."""
    bus = getattr(table, "BUS", "modbus")
    if bus == "can":
        return "can:slcan:uart%d:%d" % (uart, table.INFO.get("bitrate", 500000))
    if bus == "serial":
        return "serial:uart%d:%d" % (uart, table.INFO.get("baud", 9600))
    return "rtu:uart%d:%d" % (uart, BAUD)


def wiring_of(site):
    """(profile of the BMS, number of cells, [(connection, unit) of pack, PCS and meter]) of a site.yaml, None: there is
    none. Raises ServeError for a file that says nothing of them."""
    if not os.path.exists(site):
        return None
    try:
        text = read_yaml(site).plain()
        rows = [text["packs"][0], text["pcs"], text.get("meter") or {}]
        pack = text["packs"][0]
        return pack["bms"], int(pack["cells"]), [(row.get("connection", ""), row.get("unit", 1)) for row in rows]
    except ProfileError as error:
        raise ServeError(str(error)) from None
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        raise ServeError("%s: is no site.yaml with packs and pcs\n  → reuse-edge check %s" % (site, site)) from None


def uart_of(connection):
    """Number of the UART that a connection names, or None."""
    found = [word[4:] for word in connection.split(":") if word[:4] == "uart" and word[4:].isdecimal()]
    return int(found[0]) if found else None


def uarts_of(site):
    """Numbers of the UARTs that a site.yaml names, in its order; [] without one."""
    wired = wiring_of(site)
    numbers = [uart_of(connection) for connection, _ in wired[2]] if wired else []
    return list(dict.fromkeys(number for number in numbers if number is not None))


class Rack:
    """World and servers in a thread of their own; use it in a `with`. uarts: {number: far end of that UART}. site: path
    of the site.yaml, written when there is none: BMS on the first UART, PCS and meter on the second one or on TCP. bms:
    profile of the BMS where it is written. lines: {connection on a UART: (its number, what speaks there)}. Raises
    ServeError and OSError."""

    def __init__(self, uarts, site, bms="seplos_v3"):
        wired = wiring_of(site)
        self.bms, cells, self._rows = wired or (bms, None, None)
        self.table = load_any(self.bms)
        if self.table.KIND != "bms":
            raise ServeError("%s is the profile of a %s\n  → name that of a BMS" % (self.bms, self.table.KIND))
        self.world = world_for(self.table, 3, cells or cells_of(self.table))[0]
        self.site = site
        self._uarts = uarts
        if self._rows is None:
            numbers = list(uarts)
            second = "rtu:uart%d:%d" % (numbers[1], BAUD) if len(numbers) > 1 else FREE
            places = (connection_of(self.table, numbers[0]), second, second)
            self._rows = [(place, unit if place != FREE else 1) for place, unit in zip(places, UNITS)]
        self.lines = self._wired()
        self._ready = threading.Event()
        self._task: Any = None
        self._error: OSError | None = None
        self._loop: Any = None
        self._thread: Any = None

    def _wired(self):
        """See lines."""
        found: dict = {}
        for device, (connection, unit) in enumerate(self._rows):
            if uart_of(connection) is not None:
                found.setdefault(connection, {})[unit] = device
        made = {}
        for connection, devices in found.items():
            number = uart_of(connection)
            if number not in self._uarts:
                what = "%s: the board has no UART %d" % (self.site, number)
                raise ServeError("%s\n  → give it one: --uart %d" % (what, number))
            made[connection] = number, self._spoken(connection.partition(":")[0], devices)
        return made

    def _spoken(self, kind, devices):
        """What speaks on a line of that kind. devices: {unit: number of the device}."""
        unit = next(iter(devices))
        if kind == "can":
            own = unit if getattr(self.table, "ADDRESS", None) else None
            wire = CanWire(self.table, lambda: self.world.samples[0], 1, own)
            return SlcanLine(wire, bool(self.table.INFO.get("fd")))
        if kind == "serial":
            return SerialWire(self.table, unit, lambda: self.world.samples[0])
        return Wire("rtu", WorldSource(self.world, devices), 1)

    def told(self):
        """{number of a UART: what is on it}."""
        names = {"can": "the BMS on CAN, behind an slcan adapter,", "serial": "the BMS"}
        found = {}
        for connection, (number, _) in self.lines.items():
            devices = [name for name, row in zip(("BMS", "PCS", "meter"), self._rows) if row[0] == connection]
            found[number] = names.get(connection.partition(":")[0], "the %s" % " and the ".join(devices))
        return found

    async def _serve(self):
        served = Served(self.world)
        servers, tasks = [], []
        try:
            for connection, (number, spoken) in self.lines.items():
                server = SerialServer(spoken)
                servers.append(server)
                await server.start(self._uarts[number], BAUD)
                if connection.startswith("can:"):
                    tasks.append(asyncio.ensure_future(run_slcan(spoken, server)))
            self._write([await self._listen(served, device) for device in range(len(self._rows))])
            tasks.append(asyncio.ensure_future(served.run()))
            self._task = asyncio.gather(*tasks)
        except OSError as error:
            self._error = error
        self._ready.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await served.stop()
        for server in servers:
            await server.stop()

    async def _listen(self, served, device):
        """The connection of a device, at which it answers now. One of another machine is left alone."""
        connection = self._rows[device][0]
        if not connection.startswith("tcp:127.0.0.1:"):
            return connection
        port = int(connection.rpartition(":")[2])
        return "tcp:127.0.0.1:%d" % await served.servers[device].start(port)

    def _write(self, places):
        if not os.path.exists(self.site):
            site = self.world.settings
            pack = site["packs"][0]
            given = {key: pack[key] for key in ("serial", "cells", "temps", "chemistry")}
            given.update(zip(("pack", "pcs", "meter"), places), bms=self.bms, unit=self._rows[2][1])
            given.update(maker=section(pack["maker"]), grade=section(pack["grade"]))
            given["opening"] = OPENING if getattr(self.table, "PROTECTION", None) == "external_contactor" else ""
            given.update(capacity_ah="%g" % (pack["capacity_mah"] / 1000), power_w=site["pcs"]["power_w"])
            text = SITE.format(**given)
            with open(self.site, "w", encoding="utf-8") as file:
                file.write(text)

    def meter(self):
        """What the engineer's meter and the panel of the PCS show, as a line."""
        plant = self.world.plants[0]
        charge_w, discharge_w = self.world.pcs.limits_w()
        amps = self.world.truth().current_ma / 1000
        numbers = (float(plant.cell_v.sum()), amps, charge_w, discharge_w)
        return "meter: %.2f V, %+.1f A (+ charges); the PCS may charge %.0f W, discharge %.0f W" % numbers

    def flow(self, watts):
        """Somebody at the panel of the PCS lets so much in, W; nothing out."""
        pcs = self.world.pcs
        pcs.registers.update({IN_RATE: watts * 10000 // pcs.power_w, OUT_RATE: 0, REVERT: 0})

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._thread.start()
        self._ready.wait(20)
        if self._error is not None:
            self._thread.join(20)
            raise self._error
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        self._loop.close()
