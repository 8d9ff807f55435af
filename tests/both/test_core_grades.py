# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A certificate as an order: every field that is wrong refuses the whole, and a grade never widens by itself."""

from edge.core import grades, terms
from edge.core import orders as o
from tests.both import core_help as h
from tests.both import test_core_orders as desks

GOOD = {1: "S1", 2: "lfp", 3: "B", 4: "KTR", 5: "N-1", 6: "C/3", 7: "2026-03-02", 9: 2, 10: 238000, 11: 5000}
GOOD.update({14: 70000, 15: 70000})
UTC_S = desks.UTC_S


def taken(changes, pack=None, utc_s=UTC_S):
    body = dict(GOOD)
    for key in changes:
        body[key] = changes[key]
        if changes[key] is None:
            del body[key]
    return grades.grade_of(pack or h.pack(), body, utc_s, "k", "d")


def test_a_good_one_is_taken_and_every_wrong_field_refuses_it():
    assert taken({})[1]["charge_ma"] == 70000 and taken({})[0] == "S1"
    assert taken({8: "2099-01-01", 16: 3600, 18: 50000})[1]["cell_max_mv"] == 3600
    rows = [{key: None} for key in GOOD]
    rows += [{1: "S2"}, {2: "nmc"}, {3: ""}, {4: "x" * 41}, {7: "2026-13-02"}, {7: "2026-00-02"}, {7: "2026-01-32"}]
    rows += [{7: "26-01-020"}, {7: "2026-01-0x"}, {7: "2026-01-00"}, {8: "never"}, {8: "2026-03-01"}, {8: "2026-13-01"}]
    rows += [
        {9: 0},
        {9: 1.0},
        {9: True},
        {10: 55999},
        {10: 308001},
        {11: 237},
        {11: 47601},
        {14: -1},
        {14: float("nan")},
    ]
    rows += [{14: 2000001}, {21: 1}, {"1": 1}, {5: 5}, {15: "x"}, {17: 3200}, {18: 20000, 20: 30000}]
    for changes in rows:
        assert taken(changes) is None, changes
    assert grades.fields([1]) is None
    assert taken({9: 2}, h.pack(grade={"version": 2})) is None and taken({9: 3}, h.pack(grade={"version": 2}))


def test_dates_are_judged_only_by_a_trusted_clock():
    assert grades.day("1970-01-01") == 0 and grades.day("2000-03-01") == 11017 and grades.day("2026-12-31") == 20818
    day_s = 86400
    tested = grades.day("2026-03-02") * day_s
    assert taken({}, None, tested - day_s) and not taken({}, None, tested - day_s - 1)
    assert taken({8: "2026-03-02"}, None, tested + 2 * day_s - 1) and not taken(
        {8: "2026-03-02"}, None, tested + 2 * day_s
    )
    assert taken({}, None, None)


def test_wider_looser_narrower():
    assert grades.is_wider({"charge_ma": 6}, {"charge_ma": 5}) and not grades.is_wider(
        {"charge_ma": 5}, {"charge_ma": 5}
    )
    assert grades.is_wider({"cell_min_mv": 4}, {"cell_min_mv": 5}) and not grades.is_wider({}, {"charge_ma": 5})
    assert grades.is_looser({}, {"charge_ma": 5}) and not grades.is_looser({"charge_ma": 5}, {})
    both = grades.narrower({"charge_ma": 6, "cell_min_mv": 4}, {"charge_ma": 5, "cell_min_mv": 5, "temp_max_mc": 7})
    assert both == {"charge_ma": 5, "cell_min_mv": 5, "temp_max_mc": 7}


def ask(params, utc=desks.WALL, body=None, role="grade", **more):
    """Verdict on a grade order of a fresh desk; its certificate is `body` under the key of `role`."""
    order = {1: "test", 2: 1, 3: UTC_S - 10, 4: UTC_S + 1000, 5: terms.GRADE, 7: params}
    order.update(more.get("order", {6: 0}))

    def check(raw):
        if raw == b"order":
            return "grade", "k", terms.ORDER, order, "d"
        return "unreadable" if raw == b"bad" else (role, "k2", more.get("kind", terms.CERTIFICATE), body or GOOD, "d2")

    desk = desks.Desk(check=check, keeps=False)
    desk.utc = utc
    return desk.ask(b"order"), desk


def test_a_grade_order_is_taken_or_refused_whole():
    assert ask({1: b"cert"})[0] == [o.V_WAITS]
    for params in ({}, {1: "text"}, {1: b"cert", 2: 1}):
        assert ask(params)[0] == [o.V_FIELD]
    assert ask({1: b"bad"})[0] == ask({1: b"c"}, role="operator")[0] == ask({1: b"c"}, kind=3)[0] == [o.V_CERTIFICATE]
    assert ask({1: b"c"}, body=desks.changed(GOOD, 1, "S9"))[0] == [o.V_CERTIFICATE]
    assert ask({1: b"c"}, body=desks.changed(GOOD, 14, 140001))[0] == [o.V_LOOSER]
    assert ask({1: b"c"}, desks.NO_CLOCK, desks.changed(GOOD, 14, 90001))[0] == [o.V_CLOCK]
    verdict, desk = ask({1: b"c"}, desks.NO_CLOCK)  # narrower: the least holds at once
    assert verdict == [o.V_WAITS] and desk.permit() == (70000, 70000)
