# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Core, PCS and gate together: what the wire carries is what was approved, and it ends at zero.

The single points of the done-list run on both runtimes in tests/both/test_core_loop.py.
"""

from bms_bridge import modbus
from bms_bridge.pcs import Pcs
from bms_bridge.tables import load
from edge.core import tx_gate as g
from tests.both import core_help as h

SILENT_FROM = 90
STEPS = 130


class Line:
    """One TCP line: asks the PCS object for requests, sends them through the gate, answers every write."""

    def __init__(self, mode):
        self.now = 1000
        self.pcs = Pcs(load("sunspec_pcs"), 1, h.pcs_settings() | {"power_w": 10000}, self)
        self.gate = g.TxGate("tcp", mode, self.pcs.gate_rules())
        self.pcs.gate = self.gate
        self.wire = bytearray()
        self.log = []
        self.gate.sink = self.log.append
        self.writes = []

    def now_ms(self):
        return self.now

    def talk(self):
        """Everything that is due now."""
        for _ in range(20):
            request = self.pcs.next_request(self.now)
            if request is None:
                return
            if request.data is None:
                pdu = modbus.read_pdu(request.function, request.address, request.count)
            else:
                pdu = modbus.write_pdu(request.address, request.data)
            verdict = self.gate.send(self.now, modbus.tcp_frame(7, request.unit, pdu), self.wire.extend)
            if verdict != g.SENT:
                self.pcs.failed(self.now, request, modbus.REFUSED)
                return
            if request.data is None:
                self.pcs.failed(self.now, request, 1)  # nobody answers reads here
            else:
                self.writes.append((self.now, request.address, request.data))
                self.pcs.reply(self.now, request, b"")


def play(mode, command_of=None):
    """A site whose BMS falls silent at step SILENT_FROM, its commands applied to a PCS behind a gate."""
    bench, line = h.Bench(h.site_settings(mode="control")), Line(mode)
    line.pcs._rating_agrees = lambda: True
    last = {}

    def read(now_ms, count):
        if count < SILENT_FROM:
            last["sample"] = bench.healthy(now_ms, count)
        return last["sample"]

    bench.reads[0] = read
    for _ in range(STEPS):
        line.now = bench.now_ms
        command = bench.step()
        line.pcs.apply(command_of(command) if command_of else command)
        for _ in range(4):
            line.talk()
            line.now += 250
    return line


def limits_written(line):
    """((now_ms, data), ...) of the writes that carry limits."""
    known = {address for address, _, fields in line.pcs.table.WRITES if any(f[1] in (1, 2, 3, 4) for f in fields)}
    return [(now_ms, data) for now_ms, address, data in line.writes if address in known]


def test_bytes_out_equal_the_approved_log_and_end_at_zero():
    line = play(g.CONTROL)
    assert bytes(line.wire) == b"".join(bytes(frame) for frame in line.log)
    assert line.gate.approved == len(line.log) > 50
    assert line.gate.approved_sum == g.approved_sum(1, line.wire)
    written = limits_written(line)
    assert any(any(data) for now_ms, data in written if now_ms < SILENT_FROM * 1000)
    gone_ms = 1000 + (SILENT_FROM - 2) * 1000  # arrival of the last sample
    fields = [row for _, _, rows in line.pcs.table.WRITES for row in rows if row[1] in (1, 2, 3, 4)]
    late = [data for now_ms, data in written if now_ms > gone_ms + 3000 + 1000 + 250]
    assert late and len(fields) == 2
    for data in late:
        for offset, *_ in fields:
            assert data[2 * offset : 2 * offset + 2] == b"\0\0"


def test_observe_writes_nothing():
    line = play(g.READ)
    assert line.writes == [] and line.gate.approved > 10
    assert all(frame[7] in (1, 2, 3, 4) for frame in line.log)


def test_a_guard_that_did_not_run_leaves_nothing_but_zero():
    line = play(g.CONTROL, lambda command: type(command)(*command[:-1], 1))  # the same decision for ever
    data = {bytes(data) for now_ms, data in limits_written(line) if now_ms > 10000}
    assert len(data) <= 1
