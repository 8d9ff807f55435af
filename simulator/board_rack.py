# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A simulated rack around a virtual board: the BMS on the board's UART, PCS and meter on Modbus TCP, and the site.yaml
that says so. The engineer's meter and the panel of the PCS are lines on the console of `reuse-edge sim board`."""

import asyncio
import os
import re
import threading
from typing import Any

from simulator.pcs import IN_RATE, OUT_RATE, REVERT
from simulator.serve import TICK_MS, Served
from simulator.sites import DEMO_TRUTH, settings
from simulator.wire import Wire, WorldSource
from simulator.wire_serve import SerialServer
from simulator.world import World

BAUD = 19200
PORT = re.compile(r"tcp:127\.0\.0\.1:(\d+)")
SITE = """\
# Written by `reuse-edge sim board --site`: a simulated rack around a virtual board. Yours to change.
site: gumi-014
org: demo
mode: observe
period_s: 1

packs:
  - id: pack-1
    serial: "{serial}"
    bms: seplos_v3
    connection: rtu:uart{uart}:{baud}
    unit: 1
    cells: 16
    temps: 4
    chemistry: lfp
    capacity_ah: 280
    maker:
      charge_a: 140
      discharge_a: 140
      cell_max_v: 3.65
      cell_min_v: 2.5
      temp_max_c: 55
      temp_min_c: -20
      temp_min_charge_c: 0
    grade:
      charge_a: 90
      discharge_a: 100
      capacity_ah: 238
      capacity_std_ah: 5
      grade: B
      body: KTR
      date: 2026-03-02

pcs:
  profile: sunspec_pcs
  connection: tcp:127.0.0.1:{pcs}
  unit: 1
  power_w: 10000
  watchdog_s: 5

meter:
  profile: sunspec_meter
  connection: tcp:127.0.0.1:{meter}
  unit: 1

uplink:
  host: 127.0.0.1
  port: 1883
"""


class Rack:
    """World and servers in a thread of their own; use it in a `with`. uart, path: number and far end of the UART on
    which the BMS is. site: path of the site.yaml, written when there is none; its ports are kept."""

    def __init__(self, uart, path, site):
        self.world = World(settings("lfp16"), 3, step_ms=TICK_MS, **DEMO_TRUTH)
        self.site = site
        self._uart, self._path = uart, path
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._task: Any = None
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    async def _serve(self):
        served = Served(self.world)
        line = SerialServer(Wire("rtu", WorldSource(self.world, {1: 0}), 1))
        try:
            await line.start(self._path, BAUD)
            wanted = self._ports()
            ports = {link: await served.servers[link].start(wanted.get(link, 0)) for link in (1, 2)}
            self._write(ports)
            self._task = asyncio.ensure_future(served.run())
        except OSError as error:
            self._error = error
        self._ready.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await served.stop()
        await line.stop()

    def _ports(self):
        """{link: port} of the site.yaml that is there."""
        if not os.path.exists(self.site):
            return {}
        with open(self.site, encoding="utf-8") as file:
            found = PORT.findall(file.read())
        return dict(zip((1, 2), map(int, found)))

    def _write(self, ports):
        if not os.path.exists(self.site):
            serial = self.world.settings["packs"][0]["serial"]
            text = SITE.format(uart=self._uart, baud=BAUD, serial=serial, pcs=ports[1], meter=ports[2])
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
