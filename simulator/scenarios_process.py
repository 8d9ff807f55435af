# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of the process and of the broker, in real time, with real sockets: 31, 32, 33 (kill -9), 36 (SIGSTOP), B18.

The gateway's own start-up runs in a process of its own; the world is served by a thread of this one. POSIX only.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
import traceback
from pathlib import Path

from bms_bridge.tables import load
from edge.core.faults import LOCKED
from edge.core.settings import with_defaults
from edge.shell import gateway
from simulator.broker import Broker, available, free_port
from simulator.fault_rig import FaultWorld
from simulator.faults import PLANT, Scenario
from simulator.proxy import Proxy
from simulator.scenarios_pcs import LATE_IS_TOLD, LATE_IS_ZERO
from simulator.serve import Served, with_ports
from simulator.sites import settings

PATIENCE_S = 40.0
SETTLED, STRIKE, STEPS = 5, 6, 14
CONTROL_COLUMNS = (1, 2, 3, 5, 8, 9, 10)  # of the trace: what is permitted, mode, sources, quality
LATE, MODE = 4, 5


def site():
    """Settings whose ramp reaches its end in two steps."""
    made = settings()
    made["packs"][0]["contract"] = {"charge_ma": 5000, "discharge_ma": 5000}
    return made


def still():
    """A world that rests, without noise: every run of it is the same."""
    world = FaultWorld(site(), 7, plants=[{"soc": 0.5}], step_ms=100)
    world.bms[0].vices = world.bms[0].vices._replace(noise_ma=0.0, noise_mv=0.0)
    return world


class Here:
    """A world on its sockets, served by a thread, and gateways that are started on it. A context manager."""

    def __init__(self, uplink_port=None):
        self.world = still()
        self.uplink_port = uplink_port
        self.folder = Path(tempfile.mkdtemp())
        self.child = None
        self._loop = asyncio.new_event_loop()
        self._ports = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._ready.wait(PATIENCE_S)
        return self

    def __exit__(self, *_):
        self.kill()
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serve(self):
        async def run():
            served = Served(self.world)
            self._ports = await served.start()
            self._task = asyncio.current_task()
            self._ready.set()
            try:
                await served.run()
            finally:
                await served.stop()

        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(run())
        self._loop.close()

    def start(self):
        """Start the gateway as `reuse-edge run` does, in a forked process."""
        made = with_ports(site(), self._ports)
        if self.uplink_port:
            made["uplink"] = {"host": "127.0.0.1", "port": self.uplink_port, "keepalive_s": 5, "gather_s": 0}
        (self.folder / "trace").unlink(missing_ok=True)
        self.child = os.fork()
        if self.child == 0:
            code = 1
            try:
                sink = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.dup2(sink, 1)
                os.dup2(sink, 2)
                with open(self.folder / "trace", "w", encoding="utf-8", buffering=1) as trace:
                    code = asyncio.run(gateway.run(with_defaults(made), str(self.folder), load, trace))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)

    def kill(self, number=signal.SIGKILL):
        """Send it a signal; SIGKILL also reaps it."""
        if self.child:
            os.kill(self.child, number)
            if number == signal.SIGKILL:
                os.waitpid(self.child, 0)
                self.child = None

    def rows(self):
        """Whole lines of the trace so far, as lists of integers."""
        path = self.folder / "trace"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [[int(word) for word in line.split()] for line in text[: text.rfind("\n") + 1].splitlines()]

    def until(self, question):
        """Wait until question(rows) says yes; the rows then."""
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            rows = self.rows()
            if question(rows):
                return rows
            time.sleep(0.05)
        return self.rows()


def controlled(rows):
    """The control columns of the rows after the ramp."""
    return [[row[column] for column in CONTROL_COLUMNS] for row in rows[SETTLED:STEPS]]


# ---- 31, 32: the broker -----------------------------------------------------------------------------------


def kind():
    """The broker that is there."""
    return "amqtt" if available("mosquitto") else "mosquitto"


def with_broker(stage, way):
    """Control columns of a gateway whose broker is treated that way after STRIKE steps."""
    with contextlib.ExitStack() as stack:
        if way == "never there":
            port, broker = free_port(), None
        else:
            broker = stack.enter_context(Broker(kind()))
            proxy = stack.enter_context(Proxy(broker.port))
            port = proxy.port
        here = stack.enter_context(Here(port))
        here.start()
        here.until(lambda rows: len(rows) >= STRIKE)
        if way == "killed":
            broker.kill()
        elif way == "frozen":
            broker.freeze()
            stack.callback(broker.thaw)
        elif way == "black hole":
            proxy.black_hole()
        rows = here.until(lambda rows: len(rows) >= STEPS)
        stage.need(
            len(rows) >= STEPS,
            "%s: %d steps, %s" % (way, len(rows), (here.folder / "log").read_text(encoding="utf-8")[-300:]),
        )
        late_ms = max(row[LATE] for row in rows)
        stage.need(late_ms <= site()["late_ms"], "%s: a step came %d ms late" % (way, late_ms))
        stage.need(rows[-1][1] > 0 and max(here.world.pcs.limits_w()) > 0, "%s: no permit" % way)
        return controlled(rows)


