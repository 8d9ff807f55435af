# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One pack: sample -> believed -> estimates -> limits -> guarded command, once per step."""

from edge.core import faults as f
from edge.core import limits as lim
from edge.core.estimator import Estimator
from edge.core.exact import millionth
from edge.core.guard import guard, stale_limits
from edge.core.limits import Held, Ramp, combine, readings
from edge.core.metering import Metering
from edge.core.records import G_CURRENT, OK, UNKNOWN, Command, Est, Estimates, Limits
from edge.core.restored import STATE_VERSION, faults_of, metering_state, part, usable
from edge.core.rise import Rise
from edge.core.validate import Validator, stale_after_ms


class Controller:
    """Controller of pack number index. pack: its settings; state: dict as state() gave it or None.

    Reads nothing and writes nothing: step() is a function of its arguments and of this object's state.
    """

    def __init__(self, index, pack, period_ms, obey_ms, state=None, durable=None):
        self.index = index
        self.pack = pack
        self.period_ms = period_ms
        self.obey_ms = obey_ms
        state = usable(pack, state)
        periods = [p for p in pack["facts"]["periods_ms"] if p is not None]
        self.silent_ms = max(f.SILENT_MIN_MS, f.SILENT_PERIODS * max(max(periods), period_ms))
        self.current_stale_ms = stale_after_ms(max(pack["facts"]["periods_ms"][G_CURRENT], period_ms))
        self.validator = Validator(pack, period_ms)
        self.metering = Metering(self.current_stale_ms, part(metering_state, state, "metering"))
        self.estimator = Estimator(pack, None if state is None else state.get("estimator"))
        self.soc = self.estimator.soc
        self.soc_est = UNKNOWN  # of the newest step
        self.faults = faults_of(state, durable)
        self.contactor = None
        if pack.get("contactor"):
            from edge.core.contactor import Contactor

            self.contactor = Contactor(pack["contactor"], durable, None if state is None else state.get("contactor"))
        self.rise = Rise(max(pack["maker"]["charge_ma"], pack["maker"]["discharge_ma"]))
        self.heats = False
        self._now = [False] * f.COUNT  # conditions of this step
        # what a current may be beside a permit: 3 % of the nameplate capacity
        self.slack_ma = millionth(pack["capacity_mah"], f.DISOBEY_PPM)
        self._open_ma = millionth(pack["capacity_mah"], f.FLOW_OPEN_PPM)
        self.ramp = Ramp(pack["maker"])
        self.held = Held(pack)
        self.guard_ms = stale_limits(pack, period_ms)
        self.mode = f.LOCKED if self.faults.level() == f.LOCK else f.STARTING
        self.believed = None
        self.limits = None
        self.reason = 0
        self.news = []  # of the newest step
        self.flow_fresh = 0  # steps so far that brought a fresh current, by the BMS or by the PCS
        self._lost_ms = None  # since when a required value is lost, although answers come
        self._permits = []  # (since_ms, charge_ma, discharge_ma) of the last obey_ms, oldest first
        self._fresh = None
        self._pcs_count = None
        self.identity = None  # edge.core.identity.Identity, once the BMS said what its serial number is
        self._known = None if state is None else state.get("identity")
        self._named = 0

    # ---- first half of the step: what is true -----------------------------------------------

    def sense(self, now_ms, sample, other_ma):
        """Judge the sample and update counters and estimates.

        other_ma: this pack's current by the PCS (None when it cannot be told).
        """
        believed = self.validator.step(now_ms, sample, other_ma)
        self.believed = believed
        if sample is None or believed.fresh == self._fresh:
            return
        self._fresh = believed.fresh
        self.flow_fresh += 1
        at_ms = sample.groups[G_CURRENT].at_ms
        if at_ms is None:
            return
        charge, known_ms, unknown_ms = self.metering.step(at_ms, believed.current_ma, believed.pack_mv)
        self.heats = self.rise.step(at_ms, believed.temp_max_mc, believed.current_ma)
        temps_mc = sample.temp_mc if believed.temp_max_mc is not None else None
        self.estimator.step(now_ms, charge, known_ms, unknown_ms, believed, temps_mc)

    def told(self, info):
        """Take what the BMS tells beyond its sample: {name: (value, monotonic ms)}."""
        self.estimator.counters.take(info, self.metering.registers())

    def named(self, serial):
        """Take what the BMS says its serial number is (bms_bridge.text.Serial), each reading once. Nothing that was
        learned of another pack is kept."""
        if serial.count == self._named:
            return
        self._named = serial.count
        if self.identity is None:
            from edge.core.identity import Identity  # only where a profile reads a number

            self.identity = Identity(self.pack, self._known)
        if self.identity.take(serial.text):
            self.estimator = self.soc = None  # a board has no room for both
            self.estimator = Estimator(self.pack)
            self.soc = self.estimator.soc
            self.metering = Metering(self.current_stale_ms)

    # ---- second half: what may flow -----------------------------------------------------------

    def permit(self, now_ms, sample, site):
        """Limits and guarded Command of this pack; its events [(event, fault), ...] are in news.

        site: edge.core.site.Site, which knows what concerns every pack in this step.
        """
        if site.pcs_count != self._pcs_count:
            self._pcs_count = site.pcs_count
            self.flow_fresh += 1
        conditions = self._conditions(now_ms, site)
        told = None if self.identity is None else self.identity.count
        self.news = self.faults.step(now_ms, self.believed.fresh, self.flow_fresh, conditions, site.day, told)
        valid = self.believed.worst == OK
        before = self.mode
        self.mode = f.MODES[before][f.effect(self.faults, valid)]
        if before == f.OPEN and self.faults.level() < f.TRIP:
            self.mode = f.MODES[before][f.RESTART]
        if self.contactor is not None:
            self._connect(now_ms, site)
        caps = self._caps(site)
        soc = self.soc_est = self.soc.soc()
        papers = site.papers[self.index]
        held = self.held.step(readings(self.pack, self.believed, soc, self.soc.capacity()))
        ramp = self.ramp.allowed(now_ms)
        until_ms = now_ms + site.lease_ms
        rows = () if self.limits is None else self.limits.sources
        self.limits = combine(now_ms, self.pack, self.believed, held, soc, caps, ramp, papers, until_ms, rows)
        wanted = Command(
            self.index,
            self.limits.charge_ma,
            self.limits.discharge_ma,
            self.limits.charge_mv,
            None,
            None if self.contactor is None else self.contactor.precharge,
            None if self.contactor is None else self.contactor.contactor,
            until_ms,
            None,
        )
        command, self.reason = guard(now_ms, self.pack, self.guard_ms, sample, wanted, site.decision, papers)
        self.limits = _enforced(self.limits, command)
        self._permitted(now_ms, command)
        self.ramp.took(now_ms, command.charge_ma, command.discharge_ma)
        if before != self.mode:
            self.news.append((f.E_MODE, self.mode))
        return command

    def _caps(self, site):
        """Per direction: None or (source, 0) when something forces it to zero."""
        if site.late or site.busy:
            return (lim.S_LATE, 0), (lim.S_LATE, 0)
        if site.is_expired(self.pack):
            return (lim.S_GRADE, 0), (lim.S_GRADE, 0)
        if self.believed.worst != OK or site.inputs_missing:
            return (lim.S_INPUT, 0), (lim.S_INPUT, 0)
        if self.mode != f.RUNNING or not self.is_connected():
            source = lim.S_FAULT if self.faults.level() else lim.S_MODE
            return (source, 0), (source, 0)
        charge = (lim.S_FAULT, 0) if self.faults.blocking(f.CHARGE) else None
        discharge = (lim.S_FAULT, 0) if self.faults.blocking(f.DISCHARGE) else None
        return charge, discharge

    def _connect(self, now_ms, site):
        """One step of the contactor that is ours."""
        flows = self._flows(site)
        current_ma = None if flows is None else max(flows)
        pack_mv = self.believed.pack_mv
        delta_mv = None if pack_mv is None or site.bus_mv is None else site.bus_mv - pack_mv
        at_once = True in [self.faults.active[fault] for fault in f.AT_ONCE]
        want = site.controls and self.mode in (f.RUNNING, f.STOPPED)
        self.contactor.step(now_ms, want, at_once, delta_mv, current_ma, self._feedback(site))

    def _feedback(self, site):
        """The auxiliary contact of this pack's contactor: True closed, False open, None not known or not wired."""
        told = None if site.inputs is None else site.inputs.contactor
        return told[self.index] if isinstance(told, tuple) else told

    def is_connected(self):
        """True when current may flow between this pack and the bus."""
        return self.contactor is None or self.contactor.carries

    def is_away(self):
        """True when this pack is surely off the bus: a contactor of ours is open."""
        return self.contactor is not None and self.contactor.is_away()

    def _flows(self, site):
        """(charge_ma, discharge_ma) of this pack now, the larger of what BMS and PCS say; None when neither does."""
        own_ma, other_ma = self.believed.current_ma, site.shares[self.index]
        if own_ma is None:
            own_ma = other_ma
        if own_ma is None:
            return None
        if other_ma is None:
            other_ma = own_ma
        return max(own_ma, other_ma), -min(own_ma, other_ma)

    def _conditions(self, now_ms, site):
        """One bool per fault: does its condition hold in this step?"""
        c = self._now
        for fault in range(len(c)):
            c[fault] = False
        believed = self.believed
        self._volts_and_temps(c, believed)
        age_ms = believed.age_ms
        since_ms = site.started_ms if age_ms is None else now_ms - age_ms
        c[f.F_BMS_SILENT] = now_ms - since_ms > self.silent_ms and believed.worst != OK
        c[f.F_SENSOR_LOST] = self._is_lost(now_ms) and not c[f.F_BMS_SILENT]
        c[f.F_INPUT_INVALID] = believed.worst != OK or site.inputs_missing
        c[f.F_CELLS_WRONG] = believed.cells_wrong
        alarms = believed.alarms
        if alarms:
            c[f.F_BMS_BLOCKS_CHARGE] = bool(alarms & f.BLOCK_CHARGE_MASK)
            c[f.F_BMS_BLOCKS_DISCHARGE] = bool(alarms & f.BLOCK_DISCHARGE_MASK)
            c[f.F_BMS_ALARM] = bool(alarms & f.ALARM_MASK)
        self._flow(c, now_ms, site)
        inputs = site.inputs
        if inputs is not None:
            c[f.F_ESTOP] = inputs.estop is not False
            c[f.F_SMOKE] = inputs.smoke is not False
            c[f.F_INSULATION] = inputs.insulation is not False
            c[f.F_DOOR] = inputs.door is not False
        c[f.F_TEMP_RISE] = self.heats
        c[f.F_STATE_LOST] = site.state_lost
        c[f.F_PCS_WATCHDOG] = site.controls and site.pcs_watchdog_wrong
        c[f.F_PCS_UNAPPLIED] = site.controls and site.pcs_unapplied and not site.pcs_watchdog_wrong
        c[f.F_RELAYS_SILENT] = site.controls and self.is_connected() and site.relays[self.index] != 0
        c[f.F_IDENTITY] = site.controls and self.identity is not None and self.identity.is_other()
        if self.contactor is not None:
            self._contacts(c, self._feedback(site))
        c[f.F_PCS_SILENT] = site.pcs_silent
        c[f.F_LATE_STEP] = site.late
        c[f.F_BUDGET_USED] = self.faults.active[f.F_BUDGET_USED]
        return c

    def _is_lost(self, now_ms):
        """True when a required value has been lost for longer than a BMS may be silent."""
        if not self.validator.lost:
            self._lost_ms = None
            return False
        if self._lost_ms is None:
            self._lost_ms = now_ms
        return now_ms - self._lost_ms > self.silent_ms

    def _contacts(self, c, closed):
        """What is wrong with the contactor. closed: its auxiliary contact."""
        contactor = self.contactor
        c[f.F_WELD] = contactor.is_welded(closed)
        c[f.F_CONTACTOR_DEAD] = contactor.does_not_close(closed)
        c[f.F_PRECHARGE_FAILED] = contactor.failed
        c[f.F_UNEXPLAINED_STOP] = contactor.unexplained
        contactor.unexplained = False  # from here on it is a trip, which is saved with the others

    def _volts_and_temps(self, c, believed):
        maker = self.pack["maker"]
        lsb = self.pack["facts"].get("cell_lsb_mv") or 1
        if believed.cell_max_mv is not None:
            over = believed.cell_max_mv + lsb - maker["cell_max_mv"]
            under = maker["cell_min_mv"] - believed.cell_min_mv + lsb
            c[f.F_CELL_HIGH] = over >= 0
            c[f.F_CELL_OVER_VOLT] = over >= 50
            c[f.F_CELL_LOW] = under >= 0
            c[f.F_CELL_UNDER_VOLT] = under >= 150
            c[f.F_DEEP_DISCHARGE] = under >= 600
        if believed.temp_max_mc is not None:
            over = believed.temp_max_mc - maker["temp_max_mc"]
            c[f.F_TEMP_HIGH] = over >= 0
            c[f.F_TEMP_OVER] = over >= 3000
            c[f.F_TEMP_FAR_OVER] = over >= 13000
            c[f.F_TEMP_LOW_CHARGE] = believed.temp_min_mc <= maker["temp_min_charge_mc"]
            c[f.F_TEMP_LOW] = believed.temp_min_mc <= maker["temp_min_mc"]

    def _flow(self, c, now_ms, site):
        """Currents that should not be there: above the maker, beyond the permit, through an open contactor.

        The larger of BMS and PCS current counts. What was permitted is the largest permit within the time
        to obey, so that a limit that is falling is not held against a PCS that follows it.
        """
        slack_ma = self.slack_ma
        flows = self._flows(site)
        if flows is None:
            return
        charge_ma, discharge_ma = flows
        maker = self.pack["maker"]
        c[f.F_OVER_CURRENT] = (
            charge_ma > maker["charge_ma"] * 11 // 10 + slack_ma
            or discharge_ma > maker["discharge_ma"] * 11 // 10 + slack_ma
        )
        if self._feedback(site) is False:
            c[f.F_FLOW_WHILE_OPEN] = max(charge_ma, discharge_ma) > self._open_ma
        c[f.F_PCS_LOST] = site.pcs_lost and max(charge_ma, discharge_ma) > slack_ma
        if not site.controls or not self._permits:
            return
        most_charge_ma, most_discharge_ma = self._owed(now_ms)
        if site.circulates:  # the PCS carries nothing: what flows, flows between the packs
            own = self._own()
            c[f.F_CIRCULATING] = charge_ma > own[0] + slack_ma or discharge_ma > own[1] + slack_ma
            return
        beyond = charge_ma > most_charge_ma + slack_ma or discharge_ma > most_discharge_ma + slack_ma
        c[f.F_PCS_DISOBEYS] = beyond
        c[f.F_PCS_IGNORES_ZERO] = beyond and most_charge_ma == 0 and most_discharge_ma == 0

    def _own(self):
        """(charge_ma, discharge_ma) of this pack's own sources in the last step, whatever the site does."""
        rows = self.limits.sources
        return lim.least(rows, 1)[0], lim.least(rows, 2)[0]

    def _permitted(self, now_ms, command):
        """Remember what this step permits, when it differs from the step before."""
        permits = self._permits
        if not permits or permits[-1][1] != command.charge_ma or permits[-1][2] != command.discharge_ma:
            permits.append((now_ms, command.charge_ma, command.discharge_ma))

    def _owed(self, now_ms):
        """(charge_ma, discharge_ma): the largest permit that was in force within the time to obey."""
        permits = self._permits
        while len(permits) > 1 and permits[1][0] <= now_ms - self.obey_ms:
            permits.pop(0)
        charge_ma = discharge_ma = 0
        for permit in permits:
            charge_ma, discharge_ma = max(charge_ma, permit[1]), max(discharge_ma, permit[2])
        return charge_ma, discharge_ma

    def acknowledge(self, seen=None):
        """A person lifted the locks that were seen (codes of faults; None: all), and that is durable."""
        other = self.faults.active[f.F_IDENTITY]
        self.faults.acknowledge(self._graded_day(), seen)
        if other and not self.faults.active[f.F_IDENTITY] and self.identity is not None:
            self.identity.acknowledge()
        if self.contactor is not None and (seen is None or f.F_PRECHARGE_FAILED in seen):
            self.contactor.acknowledge()
        if self.faults.level() < f.LOCK:
            self.mode = f.MODES[self.mode][f.ACKNOWLEDGE]

    def waits_for_grade(self):
        """True when a lock holds that an acknowledgement lifts only after a grade of a later day."""
        return self.faults.waits_for_grade(self._graded_day())

    def _graded_day(self):
        """Day since 1970 of the signed grade in force, None when it is unsigned."""
        from edge.core.grades import day  # read only when somebody acknowledges

        grade = self.pack["grade"]
        return day(grade["date"]) if grade.get("signer") else None

    # ---- what others see ------------------------------------------------------------------------

    def estimates(self):
        """Estimates of this pack now."""
        weakest, strongest = self.estimator.extremes()
        believed = self.believed
        spread = None
        if believed is not None and believed.cell_max_mv is not None:
            spread = believed.cell_max_mv - believed.cell_min_mv
        registers = self.metering.registers()
        return Estimates(
            self.soc.soc(),
            weakest,
            strongest,
            self.soc.capacity(),
            self.soc.bias(),
            self.estimator.resistance(),
            self.estimator.leak(),
            UNKNOWN if spread is None else Est(spread, None, None, 0),
            (registers[0] + registers[1]) * 500000 // self.pack["capacity_mah"],
        )

    def state(self, clean=False):
        """Dict for the store, in parts (see Site.state): versioned, bound to this pack. clean: the last of a peaceful
        end."""
        contactor = self.contactor
        return {
            "contactor": None if contactor is None else contactor.state(clean),
            "version": STATE_VERSION,
            "pack": [self.pack["id"], self.pack.get("serial"), self.pack["cells"], self.pack["chemistry"]],
            "metering": self.metering.state(),
            "estimator": self.estimator.state,
            "faults": self.faults.state(),
            "identity": self._known if self.identity is None else self.identity.state(),
        }


def _enforced(limits, command):
    """limits as the guard left them: what is published is what is enforced."""
    if command.charge_ma >= limits.charge_ma and command.discharge_ma >= limits.discharge_ma:
        return limits
    return Limits(
        command.charge_ma,
        limits.charge_why if command.charge_ma >= limits.charge_ma else lim.S_GUARD,
        command.discharge_ma,
        limits.discharge_why if command.discharge_ma >= limits.discharge_ma else lim.S_GUARD,
        limits.charge_mv,
        limits.sources,
    )
