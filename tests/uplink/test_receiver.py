# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The receiver and its ledger: any payload, each record once, commit before acknowledgement, honest counts."""

import os
import random
import signal
import sqlite3
import subprocess
import sys

import paho.mqtt.client as paho
import pytest

from edge.core import registry
from edge.core.records import Record
from edge.shell import cbor
from edge.shell.outbox import encode_record, envelope_head
from host_tools import ledger, receiver
from simulator.broker import Broker, free_port
from tests.uplink import rig

EPOCH = 77
ROOT = "bess/v1/demo/here/dev/"
GAP = [registry.key(name) for name in ("gap_from", "gap_to", "gap_class", "gap_reason")]


def payload(seq, value=1, epoch=EPOCH, cls="T", pairs=None):
    """One envelope as an edge sends it."""
    record = Record(cls, 0, seq * 10, None, 0, pairs or ((20, value),))
    return encode_record(envelope_head(epoch), 1, seq, record)


def gap(first, seq):
    return payload(seq, cls="E", pairs=tuple(zip(GAP, (first, seq, ord("T"), 1))))


def rows(*payloads, root=ROOT):
    return [(root, ledger.parse(root + "rec", data, 5)) for data in payloads]


@pytest.fixture(scope="module")
def broker():
    with Broker() as running:
        yield running


class Edge:
    """A bare client that publishes payloads and keeps the acknowledgements it sees."""

    def __init__(self, port, device):
        self.root = f"bess/v1/demo/here/{device}/"
        self.acks = []
        self.ready = False
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe(self.root + "ack", qos=1)
        self.client.on_subscribe = lambda *_: setattr(self, "ready", True)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert rig.until(lambda: self.ready)

    def _on_message(self, _client, _userdata, message):
        if message.topic == self.root + "ack":  # amqtt also sends retained messages of other topics
            told = cbor.decode(message.payload)
            self.acks.append({1: told[1], 2: told[2]})

    def send(self, *payloads):
        for data in payloads:
            self.client.publish(self.root + "rec", data, qos=1)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def edge(broker, request):
    running = Edge(broker.port, f"dev-{abs(hash(request.node.name)) % 10**9}")
    yield running
    running.close()


# ---- the ledger


@pytest.mark.parametrize(
    ("ranges", "cum", "islands"),
    (
        ([(1, 1), (2, 2)], 2, []),
        ([(2, 2), (1, 1)], 2, []),
        ([(5, 5), (3, 3), (4, 4)], 0, [(3, 5)]),
        ([(1, 3), (5, 9), (4, 4)], 9, []),
        ([(7, 7), (2, 4), (9, 9), (1, 8)], 9, []),
        ([(3, 10), (5, 6), (4, 12)], 0, [(3, 12)]),
        ([(1, 5), (2, 3), (1, 6)], 6, []),
    ),
)
def test_coverage(ranges, cum, islands):
    coverage = ledger.Coverage()
    for first, last in ranges:
        coverage.add(first, last)
    assert (coverage.cum, coverage.ranges) == (cum, islands)


def test_coverage_equals_a_set_of_numbers():
    for seed in range(60):
        source = random.Random(seed)
        coverage, known = ledger.Coverage(), set()
        for _ in range(60):
            first = source.randint(1, 60)
            last = first + source.choice((0, 0, 0, 3, 9))
            coverage.add(first, last)
            known.update(range(first, last + 1))
            cum = next(number for number in range(1, 100) if number not in known) - 1
            assert coverage.cum == cum, seed
            covered = {n for a, b in coverage.ranges for n in range(a, b + 1)}
            assert covered == {n for n in known if n > cum}, seed


def test_ledger_stores_once_and_keeps_conflicts(tmp_path):
    book = ledger.Ledger(tmp_path / "r.db")
    result = book.store(rows(payload(1), payload(2), payload(2), payload(4)))
    assert (result.counts["stored"], result.counts["duplicates"]) == (3, 1)
    assert result.acks == [(ROOT, EPOCH, 2)]
    result = book.store(rows(payload(2, value=99), payload(3)))
    assert (result.counts["conflicts"], result.counts["stored"]) == (1, 1)
    assert result.acks == [(ROOT, EPOCH, 4)]
    book.close()
    database = sqlite3.connect(tmp_path / "r.db")
    assert database.execute("SELECT COUNT(*) FROM records").fetchone() == (4,)
    assert database.execute("SELECT seq FROM conflicts").fetchall() == [(2,)]
    database.close()


def test_ledger_remembers_over_a_restart(tmp_path):
    for part, cum in ((range(1, 6), 5), (range(8, 10), 5), (range(7, 8), 5), (range(6, 7), 9)):
        book = ledger.Ledger(tmp_path / "r.db")
        assert book.store(rows(*[payload(seq) for seq in part])).acks == [(ROOT, EPOCH, cum)]
        book.close()


