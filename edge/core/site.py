# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The whole site in one step: every pack's controller first, then what they allow together."""

from collections import namedtuple

from edge.core import faults as f
from edge.core import limits as lim
from edge.core.controller import Controller
from edge.core.durable import Durable
from edge.core.records import G_CURRENT, G_MEASURE, OK, Command, Inputs, Outcome
from edge.core.report import Reporter
from edge.core.second import LOOK_MS, Energy
from edge.core.validate import stale_after_ms

# A command lives three control periods, at least 1 s and at most the setting lease_ms.
LEASE_PERIODS = 3
TRUSTED_CLOCK = 2  # quality of a clock that ran on while this was off (RTC), or better
SAVE_EVERY_MS = 600000  # flash wear: every 10 minutes, and on events
SAVE_EVENT_MS = 10000  # but those not more often than this
# Parallel reused packs share unequally: until measured, one pack may have half the resistance of the
# others (declared range 1 : 2), so it may carry 2/(N+1) of the site's current.
SHARE_WORST_RATIO = 2
SHARE_MARGIN_PPM = 50000
SHARE_FLOW_PPM = 50000
SHARE_READS = 60  # one look may catch packs at different moments: this many before the worst case ends

BY_ORDER = 1  # edge.core.requests.S_ORDER

# What concerns every pack in one step. shares: each pack's current by the PCS or None. late: the step
# came too late. controls: this site writes. started_ms: first step. pcs_count: fresh reads of the PCS.
# inputs: Inputs or None when there are none; inputs_missing: there are, but nothing recent came. papers: per
# pack what the orders in force allow (edge.core.limits.in_force), for charging and for discharging.
SiteView = namedtuple(
    "SiteView",
    (
        "lease_ms",
        "decision",
        "late",
        "late_ms",
        "controls",
        "started_ms",
        "pcs_silent",
        "pcs_count",
        "shares",
        "inputs",
        "inputs_missing",
        "papers",
    ),
)
NO_PAPERS = ((), ())
LATE_STEPS, LATE_WINDOW_MS = 3, 60000  # so many late steps in so short a time: start afresh


