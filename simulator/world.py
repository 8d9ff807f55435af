# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The whole site as it truly is, under a clock that only moves when it is told to.

    world = World(settings, seed)            # plants, BMSs, PCS, meter, weather, mishaps
    world.advance(to_ms)                     # physics and devices up to that monotonic time
    world.answer(device, function, address, count)   # what a device answers to a read: bytes
    world.write(device, address, data)       # what a device does with an FC16 write

Devices are numbered as in the settings: packs, PCS, meter. What devices answer is what they measured at
the end of the last physical step: reads in one instant agree with each other, whatever their order.
The controller is attached by simulator.rigs (in this process, or in a MicroPython VM) or over real
sockets by simulator.serve.
"""

from math import sin, tau

from bms_bridge.compile_texts import say_serial
from bms_bridge.encode import encode_block, served
from bms_bridge.tables import load
from simulator.bms import GOOD, SimBms
from simulator.contacts import Contacts, SimInputs, SimModules
from simulator.mishaps import Mishaps
from simulator.pcs import STORCTL, FactoryDay, SimMeter, SimPcs
from simulator.plant import Plant

# 2026-11-19 00:00:00 KST
START_UTC_S = 1795014000
KST_S = 32400

# How a device meets a request.
SILENT = 0
ANSWERS = 1
HANGS = 2

_MANAGER_MS = 10000  # the energy manager looks at its charge this often


class World:
    """settings: of the site. seed: int, everything random comes from it. start_utc_s: wall clock at
    monotonic zero. plants: keyword arguments of Plant, one dict per pack. vices: of every BMS. sunny:
    share of sunny days. step_ms: longest physical step."""

    def __init__(
        self, settings, seed, start_utc_s=START_UTC_S, plants=None, vices=GOOD, sunny=1.0, step_ms=1000, start_ms=0
    ):
        self.settings = settings
        self.seed = seed
        self.start_utc_s = start_utc_s
        self.start_ms = start_ms
        self.now_ms = start_ms
        self.step_ms = step_ms
        self.steps = 0
        self.mishaps = Mishaps()
        truth = plants or [{}] * len(settings["packs"])
        self.plants = [Plant(pack, seed + k, **truth[k]) for k, pack in enumerate(settings["packs"])]
        self.bms = [
            SimBms(pack, plant, self.mishaps, seed, k, vices)
            for k, (pack, plant) in enumerate(zip(settings["packs"], self.plants))
        ]
        self.pcs = _pcs_of(settings["pcs"], self.mishaps)
        self.meter = SimMeter() if settings.get("meter") else None
        ours = any(pack.get("contactor") for pack in settings["packs"])
        self.contacts = Contacts(settings["packs"], self.mishaps) if ours else None
        self.inputs = SimInputs(self.mishaps, self.contacts) if settings.get("inputs") else None
        energy_wh = sum(float(plant.cell_v.sum()) * plant.usable()[1] for plant in self.plants)
        self.day = FactoryDay(seed, min(0.24 * energy_wh, 0.9 * settings["pcs"]["power_w"]), sunny)
        self.tables = [load(pack["profile"]) for pack in settings["packs"]]
        self.tables.append(load(settings["pcs"]["profile"]))
        if self.meter:
            self.tables.append(load(settings["meter"]["profile"]))
        self.modules = SimModules(settings, len(self.tables), self.inputs, self.contacts)
        self.samples = [None] * len(self.tables)
        # what each BMS says its number is; None: what its profile serves
        self.serials = [pack.get("bms_serial") or pack.get("serial") for pack in settings["packs"]]
        self.request_w = 0.0
        self._manager_ms = None
        self._soc = 0.0
        self._ambient_c = 20.0
        self._struck = {}
        self._measure(0.0)

    # ---- time --------------------------------------------------------------------------------

    def utc_s(self):
        """Wall clock of this world: integer seconds."""
        return self.start_utc_s + (self.now_ms - self.start_ms) // 1000

    def advance(self, to_ms, each=None):
        """Let time pass until to_ms; each(now_ms), if given, is called after every physical step."""
        while self.now_ms < to_ms:
            span_ms = min(self.step_ms, to_ms - self.now_ms)
            self.now_ms += span_ms
            self._step(span_ms / 1000.0)
            if each is not None:
                each(self.now_ms)

    def _step(self, dt_s):
        self.steps += 1
        now_ms = self.now_ms
        if self._manager_ms is None or now_ms - self._manager_ms >= _MANAGER_MS:
            self._manage(now_ms)
        voltage = float(self.plants[0].cell_v.sum())
        self.request_w = self.day.request_w(self.start_utc_s + KST_S + (now_ms - self.start_ms) / 1000.0, self._soc)
        joined = self.plants
        if self.contacts is not None:
            joined = self.contacts.step(now_ms, dt_s, self.plants)
            voltage = self.contacts.bus_v
        if not joined:
            self.request_w = self.pcs.now_w = 0.0
        power_w = self.pcs.step(now_ms, dt_s, voltage, self.request_w)
        if len(self.plants) == 1:
            self.plants[0].step(dt_s, self.pcs.dc_a if joined else 0.0, self._ambient_c)
        else:
            self._share(dt_s, joined)
        if self.meter:
            self.meter.step(dt_s, power_w)
        self._measure(dt_s)

    def _share(self, dt_s, joined):
        """Parallel packs: one voltage, currents by their inner voltage and resistance (Kirchhoff). joined: the
        plants on the bus; the others carry nothing."""
        inner = [plant.emf() for plant in joined]
        conductance = sum(1.0 / ohm for _, ohm in inner)
        volts = (self.pcs.dc_a + sum(v / ohm for v, ohm in inner)) / conductance if joined else 0.0
        for plant, (v, ohm) in zip(joined, inner, strict=True):
            plant.step(dt_s, (volts - v) / ohm, self._ambient_c)
        for plant in self.plants:
            if plant not in joined:
                plant.step(dt_s, 0.0, self._ambient_c)

    def contact(self, commands):
        """The contactors hear what a step commanded (Outcome.commands)."""
        if self.contacts is not None and not self.settings.get("outputs"):
            for command in commands[1:]:
                self.contacts.each[command.target].apply(self.now_ms, command)

    def _manage(self, now_ms):
        """What changes slowly: the energy manager's view of the charge, the room, lasting mishaps."""
        self._manager_ms = now_ms
        self._soc = min(plant.usable()[0] for plant in self.plants)
        local_s = self.start_utc_s + KST_S + (now_ms - self.start_ms) / 1000.0
        self._ambient_c = 20.0 + 4.0 * sin((local_s % 86400.0 / 86400.0 - 0.375) * tau)

    def _measure(self, dt_s):
        if self.mishaps.active or self._struck:
            self._strike(dt_s)
        for index, bms in enumerate(self.bms):
            bms.step(self.now_ms, dt_s)
            self.samples[index] = bms.sample
        count = len(self.bms)
        self.samples[count] = self.pcs.sample(self.now_ms)
        if self.meter:
            self.samples[count + 1] = self.meter.sample(self.now_ms)

    def _strike(self, dt_s):
        """Mishaps of the plants themselves: applied once, taken back when they end; self-heating goes on."""
        for index, plant in enumerate(self.plants):
            heats = self.mishaps.get("self_heating", index)
            if heats is not None:
                plant.temp_c += heats["mk_per_s"] * dt_s / 1000.0
            for name in ("over_temp", "cell_weak", "cell_leak"):
                row = self.mishaps.get(name, index)
                was = self._struck.get((name, index))
                if row is not None and was is None:
                    self._struck[(name, index)] = _hurt(plant, name, row)
                elif row is None and was is not None:
                    del self._struck[(name, index)]
                    _heal(plant, name, was)

    # ---- wires -------------------------------------------------------------------------------

    def status(self, device):
        """How device (number as in the settings) meets a request now: SILENT, ANSWERS or HANGS."""
        if not self.mishaps.active:
            return ANSWERS
        packs = len(self.bms)
        if device < packs:
            if self.mishaps.get("transport_hangs", device) is not None:
                return HANGS
            return SILENT if self.mishaps.get("bms_silent", device) is not None else ANSWERS
        if device in self.modules.tables:
            return SILENT if self.mishaps.get("inputs_silent") is not None else ANSWERS
        name = "pcs_silent" if device == packs else "meter_silent"
        return SILENT if self.mishaps.get(name) is not None else ANSWERS

    def block(self, device, index):
        """Bytes of block `index` of device's table, as it answers now."""
        if device in self.modules.tables:
            return self.modules.block(self.now_ms, device, index)
        data = encode_block(self.tables[device], index, self.samples[device], self.pcs.power_w)
        if device < len(self.bms):
            return say_serial(self.tables[device], index, data, self.serials[device])
        if device == len(self.bms) and self.pcs.registers[STORCTL] != 3:
            data = self._control_bits(device, index, data)
        return data

    def _control_bits(self, device, index, data):
        """Put the true control bits of the PCS into its storage block: a table can only say what is right."""
        _, address, count = self.tables[device].BLOCKS[index][:3]
        at = 2 * (STORCTL - address)
        if not 0 <= at < 2 * count:
            return data
        return data[:at] + self.pcs.registers[STORCTL].to_bytes(2, "big") + data[at + 2 :]

    def answer(self, device, function, address, count):
        """Data bytes of a read of count registers, or (count None) of the coils from address on, as device
        answers now; None when it has no such place (exception 2). A read may span blocks."""
        if device in self.modules.tables:
            return self.modules.answer(self.now_ms, device, function, address, count)
        table = self.tables[device]
        if count is None:
            for index, row in enumerate(table.BLOCKS):
                if row[0] == function and row[1] == address:
                    return self.block(device, index)
            return None
        parts = [(row[1], row[2], index) for index, row in enumerate(table.BLOCKS) if row[0] == function]
        parts += [(row[1], len(row[2]), row[2]) for row in served(table) if row[0] == function]
        data = b""
        at = address
        for first, size, what in sorted(parts, key=_first):
            if first <= at < first + size and at < address + count:
                whole = self.block(device, what) if isinstance(what, int) else _bytes(what)
                end = min(first + size, address + count)
                data += whole[2 * (at - first) : 2 * (end - first)]
                at = end
        return data if len(data) == 2 * count else None

    def write(self, device, address, data):
        """An FC16 write of data (bytes) at address; True when the device takes it. Only the PCS does."""
        return device == len(self.bms) and self.pcs.write(self.now_ms, address, data)

    def coil(self, device, address, on):
        """An FC05 write; True when the device has that relay."""
        return device in self.modules.tables and self.modules.coil(self.now_ms, device, address, on)

    def frames(self, device):
        """CAN frames that device sends by itself now: [(can_id, extended, data), ...]."""
        return self.pcs.wire.due(self.now_ms) if self.status(device) == ANSWERS else []

    def hear(self, device, frame):
        """A CAN frame (can_id, extended, data) reaches device."""
        self.pcs.wire.take(*frame)

    def truth(self, pack=0):
        """The Truth of one pack now."""
        return self.plants[pack].truth()


def _pcs_of(pcs, mishaps):
    """The simulated PCS of a site: with registers, or an inverter on a CAN bus."""
    if not hasattr(load(pcs["profile"]), "TOLD"):
        return SimPcs(pcs, mishaps)
    from simulator.inverter import CanPcs  # its wire knows this module

    return CanPcs(pcs, mishaps)


def _first(part):
    return part[0]


def _bytes(registers):
    return b"".join(value.to_bytes(2, "big") for value in registers)


def _hurt(plant, name, row):
    """Apply a lasting mishap to plant; returns what _heal needs."""
    if name == "over_temp":
        plant.temp_c += row["kelvin"]
        return row["kelvin"]
    cell = row["cell"] % plant.cells
    if name == "cell_weak":
        plant.r0_ohm[cell] *= row["factor"]
        return (cell, row["factor"])
    before_ma = plant.leak_a[cell] * 1000.0
    plant.leak(cell, row["ma"])
    return (cell, before_ma)


def _heal(plant, name, was):
    if name == "over_temp":
        plant.temp_c = max(plant.temp_c - was, 20.0)
    elif name == "cell_weak":
        plant.r0_ohm[was[0]] /= was[1]
    else:
        plant.leak(*was)
