# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Reads the records of a journal back in the order of their numbers, one start of the controller at a time.

Kept records and telemetry stand in two streams of segments (edge.shell.journal); each stream's numbers grow, and the
smaller of the two next ones is the next record. Numbers that are not there are gone: the reader sees the hole.
"""

from edge.shell import cbor
from edge.shell.frames import HEAD_BYTES, KEPT, PLAIN, STREAMS, first, name_of, parts_of, walk

NOT_FOUND = 2  # errno of a file that the budget has removed meanwhile


def numbers_of(payload):
    """(epoch, sequence number) of an envelope (bytes, see edge.shell.outbox.encode_record)."""
    _, epoch, at = cbor.read_head(payload, 4)
    _, seq, _ = cbor.read_head(payload, at + 1)
    return epoch, seq


class Shelf:
    """Records on a journal's disk. disk: Folder or alike. OSError when it cannot be read, not when a file is gone."""

    def __init__(self, disk):
        self.disk = disk
        self.epoch = None
        self.at = 0  # no record below this number comes any more
        self._headers = {}  # (letter, generation) -> (epoch, boot), or None when unreadable
        self._streams = ()

    def starts(self):
        """[(epoch, boot)] of the starts that wrote something, oldest first."""
        rows = []
        for letter, generation in self._names():
            header = self._header(letter, generation)
            if header and header not in [row[1] for row in rows]:
                rows.append((generation, header))
        return [header for _, header in sorted(rows)]

    def last(self, epoch):
        """Highest number of one start, 0 when nothing of it can be read. Bytes at its end that are no record were one:
        cut off, or damaged. Its number counts too, so that it is declared."""
        highest, torn = 0, False
        for letter in STREAMS:
            for generation in reversed(self.generations(letter, epoch)):
                found = 0
                with self._open(letter, generation) as file:
                    size = self.disk.size(name_of(letter, generation))
                    for kind, number, _, body, _ in walk(file, generation, size):
                        if kind in (KEPT, PLAIN):
                            found = max(found, numbers_of(body)[1])
                        torn = torn or (kind == 0 and number is None)
                if found:
                    highest = max(highest, found)
                    break
        return highest + 1 if torn and highest else highest

    def seek(self, epoch, seq):
        """Go to the first record of one start whose number is not below seq."""
        for stream in self._streams:
            stream.close()
        self.epoch = epoch
        self.at = seq
        self._streams = [_Stream(self, letter, epoch, seq) for letter in STREAMS]

    def peek(self):
        """(sequence number, payload) of the next record, or None: there is none now."""
        found = [stream for stream in self._streams if stream.peek() is not None]
        return min([stream.row for stream in found])[:2] if found else None

    def skip(self, seq):
        """Go past the number seq."""
        self.at = max(self.at, seq + 1)
        for stream in self._streams:
            stream.seq = max(stream.seq, seq + 1)
            if stream.row is not None and stream.row[0] <= seq:
                stream.row = None

    def generations(self, letter, epoch):
        """Generations of the segments of one stream and start, oldest first."""
        found = []
        for each, generation in self._names():
            header = self._header(each, generation) if each == letter else None
            if header and header[0] == epoch:
                found.append(generation)
        return found

    def _names(self):
        return sorted([parts for parts in [parts_of(name) for name in self.disk.names()] if parts])

    def _open(self, letter, generation):
        return self.disk.open(name_of(letter, generation))

    def _header(self, letter, generation):
        key = (letter, generation)
        if self._headers.get(key) is None:
            try:
                with self._open(letter, generation) as file:
                    fields = first(file, generation)
                    if fields is None:  # damaged: every record tells it too
                        fields = self._record(file, letter, generation)
            except OSError as error:
                if not is_gone(error):
                    raise
                fields = None
            self._headers[key] = None if fields is None else (fields[1], fields[3])
        return self._headers[key]

    def _record(self, file, letter, generation):
        """The envelope of the first whole record of a segment, or None; epoch and boot have the keys of the header."""
        for kind, _, _, body, _ in walk(file, generation, self.disk.size(name_of(letter, generation))):
            if kind in (KEPT, PLAIN):
                return cbor.decode(body)
        return None


def is_gone(error):
    """True when an OSError says that the file is not there any more."""
    return bool(error.args) and error.args[0] == NOT_FOUND


class _Stream:
    """One stream of one start. row: (number, payload) of the record that was found last and not passed."""

    def __init__(self, shelf, letter, epoch, seq):
        self.shelf = shelf
        self.letter = letter
        self.epoch = epoch
        self.seq = seq
        self.row = None
        self._file = None
        self._size = 0
        self._generation, self._offset = self._begin(seq), 0

    def _begin(self, seq):
        """The newest segment that begins not above seq, or the one before all."""
        known = self.shelf.generations(self.letter, self.epoch)
        for generation in reversed(known):
            self._generation, self._offset = generation, 0
            row = self._frame()
            while row is not None and row[0] == 0:
                row = self._frame()
            self.close()
            if row is not None and row[0] <= seq:
                return generation
        return known[0] if known else -1

    def close(self):
        """Let the file go."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def peek(self):
        """(number, payload) of the next record, or None: there is none now."""
        while self.row is None:
            row = self._frame() if self._generation >= 0 else None
            if row is None and not self._onward():
                return None
            if row is not None and row[0] >= self.seq and row[0]:
                self.row = row
        return self.row

    def _onward(self):
        """Go to the next segment; False when this one is the newest."""
        self.close()  # opened anew next time: it may have grown
        later = [g for g in self.shelf.generations(self.letter, self.epoch) if g > self._generation]
        if later:
            self._generation, self._offset = later[0], 0
        return bool(later)

    def _frame(self):
        """(number, payload) of the next whole frame with a record, or None at the end of what is there."""
        name = name_of(self.letter, self._generation)
        try:
            size = self.shelf.disk.size(name)
            if self._file is None or size != self._size:  # an open file need not show what was appended since
                self.close()
                self._file = self.shelf.disk.open(name)
                self._size = size
        except OSError as error:
            if not is_gone(error):
                raise
            return None
        for kind, _, chain, body, offset in walk(self._file, self._generation, size, self._offset):
            if kind:
                self._offset = offset + HEAD_BYTES + len(chain) + len(body)
            if kind in (KEPT, PLAIN):
                return numbers_of(body)[1], body
        return None
