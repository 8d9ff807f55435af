# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Start-up of a controller on a Linux gateway (CPython): the same loop, pymodbus and paho around it."""

import asyncio
import gc
import json
import logging
import os
import queue
import signal
import threading
import time

from edge.core.site import Site
from edge.loop import loop, zero_all
from edge.shell import gateway_journal, gateway_notify, gateway_tls
from edge.shell.control import ALIVE_MS, Guarded, Watch, control
from edge.shell.gateway_details import details
from edge.shell.gateway_signed import verify_of
from edge.shell.gateway_uplink import GatewayUplink
from edge.shell.journal_ports import Journaled
from edge.shell.link import ack_key
from edge.shell.refusal import Telling
from edge.shell.shelf import Shelf
from edge.shell.started import digest_of, started
from edge.shell.status import serve
from edge.shell.store import FileStore, pieces
from edge.shell.wiring import Silent, Wiring

SYNCHRONISED = "/run/systemd/timesync/synchronized"
END_S = 0.5
LAST_ZERO_S = 1.0  # the last zero may need a reconnect-free round trip to reach the wire


class GatewayClock:
    """Clock port: CLOCK_MONOTONIC, and the system's wall time with its quality."""

    def now_ms(self):
        """Monotonic milliseconds."""
        return time.monotonic_ns() // 1000000

    def utc_s(self):
        """(seconds since 1970, quality): 3 when the system says that it is synchronised, else 2 (RTC)."""
        return int(time.time()), 3 if os.path.exists(SYNCHRONISED) else 2


class LateStore:
    """Store port that writes in a thread of its own: a slow disk never delays a step.

    Only the newest state waits; a state that was overtaken is not written. close() writes what waits.
    """

    def __init__(self, store):
        self.store = store
        self._queue = queue.Queue(1)
        self._thread = threading.Thread(target=self._write, name="store", daemon=True)
        self._thread.start()

    @property
    def saved(self):
        """state["save"] of the newest state that is durable: written, synced and closed."""
        return self.store.saved

    def load(self):
        """The newest whole state or None."""
        return self.store.load()

    def save(self, state):
        """Hand state, as it is now, to the writer and return at once."""
        state = json.loads("".join(pieces(state)))
        try:
            self._queue.get_nowait()
        except queue.Empty:
            pass
        self._queue.put_nowait(state)

    def close(self, timeout_s=10.0):
        """Write what waits; give up after timeout_s (the slot before stays whole)."""
        self._queue.put(None, timeout=timeout_s)
        self._thread.join(timeout_s)

    def _write(self):
        while (state := self._queue.get()) is not None:
            self.store.save(state)


def sync(file):
    """Make file durable: flush is not fsync on CPython."""
    file.flush()
    os.fsync(file.fileno())


def serve_line(link):
    """The task function of a line, by its kind; imported only when the site has such a line."""
    if link["kind"] == "can":
        from bms_bridge.transports.gateway_can import run_link
    elif link["kind"] == "serial":
        from bms_bridge.transports.gateway_serial import run_link
    else:
        from bms_bridge.transports.gateway_modbus import run_link
    return run_link


async def serve_sunspec(settings, guarded, clock, said=None):
    """Start the SunSpec server that settings ask for; the server, or None. A port that cannot be had is said
    and costs nothing but the server: control goes on."""
    if not settings["sunspec_port"]:
        return None
    from edge.shell.gateway_sunspec import SunSpecServer

    server = SunSpecServer(guarded, clock, settings)
    try:
        port = await server.start(settings["sunspec_host"], settings["sunspec_port"])
    except OSError as error:
        if said:
            said("SunSpec server does not listen: %s" % error)
        return None
    if said:
        said("SunSpec server on %s:%d" % (settings["sunspec_host"], port))
    return server


def sparkplug_of(settings, folder, clock, told, uplink):
    """The Sparkplug live lane that settings ask for, at work, or None.

    told: list of what a step tells; uplink: where the status finds it.
    """
    if not settings["uplink"] or not settings["uplink"].get("sparkplug"):
        return None
    from edge.shell.gateway_sparkplug import GatewaySparkplug

    lane = GatewaySparkplug(settings, folder, clock, sync)
    told.append(lane.told)
    uplink.live = lane.link
    return lane.start()


