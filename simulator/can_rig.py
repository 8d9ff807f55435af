# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The controller of a site whose inverter is on a CAN bus, without waiting: edge.shell.pipe's Rig with frames."""

from bms_bridge.can_line import gate_frame, split_frame
from bms_bridge.tables import load
from edge.core.tx_gate import SENT
from edge.shell.pipe import MOST_REQUESTS, Rig
from simulator.world import ANSWERS


class CanRig(Rig):
    """wires: as of Rig, with frames(device) and hear(device, frame) as simulator.world.World has. captured: every
    gate frame that left, in order, when it is a list."""

    captured: list | None = None

    def _serve(self, index):
        if index != self.pcs_index:
            super()._serve(index)
            return
        now_ms = self.clock.at_ms
        device = self.devices[index]
        for frame in self.wires.frames(index):
            device.take(now_ms, *frame)
        for _ in range(MOST_REQUESTS):
            frame = device.next_frame(now_ms)
            if frame is None:
                return
            left = []
            if self.gate.send(now_ms, gate_frame(*frame), left.append) != SENT:
                device.refused(now_ms)
                continue
            if self.captured is not None:
                self.captured.append(left[0])
            if self.wires.status(index) == ANSWERS:
                self.wires.hear(index, split_frame(left[0]))


def rig_of(settings):
    """The Rig class that a site of settings needs."""
    return CanRig if hasattr(load(settings["pcs"]["profile"]), "TOLD") else Rig
