# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge fit`: known resistances, hysteresis and electrodes come back; what is wrong with a file is said."""

import gzip
import json
import math

import numpy as np
import pytest

from host_tools import cli, fit, fit_data, fit_ecm, fit_half, fit_library, fit_ocv

SOC = np.linspace(0.0, 1.0, 101)
OCV = 3.0 + 1.2 * SOC - 0.3 * np.exp(-20 * SOC)  # starts at 2.7 V
OHM = (0.020, 0.010, 0.015)
TAU_S = (30.0, 600.0)
AH = 3.0
BUILT_IN = ("nmc811", "nmc532", "lfp")


def pulses(dt_s=5.0, start=0.95, steps=11):
    """(t, i) of a pulse test down and up again: + charges."""
    down = [(0.0, 600)]
    for _ in range(steps):
        down += [(-1.5, 60), (0.0, 240), (1.5, 60), (0.0, 240), (-1.0, 780), (0.0, 1800)]
    profile = down + [(-current, length) for current, length in down[1:]]
    current = np.concatenate([np.full(int(length / dt_s), value) for value, length in profile])
    return np.arange(len(current)) * dt_s, current


def cell(time_s, current_a, start, temp_c=25.0, arrhenius_k=2000.0, half_gap_v=0.0, gamma=40.0, ohm=OHM):
    """(voltage, SoC) of an equivalent circuit, integrated row by row in another way than the fit does it."""
    dt_s = np.diff(time_s, prepend=time_s[0])
    factor = math.exp(arrhenius_k * (1 / (temp_c + 273.15) - 1 / 298.15))
    z, v1, v2, h, before = start, 0.0, 0.0, 0.0, float(current_a[0])
    volt, soc = [], []
    for dt, now in zip(dt_s.tolist(), current_a.tolist()):
        for _ in range(10):
            mean = 0.5 * (now + before)
            move = mean * dt / 10 / 3600 / AH
            z += move
            v1 += dt / 10 * (ohm[1] * factor * mean - v1) / TAU_S[0]
            v2 += dt / 10 * (ohm[2] * factor * mean - v2) / TAU_S[1]
            h += gamma * abs(move) * ((mean > 0) - (mean < 0) - h) if mean else 0.0
        before = now
        soc.append(z)
        volt.append(float(np.interp(z, SOC, OCV)) + now * ohm[0] * factor + v1 + v2 + half_gap_v * h)
    return np.array(volt), np.array(soc)


def write(path, columns, header):
    """A CSV (gzip when the name says so)."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as stream:
        stream.write(header + "\n")
        for row in zip(*columns):
            stream.write(",".join("%.6f" % value for value in row) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{name: path} of an OCV and three pulse tests; r25 has a column soc, the others not."""
    folder = tmp_path_factory.mktemp("fit")
    out = {"ocv": write(folder / "ocv.csv", (SOC, OCV), "soc,ocv")}
    time_s, current_a = pulses()
    for temp_c in (10.0, 25.0):
        volt, soc = cell(time_s, current_a, 0.95, temp_c)
        columns = (time_s, current_a, volt, np.full(len(soc), temp_c), soc)
        out["r%.0f" % temp_c] = write(folder / ("r%.0f.csv.gz" % temp_c), columns, "Time (s),Current (A),V,T,SoC")
    volt, soc = cell(time_s, current_a, 0.95)
    out["bare"] = write(folder / "bare.csv", (time_s, -current_a, volt), "t,I,V")
    return out


