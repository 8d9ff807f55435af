# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The part of the estimation benchmark that reads packs of cells: what it takes, and how it scores."""

import gzip
import json

import numpy as np
import pytest

from benchmarks import estimation_pack as ep
from edge.core.anomalies import JUMP, LEAKS, SHORT

FACTS = [
    {"chem": "nmc_x", "q_nom_Ah": 5.0, "q_true_Ah": ah, "leak_A": a} for ah, a in ((4.0, 0), (3.6, 0), (3.9, 0.008))
]


@pytest.fixture
def folder(tmp_path):
    plant = tmp_path / "plant"
    plant.mkdir()
    lines = ["t,I," + ",".join("V%d,T%d,soc%d" % (k, k, k) for k in range(3))]
    lines += ["%d,1.0,%s" % (10 * row, ",".join("3.7,25.0,0.5" for _ in range(3))) for row in range(50)]
    for name in ("pack3_a", "single"):
        (plant / (name + ".csv.gz")).write_bytes(gzip.compress("\n".join(lines).encode()))
    (plant / "pack3_a.json").write_text(json.dumps(FACTS), encoding="utf-8")
    (plant / "index.json").write_text("{}", encoding="utf-8")
    return tmp_path


def test_only_what_has_facts_of_its_cells_is_a_pack(folder):
    fitted = []
    found = ep.packs(str(folder), lambda chemistry: fitted.append(chemistry) or {"cell": chemistry}, "*")
    assert [pack[0] for pack in found] == ["pack3_a"] and fitted == ["nmc_x"]
    assert ep.packs(str(folder), dict, "other*") == []


def test_readings_turn_the_sign_and_carry_the_errors(folder):
    (pack,) = ep.packs(str(folder), lambda chemistry: {}, "*")
    at_ms, ma, mv, mc = ep.readings(pack[1], pack[2], "bad")
    assert at_ms[1] == 10000 and len(mv) == 50 and len(mv[0]) == 3 and abs(np.mean(mc) - 25000) < 200
    assert abs(np.mean(ma) + 1000 * (1 - 0.01) + 20) < 10  # discharge is negative; offset 0.4 %C of 5 Ah
    inputs = np.mean(mv, axis=0) - 3698  # -2 mV, and each input its own
    assert np.ptp(inputs) > 0.3 and np.max(np.abs(inputs)) < 5


def test_figures_score_sound_cells_and_name_leaks():
    true_ah = np.array([each["q_true_Ah"] for each in FACTS])
    errors = np.array([[0.01, -0.02, 0.5], [0.01, -0.02, 0.5]])
    named = {(LEAKS, 2): 30.0, (SHORT, 2): 20.0, (LEAKS, 0): 5.0, (JUMP, 1): 7.0}
    got = ep.figures(FACTS, errors, true_ah * np.array([1.1, 1.0, 1.0]), true_ah, named, true_ah)
    assert got["rms"] == pytest.approx([0.01, 0.02]) and got["caps"] == pytest.approx([0.1, 0.0])
    assert got["weakest"] and got["strongest"]
    assert got["leaks"] == [(0.0016, 20.0)] and got["false"] == [("self_discharge", 0)]
    assert got["other"] == ["resistance_jump"]
    assert not ep.figures(FACTS, errors, true_ah[::-1], true_ah, {}, true_ah)["strongest"]


def test_hours_in_words():
    assert ep.told([20.2, 31.0]) == "20 to 31" and ep.told([20.2, None]) == "20 to 20 (1 of 2)"
    assert ep.told([None]) == "never (0 of 1)"
