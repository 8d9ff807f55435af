# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""How far the backend has acknowledged, kept beside the journal in two slots. A lost cursor costs repeats only."""

import binascii

from edge.shell import cbor

SLOTS = ("cursor0", "cursor1")


class Cursor:
    """disk: Folder or alike, the journal's."""

    def __init__(self, disk):
        self.disk = disk
        self._number = 0

    def load(self):
        """(epoch, boot, number acknowledged) of the newest whole slot, or None. Raises OSError when the disk does."""
        newest = None
        names = self.disk.names()
        for slot in SLOTS:
            row = self._slot(slot) if slot in names else None
            if row is not None and (newest is None or row[0] > newest[0]):
                newest = row
        if newest is None:
            return None
        self._number = newest[0]
        return tuple(newest[1:])

    def _slot(self, slot):
        with self.disk.open(slot) as file:
            data = file.read(64)
        try:
            row = cbor.decode(data[4:])
        except cbor.CborError:
            return None
        return row if data[:4] == _crc(data[4:]) and isinstance(row, list) and len(row) == 4 else None

    def save(self, epoch, boot, upto):
        """Write the older slot anew; False when the disk refused."""
        body = cbor.encode([self._number + 1, epoch, boot, upto])
        try:
            file = self.disk.create(SLOTS[(self._number + 1) % 2])
            try:
                file.write(_crc(body) + body)
                self.disk.sync(file)
            finally:
                file.close()
        except OSError:
            return False
        self._number += 1
        return True


def _crc(body):
    return (binascii.crc32(body) & 0xFFFFFFFF).to_bytes(4, "big")
