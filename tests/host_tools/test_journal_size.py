# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""How long a journal lasts, as `check` says it, against a journal on disk that was filled with a day of records."""

import pytest

from benchmarks import offline
from host_tools import journal_size, traffic
from simulator.sites import settings as site_of

HOST = {"uplink": {"host": "127.0.0.1"}}


def rows(**changed):
    return journal_size.table(site_of("nmc96") | HOST | changed)


def test_a_gateway_keeps_a_month_of_everything():
    gateway, *boards = rows()
    assert gateway["what"] == "gateway" and gateway["days"] > 30 and gateway["month_days"] == 30
    assert [row["what"] for row in boards] == ["board"] * len(journal_size.BOARDS_KB)
    assert all(row["days"] < gateway["days"] for row in boards)
    assert rows(journal_kb=65536) == [gateway | {"what": "journal_kb"}]
    assert rows(uplink=None) == [gateway, *boards]
    assert len(list(journal_size.show([gateway, *boards]))) == 1 + 1 + len(boards)


def test_events_and_registers_last_longer_than_telemetry():
    for row in rows():
        assert row["kept_days"] > 20 * row["days"] and row["month_days"] <= 30


@pytest.mark.long
@pytest.mark.parametrize("journal_kb", (256, 1024))
def test_what_it_says_is_what_a_disk_holds(tmp_path, journal_kb):
    settings = traffic.with_defaults(site_of("nmc96") | HOST)
    kept, plain = journal_size.per_day(settings, traffic.month(settings))
    edge = offline.Edge(tmp_path, journal_kb)
    try:
        counts = edge.offline(1, offline.bodies("nmc96"))
        held = len(edge.held())
    finally:
        edge.close()
    assert edge.late.journal.bytes <= 1024 * journal_kb
    told = counts["B"] + counts["E"] + journal_size.holds(journal_kb, kept, plain, 1) * (counts["T"] + counts["M"])
    # what is told is there in the worst moment, just after a segment went; up to two more may be
    assert 0.95 * told < held < 1.4 * told, (held, told)
