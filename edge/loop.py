# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The loop of one site: a generator that says when it wants to be resumed.

A board awaits, a gateway sleeps, the simulator jumps: the same loop runs in all three worlds. It holds
no clock of its own, waits for nothing and is never delayed by a broker, a disk or a slow device.
"""

from edge.core.site import LATE_STEPS

SLICE_MS = 70  # what one slice of longer work may take on a slow board


class Late(Exception):
    """Too many late steps in a short time: the process has to start afresh."""


def loop(site, clock, devices, actuators, store, uplink, seen=None):
    """Yield the monotonic time (ms) at which the next step is due; step once per resumption.

    A slice of the estimators' longer work is done when the next step is more than two slices away.

    site: edge.core.site.Site of what store.load() gave. devices: BMSs, PCS, meter, inputs in settings order, each with
    read(now_ms). actuators: the PCS, each with apply(command) -> 0 or a fault code, and zero(). store: save(state) and
    saved, the state["save"] of the newest state known to be durable; save() may read state until the next step
    (edge.core.site.Site.state). uplink: offer(record) and orders(). seen(site, outcome), when given, is called after
    each step (status line, watchdog, traces).

    Raises Late after the third late step within a minute. Whatever goes wrong inside, every actuator is told
    zero before the error leaves; a port that raises does not keep the others from it. The
    registers are told and state is saved when the loop is closed in peace.
    """
    try:
        reads = [None] * len(devices)  # these two lists serve every step
        answers = [0] * len(actuators)
        while True:
            now_ms = clock.now_ms()
            for index in range(len(devices)):
                reads[index] = devices[index].read(now_ms)
            site.ask(now_ms, devices)
            site.saved = store.saved
            outcome = site.step(now_ms, clock.utc_s(), reads, uplink.orders())
            # first the battery, then the world
            for index in range(len(actuators)):
                answers[index] = actuators[index].apply(outcome.commands[index])
            site.answers = answers
            for record in outcome.records:
                uplink.offer(record)
            if outcome.state is not None:
                store.save(outcome.state)
            if seen is not None:
                seen(site, outcome)
            if site.must_restart:
                raise Late("%d late steps within a minute, the last by %d ms" % (LATE_STEPS, site.late_ms))
            wake_ms = outcome.wake_ms
            outcome = None  # its records are the uplink's now
            if clock.now_ms() + 2 * SLICE_MS < wake_ms:
                site.work()
            yield wake_ms
    except GeneratorExit:
        zero_all(actuators)
        for record in site.last_records(clock.now_ms(), clock.utc_s()):
            uplink.offer(record)
        store.save(site.state(True))
        raise
    finally:
        zero_all(actuators)


def zero_all(actuators):
    """Tell every actuator zero, each even when one before it raises; the last error leaves."""
    if actuators:
        try:
            actuators[0].zero()
        finally:
            zero_all(actuators[1:])
