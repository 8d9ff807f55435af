# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the demo's controller takes of a board's heap, in bytes: its code, what it holds while it runs, and what a step
allocates. Deterministic: the shortened bundle steps through recorded answers in a VM, without wires and broker.

python -m benchmarks.memory [--kind lfp16|nmc96] [--romfs] [--wasm FOLDER] [--days N]     (by hand)

--romfs: the code is read from a ROMFS image, whose bytecode stays where it is (on boards: in flash). --wasm: FOLDER
with node_modules/@micropython/micropython-webassembly-pyscript, a 32-bit VM as boards are; needs node. --days: how long
the controller has run when it is measured; on 32 bits every time is an object after 12.4.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from struct import pack

from edge.core.settings import with_defaults
from edge.shell.pipe import INIT
from host_tools import bundle
from simulator.lockstep import find_vm, step_payload
from simulator.rigs import Local
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import World

HERE = Path(__file__).resolve().parent
WARM = 120
MEASURED = 100
DAY_MS = 86400000
KINDS = ("lfp16", "nmc96")
ROOMS = ("edge", "edge.core", "edge.shell", "edge.shell.pipe", "bms_bridge", "bms_bridge.tables")
ORDER = ("edge.core", "bms_bridge", "bms_bridge.tables", "edge.shell", "edge.shell.pipe")
BOARD_BYTES = (192 - 40) * 1024  # a small board's heap, less what TLS takes; a 64-bit VM needs twice as much
TEXTS = {
    "started": "controller made",
    "step": "a step allocates",
    "step_mean": "... on average",
    "step_most": "... at most",
    "free": "free of 152 kB (x2: 64-bit)",
    "edge.shell.pipe": "edge.shell.pipe (the rig)",
}
LIVE = {"host": "127.0.0.1", "port": 1883, "keepalive_s": 20, "status_port": 1}


def record(path, kind, steps, days=0):
    """Write what edge.shell.pipe would be sent in that many steps of a site, days after the start of its clock; returns
    its settings."""
    site = settings(kind)
    world = World(site, 6, start_ms=days * DAY_MS, **DEMO_TRUTH)
    rig = Local(world, site, keep=0)
    frames = [bytes([INIT]) + json.dumps({"settings": with_defaults(site), "state": None}).encode()]
    for _ in range(steps):
        frames.append(step_payload(world))
        world.advance(rig.turn().wake_ms)
    rig.close()
    path.write_bytes(b"".join([pack(">I", len(frame)) + frame for frame in frames]))
    return site


def measure(kind, folder, rom=False, warm=WARM, measured=MEASURED, rooms=False, days=0):
    """{name: bytes} on the 64-bit VM. folder: for the bundle and the frames. rooms: with the code of each room."""
    folder = Path(folder)
    make(kind, folder, warm + measured, days)
    path, image = str(folder / "code"), ""
    if rom:
        path, image = "", str(folder / "image")
        build = [sys.executable, "-m", "mpremote", "romfs", "--output", image, "build", str(folder / "code")]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    words = [find_vm(), "-X", "heapsize=8M", str(HERE / "memory_inner.py"), str(folder / "frames"), image]
    environ = dict(os.environ, MICROPYPATH=path + ":.frozen")
    return both([*words, str(warm), str(measured)], folder / "groups" if rooms else None, cwd=folder, env=environ)


def measure_wasm(kind, folder, package, days=0):
    """The same, with rooms, on the 32-bit VM in folder package."""
    folder = Path(folder)
    make(kind, folder, WARM + MEASURED, days)
    words = ["node", str(HERE / "memory_wasm.mjs"), str(package), str(folder), str(WARM), str(MEASURED)]
    return both(words, folder / "groups")


def make(kind, folder, steps, days):
    """The bundle of a site in folder/code, its recorded answers in folder/frames."""
    site = record(folder / "frames", kind, steps, days)
    names = bundle.words((HERE / "memory_inner.py").read_text(encoding="utf-8"))
    entries = (*bundle.ENTRIES, "edge.shell.pipe")
    bundle.build(folder / "code", dict(with_defaults(site), uplink=LIVE), entries, names=names)


def both(words, groups, **options):
    """The rows of the program words; with groups (a path to write to), behind them those of a second run that imports
    room after room."""
    rows, names = rows_of(words, options)
    if groups is not None:
        groups.write_text(json.dumps(grouped(names)), encoding="utf-8")
        rows.update(rows_of([*words, str(groups)], options)[0])
    return rows


def rows_of(words, options):
    """({name: bytes}, names of loaded modules) that memory_inner.py tells; raises RuntimeError when it failed."""
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", **options)
    rows = dict([line.split("=") for line in done.stdout.split() if "=" in line])
    if done.returncode or not rows:
        raise RuntimeError(done.stdout + done.stderr)
    names = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("loaded ")]
    return {name: int(value) for name, value in rows.items()}, names


def grouped(names):
    """[(room, names), ...]: each needs only those before it."""
    groups = {room: [] for room in ROOMS}
    for name in sorted(names):
        groups[next(room for room in reversed(ROOMS) if name == room or name.startswith(room + "."))].append(name)
    groups["edge.shell"] += groups.pop("edge")  # the loop stands beside the rooms and is imported by the shell
    return [(room, groups[room]) for room in ORDER]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--romfs", action="store_true")
    parser.add_argument("--wasm")
    parser.add_argument("--days", type=int, default=0)
    options = parser.parse_args()
    kinds = (options.kind,) if options.kind else KINDS
    found = {}
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            if options.wasm:
                found[kind] = measure_wasm(kind, folder, Path(options.wasm).resolve(), options.days)
            else:
                found[kind] = measure(kind, folder, options.romfs, rooms=True, days=options.days)
        found[kind]["free"] = BOARD_BYTES * (1 if options.wasm else 2) - found[kind]["running"]
    print("%-26s%s" % ("bytes", "".join(["%9s" % kind for kind in kinds])))
    for name in found[kinds[0]]:
        print("%-26s%s" % (TEXTS.get(name, name), "".join(["%9d" % found[kind][name] for kind in kinds])))


if __name__ == "__main__":
    main()
