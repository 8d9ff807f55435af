# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Chaos between a gateway, a real broker and the receiver: kill -9 of each, cuts at a random byte, silence one way and
both ways. Afterwards everything that was durable must be in the database, once. The control arm must lose records.

    python -m tests.uplink.chaos --seconds 40 --seed 1 [--naive]
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from host_tools import documents, ledger
from simulator.broker import Broker
from simulator.proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]
PERIOD_MS = 20
SETTLE_S = 90.0
FEW = ("allow_anonymous true", "max_queued_messages 50")  # what this broker keeps for a receiver that is slow
KINDS = ("edge", "broker", "receiver", "cut up", "cut down", "hole", "freeze up", "freeze down")


class Chaos:
    """One run in a folder. seed: of every choice. naive: the control arm. kinds: mishaps to choose from."""

    def __init__(self, folder, seed, naive=False, kinds=KINDS, kind="mosquitto"):
        self.folder = Path(folder)
        self.pick = random.Random(seed)
        self.kinds = kinds
        self.done = Counter()
        self.naive = naive
        self.key = "naive" if naive else documents.new_device_key(str(self.folder / "chaos-1")).raw.hex()
        self.broker = Broker(kind, listener=FEW if kind == "mosquitto" else ()).start()
        self.proxy = Proxy(self.broker.port).start()
        self.edge = self.receiver = None
        self.start_receiver()
        self.start_edge()

    def start_edge(self):
        """Start the gateway's process."""
        words = ["-m", "tests.uplink.chaos_edge", self.folder, self.proxy.port, PERIOD_MS, self.key]
        self.edge = _run(words, self.folder / "edge.log")

    def start_receiver(self):
        """Start the receiver's process."""
        words = ["-m", "host_tools.cli", "receive", "--broker", f"127.0.0.1:{self.broker.port}", "--db", self.db]
        if not self.naive:
            words += ["--keys", self.folder]
        self.receiver = _run([*words, "--wait", "0", "-q"], self.folder / "receiver.log")

    @property
    def db(self):
        """The receiver's database."""
        return self.folder / "received.db"

    def play(self, seconds):
        """Mishaps for some seconds."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            kind = self.pick.choice(self.kinds)
            self.done[kind] += 1
            self.strike(kind)
            time.sleep(self.pick.uniform(0.2, 1.5))
        self.proxy.pass_through()

    def strike(self, kind):
        """One mishap."""
        pause_s = self.pick.uniform(0.0, 2.0)
        if kind in ("edge", "receiver"):
            process = getattr(self, kind)
            process.kill()
            process.wait()
            time.sleep(pause_s / 2)
            getattr(self, "start_" + kind)()
        elif kind == "broker":
            self.broker.kill()
            time.sleep(pause_s)
            self.broker.start()
        elif kind.startswith("cut"):
            self.proxy.cut_after(self.pick.randrange(1, 3000), kind.split()[1])
        else:
            if kind == "hole":
                self.proxy.black_hole()
            else:
                self.proxy.freeze(kind.split()[1])
            time.sleep(2 * pause_s)
            self.proxy.pass_through()

    def settle(self):
        """Let all be healthy until nothing is left to send; True when that happened."""
        if self.edge.poll() is not None:
            self.start_edge()
        (self.folder / "stop").touch()
        end_s = time.monotonic() + SETTLE_S
        calm = 0
        while time.monotonic() < end_s and calm < 5:
            time.sleep(0.3)
            left = (self.folder / "left").read_text(encoding="ascii")
            calm = calm + 1 if left == "0 0" else 0
        return calm >= 5

    def stop(self):
        """End all processes."""
        for process in (self.edge, self.receiver):
            process.terminate()
            process.wait()
        self.proxy.stop()
        self.broker.stop()

    def judge(self):
        """{what: count} of the truth against the database."""
        owed = {}
        for line in (self.folder / "truth").read_text(encoding="ascii").splitlines():
            epoch, given, durable = map(int, line.split())
            owed[epoch] = (given, durable)
        database = ledger.open_read_only(self.db)
        found = Counter()
        for epoch, (given, durable) in owed.items():
            rows = {row[0] for row in database.execute("SELECT seq FROM records WHERE epoch = ?", (epoch,))}
            found["given"] += given
            found["arrived"] += len(rows)
            found["duplicates"] += _count(database, epoch) - len(rows)
            found["missing"] += len(set(range(1, durable + 1)) - rows)
            found["not yet synced at a kill"] += len(set(range(durable + 1, given + 1)) - rows)
        found["starts"] = len(owed)
        found["declared"] = 0
        found["conflicts"] = database.execute("SELECT COUNT(*) FROM conflicts").fetchone()[0]
        for (_, epoch), ranges in ledger.declared_ranges(database).items():  # what a kill tore was never durable
            durable = owed.get(epoch, (0, 0))[1]
            found["declared"] += sum(max(0, min(last, durable) - first + 1) for first, last in ranges)
        database.close()
        return found


def _count(database, epoch):
    return database.execute("SELECT COUNT(*) FROM records WHERE epoch = ?", (epoch,)).fetchone()[0]


def text_of(counts):
    """The counts that decide, in one line."""
    form = "missing %d, duplicates %d, conflicts %d, declared %d, of %d given in %d starts, %d arrived"
    return form % tuple(
        counts[name] for name in ("missing", "duplicates", "conflicts", "declared", "given", "starts", "arrived")
    )


def _run(words, log):
    """A Python process of ours that writes its noise to a file."""
    with open(log, "ab") as file:
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen([sys.executable, *map(str, words)], cwd=ROOT, stdout=file, stderr=file, env=environ)


def run(seconds, seed, folder, **options):
    """(settled, counts, mishaps) of one run."""
    chaos = Chaos(folder, seed, **options)
    try:
        time.sleep(1.0)
        chaos.play(seconds)
        settled = chaos.settle()
    finally:
        chaos.stop()
    return settled, chaos.judge(), chaos.done


def main(argv=None):
    """Play one run per seed; 0 when nothing is missing, in conflict or declared (naive: when something is missing)."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1, help="one seed after the other")
    parser.add_argument("--naive", action="store_true", help="the control arm: plain paho with QoS 1")
    options = parser.parse_args(argv)
    total, good = Counter(), True
    for seed in range(options.seed, options.seed + options.runs):
        with tempfile.TemporaryDirectory() as folder:
            settled, counts, mishaps = run(options.seconds, seed, folder, naive=options.naive)
        total += counts
        good = good and (settled or options.naive)
        text = ", ".join(f"{count} {name}" for name, count in sorted(mishaps.items()))
        print(f"seed {seed}: {text}; settled {settled}; {dict(counts)}", flush=True)
    print(text_of(total))
    bad = total["missing"] + total["conflicts"] + total["declared"]
    return 0 if good and (bad > 0) == options.naive else 1


if __name__ == "__main__":
    sys.exit(main())
