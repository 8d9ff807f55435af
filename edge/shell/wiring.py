# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""From settings to ports: devices, actuators, and one gated line per connection."""

from edge.core.tx_gate import CONTROL, READ, TxGate


class Wiring:
    """devices: in the order that edge.loop wants (packs, PCS, meter). actuators: (PCS,). lines: list of
    (link settings, devices on it, gate). told: told(site, outcome) of every port that wants to know what the site knows
    after a step. settings: checked; load(name): gives the table of a profile;
    clock: Clock port.
    """

    def __init__(self, settings, load, clock):
        control = settings["mode"] == "control"
        per_line = [[] for _ in settings["links"]]
        self.devices = []
        for pack in settings["packs"]:
            self._add(per_line, reader(load(pack["profile"]), pack, control), pack)
        pcs = settings["pcs"]
        self.told = []
        self.pcs = self._power_port(load(pcs["profile"]), settings, clock)
        self._add(per_line, self.pcs, pcs)
        meter = settings.get("meter")
        if meter:
            self._add(per_line, reader(load(meter["profile"]), meter, control), meter)
        self.actuators = (self.pcs,)
        self.relays = []  # the relay module, if any: polled, and not a device of the loop
        self._modules(per_line, settings, clock)
        mode = CONTROL if control else READ
        self.lines = []
        for index in range(len(per_line)):
            link = settings["links"][index]
            rules = [device.gate_rules() for device in per_line[index]]
            reads = sum([rule[0] for rule in rules], ())
            writes = sum([rule[1] for rule in rules], ())
            relays = [module for module in self.relays if module in per_line[index]]
            gate = gate_of(link["kind"], mode, (reads, writes), relays)
            if self.pcs in per_line[index]:
                self.pcs.gate = gate
            self.lines.append((link, per_line[index], gate))
        self._switches(settings, clock)

    def _modules(self, per_line, settings, clock):
        """The input module, the last of the devices, and the relay module with an actuator per contactor."""
        own = settings.get("inputs")
        if own and own.get("profile"):
            from bms_bridge.digital import InputModule
            from bms_bridge.modules import load as load_module

            contacts = [(pack.get("contactor") or {}).get("feedback_input") for pack in settings["packs"]]
            self._add(per_line, InputModule(load_module(own["profile"]), own, contacts), own)
        own = settings.get("outputs")
        if own:
            from bms_bridge.coils import CoilContactor, OutputModule
            from bms_bridge.modules import load as load_module
            from edge.shell.pins import hold_ms

            packs = settings["packs"]
            holds = [hold_ms(settings, pack) for pack in packs if pack.get("contactor")]
            module = OutputModule(load_module(own["profile"]), own, (max(holds) - 1000, max(holds) + 1000))
            for index in range(len(packs)):
                coil = packs[index].get("contactor")
                if coil:
                    self.actuators += (CoilContactor(module, index, coil, hold_ms(settings, packs[index]), clock),)
            self.relays.append(module)
            per_line[own["link"]].append(module)

    def _switches(self, settings, clock):
        """Wire the BMSs whose switches are ours to their gates and to what each step decides."""
        switched = [(i, self.devices[i]) for i, pack in enumerate(settings["packs"]) if pack.get("bms_switch")]
        for index, device in switched:
            device.gate = self.lines[settings["packs"][index]["link"]][2]
        if switched:
            from edge.shell.switching import Switching

            self.told.append(Switching(tuple(switched), clock).told)

    def _power_port(self, table, settings, clock):
        """The Device and Actuator port of the PCS by table, whatever its bus."""
        pcs = settings["pcs"]
        if getattr(table, "BUS", "modbus") == "can":
            from bms_bridge.pcs_can import PcsCan
            from edge.shell.presented import Teller, volts_of

            port = PcsCan(table, pcs, volts_of(settings), clock)
            self.told.append(Teller(port).told)
            return port
        from bms_bridge.pcs import Pcs

        modbus = Pcs(table, pcs["unit"], pcs, clock)
        self.told.append(modbus.told)
        return modbus

    def _add(self, per_line, device, settings):
        self.devices.append(device)
        per_line[settings["link"]].append(device)


def gate_of(kind, mode, rules, relays):
    """The gate of a line. relays: the relay modules on it."""
    if not relays:
        return TxGate(kind, mode, rules)
    from edge.core.coil_gate import CoilGate

    gate = CoilGate(kind, mode, rules)
    for module in relays:
        module.gate = gate
    return gate


def reader(table, settings, control):
    """The Device port that reads settings (of a pack or a meter) by table, whatever its bus. control: the
    site controls; without it nothing cyclic is sent to a CAN bus.

    Imported where it is needed: a board holds only the buses that its site has.
    """
    bus = getattr(table, "BUS", "modbus")
    if bus == "can":
        from bms_bridge.can import CanBms

        device = CanBms(table, settings)
        device.sending = control
        return device
    if bus == "serial":
        if settings.get("bms_switch"):
            from bms_bridge.serial_switch import SwitchedBms

            return SwitchedBms(table, settings["unit"], settings)
        from bms_bridge.serial_bms import SerialBms

        return SerialBms(table, settings["unit"], settings)
    from bms_bridge.bms import Bms

    return Bms(table, settings["unit"], settings)


class Silent:
    """Uplink port of a site without a backend: records are counted and dropped."""

    seq = 0
    backlog = 0
    lost = 0
    connected = False
    last_ack_ms = None

    def offer(self, record):
        """Count record; returns its number."""
        self.seq += 1
        return self.seq

    def orders(self):
        """No orders."""
        return []

    def stop(self):
        """Nothing to stop."""
