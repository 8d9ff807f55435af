# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Invariants: what must hold at every step of every simulated day, whatever goes wrong.

Each is a function (moment, memory) -> None or one line that says what is violated; memory is a dict of
its own that lives as long as the run. They compare the controller with the truth of the world and with
what was delivered to it, never with what it claims about itself. Each one has a planted violation in
tests/simulator/test_checks.py that it catches.
"""

from collections import namedtuple

from edge.core.records import (
    G_ALARMS,
    G_CELLS,
    G_CURRENT,
    G_EXTREMES,
    G_LIMITS,
    G_PACK,
    G_TEMPS,
    OK,
)

# One step as seen from outside. commands: of this step, one per actuator. delivered: newest Sample per
# pack as the device port gave it. truths: Brief per pack. soc: Est per pack, believed_ma: current that
# validation let through per pack, totals: accumulators of the metering per pack; None where this runtime
# does not show them. records: records of this step. seq: sequence number after it. actuators: how many.
# pcs: SimPcs. excused: mishaps that are on or were on within the last EXCUSE_MS.
Moment = namedtuple(
    "Moment",
    (
        "now_ms",
        "wake_ms",
        "settings",
        "commands",
        "delivered",
        "truths",
        "soc",
        "believed_ma",
        "totals",
        "records",
        "seq",
        "pcs",
        "excused",
    ),
)

REQUIRED = (G_PACK, G_CURRENT, G_EXTREMES, G_CELLS, G_TEMPS, G_LIMITS, G_ALARMS)
EXCUSE_MS = 30000
_OUTSIDE_PPM = 10000  # the estimate may be outside 3 sigma for 1 % of the time
_WARM_UP = 3600  # steps before that share is judged
_FLOW_PPM = 20000  # tolerance of the closed loop, share of C


def _limit(pack, sample, key, bms_ma):
    least = min(pack["maker"][key], pack["grade"][key])
    if pack.get("contract"):
        least = min(least, pack["contract"][key])
    return 0 if sample is None or bms_ma is None else min(least, bms_ma)


def allowed(moment):
    """(charge_ma, discharge_ma) that the site may have: packs x the smallest of what each allows."""
    charge, discharge = [], []
    for pack, sample in zip(moment.settings["packs"], moment.delivered):
        charge.append(_limit(pack, sample, "charge_ma", sample and sample.bms_charge_ma))
        discharge.append(_limit(pack, sample, "discharge_ma", sample and sample.bms_discharge_ma))
    return len(charge) * min(charge), len(discharge) * min(discharge)


def permit_bounded(moment, memory):
    """No permit above the smallest of maker, grade, contract and the BMS's limit as last delivered."""
    charge_ma, discharge_ma = allowed(moment)
    for command in moment.commands:
        if command.charge_ma > charge_ma or command.discharge_ma > discharge_ma:
            return "permit %d/%d mA above %d/%d mA" % (
                command.charge_ma,
                command.discharge_ma,
                charge_ma,
                discharge_ma,
            )
    return None


def nothing_before_first(moment, memory):
    """Before a pack's first complete sample its estimate is None and every permit is zero."""
    for index, sample in enumerate(moment.delivered):
        if sample is not None and all(sample.groups[g].at_ms is not None for g in REQUIRED):
            continue
        if any(command.charge_ma or command.discharge_ma for command in moment.commands):
            return "pack %d said nothing yet, but there is a permit" % index
        if sample is None and moment.soc[index] is not None and moment.soc[index].value is not None:
            return "pack %d said nothing yet, but there is a SoC" % index
    return None


def silent_is_zero(moment, memory):
    """A pack whose required values are older than their stale time + one period: every permit is zero."""
    period_ms = moment.settings["period_ms"]
    for index, sample in enumerate(moment.delivered):
        if sample is None:
            continue
        periods = moment.settings["packs"][index]["facts"]["periods_ms"]
        for group in REQUIRED:
            at_ms = sample.groups[group].at_ms
            if at_ms is None or periods[group] is None:
                continue
            stale_ms = max(3 * max(periods[group], period_ms), 1000)
            if moment.now_ms - at_ms > stale_ms + period_ms:
                for command in moment.commands:
                    if command.charge_ma or command.discharge_ma:
                        return "pack %d silent for %d ms, permit not zero" % (index, moment.now_ms - at_ms)
    return None


