# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""R19 on a gateway; on a board and in both runtimes: tests/both/test_hostile.py."""

from tests.both import hostile
from tests.uplink.hostile import Gateway


def test_hostile_payloads_change_nothing_on_a_gateway():
    """R19: no exception, no limit widened, every counter right, valid orders among them are taken."""
    run = hostile.play(1500, 5, Gateway)
    assert run.valid > 10 and run.expected["link"] > 50, hostile.text_of(run, 5)
