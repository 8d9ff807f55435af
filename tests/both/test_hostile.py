# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""R19, the short form: hostile orders, acknowledgements and packets. The long one is part of `make chaos`."""

from tests.both import hostile


def test_hostile_payloads_change_nothing_and_valid_ones_among_them_are_taken():
    """R19: no exception, no limit widened (a twin permits the same after every step), every counter right."""
    for seed in (1, 2, 3):
        run = hostile.play(700, seed)
        assert run.valid > 10 and run.taken > 5 and len(run.found) > 10, hostile.text_of(run, seed)


def test_hostile_acknowledgements_lose_nothing():
    """R19: whatever came as an acknowledgement, every record is at the backend once, and none was declared gone."""
    run = hostile.Run(hostile.Board, 4)
    for _ in range(600):
        run.send(*run.maker.ack())
        if run.count % 12 == 0:
            run.step()
    run.judge()
    assert run.expected["foreign"] > 300 and run.expected["future"] > 50 and run.backend.repeats > 0
