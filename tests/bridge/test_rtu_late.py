# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Answers without a number: a unit that stays behind never passes one block off as another, and one that
was behind comes back, with every Modbus profile. In virtual time."""

import contextlib

import pytest

from bms_bridge import turns
from bms_bridge.tables import load
from tests.bridge.rtu_late import PROFILES, Bench, Equal, often

CYCLES = 6  # seconds in which a unit that answers delivers every block, searched models included


def table_of(name):
    return Equal() if name == "equal" else load(name)


@contextlib.contextmanager
def bench_of(*names, settings=None):
    bench = Bench([table_of(name) for name in names], settings)
    try:
        yield bench
    finally:
        bench.close()


each = pytest.mark.parametrize("name", ["equal", *PROFILES])


@each
def test_one_answer_behind_for_good(name):
    """From the start or from any moment on: what is taken is right, and it goes on coming."""
    for healthy_s in (0, 3.3):
        with bench_of(name) as bench:
            if healthy_s:
                bench.run(healthy_s)
            bench.wire.start("late")
            bench.run(30)
            assert bench.fresh(12)
            bench.wire.stop("late")
            bench.run(CYCLES)
            assert bench.fresh(CYCLES)


@each
def test_some_answers_behind_then_healthy(name):
    with bench_of(name) as bench:
        bench.run(3)
        for answers in (1, 2, 3, 5, 8):
            bench.wire.start("late")
            end = bench.peer.answers + answers
            while bench.peer.answers < end:
                bench.run(0.01)
            bench.wire.stop("late")
            bench.run(CYCLES)
            assert bench.fresh(3), answers


@each
@pytest.mark.parametrize("late_ms", [790, 1050, 1300, 1990, 3900])
def test_answers_that_come_much_later(name, late_ms):
    """Each answer so much later than the request, in order: less than twice the longest period."""
    with bench_of(name) as bench:
        bench.run(3)
        bench.peer.late_s[1] = late_ms / 1000
        bench.run(20)
        bench.peer.late_s.clear()
        bench.run(10 + CYCLES)  # the longest back-off
        assert bench.fresh(CYCLES)


@each
@pytest.mark.parametrize("mishap", ["lost", "crc_bad"])
def test_lost_answers(name, mishap):
    with bench_of(name) as bench:
        bench.wire.start(mishap, percent=30)
        bench.run(30)
        bench.wire.stop(mishap)
        bench.run(10 + CYCLES)
        assert bench.fresh(CYCLES)


@each
def test_a_unit_that_ignores_every_other_read(name):
    """Only what it was asked in health, to the byte: no probe of another length is needed to come back. A
    unit whose blocks are all of one length may need its rest (4 s) and a back-off of the same length."""
    with bench_of(name) as bench:
        bench.run(12)
        bench.peer.only = {frame for _, frame in bench.peer.asked}
        for _ in range(3):
            bench.wire.start("late")
            bench.run(2.2)
            bench.wire.stop("late")
            start_ms = bench.loop.now_ms()
            bench.run(20 if name == "equal" else CYCLES)
            assert bench.fresh(3) and bench.widest_gap_ms(1, start_ms) <= 8000


@each
def test_in_pieces(name):
    """A unit that answers 16 registers at most: the pieces of a block look all the same."""
    with bench_of(name) as bench:
        bench.wire.start("max16")
        bench.run(12)
        assert bench.fresh(8)
        bench.wire.start("late")
        bench.run(30)
        bench.wire.stop("late")
        bench.run(12)
        assert bench.fresh(8)


@each
@pytest.mark.parametrize("trouble", ["behind", 0.9, 1.5, "dead"])
def test_the_others_on_the_line_keep_their_time(name, trouble):
    """Three units, the first misbehaves: the blocks of the others come at least every second period."""
    with bench_of(name, "sunspec_meter", "seplos_v3") as bench:
        bench.run(4)
        start_ms = bench.loop.now_ms()
        if trouble == "behind":
            bench.peer.behind[1] = b""
        elif trouble == "dead":
            bench.wire.start("dead_unit", unit=1)
        else:
            bench.peer.late_s[1] = trouble
        bench.run(30)
        assert max(bench.widest_gap_ms(unit, start_ms) for unit in (2, 3)) <= 2000


@each
def test_late_refusals(name):
    """One block is refused; late or not, no other block pays for it."""
    table = table_of(name)
    last = often(table)[-1]
    with bench_of(name) as bench:
        bench.run(6)
        bench.wire.start("late")
        bench.wire.start("hole", address=table.BLOCKS[last][1] + 1)
        bench.run(20)
        assert set(bench.devices[0].plan._refused) <= {last}
        bench.wire.stop("late")
        bench.wire.stop("hole")
        bench.run(10 + CYCLES)
        assert bench.fresh(CYCLES)


def test_without_the_rule_every_one_of_them_would_swap_blocks(monkeypatch):
    """That the comparison sees what it has to: profiles with requests of one length, every answer believed."""
    monkeypatch.setattr(turns.Turns, "judge", lambda *_: turns.MINE)
    for name in ("equal", "jk_pb", "sunspec_802_805", "sunspec_string"):
        for test in (test_one_answer_behind_for_good, test_some_answers_behind_then_healthy):
            with pytest.raises(AssertionError):
                test(name)
