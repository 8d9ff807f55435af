# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What one decision costs: limits with all sources, and the guard, on CPython and MicroPython.

python -m benchmarks.permit [--rounds 30]     (by hand; nothing is asserted)
"""

import argparse
import json
import os
import subprocess
import sys

from simulator.lockstep import find_vm

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    runtimes = [("cpython", [sys.executable])]
    vm = find_vm()
    if vm is None:
        print("no MicroPython VM found: set MICROPYTHON=/path/to/micropython", file=sys.stderr)
    else:
        runtimes.append(("micropython", [vm, "-X", "heapsize=4M"]))
    environment = dict(os.environ, PYTHONPATH=ROOT, MICROPYPATH="%s:.frozen" % ROOT)
    for runtime, program in runtimes:
        command = [*program, os.path.join(ROOT, "benchmarks", "permit_inner.py"), str(rounds)]
        text = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
        for line in text.decode().splitlines():
            cells, what, median_us, least_us = json.loads(line)
            print(
                "%-12s %3d cells  %-16s median %7.1f us  least %7.1f us" % (runtime, cells, what, median_us, least_us)
            )


if __name__ == "__main__":
    main()
