# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a source of limits may only tighten, and which of two values is the narrower."""

# Limits that a narrower source may only tighten: (key, True when smaller is narrower).
BOUNDS = (
    ("charge_ma", True),
    ("discharge_ma", True),
    ("cell_max_mv", True),
    ("cell_min_mv", False),
    ("temp_max_mc", True),
    ("temp_min_mc", False),
    ("temp_min_charge_mc", False),
)


def looser(value, than, smaller):
    """True when value allows more than `than`. smaller: True when smaller is narrower (BOUNDS)."""
    return value > than if smaller else value < than


def bound(pack, key):
    """The limit of key (BOUNDS) in a pack's settings: the maker's, or the test centre's where that is narrower."""
    grade = pack["grade"].get(key)
    maker = pack["maker"][key]
    if grade is None:
        return maker
    for name, smaller in BOUNDS:
        if name == key and looser(grade, maker, smaller):
            return maker
    return grade
