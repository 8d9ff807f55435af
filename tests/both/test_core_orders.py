# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Orders: who may ask for what, everything that is refused, and that no refused one widens a limit."""

from edge.core import limits as lim
from edge.core import orders as o
from edge.core import terms as t
from tests.both import core_help as h

UTC_S = 1800000000
WALL = (UTC_S, 3)
NO_CLOCK = (None, 0)
ROLES = {"op": "operator", "eng": "engineer", "com": "commission", "lab": "grade", "odd": "visitor"}


def verify(raw):
    """Documents as Python text: (key, type, body); b"bad..." is not believed."""
    if raw[:3] == b"bad":
        return "not signed"
    key, kind, body = eval(raw.decode())
    return ROLES[key], key, kind, body, "d" * 64


def order(counter, action, params, key="com", kind=3, **more):
    body = {1: "test", 2: counter, 3: UTC_S - 10, 4: UTC_S + 1000, 5: action, 7: params}
    for name in more:
        body[getattr(t, "K_" + name)] = more[name]
    return repr((key, kind, body)).encode()


class Desk:
    """A bench with orders; a store that keeps every state at once, or only when told."""

    def __init__(self, packs=None, state=None, mode="control", keeps=True, check=verify):
        self.bench = h.Bench(h.site_settings(packs, mode), state)
        self.keeps = keeps
        self.kept = state
        self.utc = WALL
        self.verify = check
        self.bench.site = o_site(self.bench.settings, state, check)
        self.verdicts = []

    def step(self, *raws):
        """One step with these orders; the command."""
        bench = self.bench
        bench.count += 1
        reads = [read(bench.now_ms, bench.count) for read in bench.reads]
        reads.append(bench.pcs(bench.now_ms, bench.count))
        outcome = bench.site.step(bench.now_ms, self.utc, reads, list(raws))
        self.keep(outcome.state)
        self.verdicts = []
        for record in outcome.records:
            pairs = dict(record.pairs)
            if record.cls == "E" and pairs.get(152) is not None:
                self.verdicts.append(pairs[152])
        bench.now_ms = outcome.wake_ms
        return outcome.commands[0]

    def keep(self, state):
        if state is not None and self.keeps:
            self.kept = h.kept(state)
            self.bench.site.saved = state["save"]

    def run(self, steps):
        command = None
        for _ in range(steps):
            command = self.step()
        return command

    def ask(self, *raws):
        """Verdicts of these orders."""
        self.step(*raws)
        return self.verdicts

    def permit(self, steps=60):
        command = self.run(steps)
        return command.charge_ma, command.discharge_ma

    def reboot(self, utc=WALL):
        """The same site from what was kept."""
        again = Desk(None, h.kept(self.kept), self.bench.settings["mode"], self.keeps, self.verify)
        again.utc = utc
        return again


def o_site(settings, state, check):
    from edge.core.site import Site

    return Site(settings, state, check)


FULL = (80000, 80000)


def test_a_lease_lowers_at_once_and_its_fields_end_each_for_itself():
    desk = Desk()
    assert desk.permit() == FULL
    assert desk.ask(order(1, t.LEASE, {1: [50000, 100, 9000], 2: [40000, 300, 0]})) == [o.V_DONE]
    command = desk.step()
    assert (command.charge_ma, command.discharge_ma) == (50000, 40000)
    assert desk.bench.site.packs[0].limits.charge_why == lim.S_CONTRACT
    assert desk.permit(95) == (50000, 40000)
    # B is renewed (it loosens: it waits one state), A is not
    assert desk.ask(order(2, t.LEASE, {2: [40000, 600, 0]})) == [o.V_WAITS]
    assert desk.ask() == [o.V_DONE]
    assert desk.permit(10) == (9000, 40000)
    assert desk.permit(400) == (9000, 40000)
    assert desk.permit(250) == (9000, 0)


