# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""4.39: another pack behind the same wire; on CPython, in the VM, and without the rule."""

import pytest

from simulator import fault_run, scenarios_identity
from simulator.fault_run import run, without_rule
from simulator.lockstep import find_vm

ROWS = {row.name: row for row in scenarios_identity.SCENARIOS}
RUNS = [(name, site) for name, row in ROWS.items() for site in row.sites]


@pytest.mark.parametrize(("name", "site"), RUNS)
def test_the_fault_is_survived(name, site):
    assert run(ROWS[name], site).text is None


@pytest.mark.parametrize("name", ROWS)
def test_without_its_rule_the_scenario_fails(name):
    assert without_rule(ROWS[name], ROWS[name].sites[0])


def test_both_runtimes_leave_the_same_trace():
    if find_vm() is None:
        pytest.skip("no MicroPython VM")
    row = ROWS["another_serial"]
    here, there = (run(row, "seplos", runtime) for runtime in fault_run.RUNTIMES)
    assert there.text is None
    assert here.digest == there.digest


def test_they_are_among_the_scenarios_of_the_command():
    assert set(ROWS) <= {row.name for row in fault_run.chosen("39")}
