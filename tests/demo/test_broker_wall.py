# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A broker that is killed, frozen or behind a black hole changes nothing in the control of the battery.

Wall clocks, real sockets, both runtimes, journal and backlog at work. The plant stands still, so that every run must give the same
commands step by step; lateness must stay inside the class of the runtime.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from host_tools import bundle
from host_tools.stage import demo_settings
from simulator.broker import Broker
from simulator.lockstep import find_vm
from simulator.proxy import Proxy
from simulator.serve import Served, with_ports
from simulator.sites import DEMO_TRUTH
from simulator.world import World

ROOT = Path(__file__).resolve().parents[2]
WAYS = ("healthy", "killed", "frozen", "black_hole")
STEPS = 12
STRIKE_STEP = 5
# now_ms, charge, discharge, pack_mv, late, then per pack mode, soc, std, why, why, worst
CONTROL_COLUMNS = (1, 2, 3, 5, 8, 9, 10)
LATE_COLUMN = 4
JOURNAL_KB = 256
SETTLED = 5  # the up-ramp starts from zero; after these steps every run must be equal


# the live lane is on where the broker fails, and off where it is healthy: it changes nothing either
LIVE = {"sparkplug": {"group": "gumi"}}


def still_world():
    """A world whose plant rests, and settings whose ramp reaches its end in two steps."""
    site = demo_settings()
    pack = site["packs"][0]
    pack["contract"] = {"charge_ma": 5000, "discharge_ma": 5000}
    truth = dict(DEMO_TRUTH, plants=[{"soc": 0.5, "health": 0.84}])
    world = World(site, 7, step_ms=100, **truth)
    world.day.request_w = lambda local_s, soc: 0.0
    world.bms[0].vices = world.bms[0].vices._replace(noise_ma=0.0, noise_mv=0.0)
    return world


def launch(runtime, folder):
    """Start a controller on folder/settings.json that writes folder/trace."""
    if runtime == "micropython":
        words = [find_vm(), "-X", "heapsize=448k", "-m", "edge.shell.vm", str(folder), "--trace"]
        environ = {**os.environ, "MICROPYPATH": str(folder.parent / "board") + ":.frozen"}
    else:
        words = [sys.executable, "-m", "host_tools.run", str(folder / "settings.json")]
        words += ["--state", str(folder), "--trace", str(folder / "trace")]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = open(folder / "log", "wb")
    with log:
        return subprocess.Popen(words, cwd=folder, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def strike(way, broker, proxy):
    """Do to the broker what way says."""
    if way == "killed":
        broker.kill()
    elif way == "frozen":
        broker.freeze()
    elif way == "black_hole":
        proxy.black_hole()


async def run_one(way, runtime, folder):
    """Rows of the trace of one run."""
    served = Served(still_world())
    ports = await served.start()
    task = asyncio.create_task(served.run())
    broker = await asyncio.to_thread(Broker("amqtt").start)
    with contextlib.ExitStack() as stack:
        stack.callback(broker.stop)
        proxy = stack.enter_context(Proxy(broker.port))
        site = with_ports(served.world.settings, ports)
        site["uplink"] = {"host": "127.0.0.1", "port": proxy.port, "keepalive_s": 5, "status_port": 0, "gather_s": 0}
        if way != "healthy":
            site["uplink"].update(LIVE)
        site["journal_kb"] = JOURNAL_KB
        (folder / "settings.json").write_text(json.dumps(site), encoding="utf-8")
        process = launch(runtime, folder)
        try:
            struck = False
            for _ in range(600):
                await asyncio.sleep(0.1)
                count = len(rows_of(folder))
                if count >= STRIKE_STEP and not struck:
                    struck = True
                    await asyncio.to_thread(strike, way, broker, proxy)
                if count >= STEPS or process.poll() is not None:
                    break
        finally:
            if way == "frozen" and broker.running:
                broker.thaw()
            process.terminate()
            await asyncio.to_thread(process.wait, 10)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await served.stop()
    return rows_of(folder)[:STEPS]


def rows_of(folder):
    """Whole lines of the trace so far, as lists of integers."""
    path = folder / "trace"
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [[int(word) for word in line.split()] for line in text[: text.rfind("\n") + 1].splitlines()]


def digest(rows):
    """CRC-32 of the control columns after the ramp."""
    kept = [[row[column] for column in CONTROL_COLUMNS] for row in rows[SETTLED:]]
    return zlib.crc32(repr(kept).encode())


@pytest.mark.long
@pytest.mark.parametrize("runtime", ["micropython", "cpython"])
def test_broker_has_no_influence_on_control(runtime, tmp_path):
    if runtime == "micropython" and not find_vm():
        pytest.skip("no MicroPython VM")
    folders = {way: tmp_path / way for way in WAYS}
    for folder in folders.values():
        folder.mkdir()

    if runtime == "micropython":
        uplink = {"host": "127.0.0.1", **LIVE}
        bundle.build(tmp_path / "board", dict(demo_settings(), uplink=uplink, journal_kb=JOURNAL_KB))

    async def all_ways():
        return await asyncio.gather(*[run_one(way, runtime, folders[way]) for way in WAYS])

    traces = dict(zip(WAYS, asyncio.run(all_ways())))
    for way, rows in traces.items():
        assert len(rows) == STEPS, "%s: %s" % (
            way,
            (folders[way] / "log").read_text(encoding="utf-8", errors="replace"),
        )
        late_ms = max(row[LATE_COLUMN] for row in rows)
        print("%s, %s: latest step %d ms, trace %08x" % (runtime, way, late_ms, digest(rows)))
        assert late_ms <= demo_settings()["late_ms"], (way, late_ms)
        assert any((folders[way] / "journal").iterdir()), way
        assert rows[-1][1] > 0
        assert digest(rows) == digest(traces["healthy"]), (way, rows, traces["healthy"])
    shutil.rmtree(tmp_path, ignore_errors=True)
