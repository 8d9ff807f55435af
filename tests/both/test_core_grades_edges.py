# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Certificates at their borders: the first and the last value of each field, every month, every ratio."""

from edge.core import grades
from tests.both import core_help as h
from tests.both.test_core_grades import GOOD, taken

# number: (name, lowest, highest), as docs/CERTIFICATE.md says it.
TEXTS = {
    1: ("serial", 1, 40),
    2: ("chemistry", 1, 40),
    3: ("grade", 1, 10),
    4: ("body", 1, 40),
    5: ("number", 1, 40),
    6: ("method", 1, 80),
    7: ("date", 10, 10),
    8: ("valid_until", 10, 10),
}
NUMBERS = {
    9: ("version", 1, 1000000),
    10: ("capacity_mah", 1000, 5000000),
    11: ("capacity_std_mah", 1, 500000),
    12: ("resistance_uohm", 100, 10000000),
    13: ("resistance_temp_mc", -20000, 60000),
    14: ("charge_ma", 0, 2000000),
    15: ("discharge_ma", 0, 2000000),
    16: ("cell_max_mv", 2000, 4500),
    17: ("cell_min_mv", 1500, 4000),
    18: ("temp_max_mc", 20000, 80000),
    19: ("temp_min_mc", -40000, 20000),
    20: ("temp_min_charge_mc", -30000, 30000),
}


def test_the_first_and_last_value_of_each_field():
    for table, made in ((TEXTS, lambda size: "x" * size), (NUMBERS, lambda value: value)):
        for number in table:
            name, low, high = table[number]
            for value in (low, high):
                found = grades.fields(with_field(number, made(value)))
                assert found is not None and found[name] == made(value), (name, value)
            for value in (low - 1, high + 1):
                assert grades.fields(with_field(number, made(max(value, 0)) if table is TEXTS else value)) is None, name
    assert len(grades.fields(dict(GOOD))) == len(GOOD)


def with_field(number, value):
    body = dict(GOOD)
    body[number] = value
    return body


def test_every_month_of_the_calendar():
    days = 0
    for year in range(1970, 2410):
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        for month, length in enumerate((31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1):
            assert grades.day("%04d-%02d-01" % (year, month)) == days, (year, month)
            days += length
            assert grades.day("%04d-%02d-%02d" % (year, month, length)) == days - 1, (year, month)


def test_the_ratios_of_capacity_and_spread():
    big = h.pack(capacity_mah=1000000)
    for capacity, std, good in (
        (200000, 5000, True),
        (199999, 5000, False),
        (1100000, 5000, True),
        (1100001, 5000, False),
        (1000000, 1000, True),
        (1000000, 999, False),
        (1000000, 200000, True),
        (1000000, 200001, False),
        (222219, 44444, True),  # 200000.9 ppm
    ):
        assert (taken({10: capacity, 11: std}, big) is not None) is good, (capacity, std)


def test_what_is_kept_of_a_certificate():
    kept = {name: GOOD[number] for number, name in ((3, "grade"), (4, "body"), (5, "number"), (7, "date"))}
    kept.update({name: GOOD[n] for n, name in ((9, "version"), (10, "capacity_mah"), (11, "capacity_std_mah"))})
    kept.update({"charge_ma": 70000, "discharge_ma": 70000, "signer": "k", "hash": "d"})
    assert taken({}) == ["S1", kept]


def test_newer_by_version_and_of_this_pack():
    for version, before, newer in ((1, None, True), (0, None, False), (1, 0, True), (5, 5, False), (6, 5, True)):
        pack = h.pack(grade={} if before is None else {"version": before})
        assert grades.fits(pack, ["S1", {"version": version}]) is newer, (version, before)
        assert not grades.fits(pack, ["S2", {"version": version}])


def test_something_is_left_between_the_limits():
    for changes, good in (
        ({17: 3150}, True),  # the maker's 3650 mV is 500 mV above
        ({17: 3151}, False),
        ({16: 3000}, True),
        ({16: 2999}, False),
        ({18: 30000, 20: 30000}, True),
        ({18: 29999, 20: 30000}, False),
        ({18: 20000, 19: 20000}, True),
    ):
        assert (taken(changes) is not None) is good, changes
