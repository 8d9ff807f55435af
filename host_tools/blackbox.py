# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge blackbox FOLDER [--export OUT]`: the black boxes of a device, checked, and out of it as CSV.

FOLDER is `boxes` in a gateway's state folder, or a copy of a board's. What was exported whole is marked, so that the
device may use its place again; a box whose chain does not hold is exported and not marked.
"""

import argparse
import csv
import io
from collections import namedtuple
from pathlib import Path

from edge.core.boxrows import unpacked
from edge.core.faults import NAMES as FAULTS
from edge.core.registry import KEYS
from edge.shell import cbor
from edge.shell.boxes import box_name, numbers
from edge.shell.frames import KEPT, START, link, walk

COLUMNS = "ms,current_ma,pack_mv,cell_max_mv,cell_min_mv,temp_max_mc,temp_min_mc,quality,mode,contactor".split(
    ","
)  # of edge.core.boxrows.unpacked, then cells and sensors

# One box. bodies: of its records, in order; whole: its chain holds and its last part is there; damaged: the chain
# breaks or bytes are no frame.
Box = namedtuple("Box", ("number", "exported", "wall_ms", "pack", "bodies", "whole", "damaged"))


def read_box(data, number, exported=False):
    """The Box in the bytes of a file x<number>. What stands behind damage is left out."""
    chain, bodies, damaged, stamp = START, [], False, (None, None)
    for kind, at, linked, payload, _ in walk(io.BytesIO(data), number, len(data)):
        chain = link(chain, payload)
        if kind != KEPT or linked != chain or at != len(bodies):
            damaged = kind != 0 or at is not None
            break
        envelope = cbor.decode(payload)
        stamp = stamp if bodies else (envelope.get(5), envelope[8])
        bodies.append(envelope[9])
    ended = bool(bodies) and bodies[-1].get(KEYS["box_end"]) == 1
    return Box(number, exported, stamp[0], stamp[1], bodies, ended and not damaged, damaged)


def boxes_in(folder):
    """Every Box of a folder, the oldest first."""
    found, exported = numbers([path.name for path in folder.iterdir()])
    return [read_box((folder / box_name(n)).read_bytes(), n, n in exported) for n in found]


def rows_of(box):
    """All samples of a box as in edge.core.boxrows.unpacked."""
    cells, temps = KEYS["frame_cells"], KEYS["frame_temps"]
    return [row for b in box.bodies for row in unpacked(b[KEYS["frame"]], b.get(cells, 0), b.get(temps, 0))]


def write_csv(box, path):
    """One line per sample: COLUMNS, then every cell and every sensor."""
    rows = rows_of(box)
    cells, temps = (len(rows[0][10]), len(rows[0][11])) if rows else (0, 0)
    heads = ["cell_%d_mv" % (k + 1) for k in range(cells)] + ["temp_%d_mc" % (k + 1) for k in range(temps)]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([*COLUMNS, *heads])
        for row in rows:
            table.writerow([*row[:10], *row[10], *row[11]])


def line_of(box):
    """One line of the list."""
    faults = [FAULTS[body[KEYS["fault"]]] for body in box.bodies if KEYS["fault"] in body]
    state = "DAMAGED" if box.damaged else "whole" if box.whole else "cut off"
    rows = rows_of(box)
    seconds = (rows[-1][0] - rows[0][0]) // 1000 if rows else 0
    told = (box_name(box.number), box.pack, ", ".join(faults), len(rows), seconds, state)
    return "%s  pack %s  %s: %d samples over %d s, %s%s" % (*told, ", exported" if box.exported else "")


def main(argv):
    """List the boxes of a folder; export them. Returns 0, 1 when one is damaged, 2 when there is no such folder."""
    parser = argparse.ArgumentParser("reuse-edge blackbox", description="samples around trips: list, export as CSV")
    parser.add_argument("folder", type=Path, help="folder `boxes` of a device")
    parser.add_argument("--export", metavar="OUT", type=Path, help="write CSV files there and mark what is whole")
    options = parser.parse_args(argv)
    if not options.folder.is_dir():
        print("%s: there is no such folder" % options.folder)
        return 2
    boxes = boxes_in(options.folder)
    for box in boxes:
        print(line_of(box))
        if options.export is not None and box.bodies:
            options.export.mkdir(parents=True, exist_ok=True)
            write_csv(box, options.export / (box_name(box.number) + ".csv"))
            if not box.damaged:
                (options.folder / box_name(box.number, True)).touch()
    if not boxes:
        print("no black box yet")
    return 1 if any(box.damaged for box in boxes) else 0
