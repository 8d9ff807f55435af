# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The Store port on any file system: two slots, each with length, number and CRC.

A save writes the older slot whole, syncs and closes it; power lost on the way leaves the other slot.
The newest slot whose CRC holds wins. Both unreadable: None, and the reason stands in problem.
"""

import binascii
import json


class FileStore:
    """State in folder/state.0 and folder/state.1.

    sync(file): makes what was written durable before the file is closed; given by the start-up file,
    because flush is fsync on MicroPython and is not on CPython.
    """

    def __init__(self, folder, sync):
        self.folder = folder
        self.sync = sync
        self.number = 0
        self.problem = None
        self.failed_saves = 0

    def _path(self, number):
        return "%s/state.%d" % (self.folder, number & 1)

    def load(self):
        """The newest whole state as a dict, or None (nothing saved yet, or both slots unreadable)."""
        best = None
        found = False
        for slot in (0, 1):
            try:
                with open(self._path(slot), "rb") as file:
                    data = file.read()
            except OSError:
                continue
            found = True
            entry = unpack(data)
            if entry is not None and (best is None or entry[0] > best[0]):
                best = entry
        if best is None:
            self.problem = "both state slots are unreadable" if found else None
            return None
        self.number = best[0]
        return best[1]

    def save(self, state):
        """Write state (dict of integers, strings, lists, None); a full or read-only disk is counted in
        failed_saves and does not disturb the caller."""
        number = self.number + 1
        try:
            file = open(self._path(number), "wb")
            try:
                file.write(pack(number, state))
                self.sync(file)
            finally:
                file.close()
        except OSError as error:
            self.failed_saves += 1
            self.problem = "state not saved: %s" % error
            return
        self.number = number
        self.problem = None


def pack(number, state):
    """Bytes of one slot: header line "number length crc", then the state as JSON."""
    body = json.dumps(state).encode()
    return b"%d %d %d\n" % (number, len(body), binascii.crc32(body)) + body


def unpack(data):
    """(number, state) of the bytes of one slot, or None when they are not whole."""
    end = data.find(b"\n")
    if end < 0:
        return None
    parts = data[:end].split(b" ")
    body = data[end + 1 :]
    if len(parts) != 3:
        return None
    try:
        number, length, crc = [int(part) for part in parts]
    except ValueError:
        return None
    if length != len(body) or crc != binascii.crc32(body):
        return None
    try:
        return number, json.loads(body.decode())
    except ValueError:
        return None
