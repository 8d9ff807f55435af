# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The world that the controller is tried in: plant, BMS, PCS, meter, mishaps, invariants. Host only."""
