# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Many edges that reconnect at once: R16. mosquitto is killed under all of them and comes back empty.

    python -m benchmarks.reconnect [--edges 200] [--down 3]

The edges are board uplinks (edge/shell/board_uplink.py) in one process of their own, each with a record a second; a
probe publishes at QoS 1 every 20 ms and takes the time to its PUBACK; the receiver has its database.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell.board_uplink import BoardUplink
from edge.shell.gateway_uplink import MonotonicClock
from host_tools import ledger
from host_tools.receiver import Receiver
from simulator.broker import Broker, available

ROOT = Path(__file__).resolve().parent.parent
METRICS = tuple(sorted(KEYS.values()))[:40]
OFFER_S = 1.0
PROBE_S = 0.02
PATIENCE_S = 60.0


def settings_of(number, port):
    """What the uplink of one edge needs."""
    place = {"host": "127.0.0.1", "port": port, "keepalive_s": 20}
    return {"org": "bench", "site": "many", "device": "edge-%03d" % number, "uplink": place}


async def offer(uplink, clock, number, stop):
    """A record a second, not all at the same moment, until stop is set."""
    seq = 0
    await asyncio.sleep(OFFER_S * (number % 50) / 50)
    while not stop.is_set():
        seq += 1
        pairs = tuple((key, (key * 7919 + seq * 31) % 70000) for key in METRICS)
        uplink.offer(Record("T", 0, clock.now_ms(), None, 0, pairs))
        await asyncio.sleep(OFFER_S)


async def edges(port, count):
    """All edges until stdin says stop and all is acknowledged; prints what happened as JSON."""
    clock, stop = MonotonicClock(), asyncio.Event()
    uplinks = [BoardUplink(settings_of(number, port), 1000 + number * 7919, 1) for number in range(count)]
    tasks = [asyncio.create_task(uplink.run(clock)) for uplink in uplinks]
    tasks += [asyncio.create_task(offer(uplink, clock, number, stop)) for number, uplink in enumerate(uplinks)]
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, sys.stdin.readline).add_done_callback(lambda _: stop.set())
    joined, before, tried = [], [False] * count, [0] * count
    while not stop.is_set() or any(uplink.backlog for uplink in uplinks):
        for number, uplink in enumerate(uplinks):
            if uplink.connected and not before[number]:
                joined.append(clock.now_ms())
            before[number] = uplink.connected
            tried[number] = uplink.reconnects
        await asyncio.sleep(0.01)
    print(json.dumps({"joined": joined, "tried": sum(tried), "offered": sum(uplink.seq for uplink in uplinks)}))
    for task in tasks:
        task.cancel()


class Probe:
    """PUBACK times of a client that is there from the broker's return on. took_s: seconds each."""

    def __init__(self, port):
        self.took_s = []
        self._sent, self._stop = {}, threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="probe")
        self._client.on_publish = self._answered
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(PROBE_S):
            at_s = time.monotonic()
            self._sent[self._client.publish("bench/probe", b"x" * 250, qos=1).mid] = at_s

    def _answered(self, _client, _data, mid, *_):
        at_s = self._sent.pop(mid, None)
        if at_s is not None:
            self.took_s.append(time.monotonic() - at_s)

    def stop(self):
        """End it; the sorted times, in seconds."""
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()
        return sorted(self.took_s)


def until(condition, patience_s=PATIENCE_S):
    """Wait for condition(); RuntimeError when it does not come."""
    deadline_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise RuntimeError("it did not happen in %d s" % patience_s)
        time.sleep(0.01)


def run(db, count, down_s=3.0, up_s=12.0):
    """The broker dies under `count` edges for down_s and is watched for up_s; a dict of what happened.

    db: path of the receiver's database.
    """
    with Broker("mosquitto") as broker, Receiver("127.0.0.1", broker.port, db) as receiver:
        until(lambda: receiver.connected)
        words = [sys.executable, "-m", "benchmarks.reconnect", "--inside", "%d,%d" % (broker.port, count)]
        child = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        try:
            until(lambda: len(ledger.completeness(db)) == count)
            broker.kill()
            time.sleep(down_s)
            broker.start()
            back_ms = MonotonicClock().now_ms()
            probe = Probe(broker.port)
            time.sleep(up_s)
            took_s = probe.stop()
            out, _ = child.communicate("stop\n", PATIENCE_S)
        finally:
            child.kill()
            child.wait()
        told = json.loads(out)
        until(lambda: receiver.counts["stored"] >= told["offered"])
    rows = ledger.completeness(db)
    return {
        "edges": len(rows),
        "offered": told["offered"],
        "count": sum(row.count for row in rows.values()),
        "missing": sum(row.missing for row in rows.values()),
        "declared": sum(row.declared for row in rows.values()),
        "conflicts": receiver.counts["conflicts"],
        "duplicates": receiver.counts["duplicates"],
        "back_s": sorted((at_ms - back_ms) / 1000 for at_ms in told["joined"] if at_ms >= back_ms),
        "took_s": took_s,
        "tried": told["tried"],
    }


def busiest(times_s, bin_s=0.1):
    """Most of the times within one bin."""
    bins = {}
    for time_s in times_s:
        bins[int(time_s / bin_s)] = bins.get(int(time_s / bin_s), 0) + 1
    return max(bins.values())


def lines(found):
    """What a person reads of run()."""
    back_s, took_s = found["back_s"], found["took_s"]
    yield "%d edges, %d back after %.2f s (median), %.2f s (all); most in 0.1 s: %d; attempts %d" % (
        found["edges"],
        len(back_s),
        back_s[len(back_s) // 2],
        back_s[-1],
        busiest(back_s),
        found["tried"],
    )
    yield "broker's PUBACK to the probe: median %.1f ms, p99 %.1f ms, longest %.1f ms of %d" % (
        1000 * took_s[len(took_s) // 2],
        1000 * took_s[len(took_s) * 99 // 100],
        1000 * took_s[-1],
        len(took_s),
    )
    yield "offered %d, received %d, missing %d, declared %d, conflicts %d; sent twice %d" % tuple(
        found[name] for name in ("offered", "count", "missing", "declared", "conflicts", "duplicates")
    )


def main(argv=None):
    """Measure and print; 3 without mosquitto."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--edges", type=int, default=200)
    parser.add_argument("--down", type=float, default=3.0, help="seconds without a broker")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.inside:
        asyncio.run(edges(*map(int, options.inside.split(","))))
        return 0
    if available("mosquitto"):
        print(available("mosquitto"), file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        for line in lines(run(str(Path(folder) / "received.db"), options.edges, options.down)):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
