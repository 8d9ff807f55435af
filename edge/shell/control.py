# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The control task: resumes the loop on time, in any asyncio (CPython or MicroPython)."""

import asyncio
import gc

# Polls and steps have the same period: steps follow the polls by this much instead of preceding them.
FIRST_STEP_S = 0.4
LOOK_S = 0.1  # between two looks at the safety inputs
WIRE_S = 0.05  # turns of the lines between a step and the flash ...
WIRE_TURNS = 10  # ... at most so many, however slow the PCS answers
ALIVE_MS = 20000  # since the last turn of a task that is at work: every wait of a line or an uplink is shorter


class Restart(Exception):
    """The process has to end in peace and start afresh."""


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
        self.details = None  # details(site, now_ms): what the status holds beyond a board's, or None
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
            self.trace.write("%s\n" % " ".join([str(value) for value in site.trace(outcome)]))
        if self.feed is not None:
            self.feed()


class Watch:
    """Has a safety input become active since the last look? device: the Device port of the inputs."""

    def __init__(self, device, clock):
        self.device = device
        self.clock = clock
        self._before = None

    def is_new(self):
        """True when an emergency stop, smoke or insulation alarm is active that was quiet, or not known, at the last
        look."""
        inputs = self.device.read(self.clock.now_ms())
        before = self._before or (False, False, False)
        self._before = now = inputs and [x is not False for x in (inputs.estop, inputs.smoke, inputs.insulation)]
        return now is not None and True in [now[i] and not before[i] for i in range(len(now))]


async def control(steps, clock, watch=None, wires=None, flush=None):
    """Resume the generator steps (edge.loop.loop) at the times it yields, for ever; once before that when watch (Watch
    or None) sees something: an emergency stop does not wait for the end of a long period.

    The first step waits for the first answers, and so every later one finds them fresh. Memory is collected
    right after a step, where the longest time is left until the next one. flush(), when given, writes to a flash that
    stops everything else: only after wires() says that the step's commands have left.

    What goes wrong here ends the generator as an error of its own does: every actuator is told zero, and the state has
    no mark of a peaceful end.
    """
    try:
        await _resume(steps, clock, watch, wires, flush)
    except Restart:
        raise
    except Exception as error:
        try:
            steps.throw(error)
        except StopIteration:  # MicroPython, when it is the steps that failed and they are over
            pass
        raise


async def _resume(steps, clock, watch, wires, flush):
    """The body of control()."""
    if watch is not None:
        watch.is_new()  # what is active now, the first step sees
    await asyncio.sleep(FIRST_STEP_S)
    gc.collect()
    wake_ms = next(steps)
    while True:
        gc.collect()
        if flush is not None:
            for _ in range(WIRE_TURNS):
                await asyncio.sleep(WIRE_S)
                if wires() or clock.now_ms() + 2000 * WIRE_S > wake_ms:
                    break
            flush()
        early = await _wait(wake_ms, clock, watch)
        wake_ms = next(steps)
        if early:
            await _wait(wake_ms, clock, None)
            wake_ms = next(steps)


async def _wait(wake_ms, clock, watch):
    """Sleep until wake_ms, or until watch sees something; True for that."""
    while True:
        wait_s = (wake_ms - clock.now_ms()) / 1000
        if wait_s <= 0 or watch is None:
            await asyncio.sleep(max(wait_s, 0))
            return False
        await asyncio.sleep(min(wait_s, LOOK_S))
        if watch.is_new():
            return clock.now_ms() < wake_ms
