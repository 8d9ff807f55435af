# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""How fast the receiver commits: the ledger alone, and whole through a real mosquitto; how long `fleet` takes.

    python -m benchmarks.receiver [--records 40000] [--edges 8] [--days 30] [--packs 4]

Every record is a telemetry record of about 40 metrics. One transaction (WAL, synchronous FULL) takes at most 500 of
them, and nothing is acknowledged before its commit. The edges publish with paho, QoS 1, from processes of their own
and 200 at a time, so that the receiver is what limits; the clock runs from the first commit to the last.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import paho.mqtt.client as paho

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell.outbox import encode_record, envelope_head
from host_tools import fleet, ledger, receiver, stream
from simulator.broker import Broker, available

ROOT = Path(__file__).resolve().parent.parent
METRICS = tuple(sorted(KEYS.values()))[:40]
MINUTE_MS, DAY_MS = 60000, 86400000
PATIENCE_S = 300.0


def payload(epoch, seq, cls="T", wall_ms=1700000000000, pack=0, pairs=None):
    """One envelope with a body of 40 metrics whose values look like measured ones."""
    pairs = pairs or tuple((key, (key * 7919 + seq * 31) % 70000 - 3000) for key in METRICS)
    return encode_record(envelope_head(epoch), 1, seq, Record(cls, pack, seq * 10, wall_ms, 3, pairs))


def root_of(number):
    """Topics of one edge."""
    return "bess/v1/bench/site/edge-%d/" % number


def publish(port, number, count):
    """One edge: all its records, at most 200 without their PUBACK."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(200)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    told = None
    for seq in range(1, count + 1):
        told = client.publish(root_of(number) + "rec", payload(number + 1, seq, wall_ms=1700000000000 + seq), qos=1)
        if seq % 500 == 0:
            told.wait_for_publish(PATIENCE_S)
    told.wait_for_publish(PATIENCE_S)
    client.disconnect()
    client.loop_stop()


def ledger_alone(folder, count, size):
    """Records a second that parse() and store() take in transactions of `size`."""
    messages = [payload(1, seq, wall_ms=1700000000000 + seq) for seq in range(1, count + 1)]
    book = ledger.Ledger(str(folder / ("alone-%d.db" % size)))
    start_s = time.perf_counter()
    for at in range(0, count, size):
        root = root_of(0)
        book.store([(root, ledger.parse(root + "rec", data, 5)) for data in messages[at : at + size]])
    rate = count / (time.perf_counter() - start_s)
    book.close()
    return rate


def through_broker(folder, count, edges, lines):
    """(records a second committed, counts) through mosquitto. lines: the JSON stream is written as well."""
    path = str(folder / ("broker-%d-%d.db" % (edges, lines)))
    with (
        Broker("mosquitto", listener=("allow_anonymous true", "max_queued_messages 0")) as broker,
        open(os.devnull, "wb") as nowhere,
    ):
        out = stream.Stream(path, nowhere.fileno()).start() if lines else None
        running = receiver.Receiver("127.0.0.1", broker.port, path, on_commit=out and out.tell)
        with running:
            _until(lambda: running.connected)
            words = [sys.executable, "-m", "benchmarks.receiver", "--publish"]
            children = [
                subprocess.Popen([*words, "%d,%d,%d" % (broker.port, number, count // edges)], cwd=ROOT)
                for number in range(edges)
            ]
            _until(lambda: running.counts["stored"] > 0)
            start_s, first = time.perf_counter(), running.counts["stored"]
            _until(lambda: running.counts["stored"] >= count // edges * edges)
            rate = (running.counts["stored"] - first) / (time.perf_counter() - start_s)
            for child in children:
                child.wait()
        if out:
            out.stop()
    return rate, dict(running.counts)


def _until(condition):
    """Wait for condition(); RuntimeError when it does not come."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise RuntimeError("it did not happen in %d s" % PATIENCE_S)
        time.sleep(0.002)


def filled(folder, days, packs):
    """(path, rows) of a database with so many days of one edge: minutes, telemetry every 10 s, registers."""
    path = str(folder / "fleet.db")
    book = ledger.Ledger(path)
    now_ms = time.time_ns() // 1000000 // MINUTE_MS * MINUTE_MS
    seq = 0
    batch = []
    minute = tuple((key, 50000) for key in METRICS[:16])
    for at_ms in range(now_ms - days * DAY_MS, now_ms, 10000):
        kinds = "T" if at_ms % MINUTE_MS else "TMB" if at_ms % 900000 == 0 else "TM"
        for cls in kinds:
            for pack in range(packs):
                seq += 1
                data = payload(1, seq, cls, at_ms, pack, None if cls == "T" else minute)
                batch.append((root_of(0), ledger.parse(root_of(0) + "rec", data, at_ms + 50)))
        if len(batch) > 2000:
            book.store(batch)
            batch = []
    book.store(batch)
    book.close()
    return path, seq, now_ms


def fleet_time(folder, days, packs):
    """(seconds of one survey, rows, MB of the file)."""
    path, rows, now_ms = filled(folder, days, packs)
    connection = ledger.open_read_only(path)
    start_s = time.perf_counter()
    fleet.survey(connection, now_ms, fleet.zone_of(fleet.ZONE))
    took_s = time.perf_counter() - start_s
    connection.close()
    return took_s, rows, os.path.getsize(path) / 1e6


def main(argv=None):
    """Measure and print; 3 without mosquitto."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--records", type=int, default=40000)
    parser.add_argument("--edges", type=int, default=8)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--packs", type=int, default=4)
    parser.add_argument("--publish", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.publish:
        publish(*map(int, options.publish.split(",")))
        return 0
    if available("mosquitto"):
        print(available("mosquitto"), file=sys.stderr)
        return 3
    print("one record: %d bytes" % len(payload(1, 1000)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in (1, 10, 100, 500):
            count = min(options.records, 1000 * size)
            print("ledger alone, %3d a transaction: %6.0f records/s" % (size, ledger_alone(folder, count, size)))
        for edges, lines in ((1, False), (options.edges, False), (options.edges, True)):
            rate, counts = through_broker(folder, options.records, edges, lines)
            told = "%d commits, %d not records, %d refused" % (counts["commits"], counts["bad"], counts["refused"])
            kind = " with --json" if lines else ""
            print("through mosquitto, %2d edges%s: %6.0f records/s (%s)" % (edges, kind, rate, told), flush=True)
        took_s, rows, size_mb = fleet_time(folder, options.days, options.packs)
        text = (options.packs, options.days, rows, size_mb, took_s)
        print("fleet, %d packs, %d days, %d records, %.0f MB: %.2f s" % text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
