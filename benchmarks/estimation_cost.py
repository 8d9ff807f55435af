# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Time and memory of the estimator. The first part runs on CPython and on the MicroPython VM alike.

python -m benchmarks.estimation --cost      (on CPython, which also calls the VM)
"""

import gc
import sys
from array import array

try:
    from time import ticks_diff, ticks_us
except ImportError:
    from time import perf_counter

    def ticks_us():
        """Microseconds of a clock that goes on."""
        return int(perf_counter() * 1e6)

    def ticks_diff(later, earlier):
        """Microseconds between two of them."""
        return later - earlier


BLOCKS = 9000
MOST_US = 4000
PACK = {"cells": 1, "capacity_mah": 5000, "chemistry": "nmc", "grade": {"capacity_mah": 4000, "capacity_std_mah": 160}}


def revision():
    """Short hash of the checkout, with + when files differ from it."""
    import os
    import subprocess

    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    try:
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=root, capture_output=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain", "edge"], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.decode("ascii").strip() + ("+" if dirty.stdout.strip() else "")


def life():
    """25 hours of a made-up duty at blocks of 10 s: (us per block, slices by us, longest us, total us,
    number of alignments)."""
    from edge.core.cell import at
    from edge.core.soc import Soc

    soc = Soc(PACK)
    slices = array("H", [0] * MOST_US)  # a list that grows would not fit a small heap
    dice, z, step_us, longest, total = 1, 0.5, 0, 0, 0
    for k in range(BLOCKS):
        dice = (dice * 1103515245 + 12345) & 0x7FFFFFFF
        current_ma = ((k // 360) % 5 - 2) * 800 + (dice >> 16) % 200 - 100
        z += current_ma / 360.0 / 4000.0
        mv = int(at(soc.cell.ocv, z)[0] * 1000.0 + current_ma * 0.075)
        started = ticks_us()
        soc.step(0, current_ma * 10000, 10000, 0, current_ma, mv, 25000)
        step_us += ticks_diff(ticks_us(), started)
        for _ in range(10):
            started = ticks_us()
            more = soc.work()
            took = ticks_diff(ticks_us(), started)
            if not more:
                break
            slices[min(took, MOST_US - 1)] += 1
            longest = max(longest, took)
            total += took
    return step_us / BLOCKS, slices, longest, total, soc.rounds.count


def filter_us():
    """Microseconds of one step of the joint filter alone."""
    from edge.core.soc import Soc

    joint = Soc(PACK).joint
    started = ticks_us()
    for k in range(20000):
        joint.step(10.0, 0.5 if k & 64 else -0.5, 3.7, 1.0)
    return ticks_diff(ticks_us(), started) / 20000


def reached(slices, count):
    """Microseconds within which so many slices ended."""
    for us in range(len(slices)):
        count -= slices[us]
        if count <= 0:
            return us
    return len(slices)


def report():
    """Print the figures of this runtime."""
    alone_us = filter_us()
    step_us, slices, longest, total, rounds = life()
    count = sum(slices)
    name = "MicroPython" if sys.implementation.name == "micropython" else "CPython"
    print(
        "%s: filter %.1f us a step; with counting and points %.1f us a block of 10 s; alignments in 25 h: %d of %d "
        "slices each, %.2f s in total; a slice takes %d us (median), %d us (99 %%), %d us (longest)"
        % (
            name,
            alone_us,
            step_us,
            rounds,
            count // max(rounds, 1),
            total / 1e6,
            reached(slices, count // 2),
            reached(slices, count * 99 // 100),
            longest,
        )
    )
    if name == "MicroPython":
        estimator(2)  # what is loaded is not counted
        gc.collect()
        before = gc.mem_alloc()
        one = estimator(1)
        gc.collect()
        middle = gc.mem_alloc()
        many = estimator(97)
        gc.collect()
        after = gc.mem_alloc()
        print("%s" % memory(middle - before, after - middle), end="")
        del one, many
        print("of these, bytes: " + ", ".join(["%s %d" % (name, taken(make)) for name, make in parts()]))


def estimator(cells):
    """A new Estimator with so many cells."""
    from edge.core.estimator import Estimator

    return Estimator(dict(PACK, cells=cells, temps=2))


def parts():
    """((name, function that makes it), ...) of what an Estimator is made of, for one cell and for 96."""
    from edge.core.anomalies import Judge
    from edge.core.cell import Cell, load
    from edge.core.cells import CellDeltas
    from edge.core.joint import Joint
    from edge.core.points import Points
    from edge.core.soc import Soc

    cell = Cell(load(PACK), 5000)
    return (
        ("tables of the type (once for all packs of it)", lambda: Cell(load(PACK), 5000)),
        ("mean cell with points, tables shared", lambda: Soc(PACK)),
        ("its filter", lambda: Joint(cell, 4.0, 0.04)),
        ("its points", lambda: Points(4.0)),
        ("one cell", lambda: CellDeltas(1, 5000)),
        ("96 cells", lambda: CellDeltas(96, 5000)),
        ("judgement of one", lambda: Judge(1, 5000)),
        ("judgement of 96", lambda: Judge(96, 5000)),
    )


def taken(make):
    """Bytes of the VM's heap that what make() returns takes; blocks of 32 bytes on a 64-bit VM, of 16 on a board."""
    make()
    gc.collect()
    before = gc.mem_alloc()
    kept = make()
    gc.collect()
    after = gc.mem_alloc()
    del kept
    return after - before


def memory(one, many):
    """Text: bytes of an estimator with one cell, whose type is loaded already, and for each of 96 more."""
    each = (many - one) // 96
    return "memory: %d bytes a further pack of one type with its points, %d bytes each cell\n" % (one, each)


def python_memory():
    """The same on CPython, whose objects are larger."""
    import tracemalloc

    estimator(2)
    sizes = []
    for cells in (1, 97):
        tracemalloc.start()
        kept = estimator(cells)
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        del kept
    return memory(*sizes)


def main():
    """Print the figures of CPython, and of the MicroPython VM when there is one; returns the exit code."""
    import os
    import shutil
    import subprocess

    report()
    print(python_memory(), end="")
    beside = os.path.join(os.path.dirname(sys.executable), "micropython")
    found = os.environ.get("MICROPYTHON") or (beside if os.path.exists(beside) else shutil.which("micropython"))
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not found:
        print("MicroPython: no VM found (MICROPYTHON=/path/to/micropython names one)")
        return 0
    code = "import sys; sys.path.insert(0, '.'); from benchmarks import estimation_cost as e; e.report()"
    return subprocess.run([found, "-X", "heapsize=2m", "-c", code], cwd=root, check=False).returncode
