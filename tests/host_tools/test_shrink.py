# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The shortened texts of a bundle are the same program."""

import ast

from host_tools import bundle
from host_tools.shrink import shrink
from host_tools.shrink_rename import rename

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
    short = shrink(texts, ("TWICE", "never"))
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


PRIVATE = """
from a.kinds import Kept


class Device(Kept):
    def __init__(self, number):
        self._number = number
        self._named = 3
        self.value = lambda _low: _low + self._number

    def told(self, *, plus):
        return self._number + plus + getattr(self, "_named")


def _twice(amount):
    global _LAST
    _LAST = [amount]
    return 2 * amount


def main():
    device = Device(_twice(amount := 4))
    device._noted = amount
    return [device.value(1), device.told(plus=2), device._noted, _LAST, Kept.told(device)]
"""
BASE = """
class Kept:
    def __init__(self):
        self._base = 1

    def told(self):
        self._base = 5
        return self._base + self._number
"""


def test_private_names_become_short_and_nothing_else_changes():
    texts = {"a.kinds": BASE, "a.user": PRIVATE}
    short = shrink(texts)
    assert run(short) == run(texts) == [9, 13, 4, [4], 13]
    both = short["a.kinds"] + short["a.user"]
    assert not [
        name for name in ("_twice", "_number", "_base", "_noted", "_LAST", "amount", "Device", "told") if name in both
    ]
    assert all(name in both for name in ("_named", "plus", "main", "value"))


def test_names_that_no_module_mentions_together_share_a_short_one():
    short = rename({"a.%d" % i: ast.parse("_x%d = [1]\ndef f():\n    return _x%d\n" % (i, i)) for i in range(3)}, "f")
    assert len(short) == 3 and len(set(short.values())) == 1
    one_class = [
        "class A:\n    def f(self):\n        self._x = 1\n",
        "class B(A):\n    def g(self):\n        self._y = 1\n",
    ]
    short = rename({"a.%d" % i: ast.parse(text) for i, text in enumerate(one_class)}, "ABfg")
    assert len(set(short.values())) == 2  # an object of both classes has both
    outside = ["class A:\n    def f(self):\n        self._x = 1\n", "def g(device):\n    device._y = 1\n"]
    short = rename({"a.%d" % i: ast.parse(text) for i, text in enumerate(outside)}, ("A", "f", "g", "device"))
    assert short["_x"] != short["_y"]  # nobody knows whose object device is


OTHERS = """
from collections import namedtuple
Told = namedtuple("Told", ("seen_ms", "amount", "named"))


class Wide:
    def __init__(self):
        self.slope = 2
        self.lines = []

    def append(self, line):
        self.lines.append(line)


class Around:
    def __init__(self, wide):
        self.wide = wide
        self.offset = 30

    def __getattr__(self, name):
        return getattr(self.wide, name)
"""
READER = """
from a.kinds import Around, Told, Wide


def main():
    told = Told(1, seen_ms=5) if False else Told(1, 2, 3)
    wide = Wide()
    wide.append("x")
    around = Around(wide)
    return [told.seen_ms, told.amount, getattr(told, "named"), around.slope, around.offset, wide.lines]
"""


def test_fields_what_goes_through_another_and_what_is_not_ours():
    texts = {"a.kinds": OTHERS, "a.user": READER}
    short = shrink(texts)
    assert run(short) == run(texts) == [1, 2, 3, 2, 30, ["x"]]
    both = short["a.kinds"] + short["a.user"]
    assert all(name in both for name in ("append", "named", "seen_ms"))  # ours too, by name, called by name
    assert not [name for name in ("Wide", "slope", "Told") if name in both]


TABLES = """
HOT, COLD = 3, 1
ROWS = (("none", 0, "nothing"), ("high", HOT, "too much"), ("low", COLD, "too little"))
NAMES = tuple([row[0] for row in ROWS])
LEVEL = bytes([row[1] for row in ROWS])
COUNT = len(ROWS)
KNEE_MV = {"lfp": (1, 2), "nmc": (3, 4)}
"""
ASKING = """
from a.kinds import COUNT, KNEE_MV, LEVEL, NAMES


def main():
    return [NAMES[1], LEVEL[2], COUNT, KNEE_MV["lfp"]]
"""


def test_a_column_stays_without_its_table_and_a_chemistry_without_the_others():
    texts = {"a.kinds": TABLES, "a.user": ASKING}
    short = shrink(texts, (), ("lfp",))
    assert run(short) == run(texts) == ["high", 1, 3, (1, 2)]
    assert "too much" not in short["a.kinds"] and "nmc" not in short["a.kinds"]
    assert "nmc" in shrink(texts)["a.kinds"]


SWAPPED = """
def main():
    a, b = 1, (2, 3)
    a, b, c = b, lambda: (7, 5), a if a else (0, 0)
    (one,) = (a,)
    return a, b(), c, one
"""


def test_two_or_three_values_are_assigned_without_brackets():
    texts = {"a.kinds": "COUNT = 1\n", "a.user": SWAPPED}
    short = shrink(texts)["a.user"]
    assert " = 1, (2, 3)\n" in short and ": (7, 5), " in short and "else (0, 0)\n" in short
    assert run({**texts, "a.user": short}) == run(texts) == ((2, 3), (7, 5), 1, (2, 3))
