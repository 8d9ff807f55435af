# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""reuse-edge replay: logs of every kind through the estimators; bad ones are refused with row and reason."""

import csv
import gzip
import json
import math
import sys

import pytest

from edge.core import registry
from edge.shell import cbor
from host_tools import cli, ledger, replay, texts, texts_replay
from host_tools.candump import line_of
from host_tools.replay_columns import expand, split_name
from host_tools.replay_core import Drive, Row, gap_after_ms
from simulator.plant import Plant
from tests.host_tools.test_sniff import TABLES, traffic

SITE = """
site: lab
packs:
  - id: pack-1
    bms: {bms}
    connection: {connection}
    unit: 0
    cells: {cells}
    temps: {temps}
    chemistry: {chemistry}
    capacity_ah: {ah}
    maker: {{charge_a: {ah}, discharge_a: {ah}, cell_max_v: 4.2, cell_min_v: 2.5, temp_max_c: 55, temp_min_c: -20, temp_min_charge_c: 0}}
    grade: {{charge_a: {ah}, discharge_a: {ah}, capacity_ah: {certified}, capacity_std_ah: {std}, grade: B, body: KTR, date: 2026-03-02}}
"""
CELLS = 6
ROWS = 2400  # of 10 s
AH = 50.0


def settings(folder, cells=CELLS, ah=AH, bms="seplos_v3", connection="tcp:127.0.0.1:502", temps=1, chemistry="nmc"):
    """Path of a site file with one pack and nothing else."""
    path = folder / "site.yaml"
    path.write_text(
        SITE.format(
            cells=cells,
            ah=ah,
            certified=ah * 0.85,
            std=ah * 0.03,
            bms=bms,
            connection=connection,
            temps=temps,
            chemistry=chemistry,
        ),
        encoding="utf-8",
    )
    return path


def duty(second):
    """A day in hours: current in A, + charges."""
    hour = second / 3600.0
    if hour < 0.5 or 3.0 < hour < 3.5:
        return 0.0
    base = 7.0 if hour < 3.0 else -9.0
    return base + 4.0 * math.sin(second / 240.0) + (4.0 if int(second / 600) % 3 == 0 else 0.0)


@pytest.fixture(scope="module")
def recorded():
    """[(t, current, [cell V], temperature, soc)] of a simulated pack, + charges."""
    pack = {"cells": CELLS, "chemistry": "nmc", "capacity_mah": int(AH * 1000)}
    plant = Plant(pack, 7, soc=0.35, health=0.84)
    rows = []
    for k in range(ROWS):
        current = duty(10.0 * k)
        plant.step(10.0, current, 22.0)
        rows.append((10.0 * k, current, [float(v) for v in plant.cell_v], plant.temp_c, plant.mean_soc()))
    return rows


def write(path, header, rows):
    """A CSV at path; returns path as text."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def packed(recorded, first=0, last=ROWS):
    """Rows with the pack's voltage: t, I, V, T, soc."""
    return [(t, "%.4f" % i, "%.4f" % sum(v), "%.2f" % c, "%.6f" % z) for t, i, v, c, z in recorded[first:last]]


PACK = ["t", "I", "V", "T", "soc"]


@pytest.fixture
def go(tmp_path, capsys):
    """go(log, *options) -> (exit code, stdout, stderr); writes into tmp_path/out."""
    site = settings(tmp_path)

    def run(log, *options, site=site):
        code = cli.main(
            ["replay", str(log), "--settings", str(site), "--out", str(tmp_path / "out"), "--lang", "en", *options]
        )
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def summary_of(tmp_path):
    return json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))


# ---- what comes out --------------------------------------------------------------------------


