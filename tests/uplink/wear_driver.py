# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A day of a board's journal on littlefs in RAM that counts what it erases; runs in a MicroPython VM, see
test_wear.py.

    micropython tests/uplink/wear_driver.py HOURS BLOCKS JOURNAL_KB
"""

import sys

import vfs

from edge.core.records import Record
from edge.shell.cursor import Cursor
from edge.shell.journal import Journal
from edge.shell.journal_ports import Folder

BLOCK_BYTES = 4096
HOLD_BYTES = 4096  # edge.shell.board_start.JOURNAL_HOLD_BYTES
# class: (period in s, bytes of text in it): the records of a pack of 96 cells, host_tools.traffic
RECORDS = {"T": (10, 140), "M": (60, 166), "B": (900, 150), "E": (864, 88)}
STATE_S, STATE_BYTES = 600, 2048


class Chip:
    """A flash chip. erased: blocks, since the beginning."""

    def __init__(self, count):
        self.count = count
        self.data = bytearray(count * BLOCK_BYTES)
        self.erased = 0

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK_BYTES + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * BLOCK_BYTES + offset
        self.data[at : at + len(buffer)] = buffer

    def ioctl(self, request, _block):
        if request == 4:
            return self.count
        if request == 5:
            return BLOCK_BYTES
        self.erased += request == 6
        return 0


def put(path, data):
    """Write a file."""
    with open(path, "wb") as file:
        file.write(data)


def main(hours, blocks, journal_kb):
    """Print `erased N` and `bytes N`."""
    chip = Chip(blocks)
    vfs.VfsLfs2.mkfs(chip)
    vfs.mount(vfs.VfsLfs2(chip), "/f")
    room = blocks * BLOCK_BYTES - 1024 * (journal_kb + 128)
    for number in range(room // 65536):  # the program and what else stands there
        put("/f/p%d" % number, bytes(65536))
    erased = chip.erased
    disk = Folder("/f/journal", lambda file: file.flush())
    journal = Journal(disk, "board-1", 1 << 60, 7, 1024 * journal_kb, HOLD_BYTES)
    cursor = Cursor(disk)
    cursor.load()
    bodies = {cls: ((1, "x" * RECORDS[cls][1]),) for cls in RECORDS}
    seq = 0
    for at_s in range(1, hours * 3600 + 1):
        for cls in "TMBE":
            if at_s % RECORDS[cls][0] == 0:
                seq += 1
                journal.append(Record(cls, 0, 1000 * at_s, 1780000000000 + 1000 * at_s, 3, bodies[cls]), seq)
        journal.after_step(1000 * at_s)
        if at_s % 60 == 0:
            assert cursor.save(1 << 60, 7, seq)
        if at_s % STATE_S == 0:
            put("/f/state%d" % (at_s // STATE_S % 2), bytes(STATE_BYTES))
    assert journal.problem is None and journal.lost, (journal.problem, journal.lost)
    print("erased %d bytes %d" % (chip.erased - erased, journal.bytes))


main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