def test_no_command_outlives_a_lease():
    """Nothing above what holds afterwards may be on its way when a lease ends, even when no later step comes."""
    desk = Desk()
    desk.run(60)
    desk.step(order(1, t.LEASE, {1: [50000, 10, 9000]}))
    ends_ms = desk.bench.now_ms - 1000 + 10000
    for _ in range(12):
        command = desk.step()
        assert command.charge_ma == (50000 if command.valid_until_ms < ends_ms else 9000), command
    rows = desk.bench.site.packs[0].limits.sources
    assert [row[1] for row in rows if row[0] == lim.S_CONTRACT] == [9000]


def test_what_loosens_waits_until_it_is_durable():
    desk = Desk(keeps=False)
    desk.step(order(1, t.LEASE, {1: [10000, 9000, 0]}))
    assert desk.permit()[0] == 10000
    assert desk.ask(order(2, t.LEASE, {1: [60000, 9000, 0]})) == [o.V_WAITS]
    assert desk.permit()[0] == 10000
    # a tighter one that comes later waits behind it, and both hold
    assert desk.ask(order(3, t.LEASE, {1: [7000, 9000, 0]})) == [o.V_WAITS]
    assert desk.step().charge_ma == 7000
    assert desk.permit()[0] == 7000
    desk.keeps = True
    desk.keep(desk.bench.site.state())
    assert desk.ask() == [o.V_DONE, o.V_DONE]
    assert desk.permit()[0] == 7000


def test_a_state_that_was_not_kept_is_made_again():
    desk = Desk(keeps=False)
    desk.run(30)
    desk.step(order(1, t.STOP, {1: 1}))
    desk.step(order(2, t.STOP, {1: 0}))
    saves = [desk.bench.site.durable.made]
    desk.run(25)
    saves.append(desk.bench.site.durable.made)
    assert saves[1] - saves[0] == 2  # every 10 s
    desk.keeps = True
    desk.run(11)
    assert desk.permit() == FULL


def test_refused_and_nothing_widens():
    desk = Desk()
    desk.step(order(10, t.LEASE, {1: [20000, 90000, 0], 2: [20000, 90000, 0]}))
    wide = {1: [80000, 9000, 0]}
    rows = (
        (b"bad", o.V_SIGNATURE),
        (b"x" * 4097, o.V_LARGE),
        (order(11, t.LEASE, wide, kind=1), o.V_TYPE),
        (order(11, t.LEASE, wide, DEVICE="other"), o.V_DEVICE),
        (order(10, t.LEASE, wide), o.V_COUNTER),
        (order(9, t.LEASE, wide), o.V_COUNTER),
        (order(12, t.LEASE, wide, EXPIRES=UTC_S - 1), o.V_EXPIRED),
        (order(13, t.LEASE, wide, NOT_BEFORE=UTC_S + 500), o.V_EARLY),
        (order(14, t.LEASE, {1: [80001, 9000, 0]}), o.V_LOOSER),
        (order(15, t.LEASE, {1: [20000, 9000, 0], 2: [80001, 9000, 0]}), o.V_LOOSER),
        (order(16, t.LEASE, wide, PACK=1), o.V_PACK),
        (order(1, t.LEASE, wide, key="eng"), o.V_ROLE),
        (order(1, t.LEASE, wide, key="odd"), o.V_ROLE),
        (order(1, t.GRADE, {1: b"x"}, key="op"), o.V_ROLE),
        (order(17, t.GRADE, {1: b"x"}), o.V_ROLE),
        (order(18, t.NARROW, {1: 80001, 3: 60}), o.V_LOOSER),
        (order(19, t.ACKNOWLEDGE, {}), o.V_REASON),
        (order(20, t.ACKNOWLEDGE, {1: 1}, REASON="looked"), o.V_FIELD),
    )
    for raw, verdict in rows:
        desk.bench.now_ms += 60000  # apart, or the flood guard keeps them
        desk.bench.site.wake_ms = desk.bench.now_ms
        assert desk.ask(raw) == [verdict], raw
        command = desk.run(2)
        assert command.charge_ma <= 20000 and command.discharge_ma <= 20000
    assert desk.permit() == (20000, 20000)


