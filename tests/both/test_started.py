# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The first record of a start names the start before it and how far that one came."""

from edge.core.faults import E_STARTED
from edge.core.registry import KEYS
from edge.shell.journal import Journal
from edge.shell.shelf import Shelf
from edge.shell.started import started
from tests.both.journal_disk import Disk, record


class Clock:
    """A clock that stands."""

    def now_ms(self):
        return 5

    def utc_s(self):
        return (1780000000, 2)


def test_the_start_before_and_its_last_number():
    disk = Disk()
    told = dict(started(Clock(), 1, Shelf(disk)).pairs)
    assert told == {KEYS["event"]: E_STARTED}
    for boot in (1, 2):
        journal = Journal(disk, "dev", 100 + boot, boot, 1 << 16)
        for number in range(1, 20 * boot):
            journal.append(record("TTE"[number % 3], number), number)
        journal.close()
    made = started(Clock(), 103, Shelf(disk))
    assert (made.cls, made.pack, made.mono_ms, made.wall_ms) == ("E", -1, 5, 1780000000000)
    assert dict(made.pairs) == {KEYS["event"]: E_STARTED, KEYS["epoch_before"]: 102, KEYS["seq_before"]: 39}
    disk.files["t00000003"] = disk.files["t00000003"][:-1]  # cut off: it was a record, and is missing
    assert dict(started(Clock(), 103, Shelf(disk)).pairs)[KEYS["seq_before"]] == 39


def test_a_segment_without_a_readable_beginning_is_read_all_the_same():
    """R8: its records tell which start they belong to."""
    disk = Disk()
    journal = Journal(disk, "dev", 101, 1, 1 << 16)
    for number in range(1, 20):
        journal.append(record("TTE"[number % 3], number), number)
    journal.close()
    for name in disk.names():
        disk.files[name] = b"x" + disk.files[name][1:]
    shelf = Shelf(disk)
    assert shelf.starts() == [(101, 1)] and shelf.last(101) == 19
    shelf.seek(101, 1)
    for number in range(1, 20):
        assert shelf.peek()[0] == number
        shelf.skip(number)


def test_a_disk_that_cannot_be_read_or_is_not_there_costs_only_what_it_knows():
    class Broken(Disk):
        def names(self):
            raise OSError(5, "disk")

    for shelf in (None, Shelf(Broken())):
        assert dict(started(Clock(), 1, shelf).pairs) == {KEYS["event"]: E_STARTED}
