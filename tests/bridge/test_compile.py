# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The profile compiler: what it refuses and how it says so; that the committed tables are current."""

import pathlib
import subprocess
import sys

import pytest

from bms_bridge import compile as compiler
from bms_bridge.compile import ProfileError, compile_file, load_profile, write_table
from bms_bridge.decode import Assembler
from bms_bridge.encode import encode_all, served
from bms_bridge.tables import load

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROFILES = ROOT / "bms_bridge" / "profiles"

SMALL = """\
name: acme
kind: bms
title: Acme BMS
licence: Apache-2.0
source: ["a data sheet"]
cells: 2
temps: 0
cell_lsb_mv: 1
protection: self_opening
opens_by: none
blocks:
  main: {function: 3, address: 100, count: 6, period_ms: 1000}
fields:
  pack_mv: {block: main, at: 0, type: uint16, unit: 0.1 V, range: [1000, 60000]}
  current_ma: {block: main, at: 1, type: int16, unit: 0.1 A, sign: discharge, range: [-300000, 300000]}
  cell_mv: {block: main, at: 2, count: 2, type: uint16, unit: 1 mV, range: [500, 5000]}
alarms:
  block: main
  at: 4
  type: bitfield16
  bits: {0: over_volt_alarm, 3: ignored}
examples:
  - {proof: synthesised, origin: by hand, block: main, registers: {0: 65, 1: 100, 2: 3250, 3: 3251, 4: 1},
     expect: {pack_mv: 6500, current_ma: -10000, cell_mv: [3250, 3251], alarms: [over_volt_alarm]}}
"""

