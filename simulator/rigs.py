# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A controller attached to a World: in this process, or (simulator.lockstep) in a MicroPython VM.

Both have turn() -> Turn, close() and digest: the same world then judges either runtime.
"""

import json
from collections import namedtuple
from struct import pack
from zlib import crc32

from edge.core.records import Est
from edge.core.settings import with_defaults
from edge.shell.store import pieces
from simulator.can_rig import rig_of

NTP = 3

# What one step showed. soc: Est per pack; delivered, believed_ma, totals, records: None where the runtime
# does not show them.
Turn = namedtuple("Turn", ("wake_ms", "commands", "soc", "delivered", "believed_ma", "totals", "records", "seq"))

_PACK_AT = 5  # first pack's place in Site.trace()
_PACK_SIZE = 6


def fold(digest, trace):
    """Digest (CRC-32) of all steps so far, continued with the trace of one more step."""
    return crc32(pack(">%dq" % len(trace), *trace), digest)


def soc_of(trace, packs):
    """Est per pack (value and std in ppm) out of a step's trace."""
    found = []
    for index in range(packs):
        value, std = trace[_PACK_AT + _PACK_SIZE * index + 1 : _PACK_AT + _PACK_SIZE * index + 3]
        found.append(Est(None if value < 0 else value, None if std < 0 else std, None, 0))
    return found


class Local:
    """The controller in this process. world: World. settings: of the site (defaults are filled in).
    state: saved state or None. keep: how many records stay readable."""

    def __init__(self, world, settings, state=None, keep=200):
        self.world = world
        self.rig = self.make(with_defaults(settings), state, keep)
        self.packs = len(settings["packs"])
        self.digest = 0

    def make(self, settings, state, keep):
        """The Rig. settings: with defaults."""
        rig = rig_of(settings)(settings, state, self.world, keep)
        if self.world.inputs is not None and not settings["inputs"].get("profile"):
            rig.devices.append(self.world.inputs)
        return rig

    def turn(self):
        """One step at the world's present time."""
        world, rig = self.world, self.rig
        rig.set_time(world.now_ms, world.utc_s(), NTP)
        wake_ms = rig.turn()
        outcome = rig.outcome
        self.digest = fold(self.digest, rig.site.trace(outcome))
        world.contact(outcome.commands)
        controllers = rig.site.packs
        return Turn(
            wake_ms,
            outcome.commands,
            [controller.soc.soc() for controller in controllers],
            [device.read(world.now_ms) for device in rig.devices[: self.packs]],
            [controller.believed.current_ma for controller in controllers],
            [controller.metering.totals for controller in controllers],
            outcome.records,
            rig.uplink.seq,
        )

    def state(self):
        """The state that a restart would load now."""
        return json.loads("".join(pieces(self.rig.site.state())))

    def close(self):
        """Stop the loop as a shell does."""
        self.rig.close()
