# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The contactor alone: durable before closing, precharge by voltage, never opened above its break current."""

from edge.core import contactor as k
from edge.core.durable import Durable

SETTINGS = {"break_ma": 3500, "fuse_ms": 3000, "join_mv": 1000, "precharge": "output"}


class Bench:
    """A contactor, its store and its bus. closed: the auxiliary contact."""

    def __init__(self, saved=None, **changes):
        settings = dict(SETTINGS)
        settings.update(changes)
        self.durable = Durable(0)
        self.one = k.Contactor(settings, self.durable, saved)
        self.now_ms = 0
        self.delta_mv = 0
        self.current_ma = 0
        self.closed = None
        self.keeps = True

    def step(self, want=True, at_once=False, ms=100):
        self.now_ms += ms
        self.one.step(self.now_ms, want, at_once, self.delta_mv, self.current_ma, self.closed)
        if self.durable.is_wanted():
            number = self.durable.next()
            if self.keeps:
                self.durable.saved = number
        return self.one.contactor, self.one.precharge

    def run(self, steps, want=True):
        return [self.step(want) for _ in range(steps)]

    def close(self):
        self.run(5)
        assert self.one.carries
        return self


def test_it_closes_only_when_the_store_says_so():
    bench = Bench()
    bench.keeps = False
    assert bench.run(50) == [(0, 0)] * 50
    assert bench.one.state()["closed"] == 1
    bench.durable.saved = bench.durable.made
    assert bench.step() == (1, 0)


def test_precharge_goes_by_the_voltage_and_the_current():
    for sign in (1, -1):
        bench = Bench()
        bench.delta_mv = -48000
        bench.step()
        bench.step()
        assert bench.step() == (0, 1)
        bench.delta_mv = sign * 1001
        assert bench.step() == (0, 1)
        bench.delta_mv = sign * 1000
        bench.current_ma = 501
        assert bench.step() == (0, 1)
        bench.current_ma = None
        assert bench.step() == (0, 1)
        bench.current_ma = 500
        assert bench.step() == (1, 0)
        assert bench.one.book == [[sign * 1000, 500, 400, 1]] and bench.one.closings == 1


def test_three_tries_with_pauses_then_a_person():
    for delta in (-48000, None):
        bench = Bench()
        bench.delta_mv = delta
        said = bench.run(400)
        assert (1, 0) not in said
        starts = [i for i in range(1, 400) if said[i] == (0, 1) and said[i - 1] == (0, 0)]
        assert len(starts) == 3 and starts[1] - starts[0] == 50
        assert sum([precharge for _, precharge in said]) == 3 * 20
        assert bench.one.failed
        again = Bench(bench.one.state())
        assert again.run(400) == [(0, 0)] * 400
        again.one.acknowledge()
        assert (1, 0) in again.run(5)


def test_a_fault_during_precharge_never_engages_again():
    bench = Bench()
    bench.delta_mv = -48000
    bench.run(4)
    assert bench.step(want=False) == (0, 0)
    bench.delta_mv = 0
    assert bench.run(300) == [(0, 0)] * 300
    assert bench.one.failed


def test_without_a_precharge_output_it_waits_for_equal_voltages():
    bench = Bench(precharge="none")
    bench.delta_mv = 1001
    assert bench.run(100) == [(0, 0)] * 100
    assert not bench.one.failed
    bench.delta_mv = -1000
    assert (1, 0) in bench.run(5)


def test_it_opens_below_the_break_current_or_after_the_fuse():
    for current, steps in ((0, 0), (3500, 0), (3501, 30), (100000, 30), (None, 30)):
        bench = Bench().close()
        bench.current_ma = current
        said = bench.run(60, want=False)
        assert said == [(1, 0)] * steps + [(0, 0)] * (60 - steps), current


def test_an_opening_is_not_cancelled_and_estop_waits_for_nothing():
    bench = Bench().close()
    bench.current_ma = 50000
    bench.step(want=False)
    assert bench.one.state_now == k.OPENING
    assert (0, 0) in bench.run(31)  # wanted again meanwhile
    bench = Bench().close()
    bench.current_ma = 50000
    assert bench.step(want=False, at_once=True) == (0, 0)
    bench = Bench().close()
    bench.current_ma = 50000
    bench.step(want=False)
    assert bench.step(want=False, at_once=True) == (0, 0)
    assert Bench().step(at_once=True) == (0, 0)


def test_boot_says_nothing_while_a_current_might_flow():
    for closed, current, steps in ((True, 20000, 30), (None, None, 30), (False, 20000, 0), (None, 3500, 0)):
        bench = Bench()
        bench.closed, bench.current_ma = closed, current
        said = bench.run(35, want=False)
        assert said == [(None, 0)] * steps + [(0, 0)] * (35 - steps), (closed, current)


def test_what_a_boot_finds():
    bench = Bench().close()
    state = bench.one.state()
    assert state["closed"] == 1 and Bench(state).one.unexplained
    assert not Bench(bench.one.state(True)).one.unexplained
    bench.run(3, want=False)
    assert bench.one.state()["closed"] == 0 and not Bench(bench.one.state()).one.unexplained
    crashed = Bench(state)
    assert crashed.one.state()["closed"] == 1  # killed again before its first step
    assert not Bench(None).one.unexplained and not Bench({}).one.failed


def test_weld_and_a_contactor_that_does_not_close():
    bench = Bench()
    for closed, welded in ((True, True), (False, False), (None, False)):
        bench.run(2, want=False)
        assert bench.one.is_welded(closed) == welded and not bench.one.does_not_close(closed)
    bench.close()
    for closed, dead in ((True, False), (False, True), (None, False)):
        assert bench.one.does_not_close(closed) == dead and not bench.one.is_welded(closed)


def test_the_life_book_keeps_the_last_and_counts_all():
    bench = Bench()
    for n in range(30):
        bench.delta_mv = n
        bench.close()
        bench.run(3, want=False)
    assert bench.one.closings == 30 and len(bench.one.book) == k.BOOK
    assert [row[0] for row in bench.one.book] == list(range(10, 30))
