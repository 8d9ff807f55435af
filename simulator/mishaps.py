# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What goes wrong in the world, by name. One table; the models ask whether a mishap is on.

A mishap is started and stopped by name (demo keys, tests, seeded years). It never touches the
controller: it changes the plant, what a device says, or whether it answers.
"""

from collections import namedtuple

# where: the model that looks at it. defaults: ((parameter, value), ...). text: what an operator would see.
Row = namedtuple("Row", ("name", "where", "defaults", "text"))

ROWS = (
    Row("bms_silent", "bms", (), "the BMS answers nothing"),
    Row("transport_hangs", "bms", (), "the line hangs: no answer and no error, the newest sample stays for ever"),
    Row("page_frozen", "bms", (), "the BMS answers, but always with the same page"),
    Row("cell_frozen", "bms", (("cell", 3),), "the reading of one cell does not move any more"),
    Row("sentinel", "bms", (("cell", 5),), "the reading of one cell is the code for invalid"),
    Row("cells_invalid", "bms", (), "the readings of all cells are the code for invalid"),
    Row("cell_jump", "bms", (("cell", 7), ("mv", 400)), "the reading of one cell is off by some hundred mV"),
    Row("temp_open", "bms", (("sensor", 1),), "one temperature sensor has a broken wire"),
    Row("current_offset", "bms", (("ma", 3000),), "the current sensor has a large offset"),
    Row("current_sign", "bms", (), "the current sensor is wired the wrong way round"),
    Row("current_scale", "bms", (("factor", 10),), "the current is reported ten times too large"),
    Row("limits_missing", "bms", (), "the BMS's own limits are the code for invalid"),
    Row("limits_zero", "bms", (), "the BMS's own limits are zero"),
    Row("limits_spike", "bms", (("factor", 10),), "the BMS's own limits are ten times too large"),
    Row("alarm", "bms", (("bit", 1),), "the BMS raises an alarm (bit of SunSpec model 802 Evt1)"),
    Row("over_temp", "plant", (("kelvin", 45),), "the battery room heats up"),
    Row("cell_weak", "plant", (("cell", 9), ("factor", 4)), "one cell has a much higher resistance"),
    Row("cell_leak", "plant", (("cell", 4), ("ma", 400)), "one cell discharges itself"),
    Row("pcs_ignores", "pcs", (), "the PCS does not obey its limits"),
    Row("pcs_silent", "pcs", (), "the PCS answers nothing"),
    Row("meter_silent", "meter", (), "the energy meter answers nothing"),
    Row("contactor_weld", "contacts", (), "the contactor does not open any more"),
    Row("contactor_dead", "contacts", (), "the contactor does not close"),
    Row("precharge_open", "contacts", (), "the precharge resistor is burnt"),
    Row("estop", "inputs", (), "somebody presses the emergency stop"),
    Row("smoke", "inputs", (), "the smoke detector answers"),
    Row("insulation", "inputs", (), "the insulation monitor answers"),
    Row("door", "inputs", (), "the door is open"),
    Row("wire_broken", "inputs", (("input", "estop"),), "the wire of one safety input is broken"),
    Row("inputs_silent", "inputs", (), "the input module answers nothing"),
    Row("self_heating", "plant", (("mk_per_s", 30),), "the pack heats itself"),
    Row("broker_killed", "broker", (), "the broker is gone"),
)
BY_NAME = {row.name: row for row in ROWS}

# What a seeded year plays: harmless to the plant itself, so that every invariant must go on holding.
YEAR = (
    "bms_silent",
    "transport_hangs",
    "page_frozen",
    "cell_frozen",
    "sentinel",
    "cells_invalid",
    "temp_open",
    "limits_missing",
    "limits_zero",
    "alarm",
    "pcs_silent",
    "meter_silent",
)


class Mishaps:
    """The mishaps that are on now. pack: index of the pack they strike (0 unless told)."""

    def __init__(self):
        self.active = {}
        self.log = []
        self.hooks = {}

    def start(self, name, now_ms, pack=0, **parameters):
        """Switch mishap `name` on for `pack`; parameters override its row. KeyError for an unknown name,
        TypeError for a parameter that it does not have."""
        row = BY_NAME[name]
        values = dict(row.defaults)
        for key, value in parameters.items():
            if key not in values:
                raise TypeError("mishap %s has no parameter %s" % (name, key))
            values[key] = value
        values["since_ms"] = now_ms
        self.active[(name, pack)] = values
        self.log.append((now_ms, name, "on", pack))
        if name in self.hooks:
            self.hooks[name](True)

    def stop(self, name, now_ms, pack=0):
        """Switch mishap `name` off; nothing happens if it is not on."""
        if self.active.pop((name, pack), None) is not None:
            self.log.append((now_ms, name, "off", pack))
            if name in self.hooks:
                self.hooks[name](False)

    def get(self, name, pack=0):
        """The parameters of mishap `name` when it is on, else None."""
        return self.active.get((name, pack))

    def hook(self, name, call):
        """Have call(on) called when mishap `name` starts (True) or stops (False): the broker's way."""
        self.hooks[name] = call


def schedule(rng, days, per_day=2.0):
    """A seeded plan of mishaps: ((start_ms, end_ms, name), ...) in order, never two at a time.

    rng: numpy Generator. Each lasts 20 s to 15 minutes, with at least 20 minutes between them.
    """
    plan = []
    at_ms = 3600000
    end_ms = int(days * 86400000)
    while True:
        at_ms += 1200000 + int(rng.exponential(86400000.0 / per_day))
        if at_ms >= end_ms:
            return tuple(plan)
        stop_ms = at_ms + int(rng.integers(20, 900)) * 1000
        plan.append((at_ms, stop_ms, YEAR[int(rng.integers(0, len(YEAR)))]))
        at_ms = stop_ms
