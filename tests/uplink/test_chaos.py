# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Nothing that was durable is lost, nothing is doubled, nothing needs declaring; a client that believes in PUBACK fails
the same run. The long form is `make chaos`."""

import pytest

from simulator.broker import available
from tests.uplink import chaos

needs_mosquitto = pytest.mark.skipif(available("mosquitto") is not None, reason=str(available("mosquitto")))


@needs_mosquitto
@pytest.mark.long
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_everything_durable_arrives_once(seed, tmp_path):
    settled, counts, _ = chaos.run(15, seed, tmp_path)
    assert settled and counts["missing"] == counts["conflicts"] == counts["declared"] == 0, counts
    assert counts["given"] > 100


@needs_mosquitto
@pytest.mark.long
def test_the_control_arm_loses_records(tmp_path):
    _, counts, _ = chaos.run(20, 1, tmp_path, naive=True, kinds=("edge", "broker", "receiver"))
    assert counts["missing"] > 0, counts