def test_impossible_fields_are_refused_whole():
    nan = float("nan")
    lease, narrow, stop, power = t.LEASE, t.NARROW, t.STOP, t.POWER
    rows = [
        (lease, p)
        for p in ({}, {1: 5}, {3: [1, 1, 1]}, {1: [1, 1]}, {1: [1, 1, 1, 1]}, {1: [-1, 9, 0]}, {True: [1, 1, 1]})
    ]
    rows += [
        (lease, {1: row}) for row in ([nan, 9, 0], [10**30, 9, 0], [5, 0, 0], [5, 34560001, 0], [5, 9, 6], [5, 9, -1])
    ]
    rows += [
        (lease, {1: row}) for row in ([5.0, 9, 0], [True, 9, 0], [None, 9, 0], ["5", 9, 0], [5, 9, None], [5, nan, 0])
    ]
    rows += [
        (narrow, p)
        for p in ({1: 5}, {3: 60}, {1: 5, 3: 28801}, {1: 5, 3: 0}, {1: -5, 3: 60}, {4: 5, 3: 60}, {1: nan, 3: 60})
    ]
    rows += [(stop, p) for p in ({}, {1: 2}, {1: True}, {1: 1, 2: 1}, {2: 1})]
    rows += [(t.MODE, p) for p in ({}, {1: 2}, {1: "observe"})]
    rows += [
        (power, p)
        for p in ({}, {1: 5}, {1: 5, 2: 0}, {1: nan, 2: 5}, {1: 5000001, 2: 5}, {1: 5, 2: 86401}, {1: 5, 2: 5, 3: 5})
    ]
    for action, params in rows:
        body = {1: "test", 2: 1, 3: UTC_S, 4: UTC_S + 9, 5: action, 7: params}
        desk = Desk(check=lambda raw, body=body: ("commission", "k", 3, body, "d"))
        assert desk.ask(b"x") == [o.V_FIELD], (action, params)
        assert not desk.bench.site.orders.terms and not desk.bench.site.orders.stopped


def test_the_form_of_an_order():
    nan = float("nan")
    good = {1: "test", 2: 1, 3: UTC_S, 4: UTC_S + 9, 5: t.STOP, 7: {1: 1}}
    assert t.is_order(good)
    for key, value in (
        (1, 5),
        (2, 0),
        (2, 2**53 + 1),
        (2, True),
        (2, 1.0),
        (2, nan),
        (3, -1),
        (4, UTC_S - 1),
        (4, 2**33 + 1),
    ):
        assert not t.is_order(changed(good, key, value)), (key, value)
    for key, value in (
        (5, 0),
        (5, 9),
        (6, -1),
        (6, 64),
        (6, None),
        (7, []),
        (8, 5),
        (8, "x" * 201),
        (0, 1),
        (9, 1),
        ("1", 1),
    ):
        if (key, value) != (6, None):
            assert not t.is_order(changed(good, key, value)), (key, value)
    for key in t.NEEDED:
        less = dict(good)
        del less[key]
        assert not t.is_order(less)
    for edge_ok in (
        (2, 2**53),
        (3, 0),
        (4, UTC_S),
        (4, 2**33),
        (5, 1),
        (5, 7),
        (6, 0),
        (6, 63),
        (8, "x" * 200),
        (8, ""),
    ):
        assert t.is_order(changed(good, edge_ok[0], edge_ok[1])), edge_ok
    assert not t.is_order([1]) and not t.is_order(None)


def changed(body, key, value):
    made = dict(body)
    made[key] = value
    return made


