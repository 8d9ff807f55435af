# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The form of orders and the terms they set: every range at its border, every time at its millisecond."""

from edge.core import durable as d
from edge.core import terms as t
from edge.core.limits import S_CONTRACT, S_ENGINEER

BODY = {1: "gumi-014", 2: 1, 3: 100, 4: 200, 5: 1, 7: {}}


def body(**changes):
    made = dict(BODY)
    for key in changes:
        made[int(key[1:])] = changes[key]
    return made


def test_numbers_are_pinned():
    """An order has at most 4096 bytes, names at most 2000 A and 400 days, an engineer's at most 8 hours."""
    assert (t.CERTIFICATE, t.ORDER, t.MAX_BYTES) == (1, 3, 4096)
    assert (t.MAX_COUNTER, t.MAX_UTC_S) == (9007199254740992, 8589934592)
    assert (t.MAX_MA, t.MAX_LEASE_S, t.MAX_NARROW_S, t.MAX_REASON) == (2000000, 34560000, 28800, 200)
    names = (t.K_DEVICE, t.K_COUNTER, t.K_NOT_BEFORE, t.K_EXPIRES, t.K_ACTION, t.K_PACK, t.K_PARAMS, t.K_REASON)
    assert names == (1, 2, 3, 4, 5, 6, 7, 8)
    assert (t.LEASE, t.NARROW, t.GRADE, t.ACKNOWLEDGE, t.MODE, t.POWER, t.STOP, t.UPDATE) == tuple(range(1, 9))
    assert (len(t.ACTIONS), t.MAX_UPDATE_BYTES) == (9, 16777216)


def test_the_keys_of_an_order_and_their_ranges():
    for made, good in (
        (body(), True),
        (body(k2=0), False),
        (body(k2=1 << 53), True),
        (body(k2=(1 << 53) + 1), False),
        (body(k2=True), False),
        (body(k3=0), True),
        (body(k3=-1), False),
        (body(k3=200), True),
        (body(k3=201), False),
        (body(k4=1 << 33), True),
        (body(k4=(1 << 33) + 1), False),
        (body(k5=0), False),
        (body(k5=7), True),
        (body(k5=8), True),
        (body(k5=9), False),
        (body(k6=0), True),
        (body(k6=-1), False),
        (body(k6=63), True),
        (body(k6=64), False),
        (body(k7=[]), False),
        (body(k8="x" * 200), True),
        (body(k8="x" * 201), False),
        (body(k8=5), False),
        (body(k0=0), False),
        (body(k9=0), False),
        (body(k1=7), False),
        ([], False),
        (None, False),
    ):
        assert t.is_order(made) == good, made
    for key in BODY:
        assert not t.is_order({each: BODY[each] for each in BODY if each != key}), key
    assert not t.is_order(dict(BODY, x=1))


def test_fields_of_a_lease():
    for params, rows in (
        ({1: [5000, 60, 1000]}, [(0, 5000, 60, 1000)]),
        ({2: (5000, 60, 1000), 1: [7, 1, 7]}, [(0, 7, 1, 7), (1, 5000, 60, 1000)]),
        ({1: [0, 1, 0]}, [(0, 0, 1, 0)]),
        ({1: [2000000, 34560000, 2000000]}, [(0, 2000000, 34560000, 2000000)]),
        ({1: [2000001, 60, 0]}, None),
        ({1: [-1, 60, -1]}, None),
        ({1: [5, 0, 0]}, None),
        ({1: [5, 34560001, 0]}, None),
        ({1: [5, 60, 6]}, None),
        ({1: [5, 60, -1]}, None),
        ({1: [5, 60]}, None),
        ({1: [5, 60, 1, 1]}, None),
        ({1: "abc"}, None),
        ({0: [5, 60, 1]}, None),
        ({3: [5, 60, 1]}, None),
        ({}, None),
    ):
        assert t.leased(params) == rows, params


def test_fields_of_a_narrowing():
    for params, rows in (
        ({1: 5, 3: 60}, [(0, 5, 60, None)]),
        ({1: 0, 2: 2000000, 3: 28800}, [(0, 0, 28800, None), (1, 2000000, 28800, None)]),
        ({1: 5, 3: 1}, [(0, 5, 1, None)]),
        ({1: 5, 3: 0}, None),
        ({1: 5, 3: 28801}, None),
        ({1: 5}, None),
        ({3: 60}, None),
        ({1: -1, 3: 60}, None),
        ({2: 2000001, 3: 60}, None),
        ({0: 5, 3: 60}, None),
        ({4: 5, 3: 60}, None),
    ):
        assert t.narrowed(params) == rows, params


def test_switches():
    for params, value in (({1: 0}, 0), ({1: 1}, 1), ({1: 2}, None), ({1: -1}, None), ({}, None), ({1: 1, 2: 1}, None)):
        assert t.switch(params) == value, params


