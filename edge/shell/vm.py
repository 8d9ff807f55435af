# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Start-up of a controller in a process of the MicroPython unix VM: what a board runs, without pins.

    micropython -X heapsize=384k -m edge.shell.vm FOLDER

FOLDER holds settings.json; state and, when settings name it, the trace of the steps are kept there.
"""

import asyncio
import json
import os
import sys
import time

from bms_bridge.tables import load
from bms_bridge.transports.board_modbus import run_link
from edge.core.settings import check
from edge.loop import loop
from edge.shell.board_uplink import BoardUplink
from edge.shell.control import Guarded, control
from edge.shell.status import serve
from edge.shell.store import FileStore
from edge.shell.wiring import Wiring


class VmClock:
    """Clock port over ticks_ms, which wraps every 12.4 days: unwrapped here, once."""

    def __init__(self):
        self._last = time.ticks_ms()
        self._ms = 0

    def now_ms(self):
        """Monotonic milliseconds since start; needs a call at least every six days."""
        ticks = time.ticks_ms()
        self._ms += time.ticks_diff(ticks, self._last)
        self._last = ticks
        return self._ms

    def utc_s(self):
        """(seconds since 1970, 2): the host's clock, taken as an RTC."""
        return int(time.time()), 2


def sync(file):
    """flush is fsync on this runtime."""
    file.flush()


async def run(settings, folder):
    """Run the site of settings for ever; folder holds its state."""
    clock = VmClock()
    wiring = Wiring(settings, load)
    store = FileStore(folder, sync)
    epoch = int.from_bytes(os.urandom(7), "big")
    boot = (store.load() or {}).get("boot") or 0
    uplink = BoardUplink(settings, epoch, boot + 1)
    trace = open(folder + "/trace", "w") if "--trace" in sys.argv else None
    guarded = Guarded(None, trace)
    for link, devices, gate in wiring.lines:
        asyncio.create_task(run_link(link, devices, clock, gate))
    asyncio.create_task(uplink.run(clock))
    port = settings["uplink"]["status_port"]
    if port:
        await serve(guarded, clock, uplink, port)
    steps = loop(settings, clock, wiring.devices, wiring.actuators, store, uplink, guarded.seen)
    try:
        await control(steps, clock)
    finally:
        steps.close()
        await asyncio.sleep(0.5)  # the last zero still has to reach the wire


def main(folder):
    """Read folder/settings.json and run."""
    with open(folder + "/settings.json") as file:
        settings = check(json.load(file))
    asyncio.run(run(settings, folder))


if __name__ == "__main__":
    main(sys.argv[1])
