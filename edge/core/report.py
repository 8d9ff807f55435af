# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a step reports: events at once, telemetry every 10 s, minutes, registers, identity.

Only integers and short texts leave; keys come from the metric registry, in growing order.
"""

from edge.core import faults as f
from edge.core.anomalies import BMS_CAPACITY, BMS_SOC, BMS_SOH
from edge.core.audit import Audit, Together, flat
from edge.core.power import CHARGE, DISCHARGE
from edge.core.records import Record
from edge.core.registry import KEYS

VERSION_TEXT = "0.1.0"

T_MS = 10000
M_MS = 60000
B_MS = 900000
I_MS = 3600000

# Event flood guard: at most this many of one kind and fault per minute, raised and cleared together, and of the quality
# of one pack; the rest is counted, and the next one of that kind that is told carries the count.
EVENTS_PER_MINUTE = 5

# Evidence of these: what we say and what the BMS says.
AGAINST = (BMS_SOC, BMS_SOH, BMS_CAPACITY)

# Of edge.core.power, in the order of its horizons.
POWER_KEYS = (
    (KEYS["charge_10s"], KEYS["charge_5min"], KEYS["charge_1h"]),
    (KEYS["discharge_10s"], KEYS["discharge_5min"], KEYS["discharge_1h"]),
)


def body(values):
    """((key, value), ...) by growing key from ((key, value), ...); None values are left out.

    Keys are written KEYS["name"]: a board's bundle has their numbers instead, and no table of names.
    """
    return tuple(sorted([pair for pair in values if pair[1] is not None]))


class Reporter:
    """Makes the records of a site. state: dict as state() gave it or None."""

    def __init__(self, settings, state=None):
        self.settings = settings
        self._due_ms = {}
        self._minutes = [_Minute() for _ in settings["packs"]]
        self._quality = [None] * len(settings["packs"])
        self._burst = {}  # kind -> (told in this minute, only counted since the last one that was told)
        self._burst_ms = None
        self._anomalies = [{} for _ in settings["packs"]]
        self._advice = [0 for _ in settings["packs"]]
        self._together = Together(settings["packs"]) if len(settings["packs"]) > 1 else None
        self.audits = [Audit(pack) for pack in settings["packs"]]
        self.recent = []  # newest events for the view: (now_ms, pack, event, fault, detail)
        dropped = state.get("dropped") if isinstance(state, dict) else 0
        self.dropped_events = dropped if isinstance(dropped, int) else 0

    def step(self, now_ms, utc, site, view, events):
        """Records of this step (list of Record)."""
        stamp = (now_ms, None if utc[0] is None else utc[0] * 1000, utc[1])
        records = []
        for pack, event, fault in events:
            self._event(records, stamp, site, pack, event, fault)
        for i in range(len(site.packs)):
            news = [(event, fault) for pack, event, fault in events if pack == i]
            for cls, values in self.audits[i].step(now_ms, site.packs[i], news):
                records.append(Record(cls, i, stamp[0], stamp[1], stamp[2], body(values)))
            self._watch_quality(records, stamp, site, i)
            self._watch_anomalies(records, stamp, site, i)
            self._watch_advice(records, stamp, site, i)
            self._minutes[i].take(site.packs[i])
        if self._together is not None:
            for cls, values in self._together.step(now_ms, site.sharing):
                records.append(Record(cls, -1, stamp[0], stamp[1], stamp[2], body(values)))
        if view.late:
            self._event(records, stamp, site, -1, f.E_LATE, f.F_LATE_STEP)
        for cls, every_ms, make in (("I", I_MS, _identity), ("T", T_MS, _telemetry), ("B", B_MS, _registers)):
            if self._is_due(cls, now_ms, every_ms):
                for i in range(len(site.packs)):
                    records.append(Record(cls, i, stamp[0], stamp[1], stamp[2], make(site, i, now_ms)))
        if self._is_due("M", now_ms, M_MS):
            for i in range(len(site.packs)):
                records.append(Record("M", i, stamp[0], stamp[1], stamp[2], self._minutes[i].body(site, i)))
                self._minutes[i] = _Minute()
        return records

    def _is_due(self, cls, now_ms, every_ms):
        due_ms = self._due_ms.get(cls)
        if due_ms is not None and now_ms < due_ms:
            return False
        self._due_ms[cls] = now_ms + every_ms
        # minutes need a minute to tell about
        return due_ms is not None or cls != "M"

    def _watch_quality(self, records, stamp, site, i):
        believed = site.packs[i].believed
        worst = believed.worst
        if worst != self._quality[i]:
            before = self._quality[i]
            self._quality[i] = worst
            if before is not None:
                self._event(records, stamp, site, i, f.E_QUALITY, f.F_INPUT_INVALID if worst else f.F_NONE)

    def _watch_anomalies(self, records, stamp, site, i):
        """One record when an anomaly of a pack begins, and one when it is over."""
        now = site.packs[i].estimator.anomalies()
        if not now and not self._anomalies[i]:
            return
        kept = {(each.kind, each.where): each for each in now}
        for key_now in kept:
            if key_now not in self._anomalies[i]:
                self._anomaly(records, stamp, site, i, f.E_ANOMALY, kept[key_now])
        for key_before in self._anomalies[i]:
            if key_before not in kept:
                self._anomaly(records, stamp, site, i, f.E_OVER, self._anomalies[i][key_before])
        self._anomalies[i] = kept

    def _watch_advice(self, records, stamp, site, i):
        """One record when another manoeuvre would tell most, or none is needed any more."""
        advice = site.packs[i].estimator.advice
        if advice == self._advice[i]:
            return
        self._advice[i] = advice
        e = site.packs[i].estimates()
        values = (
            (KEYS["event"], f.E_ADVICE),
            (KEYS["advice"], advice),
            (KEYS["soc_std"], e.soc.std),
            (KEYS["capacity"], e.capacity_mah.value),
            (KEYS["capacity_std"], e.capacity_mah.std),
        )
        records.append(Record("E", i, stamp[0], stamp[1], stamp[2], body(values)))

    def _anomaly(self, records, stamp, site, i, event, anomaly):
        over = event == f.E_OVER
        counted = self._counted(stamp[0], (f.E_ANOMALY, anomaly.kind, i, anomaly.where))
        if counted is None:
            return
        pack = site.packs[i]
        e = pack.estimates() if anomaly.kind in AGAINST and not over else None
        values = (
            (KEYS["event"], event),
            (KEYS["anomaly"], anomaly.kind),
            (KEYS["anomaly_where"], anomaly.where),
            (KEYS["anomaly_value"], None if over else anomaly.value),
            (KEYS["anomaly_std"], None if over else anomaly.std),
            (KEYS["anomaly_text"], anomaly.text),
            (KEYS["suppressed"], counted or None),
            (KEYS["soc"], e and e.soc.value),
            (KEYS["soc_std"], e and e.soc.std),
            (KEYS["bms_soc"], e and pack.believed.bms_soc_ppm),
            (KEYS["bms_soh"], e and pack.believed.bms_soh_ppm),
            (KEYS["capacity"], e and e.capacity_mah.value),
            (KEYS["capacity_std"], e and e.capacity_mah.std),
        )
        records.append(Record("E", i, stamp[0], stamp[1], stamp[2], body(values)))

    def _event(self, records, stamp, site, pack, event, fault):
        """One event record, within the flood budget per minute; what exceeds it is counted."""
        counted = self._counted(stamp[0], _kind(pack, event, fault))
        if counted is None:
            return
        detail = _detail(site, pack, event)
        values = (
            (KEYS["event"], event),
            (KEYS["fault"], fault if event != f.E_MODE else f.F_NONE),
            (KEYS["detail"], detail),
            (KEYS["mode"], fault if event == f.E_MODE else site.packs[max(pack, 0)].mode),
            (KEYS["late"], site.late_ms),
            (KEYS["alarms"], site.packs[max(pack, 0)].believed.alarms),
            (KEYS["suppressed"], counted or None),
        )
        records.append(Record("E", pack, stamp[0], stamp[1], stamp[2], body(values)))
        self.recent.append((stamp[0], pack, event, fault, detail))
        if len(self.recent) > 8:
            self.recent.pop(0)

    def _counted(self, now_ms, kind):
        """How many of this kind were only counted since the last one that was told; None: this one is only counted."""
        if self._burst_ms is None or now_ms - self._burst_ms >= M_MS:
            self._burst_ms = now_ms
            self._burst = {each: (0, self._burst[each][1]) for each in self._burst if self._burst[each][1]}
        told, counted = self._burst.get(kind, (0, 0))
        if told >= EVENTS_PER_MINUTE:
            self._burst[kind] = (told, counted + 1)
            self.dropped_events += 1
            return None
        self._burst[kind] = (told + 1, 0)
        return counted

    def state(self):
        """Dict for the store."""
        return {"dropped": self.dropped_events}


def _kind(pack, event, fault):
    """What shares one flood budget: what comes and goes in turns must not have two."""
    if event == f.E_QUALITY:
        return (event, f.F_NONE, pack)
    return (f.E_RAISED if event == f.E_CLEARED else event, fault, pack)


def _detail(site, pack, event):
    """The number that decided: the age of the oldest required value, the lateness of the step, the clock's jump; ms."""
    if event == f.E_LATE:
        return site.late_ms
    if event == f.E_CLOCK:
        return site.clock_step_ms
    return site.packs[max(pack, 0)].believed.age_ms


