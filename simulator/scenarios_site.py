# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of the site around the BMS: 25 to 46 and what peers got wrong there."""

from simulator import scenarios_pcs, scenarios_wired

SCENARIOS = scenarios_pcs.SCENARIOS + scenarios_wired.SCENARIOS
MISSING = scenarios_pcs.MISSING
