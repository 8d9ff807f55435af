# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A gateway as a process of its own on a world in real time, with a broker and a backend. POSIX only.

The world is served by a thread of this process. Gateways are forked by a nursery, a process without threads: what is
forked beside a running thread may find a lock that nobody opens any more. When this process dies, so do they.
"""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import tempfile
import threading
import time
import traceback
from pathlib import Path

from bms_bridge.tables import load
from bms_bridge.transports import gateway_modbus
from edge.core.settings import with_defaults
from edge.shell import cbor, gateway
from edge.shell.link import topic_root
from edge.shell.mqtt import Client, Dialer
from simulator.fault_rig import FaultWorld
from simulator.faults import Failed
from simulator.serve import Served, with_ports
from simulator.sites import settings

PATIENCE_S = 60.0
LINES = gateway_modbus  # loaded here and now: a gateway that loads it later might find a newer file beside older ones
LATE_MS = 900  # a machine with other work is not the fault that is played


def site():
    """Settings whose ramp reaches its end in two steps."""
    made = settings()
    made["late_ms"] = LATE_MS
    made["packs"][0]["contract"] = {"charge_ma": 5000, "discharge_ma": 5000}
    return made


def still():
    """A world that rests, without noise: every run of it is the same."""
    world = FaultWorld(site(), 7, plants=[{"soc": 0.5}], step_ms=100)
    world.bms[0].vices = world.bms[0].vices._replace(noise_ma=0.0, noise_mv=0.0)
    return world


class Nursery:
    """Starts one gateway after the other. Make it before any thread of this process runs."""

    def __init__(self):
        asks, self._ask = os.pipe()
        self._answer, answers = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._ask)
            os.close(self._answer)
            try:
                with os.fdopen(asks, "rb") as source:
                    _nurse(source, answers)
            finally:
                os._exit(0)
        os.close(asks)
        os.close(answers)

    def _do(self, word):
        os.write(self._ask, json.dumps(word).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            piece = os.read(self._answer, 64)
            if not piece:
                raise Failed("the process that starts gateways has died")
            answer += piece
        return int(answer)

    def start(self, made, folder):
        """Start a gateway with those settings in folder; its process number."""
        return self._do([made, str(folder)])

    def lives(self):
        """True while the gateway runs or is stopped."""
        return self._do("lives") == 1

    def end(self):
        """SIGKILL to the gateway, and wait for its end."""
        self._do("end")

    def close(self):
        """End everything."""
        os.close(self._ask)
        os.waitpid(self._pid, 0)
        os.close(self._answer)


def _nurse(source, answers):
    child = 0

    def lives(how=os.WNOHANG):
        nonlocal child
        if child and os.waitpid(child, how)[0] == child:
            child = 0
        return int(child != 0)

    def end():
        if lives():
            os.kill(child, signal.SIGKILL)
            lives(0)
        return 0

    try:
        for line in source:
            word = json.loads(line)
            answer = lives() if word == "lives" else end()
            if isinstance(word, list):
                child = answer = os.fork()
                if child == 0:
                    _gateway(*word)
            os.write(answers, b"%d\n" % answer)
    finally:
        end()


def _gateway(made, folder):
    """Run a gateway as `reuse-edge run` does, and end the process."""
    code = 1
    try:
        sink = os.open(folder + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        with open(folder + "/trace", "w", encoding="utf-8", buffering=1) as trace:
            code = asyncio.run(gateway.run(with_defaults(made), folder, load, trace, print))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class Here:
    """A world on its sockets and gateways that are started on it. A context manager; enter it before any thread
    runs."""

    def __init__(self):
        self.nursery = Nursery()
        self.world = still()
        self.folder = Path(tempfile.mkdtemp())
        self.pid = None
        self._loop = asyncio.new_event_loop()
        self._ports = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # a client that is killed is no page of log
        self._thread.start()
        if not self._ready.wait(PATIENCE_S):
            raise Failed("the world is not served")
        return self

    def __exit__(self, *_):
        self.nursery.close()
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

    def do(self, change):
        """What change(world) returns, done between two of its steps."""

        async def work():
            return change(self.world)

        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(PATIENCE_S)

    def limits_w(self):
        """(charge, discharge) that the PCS holds."""
        return self.do(lambda world: world.pcs.limits_w())

    def start(self, uplink_port=None):
        """Start a gateway; what an earlier one left is still in its folder."""
        made = with_ports(site(), self._ports)
        if uplink_port:
            made["uplink"] = {"host": "127.0.0.1", "port": uplink_port, "keepalive_s": 5, "gather_s": 0}
        (self.folder / "trace").unlink(missing_ok=True)
        self.pid = self.nursery.start(made, self.folder)

    def signal(self, number):
        """Send the gateway a signal."""
        os.kill(self.pid, number)

    def rows(self):
        """Whole lines of the trace so far, as lists of integers."""
        path = self.folder / "trace"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [[int(word) for word in line.split()] for line in text[: text.rfind("\n") + 1].splitlines()]

    def until(self, question, what):
        """Wait until question(rows) says yes; the rows then. Failed when it does not, or when the gateway ends."""
        end_s = time.monotonic() + PATIENCE_S
        while True:
            lives, rows = self.nursery.lives(), self.rows()
            if question(rows):
                return rows
            if not lives or time.monotonic() > end_s:
                raise Failed(
                    "%s: not %s after %d steps%s" % (self.said(), what, len(rows), "" if lives else ", it ended")
                )
            time.sleep(0.05)

    def said(self):
        """The last words of the gateway."""
        path = self.folder / "log"
        lines = path.read_text(encoding="utf-8").strip().splitlines() if path.exists() else []
        return lines[-1][-200:] if lines else "the gateway"


class Backend:
    """Takes every record of a site from the broker and acknowledges it, in a thread. A context manager."""

    def __init__(self, port):
        self.held = {}  # {(epoch, seq): bytes}
        self.born_ms = {}  # {(epoch, seq): mono_ms}
        self.epoch = None  # the newest
        self.is_deaf = False  # then it takes nothing and acknowledges nothing
        self.other = 0  # times that the same number came with other content
        self._root = topic_root(site())
        self._dialer_of = lambda: Dialer("127.0.0.1", port)
        self._dirty = False
        self._ends = False  # beside cancel(), which asyncio.wait_for of Python 3.11 may swallow
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._task = self._loop.create_task(self._serve())
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends = True
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def _run(self):
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    async def _serve(self):
        while not self._ends:
            with contextlib.suppress(OSError):
                await self._session(self._dialer_of())
            await asyncio.sleep(0.1)

    async def _session(self, dialer):
        client = Client(dialer, "backend", 20, self._take)
        reader = None
        try:
            await client.connect(_now_ms())
            await client.subscribe((self._root + "rec",), _now_ms())
            reader = asyncio.ensure_future(self._read(client))
            while not self._ends and not reader.done():
                await client.service(_now_ms())
                if self._dirty:
                    self._dirty = False
                    epoch, upto = self.whole()
                    await client.publish(self._root + "ack", cbor.encode({1: epoch, 2: upto}), _now_ms(), True)
                await asyncio.sleep(0.05)
        finally:
            if reader is not None:
                reader.cancel()
            client.close()

    async def _read(self, client):
        with contextlib.suppress(OSError):
            while True:
                await client.receive()

    def _take(self, topic, payload, retained):
        if self.is_deaf:
            return
        body = cbor.decode(payload)
        key = body[1], body[2]
        self.epoch = body[1]
        self.other += self.held.setdefault(key, payload) != payload
        self.born_ms[key] = body[4]
        self._dirty = True

    def whole(self):
        """(epoch, seq) up to which everything of the newest epoch is here."""
        epoch, upto = self.epoch, 0
        while (epoch, upto + 1) in self.held:
            upto += 1
        return epoch, upto

    def complete(self, since_ms):
        """True when everything is here up to a record born after since_ms, and nothing is a hole."""
        if self.epoch is None:
            return False
        epoch, upto = self.whole()
        return upto == len(self.held) and self.born_ms.get((epoch, upto), 0) > since_ms


def _now_ms():
    return time.monotonic_ns() // 1000000
