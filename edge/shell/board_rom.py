# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Code that is run where it lies in the flash: a ROMFS partition, where the firmware of the board has one.

Part of the loader (edge/shell/board_loader.py). The partition holds a copy of the .mpy files of the slot that starts,
and its manifest; the copy is made anew when it is not that of this slot. MicroPython leaves bytecode of a ROMFS where
it lies, so half of the code takes no heap. The slots stay the truth: a copy that was cut off has no header and is made
again at the next start; without a copy the slot's own files are imported.

Format: extmod/vfs_rom.c of MicroPython 1.25. A device is what vfs.rom_ioctl(2, 0) gives on the ports rp2 and esp32: a
block device (erase: ioctl 6, write: writeblocks) whose memory can be read directly.
"""

import os

import vfs

from edge.shell.slots import MANIFEST, damage, digest_of, lines_of

PLACE = "/rom"
CODE = ".mpy"
MAGIC = b"\xd2\xcd\x31"
VERBATIM, FOLDER, FILE = 2, 4, 5  # kinds of record
BLOCK_SIZE, BLOCK_COUNT, ERASE = 5, 4, 6  # requests to a block device


def partition():
    """The block device of the first ROMFS partition, None when this firmware has none."""
    if not hasattr(vfs, "rom_ioctl") or vfs.rom_ioctl(1) < 1:
        return None
    device = vfs.rom_ioctl(2, 0)
    return device if hasattr(device, "writeblocks") else None


def uint(value):
    """A number as ROMFS has it: seven bits a byte, the last byte below 128."""
    data = bytes([value & 0x7F])
    while value > 0x7F:
        value >>= 7
        data = bytes([0x80 | value & 0x7F]) + data
    return data


def tree_of(folder):
    """{name: size, or the same of a folder} of what is copied of a slot. Raises OSError, ValueError."""
    tree: dict = {MANIFEST[1:]: os.stat(folder + MANIFEST)[6]}
    for words in lines_of(folder + MANIFEST):
        if words[0] == "file" and words[3].endswith(CODE):
            names = words[3].split("/")
            inside = tree
            for name in names[:-1]:
                inside = inside.setdefault(name, {})
            inside[names[-1]] = int(words[1])
    return tree


def record(name, inside):
    """(bytes before the content of a file or a folder, size of the whole record)."""
    before = uint(len(name)) + name.encode()
    if isinstance(inside, dict):
        kind, size = FOLDER, sum([record(each, inside[each])[1] for each in inside])
    else:
        kind, size = FILE, inside
        before += uint(VERBATIM) + uint(size)
    size += len(before)
    head = uint(kind) + uint(size)
    return head + before, len(head) + size


def pieces(tree, place):
    """The image's bytes behind its header, in pieces; a generator. place: folder of the files. Raises OSError."""
    for name in tree:
        yield record(name, tree[name])[0]
        inside = place + "/" + name
        if isinstance(tree[name], dict):
            yield from pieces(tree[name], inside)
            continue
        with open(inside, "rb") as file:
            data = file.read(512)
            while data:
                yield data
                data = file.read(512)


def copy(device, folder):
    """Write the image of a slot, the block with its header last. Raises OSError, ValueError."""
    tree = tree_of(folder)
    total = sum([record(name, tree[name])[1] for name in tree])
    head = uint(total)
    if (len(MAGIC) + len(head) + total) % 2:
        head = b"\x80" + head  # an image has an even number of bytes
    size = device.ioctl(BLOCK_SIZE, 0)
    if total + size > size * device.ioctl(BLOCK_COUNT, 0):
        raise OSError("%d KB of code do not fit" % (total // 1024))
    device.ioctl(ERASE, 0)
    first = block = bytearray(size)
    number, at = 0, len(MAGIC) + len(head)
    block[:at] = MAGIC + head
    for data in pieces(tree, folder):
        while data:
            part = data[: size - at]
            block[at : at + len(part)] = part
            at, data = at + len(part), data[len(part) :]
            if at == size:
                if number:
                    device.writeblocks(number, block)
                else:
                    block = bytearray(size)
                number, at = number + 1, 0
    if number:
        device.writeblocks(number, block)
    device.writeblocks(0, first)


def mounted(device):
    """Mount the partition anew; True when it holds an image."""
    try:
        vfs.umount(PLACE)
    except OSError:
        pass
    try:
        vfs.mount(vfs.VfsRom(device), PLACE)  # type: ignore[attr-defined]  # MicroPython 1.25
    except OSError:
        return False
    return True


def is_copy(folder):
    """True when the mounted image is that of the slot, each file what its manifest says."""
    try:
        same = digest_of(PLACE + MANIFEST) == digest_of(folder + MANIFEST)
    except OSError:
        return False
    return same and damage(PLACE, CODE) is None


def in_rom(folder):
    """The folder to import the code of a slot from: /rom with a copy of it, or folder itself."""
    device = partition()
    if device is None:
        return folder
    try:
        if mounted(device) and os.listdir(PLACE) and MANIFEST[1:] not in os.listdir(PLACE):
            print("the ROMFS partition holds something else: left alone")
            return folder
        if not is_copy(folder):
            print("the code is copied into the ROMFS partition")
            copy(device, folder)
            mounted(device)
        if is_copy(folder):
            return PLACE
        print("the ROMFS partition does not hold what was written")
    except (OSError, ValueError) as error:
        print("no code in the ROMFS partition: %s" % error)
    return folder
