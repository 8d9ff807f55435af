# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The module `time` of a virtual board whose time is that of a simulated world (simulator/vboard_fast.py).

Nothing passes but what the supervisor grants: when the event loop would sleep, or somebody blocks, it is told for how
long, and answers with the time at which something happens. ticks_ms wraps at 2^30 as on a 32-bit board. install() puts
this in the place of `time`, and tasks and polls that keep to it in the place of asyncio's own, before anybody imports
them.
"""

import gc
import select
import sys
import time as real
from struct import pack, unpack

import machine
from umachine import idle  # noqa: F401

WRAP = 1 << 30
SLEEP, BLOCK, HEAP = 0, 1, 2  # what a request means
CALLS = 10000  # to find out what one takes
TURNS = 20  # so many turns of the event loop without a wait take a millisecond, or a task that yields would stop time
_board = {"now_ms": 0, "start": 0, "utc_s": 0, "line": None, "free_ms": 0, "since_us": 0, "worst_us": 0}
_board.update(chip=None, call_us=0)


def _ask(kind, wait_ms):
    """Tell the supervisor; then it is as late as it says."""
    line = _board["line"]
    _note()
    line.write(pack("<qqqq", kind, wait_ms, _board["now_ms"], _board["worst_us"]))
    now_ms, free_ms, wants = unpack("<qqq", line.read(24))
    if wants == HEAP:
        gc.collect()
        line.write(pack("<qqqq", HEAP, gc.mem_free(), gc.mem_alloc(), 0))
        now_ms, free_ms, wants = unpack("<qqq", line.read(24))
    _board["now_ms"] = now_ms
    _board["free_ms"] = free_ms
    _board["worst_us"] = 0
    _board["since_us"] = int(real.clock() * 1000000)


def chip(flash):
    """The chip of the board, whose driver is C on a board and no computing of the program: what one of its calls takes
    here is taken off for each."""
    buffer = bytearray(128)
    begin = real.clock()
    for _ in range(CALLS):
        flash.readblocks(0, buffer)
    _board["call_us"] = (real.clock() - begin) * 1000000 / CALLS
    _board["chip"] = flash
    flash.calls = 0


def _note():
    """How long the processor worked since the last wait; the longest is told."""
    clock_us = int(real.clock() * 1000000)
    spent_us = clock_us - _board["since_us"]
    flash = _board["chip"]
    if flash is not None:
        spent_us -= int(flash.calls * _board["call_us"])
        flash.calls = 0
    _board["since_us"] = clock_us
    if spent_us > _board["worst_us"]:
        _board["worst_us"] = spent_us


def _jump(wait_ms):
    """Let time pass without asking: nothing was sent on a line, and nothing happens before free_ms. True when done."""
    if wait_ms < 0 or machine.sent() or _board["now_ms"] + wait_ms > _board["free_ms"]:
        return False
    _note()
    _board["now_ms"] += wait_ms
    return True


def ticks_ms():
    """Milliseconds, modulo 2^30."""
    return (_board["start"] + _board["now_ms"]) % WRAP


def ticks_us():
    """Microseconds, modulo 2^30."""
    return (_board["start"] + _board["now_ms"]) * 1000 % WRAP


ticks_cpu = ticks_us


def ticks_add(ticks, delta):
    """ticks, delta later."""
    return (ticks + delta) % WRAP


def ticks_diff(later, earlier):
    """later - earlier over the wrap: from -2^29 to 2^29 - 1."""
    return (later - earlier + WRAP // 2) % WRAP - WRAP // 2


def time():
    """Seconds since 1970, whole."""
    return _board["utc_s"] + _board["now_ms"] // 1000


def time_ns():
    """Nanoseconds since 1970."""
    return (_board["utc_s"] * 1000 + _board["now_ms"]) * 1000000


def gmtime(at_s=None):
    """The calendar of at_s, or of now."""
    return real.gmtime(time() if at_s is None else at_s)


localtime = gmtime
mktime = real.mktime


def sleep_ms(span_ms):
    """Block: nothing of the board runs meanwhile, the world does."""
    if span_ms > 0:
        _ask(BLOCK, span_ms)


def sleep_us(span_us):
    """Block; less than a millisecond is nothing."""
    sleep_ms(span_us // 1000)


def sleep(span_s):
    """Block."""
    sleep_ms(int(span_s * 1000))


class Poll:
    """select.poll whose waiting is the world's."""

    def __init__(self):
        self._real = _board["make"]()
        self._turns = 0
        self._tls = _board["make"]()  # the VM waits a millisecond of its own when it asks one of those
        self._look = False
        self._spoke = False  # on a TLS connection: the other side gets its turn before time goes on

    def _of(self, stream):
        """The poll that stream belongs to."""
        if type(stream).__name__ != "SSLSocket":
            return self._real
        self._look = self._spoke = True
        return self._tls

    def register(self, stream, events):
        """Look at stream from now on."""
        self._of(stream).register(stream, events)

    def modify(self, stream, events):
        """Look at it for something else."""
        self._of(stream).modify(stream, events)

    def unregister(self, stream):
        """Look at it no more."""
        self._of(stream).unregister(stream)

    def _now(self):
        """What is ready now; TLS connections only after something may have happened to them."""
        ready = self._real.poll(0)
        if self._look:
            self._look = False
            ready = ready + self._tls.poll(0)
        return ready

    def ipoll(self, wait_ms=-1, flags=0):
        """What is ready now; without that, what is ready when the supervisor has let time pass, wait_ms at most."""
        self._turns += 1
        ready = self._now()
        if (ready or wait_ms == 0) and self._turns < TURNS:
            return ready
        self._turns = 0
        if ready or wait_ms == 0:
            _ask(BLOCK, 1)
            return ready
        if self._spoke or not _jump(wait_ms):
            _ask(SLEEP, wait_ms)
            self._look, self._spoke = True, False
        return self._now()

    poll = ipoll


def install(line_fd, start, now_ms, utc_s):
    """Time of this VM comes from the descriptor line_fd from now on. start: ticks at now_ms 0; utc_s: then."""
    _board.update({"line": open(line_fd, "r+b"), "start": start, "now_ms": now_ms, "utc_s": utc_s})  # noqa: SIM115
    _board["since_us"] = int(real.clock() * 1000000)
    _board["make"] = select.poll
    import fast_select
    import fast_tasks

    sys.modules["time"] = sys.modules["fast_time"]
    sys.modules["select"] = fast_select
    sys.modules["_asyncio"] = fast_tasks