def run(tmp_path, *arguments):
    """(the cell that was written, what was printed) of one run."""
    out = tmp_path / "cell.json"
    assert fit.main([*arguments, "--nominal-ah", "3", "--out", str(out)]) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def check_format(cell):
    """The cell file's keys, lengths and types: integers all through."""
    assert cell["version"] == 1
    assert len(cell["ocv_uv"]) == 101
    assert [len(row) for row in cell["r_uohm"]] == [21, 21, 21]
    assert len(cell["tau_ms"]) == 2
    assert len(cell["hysteresis_uv"]) == 21
    assert len(cell.get("entropy_uv_per_k", range(21))) == 21
    numbers = [*cell["ocv_uv"], *cell["hysteresis_uv"], *cell["tau_ms"]]
    numbers += [value for row in cell["r_uohm"] for value in row]
    keys = ("nominal_mah", "cell_min_mv", "cell_max_mv", "ea_k", "gamma", "residual_uv")
    numbers += [cell[key] for key in keys]
    if cell["half"]:
        assert len(cell["half"]["positive_uv"]) == len(cell["half"]["negative_uv"]) == 200
        for value in cell["half"].values():
            numbers += list(value) if isinstance(value, (list, tuple)) else [value]
    assert all(type(number) is int for number in numbers)


def test_known_resistances_come_back(files, tmp_path, capsys):
    found = run(tmp_path, files["r25"], "--chemistry", "nmc", "--ocv", files["ocv"])
    check_format(found)
    assert found["tau_ms"] == [30000, 600000]
    for row, ohm in zip(found["r_uohm"], OHM):
        assert np.abs(np.array(row[5:18]) - ohm * 1e6).max() < 0.06 * ohm * 1e6, row
    assert found["residual_uv"] < 500
    printed = capsys.readouterr().out
    assert "90-100" in printed and "no half cells" in printed


@pytest.mark.long
def test_arrhenius_factor_from_two_temperatures(files, tmp_path):
    found = run(tmp_path, files["r25"], files["r10"], "--chemistry", "nmc", "--ocv", files["ocv"])
    assert abs(found["ea_k"] - 2000) < 100
    assert np.abs(np.array(found["r_uohm"][0][5:18]) - 20000).max() < 800


def test_sign_and_counted_soc(files, tmp_path):
    arguments = (files["bare"] + "@soc=0.95,temp=25", "--chemistry", "nmc", "--ocv", files["ocv"])
    found = run(tmp_path, *arguments, "--discharge-positive")
    assert np.abs(np.array(found["r_uohm"][0][5:18]) - 20000).max() < 800
    with pytest.raises(fit_data.FitError, match="voltage falls while charging"):
        run(tmp_path, *arguments)


@pytest.mark.long
def test_soc_of_a_rested_start(files, tmp_path):
    found = run(tmp_path, files["bare"] + "@sign=-1", "--chemistry", "nmc", "--ocv", files["ocv"])
    assert np.abs(np.array(found["r_uohm"][0][5:18]) - 20000).max() < 800


def test_ocv_from_rests(files, tmp_path):
    found = run(tmp_path, files["r25"], "--chemistry", "nmc")
    inside = slice(30, 86)
    assert np.abs(np.array(found["ocv_uv"])[inside] * 1e-6 - OCV[inside]).max() < 0.004


@pytest.mark.long
def test_slow_branches_give_ocv_hysteresis_and_gamma(tmp_path):
    time_s = np.arange(0.0, 31 * 3600.0, 60.0)
    files = []
    for name, way, start in (("down", -1.0, 1.0), ("up", 1.0, 0.0)):
        current_a = np.full(len(time_s), way * 0.1)
        volt, soc = cell(time_s, current_a, start, half_gap_v=0.02, gamma=30.0)
        keep = (soc >= 0) & (soc <= 1)
        files.append(write(tmp_path / (name + ".csv"), (time_s[keep], current_a[keep], volt[keep]), "t,I,V"))
    when, current_a = pulses(dt_s=10.0)
    volt, soc = cell(when, current_a, 0.95, half_gap_v=0.02, gamma=30.0)
    files.append(write(tmp_path / "pulses.csv", (when, current_a, volt, soc), "t,I,V,soc"))
    found = run(tmp_path, *files, "--chemistry", "lfp")
    check_format(found)
    assert np.abs(np.array(found["ocv_uv"])[15:90] * 1e-6 - OCV[15:90]).max() < 0.004
    assert abs(found["hysteresis_uv"][10] - 20000) < 2000
    assert 15 <= found["gamma"] <= 60


