# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a record of 40 metrics takes in bytes, how many a second the journal syncs, and what the uplink of a board takes
of its heap (MicroPython VM, shortened bundle, no broker).

    python -m benchmarks.uplink [--records 20000]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.offline import bodies
from edge.core.records import Record
from edge.core.settings import with_defaults
from edge.shell import cbor
from edge.shell.gateway import sync
from edge.shell.journal import Journal
from edge.shell.journal_ports import Folder
from edge.shell.outbox import encode_record, envelope_head
from host_tools import bundle
from simulator.lockstep import find_vm
from simulator.sites import settings as site_of

INNER = Path(__file__).resolve().parent / "uplink_inner.py"
EPOCH = (1 << 62) + 12345
GROUPS = (1, 10, 100, 500)
METRICS = 40


def body():
    """Pairs of 40 metrics: telemetry of a pack of 96 cells, filled up from its minute and its registers."""
    made = bodies("nmc96")
    pairs = dict(made["T"][-1])
    for cls in "MB":
        for key, value in made[cls][-1]:
            if len(pairs) < METRICS:
                pairs.setdefault(key, value)
    return tuple(sorted(pairs.items()))


def record(pairs, seq):
    """One telemetry record a while after the start."""
    return Record("T", 0, 86400000 + 10000 * seq, 1780000000000 + 10000 * seq, 3, pairs)


def sizes(pairs):
    """(bytes of the body, bytes of what is around it)."""
    whole = len(encode_record(envelope_head(EPOCH), 100, 10**7, record(pairs, 1)))
    inner = len(cbor.encode(dict(pairs)))
    return inner, whole - inner


def appended(folder, pairs, count, group):
    """Records a second into a journal that is synced after every `group` of them."""
    disk = Folder(str(folder / ("journal-%d" % group)), sync)
    journal = Journal(disk, "bench-1", EPOCH, 1, 64 << 20, 1 << 20)
    begin_s = time.perf_counter()
    for seq in range(1, count + 1):
        journal.append(record(pairs, seq), seq)
        if seq % group == 0 and not journal.flush():
            raise RuntimeError(journal.problem)
    took_s = time.perf_counter() - begin_s
    assert journal.durable == count // group * group
    journal.close()
    return count / took_s


def memory(folder, pairs):
    """{name: bytes} in the VM; None without one."""
    if not find_vm():
        return None
    site = dict(with_defaults(site_of("nmc96")), journal_kb=1024)
    site["uplink"] = {"host": "127.0.0.1", "port": 1, "keepalive_s": 20, "gather_s": 60, "home_assistant_s": 60}
    names = bundle.words(INNER.read_text(encoding="utf-8"))
    bundle.build(folder / "code", with_defaults(site), names=names)
    (folder / "pairs").write_text(json.dumps(pairs), encoding="ascii")
    os.mkdir(folder / "flash")
    environ = dict(os.environ, MICROPYPATH="%s:.frozen" % (folder / "code"))
    words = [find_vm(), "-X", "heapsize=8M", str(INNER), str(folder / "pairs"), str(folder / "flash")]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return {name: int(value) for name, value in [line.split("=") for line in done.stdout.split()]}


def main(argv=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--records", type=int, default=20000)
    options = parser.parse_args(argv)
    pairs = body()
    print("record of %d metrics: body %d bytes, envelope %d" % (len(pairs), *sizes(pairs)))
    with tempfile.TemporaryDirectory() as name:
        for group in GROUPS:
            count = min(options.records, 2000 * group)
            rate = appended(Path(name), pairs, count, group)
            print("journal, synced after every %3d: %6.0f records/s" % (group, rate), flush=True)
        for row, value in (memory(Path(name), pairs) or {}).items():
            print("%-28s %7d bytes" % (row, value))
    return 0


if __name__ == "__main__":
    sys.exit(main())
