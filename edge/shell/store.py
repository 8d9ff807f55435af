# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The Store port on any file system: two slots, each with length, number and CRC.

A save writes the older slot whole, syncs and closes it; power lost on the way leaves the other slot.
The newest slot whose CRC holds wins.

A slot is a header line of fixed width, "number length crc" (of number and state), and the state as JSON. The
state is written and checked in pieces, and the header last: a board has no room for the whole text at once. What
stands behind the header is durable before the header is written, in one piece that no sector divides: so a slot with a
blank header is a save that was cut off, and the other slot is the truth; one with a header that does not hold is
rotten, and may have been newer than the other. Then the reader is told that something is lost.
"""

import binascii
import errno
import json

WIDTH = 40  # of the header line, its newline included
PIECE = 4  # entries of a list in one piece; a text is one by itself
READ = 256
TORN, ROTTEN = 0, -1  # a save was cut off; it was whole once, and is not


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

    def _path(self, number):
        return "%s/state.%d" % (self.folder, number & 1)

    def load(self):
        """The newest whole state as a dict, or None (nothing saved yet).

        With "unreadable": 1 in it when the other slot is rotten, and alone when no slot is whole: what it says may
        be too old, and the reason stands in problem.
        """
        numbers = [self._whole(slot) for slot in (0, 1)]
        self.problem = None
        rotten = ROTTEN in numbers
        for number in sorted([number for number in numbers if number and number > 0], reverse=True):
            state = self._parsed(number)
            if state is None:
                rotten = True
                continue
            self.number = number
            self.saved = number_in(state)
            if rotten:
                self.problem = "a state slot is damaged: it may have been newer"
                state["unreadable"] = 1
            return state
        if numbers == [None, None]:
            return None
        self.problem = "both state slots are unreadable"
        return {"unreadable": 1}

    def _whole(self, slot):
        """Number of a slot whose length and CRC hold, TORN or ROTTEN when they do not, None when there is no file."""
        try:
            with open(self._path(slot), "rb") as file:
                return _checked(file, slot)
        except OSError as error:
            return None if error.errno == errno.ENOENT else ROTTEN

    def _parsed(self, number):
        try:
            with open(self._path(number), "rb") as file:
                file.seek(WIDTH)
                state = json.load(file)
        except (OSError, ValueError):
            return None
        return state if isinstance(state, dict) else None

    def save(self, state):
        """Write state (a dict as pieces() takes it); a full or read-only disk is counted in failed_saves and does not
        disturb the caller."""
        number = self.number + 1
        try:
            file = open(self._path(number), "wb")
            try:
                write(file, number, state, self.sync)
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


class AfterWires:
    """Store port for a flash that stops everything else while it is written: save() keeps the newest state, flush()
    writes it when the commands of the step have left, and its parts as they are then: no step may run inside of it.
    store: FileStore."""

    def __init__(self, store):
        self.store = store
        self.load = store.load
        self._state = None

    @property
    def saved(self):
        """See FileStore."""
        return self.store.saved

    def save(self, state):
        """Keep state; the newest counts."""
        self._state = state

    def flush(self):
        """Write what is kept."""
        state, self._state = self._state, None
        if state is not None:
            self.store.save(state)


def number_in(state):
    """The number that the site gave to state; 0 when it has none."""
    number = state.get("save") if isinstance(state, dict) else None
    return number if isinstance(number, int) else 0


def _checked(file, slot):
    """Number of the slot in file; TORN or ROTTEN."""
    header = file.read(WIDTH)
    if not header.strip():
        return TORN
    try:
        number, length, crc = [int(part) for part in header.split()]
    except ValueError:
        return ROTTEN
    if header != _header(number, length, crc):
        return ROTTEN
    got = binascii.crc32(b"%d" % number)
    size = 0
    while True:
        data = file.read(READ)
        if not data:
            break
        got = binascii.crc32(data, got)
        size += len(data)
    return number if number > 0 and (size, got) == (length, crc) and number & 1 == slot else ROTTEN


def write(file, number, state, sync):
    """Write one slot to file (binary, seekable): the header's place, the state, and when that is durable (sync) the
    header."""
    file.write(b" " * (WIDTH - 1) + b"\n")
    length = 0
    crc = binascii.crc32(b"%d" % number)
    for text in pieces(state):
        data = text.encode()
        file.write(data)
        length += len(data)
        crc = binascii.crc32(data, crc)
    sync(file)
    file.seek(0)
    file.write(_header(number, length, crc))


def _header(number, length, crc):
    return b"%-39s\n" % (b"%d %d %d" % (number, length, crc))


def pieces(value):
    """The JSON text of value in pieces; a generator. value: None, a number, a text, a dict, or what has entries (a list
    that begins with a dict has only dicts); or a function that gives one of these. It is called when its turn comes:
    only one part of a state is in memory at a time."""
    if callable(value):
        value = value()
    if isinstance(value, dict):
        before = "{"
        for key in value:
            yield before + json.dumps(key) + ":"
            yield from pieces(value[key])
            before = ","
        yield "}" if value else "{}"
    elif value is None or isinstance(value, (bool, int, float, str)):
        yield json.dumps(value)
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
        before = "["
        for each in value:
            yield before
            yield from pieces(each)
            before = ","
        yield "]"
    else:
        before = "["
        few = []
        for each in value:
            few.append(each)
            if len(few) == PIECE or isinstance(each, str):
                yield before + json.dumps(few)[1:-1]
                before = ","
                few = []
        if few or before == "[":
            yield before + json.dumps(few)[1:-1]
        yield "]"
