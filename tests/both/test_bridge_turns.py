# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Whose answer is it: dialogues of one unit, what is asked, what arrives, what is believed. Both runtimes."""

from bms_bridge.poll import Request
from bms_bridge.turns import ALIEN, ASK, DUBIOUS_MOST, MINE, PROBE, PROBES, REST, STALE, Turns, probe_of

A = Request(1, 3, 100, 2, None, 0)
B = Request(1, 3, 200, 2, None, 1)  # as long as A
C = Request(1, 3, 300, 5, None, 2)
D = Request(1, 1, 400, 16, None, 3)
W = Request(1, 16, 500, 1, b"\x00\x01", -1)
V = Request(1, 16, 500, 1, b"\x00\x00", -1)

TWO = b"\x03\x04" + bytes(4)
FIVE = b"\x03\x0a" + bytes(10)
BITS = b"\x01\x02" + bytes(2)
NO = b"\x83\x02"
NO_BITS = b"\x81\x02"
WROTE = b"\x10\x01\xf4\x00\x01"

# Each: a start without doubt, then requests (they go out) and (answer, verdict).
DIALOGUES = (
    (A, (TWO, MINE), B, (TWO, MINE), C, (FIVE, MINE)),
    # A is lost: what comes next may be its answer; the second answer to one question is not
    (A, B, (TWO, STALE), B, (TWO, MINE), A, (TWO, STALE), A, (TWO, MINE)),
    # ... or both come
    (A, B, (TWO, STALE), (TWO, MINE), A, (TWO, MINE)),
    # the same question again: either answer will do
    (A, A, (TWO, MINE), B, (TWO, STALE)),
    # another length tells, and ends the doubt
    (A, C, (FIVE, MINE), A, (TWO, MINE)),
    (A, C, (TWO, STALE), (FIVE, MINE), B, (TWO, MINE)),
    (A, D, (BITS, MINE), B, (TWO, MINE)),
    (A, D, (TWO, STALE), D, (BITS, MINE), B, (TWO, MINE)),
    # a refusal tells the function only
    (A, C, (NO, STALE), C, (NO, MINE), A, (NO, STALE)),
    (A, D, (NO_BITS, MINE), A, (NO, MINE)),
    (C, A, (NO, STALE), A, (TWO, MINE)),
    # an echo tells address and count of a write, not what was written
    (W, V, (WROTE, STALE), V, (WROTE, MINE)),
    (A, W, (WROTE, MINE), B, (TWO, MINE)),
    # what nobody asked for changes nothing
    (A, (FIVE, ALIEN), B, (TWO, STALE), B, (TWO, MINE)),
    # two are lost
    (A, B, A, (TWO, STALE), A, (TWO, STALE), A, (TWO, MINE)),
)


def unit_without_doubt():
    turns = Turns()
    turns.asked(0, C)
    assert turns.judge(0, 1, FIVE) == STALE  # it may be the answer to what was asked before a restart
    turns.asked(0, C)
    assert turns.judge(0, 1, FIVE) == MINE
    turns.asked(0, A)
    assert turns.judge(0, 1, TWO) == MINE
    return turns


def test_dialogues():
    for dialogue in DIALOGUES:
        turns = unit_without_doubt()
        for place, step in enumerate(dialogue):
            if len(step) > 2:
                turns.asked(100 * place, step)
            else:
                assert turns.judge(100 * place + 50, 1, step[0]) == step[1], (dialogue, place)


def test_units_do_not_mix():
    turns = unit_without_doubt()
    turns.asked(0, A)
    other = Request(2, 3, 100, 2, None, 0)
    turns.asked(10, other)
    assert turns.judge(20, 2, TWO) == STALE
    turns.asked(30, other)
    assert turns.judge(40, 2, TWO) == MINE


def test_an_old_answer_is_not_news():
    """The right block, but held back since the request before: asked again."""
    for pause_ms, want in ((1000, MINE), (5000, STALE), (10000, STALE)):
        turns = unit_without_doubt()
        turns.asked(0, A)
        turns.asked(pause_ms, A)
        assert turns.judge(pause_ms + 50, 1, TWO) == want, pause_ms


def test_the_newest_request_is_remembered_for_ever_the_others_are_not():
    turns = unit_without_doubt()
    for now_ms in range(0, 1000, 100):
        turns.asked(now_ms, A)
    turns.asked(3600000, B)
    assert turns.judge(3600050, 1, TWO) == STALE
    turns.asked(3600100, B)
    assert turns.judge(3600150, 1, TWO) == MINE


def test_a_doubt_that_stays_is_probed_then_rests():
    turns = unit_without_doubt()
    turns.asked(0, A)
    now_ms = 0
    steps = []
    while len(steps) < 6 * DUBIOUS_MOST:
        now_ms += 10
        steps.append(turns.step(now_ms, B))
        assert turns.step(now_ms, W) == ASK  # a write never waits
        if steps[-1] == ASK:
            turns.asked(now_ms, B)
    assert steps[: DUBIOUS_MOST + 1] == [ASK] * DUBIOUS_MOST + [PROBE]
    assert len([1 for step in steps if step == PROBE]) == PROBES and steps[-1] == REST
    assert turns.step(now_ms + 5000, B) == ASK
    # an answer that explains itself gives the probes back
    turns.asked(now_ms + 5000, C)
    assert turns.judge(now_ms + 5050, 1, FIVE) == MINE and turns.step(now_ms + 5100, B) == ASK
    turns.asked(now_ms + 5100, A)
    steps = [turns.step(now_ms + 5100, B) for _ in range(DUBIOUS_MOST + 1)]
    assert steps[-1] == PROBE


def test_a_probe_is_a_part_of_the_read():
    assert probe_of(C)[1:4] == (3, 300, 4) and probe_of(D)[1:4] == (1, 400, 8)
    assert probe_of(W) is None and probe_of(Request(1, 3, 0, 1, None, 0)) is None