def _telemetry(site, i, _):
    pack = site.packs[i]
    b = pack.believed
    e = pack.estimates()
    pcs = site.pcs
    leak = e.leak
    values = [
        (KEYS["soc"], e.soc.value),
        (KEYS["soc_std"], e.soc.std),
        (KEYS["soc_why"], e.soc.why),
        (KEYS["bms_soc"], b.bms_soc_ppm),
        (KEYS["bms_soh"], b.bms_soh_ppm),
        (KEYS["capacity"], e.capacity_mah.value),
        (KEYS["capacity_std"], e.capacity_mah.std),
        (KEYS["bias"], e.bias_ma.value),
        (KEYS["leak_cell"], leak and leak[0]),
        (KEYS["leak"], leak and leak[1].value),
        (KEYS["leak_std"], leak and leak[1].std),
        (KEYS["resistance"], e.resistance_uohm.value),
        (KEYS["resistance_std"], e.resistance_uohm.std),
        (KEYS["weakest_cell"], e.weakest and e.weakest[0]),
        (KEYS["strongest_cell"], e.strongest and e.strongest[0]),
        (KEYS["pack_v"], b.pack_mv),
        (KEYS["current"], b.current_ma),
        (KEYS["cell_max"], b.cell_max_mv),
        (KEYS["cell_min"], b.cell_min_mv),
        (KEYS["temp_max"], b.temp_max_mc),
        (KEYS["temp_min"], b.temp_min_mc),
        (KEYS["alarms"], b.alarms),
        (KEYS["quality"], b.worst),
        (KEYS["rest_watched"], int(pack.validator.watched)),
        (KEYS["age"], b.age_ms),
        (KEYS["charge_limit"], pack.limits.charge_ma),
        (KEYS["charge_why"], pack.limits.charge_why),
        (KEYS["discharge_limit"], pack.limits.discharge_ma),
        (KEYS["discharge_why"], pack.limits.discharge_why),
        (KEYS["sources"], flat(pack.limits.sources)),
        (KEYS["active"], pack.faults.names()),
        (KEYS["mode"], pack.mode),
        (KEYS["late"], site.late_ms),
        (KEYS["late_max"], site.late_max_ms),
    ]
    values.extend(_ageing(pack.estimator))
    if pcs is not None:
        values.append((KEYS["pcs_dc_current"], pcs.dc_ma))
        values.append((KEYS["pcs_dc_v"], pcs.dc_mv))
        values.append((KEYS["pcs_charge_limit"], pcs.charge_w))
        values.append((KEYS["pcs_discharge_limit"], pcs.discharge_w))
        values.append((KEYS["pcs_power"], pcs.dc_w))
        values.append((KEYS["obey_last"], site.obey.last_ms()))
        values.append((KEYS["obey_worst"], site.obey.worst_ms()))
        values.append((KEYS["obey_count"], site.obey.count))
    return body(values)


