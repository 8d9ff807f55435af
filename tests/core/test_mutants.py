# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The mutation run itself: a planted mistake dies, and a mistake that no test looks at is reported."""

import os

import pytest

from tests.mutants import run
from tests.mutants.schemata import name, rewrite

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

GUARD = "edge/core/guard.py"


def judged(text, place, was, now):
    """The killing test (or None) of one mutant of the guard's source text."""
    codes, mutants = run.load([GUARD], {GUARD: text})
    chosen = [m for m in mutants[GUARD] if (m.place, m.was, m.now) == (place, was, now)]
    assert chosen, "no such mutant"
    return run.try_file(GUARD, codes, chosen[:1], 1, {})[0][1]


def guard_text():
    return (run.ROOT / GUARD).read_text(encoding="utf-8")


def test_a_planted_mistake_dies():
    assert judged(guard_text(), "_age_reason", "age_ms > limit_ms", "age_ms <= limit_ms")


@pytest.mark.long
def test_a_mistake_that_no_test_reaches_is_reported():
    text = guard_text() + "\n\ndef unused(value):\n    return value + 1\n"
    assert judged(text, "unused", "value + 1", "value - 1") is None


def test_switched_off_the_code_means_the_same():
    source = "def f(a, b):\n    c = 0\n    while a < b and not c > 3:\n        a += 1\n        c = max(c, a)\n    return -c if a else b\n"
    code, mutants = rewrite("f.py", source, 1)
    space = {"_m": lambda number: False}
    exec(code, space)
    assert [space["f"](a, b) for a, b in ((0, 9), (5, 2), (-3, 0))] == [-4, 0, 0]
    found = {(m.was, m.now) for m in mutants}
    assert {("a < b", "a <= b"), ("3", "4"), ("3", "2"), ("a += 1", "a -= 1"), ("a += 1", "(nothing)")} <= found
    assert len({name(m) for m in mutants}) == len(mutants)
