# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A site of two packs with the live lane, twenty steps a second, on either runtime: sparkplug_driver.py KIND PORT FOLDER.

KIND gateway: the lane in a thread; board: as a task. The BMS of pack-2 is silent from step 15 to 30. The file FOLDER/stop
ends it in peace.
"""

import asyncio
import os
import sys
import time

from tests.both.core_help import Bench, pack, site_settings


class Clock:
    """Clock port of this process."""

    def now_ms(self):
        return time.ticks_ms() if hasattr(time, "ticks_ms") else time.monotonic_ns() // 1000000

    def utc_s(self):
        return int(time.time()), 3


def sync(file):
    file.flush()


def settings(port, **place):
    """Settings of the site; place: of uplink.sparkplug."""
    place["group"] = "gumi"
    place.setdefault("interval_ms", 100)
    uplink = {"host": "127.0.0.1", "port": port, "keepalive_s": 5, "sparkplug": place}
    packs = [pack(id="pack-%d" % (i + 1), unit=i) for i in range(2)]
    return site_settings(packs, uplink=uplink)


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def silent(bench):
    """A BMS that says nothing new."""
    last = bench.healthy(bench.now_ms, bench.count)
    return lambda now_ms, count: last


async def steps(bench, told, folder):
    """Step until FOLDER/stop is there."""
    while not exists(folder + "/stop"):
        if bench.count == 15:
            bench.reads[1] = silent(bench)
        elif bench.count == 30:
            bench.reads[1] = bench.healthy
        bench.current_ma = -3000 - bench.count
        bench.step()
        told(bench.site, bench.outcome)
        await asyncio.sleep(0.05)


async def board(bench, folder, clock):
    from edge.shell.sparkplug_link import live

    lane = live(bench.settings, folder, clock, sync, 1)
    task = asyncio.create_task(lane.run(clock))
    await steps(bench, lane.node.told, folder)
    lane.stopping = True
    await task


async def gateway(bench, folder, clock):
    from edge.shell.gateway_sparkplug import GatewaySparkplug

    lane = GatewaySparkplug(bench.settings, folder, clock, sync).start()
    await steps(bench, lane.told, folder)
    lane.stop()


if __name__ == "__main__":
    run = board if sys.argv[1] == "board" else gateway
    asyncio.run(run(Bench(settings(int(sys.argv[2]))), sys.argv[3], Clock()))
