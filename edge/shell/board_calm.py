# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Work that stops everything else on a board, a TLS handshake above all, is announced: it begins when nothing may flow.

How long it takes nobody knows before it was measured on this very board: until then, and where it takes longer than a
command may wait for its successor, the site goes to zero first (Site.busy) and stays there until the work is done.
"""

import asyncio

LOOK_MS = 20  # a task that looks so often is late by what stops everything
SETTLE_MS = 500  # from the step that allowed nothing until that has left: the most that control() gives the wires
MARGIN_MS = 300


class Calm:
    """One per board. settings: checked; clock: Clock port. longest_ms: of what stopped everything so far, None before
    anything was measured."""

    def __init__(self, settings, clock):
        period_ms = settings["period_ms"]
        self._clock = clock
        self._controls = settings["mode"] == "control"
        lease_ms = max(1000, min(3 * period_ms, settings["lease_ms"]))
        self._bearable_ms = lease_ms - period_ms - MARGIN_MS
        self._wanted = False
        self._zero_ms = None  # since when nothing may flow, as the steps tell
        self._watch = None
        self.longest_ms = None

    def told(self, site, outcome):
        """After each step: what the site is to do in the next, and what this one allowed."""
        site.busy = self._wanted
        command = outcome.commands[0]
        if command.charge_ma or command.discharge_ma:
            self._zero_ms = None
        elif self._zero_ms is None:
            self._zero_ms = self._clock.now_ms()

    async def begin(self):
        """Wait until the work may begin; returns the time. Whatever happens then, call end()."""
        if self._controls and (self.longest_ms is None or self.longest_ms > self._bearable_ms):
            self._wanted = True
            self._zero_ms = None  # a step that knows of it has to say so
            while self._zero_ms is None or self._clock.now_ms() - self._zero_ms < SETTLE_MS:
                await asyncio.sleep(LOOK_MS / 1000)
        self._watch = asyncio.create_task(self._measure())
        await asyncio.sleep(0)  # it has looked at the clock once
        return self._clock.now_ms()

    def end(self):
        """The work is done, or has failed."""
        self._wanted = False
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def _measure(self):
        """How long nothing else ran, at most."""
        before_ms = self._clock.now_ms()
        try:
            while True:
                await asyncio.sleep(LOOK_MS / 1000)
                before_ms = self._note(before_ms)
        finally:
            self._note(before_ms)

    def _note(self, before_ms):
        now_ms = self._clock.now_ms()
        self.longest_ms = max(self.longest_ms or 0, now_ms - before_ms - LOOK_MS)
        return now_ms
