# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One simulated BMS on a CAN bus: what it sends by itself, what it answers, and what goes wrong. Pure.

wire = CanWire(table, lambda: world.samples[0])
for frame in wire.due(now_ms): send(frame)              # (can_id, extended, data)
for frame in wire.take(*frame_that_came): send(frame)
"""

from bms_bridge.can import CanBms
from bms_bridge.can_decode import at_address
from bms_bridge.can_encode import Responder, encode_message
from simulator.wire import Troubles

EXTENDED = 0x80000000


class CanWire(Troubles):
    """table: one with BUS "can". sample: a function that gives the Sample to say. unit: its address, None for the
    one that the profile is written for. sent: frames so far."""

    def __init__(self, table, sample, seed=1, unit=None):
        super().__init__("can", seed)
        table = at_address(table, unit)
        self.table = table
        self.sent = 0
        self._sample = sample
        self._frozen = None
        self._next_ms = {}
        self._counts = {}
        self._events = [row[0] for row in getattr(table, "EVENTS", ())]
        self._responder = Responder(table, 64 if table.INFO.get("fd") else 8)

    def stop(self, name):
        """Switch mishap `name` off; a frozen page thaws."""
        super().stop(name)
        if name in ("page_frozen", "frozen_at_rest"):
            self._frozen = None

    def due(self, now_ms):
        """Frames that the device sends at now_ms, each in its own period: [(can_id, extended, data), ...]."""
        frames = []
        for index, row in enumerate(self.table.BLOCKS):
            if row[1] or now_ms < self._next_ms.get(index, 0) or (index in self._events and not self._page().alarms):
                continue
            last_ms = self._next_ms.get(index, now_ms)
            self._next_ms[index] = last_ms + row[3] if last_ms + row[3] > now_ms else now_ms + row[3]
            count = self._counts.get(index, 0) if "counter_stuck" in self.active else self._counts.get(index, -1) + 1
            self._counts[index] = count
            data = encode_message(self.table, index, self._page(), count)
            frames.append((row[0] & 0x1FFFFFFF, row[0] >= EXTENDED, data))
        return self._carried(frames)

    def take(self, can_id, extended, data):
        """Frames that the device sends because of one that came."""
        if "bus_off" in self.active:
            return []
        return self._carried(self._responder.take(can_id, extended, data, self._page()))

    def _page(self):
        sample = self._sample()
        rest = self.active.get("frozen_at_rest")
        if self._frozen is None and (
            "page_frozen" in self.active
            or (rest and sample.current_ma is not None and abs(sample.current_ma) < rest["ma"])
        ):
            self._frozen = sample
        return self._frozen or sample

    def _carried(self, frames):
        if "bus_off" in self.active:
            return []
        kept = [frame for frame in frames if not self.strikes("lost")] if "lost" in self.active else frames
        if "silent_id" in self.active:
            kept = [frame for frame in kept if frame[0] != self.active["silent_id"]["id"]]
        self.sent += len(kept)
        return kept


def dialogue(wire, start_ms, end_ms, step_ms=10, each=None, tester=None):
    """Everything that passes on a bus with that device and somebody who asks the profile's questions:
    (now_ms, can_id, extended, data), in order. each(now_ms): called before every step. tester: the CanBms
    that asks, None for one that sends nothing else."""
    if tester is None:
        tester = CanBms(wire.table, {"id": "tester"})
        tester.sending = False
    for now_ms in range(start_ms, end_ms, step_ms):
        if each is not None:
            each(now_ms)
        for frame in wire.due(now_ms):
            yield (now_ms, *frame)
            tester.take(now_ms, *frame)
        asked = tester.next_frame(now_ms)
        while asked is not None:
            yield (now_ms, *asked)
            for frame in wire.take(*asked):
                yield (now_ms, *frame)
                tester.take(now_ms, *frame)
            asked = tester.next_frame(now_ms)
