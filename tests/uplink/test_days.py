# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Completeness per pack and day, and the minutes that arrived: from the rows, by the records' own time."""

import random
from zoneinfo import ZoneInfo

import pytest

from host_tools import days, ledger
from tests.uplink.fleet_rig import DAY_MS, HOUR_MS, MIDNIGHT_MS, MINUTE_MS, NOW_MS, SEOUL, Edge, pairs, store

YESTERDAY_MS = MIDNIGHT_MS - DAY_MS
SPANS = days.windows(NOW_MS, SEOUL)


def numbers(path, device="gumi-014", spans=SPANS):
    connection = ledger.open_read_only(path)
    try:
        return days.numbers(connection, device, spans)
    finally:
        connection.close()


def minutes(path, pack=0, device="gumi-014", spans=SPANS):
    connection = ledger.open_read_only(path)
    try:
        return days.minutes(connection, device, pack, spans)
    finally:
        connection.close()


def test_windows_are_local_days():
    yesterday, today, month = SPANS
    assert (yesterday.since_ms, yesterday.until_ms) == (YESTERDAY_MS, MIDNIGHT_MS)
    assert (today.since_ms, today.until_ms) == (MIDNIGHT_MS, NOW_MS)
    assert (month.since_ms, month.until_ms) == (MIDNIGHT_MS - 29 * DAY_MS, NOW_MS)
    assert days.windows(NOW_MS, ZoneInfo("UTC"))[1].since_ms == NOW_MS - 3 * HOUR_MS  # noon in Seoul


def test_day_of_summer_time_has_23_hours():
    berlin = ZoneInfo("Europe/Berlin")
    noon_ms = 1774864800000  # 2026-03-30 12:00 there, the day after the clocks went forward
    yesterday = days.windows(noon_ms, berlin)[0]
    assert yesterday.until_ms - yesterday.since_ms == 23 * HOUR_MS


# ---- numbers


def filled(edge, lost=()):
    """Two packs, one record of each every ten minutes from yesterday 00:00 to today noon."""
    for at_ms in range(YESTERDAY_MS, NOW_MS, 10 * MINUTE_MS):
        edge.make("M", at_ms, pairs(samples=60), pack=0)
        edge.make("M", at_ms, pairs(samples=60), pack=1)
    edge.lose(*lost)
    return edge


def test_received_and_declared_is_expected(tmp_path):
    edge = filled(Edge(), lost=range(101, 131))
    edge.make("E", NOW_MS - 1000, pairs(event=8, gap_from=101, gap_to=130, gap_reason=5), pack=-1)
    store(tmp_path / "r.db", edge)
    found, undated = numbers(tmp_path / "r.db")
    assert found["yesterday"] == {0: (129, 30, 0), 1: (129, 30, 0)} and undated == 0
    assert found["today"] == {0: (72, 0, 0), 1: (72, 0, 0)}
    assert found["month"] == {0: (201, 30, 0), 1: (201, 30, 0)}


def test_missing_numbers_belong_to_the_day_between_their_neighbours(tmp_path):
    # 36 of them before midnight and 36 after; two are made at once, so an even spread is one off
    store(tmp_path / "r.db", filled(Edge(), lost=range(253, 325)))
    found, _ = numbers(tmp_path / "r.db")
    assert (found["yesterday"][0].missing, found["today"][0].missing) == (37, 35)
    assert found["month"][0].missing == 72


def test_spread_of_lost_numbers_adds_up(tmp_path):
    """However a hole is cut into windows, no number counts twice or never."""
    source = random.Random(3)
    for _ in range(300):
        low = source.randint(1, 50)
        hole = days._Hole(low, low + source.randint(0, 60), 1000, 1000 + source.choice((0, 1, 7, 500, 10**6)), [])
        cuts = sorted(source.randint(900, 2000000) for _ in range(6))
        edges = [0, *cuts, 10**9]
        parts = [days._share(hole, days.Window("w", a, b)) for a, b in zip(edges, edges[1:], strict=False)]
        assert sum(missing for _, missing in parts) == hole.high - hole.low + 1