def invalid_is_zero(moment, memory):
    """A sample with a required group marked invalid allows nothing in this same step."""
    for index, sample in enumerate(moment.delivered):
        periods = moment.settings["packs"][index]["facts"]["periods_ms"]
        if sample is None or all(sample.groups[g].quality == OK or periods[g] is None for g in REQUIRED):
            continue
        if any(command.charge_ma or command.discharge_ma for command in moment.commands):
            return "pack %d sent an invalid required value, permit not zero" % index
    return None


def commands_expire(moment, memory):
    """Every command ends within three periods, 1 s at least and 3 s at most (with periods of more than two
    seconds, as only fast days have: one period + 1 s)."""
    period_ms = moment.settings["period_ms"]
    lease_ms = min(max(3 * period_ms, 1000), max(3000, period_ms + 1000))
    for command in moment.commands:
        if not moment.now_ms <= command.valid_until_ms <= moment.now_ms + lease_ms:
            return "command valid until %d at %d" % (command.valid_until_ms, moment.now_ms)
    return None


def expired_is_zero(now_ms, valid_until_ms, settings, pcs):
    """Physical side of commands_expire: None, or what is wrong when the PCS still holds a limit at now_ms
    although the newest command ended at valid_until_ms."""
    if valid_until_ms is None or now_ms <= valid_until_ms + settings["pcs"]["watchdog_ms"] + settings["period_ms"]:
        return None
    charge_w, discharge_w = pcs.limits_w()
    if charge_w or discharge_w:
        return "PCS holds %d/%d W %d ms after the last command ended" % (
            charge_w,
            discharge_w,
            now_ms - valid_until_ms,
        )
    return None


def current_obeys(moment, memory):
    """The true current is never beyond the permit for longer than the time to obey."""
    obey_ms = moment.settings["pcs"].get("obey_ms", 2000) + moment.settings["period_ms"]
    recent = memory.setdefault("permits", [])
    command = moment.commands[0]
    recent.append((moment.now_ms, command.charge_ma, command.discharge_ma))
    if "pcs_silent" in moment.excused:
        obey_ms += moment.settings["pcs"]["watchdog_ms"]
    while len(recent) > 1 and recent[1][0] <= moment.now_ms - obey_ms:
        recent.pop(0)
    if "pcs_ignores" in moment.excused or recent[0][0] > moment.now_ms - obey_ms:
        return None
    capacity_mah = sum(pack["capacity_mah"] for pack in moment.settings["packs"])
    slack_ma = capacity_mah * _FLOW_PPM // 1000000
    true_ma = sum(truth.current_ma for truth in moment.truths)
    if true_ma > max(row[1] for row in recent) + slack_ma or -true_ma > max(row[2] for row in recent) + slack_ma:
        return "true current %d mA, permitted %d/%d mA" % (true_ma, command.charge_ma, command.discharge_ma)
    return None


def soc_honest(moment, memory):
    """The truth lies within 3 sigma of the estimate 99 % of the time, and always within 6 sigma + 2 %."""
    for index, estimate in enumerate(moment.soc):
        if estimate is None or estimate.value is None:
            continue
        error = abs(estimate.value - moment.truths[index].soc_ppm)
        counts = memory.setdefault(index, [0, 0])
        counts[0] += 1
        if error > 3 * estimate.std:
            counts[1] += 1
        if error > 6 * estimate.std + 20000:
            return "pack %d: SoC %d ppm +- %d, true %d" % (
                index,
                estimate.value,
                estimate.std,
                moment.truths[index].soc_ppm,
            )
        if counts[0] > _WARM_UP and counts[1] * 1000000 > _OUTSIDE_PPM * max(counts[0], 86400):
            return "pack %d: %d of %d steps outside 3 sigma" % (index, counts[1], counts[0])
    return None


