# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Fault scenarios of the BMS and its line: all on CPython, a few in the VM and without their rule (make faults: all)."""

import pytest

from simulator import fault_command, fault_oracle, fault_run, scenarios_bms, scenarios_line, scenarios_said
from simulator.checks import Moment
from simulator.fault_command import measured
from simulator.fault_run import run, sites_for, without_rule
from simulator.faults import Failed, Scenario, Stage, Times
from simulator.lockstep import find_vm

ROWS = (*scenarios_bms.SCENARIOS, *scenarios_said.SCENARIOS, *scenarios_line.SCENARIOS)
BY_NAME = {row.name: row for row in ROWS}
RUNS = [(row.name, site) for row in ROWS for site in row.sites]
NUMBERS = {number for row in ROWS for number in row.numbers}
WITHOUT = ("bms_silent", "weak_cell", "limit_zero", "late_reply", "crc_bad", "counter_stuck", "alarm_bits")
IN_VM = ("cell_codes", "bms_pauses", "current_sign")


@pytest.mark.parametrize(("name", "site"), RUNS)
def test_the_fault_is_survived(name, site):
    verdict = run(BY_NAME[name], site)
    if (name, site) not in fault_run.known():
        assert verdict.text is None
        assert all(times.write_ms <= 1100 for times in verdict.times)


@pytest.mark.parametrize("name", WITHOUT)
def test_without_its_rule_the_scenario_fails(name):
    row = BY_NAME[name]
    assert without_rule(row, row.sites[0])


@pytest.mark.parametrize("name", IN_VM)
def test_both_runtimes_leave_the_same_trace(name):
    if find_vm() is None:
        pytest.skip("no MicroPython VM")
    for site in sites_for(BY_NAME[name], "micropython"):
        here, there = (run(BY_NAME[name], site, runtime) for runtime in fault_run.RUNTIMES)
        assert there.text is None
        assert here.digest == there.digest


def test_every_rule_is_in_its_file_exactly_once():
    for row in ROWS:
        assert row.rules
        fault_run.changed(row.rules)


def test_the_faults_of_the_bms_are_all_played():
    assert {"4.%d" % number for number in range(1, 25)} <= NUMBERS
    assert {"B1", "B2", "B3", "B4", "B5", "B6", "B7", "B13", "B17", "B20", "B21"} <= NUMBERS
    assert len(BY_NAME) == len(ROWS)


class Pcs:
    """A PCS that was told something."""

    def __init__(self, writes, limits_w):
        self.writes = writes
        self.limits_w = lambda: limits_w


def moment_of(stage, **fields):
    """The newest step of stage with other fields."""
    turn = stage.turn
    kept = (stage.world.now_ms, turn.wake_ms, stage.settings, turn.commands, stage.delivered(), (), turn.soc)
    return Moment(*kept, turn.believed_ma, turn.totals, turn.records, turn.seq, stage.world.pcs, ())._replace(**fields)


def test_the_oracle_sees_a_planted_violation():
    stage = Stage("seplos")
    stage.settle(0)
    command = stage.turn.commands[0]
    quick = (command._replace(charge_ma=command.charge_ma + 5000),)
    memory = {}
    assert fault_oracle.ramped(moment_of(stage), memory) is None or memory
    assert fault_oracle.ramped(moment_of(stage, commands=quick), memory)
    assert fault_oracle.written_bounded(moment_of(stage, pcs=Pcs(9, (9000.0, 0.0))), {})
    sample = stage.delivered()[0]
    full = (sample._replace(cell_mv=(3650, *sample.cell_mv[1:])),)
    assert fault_oracle.extremes_forbid(moment_of(stage, delivered=full), {})
    stage.close()


def test_a_statement_that_does_not_hold_is_a_verdict():
    def play(stage):
        stage.settle()
        stage.fault()
        stage.zero_within(500)

    verdict = run(Scenario("none", ("x",), "nothing happens", "wire", play, (), ("seplos",), True), "seplos")
    assert "not zero after 500 ms" in verdict.text
    with pytest.raises(Failed):
        Stage("seplos").need(False, "no")


def test_the_table_of_times_shows_the_worst():
    row = BY_NAME["cell_codes"]
    times = [Times(0, 600, 700), Times(100, 500, 900)]
    lines = measured([row], [fault_run.Verdict(row.name, "seplos", "cpython", None, times, 0)])
    assert lines[-1].endswith("| seplos | 0.1 s | 0.6 s | 0.9 s |")


def test_list_and_wrong_names(capsys):
    assert fault_command.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["number", "name"] and len(lines) == len(fault_run.scenarios()) + 1
    for words, told in (
        (["--run", "weldd"], "did you mean weld"),
        (["--without-rule", "zzz"], "no scenario is called zzz (--list"),
        (["--run", "7", "--write", "x"], "--write needs --run all"),
        ([], "say --list"),
    ):
        with pytest.raises(SystemExit) as left:
            fault_command.main(words)
        assert left.value.code == 2 and told in capsys.readouterr().err


def test_a_number_names_what_the_list_shows():
    assert {row.name for row in fault_run.chosen("9")} == {"frost"}
    assert "page_frozen" in {row.name for row in fault_run.chosen("B2")}
    assert not fault_run.chosen("4.7") and len(fault_run.chosen("all")) == len(fault_run.scenarios())


def test_a_run_that_fails_says_how_to_play_it_again(capsys, monkeypatch):
    monkeypatch.setattr(fault_run, "run", lambda row, site, runtime="cpython": verdict_of(row, site, runtime))
    assert fault_command.main(["--run", "9", "--jobs", "1"]) == 1
    out = capsys.readouterr().out
    assert "FAILED at 5 ms: no" in out and "again: reuse-edge sim faults --run frost" in out


def verdict_of(row, site, runtime):
    return fault_run.Verdict(row.name, site, runtime, "at 5 ms: no", [], 0)
