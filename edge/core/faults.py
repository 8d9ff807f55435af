# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Faults and modes as tables: the only place where a fault gets its consequence.

A condition is looked at in every step; it becomes a fault when it held for its time and for its count
of fresh samples, whichever is later. Levels: WARN forbids a direction, TRIP stops and asks for the open
sequence, LOCK stays until a person acknowledges. bms_silent has its own restart budget and never locks.
"""

BOTH, CHARGE, DISCHARGE = 0, 1, 2
INFO, WARN, TRIP, LOCK = 0, 1, 2, 3
LEVELS = ("info", "warn", "trip", "lock")

# Fault codes are the index in FAULTS and go upstream: append only.
# (name, level, side, debounce_ms, fresh reads, clear_ms, meaning)
FAULTS = (
    ("none", INFO, BOTH, 0, 0, 0, "no fault"),
    ("bms_silent", TRIP, BOTH, 0, 0, 300000, "no required value of the BMS for max(10 s, 5 periods)"),
    ("input_invalid", WARN, BOTH, 0, 0, 0, "a required value is missing, stale, frozen or implausible"),
    ("cell_high", WARN, CHARGE, 1000, 3, 30000, "highest cell at the maker's maximum"),
    ("cell_low", WARN, DISCHARGE, 1000, 3, 30000, "lowest cell at the maker's minimum"),
    ("cell_over_volt", TRIP, BOTH, 500, 3, 300000, "highest cell 50 mV above the maker's maximum"),
    ("cell_under_volt", TRIP, BOTH, 500, 3, 300000, "lowest cell 150 mV below the maker's minimum"),
    ("deep_discharge", LOCK, BOTH, 0, 3, 0, "lowest cell 600 mV below the maker's minimum"),
    ("temp_high", WARN, BOTH, 1000, 3, 30000, "hottest sensor at the maker's maximum"),
    ("temp_over", TRIP, BOTH, 5000, 3, 300000, "hottest sensor 3 K above the maker's maximum"),
    ("temp_far_over", LOCK, BOTH, 0, 3, 0, "hottest sensor 13 K above the maker's maximum"),
    ("temp_low_charge", WARN, CHARGE, 1000, 3, 30000, "coldest sensor at the minimum for charging"),
    ("temp_low", WARN, DISCHARGE, 1000, 3, 30000, "coldest sensor at the maker's minimum"),
    ("over_current", TRIP, BOTH, 300, 3, 300000, "current above the maker's limit + 10 % + 3 % C"),
    ("bms_blocks_charge", WARN, CHARGE, 0, 0, 30000, "the BMS reports an alarm against charging"),
    ("bms_blocks_discharge", WARN, DISCHARGE, 0, 0, 30000, "the BMS reports an alarm against discharging"),
    ("bms_alarm", TRIP, BOTH, 500, 3, 300000, "the BMS reports a fault of its own or of the system"),
    ("cells_wrong", WARN, BOTH, 0, 0, 30000, "another count of cells answers than was commissioned"),
    ("pcs_silent", WARN, BOTH, 0, 0, 0, "the PCS does not answer"),
    ("pcs_disobeys", WARN, BOTH, 0, 2, 10000, "current beyond the permit for longer than the time to obey"),
    ("pcs_ignores_zero", TRIP, BOTH, 2000, 3, 300000, "current flows 2 s after the time to obey a zero permit"),
    ("flow_while_open", LOCK, BOTH, 0, 3, 0, "contactor feedback open and current above 2 % C"),
    ("estop", TRIP, BOTH, 0, 0, 300000, "emergency stop, or its wire is open"),
    ("smoke", LOCK, BOTH, 0, 0, 0, "smoke or off-gas detector, or its wire is open"),
    ("insulation", LOCK, BOTH, 0, 0, 0, "insulation monitor, or its wire is open"),
    ("door", WARN, BOTH, 1000, 0, 1000, "door open, or its wire is open"),
    ("late_step", WARN, BOTH, 0, 0, 0, "a control step came later than its class allows"),
    ("budget_used", LOCK, BOTH, 0, 0, 0, "three restarts after trips within 24 h"),
    ("temp_rise", LOCK, BOTH, 0, 0, 0, "the pack heats itself: 1 K/s, or 1 K per minute that no current explains"),
    ("weld", LOCK, BOTH, 1000, 3, 0, "contactor feedback closed while we say open"),
    ("contactor_dead", TRIP, BOTH, 1000, 3, 300000, "contactor feedback open while we say closed"),
    ("precharge_failed", LOCK, BOTH, 0, 0, 0, "three precharges without equal voltages, or a fault during one"),
    ("unexplained_stop", TRIP, BOTH, 0, 0, 300000, "the controller stopped with the contactor closed"),
    ("state_lost", TRIP, BOTH, 0, 0, 300000, "the saved state is there and unreadable: locks may be forgotten"),
    ("pcs_lost", TRIP, BOTH, 0, 3, 300000, "current flows 2 s after the watchdog of a PCS that does not answer"),
    ("pcs_watchdog", WARN, BOTH, 10000, 3, 0, "the PCS holds another watchdog than the site's"),
    ("circulating", TRIP, BOTH, 2000, 3, 300000, "current between packs beyond this pack's own limits"),
    ("identity", LOCK, BOTH, 0, 3, 0, "the BMS names another serial number than the site's"),
    ("sensor_lost", TRIP, BOTH, 0, 0, 300000, "fresh answers without a required value for max(10 s, 5 periods)"),
    ("pcs_unapplied", WARN, BOTH, 10000, 3, 0, "the PCS does not hold what it was told"),
    ("relays_silent", WARN, BOTH, 0, 0, 1000, "what holds the contactor does not answer, or would hold it for ever"),
)
NAMES = tuple([row[0] for row in FAULTS])
# Its columns: a board keeps these alone (host_tools/shrink.py).
LEVEL = bytes([row[1] for row in FAULTS])
SIDE = bytes([row[2] for row in FAULTS])
DEBOUNCE_MS = tuple([row[3] for row in FAULTS])
READS = bytes([row[4] for row in FAULTS])
CLEAR_MS = tuple([row[5] for row in FAULTS])
COUNT = len(FAULTS)
(
    F_NONE,
    F_BMS_SILENT,
    F_INPUT_INVALID,
    F_CELL_HIGH,
    F_CELL_LOW,
    F_CELL_OVER_VOLT,
    F_CELL_UNDER_VOLT,
    F_DEEP_DISCHARGE,
    F_TEMP_HIGH,
    F_TEMP_OVER,
    F_TEMP_FAR_OVER,
    F_TEMP_LOW_CHARGE,
    F_TEMP_LOW,
    F_OVER_CURRENT,
    F_BMS_BLOCKS_CHARGE,
    F_BMS_BLOCKS_DISCHARGE,
    F_BMS_ALARM,
    F_CELLS_WRONG,
    F_PCS_SILENT,
    F_PCS_DISOBEYS,
    F_PCS_IGNORES_ZERO,
    F_FLOW_WHILE_OPEN,
    F_ESTOP,
    F_SMOKE,
    F_INSULATION,
    F_DOOR,
    F_LATE_STEP,
    F_BUDGET_USED,
    F_TEMP_RISE,
    F_WELD,
    F_CONTACTOR_DEAD,
    F_PRECHARGE_FAILED,
    F_UNEXPLAINED_STOP,
    F_STATE_LOST,
    F_PCS_LOST,
    F_PCS_WATCHDOG,
    F_CIRCULATING,
    F_IDENTITY,
    F_SENSOR_LOST,
    F_PCS_UNAPPLIED,
    F_RELAYS_SILENT,
) = range(len(FAULTS))

# BMS alarm bits (SunSpec 802 Evt1) -> fault. Warnings of the BMS are reported, not acted upon: its own
# limits already say what it wants. Every *_alarm and every fault bit acts.
_BLOCK_CHARGE_BITS = (5, 9, 15)
_BLOCK_DISCHARGE_BITS = (7, 11, 13)
# A bit that our vocabulary does not know is an alarm too.
_ALARM_BITS = (0, 1, 3, 18, 20, 22, 25, 27, 28, 30, 31)
BLOCK_CHARGE_MASK = sum([1 << b for b in _BLOCK_CHARGE_BITS])
BLOCK_DISCHARGE_MASK = sum([1 << b for b in _BLOCK_DISCHARGE_BITS])
ALARM_MASK = sum([1 << b for b in _ALARM_BITS])

# Faults that any reading of the current shows, the PCS's as well as the BMS's.
FLOW_FAULTS = (
    F_OVER_CURRENT,
    F_PCS_DISOBEYS,
    F_PCS_IGNORES_ZERO,
    F_FLOW_WHILE_OPEN,
    F_PCS_LOST,
    F_PCS_WATCHDOG,
    F_CIRCULATING,
    F_PCS_UNAPPLIED,
)
# These open at once, whatever flows: the hardware does so too.
AT_ONCE = (F_ESTOP, F_SMOKE, F_INSULATION)
# What a person alone cannot judge: lifted only when the test centre graded the pack on a later day.
REGRADED = (F_DEEP_DISCHARGE, F_TEMP_FAR_OVER, F_TEMP_RISE, F_IDENTITY)
SOME_DAY = -1  # a lock of these was raised on a day that nobody knew; the first known day counts for it

SILENT_MIN_MS = 10000
LOST_MS = 2000  # after its watchdog, a PCS that does not answer must have stopped
SILENT_PERIODS = 5
FLOW_OPEN_PPM = 20000
DISOBEY_PPM = 30000

# ---- modes --------------------------------------------------------------------------------------

MODE_NAMES = ("starting", "running", "stopped", "open", "locked")
STARTING, RUNNING, STOPPED, OPEN, LOCKED = range(5)
EFFECT_NAMES = ("ready", "hold", "trip", "lock", "restart", "acknowledge")
READY, HOLD, TRIPPED, LOCKING, RESTART, ACKNOWLEDGE = range(6)

# MODES[mode][effect] -> mode: total, a test walks every pair.
MODES = (
    (RUNNING, STARTING, OPEN, LOCKED, STARTING, STARTING),  # starting: nothing valid yet
    (RUNNING, STOPPED, OPEN, LOCKED, RUNNING, RUNNING),  # running
    (RUNNING, STOPPED, OPEN, LOCKED, STOPPED, STOPPED),  # stopped: zero permit, returns by itself
    (OPEN, OPEN, OPEN, LOCKED, STARTING, OPEN),  # open: tripped, waits for its restart
    (LOCKED, LOCKED, LOCKED, LOCKED, LOCKED, STARTING),  # locked: waits for a person
)

# Events that go upstream as class E (index = code): append only.
EVENTS = (
    "none",
    "mode changed",
    "fault raised",
    "fault cleared",
    "quality changed",
    "clock stepped",
    "step late",
    "restarted",
    "gap",
    "anomaly",
    "anomaly over",
    "advice",
    "limits",
    "freeze-frame",
    "order",
    "journal",
    "power request",
    "black box",
    "started",
    "link refused",
    "software",
    "network",
)
(
    E_NONE,
    E_MODE,
    E_RAISED,
    E_CLEARED,
    E_QUALITY,
    E_CLOCK,
    E_LATE,
    E_RESTARTED,
    E_GAP,
    E_ANOMALY,
    E_OVER,
    E_ADVICE,
    E_LIMITS,
    E_FRAME,
    E_ORDER,
    E_JOURNAL,
    E_REQUEST,
    E_BOX,
    E_STARTED,
    E_REFUSED,
    E_SOFTWARE,
    E_NETWORK,
) = range(len(EVENTS))

RESTARTS = 3
SILENT_RESTARTS = 10
RESTART_WINDOW_MS = 24 * 3600000


class Faults:
    """Debounce, latches and restart budget of one pack. state: dict as state() gave it, or None.

    durable: edge.core.durable.Durable, or None: a restart does not wait. lock_day: day (since 1970) of the newest
    lock of REGRADED, None when there is none.
    """

    def __init__(self, state=None, durable=None):
        count = COUNT
        self._since_ms = [None] * count
        self._since_fresh = [None] * count
        self._clear_ms = [None] * count
        self.active = [False] * count
        self.raised_ms = [None] * count
        self.restarts = [int(at) for at in state["restarts"]] if state else []
        self.silent_restarts = [int(at) for at in state["silent"]] if state else []
        self.uptime_ms = int(state["uptime_ms"]) if state else 0
        self.lock_day = state.get("lock_day") if state else None
        self._durable = durable
        self._paid = None  # (silent, ticket) of a restart that was spent and not made yet
        self._last_ms = None
        if state:
            for fault in state["locked"] + state["tripped"]:
                if fault not in range(count) or LEVEL[fault] < TRIP:
                    raise ValueError(fault)
                self.active[fault] = True
                if fault in REGRADED and not isinstance(self.lock_day, int):
                    self.lock_day = SOME_DAY

    def step(self, now_ms, fresh, flow_fresh, conditions, day=None, told=None):
        """Take the conditions (list of bool by fault code); return [(event, fault), ...] that changed.

        fresh: count of fresh reads of the BMS; flow_fresh: the same for faults seen in any current (BMS or
        PCS); told: readings of its serial number (None: counted as fresh). They only grow. day: since 1970
        by a clock that can be trusted, or None.
        """
        if self._last_ms is not None:
            self.uptime_ms += max(0, now_ms - self._last_ms)
        self._last_ms = now_ms
        changes = []
        due = ()
        for fault in range(1, COUNT):
            if conditions[fault]:
                reads = flow_fresh if fault in FLOW_FAULTS else fresh
                if fault == F_IDENTITY and told is not None:
                    reads = told
                if self._raise(fault, now_ms, reads):
                    changes.append((E_RAISED, fault))
                    if fault in REGRADED:
                        self.lock_day = SOME_DAY
                continue
            self._since_ms[fault] = None
            if conditions[F_INPUT_INVALID] and CLEAR_MS[fault]:
                self._clear_ms[fault] = None  # what is not known proves nothing: the time begins when it is known again
            elif self.active[fault] and self._is_over(fault, now_ms):
                if LEVEL[fault] == TRIP:
                    due += (fault,)
                else:
                    self.active[fault] = False
                    changes.append((E_CLEARED, fault))
        if self.lock_day == SOME_DAY and day is not None:
            self.lock_day = day
        if due:
            changes.extend(self._restart(now_ms, due))
        return changes

    def _raise(self, fault, now_ms, fresh):
        self._clear_ms[fault] = None
        if self._since_ms[fault] is None:
            self._since_ms[fault] = now_ms
            self._since_fresh[fault] = fresh
        if self.active[fault]:
            return False
        # the sample that showed it first counts as one
        reads = fresh - self._since_fresh[fault] + 1
        if now_ms - self._since_ms[fault] < DEBOUNCE_MS[fault] or reads < READS[fault]:
            return False
        self.active[fault] = True
        self.raised_ms[fault] = now_ms
        return True

    def _is_over(self, fault, now_ms):
        """True when the condition has been away for the fault's time; a LOCK is never over by itself."""
        if LEVEL[fault] == LOCK:
            return False
        if self._clear_ms[fault] is None:
            self._clear_ms[fault] = now_ms
        return now_ms - self._clear_ms[fault] >= CLEAR_MS[fault]

    def _restart(self, now_ms, due):
        """All trips clear together, as one restart, once the time of each has passed: several faults of
        one event cost one restart. It is spent first, and made when that is durable. Returns the changes."""
        for fault in range(COUNT):
            if self.active[fault] and LEVEL[fault] == TRIP and fault not in due:
                return []
        silent = due == (F_BMS_SILENT,)
        if self._paid is None or self._paid[0] != silent:
            if not self._spend(silent):
                if silent or self.active[F_BUDGET_USED]:
                    return []
                self.active[F_BUDGET_USED] = True
                self.raised_ms[F_BUDGET_USED] = now_ms
                return [(E_RAISED, F_BUDGET_USED)]
            self._paid = (silent, None if self._durable is None else self._durable.ticket())
        if self._durable is not None and not self._durable.kept(self._paid[1]):
            return []
        self._paid = None
        for fault in due:
            self.active[fault] = False
        return [(E_CLEARED, fault) for fault in due]

    def _spend(self, silent):
        """Take one restart from the budget; False when it is used (a silent BMS has its own)."""
        used = self.silent_restarts if silent else self.restarts
        used[:] = [at for at in used if self.uptime_ms - at < RESTART_WINDOW_MS]
        if len(used) >= (SILENT_RESTARTS if silent else RESTARTS):
            return False
        used.append(self.uptime_ms)
        return True

    def waits_for_grade(self, graded_day):
        """True when a lock of REGRADED holds and the newest signed grade (day since 1970, None: there is none) is
        not of a later day than the lock."""
        if not [fault for fault in REGRADED if self.active[fault]]:
            return False
        return self.lock_day in (None, SOME_DAY) or graded_day is None or graded_day <= self.lock_day

    def acknowledge(self, graded_day, seen=None):
        """A person lifted the locks in seen (None: all), those of REGRADED only with a grade of a later day (see
        waits_for_grade); conditions that still hold raise their faults again."""
        kept = REGRADED if self.waits_for_grade(graded_day) else ()
        for fault in range(COUNT):
            if LEVEL[fault] == LOCK and fault not in kept and (seen is None or fault in seen):
                self.active[fault] = False
        if True not in [self.active[fault] for fault in REGRADED]:
            self.lock_day = None
        self.restarts = []

    def level(self):
        """The highest level of all active faults."""
        level = INFO
        for fault in range(COUNT):
            if self.active[fault]:
                level = max(level, LEVEL[fault])
        return level

    def blocking(self, side):
        """Code of the gravest active fault that forbids side (CHARGE or DISCHARGE), or F_NONE."""
        found = F_NONE
        level = INFO
        for fault in range(COUNT):
            if self.active[fault] and SIDE[fault] in (BOTH, side) and LEVEL[fault] > level:
                found = fault
                level = LEVEL[fault]
        return found

    def names(self):
        """Codes of the active faults, in table order."""
        names = []
        for fault in range(COUNT):
            if self.active[fault]:
                names.append(fault)
        return names

    def state(self):
        """What must survive a restart: locks, trips (their time starts again) and spent restarts."""
        return {
            "locked": [f for f in self.names() if LEVEL[f] == LOCK],
            "tripped": [f for f in self.names() if LEVEL[f] == TRIP],
            "restarts": list(self.restarts),
            "silent": list(self.silent_restarts),
            "uptime_ms": self.uptime_ms,
            "lock_day": self.lock_day,
        }


def effect(faults, valid):
    """The effect on the mode of what is active now; valid: every required input is believed."""
    level = faults.level()
    if level == LOCK:
        return LOCKING
    if level == TRIP:
        return TRIPPED
    if not valid or (faults.blocking(CHARGE) and faults.blocking(DISCHARGE)):
        return HOLD
    return READY
