# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The last word before the gate: looks at the raw sample again and may only lower.

It decodes nothing, trusts no estimate and shares no code with validate or limits: raw integers with
their arrival times and counts go in, a Command that may be sent comes out. Out of range, missing or
stale gives zero in that direction at once and without a latch. The decision number tells the gate and
the watchdog that this function really ran.
"""

from edge.core.records import (
    G_ALARMS,
    G_CELLS,
    G_CURRENT,
    G_LIMITS,
    G_PACK,
    G_TEMPS,
    OK,
    Command,
)

# What a lithium cell, a sensor or a pack can read at all; outside is not a measurement.
CELL_MV = (500, 5000)
TEMP_MC = (-40000, 100000)
CURRENT_MA = (-3000000, 3000000)
PACK_MV = (1000, 2000000)

# Reasons of the guard, for the record.
G_PASSED, G_NO_SAMPLE, G_OLD, G_RANGE, G_CELL, G_TEMPERATURE, G_BMS, G_DOCUMENT = range(8)
REASONS = ("passed", "no sample", "old", "range", "cell", "temperature", "bms", "document")


def stale_limits(pack, period_ms):
    """Greatest age in ms per group that the guard accepts: three declared periods, at least 1 s; None for
    a group that the profile does not carry."""
    return tuple(
        [
            None if declared is None else max(3 * max(declared, period_ms), 1000)
            for declared in pack["facts"]["periods_ms"]
        ]
    )


def _age_reason(now_ms, sample, limits_ms):
    for group in (G_PACK, G_CURRENT, G_CELLS, G_TEMPS, G_LIMITS, G_ALARMS):
        entry = sample.groups[group]
        limit_ms = limits_ms[group]
        if limit_ms is None or entry.at_ms is None or entry.quality != OK:
            return G_NO_SAMPLE
        age_ms = now_ms - entry.at_ms
        if age_ms < 0 or age_ms > limit_ms:
            return G_OLD
    return G_PASSED


def _within(value, bounds):
    return type(value) is int and bounds[0] <= value <= bounds[1]


def _first(values, count):
    """The first count of values, which are at least so many; no copy when there are no more."""
    return values if len(values) == count else values[:count]


def _all_within(values, bounds):
    # a sum is whole only when all are: nothing that only looks like a number is compared
    if None in values or type(sum(values)) is not int:
        return False
    return bounds[0] <= min(values) and max(values) <= bounds[1]


def _range_reason(pack, sample):
    if not _within(sample.pack_mv, PACK_MV) or not _within(sample.current_ma, CURRENT_MA):
        return G_RANGE
    if len(sample.cell_mv) < pack["cells"] or len(sample.temp_mc) < pack["temps"]:
        return G_RANGE
    if not _all_within(_first(sample.cell_mv, pack["cells"]), CELL_MV):
        return G_RANGE
    if not _all_within(_first(sample.temp_mc, pack["temps"]), TEMP_MC):
        return G_RANGE
    if type(sample.bms_charge_ma) is not int or type(sample.bms_discharge_ma) is not int or sample.alarms is None:
        return G_RANGE
    return G_PASSED


def _lowest(now_ms, end_ms, pack, key, bms_ma, papers):
    """Smallest of the documents, of the orders in force and of the BMS's own limit for key ("charge_ma" or
    "discharge_ma"). papers: ((source, value, until_ms or None, value afterwards or None), ...). end_ms: of the command:
    what begins to hold before then holds now."""
    limit = min(pack["maker"][key], pack["grade"][key], bms_ma)
    if pack.get("contract"):
        limit = min(limit, pack["contract"][key])
    for _, before, until_ms, after in papers:
        if before is not None and (until_ms is None or now_ms < until_ms):
            limit = min(limit, before)
        if after is not None and until_ms is not None and end_ms >= until_ms:
            limit = min(limit, after)
    return max(limit, 0)


def _highest(pack, key):
    """Upper bound of key: the maker's, or the test centre's where that is lower."""
    grade = pack["grade"].get(key)
    return pack["maker"][key] if grade is None else min(grade, pack["maker"][key])


def _least(pack, key):
    """Lower bound of key: the maker's, or the test centre's where that is higher."""
    grade = pack["grade"].get(key)
    return pack["maker"][key] if grade is None else max(grade, pack["maker"][key])


def _bounds(now_ms, end_ms, pack, sample, papers):
    """(charge_ma, discharge_ma) that raw cells, temperatures, documents, orders and the BMS allow."""
    cells = _first(sample.cell_mv, pack["cells"])
    temps = _first(sample.temp_mc, pack["temps"])
    high = max(cells)
    low = min(cells)
    hot = max(temps)
    cold = min(temps)
    charge = _lowest(now_ms, end_ms, pack, "charge_ma", sample.bms_charge_ma, papers[0])
    discharge = _lowest(now_ms, end_ms, pack, "discharge_ma", sample.bms_discharge_ma, papers[1])
    hottest = _highest(pack, "temp_max_mc")
    if high >= _highest(pack, "cell_max_mv") or hot >= hottest or cold <= _least(pack, "temp_min_charge_mc"):
        charge = 0
    if low <= _least(pack, "cell_min_mv") or hot >= hottest or cold <= _least(pack, "temp_min_mc"):
        discharge = 0
    return charge, discharge


def _magnitude(ma):
    return max(ma, 0) if type(ma) is int else 0


def guard(now_ms, pack, limits_ms, sample, wanted, decision, papers=((), ())):
    """Return (Command, reason): wanted, lowered to what the raw sample of pack allows now.

    pack: its settings. limits_ms: stale_limits(pack, ...). sample: Sample or None. wanted: Command with
    magnitudes in mA, what is no integer counts as 0. decision: number of this decision, one more than the last. papers:
    for charging and for discharging, the raw values of leases, narrowings and stops with their times.
    The result's limits are never above wanted's; its voltage is the raw one, at most what the highest cell makes of the
    pack, or None.
    """
    charge = _magnitude(wanted.charge_ma)
    discharge = _magnitude(wanted.discharge_ma)
    reason = G_NO_SAMPLE
    pack_mv = None
    if sample is not None:
        reason = _age_reason(now_ms, sample, limits_ms)
        if reason == G_PASSED:
            reason = _range_reason(pack, sample)
    if reason == G_PASSED:
        # watts follow from it: one reading that is too high must not allow more of them
        pack_mv = min(sample.pack_mv, pack["cells"] * max(_first(sample.cell_mv, pack["cells"])))
        end_ms = now_ms if wanted.valid_until_ms is None else max(now_ms, wanted.valid_until_ms)
        charge_bound, discharge_bound = _bounds(now_ms, end_ms, pack, sample, papers)
        if charge > charge_bound or discharge > discharge_bound:
            reason = G_DOCUMENT
        charge = min(charge, charge_bound)
        discharge = min(discharge, discharge_bound)
    else:
        charge = discharge = 0
    return (
        Command(
            wanted.target,
            charge,
            discharge,
            wanted.charge_mv,
            pack_mv,
            wanted.precharge,
            wanted.contactor,
            wanted.valid_until_ms,
            decision,
        ),
        reason,
    )
