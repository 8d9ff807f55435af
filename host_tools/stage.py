# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The stage of the demo: world, broker, receiver and controller, started and stopped together."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from edge.shell import store as slots
from host_tools.receiver import Receiver
from host_tools.verdict import Look, Played
from simulator.broker import Broker, free_port
from simulator.cells import cell_file
from simulator.lockstep import find_vm
from simulator.pcs import IN_RATE, OUT_RATE
from simulator.serve import Served, with_ports
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import World
from simulator.year import play

HEAP = "448k"
CLOUD = 0.3
CLOUD_MS = 16000
STOP_S = 5.0


def demo_settings():
    """Settings of the demo's site: a 16-cell LFP pack behind a Seplos BMS, a PCS and a meter."""
    site = settings("lfp16")
    site.update(site="gumi-014", org="demo", device="gumi-014")
    site["packs"][0].update(id="LFP16-0231", serial="SP05B2312190075", cell=cell_file("lfp"))
    site["pcs"].update(watchdog_ms=5000, obey_ms=1000)
    return site


def play_past(seed, days, progress):
    """Play days simulated days through the core; returns (world, state to go on from).

    progress(done, total) is called as the work goes on.
    """
    site = demo_settings()
    world = World(site, seed, **DEMO_TRUTH)
    return world, play(world, site, days, progress=progress)


class Stage:
    """Everything that runs in the demo. folder: where state, database and compiled code live.

    runtime: "micropython" or "cpython". Start with await start(), end with await stop().
    """

    def __init__(self, world, state, folder, runtime, broker_kind="amqtt"):
        self.world = world
        self.folder = Path(folder)
        self.runtime = runtime
        self.settings = demo_settings()
        self.db = self.folder / "receiver.db"
        self.broker = Broker(broker_kind)
        self.served = Served(world)
        self.receiver = None
        self.controller = None
        self.looks = []
        self.played = []
        self.ended_s = None
        self.status_port = None
        self._state = state
        self._task = None
        self._open = {}
        self._clouded = False

    async def start(self):
        """Start servers, broker, receiver and controller; raises OSError or BrokerError with the reason."""
        ports = await self.served.start()
        self._task = asyncio.create_task(self.served.run(self._look))
        await asyncio.to_thread(self.broker.start)
        self.world.mishaps.hook("broker_killed", self._strike_broker)
        self.receiver = Receiver("127.0.0.1", self.broker.port, self.db, "demo").start()
        self.status_port = free_port()
        live = with_ports(self.settings, ports)
        live["uplink"] = {
            "host": "127.0.0.1",
            "port": self.broker.port,
            "keepalive_s": 20,
            "gather_s": 0,
            "status_port": self.status_port,
        }
        (self.folder / "settings.json").write_text(json.dumps(live), encoding="utf-8")
        with open(self.folder / "state.1", "wb") as file:
            # the played past ended this moment, whatever its calendar said
            slots.write(file, 1, dict(self._state, utc_s=int(time.time())), lambda each: each.flush())
        self.controller = await asyncio.to_thread(self._spawn)

    def _spawn(self):
        log = open(self.folder / "controller.log", "wb")
        environ = dict(os.environ)
        if self.runtime == "micropython":
            from host_tools import bundle

            code = self.folder / "board"
            bundle.build(code, json.loads((self.folder / "settings.json").read_text(encoding="utf-8")))
            environ["MICROPYPATH"] = str(code) + ":.frozen"
            words = [find_vm(), "-X", "heapsize=" + HEAP, "-m", "edge.shell.vm", str(self.folder)]
        else:
            words = [sys.executable, "-m", "host_tools.run", str(self.folder / "settings.json")]
            words += ["--state", str(self.folder)]
            root = str(Path(__file__).resolve().parent.parent)
            environ["PYTHONPATH"] = root + os.pathsep + environ.get("PYTHONPATH", "")
        with log:
            return subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, cwd=self.folder
            )

    def _cloud(self, on):
        """A still reading shows only when its neighbours move: the sun goes behind a cloud, or comes back."""
        self._clouded = on
        self.world.day.power_w *= CLOUD if on else 1 / CLOUD

    def _look(self, now_ms):
        if "cell_frozen" in self._open and not self._clouded:
            if now_ms - self._open["cell_frozen"][0] > CLOUD_MS:
                self._cloud(True)
        charge_w, discharge_w = self.world.pcs.limits_w()
        current_ma = int(self.world.plants[0].current_a * 1000)
        self.looks.append(Look(now_ms, current_ma, charge_w, discharge_w))

    def _strike_broker(self, on):
        if on:
            self.broker.kill()
        else:
            self.broker.start()

    def toggle(self, name):
        """Start the mishap called name, or stop it when it is on; returns True when it is on now."""
        now_ms = self.world.now_ms
        if name == "cell_frozen" and self._clouded:
            self._cloud(False)
        if name in self._open:
            self.world.mishaps.stop(name, now_ms)
            start_ms, wall_s = self._open.pop(name)
            self.played.append(Played(name, start_ms, now_ms, wall_s))
            return False
        self.world.mishaps.start(name, now_ms)
        self._open[name] = (now_ms, time.time())
        return True

    @property
    def active(self):
        """Names of the mishaps that are on."""
        return sorted(self._open)

    def controller_error(self):
        """The last line of the controller's log when it has ended by itself, else None."""
        if self.controller is None or self.controller.poll() is None:
            return None
        lines = (self.folder / "controller.log").read_text(encoding="utf-8", errors="replace").strip().split("\n")
        return "the controller ended (exit %s): %s" % (self.controller.returncode, lines[-1])

    async def stop(self):
        """Stop the controller, wait for what it still has to report, then stop the rest."""
        for name in list(self._open):
            self.toggle(name)
        self.ended_s = time.time()
        if self.controller is not None and self.controller.poll() is None:
            self.controller.terminate()
            try:
                await asyncio.to_thread(self.controller.wait, STOP_S)
            except subprocess.TimeoutExpired:
                self.controller.kill()
        if self.receiver is not None:
            await asyncio.to_thread(self.receiver.stop)
        await asyncio.to_thread(self.broker.stop)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.served.stop()

    def write_times(self):
        """World times (ms) at which a limit was written to the PCS."""
        return [at for at, _, address, _ in self.served.writes if address <= IN_RATE and address >= OUT_RATE]
