# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The bytes of a bundle that is pulled in pieces, some of them ahead of their use, so that nobody waits for each."""

CHUNK = 1024  # most bytes of a piece
AHEAD = 8192  # bytes that are asked for ahead, and so the most that lie in RAM
HEAD = 8  # of a piece: first bytes of the manifest's digest ...
PLACE = 4  # ... and where in the bundle it begins, big-endian


class Pieces:
    """digest: SHA-256 of the bundle's manifest, bytes. size: bytes of the bundle that are worth asking for."""

    def __init__(self, digest, size):
        self.digest = digest
        self.size = size
        self._list = []
        self._at = self._end = self._asked = 0  # of the bundle: what lies here, and how far it was asked for
        self._need = None  # (offset, length) that is waited for; None: nothing was used since the last seek

    def seek(self, offset, length):
        """Bytes from offset on are used next; what lies before goes."""
        if not self._at <= offset <= self._end:
            self._list, self._at, self._end, self._asked = [], offset, offset, offset
        while self._at < offset:
            first = self._list.pop(0)
            used = min(len(first), offset - self._at)
            self._at += used
            if used < len(first):
                self._list.insert(0, first[used:])
        self._need = (offset, length)

    def lacks(self):
        """True while what is waited for is not all here."""
        return self._need is not None and self._end < min(self.size, self._need[0] + self._need[1])

    def take(self):
        """The bytes that were waited for: less than asked for only at the end of the bundle."""
        offset, length = self._need
        count = have = 0
        while count < len(self._list) and have < length:
            have += len(self._list[count])
            count += 1
        data = b"".join(self._list[:count])[:length]
        self.seek(offset + len(data), 0)
        return data

    def put(self, payload):
        """A message of .../upd; True when it is the next piece that was asked for."""
        data = payload[HEAD + PLACE :]
        at = int.from_bytes(payload[HEAD : HEAD + PLACE], "big")
        if payload[:HEAD] != self.digest[:HEAD] or at != self._end or not 0 < len(data) <= CHUNK:
            return False
        if self._end + len(data) > self._asked:
            return False
        self._list.append(data)
        self._end += len(data)
        return True

    def wanted(self, late):
        """(offset, length) to ask for now, or None. late: what was asked for last and is not here is lost."""
        if self._need is None:
            return None
        if late:
            self._asked = self._end
        offset, most = self._asked, min(self.size, self._need[0] + AHEAD)
        if most - offset < AHEAD // 2 and not (offset == self._end and self.lacks()):
            return None
        self._asked = most
        return offset, most - offset
