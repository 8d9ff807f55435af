# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a step reports: events at once, telemetry every 10 s, minutes, registers, identity.

Only integers and short texts leave; keys come from the metric registry, in growing order.
"""

from edge.core import faults as f
from edge.core.audit import Audit, flat
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

# Of edge.core.power, in the order of its horizons.
POWER_NAMES = (("charge_10s", "charge_5min", "charge_1h"), ("discharge_10s", "discharge_5min", "discharge_1h"))


def body(values):
    """((key, value), ...) by growing key from ((name, value), ...); None values are left out."""
    return tuple(sorted([(KEYS[name], value) for name, value in values if value is not None]))


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
            self._minutes[i].take(site.packs[i])
        if view.late:
            self._event(records, stamp, site, -1, f.E_LATE, f.F_LATE_STEP)
        for cls, every_ms, make in (("I", I_MS, _identity), ("T", T_MS, _telemetry), ("B", B_MS, _registers)):
            if self._is_due(cls, now_ms, every_ms):
                for i in range(len(site.packs)):
                    records.append(Record(cls, i, stamp[0], stamp[1], stamp[2], make(site, i)))
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

    def _anomaly(self, records, stamp, site, i, event, anomaly):
        over = event == f.E_OVER
        values = (
            ("event", event),
            ("anomaly", anomaly.kind),
            ("anomaly_where", anomaly.where),
            ("anomaly_value", None if over else anomaly.value),
            ("anomaly_std", None if over else anomaly.std),
            ("anomaly_text", anomaly.text),
        )
        records.append(Record("E", i, stamp[0], stamp[1], stamp[2], body(values)))

    def _event(self, records, stamp, site, pack, event, fault):
        """One event record, within the flood budget per minute; what exceeds it is counted."""
        counted = self._counted(stamp[0], _kind(pack, event, fault))
        if counted is None:
            return
        detail = _detail(site, pack, event)
        values = (
            ("event", event),
            ("fault", fault if event != f.E_MODE else f.F_NONE),
            ("detail", detail),
            ("mode", fault if event == f.E_MODE else site.packs[max(pack, 0)].mode),
            ("late", site.late_ms),
            ("alarms", site.packs[max(pack, 0)].believed.alarms),
            ("suppressed", counted or None),
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


def _telemetry(site, i):
    pack = site.packs[i]
    b = pack.believed
    e = pack.estimates()
    pcs = site.pcs
    leak = e.leak
    values = [
        ("soc", e.soc.value),
        ("soc_std", e.soc.std),
        ("soc_why", e.soc.why),
        ("bms_soc", b.bms_soc_ppm),
        ("bms_soh", b.bms_soh_ppm),
        ("capacity", e.capacity_mah.value),
        ("capacity_std", e.capacity_mah.std),
        ("bias", e.bias_ma.value),
        ("leak_cell", leak and leak[0]),
        ("leak", leak and leak[1].value),
        ("leak_std", leak and leak[1].std),
        ("resistance", e.resistance_uohm.value),
        ("resistance_std", e.resistance_uohm.std),
        ("weakest_cell", e.weakest and e.weakest[0]),
        ("strongest_cell", e.strongest and e.strongest[0]),
        ("pack_v", b.pack_mv),
        ("current", b.current_ma),
        ("cell_max", b.cell_max_mv),
        ("cell_min", b.cell_min_mv),
        ("temp_max", b.temp_max_mc),
        ("temp_min", b.temp_min_mc),
        ("alarms", b.alarms),
        ("quality", b.worst),
        ("rest_watched", int(pack.validator.watched)),
        ("age", b.age_ms),
        ("charge_limit", pack.limits.charge_ma),
        ("charge_why", pack.limits.charge_why),
        ("discharge_limit", pack.limits.discharge_ma),
        ("discharge_why", pack.limits.discharge_why),
        ("sources", flat(pack.limits.sources)),
        ("active", pack.faults.names()),
        ("mode", pack.mode),
        ("late", site.late_ms),
        ("late_max", site.late_max_ms),
    ]
    values.extend(_ageing(pack.estimator))
    if pcs is not None:
        values.append(("pcs_dc_current", pcs.dc_ma))
        values.append(("pcs_dc_v", pcs.dc_mv))
        values.append(("pcs_charge_limit", pcs.charge_w))
        values.append(("pcs_discharge_limit", pcs.discharge_w))
        values.append(("pcs_power", pcs.dc_w))
        values.append(("obey_last", site.obey.last_ms()))
        values.append(("obey_worst", site.obey.worst_ms()))
        values.append(("obey_count", site.obey.count))
    return body(values)


def _ageing(estimator):
    """What the electrodes lost, and the currents that every cell can take and give."""
    losses = estimator.soc.ageing() or (None, None, None)
    values = [("lli", losses[0]), ("lam_negative", losses[1]), ("lam_positive", losses[2])]
    if estimator.power is not None:
        for side in (CHARGE, DISCHARGE):
            for name, limit in zip(POWER_NAMES[side], estimator.power[side]):
                values.append((name, limit[0]))
    return values


def _registers(site, i):
    registers = site.packs[i].metering.registers()
    meter = site.meter
    return body(
        (
            ("ah_in", registers[0]),
            ("ah_out", registers[1]),
            ("wh_in", registers[2]),
            ("wh_out", registers[3]),
            ("time_known", registers[4]),
            ("time_unknown", registers[5]),
            ("meter_in", meter and meter.in_wh),
            ("meter_out", meter and meter.out_wh),
        )
    )


def _identity(site, i):
    pack = site.packs[i].pack
    grade = pack["grade"]
    return body(
        (
            ("site", site.settings["site"]),
            ("pack_id", pack["id"]),
            ("profile", pack["profile"]),
            ("version", VERSION_TEXT),
            ("grade", "%s %s %s" % (grade["grade"], grade["body"], grade["date"])),
            ("serial", pack.get("serial")),
            ("cells", pack["cells"]),
            ("grade_number", grade.get("number")),
            ("grade_version", grade.get("version")),
            ("grade_signer", grade.get("signer")),
            ("grade_hash", grade.get("hash")),
            ("grade_until", grade.get("valid_until")),
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
                ("soc", e.soc.value),
                ("soc_std", e.soc.std),
                ("bms_soc", b.bms_soc_ppm),
                ("capacity", e.capacity_mah.value),
                ("pack_v", b.pack_mv),
                ("current", mean),
                ("current_min", self.low_ma),
                ("current_max", self.high_ma),
                ("cell_max", b.cell_max_mv),
                ("cell_min", b.cell_min_mv),
                ("temp_max", b.temp_max_mc),
                ("temp_min", b.temp_min_mc),
                ("charge_limit", pack.limits.charge_ma),
                ("discharge_limit", pack.limits.discharge_ma),
                ("pcs_power", site.pcs and site.pcs.dc_w),
                ("samples", self.count),
            )
        )
