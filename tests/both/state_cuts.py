# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""R7 for what is no journal: the state of a site (its start counter in it), the black boxes, the note of the clock.

    python -m tests.both.state_cuts [EVERY]        micropython -m tests.both.state_cuts [EVERY]

Power cuts at every byte with each tail, and every flipped bit; of these one in EVERY. The journal and the cursor:
tests.both.backlog_cuts.
"""

import io
import os
import sys

from edge.shell import board_tls
from edge.shell.boxes import box_name, numbers
from edge.shell.frames import KEPT, walk
from edge.shell.store import WIDTH, FileStore
from tests.both import core_help as h
from tests.both.journal_disk import Disk, PowerCut
from tests.both.test_boxes import part, written

TAILS = (b"", b"\x00" * 60, b"\xff" * 60, b"K\x00\x20\x00\x00\x00\x07" * 9)


def sync(file):
    """Files of the test are not synced: what is cut is decided here."""
    file.flush()


def put(path, data):
    """Write a file as the power cut left it."""
    with open(path, "wb") as file:
        file.write(data)


def content(path):
    """The bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


class Counted:
    """Cases of one kind: one in `every` is played. bad: texts."""

    def __init__(self, every, offset=0):
        self.every = every
        self.position = -1 - offset % every
        self.cases = 0
        self.bad = []

    def due(self):
        """True when the next case is played."""
        self.position += 1
        self.cases += self.position % self.every == 0
        return self.position % self.every == 0

    def check(self, good, *words):
        """Note a case that is not good."""
        if not good:
            self.bad.append(" ".join([str(word) for word in words]))


def flipped(data, bit):
    """data with one bit flipped."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def states(folder):
    """Two states of a real site with counters, one after the other, saved into folder: [old, new]."""
    bench = h.Bench(h.site_settings(trust=()))
    store, made = FileStore(folder, sync), []
    for steps in (5, 5, 5):
        bench.run(steps)
        state = bench.site.state(True)
        store.save(state)
        made.append(FileStore(folder, sync).load())
    return made[1:]


def of_the_state(count, folder):
    """Cuts of a save and flips of both slots."""
    old, new = states(folder)
    number = FileStore(folder, sync)
    number.load()
    place, other = folder + "/state.%d" % (number.number & 1), folder + "/state.%d" % (number.number + 1 & 1)
    whole, before = content(place), content(other)

    def look(data):
        """(state that the next start finds in place of the newer slot, was it told that something is lost)."""
        put(place, data)
        found = FileStore(folder, sync).load()
        return found, found.pop("unreadable", 0)

    blank = b" " * (WIDTH - 1) + b"\n"
    for cut in range(len(whole) + 1):
        body = blank + whole[WIDTH:cut] if cut > WIDTH else blank[:cut]
        for tail in TAILS + (before[cut : cut + 300],):
            if count.due():
                found, lost = look(body + tail)
                count.check(found == old and (not lost or tail), "cut", cut, tail[:4], lost)
    for cut in range(WIDTH + 1):  # the header, written in place when all else is durable
        if count.due():
            found, lost = look(whole[:cut] + blank[cut:] + whole[WIDTH:])
            count.check(found == new or (found == old and (lost or not cut)), "header", cut, lost)
    for bit in range(8 * len(whole)):
        if count.due():
            found, lost = look(flipped(whole, bit))
            count.check(found == old and lost, "newest, bit", bit, "was not told")
    put(place, whole)
    for bit in range(8 * len(before)):
        if count.due():
            put(other, flipped(before, bit))
            found = FileStore(folder, sync).load()
            count.check(found.pop("unreadable", 0) and found == new, "older, bit", bit)


def whole_frames(data, number):
    """Payloads of the whole frames at the beginning of a box file."""
    found = []
    with io.BytesIO(data) as file:
        for kind, at, _, body, _ in walk(file, number, len(data)):
            if kind != KEPT or at != len(found):
                break
            found.append(body)
    return found


def of_the_boxes(count):
    """Cuts while two black boxes are written, and flips in them."""
    whole = Disk()
    written(2, whole, parts=3)
    good = {}
    for name in whole.files:
        good[name] = whole_frames(whole.files[name], int(name[1:], 16))
    for cut in range(whole.written):
        disk = Disk(cut)
        try:
            written(2, disk, parts=3)
        except PowerCut:
            pass
        for unsynced, tail in [(False, b"")] + [(True, tail) for tail in TAILS]:
            if count.due():
                _boxes_after(count, disk, disk.after_cut(unsynced, tail), good, cut)
    for name in whole.files:
        for bit in range(8 * len(whole.files[name])):
            if count.due():
                kept = whole_frames(flipped(whole.files[name], bit), int(name[1:], 16))
                count.check(kept == good[name][: len(kept)] and len(kept) < 3, name, "bit", bit)


def _boxes_after(count, disk, after, good, cut):
    """Every box begins with what was synced of it, and the next one finds a place of its own."""
    before = dict(after.files)
    for number in numbers(after.names())[0]:
        name = box_name(number)
        kept = whole_frames(after.files[name], number)
        safe = whole_frames(disk.safe.get(name, b""), number)
        count.check(kept == good[name][: len(kept)] and len(kept) >= len(safe), name, "cut", cut)
    from edge.shell.boxes import Boxes

    boxes = Boxes(after)
    boxes.take(part(1, 0, True), b"after the cut")
    boxes.flush()
    fresh = [name for name in after.files if name not in before]
    count.check(len(fresh) == 1 and whole_frames(after.files[fresh[0]], int(fresh[0][1:], 16)), "new box", cut)
    count.check(all([after.files[name] == before[name] for name in before]), "a box was changed", cut)


def of_the_clock(count, folder):
    """Cuts of the clock's note: the one before stays."""
    board_tls.note(folder, 1780000000)
    for cut in range(11):
        if count.due():
            put(folder + board_tls.MARK + ".new", b"1790000000"[:cut])
            count.check(board_tls.number(folder + board_tls.MARK) == 1780000000, "clock", cut)


def main(every, offset=0):
    """{what: Counted} of everything."""
    folder = "state_cuts_%d" % id(object())
    os.mkdir(folder)
    try:
        found = {"state": Counted(every, offset), "black boxes": Counted(every, offset), "clock": Counted(1)}
        of_the_state(found["state"], folder)
        of_the_boxes(found["black boxes"])
        of_the_clock(found["clock"], folder)
    finally:
        for name in os.listdir(folder):
            os.remove(folder + "/" + name)
        os.rmdir(folder)
    return found


if __name__ == "__main__":
    counts = main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for what in sorted(counts):
        print("cuts and flips, %s: %d cases, %d bad" % (what, counts[what].cases, len(counts[what].bad)))
        for text in counts[what].bad[:10]:
            print(text)
    sys.exit(1 if [what for what in counts if counts[what].bad] else 0)
