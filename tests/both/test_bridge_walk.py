# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The search of SunSpec models, register by register: both runtimes."""

from struct import pack

from bms_bridge.tables import load
from bms_bridge.walk import Walk


def test_a_model_that_changes_between_two_reads_of_the_search():
    """The header says 804, which 3 registers tell; a moment later 805 is there, which takes 4."""
    walk = Walk(load("sunspec_string"), 1)
    walk.take(0, pack(">2H", 0x5375, 0x6E53))
    walk.take(0, pack(">2H", 804, 45))
    assert walk.wants() == (40002, 3)
    walk.take(0, pack(">3H", 805, 420, 1))
    assert walk.wants() == (40002, 4)
    walk.take(0, pack(">4H", 805, 420, 1, 1))
    assert walk.wants() == (40424, 2) and walk.addresses[3] == 40002