def test_without_a_trusted_clock_only_tightening():
    desk = Desk()
    desk.run(60)
    desk.utc = (UTC_S, 1)
    assert desk.ask(order(1, t.LEASE, {1: [50000, 100, 0]})) == [o.V_DONE]
    assert desk.ask(order(2, t.LEASE, {1: [50001, 100, 0]})) == [o.V_CLOCK]
    assert desk.ask(order(3, t.LEASE, {1: [50000, 200, 0]})) == [o.V_CLOCK]
    assert desk.ask(order(4, t.LEASE, {1: [40000, 50, 0]})) == [o.V_DONE]
    assert desk.ask(order(5, t.NARROW, {1: 5000, 3: 100})) == [o.V_DONE]
    assert desk.ask(order(6, t.STOP, {1: 1})) == [o.V_DONE]
    assert desk.ask(order(7, t.STOP, {1: 0})) == [o.V_CLOCK]
    assert desk.ask(order(8, t.MODE, {1: 0})) == [o.V_DONE]
    assert desk.ask(order(9, t.MODE, {1: 1})) == [o.V_CLOCK]
    assert desk.ask(order(10, t.POWER, {1: 5000, 2: 60})) == [o.V_CLOCK]
    desk.bench.now_ms += 60000
    desk.bench.site.wake_ms = desk.bench.now_ms
    assert desk.ask(order(11, t.ACKNOWLEDGE, {}, REASON="seen")) == [o.V_CLOCK]
    assert desk.permit() == (0, 0)


def test_narrowings_end_and_never_loosen_each_other():
    desk = Desk()
    desk.run(60)
    assert desk.ask(order(1, t.NARROW, {1: 30000, 3: 100}, key="eng")) == [o.V_DONE]
    assert desk.step().charge_ma == 30000
    assert desk.bench.site.packs[0].limits.charge_why == lim.S_ENGINEER
    assert desk.ask(order(2, t.NARROW, {1: 60000, 3: 50}, key="eng")) == [o.V_DONE]
    assert desk.permit(90) == (30000, 80000)
    assert desk.permit() == FULL
    assert desk.ask(order(3, t.NARROW, {1: 60000, 3: 50}, key="eng")) == [o.V_DONE]
    assert desk.step().charge_ma == 60000  # the first has ended: it counts no more


def test_stop_holds_over_a_release_that_waits():
    desk = Desk(keeps=False)
    desk.run(60)
    assert desk.ask(order(1, t.STOP, {1: 1}, key="op")) == [o.V_DONE]
    command = desk.step()
    assert (command.charge_ma, command.discharge_ma) == (0, 0)
    assert desk.bench.site.packs[0].limits.charge_why == lim.S_ORDER
    assert desk.ask(order(2, t.STOP, {1: 0}, key="op")) == [o.V_WAITS]
    assert desk.ask(order(1, t.STOP, {1: 1}, key="eng")) == [o.V_DONE]
    desk.keeps = True
    desk.keep(desk.bench.site.state())
    assert desk.permit() == (0, 0)


def test_observe_stops_and_control_needs_the_settings():
    desk = Desk()
    desk.run(60)
    assert desk.ask(order(1, t.MODE, {1: 0})) == [o.V_DONE]
    assert desk.permit(3) == (0, 0)
    assert desk.ask(order(2, t.MODE, {1: 1})) == [o.V_WAITS]
    assert desk.permit() == FULL
    watching = Desk(mode="observe")
    assert watching.ask(order(1, t.MODE, {1: 1})) == [o.V_LOOSER]


def test_power_is_a_wish_that_ends():
    desk = Desk()
    orders = desk.bench.site.orders
    assert orders.requested_w(0) is None
    assert desk.ask(order(1, t.POWER, {1: -4000, 2: 60}, key="op")) == [o.V_DONE]
    at_ms = desk.bench.now_ms - 1000
    assert orders.requested_w(at_ms + 59999) == -4000
    assert orders.requested_w(at_ms + 60000) is None


