# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a site costs on the line: bytes at the socket of a gateway, against what `reuse-edge check` says.

    python -m benchmarks.traffic [--seconds 600] [--pack nmc96] [--gather 60]

A simulated pack on a sunny day in real time, the gateway's uplink with a journal and signed acknowledgements, a real
mosquitto, the receiver. A forwarder between the gateway and the broker counts bytes and pieces in both directions.
"""

import argparse
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

from edge.shell import gateway_journal
from edge.shell.gateway import sync
from edge.shell.gateway_uplink import GatewayUplink, MonotonicClock
from host_tools import traffic
from host_tools.receiver import Receiver
from simulator.broker import Broker
from simulator.rigs import Local
from simulator.sites import settings as site_of
from simulator.world import START_UTC_S, World

LATE_MORNING_S = 10 * 3600
KEY = b"k" * 32


class Counter:
    """A forwarder on a free port of 127.0.0.1. up, down: [bytes, pieces] from and to the gateway."""

    def __init__(self, port):
        self.up, self.down = [0, 0], [0, 0]
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            near, _ = self._server.accept()
            far = socket.create_connection(("127.0.0.1", self._port))
            for one, other, count in ((near, far, self.up), (far, near, self.down)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(one, other, count), daemon=True).start()

    def _pass(self, one, other, count):
        try:
            while data := one.recv(65536):
                count[0] += len(data)
                count[1] += 1
                other.sendall(data)
        except OSError:
            pass
        other.close()


def measured(seconds, name, gather_s, folder):
    """(settings, Counter, records by class, Receiver's counts) of that many seconds."""
    site = site_of(name)
    device = site["site"]
    with Broker("mosquitto") as broker:
        counter = Counter(broker.port)
        site["uplink"] = {"host": "127.0.0.1", "port": counter.port, "keepalive_s": 20, "ack_key": KEY.hex()}
        site["uplink"]["gather_s"] = gather_s
        settings = dict(site, device=device, journal_kb=65536, black_box="cells")
        receiver = Receiver("127.0.0.1", broker.port, folder / "records.db", keys={device: KEY})
        receiver.start()
        journal = gateway_journal.start(settings, str(folder), int.from_bytes(os.urandom(7), "big"), 1, sync)
        backlog = gateway_journal.backlog(settings, journal, KEY)
        uplink = GatewayUplink(settings, journal.journal.epoch, 1, MonotonicClock(), outbox=backlog).start()
        classes = play(seconds, site_of(name), uplink)
        while uplink.backlog:
            time.sleep(0.1)
        uplink.stop()
        journal.close()
        receiver.stop()
    return site, counter, classes, receiver.counts


def play(seconds, site, uplink):
    """A simulated pack in real time; {class: records} that were offered."""
    world = World(site, 1, START_UTC_S + LATE_MORNING_S)
    rig = Local(world, site)
    classes = {}
    start_s, first_ms = time.monotonic(), world.now_ms
    while world.now_ms - first_ms < seconds * 1000:
        turn = rig.turn()
        for record in turn.records:
            classes[record.cls] = classes.get(record.cls, 0) + 1
            uplink.offer(record)
        world.advance(turn.wake_ms)
        time.sleep(max(0.0, start_s + (world.now_ms - first_ms) / 1000 - time.monotonic()))
    return classes


def main():
    """Measure and compare."""
    parser = argparse.ArgumentParser("python -m benchmarks.traffic", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--pack", default="nmc96")
    parser.add_argument("--gather", type=int, default=60, help="seconds that telemetry waits for company")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site, counter, classes, counts = measured(options.seconds, options.pack, options.gather, Path(folder))
    up, down = counter.up, counter.down
    print("%d s, records %s, stored %s" % (options.seconds, classes, counts))
    print("up %d bytes in %d pieces, down %d bytes in %d pieces" % (*up, *down))
    line = traffic.line_bytes(up, down, traffic.TLS_RECORD)
    month = line * traffic.MONTH_S / options.seconds
    print("on the line with TLS and TCP: %d bytes, %.0f MB a month" % (line, month / 1e6))
    said = sum(row["month_bytes"] for row in traffic.month(site))
    print("check says %.0f MB a month" % (said / 1e6))


if __name__ == "__main__":
    main()
