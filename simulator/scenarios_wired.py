# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults of inputs, contactor and ports: 28, 40, 41, 44, and what peers got wrong with the same."""

from edge.core import faults as f
from simulator.faults import PLANT, WIRE, Scenario
from simulator.site_rig import ContactorWorld, Contacts, begin

PERIOD_MS = 1000
STALE_MS = 3000
SEPLOS = ("seplos",)
LEVELS = {row[0]: row[1] for row in f.FAULTS}


# ---- 41: inputs -------------------------------------------------------------------------------------------


def opens(name, how):
    """play(): the loop of that input opens (False: active or a broken wire) or gives no value (None)."""

    def play(stage):
        contacts = Contacts()
        begin(stage, contacts=contacts)
        stage.settle()
        stage.fault(lambda world: contacts.closed.update({name: how}))
        stage.zero_within(2 * PERIOD_MS if LEVELS[name] == f.WARN else PERIOD_MS)
        stage.expect(name, 2100 if LEVELS[name] == f.WARN else PERIOD_MS + 100)
        stage.heal(lambda world: contacts.closed.update({name: True}))
        if LEVELS[name] == f.LOCK:
            stage.stays_zero(400000, tick_ms=1000)
        elif LEVELS[name] == f.TRIP:
            stage.stays_zero(299000, tick_ms=1000)
            stage.recovers(10)
        else:
            stage.recovers(10)

    return play


def module_silent(stage):
    """41: the module with the inputs answers no more: nothing flows, and after a while all count as active."""
    contacts = Contacts()
    begin(stage, contacts=contacts)
    stage.settle()

    def strike(world):
        contacts.silent = True

    stage.fault(strike)
    stage.zero_within(STALE_MS + PERIOD_MS)
    stage.expect("input_invalid", STALE_MS + PERIOD_MS + 100)
    stage.expect("smoke", 10000 + 2 * PERIOD_MS)


# ---- 28, 40, B15, B16: the contactor ----------------------------------------------------------------------


def connect(stage, world=ContactorWorld, **more):
    """A site with a contactor, precharged, closed and with current; the world."""
    world = begin(stage, world, contactor=True, **more)
    stage.settle()
    stage.need(world.closed() and world.tries == 1 and world.closings == 1, "not closed by one precharge")
    return world


def alarmed(sample):
    """For FaultWorld.says: the BMS asks to be opened."""
    return sample._replace(alarms=1 << 22)


def welded(stage):
    """28: told to open, the auxiliary contact goes on saying closed."""
    world = connect(stage)

    def strike(world):
        world.welded = True
        world.says[0] = alarmed

    stage.fault(strike)
    stage.zero_within(3 * PERIOD_MS)
    stage.expect("weld", 8000)
    stage.heal(lambda world: world.says.pop(0))
    stage.stays_zero(400000, tick_ms=1000)
    begin(stage, world, stage.rig.rig.store.load(), contactor=True)
    stage.stays_zero(400000, tick_ms=1000)
    stage.need(not world.coil and world.closings == 1, "closed again after a restart")


def killed(stage):
    """40: the process dies with the contactor closed, the next one finds no mark of a clean stop."""
    world = connect(stage)
    left = stage.rig.rig.store.load()
    world.coil = False  # its output falls with the process
    stage.fault()
    begin(stage, world, left, contactor=True)
    stage.run(250000, 1000, lambda: world.closed())
    stage.need(not world.coil and world.closings == 1, "closed without an explanation")
    stage.expect("unexplained_stop", 250000)


def clean_stop(stage):
    """40: after a stop in peace it closes again by itself."""
    world = connect(stage)
    store = stage.rig.rig.store
    stage.rig.close()
    world.advance(world.now_ms + 5000)
    begin(stage, world, store.load(), contactor=True)
    stage.need(stage.run(60000, 1000, lambda: world.closed()), "not closed after a clean stop")


def precharge_fails(stage):
    """40: the bus never fills: three tries, then nothing more, also after a restart."""
    world = begin(stage, ContactorWorld, contactor=True)
    world.leaky = True
    stage.fault()
    stage.run(120000)
    stage.need(world.tries == 3 and world.closings == 0, "%d tries, %d closings" % (world.tries, world.closings))
    stage.expect("precharge_failed", 120000)
    world.leaky = False
    begin(stage, world, stage.rig.rig.store.load(), contactor=True)
    stage.run(400000, 1000)
    stage.need(world.tries == 3 and world.closings == 0, "tried again after a restart")


def fault_while_precharging(stage):
    """40, B16: a fault during precharge, and gone again: no second try by itself."""
    world = begin(stage, ContactorWorld, contactor=True)
    world.leaky = True
    stage.need(stage.run(60000, until=lambda: world.precharging), "no precharge")

    contacts = stage.rig.rig.devices[-1]
    stage.fault(lambda world: contacts.closed.update(estop=False))
    stage.need(stage.run(1100, until=lambda: not world.precharging), "precharge goes on")
    stage.expect("estop")
    tries = world.tries
    world.leaky = False
    stage.heal(lambda world: contacts.closed.update(estop=True))
    stage.run(700000, 1000)
    stage.need(world.tries == tries and world.closings == 0, "engaged again")
    stage.need(not world.closed(), "closed")


