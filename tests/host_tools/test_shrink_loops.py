# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Comprehensions written as loops are the same program, in the same order."""

import ast

import pytest

from host_tools.shrink_loops import COMPREHENSIONS, loops

# Each: a function f(note, a), where note(x) writes x down and gives it back; how many comprehensions stay.
FUNCTIONS = (
    ("x = [note(v) for v in a if v > 1]\n    return x", 0),
    ("return [[note(u * v) for u in a] for v in a if note(v)]", 0),
    ("return sum([note(v) for v in a]), {note(v): note(v + 1) for v in a}", 1),  # sum() may do anything
    ("v = 9\n    w = [v for v in a]\n    return v, w", 0),
    ("a = [a for a in a]\n    return a", 0),
    ("return [(note(u), v) for u in a for v in a if u < v]", 0),
    ("return note(1) and [v for v in a]", 1),
    ("return [v for v in a] and note(2)", 0),
    ("return [v for v in a] if note(0) else a[0]", 1),
    ("return note(3) + len([note(v) for v in a])", 1),
    (
        "if [v for v in a if note(v) > 5]:\n        return 1\n    elif [v for v in a if note(v) > 1]:\n        return 2",
        0,
    ),
    ("for v in [note(v) for v in a]:\n        note([v for v in a if v])\n    return v", 0),
    ("return [lambda: note(v) for v in a][0]()", 1),
    ("b = [1]\n    b.append([note(v) for v in a])\n    b[0] = [v for v in b]\n    return b", 0),
    ("x = y = [v for v in a]\n    x.append(1)\n    return y", 0),
    ("return (a[0], [a.pop() for _ in (1, 2)])", 1),  # what is read before must not change
    ("return [v for v in a if v in [w for w in a if note(w)]]", 0),
    ("while [v for v in a if v > len(a)]:\n        a.pop()\n    return a", 1),
    (
        "try:\n        return [1 // (v - 1) for v in a]\n    except ZeroDivisionError:\n        return [note(v) for v in a]",
        0,
    ),
    ("yield [note(v) for v in a]", 1),
    ("def g():\n        return [v for v in a if v]\n    return g()", 0),
    ("return any(note(v) for v in a)", 0),
)


def outcome(text, a):
    """(what f gives, or the kind of its error; what was written down, in order)."""
    notes = []

    def note(x):
        notes.append(x)
        return x

    space: dict = {}
    exec(text, space)
    try:
        found = space["f"](note, list(a))
        return list(found) if "yield" in text else found, notes
    except Exception as error:
        return type(error), notes


@pytest.mark.parametrize(("body", "stay"), FUNCTIONS)
def test_the_same_in_the_same_order(body, stay):
    text = "def f(note, a):\n    %s\n" % body
    tree = ast.parse(text)
    loops(tree)
    made = ast.unparse(ast.fix_missing_locations(tree))
    assert sum(isinstance(each, COMPREHENSIONS) for each in ast.walk(tree)) == stay, made
    for a in ((), (1,), (3, 1, 2), (0, 2, 2), (7, 6, 5, 4)):
        assert outcome(made, a) == outcome(text, a), made


def test_what_is_no_function_is_left_alone():
    text = "X = [v for v in (1, 2)]\nclass A:\n    Y = {v: 1 for v in X}\n"
    tree = ast.parse(text)
    loops(tree)
    assert ast.unparse(tree) == ast.unparse(ast.parse(text))
