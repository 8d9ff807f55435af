# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A battery that can only ask: what a Nissan Leaf asks for in its frame 1DB becomes a trip here."""

from bms_bridge.can import put_raw
from bms_bridge.can_decode import decode_message, sum_of
from bms_bridge.tables import load
from edge.core import faults as f
from tests.both import core_help as h


def alarms_of(second_byte):
    """Alarm word of a frame 1DB at 360 V without current whose byte 1 holds these requests."""
    table = load("nissan_leaf")
    index = [i for i, row in enumerate(table.BLOCKS) if row[0] & 0x7FF == 0x1DB][0]
    data = bytearray(b"\x00\x00\xb4\x00\x00\x00\x00\x00")
    data[1] |= second_byte
    row = table.SUMS[index]
    put_raw(data, row[1], sum_of(row, data))
    slots = [None] * table.SLOTS
    decode_message(table, index, bytes(data), slots)
    return slots[table.BITS[index][0]]


def test_requests_to_stop_or_to_cut_the_relay_are_trips():
    for byte, trips in (
        (0x00, False),
        (0x01, True),
        (0x02, True),
        (0x04, False),
        (0x08, True),
        (0x10, True),
        (0x18, True),
    ):
        alarms = alarms_of(byte)
        assert alarms is not None and bool(alarms & f.ALARM_MASK) == trips, byte
        bench = h.Bench()
        bench.run(60)
        bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=3210 + count % 3, alarms=alarms)
        bench.run(3)
        pack = bench.site.packs[0]
        assert (pack.mode == f.OPEN) == trips and pack.faults.active[f.F_BMS_ALARM] == trips, byte
        assert not trips or bench.step().charge_ma == 0
