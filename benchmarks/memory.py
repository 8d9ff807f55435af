# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the demo's controller takes of a board's heap, in bytes: its code, what it holds while it runs, and what a step
allocates. Deterministic: the shortened bundle steps through recorded answers in a VM, without wires and broker.

python -m benchmarks.memory [--kind lfp16] [--romfs] [--wasm FOLDER]     (by hand)

--romfs: the code is read from a ROMFS image, whose bytecode stays where it is (on boards: in flash). --wasm: FOLDER
with node_modules/@micropython/micropython-webassembly-pyscript, a 32-bit VM as boards are; needs node.
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
LIVE = {"host": "127.0.0.1", "port": 1883, "keepalive_s": 20, "status_port": 1}


def record(path, kind, steps):
    """Write what edge.shell.pipe would be sent in that many steps of a site; returns its settings."""
    site = settings(kind)
    world = World(site, 6, **DEMO_TRUTH)
    rig = Local(world, site, keep=0)
    frames = [bytes([INIT]) + json.dumps({"settings": with_defaults(site), "state": None}).encode()]
    for _ in range(steps):
        frames.append(step_payload(world))
        world.advance(rig.turn().wake_ms)
    rig.close()
    path.write_bytes(b"".join([pack(">I", len(frame)) + frame for frame in frames]))
    return site


def measure(kind, folder, rom=False, warm=WARM, measured=MEASURED):
    """{name: bytes} on the 64-bit VM. folder: for the bundle and the frames."""
    folder = Path(folder)
    make(kind, folder, warm + measured)
    words = [find_vm(), "-X", "heapsize=8M", str(HERE / "memory_inner.py"), str(folder / "frames"), str(warm)]
    words.append(str(measured))
    path = str(folder / "code")
    if rom:
        path = ""
        image = folder / "image"
        build = [sys.executable, "-m", "mpremote", "romfs", "--output", str(image), "build", str(folder / "code")]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        words.append(str(image))
    environ = dict(os.environ, MICROPYPATH=path + ":.frozen")
    return rows_of(subprocess.run(words, env=environ, cwd=folder, capture_output=True, text=True, encoding="utf-8"))


def measure_wasm(kind, folder, package):
    """The same on the 32-bit VM in folder package."""
    folder = Path(folder)
    make(kind, folder, WARM + MEASURED)
    words = ["node", str(HERE / "memory_wasm.mjs"), str(package), str(folder), str(WARM), str(MEASURED)]
    return rows_of(subprocess.run(words, capture_output=True, text=True, encoding="utf-8"))


def make(kind, folder, steps):
    """The bundle of a site in folder/code, its recorded answers in folder/frames."""
    site = record(folder / "frames", kind, steps)
    bundle.build(folder / "code", dict(with_defaults(site), uplink=LIVE), (*bundle.ENTRIES, "edge.shell.pipe"))


def rows_of(done):
    """{name: bytes} of what memory_inner.py printed; raises RuntimeError with what it said when it failed."""
    rows = dict([line.split("=") for line in done.stdout.split() if "=" in line])
    if done.returncode or "step" not in rows:
        raise RuntimeError(done.stdout + done.stderr)
    return {name: int(value) for name, value in rows.items()}


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kind", default="lfp16")
    parser.add_argument("--romfs", action="store_true")
    parser.add_argument("--wasm")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.wasm:
            rows = measure_wasm(options.kind, folder, Path(options.wasm).resolve())
        else:
            rows = measure(options.kind, folder, options.romfs)
    for name, value in rows.items():
        print("%-10s %7d bytes" % (name, value))


if __name__ == "__main__":
    main()