@pytest.mark.parametrize("name", ["nmc811", "nmc532"])
def test_alignment_finds_the_published_ends(name):
    half = fit_library.half_of(name)
    ocv = fit_half.potential(half, half.ends, SOC)
    found, rms_v, shift_v = fit_half.align(half._replace(ends=None), SOC, ocv)
    assert rms_v < 0.001
    assert abs(shift_v) < 0.001
    assert found.ends == pytest.approx(half.ends, abs=0.004)


def test_half_cells_of_a_file_with_its_ends(files, tmp_path):
    names = [str(tmp_path / name) for name in ("half.csv", "ocv.csv", "ends.json")]
    fit_library.write_half("nmc811", *names)
    options = ("--half", names[0], "--half-info", names[2])
    found = run(tmp_path, files["r25"], "--chemistry", "nmc", "--ocv", files["ocv"], *options)
    check_format(found)
    assert found["half"]["x0_ppm"] == 26346
    whole = found["half"]["negative_mah"] * (found["half"]["x100_ppm"] - found["half"]["x0_ppm"]) / 1e6
    assert abs(whole - 3000) <= 2


def test_ends_of_rests_come_from_the_library():
    points = [(z, 3.2 + z, way) for z in np.linspace(0.2, 0.8, 7) for way in (1.0, -1.0)]
    ocv = fit_ocv.from_rests(points, OCV)
    assert ocv.ocv_v[0] == pytest.approx(OCV[0]) and ocv.ocv_v[-1] == pytest.approx(OCV[-1])
    assert np.all(np.diff(ocv.ocv_v) >= 0)
    assert (ocv.low, ocv.high) == pytest.approx((0.2, 0.8))


def test_lag_is_exact_for_uneven_steps():
    dt_s = np.array([0.0] + [2.0] * 20 + [7.0, 1.0, 30.0] + [2.0] * 20)
    out = fit_ecm.lagged(dt_s, np.ones((len(dt_s), 1)), 40.0)[:, 0]
    assert out == pytest.approx(1.0 - np.exp(-np.cumsum(dt_s) / 40.0))


