# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Orders one by one: first and last values, exact times, what acts, what is kept and what is told."""

from edge.core import durable, faults
from edge.core import orders as o
from edge.core import terms as t
from edge.core.limits import S_CONTRACT, S_ENGINEER, S_ORDER
from edge.core.registry import KEYS
from tests.both import core_help as h
from tests.both.test_core_orders import NO_CLOCK, UTC_S, WALL, order, verify

CERTIFICATE = {1: "S1", 2: "lfp", 3: "B", 4: "KTR", 5: "N-1", 6: "C/3", 7: "2026-03-02", 9: 2, 10: 238000, 11: 5000}
CERTIFICATE.update({14: 70000, 15: 60000})


class Pack:
    """What orders see of a pack."""

    def __init__(self):
        self.acknowledged = []
        self.faults = self
        self.active = [faults.F_WELD]

    def names(self):
        return list(self.active)

    def acknowledge(self, seen):
        self.acknowledged.append(seen)

    def waits_for_grade(self):
        return False


class Counter:
    """Orders of two packs, a site of which they see the packs only, and a store that keeps what it is told."""

    def __init__(self, saved=None, check=verify, lost=False):
        self.packs = [Pack(), Pack()]
        self.settings = h.site_settings([h.pack(), h.pack(id="pack-2", serial="S2", unit=1)])
        self.durable = durable.Durable(0)
        self.orders = o.Orders(self.settings, self.durable, saved, check, lost)

    def ask(self, now_ms, *raws, **more):
        """Verdicts of one step."""
        return [dict(row.pairs)[KEYS["order_verdict"]] for row in self.step(now_ms, *raws, **more)]

    def step(self, now_ms, *raws, **more):
        """Records of one step; a state is made when somebody wants one, and kept when keeps says so."""
        records = self.orders.step(now_ms, more.get("utc", WALL), raws, self)
        if self.durable.is_wanted():
            self.durable.next()
        if more.get("keeps"):
            self.durable.saved = self.durable.made
        return records


def test_the_last_value_is_taken_and_the_next_refused():
    lease = (t.LEASE, {1: [80000, 1, 0]})
    rows = (
        (t.POWER, {1: 5000000, 2: 86400}, o.V_DONE),
        (t.POWER, {1: -5000000, 2: 1}, o.V_DONE),
        (t.POWER, {1: 5000001, 2: 1}, o.V_FIELD),
        (t.POWER, {1: -5000001, 2: 1}, o.V_FIELD),
        (t.POWER, {1: 0, 2: 86401}, o.V_FIELD),
        (t.POWER, {1: 0, 2: 0}, o.V_FIELD),
        lease + (o.V_DONE,),
        (t.LEASE, {1: [80001, 1, 0]}, o.V_LOOSER),
    )
    for action, params, verdict in rows:
        assert Counter().ask(0, order(1, action, params)) == [verdict], params
    for more, verdict in (
        ({"EXPIRES": UTC_S}, o.V_DONE),
        ({"EXPIRES": UTC_S - 1}, o.V_EXPIRED),
        ({"NOT_BEFORE": UTC_S}, o.V_DONE),
        ({"NOT_BEFORE": UTC_S + 1}, o.V_EARLY),
    ):
        assert Counter().ask(0, order(1, lease[0], lease[1], **more)) == [verdict], more
    for length, verdict in ((4096, o.V_SIGNATURE), (4097, o.V_LARGE)):
        assert Counter().ask(0, b"bad" + b"." * (length - 3)) == [verdict]


def test_a_power_order_is_told_to_the_site_once():
    desk = Counter()
    assert desk.orders.asked is None
    desk.step(5000, order(1, t.POWER, {1: -700, 2: 60}))
    assert desk.orders.asked == (-700, 65000)


def test_five_refusals_in_a_minute_are_told():
    desk = Counter()
    told = []
    for now_ms, count in ((0, 6), (59999, 1), (60000, 6), (119999, 1), (120000, 6)):
        told.append(len(desk.ask(now_ms, *([b"bad"] * count))))
    assert told == [5, 0, 5, 0, 5] and desk.orders.refused == 5
    assert desk.ask(120001, order(1, t.STOP, {1: 1})) == [o.V_DONE]  # what is taken is always told


