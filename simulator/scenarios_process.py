# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of the process and of the broker, in real time, with real sockets: 31, 32, 33 (kill -9), 36 (SIGSTOP), B18.

The gateway's own start-up runs in a process of its own (simulator.fault_process). POSIX only.
"""

import contextlib
import signal
import time

from edge.core.faults import LOCKED, RUNNING
from edge.shell.store import FileStore
from simulator.broker import Broker, BrokerError, available
from simulator.fault_process import LATE_MS, Backend, Here, site
from simulator.faults import PLANT, Scenario
from simulator.proxy import Proxy
from simulator.scenarios_pcs import LATE_IS_TOLD, LATE_IS_ZERO

SETTLED, STRIKE, STEPS = 5, 9, 17  # telemetry is offered in the steps 3 and 13
CONTROL_COLUMNS = (1, 2, 3, 5, 8, 9, 10)  # of the trace: what is permitted, mode, sources, quality
LATE, MODE = 4, 5
DISK_S = 20.0
PORT_S = 20.0


# ---- 31, 32: the broker -----------------------------------------------------------------------------------


def kind():
    """The broker that is there."""
    return "amqtt" if available("mosquitto") else "mosquitto"


def control_goes_on(stage, here):
    """From the end of the ramp on every step comes in time and permits the same, which is what the contract allows."""
    rows = here.until(lambda rows: len(rows) >= STEPS, "through %d steps" % STEPS)
    contract = site()["packs"][0]["contract"]
    late_ms = max(row[LATE] for row in rows)
    stage.need(late_ms <= LATE_MS, "a step came %d ms late" % late_ms)
    found = {tuple(row[column] for column in CONTROL_COLUMNS) for row in rows[SETTLED:STEPS]}
    stage.need(len(found) == 1, "control changes: %s" % sorted(found))
    permit = found.pop()[:2]
    stage.need(permit == (contract["charge_ma"], contract["discharge_ma"]), "permit %s mA" % (permit,))
    stage.need(max(here.limits_w()) > 0, "the PCS may do nothing")


def broker(strike, heal):
    """play(): strike(broker, proxy, backend) after some steps, None: the broker is not there from the start. Control
    does not care; after heal(broker, proxy, backend) the backend gets every record, each with one content."""

    def play(stage):
        with contextlib.ExitStack() as stack:
            here = stack.enter_context(Here())
            server = stack.enter_context(Broker(kind()))
            proxy = stack.enter_context(Proxy(server.port))
            backend = stack.enter_context(Backend(server.port))
            if strike is None:
                server.kill()
            here.start(proxy.port)
            here.until(lambda rows: len(rows) >= STRIKE, "through %d steps" % STRIKE)
            if strike is not None:
                stage.need(backend.epoch is not None, "nothing reached the backend before it happened")
                strike(server, proxy, backend)
            control_goes_on(stage, here)
            heal(server, proxy, backend)
            healed_ms = time.monotonic_ns() // 1000000
            here.until(lambda rows: backend.complete(healed_ms), "complete at the backend")
            stage.need(backend.other == 0, "%d numbers came with other content" % backend.other)

    return play


def _kill(server, proxy, backend):
    server.kill()


def _start(server, proxy, backend):
    """Start it again; somebody's outgoing connection may have its port for a moment."""
    end_s = time.monotonic() + PORT_S
    while True:
        try:
            server.start()
            return
        except BrokerError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.2)


def _kill_unheard(server, proxy, backend):
    """What the gateway sends is lost for some seconds before the broker dies: it stays in flight."""
    backend.is_deaf = True
    time.sleep(5.0)
    server.kill()


def _start_heard(server, proxy, backend):
    backend.is_deaf = False
    _start(server, proxy, backend)


def _freeze(server, proxy, backend):
    server.freeze()


def _thaw(server, proxy, backend):
    server.thaw()


def _black_hole(server, proxy, backend):
    proxy.black_hole()


def _lets_through(server, proxy, backend):
    proxy.pass_through()


# ---- 33, 36: the process ----------------------------------------------------------------------------------


def hot(sample):
    """For FaultWorld.says: far above what a cell may be."""
    return sample._replace(temp_mc=(90000,) * len(sample.temp_mc), temp_max_mc=90000, temp_min_mc=90000)


