# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The board's machine.CAN port against tests/bridge/fake_machine.py with a battery on its bus, on both runtimes.
Arguments: PROFILE UNIT. Prints one line of JSON."""

import asyncio
import json
import sys
import time

from bms_bridge.can import CanBms, key_of
from bms_bridge.can_decode import at_address
from bms_bridge.can_encode import Responder, encode_frames
from bms_bridge.can_line import gate_frame
from bms_bridge.tables import load
from bms_bridge.transports.board_can import run_link
from edge.core.tx_gate import READ, TxGate, approved_sum
from tests.both.test_can_decode import sample_of
from tests.bridge import fake_machine
from tests.bridge.rtu_port import ended

sys.modules["machine"] = fake_machine
STEP_S = 0.002


class Clock:
    """Clock port."""

    def now_ms(self):
        return time.ticks_ms() if hasattr(time, "ticks_ms") else int(time.monotonic() * 1000)


class Bus:
    """The battery, a stranger and remote frames beside it; what leaves the controller is answered."""

    def __init__(self, name, unit):
        self.table = at_address(load(name), unit)
        self.sample = sample_of(self.table)
        self.stranger_heard = self.count = 0
        self.total = 1
        self._responder = Responder(self.table)
        self._frames = []

    def step(self, can, tell):
        """Two milliseconds on the bus of can (a fake controller): at most four frames pass."""
        if tell:
            self._frames += encode_frames(self.table, self.sample)
            self.stranger_heard += can.hear(0x7A5, False, b"stranger")
            first = self.table.BLOCKS[0][0]
            can.hear(first & 0x1FFFFFFF, first >= 0x80000000, bytes(8), True)
        for frame in can.take():
            self.total = approved_sum(self.total, gate_frame(*frame))
            self.count += 1
            self._frames += self._responder.take(*frame, self.sample)
        for frame in self._frames[:4]:
            can.hear(*frame)
        self._frames = self._frames[4:]


async def until(bus, condition, rounds=4000):
    """Let the bus live until condition() is true; False when it never is."""
    for count in range(rounds):
        if fake_machine.HEARD:
            bus.step(fake_machine.HEARD[-1], count % 10 == 0)
        if condition():
            return True
        await asyncio.sleep(STEP_S)
    return False


def counts(pack):
    """How often the groups that the profile provides have come."""
    record = pack.read(0)
    if record is None:
        return [0]
    return [row.count for row, period in zip(record.groups, pack.table.PERIODS_MS) if period]


async def main(name, unit):
    bus = Bus(name, unit)
    pack = CanBms(load(name), {"id": "pack", "unit": unit})
    pack.sending = False  # as in observe
    gate = TxGate("can", READ, pack.gate_rules())
    link = {"kind": "can", "interface": "machine", "channel": "can1", "controller": 1, "bitrate": 250000}
    task = asyncio.create_task(run_link(link, [pack], Clock(), gate))
    whole = await until(bus, lambda: min(counts(pack)) >= 1)
    first = fake_machine.HEARD[-1]
    filters = None if first.filters is None else sorted([key_of(row[0], row[2] != 0) for row in first.filters])
    first.leave()
    before = counts(pack)[0]
    again = await until(bus, lambda: len(fake_machine.HEARD) > 1 and counts(pack)[0] > before + 3)
    await ended(task)
    record = pack.read(0)
    return {
        "whole": whole, "again": again, "cell_mv": list(record.cell_mv), "current_ma": record.current_ma,
        "filters": filters, "wanted": pack.wanted(), "stranger": bus.stranger_heard, "broken": pack.broken,
        "approved": gate.approved, "approved_sum": gate.approved_sum, "refused": gate.refused, "count": bus.count,
        "sum": bus.total, "bitrate": first.bitrate, "stopped": fake_machine.HEARD[-1].state() == 0,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))))
