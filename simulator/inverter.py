# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A battery inverter on a CAN bus (Pylontech, SMA): it says that it lives and obeys what its battery tells. Pure.

It shares no code and no table of frames with the controller: identifiers and scales stand here once more.
"""

from struct import unpack_from

from simulator.pcs import SimPcs
from simulator.wire import Troubles

ALIVE_ID = 0x305
ALIVE_MS = 1000
LIMITS_ID = 0x351
CHARGE_ID = 0x355
ENABLE_ID = 0x35C
TIMEOUT_MS = 5000  # without limits for this long it stops by itself


class InverterWire(Troubles):
    """The inverter's end of the bus. enables: it looks at the bits of 0x35C (Pylontech; SMA has none). timeout_ms: its
    own supervision of the battery. heard: {identifier: (ms, data)} of the newest frames. sent: frames so far."""

    def __init__(self, enables=True, timeout_ms=TIMEOUT_MS, seed=1):
        super().__init__("can", seed)
        self.enables = enables
        self.timeout_ms = timeout_ms
        self.heard = {}
        self.taken = []
        self.sent = 0
        self.now_ms = 0
        self.is_mute = False
        self._next_ms = None

    def due(self, now_ms):
        """Frames that it sends at now_ms: [(can_id, extended, data), ...]."""
        self.now_ms = now_ms
        if self.is_mute or "bus_off" in self.active or (self._next_ms is not None and now_ms < self._next_ms):
            return []
        self._next_ms = now_ms + ALIVE_MS
        if self.strikes("lost"):
            return []
        self.sent += 1
        return [(ALIVE_ID, False, bytes(8))]

    def take(self, can_id, extended, data):
        """Hear a frame of the battery. Nothing is answered."""
        if "bus_off" not in self.active and not extended and not self.strikes("lost"):
            self.heard[can_id] = (self.now_ms, bytes(data))
            self.taken.append((self.now_ms, can_id, bytes(data)))
        return []

    def _fresh(self, can_id):
        at_ms, data = self.heard.get(can_id, (None, None))
        return data if at_ms is not None and self.now_ms - at_ms <= self.timeout_ms else None

    def limits_a(self):
        """(charge, discharge) in A that the battery allows now."""
        limits = self._fresh(LIMITS_ID)
        if limits is None:
            return 0.0, 0.0
        charge, discharge = unpack_from("<hh", limits, 2)
        bits = 0xC0
        if self.enables:
            enable = self._fresh(ENABLE_ID)
            bits = 0 if enable is None else enable[0]
        return charge / 10.0 if bits & 0x80 else 0.0, discharge / 10.0 if bits & 0x40 else 0.0


class CanPcs(SimPcs):
    """SimPcs whose limits come over a CAN bus. wire: its InverterWire."""

    def __init__(self, pcs, mishaps):
        super().__init__(pcs, mishaps)
        self.wire = InverterWire("sma" not in pcs["profile"])

    def write(self, now_ms, address, data):
        """It has no registers."""
        return False

    def limits_w(self):
        """(charge_w, discharge_w) that its battery allows now."""
        charge_a, discharge_a = self.wire.limits_a()
        return min(charge_a * self.dc_v, self.power_w), min(discharge_a * self.dc_v, self.power_w)