def _ageing(estimator):
    """What the electrodes lost, and the currents that every cell can take and give."""
    losses = estimator.soc.ageing() or (None, None, None)
    values = [(KEYS["lli"], losses[0]), (KEYS["lam_negative"], losses[1]), (KEYS["lam_positive"], losses[2])]
    if estimator.power is not None:
        for side in (CHARGE, DISCHARGE):
            for number, limit in zip(POWER_KEYS[side], estimator.power[side]):
                values.append((number, limit[0]))
    return values


def _age(now_ms, est):
    return None if est.at_ms is None else now_ms - est.at_ms


def _registers(site, i, now_ms):
    registers = site.packs[i].metering.registers()
    meter = site.meter
    estimator = site.packs[i].estimator
    second, ratio, gain = estimator.second_capacity(), estimator.counters.ratio(), estimator.gain
    return body(
        (
            (KEYS["advice"], estimator.advice),
            (KEYS["second_capacity"], second.value),
            (KEYS["second_capacity_std"], second.std),
            (KEYS["bms_ratio"], ratio.value),
            (KEYS["bms_ratio_std"], ratio.std),
            (KEYS["bms_ratio_why"], ratio.why),
            (KEYS["gain"], gain.value),
            (KEYS["gain_std"], gain.std),
            (KEYS["gain_why"], gain.why),
            (KEYS["gain_age"], _age(now_ms, gain)),
            (KEYS["bms_ratio_age"], _age(now_ms, ratio)),
            (KEYS["second_capacity_age"], _age(now_ms, second)),
            (KEYS["ah_in"], registers[0]),
            (KEYS["ah_out"], registers[1]),
            (KEYS["wh_in"], registers[2]),
            (KEYS["wh_out"], registers[3]),
            (KEYS["time_known"], registers[4]),
            (KEYS["time_unknown"], registers[5]),
            (KEYS["meter_in"], meter and meter.in_wh),
            (KEYS["meter_out"], meter and meter.out_wh),
        )
    )


