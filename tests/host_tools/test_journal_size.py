# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""How long a journal lasts, as `check` says it, against a journal on disk that was filled with a day of records."""

from collections import Counter

import pytest

from benchmarks import offline
from edge.core.records import Record
from edge.shell.journal import Journal
from edge.shell.journal_ports import Folder
from host_tools import audit_read, journal_size, traffic
from simulator.sites import settings as site_of

HOST = {"uplink": {"host": "127.0.0.1"}}


def rows(**changed):
    return journal_size.table(site_of("nmc96") | HOST | changed)


def test_a_gateway_keeps_a_month_of_everything():
    gateway, *boards = rows()
    assert gateway["what"] == "gateway" and gateway["days"] > 30
    assert gateway["telemetry_days"] == gateway["minutes_days"] == 30
    assert [row["what"] for row in boards] == ["board"] * len(journal_size.BOARDS_KB)
    assert all(row["days"] < gateway["days"] for row in boards)
    assert boards[-1]["kept_days"] > 30 and boards[-1]["minutes_days"] > 14  # 8 MB of flash
    assert rows(journal_kb=65536) == [gateway | {"what": "journal_kb"}]
    assert rows(uplink=None) == [gateway, *boards]
    assert len(list(journal_size.show([gateway, *boards]))) == 1 + 1 + len(boards)


def test_events_and_registers_last_longer_than_minutes_and_these_than_telemetry():
    for row in rows():
        assert row["kept_days"] > 20 * row["days"]
        assert row["telemetry_days"] <= row["minutes_days"] <= 30 and row["week_minutes_days"] <= 7
    small = rows()[1]
    assert small["journal_kb"] == 512 and small["week_minutes_days"] > 0


def filled(folder, journal_kb, days):
    """Fill a journal in a folder with days of records, as fast as it takes them; Counter of the classes."""
    made, counts = offline.bodies("nmc96"), Counter()
    journal = Journal(Folder(str(folder), lambda file: file.flush()), "far-1", 1, 1, 1024 * journal_kb)
    for seq, (at_ms, cls) in enumerate(offline.plan(days), 1):
        rows = made[cls]
        record = Record(cls, 0, at_ms, offline.START_MS + at_ms, 3, rows[counts[cls] % len(rows)])
        counts[cls] += 1
        journal.append(record, seq)
        if seq % 32 == 0:
            journal.flush()
    journal.close()
    assert journal.bytes <= 1024 * journal_kb
    return counts


@pytest.mark.long
@pytest.mark.parametrize(("journal_kb", "days"), ((512, 11), (1024, 7), (6144, 30)))
def test_what_it_says_is_what_a_disk_holds(tmp_path, journal_kb, days):
    """Days without a broker: of each class at least what `check` says, and not much more."""
    settings = traffic.with_defaults(site_of("nmc96") | HOST)
    daily = journal_size.per_day(settings, traffic.month(settings))
    told = journal_size.holds(journal_kb, daily, days)
    made = filled(tmp_path, journal_kb, days)
    book = audit_read.read(tmp_path)
    held, declared = Counter(entry.cls for entry in book.entries), Counter()
    for gap in book.gaps:
        declared[gap.cls] += gap.count
    left = {cls: days * held[cls] / made[cls] for cls in made}
    for cls, stream in (("B", "k"), ("E", "k"), ("M", "m"), ("T", "t")):
        more = 3 * journal_size.room(journal_kb)[1] / daily[stream]
        assert 0.97 * told[stream] <= left[cls] <= 1.1 * told[stream] + more, cls
    if not declared["E"]:
        assert {cls: declared[cls] + held[cls] for cls in made} == made
