# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The bodies of the records that come by the clock: telemetry (T), minutes (M) and registers (B) of one pack.

T holds what moves within seconds, M the extremes and the mean of a minute and what moves within minutes, B the
registers and what moves within hours. A register only grows, is counted on the monotonic clock and is never worked out
from differences: a lost record loses no energy.
"""

from edge.core.power import CHARGE, DISCHARGE
from edge.core.registry import KEYS

# Of edge.core.power, in the order of its horizons.
POWER_KEYS = (
    (KEYS["charge_10s"], KEYS["charge_5min"], KEYS["charge_1h"]),
    (KEYS["discharge_10s"], KEYS["discharge_5min"], KEYS["discharge_1h"]),
)
# In the order of edge.core.usage.
TIME_KEYS = bytes(
    (
        KEYS["time_on"],
        KEYS["time_charging"],
        KEYS["time_discharging"],
        KEYS["time_idle"],
        KEYS["time_stale"],
        KEYS["time_hot"],
        KEYS["time_cold"],
        KEYS["time_hot_charging"],
        KEYS["time_cold_charging"],
        KEYS["time_full"],
        KEYS["time_empty"],
        KEYS["time_cell_high"],
        KEYS["time_cell_low"],
    )
)


def body(values):
    """((key, value), ...) by growing key from ((key, value), ...); None values are left out. A list is used up: a board
    has no room for another one as long.

    Keys are written KEYS["name"]: a board's bundle has their numbers instead, and no table of names.
    """
    found = values if isinstance(values, list) else list(values)
    for at in range(len(found) - 1, -1, -1):
        if found[at][1] is None:
            del found[at]
    found.sort()
    return tuple(found)


def telemetry(site, i, sources):
    """Body of the T record of pack i. sources: flat list of all sources of its limits, or None: they are as the
    telemetry before said, and a change of what binds is an event of its own."""
    pack = site.packs[i]
    b = pack.believed
    soc = pack.soc.soc()
    weakest, strongest = pack.estimator.extremes()
    pcs = site.pcs
    values = [
        (KEYS["soc"], soc.value),
        (KEYS["soc_std"], soc.std),
        (KEYS["bms_soc"], b.bms_soc_ppm),
        (KEYS["weakest_cell"], weakest and weakest[0]),
        (KEYS["strongest_cell"], strongest and strongest[0]),
        (KEYS["pack_v"], b.pack_mv),
        (KEYS["current"], b.current_ma),
        (KEYS["cell_max"], b.cell_max_mv),
        (KEYS["cell_min"], b.cell_min_mv),
        (KEYS["temp_max"], b.temp_max_mc),
        (KEYS["temp_min"], b.temp_min_mc),
        (KEYS["alarms"], b.alarms),
        (KEYS["quality"], b.worst),
        (KEYS["age"], b.age_ms),
        (KEYS["charge_limit"], pack.limits.charge_ma),
        (KEYS["charge_why"], pack.limits.charge_why),
        (KEYS["discharge_limit"], pack.limits.discharge_ma),
        (KEYS["discharge_why"], pack.limits.discharge_why),
        (KEYS["active"], pack.faults.names()),
        (KEYS["mode"], pack.mode),
        (KEYS["late"], site.late_ms),
        (KEYS["sources"], sources),
    ]
    if pcs is not None:
        values.append((KEYS["pcs_dc_current"], pcs.dc_ma))
        values.append((KEYS["pcs_dc_v"], pcs.dc_mv))
        values.append((KEYS["pcs_charge_limit"], pcs.charge_w))
        values.append((KEYS["pcs_discharge_limit"], pcs.discharge_w))
        values.append((KEYS["pcs_power"], pcs.dc_w))
    return body(values)


def minute(site, i, pairs):
    """Body of the M record of pack i. pairs: of edge.core.minutes.Minute.close()."""
    pack = site.packs[i]
    soc, capacity = pack.soc.soc(), pack.soc.capacity()
    values = pairs + [
        (KEYS["soc_std"], soc.std),
        (KEYS["soc_why"], soc.why),
        (KEYS["bms_soc"], pack.believed.bms_soc_ppm),
        (KEYS["capacity"], capacity.value),
        (KEYS["capacity_std"], capacity.std),
        (KEYS["pcs_power"], site.pcs and site.pcs.dc_w),
        (KEYS["late_max"], site.late_max_ms),
    ]
    power = pack.estimator.power
    if power is not None:
        for side in (CHARGE, DISCHARGE):
            for number, limit in zip(POWER_KEYS[side], power[side]):
                values.append((number, limit[0]))
    return body(values)


def registers(site, i, now_ms):
    """Body of the B record of pack i."""
    pack = site.packs[i]
    ah_in, ah_out, wh_in, wh_out, known_ms, unknown_ms = pack.metering.registers()
    usage = site.reporter.usages[i]
    meter = site.meter
    counted = pack.estimator.counters.charges
    values = [
        (KEYS["ah_in"], ah_in),
        (KEYS["ah_out"], ah_out),
        (KEYS["wh_in"], wh_in),
        (KEYS["wh_out"], wh_out),
        (KEYS["ah_through"], ah_in + ah_out),
        (KEYS["wh_through"], wh_in + wh_out),
        (KEYS["efc"], (ah_in + ah_out) * 500 // pack.pack["capacity_mah"]),
        (KEYS["time_known"], known_ms),
        (KEYS["time_unknown"], unknown_ms),
        (KEYS["meter_in"], meter and meter.in_wh),
        (KEYS["meter_out"], meter and meter.out_wh),
        (KEYS["deep_discharges"], usage.deep_discharges),
        (KEYS["trips"], usage.flat_trips()),
        (KEYS["closings"], pack.contactor and pack.contactor.closings),
        (KEYS["bms_ah_in"], counted and counted[0]),
        (KEYS["bms_ah_out"], counted and counted[1]),
        (KEYS["starts"], site.boot),
    ]
    for number, time_ms in zip(TIME_KEYS, usage.times_ms(now_ms)):
        values.append((number, time_ms))
    values.extend(_opinions(pack.estimator, now_ms))
    values.extend(_health(site, pack))
    return body(values)


def _opinions(estimator, now_ms):
    """What others say of the capacity and of the current sensor."""
    second, ratio, gain = estimator.second_capacity(), estimator.counters.ratio(), estimator.gain
    return (
        (KEYS["advice"], estimator.advice),
        (KEYS["second_capacity"], second.value),
        (KEYS["second_capacity_std"], second.std),
        (KEYS["bms_ratio"], ratio.value),
        (KEYS["bms_ratio_std"], ratio.std),
        (KEYS["bms_ratio_why"], ratio.why),
        (KEYS["gain"], gain.value),
        (KEYS["gain_std"], gain.std),
        (KEYS["gain_why"], gain.why),
        (KEYS["gain_age"], None if gain.at_ms is None else now_ms - gain.at_ms),
        (KEYS["bms_ratio_age"], None if ratio.at_ms is None else now_ms - ratio.at_ms),
        (KEYS["second_capacity_age"], None if second.at_ms is None else now_ms - second.at_ms),
    )


def _health(site, pack):
    """What moves within hours: capacity, resistance, self-discharge, the electrodes' losses, how the PCS obeys."""
    e = pack.estimates()
    leak = e.leak
    losses = pack.estimator.soc.ageing() or (None, None, None)
    return (
        (KEYS["bms_soh"], pack.believed.bms_soh_ppm),
        (KEYS["capacity"], e.capacity_mah.value),
        (KEYS["capacity_std"], e.capacity_mah.std),
        (KEYS["bias"], e.bias_ma.value),
        (KEYS["leak_cell"], leak and leak[0]),
        (KEYS["leak"], leak and leak[1].value),
        (KEYS["leak_std"], leak and leak[1].std),
        (KEYS["resistance"], e.resistance_uohm.value),
        (KEYS["resistance_std"], e.resistance_uohm.std),
        (KEYS["lli"], losses[0]),
        (KEYS["lam_negative"], losses[1]),
        (KEYS["lam_positive"], losses[2]),
        (KEYS["rest_watched"], int(pack.validator.watched)),
        (KEYS["obey_last"], site.obey.last_ms()),
        (KEYS["obey_worst"], site.obey.worst_ms()),
        (KEYS["obey_count"], site.obey.count),
    )
