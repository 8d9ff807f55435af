# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge fleet`: what it says of each pack, in 80 columns and two languages, and its exit codes."""

import json
from datetime import datetime

import pytest

from edge.core import faults as f
from host_tools import cli, explain_time, fleet, ledger, twins
from host_tools.display import width_of
from tests.uplink.fleet_rig import DAY_MS, HOUR_MS, MIDNIGHT_MS, MINUTE_MS, NOW_MS, SEOUL, Edge, pairs, store

AT = ["--at", "2026-03-10T12:00"]
SINCE_MS = MIDNIGHT_MS - DAY_MS
TELEMETRY = {
    "soc": 613000,
    "soc_std": 8000,
    "charge_limit": 74000,
    "charge_why": 8,
    "discharge_limit": 80500,
    "discharge_why": 5,
    "alarms": 0,
    "active": (),
}


def healthy(edge, pack=0, name="HK64-0231", **telemetry):
    """A day and a half of one pack that is well."""
    edge.make("I", SINCE_MS, pairs(pack_id=name), pack)
    edge.minutes(SINCE_MS, NOW_MS - 2 * MINUTE_MS, pack)
    for number, at_ms in enumerate(range(SINCE_MS, NOW_MS, HOUR_MS)):
        grown = {"wh_in": 10**9 + number * 5000000, "wh_out": 10**8 + number * 4000000}
        meter = {"meter_in": 70000 + number * 5100, "meter_out": 60000 + number * 3900}
        edge.make("B", at_ms, pairs(**grown, **meter), pack)
    edge.make("M", NOW_MS - MINUTE_MS, pairs(capacity=131400, capacity_std=1900, samples=60), pack)
    edge.make("T", NOW_MS - 12000, pairs(**{**TELEMETRY, **telemetry}), pack)
    return edge


def run(path, capsys, *words):
    """(exit code, stdout) of the command."""
    capsys.readouterr()
    code = cli.main(["fleet", str(path), *AT, *words])
    return code, capsys.readouterr().out


def sites(path, capsys):
    code, out = run(path, capsys, "--json")
    return code, {site["device"]: site for site in json.loads(out)["sites"]}


def test_a_healthy_pack_and_every_number_of_it(tmp_path, capsys):
    store(tmp_path / "r.db", healthy(Edge()))
    code, found = sites(tmp_path / "r.db", capsys)
    assert code == 0
    site = found["gumi-014"]
    pack = site["packs"][0]
    assert (site["site"], site["org"], site["conflicts"], site["doubled"]) == ("gumi-014", "demo", 0, [])
    assert pack["well"] and pack["reasons"] == [] and pack["age_ms"] == 12000
    assert [pack[name] for name in ("name", "soc_ppm", "soc_std_ppm", "capacity_mah", "capacity_std_mah")] == [
        "HK64-0231",
        613000,
        8000,
        131400,
        1900,
    ]
    assert (pack["charge_ma"], pack["charge_why"]) == (74000, "temperature")
    assert (pack["discharge_ma"], pack["discharge_why"]) == (80500, "contract")
    assert pack["records"]["month"]["complete_ppm"] == pack["records"]["month"]["availability_ppm"] == 1000000
    assert (pack["bms_in_wh"], pack["bms_out_wh"]) == (35 * 5000, 35 * 4000)
    assert (site["meter"]["meter_in_wh"], site["meter"]["meter_out_wh"]) == (35 * 5100, 35 * 3900)
    assert (site["meter"]["deviation_in_ppm"], site["meter"]["deviation_out_ppm"]) == (-19608, 25641)


def test_two_packs_behind_one_meter_are_summed(tmp_path, capsys):
    store(tmp_path / "r.db", healthy(healthy(Edge()), 1, "HK64-0232"))
    _, found = sites(tmp_path / "r.db", capsys)
    assert [pack["name"] for pack in found["gumi-014"]["packs"]] == ["HK64-0231", "HK64-0232"]
    assert found["gumi-014"]["meter"]["bms_in_wh"] == 2 * 35 * 5000


def test_a_register_that_was_set_back_loses_one_day_only(tmp_path, capsys):
    edge = Edge(began_ms=MIDNIGHT_MS - 3 * DAY_MS)
    for day, value in enumerate((1000, 2000, 3000, 10, 510)):  # kWh; a reading just before each midnight
        edge.make("B", MIDNIGHT_MS - (4 - day) * DAY_MS + 9 * HOUR_MS, pairs(wh_in=value * 1000000))
    edge.minutes(NOW_MS - HOUR_MS, NOW_MS)
    store(tmp_path / "r.db", edge)
    _, found = sites(tmp_path / "r.db", capsys)
    assert found["gumi-014"]["packs"][0]["bms_in_wh"] == 2500 * 1000
    assert found["gumi-014"]["packs"][0]["bms_out_wh"] is None


