# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A board in small: a control task and the board uplink on one event loop. Runs on either runtime.

board_driver.py HOST PORT COUNT PERIOD_MS LIMIT_S EPOCH ANSWER_MS LIMIT_BYTES offers COUNT records, waits
until all are acknowledged or LIMIT_S is over, and prints one JSON line: what it offered, what came back, how
late it was. ANSWER_MS replaces the client's deadlines and the resend time, so that a test need not wait.
"""

import asyncio
import gc
import json
import os
import sys
import time

from edge.core.records import Record
from edge.shell import mqtt
from edge.shell.board_uplink import BoardUplink


def now_us():
    """Monotonic microseconds (the VM of the tests has 64 bits: no wrap)."""
    return time.ticks_us() if hasattr(time, "ticks_us") else time.monotonic_ns() // 1000


class Clock:
    """now_ms() only."""

    def now_ms(self):
        return now_us() // 1000


def open_files():
    """Number of open files and sockets of this process, None where /proc does not tell."""
    try:
        return len([0 for _ in (os.ilistdir if hasattr(os, "ilistdir") else os.listdir)("/proc/self/fd")])
    except OSError:
        return None


class Histogram:
    """Times in microseconds, in steps of 1/8 of a power of two: bounded memory for a long run."""

    def __init__(self):
        self.bins = [0] * 256
        self.count = 0
        self.maximum = 0

    def add(self, time_us):
        """Count one time."""
        time_us = max(time_us, 0)
        self.maximum = max(self.maximum, time_us)
        self.count += 1
        octave = 0
        while time_us >= 16:
            time_us >>= 1
            octave += 8
        self.bins[octave + time_us] += 1

    def share(self, percent):
        """Lower edge (us) of the bin in which that share of all times is reached."""
        left = self.count * percent // 100
        for index in range(256):
            left -= self.bins[index]
            if left < 0:
                octave = max(index - 8, 0) // 8
                return (index - octave * 8) << octave
        return self.maximum


def record(number):
    """Record number i: class T, each sixth M, each twentieth E; 12 values as in a small report."""
    cls = "E" if number % 20 == 0 else "M" if number % 6 == 0 else "T"
    pairs = [(key, number * key) for key in range(20, 31)]
    return Record(cls, 0, 1000 * number, None, 0, tuple(pairs) + ((62, -number),))


async def control(uplink, count, period_ms, limit_s):
    """Offer one record per period and measure how late each step is; returns the result as a dict."""
    start_us = now_us()
    late, cost = Histogram(), Histogram()
    steps = offered = 0
    while (now_us() - start_us) // 1000000 < limit_s:
        due_us = start_us + steps * period_ms * 1000
        wait_us = due_us - now_us()
        if wait_us > 0:
            await asyncio.sleep(wait_us / 1000000)
        late_us = now_us() - due_us
        late.add(late_us)
        steps += 1
        if offered < count:
            before_us = now_us()
            uplink.offer(record(offered))
            cost.add(now_us() - before_us)
            offered += 1
        elif not uplink.backlog:
            break
        uplink.orders()
        if late_us > period_ms * 1000:  # do not run after lost steps
            start_us += late_us
        if steps % 20 == 0:
            gc.collect()  # at a fixed point, as on a board: otherwise the heap breaks into pieces
        if steps % 100 == 0:
            free = gc.mem_free() if hasattr(gc, "mem_free") else 0
            sys.stderr.write("%d offered, %d wait, %d free\n" % (offered, uplink.backlog, free))
    return {
        "offered": offered,
        "backlog": uplink.backlog,
        "lost": uplink.lost,
        "seq": uplink.seq,
        "sent": uplink.outbox.sent,
        "reconnects": uplink.reconnects,
        "late_p99_us": late.share(99),
        "late_max_us": late.maximum,
        "offer_p50_us": cost.share(50),
        "log": uplink.log,
        "open_files": open_files(),
    }


async def main(host, port, count, period_ms, limit_s, epoch, answer_ms, limit_bytes):
    """Run both tasks and print the result."""
    settings = {"org": "demo", "site": "here", "device": "board-1"}
    settings["uplink"] = {"host": host, "port": port, "keepalive_s": 5}
    mqtt.ANSWER_MS = mqtt.CONNECT_MS = answer_ms
    uplink = BoardUplink(settings, epoch, 1, limit_bytes)
    uplink.outbox.resend_ms = answer_ms
    task = asyncio.create_task(uplink.run(Clock()))
    result = await control(uplink, count, period_ms, limit_s)
    task.cancel()
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *[int(text) for text in sys.argv[2:9]]))