def test_declared_by_a_record_with_its_own_number(tmp_path):
    """The outbox in RAM puts the declaration in the place of the last lost record."""
    edge = Edge()
    for number in range(1, 11):
        if number == 6:
            edge.make("E", NOW_MS - HOUR_MS + number, pairs(event=8, gap_from=4, gap_to=6, gap_reason=1))
        else:
            edge.make("M", NOW_MS - HOUR_MS + number, pairs(samples=1))
    edge.lose(4, 5)
    store(tmp_path / "r.db", edge)
    assert numbers(tmp_path / "r.db")[0]["today"] == {0: (7, 3, 0)}


def test_what_arrived_although_it_was_declared_is_received(tmp_path):
    edge = Edge()
    for number in range(1, 9):
        edge.make("M", NOW_MS - HOUR_MS + number, pairs(samples=1))
    edge.make("E", NOW_MS - HOUR_MS + 9, pairs(event=8, gap_from=3, gap_to=6, gap_reason=5), pack=-1)
    edge.lose(4, 5)
    store(tmp_path / "r.db", edge)
    assert numbers(tmp_path / "r.db")[0]["today"] == {0: (6, 2, 0)}


def test_the_end_of_a_start_is_known_through_the_next(tmp_path):
    first, second = Edge(epoch=5, boot=1), Edge(epoch=6, boot=2, began_ms=NOW_MS - HOUR_MS)
    for number in range(1, 21):
        first.make("M", YESTERDAY_MS + number * MINUTE_MS, pairs(samples=1))
    first.lose(18, 19, 20)
    store(tmp_path / "r.db", first)
    assert numbers(tmp_path / "r.db")[0]["month"] == {0: (17, 0, 0)}
    second.make("E", NOW_MS - HOUR_MS, pairs(event=7, epoch_before=5, seq_before=20), pack=-1)
    second.make("M", NOW_MS - MINUTE_MS, pairs(samples=1))
    store(tmp_path / "r.db", second)
    found, _ = numbers(tmp_path / "r.db")
    assert found["yesterday"] == {0: (17, 0, 3)} and found["today"] == {0: (1, 0, 0)}
    account = ledger.completeness(tmp_path / "r.db")
    assert account[("gumi-014", 5)] == ledger.Completeness(1, 20, 17, 3, 0)


def test_a_start_of_which_nothing_arrived_is_missing_but_none_before_the_account_began(tmp_path):
    edges = [Edge(epoch=10 + boot, boot=boot, began_ms=YESTERDAY_MS + boot * HOUR_MS) for boot in (2, 4)]
    for edge, before in zip(edges, (11, 13), strict=True):
        edge.make("E", edge.began_ms + 1000, pairs(event=7, epoch_before=before, seq_before=40), pack=-1)
        edge.make("M", edge.began_ms + MINUTE_MS, pairs(samples=1))
    store(tmp_path / "r.db", *edges)
    account = ledger.completeness(tmp_path / "r.db")
    assert account == {
        ("gumi-014", 12): (1, 2, 2, 0, 0),
        ("gumi-014", 13): (0, 40, 0, 40, 0),
        ("gumi-014", 14): (1, 2, 2, 0, 0),
    }
    assert numbers(tmp_path / "r.db")[0]["yesterday"] == {0: (2, 0, 40)}