@pytest.mark.parametrize("lang", ("en", "ko"))
@pytest.mark.parametrize("width", (80, 60))
def test_text_fits_and_says_what_is_wrong(tmp_path, capsys, lang, width):
    edge = healthy(Edge(), active=(f.F_INPUT_INVALID, f.F_TEMP_OVER, f.F_DOOR), alarms=1 << 1 | 1 << 17 | 1 << 20)
    edge.lose(*range(100, 800))
    edge.make("E", NOW_MS - 1000, pairs(event=f.E_GAP, gap_from=100, gap_to=700, gap_reason=5), -1)
    healthy(edge, 1, "울산 2호기")
    store(tmp_path / "r.db", edge)
    code, out = run(tmp_path / "r.db", capsys, "--lang", lang, "--width", str(width))
    assert code == 1
    assert all(width_of(line) <= width for line in out.splitlines())
    for part in ("HK64-0231", "울산 2호기", "61.3 % ±0.8", "74 A ◂", "✕ temp_over", "◐ door", "✕ over_temp_alarm"):
        assert part in out, part
    assert ("MISSING 99" if lang == "en" else "누락 99") in out
    assert ("BELOW 90 %" if lang == "en" else "90 % 미달") in out
    assert ("packs: 2, not well: 2" if lang == "en" else "팩 2개, 이상 2개") in out


def test_reasons_are_apart(tmp_path, capsys):
    edges = {
        "silent": Edge("a"),
        "missing": healthy(Edge("b")),
        "availability": Edge("c"),
        "fault": healthy(Edge("d"), active=(f.F_SMOKE,)),
        "alarm": healthy(Edge("e"), alarms=1 << 22),
        None: healthy(Edge("f"), active=(f.F_DOOR,), alarms=1 << 2),
    }
    edges["silent"].minutes(NOW_MS - 5 * HOUR_MS, NOW_MS - 16 * MINUTE_MS)
    edges["missing"].lose(500)
    edges["availability"].minutes(NOW_MS - 10 * HOUR_MS, NOW_MS - 9 * HOUR_MS)
    edges["availability"].minutes(NOW_MS - HOUR_MS, NOW_MS)
    store(tmp_path / "r.db", *edges.values())
    _, found = sites(tmp_path / "r.db", capsys)
    for reason, edge in edges.items():
        assert found[edge.device]["packs"][0]["reasons"] == [reason] * bool(reason), edge.device


def test_an_old_record_that_comes_late_is_not_the_newest(tmp_path, capsys):
    edge = healthy(Edge(epoch=78, boot=2))
    old = Edge(epoch=77, boot=1)
    old.make("T", SINCE_MS, pairs(soc=1, charge_limit=0))
    store(tmp_path / "r.db", edge, old)
    _, found = sites(tmp_path / "r.db", capsys)
    pack = found["gumi-014"]["packs"][0]
    assert pack["soc_ppm"] == 613000 and pack["age_ms"] == 12000


def test_a_change_after_the_telemetry_is_in_force(tmp_path, capsys):
    edge = healthy(Edge())
    names = {"charge_limit": 0, "charge_why": 9, "discharge_limit": 0, "discharge_why": 9}
    edge.make("E", NOW_MS - 3000, pairs(event=f.E_LIMITS, active=[f.F_PCS_DISOBEYS], **names))
    edge.make("E", NOW_MS - 2000, pairs(event=f.E_MODE))
    store(tmp_path / "r.db", edge)
    _, found = sites(tmp_path / "r.db", capsys)
    pack = found["gumi-014"]["packs"][0]
    assert (pack["charge_ma"], pack["discharge_ma"], pack["faults"]) == (0, 0, ["pcs_disobeys"])
    assert pack["soc_ppm"] == 613000


def test_a_conflict_is_shown(tmp_path, capsys):
    edge, other = healthy(Edge()), Edge()
    other.make("I", SINCE_MS, pairs(pack_id="somebody else"))
    store(tmp_path / "r.db", edge, other)
    code, out = run(tmp_path / "r.db", capsys)
    assert code == 1 and "✕ CONFLICT: 1 records came with two contents; newest: start 000000000000004d" in out
    _, found = sites(tmp_path / "r.db", capsys)
    assert found["gumi-014"]["conflicts_newest"][0]["seq"] == 1
    assert found["gumi-014"]["packs"][0]["name"] == "HK64-0231"


# ---- two edges with one name


def live(epoch, since_ms, until_ms, every_ms=10000, boot=2, late_ms=100):
    edge = Edge(epoch=epoch, boot=boot, began_ms=since_ms)
    for at_ms in range(since_ms, until_ms, every_ms):
        edge.make("T", at_ms, pairs(**TELEMETRY), late_ms=late_ms)
    return edge


def doubled(path, since_ms=NOW_MS - DAY_MS):
    connection = ledger.open_read_only(path)
    try:
        return twins.twins(connection, "gumi-014", since_ms)
    finally:
        connection.close()


