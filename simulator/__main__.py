# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""python -m simulator: which simulators there are."""

import sys

from simulator.mishaps import ROWS


def main():
    """Say what can be run, and list the mishaps; returns the exit code."""
    print("python -m simulator.year   seeded days through the unchanged loop, every invariant judged")
    print("python -m simulator.serve  the demo world on Modbus TCP, in real time")
    print("mishaps:")
    for row in ROWS:
        print("  %-16s %s" % (row.name, row.text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
