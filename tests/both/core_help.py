# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Settings, samples and a bench for the tests of the core. A plain healthy 16-cell LFP pack, 280 Ah."""

import json

from edge.core import limits as lim
from edge.core import settings as settings_table
from edge.core.records import NEVER, OK, Est, Group, Inputs, MeterSample, Outcome, PcsSample, Sample
from edge.core.site import Site
from edge.shell.store import pieces

SAMPLE_KEYS = (
    "at_ms pack_mv current_ma cell_max_mv cell_min_mv temp_max_mc temp_min_mc cell_mv temp_mc bms_soc_ppm "
    "bms_soh_ppm bms_charge_ma bms_discharge_ma bms_charge_mv alarms groups"
).split()
__all__ = ("NEVER", "Inputs", "Outcome")
BOUNDS = {
    "lfp": {"cell_max_mv": 3650, "cell_min_mv": 2500},
    "nmc": {"cell_max_mv": 4200, "cell_min_mv": 2700},
    "lmo": {"cell_max_mv": 4200, "cell_min_mv": 2700},
}
FREE = (10**9, 10**9)
NO_PAPERS = ((), ())


def pack(**changes):
    """Settings of one pack; a change of a nested section is merged into it."""
    chemistry = changes.get("chemistry", "lfp")
    made = {
        "id": "pack-1",
        "serial": "S1",
        "profile": "seplos_v3",
        "link": 0,
        "unit": 0,
        "cells": 16,
        "temps": 4,
        "chemistry": chemistry,
        "capacity_mah": 280000,
        "maker": {
            "charge_ma": 140000,
            "discharge_ma": 140000,
            "cell_max_mv": BOUNDS[chemistry]["cell_max_mv"],
            "cell_min_mv": BOUNDS[chemistry]["cell_min_mv"],
            "temp_max_mc": 55000,
            "temp_min_mc": -20000,
            "temp_min_charge_mc": 0,
        },
        "grade": {
            "charge_ma": 90000,
            "discharge_ma": 100000,
            "capacity_mah": 238000,
            "capacity_std_mah": 5000,
            "grade": "B",
            "body": "KTR",
            "date": "2026-03-02",
        },
        "contract": {"charge_ma": 80000, "discharge_ma": 80000},
        "facts": {
            "periods_ms": [1000] * 8,
            "cell_lsb_mv": 1,
            "protection": "self_opening",
            "opens_by": "none",
        },
    }
    for key in changes:
        if isinstance(made.get(key), dict) and isinstance(changes[key], dict):
            made[key].update(changes[key])
        else:
            made[key] = changes[key]
    return made


def pcs_settings(watchdog_ms=5000):
    """Settings of the PCS."""
    return {
        "id": "pcs",
        "profile": "sunspec_pcs",
        "link": 0,
        "unit": 1,
        "power_w": 10000,
        "watchdog_ms": max(watchdog_ms, 2000),
        "facts": {"periods_ms": [1000, 1000]},
    }


def site_settings(packs=None, mode="control", **changes):
    """Checked settings of a site with its defaults."""
    made = {
        "version": 1,
        "site": "test",
        "org": "demo",
        "device": "test",
        "mode": mode,
        "links": [{"kind": "tcp", "host": "127.0.0.1", "port": 1502, "uart": 0, "baud": 0, "parity": "N"}],
        "packs": packs or [pack()],
        "pcs": pcs_settings(),
        "meter": None,
        "inputs": None,
        "uplink": None,
    }
    made.update(changes)
    return settings_table.check(made)


def groups(at_ms, count, quality=OK):
    """Eight equal groups."""
    return tuple([Group(quality, at_ms, count) for _ in range(8)])


def sample(at_ms=0, count=1, cells=16, temps=4, mv=3300, **changes):
    """A healthy sample that arrived at at_ms; every key of Sample may be changed."""
    cell_mv = changes.get("cell_mv", (mv,) * cells)
    temp_mc = changes.get("temp_mc", (25000,) * temps)
    known = [v for v in cell_mv if v is not None] or [0]
    values = {
        "at_ms": at_ms,
        "pack_mv": sum(known),
        "current_ma": 0,
        "cell_max_mv": max(known),
        "cell_min_mv": min(known),
        "temp_max_mc": None,
        "temp_min_mc": None,
        "cell_mv": cell_mv,
        "temp_mc": temp_mc,
        "bms_soc_ppm": 500000,
        "bms_soh_ppm": 1000000,
        "bms_charge_ma": 120000,
        "bms_discharge_ma": 120000,
        "bms_charge_mv": 56000,
        "alarms": 0,
        "groups": groups(at_ms, count),
    }
    for key in changes:
        assert key in values, key
        values[key] = changes[key]
    return Sample(*[values[key] for key in SAMPLE_KEYS])


