# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The loop and the done-list: whatever raises, hangs or jumps, the current goes to zero."""

from edge.core.site import Site
from edge.loop import loop, zero_all
from tests.both import core_help as h


class Broken(Exception):
    """What a port raises in these tests."""


class World:
    """All ports of a site with actuators of any number; call number fail raises Broken."""

    def __init__(self, fail=None, actuators=1, start_ms=1000, utc=None):
        self.fail = fail
        self.calls = 0
        self.names = set()
        self.ms = self.start_ms = start_ms
        self.utc = utc or (lambda now_ms: (None, 0))
        self.actuators = [Actuator(self, index) for index in range(actuators)]
        self.saves = []
        self.saved = 0
        self.walls = []
        self.silent_ms = None
        self.frozen_ms = None
        self.outcomes = []

    def call(self, name):
        """Count a call of a port; raise when its turn has come."""
        self.calls += 1
        self.names.add(name)
        if self.calls == self.fail:
            raise Broken(name)

    def now_ms(self):
        self.call("clock")
        return self.ms

    def utc_s(self):
        self.call("utc")
        return self.utc(self.ms)

    def read(self, now_ms):
        self.call("read")
        at_ms = now_ms
        if self.frozen_ms is not None:
            at_ms = min(now_ms, self.frozen_ms)
        if self.silent_ms is not None and now_ms >= self.silent_ms:
            return None
        count = at_ms // 1000
        return h.sample(at_ms, count, mv=3300 + count % 3)

    def orders(self):
        self.call("orders")
        return ()

    def offer(self, record):
        self.call("offer")
        self.walls.append((record.wall_ms, record.clock_quality))
        return len(self.walls)

    def save(self, state):
        self.call("save")
        self.saves.append(state["version"])

    def make(self):
        """The loop of this world."""
        return loop(Site(h.site_settings()), self, [self, Pcs(self)], self.actuators, self, self, self.seen)

    def seen(self, site, outcome):
        if len(self.actuators) > 1:
            return
        command = outcome.commands[0]
        trace = site.trace(outcome)
        trace[0] -= self.start_ms
        until_ms = command.valid_until_ms - self.start_ms
        self.outcomes.append((command.charge_ma, command.discharge_ma, until_ms) + tuple(trace))

    def run(self, steps):
        """That many steps, then a peaceful end."""
        running = self.make()
        for _ in range(steps):
            self.ms = next(running)
        running.close()


