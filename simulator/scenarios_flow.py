# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of time, of a hung line, and of several packs: 34, 42, 43, 46, and what peers got wrong with the same."""

from importlib import import_module

from edge.core import faults as f
from edge.core.terms import LEASE
from simulator.faults import PLANT, WIRE, Scenario, Stage
from simulator.scenarios_orders import Desk
from simulator.scenarios_pcs import DISOBEYS
from simulator.site_rig import begin

PERIOD_MS = 1000
board = import_module("edge.shell.board")  # written for another runtime
STALE_MS = 3000
OBEY_MS = 2000
YEAR_S = 365 * 86400
NTP, RTC, NONE = 3, 2, 0


# ---- 42, 43: a page and a line that stand still -----------------------------------------------------------


def frozen(stage):
    """For FaultWorld.bytes_of: from now on every block is what it was now."""
    kept = {index: stage.world.block(0, index) for index in range(len(stage.world.tables[0].BLOCKS))}
    return lambda index, data: kept[index]


def frozen_at_rest(stage):
    """42: the page stands still while nothing flows, which nobody can see; then the PCS starts."""
    stage.settle(0)
    page = frozen(stage)
    stage.fault(lambda world: world.bytes_of.update({0: page}))
    stage.run(20000)
    stage.wish(-0.5)
    stage.fault()
    stage.need(stage.run(2000, until=lambda: stage.flows_a() > 10.0), "no current")
    stage.zero_within(5 * PERIOD_MS)
    stage.expect("input_invalid", 5 * PERIOD_MS)


def frozen_goes_on(stage):
    """42: and as long as the page stands still nothing flows any more, not even in pulses."""
    frozen_at_rest(stage)
    stage.stays_zero(20000)
    stage.heal(lambda world: world.bytes_of.clear())
    stage.recovers(10)


def hangs(stage):
    """43: the line hangs, without an error; the port returns its newest sample for ever."""
    stage.settle()
    stage.fault(lambda world: world.mishaps.start("transport_hangs", world.now_ms))
    stage.zero_within(STALE_MS + PERIOD_MS, stale_ms=STALE_MS)
    newest = stage.delivered()[0]
    stage.stays_zero(20000)
    stage.need(stage.delivered()[0] == newest, "the port was to return the same sample")
    stage.expect("bms_silent", stage.silent_ms() + PERIOD_MS + 100)


# ---- 46, B22: parallel packs ------------------------------------------------------------------------------


def unequal(stage, factor):
    """The second pack has that many times the resistance of the first."""
    plants = stage.world.plants
    plants[1].cell_v[:] = plants[0].cell_v
    plants[1].emf = lambda: (plants[0].emf()[0], plants[0].emf()[1] * factor)


PACK_A = 40.0  # what the BMS of each pack allows


def allow(world):
    """Every pack allows PACK_A, both ways."""
    ma = round(PACK_A * 1000)
    for index in range(len(world.bms)):
        world.says[index] = lambda sample: sample._replace(bms_charge_ma=ma, bms_discharge_ma=ma)


def share_unequally(stage):
    """46, B22: one pack takes twice as much as the other: neither is ever above its own limit, from the start on."""
    stage.start()
    unequal(stage, 2.0)
    allow(stage.world)
    most = PACK_A * 1.02
    seen = []

    def watch():
        amps = [plant.current_a for plant in stage.world.plants]
        seen.append(max(map(abs, amps)))
        stage.need(seen[-1] <= most, "%s A through the packs, one may %d" % ([round(a) for a in amps], most))

    stage.each = watch
    stage.settle(-1.0)
    for _ in range(100):
        stage.wish(-1.0)
        stage.run(5000, 1000)
    stage.need(max(seen) > 0.8 * PACK_A, "no pack carried more than %.0f A" % max(seen))
    shared = max(stage.permit()) / 1000.0
    stage.need(shared < 1.6 * PACK_A, "permit %.0f A for packs that share 2 to 1" % shared)