@pytest.mark.parametrize(("quality", "wall"), ((0, False), (1, True)))
def test_records_before_the_clock_was_set_find_their_day(tmp_path, quality, wall):
    """No clock, or the floor: the monotonic time and the start's later clock tell when it was."""
    edge = Edge(began_ms=YESTERDAY_MS)
    edge.minutes(YESTERDAY_MS, YESTERDAY_MS + HOUR_MS, quality=quality, wall=wall)
    if wall:  # the floor stands a month behind
        edge.rows = [(root, row._replace(wall_ms=row.wall_ms - 30 * DAY_MS)) for root, row in edge.rows]
    store(tmp_path / "r.db", edge)
    assert numbers(tmp_path / "r.db") == ({window.name: {0: (0, 0, 0)} for window in SPANS}, 60)
    assert minutes(tmp_path / "r.db")["yesterday"].delivered == 0
    edge.rows = []
    edge.minutes(MIDNIGHT_MS, MIDNIGHT_MS + HOUR_MS)
    store(tmp_path / "r.db", edge)
    found, undated = numbers(tmp_path / "r.db")
    assert undated == 0 and found["yesterday"] == {0: (60, 0, 0)} and found["today"] == {0: (60, 0, 0)}
    assert minutes(tmp_path / "r.db")["yesterday"].delivered == 60


# ---- minutes


@pytest.mark.parametrize("phase_ms", (0, 1, 17000, 29999, 30000, 30001, 59999))
@pytest.mark.parametrize("every_ms", (60000, 61000))
def test_whole_days_are_whole_whatever_the_phase(tmp_path, phase_ms, every_ms):
    edge = Edge()
    edge.minutes(YESTERDAY_MS - 3 * MINUTE_MS + phase_ms, NOW_MS, every_ms=every_ms)
    store(tmp_path / "r.db", edge)
    found = minutes(tmp_path / "r.db")
    assert found["yesterday"] == (1440, 1440, 0)
    assert found["today"] == (718, 718, 0)  # the last minutes may still be on their way


def test_one_record_is_one_minute(tmp_path):
    for number, phase_ms in enumerate((0, 15000, 30000, 45000)):
        edge = Edge(device="dev-%d" % number)
        edge.minutes(YESTERDAY_MS, YESTERDAY_MS + MINUTE_MS)
        edge.make("M", MIDNIGHT_MS - HOUR_MS + phase_ms, pairs(samples=5))
        store(tmp_path / "r.db", edge)
        found = minutes(tmp_path / "r.db", device=edge.device)["yesterday"]
        assert 2 <= found.delivered <= 2 + (phase_ms == 30000), phase_ms


def test_late_minutes_count_and_absent_ones_do_not(tmp_path):
    edge = Edge()
    edge.minutes(YESTERDAY_MS, YESTERDAY_MS + 6 * HOUR_MS, late_ms=20 * HOUR_MS)
    edge.minutes(YESTERDAY_MS + 12 * HOUR_MS, MIDNIGHT_MS)
    store(tmp_path / "r.db", edge)
    found = minutes(tmp_path / "r.db")
    assert found["yesterday"] == (1440, 1080, 0)
    assert found["today"] == (718, 0, 0)
    assert found["month"] == (1440 + 718, 1080, 0)  # from the first minute on that is known
    assert days.ppm(*found["yesterday"][1::-1]) == 750000


def test_a_minute_without_a_reading_is_not_operating_data(tmp_path):
    edge = Edge()
    edge.minutes(YESTERDAY_MS, YESTERDAY_MS + 2 * HOUR_MS)
    edge.minutes(YESTERDAY_MS + 2 * HOUR_MS, YESTERDAY_MS + 3 * HOUR_MS, samples=0)
    edge.minutes(YESTERDAY_MS + 3 * HOUR_MS, MIDNIGHT_MS)
    store(tmp_path / "r.db", edge)
    assert minutes(tmp_path / "r.db")["yesterday"] == (1440, 1380, 60)


def test_packs_are_apart_and_a_database_without_minutes_expects_none(tmp_path):
    edge = Edge()
    edge.minutes(YESTERDAY_MS, MIDNIGHT_MS, pack=1)
    edge.make("I", YESTERDAY_MS, pairs(pack_id="a"), pack=0)
    store(tmp_path / "r.db", edge)
    assert minutes(tmp_path / "r.db", pack=0)["month"] == (0, 0, 0)
    assert minutes(tmp_path / "r.db", pack=1)["yesterday"] == (1440, 1440, 0)
    assert days.ppm(0, 0) is None
