# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""An uplink that is offered telemetry ten times a second, for the test of Home Assistant's messages. Either runtime.

home_driver.py board|gateway PORT runs until it is killed. An order with the payload `stale` or `ok` changes the quality
of what it is offered from then on; the numbers do not change.
"""

import asyncio
import sys
import time

from edge.core.records import OK, STALE, Record
from edge.core.registry import KEYS
from edge.shell import home_assistant

PERIOD_S = 0.1


class Clock:
    """now_ms() only."""

    def now_ms(self):
        return time.ticks_ms() if hasattr(time, "ticks_ms") else time.monotonic_ns() // 1000000


def settings_of(port):
    """What an uplink needs of a site with two packs."""
    uplink = {"host": "127.0.0.1", "port": port, "keepalive_s": 5, "home_assistant_s": 600}
    packs = [{"id": "HK-1", "profile": "daly", "serial": "S1"}, {"id": "HK-2", "profile": "daly"}]
    return {"org": "demo", "site": "here", "device": "board-1", "packs": packs, "uplink": uplink}


async def control(uplink, clock):
    """Offer telemetry for ever."""
    quality = OK
    while True:
        for order in uplink.orders():
            quality = STALE if order == b"stale" else OK
        pairs = ((KEYS["soc"], 612345), (KEYS["current"], -500), (KEYS["quality"], quality), (KEYS["charge_limit"], 0))
        for pack in (0, 1):
            uplink.offer(Record("T", pack, clock.now_ms(), None, 0, tuple(sorted(pairs))))
        await asyncio.sleep(PERIOD_S)


async def main(kind, port):
    """Make the uplink and offer."""
    clock = Clock()
    home_assistant.CONFIG_MS = 500  # a test need not wait for longer
    if kind == "board":
        from edge.shell.board_uplink import BoardUplink

        uplink = BoardUplink(settings_of(port), 5, 1)
        asyncio.create_task(uplink.run(clock))  # noqa: RUF006
    else:
        from edge.shell.gateway_uplink import GatewayUplink

        uplink = GatewayUplink(settings_of(port), 5, 1, clock).start()
    await control(uplink, clock)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
