# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The contactors, the bus between them and the PCS, and the safety inputs of a site, as they truly are.

A contactor bounces, may weld, and falls when its command is not renewed. Current flows only through a closed one. An
input is wired normally closed: a broken wire reads as nothing at all.
"""

from math import exp

from bms_bridge.modules import load as load_module
from edge.core.records import Inputs

BOUNCE_MS = 30
HOLD_MS = 10000  # dead-man: above the PCS's watchdog and the fuse time
PRECHARGE_TAU_S = 0.3
BLEED_TAU_S = 60.0


class SimContactor:
    """The contactor of pack `index`, with its precharge relay. It obeys commands of the controller (apply)."""

    def __init__(self, index, mishaps):
        self.index = index
        self.mishaps = mishaps
        self.main = False
        self.precharge = False
        self.closings = 0
        self.opened_ma = 0.0  # the largest current that it ever had to break
        self._told_ms = None
        self._wants = (0, 0)
        self._since_ms = 0

    def apply(self, now_ms, command):
        """Take edge.core.records.Command: contactor and precharge, None leaves as it is and renews nothing."""
        if command.contactor is None:
            return
        if command.contactor != self._wants[0]:
            self._since_ms = now_ms
        self._wants = (command.contactor, command.precharge)
        self._told_ms = now_ms

    def drive(self, now_ms, main=None, precharge=None):
        """A relay of a module pulls or lets go (1, 0); None: stays, and the module lives."""
        self._told_ms = now_ms
        if main is not None and main != self._wants[0]:
            self._since_ms = now_ms
        before = self._wants
        self._wants = (before[0] if main is None else main, before[1] if precharge is None else precharge)

    def step(self, now_ms, current_a):
        """Move the contacts. current_a: through the main contact until now."""
        if self._told_ms is not None and now_ms - self._told_ms > HOLD_MS:
            self._wants = (0, 0)
        main = self._wants[0] == 1 and now_ms - self._since_ms >= BOUNCE_MS
        if self.main and not main:
            if self.mishaps.get("contactor_weld", self.index) is not None:
                main = True
            else:
                self.opened_ma = max(self.opened_ma, abs(current_a) * 1000.0)
        if main and not self.main:
            if self.mishaps.get("contactor_dead", self.index) is not None:
                main = False
            else:
                self.closings += 1
        self.main = main
        self.precharge = self._wants[1] == 1 and self.mishaps.get("precharge_open", self.index) is None


class Contacts:
    """The contactors of all packs and the capacitors of the bus. packs: settings of the packs."""

    def __init__(self, packs, mishaps):
        self.each = [SimContactor(k, mishaps) for k in range(len(packs))]
        self.bus_v = 0.0

    def step(self, now_ms, dt_s, plants):
        """Move every contact, then the voltage of the bus; returns the plants that are joined to it."""
        volts = [float(plant.cell_v.sum()) for plant in plants]
        for one, plant in zip(self.each, plants, strict=True):
            one.step(now_ms, plant.current_a)
        joined = [k for k, one in enumerate(self.each) if one.main]
        charging = [volts[k] for k, one in enumerate(self.each) if one.precharge]
        if joined:
            self.bus_v = volts[joined[0]]
        elif charging:
            self.bus_v += (max(charging) - self.bus_v) * (1.0 - exp(-dt_s / PRECHARGE_TAU_S))
        else:
            self.bus_v *= exp(-dt_s / BLEED_TAU_S)
        return [plants[k] for k in joined]


class SimInputs:
    """Device port of the safety inputs. contacts: Contacts or None."""

    def __init__(self, mishaps, contacts):
        self.mishaps = mishaps
        self.contacts = contacts
        self._newest = None

    def read(self, now_ms):
        """Inputs as the wires say them now; the newest ones while the module is silent."""
        if self.mishaps.get("inputs_silent") is not None:
            return self._newest
        told = [self._told(name) for name in ("estop", "smoke", "insulation", "door")]
        closed = None if self.contacts is None else tuple([one.main for one in self.contacts.each])
        self._newest = Inputs(now_ms, told[0], told[1], told[2], told[3], closed)
        return self._newest

    def _told(self, name):
        broken = self.mishaps.get("wire_broken")
        if broken is not None and broken["input"] == name:
            return None
        return self.mishaps.get(name) is not None

    def next_request(self, now_ms):
        """It is wired, not asked."""
        return None

    def bits(self, table, settings, packs):
        """Bits of the input module of that table now, lowest number first; nothing is wired to the others."""
        said = self.read(0)
        bits = [False] * table.POINTS
        for name in ("estop", "smoke", "insulation", "door"):
            number = settings.get(name + "_input")
            if number is not None:  # normally closed: current flows while it is quiet
                bits[number - table.FIRST] = getattr(said, name) is False
        for index, pack in enumerate(packs):
            number = (pack.get("contactor") or {}).get("feedback_input")
            if number is not None:
                bits[number - table.FIRST] = self.contacts.each[index].main
        return bits


class SimModules:
    """The digital modules of a site on their wires: inputs, and relays that let go when nobody speaks to them.

    first: number of the first of them among the devices of the world."""

    def __init__(self, settings, first, inputs, contacts):
        self.settings = settings
        self.tables = {}
        self.inputs = inputs
        self.contacts = contacts
        self._coils = {}
        for section in ("inputs", "outputs"):
            own = settings.get(section)
            if own and own.get("profile"):
                self.tables[first + len(self.tables)] = (section, load_module(own["profile"]))

    def rows(self):
        """[settings dict] of the modules, in the order of their numbers."""
        return [self.settings[section] for section, _ in self.tables.values()]

    def block(self, now_ms, device, index):
        """Data bytes of block index of a module."""
        section, table = self.tables[device]
        if section == "inputs":
            return _packed(self.inputs.bits(table, self.settings["inputs"], self.settings["packs"]))
        for one in self.contacts.each:
            one.drive(now_ms)
        if index == 0:
            return _packed([self._coils.get(place, 0) for place in range(table.POINTS)])
        _, what, value = table.WATCH[index - 1]
        if what == "time":
            return (9000 // value).to_bytes(2, "big")
        return _packed([value] * table.BLOCKS[index][2])

    def answer(self, now_ms, device, function, address, count):
        """Data bytes of a read, None where the module has no such place. count None: any (coils)."""
        for index, row in enumerate(self.tables[device][1].BLOCKS):
            if row[:2] == (function, address) and count in (None, row[2]):
                return self.block(now_ms, device, index)
        return None

    def coil(self, now_ms, device, address, on):
        """A write of function 5; True when the module has that relay."""
        section, table = self.tables[device]
        place = address - table.BLOCKS[0][1]
        if section != "outputs" or not 0 <= place < table.POINTS:
            return False
        self._coils[place] = int(on)
        for one, pack in zip(self.contacts.each, self.settings["packs"], strict=True):
            own = pack["contactor"]
            if own["output"] == place + table.FIRST:
                one.drive(now_ms, main=int(on))
            elif own.get("precharge_output") == place + table.FIRST:
                one.drive(now_ms, precharge=int(on))
        return True


def _packed(bits):
    data = bytearray((len(bits) + 7) // 8)
    for place, bit in enumerate(bits):
        data[place >> 3] |= int(bit) << (place & 7)
    return bytes(data)