def test_counters_and_terms_survive_and_a_lease_is_void_without_time():
    desk = Desk()
    desk.run(30)
    desk.step(order(5, t.LEASE, {1: [50000, 1000, 3000]}), order(6, t.NARROW, {2: 20000, 3: 500}))
    desk.run(2)
    assert desk.kept["orders"]["counters"] == {"com": 6}
    again = desk.reboot(NO_CLOCK)
    assert again.permit() == (3000, 20000)
    assert again.ask(order(6, t.STOP, {1: 0})) == [o.V_COUNTER]
    again.utc = (UTC_S + 100, 2)
    assert again.permit() == (50000, 20000)
    again.utc = (UTC_S + 5000, 2)
    later = desk.reboot((UTC_S + 1001, 3))
    assert later.permit() == (3000, 20000)
    back = desk.reboot((UTC_S - 10**6, 3))  # a clock that went back gives no more than was left
    assert back.permit()[0] == 50000
    assert back.permit(1000) == (3000, 80000)


def test_toggled_settings_never_widen():
    desk = Desk()
    desk.run(30)
    desk.step(order(1, t.LEASE, {1: [20000, 90000, 1000], 2: [30000, 90000, 0]}))
    desk.run(3)
    for round in range(4):  # trust taken out of the settings, and put back
        desk.verify = None if round % 2 == 0 else verify
        desk = desk.reboot()
        assert desk.permit() == (20000, 30000), round
        desk.ask(order(1, t.LEASE, {1: [80000, 90000, 0]}))
        assert desk.permit(20) == (20000, 30000), round


def test_what_waited_in_a_kept_state_holds_after_a_restart():
    desk = Desk()
    desk.run(30)
    desk.step(order(1, t.STOP, {1: 1}), order(2, t.LEASE, {1: [20000, 900, 0]}))
    desk.step(order(3, t.STOP, {1: 0}), order(4, t.LEASE, {1: [30000, 900, 0]}))
    again = desk.reboot()
    assert again.permit() == (30000, 80000)


def test_damaged_orders_stop_until_a_release():
    desk = Desk()
    desk.run(3)
    for broken in ("x", {"terms": [[1]]}, {"counters": {"a": "x"}}, {"waiting": [5]}, {"grades": {"pack-1": 5}}, [1]):
        state = dict(h.kept(desk.bench.site.state()), orders=broken)
        hurt = Desk(state=state)
        assert hurt.permit() == (0, 0), broken
        assert hurt.ask(order(1, t.STOP, {1: 0}, NOT_BEFORE=UTC_S)) == [o.V_WAITS]
        assert hurt.permit() == FULL


def test_an_acknowledgement_lifts_a_lock_once_it_is_durable():
    desk = Desk(keeps=False)
    desk.run(3)
    pack = desk.bench.site.packs[0]
    from edge.core import faults as f

    pack.faults.active[f.F_SMOKE] = True
    desk.run(2)
    assert pack.mode == f.LOCKED
    assert desk.ask(order(1, t.ACKNOWLEDGE, {}, key="eng", REASON="looked at it")) == [o.V_WAITS]
    assert desk.permit(30) == (0, 0) and pack.faults.active[f.F_SMOKE]
    desk.keeps = True
    desk.keep(desk.bench.site.state())
    assert desk.permit() == FULL and not pack.faults.active[f.F_SMOKE]


def test_some_locks_need_a_signed_grade_of_a_later_day_first():
    from edge.core import faults as f

    for fault in f.REGRADED:
        desk = Desk()
        desk.run(3)
        pack = desk.bench.site.packs[0]
        pack.faults.active[fault] = True
        pack.faults.lock_day = UTC_S // 86400 - 2
        desk.run(2)
        desk.kept = h.kept(desk.bench.site.state())
        desk = desk.reboot()
        pack = desk.bench.site.packs[0]
        verdicts = [desk.ask(order(1, t.ACKNOWLEDGE, {}, key="eng", REASON="charged slowly by hand"))]
        for number, (signer, date) in enumerate((("s", "2027-01-13"), (None, "2027-01-14"), ("s", "2027-01-14"))):
            desk.bench.settings["packs"][0]["grade"].update({"signer": signer, "date": date})
            assert desk.permit(3) == (0, 0) and pack.mode == f.LOCKED
            verdicts.append(desk.ask(order(number + 2, t.ACKNOWLEDGE, {}, key="eng", REASON="graded again")))
        assert verdicts == [[o.V_REGRADE]] * 3 + [[o.V_WAITS]]
        desk.run(2)
        assert not pack.faults.active[fault] and pack.faults.lock_day is None and pack.mode != f.LOCKED


