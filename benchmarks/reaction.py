# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""From a deciding frame to the write on the PCS's wire: the real gateway process against real Modbus servers.

python -m benchmarks.reaction [--trials 100] [--period-ms 100]     (by hand; nothing is asserted; 127.0.0.1 only)

The BMS is polled every control period. At a random moment its discharge limit becomes 0 while current is permitted.
The time runs from the answer that says so first (as pymodbus sends it) to the arrival of a write that holds 0.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from types import SimpleNamespace

from bms_bridge.tables import load
from edge.core.settings import with_defaults
from edge.shell import gateway
from simulator.fault_rig import FaultWorld
from simulator.pcs import OUT_RATE, STORCTL
from simulator.serve import Served, with_ports
from simulator.sites import settings

BMS, PCS = 0, 1


def quick(name, period_ms):
    """The table of profile `name` with every block asked each period_ms."""
    table = load(name)
    values = {key: getattr(table, key) for key in dir(table) if key.isupper()}
    values["BLOCKS"] = tuple(row[:3] + (period_ms,) + row[4:] for row in table.BLOCKS)
    values["PERIODS_MS"] = tuple(None if period is None else period_ms for period in table.PERIODS_MS)
    return SimpleNamespace(**values)


def site_of(period_ms):
    """Settings: control period and every poll as fast as period_ms."""
    site = settings("lfp16", period_ms=period_ms)
    for row in (*site["packs"], site["pcs"], site["meter"]):
        row["facts"]["periods_ms"] = [None if each is None else period_ms for each in row["facts"]["periods_ms"]]
    return site


class Watch:
    """Sees what the servers send and get. decided_s, zero_s: of the present trial, None before."""

    def __init__(self, served):
        self.world = served.world
        self.armed = False
        self.decided_s = None
        self.zero_s = None
        self.permitted = 0
        bms, pcs = served.servers[BMS], served.servers[PCS]
        bms._act = self._answers(bms._act)
        pcs._write = self._writes(pcs._write)

    def _answers(self, act):
        def watched(unit, device, function, first, address, count, registers, values):
            got = act(unit, device, function, first, address, count, registers, values)
            if self.armed and self.decided_s is None and self._holds_limits(function, address, count):
                self.decided_s = time.monotonic()
            return got

        return watched

    def _holds_limits(self, function, address, count):
        return function == LIMITS[0] and address <= LIMITS[1] < address + count

    def _writes(self, write):
        def watched(unit, device, function, address, values):
            at = OUT_RATE - address
            if STORCTL <= address <= OUT_RATE < address + len(values):
                self.permitted = values[at]
                if self.armed and self.decided_s is not None and self.zero_s is None and values[at] == 0:
                    self.zero_s = time.monotonic()
            return write(unit, device, function, address, values)

        return watched


def limits_register():
    """(function, address) of the BMS's discharge limit: the register that changes with it."""
    table = load("seplos_v3")
    world = FaultWorld(settings("lfp16"), 1)
    for index, row in enumerate(table.BLOCKS):
        blocks = []
        for limit_ma in (0, 90000):
            world.samples[0] = world.bms[0].sample._replace(bms_discharge_ma=limit_ma)
            blocks.append(world.block(0, index))
        for place in range(0, len(blocks[0]), 2):
            if blocks[0][place : place + 2] != blocks[1][place : place + 2]:
                return row[0], row[1] + place // 2
    raise SystemExit("no block holds the limit")


def no_discharge(sample):
    """sample, as a BMS says it that allows no discharge."""
    return sample._replace(bms_discharge_ma=0)


LIMITS = limits_register()


async def trial(watch, dice):
    """One reaction in ms."""
    for _ in range(200):
        if watch.permitted > 0:
            break
        await asyncio.sleep(0.05)
    else:
        raise SystemExit("nothing is permitted: nothing to measure")
    await asyncio.sleep(1.0 + dice.random())
    watch.decided_s = watch.zero_s = None
    watch.world.says[0] = no_discharge
    watch.world.samples[0] = no_discharge(watch.world.samples[0])
    watch.armed = True
    while watch.zero_s is None:
        await asyncio.sleep(0.01)
    watch.armed = False
    watch.world.says.clear()
    return (watch.zero_s - watch.decided_s) * 1000


async def measure(trials, period_ms):
    """The reactions of `trials` trials, in ms."""
    site = site_of(period_ms)
    served = Served(FaultWorld(site, 1))
    watch = Watch(served)
    site = with_ports(site, await served.start())
    running = asyncio.ensure_future(served.run())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "settings.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(site, file)
        command = (sys.executable, "-m", "benchmarks.reaction", "--gateway", path, "--period-ms", str(period_ms))
        child = await asyncio.create_subprocess_exec(*command)
        try:
            dice = random.Random(1)
            return [await trial(watch, dice) for _ in range(trials)]
        finally:
            child.terminate()
            await child.wait()
            running.cancel()
            await served.stop()


def main():
    """Print the table, or be the gateway."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--period-ms", type=int, default=100, help="of control and of every poll")
    parser.add_argument("--gateway", metavar="FILE", help="be the gateway of these settings")
    given = parser.parse_args()
    if given.gateway:
        with open(given.gateway, encoding="utf-8") as file:
            site = with_defaults(json.load(file))
        folder = os.path.dirname(given.gateway)
        return asyncio.run(gateway.run(site, folder, lambda name: quick(name, given.period_ms)))
    found = sorted(asyncio.run(measure(given.trials, given.period_ms)))
    p99 = found[min(len(found) - 1, round(0.99 * len(found)))]
    print(
        "deciding frame to PCS write, %d trials, %d ms cycles: p50 %.0f ms, p99 %.0f ms, longest %.0f ms"
        % (len(found), given.period_ms, statistics.median(found), p99, found[-1])
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
