# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""An update over the air: announced by a signed order, pulled in pieces into the slot that does not run.

The order names the SHA-256 of the manifest, the size of the bundle and its roll-back number. Pulled are first the
manifest and its signature, which a release key of the settings must have made, then each file that neither slot has.
What lies on the flash is the position: after a reconnect or a reset it goes on there. The manifest gets its name last,
so a slot that is not whole is never taken for one. Until the switch nothing that runs is touched.

work() is a generator: it yields SLICE after a little computing, WRITE before it writes to the flash (which stops
everything else), ASK while it waits for bytes and READY while it waits for the site. Imported only where keys are
trusted; the signature's code only while one is verified.
"""

import binascii
import hashlib
import json
import os

from edge.core import orders as o
from edge.shell import cbor
from edge.shell.pieces import CHUNK, Pieces
from edge.shell.slots import MANIFEST, Slots, digest_of, lines_of, other_than, word_of

PREFIX = b"reuse-edge bundle\n"
SLICE, WRITE, ASK, READY = range(4)
BLOCK = 4096  # bytes that are written at once: of most flash chips
MAX_MANIFEST = 65536
ROOM = 16384  # bytes that stay free for the state
TRIES = 2


class Refused(Exception):
    """The update ends here. args: (verdict of edge.core.orders, reason)."""


class Update:
    """What is under way. root: of the file system. settings: checked. sync(file): makes it durable.

    verdict: (verdict, told) of the last thing to be said upstream; whoever says it sets it to None. switched: the other
    slot starts next.
    """

    def __init__(self, root, settings, sync):
        self.root = root
        self.settings = settings
        self.sync = sync
        self.verdict = None
        self.switched = False
        self._pieces = None
        self._told = None
        self._note = root + "/update.json"

    # ---- what the shell says and asks ------------------------------------------------------------------

    def begin(self, params, told):
        """An order: its parameters and what edge.core.orders told of it. It takes the place of an earlier one."""
        row = [binascii.hexlify(params[1]).decode(), params[2], params[3], list(told)]
        with open(self._note, "w", encoding="utf-8") as file:
            json.dump(row, file)
            self.sync(file)
        return self.work()

    def resumed(self):
        """work() of what a reset has interrupted, or None."""
        return self.work() if self._noted() is not None else None

    def _noted(self):
        try:
            with open(self._note, encoding="utf-8") as file:
                row = json.load(file)
            return row if len(row) == 4 and len(row[0]) == 64 else None
        except (OSError, ValueError, TypeError):
            return None

    def put(self, payload):
        """A message of .../upd; True when it is a piece that was asked for."""
        return self._pieces is not None and self._pieces.put(payload)

    def lacks(self):
        """True while bytes are waited for that are not here."""
        return self._pieces is not None and self._pieces.lacks()

    def wanted(self, late=False):
        """(offset, length) to ask for now, or None. late: what was asked for before is lost."""
        return self._pieces and self._pieces.wanted(late)

    def request(self, late):
        """The bytes to publish on .../rsp now, or None. late: as wanted()."""
        wanted = self.wanted(late)
        return wanted and cbor.encode({0: 1, 10: self._pieces.digest, 11: wanted[0], 12: wanted[1]})

    def give_up(self):
        """Nobody sends what is asked for: end it."""
        self._pieces = None
        self._remove(self._note)
        self._say(o.V_GIVEN_UP, "no answer")

    # ---- the work -----------------------------------------------------------------------------------------

    def work(self):
        """All of it, as a generator; ends when the switch is made or the update is refused (see verdict)."""
        row = self._noted()
        self._told = row[3]
        try:
            yield from self._all(binascii.unhexlify(row[0]), row[1], row[2])
        except Refused as error:
            self._pieces = None
            yield WRITE
            self._remove(self._note)
            self._say(error.args[0], error.args[1])
        except OSError as error:
            self._pieces = None
            self._remove(self._note)
            self._say(o.V_ROOM, "flash: %s" % error)

    def _say(self, verdict, reason):
        told = list(self._told)
        told[5] = str(reason)[:100]
        self.verdict = (verdict, tuple(told))

    def _remove(self, path):
        try:
            os.remove(path)
        except OSError:
            pass

    def _all(self, digest, size, rollback):
        slots = Slots(self.root)
        here, there = slots.folder(slots.active), slots.folder(other_than(slots.active))
        if digest_of(here + MANIFEST) == binascii.hexlify(digest).decode():
            raise Refused(o.V_DONE, "it runs already")
        if rollback < slots.highest:
            raise Refused(o.V_OLDER, "%d, this device is at %d" % (rollback, slots.highest))
        if slots.on_trial():
            raise Refused(o.V_BUSY, "the running version is on trial itself")
        self._pieces = Pieces(digest, size)
        yield from self._slot(digest, size, rollback, here, there)
        self._pieces = None
        self._say(o.V_READY, "roll-back number %d" % rollback)
        yield READY
        yield WRITE
        self._remove(self._note)  # first: a version that falls back is not fetched again by itself
        Slots(self.root).switch(there[-1], "update to %s" % word_of(there, "version", "?"))
        self.switched = True

    def _slot(self, digest, size, rollback, here, there):
        """Fill the slot `there`: it is whole and believed at the end."""
        yield WRITE
        self._folder(there)
        self._remove(there + MANIFEST)
        start = yield from self._manifest(digest, there)
        at = start
        self._pieces.size = start + self._fits(there + "/manifest.new", rollback, here, size, start)
        with open(there + "/manifest.new", "rb") as file:
            for line in file:
                words = line.decode().strip().split(" ", 3)
                if words[0] == "file":
                    yield from self._file(at, words, here, there)
                    at += int(words[1])
        yield from self._clean(there)
        yield from self._proved(there)
        yield WRITE
        os.rename(there + "/manifest.new", there + MANIFEST)

    def _proved(self, there):
        """Raise Refused unless every file reads back as it should."""
        with open(there + "/manifest.new", "rb") as file:
            for line in file:
                words = line.decode().strip().split(" ", 3)
                if words[0] == "file" and (yield from self._digest(there + "/" + words[3])) != words[2]:
                    raise Refused(o.V_DAMAGED, words[3])

    def _folder(self, path):
        try:
            os.mkdir(path)
        except OSError:
            pass

    def _manifest(self, digest, there):
        """Get, check and believe the manifest of that SHA-256; where in the bundle the first file begins."""
        path, first = there + "/manifest.new", b""
        line = yield from self._bytes(0, 64)
        try:
            first = line[: line.index(b"\n") + 1]
            length = int(first.split(b" ")[-1])
        except ValueError:
            length = 0
        if not 0 < length <= MAX_MANIFEST:
            raise Refused(o.V_DAMAGED, "no bundle")
        start = len(first)
        for number in range(TRIES):  # what lies there may be of another update
            if self._size(path) > length or number:
                self._remove(path)
            yield from self._append(path, start, length)
            if digest_of(path) == binascii.hexlify(digest).decode():
                break
        else:
            self._remove(path)
            raise Refused(o.V_DAMAGED, "another manifest than the order names")
        line = yield from self._bytes(start + length, 200)
        line = line[: line.find(b"\n") + 1]
        yield from self._believe(line.decode().split(), digest)
        return start + length + len(line)

    def _believe(self, words, digest):
        """Raise Refused unless the words of the signature's line are of a release key that is trusted."""
        keys = [row for row in self.settings["trust"] if row.get("role") == "release" and row.get("kind") != "hmac"]
        keys = [row["key"] for row in keys if len(words) == 3 and words[0] == "ed25519" and row["id"] == words[1]]
        try:
            signature = binascii.unhexlify(words[2]) if keys else b""
        except ValueError:
            signature = b""
        if not signature:
            raise Refused(o.V_UNSIGNED, "no release key of this device")
        from edge.shell.ed25519 import verify

        steps = verify(binascii.unhexlify(keys[0]), PREFIX + digest, signature)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                if not end.value:
                    raise Refused(o.V_UNSIGNED, "the signature is wrong")
                return
            yield SLICE

    def _fits(self, path, rollback, here, size, start):
        """Bytes of all files. Raises Refused unless the manifest is for this device and kind of board and has room."""
        head, need = {}, 0
        try:
            for words in lines_of(path):
                if words[0] == "file":
                    need += int(words[1])
                    if ".." in words[3] or words[3][0] == "/":
                        raise ValueError("path")
                elif words[0] != "profile":
                    head[words[0]] = words[1:]
            number = int(head["rollback"][0])
        except (ValueError, KeyError, IndexError):
            raise Refused(o.V_DAMAGED, "the manifest makes no sense")
        if number != rollback:
            raise Refused(o.V_DAMAGED, "roll-back number %d is not that of the order" % number)
        if head["device"] != [self.settings["device"].replace(" ", "_")]:
            raise Refused(o.V_BOARD, "device %s" % " ".join(head["device"]))
        for name in ("board", "mpy"):
            own, new = word_of(here, name), head.get(name, [None])[0]
            if own != new and not (name == "board" and "any" in (own, new)):
                raise Refused(o.V_BOARD, "%s %s, this one has %s" % (name, new, own))
        if need + start > size:
            raise Refused(o.V_DAMAGED, "the size is not that of the order")
        if need > self._free() + self._sizes(path[: -len("/manifest.new")]) - ROOM:
            raise Refused(o.V_ROOM, "%d KB needed" % (need // 1024))
        return need

    def _free(self):
        """Bytes that are free."""
        space = os.statvfs(self.root or "/")
        return space[0] * space[3]

    def _sizes(self, folder):
        """Bytes of all files below folder."""
        total = 0
        for name in os.listdir(folder):
            info = os.stat(folder + "/" + name)
            total += self._sizes(folder + "/" + name) if info[0] & 0x4000 else info[6]
        return total

    def _size(self, path):
        try:
            return os.stat(path)[6]
        except OSError:
            return 0

    def _file(self, at, words, here, there):
        """One file of the slot, from the other slot or from afar."""
        path, size, wanted = there + "/" + words[3], int(words[1]), words[2]
        if self._size(path) == size and (yield from self._digest(path)) == wanted:
            return
        parts = words[3].split("/")
        for depth in range(1, len(parts)):
            self._folder(there + "/" + "/".join(parts[:depth]))
        source = here + "/" + words[3]
        if self._size(source) == size and (yield from self._digest(source)) == wanted:
            yield from self._copy(source, path)
            return
        for _ in range(TRIES):
            if self._size(path + ".part") > size:
                self._remove(path + ".part")
            yield from self._append(path + ".part", at, size)
            if (yield from self._digest(path + ".part")) == wanted:
                yield WRITE
                os.rename(path + ".part", path)
                return
            self._remove(path + ".part")
        raise Refused(o.V_DAMAGED, words[3])

    def _digest(self, path):
        sha = hashlib.sha256()
        try:
            with open(path, "rb") as file:
                while True:
                    data = file.read(512)
                    if not data:
                        return binascii.hexlify(sha.digest()).decode()
                    sha.update(data)
                    yield SLICE
        except OSError:
            return None

    def _copy(self, source, path):
        with open(source, "rb") as old, open(path + ".part", "wb") as new:
            while True:
                data = old.read(CHUNK)
                if not data:
                    break
                yield WRITE
                new.write(data)
            self.sync(new)
        os.rename(path + ".part", path)

    def _append(self, path, at, size):
        """Get the rest of a file of size bytes that begins at `at` of the bundle; what is there stays."""
        have = self._size(path)
        if size == 0:
            open(path, "wb").close()
        while have < size:
            data = yield from self._bytes(at + have, min(BLOCK, size - have))
            yield WRITE
            with open(path, "ab") as file:
                file.write(data)
                self.sync(file)
            have += len(data)

    def _bytes(self, offset, length):
        """Bytes of the bundle from offset on; fewer only at its end."""
        self._pieces.seek(offset, length)
        while self._pieces.lacks():
            yield ASK
        return self._pieces.take()

    def _clean(self, there):
        """Remove what the new manifest does not name."""
        names = {"manifest.new"}
        with open(there + "/manifest.new", "rb") as file:
            for line in file:
                words = line.decode().strip().split(" ", 3)
                if words[0] == "file":
                    names.add(words[3])
        for path in self._paths(there, ""):
            if path not in names:
                yield WRITE
                self._remove(there + "/" + path)

    def _paths(self, folder, inside):
        found = []
        for name in os.listdir(folder + "/" + inside if inside else folder):
            path = inside + "/" + name if inside else name
            found += self._paths(folder, path) if os.stat(folder + "/" + path)[0] & 0x4000 else [path]
        return found
