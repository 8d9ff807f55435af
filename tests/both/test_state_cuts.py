# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""R7: a sample of the cuts and flips of state, black boxes and clock; every byte and bit is part of `make chaos`."""

from tests.both import state_cuts


def test_a_sample_of_cuts_and_flips_of_all_that_is_no_journal():
    """R7: the next start finds the old or the new, and is told when it may be the old one."""
    found = state_cuts.main(499, 3)
    for what in ("state", "black boxes"):
        assert found[what].cases > 40 and not found[what].bad, (what, found[what].bad)
