# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The copy of a slot's code in a ROMFS partition (edge/shell/board_rom.py), read by the VM's own VfsRom; with power cuts.

    MICROPYPATH=.:.frozen micropython tests/board/rom_cuts.py FOLDER [PLANT]

FOLDER: empty, for two slots. After a cut at each operation of the partition, half of which is done, the next start must
make the copy whole. Prints one line. PLANT: a mistake that must be found: "blind" does not look at what was written.
"""

import binascii
import hashlib
import os
import sys

import vfs

from edge.shell import board_rom

BLOCK = 512
FILES = (
    ("edge/__init__.mpy", b""),
    ("edge/core/__init__.mpy", b""),
    ("edge/core/site.mpy", bytes(range(256)) * 9),
    ("edge/loop.mpy", b"loop" * 40),
    ("bms_bridge/tables/one.mpy", b"x" * 127),
    ("settings.json", b"{}"),
)


class Cut(Exception):
    """The power is gone."""


class Partition(bytearray):
    """A block device whose memory can be read, which dies after `left` operations; half of the last one is done."""

    left = None
    done = 0

    def ioctl(self, request, block):
        if request == 6:
            self.writeblocks(block, b"\xff" * BLOCK)
        return {4: len(self) // BLOCK, 5: BLOCK}.get(request, 0)

    def writeblocks(self, block, data, offset=None):
        self.done += 1
        size = len(data) // 2 if self.done == self.left else len(data)
        at = block * BLOCK + (offset or 0)
        self[at : at + size] = data[:size]
        if self.done == self.left:
            raise Cut


class Firmware:
    """The module vfs of a firmware with one partition, or with none."""

    mount, umount, VfsRom = vfs.mount, vfs.umount, vfs.VfsRom

    def __init__(self, device):
        self.device = device

    def rom_ioctl(self, request, *_):
        return {1: 0 if self.device is None else 1, 2: self.device}[request]


def install(folder, files, version):
    """Make the slot in folder."""
    raw = b"version %s\n" % version
    for path, data in files:
        names = (folder + "/" + path).split("/")
        for end in range(1, len(names)):
            try:
                os.mkdir("/".join(names[:end]))
            except OSError:
                pass
        with open(folder + "/" + path, "wb") as file:
            file.write(data)
        raw += b"file %d %s %s\n" % (len(data), binascii.hexlify(hashlib.sha256(data).digest()), path.encode())
    with open(folder + "/manifest", "wb") as file:
        file.write(raw + b"end %08x\n" % binascii.crc32(raw))


def start(device, folder):
    """Where the loader of a board with this partition imports the slot's code from; Cut when the power went."""
    board_rom.vfs = Firmware(device)
    try:
        return board_rom.in_rom(folder)
    except Cut:
        return Cut


def whole(files):
    """True when every file of code can be read at /rom as it is, and nothing else is there."""
    for path, data in files:
        if path.endswith(".mpy"):
            with open("/rom/" + path, "rb") as file:
                assert file.read() == data, path
    return sorted(os.listdir("/rom")) == ["bms_bridge", "edge", "manifest"]


def cuts(folder, files, before):
    """Cut the copying at every operation; how many cuts."""
    device = Partition(before)
    assert start(device, folder) == "/rom" and whole(files)
    total = device.done
    for left in range(1, total + 1):
        device = Partition(before)
        device.left = left
        assert start(device, folder) is Cut, left
        assert board_rom.damage(folder) is None
        device.left, device.done = None, 0
        assert start(device, folder) == "/rom" and whole(files), left
    return total


def flips(folder, files, before):
    """Bytes of the copy that rot: it is made again, or the byte was nobody's; how many."""
    for at in range(0, len(before), 37):
        device = Partition(before)
        device[at] ^= 0x10
        assert start(device, folder) == "/rom" and whole(files), at
    return len(range(0, len(before), 37))


def main(folder):
    """Run everything; prints the counts."""
    one, two = folder + "/a", folder + "/b"
    other = FILES[:3] + (("edge/loop.mpy", b"another loop"), ("bms_bridge/tables/two.mpy", b"y" * 128))
    install(one, FILES, b"1")
    install(two, other, b"2")
    assert start(None, one) == one
    first = Partition(16 * BLOCK)
    assert start(first, one) == "/rom" and whole(FILES)
    first.done = 0
    assert start(first, one) == "/rom" and first.done == 0  # nothing is written twice
    counts = cuts(one, FILES, bytearray(16 * BLOCK)) + cuts(two, other, first)
    rotten = flips(one, FILES, first)
    assert start(Partition(2 * BLOCK), one) == one  # too small
    foreign = Partition(16 * BLOCK)
    image = b"\xd2\xcd\x31\x0a" + b"\x05\x08" + b"\x01x" + b"\x02\x04data"
    foreign[: len(image)] = image
    assert start(foreign, one) == one and foreign.done == 0  # somebody else's: left alone
    print("%d cuts, %d rotten bytes, all survived" % (counts, rotten))


if len(sys.argv) > 2:
    board_rom.is_copy = lambda folder: bool(os.listdir("/rom"))
main(sys.argv[1])