def test_the_record_of_an_order():
    desk = Counter()
    desk.orders.refused = 2
    made = desk.step(7000, order(4, t.STOP, {1: 1}, PACK=1, REASON="smoke"), b"bad", utc=(UTC_S, 3))
    names = ("event", "detail", "order_counter", "order_action", "order_verdict", "order_key", "order_hash")
    keys = [KEYS[name] for name in names] + [KEYS["order_reason"]]
    first = (faults.E_ORDER, 2, 4, t.STOP, o.V_DONE, "com", "d" * 64, "smoke")
    assert tuple(made[0]) == ("E", 1, 7000, UTC_S * 1000, 3, tuple(sorted(zip(keys, first))))
    second = tuple(sorted(zip(keys[:2] + [keys[4], keys[7]], (faults.E_ORDER, 2, o.V_SIGNATURE, "not signed"))))
    assert tuple(made[1]) == ("E", -1, 7000, UTC_S * 1000, 3, second)
    made = desk.step(8000, order(5, t.STOP, {1: 1}, PACK=0), utc=NO_CLOCK)[0]
    assert (made.pack, made.wall_ms, made.clock_quality) == (0, None, 0)


def test_a_step_lets_in_force_only_what_is_durable():
    desk = Counter()
    assert desk.ask(0, order(1, t.MODE, {1: 0}), order(2, t.STOP, {1: 1})) == [o.V_DONE, o.V_DONE]
    desk.step(0, keeps=True)
    assert desk.ask(1000, order(3, t.STOP, {1: 0})) == [o.V_WAITS]
    assert desk.ask(2000, order(4, t.MODE, {1: 1})) == [o.V_WAITS]
    desk.durable.saved = desk.durable.made - 1  # the state with the first of both
    assert not desk.durable.is_wanted()
    records = desk.orders.step(3000, WALL, (), desk)
    assert len(records) == 1 and not desk.orders.stopped and desk.orders.observing
    assert desk.durable.is_wanted()  # so that the store learns that it waits no more
    desk.step(4000, keeps=True)
    assert len(desk.step(5000)) == 1 and not desk.orders.observing and desk.orders.waiting == []


def test_what_tightens_overtakes_what_waits_of_its_kind():
    for action, halted in ((t.STOP, {1: 1}), (t.MODE, {1: 0})):
        free = {1: 1 - halted[1]}
        desk = Counter()
        assert desk.ask(0, order(1, action, free), order(2, action, halted)) == [o.V_WAITS, o.V_DONE]
        desk.step(1000, keeps=True)
        desk.step(2000, keeps=True)
        assert halted_papers(desk), action
        assert desk.orders.state()["waiting"] == []
    desk = Counter()  # and leaves what waits of another kind
    desk.step(0, order(1, t.MODE, {1: 1}), order(2, t.STOP, {1: 0}), order(3, t.ACKNOWLEDGE, {}, REASON="seen"))
    desk.step(0, order(4, t.MODE, {1: 0}))
    assert [row[0] for row in desk.orders.state()["waiting"]] == ["release", "acknowledge"]


def halted_papers(desk):
    """True when both directions of every pack are halted."""
    return desk.orders.papers() == ((((S_ORDER, 0, None, None),),) * 2,) * 2


def test_a_lease_waits_only_behind_leases():
    desk = Counter()
    assert desk.ask(0, order(1, t.STOP, {1: 0}), order(2, t.LEASE, {1: [50000, 90, 0]})) == [o.V_WAITS, o.V_DONE]
    assert desk.ask(0, order(3, t.LEASE, {1: [60000, 90, 0]})) == [o.V_WAITS]
    assert desk.ask(0, order(4, t.LEASE, {1: [40000, 80, 0]})) == [o.V_WAITS]  # tightens, but must come last
    papers = desk.orders.papers()[0][0]
    assert papers == (
        (S_CONTRACT, 50000, 90000, 0),
        (S_CONTRACT, 60000, 90000, 0),
        (S_CONTRACT, 40000, 80000, 0),
    )


