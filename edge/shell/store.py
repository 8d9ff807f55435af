# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The Store port on any file system: two slots, each with length, number and CRC.

A save writes the older slot whole, syncs and closes it; power lost on the way leaves the other slot.
The newest slot whose CRC holds wins. Both unreadable: None, and the reason stands in problem.

A slot is a header line of fixed width, "number length crc" (of number and state), and the state as JSON. The
state is written and checked in pieces, and the header last: a board has no room for the whole text at once.
"""

import binascii
import json

WIDTH = 40  # of the header line, its newline included
PIECE = 4  # entries of a list in one piece
READ = 256


class FileStore:
    """State in folder/state.0 and folder/state.1.

    sync(file): makes what was written durable before the file is closed; given by the start-up file,
    because flush is fsync on MicroPython and is not on CPython.
    """

    def __init__(self, folder, sync):
        self.folder = folder
        self.sync = sync
        self.number = 0
        self.saved = 0  # state["save"] of the newest state that is durable
        self.problem = None
        self.failed_saves = 0
        self._seen = None

    def _path(self, number):
        return "%s/state.%d" % (self.folder, number & 1)

    def look(self):
        """What load() will give; it is read once for both."""
        self._seen = self.load()
        return self._seen

    def load(self):
        """The newest whole state as a dict, or None (nothing saved yet). Both slots unreadable: {"unreadable": 1}."""
        if self._seen is not None:
            seen, self._seen = self._seen, None
            return seen
        numbers = [self._whole(slot) for slot in (0, 1)]
        for number in sorted([number for number in numbers if number], reverse=True):
            state = self._parsed(number)
            if state is not None:
                self.number = number
                self.saved = number_in(state)
                self.problem = None
                return state
        if numbers == [None, None]:
            self.problem = None
            return None
        self.problem = "both state slots are unreadable"
        return {"unreadable": 1}

    def _whole(self, slot):
        """Number of a slot whose length and CRC hold, 0 when they do not, None when there is no file."""
        try:
            file = open(self._path(slot), "rb")
        except OSError:
            return None
        with file:
            try:
                number, length, crc = [int(part) for part in file.read(WIDTH).split()]
            except ValueError:
                return 0
            got = binascii.crc32(b"%d" % number)
            size = 0
            while True:
                data = file.read(READ)
                if not data:
                    break
                got = binascii.crc32(data, got)
                size += len(data)
        return number if (size, got) == (length, crc) and number & 1 == slot else 0

    def _parsed(self, number):
        with open(self._path(number), "rb") as file:
            file.seek(WIDTH)
            try:
                return json.load(file)
            except ValueError:
                return None

    def save(self, state):
        """Write state (dict of integers, strings, lists, None); a full or read-only disk is counted in
        failed_saves and does not disturb the caller."""
        number = self.number + 1
        try:
            file = open(self._path(number), "wb")
            try:
                write(file, number, state)
                self.sync(file)
            finally:
                file.close()
        except OSError as error:
            self.failed_saves += 1
            self.problem = "state not saved: %s" % error
            return
        self.number = number
        self.saved = number_in(state)
        self.problem = None


def number_in(state):
    """The number that the site gave to state; 0 when it has none."""
    number = state.get("save") if isinstance(state, dict) else None
    return number if isinstance(number, int) else 0


def write(file, number, state):
    """Write one slot to file (binary, seekable): the header's place, the state, then the header."""
    file.write(b" " * (WIDTH - 1) + b"\n")
    length = 0
    crc = binascii.crc32(b"%d" % number)
    for text in pieces(state):
        data = text.encode()
        file.write(data)
        length += len(data)
        crc = binascii.crc32(data, crc)
    file.seek(0)
    file.write(b"%-39s\n" % (b"%d %d %d" % (number, length, crc)))


def pieces(value):
    """The JSON text of value in pieces; a generator."""
    if isinstance(value, dict):
        before = "{"
        for key in value:
            yield before + json.dumps(key) + ":"
            yield from pieces(value[key])
            before = ","
        yield "}" if value else "{}"
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
        before = "["
        for each in value:
            yield before
            yield from pieces(each)
            before = ","
        yield "]"
    elif isinstance(value, (list, tuple)) and len(value) > PIECE:
        before = "["
        for at in range(0, len(value), PIECE):
            yield before + json.dumps(value[at : at + PIECE])[1:-1]
            before = ","
        yield "]"
    else:
        yield json.dumps(value)
