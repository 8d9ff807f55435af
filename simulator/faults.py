# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Fault scenarios: what goes wrong on the wire or in the plant, and what must be true afterwards, tick by tick.

    def play(stage):
        stage.settle()                          # permits have ramped up, current flows
        stage.fault(lambda w: w.silent.add(0))  # the hand on the wire; the controller has no switch for it
        stage.zero_within(4100)                 # registers of the PCS at zero within that time
        stage.expect("bms_silent", 11100)       # that fault among the records
        stage.heal(lambda w: w.silent.clear())
        stage.recovers(330)

    SCENARIOS = (Scenario("bms_silent", ("4.1", "B3"), "...", WIRE, play, rules, SITES, True), ...)

A Stage is a FaultWorld and a rig. Every step is judged by simulator.fault_oracle. A statement that does not hold
raises Failed. Each scenario names the rules ((file, text, replacement), ...) without which it has to fail:
simulator.fault_run plays it with these rules gone.
"""

from collections import namedtuple

from bms_bridge.tables import load
from edge.core import faults as f
from edge.core.limits import SOURCES
from edge.core.records import GROUPS, OK, QUALITY, Group
from edge.core.registry import KEYS
from simulator.checks import Checks, Moment, Violation
from simulator.fault_oracle import ORACLE
from simulator.fault_rig import FaultWorld, Here, There
from simulator.sites import settings
from simulator.world import ANSWERS

WIRE, PLANT = "wire", "plant"
TICK_MS = 100
PHASE_MS = 600  # steps lie so long behind the answers that come once per second: neither the best nor the worst case
SLACK_MS = 100  # beyond the stated time: one tick

# name: of the scenario. numbers: of the faults that it plays. text: for the reader. where: WIRE or PLANT. play(stage).
# rules: ((file, exact text, replacement), ...) without which it must fail. sites: names of SITES to play it on.
# core: it also runs in the MicroPython VM, where a site has "blocks".
Scenario = namedtuple("Scenario", ("name", "numbers", "text", "where", "play", "rules", "sites", "core"))

# name: (profile, kind of settings, cells or None, temps or None, packs, way to the packs)
SITES = {
    "seplos": ("seplos_v3", "lfp16", None, None, 1, "blocks"),
    "seplos_tcp": ("seplos_v3", "lfp16", None, None, 1, "tcp"),
    "seplos_rtu": ("seplos_v3", "lfp16", None, None, 1, "rtu"),
    "seplos_pair": ("seplos_v3", "lfp16", None, None, 2, "rtu"),
    "sunspec": ("sunspec_802_805", "nmc96", None, None, 1, "blocks"),
    "sunspec_tcp": ("sunspec_802_805", "nmc96", None, None, 1, "tcp"),
    "leaf": ("nissan_leaf", "nmc96", 96, 4, 1, "can"),
}

# One measured reaction. debounce_ms: from the first frame that shows the fault to the one that decides (a silence is
# decided by the last frame's age). write_ms: from there to the PCS's registers. current_ms: from there to no current.
Times = namedtuple("Times", ("debounce_ms", "write_ms", "current_ms"))


class Failed(Exception):
    """A statement of a scenario, or of the oracle, does not hold."""


def site_of(name):
    """Settings of the site called name."""
    profile, kind, cells, temps, packs, way = SITES[name]
    site = settings(kind, packs)
    table = load(profile)
    for pack in site["packs"]:
        pack["profile"] = profile
        pack["cells"] = cells or pack["cells"]
        pack["temps"] = temps or pack["temps"]
        pack["facts"]["periods_ms"] = list(table.PERIODS_MS)
        pack["facts"]["cell_lsb_mv"] = table.CELL_LSB_MV
    return site


class Stage:
    """One site, its controller, and the time. site: of SITES. runtime: "cpython" or "micropython".

    world, rig, turn (newest Turn), times (list of Times), events [(now_ms, event, fault), ...] (CPython only).
    """

    def __init__(self, site, runtime="cpython", seed=1):
        self.name = site
        self.settings = site_of(site)
        self.way = SITES[site][5]
        self.runtime = runtime
        self.seed = seed
        self.plants = [{"soc": 0.5} for _ in self.settings["packs"]]
        self.state = None
        self.world = None
        self.rig = None
        self.turn = None
        self.times = []
        self.events = []
        self.checks = Checks(ORACLE)
        self.each = None  # called after every tick: what a scenario watches by itself
        self.mark_ms = None
        self._were_zero = [False] * 3

    # ---- time ------------------------------------------------------------------------------------

    def start(self):
        """Build world and controller, as late as possible: a scenario may change settings and plants before."""
        self.world = FaultWorld(self.settings, self.seed, plants=self.plants)
        if self.runtime == "micropython":
            self.rig = There(self.world, self.settings, self.state)
        else:
            self.rig = Here(self.world, self.settings, self.way, self.state)
        self._wake_ms = self.world.now_ms + PHASE_MS
        self._newest = [None] * len(self.settings["packs"])
        self._asked = False
        self.mark_ms = self.world.now_ms

    def run(self, ms, tick_ms=TICK_MS, until=None):
        """Let ms pass, or less: until() is asked after every tick. True when it said yes."""
        if self.rig is None:
            self.start()
        if not self._asked:
            self._asked = True
            self.rig.poll()
        end_ms = self.world.now_ms + ms
        while self.world.now_ms < end_ms:
            self._tick(min(self.world.now_ms + tick_ms, end_ms, max(self._wake_ms, self.world.now_ms + 1)))
            if until is not None and until():
                return True
        return False

    def _tick(self, to_ms):
        self.rig.lines_to(to_ms)
        self.world.advance(to_ms)
        if self.world.now_ms >= self._wake_ms:
            self.turn = self.rig.turn()
            self._wake_ms = self.turn.wake_ms
            self._judge()
        else:
            self.rig.poll()
        if self.each is not None:
            self.each()

    def _judge(self):
        turn, world = self.turn, self.world
        for record in turn.records or ():
            pairs = dict(record.pairs)
            if KEYS["event"] in pairs:
                self.events.append((record.mono_ms, pairs[KEYS["event"]], pairs.get(KEYS["fault"], 0)))
        moment = Moment(
            world.now_ms,
            turn.wake_ms,
            self.settings,
            turn.commands,
            self.delivered(),
            (),
            turn.soc,
            turn.believed_ma,
            turn.totals,
            turn.records,
            turn.seq,
            world.pcs,
            (),
        )
        try:
            self.checks.take(moment)
        except Violation as violation:
            raise Failed("oracle at %d ms: %s" % (world.now_ms, violation)) from None

    # ---- what is seen from outside -----------------------------------------------------------------

    def delivered(self):
        """Newest Sample per pack as it crossed the wire."""
        if self.turn.delivered is not None:
            return self.turn.delivered
        for index in range(len(self._newest)):
            if self.world.status(index) == ANSWERS:
                group = Group(OK, self.world.now_ms, 1)
                self._newest[index] = self.world.samples[index]._replace(groups=(group,) * 8)
        return self._newest

    def permit(self):
        """(charge_ma, discharge_ma) commanded last, nothing before the first step."""
        if self.turn is None:
            return 0, 0
        command = self.turn.commands[0]
        return command.charge_ma, command.discharge_ma

    def silent_ms(self, pack=0):
        """When a silence asks for the open sequence: 10 s, or five of the longest declared period."""
        periods = self.settings["packs"][pack]["facts"]["periods_ms"]
        return max(10000, 5 * max(p for p in periods if p is not None))

    def slow_ms(self):
        """By how much the slowest required group of the first pack is slower than the control period."""
        periods = self.settings["packs"][0]["facts"]["periods_ms"]
        return max(0, max(p for p in periods if p is not None) - self.settings["period_ms"])

    def flows_a(self):
        """True current, A: the largest of all packs."""
        return max(abs(plant.current_a) for plant in self.world.plants)

    def believed(self, pack=0):
        """What the controller believes, None in the VM."""
        return self.rig.rig.site.packs[pack].believed if self.runtime == "cpython" else None

    def arrived_ms(self):
        """When the newest frame of a pack arrived; None in the VM."""
        if self.runtime != "cpython":
            return None
        samples = [device.read(self.world.now_ms) for device in self.rig.rig.devices[: len(self.settings["packs"])]]
        found = [group.at_ms for sample in samples if sample for group in sample.groups if group.at_ms is not None]
        return max(found) if found else None

    # ---- what a scenario says -----------------------------------------------------------------------

    def need(self, truth, text):
        """Failed with text unless truth."""
        if not truth:
            raise Failed("at %d ms: %s" % (self.world.now_ms if self.world else 0, text))

    def settle(self, wish=-0.5, ms=60000):
        """Run until permits stand, with a wish of so much of what the PCS may (+ charges); current flows then."""
        if self.rig is None:
            self.start()
        last, steady = (0, 0), 0
        least_ms = self.world.now_ms + 5000

        def stands():
            nonlocal last, steady
            same = all(abs(now - before) * 100 <= before for now, before in zip(self.permit(), last))
            steady = steady + 1 if same else 0
            last = self.permit()
            return steady >= 3 and min(last) > 0 and self.world.now_ms >= least_ms

        self.need(self.run(ms, 1000, stands), "no steady permit, %s mA" % (last,))
        self.wish(wish)
        self.run(3000)
        self.need(not wish or self.flows_a() > 1.0, "no current")

    def wish(self, share):
        """Wish for that share of the permit at present, + charges."""
        volts = float(self.world.plants[0].cell_v.sum())
        charge, discharge = self.permit()
        self.world.day.power_w = share * (charge if share > 0 else discharge) / 1000.0 * volts

    def fault(self, change=None):
        """Something happens now: change(world)."""
        if self.rig is None:
            self.start()
        self.mark_ms = self.world.now_ms
        self._were_zero = [self._is_zero(side) for side in (f.BOTH, f.CHARGE, f.DISCHARGE)]
        if change is not None:
            change(self.world)

    heal = fault

    def zero_within(self, ms, side=f.BOTH, stale_ms=None):
        """The PCS's registers reach zero in that direction (BOTH, CHARGE, DISCHARGE) within ms after fault(); then
        the current ends within a second. stale_ms: of a silence, the age that decides."""
        self.need(not self._were_zero[side], "already at zero before it happened")
        last = self.arrived_ms()
        first = [None, last]

        def done():
            at_ms = self.arrived_ms()
            if first[0] is None and at_ms != last and at_ms is not None and at_ms > self.mark_ms:
                first[0] = at_ms
            if not self._is_zero(side):
                first[1] = at_ms
                return False
            return True

        left_ms = max(ms - (self.world.now_ms - self.mark_ms), 0) + SLACK_MS
        reached = self.run(left_ms, TICK_MS, done)
        self.need(reached, "not zero after %d ms, PCS holds %d/%d W" % (ms, *self.world.pcs.limits_w()))
        self._measured(first[0], last, side, stale_ms)

    def _measured(self, first_ms, last_ms, side, stale_ms):
        """Keep the Times of a reaction that has just reached the PCS."""
        written_ms = self.world.now_ms
        decides_ms = self.arrived_ms()
        if stale_ms is not None and last_ms is not None:
            decides_ms, first_ms = last_ms + stale_ms, last_ms
        stopped = self.run(1500, TICK_MS, lambda: self._flows_not(side))
        self.need(stopped, "%.1f A still flow" % self.flows_a())
        if first_ms is not None and decides_ms is not None:
            self.times.append(Times(decides_ms - first_ms, written_ms - decides_ms, self.world.now_ms - decides_ms))

    def _is_zero(self, side):
        charge_w, discharge_w = self.world.pcs.limits_w()
        return not ((charge_w and side != f.DISCHARGE) or (discharge_w and side != f.CHARGE))

    def _flows_not(self, side):
        amps = sum(plant.current_a for plant in self.world.plants)
        return not ((amps > 0.5 and side != f.DISCHARGE) or (amps < -0.5 and side != f.CHARGE))

    def expect(self, fault, within_ms=1000 + SLACK_MS):
        """That fault is raised within so long after fault(), and told upstream. Not judged in the VM, which shows
        no records: its trace is compared instead, so both run for the same time."""
        code = f.NAMES.index(fault)
        left_ms = within_ms - (self.world.now_ms - self.mark_ms)
        if left_ms > 0:
            self.run(left_ms)
        if self.runtime != "cpython":
            return
        at_ms = [at for at, c in self._raised() if c == code]
        told = ", ".join(f.NAMES[c] for _, c in self._raised()) or "nothing"
        self.need(at_ms, "no %s within %d ms, but %s" % (fault, within_ms, told))
        self.need(at_ms[0] - self.mark_ms <= within_ms, "%s only after %d ms" % (fault, at_ms[0] - self.mark_ms))

    def _raised(self):
        """[(at_ms, fault), ...] raised since fault()."""
        return [(at, c) for at, e, c in self.events if e == f.E_RAISED and at >= self.mark_ms]

    def expect_not(self, fault):
        """That fault was not raised since fault()."""
        code = f.NAMES.index(fault)
        self.need(code not in [c for _, c in self._raised()], "raised " + fault)

    def expect_quality(self, group, *names):
        """The controller says that group (of GROUPS) of the first pack is of one of these qualities."""
        if self.runtime == "cpython":
            found = QUALITY[self.believed().quality[GROUPS.index(group)]]
            self.need(found in names, "%s is %s, not %s" % (group, found, " or ".join(names)))

    def expect_why(self, side, *names):
        """The source that binds in that direction is one of names."""
        if self.runtime == "cpython":
            limits = self.rig.rig.site.packs[0].limits
            why = SOURCES[limits.charge_why if side == f.CHARGE else limits.discharge_why]
            self.need(why in names, "bound by %s, not by %s" % (why, " or ".join(names)))

    def stays_up(self, ms, least_share=0.9):
        """No harm: for so long the permits never fall below that share of what they are now."""
        charge, discharge = self.permit()

        def fell():
            now = self.permit()
            return now[0] < charge * least_share or now[1] < discharge * least_share

        self.need(
            not self.run(ms, TICK_MS, fell), "permit fell from %d/%d to %s mA" % (charge, discharge, self.permit())
        )

    def stays_zero(self, ms, side=f.BOTH, tick_ms=TICK_MS):
        """For so long nothing is permitted in that direction."""

        def rose():
            return (side != f.DISCHARGE and self.permit()[0] > 0) or (side != f.CHARGE and self.permit()[1] > 0)

        self.run(1)
        self.need(not self.run(ms, tick_ms, rose), "permit %s mA came back" % (self.permit(),))

    def recovers(self, within_s, side=f.BOTH):
        """Permits come back within so many seconds, and by the ramp from zero (the oracle looks at every step)."""
        self.need(self.run(within_s * 1000, 1000, lambda: self._permitted(side)), "no permit after %d s" % within_s)

    def _permitted(self, side):
        charge, discharge = self.permit()
        return (side == f.DISCHARGE or charge > 0) and (side == f.CHARGE or discharge > 0)

    def close(self):
        """End the controller."""
        if self.rig is not None:
            self.rig.close()
