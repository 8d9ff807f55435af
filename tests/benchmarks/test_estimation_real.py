# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Recordings of real cells in benchmarks.estimation: names, signs, what trains and what is scored, the table."""

import gzip

import numpy as np
import pytest

from benchmarks import estimation
from benchmarks import estimation_real as real

NAMES = [
    ("x/25degC__Drive_cycles/03-18-17_02.17_25degC_Cycle_1_Pan18650PF.csv.gz", 25.0),
    ("x/n10degC__Drive_Cycles/a.csv", -10.0),
    ("x/0degC__Drive_Cycles/06-01-17_10.36_0degC_LA92_Pan18650PF.csv.gz", 0.0),
    ("a123_esc/dyn/A123_DYN_45_P15_s1.csv.gz", 15.0),
    ("a123_esc/ocv/A123_OCV_N05_S3.csv.gz", -5.0),
    ("lfp_ucb_fisher/Long_flat_zone_data_10_degree.csv.gz", 10.0),
    ("lfp_ucb_fisher/ocv_hysteresis_curve.csv.gz", None),
]


@pytest.mark.parametrize(("path", "temp"), NAMES)
def test_temperature_of_a_name(path, temp):
    assert real.degrees(path) == temp


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_counters_tell_the_sign(sign):
    c = {"chgAh": np.array([0.0, 0.1, 0.1]), "disAh": np.array([0.0, 0.0, 0.3]), "current": np.array([0.0, 1.0, -3.0])}
    assert real.charging(dict(c, current=sign * c["current"])) == sign


def ocv_v(soc):
    """A curve of an imagined LFP cell."""
    return 3.2 + 0.12 * soc - 0.9 * np.exp(-25.0 * soc) + 0.25 * np.exp(-40.0 * (1.0 - soc))


def recording(seconds, start, seed):
    """Columns I (+ discharges), V, soc of an imagined LFP cell of 1.2 Ah with 30 mohm."""
    rng = np.random.default_rng(seed)
    amps = np.repeat(rng.uniform(-1.2, 1.2, seconds // 100 + 1), 100)[:seconds]
    amps += 0.8 * np.sin(np.arange(seconds) / seconds * 6.28) + 0.1 * (start - 0.5)
    soc = start - np.cumsum(amps) / 3600.0 / 1.2
    return [amps, ocv_v(soc) - 0.03 * amps + 0.001 * rng.standard_normal(seconds), soc]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """DIR with a family in DIR/real: an OCV, one recording at 25 C and one at 10 C; a foreign folder beside it."""
    root = tmp_path_factory.mktemp("data")
    place = root / "real" / "lfp_ucb_any"
    place.mkdir(parents=True)
    (root / "real" / "other").mkdir()
    (place / "LICENSE").write_text("none", encoding="utf-8")
    z = np.linspace(0.0, 1.0, 401)
    names = ("SOC_OCV", "OCV_charge", "OCV_discharge")
    real.write(place / "ocv.csv", names, [100.0 * z, ocv_v(z) + 0.004, ocv_v(z) - 0.004])
    for name, seconds, seed in (("Long_flat_zone_25_degree", 9000, 1), ("Long_flat_zone_10_degree", 5000, 2)):
        path = real.write(place / (name + ".csv"), ("I", "V", "soc"), recording(seconds, 0.6, seed))
        with gzip.open(str(path) + ".gz", "wb") as stream:
            stream.write(path.read_bytes())
        path.unlink()
    return root


@pytest.mark.long
def test_only_what_did_not_train_is_scored(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(real, "TRAINED_S", 4000.0)
    cold, warm = sorted(real.ucb(str(folder / "real" / "lfp_ucb_any"), str(tmp_path)), key=lambda one: one.temp)
    assert (cold.temp, warm.temp) == (10.0, 25.0)
    assert len(cold.time_s) == 5000
    assert warm.time_s[0] == 4000.0
    assert len(warm.soc) == 5000
    assert warm.true_ah == pytest.approx(1.2, rel=0.01)
    trained = np.genfromtxt(tmp_path / "u.csv", delimiter=",", names=True)
    assert len(trained) == 4000
    middle = sum(row[10] for row in warm.cell["r_uohm"])
    assert 20000 < middle < 45000
    assert warm.cell["source"] == "u.csv"


class Serial:
    """A pool of this process."""

    def map(self, call, jobs, chunksize):
        """Results in order."""
        return [call(job) for job in jobs]


def test_families_are_measured_and_shown(folder, monkeypatch, capsys):
    monkeypatch.setattr(real, "TRAINED_S", 4000.0)
    assert real.show(Serial(), str(folder), "*", True)
    out = capsys.readouterr().out
    assert "real cells, 2 recordings, " in out
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    for name in ("LFP flat zone, 25 °C", "LFP flat zone, 10 °C"):
        assert lines[name].endswith("1")
        assert "no data" not in lines[name]
    for name in ("A123, 15 to 45 °C", "Panasonic, 0 °C", "Leaf pack, split-half R / capacity"):
        assert "no data" in lines[name]


def test_no_recording_is_not_a_pass(tmp_path, capsys):
    assert estimation.main(["--data", str(tmp_path), "--only", "real", "--jobs", "1"]) == 2
    assert capsys.readouterr().out.count("no data") == len(real.GATES) + 1


def bare(family, name, temp):
    """A Real without rows."""
    empty = np.zeros(0)
    return real.Real(family, name, "nmc", 1.0, 1.0, empty, empty, empty, empty, empty, temp, 0.0, 0.0)


def test_rows_of_the_table():
    figures = {"rmse": 0.01, "worst": 0.05, "inside": 0.9, "hours": 2.0, "runs": 3}
    found = [
        (bare("panasonic", "a", 25.0), figures),
        (bare("panasonic", "b", 25.0), dict(figures, rmse=0.02)),
        (bare("panasonic", "c", 10.0), figures),
        (bare("panasonic", "d", -20.0), figures),
        (bare("ucb", "constant", 25.0), figures),
    ]
    told = {row[0]: row[3:] for row in real.rows(found)}
    assert told["Panasonic, 25 °C"] == ("1.50 FAIL", "5.00", "90.0", "2.0", "2")
    assert told["Panasonic, 10 °C"] == ("1.00 pass", "5.00", "90.0", "2.0", "1")
    assert told["Panasonic, 0 °C"][0] == "no data"
    assert told["panasonic, others, -20 °C"][0] == told["ucb, others, 25 °C"][0] == "1.00"


def test_the_guess_is_wrong_by_all_of_it():
    full = bare("a", "b", 25.0)._replace(soc=np.array([1.0]))
    assert real.guesses(full) == [-0.2]
    assert real.guesses(full._replace(soc=np.array([0.1]))) == [0.2]
    assert real.guesses(full._replace(soc=np.array([0.5]))) == [0.2, -0.2]