def leaves(stage):
    """46: one of two packs is gone from the bus at full current: what the other carries too much is back inside within
    the time to obey, and stays there."""
    stage.start()
    unequal(stage, 1.0)
    allow(stage.world)
    stage.settle(-1.0)
    stage.run(120000, 1000)
    stage.wish(-1.0)
    stage.run(5000)
    before = stage.world.plants[0].current_a
    stage.need(abs(before) > 30.0, "%.0f A before" % before)

    def gone(world):
        volts = world.plants[1].emf()[0]
        world.plants[1].emf = lambda: (volts, 1e9)

    stage.fault(gone)
    stage.run(500)
    stage.need(abs(stage.world.plants[0].current_a) > abs(before) * 1.5, "the other was to take it over")
    most = PACK_A * 1.02
    inside = stage.run(OBEY_MS + 2 * PERIOD_MS, until=lambda: abs(stage.world.plants[0].current_a) <= most)
    stage.need(inside, "%.0f A, it may %d" % (stage.world.plants[0].current_a, most))

    def watch():
        amps = abs(stage.world.plants[0].current_a)
        stage.need(amps <= most, "%.0f A again, it may %d" % (amps, most))

    stage.each = watch
    stage.run(60000, 1000)


def one_forbids(stage):
    """B22: the BMS of one of two packs allows little: the site keeps to it, however much the other could take."""
    stage.settle(-0.5)

    def strike(world):
        world.says[1] = lambda sample: sample._replace(bms_discharge_ma=10000, bms_charge_ma=0)

    stage.fault(strike)
    stage.zero_within(3 * PERIOD_MS, f.CHARGE)
    stage.run(3000)
    stage.need(stage.permit()[1] <= 20000, "permit %s mA" % (stage.permit(),))
    stage.stays_zero(20000, f.CHARGE)


# ---- 34, B10: clocks --------------------------------------------------------------------------------------


class Wall:
    """A wall clock that somebody sets. jump_s: by how much it is wrong; quality."""

    def __init__(self):
        self.world = None
        self.jump_s = 0
        self.quality = NTP

    def __call__(self):
        return None if self.quality == NONE else self.world.utc_s() + self.jump_s, self.quality


def walled(stage, wall):
    """A site on that wall clock, with a lease in force."""
    desk = Desk(stage, wall=wall)
    wall.world = stage.world
    stage.settle()
    desk.send(desk.order(LEASE, {1: [30000, 3600, 5000], 2: [20000, 3600, 0]}))
    stage.run(5000)
    stage.need(stage.permit() == (30000, 20000), "the lease is not in force")


def clock_jumps(stage):
    """34, B10: the wall clock goes ten years on, back, twenty back, is lost, steps to and fro: control is the same
    tick by tick as on a clock that is right."""
    wall, twin, right = Wall(), Stage(stage.name), Wall()
    walled(stage, wall)
    walled(twin, right)
    for jump_s, quality in ((10 * YEAR_S, NTP), (0, NTP), (-20 * YEAR_S, RTC), (0, NONE), (3600, NTP), (-1, NTP)):
        wall.jump_s, wall.quality = jump_s, quality
        stage.run(30000)
        twin.run(30000)
        stage.need(stage.rig.digest == twin.rig.digest, "control differs after %d s, quality %d" % (jump_s, quality))
    twin.close()


def clock_jump_is_told(stage):
    """34: and somebody hears of it."""
    wall = Wall()
    walled(stage, wall)
    stage.fault()
    wall.jump_s = 10 * YEAR_S
    stage.run(5000)
    told = [at_ms for at_ms, event, _ in stage.events if event == f.E_CLOCK]
    stage.need(told, "nobody was told")


class Ticks:
    """The time module of a board: milliseconds of the world in so many bits."""

    def __init__(self, world, bits):
        self.world = world
        self.size = 1 << bits

    def ticks_ms(self):
        """As MicroPython's."""
        return self.world.now_ms % self.size

    def ticks_diff(self, new, old):
        """As MicroPython's."""
        half = self.size // 2
        return (new - old + half) % self.size - half

    def gmtime(self, _):
        """The epoch of this board is 1970."""
        return (1970,)


def passes(stage, middle_ms, bits):
    """Commands (charge, discharge, life) of a run over middle_ms on a board's clock of so many bits, or on a clock
    that never wraps (None)."""
    start_ms = max(middle_ms - 45000, 0)
    world = begin(stage, start_ms=start_ms)
    if bits is not None:
        vars(board)["time"] = Ticks(world, bits)
        clock = board.TickClock()
        stage.rig.rig.set_time = lambda now_ms, utc_s, quality: _tick(stage.rig.rig, start_ms + clock.now_ms(), utc_s)
    rows = []

    def look():
        if stage.turn:
            command = stage.turn.commands[0]
            rows.append((command.charge_ma, command.discharge_ma, command.valid_until_ms - start_ms))

    stage.each = look
    stage.run(30000)
    world.day.power_w = -2000.0
    stage.run(20000)
    stage.fault(lambda world: world.silent.add(0))
    stage.run(20000)
    return rows