def watched(*edges):
    """What the receiver says while the records of all edges come in."""
    watch = twins.Twins()
    rows = sorted((row for edge in edges for _, row in edge.rows), key=lambda row: row.received_ms)
    return [twin for twin in map(watch.take, rows) if twin is not None]


def test_two_live_starts_are_two_edges(tmp_path, capsys):
    one = live(1, NOW_MS - HOUR_MS, NOW_MS)
    other = live(2, NOW_MS - HOUR_MS + 600000, NOW_MS)
    store(tmp_path / "r.db", one, other)
    twin = twins.Twin("gumi-014", (1, 2), NOW_MS - 3000000, NOW_MS - 10000)
    assert doubled(tmp_path / "r.db") == [twin]
    assert [each.epochs for each in watched(one, other)] == [(1, 2)]
    one.minutes(NOW_MS - HOUR_MS, NOW_MS)
    store(tmp_path / "r.db", one)
    code, out = run(tmp_path / "r.db", capsys)
    assert code == 1 and "TWO EDGES with this name" in out
    assert doubled(tmp_path / "r.db", NOW_MS) == []


@pytest.mark.parametrize("backlog_ms", (0, 5000, 20000, 3600000))
def test_a_restart_with_a_backlog_is_one_edge(tmp_path, backlog_ms):
    """The start before sends its rest beside the new one's records: old ones, or made just before the cut."""
    before = live(1, NOW_MS - HOUR_MS, NOW_MS - 1800000, late_ms=backlog_ms)
    after = live(2, NOW_MS - 1790000, NOW_MS)
    before.rows = [
        (root, row._replace(received_ms=max(row.received_ms, NOW_MS - 1780000 + row.seq))) for root, row in before.rows
    ]
    store(tmp_path / "r.db", before, after)
    assert doubled(tmp_path / "r.db") == [] and watched(before, after) == []


@pytest.mark.parametrize("step_ms", (-HOUR_MS, HOUR_MS))
def test_a_clock_that_was_wrong_before_a_restart_is_one_edge(tmp_path, step_ms):
    before = live(1, NOW_MS - HOUR_MS + step_ms, NOW_MS - 1800000 + step_ms, late_ms=-step_ms)
    after = live(2, NOW_MS - 1790000, NOW_MS)
    store(tmp_path / "r.db", before, after)
    assert doubled(tmp_path / "r.db") == [] and watched(before, after) == []


@pytest.mark.parametrize(("lasting_ms", "count"), ((700000, 1), (100000, 0)))
def test_two_starts_after_the_same_one_are_two_edges(tmp_path, lasting_ms, count):
    """Without a clock too; a start that was cut off at once may have left no trace for the next."""
    edges = []
    for epoch in (2, 3):
        edge = Edge(epoch=epoch, boot=7, began_ms=NOW_MS - HOUR_MS)
        edge.make("E", edge.began_ms, pairs(event=7, epoch_before=1, seq_before=9), -1, quality=0, wall=False)
        edge.make("T", edge.began_ms + lasting_ms, pairs(soc=1), quality=0, wall=False)
        edges.append(edge)
    store(tmp_path / "r.db", *edges)
    found = doubled(tmp_path / "r.db")
    assert [each.epochs for each in found] == [(2, 3)] * count


# ---- the command


def test_exit_codes(tmp_path, capsys):
    assert cli.main(["fleet", str(tmp_path / "none.db")]) == 3
    assert "there is no such file" in capsys.readouterr().err
    (tmp_path / "text.db").write_text("not a database at all, and long enough to be looked at", encoding="utf-8")
    assert cli.main(["fleet", str(tmp_path / "text.db")]) == 3
    assert "is it the --db of reuse-edge receive?" in capsys.readouterr().err
    assert cli.main(["fleet", str(tmp_path / "none.db"), "--tz", "Nowhere/Atlantis"]) == 2
    store(tmp_path / "r.db")
    assert run(tmp_path / "r.db", capsys) == (0, "no records in this database\n")


def test_days_are_those_of_the_zone(tmp_path, capsys):
    edge = Edge()
    edge.minutes(MIDNIGHT_MS, MIDNIGHT_MS + HOUR_MS)
    store(tmp_path / "r.db", edge)
    for zone, yesterday in (("Asia/Seoul", 0), ("UTC", 60)):
        connection = ledger.open_read_only(tmp_path / "r.db")
        found = fleet.survey(connection, NOW_MS, fleet.zone_of(zone))[0]["packs"][0]["records"]
        connection.close()
        assert found["yesterday"]["minutes_delivered"] == yesterday, zone
    assert fleet.zone_of("Asia/Seoul") == SEOUL


def test_seoul_is_known_without_a_table_of_zones(monkeypatch):
    def none(name):
        raise explain_time.TimeError(name)

    monkeypatch.setattr(fleet, "zone_of", none)
    assert datetime.fromtimestamp(0, fleet._zone("Asia/Seoul")).hour == 9
    with pytest.raises(explain_time.TimeError):
        fleet._zone("Europe/Berlin")