# (text that is replaced, by what, line, key, part of the reason, part of the mend)
MISTAKES = (
    ("title: Acme BMS", "titel: Acme BMS", 3, "titel", "unknown key", "did you mean title?"),
    ("kind: bms", "kind: bsm", 2, "kind", "'bsm' is not known here", "did you mean bms?"),
    ("licence: Apache-2.0\n", "", 1, "", "licence is missing", "add licence"),
    ('source: ["a data sheet"]', "source: []", 5, "source", "no source", "where the map comes from"),
    ("unit: 0.1 V", "unit: 0.1 Volt", 14, "fields.pack_mv.unit", "unknown unit", "as in 0.01 V"),
    ("unit: 0.1 V", "unit: 0.1 A", 14, "fields.pack_mv.unit", "A is not a unit of this field", "ends in _mv"),
    ("unit: 0.1 V", "unit: -0.1 V", 14, "fields.pack_mv.unit", "not positive", "sign"),
    (", sign: discharge", "", 15, "fields.current_ma", "current_ma has no sign", "sign: charge or sign: discharge"),
    ("sign: discharge", "sign: negative", 15, "fields.current_ma.sign", "'negative'", "one of: charge, discharge"),
    ("range: [1000", "sign: charge, range: [1000", 14, "fields.pack_mv.sign", "has no sign", "current_ma"),
    ("at: 0, type", "at: 6, type", 14, "fields.pack_mv.at", "register 6 is outside block main", "the last one is 5"),
    ("at: 2, count: 2", "at: 5, count: 2", 16, "fields.cell_mv.count", "register 6 is outside", "5"),
    ("at: 2, count: 2", "at: 1, count: 2", 16, "fields.cell_mv.at", "is read by current_ma already", "one field"),
    ("block: main, at: 0", "block: mian, at: 0", 14, "fields.pack_mv.block", "'mian'", "did you mean main?"),
    (
        "type: uint16, unit: 0.1 V",
        "type: uint12, unit: 0.1 V",
        14,
        "fields.pack_mv.type",
        "'uint12'",
        "did you mean uint",
    ),
    ("[1000, 60000]", "[60000, 1000]", 14, "fields.pack_mv.range", "the range is empty", "[low, high]"),
    ("[1000, 60000]", "[1000, 9999999]", 14, "fields.pack_mv", "65535 lies inside the range", "add unknown"),
    ("count: 6", "count: 126", 12, "blocks.main.count", "126 is outside 1 to 125", "correct"),
    ("function: 3", "function: 6", 12, "blocks.main.function", "6 is outside 1 to 4", "correct"),
    ("function: 3", "function: 1", 14, "fields.pack_mv.at", "block main holds coils", "function 3 or 4"),
    ("period_ms: 1000", "period_ms: 1 s", 12, "blocks.main.period_ms", "is not an integer", "integer"),
    ("address: 100", "address: 65534", 12, "blocks.main.count", "ends behind address 65535", "correct"),
    ("cells: 2", "cells: 3", 6, "cells", "the fields hold 2 cells, the profile says 3", "agree"),
    ("over_volt_alarm, 3", "over_voltage, 3", 21, "alarms.bits.0", "'over_voltage'", "did you mean over_volt"),
    ("3: ignored", "16: ignored", 21, "alarms.bits.16", "bit 16 is outside 0 to 15", "lowest"),
    ("proof: synthesised, ", "", 23, "examples[0]", "does not say where it comes from", "captured"),
    ("proof: synthesised", "proof: guessed", 23, "examples[0].proof", "'guessed'", "did you mean"),
    ("pack_mv: 6500", "pack_mv: 6501", 23, "examples[0]", "pack_mv decodes to 6500, the example says 6501", "correct"),
    ("pack_mv: 6500, ", "", 24, "examples[0].expect", "pack_mv is missing", "null"),
    ("registers: {0: 65, 1: 100, 2: 3250, 3: 3251, 4: 1}", "data: '0041'", 23, "examples[0].data", "2 bytes", "12"),
    ("registers: {0: 65", "registers: {9: 65", 23, "examples[0].registers.9", "outside the block", "0 to 5"),
    ("opens_by: none\n", "", 2, "kind", "opens_by is missing", "add opens_by"),
    ("cells: 2", "cells: 2\ncells: 2", 7, "cells", "the key is given twice", "first in line 6"),
    ("title: Acme BMS", "title: {a: b", 19, "", "not YAML", "indentation"),
    ("name: acme", "name: Acme 1", 1, "name", "is not a profile name", "small letters"),
    ("protection: self_opening", "protection: maybe", 9, "protection", "'maybe'", "self_opening"),
)


def wrong(path, text):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        compile_file(path)
    return caught.value


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case[4][:30].replace(" ", "_"))
def test_mistake_is_told_with_place_and_mend(tmp_path, case):
    old, new, line, key, reason, mend = case
    assert old in SMALL
    error = wrong(tmp_path / "acme.yaml", SMALL.replace(old, new, 1))
    first, second = str(error).split("\n")
    if not reason.startswith("not YAML"):
        place = "%d: %s:" % (line, key) if key else "%d:" % line
        assert first.startswith("%s:%s" % (tmp_path / "acme.yaml", place)), first
    assert reason in first and second.startswith("  → ") and mend in second, str(error)


def test_small_profile_compiles_and_goes_both_ways(tmp_path):
    path = tmp_path / "개인 profiles" / "acme.yaml"
    path.parent.mkdir()
    path.write_text(SMALL, encoding="utf-8")
    table = load_profile(path)
    state = Assembler(table)
    state.take(1, 0, bytes.fromhex("0041FF9C0CB20CB30008FFFF"))
    record = state.record()
    assert (record.pack_mv, record.current_ma, record.cell_mv, record.alarms) == (6500, 10000, (3250, 3251), 0)
    again = Assembler(table)
    again.take(1, 0, encode_all(table, record)[0])
    assert tuple(again.record())[1:15] == tuple(record)[1:15]
    assert served(table) == () and table.PERIODS_MS[0] == 1000 and table.PERIODS_MS[6] is None


