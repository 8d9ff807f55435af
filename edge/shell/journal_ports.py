# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the journal stands between: the files of a folder below it, and the uplink that it accompanies."""

import os

from edge.core.faults import E_JOURNAL
from edge.core.records import Record
from edge.core.registry import KEYS


class Folder:
    """The files of a journal in one folder. sync(file) makes what was written durable (see edge.shell.store)."""

    def __init__(self, path, sync):
        self.path = path
        self.sync = sync

    def names(self):
        """File names; makes the folder when it is missing."""
        try:
            return os.listdir(self.path)
        except OSError:
            try:
                os.mkdir(self.path)
            except OSError:
                return os.listdir(self.path)  # another was faster
            return []

    def size(self, name):
        """Bytes of a file."""
        return os.stat(self.path + "/" + name)[6]

    def create(self, name):
        """A new binary file for writing."""
        return open(self.path + "/" + name, "wb")

    def open(self, name):
        """An existing binary file for reading."""
        return open(self.path + "/" + name, "rb")

    def remove(self, name):
        """Remove a file."""
        os.remove(self.path + "/" + name)


class Journaled:
    """Uplink port that also journals what it is offered. uplink: the port that sends; journal: Journal or alike; keeps:
    False when the uplink gives its records to the journal by itself (edge.shell.backlog).

    When the journal begins or ends to fail, one event says so upstream: detail 1 it fails, 0 it is well again.
    """

    def __init__(self, uplink, journal, keeps=True):
        self.uplink = uplink
        self.journal = journal
        self._keeps = keeps
        self._fails = False

    def __getattr__(self, name):
        return getattr(self.uplink, name)  # everything else is the uplink's: orders, backlog, stop ...

    def offer(self, record):
        """Take record and return its sequence number at once. Never raises."""
        fails = self.journal.problem is not None
        if fails != self._fails:
            self._fails = fails
            pairs = ((KEYS["event"], E_JOURNAL), (KEYS["detail"], int(fails)))
            event = Record("E", -1, record.mono_ms, record.wall_ms, record.clock_quality, pairs)
            self._offer(event)
        return self._offer(record)

    def _offer(self, record):
        seq = self.uplink.offer(record)
        if self._keeps:
            self.journal.append(record, seq)
        return seq
