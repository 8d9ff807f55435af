# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The shortened texts of a bundle are the same program."""

import ast

from host_tools import bundle
from host_tools.shrink import shrink

KINDS = """
NAMES = ("none", "high", "low")
NONE, HIGH, LOW = range(len(NAMES))
STEP_MS = 2 * 500
TWICE = 1
TWICE = 2
KEYS = {"soc": 1, "age": 27}


def unused():
    return NAMES


def told(HIGH):
    return HIGH + STEP_MS


class Kept:
    LOW = 7

    def never(self):
        return 1

    def value(self):
        return LOW
"""
USER = """
from a import kinds as k
from a.kinds import KEYS, STEP_MS, TWICE, Kept, told


def main():
    k.LOW, rest = 5, [k for k in (1, 2)]
    return [k.HIGH, STEP_MS * 60, TWICE, KEYS["age"], told(3), Kept().value(), rest]
"""


def run(texts):
    """What main() of a.user gives."""
    import sys
    import types

    sys.modules["a"] = types.ModuleType("a")
    try:
        for name in ("a.kinds", "a.user"):
            module = sys.modules[name] = types.ModuleType(name)
            setattr(sys.modules["a"], name[2:], module)
            exec(texts[name], module.__dict__)
        return module.main()
    finally:
        for name in ("a", "a.kinds", "a.user"):
            sys.modules.pop(name, None)


def test_the_same_answer_with_less():
    texts = {"a.kinds": KINDS, "a.user": USER.replace("k.LOW, rest", "_, rest")}
    short = shrink(texts)
    assert run(short) == run(texts) == [1, 60000, 2, 27, 1003, 2, [1, 2]]
    assert "unused" not in short["a.kinds"] and "never" not in short["a.kinds"] and "KEYS" not in short["a.kinds"]
    assert "TWICE" in short["a.kinds"]  # bound twice: left alone
    assert "60000" in short["a.user"] and "STEP_MS" not in short["a.user"]


def test_every_bundle_still_is_python():
    texts = bundle.modules_of(bundle.ENTRIES)
    short = shrink(texts)
    assert set(short) == set(texts)
    for module, text in short.items():
        ast.parse(text)
        assert len(text) <= len(texts[module])


def test_a_name_written_through_its_module_is_left_alone():
    texts = {"a.kinds": KINDS, "a.user": USER}
    assert run(shrink(texts)) == run(texts)
