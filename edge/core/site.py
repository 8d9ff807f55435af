# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The whole site in one step: every pack's controller first, then what they allow together."""

from edge.core import faults as f
from edge.core.controller import Controller
from edge.core.durable import Durable
from edge.core.obey import Obey
from edge.core.records import G_MEASURE, G_READBACK, OK, Inputs, Outcome
from edge.core.report import Reporter
from edge.core.restored import own_state
from edge.core.second import LOOK_MS, Energy
from edge.core.sharing import Sharing
from edge.core.validate import stale_after_ms

# A command lives three control periods, at least 1 s and at most the setting lease_ms.
LEASE_PERIODS = 3
TRUSTED_CLOCK = 2  # quality of a clock that ran on while this was off (RTC), or better
SAVE_EVERY_MS = 600000  # flash wear: every 10 minutes, and on events
SAVE_EVENT_MS = 10000  # but those not more often than this

BY_ORDER = 1  # edge.core.requests.S_ORDER

NO_PAPERS = ((), ())
DAY_S = 86400
CLOCK_STEP_MS = 2000  # by so much the wall clock may leave the monotonic one between two steps: it counts in seconds
LATE_STEPS, LATE_WINDOW_MS = 3, 60000  # so many late steps in so short a time: start afresh


class Site:
    """Controller of one site. settings: checked dict with defaults; state: dict of the store or None.

    verify(raw): judges the signature of an order (edge.core.orders), or None when no key is trusted.

    What concerns every pack in one step, for Controller.permit: late: the step came too late. controls: this site
    writes. pcs_count: fresh reads of the PCS. shares: each pack's current by the PCS or None. inputs: Inputs or None
    when there are none; inputs_missing: there are, but nothing recent came. papers: per pack what the orders in force
    allow (edge.core.limits.in_force), for charging and for discharging. bus_mv: voltage of the bus by the PCS or None.
    circulates: several packs and a PCS that carries nothing. pcs_lost: it has not answered for its watchdog and 2 s
    more. pcs_watchdog_wrong: it holds another one. state_lost: in the first step after a boot that found an unreadable
    state. day: since 1970, by a clock that can be trusted, or None. pcs_unapplied: it answers, and what it was told is
    not in force there. relays: what each pack's contactor port said last, 0 good.
    """

    def __init__(self, settings, state=None, verify=None):
        self.settings = settings
        period_ms = settings["period_ms"]
        packs = settings["packs"]
        state = state if isinstance(state, dict) else {}
        saved = state.get("packs")
        found = [own_state(pack, saved if isinstance(saved, list) else ()) for pack in packs]
        self.state_lost = bool(state.get("unreadable")) or True in [lost for _, lost in found]
        number = state.get("save")
        self.durable = Durable(number if isinstance(number, int) else 0)
        self.saved = self.durable.saved  # the loop keeps it: number of the newest durable state
        self.orders = self._orders(state.get("orders"), verify, bool(state.get("unreadable")))
        obey_ms = settings["pcs"]["obey_ms"]
        self.packs = [
            Controller(i, pack, period_ms, obey_ms, found[i][0], self.durable) for i, pack in enumerate(packs)
        ]
        self._ported = [i for i in range(len(packs)) if self.packs[i].contactor is not None]
        self._no_papers = (NO_PAPERS,) * len(packs)
        self._no_relays = (0,) * len(packs)
        self._slack_ma = max([pack.slack_ma for pack in self.packs])  # beside a permit
        self._guarded = [None] * len(packs)  # room for the commands of the packs
        self.obey = Obey(obey_ms)
        self.lease_ms = max(1000, min(LEASE_PERIODS * period_ms, settings["lease_ms"]))
        self.lease_ms = max(self.lease_ms, period_ms + 1000)  # a command must reach the next step
        self.sharing = Sharing(self.packs, self.lease_ms)
        self.site_limits = self.sharing.limits
        self._late = []  # times of the last late steps
        self.must_restart = False  # the loop leaves with Late after this step
        self.busy = False  # work of unknown length is announced: nothing may flow until it is done
        boot = state.get("boot")
        self.boot = boot + 1 if isinstance(boot, int) else 1
        self.decision = 0
        self.started_ms = None
        self.wake_ms = None
        self.late_ms = self.late_max_ms = 0
        pcs_periods = [p for p in settings["pcs"]["facts"]["periods_ms"] if p is not None]
        self.pcs_stale_ms = stale_after_ms(max(max(pcs_periods), period_ms))
        self.requests = self.pcs = self.meter = None
        self.energy = self._energy(state.get("energy"))
        self.reads = ()  # newest records of all devices, of this step
        self._now_ms = 0
        self._asked_ms = None
        self.reporter = Reporter(settings, state.get("report"))
        self._saved_ms = None
        utc_s = state.get("utc_s")
        self._off_since_s = utc_s if isinstance(utc_s, int) else None
        self._utc = (None, 0)
        self._wall_ms = None  # wall clock less monotonic, when both were known last
        self.clock_step_ms = None  # of the newest jump of the wall clock, + forwards
        self.answers = []  # what each actuator's apply() said of the commands of the step before; told by edge.loop
        self._unsaved = False
        self.inputs_ms = stale_after_ms(period_ms)

    def _energy(self, state):
        """Comparison of the current sensors with the meter, when there is one: after one full charge and discharge."""
        if not self.settings.get("meter"):
            return None
        least_mwh = sum([p.pack["capacity_mah"] * p.pack["cells"] * 3 for p in self.packs])
        return Energy(self.settings["pcs"]["power_w"], least_mwh, state)

    def ask(self, now_ms, devices):
        """Before step(): what devices (in settings order) tell beyond their record: serial numbers, and once a minute
        the BMS's own counters, as info() of a CAN device has them."""
        for i in range(len(self.packs)):
            serial = getattr(devices[i], "serial", None)
            if serial is not None:
                self.packs[i].named(serial)
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
        self._time(now_ms, reads)
        self._clock(utc)
        records = self._ordered(now_ms, utc, orders)
        count = len(self.packs)
        self.pcs = reads[count]
        at = count + 1
        if self.settings.get("meter"):
            self.meter = reads[at]
            at += 1
        self.inputs, self.inputs_missing = self._inputs(now_ms, reads[at] if at < len(reads) else None)
        pcs_here = self._pcs_answers(now_ms)
        pcs_ma = self.pcs.dc_ma if pcs_here else None
        self.shares = self.sharing.shares(now_ms, reads, pcs_ma)
        asked_ma = self._asked_ma()
        for i in range(count):
            self.packs[i].validator.asked_ma = asked_ma
            self.packs[i].sense(now_ms, reads[i], self.shares[i])
        self._weigh(now_ms)
        self.decision += 1
        self._look(now_ms, utc, pcs_here, pcs_ma)
        self.obey.step(now_ms, pcs_ma, self.sharing.allowed, self._slack_ma)
        guarded = self._guarded
        events = ((-1, f.E_CLOCK, f.F_NONE),) if self._clock_stepped(now_ms, utc[0]) else ()
        for i in range(count):
            guarded[i] = self.packs[i].permit(now_ms, reads[i], self)
            for event, fault in self.packs[i].news:
                events += ((i, event, fault),)
        self.state_lost = False
        command = self.sharing.together(now_ms, guarded, self.obey.is_slow(now_ms))
        self.site_limits = self.sharing.limits
        self.reporter.step(now_ms, utc, self, events, records)
        if self.requests is not None:
            records += self.requests.step(now_ms, utc, command, self.pcs if pcs_here else None)
        state = self._state(now_ms, events)
        self.wake_ms = self._next(now_ms)
        return Outcome(self._commands(command, guarded), records, state, self.wake_ms, self.decision)

    def _look(self, now_ms, utc, pcs_here, pcs_ma):
        """What concerns every pack in this step, beside what is known already. pcs_here: the PCS answers."""
        self.late = self.late_ms > self.settings["late_ms"]
        self.controls = self.settings["mode"] == "control"
        self.pcs_silent = not pcs_here and self.pcs_was_seen(now_ms)
        self.pcs_count = self.pcs.groups[G_MEASURE].count if pcs_here else None
        self.papers = self._no_papers if self.orders is None else self.orders.papers()
        self.bus_mv = self.pcs.dc_mv if pcs_here else None
        self.circulates = len(self.packs) > 1 and pcs_ma is not None and abs(pcs_ma) <= self._slack_ma
        self.pcs_lost = self._pcs_is_lost(now_ms)
        self.pcs_watchdog_wrong = pcs_here and self._watchdog_wrong()
        self.day = utc[0] // DAY_S if utc[0] is not None and utc[1] >= TRUSTED_CLOCK else None
        self.pcs_unapplied = pcs_here and bool(self.answers) and self.answers[0] != 0
        self.relays = self._relays() if self._ported else self._no_relays

    def _asked_ma(self):
        """Current of one pack that the living request wants, as far as it was permitted; 0 without one."""
        now = None if self.requests is None else self.requests.now
        if now is None or not self.packs[0].believed or not self.packs[0].believed.pack_mv:
            return 0
        return abs(now[1]) * 1000000 // self.packs[0].believed.pack_mv // len(self.packs)

    def is_expired(self, pack):
        """True when the last day of the grade of pack (its settings) is over, by a clock that can be trusted."""
        if self.day is None or pack["grade"].get("valid_until") is None:
            return False
        from edge.core.grades import is_over

        return is_over(pack["grade"], self.day)

    def _commands(self, command, guarded):
        """One command per actuator: the PCS, then each contactor."""
        return (command,) + tuple([guarded[i] for i in self._ported]) if self._ported else (command,)

    def _relays(self):
        """Per pack what its contactor's port said of the step before, 0 without one: ports in the order of commands."""
        said = list(self.answers[1:])
        return [said.pop(0) if pack.contactor is not None and said else 0 for pack in self.packs]

    def request(self, now_ms, power_w, valid_until_ms, source):
        """Take a request for power (edge.core.requests): in force from the next step on. True when it was taken."""
        if self.requests is None:
            from edge.core.requests import Requests

            self.requests = Requests()
        return self.requests.ask(now_ms, power_w, valid_until_ms, source)

    def pcs_was_seen(self, now_ms):
        """True when a silent PCS is a fault: it was seen before, or 10 s have passed since the start."""
        return self.pcs is not None or now_ms - self.started_ms > f.SILENT_MIN_MS

    def _pcs_is_lost(self, now_ms):
        """True when a PCS that answers nothing must have stopped by its own watchdog, and 2 s more have passed."""
        at_ms = None if self.pcs is None else self.pcs.groups[G_MEASURE].at_ms
        since_ms = self.started_ms if at_ms is None else at_ms
        return now_ms - since_ms > self.settings["pcs"]["watchdog_ms"] + f.LOST_MS

    def _watchdog_wrong(self):
        """True when the PCS says that its watchdog is not the site's."""
        told = self.pcs.groups[G_READBACK].quality == OK and self.pcs.watchdog_ms is not None
        return told and self.pcs.watchdog_ms != self.settings["pcs"]["watchdog_ms"]

    def _time(self, now_ms, reads):
        self._now_ms, self.reads = now_ms, reads
        if self.started_ms is None:
            self.started_ms = now_ms
            return
        self.late_ms = max(0, now_ms - self.wake_ms)
        self.late_max_ms = max(self.late_max_ms, self.late_ms)
        if self.late_ms > self.settings["late_ms"] and not self.busy:
            self._came_late(now_ms)

    def _came_late(self, now_ms):
        self._late = [at_ms for at_ms in self._late if now_ms - at_ms < LATE_WINDOW_MS] + [now_ms]
        self.must_restart = len(self._late) >= LATE_STEPS

    def _orders(self, saved, verify, lost):
        """The orders of this site; None (and not imported) when nobody can give any and none is in force. lost: a newer
        state may have been; what nobody could release does not stop."""
        if verify is None and not saved:
            return None
        from edge.core.orders import Orders

        return Orders(self.settings, self.durable, saved, verify, lost and verify is not None)

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

    def _inputs(self, now_ms, inputs):
        """(Inputs or None, missing). A record that is absent or old permits nothing; after SILENT_MIN_MS
        without one every input counts as active, as an open wire does."""
        if not self.settings.get("inputs"):
            return None, False
        at_ms = None if inputs is None else inputs.at_ms
        if at_ms is not None and 0 <= now_ms - at_ms <= self.inputs_ms:
            return inputs, False
        since_ms = self.started_ms if at_ms is None else at_ms
        if now_ms - since_ms > f.SILENT_MIN_MS:
            return Inputs(None, None, None, None, None, None), True
        return None, True

    def _clock(self, utc):
        """On the first step with a clock that can be trusted, tell the packs how long it was off."""
        self._utc = utc
        if self._off_since_s is not None:
            if utc[0] is not None and utc[1] >= TRUSTED_CLOCK:
                for pack in self.packs:
                    pack.soc.resumed(utc[0] - self._off_since_s)
            self._off_since_s = None

    def _clock_stepped(self, now_ms, utc_s):
        """True when the wall clock jumped since it was known last; clock_step_ms is by how much."""
        if utc_s is None:
            return False
        before_ms, self._wall_ms = self._wall_ms, 1000 * utc_s - now_ms
        if before_ms is None or abs(self._wall_ms - before_ms) <= CLOCK_STEP_MS:
            return False
        self.clock_step_ms = self._wall_ms - before_ms
        return True

    def _state(self, now_ms, events):
        """The state to save now, or None: a trip, a lock and registers that are told at once, other events at most
        every 10 s, and so often again until it is durable."""
        tripping = False
        for _, event, fault in events:
            if event in (f.E_RAISED, f.E_MODE):
                self._unsaved = True
            if event == f.E_RAISED and f.LEVEL[fault] >= f.TRIP:
                tripping = True
        urgent = tripping or self.reporter.settled or self.durable.is_wanted()
        if self._saved_ms is not None and not urgent:
            wait_ms = SAVE_EVENT_MS if self._unsaved or self.durable.is_waiting() else SAVE_EVERY_MS
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

    def state(self, clean=False):
        """What must survive a restart: a dict of integers, strings, lists, None, and of functions that give a part when
        it is written, between two steps (edge.shell.store.pieces). clean: the last one of a peaceful end."""
        return {
            "version": 1,
            "save": self.durable.next(),
            "boot": self.boot,
            "utc_s": self._utc[0] if self._utc[1] >= TRUSTED_CLOCK else None,
            "packs": lambda: [pack.state(clean) for pack in self.packs],
            "report": lambda: self.reporter.state(self._now_ms),
            "energy": self.energy and self.energy.state,
            "orders": self.orders and self.orders.state,
        }

    def last_records(self, now_ms, utc):
        """What is told of a peaceful end: the registers; nothing when there was no step."""
        if self.started_ms is None:
            return []
        self._now_ms = now_ms
        return self.reporter.registers(now_ms, utc, self)

    def trace(self, outcome):
        """Integers that tell the newest step, which gave outcome: equal on every runtime for equal input."""
        command = outcome.commands[0]
        trace = [self._now_ms, command.charge_ma, command.discharge_ma, command.pack_mv or 0, self.late_ms]
        for pack in self.packs:
            soc, limits = pack.soc_est, pack.limits
            trace += [pack.mode, -1 if soc.value is None else soc.value, -1 if soc.std is None else soc.std]
            trace += [limits.charge_why, limits.discharge_why, pack.believed.worst]
        return trace
