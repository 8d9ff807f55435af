# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The control task: the wires come before the flash, and an emergency stop before the end of a period."""

import asyncio
import time

from edge.core.records import Inputs
from edge.shell.control import Watch, control
from edge.shell.store import AfterWires

PERIOD_MS = 60000


class Clock:
    def __init__(self):
        self.start = time.time()

    def now_ms(self):
        return int((time.time() - self.start) * 1000)


class Contacts:
    """The inputs, with what is active in them."""

    def __init__(self):
        self.active = (False, False, False, False)
        self.here = True

    def read(self, now_ms):
        return Inputs(now_ms, *(self.active + (None,))) if self.here else None


def steps_of(clock, log, most, store=None):
    """A loop that notes its steps and ends after so many."""
    wake_ms = PERIOD_MS
    for _ in range(most):
        log.append("step")
        if store is not None:
            store.save({"save": len(log)})
        yield wake_ms
    raise OSError("over")


def ended(task):
    try:
        asyncio.run(task)
    except (OSError, RuntimeError, StopIteration):
        return
    raise AssertionError("it goes on")


def test_an_emergency_stop_does_not_wait_for_a_long_period():
    for at in range(3):
        clock, contacts, log = Clock(), Contacts(), []

        async def press(contacts=contacts, at=at):
            await asyncio.sleep(0.8)
            contacts.active = tuple([i == at for i in range(4)])

        async def both(clock=clock, contacts=contacts, log=log, press=press):
            asyncio.create_task(press())
            await control(steps_of(clock, log, 1), clock, Watch(contacts, clock))

        ended(both())
        assert log == ["step"] and clock.now_ms() < PERIOD_MS // 3


def test_what_is_new_is_new_once():
    contacts = Contacts()
    watch = Watch(contacts, Clock())
    contacts.here = False
    assert not watch.is_new()
    contacts.here = True
    contacts.active = (True, False, False, False)
    assert watch.is_new()  # nobody knows whether a step has seen it
    assert not watch.is_new()
    contacts.active = (True, None, False, False)
    assert watch.is_new() and not watch.is_new()
    contacts.active = (False, False, False, True)  # a door is no reason
    assert not watch.is_new()
    contacts.active = (False, False, True, True)
    assert watch.is_new()


class Disk:
    """A store that is slow to write; it notes when it does."""

    saved = 0

    def __init__(self, log):
        self.log = log

    def load(self):
        return None

    def save(self, state):
        self.log.append("flash")
        self.saved = state["save"]


def test_a_zero_leaves_before_the_flash_is_written():
    clock, log = Clock(), []
    store = AfterWires(Disk(log))
    busy = [True]

    async def line():
        while "step" not in log:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.12)
        log.append("wire")
        busy[0] = False

    async def both():
        asyncio.create_task(line())

        def flush():
            store.flush()
            raise OSError("seen enough")

        await control(steps_of(clock, log, 9, store), clock, None, lambda: not busy[0], flush)

    ended(both())
    assert log == ["step", "wire", "flash"] and store.saved == 1
    store.flush()
    assert log[-1] == "flash" and len(log) == 3  # nothing is written twice


def test_a_line_that_never_falls_quiet_does_not_keep_the_state_from_the_flash():
    clock, log = Clock(), []
    store = AfterWires(Disk(log))

    def flush():
        store.flush()
        raise OSError("seen enough")

    ended(control(steps_of(clock, log, 9, store), clock, None, lambda: False, flush))
    assert log == ["step", "flash"] and clock.now_ms() < PERIOD_MS // 3


def test_an_error_outside_the_steps_is_no_peaceful_end():
    said = []

    def steps():
        try:
            yield 0
            yield PERIOD_MS
        except GeneratorExit:
            said.append("in peace")
            raise
        except OSError:
            said.append("crashed")
            raise

    def broken():
        raise OSError("flash")

    made = steps()
    ended(control(made, Clock(), None, lambda: True, broken))
    made.close()
    assert said == ["crashed"]


def test_an_error_of_the_steps_keeps_its_kind():
    def steps():
        yield 0
        raise ValueError("a step")

    try:
        asyncio.run(control(steps(), Clock()))
    except ValueError as error:
        assert error.args == ("a step",)
        return
    raise AssertionError("it goes on")