def test_empty_and_missing_files(tmp_path):
    assert "empty" in str(wrong(tmp_path / "x.yaml", "\n"))
    with pytest.raises(FileNotFoundError):
        compile_file(tmp_path / "none.yaml")


def test_written_table_equals_the_table_in_memory(tmp_path):
    path = tmp_path / "acme.yaml"
    path.write_text(SMALL, encoding="utf-8")
    front, back = write_table(path, tmp_path)
    values = compile_file(path)
    for file, names in ((front, [key for key in values if key.isupper()]), (back, list(values["INVERSE"]))):
        space = {}
        exec(compile(pathlib.Path(file).read_text(encoding="utf-8"), file, "exec"), space)  # noqa: S102
        source = values if file == front else values["INVERSE"]
        for name in names:
            if name not in ("INVERSE", "EXAMPLES"):
                assert space[name] == source[name], name


def test_committed_tables_are_current():
    done = subprocess.run(
        [sys.executable, "-m", "bms_bridge.compile", "--check"],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_command_line(tmp_path, capsys, monkeypatch):
    good = tmp_path / "acme.yaml"
    good.write_text(SMALL, encoding="utf-8")
    assert compiler.main([str(good)]) == 0
    assert "1 examples decode as stated" in capsys.readouterr().out
    good.write_text(SMALL.replace("kind: bms", "kind: bsm"), encoding="utf-8")
    assert compiler.main([str(good)]) == 2
    assert "did you mean bms?" in capsys.readouterr().err
    monkeypatch.setattr(compiler, "_all_texts", lambda: {str(tmp_path / "t.py"): "X = 1\n"})
    assert compiler.main(["--check"]) == 1 and not (tmp_path / "t.py").exists()
    assert compiler.main([]) == 0 and compiler.main(["--check"]) == 0


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_profile_says_where_it_comes_from(path):
    values = compile_file(path)
    assert values["NAME"] == path.stem
    assert set(values["INFO"]) >= {"title", "source", "licence", "proof"}
    assert load(path.stem).INFO == values["INFO"]


def test_declared_periods_are_fast_enough_for_control():
    """LIMITS of the design: current, extremes, limits and alarms at least every 2 s."""
    for name in ("seplos_v3", "sunspec_802_805"):
        periods = load(name).PERIODS_MS
        for group in (1, 2, 6, 7):
            assert periods[group] is not None and periods[group] <= 2000


def test_what_a_pcs_may_be_ordered_has_one_meaning(tmp_path):
    text = (PROFILES / "kostal_g3.yaml").read_text(encoding="utf-8")
    old = "{setpoint: discharge, unit: 1 W, float: high word first}"
    assert text.count(old) == 1
    for new, reason in (
        ("{setpoint: discharge, limit: charge, unit: 1 W, float: high word first}", "has no meaning"),
        ("{setpoint: discharge, float: high word first}", "has no meaning"),
        ("{setpoint: forth, unit: 1 W, float: high word first}", "'forth'"),
        ("{setpoint: discharge, unit: 1 A, float: high word first}", "ordered in watts"),
        ("{limit: charge, unit: 1 A, window: true, float: high word first}", "ordered in watts"),
        ("{modes: {idle: 7, charge: 3}}", "discharge is missing"),
        ("{modes: {idle: 7, charge: 3, discharge: 4}}, {constant: 0}", "stands alone"),
        (old + ", " + old, "stands alone"),
    ):
        assert reason in str(wrong(tmp_path / "acme.yaml", text.replace(old, new))), new
    (row,) = [row for row in load("kostal_g3").WRITES if row[0] == 1034]
    assert row[2] == ((0, 9, -1000, 1, 0, 1),)
    (row,) = [row for row in load("solaredge_storedge").WRITES if row[0] == 0xE00D]
    assert row[2] == ((0, 10, 7, 3, 4),)
    assert [field[1:5] for field in load("sunspec_pcs").WRITES[0][2][:2]] == [(2, 1, 10, 3), (1, 1, 10, 3)]
