# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A simulated rack on real sockets, an engineer who acts on what the tool asks, and the tool as a process of its own."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import yaml

from host_tools import documents
from simulator.serve import TICK_MS, Served
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import World

ROOT = Path(__file__).resolve().parent.parent.parent
LOOPS = ("estop", "smoke")
PATIENCE_S = 90
LFP_RANGE = {"cell_max_v": 3.65, "cell_min_v": 2.5, "temp_max_c": 55, "temp_min_c": -20, "temp_min_charge_c": 0}


class Rack:
    """World and servers in a thread. contactor: the pack has one, on relays, and safety inputs. hook(world): is called
    in every step of the world; use it with `with`."""

    def __init__(self, contactor=False, hook=None):
        site = settings("lfp16")
        if contactor:
            with_modules(site)
        self.world = World(site, 3, step_ms=TICK_MS, **DEMO_TRUTH)
        self.hook = hook
        self.ports = None
        self._by_hand = False
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _serve(self):
        served = Served(self.world)
        self.ports = await served.start()
        task = asyncio.ensure_future(served.run(self._each))
        self._task = task
        self._ready.set()
        await asyncio.gather(task, return_exceptions=True)
        await served.stop()

    def _each(self, now_ms):
        if self._by_hand:  # somebody at the panel of the PCS lets 3 kW in
            self.world.pcs.registers.update({40135: 3000, 40134: 0, 40137: 0})
        if self.hook:
            self.hook(self.world)

    def act(self, line):
        """What the engineer does when the tool prints `line`."""
        world = self.world
        if "[sign.direction]" in line:
            self._by_hand = not world.settings.get("outputs")  # behind a contactor of ours the PCS has limits of ours
        elif "(sensors)" in line and self._by_hand:
            self._by_hand = False
            world.pcs.registers.update({40135: 0, 40134: 0})
        for name in LOOPS:
            if "[input.%s]" % name in line:
                (world.mishaps.start if " now" in line and "actuate" in line else world.mishaps.stop)(
                    name, world.now_ms
                )

    def until(self, seen):
        """Let the world go on until seen(); AssertionError when that does not come within PATIENCE_S."""
        end_s = time.monotonic() + PATIENCE_S
        while not seen():
            assert time.monotonic() < end_s
            time.sleep(0.1)

    def __enter__(self):
        self._thread.start()
        self._ready.wait(20)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        self._loop.close()


def with_modules(site):
    """Give the settings of a site relays with a contactor, and inputs, on lines of their own."""
    site["packs"][0]["contactor"] = {
        "break_ma": 20000,
        "fuse_ms": 3000,
        "join_mv": 1000,
        "precharge": "output",
        "output": 0,
        "precharge_output": 1,
        "feedback_input": 4,
    }
    line = {"kind": "tcp", "host": "127.0.0.1", "port": 1, "uart": 0, "baud": 0, "parity": "N"}
    site["links"] += [dict(line), dict(line)]
    site["inputs"] = {"id": "inputs", "profile": "moxa_e1214", "link": 3, "unit": 1, "estop_input": 0, "smoke_input": 1}
    site["outputs"] = {"id": "outputs", "profile": "icpdas_tm_r5", "link": 4, "unit": 3}


def site_yaml(rack, folder, **pack):
    """Path of the site.yaml of a rack in folder; pack: keys of the pack that differ. The key that signs is folder/lee.key
    and is trusted."""
    site, base = rack.world.settings, rack.world.settings["packs"][0]
    made = {
        "id": "pack-1",
        "serial": base["serial"],
        "bms": "seplos_v3",
        "connection": "tcp:127.0.0.1:%d" % rack.ports[0],
        "unit": 1,
        "cells": 16,
        "temps": 4,
        "chemistry": "lfp",
        "cell": "lfp",
        "capacity_ah": 280,
        "maker": {"charge_a": 140, "discharge_a": 140, **LFP_RANGE},
        "grade": {
            "charge_a": 90,
            "discharge_a": 100,
            "capacity_ah": 238,
            "capacity_std_ah": 5,
            "grade": "B",
            "body": "KTR",
            "date": "2026-03-02",
        },
        **pack,
    }
    text = {"site": "gumi-014", "org": "demo", "mode": "observe", "period_s": 1, "packs": [made]}
    text["pcs"] = {"profile": "sunspec_pcs", "connection": "tcp:127.0.0.1:%d" % rack.ports[1], "unit": 1}
    text["pcs"].update(power_w=10000, watchdog_s=5)
    text["meter"] = {"profile": "sunspec_meter", "connection": "tcp:127.0.0.1:%d" % rack.ports[2], "unit": 1}
    if site.get("outputs"):
        made["contactor"] = {"break_a": 20, "fuse_s": 3, "output": 0, "precharge_output": 1}
        made["contactor"]["feedback_input"] = 4
        text["inputs"] = {"profile": "moxa_e1214", "connection": "tcp:127.0.0.1:%d" % rack.ports[3], "unit": 1}
        text["inputs"].update(estop_input=0, smoke_input=1)
        text["outputs"] = {"profile": "icpdas_tm_r5", "connection": "tcp:127.0.0.1:%d" % rack.ports[4], "unit": 3}
    documents.new_key(str(folder / "lee"))
    text["trust"] = {"commission": ["lee.pub"]}
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def answers(rack, **changed):
    """The answers of an engineer whose meter is right."""
    plant = rack.world.plants[0]
    given = {
        "who.name": "이 Lee",
        "who.company": "KTR",
        "work.order": "W-17",
        "label.serial.pack-1": rack.world.settings["packs"][0]["serial"],
        "meter.has": "yes",
        "meter.voltage_v.pack-1": round(float(plant.cell_v.sum()), 2),
        "meter.current_a.pack-1": 0,
        "go.sign": "yes",
        "sign.direction": "charge",
        "ambient_c": 21,
        "go.inputs": "yes",
        "go.contactor": "yes",
        "go.watchdog": "yes",
        "go.identity": "yes",
        "go.control": "yes",
    }
    return {**given, **{key.replace("__", "."): value for key, value in changed.items()}}


def commission(rack, site, given, *more, target="here"):
    """(exit code, everything said on stderr, stdout) of the tool; the engineer of the rack acts on what it says."""
    path = site.parent / "answers.yaml"
    path.write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")
    words = [sys.executable, "-m", "host_tools.cli", "commission", target, str(site), "--answers", str(path)]
    words += ["--lang", "en", "--wait", "20", "--key", str(site.parent / "lee.key"), *more]
    environ = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONIOENCODING="utf-8")
    said = []
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, cwd=site.parent, encoding="utf-8"
    ) as process:
        end = threading.Timer(PATIENCE_S, process.kill)
        end.start()
        for line in process.stderr:
            said.append(line)
            rack.act(line)
        out = process.stdout.read()
        process.wait()
        end.cancel()
    return process.returncode, "".join(said), out
