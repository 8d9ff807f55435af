# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""How a pack was used since it was installed: times in states and extremes, deep discharges, trips.

Times run on the monotonic clock only, so a wall clock that jumps changes nothing. What held in a step counts until the
next one. A time is added when its state ends, or when somebody asks: a step costs a few comparisons. What is not known
counts in no extreme. Bounds are the narrower of maker and certificate.
"""

from edge.core import faults as f
from edge.core.bounds import bound
from edge.core.records import OK

IDLE_PPM = 5000  # of C: a smaller current neither charges nor discharges
NEAR_MC, NEAR_CHARGE_MC = 10000, 5000  # extreme: so near to a bound of the temperature, or beyond
NEAR_HIGH_MV, NEAR_LOW_MV = 50, 100
FULL_PPM, EMPTY_PPM, AGAIN_PPM = 950000, 100000, 200000

(
    ON,
    CHARGING,
    DISCHARGING,
    IDLE,
    BMS_STALE,
    HOT,
    COLD,
    HOT_CHARGING,
    COLD_CHARGING,
    FULL,
    EMPTY,
    CELL_HIGH,
    CELL_LOW,
) = range(13)


class Usage:
    """Use of one pack. pack: its settings; state: dict as state() gave it, or None."""

    def __init__(self, pack, state=None):
        self.pack = pack
        self.idle_ma = pack["capacity_mah"] * IDLE_PPM // 1000000
        self.deep_discharges = 0
        self.trips = {}  # fault: times raised
        self._totals_ms = [0] * 13
        self._since_ms = [None] * 13
        self._now = [False] * 13  # what holds in this step
        self._deep = False
        self._grade = None  # the one that self._bounds are of
        self._bounds = ()
        if _is_sound(pack, state):
            self._totals_ms = list(state["ms"])
            self.deep_discharges = state["deep"][0]
            self._deep = state["deep"][1] == 1
            trips = state["trips"]
            self.trips = {trips[at]: trips[at + 1] for at in range(0, len(trips), 2)}

    def step(self, now_ms, believed, soc_ppm, events):
        """One step. soc_ppm: own estimate or None. events: [(event, fault), ...] of this pack."""
        for event, fault in events:
            if event == f.E_RAISED and f.LEVEL[fault] >= f.TRIP:
                self.trips[fault] = self.trips.get(fault, 0) + 1
        if soc_ppm is not None:
            if soc_ppm <= EMPTY_PPM and not self._deep:
                self._deep = True
                self.deep_discharges += 1
            elif soc_ppm >= AGAIN_PPM:
                self._deep = False
        holds = self._holds(believed, soc_ppm)
        since_ms = self._since_ms
        for state in range(13):
            if holds[state] != (since_ms[state] is not None):
                if holds[state]:
                    since_ms[state] = now_ms
                else:
                    self._totals_ms[state] += now_ms - since_ms[state]
                    since_ms[state] = None

    def _holds(self, b, soc_ppm):
        """One bool per state."""
        holds = self._now
        for state in range(13):
            holds[state] = False
        holds[ON] = True
        holds[BMS_STALE] = b.worst != OK
        if b.worst == OK and b.current_ma is not None:
            holds[CHARGING] = b.current_ma >= self.idle_ma
            holds[DISCHARGING] = -b.current_ma >= self.idle_ma
            holds[IDLE] = not holds[CHARGING] and not holds[DISCHARGING]
        hot_mc, cold_mc, cold_charge_mc, high_mv, low_mv = self._near()
        if b.temp_max_mc is not None:
            holds[HOT] = b.temp_max_mc >= hot_mc
            holds[HOT_CHARGING] = holds[HOT] and holds[CHARGING]
        if b.temp_min_mc is not None:
            holds[COLD] = b.temp_min_mc <= cold_mc
            holds[COLD_CHARGING] = holds[CHARGING] and b.temp_min_mc <= cold_charge_mc
        if b.cell_max_mv is not None:
            holds[CELL_HIGH] = b.cell_max_mv >= high_mv
            holds[CELL_LOW] = b.cell_min_mv <= low_mv
        if soc_ppm is not None:
            holds[FULL] = soc_ppm >= FULL_PPM
            holds[EMPTY] = soc_ppm <= EMPTY_PPM
        return holds

    def _near(self):
        """Where the extremes begin, by the grade in force: hot, cold, cold to charge m°C; cell high, low mV."""
        pack = self.pack
        if self._grade is not pack["grade"]:
            self._grade = pack["grade"]
            self._bounds = (
                bound(pack, "temp_max_mc") - NEAR_MC,
                bound(pack, "temp_min_mc") + NEAR_MC,
                bound(pack, "temp_min_charge_mc") + NEAR_CHARGE_MC,
                bound(pack, "cell_max_mv") - NEAR_HIGH_MV,
                bound(pack, "cell_min_mv") + NEAR_LOW_MV,
            )
        return self._bounds

    def times_ms(self, now_ms):
        """Milliseconds per state up to now."""
        times = list(self._totals_ms)
        for state in range(13):
            if self._since_ms[state] is not None:
                times[state] += now_ms - self._since_ms[state]
        return times

    def flat_trips(self):
        """[fault, count, fault, count, ...] by growing fault."""
        flat = []
        for fault in sorted(self.trips):
            flat.append(fault)
            flat.append(self.trips[fault])
        return flat

    def state(self, now_ms):
        """Dict for the store, bound to this pack."""
        return {
            "of": _of(self.pack),
            "ms": self.times_ms(now_ms),
            "deep": [self.deep_discharges, int(self._deep)],
            "trips": self.flat_trips(),
        }


def _of(pack):
    return [pack["id"], pack.get("serial")]


def _is_sound(pack, state):
    """True when state is of this pack and whole."""
    if not isinstance(state, dict) or state.get("of") != _of(pack):
        return False
    lengths = (("ms", 13), ("deep", 2))
    for name, length in lengths:
        if not _is_counts(state.get(name)) or len(state[name]) != length:
            return False
    trips = state.get("trips")
    if not _is_counts(trips) or len(trips) % 2:
        return False
    return all([trips[at] < f.COUNT for at in range(0, len(trips), 2)])


def _is_counts(values):
    return isinstance(values, list) and all([isinstance(value, int) and value >= 0 for value in values])
