# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Nothing twice: redelivered and replayed records, a backend restored from an older copy, two edges with one name.

Real processes around a real mosquitto (R13, R14 and R15 of the acceptance tests).
"""

import hashlib
import random
import shutil
import sqlite3
import threading
import time

import paho.mqtt.client as paho
import pytest

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import gateway_uplink
from edge.shell.outbox import encode_record, envelope_head
from host_tools import ledger, twins
from host_tools.receiver import Receiver
from simulator.broker import Broker
from tests.uplink import rig
from tests.uplink.chaos import Chaos

TABLES = ("records", "gaps", "conflicts")


@pytest.fixture(scope="module")
def broker(mosquitto):
    with Broker("mosquitto") as running:
        yield running


def digest(path):
    """SHA-256 over every row of every table that holds what arrived."""
    sha = hashlib.sha256()
    database = sqlite3.connect(path)
    try:
        for table in TABLES:
            for row in database.execute("SELECT * FROM %s ORDER BY 1, 2, 3" % table):
                sha.update(repr(row).encode())
    finally:
        database.close()
    return sha.hexdigest()


def count(path):
    """Records in the database, 0 while it is being made."""
    database = sqlite3.connect(path)
    try:
        return database.execute("SELECT COUNT(*) FROM records").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        database.close()


# ---- R13: duplicate delivery


def captured(starts=3, each=120):
    """What an edge sent in an hour, declared gaps included: [(topic, payload), ...]."""
    messages = []
    for epoch in range(1, starts + 1):
        for seq in range(1, each + 1):
            if seq % 40 == 7:
                continue  # lost, and declared by the next one
            pairs = ((KEYS["pack_v"], seq),)
            if seq % 40 == 8:
                pairs = tuple((KEYS[name], value) for name, value in (("event", 8), ("gap_from", seq - 1),
                              ("gap_to", seq - 1), ("gap_reason", 5)))  # fmt: skip
            record = Record("TMBE"[seq % 4], 0, seq * 10, 1700000000000 + seq, 3, pairs)
            messages.append(("bess/v1/demo/here/replay/rec", encode_record(envelope_head(epoch), epoch, seq, record)))
    return messages


def publish(port, messages):
    """Give all to the broker and wait until it has them."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(50)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for told in [client.publish(topic, data, qos=1) for topic, data in messages]:
        told.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def test_redelivery_and_a_replayed_hour_change_nothing(broker, tmp_path):
    """R13: the table stays the same to the byte."""
    path, messages = tmp_path / "r.db", captured()
    with Receiver("127.0.0.1", broker.port, path, client_id="r13") as running:
        assert rig.until(lambda: running.connected)
        publish(broker.port, messages)
        assert rig.until(lambda: running.counts["stored"] == len(messages))
    before, account = digest(path), ledger.completeness(path)
    assert all(row.missing == 0 and row.declared == 3 for row in account.values()) and len(account) == 3
    for seed in range(3):  # the receiver restarts each time: it knows only what the database knows
        again = messages + messages[: len(messages) // 2]
        random.Random(seed).shuffle(again)
        with Receiver("127.0.0.1", broker.port, path, client_id="r13") as running:
            assert rig.until(lambda running=running: running.connected)
            publish(broker.port, again)
            assert rig.until(lambda running=running, again=again: running.counts["received"] >= len(again))
        assert running.counts["duplicates"] == len(again) and running.counts["stored"] == 0
        assert digest(path) == before and ledger.completeness(path) == account


# ---- R14: the backend is restored from an older copy


@pytest.mark.long
def test_a_backend_restored_from_an_older_copy_gets_what_is_held(mosquitto, tmp_path):
    """R14: the copy of last night, and a start that it does not know."""
    chaos = Chaos(tmp_path, seed=14)
    try:
        assert rig.until(lambda: chaos.db.exists() and count(chaos.db) > 100)
        chaos.receiver.kill()  # the copy of a night: the file at rest
        chaos.receiver.wait()
        for end in ("", "-wal"):
            if (tmp_path / ("received.db" + end)).exists():
                shutil.copy(tmp_path / ("received.db" + end), tmp_path / ("copy.db" + end))
        old = count(tmp_path / "copy.db")
        chaos.start_receiver()
        chaos.strike("edge")  # a start that the copy does not know
        assert rig.until(lambda: count(chaos.db) > old + 200)
        chaos.receiver.kill()
        chaos.receiver.wait()
        lost = count(chaos.db) - old
        for end in ("", "-wal", "-shm"):
            (tmp_path / ("received.db" + end)).unlink(missing_ok=True)
        shutil.move(tmp_path / "copy.db", chaos.db)
        chaos.start_receiver()
        assert rig.until(lambda: count(chaos.db) > old)
        assert chaos.settle()
    finally:
        chaos.stop()
    found = chaos.judge()
    assert lost > 200 and found["starts"] == 2
    assert (found["missing"], found["conflicts"], found["declared"]) == (0, 0, 0), found


# ---- R15: two edges with one name


class Clone:
    """An edge that reports every 50 ms with the true time; `mark` is in all its records."""

    def __init__(self, port, mark):
        self.mark = mark
        place = {"host": "127.0.0.1", "port": port, "keepalive_s": 5}
        settings = {"org": "demo", "site": "here", "device": "cloned", "uplink": place}
        self.uplink = gateway_uplink.GatewayUplink(settings, mark, 7, gateway_uplink.MonotonicClock())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.uplink.start()
        self._thread.start()
        return self

    def _run(self):
        number = 0
        while not self._stop.wait(0.05):
            number += 1
            wall_ms = time.time_ns() // 1000000
            self.uplink.offer(Record("T", 0, number * 50, wall_ms, 3, ((KEYS["pack_v"], self.mark),)))

    def quiet(self):
        """No more records; what it has still goes out."""
        self._stop.set()
        self._thread.join()

    def stop(self):
        self.quiet()
        self.uplink.stop()


def test_two_edges_with_one_name_are_told_and_never_mixed(broker, tmp_path):
    """R15: One client id: the broker throws one out when the other comes, in turns."""
    path = tmp_path / "r.db"
    clones = [Clone(broker.port, mark) for mark in (1111, 2222)]
    with Receiver("127.0.0.1", broker.port, path) as running:
        running._twins = twins.Twins(together_ms=1000)  # a minute in the product
        assert rig.until(lambda: running.connected)
        for clone in clones:
            clone.start()
        assert rig.until(lambda: running.alarms)
        assert running.alarms[0].startswith("TWO EDGES are called cloned")
        clones[1].stop()  # the copy is found and switched off
        clones[0].quiet()
        assert rig.until(lambda: not clones[0].uplink.backlog)
        clones[0].stop()
    assert sum(clone.uplink.reconnects for clone in clones) > 1
    account = ledger.completeness(path)
    assert account[("cloned", 1111)].missing == 0 and account[("cloned", 2222)].count > 0
    assert running.counts["conflicts"] == 0
    database = sqlite3.connect(path)
    for epoch, body in database.execute("SELECT DISTINCT epoch, body FROM records"):
        assert body == ledger.cbor.encode({KEYS["pack_v"]: epoch})
    database.close()
    connection = ledger.open_read_only(path)
    assert [each.epochs for each in twins.twins(connection, "cloned", 0, 1000)] == [(1111, 2222)]
    connection.close()