def broker(way):
    """play(): control with that broker is what it is with none."""

    def play(stage):
        right = with_broker(stage, "never there")
        stage.need(with_broker(stage, way) == right, "%s: control differs" % way)

    return play


# ---- 33, 36: the process ----------------------------------------------------------------------------------


def hot(sample):
    """For FaultWorld.says: far above what a cell may be."""
    return sample._replace(temp_mc=(90000,) * len(sample.temp_mc), temp_max_mc=90000, temp_min_mc=90000)


def killed_locked(stage):
    """33: SIGKILL right after a lock; the next start finds the pack cool and stays locked."""
    with Here() as here:
        here.start()
        here.until(lambda rows: rows and rows[-1][1] > 0)
        here.world.says[0] = hot
        rows = here.until(lambda rows: rows and rows[-1][MODE] == LOCKED)
        stage.need(rows[-1][MODE] == LOCKED, "not locked at 90 °C")
        time.sleep(0.3)  # the disk of this machine
        here.kill()
        here.world.says.clear()
        here.start()
        rows = here.until(lambda rows: len(rows) >= STEPS)
        stage.need(len(rows) >= STEPS and {row[MODE] for row in rows} == {LOCKED}, "modes %s" % {r[MODE] for r in rows})
        stage.need(max(row[1] + row[2] for row in rows) == 0, "a permit while it is locked")
        stage.need(here.world.pcs.limits_w() == (0, 0), "the PCS holds %s W" % (here.world.pcs.limits_w(),))


def stopped(stage):
    """36: SIGSTOP for 1.8 s and for longer than the PCS's watchdog: the first step afterwards permits nothing, and
    meanwhile the PCS reaches zero by itself."""
    with Here() as here:
        here.start()
        here.until(lambda rows: len(rows) > SETTLED and rows[-1][1] > 0)
        for seconds in (1.8, site()["pcs"]["watchdog_ms"] / 1000 + 1.5):
            here.kill(signal.SIGSTOP)
            before = len(here.rows())
            time.sleep(seconds)
            if seconds > 5.0:
                stage.need(here.world.pcs.limits_w() == (0, 0), "the PCS holds %s W" % (here.world.pcs.limits_w(),))
            here.kill(signal.SIGCONT)
            rows = here.until(lambda rows, before=before: len(rows) > before + 1)
            late = next((row for row in rows[before:] if row[LATE] > site()["late_ms"]), None)
            stage.need(late is not None, "no step was late")
            stage.need(late[1] == late[2] == 0, "%d/%d mA in the late step" % (late[1], late[2]))
            here.until(lambda rows, before=before: len(rows) > before + 6 and rows[-1][1] > 0)


RESTORED = ("edge/core/faults.py", '"locked": [f for f in self.names() if FAULTS[f][1] == LOCK],', '"locked": [],')
# a step that waits for its uplink
WAITS = (
    "edge/loop.py",
    "                uplink.offer(record)\n",
    "                uplink.offer(record)\n"
    "            import time\n"
    "            until_s = time.monotonic() + 1.5\n"
    "            while not uplink.connected and time.monotonic() < until_s:\n"
    "                time.sleep(0.01)\n",
)
SEPLOS = ("seplos",)
_ROWS: tuple = (
    ("broker_cold", ("4.31", "B18"), "the broker is frozen; or was never there", broker("frozen"), (WAITS,)),
    ("broker_killed", ("4.32", "B18"), "the broker is killed", broker("killed"), (WAITS,)),
    ("broker_black_hole", ("4.32", "B18"), "packets to the broker vanish", broker("black hole"), (WAITS,)),
    ("killed_locked", ("4.33",), "kill -9 right after a lock", killed_locked, (RESTORED,)),
    ("stopped", ("4.36",), "the process is stopped for a while", stopped, (LATE_IS_ZERO, LATE_IS_TOLD)),
)
SCENARIOS = tuple(Scenario._make((*row[:3], PLANT, *row[3:], SEPLOS, False)) for row in _ROWS)
