# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Seeded days of operation through the unchanged loop, with every invariant judged at every step.

python -m simulator.year --seed 7 --days 30 --cells 96 --mishaps --sensors bad

The pack is an aged one and its sensors are bad unless told otherwise; the estimator knows what its cells were like
when new. The summary says how well it kept to the truth. simulator.ageing plays the estimator alone, much faster.
Progress on stderr, the summary with its digest on stdout. Exit 0 when every invariant held; 1 with
`seed S, step K: invariant NAME: ...` when one did not; 2 for wrong use.
"""

import argparse
import sys
import time

import numpy as np

from simulator.ageing import SENSORS, Score, vices
from simulator.cells import cell_file
from simulator.checks import EXCUSE_MS, Checks, Moment, Violation, expired_is_zero
from simulator.lockstep import Lockstep, VmError, find_vm
from simulator.mishaps import schedule
from simulator.rigs import Local
from simulator.sites import YEAR_TRUTH, settings
from simulator.world import ANSWERS, World

DAY_MS = 86400000
RUNTIMES = ("cpython", "micropython")


class Run:
    """One run: world, controller and checks. rig: Local or Lockstep. plan: rows of mishaps.schedule.
    steps: so far. last: the newest Turn. kept: Score of the SoC, of all packs."""

    def __init__(self, world, rig, plan=(), checks=None):
        self.world = world
        self.rig = rig
        self.plan = list(plan)
        self.checks = Checks() if checks is None else checks
        self.steps = 0
        self.last = None
        self.valid_until_ms = None
        self.kept = Score()
        self._running = None
        self._ended = []
        self._newest = [None] * len(world.bms)

    def until(self, to_ms):
        """Play until to_ms; raises Violation."""
        world = self.world
        while world.now_ms < to_ms:
            self._mishaps(world.now_ms)
            self.last = turn = self.rig.turn()
            self.steps += 1
            self._judge(turn)
            world.advance(min(turn.wake_ms, to_ms), self._physical)

    def _physical(self, now_ms):
        text = expired_is_zero(now_ms, self.valid_until_ms, self.world.settings, self.world.pcs)
        if text is not None:
            raise Violation("expired_is_zero", text)

    def _judge(self, turn):
        world = self.world
        truths = [plant.brief() for plant in world.plants]
        for estimate, truth in zip(turn.soc, truths):
            if estimate is not None and estimate.value is not None:
                self.kept.take(estimate, truth.soc_ppm)
        self.valid_until_ms = turn.commands[0].valid_until_ms if turn.commands else None
        delivered = turn.delivered
        if delivered is None:
            delivered = self._seen_by_vm()
        self.checks.take(
            Moment(
                world.now_ms,
                turn.wake_ms,
                world.settings,
                turn.commands,
                delivered,
                truths,
                turn.soc,
                turn.believed_ma,
                turn.totals,
                turn.records,
                turn.seq,
                world.pcs,
                self._excused(),
            )
        )

    def _seen_by_vm(self):
        """Newest sample per pack that the world sent: what a VM, which does not show its own, was given."""
        for index in range(len(self._newest)):
            if self.world.status(index) == ANSWERS:
                self._newest[index] = self.world.samples[index]
        return self._newest

    def _mishaps(self, now_ms):
        if self._running is not None and now_ms >= self._running[1]:
            self.world.mishaps.stop(self._running[2], now_ms)
            self._ended.append((now_ms, self._running[2]))
            self._running = None
        if self._running is None and self.plan and now_ms >= self.plan[0][0]:
            self._running = self.plan.pop(0)
            self.world.mishaps.start(self._running[2], now_ms)

    def _excused(self):
        now_ms = self.world.now_ms
        self._ended = [row for row in self._ended if now_ms - row[0] <= EXCUSE_MS]
        names = {name for name, _ in self.world.mishaps.active}
        return names.union(name for _, name in self._ended) if names or self._ended else ()


def fast(site, period_ms):
    """A copy of settings `site` for playing days quickly: control period period_ms, watchdog to match."""
    quick = dict(site)
    quick["period_ms"] = period_ms
    quick["late_ms"] = 5000
    quick["pcs"] = dict(site["pcs"])
    quick["pcs"]["watchdog_ms"] = max(site["pcs"]["watchdog_ms"], 6 * period_ms)
    return quick


def play(world, site, days, period_ms=10000, state=None, progress=None):
    """Play `days` on world with control period period_ms in this process, no invariants judged; return the
    state to go on from. progress(done, total) in ms is called now and then. Afterwards the world goes on
    with its own settings `site`: the demo goes live from here."""
    quick = fast(site, period_ms)
    world.step_ms = period_ms
    rig = Local(world, quick, state)
    start_ms = world.now_ms
    end_ms = start_ms + int(days * DAY_MS)
    count = 0
    while world.now_ms < end_ms:
        turn = rig.turn()
        world.advance(min(turn.wake_ms, end_ms))
        count += 1
        if progress is not None and count % 200 == 0:
            progress(world.now_ms - start_ms, end_ms - start_ms)
    found = rig.state()
    rig.close()
    world.step_ms = 1000
    return found


def build(arguments, runtime):
    """(World, rig, plan) for parsed command line arguments and one of RUNTIMES."""
    kind = "nmc96" if arguments.cells == 96 else "lfp16"
    site = settings(kind)
    for pack in site["packs"]:
        pack["cell"] = cell_file(pack["chemistry"])
    if arguments.step_ms != site["period_ms"]:
        site = fast(site, arguments.step_ms)
    sensors = vices(arguments.sensors, site["packs"][0]["capacity_mah"])
    world = World(site, arguments.seed, step_ms=arguments.step_ms, **dict(YEAR_TRUTH, vices=sensors))
    plan = ()
    if arguments.mishaps:
        plan = schedule(np.random.default_rng([arguments.seed, 4]), arguments.days)
    if runtime == "micropython":
        return world, Lockstep(world, site), plan
    return world, Local(world, site, keep=0), plan


def _progress(done, days, steps, spent_s):
    left_s = spent_s / done * (days - done) if done else 0.0
    print(
        "day %.1f of %g, %d steps/s, %d s remain" % (done, days, steps / max(spent_s, 1e-3), left_s),
        file=sys.stderr,
        flush=True,
    )


def _arguments(words):
    parser = argparse.ArgumentParser(prog="simulator.year", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--cells", type=int, choices=(16, 96), default=16)
    parser.add_argument("--step-ms", type=int, default=1000)
    parser.add_argument("--runtime", choices=(*RUNTIMES, "both"), default="cpython")
    parser.add_argument("--sensors", choices=sorted(SENSORS), default="bad", help="of the BMS (default bad)")
    parser.add_argument("--mishaps", action="store_true", help="play a seeded plan of mishaps")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    arguments = parser.parse_args(words)
    if arguments.days <= 0:
        parser.error("--days must be above 0")
    if not 100 <= arguments.step_ms <= 10000:
        parser.error("--step-ms must be 100 to 10000")
    if arguments.runtime != "cpython" and find_vm() is None:
        parser.error("no MicroPython VM: set MICROPYTHON=/path/to/micropython")
    return arguments


def main(words=None):
    """Command line; returns the exit code."""
    arguments = _arguments(words)
    runtimes = RUNTIMES if arguments.runtime == "both" else (arguments.runtime,)
    digests = set()
    for runtime in runtimes:
        code, digest = _play_one(arguments, runtime)
        if code:
            return code
        digests.add(digest)
    if len(digests) > 1:
        print("seed %d: the runtimes differ: %s" % (arguments.seed, ", ".join("%08x" % d for d in sorted(digests))))
        return 1
    return 0


def _play_one(arguments, runtime):
    """Play the days on one runtime: (exit code, digest)."""
    world, rig, plan = build(arguments, runtime)
    run = Run(world, rig, plan)
    started_s = time.monotonic()
    shown_s = started_s
    end_ms = int(arguments.days * DAY_MS)
    try:
        while world.now_ms < end_ms:
            run.until(min(world.now_ms + 600000, end_ms))
            if not arguments.quiet and time.monotonic() - shown_s > 2.0:
                shown_s = time.monotonic()
                _progress(world.now_ms / DAY_MS, arguments.days, run.steps, shown_s - started_s)
    except (Violation, VmError) as problem:
        print("seed %d, step %d: invariant %s" % (arguments.seed, run.steps, problem))
        return 1, 0
    except KeyboardInterrupt:
        print("stopped at seed %d, step %d" % (arguments.seed, run.steps), file=sys.stderr)
        return 130, 0
    finally:
        rig.close()
    _summary(arguments, runtime, run, time.monotonic() - started_s)
    return 0, rig.digest


def _summary(arguments, runtime, run, spent_s):
    truth = run.world.truth()
    print(
        "seed %d: %g days, %d cells, %s, %d steps in %.1f s (%.0f us each), digest %08x"
        % (
            arguments.seed,
            arguments.days,
            arguments.cells,
            runtime,
            run.steps,
            spent_s,
            spent_s / max(run.steps, 1) * 1e6,
            run.rig.digest,
        )
    )
    print(
        "all invariants held; worst SoC error %.2f %%; true SoC %.1f %%, %.1f full cycles; mishaps %d"
        % (run.kept.worst / 1e4, truth.soc_ppm / 1e4, run.world.plants[0].cycles, len(run.world.mishaps.log) // 2)
    )
    print(
        "%s sensors: true SoC inside 3 sigma %.2f %% of the steps, RMSE %.2f %%, mean sigma %.2f %%"
        % (arguments.sensors, run.kept.share(3) * 100, run.kept.rmse() / 1e4, run.kept.mean_std() / 1e4)
    )
    if isinstance(run.rig, Local):
        found = run.rig.rig.site.packs[0].soc.capacity()
        away = abs(found.value - truth.capacity_mah)
        print(
            "capacity: true %.1f Ah, ours %.1f +- %.1f Ah, %s 2 sigma"
            % (
                truth.capacity_mah / 1e3,
                found.value / 1e3,
                found.std / 1e3,
                "inside" if away <= 2 * found.std else "OUTSIDE",
            )
        )


if __name__ == "__main__":
    sys.exit(main())