def test_the_state_tells_what_is_left_now():
    desk = Counter()
    assert desk.orders.state()["terms"] == []
    desk.step(1000, order(1, t.LEASE, {1: [50000, 90, 7]}, PACK=0), order(2, t.NARROW, {2: 400, 3: 60}, PACK=1))
    desk.step(21001)
    assert sorted(desk.orders.state()["terms"]) == [
        ["pack-1", 0, S_CONTRACT, 50000, 7, 69, UTC_S + 90],
        ["pack-2", 1, S_ENGINEER, 400, None, 40, UTC_S + 60],
    ]


def test_a_lease_goes_on_for_what_is_left_by_both_clocks():
    row = ["pack-1", 0, S_CONTRACT, 50000, 7, 60, UTC_S]
    for utc_s, left_ms in ((UTC_S - 61, 60000), (UTC_S - 60, 60000), (UTC_S - 59, 59000), (UTC_S, 0), (UTC_S + 9, 0)):
        desk = Counter({"terms": [row]})
        desk.step(5000, utc=(utc_s, 2))
        assert desk.orders.papers()[0] == (((S_CONTRACT, 50000, 5000 + left_ms, 7),), ()), utc_s
    desk = Counter({"terms": [row]})
    desk.step(5000, utc=(UTC_S - 61, 1))
    assert desk.orders.papers()[0] == (((S_CONTRACT, 7, None, None),), ())


def test_what_was_kept_waiting_acts_once():
    desk = Counter({"stopped": 1, "waiting": [["release"]]})
    desk.step(0)
    assert desk.orders.papers() == (((), ()),) * 2
    desk.step(1000, order(1, t.STOP, {1: 1}))
    desk.step(2000)
    assert halted_papers(desk) and desk.orders.state()["waiting"] == []
    desk = Counter({"waiting": [["acknowledge", [["pack-2", [faults.F_WELD]]]]]})
    desk.step(0)
    desk.step(1000)
    assert [pack.acknowledged for pack in desk.packs] == [[], [[faults.F_WELD]]]


def test_an_acknowledgement_lifts_what_was_there_when_it_came():
    desk = Counter()
    assert desk.ask(0, order(1, t.ACKNOWLEDGE, {}, REASON="seen")) == [o.V_WAITS]
    desk.packs[0].active.append(faults.F_SMOKE)
    assert desk.orders.state()["waiting"] == [
        ["acknowledge", [["pack-1", [faults.F_WELD]], ["pack-2", [faults.F_WELD]]]]
    ]
    desk.durable.saved = desk.durable.made
    desk.step(1000)
    assert [pack.acknowledged for pack in desk.packs] == [[[faults.F_WELD]]] * 2


def test_after_a_lost_state_an_order_of_before_is_not_believed_again():
    """The newer state slot was rotten: the older one does not know every counter that was used, nor every stop."""
    release, power = (t.STOP, {1: 0}), (t.POWER, {1: 500, 2: 60})
    saved = {"counters": {"com": 4}, "terms": [["pack-1", 0, S_CONTRACT, 50000, 7, 60, UTC_S + 60]]}
    desk = Counter(saved, lost=True)
    desk.step(0, utc=NO_CLOCK)
    assert desk.orders.stopped and desk.orders.state()["floor_s"] == o.UNKNOWN_S == -1
    assert desk.ask(0, order(5, *release), order(6, *power), utc=NO_CLOCK) == [o.V_CLOCK, o.V_LOST]
    assert desk.ask(0, order(7, *release, NOT_BEFORE=UTC_S - 1), order(8, *power)) == [o.V_LOST] * 2
    assert desk.orders.state()["floor_s"] == UTC_S and desk.orders.requested_w(0) is None
    assert desk.ask(0, order(9, t.LEASE, {1: [40000, 9, 0]})) == [o.V_DONE]  # what tightens is taken
    again = Counter(desk.orders.state())
    later = (UTC_S + 500, 3)
    assert again.ask(0, order(10, *release), utc=later) == [o.V_LOST] and again.orders.stopped
    assert again.ask(0, order(11, *release, NOT_BEFORE=UTC_S), keeps=True, utc=later) == [o.V_WAITS]
    again.step(1000, utc=later)
    assert not again.orders.stopped
    assert again.ask(0, order(12, *power, NOT_BEFORE=UTC_S), utc=later) == [o.V_DONE]
    assert Counter(saved).orders.floor_s == 0


