# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of the site around the BMS: 25 to 46 and what peers got wrong there."""

from simulator import scenarios_disk, scenarios_flow, scenarios_orders, scenarios_pcs, scenarios_wired

_PARTS = (scenarios_pcs, scenarios_wired, scenarios_disk, scenarios_orders, scenarios_flow)
SCENARIOS = sum([part.SCENARIOS for part in _PARTS], ())
# What the controller does not do (yet): each of these must fail, or it belongs above.
MISSING = sum([getattr(part, "MISSING", ()) for part in _PARTS], ())