def has_lock(here):
    """True when the gateway's folder holds a lock: a kill later than that may not lose it."""
    state = FileStore(str(here.folder), None).load()
    return bool(state and "packs" in state and state["packs"][0]["faults"]["locked"])


def killed_locked(stage):
    """33: SIGKILL as soon as a lock is on the disk; the next start finds the pack cool and stays locked."""
    with Here() as here:
        here.start()
        here.until(lambda rows: rows and rows[-1][1] > 0, "permitting")
        here.do(lambda world: world.says.update({0: hot}))
        here.until(lambda rows: rows[-1][MODE] == LOCKED, "locked at 90 °C")
        end_s = time.monotonic() + DISK_S
        while not has_lock(here) and time.monotonic() < end_s:
            time.sleep(0.005)
        here.nursery.end()
        here.do(lambda world: world.says.clear())
        here.start()
        rows = here.until(lambda rows: len(rows) >= STEPS, "through %d steps" % STEPS)
        stage.need({row[MODE] for row in rows} == {LOCKED}, "modes %s" % {row[MODE] for row in rows})
        stage.need(max(row[1] + row[2] for row in rows) == 0, "a permit while it is locked")
        stage.need(here.limits_w() == (0, 0), "the PCS holds %s W" % (here.limits_w(),))


def stopped(stage):
    """36: SIGSTOP for 1.8 s and for longer than the PCS's watchdog: the first step afterwards permits nothing, and
    meanwhile the PCS reaches zero by itself."""
    with Here() as here:
        here.start()
        here.until(lambda rows: len(rows) > SETTLED and rows[-1][1] > 0, "permitting")
        for seconds in (LATE_MS / 1000 + 1.2, site()["pcs"]["watchdog_ms"] / 1000 + 1.5):
            here.signal(signal.SIGSTOP)
            before = len(here.rows())
            time.sleep(seconds)
            if seconds > 5.0:
                stage.need(here.limits_w() == (0, 0), "the PCS holds %s W" % (here.limits_w(),))
            here.signal(signal.SIGCONT)
            rows = here.until(lambda rows, before=before: len(rows) > before + 1, "stepping again")
            late = next((row for row in rows[before:] if row[LATE] > LATE_MS), None)
            stage.need(late is not None, "no step was late")
            stage.need(late[1] == late[2] == 0, "%d/%d mA in the late step" % (late[1], late[2]))
            here.until(lambda rows: rows[-1][1] > 0 and rows[-1][MODE] == RUNNING, "permitting again")


RESTORED = ("edge/core/faults.py", '"locked": [f for f in self.names() if LEVEL[f] == LOCK],', '"locked": [],')
# a step that waits for its uplink
WAITS = (
    "edge/loop.py",
    "                uplink.offer(record)\n",
    "                uplink.offer(record)\n"
    "            import time\n"
    "            until_s = time.monotonic() + 2.5\n"
    "            while uplink.backlog and time.monotonic() < until_s:\n"
    "                time.sleep(0.01)\n",
)
# what was in flight when the link broke is not sent again
SENT_AGAIN = (
    ("edge/shell/backlog.py", "        self._next = self.acked + 1\n        self._flight = []\n", "        return\n"),
)
SEPLOS = ("seplos",)
_ROWS: tuple = (
    ("broker_cold", ("4.31", "B18"), "no broker at the start; it comes later", broker(None, _start), (WAITS,)),
    ("broker_killed", ("4.32", "B18"), "the broker is killed, and started again", broker(_kill, _start), (WAITS,)),
    ("broker_resend", ("4.32",), "the same with records in flight", broker(_kill_unheard, _start_heard), SENT_AGAIN),
    ("broker_frozen", ("4.32", "B18"), "the broker is frozen, and goes on", broker(_freeze, _thaw), (WAITS,)),
    (
        "broker_black_hole",
        ("4.32", "B18"),
        "packets to the broker vanish for a while",
        broker(_black_hole, _lets_through),
        (WAITS,),
    ),
    ("killed_locked", ("4.33",), "kill -9 right after a lock", killed_locked, (RESTORED,)),
    ("stopped", ("4.36",), "the process is stopped for a while", stopped, (LATE_IS_ZERO, LATE_IS_TOLD)),
)
SCENARIOS = tuple(Scenario._make((*row[:3], PLANT, *row[3:], SEPLOS, False)) for row in _ROWS)
