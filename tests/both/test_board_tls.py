# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A board without a clock: the earliest time it can be, marked as such; and the parts of a file of authorities."""

import os
import time

from edge.shell import board_tls
from edge.shell.board_tls import FLOOR, MARK, RTC, floored, note, number, parts


class Clock:
    """machine.RTC that only remembers what it was set to."""

    def __init__(self):
        self.told = None

    def datetime(self, when):
        self.told = when


def start(built_s, known_s=None):
    """(quality, what the clock was set to, the mark) of a start with these files."""
    folder, clock = "tls_test_%d" % id(object()), Clock()
    os.mkdir(folder)
    os.mkdir(folder + "/tls")
    with open(folder + board_tls.BUILT, "w", encoding="utf-8") as file:
        file.write("%d" % built_s)
    if known_s is not None:
        note(folder, known_s)
    quality, mark = floored(folder, clock), number(folder + MARK)
    for name in ("/tls/built", MARK):
        if number(folder + name) is not None:
            os.remove(folder + name)
    os.rmdir(folder + "/tls")
    os.rmdir(folder)
    return quality, clock.told, mark


def test_a_clock_after_the_building_is_believed():
    assert start(int(time.time()) - 10) == (RTC, None, None)


def test_a_clock_before_it_is_set_to_it():
    built_s = int(time.time()) + 400 * 86400
    quality, told, mark = start(built_s)
    at = time.gmtime(built_s)
    assert quality == FLOOR and mark == built_s
    assert told == (at[0], at[1], at[2], at[6], at[3], at[4], at[5], 0)


def test_the_last_time_known_counts_when_it_is_later():
    now_s = int(time.time())
    quality, told, mark = start(now_s + 86400, now_s + 5 * 86400)
    assert quality == FLOOR and mark == now_s + 5 * 86400 and told[2] == time.gmtime(mark)[2]


def test_a_clock_that_was_set_to_a_floor_stays_one():
    now_s = int(time.time())
    assert start(now_s - 10, now_s - 5) == (FLOOR, None, now_s - 5)


def test_a_damaged_mark_is_still_a_mark():
    assert number("tls_no_such_file") is None
    with open("tls_test_mark", "w", encoding="utf-8") as file:
        file.write("x")
    assert number("tls_test_mark") == 0
    os.remove("tls_test_mark")


def test_parts_of_der():
    short, long = b"\x30\x02ab", b"\x30\x82\x01\x00" + bytes(256)
    assert list(parts(short + long + short)) == [short, long, short]
    assert list(parts(b"")) == []


def test_a_file_that_is_missing_is_named():
    place = {"ca": "tls/none.der", "certificate": "tls/none.der", "private_key": "tls/none.der"}
    try:
        board_tls.BoardTls(".", place)._part("certificate")
        raise AssertionError("it was there")
    except OSError as error:
        assert "certificate file tls/none.der is missing" in str(error)
