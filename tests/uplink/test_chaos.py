# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Nothing that was durable is lost, nothing is doubled, nothing needs declaring; a client that believes in PUBACK fails
the same run. The long form is `make chaos`."""

import pytest

from simulator.broker import available
from tests.uplink import chaos, rows

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


@needs_mosquitto
@pytest.mark.long
def test_killed_brokers_killed_gateways_and_cut_lines(tmp_path):
    """R1, R3 and R6 in small; `python -m tests.uplink.rows` plays the whole table."""
    settled, counts, _ = rows.play([("R1", 3), ("R3", 8), ("R6", 3)], 7, tmp_path)
    assert settled and counts["missing"] == counts["conflicts"] == counts["declared"] == counts["duplicates"] == 0, (
        counts
    )
    assert counts["starts"] == 4 and counts["given"] > 100


@needs_mosquitto
@pytest.mark.long
def test_a_stopped_backend_behind_a_broker_that_keeps_little(tmp_path):
    """R2: the broker acknowledges everything and keeps 50. A client that believes in PUBACK loses the rest."""
    found = {}
    for naive in (False, True):
        (tmp_path / str(naive)).mkdir()
        settled, found[naive], _ = rows.play([("R2", 1)], 2, tmp_path / str(naive), naive)
        assert settled
    assert found[False]["missing"] == found[False]["conflicts"] == found[False]["declared"] == 0, found
    assert found[True]["missing"] > 50 and found[True]["arrived"] > 20, found
