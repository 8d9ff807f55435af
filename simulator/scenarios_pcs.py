# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of the inverter and of our hold on it: 25 to 30 and 36, and the closed loop."""

from edge.core import faults as f
from simulator.faults import PLANT, WIRE, Scenario, Stage
from simulator.pcs import IN_RATE, OUT_RATE, REVERT

OBEY_MS = 2000  # default of pcs.obey_ms
PERIOD_MS = 1000
FIRST = 40122  # register at which the block with limits and watchdog begins
LIMITS_BLOCK = 1
HOUR_MS = 3600000

LOOSER = ("bms_bridge/pcs.py", "self._looser[index] = _looser(row[2], found, held)", "self._looser[index] = False")
VERIFIED = (
    "bms_bridge/pcs.py",
    "live = live and self._watchdog_agrees() and True not in self._looser",
    "live = live and True not in self._looser",
)
DISOBEYS = ("edge/core/controller.py", "c[f.F_PCS_DISOBEYS] = beyond", "c[f.F_PCS_DISOBEYS] = False")
IGNORES = (
    "edge/core/controller.py",
    "c[f.F_PCS_IGNORES_ZERO] = beyond and most_charge_ma == 0 and most_discharge_ma == 0",
    "c[f.F_PCS_IGNORES_ZERO] = False",
)
EXPIRES = (
    "bms_bridge/pcs.py",
    "live = self._until_ms is not None and now_ms <= self._until_ms and self._rating_agrees()",
    "live = self._until_ms is not None and self._rating_agrees()",
)
WATCHDOG_TOLD = (
    "edge/core/controller.py",
    "c[f.F_PCS_WATCHDOG] = site.controls and site.pcs_watchdog_wrong",
    "pass",
)
UNAPPLIED_TOLD = ("edge/loop.py", "site.answers = answers", "pass")
LATE_IS_ZERO = ("edge/core/controller.py", "if site.late or site.busy:\n", "if site.busy:\n")
LATE_IS_TOLD = ("edge/core/controller.py", "c[f.F_LATE_STEP] = site.late", "c[f.F_LATE_STEP] = False")


def bms_allows(share):
    """For FaultWorld.says: the BMS's own limits are that share of what they were."""

    def change(sample):
        return sample._replace(
            bms_charge_ma=round(sample.bms_charge_ma * share), bms_discharge_ma=round(sample.bms_discharge_ma * share)
        )

    return change


def pcs_of(stage):
    """Number of the PCS among the devices."""
    return len(stage.settings["packs"])


# ---- 25, 26: what the PCS says of its own registers -------------------------------------------------------


class Liar:
    """A PCS that acknowledges every write, is kept awake by it, and applies nothing. said: the newest
    (charge, discharge) rates that it was told."""

    def __init__(self, world):
        self.world = world
        self.said = None

    def __call__(self, device, address, data):
        """See FaultWorld.swallows."""
        if device == len(self.world.bms):
            self.world.pcs.written_ms = self.world.now_ms
            if address == OUT_RATE:
                at = 2 * (IN_RATE - OUT_RATE)
                self.said = (int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[:2], "big"))
        return True


def lies(stage):
    """Lower the limits a little while a Liar holds the old ones and the current stays inside both; the Liar."""
    stage.settle(-0.1)
    liar = Liar(stage.world)

    def strike(world):
        world.swallows = liar
        world.says[0] = bms_allows(0.2)

    stage.fault(strike)
    return liar


def write_not_applied(stage):
    """25: a lower limit is acknowledged, and the registers still hold the higher one."""
    liar = lies(stage)
    held = stage.world.pcs.limits_w()
    stage.need(stage.run(5000, until=lambda: liar.said == (0, 0)), "still told %s" % (liar.said,))
    stage.need(stage.world.pcs.limits_w() == held, "the PCS was to apply nothing")

    def only_zero():
        stage.need(liar.said == (0, 0), "told %s while it holds another limit" % (liar.said,))

    stage.each = only_zero
    stage.run(20000)
    stage.each = None

    def obeys(world):
        world.swallows = None

    stage.heal(obeys)
    stage.zero_within(3000)
    stage.need(stage.run(20000, until=lambda: min(stage.world.pcs.limits_w()) > 0), "no limit came back")


