# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""docs/SAFETY.md names what there is: every grave fault, and only scenarios that can be played."""

from edge.core import faults as f
from host_tools.safety import HAZARDS, safety_text
from simulator.fault_run import scenarios


def test_every_fault_that_acts_belongs_to_a_hazard():
    named = {name for row in HAZARDS for name in row[2]}
    acting = {row[0] for row in f.FAULTS if row[1] > f.INFO}
    assert acting - named == set()
    assert named - set(f.NAMES) == set()


def test_every_scenario_named_can_be_played():
    known = {scenario.name for scenario in scenarios()}
    assert {name for row in HAZARDS for name in row[3]} - known == set()


def test_the_text_says_what_it_is_not():
    text = " ".join(safety_text().replace("**", "").split())
    for words in ("not a certified safety function", "text not verified", "does not protect against", "process dies"):
        assert words in text
