# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Fault scenarios of the site around the BMS: all on CPython, a few without their rule (make faults: all)."""

import os

import pytest

from simulator import fault_run, scenarios_site
from simulator.crash_disk import CrashDisk, cuts
from simulator.fault_run import run, without_rule

ROWS = scenarios_site.SCENARIOS
BY_NAME = {row.name: row for row in ROWS}
NUMBERS = {number for row in ROWS for number in row.numbers}
HOURS = ("oscillates_high", "oscillates_low", "oscillates_hot", "oscillates_cold", "backend_away", "budget_used")
SLOW = (*HOURS, *scenarios_site.REAL_TIME)
QUICK = [row.name for row in ROWS if row.name not in SLOW]
WITHOUT = (
    "write_not_applied",
    "stalled",
    "weld",
    "killed_closed",
    "lock_survives",
    "hostile_counter",
    "hangs",
    "newest_rotten",
    "request_clipped",
    "presented_by_server",
    "relays_endless",
)


def judged(name):
    """The scenario holds, or it is known not to and does not."""
    row = BY_NAME[name]
    for site in row.sites:
        text = run(row, site).text
        if (name, site) in scenarios_site.KNOWN:
            assert text is not None, "it holds: take it from the list"
        else:
            assert text is None


@pytest.mark.parametrize("name", QUICK)
def test_the_fault_is_survived(name):
    judged(name)


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("name", SLOW)
def test_the_long_fault_is_survived(name):
    judged(name)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("name", WITHOUT)
def test_without_its_rule_the_scenario_fails(name):
    row = BY_NAME[name]
    assert without_rule(row, row.sites[0])


def test_every_rule_is_in_its_file_exactly_once():
    for row in ROWS:
        assert row.rules or (row.name, row.sites[0]) in scenarios_site.KNOWN
        fault_run.changed(row.rules)


def test_the_faults_of_the_site_are_all_played():
    assert {"4.%d" % number for number in range(25, 47)} <= NUMBERS
    assert {"B8", "B10", "B12", "B11", "B14", "B15", "B16", "B18", "B19", "B22"} <= NUMBERS
    assert len(BY_NAME) == len(ROWS)


def test_a_cut_keeps_what_was_synced_and_nothing_that_was_not_written():
    disk = CrashDisk({"a": b"old"})
    file = disk.create("a")
    file.write(b"new")
    disk.sync(file)
    file.write(b"er")
    found = {(count, left.now()["a"]) for count, left in cuts(disk)}
    assert {data for count, data in found if count == 0} == {b"old"}
    assert {data for count, data in found if count == 2} == {b"new", b"", b"old"}
    assert {data for count, data in found if count == 4} == {b"newer", b"new"}
    assert disk.now()["a"] == b"newer"