def write_not_applied_is_told(stage):
    """25: and somebody hears of it."""
    lies(stage)
    stage.expect("pcs_unapplied", 10000 + 4 * PERIOD_MS)
    stage.stays_zero(20000)


def no_watchdog(index, data):
    """For FaultWorld.bytes_of: the watchdog register of the PCS reads 0."""
    if index != LIMITS_BLOCK:
        return data
    at = 2 * (REVERT - FIRST)
    return data[:at] + b"\0\0" + data[at + 2 :]


def watchdog_zero(stage):
    """26: nothing above zero is written to a PCS whose watchdog register is not the site's."""
    stage.start()
    pcs = pcs_of(stage)
    stage.fault(lambda world: world.bytes_of.update({pcs: no_watchdog}))
    wrote = stage.run(30000, until=lambda: max(stage.world.pcs.limits_w()) > 0)
    stage.need(stage.world.pcs.writes > 3 and not wrote, "told %s W" % (stage.world.pcs.limits_w(),))
    stage.heal(lambda world: world.bytes_of.clear())
    stage.need(stage.run(5000, until=lambda: min(stage.world.pcs.limits_w()) > 0), "no limit after it was verified")
    stage.settle(-0.5)
    stage.fault(lambda world: world.bytes_of.update({pcs: no_watchdog}))
    stage.zero_within(2 * PERIOD_MS)


def watchdog_zero_is_told(stage):
    """26: and somebody hears of it."""
    stage.settle()
    stage.fault(lambda world: world.bytes_of.update({pcs_of(stage): no_watchdog}))
    stage.expect("pcs_watchdog", 10000 + 4 * PERIOD_MS)
    stage.stays_zero(20000)


# ---- 27, 36: our death, and a stall -----------------------------------------------------------------------


def without_us(stage, ms, polls, until):
    """So long no step is made, with the lines alive or not; True as soon as until() says yes."""
    end_ms = stage.world.now_ms + ms
    while stage.world.now_ms < end_ms and not until():
        stage.world.advance(stage.world.now_ms + 100)
        if polls:
            stage.rig.poll()
    return until()


def death(stage):
    """27: nothing comes from us any more; the watchdog that we set and verified ends the current."""
    stage.settle()
    stage.fault()
    watchdog_ms = stage.settings["pcs"]["watchdog_ms"]
    stage.need(max(stage.world.pcs.limits_w()) > 0, "no limit to lose")
    gone = without_us(stage, watchdog_ms + 300, False, lambda: max(stage.world.pcs.limits_w()) == 0)
    stage.need(gone, "the PCS still holds %s W" % (stage.world.pcs.limits_w(),))
    stopped = without_us(stage, 1000, False, lambda: stage.flows_a() < 0.5)
    stage.need(stopped, "%.1f A still flow" % stage.flows_a())


def steps_stop(stage):
    """36: the lines live on without the core; the port lets the last command expire by itself."""
    stage.settle()
    stage.fault()
    gone = without_us(stage, 3 * PERIOD_MS + 200, True, lambda: max(stage.world.pcs.limits_w()) == 0)
    stage.need(gone, "the PCS still holds %s W" % (stage.world.pcs.limits_w(),))


def stalled(stage):
    """36: one second lost; the late step permits nothing, says so, and permits come back by the ramp."""
    stage.settle()
    stage.run(5000, until=lambda: stage.world.now_ms + 100 >= stage.turn.wake_ms)
    without_us(stage, 1100, False, lambda: False)
    stage.fault()
    stage.run(100)
    stage.need(stage.permit() == (0, 0), "permit %s mA in the late step" % (stage.permit(),))
    stage.expect("late_step")
    stage.recovers(5)