def test_too_many_that_wait_and_too_many_refusals():
    desk = Desk(keeps=False)
    verdicts = [desk.ask(order(i + 1, t.STOP, {1: 0}))[0] for i in range(9)]
    assert verdicts == [o.V_WAITS] * 8 + [o.V_BUSY]
    told = 1 + sum([len(desk.ask(b"bad")) for _ in range(20)])
    assert told == 5 and desk.bench.site.orders.refused == 16
    desk.run(60)
    assert desk.ask(b"bad") == [o.V_SIGNATURE]


def test_no_key_no_order():
    desk = Desk(check=None)
    assert desk.bench.site.orders is None
    assert desk.ask(order(1, t.STOP, {1: 1})) == []
    assert desk.permit() == FULL


def test_a_genuine_document_that_is_no_order():
    desk = Desk(check=lambda raw: ("commission", "k", 3, {1: "test"}, "d"))
    assert desk.ask(b"x") == [o.V_FIELD]
    assert desk.bench.site.orders.counters == {}


def test_a_lock_of_a_pack_that_is_gone_is_nobodys():
    state = {"waiting": [["acknowledge", [["another pack", [5]]]]], "grades": {"another pack": ["S", {"version": 3}]}}
    assert Desk(state={"orders": state}).permit() == FULL


def test_an_order_for_one_pack_leaves_the_other_alone():
    desk = Desk(packs=[h.pack(), h.pack(id="pack-2", unit=1)])
    desk.run(60)
    assert desk.ask(order(1, t.LEASE, {1: [5000, 100, 0]}, PACK=1)) == [o.V_DONE]
    papers = desk.bench.site.orders.papers()
    assert papers[0] == ((), ()) and len(papers[1][0]) == 1 and papers[1][1] == ()
    packs = desk.bench.site.packs
    assert packs[0].limits.charge_ma == 80000 and packs[1].limits.charge_ma == 5000


UPDATE = {1: b"d" * 32, 2: 1000, 3: 7}


def test_an_update_is_handed_on_only_where_somebody_takes_it():
    desk = Desk()
    orders = desk.bench.site.orders
    assert desk.ask(order(1, t.UPDATE, UPDATE)) == [o.V_ELSEWHERE] and orders.update is None
    orders.updates = True
    assert desk.ask(order(2, t.UPDATE, {1: b"d", 2: 1000, 3: 7})) == [o.V_FIELD]
    for counter, key in ((3, "op"), (4, "lab")):
        assert desk.ask(order(counter, t.UPDATE, UPDATE, key=key)) == [o.V_ROLE]
    assert orders.update is None
    for counter, key in ((5, "eng"), (6, "com")):
        assert desk.ask(order(counter, t.UPDATE, UPDATE, key=key)) == [o.V_FETCHING]
        params, told = orders.update
        assert params == UPDATE and told[:3] == (t.UPDATE, counter, key)
    orders.update = None
    desk.utc = NO_CLOCK
    assert desk.ask(order(7, t.UPDATE, UPDATE)) == [o.V_CLOCK] and orders.update is None


def test_an_update_from_before_the_counters_were_lost_is_refused():
    desk = Desk(state={"unreadable": 1})
    desk.bench.site.orders.updates = True
    assert desk.ask(order(1, t.UPDATE, UPDATE)) == [o.V_LOST] and desk.bench.site.orders.update is None