def test_gap_counts_as_declared_and_moves_the_acknowledgement(tmp_path):
    book = ledger.Ledger(tmp_path / "r.db")
    result = book.store(rows(payload(1), gap(2, 50), payload(51)))
    assert result.acks == [(ROOT, EPOCH, 51)] and result.counts["gaps"] == 1
    book.store(rows(payload(60), gap(70, 71)))
    book.close()
    assert ledger.completeness(tmp_path / "r.db") == {("dev", EPOCH): ledger.Completeness(1, 71, 5, 17, 51)}


def test_epochs_and_devices_are_apart_and_a_foreign_topic_is_refused(tmp_path):
    book = ledger.Ledger(tmp_path / "r.db")
    other = "bess/v1/evil/here/dev/"
    result = book.store(rows(payload(1), payload(1, epoch=5)) + rows(payload(2), root=other))
    assert result.counts["stored"] == 2 and result.counts["bad"] == 1
    assert sorted(result.acks) == [(ROOT, 5, 1), (ROOT, EPOCH, 1)]
    book.close()


def test_islands_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "MAX_RANGES", 10)
    book = ledger.Ledger(tmp_path / "r.db")
    result = book.store(rows(*[payload(seq) for seq in range(2, 100, 2)]))
    assert result.counts == {"stored": 10, "duplicates": 0, "conflicts": 0, "gaps": 0, "bad": 39}
    book.close()


BAD = (
    b"",
    b"\xff",
    b"{}",
    cbor.encode(5),
    cbor.encode([1, 2]),
    cbor.encode({}),
    cbor.encode({0: 2, 1: 1, 2: 1}),
    payload(1)[:-1],
    payload(1) + b"\x00",
    cbor.encode({0: 1, 1: EPOCH, 2: 0, 3: 1, 4: 1, 6: 0, 7: ord("T"), 8: 0, 9: {}}),  # number 0
    cbor.encode({0: 1, 1: 1 << 63, 2: 1, 3: 1, 4: 1, 6: 0, 7: ord("T"), 8: 0, 9: {}}),  # epoch of 64 bits
    cbor.encode({0: 1, 1: EPOCH, 2: 1 << 63, 3: 1, 4: 1, 6: 0, 7: ord("T"), 8: 0, 9: {}}),
    cbor.encode({0: 1, 1: EPOCH, 2: 1, 3: None, 4: 1, 6: 0, 7: ord("T"), 8: 0, 9: {}}),
    cbor.encode({0: 1, 1: EPOCH, 2: 1, 3: 1, 4: True, 6: 0, 7: ord("T"), 8: 0, 9: {}}),
    cbor.encode({0: 1, 1: EPOCH, 2: 1, 3: 1, 4: 1, 6: 0, 7: ord("Q"), 8: 0, 9: {}}),
    cbor.encode({0: 1, 1: EPOCH, 2: 1, 3: 1, 4: 1, 6: 0, 7: 1 << 40, 8: 0, 9: {}}),
    cbor.encode({0: 1, 1: EPOCH, 2: 1, 3: 1, 4: 1, 6: 0, 7: ord("T"), 8: 0, 9: []}),
    cbor.encode({0: 1, 1: EPOCH, 2: 9, 3: 1, 4: 1, 6: 0, 7: ord("E"), 8: 0, 9: {GAP[0]: 10, GAP[1]: 9}}),
    cbor.encode({0: 1, 1: EPOCH, 2: 9, 3: 1, 4: 1, 6: 0, 7: ord("E"), 8: 0, 9: {GAP[0]: 1}}),
    cbor.encode({0: 1, 1: EPOCH, 2: 9, 3: 1, 4: 1, 6: 0, 7: ord("E"), 8: 0, 9: {GAP[0]: "x", GAP[1]: 9}}),
)


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_what_is_not_a_record_is_a_valueerror(data):
    with pytest.raises(ValueError):
        ledger.parse(ROOT + "rec", data, 0)


def test_damaged_records_never_raise_anything_else():
    source = random.Random(20261122)
    good = payload(12345678, pairs=((20, -5), (26, 1 << 40), (81, "name")))
    for _ in range(20000):
        data = bytearray(good)
        for _ in range(source.randint(1, 4)):
            data[source.randrange(len(data))] = source.randrange(256)
        try:
            ledger.parse(ROOT + "rec", bytes(data), 0)
        except ValueError:
            pass


def test_latest_is_the_newest_of_each_class_and_pack(tmp_path):
    book = ledger.Ledger(tmp_path / "r.db")
    book.store(rows(payload(1, 5), payload(2, 6), payload(3, 7, cls="M")))
    book.close()
    newest = ledger.latest(tmp_path / "r.db", "dev")
    assert newest == {("T", 0): (20, None, {20: 6}), ("M", 0): (30, None, {20: 7})}
    assert ledger.latest(tmp_path / "r.db", "nobody") == {}


# ---- the receiver on a broker


