# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The simulated JBD obeys: locked, its current is zero and it says so; released, it carries current again."""

from bms_bridge.serial_bms import reply_payload
from bms_bridge.serial_switch import SwitchedBms
from bms_bridge.tables import load
from edge.core.records import ALARMS, Command, Sample
from edge.core.tx_gate import CONTROL, SENT, TxGate
from simulator.serial_wire import SerialWire

SAMPLE = Sample(
    0, 52000, -7000, 3300, 3200, 24000, 20000, (3250,) * 16, (22000,) * 3, 500000, None, None, None, None, 0, ()
)
CONTACTOR = 1 << ALARMS.index("contactor_error")


def test_the_simulated_bms_obeys_its_switches():
    table = load("jbd")
    wire = SerialWire(table, 0, lambda: SAMPLE)
    bms = SwitchedBms(table, 0, {"id": "p", "cells": 16, "temps": 3})
    bms.gate = gate = TxGate("serial", CONTROL, bms.gate_rules())
    captured = []

    def run(start_ms, end_ms):
        for now_ms in range(start_ms, end_ms, 100):
            request = bms.next_request(now_ms)
            if request is None:
                continue
            left = []
            assert gate.send(now_ms, request.data, left.append) == SENT
            captured.extend(left)
            frame, rest = wire.split(left[0])
            assert frame == left[0] and not rest
            assert bms.reply(now_ms, request, reply_payload(request, wire.exchange(frame)[0])[0])
        return bms.read(end_ms)

    assert run(0, 3000).current_ma == -7000 and wire.closed
    bms.lock(3000)
    sample = run(3000, 6000)
    assert not wire.closed and bms.locked and sample.current_ma == 0 and not sample.alarms & CONTACTOR
    twin = SwitchedBms(table, 0, {"id": "q", "cells": 16, "temps": 3})
    question = twin.next_request(0)
    twin.reply(0, question, reply_payload(question, wire.exchange(question.data)[0])[0])
    assert twin.read(0).alarms & CONTACTOR  # anybody else sees the lock
    bms.release(6000, Command(-1, 5000, 5000, None, 52000, None, None, 8000, 1))
    assert run(6000, 9000).current_ma == -7000 and wire.closed and bms.locked is False
    assert [frame for frame in captured if frame[1] == 0x5A] == [table.SWITCH[1], table.SWITCH[2]]
