# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""python -m simulator: which simulators there are."""

import sys

from simulator import wire
from simulator.mishaps import ROWS


def main():
    """Say what can be run, and list the mishaps; returns the exit code."""
    print("python -m simulator.year   seeded days through the unchanged loop, every invariant judged")
    print("python -m simulator.serve  the demo world on Modbus TCP, in real time")
    print("mishaps of the world:")
    for row in ROWS:
        print("  %-16s %s" % (row.name, row.text))
    print("mishaps of the wire (reuse-edge sim serve --profile ... --mishap NAME:KEY=N):")
    for trouble in wire.ROWS:
        keys = "".join(" %s=%d" % pair for pair in trouble.defaults)
        print("  %-16s %s (%s%s)" % (trouble.name, trouble.text, ", ".join(trouble.kinds), keys))
    return 0


if __name__ == "__main__":
    sys.exit(main())
