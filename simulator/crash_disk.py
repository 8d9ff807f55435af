# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A disk that remembers every write and sync, so that the power can be cut afterwards at any of them.

It serves edge.shell.journal_ports.Folder's interface, and through opened() edge.shell.store.FileStore. What a cut
leaves depends on what the disk had really done: "all" that was written; only what was "synced", a new file then empty;
or "old", where even the truncation of a file that is written anew had not arrived.
"""

import io

KEPT = ("all", "synced", "old")


class _File(io.RawIOBase):
    """One open file for writing; every write reaches the disk's log at once."""

    def __init__(self, disk, name):
        self.disk = disk
        self.name = name
        self.at = 0

    def write(self, data):
        """Write at the place of the file."""
        self.disk.check()
        data = bytes(data)
        self.disk.log.append(("write", self.name, self.at, data))
        self.at += len(data)
        return len(data)

    def seek(self, at, whence=0):
        """Absolute only."""
        self.at = at
        return at


class CrashDisk:
    """files: {name: bytes} at the start. fails: errno of every write and sync, or None. log: what happened."""

    def __init__(self, files=None):
        self.start = dict(files or {})
        self.log = []
        self.fails = None
        self.on_sync = None
        self._files = {}
        self._done = 0

    def check(self):
        """Raise as a full or read-only disk does."""
        if self.fails:
            raise OSError(self.fails, "disk")

    # ---- FileStore ---------------------------------------------------------------------------------

    def opened(self, path, mode="r", **_):
        """In place of open()."""
        name = path.rsplit("/", 1)[-1]
        return self.create(name) if "w" in mode else self.open(name)

    # ---- Folder ------------------------------------------------------------------------------------

    def create(self, name):
        """A new file."""
        self.check()
        self.log.append(("create", name))
        return _File(self, name)

    def open(self, name):
        """An existing file for reading."""
        files = self.now()
        if name not in files:
            raise OSError(2, name)
        return io.BytesIO(files[name])

    def names(self):
        """File names."""
        return list(self.now())

    def size(self, name):
        """Bytes of a file."""
        return len(self.now()[name])

    def remove(self, name):
        """Remove a file."""
        self.log.append(("remove", name))

    def sync(self, file):
        """Everything of file is on the disk."""
        if self.on_sync is not None:
            self.on_sync()
        self.check()
        self.log.append(("sync", file.name))

    # ---- after a cut -------------------------------------------------------------------------------

    def now(self):
        """{name: bytes} as a reader of the running system sees it."""
        if self._done == 0:
            self._files = dict(self.start)
        for event in self.log[self._done :]:
            _play(self._files, event)
        self._done = len(self.log)
        return self._files


def cuts(disk, first=0, every=1):
    """Yield (number of whole events, CrashDisk) for a power cut after each event from `first` on, in the middle of it
    too, in each way that a disk may have kept what was written. every: of the events, one in so many."""
    written = dict(disk.start)
    synced = dict(disk.start)
    old = dict(disk.start)
    for count, event in enumerate([*disk.log, None]):
        if count >= first and (count % every == 0 or event is None or event[0] != "write"):
            for files in (written, synced, old):
                yield count, CrashDisk(files)
            if event is not None and event[0] == "write":
                torn = dict(written)
                _play(torn, (*event[:3], event[3][: len(event[3]) // 2]))
                yield count, CrashDisk(torn)
        if event is None:
            return
        _play(written, event)
        if event[0] == "create":
            synced[event[1]] = b""
            old.setdefault(event[1], b"")
        elif event[0] == "sync":
            synced[event[1]] = old[event[1]] = written[event[1]]
        elif event[0] == "remove":
            synced.pop(event[1], None)


def _play(files, event):
    """Apply one event to files."""
    if event[0] == "create":
        files[event[1]] = b""
    elif event[0] == "write":
        _, name, at, data = event
        was = files[name].ljust(at, b"\0")
        files[name] = was[:at] + data + was[at + len(data) :]
    elif event[0] == "remove":
        files.pop(event[1], None)