def test_csv_with_truth(recorded, tmp_path, go):
    log = write(tmp_path / "log.csv", PACK, packed(recorded))
    code, out, err = go(log, "--truth", "soc", "--no-plots")
    assert (code, err) == (0, "")
    summary = summary_of(tmp_path)
    assert summary["rows"] == ROWS and summary["unknown_s"] == 0 and summary["known_s"] == 10.0 * (ROWS - 1)
    assert summary["truth"]["points"] == ROWS
    assert summary["truth"]["rmse_pct"] < 6.0 and summary["truth"]["inside_2_sigma_pct"] > 50
    assert abs(summary["soc"]["value_pct"] - 100 * recorded[-1][4]) < 4 * summary["soc"]["std_pct"]
    charged = sum(max(duty(10.0 * k), 0.0) for k in range(1, ROWS)) / 360.0
    assert summary["charged_ah"] == pytest.approx(charged, abs=0.01)
    assert "against the truth: RMSE" in out and "capacity: " in out
    with open(tmp_path / "out" / "estimates.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == ROWS and lines[-1]["t_s"] == "%.1f" % recorded[-1][0]
    assert float(lines[-1]["soc_pct"]) == pytest.approx(summary["soc"]["value_pct"], abs=0.001)
    assert lines[0]["resistance_mohm"] == "" and lines[0]["bms_soc_pct"] == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["estimates.csv", "summary.json"]


def test_same_log_in_every_dress(recorded, tmp_path, go):
    """Units, signs, separators, dates, gzip and names change nothing."""
    rows = packed(recorded, 0, 900)
    whole = [(t, i, "%d" % round(1000 * float(v)), c, z) for t, i, v, c, z in rows]
    dressed = {
        "plain.csv": (PACK, rows, ()),
        "units.csv": (["time_ms", "Current (mA)", "pack_mv", "temp [°C]", "soc_pct"],
                      [(1000 * t, 1000 * float(i), mv, c, 100 * float(z)) for t, i, mv, c, z in whole], ()),
        "named.csv": (["when", "amps in", "volts out", "kelvinless", "charge"], rows,
                      ("--columns", "t=when,i=amps in,v=volts out,temp=kelvinless,soc=charge")),
        "turned.csv": (PACK, [(t, -float(i), v, c, z) for t, i, v, c, z in rows], ("--discharge-positive",)),
        "dates.csv": (["timestamp", *PACK[1:]], [("2026-03-02T%02d:%02d:%02d+09:00" % (9 + t // 3600, t // 60 % 60, t % 60), *rest) for t, *rest in rows], ()),
        "percent.csv": (PACK, [(t, i, v, c, 100 * float(z)) for t, i, v, c, z in rows], ()),
    }  # fmt: skip
    found = {}
    for name, (header, body, options) in dressed.items():
        code, _, err = go(write(tmp_path / name, header, body), "--no-plots", *options)
        assert code == 0, err
        found[name] = summary_of(tmp_path)
    semicolons = (tmp_path / "plain.csv").read_text(encoding="utf-8").replace(",", ";").replace(".", ",")
    (tmp_path / "semi.csv").write_text("# export\n\n" + semicolons, encoding="utf-8-sig")
    (tmp_path / "packed").write_bytes(gzip.compress((tmp_path / "plain.csv").read_bytes()))
    for name in ("semi.csv", "packed"):
        assert go(tmp_path / name, "--no-plots")[0] == 0
        found[name] = summary_of(tmp_path)
    plain = found["plain.csv"]
    assert plain["bms"]["against_ours"]["points"] == 900
    for name, summary in found.items():
        for key in ("soc", "capacity", "rows"):
            assert summary[key] == plain[key], name
        if name != "percent.csv":
            assert summary["bms"]["against_ours"]["rmse_pct"] == pytest.approx(
                plain["bms"]["against_ours"]["rmse_pct"], abs=0.01
            ), name
    assert found["dates.csv"]["from"] == "2026-03-02T00:00:00Z"
    assert found["percent.csv"]["notes"] == ["soc is taken as percent"]


def test_cells_are_told_apart(recorded, tmp_path, go):
    header = [
        "t",
        "I",
        *("V%d" % cell for cell in range(CELLS)),
        "T0",
        "T1",
        *("soc%d" % cell for cell in range(CELLS)),
    ]
    rows = [(t, i, *("%.4f" % x for x in v), c, c, *[z] * CELLS) for t, i, v, c, z in recorded]
    code, out, err = go(write(tmp_path / "cells.csv", header, rows), "--truth", "soc", "--plots")
    assert code == 0, err
    summary = summary_of(tmp_path)
    assert [row["column"] for row in summary["cells"]["against_mean"]] == header[2 : 2 + CELLS]
    assert summary["truth"]["points"] == ROWS
    assert sum(row["soc_pct"] for row in summary["cells"]["against_mean"]) == pytest.approx(0.0, abs=0.5)
    for name in ("soc", "capacity", "cells", "innovations"):
        assert (tmp_path / "out" / (name + ".png")).read_bytes()[:4] == b"\x89PNG"


def test_one_cell(recorded, tmp_path, go):
    rows = [(t, i / 10.0, "%.4f" % v[0], c) for t, i, v, c, _ in recorded[:900]]
    log = write(tmp_path / "cell.csv", ["Time(s)", "Current(A)", "Voltage(V)", "T"], rows)
    code, _, err = go(log, "--no-plots", "--hint-soc", "35", site=settings(tmp_path, cells=1, ah=5))
    assert code == 0, err
    summary = summary_of(tmp_path)
    assert summary["cells"] is None and summary["truth"] is None and 20 < summary["soc"]["value_pct"] < 95


def test_a_gap_is_not_integrated_and_a_repeated_time_is_counted(recorded, tmp_path, go):
    rows = packed(recorded, 0, 1200)
    del rows[700:1000]
    rows.insert(100, rows[99])
    assert go(write(tmp_path / "log.csv", PACK, rows), "--no-plots")[0] == 0
    summary = summary_of(tmp_path)
    assert (summary["rows"], summary["duplicates"], summary["unknown_s"]) == (900, 1, 3010.0)
    assert summary["known_s"] == 10.0 * 1199 - 3010.0
    empty = [(t, "" if 300 <= k < 400 else i, v, c, z) for k, (t, i, v, c, z) in enumerate(packed(recorded, 0, 900))]
    assert go(write(tmp_path / "log.csv", PACK, empty), "--no-plots")[0] == 0
    assert summary_of(tmp_path)["unknown_s"] == 1000.0


def test_from_to_and_skip_bad(recorded, tmp_path, go):
    rows = [list(row) for row in packed(recorded, 0, 900)]
    rows[50][2] = "?"
    rows[60][0] = 3.0
    log = write(tmp_path / "log.csv", PACK, rows)
    assert go(log, "--no-plots", "--skip-bad", "--from", "1h", "--to", "7200")[0] == 0
    summary = summary_of(tmp_path)
    assert (summary["from"], summary["to"], summary["skipped_bad_rows"], summary["rows"]) == (3600.0, 7200.0, 2, 361)
    code, _, err = go(log, "--skip-bad", "--from", "90d")
    assert code == 2 and "no row between" in err
    code, _, err = go(log, "--skip-bad", "--from", "2026-03-02")
    assert code == 2 and "the log knows no date" in err


# ---- refusals --------------------------------------------------------------------------------


def change(place, row, value):
    """Rows with one place changed (row: of the data, from 0)."""

    def apply(rows):
        rows = [list(line) for line in rows]
        rows[row][place] = value
        return rows

    return apply


def scale(place, factor):
    """Rows with one column multiplied."""

    def apply(rows):
        return [[float(v) * factor if at == place else v for at, v in enumerate(line)] for line in rows]

    return apply


REFUSALS = [
    # what is done to the rows, header, place in the message, words
    (change(0, 500, 3.0), PACK, ":502:", "time goes back by 4987 s"),
    (change(0, 7, "soon"), PACK, ":9:", "t is 'soon', no time"),
    (change(0, 7, "inf"), PACK, ":9:", "no time"),
    (change(1, 7, "nan"), PACK, ":9:", "I is 'nan', not a number"),
    (change(2, 800, "inf"), PACK, ":802:", "V is 'inf', not a number"),
    (change(2, 800, "3,7x"), PACK, ":802:", "not a number"),
    (change(3, 7, 298.0), PACK, ":9:", "this looks like K"),
    (scale(2, 1000), PACK, ":2:", "this looks like mV"),
    (scale(2, 1 / CELLS), PACK, ":2:", "this looks like one cell"),
    (scale(2, 2), PACK, ":2:", "does not fit 6 cells of nmc"),
    (scale(2, 1), ["t", "I", "V_mv", "T", "soc"], ":2:", "this looks like V in a column of mV"),
    (scale(1, 1000), PACK, ":", "this looks like mA"),
    (scale(1, 0.001), PACK, ":", "no current is above"),
    (scale(0, 1000), PACK, ":", "a wrong unit of time or current?"),
    (scale(1, -1), PACK, ":", "the voltage goes the other way than the current"),
    (scale(1, 1), ["t", "x", "V", "T", "soc"], ":1:", "no column for the current (found: t, x, V, T, soc)"),
    (scale(1, 1), ["t", "I_ka", "V", "T", "soc"], ":1:", "column 'I_ka' is in ka"),
    (scale(1, 1), ["t", "I", "V0", "V1", "soc"], ":1:", "2 cell columns (V0..V1), the settings say cells: 6"),
    (lambda rows: rows[:1], PACK, "log.csv:", "holds one row"),
    (lambda rows: [], PACK, "log.csv:", "holds a header, but no rows"),
    (lambda rows: [(5.0, *row[1:]) for row in rows], PACK, ":3:", "the time does not go on"),
    (lambda rows: [(t, "", v, c, z) for t, _, v, c, z in rows], PACK, ":2:", "every current is empty"),
]


@pytest.mark.parametrize("case", range(len(REFUSALS)))
def test_bad_input_is_refused(recorded, tmp_path, go, case):
    spoil, header, place, words = REFUSALS[case]
    code, out, err = go(write(tmp_path / "log.csv", header, spoil(packed(recorded, 0, 900))), "--no-plots")
    assert code == 2 and out == ""
    problem, mend = err.strip().split("\n")
    assert problem.startswith("log.csv") and place in problem and words in problem, err
    assert mend.startswith("  → ")
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_damaged_files_are_refused(recorded, tmp_path, go):
    text = (write(tmp_path / "whole.csv", PACK, packed(recorded)),)
    data = (tmp_path / "whole.csv").read_bytes()
    cases = {
        "empty.csv": (b"", "is empty"),
        "binary.csv": (bytes(range(1, 256)) * 9, "is not UTF-8 text"),
        "wide.csv": (data.decode().encode("utf-16"), "is not UTF-8 text"),
        "cut.csv.gz": (gzip.compress(data)[:-4000], "the gzip file ends or breaks after this row"),
        "other.csv.gz": (b"\x1f\x8b" + data, "the gzip file ends or breaks"),
    }
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        code, _, err = go(tmp_path / name)
        assert code == 2 and words in err and "Traceback" not in err, name
    assert go(tmp_path / "none.csv")[0] == 3
    assert len(text) == 1


def test_late_damage_leaves_no_half_result(recorded, tmp_path, go, monkeypatch):
    monkeypatch.setattr("host_tools.replay_csv.SURVEY", 100)
    rows = change(2, 2000, "x")(packed(recorded))
    code, _, err = go(write(tmp_path / "log.csv", PACK, rows), "--no-plots")
    assert code == 2 and ":2002:" in err
    assert list((tmp_path / "out").iterdir()) == []


def test_wrong_use(recorded, tmp_path, go):
    log = write(tmp_path / "log.csv", PACK, packed(recorded, 0, 900))
    for options, words in (
        (("--pack", "x"), "has no pack 'x'"),
        (("--columns", "q=1"), "'q=1' is not WHAT=NAME"),
        (("--columns", "v=Volts"), "no column 'Volts'"),
        (("--truth", "z"), "no column 'z' for --truth"),
        (("--from", "noon"), "'noon' is no time"),
        (("--cell", log), "is not a cell file"),
        (("--profile", "none"), "no such CAN profile"),
    ):
        code, _, err = go(log, *options)
        assert code == 2 and words in err, options
    (tmp_path / "state" / "journal").mkdir(parents=True)
    code, _, err = go(tmp_path / "state")
    assert code == 2 and "there is no journal in it" in err


# ---- other logs ------------------------------------------------------------------------------


def database(path, recorded, device="lab", drop=()):
    """A receiver's database with telemetry every 10 s, without the indexes in drop, and every minute's mean."""
    book = ledger.Ledger(str(path))
    root = "bess/v1/o/s/%s/" % device
    batch = []

    def add(cls, k, **values):
        body = cbor.encode({registry.key(name): value for name, value in values.items()})
        at_ms = int(1000 * recorded[k][0])
        boot = 1 + (k >= 600)
        mono_ms = at_ms - 5000000 * (boot - 1)
        wall_ms = 1767225600000 + at_ms
        batch.append(
            (root, ledger.Row(device, 9, len(batch) + 1, boot, mono_ms, wall_ms, 3, cls, 0, body, None, wall_ms + 40))
        )

    for k, (_, i, v, c, z) in enumerate(recorded):
        common = {"pack_v": round(1000 * sum(v)), "temp_max": round(1000 * c), "bms_soc": round(1e6 * z)}
        if k not in drop:
            add("T", k, current=round(1000 * i), **common)
        if k and k % 6 == 0:
            each = [round(1000 * row[1]) for row in recorded[k - 5 : k + 1]]
            add("M", k, current=sum(each) // 6, current_min=min(each), current_max=max(each), **common)
    book.store(batch)
    book.close()
    return path


def test_database_of_the_receiver(recorded, tmp_path, go):
    """Restarts join by the wall clock; where telemetry was dropped the minutes fill in."""
    path = database(tmp_path / "records.db", recorded[:1200], drop=range(300, 360))
    code, _, err = go(path, "--no-plots")
    assert (code, err) == (0, "")
    summary = summary_of(tmp_path)
    assert (summary["rows"], summary["from"]) == (1200, "2026-01-01T00:00:00Z")
    assert (summary["known_s"], summary["unknown_s"]) == (11990.0, 0.0)
    charged = sum(max(row[1], 0.0) for row in recorded[1:1200]) / 360.0
    assert summary["charged_ah"] == pytest.approx(charged, abs=0.01)
    assert summary["bms"]["against_ours"]["points"] == 1200
    code, _, err = go(database(tmp_path / "other.db", recorded[:100], device="x"), "--no-plots")
    assert code == 0 and "the only device in the database is 'x'" in err
    (tmp_path / "bad.db").write_bytes(b"SQLite format 3\0" + bytes(600))
    assert go(tmp_path / "bad.db")[0] == 2


def can_profile():
    """Name of a CAN profile that tells voltage and current by itself."""
    fits = [
        name
        for name, table in TABLES.items()
        if table.PERIODS_MS[0] and table.PERIODS_MS[1] and not table.ASKS and name != "acme_can"
    ]
    return sorted(fits)[0]


@pytest.mark.parametrize("asked", (False, True))
def test_can_log(tmp_path, go, asked):
    names = ["nissan_leaf"] if asked else [can_profile()]
    table = TABLES[names[0]]
    frames, said = traffic(table, 12.0)
    path = tmp_path / "can.log"
    path.write_text("\n".join(map(line_of, frames)) + "\n", encoding="utf-8")
    cells = table.CELLS or 100
    per_cell_mv = said[-1].pack_mv / cells
    chemistry = "lfp" if per_cell_mv < 3450 else "nmc"
    can = {"bms": names[0], "connection": "can:socketcan:can0:500000"}
    site = settings(tmp_path, cells=cells, ah=100, temps=max(table.TEMPS, 1), chemistry=chemistry, **can)
    code, _, err = go(path, "--no-plots", "--profile", names[0], site=site)
    assert code == 0, err
    summary = summary_of(tmp_path)
    assert summary["rows"] >= 8 and summary["unknown_s"] == 0
    assert summary["soc"]["value_pct"] is not None and summary["from"].endswith("Z")
    assert go(path, "--no-plots", site=site)[0] == 0, "the pack's own profile"
    code, _, err = go(path, "--no-plots", site=settings(tmp_path))
    assert code == 2 and "is a CAN log, but seplos_v3" in err


# ---- the driver ------------------------------------------------------------------------------


def rows_of(recorded, count):
    """Rows as the driver takes them."""
    for t, i, v, c, z in recorded[:count]:
        mv = tuple(round(1000 * x) for x in v)
        mc = round(1000 * c)
        yield Row(int(1000 * t), round(1000 * i), sum(mv), mv, mc, mc, (mc,), truth_ppm=round(1e6 * z))


def test_driver_is_usable_alone(recorded, tmp_path):
    packs, period_ms, device = replay.read_packs(str(settings(tmp_path)))
    assert (period_ms, device) == (1000, "lab")
    drive = Drive(packs[0], 30000, every_ms=60000)
    points = list(drive.feed(rows_of(recorded, 900)))
    assert len(points) == 150 and points[-1].soc.value is not None
    with pytest.raises(ValueError, match="goes back"):
        list(drive.feed(rows_of(recorded, 2)))
    again = Drive(packs[0], 30000, every_ms=60000)
    assert list(again.feed(rows_of(recorded, 900))) == points


def test_gap_is_three_usual_periods():
    assert gap_after_ms([1000] * 50) == 3000
    assert gap_after_ms([10000] * 95 + [600000]) == 30000
    assert gap_after_ms([900000] * 9) == 1350000


def test_names_of_columns():
    for name, found in (
        ("t", ("t", None)),
        ("T", ("temp", None)),
        ("Voltage(V)", ("voltage", "v")),
        ("pack_mv", ("pack", "mv")),
        ("Cell Voltage [mV]", ("cellvoltage", "mv")),
        ("current_ma", ("current", "ma")),
    ):
        assert split_name(name) == found
    assert expand("v0..v3", []) == ["v0", "v1", "v2", "v3"]
    assert expand("cell_08_mv..cell_10_mv", []) == ["cell_08_mv", "cell_09_mv", "cell_10_mv"]
    assert expand("v0..v3", ["v0..v3"]) == ["v0..v3"]


def test_both_languages_say_the_same_places():
    for key, words in texts_replay.WORDS.items():
        assert len(words) == len(texts.LANGUAGES) and all(words), key
        assert words[0].count("%") == words[1].count("%") or "axis" in key or "bar" in key, key


def test_without_matplotlib_there_are_no_plots(recorded, tmp_path, go, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "host_tools.replay_plot", raising=False)
    log = write(tmp_path / "log.csv", PACK, packed(recorded, 0, 400))
    code, out, err = go(log)
    assert code == 0 and "matplotlib is not installed" in err and "written:" in out
    code, _, err = go(log, "--plots")
    assert code == 2 and "matplotlib is not installed" in err
