# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The controller's side of a whole site: contacts, a contactor with its plant, signed orders, any store and uplink.

A Stage gets it by begin(stage, ...) in place of stage.start(). Nothing here reaches into the controller: contacts are
wires, the contactor is iron, orders are bytes, the store and the uplink are ports.
"""

from edge.core.records import Inputs
from edge.shell.gateway_signed import verify_of
from edge.shell.pipe import Rig
from simulator.checks import Checks
from simulator.fault_oracle import ORACLE
from simulator.fault_rig import FaultWorld, Here
from simulator.faults import PHASE_MS

LOOPS = ("estop", "smoke", "insulation", "door")


class Contacts:
    """The digital inputs of a site, normally closed. closed: {name: True quiet, False open or broken wire, None the
    module gives no value}. auxiliary(): what the contactor's auxiliary contact says. silent: the module is gone."""

    def __init__(self, auxiliary=None):
        self.closed = dict.fromkeys(LOOPS, True)
        self.auxiliary = auxiliary
        self.silent = False
        self._newest = None

    def read(self, now_ms):
        """See the Device port."""
        if not self.silent:
            said = [None if self.closed[name] is None else not self.closed[name] for name in LOOPS]
            said.append(None if self.auxiliary is None else self.auxiliary())
            self._newest = Inputs(now_ms, said[0], said[1], said[2], said[3], said[4])
        return self._newest

    def next_request(self, now_ms):
        """Nothing is asked over a line."""


class Coil:
    """Actuator port of one contactor with its precharge relay; falls when it is not renewed."""

    def __init__(self, world):
        self.world = world

    def apply(self, command):
        """See the Actuator port."""
        if command.contactor is not None:
            self.world.coil = command.contactor == 1
        self.world.precharges(command.precharge == 1)
        return 0

    def zero(self):
        """See the Actuator port."""
        self.world.coil = False
        self.world.precharges(False)


class ContactorWorld(FaultWorld):
    """A FaultWorld with a contactor between the only pack and the PCS. coil: pulled. welded: it no longer opens. bus_v:
    of the PCS's capacitors. leaky: the precharge resistor is broken, they do not fill. tries: precharges begun."""

    def __init__(self, *arguments, **keywords):
        self.coil = False
        self.welded = False
        self.leaky = False
        self.precharging = False
        self.tries = 0
        self.bus_v = 0.0
        self.closings = 0
        self._was = False
        super().__init__(*arguments, **keywords)
        self.says[1] = self._bus

    def _bus(self, sample):
        return sample._replace(dc_mv=round(self.bus_v * 1000.0))

    def closed(self):
        """True when the main contacts are together."""
        return self.coil or self.welded

    def precharges(self, on):
        """The precharge relay is switched."""
        self.tries += on and not self.precharging
        self.precharging = on

    def _step(self, dt_s):
        volts = float(self.plants[0].cell_v.sum())
        closed = self.closed()
        self.closings += closed and not self._was
        self._was = closed
        if closed:
            self.bus_v = volts
        else:
            self.pcs.now_w = 0.0
            filled = self.precharging and not self.leaky
            self.bus_v += ((volts if filled else 0.0) - self.bus_v) * min(dt_s / (0.2 if filled else 2.0), 1.0)
        wish, self.day.power_w = self.day.power_w, self.day.power_w if closed else 0.0
        super()._step(dt_s)
        self.day.power_w = wish


class SiteRig(Rig):
    """Rig whose loop has more: parts is a dict of what replaces it. contacts: Device. coil: Actuator. store,
    uplink: ports. trust: rows of settings["trust"] for signed orders. wall: () -> (UTC seconds or None, quality)."""

    def __init__(self, settings, state, world, keep, parts):
        super().__init__(settings, state, world, keep)
        self.store = parts.get("store", self.store)
        self.uplink = parts.get("uplink", self.uplink)
        if "contacts" in parts:
            self.devices.append(parts["contacts"])
        self.actuators = [*self.actuators, *([parts["coil"]] if "coil" in parts else [])]
        self.generator = self.steps(settings, verify_of({"trust": parts.get("trust")}))


class Site(Here):
    """Here with the parts of a SiteRig."""

    def __init__(self, world, settings, parts, state=None):
        self._parts = parts
        super().__init__(world, settings, "blocks", state)

    def make(self, settings, state, keep):
        """The Rig."""
        rig = SiteRig(settings, state, self.world, keep, self._parts)
        if "wall" in self._parts:
            rig.clock.utc_s = self._parts["wall"]
        return rig


def begin(stage, world=FaultWorld, state=None, start_ms=0, **parts):
    """stage.start() with another world (class, or one that goes on) and the parts of a SiteRig; the world."""
    if isinstance(world, type):
        world = world(stage.settings, stage.seed, plants=stage.plants, start_ms=start_ms)
    if parts.pop("contactor", False):
        parts["coil"] = Coil(world)
        parts["contacts"] = Contacts(world.closed)
        stage.settings["packs"][0]["contactor"] = {"break_ma": 20000}
        stage.checks = Checks([row for row in ORACLE if row[0] != "outcome_complete"])
    if "contacts" in parts:
        stage.settings["inputs"] = {"wired": 1}
    if parts.get("trust"):
        stage.settings["trust"] = parts["trust"]
    if stage.world is not None:  # a restart: the records and the ramp begin anew
        stage.checks = Checks([row for row in ORACLE if row[0] not in ("outcome_complete", "records_whole", "ramped")])
    stage.start()
    stage.world = world
    stage.rig = Site(world, stage.settings, parts, state)
    stage._wake_ms = world.now_ms + PHASE_MS
    stage.mark_ms = world.now_ms
    return world
