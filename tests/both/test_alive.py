# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The watchdog is fed while every task of the lines, the uplink and the contactors is at work, and says who is not."""

import asyncio

from bms_bridge.transports import board_can, board_modbus
from edge.shell import pins
from edge.shell.board import while_running
from edge.shell.control import ALIVE_MS
from tests.both import core_help as h


class Clock:
    """Stands still until somebody moves it."""

    def __init__(self):
        self.at_ms = 5000

    def now_ms(self):
        """Milliseconds."""
        return self.at_ms


class Task:
    """A task, as far as it is looked at."""

    def __init__(self):
        self.over = False

    def done(self):
        """Has it ended?"""
        return self.over


def test_one_that_hangs_or_has_ended_starves_the_watchdog_and_is_named_once():
    for ends in (False, True):
        clock, fed, said = Clock(), [], []
        rows = [[5000, Task(), "links[0]"], [5000, Task(), "uplink"]]
        feed = while_running(lambda fed=fed: fed.append(1), rows, clock, said.append)
        feed()
        clock.at_ms += ALIVE_MS
        rows[0][0] += 1
        feed()
        assert len(fed) == 2 and said == []
        rows[1][1].over = ends
        clock.at_ms += 1
        feed()
        feed()
        assert len(fed) == 2 and said == ["uplink has ended" if ends else "uplink hangs"]


def test_one_that_rests_longer_says_when_it_comes_back():
    clock, fed = Clock(), []
    rows = [[5000 + 60000, Task(), "uplink"]]
    feed = while_running(lambda: fed.append(1), rows, clock, None)
    clock.at_ms += 60000 + ALIVE_MS
    feed()
    assert len(fed) == 1


class Line:
    """A line whose exchange never comes back, or which never opens."""

    is_open = True

    async def open(self, *_):
        await asyncio.Event().wait()

    receive = exchange = open

    async def close(self):
        """Nothing to close."""


class Asks:
    """A device that asks at once."""

    def due_ms(self, now_ms):
        return now_ms

    def next_request(self, now_ms):
        return "request"

    def next_frame(self, now_ms):
        return None

    def reply(self, now_ms, request, data):
        return True


def beats(coroutine, clock, span_ms):
    """The clock moves span_ms while the task runs; then it is cancelled."""

    async def life():
        task = asyncio.create_task(coroutine)
        for _ in range(10):
            await asyncio.sleep(0)
        clock.at_ms += span_ms
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert not task.done()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass

    asyncio.run(life())


def test_a_line_marks_its_turns_and_no_longer_when_it_hangs():
    for is_open in (True, False):
        for serve in (board_modbus.serve, board_can.serve):
            clock, line, beat = Clock(), Line(), [0]
            line.is_open = is_open
            more = (None,) if serve is board_can.serve else ()
            beats(serve(line, [Asks()], clock, *more, beat=beat), clock, 3000)
            assert beat == [5000], (serve, is_open)


class Good(Line):
    async def exchange(self, request):
        await asyncio.sleep(0)
        return b"", 0

    async def receive(self, wait_ms):
        await asyncio.sleep(0)
        return []


def test_a_line_at_work_marks_every_turn():
    for serve, more in ((board_modbus.serve, ()), (board_can.serve, (None,))):
        clock, beat = Clock(), [0]
        beats(serve(Good(), [Asks()], clock, *more, beat=beat), clock, 3000)
        assert beat == [8000], serve


def test_a_contactor_marks_each_look():
    clock, beat = Clock(), [0]
    own = {"break_ma": 20000, "main_pin": 4, "precharge_pin": 5}
    site = h.site_settings([h.pack(contactor=own)])
    one = pins.contactors(site, lambda number: lambda level: None, clock)[0]
    before, pins.LOOK_MS = pins.LOOK_MS, 1
    try:
        beats(one.hold(beat), clock, 700)
    finally:
        pins.LOOK_MS = before
    assert beat == [5700]