ROWS = "".join("%d,%g,%g\n" % (k, (k // 10) % 2, 3.6 + 0.05 * ((k // 10) % 2)) for k in range(100))
# (text of the file, options behind the path, what the error says)
WRONG = (
    ("", "", "holds no rows"),
    ("t,V\n0,3.6\n", "", "no column for current in A \\(found: t, V\\)"),
    ("t,I,V\n0,0,3.6\n1,0,\n", "", "row 3: V is '', not a number"),
    ("t,I,V\n0,0,3.6\n1,nan,3.6\n", "", "row 3: I is 'nan'"),
    ("t,I,V\n0,0,3.6\n5,0,3.6\n4,0,3.6\n", "", "row 4: time goes back from 5 to 4"),
    ("t,I,V\n0,0,3600\n1,0,3601\n", "", "row 2: voltage is 3600.5: this looks like mV"),
    ("t,I,V\n0,0,52\n1,0,52\n", "", "above 6 V is not one cell"),
    ("t,I,V\n0,0,3.6\n1,1500,3.7\n", "", "row 3: a current above 30 C of 3 Ah: this looks like mA"),
    ("time_min,I,V\n0,0,3.6\n1,1,3.7\n", "", "no column for time"),
    ("Time (min),I,V\n0,0,3.6\n1,1,3.7\n", "", "'Time \\(min\\)' seems to be in minutes"),
    ("t,Current (mA),V\n0,0,3.6\n1,1,3.7\n", "", "seems to be in mA"),
    ("t,I,V,T\n0,0,3.6,298\n1,0,3.6,298\n", "", "looks like K"),
    ("t,I,V,soc\n0,0,3.6,50\n1,0,3.6,51\n", "", "looks like percent"),
    ("t,I,V\n" + ROWS.replace(",3.65", ",3.55"), "", "voltage falls while charging"),
    ("t,I,V\n0,0,3.6\n1,1,3.7\n200000,1,3.9\n", "", "is the time in ms"),
    ("t,I,V,soc\n0,0,3.6,0.2\n1,3,3.7,0.2\n30,3,3.9,0.7\n", "", "is the time in minutes or hours"),
    ("t,I,V,soc\n0,0,3.6,0.7\n1,3,3.7,0.7\n900,3,3.9,0.5\n", "", "SoC falls while the current charges"),
    ("t,I,V\n" + ROWS, "@sox=1", "no option 'sox'"),
    ("t,I,V\n" + ROWS, "@soc=x", "soc is 'x', not a number"),
    ("t,I,V\n" + ROWS, "@sign=2", "sign is 1"),
)


@pytest.mark.parametrize(("text", "options", "says"), WRONG)
def test_what_is_wrong_with_a_file_is_said(text, options, says, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(fit_data.FitError, match=says) as caught:
        fit_data.load(str(path) + options, {}, False, 3.0)
    assert "a.csv" in str(caught.value) and "→" in str(caught.value)


def test_error_is_one_line_and_exit_2(tmp_path, capsys):
    code = cli.main(["fit", str(tmp_path / "none.csv"), "--chemistry", "nmc", "--nominal-ah", "3"])
    assert code == 2
    assert "none.csv: no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n0,3\n1,4\n", "no columns soc and ocv"),
        ("soc,ocv\n0,3\n50,4\n", "row 3: SoC 50 is outside"),
        ("soc,ocv\n0,3\n0.5,4\n1,3.5\n", "OCV falls near SoC 0.5"),
        ("soc,ocv\n0,3000\n1,4200\n", "above 6 V"),
    ],
)
def test_wrong_ocv_file(text, says, tmp_path):
    path = tmp_path / "ocv.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(fit_data.FitError, match=says):
        fit_ocv.from_file(str(path), {})


def test_only_slow_data_is_refused(tmp_path):
    time_s = np.arange(0.0, 30 * 3600.0, 300.0)
    columns = (time_s, np.full(len(time_s), -0.1), np.linspace(4.2, 2.7, len(time_s)))
    path = write(tmp_path / "slow.csv", columns, "t,I,V")
    with pytest.raises(fit_data.FitError, match="only slow branches"):
        run(tmp_path, path, "--chemistry", "nmc")


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_cell(name):
    cell = fit_half.library_cell(name)
    check_format(cell)
    assert cell["name"] == name
    assert all(a <= b for a, b in zip(cell["ocv_uv"], cell["ocv_uv"][1:]))
    assert cell["cell_min_mv"] < cell["cell_max_mv"]
    half = cell["half"]
    whole = half["negative_mah"] * (half["x100_ppm"] - half["x0_ppm"]) / 1e6
    assert 0.85 < whole / cell["nominal_mah"] < 1.05
    published = fit_library.half_of(name)
    assert np.abs(np.array(half["negative_uv"]) * 1e-6 - published.negative_v).max() < 2e-6
    z = SOC[10:96]
    x0, x100 = half["x0_ppm"] * 1e-6, half["x100_ppm"] * 1e-6
    y0, y100 = ((half["lithium_mah"] - x * half["negative_mah"]) / half["positive_mah"] for x in (x0, x100))
    table = fit_half.from_library(name)
    miss = fit_half.potential(table, (x0, x100, y0, y100), z) - np.array(cell["ocv_uv"])[10:96] * 1e-6
    assert np.sqrt(np.mean(miss**2)) < 0.015


def test_only_long_rests_count_as_rest():
    time_s = np.arange(0.0, 8000.0, 10.0)
    current_a = np.where((time_s % 4000.0) < 1000.0, 1.0, 0.0)
    current_a[time_s > 4000.0] = np.where((time_s[time_s > 4000.0] % 400.0) < 100.0, 1.0, 0.0)
    record = fit_data.Record("a", time_s, current_a, np.full(len(time_s), 3.3), np.full(len(time_s), 25.0), *[None] * 3)
    run_of = fit_ecm.Run(record, np.full(len(time_s), 0.5), np.linspace(3.0, 4.0, 101), np.zeros(101))
    assert fit_ecm.rest_share(run_of) == pytest.approx(3000.0 / 8000.0, abs=0.01)
