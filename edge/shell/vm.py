# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Start-up of a controller in a process of the MicroPython unix VM: what a board runs, without pins.

    micropython -X heapsize=448k -m edge.shell.vm FOLDER [--trace]

FOLDER holds settings.json; the saved state and the trace of the steps are kept there.
"""

import asyncio
import sys

from edge.shell.board import TickClock, read_settings, run


def main(folder, traced):
    """Run the site of folder/settings.json for ever."""
    settings = read_settings(folder + "/settings.json")
    trace = open(folder + "/trace", "w", encoding="utf-8") if traced else None
    asyncio.run(run(settings, folder, TickClock(), None, False, trace))


if __name__ == "__main__":
    main(sys.argv[1], "--trace" in sys.argv)
