# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Hours of a board's life in minutes: the bundle in a VM with a small heap, on a littlefs image, its devices on UARTs,
journal and uplink at work, the clock 60 s before ticks_ms wraps. Prints the free heap of every hour, the longest the VM
computed between two waits, and how late the steps were.

python -m benchmarks.soak [--hours 24] [--heap 384k] [--ballast 80]
"""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path

from edge.core.settings import with_defaults
from host_tools import boards, build, bundle
from simulator.backend import Backend
from simulator.sites import DEMO_TRUTH, settings
from simulator.vboard_fast import FastBoard, Line, Stuck, fill
from simulator.wire import Wire, WorldSource
from simulator.world import World

HEAP = "384k"  # of a 64-bit VM: 192 KB of a board
BALLAST_KB = 80  # 40 KB of a board: what a TLS connection takes of its heap
START_TICKS = (1 << 30) - 60000
JOURNAL_KB = 128
BAUDS = {1: 19200, 2: 19200}
# One VM millisecond is about so many of the board's (64-bit development machine against the M4F figures of vendors).
SLOWER = {"pico2w (RP2350, 150 MHz)": 114, "esp32s3 (240 MHz)": 99}


def site_of(kind="lfp16", port=1883, tls=False):
    """Settings (plain dict) of a site for a board: the BMS on UART 1, PCS and meter on UART 2, an uplink."""
    site = settings(kind)
    rtu = {"kind": "rtu", "host": "", "port": 0, "parity": "N"}
    site["links"] = [dict(rtu, uart=number, baud=BAUDS[number]) for number in BAUDS]
    site["packs"][0]["link"] = 0
    site["pcs"].update(link=1, unit=1)
    site["meter"].update(link=1, unit=2)
    site["uplink"] = {"host": "127.0.0.1", "port": port, "keepalive_s": 20}
    if tls:
        site["uplink"].update(tls)
    site["journal_kb"] = JOURNAL_KB
    return boards.adapted(boards.board("virtual"), site)


def lines_of(world):
    """The UARTs of site_of with the devices of world on them."""
    return {
        1: Line(Wire("rtu", WorldSource(world, {1: 0})), BAUDS[1]),
        2: Line(Wire("rtu", WorldSource(world, {1: 1, 2: 2})), BAUDS[2]),
    }


# Before lines of boot.py that import what lies in the slot.
IN_SLOT = 'import sys\n\nsys.path.append("/a")\n'


def prepared(folder, site, ballast_kb=0, boot=""):
    """A flash image in folder with the bundle of site; boot: more lines for boot.py."""
    tree = Path(folder) / "tree"
    in_slot(tree, bundle.build(tree / "a", site, bundle.BOARD), site)
    text = bundle.BOOT + (IN_SLOT + boot if boot else "")
    if ballast_kb:
        text += "import machine\n\nmachine.ballast = bytearray(%d)\n" % (1024 * ballast_kb)
    (tree / "boot.py").write_text(text, encoding="utf-8")
    fill(tree.parent / "flash.img", tree)
    return tree.parent / "flash.img"


def in_slot(tree, made, site, rollback=0, board=build.ANY_BOARD):
    """Make tree what lies on a board: a bundle.Bundle in its slot a (tree/a) with a manifest, the rest beside it."""
    (tree / "a" / "manifest").write_bytes(build.manifest_of(made, site, board, rollback))
    for name in bundle.OUTSIDE:
        if (tree / "a" / name).exists():
            (tree / "a" / name).rename(tree / name)


def made(folder, kind="lfp16", heap=HEAP, ballast_kb=BALLAST_KB, seed=1, **options):
    """(FastBoard, Backend) of a fresh board in folder; both have to be closed."""
    backend = Backend()
    site = site_of(kind, backend.port)
    truth = dict(DEMO_TRUTH) if kind == "lfp16" else {}
    world = World(with_defaults(site), seed, **truth)
    image = prepared(folder, site, ballast_kb)
    board = FastBoard(image, world, lines_of(world), backend, heap, START_TICKS, **options)
    return board, backend


def hour_line(board, backend, begin_s):
    """What is told of one hour."""
    at_ms, free, held = board.heaps[-1]
    status = json.loads(board.statuses[-1][1]) if board.statuses else {}
    late_ms = status.get("late_max_ms")
    return "%5.1f h  free %6d  held %6d  longest %4.1f ms  late %s ms  records %d  restarts %d  (%d s)" % (
        at_ms / 3600000,
        free,
        held,
        board.worst_us / 1000,
        late_ms,
        backend.count,
        len(board.resets),
        time.monotonic() - begin_s,
    )


def summary(board, backend):
    """The lines at the end."""
    free = [row[1] for row in board.heaps[1:] or board.heaps]
    yield "free heap: first hour %d, least %d, last %d bytes" % (free[0], min(free), free[-1])
    yield "longest computing between two waits: %.1f ms on this VM" % (board.worst_us / 1000)
    for name, factor in SLOWER.items():
        yield "  about %d ms on %s" % (board.worst_us * factor // 1000, name)
    yield "records %d, came twice %d, missing %d; sessions %d; restarts %d" % (
        backend.count,
        backend.twice,
        backend.missing(),
        backend.sessions,
        len(board.resets),
    )


def main(argv=None):
    """Run it; 0 when nothing was lost, no restart happened and the heap stayed flat."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--heap", default=HEAP)
    parser.add_argument("--ballast", type=int, default=BALLAST_KB, metavar="KB")
    parser.add_argument("--kind", default="lfp16", choices=("lfp16", "nmc96"))
    parser.add_argument("--slow", type=int, default=0, metavar="N", help="1 ms of the VM is N ms of the board")
    options = parser.parse_args(argv)
    begin_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reuse-edge-soak-") as folder:
        board, backend = made(folder, options.kind, options.heap, options.ballast, slow=options.slow)
        try:
            hour_ms = 3600000
            for hour in range(1, int(options.hours) + 1):
                board.run(hour * hour_ms + 1000)
                print(hour_line(board, backend, begin_s), flush=True)
            board.run(int(options.hours * hour_ms))
            print("\n".join(summary(board, backend)))
        except Stuck as error:
            print("after %.1f h: %s" % (board.now_ms / 3600000, error))
            return 1
        finally:
            board.close()
            backend.close()
    text = board.said.decode("utf-8", "replace")
    if board.resets or re.search("MemoryError|Traceback", text):
        print(text)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
