# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge receive --json`: every committed record once, in order; its reader may be slow or go away."""

import json
import os
import signal
import sqlite3
import subprocess
import sys

import paho.mqtt.client as paho
import pytest

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import cbor
from edge.shell.outbox import encode_record, envelope_head
from host_tools import ledger, receiver, stream
from simulator.broker import Broker
from tests.uplink import rig

EPOCH = 0x1122334455667788
ROOT = "bess/v1/demo/here/lines/"
MANY = 3000  # more than a pipe holds


def payload(seq, epoch=EPOCH, **values):
    pairs = tuple(sorted((KEYS[name], value) for name, value in (values or {"pack_v": seq}).items()))
    return encode_record(
        envelope_head(epoch), 4, seq, Record("E" if values else "T", 0, seq * 10, 5000 + seq, 3, pairs)
    )


def stored(path, *payloads):
    book = ledger.Ledger(path)
    book.store([(ROOT, ledger.parse(ROOT + "rec", data, 7)) for data in payloads])
    book.close()


def written(path, after):
    """The lines that a stream writes of what after() commits."""
    inward, outward = os.pipe()
    with os.fdopen(inward, encoding="utf-8") as file:
        lines = stream.Stream(path, outward).start()
        after()
        lines.tell()
        left = lines.stop()
        os.close(outward)
        return left, [json.loads(line) for line in file]


def test_a_line_has_names_and_the_body_as_it_was_committed(tmp_path):
    path = tmp_path / "r.db"
    stored(path, payload(1))
    body = {"event": 8, "gap_from": 3, "gap_to": 4, "gap_epoch": EPOCH - 1, "frame": b"\x01\xff", "pack_id": "배터리"}
    left, lines = written(path, lambda: stored(path, payload(1), payload(2, **body), payload(6)))
    assert left == 0 and len(lines) == 2
    assert lines[0] == {
        "device": "lines",
        "pack": 0,
        "epoch": "1122334455667788",
        "seq": 2,
        "boot": 4,
        "mono_ms": 20,
        "wall_ms": 5002,
        "clock_quality": 3,
        "class": "E",
        "received_ms": 7,
        "values": {**body, "gap_epoch": "1122334455667787", "frame": "01ff"},
    }
    assert lines[1]["seq"] == 6 and lines[1]["values"] == {"pack_v": 6}


def test_keys_of_a_later_version_are_kept():
    assert stream.values_of(cbor.encode({20: 1, 9999: [2]})) == {"pack_v": 1, "key_9999": [2]}


def test_a_stream_into_a_closed_pipe_says_so(tmp_path):
    path = tmp_path / "r.db"
    inward, outward = os.pipe()
    os.close(inward)
    lines = stream.Stream(path, outward).start()
    stored(path, payload(1), payload(2))
    lines.tell()
    assert lines.stop() == 2 and "nobody reads" in lines.gone
    os.close(outward)


# ---- the command as a process


@pytest.fixture(scope="module")
def broker():
    with Broker("amqtt") as running:
        yield running


@pytest.fixture
def child(broker, tmp_path):
    command = "from host_tools.receiver import main; import sys; sys.exit(main())"
    place = ["--broker", "127.0.0.1:%d" % broker.port, "--db", str(tmp_path / "r.db"), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *place],
        env={**os.environ, "PYTHONPATH": str(rig.ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert "connected" in process.stderr.readline()
    yield process
    process.kill()
    process.wait()
    process.stderr.close()
    if not process.stdout.closed:
        process.stdout.close()


def send(port, numbers):
    """Publish the payloads of these numbers and wait for every PUBACK."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(200)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for told in [client.publish(ROOT + "rec", payload(seq), qos=1) for seq in numbers]:
        told.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def count(path):
    database = sqlite3.connect(path)
    try:
        return database.execute("SELECT COUNT(*) FROM records").fetchone()[0]
    finally:
        database.close()


def test_a_slow_reader_gets_every_record_later(broker, child, tmp_path):
    send(broker.port, range(1, MANY + 1))
    assert rig.until(lambda: count(tmp_path / "r.db") == MANY)  # nobody has read a byte, and the pipe is full
    child.send_signal(signal.SIGTERM)
    seen = [json.loads(line)["seq"] for line in child.stdout]
    assert child.wait(30) == 0 and sorted(seen) == list(range(1, MANY + 1))


def test_a_reader_that_goes_away_costs_no_record(broker, child, tmp_path):
    send(broker.port, range(1, 11))
    assert json.loads(child.stdout.readline())["seq"] == 1
    child.stdout.close()
    send(broker.port, range(11, MANY + 1))
    assert rig.until(lambda: count(tmp_path / "r.db") == MANY)
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    told = child.stderr.read()
    assert "not read from stdout: nobody reads the output any more" in told and "missing 0, in conflict 0" in told


def test_a_reader_that_never_reads_does_not_hold_the_end(broker, child, tmp_path):
    send(broker.port, range(1, MANY + 1))
    assert rig.until(lambda: count(tmp_path / "r.db") == MANY)
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == 0
    assert "not read from stdout: the reader is slow" in child.stderr.read()


def test_nothing_is_printed_for_what_was_there_before(broker, tmp_path, capfd):
    stored(tmp_path / "r.db", payload(1))
    place = ["--broker", "127.0.0.1:%d" % broker.port, "--db", str(tmp_path / "r.db")]
    assert receiver.main([*place, "--json", "-q", "--seconds", "0.3"]) == 0
    assert capfd.readouterr().out == ""
