# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The control task: resumes the loop on time, in any asyncio (CPython or MicroPython)."""

import asyncio
import gc

# Polls and steps have the same period: steps follow the polls by this much instead of preceding them.
FIRST_STEP_S = 0.4


class Guarded:
    """Called after each step: checks that the guard really ran, feeds what must be fed, notes the trace.

    runtime: name for the status. feed(): watchdog, or None. trace: file for one line per step, or None. told: ports
    that want to know what the site knows after a step (Wiring.told).
    """

    def __init__(self, runtime, feed=None, trace=None, told=()):
        self.runtime = runtime
        self.site = None
        self.feed = feed
        self.trace = trace
        self.told = told
        self._decision = 0

    def seen(self, site, outcome):
        """Take the outcome of a step; raises RuntimeError when its guard's counter did not advance by one."""
        command = outcome.commands[0]
        if command.decision != self._decision + 1:
            raise RuntimeError("step without a guard decision")
        self._decision = command.decision
        self.site = site
        for told in self.told:
            told(site, outcome)
        if self.trace is not None:
            self.trace.write("%s\n" % " ".join([str(value) for value in outcome.trace]))
        if self.feed is not None:
            self.feed()


async def control(steps, clock):
    """Resume the generator steps (edge.loop.loop) at the times it yields, for ever.

    The first step waits for the first answers, and so every later one finds them fresh. Memory is collected
    right after a step, where the longest time is left until the next one.
    """
    await asyncio.sleep(FIRST_STEP_S)
    gc.collect()
    wake_ms = next(steps)
    while True:
        gc.collect()
        wait_ms = wake_ms - clock.now_ms()
        if wait_ms > 0:
            await asyncio.sleep(wait_ms / 1000)
        else:
            await asyncio.sleep(0)
        wake_ms = next(steps)
