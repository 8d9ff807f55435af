# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Single rows of the acceptance table (docs/CHAOS.md), each with one kind of mishap and a number of times.

    python -m tests.uplink.rows [--share 1.0] [--seed 1]

Between mishaps the run goes on until something new has arrived, so that each one meets a working line.
"""

import argparse
import random
import signal
import sqlite3
import sys
import tempfile
import time

from host_tools import ledger
from tests.uplink import rig
from tests.uplink.chaos import Chaos, text_of

# row: (mishaps to choose from, times, what it is)
ROWS = {
    "R1": (("broker",), 10, "broker killed, without persistence"),
    "R2": (("stopped",), 4, "backend stopped, broker keeps 50 messages at most"),
    "R3": (("cut up", "cut down"), 200, "line cut at any byte of any packet"),
    "R4": (("hole",), 5, "silence both ways"),
    "R5": (("freeze down",), 5, "silence one way"),
    "R6": (("edge",), 50, "gateway killed"),
}
STOPPED_S = 8.0  # at 50 records a second far more than the broker keeps and what fits into the sockets


class Row(Chaos):
    """One row, played `times` times."""

    def arrived(self):
        """Records in the receiver's database, 0 while it is being made."""
        try:
            database = ledger.open_read_only(self.db)
        except (sqlite3.Error, OSError):
            return 0
        try:
            return database.execute("SELECT COUNT(*) FROM records").fetchone()[0]
        except sqlite3.Error:
            return 0
        finally:
            database.close()

    def play_row(self, kinds, times):
        """Each mishap on a line that carries something."""
        source = random.Random(self.pick.random())
        for _ in range(times):
            more = self.arrived() + source.randrange(1, 20)
            assert rig.until(lambda more=more: self.arrived() >= more)
            kind = source.choice(kinds)
            self.done[kind] += 1
            if kind == "stopped":
                self.receiver.send_signal(signal.SIGSTOP)
                time.sleep(STOPPED_S)
                self.receiver.send_signal(signal.SIGCONT)
            else:
                self.strike(kind)
                time.sleep(0.2 * source.random())
        self.proxy.pass_through()


def play(rows, seed, folder, naive=False):
    """(settled, counts, mishaps) of rows one after the other. rows: [(name, times)]."""
    row = Row(folder, seed, naive)
    try:
        for name, times in rows:
            row.play_row(ROWS[name][0], times)
        settled = row.settle()
    finally:
        row.stop()
    return settled, row.judge(), row.done


def main(argv=None):
    """Play all rows; 0 when nothing is missing, in conflict or declared, and the control arm of R2 loses records."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the times in the table")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    good = True
    for name in [*ROWS, "R2 naive"]:
        naive = name.endswith("naive")
        kinds, times, what = ROWS[name.split()[0]]
        with tempfile.TemporaryDirectory() as folder:
            times = max(1, round(times * options.share))
            settled, counts, _ = play([(name.split()[0], times)], options.seed, folder, naive)
        bad = counts["missing"] + counts["conflicts"] + counts["declared"]
        good = good and (bad > 0 if naive else settled and not bad)
        print(f"{name}, {what} x {times}: {text_of(counts)}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