class Pcs:
    def __init__(self, world):
        self.world = world

    def read(self, now_ms):
        self.world.call("read pcs")
        at_ms = now_ms if self.world.frozen_ms is None else min(now_ms, self.world.frozen_ms)
        return h.pcs_sample(at_ms, at_ms // 1000)


class Actuator:
    """Holds what it was told last; zero() may be told to raise, too."""

    def __init__(self, world, index):
        self.world = world
        self.index = index
        self.charge_ma = None

    def apply(self, command):
        self.world.call("apply %d" % self.index)
        self.charge_ma = command.charge_ma
        return 0

    def zero(self):
        self.charge_ma = 0
        self.world.call("zero %d" % self.index)


def test_one_port_raising_at_each_call_in_turn():
    steps = 35
    reference = World(actuators=3)
    total = run_three(reference, steps)
    assert total > 200 and "save" in reference.names and "offer" in reference.names
    for fail in list(range(1, 40)) + list(range(40, total + 1, 7)) + list(range(total - 12, total + 1)):
        world = World(fail, actuators=3)
        try:
            run_three(world, steps)
        except Broken as error:
            name = error.args[0]
        else:
            raise AssertionError("call %d did not reach the shell" % fail)
        for actuator in world.actuators:
            assert actuator.charge_ma == 0, (fail, name)


def run_three(world, steps):
    """Drive the loop of a world with three actuators on one site; returns the number of calls."""
    kept = Site.step

    def tripled(self, now_ms, utc, reads, orders):
        parts = list(kept(self, now_ms, utc, reads, orders))
        parts[0] = parts[0] * 3
        return h.Outcome(*parts)

    Site.step = tripled
    try:
        running = world.make()
        for _ in range(steps):
            world.ms = next(running)
        assert [a.charge_ma for a in world.actuators] != [0, 0, 0]
        running.close()
    finally:
        Site.step = kept
    return world.calls


def test_zero_all_reaches_every_actuator_though_several_raise():
    told = []

    class Bad:
        def __init__(self, index):
            self.index = index

        def zero(self):
            told.append(self.index)
            if self.index in (0, 2):
                raise Broken(self.index)

    try:
        zero_all([Bad(0), Bad(1), Bad(2), Bad(3)])
    except Broken:
        pass
    assert told == [0, 1, 2, 3]
    zero_all([])


def test_a_peaceful_end_is_zero_and_saved():
    world = World()
    world.run(40)
    assert world.actuators[0].charge_ma == 0
    assert len(world.saves) >= 2 and world.saves[-1] == 1


def test_before_the_first_frame_everything_is_unknown_and_nothing_may_flow():
    bench = h.Bench()
    bench.reads = [lambda now_ms, count: None]
    bench.pcs = lambda now_ms, count: None
    for _ in range(30):
        command = bench.step()
        assert (command.charge_ma, command.discharge_ma, command.pack_mv) == (0, 0, None)
        pack = bench.site.packs[0]
        for value in pack.believed[:11]:
            assert value is None
        estimates = pack.estimates()
        assert estimates.soc.value is None and estimates.weakest is None and estimates.leak is None
        assert estimates.spread_mv.value is None
    # the same while a transport answers but none of its groups ever came
    bench.reads = [lambda now_ms, count: h.sample(0, 0, groups=(h.NEVER,) * 8, mv=3300)]
    for _ in range(30):
        command = bench.step()
        assert (command.charge_ma, command.discharge_ma, command.pack_mv) == (0, 0, None)
        assert bench.site.packs[0].believed[:11] == (None,) * 11


def test_silent_bms_is_zero_within_stale_time_and_one_period():
    for period_ms in (100, 500, 1000, 2000):
        facts = {"periods_ms": [period_ms] * 8}
        bench = h.Bench(h.site_settings([h.pack(facts=facts)], period_ms=period_ms, pcs=h.pcs_settings(6 * period_ms)))
        assert bench.run(70000 // period_ms).charge_ma == 80000
        last_ms = bench.now_ms
        last = bench.healthy(last_ms, 10000)
        for gone in (lambda now_ms, count: last, lambda now_ms, count: None):
            trial = h.Bench(bench.settings)
            trial.run(70000 // period_ms)
            trial.now_ms = last_ms
            trial.site.wake_ms = last_ms
            trial.reads[0] = lambda now_ms, count: last
            trial.step()
            trial.reads[0] = gone
            stale_ms = max(3 * period_ms, 1000)
            while trial.now_ms - last_ms <= stale_ms + period_ms:
                now_ms = trial.now_ms
                command = trial.step()
                zero = command.charge_ma == 0 and command.discharge_ma == 0
                assert zero or now_ms - last_ms <= stale_ms, (period_ms, now_ms - last_ms)
            assert zero


def test_open_sequence_after_ten_seconds_of_silence_and_return_by_ramp():
    bench = h.Bench()
    bench.run(60)
    bench.reads[0] = lambda now_ms, count: None
    modes = [bench.step() and bench.site.packs[0].mode for _ in range(15)]
    assert modes[:10] == [2] * 10 and modes[-1] == 3
    bench.reads[0] = bench.healthy
    assert bench.until_zero(1) == 1
    assert bench.run(295).charge_ma == 0
    assert 0 < bench.run(10).charge_ma < 40000
    # a short silence costs no restart
    bench.run(60)
    bench.reads[0] = lambda now_ms, count: None
    bench.run(9)
    bench.reads[0] = bench.healthy
    assert 0 < bench.run(3).charge_ma <= 3 * 2800


def test_newest_sample_for_ever_leads_to_zero():
    world = World()
    world.frozen_ms = 61000
    world.run(120)
    assert world.outcomes[55][0] == 56000  # 0.2 C while the SoC is not known
    for outcome in world.outcomes[64:]:
        assert outcome[:2] == (0, 0)


def trace_of(start_ms, utc=None):
    """(what each step commanded and traced, relative to the start; wall clock of each record)."""
    world = World(start_ms=start_ms, utc=utc)
    world.run(200)
    return world.outcomes, world.walls


def test_the_monotonic_clock_may_start_anywhere():
    reference = trace_of(1000)[0]
    for start_ms in (2**30 - 100000, 2**31 - 100000, 2**31, 2**32 - 50000, 2**33, 50 * 86400000):
        start_ms -= start_ms % 3000 - 1000  # the sample's ripple repeats every three seconds
        assert trace_of(start_ms)[0] == reference, start_ms


def test_the_wall_clock_may_jump():
    """R11: by years, by a second, beyond 2038: the same commands and traces."""
    reference = trace_of(1000)[0]
    for jump in (315360000, -315360000, 1, -1, 2**33):

        def utc(now_ms, jump=jump):
            return (1780000000 + now_ms // 1000 + (jump if now_ms > 90000 else 0), 3)

        rows, walls = trace_of(1000, utc)
        assert rows == reference
        for wall_ms, quality in walls:
            assert wall_ms is not None and quality == 3


def metered(utc_of):
    """(registers, commands, [(clock quality of a record, that of its step)]) of five minutes of charging."""
    bench = h.Bench()
    bench.current_ma = 7001
    commands, qualities = [], []
    for number in range(300):
        bench.utc = utc_of(number)
        command = bench.step()
        commands.append((command.charge_ma, command.discharge_ma))
        qualities.extend([(record.clock_quality, bench.utc[1]) for record in bench.outcome.records])
    return bench.site.packs[0].metering.registers(), commands, qualities


def test_energy_does_not_know_the_wall_clock():
    """R11: an hour forth and back, to 1970, to 2000, beyond 2038, and away for a while: energy and charge are equal to
    the bit, and each record says what its clock was worth."""
    start_s = 1780000000
    reference, commands, _ = metered(lambda number: (start_s + number, 3))
    assert max(reference) > 0
    for jump_s in (3600, -3600, -start_s, 946684800 - start_s, 2**31 + 5 - start_s, None):

        def utc_of(number, jump_s=jump_s):
            if number < 100:
                return start_s + number, 3
            return (None, 0) if jump_s is None else (start_s + jump_s + number, 2)

        registers, told, qualities = metered(utc_of)
        assert registers == reference and told == commands, jump_s
        assert len(qualities) > 20 and not [pair for pair in qualities if pair[0] != pair[1]], jump_s


def test_equal_input_gives_equal_traces():
    assert trace_of(5000)[0] == trace_of(5000)[0]
