# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What one step of the simulated site costs, in microseconds of CPU time, and what part takes it.

python -m benchmarks.step [--steps 20000]     (by hand; nothing is asserted)
"""

import argparse
import time

from bms_bridge.decode import Assembler
from simulator.checks import Checks
from simulator.rigs import Local
from simulator.sites import YEAR_TRUTH, settings
from simulator.world import World
from simulator.year import Run


def _per_step(steps, call):
    started = time.process_time()
    for _ in range(steps):
        call()
    return (time.process_time() - started) / steps * 1e6


def _parts(kind, steps):
    """((part, us per step), ...) for one site."""
    site = settings(kind)
    world = World(site, 1, **YEAR_TRUTH)
    plant, bms, table = world.plants[0], world.bms[0], world.tables[0]
    assembler = Assembler(table)
    blocks = range(len(table.BLOCKS))

    def wire():
        for index in blocks:
            assembler.take(0, index, world.block(0, index))
        assembler.record()

    parts = [
        ("plant", _per_step(steps, lambda: plant.step(1.0, 20.0, 20.0))),
        ("BMS model", _per_step(steps, lambda: bms.step(0, 1.0))),
        ("encode + decode, BMS", _per_step(steps, wire)),
    ]
    for name, judges in (("whole step", Checks(())), ("whole step, invariants judged", Checks())):
        world = World(site, 1, **YEAR_TRUTH)
        run = Run(world, Local(world, site, keep=0), (), judges)
        # eight in the morning: the battery charges
        world.advance(28800000)
        started = time.process_time()
        run.until(world.now_ms + steps * 1000)
        parts.append((name, (time.process_time() - started) / run.steps * 1e6))
    return parts


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=20000)
    steps = parser.parse_args().steps
    for kind in ("lfp16", "nmc96"):
        parts = dict(_parts(kind, steps))
        for name, microseconds in parts.items():
            print("%-6s %-32s %7.1f us" % (kind, name, microseconds))
        rest = parts["whole step"] - sum(list(parts.values())[:3])
        days_min = parts["whole step, invariants judged"] * 30 * 86400 / 60e6
        print("%-6s %-32s %7.1f us" % (kind, "core, PCS, meter, loop (the rest)", rest))
        print("%-6s %-32s %7.1f minutes" % (kind, "30 days at 1 s steps", days_min))


if __name__ == "__main__":
    main()
