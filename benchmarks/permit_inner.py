# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The measuring half of benchmarks.permit: runs unchanged on both runtimes, prints one JSON list per row."""

import gc
import json
import sys
import time

from edge.core import limits as lim
from edge.core.guard import guard, stale_limits
from edge.core.records import Command, Est
from edge.core.validate import Validator
from tests.both import core_help as h

STEPS = 200
NO_PAPERS = ((), ())


def now_us():
    """Microseconds of a clock that only grows."""
    ticks = getattr(time, "ticks_us", None)
    return ticks() if ticks else time.perf_counter_ns() // 1000


def bench(cells, rounds):
    """Print the rows of one pack."""
    pack = h.pack(cells=cells)
    sample = h.sample(0, cells=cells)
    believed = Validator(pack, 1000).step(0, sample, None)
    soc, capacity = Est(500000, 10000, 0, 2), Est(238000, 5000, 0, 2)
    held = lim.Held(pack)
    limits_ms = stale_limits(pack, 1000)
    free = (10**9, 10**9)

    def limits():
        view = held.step(lim.readings(pack, believed, soc, capacity))
        return lim.combine(0, pack, believed, view, soc, (None, None), free, NO_PAPERS)

    found = limits()
    wanted = Command(0, found.charge_ma, found.discharge_ma, None, None, None, None, 3000, None)

    def last_word():
        return guard(0, pack, limits_ms, sample, wanted, 1, NO_PAPERS)

    def both():
        limits()
        last_word()

    for what, call in (("limits", limits), ("guard", last_word), ("limits and guard", both)):
        times = []
        for _ in range(rounds):
            gc.collect()
            started = now_us()
            for _ in range(STEPS):
                call()
            times.append((now_us() - started) / STEPS)
        times.sort()
        print(json.dumps([cells, what, times[len(times) // 2], times[0]]))


for count in (16, 96):
    bench(count, int(sys.argv[1]))
