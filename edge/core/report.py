# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a step reports: events at once, telemetry every 10 s, each wall minute, registers, identity.

Only integers and short texts leave; keys come from the metric registry, in growing order. A minute is told in the
first step of the next one, by the wall clock when it is known, else by the monotonic one. All else is due by the
monotonic clock.
"""

from edge.core import faults as f
from edge.core.anomalies import BMS_CAPACITY, BMS_SOC, BMS_SOH
from edge.core.audit import Audit, Together, flat
from edge.core.bodies import body, minute, registers, telemetry
from edge.core.minutes import Minute
from edge.core.records import Record
from edge.core.registry import KEYS
from edge.core.usage import Usage

VERSION_TEXT = "0.1.0"

T_MS = 10000
M_MS = 60000
# Never two of them in one step, and none in the first: each needs memory, and so does the state that is saved.
T_FIRST_MS, I_FIRST_MS, B_FIRST_MS = 2000, 5000, 303000
B_MS = 900000
I_MS = 86400000  # and at the start, and when something changes

# Event flood guard: at most this many of one kind and fault per minute, raised and cleared together, and of the quality
# of one pack; the rest is counted, and the next one of that kind that is told carries the count.
EVENTS_PER_MINUTE = 5

# Evidence of these: what we say and what the BMS says.
AGAINST = (BMS_SOC, BMS_SOH, BMS_CAPACITY)


class Reporter:
    """Makes the records of a site. state: dict as state() gave it or None."""

    def __init__(self, settings, state=None):
        self.settings = settings
        self._due_ms = {}
        self._minutes = [Minute() for _ in settings["packs"]]
        self._minute = None  # the one that runs: (the wall clock is known, its start, its end)
        # certificates and proofs of identity that were told and still hold
        self._grades = [(pack["grade"], 0) for pack in settings["packs"]]
        self._sources = [None] * len(settings["packs"])  # sources of the limits in the telemetry before
        self.settled = False  # registers were told in this step: what they say must be saved
        self._quality = [None] * len(settings["packs"])
        self._burst = {}  # kind -> (told in this minute, only counted since the last one that was told)
        self._burst_ms = None
        self._anomalies = [{} for _ in settings["packs"]]
        self._advice = [0 for _ in settings["packs"]]
        self._together = Together(settings["packs"]) if len(settings["packs"]) > 1 else None
        self.audits = [Audit(settings, pack) for pack in settings["packs"]]
        self.recent = []  # newest events for the view: (now_ms, pack, event, fault, detail)
        state = state if isinstance(state, dict) else {}
        used = state.get("usage")
        packs = settings["packs"]
        used = used if isinstance(used, list) and len(used) == len(packs) else [None] * len(packs)
        self.usages = [Usage(packs[i], used[i]) for i in range(len(packs))]
        dropped = state.get("dropped")
        self.dropped_events = dropped if isinstance(dropped, int) else 0

    def step(self, now_ms, utc, site, events, records):
        """Append the records of this step to records. events: ((pack, event, fault), ...)."""
        for pack, event, fault in events:
            self._event(records, now_ms, utc, site, pack, event, fault)
        minute_over = self._next_minute(now_ms, utc[0])
        if self._is_due("I", now_ms, I_MS, I_FIRST_MS):
            self._grades = [None] * len(site.packs)
        for i in range(len(site.packs)):
            self._pack(records, now_ms, utc, site, i, _news_of(i, events) if events else ())
            if minute_over:
                _tell(records, "M", i, now_ms, utc, minute(site, i, self._minutes[i].close()))
            self._minutes[i].take(site.packs[i])
        if self._together is not None:
            for cls, values in self._together.step(now_ms, site.sharing):
                _tell(records, cls, -1, now_ms, utc, body(values))
        if site.late:
            self._event(records, now_ms, utc, site, -1, f.E_LATE, f.F_LATE_STEP)
        if self._is_due("T", now_ms, T_MS, T_FIRST_MS):
            if self._is_due("sources", now_ms, M_MS):
                self._sources = [None] * len(site.packs)
            for i in range(len(site.packs)):
                sources = flat(site.packs[i].limits.sources)
                values = telemetry(site, i, None if sources == self._sources[i] else sources)
                self._sources[i] = sources
                _tell(records, "T", i, now_ms, utc, values)
        self.settled = self._is_due("B", now_ms, B_MS, B_FIRST_MS)
        if self.settled:
            records.extend(self.registers(now_ms, utc, site))

    def registers(self, now_ms, utc, site):
        """The B records of all packs: every 15 minutes, and when the controller stops."""
        records = []
        for i in range(len(site.packs)):
            _tell(records, "B", i, now_ms, utc, registers(site, i, now_ms))
        return records

    def _pack(self, records, now_ms, utc, site, i, news):
        """What one pack reports in this step beside its events. news: [(event, fault), ...] of it."""
        pack = site.packs[i]
        for cls, values in self.audits[i].step(now_ms, pack, site.reads[i], news):
            _tell(records, cls, i, now_ms, utc, body(values))
        self.usages[i].step(now_ms, pack.believed, pack.soc_est.value, news)
        self._watch_quality(records, now_ms, utc, site, i)
        self._watch_anomalies(records, now_ms, utc, site, i)
        self._watch_advice(records, now_ms, utc, site, i)
        proof = pack.identity.proof() if pack.identity else 0
        told = self._grades[i]
        if told is None or told[0] is not pack.pack["grade"] or told[1] != proof:
            from edge.core.nameplate import nameplate  # a board lets it go again

            self._grades[i] = (pack.pack["grade"], proof)
            values = body(nameplate(self.settings, pack.pack, VERSION_TEXT, pack.identity))
            _tell(records, "I", i, now_ms, utc, values)

    def _next_minute(self, now_ms, utc_s):
        """True in the first step of a minute, but not in the very first step."""
        known = utc_s is not None
        now = utc_s if known else now_ms
        before = self._minute
        if before is not None and before[0] == known and before[1] <= now < before[2]:
            return False
        length = 60 if known else M_MS
        start = now - now % length
        self._minute = (known, start, start + length)
        return before is not None

    def _is_due(self, cls, now_ms, every_ms, first_ms=0):
        """True each every_ms, from first_ms after the first step on."""
        due_ms = self._due_ms.get(cls)
        if due_ms is None:
            due_ms = self._due_ms[cls] = now_ms + first_ms
        if now_ms < due_ms:
            return False
        self._due_ms[cls] = now_ms + every_ms
        return True

    def _watch_quality(self, records, now_ms, utc, site, i):
        believed = site.packs[i].believed
        worst = believed.worst
        if worst != self._quality[i]:
            before = self._quality[i]
            self._quality[i] = worst
            if before is not None:
                fault = f.F_INPUT_INVALID if worst else f.F_NONE
                self._event(records, now_ms, utc, site, i, f.E_QUALITY, fault)

    def _watch_anomalies(self, records, now_ms, utc, site, i):
        """One record when an anomaly of a pack begins, and one when it is over."""
        now = site.packs[i].estimator.anomalies()
        if not now and not self._anomalies[i]:
            return
        kept = {(each.kind, each.where): each for each in now}
        for key_now in kept:
            if key_now not in self._anomalies[i]:
                self._anomaly(records, now_ms, utc, site, i, f.E_ANOMALY, kept[key_now])
        for key_before in self._anomalies[i]:
            if key_before not in kept:
                self._anomaly(records, now_ms, utc, site, i, f.E_OVER, self._anomalies[i][key_before])
        self._anomalies[i] = kept

    def _watch_advice(self, records, now_ms, utc, site, i):
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
        _tell(records, "E", i, now_ms, utc, body(values))

    def _anomaly(self, records, now_ms, utc, site, i, event, anomaly):
        over = event == f.E_OVER
        counted = self._counted(now_ms, (f.E_ANOMALY, anomaly.kind, i, anomaly.where))
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
        _tell(records, "E", i, now_ms, utc, body(values))

    def _event(self, records, now_ms, utc, site, pack, event, fault):
        """One event record, within the flood budget per minute; what exceeds it is counted."""
        counted = self._counted(now_ms, _kind(pack, event, fault))
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
        _tell(records, "E", pack, now_ms, utc, body(values))
        self.recent.append((now_ms, pack, event, fault, detail))
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

    def state(self, now_ms):
        """Dict for the store."""
        return {"dropped": self.dropped_events, "usage": [usage.state(now_ms) for usage in self.usages]}


def _tell(records, cls, i, now_ms, utc, pairs):
    """Append a Record of pack i, -1: of the site."""
    records.append(Record(cls, i, now_ms, None if utc[0] is None else utc[0] * 1000, utc[1], pairs))


def _news_of(i, events):
    """[(event, fault), ...] of pack i."""
    return [(event, fault) for pack, event, fault in events if pack == i]


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
