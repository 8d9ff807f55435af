# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What it costs to turn bytes into values: per CAN frame and per 100 registers, on CPython and MicroPython.

python -m benchmarks.decode [--rounds 30]     (by hand; nothing is asserted, nothing but stdout is written)

The bytes are the examples of the profiles, recorded ones where there are any. "decode" is the decoder
alone; "take" is what the product does per frame or block: find the message, check it, decode it, enter
it into the record. Bytes: heap that one call takes on the VM (16-byte blocks). A CAN "answer" is a whole
diagnostic answer of many frames, already joined.
"""

import argparse
import json
import os
import subprocess
import sys

from simulator.lockstep import find_vm

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def rows_of(program, rounds, environment=None):
    """{(what, profile, size): (decode median us, min, bytes, take median us, min, bytes)} of one runtime."""
    command = [*program, os.path.join(ROOT, "benchmarks", "decode_inner.py"), str(rounds)]
    text = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    rows = [json.loads(line) for line in text.decode().splitlines()]
    return {(row[1], row[0], row[2]): row[3:] for row in rows}


def text_of(values, scale=1.0):
    """Six columns; what was not measured is -."""
    parts = []
    for place, value in enumerate(values):
        width = 7 if place % 3 == 2 else 9
        whole = place % 3 == 2
        parts.append(("%*s" % (width, "-")) if value is None else "%*.*f" % (width, 0 if whole else 1, value * scale))
    return " ".join(parts)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=30, help="measurements per row")
    rounds = parser.parse_args().rounds
    runtimes = [("cpython", rows_of([sys.executable], rounds, dict(os.environ, PYTHONPATH=ROOT)))]
    vm = find_vm()
    if vm is None:
        print("no MicroPython VM found: set MICROPYTHON=/path/to/micropython", file=sys.stderr)
    else:
        here = dict(os.environ, MICROPYPATH="%s:.frozen" % ROOT)
        runtimes.append(("micropython", rows_of([vm, "-X", "heapsize=4M"], rounds, here)))
    head = "%9s %9s %7s %9s %9s %7s" % ("decode us", "min", "bytes", "take us", "min", "bytes")
    for runtime, rows in runtimes:
        print("%-12s %-18s %-13s %5s %s" % (runtime, "profile", "", "size", head))
        per_100 = []
        for (what, profile, size), values in sorted(rows.items()):
            print("%-12s %-18s %-13s %5d %s" % ("", profile, what, size, text_of(values)))
            if what == "registers":
                per_100.append((profile, size, values))
        for profile, size, values in per_100:
            print("%-12s %-18s %-13s %5d %s" % ("", profile, "scaled", 100, text_of(values, 100.0 / size)))


if __name__ == "__main__":
    main()
