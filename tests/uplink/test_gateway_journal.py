# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The gateway's journal thread: a slow, full or read-only disk never reaches the loop."""

import os
import threading
import time

from edge.shell.frames import KEPT_CLASSES
from edge.shell.gateway import LateStore, sync
from edge.shell.gateway_journal import LateJournal, start
from edge.shell.journal import DISK, Journal
from edge.shell.journal_ports import Folder
from edge.shell.store import FileStore
from tests.both.journal_disk import Disk, read, record
from tests.both.test_journal import gaps, values


def until(check, limit_s=20.0):
    end_s = time.monotonic() + limit_s
    while not check():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_hanging_fsync_delays_nobody_and_loses_nothing_silently():
    """R9: the loop never waits for the disk."""
    disk = Disk()
    free = threading.Event()
    hangs = threading.Event()

    def hang():
        hangs.set()
        free.wait(30)

    disk.synced = hang
    late = LateJournal(Journal(disk, "dev", 1, 1, 1 << 20), waiting=50)
    late.append(record("E", 1), 1)
    assert hangs.wait(10)
    longest_s = 0.0
    for number in range(2, 302):
        before_s = time.monotonic()
        late.append(record("E" if number % 3 == 0 else "T", number), number)
        longest_s = max(longest_s, time.monotonic() - before_s)
    assert longest_s < 1.0
    free.set()
    late.close()
    told = values(read(disk, "k")[1]) + values(read(disk, "t")[1])
    assert len(told) + sum(gap[135] for gap in gaps(disk, DISK)) == 301
    assert len(told) == 51 and late.lost == 250


def test_a_disk_that_fails_and_returns():
    """R10: it is said, and what waited is written later."""
    disk = Disk()
    disk.fails = 30
    late = LateJournal(Journal(disk, "dev", 1, 1, 1 << 20))
    late.append(record("E", 1), 1)
    until(lambda: late.problem)
    disk.fails = None
    until(lambda: late.problem is None)
    late.close()
    assert values(read(disk, "k")[1]) == [1]


def test_fsync_really_happens_and_the_next_start_goes_on(tmp_path, monkeypatch):
    calls = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append(number), real(number)))
    for boot in (1, 2):
        late = start({"device": "dev", "journal_kb": 64}, str(tmp_path), 7 + boot, boot, sync)
        for number, cls in enumerate("ETXMBI"):
            late.append(record(cls, number), number + 1)
        late.close()
    assert len(calls) >= 4
    folder = Folder(str(tmp_path / "journal"), sync)
    assert len(read(folder, "k")[1]) == 2 * len([c for c in "ETXMBI" if c in KEPT_CLASSES])


def test_a_state_that_waits_for_the_disk_is_the_one_of_its_step(tmp_path):
    free, hangs = threading.Event(), threading.Event()

    def hang(file):
        hangs.set()
        free.wait(10)

    store = LateStore(FileStore(str(tmp_path), hang))
    store.save({"save": 1})
    assert hangs.wait(10)
    row = [1]
    store.save({"save": 2, "row": lambda: row})
    row.append(2)  # the next step
    free.set()
    store.close()
    assert FileStore(str(tmp_path), sync).load() == {"save": 2, "row": [1]} and store.saved == 2