def charge_exact(moment, memory):
    """The metering's charge equals the sum of the believed readings x the time each held, to the last mA ms."""
    for index, totals in enumerate(moment.totals):
        sample = moment.delivered[index]
        if totals is None or sample is None:
            continue
        group = sample.groups[G_CURRENT]
        row = memory.get(index)
        if row is None:
            # whatever was counted before this run began is the start
            memory[index] = [group.at_ms, group.count, moment.believed_ma[index], totals[0], totals[1]]
            continue
        if group.count != row[1]:
            period_ms = moment.settings["packs"][index]["facts"]["periods_ms"][G_CURRENT]
            stale_ms = max(3 * max(period_ms, moment.settings["period_ms"]), 1000)
            span_ms = group.at_ms - row[0]
            if row[2] is not None and span_ms <= stale_ms:
                row[3 if row[2] >= 0 else 4] += abs(row[2]) * span_ms
            row[0], row[1], row[2] = group.at_ms, group.count, moment.believed_ma[index]
        if totals[0] != row[3] or totals[1] != row[4]:
            return "pack %d: counted %d/%d, samples give %d/%d mA ms" % (index, totals[0], totals[1], row[3], row[4])
    return None


def records_whole(moment, memory):
    """Sequence numbers grow by one per record, and records never go back in time."""
    before = memory.get("seq")
    if before is not None and moment.records is not None and moment.seq != before + len(moment.records):
        return "seq %d after %d and %d records" % (moment.seq, before, len(moment.records))
    memory["seq"] = moment.seq
    for record in moment.records or ():
        if record.mono_ms < memory.get("mono_ms", record.mono_ms):
            return "record of %d ms after one of %d ms" % (record.mono_ms, memory["mono_ms"])
        memory["mono_ms"] = record.mono_ms
    return None


def outcome_complete(moment, memory):
    """One command per actuator, every number of it there and not negative, decisions counted one by one."""
    if len(moment.commands) != 1:
        return "%d commands for 1 actuator" % len(moment.commands)
    for command in moment.commands:
        for value in (command.charge_ma, command.discharge_ma, command.valid_until_ms, command.decision):
            if not isinstance(value, int) or value < 0:
                return "command holds %s" % (value,)
    decision = moment.commands[-1].decision
    if decision <= memory.get("decision", -1):
        return "decision %d after %d" % (decision, memory["decision"])
    memory["decision"] = decision
    return None


def cells_inside(moment, memory):
    """No cell is truly above the maker's highest or below the lowest voltage."""
    for index, truth in enumerate(moment.truths):
        maker = moment.settings["packs"][index]["maker"]
        high, low = truth.cell_max_mv, truth.cell_min_mv
        if high > maker["cell_max_mv"] or low < maker["cell_min_mv"]:
            return "pack %d: cells %d..%d mV" % (index, low, high)
    return None


def wakes_forward(moment, memory):
    """The loop always wants to wake later than now, and not later than one command lives."""
    if not moment.now_ms < moment.wake_ms <= moment.now_ms + 3 * moment.settings["period_ms"]:
        return "wake_ms %d at %d" % (moment.wake_ms, moment.now_ms)
    return None


def observe_writes_nothing(moment, memory):
    """In mode observe nothing is ever written to the PCS."""
    if moment.settings["mode"] != "control" and moment.pcs.writes:
        return "%d writes to the PCS" % moment.pcs.writes
    return None


CHECKS = (
    ("permit_bounded", permit_bounded),
    ("nothing_before_first", nothing_before_first),
    ("silent_is_zero", silent_is_zero),
    ("invalid_is_zero", invalid_is_zero),
    ("commands_expire", commands_expire),
    ("current_obeys", current_obeys),
    ("soc_honest", soc_honest),
    ("charge_exact", charge_exact),
    ("records_whole", records_whole),
    ("outcome_complete", outcome_complete),
    ("cells_inside", cells_inside),
    ("wakes_forward", wakes_forward),
    ("observe_writes_nothing", observe_writes_nothing),
)


class Violation(Exception):
    """An invariant does not hold. name: of the check. text: what was found."""

    def __init__(self, name, text):
        Exception.__init__(self, "%s: %s" % (name, text))
        self.name = name
        self.text = text


class Checks:
    """All invariants over one run; take() raises Violation at the first that does not hold."""

    def __init__(self, checks=CHECKS):
        self._checks = [(name, check, {}) for name, check in checks]
        self.steps = 0

    def take(self, moment):
        """Judge one step."""
        self.steps += 1
        for name, check, memory in self._checks:
            text = check(moment, memory)
            if text is not None:
                raise Violation(name, text)
