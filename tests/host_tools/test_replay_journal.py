# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""reuse-edge replay of a journal: what the gateway wrote, a board's copy, an export; gaps, clocks, refusals."""

import json
import shutil

import pytest

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.core.report import body
from edge.shell import gateway_journal
from edge.shell.gateway import sync
from edge.shell.journal import Journal
from edge.shell.journal_ports import Folder
from host_tools import audit, audit_read, cli
from simulator.plant import Plant
from tests.host_tools.audit_site import eventful
from tests.host_tools.test_replay import duty, settings

START_MS = 1767225600000  # 2026-01-01
CELLS, AH = 16, 280
ROWS = 720  # of 10 s
SERIAL = "A-1"


@pytest.fixture(scope="module")
def recorded():
    """[(current in mA, pack in mV, mC, SoC in ppm)] every 10 s."""
    plant = Plant({"cells": CELLS, "chemistry": "nmc", "capacity_mah": AH * 1000}, 3, soc=0.4)
    rows = []
    for k in range(ROWS):
        current = 6.0 * duty(10.0 * k)
        plant.step(10.0, current, 22.0)
        mv = round(1000 * float(plant.cell_v.sum()))
        rows.append((round(1000 * current), mv, round(1000 * plant.temp_c), round(1e6 * plant.mean_soc())))
    return rows


def record(cls, at_ms, wall_ms, pack=0, **values):
    """A Record as the reporter makes them."""
    pairs = body([(KEYS[name], value) for name, value in values.items()])
    return Record(cls, pack, at_ms, wall_ms, 0 if wall_ms is None else 3, pairs)


def records_of(recorded, wall, first=0, last=ROWS, serial=SERIAL, cells=CELLS, pack=0, name="pack-1"):
    """One start: identity, telemetry and minutes. wall: its clock is set."""
    for k in range(first, last):
        at_ms = 10000 * (k - first) + 500
        wall_ms = START_MS + 10000 * k if wall else None
        current, mv, mc, soc = recorded[k]
        if k == first:
            yield record("I", at_ms, wall_ms, pack, pack_id=name, cells=cells, serial=serial)
        common = {"pack_v": mv, "temp_max": mc, "temp_min": mc, "bms_soc": soc}
        yield record("T", at_ms, wall_ms, pack, current=current, bms_soh=950000, **common)
        if (k - first) % 6 == 5:
            yield record("M", at_ms, wall_ms, pack, current=current, current_min=current, current_max=current, **common)


def written(folder, starts, kb=4096, device="lab"):
    """Path of a folder: every start of `starts` through the journal of a gateway."""
    for boot, records in enumerate(starts, 1):
        journal = Journal(Folder(str(folder), sync), device, 1000 + boot, boot, 1024 * kb, 1 << 20)
        for seq, each in enumerate(records, 1):
            journal.append(each, seq)
            if seq % 60 == 0:
                journal.flush()
        journal.close()
    return folder


@pytest.fixture
def go(tmp_path, capsys):
    """go(log, *options) -> (exit code, stderr, summary or None)."""
    site = settings(tmp_path, cells=CELLS, ah=AH)

    def run(log, *options, lang="en"):
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        argv = ["replay", str(log), "--settings", str(site), "--out", str(out), "--no-plots", "--lang", lang, *options]
        code = cli.main(argv)
        path = out / "summary.json"
        return code, capsys.readouterr().err, json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    return run


def test_a_gateways_journal(recorded, tmp_path, go):
    state = tmp_path / "state"
    state.mkdir()
    late = gateway_journal.start({"device": "lab"}, str(state), 1001, 1, sync)
    for seq, each in enumerate(records_of(recorded, True), 1):
        late.append(each, seq)
    late.close()
    assert sorted(path.name for path in (state / "journal").iterdir()) == ["k00000001", "m00000003", "t00000002"]
    code, err, summary = go(state)
    assert code == 0
    assert "every 10 s" in err and "single cells are not recorded" in err
    assert (summary["rows"], summary["unknown_s"], summary["dropped"]) == (ROWS, 0, [])
    assert summary["known_s"] == 10.0 * (ROWS - 1)
    assert summary["from"] == "2026-01-01T00:00:00Z" and summary["cells"] is None
    charged = sum(max(row[0], 0) for row in recorded[1:]) / 360000.0
    assert summary["charged_ah"] == pytest.approx(charged, abs=0.01)
    assert abs(summary["soc"]["value_pct"] - recorded[-1][3] / 1e4) < 4 * summary["soc"]["std_pct"]
    for source in (state / "journal", shutil.copytree(state / "journal", tmp_path / "backup")):
        again = go(source)[2]
        assert (again["soc"], again["capacity"], again["rows"]) == (summary["soc"], summary["capacity"], ROWS)
    part = go(state, "--from", "2026-01-01T01:00", "--to", "90m")[2]
    assert (part["rows"], part["from"]) == (181, "2026-01-01T01:00:00Z")
    assert "10초 간격" in go(state, lang="ko")[1]


def test_the_receiver_the_journal_and_the_export_say_the_same(tmp_path, go):
    """A site of the simulator with a trip, ten minutes without power and a silent BMS."""
    site = eventful(tmp_path)
    gateway, board, database = site.sources()
    assert audit.main(["export", "--all", gateway, str(tmp_path / "chain.audit")]) == 0
    answers = [go(source)[2] for source in (gateway, board, database, tmp_path / "chain.audit")]
    assert answers[0]["unknown_s"] > 600
    told = ("soc", "capacity", "bias", "rows", "from", "to", "known_s", "unknown_s", "charged_ah", "bms")
    for answer in answers[1:]:
        assert [answer[key] for key in told] == [answers[0][key] for key in told]


