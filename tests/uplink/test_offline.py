# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""R12, R16 and R17: a month without a broker, a fleet that comes back at once, a backend that is slow. The rates are
printed (`-s`) and not asserted; benchmarks/offline.py and benchmarks/reconnect.py have the large forms."""

import threading
import time

import pytest

from benchmarks import offline, reconnect
from edge.core.records import Record
from edge.shell import gateway_journal
from host_tools import ledger, receiver
from simulator.broker import Broker
from tests.uplink import rig

JOURNAL_KB = 2048
TOTAL = {"T": 259200, "M": 43200, "B": 2880, "E": 3000}
PLAIN = ("T", "M")


@pytest.mark.long
def test_r12_a_month_offline_then_drained(tmp_path, mosquitto, monkeypatch):
    """R12: 30 days of T, M, B and E on disk in a journal too small for them; afterwards every number has arrived or
    was declared, and what was declared is what the budget took."""
    monkeypatch.setattr(gateway_journal, "RAM_BYTES", 200000)
    found = offline.run(tmp_path, 30, JOURNAL_KB)
    print("\n" + "\n".join(offline.lines(found)))
    assert found["made"] == TOTAL and found["last"] == sum(TOTAL.values())
    assert found["disk_bytes"] <= 1024 * JOURNAL_KB
    assert found["ram_bytes"] <= gateway_journal.RAM_BYTES
    everything = set(range(1, found["seq"] + 1))
    assert found["received"] | found["declared"] == everything
    assert not found["received"] & found["declared"]
    assert found["gone"] <= found["declared"] <= found["gone_after"]
    assert len(found["gone"]) > 200000
    # every class as the budget has it: telemetry and minutes go first, nothing else goes while there are any
    numbers = dict.fromkeys(TOTAL, 0)
    for cls in ("B", "E"):
        numbers[cls] = found["classes"][cls]
    assert numbers["B"] == TOTAL["B"] and numbers["E"] >= TOTAL["E"]
    for cls in PLAIN:
        assert 0 < found["classes"][cls] < TOTAL[cls] + found["live"]
    assert len(found["late_s"]) == found["live"] > 0


@pytest.mark.long
def test_r16_forty_edges_come_back_at_once(tmp_path, mosquitto):
    """R16: the broker is killed under 40 edges and comes back empty: they come one after the other, nothing is lost."""
    found = reconnect.run(str(tmp_path / "r.db"), 40, up_s=6.0)
    print("\n" + "\n".join(reconnect.lines(found)))
    assert found["edges"] == 40 and len(found["back_s"]) == 40
    assert found["missing"] == found["declared"] == found["conflicts"] == 0
    assert found["count"] == found["offered"]
    assert reconnect.busiest(found["back_s"]) < 20  # without jitter all of them fall into one tenth of a second


class Slow(receiver.Receiver):
    """A receiver whose database takes ten records a second until it is told otherwise."""

    def __init__(self, port, db):
        self.fast = threading.Event()
        self.most = 0
        super().__init__("127.0.0.1", port, db, on_record=self._dawdle)

    def _dawdle(self, _device, _row):
        self.most = max(self.most, self._waiting.qsize())
        if not self.fast.is_set():
            self.fast.wait(0.1)


@pytest.mark.long
def test_r17_a_slow_backend_holds_the_edge_back(tmp_path, mosquitto, monkeypatch):
    """R17: ten records a second while a hundred times as many are made: the credit falls, what is on the way stays
    below the window, the RAM of the edge and the queue of the receiver stay bounded, and in the end all is there."""
    monkeypatch.setattr(receiver, "WAITING", 64)
    monkeypatch.setattr(receiver, "BATCH", 8)
    monkeypatch.setattr(gateway_journal, "RAM_BYTES", 60000)
    made = offline.bodies("lfp16", 120)
    edge = offline.Edge(tmp_path, 2048)
    ram, flight, windows = 0, 0, set()
    try:
        with Broker("mosquitto") as broker, Slow(broker.port, str(tmp_path / "r.db")) as backend:
            assert rig.until(lambda: backend.connected)
            edge.online(broker.port)
            assert rig.until(lambda: edge.uplink.connected)
            for number in range(3000):
                edge.uplink.offer(Record("T", 0, number, None, 0, made["T"][number % len(made["T"])]))
                ram, flight = max(ram, edge.backlog.bytes), max(flight, edge.backlog.flight)
                windows.add(edge.backlog.window)
                if number % 10 == 9:
                    time.sleep(0.01)
            assert rig.until(lambda: windows.add(edge.backlog.window) or receiver.BUSY_CREDIT in windows, 20)
            slow = backend.counts["stored"]
            backend.fast.set()
            assert rig.until(lambda: not edge.backlog.backlog)
            conflicts, most = backend.counts["conflicts"], backend.most
    finally:
        edge.close()
    assert slow < 1500 and flight <= receiver.CREDIT and most <= 64
    assert ram < 60000 + 400 * 96  # what is not synced yet stays beside the rest
    row = ledger.completeness(str(tmp_path / "r.db"))["far-1", offline.EPOCH]
    assert (row.count, row.missing, row.declared, conflicts) == (3000, 0, 0, 0)