def test_the_envelope_is_the_least_of_the_documents():
    for maker, grade, contract, most in (
        (9, 8, {"x": 7}, 7),
        (9, 6, {"x": 7}, 6),
        (5, 6, {"x": 7}, 5),
        (9, 8, None, 8),
    ):
        assert t.envelope({"maker": {"x": maker}, "grade": {"x": grade}, "contract": contract}, "x") == most


def test_a_term_holds_until_its_millisecond():
    term = t.Term(50, 7, 2000, None)
    assert [term.now(at) for at in (0, 1999, 2000, 9000)] == [50, 50, 7, 7]
    assert term.paper(5) == (5, 50, 2000, 7) and term.left_ms == 0
    void = t.Term(50, 7, None, 99, 1234)
    assert void.now(0) == 7 and void.paper(5) == (5, 7, None, None)


def test_what_tightens():
    old = t.Term(50, 20, 2000, None)
    for value, after, until_ms, tightens in (
        (50, 20, 2000, True),
        (51, 20, 2000, False),
        (50, 21, 2000, False),
        (50, 20, 2001, False),
        (50, 20, 1999, True),
        (20, 20, 9999, True),  # never above what the old one ends with
        (21, 20, 9999, False),
        (51, 19, 1, False),
        (49, 21, 1, False),
    ):
        assert t.Term(value, after, until_ms, None).tightens(1000, old) == tightens, (value, after, until_ms)
    assert not t.Term(21, 0, 3000, None).tightens(2000, old)  # the old one has ended
    assert t.Term(20, 0, 3000, None).tightens(2000, old)
    assert t.Term(10**6, 10**6, 1, None).tightens(0, None)


def test_what_is_left_is_rounded_to_the_safe_side():
    for left_ms, down, up in ((0, 0, 0), (1, 0, 1), (999, 0, 1), (1000, 1, 1), (1001, 1, 2), (1999, 1, 2)):
        running, void = t.Term(5, 1, 7000 + left_ms, None), t.Term(5, 1, None, None, left_ms)
        for term in (running, void):
            assert (term.left_s(7000, 0), term.left_s(7000, 1)) == (down, up), left_ms
    over = t.Term(5, 1, 7000, None)
    assert over.left_s(9000, 0) == over.left_s(9000, 1) == 0


def test_terms_go_through_the_store():
    items = [
        (("p", 0, S_CONTRACT), t.Term(50, 7, 11500, 1111)),
        (("p", 1, S_ENGINEER), t.Term(40, None, 11500, None)),
    ]
    rows = [["p", 0, S_CONTRACT, 50, 7, 1, 1111], ["p", 1, S_ENGINEER, 40, None, 2, None]]
    assert t.stored(items, 10000) == rows
    back = t.terms_of(rows, 500)
    assert [place for place, _ in back] == [place for place, _ in items]
    lease, narrowing = back[0][1], back[1][1]
    assert (lease.value, lease.after, lease.until_ms, lease.until_s, lease.left_ms) == (50, 7, None, 1111, 1000)
    assert (narrowing.value, narrowing.until_ms, narrowing.until_s, narrowing.left_ms) == (40, 2500, None, 2000)
    assert t.plain(("terms", items), 10000) == ["terms", rows]
    assert t.plain(("release",), 10000) == ["release"]


def test_a_ticket_is_kept_by_its_state_and_any_later_one():
    durable = d.Durable(7)
    assert not durable.is_wanted() and not durable.is_waiting()
    ticket = durable.ticket()
    assert ticket == 8 and durable.is_wanted() and durable.is_waiting() and not durable.kept(ticket)
    assert durable.next() == 8 and not durable.is_wanted() and durable.is_waiting()
    durable.saved = 8
    assert durable.kept(ticket) and not durable.is_waiting() and not durable.kept(9)
    durable.saved = 9
    assert durable.kept(ticket)


def test_the_form_of_an_update():
    for params, good in (
        ({1: b"d" * 32, 2: 1, 3: 0}, True),
        ({1: b"d" * 32, 2: 1 << 24, 3: 1 << 33}, True),
        ({1: b"d" * 32, 2: 0, 3: 0}, False),
        ({1: b"d" * 32, 2: (1 << 24) + 1, 3: 0}, False),
        ({1: b"d" * 32, 2: 1, 3: -1}, False),
        ({1: b"d" * 32, 2: 1, 3: (1 << 33) + 1}, False),
        ({1: b"d" * 31, 2: 1, 3: 0}, False),
        ({1: "d" * 32, 2: 1, 3: 0}, False),
        ({1: b"d" * 32, 2: 1, 3: 0, 4: 0}, False),
        ({1: b"d" * 32, 2: 1}, False),
        ({}, False),
    ):
        assert t.is_update(params) == good, params
