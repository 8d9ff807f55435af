# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The whole site in one step: every pack's controller first, then what they allow together."""

from collections import namedtuple

from edge.core import faults as f
from edge.core import limits as lim
from edge.core.controller import Controller
from edge.core.records import G_MEASURE, OK, Command, Inputs, Outcome
from edge.core.report import Reporter
from edge.core.validate import stale_after_ms

# A command lives three control periods, at least 1 s and at most 3 s (a board's longest).
LEASE_PERIODS = 3
LEASE_MIN_MS = 1000
LEASE_MAX_MS = 3000
SAVE_EVERY_MS = 600000  # flash wear: on events, and at most every 10 minutes
# Parallel reused packs share unequally: until measured, one pack may have half the resistance of the
# others (declared range 1 : 2), so it may carry 2/(N+1) of the site's current.
SHARE_WORST_RATIO = 2
SHARE_MARGIN_PPM = 50000
SHARE_FLOW_PPM = 50000

# What concerns every pack in one step. shares: each pack's current by the PCS or None. late: the step
# came too late. controls: this site writes. started_ms: first step.
SiteView = namedtuple(
    "SiteView",
    ("lease_ms", "decision", "late", "late_ms", "controls", "started_ms", "pcs_silent", "shares", "inputs"),
)


class Site:
    """Controller of one site. settings: checked dict with defaults; state: dict of the store or None."""

    def __init__(self, settings, state=None):
        self.settings = settings
        period_ms = settings["period_ms"]
        packs = settings["packs"]
        saved = (state or {}).get("packs") or [None] * len(packs)
        if len(saved) != len(packs):
            saved = [None] * len(packs)
        obey_ms = settings["pcs"]["obey_ms"]
        self.packs = [Controller(i, packs[i], period_ms, obey_ms, saved[i]) for i in range(len(packs))]
        self.lease_ms = min(max(LEASE_PERIODS * period_ms, LEASE_MIN_MS), max(LEASE_MAX_MS, period_ms + 1000))
        self.boot = ((state or {}).get("boot") or 0) + 1
        self.decision = 0
        self.started_ms = None
        self.wake_ms = None
        self.late_ms = 0
        self.late_max_ms = 0
        self.peak_share_ppm = [None] * len(packs)
        pcs_periods = [p for p in settings["pcs"]["facts"]["periods_ms"] if p is not None]
        self.pcs_stale_ms = stale_after_ms(max(max(pcs_periods), period_ms))
        self.pcs = None
        self.meter = None
        self.site_limits = (0, lim.S_MODE, 0, lim.S_MODE)
        self.reporter = Reporter(settings, (state or {}).get("report"))
        self._saved_ms = None

    def step(self, now_ms, utc, reads, orders):
        """One control step.

        now_ms: monotonic. utc: (seconds or None, clock quality). reads: newest record or None of every
        device in settings order (packs, PCS, meter if any, inputs if any). orders: raw bytes received;
        this version acts on none and reports how many came. Returns Outcome; its commands are one per
        actuator (the PCS), complete in every step.
        """
        self._time(now_ms)
        count = len(self.packs)
        self.pcs = reads[count]
        rest = list(reads[count + 1 :])
        self.meter = rest.pop(0) if self.settings.get("meter") else None
        inputs = _inputs(self.settings, rest)
        pcs_ma = self._pcs_current(now_ms)
        shares = self._shares(reads, pcs_ma)
        for i in range(count):
            self.packs[i].sense(now_ms, reads[i], shares[i])
        self.decision += 1
        late = self.late_ms > self.settings["late_ms"]
        view = SiteView(
            self.lease_ms,
            self.decision,
            late,
            self.late_ms,
            self.settings["mode"] == "control",
            self.started_ms,
            pcs_ma is None and self.pcs_was_seen(now_ms),
            shares,
            inputs,
        )
        guarded = []
        events = []
        for i in range(count):
            command, news = self.packs[i].permit(now_ms, reads[i], view)
            guarded.append(command)
            events.extend([(i, event, fault) for event, fault in news])
        command = self._together(now_ms, guarded, shares)
        records = self.reporter.step(now_ms, utc, self, view, command, events, len(orders))
        state = self._state(now_ms, events)
        self.wake_ms = self._next(now_ms)
        return Outcome((command,), records, state, self.wake_ms, self.decision, self._trace(now_ms, command))

    def pcs_was_seen(self, now_ms):
        """True when a silent PCS is a fault: it was seen before, or 10 s have passed since the start."""
        return self.pcs is not None or now_ms - self.started_ms > f.SILENT_MIN_MS

    def _time(self, now_ms):
        if self.started_ms is None:
            self.started_ms = now_ms
            self.late_ms = 0
            return
        self.late_ms = max(0, now_ms - self.wake_ms)
        if self.late_ms > self.late_max_ms:
            self.late_max_ms = self.late_ms

    def _next(self, now_ms):
        """The next point of the grid of periods that lies in the future."""
        period_ms = self.settings["period_ms"]
        planned = now_ms if self.wake_ms is None else self.wake_ms
        return planned + ((now_ms - planned) // period_ms + 1) * period_ms

    def _pcs_current(self, now_ms):
        """DC current by the PCS in mA (+ charges), or None when it is not known now."""
        if self.pcs is None:
            return None
        group = self.pcs.groups[G_MEASURE]
        if group.quality != OK or group.at_ms is None:
            return None
        age_ms = now_ms - group.at_ms
        return self.pcs.dc_ma if 0 <= age_ms <= self.pcs_stale_ms else None

    def _shares(self, reads, pcs_ma):
        """Each pack's current as the PCS sees it: the whole for one pack; for several the PCS's current
        less what the other packs report, None when one of them does not report."""
        if pcs_ma is None:
            return (None,) * len(self.packs)
        if len(self.packs) == 1:
            return (pcs_ma,)
        currents = [None if read is None else read.current_ma for read in reads[: len(self.packs)]]
        if None in currents:
            return (None,) * len(self.packs)
        total = sum(currents)
        self._learn_shares(currents, total)
        return tuple([pcs_ma - (total - ma) for ma in currents])

    def _learn_shares(self, currents, total_ma):
        capacity_mah = sum([p.pack["capacity_mah"] for p in self.packs])
        if abs(total_ma) * lim.PPM < capacity_mah * SHARE_FLOW_PPM:
            return
        for i in range(len(currents)):
            share = max(0, currents[i] * lim.PPM // total_ma) + SHARE_MARGIN_PPM
            if self.peak_share_ppm[i] is None or share > self.peak_share_ppm[i]:
                self.peak_share_ppm[i] = share

    def _share_ppm(self, i):
        """Largest share of the site's current that pack i may carry: the measured peak with margin, never
        less than 1/N; the worst of the declared resistance range until measured."""
        count = len(self.packs)
        if count == 1:
            return lim.PPM
        peak = self.peak_share_ppm[i]
        if peak is None:
            peak = SHARE_WORST_RATIO * lim.PPM // (SHARE_WORST_RATIO + count - 1) + 1
        return min(max(peak, -(-lim.PPM // count)), lim.PPM)

    def _together(self, now_ms, guarded, shares):
        """The PCS's Command: min over packs of limit / share, never above N times the smallest."""
        count = len(guarded)
        charge = discharge = None
        charge_why = discharge_why = lim.S_NONE
        for i in range(count):
            share = self._share_ppm(i)
            c = min(guarded[i].charge_ma * lim.PPM // share, count * guarded[i].charge_ma)
            d = min(guarded[i].discharge_ma * lim.PPM // share, count * guarded[i].discharge_ma)
            if charge is None or c < charge:
                charge, charge_why = c, self.packs[i].limits.charge_why
            if discharge is None or d < discharge:
                discharge, discharge_why = d, self.packs[i].limits.discharge_why
        self.site_limits = (charge, charge_why, discharge, discharge_why)
        volts = [command.pack_mv for command in guarded]
        decision = guarded[0].decision
        for command in guarded:
            if command.decision != decision:
                decision = None
        return Command(
            -1,
            charge,
            discharge,
            guarded[0].charge_mv,
            None if None in volts else min(volts),
            None,
            None,
            now_ms + self.lease_ms,
            decision,
        )

    def _state(self, now_ms, events):
        """The state to save now, or None."""
        due = self._saved_ms is None or now_ms - self._saved_ms >= SAVE_EVERY_MS
        if not due and not [e for e in events if e[1] in (f.E_RAISED, f.E_MODE)]:
            return None
        if not due and now_ms - self._saved_ms < 10000:
            return None
        self._saved_ms = now_ms
        return self.state()

    def state(self):
        """Everything that must survive a restart, as a dict of integers, strings, lists and None."""
        return {
            "version": 1,
            "boot": self.boot,
            "packs": [pack.state() for pack in self.packs],
            "report": self.reporter.state(),
        }

    def _trace(self, now_ms, command):
        """Integers that tell this step: equal on every runtime for equal input."""
        trace = [now_ms, command.charge_ma, command.discharge_ma, command.pack_mv or 0, self.late_ms]
        for pack in self.packs:
            soc = pack.soc.soc()
            trace.append(pack.mode)
            trace.append(-1 if soc.value is None else soc.value)
            trace.append(-1 if soc.std is None else soc.std)
            trace.append(pack.limits.charge_why)
            trace.append(pack.limits.discharge_why)
            trace.append(pack.believed.worst)
        return tuple(trace)


def _inputs(settings, rest):
    """The newest Inputs; configured but never read counts as every input unknown."""
    if not settings.get("inputs"):
        return None
    return rest[0] if rest and rest[0] is not None else Inputs(None, None, None, None, None, None)