def test_a_damaged_state_stops_until_a_release():
    odd = {"waiting": [["acknowledge", [["pack-1", 5]]]]}
    for saved in (odd, {"waiting": [["terms", [[1]]]]}, {"terms": [[1]]}, {"terms": 5}, {"grades": {"pack-1": ["S1"]}}):
        desk = Counter(saved)
        desk.step(0)
        assert halted_papers(desk), saved
        assert desk.ask(0, order(1, t.STOP, {1: 0}), keeps=True) == [o.V_LOST]
        assert desk.ask(0, order(2, t.STOP, {1: 0}, NOT_BEFORE=UTC_S), keeps=True) == [o.V_WAITS]
        desk.step(1000)
        assert desk.orders.papers() == (((), ()),) * 2


def graded():
    """A desk that was given CERTIFICATE for the first pack, and the grade that it makes."""

    def check(raw):
        if raw == b"certificate":
            return "grade", "lab-key", t.CERTIFICATE, CERTIFICATE, "digest"
        return verify(raw)

    desk = Counter(check=check)
    assert desk.ask(0, order(1, t.GRADE, {1: b"certificate"}, key="lab", PACK=0)) == [o.V_WAITS]
    grade = {"grade": "B", "body": "KTR", "number": "N-1", "date": "2026-03-02", "version": 2, "capacity_mah": 238000}
    grade.update({"capacity_std_mah": 5000, "charge_ma": 70000, "discharge_ma": 60000})
    grade.update({"signer": "lab-key", "hash": "digest"})
    return desk, grade


def test_a_grade_narrows_at_once_and_holds_whole_when_it_is_durable():
    desk, grade = graded()
    first = desk.settings["packs"][0]
    before = dict(h.pack()["grade"], charge_ma=70000, discharge_ma=60000)
    assert {key: first["grade"][key] for key in before} == before and "signer" not in first["grade"]
    assert desk.orders.state()["waiting"] == [["grade", "pack-1", ["S1", grade]]] and desk.orders.grades == {}
    other = dict(desk.settings["packs"][1]["grade"])
    desk.step(1000, keeps=True)
    desk.step(2000)
    assert first["grade"] == grade and desk.settings["packs"][1]["grade"] == other
    assert desk.orders.state()["grades"] == {"pack-1": ["S1", grade]}
    first["grade"]["charge_ma"] = 5  # a copy: what is kept is as it was signed
    assert desk.orders.grades["pack-1"][1]["charge_ma"] == 70000


def test_a_kept_grade_holds_again_for_its_own_pack_when_it_is_newer():
    for name, serial, version, taken in (
        ("pack-1", "S1", 4, [True, False]),
        ("pack-1", "S1", 3, [False, False]),
        ("pack-1", "S2", 4, [False, False]),
        ("pack-2", "S2", 4, [False, True]),
        ("pack-2", "S1", 4, [False, False]),
        ("gone", "S1", 4, [False, False]),
    ):
        for kept in ("grades", "waiting"):
            grade = [serial, dict(h.pack()["grade"], version=version)]
            desk = Counter()
            for pack in desk.settings["packs"]:
                pack["grade"]["version"] = 3
            saved = {"grades": {name: grade}} if kept == "grades" else {"waiting": [["grade", name, grade]]}
            desk.orders = o.Orders(desk.settings, desk.durable, saved, verify, False)
            desk.step(0)
            found = [pack["grade"]["version"] == 4 for pack in desk.settings["packs"]]
            assert found == taken and desk.orders.grades == {name: grade}, (name, serial, version, kept)