def test_what_the_budget_dropped_is_told(recorded, tmp_path, go):
    state = written(tmp_path / "state", [records_of(recorded, True)], kb=48)
    dropped = [gap for gap in audit_read.read(state).gaps if gap.cls in "TM"]
    assert {gap.cls for gap in dropped} == {"T"}
    code, err, summary = go(state)
    assert code == 0
    assert (summary["rows"], summary["unknown_s"]) == (ROWS, 0)  # the minutes tell of that time
    (row,) = summary["dropped"]
    assert row["records"] == sum(gap.count for gap in dropped) and row["why"] == "budget of the storage used"
    assert row["from"] == "2026-01-01T00:00:00Z" == summary["from"] < row["to"]
    assert "%d records are not in the journal (budget of the storage used), from %s to %s" % (
        row["records"], row["from"], row["to"],
    ) in err  # fmt: skip


def test_a_hole_is_a_gap(recorded, tmp_path, go):
    """A segment that is gone widens sigma: nothing is integrated over it."""
    whole = go(written(tmp_path / "whole", [records_of(recorded, True)]))[2]
    starts = [records_of(recorded, True, 0, 240), records_of(recorded, True, 420)]
    code, _, summary = go(written(tmp_path / "state", starts))
    assert code == 0
    assert summary["unknown_s"] == pytest.approx(1810.0, abs=1) and summary["rows"] == ROWS - 180
    assert summary["soc"]["std_pct"] > whole["soc"]["std_pct"]


def test_starts_without_a_clock(recorded, tmp_path, go):
    starts = [
        records_of(recorded, False, 0, 100),
        records_of(recorded, True, 100, 400),
        records_of(recorded, True, 200, 300),
        records_of(recorded, False, 400, 500),
    ]
    code, err, summary = go(written(tmp_path / "state", starts))
    assert code == 0
    assert "start 1 has no wall clock" in err and "start 4 has no wall clock" in err
    assert "start 3 begins before the one before it ends" in err
    assert summary["rows"] == 600 and summary["unknown_s"] == 3 * 3600
    assert summary["from"] == "2025-12-31T23:00:10Z"
    code, err, summary = go(written(tmp_path / "none", [records_of(recorded, False, 0, 300)]))
    assert code == 0 and summary["from"] == 0.5
    code, err, _ = go(tmp_path / "none", "--from", "2026-01-01")
    assert code == 2 and "the log knows no date" in err


def test_packs_are_found_by_name(recorded, tmp_path, go):
    both = list(records_of(recorded, True, 0, 200, pack=0, name="pack-9"))
    both += list(records_of(recorded, True, 200, 400, pack=1))
    code, _, summary = go(written(tmp_path / "state", [both]))
    assert code == 0
    assert summary["from"] == "2026-01-01T00:33:20Z" and summary["rows"] == 200


def test_another_pack_is_told(recorded, tmp_path, go):
    starts = [records_of(recorded, True, 0, 200), records_of(recorded, True, 200, 400, serial="B-2")]
    code, err, _ = go(written(tmp_path / "state", starts, device="other"))
    assert code == 0
    assert "changes from A-1 to B-2 at 2026-01-01T00:33:20Z" in err
    assert "the settings are of 'lab', the journal is of 'other'" in err


def test_refusals_name_the_record(recorded, tmp_path, go):
    thirds = [(i, mv // 3, mc, soc) for i, mv, mc, soc in recorded[:60]]
    cases = (
        (records_of(recorded, True, 0, 60, cells=15), "cells:1: start 1: pack-1 has 15 cells, the settings say 16"),
        (records_of(thirds, True, 0, 60), "volts:2: voltage 19"),
        ([record("E", 500, START_MS, event=1)], "none: no telemetry of lab, pack-1"),
        (records_of(recorded, True, 0, 60, pack=2, name="x"), "other: no telemetry of lab, pack-1\n  → packs in it: x"),
    )
    for name, (records, words) in zip(("cells", "volts", "none", "other"), cases):
        code, err, summary = go(written(tmp_path / name, [records]))
        assert code == 2 and words in err and "\n  → " in err and summary is None, err
    (tmp_path / "empty").mkdir()
    code, err, _ = go(tmp_path / "empty")
    assert code == 2 and "there is no journal in it" in err


def test_a_torn_end_and_damage_are_survived_and_told(recorded, tmp_path, go):
    state = written(tmp_path / "state", [records_of(recorded, True)])
    for name in ("t00000002", "m00000003"):
        path = state / name
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 2000] = bytes(2000)
        path.write_bytes(data[:-7])
    code, err, summary = go(state)
    assert code == 0 and ROWS - 40 < summary["rows"] < ROWS and summary["unknown_s"] > 100
    assert "t00000002: damaged at byte" in err and "reuse-edge audit verify" in err


def test_a_record_of_another_form_is_named(recorded, tmp_path, go, monkeypatch):
    state = written(tmp_path / "state", [records_of(recorded, True, 0, 60)])
    monkeypatch.setattr("host_tools.audit_read.cbor.decode", lambda payload: {0: 9})
    code, err, _ = go(state)
    assert code == 2 and "record 0 has a form that this version does not know" in err
