# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Black boxes on disk: a file each, apart from the journal's budget, written once and kept until somebody exported it.

A file x00000001 holds the class X records of one box as frames of edge.shell.frames, in a hash chain of its own that
begins with START. An empty file y00000001 beside it says that it was exported: only then may it make room. When all
places are taken by boxes that nobody exported, a new one stands in the journal only, and that is said.
"""

from edge.core.registry import KEYS
from edge.shell.frames import KEPT, START, frame, link

PLACES = 8
BOX, END = KEYS["box"], KEYS["box_end"]


def box_name(number, exported=False):
    """File name of a box, or of the mark that it was exported."""
    return "%s%08x" % ("y" if exported else "x", number)


def numbers(names):
    """(numbers of the boxes, set of those exported) among file names."""
    boxes, exported = [], set()
    for name in names:
        if len(name) != 9 or name[0] not in "xy":
            continue
        try:
            number = int(name[1:], 16)
        except ValueError:
            continue
        if name[0] == "x":
            boxes.append(number)
        else:
            exported.add(number)
    return sorted(boxes), exported


class Boxes:
    """disk: Folder or alike, of this alone. refused: boxes that found no place; problem: text or None."""

    def __init__(self, disk, places=PLACES):
        self.disk = disk
        self.places = places
        self.refused = 0
        self.problem = None
        self._open = {}  # pack: [box, file or None, file number, frames, chain]
        self._waiting = []  # (pack, box, payload, is the last)

    def take(self, record, payload):
        """Take a class X record with its encoding. Writes nothing yet."""
        box, last = 0, False
        for key, value in record.pairs:
            box = value if key == BOX else box
            last = last or key == END
        self._waiting.append((record.pack, box, payload, last))

    def flush(self):
        """Write and sync what waits. Never raises: what the disk refused stands in the journal."""
        waiting, self._waiting = self._waiting, []
        touched = []
        for pack, box, payload, last in waiting:
            row = self._open.get(pack)
            try:
                if row is None or row[0] != box:
                    row = self._begin(pack, box)
                if row[1] is None:
                    continue
                row[4] = link(row[4], payload)
                row[1].write(frame(row[2], KEPT, row[3], payload, row[4]))
                row[3] += 1
                touched.append((row, last))
            except (OSError, ValueError, MemoryError) as error:
                self._give_up(pack, box, error)
        for row, last in touched:
            if row[1] is None:
                continue
            try:
                self.disk.sync(row[1])
                if last:
                    self._close(row)
            except OSError as error:
                self.problem = "black box not written: %s" % error
                row[1] = None

    def _begin(self, pack, box):
        """The row of a new box; without a file when there is no place."""
        old = self._open.get(pack)
        if old is not None:
            self._close(old)
        row = [box, None, 0, 0, START]
        self._open[pack] = row
        boxes, exported = numbers(self.disk.names())
        free = [number for number in boxes if number in exported]
        while len(boxes) >= self.places and free:
            number = free.pop(0)
            self.disk.remove(box_name(number))
            self.disk.remove(box_name(number, True))
            boxes.remove(number)
        if len(boxes) >= self.places:
            self.refused += 1
            self.problem = "all %d black boxes are full: export them" % self.places
            return row
        row[2] = max(boxes + list(exported) + [0]) + 1
        row[1] = self.disk.create(box_name(row[2]))
        self.problem = None
        return row

    def _give_up(self, pack, box, error):
        self.problem = "black box not written: %s" % error
        self._open[pack] = [box, None, 0, 0, START]

    def _close(self, row):
        if row[1] is not None:
            file, row[1] = row[1], None
            file.close()

    def close(self):
        """Write what waits and close the files."""
        self.flush()
        for pack in self._open:
            self._close(self._open[pack])
