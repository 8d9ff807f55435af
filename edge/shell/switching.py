# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Tells the BMSs whose switches are ours (setting bms_switch) what the step decided: locked while the pack is
open or locked, released as part of clearing, otherwise left alone."""

from edge.core import faults as f


class Switching:
    """switched: ((index of the pack, SwitchedBms), ...). clock: Clock port."""

    def __init__(self, switched, clock):
        self.switched = switched
        self.clock = clock

    def told(self, site, outcome):
        """After each step. site: edge.core.site.Site; outcome: its Outcome."""
        now_ms = self.clock.now_ms()
        for index, device in self.switched:
            mode = site.packs[index].mode
            if mode in (f.OPEN, f.LOCKED):
                device.lock(now_ms)
            elif mode == f.RUNNING:
                device.release(now_ms, outcome.commands[0])
