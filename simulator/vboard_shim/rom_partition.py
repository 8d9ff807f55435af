# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The ROMFS partition of the virtual board: blocks behind those of littlefs in the image of its flash.

On a board the processor reads it where it lies. A VM without memory of its own for that has it in the heap, which
simulator/vboard_vm.py makes larger by as much. `vfs` becomes what a firmware with such a partition has.
"""

import sys

import vfs

BLOCK_BYTES = 4096
SYNC, BLOCK_COUNT, BLOCK_SIZE, ERASE = 3, 4, 5, 6


class Partition(bytearray):
    """A block device whose memory can be read; what is written goes into the file of the flash too."""

    def begin(self, chip, block):
        """Its place in the open file chip: from block on. Reads what is there."""
        self.chip = chip
        self.first = block
        chip.seek(block * BLOCK_BYTES)
        chip.readinto(self)

    def writeblocks(self, block, buffer, offset=None):
        """Write the buffer; without an offset the blocks are erased first."""
        at = block * BLOCK_BYTES + (offset or 0)
        self[at : at + len(buffer)] = buffer
        self.chip.seek(self.first * BLOCK_BYTES + at)
        self.chip.write(buffer)

    def readblocks(self, block, buffer, offset=0):
        """Fill the buffer."""
        at = block * BLOCK_BYTES + offset
        buffer[:] = memoryview(self)[at : at + len(buffer)]

    def ioctl(self, request, block):
        """Answer the requests of a file system; 0 means done."""
        if request == ERASE:
            self.writeblocks(block, b"\xff" * BLOCK_BYTES)
        if request == SYNC:
            self.chip.flush()
        return {BLOCK_COUNT: len(self) // BLOCK_BYTES, BLOCK_SIZE: BLOCK_BYTES}.get(request, 0)


class _Vfs:
    """The module vfs with rom_ioctl: 1 tells the number of partitions, 2 gives one."""

    def __init__(self, device):
        for name in dir(vfs):
            if not name.startswith("__"):
                setattr(self, name, getattr(vfs, name))
        self._device = device

    def rom_ioctl(self, request, *_):
        """See MicroPython, vfs.rom_ioctl."""
        return {1: 1, 2: self._device}.get(request, -22)


def install(chip, block, count):
    """A partition of count blocks from block on of the open file chip; mounted at /rom when it holds an image."""
    device = Partition(count * BLOCK_BYTES)
    device.begin(chip, block)
    sys.modules["vfs"] = _Vfs(device)
    try:
        vfs.mount(vfs.VfsRom(device), "/rom")
        sys.path.extend(["/rom", "/rom/lib"])
    except OSError:
        pass  # nothing in it yet