def regroup(one, index, group):
    """The sample with group number index replaced."""
    parts = list(one)
    marks = list(one.groups)
    marks[index] = group
    parts[-1] = tuple(marks)
    return Sample(*parts)


def pcs_sample(at_ms=0, count=1, dc_ma=0, dc_mv=52800, watchdog_ms=5000):
    """A healthy PCS."""
    marks = (Group(OK, at_ms, count), Group(OK, at_ms, count))
    return PcsSample(at_ms, dc_mv, dc_ma, (dc_ma or 0) * dc_mv // 1000000, 2, 0, 0, watchdog_ms, marks)


def meter_sample(at_ms=0, count=1):
    """A healthy meter."""
    return MeterSample(at_ms, 1000, 2000, 0, (Group(OK, at_ms, count),))


def quiet_inputs(at_ms=0, contactor=True):
    """Digital inputs with nothing active."""
    return Inputs(at_ms, False, False, False, False, contactor)


def kept(state):
    """What a store gives back of a state, or of a part of it."""
    return json.loads("".join(pieces(state)))


def combined(pack, believed, soc=500000, caps=(None, None), ramp=FREE, papers=NO_PAPERS, **more):
    """Limits of one pack at one moment. more: std and capacity of the estimates, held (a Held), now_ms."""
    est = Est(soc, more.get("std", 1000), 0, 2)
    view = lim.readings(pack, believed, est, Est(more.get("capacity", 238000), 5000, 0, 2))
    if "held" in more:
        view = more["held"].step(view)
    return lim.combine(more.get("now_ms", 0), pack, believed, view, est, caps, ramp, papers)


class Bench:
    """A site whose devices say what the test sets; time goes on by one period per step.

    read and pcs are functions of (now_ms, number of the step) that return the record or None; inputs too.
    """

    def __init__(self, settings=None, state=None, start_ms=1000):
        self.settings = settings or site_settings()
        self.site = Site(self.settings, state)
        self.now_ms = start_ms
        self.count = 0
        self.current_ma = 0
        self.reads = [self.healthy for _ in self.settings["packs"]]
        self.pcs = self.healthy_pcs
        self.inputs = None
        self.outcome = None
        self.events = []
        self.keeps = True  # what a step wants to save is durable before the next one
        self.utc = (None, 0)

    def healthy(self, now_ms, count):
        """A live pack whose cells move a little, as real ones do."""
        return sample(now_ms, count, mv=3210 + count % 3, current_ma=self.current_ma)

    def healthy_pcs(self, now_ms, count):
        """A PCS that measures the same current, summed over the packs."""
        watchdog_ms = self.settings["pcs"]["watchdog_ms"]
        return pcs_sample(now_ms, count, self.current_ma * len(self.reads), watchdog_ms=watchdog_ms)

    def step(self, late_ms=0):
        """One step; returns the command of the PCS."""
        self.now_ms += late_ms
        self.count += 1
        if self.keeps:
            self.site.saved = self.site.durable.made
        reads = [read(self.now_ms, self.count) for read in self.reads]
        reads.append(self.pcs(self.now_ms, self.count))
        if self.settings.get("meter"):
            reads.append(meter_sample(self.now_ms, self.count))
        if self.inputs is not None:
            reads.append(self.inputs(self.now_ms, self.count))
        self.outcome = self.site.step(self.now_ms, self.utc, reads, ())
        for record in self.outcome.records:
            if record.cls == "E":
                self.events.append(dict(record.pairs))
        self.now_ms = self.outcome.wake_ms
        return self.outcome.commands[0]

    def run(self, seconds):
        """Step for that many periods; returns the last command."""
        command = None
        for _ in range(seconds):
            command = self.step()
        return command

    def until_zero(self, most_steps):
        """Steps until both permits are zero, or None after most_steps."""
        for number in range(most_steps):
            command = self.step()
            if command.charge_ma == 0 and command.discharge_ma == 0:
                return number + 1
        return None
