# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A month without a broker, and what happens when it comes back: R12. Records of a real controller, a journal on disk,
mosquitto and the receiver; only the clock of the month is accelerated.

    python -m benchmarks.offline [--days 30] [--journal-kb 65536] [--site nmc96]
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.core.settings import with_defaults
from edge.core.site import Site
from edge.shell import gateway_journal
from edge.shell.gateway import sync
from edge.shell.gateway_uplink import GatewayUplink, MonotonicClock
from edge.shell.shelf import Shelf
from host_tools import ledger, traffic
from host_tools.receiver import Receiver
from simulator.broker import Broker, available
from simulator.sites import settings as site_of

EPOCH = 0x5566778811223344
START_MS = 1780000000000
LIVE_S = 0.1  # between two live records while the backlog drains
PATIENCE_S = 600.0
EVENT = ((KEYS["event"], 12), (KEYS["charge_limit"], 40000), (KEYS["charge_why"], 8))


def bodies(name, seconds=600):
    """{class: [pairs]} that the controller of a site reports in so many virtual seconds, without those of its start."""
    settings = with_defaults(site_of(name))
    site = Site(settings)
    found = {cls: [] for cls in "TMBE"}
    for number in range(1, seconds + 1):
        reads = traffic.reads_of(settings, number * 1000, number)
        for record in site.step(number * 1000, (START_MS // 1000 + number, 3), reads, ()).records:
            if record.cls in found:
                found[record.cls].append(record.pairs)
    return {cls: rows[len(rows) // 3 :] or [EVENT] for cls, rows in found.items()}


def plan(days):
    """(ms since the start, class) of a pack's records, as traffic.PERIODS_S and EVENTS_PER_DAY have them."""
    event_s = 86400 // traffic.EVENTS_PER_DAY
    for at_s in range(10, days * 86400 + 1, 2):
        for cls in "TMB":
            if at_s % traffic.PERIODS_S[cls] == 0:
                yield at_s * 1000, cls
        if at_s % event_s == 0:
            yield at_s * 1000, "E"


class Edge:
    """The recording half of a gateway: journal, backlog and, once there is a broker, the uplink."""

    def __init__(self, folder, journal_kb):
        place = {"host": "127.0.0.1", "port": 1, "keepalive_s": 20, "gather_s": 0}
        self.settings = {"device": "far-1", "org": "bench", "site": "far", "uplink": place, "journal_kb": journal_kb}
        self.late = gateway_journal.start(self.settings, str(folder), EPOCH, 1, sync)
        self.backlog = gateway_journal.backlog(self.settings, self.late, None)
        self.uplink = None

    def offline(self, days, made):
        """Days of records, as fast as the journal takes them; Counter of the classes."""
        counts = Counter()
        for at_ms, cls in plan(days):
            rows = made[cls]
            record = Record(cls, 0, at_ms, START_MS + at_ms, 3, rows[counts[cls] % len(rows)])
            counts[cls] += 1
            if self.backlog.append(record) % 256 == 0:
                self.settle(1000)
        self.settle(0)
        return counts

    def settle(self, most):
        """Wait until at most so many records are not yet synced."""
        until(lambda: self.backlog.seq - self.late.durable <= most)

    def held(self):
        """Numbers that the disk has, or the RAM of the newest."""
        shelf = Shelf(self.late.journal.disk)
        shelf.seek(EPOCH, 1)
        found = set()
        while (row := shelf.peek()) is not None:
            found.add(row[0])
            shelf.skip(row[0])
        row = self.backlog._recent.at(1)
        while row is not None:
            found.add(row[0])
            row = self.backlog._recent.at(row[0] + 1)
        return found

    def online(self, port):
        """Start the uplink."""
        self.settings["uplink"]["port"] = port
        self.uplink = GatewayUplink(self.settings, EPOCH, 1, MonotonicClock(), outbox=self.backlog).start()

    def close(self):
        """End the threads."""
        if self.uplink is not None:
            self.uplink.stop()
        self.late.close()


def until(condition):
    """Wait for condition(); RuntimeError when it does not come."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise RuntimeError("it did not happen in %d s" % PATIENCE_S)
        time.sleep(0.002)


def drain(edge, db, made, nodelay=False):
    """Drain through mosquitto into the receiver while live records are made: (seconds, live latencies in s, numbers).

    A live record's latency runs from offer() to its commit. nodelay: of mosquitto (set_tcp_nodelay); without it, its
    answers wait 40 ms for company, and that is what limits.
    """
    offered, late_s = {}, []

    def committed(_device, row):
        if row.seq in offered:
            late_s.append(time.monotonic() - offered[row.seq])

    first = edge.backlog.seq + 1
    listener = ("allow_anonymous true", "set_tcp_nodelay true") if nodelay else ()
    with (
        Broker("mosquitto", listener=listener) as broker,
        Receiver("127.0.0.1", broker.port, db, on_record=committed) as receiver,
    ):
        until(lambda: receiver.connected)
        begin_s = time.monotonic()
        edge.online(broker.port)
        until(lambda: edge.uplink.connected)
        while edge.backlog.acked < first - 1:
            at_s = time.monotonic()
            seq = edge.backlog.seq + 1
            offered[seq] = at_s
            edge.uplink.offer(Record("T", 0, seq, START_MS, 3, made["T"][seq % len(made["T"])]))
            time.sleep(max(0.0, at_s + LIVE_S - time.monotonic()))
            if at_s - begin_s > PATIENCE_S:
                raise RuntimeError("the backlog does not drain: %d left" % edge.backlog.backlog)
        took_s = time.monotonic() - begin_s
        until(lambda: not edge.backlog.backlog)
    return took_s, late_s, len(offered)


def account(db):
    """(numbers received, numbers declared lost, classes received) of the database."""
    book = ledger.open_read_only(db)
    rows = book.execute("SELECT seq, cls FROM records").fetchall()
    declared = set()
    for low, high in book.execute("SELECT first, last FROM gaps"):
        declared.update(range(low, high + 1))
    book.close()
    return {row[0] for row in rows}, declared, Counter(row[1] for row in rows)


def run(folder, days, journal_kb, name="nmc96", nodelay=False):
    """All of it; a dict with what was counted and measured."""
    folder = Path(folder)
    made = bodies(name)
    edge = Edge(folder, journal_kb)
    try:
        begin_s = time.monotonic()
        counts = edge.offline(days, made)
        wrote_s = time.monotonic() - begin_s
        last = edge.backlog.seq
        gone = set(range(1, last + 1)) - edge.held()
        ram_bytes, disk_bytes = edge.backlog.bytes, edge.late.journal.bytes
        took_s, late_s, live = drain(edge, str(folder / "received.db"), made, nodelay)
        gone_after = set(range(1, last + 1)) - edge.held()  # acknowledged ones have left the RAM
    finally:
        edge.close()
    received, declared, classes = account(str(folder / "received.db"))
    late_s.sort()
    return {
        "made": counts,
        "last": last,
        "seq": edge.backlog.seq,
        "wrote_s": wrote_s,
        "gone": gone,
        "gone_after": gone_after,
        "ram_bytes": ram_bytes,
        "disk_bytes": disk_bytes,
        "drained": last - len(gone),
        "took_s": took_s,
        "live": live,
        "late_s": late_s,
        "received": received,
        "declared": declared,
        "classes": classes,
    }


def lines(found):
    """What a person reads of run()."""
    made = ", ".join("%d %s" % (count, cls) for cls, count in sorted(found["made"].items()))
    yield "made %s in %.1f s: %.0f records/s appended" % (made, found["wrote_s"], found["last"] / found["wrote_s"])
    yield "journal %.1f MB, RAM of the newest %.2f MB, gone by the budget %d" % (
        found["disk_bytes"] / 1e6,
        found["ram_bytes"] / 1e6,
        len(found["gone"]),
    )
    yield "drained %d in %.1f s: %.0f records/s" % (
        found["drained"],
        found["took_s"],
        found["drained"] / found["took_s"],
    )
    late = found["late_s"]
    yield "live beside it: %d records, latency median %.2f s, p99 %.2f s, longest %.2f s" % (
        len(late),
        late[len(late) // 2],
        late[len(late) * 99 // 100],
        late[-1],
    )
    everything = set(range(1, found["seq"] + 1))
    missing = len(everything - found["received"] - found["declared"])
    yield "missing %d, received %d, declared %d" % (missing, len(found["received"]), len(found["declared"]))


def main(argv=None):
    """Measure and print; 3 without mosquitto."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--journal-kb", type=int, default=gateway_journal.DEFAULT_KB)
    parser.add_argument("--site", default="nmc96")
    parser.add_argument("--nodelay", action="store_true", help="mosquitto with set_tcp_nodelay")
    options = parser.parse_args(argv)
    if available("mosquitto"):
        print(available("mosquitto"), file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        for line in lines(run(folder, options.days, options.journal_kb, options.site, options.nodelay)):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
