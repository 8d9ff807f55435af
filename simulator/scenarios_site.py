# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of the site around the BMS: 25 to 46 and what peers got wrong there."""

from simulator import (
    scenarios_asked,
    scenarios_disk,
    scenarios_flow,
    scenarios_more,
    scenarios_orders,
    scenarios_pcs,
    scenarios_process,
    scenarios_wired,
)

_PARTS = (
    scenarios_pcs,
    scenarios_wired,
    scenarios_disk,
    scenarios_orders,
    scenarios_flow,
    scenarios_asked,
    scenarios_more,
    scenarios_process,
)
SCENARIOS = tuple(row for part in _PARTS for row in part.SCENARIOS)
# (scenario, site): what the controller has to change. Each of them fails today; one that holds leaves this list.
KNOWN = {key: why for part in _PARTS for key, why in getattr(part, "KNOWN", {}).items()}
REAL_TIME = tuple(row.name for row in scenarios_process.SCENARIOS)
