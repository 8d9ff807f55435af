# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the status LED of a board says. Imported only when the settings name its pin."""

import asyncio

from edge.core.faults import LOCKED, RUNNING

TICK_MS = 125
# (what holds, its meaning, on and off by eighths of a second); the first row that holds is shown.
MEANINGS = (
    ("starting", "no step yet", (1, 1, 1, 1, 0, 0, 0, 0)),
    ("locked", "a person has to acknowledge", (1, 0, 1, 0, 1, 0, 1, 0)),
    ("fault", "a fault is active", (1, 0, 1, 0, 0, 0, 0, 0)),
    ("unlinked", "all is well, but the backend is away", (1, 1, 1, 1, 1, 1, 0, 1)),
    ("well", "all is well", (1, 0, 0, 0, 0, 0, 0, 0)),
)


def meaning(site, connected):
    """Row of MEANINGS. site: edge.core.site.Site, None before the first step. connected: the backend is there, or the
    site has none."""
    if site is None:
        return 0
    modes = [pack.mode for pack in site.packs]
    if LOCKED in modes:
        return 1
    if [pack for pack in site.packs if pack.faults.names()] or [mode for mode in modes if mode != RUNNING]:
        return 2
    return 4 if connected else 3


async def show(pin, guarded, uplink):
    """Blink for ever. pin: callable with 0 or 1; guarded: edge.shell.control.Guarded; uplink: Uplink port or None."""
    while True:
        for level in MEANINGS[meaning(guarded.site, uplink is None or uplink.connected)][2]:
            pin(level)
            await asyncio.sleep(TICK_MS / 1000)