# ---- 29, B14: the closed loop -----------------------------------------------------------------------------


def disobeys(stage, share):
    """The PCS no longer cares for its limits, and the BMS lowers its own to that share."""
    stage.settle(-0.9)

    def strike(world):
        world.mishaps.start("pcs_ignores", world.now_ms)
        world.says[0] = bms_allows(share)

    stage.fault(strike)


def flows_at_zero(stage):
    """29: current flows 2 s after the time to obey a zero permit: trip, and no return before its time."""
    disobeys(stage, 0.0)
    stage.expect("pcs_disobeys", OBEY_MS + 4 * PERIOD_MS)
    stage.expect("pcs_ignores_zero", OBEY_MS + 2000 + 4 * PERIOD_MS)
    stage.stays_zero(10000)
    stage.need(stage.flows_a() > 10.0, "this PCS was to ignore everything")
    stage.heal(_obedient)
    stage.stays_zero(299000, tick_ms=1000)
    stage.recovers(20)


def flows_beyond(stage):
    """B14: more than permitted flows: told again, then zero, then open, each in its time."""
    disobeys(stage, 0.2)
    told = stage.world.pcs.writes
    stage.expect("pcs_disobeys", OBEY_MS + 4 * PERIOD_MS)
    stage.need(stage.world.pcs.writes > told, "it was not told again")
    stage.need(stage.permit() == (0, 0), "permit %s mA" % (stage.permit(),))
    stage.expect("pcs_ignores_zero", 2 * OBEY_MS + 2000 + 6 * PERIOD_MS)
    stage.heal(_obedient)
    stage.stays_zero(299000, tick_ms=1000)
    stage.recovers(20)


def _obedient(world):
    world.mishaps.stop("pcs_ignores", world.now_ms)
    world.says.clear()


# ---- 30: one LSB to and fro around every threshold, for an hour -------------------------------------------

# (what, value, LSB, where it comes from) for a 16-cell LFP pack with the maker's 2500..3650 mV, -20..55 °C, 0 °C for
# charging. 0.0 °C itself is this BMS's code for an unknown temperature, so that step is two LSB wide.
HIGH = tuple(("cell", mv, 1, -100) for mv in (3400, 3500, 3570, 3630, 3649, 3650, 3700))
LOW = tuple(("cell", mv, 1, 300) for mv in (3050, 2900, 2700, 2550, 2502, 2501, 2500, 2350))
HOT = tuple(("temp", mc, 100, -4000) for mc in (40000, 45000, 54000, 55000, 58000))
COLD = tuple(
    ("temp", mc, lsb, 4000)
    for mc, lsb in ((12000, 100), (1100, 100), (100, 200), (-10000, 100), (-18900, 100), (-19900, 100))
)
STEPS = {"cell": 100, "temp": 4000}
SETTLE_MS = 120000
MOST_TURNS = 2  # of a direction from something to nothing or back
MOST_RAISED = 4


def wobble(what, value, lsb):
    """For FaultWorld.says: every cell (or sensor) reads value, the first of them value and one LSB less in turn."""

    def change(sample):
        odd = sample.at_ms // 1000 & 1
        if what == "temp":
            temps = tuple([value - lsb * odd] * len(sample.temp_mc))
            return sample._replace(temp_mc=temps, temp_max_mc=max(temps), temp_min_mc=min(temps))
        cells = (value - lsb * odd,) * len(sample.cell_mv)
        return sample._replace(cell_mv=cells, cell_max_mv=cells[0], cell_min_mv=cells[0], pack_mv=sum(cells))

    return change