def opens_under_load(stage):
    """B15: above its break current it stays closed until the fuse had its time, and no longer."""
    world = connect(stage)

    def strike(world):
        world.mishaps.start("pcs_ignores", world.now_ms)
        world.says[0] = alarmed

    stage.fault(strike)
    stage.expect("bms_alarm", 3 * PERIOD_MS + 100)
    early = stage.run(1500, until=lambda: not world.closed())
    stage.need(not early, "opened under load")
    stage.need(stage.run(3000, until=lambda: not world.closed()), "still closed")


# ---- 44: a port that breaks down --------------------------------------------------------------------------


class Broken:
    """An actuator that works until it is told to break: then apply() and zero() raise."""

    def __init__(self):
        self.broken = False

    def apply(self, command):
        """See the Actuator port."""
        if self.broken:
            raise OSError(5, "actuator")
        return 0

    zero = None

    def _zero(self):
        if self.broken:
            raise OSError(5, "actuator")


def actuator_raises(stage):
    """44: one actuator raises, in apply() and in zero(): the loop ends, and the others go to zero before."""
    broken = Broken()
    broken.zero = broken._zero
    begin(stage)
    stage.settle()
    stage.need(max(stage.world.pcs.limits_w()) > 0, "no limit to lose")
    broken.broken = True
    stage.rig.rig.actuators.insert(0, broken)
    stage.fault()
    try:
        stage.run(2000)
        stage.need(False, "the loop goes on")
    except OSError:
        pass
    stage.rig.rig.flush()  # what a shell does with the last zero
    stage.need(stage.world.pcs.limits_w() == (0, 0), "the PCS holds %s W" % (stage.world.pcs.limits_w(),))


def rule(name):
    """The rule of that input."""
    return ("edge/core/controller.py", "c[f.F_%s] = inputs.%s is not False" % (name.upper(), name), "pass")


ALL_ZERO = (
    "edge/loop.py",
    "        try:\n            actuators[0].zero()\n        finally:\n            zero_all(actuators[1:])",
    "        actuators[0].zero()\n        zero_all(actuators[1:])",
)
MISSING_INPUTS = ("edge/core/site.py", "return Inputs(None, None, None, None, None, None), True", "return None, False")
WELD = ("edge/core/contactor.py", "return self._says_open() and closed is True", "return False")
UNEXPLAINED = ("edge/core/contactor.py", 'bool(saved.get("closed")) and not saved.get("clean")', "False")
THREE_TRIES = ("edge/core/contactor.py", "self.tries >= TRIES:", "self.tries >= 99:")
NO_SECOND = (
    "edge/core/contactor.py",
    "self.failed = True  # a fault during precharge: no second try without a person",
    "pass",
)
FUSE = (
    "edge/core/contactor.py",
    "if self.state_now == CLOSED and not at_once and not self._breakable(current_ma):",
    "if False:",
)
FAILED_KEPT = ("edge/core/contactor.py", "self.failed = self.tries >= TRIES", "self.failed = False")
CLEAN = ("edge/loop.py", "store.save(site.state(True))", "store.save(site.state())")

_ROWS: list = [
    (
        "%s_%s" % (name, "opens" if how is False else "unknown"),
        ("4.41",),
        "%s: %s" % (name, text),
        WIRE,
        opens(name, how),
        (rule(name),),
    )
    for name in ("estop", "smoke", "insulation", "door")
    for how, text in ((False, "its loop opens"), (None, "the input gives no value"))
]
_ROWS += [
    ("inputs_silent", ("4.41",), "the module with the inputs is silent", WIRE, module_silent, (MISSING_INPUTS,)),
    ("actuator_raises", ("4.44",), "an actuator raises", PLANT, actuator_raises, (ALL_ZERO,)),
    ("weld", ("4.28",), "the contactor no longer opens", PLANT, welded, (WELD,)),
    ("killed_closed", ("4.40",), "killed with the contactor closed", PLANT, killed, (UNEXPLAINED,)),
    ("stopped_closed", ("4.40",), "stopped in peace with the contactor closed", PLANT, clean_stop, (CLEAN,)),
    ("precharge_fails", ("4.40", "B16"), "the bus never fills", PLANT, precharge_fails, (THREE_TRIES, FAILED_KEPT)),
    (
        "precharge_broken_off",
        ("4.40", "B16"),
        "a fault during precharge",
        PLANT,
        fault_while_precharging,
        (NO_SECOND,),
    ),
    ("opens_under_load", ("B15",), "the PCS ignores zero while it opens", PLANT, opens_under_load, (FUSE,)),
]
SCENARIOS = tuple(Scenario._make((*row, SEPLOS, False)) for row in _ROWS)
