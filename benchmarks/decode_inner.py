# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The measuring half of benchmarks.decode: runs unchanged on both runtimes, prints one JSON list per row."""

import gc
import json
import sys
import time

from bms_bridge.bms import Bms
from bms_bridge.can import CanBms
from bms_bridge.can_decode import EXTENDED, decode_message
from bms_bridge.decode import decode_block
from bms_bridge.poll import Request
from bms_bridge.tables import load
from tests.both.bridge_vectors import VECTORS as REGISTERS
from tests.both.can_vectors import VECTORS as FRAMES

REGISTER_PROFILES = ("daly_d2", "daly_p81", "jk_pb", "seplos_v3", "sunspec_802_805")
CAN_PROFILES = ("hyundai_egmp", "kia_64", "nissan_leaf", "pylontech_lv_can", "sma_lv_can")
ENOUGH_US = 10000  # one measurement takes at least so long
BATCH = 32
BOARD = hasattr(gc, "mem_alloc")


def now_us():
    """Microseconds of a clock that only grows."""
    ticks = getattr(time, "ticks_us", None)
    return ticks() if ticks else time.perf_counter_ns() // 1000


def spent(call, times):
    """Microseconds of so many calls. Garbage is collected between batches, unmeasured, as the control task
    does between steps; a VM's heap that fills up would otherwise be searched longer with every call."""
    total = 0
    for first in range(0, times, BATCH):
        if BOARD:
            gc.collect()
        started = now_us()
        for number in range(first, first + BATCH):
            call(number)
        total += now_us() - started
    return total


def heap_of(call):
    """Bytes of heap that one call takes; None where the runtime does not tell."""
    if not BOARD:
        return None
    used = gc.mem_alloc
    found = []
    for number in range(5):
        gc.collect()
        gc.disable()
        before = used()
        call(number)
        found.append(used() - before)
        gc.enable()
    overhead = _nothing_heap(used)
    return max(sorted(found)[2] - overhead, 0)


def _nothing_heap(used):
    before = used()
    return used() - before


def measured(call, rounds):
    """(median, min) of microseconds per call, and bytes of one call."""
    times = BATCH
    while spent(call, times) < ENOUGH_US:
        times *= 2
    found = []
    for _ in range(rounds):
        gc.collect()
        found.append(spent(call, times) / times)
    found.sort()
    return found[len(found) // 2], found[0], heap_of(call)


def report(profile, what, size, decode, take, rounds):
    """Print one row."""
    row = [profile, what, size]
    row.extend(measured(decode, rounds))
    row.extend(measured(take, rounds) if take else (None, None, None))
    print(json.dumps(row))


def registers(name, rounds):
    """The largest block of registers of a profile."""
    table = load(name)
    best = None
    for profile, index, data, *_ in REGISTERS:
        if profile == name and table.BLOCKS[index][0] > 2 and len(data) == table.SIZES[index]:
            if best is None or len(data) > len(best[1]):
                best = (index, data)
    index, data = best
    slots = [None] * table.SLOTS
    device = Bms(table, 1, {"id": name})
    _, address, count = table.BLOCKS[index][:3]
    request = Request(1, table.BLOCKS[index][0], address, count, None, index)
    device.reader.walk = None

    def decode(number):
        decode_block(table, index, data, slots)

    def take(number):
        device.reply(number * 1000, request, data)
        device.read(number * 1000)

    report(name, "registers", len(data) // 2, decode, take, rounds)


def frames(name, rounds):
    """The first example of a frame and of a joined diagnostic answer of a profile, as far as it has them."""
    table = load(name)
    done = []
    for profile, index, data, *_ in FRAMES:
        if profile != name:
            continue
        kind = table.BLOCKS[index][1]
        least, most = table.SIZES[index]
        if kind in done or not least <= len(data) <= most:
            continue
        done.append(kind)
        slots = [None] * table.SLOTS

        def decode(number, index=index, data=data, slots=slots):
            decode_message(table, index, data, slots)

        take = None if kind else frame_taker(table, index, data)
        report(name, "answer" if kind else "frame", len(data), decode, take, rounds)


def frame_taker(table, index, data):
    """A call that enters the frame as the product does; a counter in it moves, or it would be no news."""
    device = CanBms(table, {"id": "p"})
    key = table.BLOCKS[index][0]
    can_id, extended = key & 0x1FFFFFFF, bool(key & EXTENDED)

    def take(number):
        device._counters[index] = None
        device.take(number, can_id, extended, data)
        device.read(number)

    return take


def main():
    """Measure every profile."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    for name in REGISTER_PROFILES:
        registers(name, rounds)
    for name in CAN_PROFILES:
        frames(name, rounds)


main()