def _oscillates(stage, what, value, lsb, near, ms):
    """One threshold: few turns, few faults, no restart spent."""
    stage.settle(0)
    step = STEPS[what]
    for gap in range(near, 0, step if near < 0 else -step):  # as it would come: without a jump
        stage.fault(lambda world, mean=value + gap: world.says.update({0: wobble(what, mean, lsb)}))
        stage.run(SETTLE_MS, 1000)
    stage.fault(lambda world: world.says.update({0: wobble(what, value, lsb)}))
    stage.run(SETTLE_MS, 1000)
    stage.fault()
    turns = [0, 0]
    before = list(stage.permit())

    def count():
        for side in (0, 1):
            now = stage.permit()[side]
            turns[side] += (now > 0) != (before[side] > 0)
            before[side] = now

    stage.each = count
    stage.run(ms, 1000)
    raised = len([1 for at_ms, event, _ in stage.events if event == f.E_RAISED and at_ms > stage.mark_ms])
    place = "%s %d" % (what, value)
    stage.need(max(turns) <= MOST_TURNS, "%s: %s turns within the time" % (place, turns))
    stage.need(raised <= MOST_RAISED, "%s: %d faults raised" % (place, raised))
    if stage.runtime == "cpython":
        spent = len(stage.rig.rig.site.packs[0].faults.restarts)
        stage.need(spent <= f.RESTARTS, "%s: %d restarts" % (place, spent))


def oscillates(rows):
    """play() over rows, each on a fresh stage, for an hour."""

    def play(stage):
        for what, value, lsb, near in rows:
            fresh = Stage(stage.name, stage.runtime, stage.seed)
            try:
                _oscillates(fresh, what, value, lsb, near, HOUR_MS)
            finally:
                fresh.close()
            stage.rig = stage.rig or fresh.rig

    return play


SEPLOS = ("seplos",)
HELD = ("edge/core/limits.py", "value = max(value, min(self._last[i], value + self._play[i]))", "pass")
FRESH_WATCHDOG = (
    ("bms_bridge/pcs.py", "raw = self.watchdog_ms * den // num", "raw = 0"),
    ("bms_bridge/pcs.py", "rules.append((offset, what, steps, steps))", "rules.append((offset, what, 0, steps))"),
    VERIFIED,
    WATCHDOG_TOLD,
)

SCENARIOS = tuple(
    Scenario(name, numbers, text, where, play, rules, SEPLOS, core)
    for name, numbers, text, where, play, rules, core in (
        (
            "write_not_applied",
            ("4.25",),
            "a lower limit is acknowledged and not applied",
            WIRE,
            write_not_applied,
            (LOOSER,),
            False,
        ),
        ("watchdog_zero", ("4.26",), "the PCS's watchdog register reads 0", WIRE, watchdog_zero, (VERIFIED,), False),
        (
            "watchdog_zero_is_told",
            ("4.26",),
            "the PCS's watchdog register reads 0: the alarm",
            WIRE,
            watchdog_zero_is_told,
            (WATCHDOG_TOLD,),
            False,
        ),
        ("death", ("4.27",), "nothing comes from us any more", WIRE, death, FRESH_WATCHDOG, False),
        ("steps_stop", ("4.36",), "the lines live on without the core", WIRE, steps_stop, (EXPIRES,), False),
        ("stalled", ("4.36",), "one second is lost", WIRE, stalled, (LATE_IS_ZERO, LATE_IS_TOLD), True),
        ("flows_at_zero", ("4.29",), "current flows with permit 0", PLANT, flows_at_zero, (IGNORES,), True),
        ("flows_beyond", ("4.29", "B14"), "more flows than is permitted", PLANT, flows_beyond, (DISOBEYS,), True),
        *[
            (
                "oscillates_" + name,
                ("4.30",),
                "1 LSB around every %s, 1 h each" % text,
                WIRE,
                oscillates(at),
                (HELD,),
                False,
            )
            for name, text, at in (
                ("high", "upper voltage", HIGH),
                ("low", "lower voltage", LOW),
                ("hot", "high temperature", HOT),
                ("cold", "low temperature", COLD),
            )
        ],
    )
)
SCENARIOS += (
    Scenario(
        "write_not_applied_told",
        ("4.25",),
        "a write that is not applied is told upstream",
        WIRE,
        write_not_applied_is_told,
        (UNAPPLIED_TOLD,),
        SEPLOS,
        False,
    ),
)