def _identity(site, i, _):
    pack = site.packs[i].pack
    known = site.packs[i].identity
    grade = pack["grade"]
    return body(
        (
            (KEYS["site"], site.settings["site"]),
            (KEYS["pack_id"], pack["id"]),
            (KEYS["profile"], pack["profile"]),
            (KEYS["version"], VERSION_TEXT),
            (KEYS["grade"], "%s %s %s" % (grade["grade"], grade["body"], grade["date"])),
            (KEYS["serial"], pack.get("serial")),
            (KEYS["cells"], pack["cells"]),
            (KEYS["grade_number"], grade.get("number")),
            (KEYS["grade_version"], grade.get("version")),
            (KEYS["grade_signer"], grade.get("signer")),
            (KEYS["grade_hash"], grade.get("hash")),
            (KEYS["grade_until"], grade.get("valid_until")),
            (KEYS["serial_told"], known and known.told),
            (KEYS["serial_proof"], known.proof() if known else 0),
        )
    )


class _Minute:
    """Running minimum, maximum and mean of one minute."""

    def __init__(self):
        self.count = 0
        self.sum_ma = 0
        self.low_ma = None
        self.high_ma = None
        self._fresh = None

    def take(self, pack):
        """Take the step's believed current, once per fresh reading."""
        b = pack.believed
        if b.current_ma is None or b.fresh == self._fresh:
            return
        self._fresh = b.fresh
        self.count += 1
        self.sum_ma += b.current_ma
        if self.low_ma is None or b.current_ma < self.low_ma:
            self.low_ma = b.current_ma
        if self.high_ma is None or b.current_ma > self.high_ma:
            self.high_ma = b.current_ma

    def body(self, site, i):
        """Body of the M record."""
        pack = site.packs[i]
        b = pack.believed
        e = pack.estimates()
        mean = self.sum_ma // self.count if self.count else None
        return body(
            (
                (KEYS["soc"], e.soc.value),
                (KEYS["soc_std"], e.soc.std),
                (KEYS["bms_soc"], b.bms_soc_ppm),
                (KEYS["capacity"], e.capacity_mah.value),
                (KEYS["pack_v"], b.pack_mv),
                (KEYS["current"], mean),
                (KEYS["current_min"], self.low_ma),
                (KEYS["current_max"], self.high_ma),
                (KEYS["cell_max"], b.cell_max_mv),
                (KEYS["cell_min"], b.cell_min_mv),
                (KEYS["temp_max"], b.temp_max_mc),
                (KEYS["temp_min"], b.temp_min_mc),
                (KEYS["charge_limit"], pack.limits.charge_ma),
                (KEYS["discharge_limit"], pack.limits.discharge_ma),
                (KEYS["pcs_power"], site.pcs and site.pcs.dc_w),
                (KEYS["samples"], self.count),
            )
        )