def needs_pins(settings):
    """True when a contactor or a safety input of the site is wired to pins of a board."""
    if settings["inputs"] and not settings["inputs"]["profile"]:
        return True
    return not settings["outputs"] and any(pack.get("contactor") for pack in settings["packs"])


async def end(tasks):
    """Cancel tasks until all of them have ended: asyncio.wait_for of Python 3.11 swallows a cancel that meets its
    answer."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=END_S)


def polling(wiring, clock, parts):
    """The tasks of the lines of wiring, at work. parts: list to which go the name of each, and whether it is: it has
    not ended, and its last turn is not too long ago."""
    tasks = []
    for number, (link, devices, gate) in enumerate(wiring.lines):
        beat = [clock.now_ms()]
        task = asyncio.create_task(serve_line(link)(link, devices, clock, gate, beat=beat))
        tasks.append(task)
        at_work = lambda task=task, beat=beat: not task.done() and clock.now_ms() - beat[0] <= ALIVE_MS  # noqa: E731
        parts.append(("links[%d]" % number, at_work))
    return tasks


def reporting(settings, folder, boot, clock):
    """(uplink, journal) of the site, at work; what this start says of itself is their first record."""
    epoch = int.from_bytes(os.urandom(7), "big")
    settings["hash"] = digest_of(settings)
    settings["black_box"] = settings.get("black_box") or "cells"
    journal = gateway_journal.start(settings, folder, epoch, boot, sync)
    uplink = Silent()
    if settings["uplink"]:
        backlog = gateway_journal.backlog(settings, journal, ack_key(settings))
        tls = gateway_tls.of(settings["uplink"])
        uplink = GatewayUplink(settings, epoch, boot, clock, tls=tls, outbox=backlog).start()
        uplink = Telling(uplink) if tls is not None else uplink
    uplink = Journaled(uplink, journal, keeps=not settings["uplink"])
    uplink.offer(started(clock, epoch, Shelf(journal.journal.disk)))
    return uplink, journal


async def run(settings, folder, load, trace=None, said=None):
    """Run the site of settings until SIGINT or SIGTERM; returns 0, or 1 when the loop failed.

    folder: state and status.port. load(name): table of a profile. trace: text file for one line per step.
    said(text): one line for the operator.
    """
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # a silent device is a fault, not a page of log
    if needs_pins(settings):
        if said:
            said("a gateway has no pins: give inputs and contactors a module (profile), or use a board")
        return 1
    clock = GatewayClock()
    wiring = Wiring(settings, load, clock)
    store = LateStore(FileStore(folder, sync))
    site = Site(settings, store.load(), verify_of(settings))
    uplink, journal = reporting(settings, folder, site.boot, clock)
    lane = sparkplug_of(settings, folder, clock, wiring.told, uplink)
    notify = gateway_notify.from_environment(said)
    guarded = Guarded("cpython", notify.fed, trace, wiring.told)
    guarded.details = lambda site, now_ms: details(site, wiring.devices, now_ms)
    server = await serve(guarded, clock, uplink, settings["uplink"]["status_port"] if settings["uplink"] else 0)
    port = server.sockets[0].getsockname()[1]
    with open(os.path.join(folder, "status.port"), "w", encoding="utf-8") as file:
        file.write("%d\n" % port)
    sunspec = await serve_sunspec(settings, guarded, clock, said)
    if said:
        said("control loop runs; live view: reuse-edge top %d" % port)
    lines = polling(wiring, clock, notify.parts)
    notify.parts += [("uplink", uplink.is_alive)] if settings["uplink"] else []
    steps = loop(site, clock, wiring.devices, wiring.actuators, store, uplink, guarded.seen)
    gc.collect()
    gc.freeze()  # code, tables and settings stay for ever: the collection after each step leaves them alone
    watch = Watch(wiring.devices[-1], clock) if settings["inputs"] else None
    task = asyncio.create_task(control(steps, clock, watch))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    code = 0
    try:
        await task
    except asyncio.CancelledError:
        pass
    except Exception as error:  # the one broad except: whatever failed, the battery comes first
        code = 1
        if said:
            said("control loop failed: %s: %s" % (type(error).__name__, error))
    notify.stopping()
    steps.close()
    zero_all(wiring.actuators)
    await asyncio.sleep(LAST_ZERO_S)
    await end(lines)
    server.close()
    if sunspec is not None:
        sunspec.close()
    if lane is not None:
        lane.stop()
    uplink.stop()
    journal.close()
    store.close()
    return code
