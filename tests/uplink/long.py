# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`make chaos`: every long test of the records, one after the other, and one last line that sums them up.

python -m tests.uplink.long [--seconds 300] [--seed 1] [--every 1] [--hostile 100000]
"""

import argparse
import os
import re
import subprocess
import sys
from collections import Counter

from simulator.lockstep import find_vm
from tests.uplink.rig import ROOT

# Words of the parts' lines that are counted: what stands before or after a number.
CASES = re.compile(r"^(power cuts|flipped bits|cuts and flips)[^:]*: (\d+) cases, (\d+) bad", re.MULTILINE)
COUNTS = re.compile(r"missing (\d+), duplicates (\d+), conflicts (\d+), declared (\d+), of (\d+) given")
KEYS = ("records", "missing", "duplicates", "conflicts", "gaps declared", "cuts", "flips", "cuts and flips") + (
    "bad recoveries",
    "hostile payloads",
    "control arm lost",
)
HOSTILE = re.compile(r"^hostile payloads: (\d+)", re.MULTILINE)


def parts(options, vm):
    """[(name, command)] of everything; those of the VM where there is one."""
    every, seed, count = str(options.every), str(options.seed), options.hostile
    python = [sys.executable, "-m"]
    board = [vm, "-X", "heapsize=64M", "-m"] if vm else None
    found = []
    for runtime in [python] + ([board] if board else []):
        found.append(("backlog cuts", [*runtime, "tests.both.backlog_cuts", every]))
        found.append(("state cuts", [*runtime, "tests.both.state_cuts", every]))
        share = count if runtime is python else count // 5
        found.append(("hostile", [*runtime, "tests.both.hostile", str(share), seed]))
    found.append(("hostile", [*python, "tests.uplink.hostile", str(count), seed]))
    found.append(("rows", [*python, "tests.uplink.rows", "--seed", seed, "--share", str(options.share)]))
    found.append(("chaos", [*python, "tests.uplink.chaos", "--seconds", str(options.seconds), "--seed", seed]))
    naive = ["--seconds", str(min(options.seconds, 30)), "--seed", seed, "--naive"]
    return [*found, ("control arm", [*python, "tests.uplink.chaos", *naive])]


def count(total, name, text):
    """Add what the lines of one part say. The control arm is not ours."""
    for kind, cases, bad in CASES.findall(text):
        total["cuts" if kind == "power cuts" else "flips" if kind == "flipped bits" else "cuts and flips"] += int(cases)
        total["bad recoveries"] += int(bad)
    total["hostile payloads"] += sum(int(number) for number in HOSTILE.findall(text))
    last = name == "chaos"
    for line in text.splitlines():
        found = COUNTS.search(line)
        if found and name == "control arm":
            total["control arm lost"] += int(found[1])
        elif found and "naive" not in line and (last or name == "rows"):
            for key, number in zip(("missing", "duplicates", "conflicts", "gaps declared", "records"), found.groups()):
                total[key] += int(number)


def main(argv=None):
    """Play all; 0 when every part was good."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="of random mishaps")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="one cut and one bit in so many")
    parser.add_argument("--hostile", type=int, default=100000, help="payloads on each way in; a fifth in the VM")
    parser.add_argument("--share", type=float, default=1.0, help="of the mishaps of each row")
    options = parser.parse_args(argv)
    total, failed, vm = Counter(), [], find_vm()
    for name, command in parts(options, vm):
        env = {**os.environ, "MICROPYPATH": ".:.frozen"}
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, encoding="utf-8", check=False)
        where = "micropython" if command[0] == vm else "cpython"
        print("%s (%s)\n%s" % (name, where, "".join("  %s\n" % line for line in done.stdout.splitlines())), flush=True)
        count(total, name, done.stdout)
        if done.returncode:
            failed.append("%s on %s" % (name, where))
    said = ", ".join("%s %d" % (key, total[key]) for key in KEYS)
    print("%s, seed %d: %s" % (said, options.seed, "FAILED: " + ", ".join(failed) if failed else "all good"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
