# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What must hold at every step of every fault scenario, whatever goes wrong.

Each is a function (moment, memory) as in simulator.checks. Nothing here asks the controller what it thinks: only the
settings, what crossed the wires, and the PCS's registers count, and that a fault was told.
"""

from edge.core import faults as f
from edge.core.registry import KEYS
from simulator import checks


def written_bounded(moment, memory):
    """No limit that was written to the PCS is above what the sources allow, at the highest voltage delivered."""
    charge_ma, discharge_ma = checks.allowed(moment)
    volts = [sample.pack_mv for sample in moment.delivered if sample is not None and sample.pack_mv is not None]
    most_mv = max([*volts, memory.get("mv", 0)])
    memory["mv"] = most_mv
    charge_w, discharge_w = moment.pcs.limits_w()
    if moment.pcs.writes == memory.get("writes"):
        return None
    memory["writes"] = moment.pcs.writes
    if charge_w * 1e6 > charge_ma * most_mv or discharge_w * 1e6 > discharge_ma * most_mv:
        return "PCS was told %d/%d W, allowed %d/%d mA" % (charge_w, discharge_w, charge_ma, discharge_ma)
    return None


def extremes_forbid(moment, memory):
    """A cell or a temperature at the maker's limit as delivered: nothing in that direction, in the same step."""
    for pack, sample in zip(moment.settings["packs"], moment.delivered):
        if sample is None or None in sample.cell_mv or None in sample.temp_mc or not sample.temp_mc:
            continue
        maker, command = pack["maker"], moment.commands[0]
        high, low = max(sample.cell_mv), min(sample.cell_mv)
        hot, cold = max(sample.temp_mc), min(sample.temp_mc)
        hottest = hot >= maker["temp_max_mc"]
        if command.charge_ma and (high >= maker["cell_max_mv"] or hottest or cold <= maker["temp_min_charge_mc"]):
            return "charge %d mA at %d mV, %d to %d m°C" % (command.charge_ma, high, cold, hot)
        if command.discharge_ma and (low <= maker["cell_min_mv"] or hottest or cold <= maker["temp_min_mc"]):
            return "discharge %d mA at %d mV, %d to %d m°C" % (command.discharge_ma, low, cold, hot)
    return None


def never_looser_with_fault(moment, memory):
    """In the step that raises a fault nothing that it forbids is loosened."""
    command = moment.commands[0]
    before = memory.get("permit", (0, 0))
    now = memory["permit"] = (command.charge_ma, command.discharge_ma)
    for record in moment.records or ():
        pairs = dict(record.pairs)
        if pairs.get(KEYS["event"]) != f.E_RAISED:
            continue
        name, _, side = f.FAULTS[pairs[KEYS["fault"]]][:3]
        if (side != f.DISCHARGE and now[0] > before[0]) or (side != f.CHARGE and now[1] > before[1]):
            return "%s raised while the permit rose from %s to %s mA" % (name, before, now)
    return None


def ramped(moment, memory):
    """A permit rises by at most 2 % of the maker's current per second and pack."""
    command = moment.commands[0]
    now = (command.charge_ma, command.discharge_ma)
    at_ms, before = memory.get("last", (moment.now_ms, (0, 0)))
    memory["last"] = (moment.now_ms, now)
    packs = moment.settings["packs"]
    for side, key in enumerate(("charge_ma", "discharge_ma")):
        most = before[side] + len(packs) * packs[0]["maker"][key] * (moment.now_ms - at_ms) // 50000 + len(packs)
        if now[side] > most:
            return "%s rose from %d to %d within %d ms" % (key, before[side], now[side], moment.now_ms - at_ms)
    return None


ORACLE = (
    ("permit_bounded", checks.permit_bounded),
    ("written_bounded", written_bounded),
    ("nothing_before_first", checks.nothing_before_first),
    ("silent_is_zero", checks.silent_is_zero),
    ("invalid_is_zero", checks.invalid_is_zero),
    ("extremes_forbid", extremes_forbid),
    ("never_looser_with_fault", never_looser_with_fault),
    ("ramped", ramped),
    ("commands_expire", checks.commands_expire),
    ("outcome_complete", checks.outcome_complete),
    ("records_whole", checks.records_whole),
)
