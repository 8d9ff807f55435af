# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The journal of a Linux gateway: in a thread of its own, so that no disk ever delays a step."""

import os
import queue
import threading
import time

from edge.shell.backlog import Backlog
from edge.shell.boxes import Boxes
from edge.shell.cursor import Cursor
from edge.shell.frames import place_of
from edge.shell.journal import Journal
from edge.shell.journal_ports import Folder
from edge.shell.shelf import Shelf

DEFAULT_KB = 65536
WAITING = 2000  # records between the loop and the thread: more than a minute of any site
HOLD_BYTES = 1 << 20
RAM_BYTES = 2 << 20  # of the newest records; older ones are read back from the disk
BOXES = 16  # black boxes that are kept until somebody exports them
RETRY_S = (1.0, 30.0)  # after a failed write; doubled up to the second
TICK_S = 1.0


class LateJournal:
    """Journal port that encodes, writes and syncs in its own thread. journal: Journal.

    append() never blocks and never raises: what does not fit into the queue is counted and declared as a gap.
    """

    def __init__(self, journal, waiting=WAITING):
        self.journal = journal
        self._queue = queue.Queue(waiting)
        self._lock = threading.Lock()
        self._missed = {}  # place of the stream -> [first seq, last seq, since ms, until ms, count]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def problem(self):
        """Why the journal is not written, as a text, or None."""
        return self.journal.problem

    @property
    def durable(self):
        """Highest sequence number of this start that is synced."""
        return self.journal.durable

    @property
    def lost(self):
        """Number of records declared lost."""
        return self.journal.lost

    def append(self, record, seq):
        """Hand `record` to the writer and return at once."""
        try:
            self._queue.put_nowait((record, seq))
        except queue.Full:
            wall_ms = record.wall_ms
            with self._lock:
                row = self._missed.setdefault(place_of(record.cls), [seq, seq, wall_ms, wall_ms, 0])
                row[1], row[3] = seq, wall_ms
                row[4] += 1

    def close(self, timeout_s=10.0):
        """Write what waits and close; give up after timeout_s (what was synced before stays whole)."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _run(self):
        """Thread: what waits is written and synced together."""
        pause_s, next_s = RETRY_S[0], 0.0
        while True:
            ending = self._stop.is_set()
            self._take(0.0 if ending else TICK_S)
            if ending:
                break
            if time.monotonic() < next_s:
                continue
            if self.journal.flush():
                pause_s, next_s = RETRY_S[0], 0.0
            else:
                next_s = time.monotonic() + pause_s
                pause_s = min(2 * pause_s, RETRY_S[1])
        self.journal.close()

    def _take(self, wait_s):
        """Move everything that waits into the journal; wait at most wait_s for the first."""
        try:
            record, seq = self._queue.get(timeout=wait_s) if wait_s else self._queue.get_nowait()
            while True:
                self.journal.append(record, seq)
                record, seq = self._queue.get_nowait()
        except queue.Empty:
            pass
        with self._lock:
            missed, self._missed = self._missed, {}
        for place, row in missed.items():
            self.journal.missed(place, *row)


def backlog(settings, late, key):
    """The Backlog over a LateJournal. key: secret of the acknowledgements, or None."""
    journal = late.journal
    disk, lock = journal.disk, threading.Lock()
    return Backlog(
        settings["device"], journal.epoch, journal.boot, late, Shelf(disk), RAM_BYTES, lock, key, Cursor(disk)
    )


def start(settings, folder, epoch, boot, sync):
    """The LateJournal of a site in folder/journal. sync(file): makes what was written durable."""
    limit_bytes = 1024 * (settings.get("journal_kb") or DEFAULT_KB)
    disk = Folder(os.path.join(folder, "journal"), sync)
    journal = Journal(disk, settings["device"], epoch, boot, limit_bytes, HOLD_BYTES)
    if settings.get("black_box") != "none":
        journal.boxes = Boxes(Folder(os.path.join(folder, "boxes"), sync), BOXES)
    return LateJournal(journal)
