# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The flash chip of the virtual board: a file on the host, seen as blocks by littlefs."""

import os

import vfs

ERASED = b"\xff"
SYNC = 3
BLOCK_COUNT = 4
BLOCK_SIZE = 5
ERASE = 6


BLOCK_BYTES = 4096


def mounted(path, count, place):
    """Mount the flash chip in the file path at place; a new one of count blocks is made and formatted. Returns it."""
    try:
        os.stat(path)
        blank = False
    except OSError:
        blank = True
    flash = FlashImage(path, count, BLOCK_BYTES, blank)
    if blank:
        vfs.VfsLfs2.mkfs(flash)
    if place == "/":
        vfs.umount(place)
    vfs.mount(vfs.VfsLfs2(flash), place)
    return flash


class FlashImage:
    """A block device (extended protocol) on the file `path`: `count` blocks of `size` bytes."""

    def __init__(self, path, count, size, blank):
        self.count = count
        self.size = size
        self.erased = ERASED * self.size  # a chip needs no RAM to erase: made once, not at each erase
        if blank:
            with open(path, "wb") as chip:
                for _ in range(count):
                    chip.write(ERASED * size)
        self.chip = open(path, "r+b")  # noqa: SIM115
        self.calls = 0  # of this driver

    def readblocks(self, block, buffer, offset=0):
        """Fill `buffer` from byte `offset` of `block`."""
        self.calls += 1
        self.chip.seek(block * self.size + offset)
        self.chip.readinto(buffer)

    def writeblocks(self, block, buffer, offset=None):
        """Write `buffer`; without an offset the block is erased first, as littlefs expects."""
        self.calls += 1
        if offset is None:
            self.ioctl(ERASE, block)
            offset = 0
        self.chip.seek(block * self.size + offset)
        self.chip.write(buffer)

    def ioctl(self, request, block):
        """Answer the requests of the file system; 0 means done."""
        if request == BLOCK_COUNT:
            return self.count
        if request == BLOCK_SIZE:
            return self.size
        if request == SYNC:
            self.chip.flush()
        if request == ERASE:
            self.chip.seek(block * self.size)
            self.chip.write(self.erased)
        return 0