def _tick(rig, now_ms, utc_s):
    rig.clock.at_ms = now_ms
    rig.clock.wall = (utc_s, NTP)


def wraps(stage):
    """34: the clock passes 2^30 (where a board's ticks wrap), 2^31, 2^32 ms and fifty days: commands as without."""
    right = passes(stage, 0, None)
    stage.need(right[-1][:2] == (0, 0) and max(right)[0] > 0, "there was to be a permit, and none in the end")
    places = ((1 << 30, 30), (1 << 32, 32), (1 << 30, None), (1 << 31, None), (1 << 32, None), (50 * 86400000, None))
    for middle_ms, bits in places:
        each = Stage(stage.name)
        each.need(passes(each, middle_ms, bits) == right, "commands differ around %d ms, %s bits" % (middle_ms, bits))
        each.close()


SEPLOS = ("seplos",)
PAIR = ("seplos_pair",)
OLD_IS_STALE = ("edge/core/validate.py", "return STALE if age_ms > limit_ms else OK", "return OK")
GUARD_AGE = ("edge/core/guard.py", "if age_ms < 0 or age_ms > limit_ms:", "if age_ms < 0:")
STANDS_STILL = ("edge/core/trust.py", "self._agree += content != self._content", "self._agree += 1")
DISAGREES = ("edge/core/trust.py", "if self._apart >= DISAGREE_READS:", "if False:")
LEARNS = (
    "edge/core/sharing.py",
    "share = max(0, currents[i] * lim.PPM // total_ma) + SHARE_MARGIN_PPM",
    "share = 0",
)
LEAST = (
    ("edge/core/sharing.py", "if discharge is None or d < discharge:", "if discharge is None:"),
    ("edge/core/sharing.py", "if charge is None or c < charge:", "if charge is None:"),
)
BY_MONOTONIC = (
    "edge/core/orders.py",
    "if term.until_ms is None and term.until_s is not None:",
    "if term.until_s is not None:",
)
JUMP_IS_TOLD = ("edge/core/site.py", "abs(self._wall_ms - before_ms) <= CLOCK_STEP_MS:", "True:")
UNWRAPPED = ("edge/shell/board.py", "time.ticks_diff(ticks, self._last)", "(ticks - self._last)")

_ROWS: tuple = (
    ("frozen_at_rest", ("4.42",), "the page stands still, then the PCS starts", frozen_at_rest, (DISAGREES,), SEPLOS),
    ("hangs", ("4.43",), "the line returns its newest sample for ever", hangs, (OLD_IS_STALE, GUARD_AGE), SEPLOS),
    ("share_unequally", ("4.46", "B22"), "two packs share 2 to 1", share_unequally, (LEARNS,), PAIR),
    ("leaves", ("4.46", "B22"), "one of two packs is gone", leaves, (LEARNS, DISOBEYS), PAIR),
    ("one_forbids", ("B22",), "one of two packs allows little", one_forbids, LEAST, PAIR),
    ("frozen_goes_on", ("4.42",), "the page goes on standing still", frozen_goes_on, (STANDS_STILL,), SEPLOS),
    ("clock_jumps", ("4.34", "B10"), "the wall clock jumps by years", clock_jumps, (BY_MONOTONIC,), SEPLOS),
    ("clock_jump_told", ("4.34",), "a jump of the wall clock is told", clock_jump_is_told, (JUMP_IS_TOLD,), SEPLOS),
    ("wraps", ("4.34",), "the monotonic clock passes 2^30 to fifty days", wraps, (UNWRAPPED,), SEPLOS),
)
_ON_WIRES = ("frozen_at_rest", "frozen_goes_on", "hangs", "one_forbids")
SCENARIOS = tuple(Scenario._make((*row[:3], WIRE if row[0] in _ON_WIRES else PLANT, *row[3:], False)) for row in _ROWS)
