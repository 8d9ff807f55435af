# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A plain energy manager beside the controller: it asks for what self-consumption wants, again and again.

It knows nothing of the battery's limits: the controller clips what it asks for.
"""

from edge.core.requests import S_LOCAL

EVERY_MS = 10000
LIFE_MS = 30000


class SelfConsumption:
    """world: simulator.world.World whose PV and load it serves. asked: requests so far."""

    def __init__(self, world):
        self.world = world
        self.asked = 0
        self._due_ms = None

    def step(self, site):
        """Ask site (edge.core.site.Site) when it is time; call it before each step."""
        now_ms = self.world.now_ms
        if self._due_ms is not None and now_ms < self._due_ms:
            return
        self._due_ms = now_ms + EVERY_MS
        self.asked += 1
        site.request(now_ms, round(self.world.request_w), now_ms + LIFE_MS, S_LOCAL)