class Site:
    """Controller of one site. settings: checked dict with defaults; state: dict of the store or None.

    verify(raw): judges the signature of an order (edge.core.orders), or None when no key is trusted.
    """

    def __init__(self, settings, state=None, verify=None):
        self.settings = settings
        period_ms = settings["period_ms"]
        packs = settings["packs"]
        state = state if isinstance(state, dict) else {}
        saved = state.get("packs")
        if not isinstance(saved, list) or len(saved) != len(packs):
            saved = [None] * len(packs)
        number = state.get("save")
        self.durable = Durable(number if isinstance(number, int) else 0)
        self.saved = self.durable.saved  # the loop keeps it: number of the newest durable state
        self.orders = self._orders(state.get("orders"), verify)
        obey_ms = settings["pcs"]["obey_ms"]
        self.packs = [Controller(i, packs[i], period_ms, obey_ms, saved[i]) for i in range(len(packs))]
        self.lease_ms = max(1000, min(LEASE_PERIODS * period_ms, settings["lease_ms"]))
        if self.lease_ms < period_ms + 1000:
            self.lease_ms = period_ms + 1000  # a command must reach the next step
        self._late = []  # times of the last late steps
        self.must_restart = False  # the loop leaves with Late after this step
        boot = state.get("boot")
        self.boot = boot + 1 if isinstance(boot, int) else 1
        self.decision = 0
        self.started_ms = None
        self.wake_ms = None
        self.late_ms = 0
        self.late_max_ms = 0
        self.peak_share_ppm = [0] * len(packs)
        self.share_reads = 0
        pcs_periods = [p for p in settings["pcs"]["facts"]["periods_ms"] if p is not None]
        self.pcs_stale_ms = stale_after_ms(max(max(pcs_periods), period_ms))
        self.requests = None
        self.pcs = None
        self.meter = None
        self.energy = self._energy(state.get("energy"))
        self._asked_ms = None
        self.site_limits = (0, lim.S_MODE, 0, lim.S_MODE)
        self.reporter = Reporter(settings, state.get("report"))
        self._saved_ms = None
        utc_s = state.get("utc_s")
        self._off_since_s = utc_s if isinstance(utc_s, int) else None
        self._utc = (None, 0)
        self._unsaved = False
        self.inputs_ms = stale_after_ms(period_ms)

    def _energy(self, state):
        """Comparison of the current sensors with the meter, when there is one: after one full charge and discharge."""
        if not self.settings.get("meter"):
            return None
        least_mwh = sum([p.pack["capacity_mah"] * p.pack["cells"] * 3 for p in self.packs])
        return Energy(self.settings["pcs"]["power_w"], least_mwh, state)

    def ask(self, now_ms, devices):
        """Once a minute, before step(): what devices (in settings order) tell beyond their record, as info() of a CAN
        device does: the BMS's own counters."""
        if self._asked_ms is not None and now_ms - self._asked_ms < LOOK_MS:
            return
        self._asked_ms = now_ms
        for i in range(len(self.packs)):
            info = getattr(devices[i], "info", None)
            if info is not None:
                self.packs[i].told(info())

    def _weigh(self, now_ms):
        """Once a minute: the energy of all packs against the meter's."""
        energy = self.energy
        if energy is None or self.meter is None or (energy.due_ms is not None and now_ms < energy.due_ms):
            return
        packs = [(p.metering.registers(), p.believed.pack_mv, p.soc.bias()) for p in self.packs]
        energy.take(now_ms, self.meter, packs)
        gain = energy.gain()
        for pack in self.packs:
            pack.estimator.gain = gain

    def step(self, now_ms, utc, reads, orders):
        """One control step.

        now_ms: monotonic. utc: (seconds or None, clock quality). reads: newest record or None of every
        device in settings order (packs, PCS, meter if any, inputs if any). orders: raw bytes received. Returns
        Outcome; its commands are one per actuator (the PCS), complete in every step.
        """
        self._time(now_ms)
        self._clock(utc)
        verdicts = self._ordered(now_ms, utc, orders)
        count = len(self.packs)
        self.pcs = reads[count]
        rest = list(reads[count + 1 :])
        self.meter = rest.pop(0) if self.settings.get("meter") else None
        inputs, inputs_missing = self._inputs(now_ms, rest)
        pcs_here = self._pcs_answers(now_ms)
        pcs_ma = self.pcs.dc_ma if pcs_here else None
        shares = self._shares(now_ms, reads, pcs_ma)
        for i in range(count):
            self.packs[i].sense(now_ms, reads[i], shares[i])
        self._weigh(now_ms)
        self.decision += 1
        view = SiteView(
            self.lease_ms,
            self.decision,
            self.late_ms > self.settings["late_ms"],
            self.late_ms,
            self.settings["mode"] == "control",
            self.started_ms,
            not pcs_here and self.pcs_was_seen(now_ms),
            self.pcs.groups[G_MEASURE].count if pcs_here else None,
            shares,
            inputs,
            inputs_missing,
            (NO_PAPERS,) * count if self.orders is None else self.orders.papers(),
        )
        guarded = []
        events = []
        for i in range(count):
            command, news = self.packs[i].permit(now_ms, reads[i], view)
            guarded.append(command)
            events.extend([(i, event, fault) for event, fault in news])
        command = self._together(now_ms, guarded, shares)
        records = verdicts + self.reporter.step(now_ms, utc, self, view, events)
        if self.requests is not None:
            records = records + self.requests.step(now_ms, utc, command, self.pcs if pcs_here else None)
        state = self._state(now_ms, events)
        self.wake_ms = self._next(now_ms)
        return Outcome((command,), records, state, self.wake_ms, self.decision, self._trace(now_ms, command))

    def request(self, now_ms, power_w, valid_until_ms, source):
        """Take a request for power (edge.core.requests): in force from the next step on. True when it was taken."""
        if self.requests is None:
            from edge.core.requests import Requests

            self.requests = Requests()
        return self.requests.ask(now_ms, power_w, valid_until_ms, source)

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
        if self.late_ms > self.settings["late_ms"]:
            self._late = [at_ms for at_ms in self._late if now_ms - at_ms < LATE_WINDOW_MS] + [now_ms]
            self.must_restart = len(self._late) >= LATE_STEPS

    def _orders(self, saved, verify):
        """The orders of this site; None (and not imported) when nobody can give any and none is in force."""
        if verify is None and not saved:
            return None
        from edge.core.orders import Orders

        return Orders(self.settings, self.durable, saved, verify)

    def _ordered(self, now_ms, utc, orders):
        """Take the orders that arrived, and let in force what is durable now; the records about them."""
        self.durable.saved = self.saved
        if self.orders is None:
            return []
        records = self.orders.step(now_ms, utc, orders, self)
        asked, self.orders.asked = self.orders.asked, None
        if asked is not None:
            self.request(now_ms, asked[0], asked[1], BY_ORDER)
        return records

    def _next(self, now_ms):
        """The next point of the grid of periods that lies in the future."""
        period_ms = self.settings["period_ms"]
        planned = now_ms if self.wake_ms is None else self.wake_ms
        return planned + ((now_ms - planned) // period_ms + 1) * period_ms

    def _pcs_answers(self, now_ms):
        """True when the PCS's measurements are good and recent. Its DC current may still be None: a PCS
        that does not measure it."""
        if self.pcs is None:
            return False
        group = self.pcs.groups[G_MEASURE]
        if group.quality != OK or group.at_ms is None:
            return False
        return 0 <= now_ms - group.at_ms <= self.pcs_stale_ms

    def _inputs(self, now_ms, rest):
        """(Inputs or None, missing). A record that is absent or old permits nothing; after SILENT_MIN_MS
        without one every input counts as active, as an open wire does."""
        if not self.settings.get("inputs"):
            return None, False
        inputs = rest[0] if rest else None
        at_ms = None if inputs is None else inputs.at_ms
        if at_ms is not None and 0 <= now_ms - at_ms <= self.inputs_ms:
            return inputs, False
        since_ms = self.started_ms if at_ms is None else at_ms
        if now_ms - since_ms > f.SILENT_MIN_MS:
            return Inputs(None, None, None, None, None, None), True
        return None, True

    def _shares(self, now_ms, reads, pcs_ma):
        """Each pack's current as the PCS sees it: the whole for one pack; for several the PCS's current
        less what the other packs report, None when one of them does not report now."""
        if pcs_ma is None:
            return (None,) * len(self.packs)
        if len(self.packs) == 1:
            return (pcs_ma,)
        currents = [self._reported(now_ms, i, reads[i]) for i in range(len(self.packs))]
        if None in currents:
            return (None,) * len(self.packs)
        total = sum(currents)
        self._learn_shares(currents, total)
        return tuple([pcs_ma - (total - ma) for ma in currents])

    def _reported(self, now_ms, i, read):
        """Current of pack i in mA when it is fresh and good, else None."""
        if read is None:
            return None
        group = read.groups[G_CURRENT]
        if group.quality != OK or group.at_ms is None:
            return None
        return read.current_ma if 0 <= now_ms - group.at_ms <= self.packs[i].current_stale_ms else None

    def _learn_shares(self, currents, total_ma):
        capacity_mah = sum([p.pack["capacity_mah"] for p in self.packs])
        if abs(total_ma) * lim.PPM < capacity_mah * SHARE_FLOW_PPM:
            return
        self.share_reads += 1
        for i in range(len(currents)):
            share = max(0, currents[i] * lim.PPM // total_ma) + SHARE_MARGIN_PPM
            if share > self.peak_share_ppm[i]:
                self.peak_share_ppm[i] = share

    def _share_ppm(self, i):
        """Largest share of the site's current that pack i may carry: the measured peak with margin, never
        less than 1/N; never less than the worst of the declared resistance range until measured."""
        count = len(self.packs)
        if count == 1:
            return lim.PPM
        peak = self.peak_share_ppm[i]
        if self.share_reads < SHARE_READS:
            peak = max(peak, SHARE_WORST_RATIO * lim.PPM // (SHARE_WORST_RATIO + count - 1) + 1)
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

    def _clock(self, utc):
        """On the first step with a clock that can be trusted, tell the packs how long it was off."""
        self._utc = utc
        if self._off_since_s is not None:
            if utc[0] is not None and utc[1] >= TRUSTED_CLOCK:
                for pack in self.packs:
                    pack.soc.resumed(utc[0] - self._off_since_s)
            self._off_since_s = None

    def _state(self, now_ms, events):
        """The state to save now, or None: a lock at once, other events at most every 10 s."""
        locking = False
        for _, event, fault in events:
            if event in (f.E_RAISED, f.E_MODE):
                self._unsaved = True
            if event == f.E_RAISED and f.FAULTS[fault][1] == f.LOCK:
                locking = True
        if self.durable.is_waiting():
            self._unsaved = True
        if self._saved_ms is not None and not locking and not self.durable.is_wanted():
            wait_ms = SAVE_EVENT_MS if self._unsaved else SAVE_EVERY_MS
            if now_ms - self._saved_ms < wait_ms:
                return None
        self._saved_ms = now_ms
        self._unsaved = False
        return self.state()

    def work(self):
        """Do one slice of every pack's longer work (alignment, power); True while there is work."""
        busy = False
        for pack in self.packs:
            busy = pack.estimator.work() or busy
        return busy

    def state(self):
        """Everything that must survive a restart, as a dict of integers, strings, lists and None."""
        return {
            "version": 1,
            "save": self.durable.next(),
            "boot": self.boot,
            "utc_s": self._utc[0] if self._utc[1] >= TRUSTED_CLOCK else None,
            "packs": [pack.state() for pack in self.packs],
            "report": self.reporter.state(),
            "energy": self.energy and self.energy.state(),
            "orders": None if self.orders is None else self.orders.state(),
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