def test_acknowledgement_comes_after_the_commit_and_is_retained(broker, edge, tmp_path):
    path = tmp_path / "r.db"
    with receiver.Receiver("127.0.0.1", broker.port, path) as running:
        assert rig.until(lambda: running.connected)
        edge.send(payload(1), payload(2))
        assert rig.until(lambda: {1: EPOCH, 2: 2} in edge.acks)
        assert ledger.completeness(path)[(edge.root.split("/")[-2], EPOCH)].count == 2
        late = Edge(broker.port, edge.root.split("/")[-2])
        assert rig.until(lambda: {1: EPOCH, 2: 2} in late.acks)
        late.close()


def test_repeats_are_acknowledged_again(broker, edge, tmp_path):
    with receiver.Receiver("127.0.0.1", broker.port, tmp_path / "r.db") as running:
        assert rig.until(lambda: running.connected)
        for times in (1, 2, 3):
            edge.send(payload(1))
            assert rig.until(lambda times=times: len(edge.acks) >= times)
        assert running.counts["stored"] == 1 and running.counts["duplicates"] == 2


def test_any_payload_is_counted_and_good_ones_still_arrive(broker, edge, tmp_path):
    source = random.Random(7)
    noise = [source.randbytes(source.randrange(200)) for _ in range(300)]
    with receiver.Receiver("127.0.0.1", broker.port, tmp_path / "r.db") as running:
        assert rig.until(lambda: running.connected)
        edge.send(*noise, *BAD, payload(1), b"x" * (receiver.MAX_PAYLOAD + 1))
        assert rig.until(lambda: {1: EPOCH, 2: 1} in edge.acks)
        assert rig.until(lambda: running.counts["bad"] > len(noise) + len(BAD))  # QoS 1: at least once
        assert running.counts["stored"] == 1


def test_database_that_fails_is_not_acknowledged_and_heals(broker, edge, tmp_path, monkeypatch):
    broken = [True]
    store = ledger.Ledger.store

    def failing(self, batch):
        if broken[0]:
            raise sqlite3.OperationalError("disk full")
        return store(self, batch)

    monkeypatch.setattr(ledger.Ledger, "store", failing)
    with receiver.Receiver("127.0.0.1", broker.port, tmp_path / "r.db") as running:
        assert rig.until(lambda: running.connected)
        edge.send(payload(1))
        assert rig.until(lambda: running.counts["db_errors"] == 1)
        assert edge.acks == [] and running.error == "disk full"
        broken[0] = False
        edge.send(payload(1))
        assert rig.until(lambda: edge.acks == [{1: EPOCH, 2: 1}])


def test_only_the_asked_organisation_is_taken(broker, edge, tmp_path):
    with receiver.Receiver("127.0.0.1", broker.port, tmp_path / "r.db", org="other") as running:
        assert rig.until(lambda: running.connected)
        edge.send(payload(1))
        edge.client.publish("bess/v1/other/here/dev/rec", payload(1), qos=1)
        assert rig.until(lambda: running.counts["stored"] == 1)
        assert list(ledger.completeness(tmp_path / "r.db")) == [("dev", EPOCH)]


# ---- the command


@pytest.mark.parametrize("place", ("nowhere", "host:", ":1883", "host:0", "host:70000", "host:x"))
def test_wrong_use_exits_2(place, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        receiver.main(["--broker", place, "--db", str(tmp_path / "r.db")])
    assert ended.value.code == 2
    assert "is not HOST:PORT" in capsys.readouterr().err


def test_unreachable_broker_and_file_exit_3(tmp_path, capsys):
    place = f"127.0.0.1:{free_port()}"
    assert receiver.main(["--broker", place, "--db", str(tmp_path / "r.db"), "--wait", "0.3"]) == 3
    assert "no broker answers" in capsys.readouterr().err
    assert receiver.main(["--broker", place, "--db", str(tmp_path / "no" / "r.db")]) == 3
    assert "choose a file" in capsys.readouterr().err


def test_missing_records_exit_1(broker, edge, tmp_path, capsys):
    path = str(tmp_path / "r.db")
    arguments = ["--broker", f"127.0.0.1:{broker.port}", "--db", path, "--seconds", "0.5", "-q"]
    book = ledger.Ledger(path)
    book.store(rows(payload(1)))
    assert receiver.main(arguments) == 0
    book.store(rows(payload(3)))
    book.close()
    capsys.readouterr()
    assert receiver.main(arguments) == 1
    shown = capsys.readouterr()
    expected = "dev 000000000000004d: 2 records up to number 3, missing 1, declared lost 0"
    assert shown.out.splitlines() == [expected, "missing 1, in conflict 0"]
    assert shown.err == ""


def test_ctrl_c_exits_130_and_says_what_was_done(broker, edge, tmp_path):
    path = tmp_path / "r.db"
    command = "from host_tools.receiver import main; import sys; sys.exit(main())"
    child = subprocess.Popen(
        [sys.executable, "-c", command, "--broker", f"127.0.0.1:{broker.port}", "--db", str(path)],
        env={**os.environ, "PYTHONPATH": str(rig.ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert "connected" in child.stderr.readline()
    edge.send(payload(1), payload(2))
    assert rig.until(lambda: {1: EPOCH, 2: 2} in edge.acks)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 130, err
    assert "2 records up to number 2, missing 0" in out
