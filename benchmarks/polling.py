# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Requests per cycle and age of data: planned polling against one request per point, on the same line.

python -m benchmarks.polling [--seconds 600]     (by hand; nothing is asserted)

A pack of 200 points with holes: 20 areas of 10 registers, holes of 2 to 40 between them, all wanted every
second. The line is RS-485 in virtual time: 11 bits per character, 3.5 characters of silence, 5 ms until
the device answers. Age: now minus arrival of a point, looked at every 50 ms, after the first minute.
"""

import argparse

from bms_bridge import poll
from bms_bridge.poll import Plan

POINTS = 200
TURNAROUND_MS = 5
HOLES = (2, 4, 8, 2, 6, 40, 3, 8, 2, 12, 4, 4, 2, 8, 1, 30, 5, 2, 8)
BAUDS = (9600, 19200, 115200)


class Map:
    """A table with nothing but blocks, all of function 3."""

    ARRAYS = ((),) * POINTS

    def __init__(self, places, period_ms, polling):
        self.BLOCKS = tuple((3, address, count, period_ms, 0) for address, count in places)
        self.FIELDS = (None,) * len(places)
        self.POLLING = polling


def areas():
    """((address, registers), ...) of the pack."""
    places, at = [], 100
    for number in range(20):
        places.append((at, 10))
        at += 10 + (HOLES[number] if number < len(HOLES) else 0)
    return places


def exchange_ms(count, baud):
    """How long one request for count registers takes on the line."""
    characters = 8 + 5 + 2 * count + 3.5 + 3.5
    return characters * 11000 / baud + TURNAROUND_MS


def run(places, baud, seconds, polling=(125, 8, 0, 1, 0), missing=()):
    """(requests per second, p50, p99 and worst age in ms, rejected requests) of one pack alone on its line.

    missing: addresses in holes that the device rejects."""
    plan = Plan(Map(places, 1000, polling))
    arrived = [None] * len(places)
    ages, now, look, requests, rejected = [], 0.0, 60000.0, 0, 0
    while now < seconds * 1000:
        span = plan.next_span(int(now))
        before = now
        if span is None:
            now = max(now + 1, min(plan.due_ms(int(now)), now + 50))
        else:
            requests += 1
            now += exchange_ms(span.count, baud)
            if any(span.address <= address < span.address + span.count for address in missing):
                rejected += 1
                plan.failed(int(now), span, 0x102)
            else:
                plan.span_answered(int(now), span)
                for index in span.indexes:
                    plan.answered(int(now), index)
        while look <= now:
            if look > before:
                ages += [look - at for at in arrived if at is not None]
            look += 50
        if span is not None and not any(a <= x < a + span.count for x in missing for a in (span.address,)):
            for index in span.indexes:
                arrived[index] = now
    ages.sort()
    return requests / seconds, ages[len(ages) // 2], ages[len(ages) * 99 // 100], ages[-1], rejected


def main():
    """Print the table."""
    poll.WINDOW_MOST = 10000  # the rate cap would hold back the way that asks for every point
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=600)
    seconds = parser.parse_args().seconds
    points = [(address + k, 1) for address, count in areas() for k in range(count)]
    bad = [areas()[3][0] + 11]
    ways = (
        ("one request per point", points, (1, 0, 0, 1, 0), ()),
        ("one request per area", areas(), (125, 0, 0, 1, 0), ()),
        ("planned", areas(), (125, 8, 0, 1, 0), ()),
        ("planned, one hole rejected", areas(), (125, 8, 0, 1, 0), bad),
        ("planned, 200 single points", points, (125, 8, 0, 1, 0), ()),
    )
    print("%-28s %7s %12s %9s %9s %9s %9s" % ("", "baud", "requests/s", "p50 ms", "p99 ms", "worst ms", "rejected"))
    for baud in BAUDS:
        for name, places, polling, missing in ways:
            rate, middle, high, worst, rejected = run(places, baud, seconds, polling, missing)
            print("%-28s %7d %12.2f %9.0f %9.0f %9.0f %9d" % (name, baud, rate, middle, high, worst, rejected))


if __name__ == "__main__":
    main()
