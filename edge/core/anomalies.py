# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Judgement: what of the cell layer and of the sensors is abnormal, with evidence and sigma.

Nothing is estimated here. Judge reads the filter of the cells (edge.core.cells), keeps the few old values
that "growing" and "jumped" need, and says what it sees as tuples Anomaly. "Nothing found" only counts for
what observable() says can be seen.
"""

from array import array
from collections import namedtuple

from edge.core import cells as c
from edge.core.soc import W_COUNTED, W_HIDDEN

KINDS = (
    "self_discharge",
    "internal_short",
    "resistance_jump",
    "contact",
    "diverging",
    "weak_capacity",
    "current_offset",
    "current_gain",
    "temp_sensor",
    "bms_soc",
    "bms_soh",
    "bms_capacity",
    "bms_count",
)
(LEAKS, SHORT, JUMP, CONTACT, DIVERGING, WEAK, OFFSET, GAIN, TEMP, BMS_SOC, BMS_SOH, BMS_CAPACITY, BMS_COUNT) = range(
    len(KINDS)
)
ALARMS = (SHORT,)  # the other kinds are warnings
TEXTS = (
    "loses charge against the other cells",
    "loses charge fast",
    "loses more charge from look to look",
    "resistance rose within a day; contact or cell cannot be told apart",
    "resistance rose within a day, the slow part with it: the cell",
    "resistance rose within a day, only the fast part: a contact",
    "the spread of SoC grows",
    "smaller than the other cells",
    "the current sensor is off at zero current",
    "the offset of the current sensor moves",
    "battery and meter energy disagree",
    "reads differently from the other sensors than it used to",
    "the BMS says another SoC",
    "the BMS says another SoH",
    "the BMS says another capacity",
    "the BMS counts another charge than its current says",
    "resistance is above the certificate's",
    "capacity or leak",
)
(
    T_LEAK,
    T_FAST,
    T_GROWING,
    T_ROSE,
    T_CELL,
    T_CONTACT,
    T_SPREAD,
    T_SMALL,
    T_OFFSET,
    T_MOVES,
    T_ENERGY,
    T_TEMP,
    T_BMS_SOC,
    T_BMS_SOH,
    T_BMS_CAPACITY,
    T_BMS_COUNT,
    T_ABOVE,
    T_APART,
) = range(len(TEXTS))
# kind: one of KINDS. where: cell or sensor index, -1 = the pack. value, std: uA for leaks and offset, ppm
# for resistance, capacity, gain, count, SoC, SoH and spread (per week), thousandths of K for temperature.
# text: of TEXTS.
Anomaly = namedtuple("Anomaly", ("kind", "where", "value", "std", "at_ms", "text"))

SIGMAS = 4  # leaks and resistance jumps
WARN_C = 5000  # a leak above capacity per this many hours warns ...
SHORT_C = 1000  # ... and above this it is a short
LARGE_C = 150  # more than a capacity within the spread of packs is ever taken for
JUMP_PPM = 100000  # rise of resistance in 24 h
RISE_STD = 0.08  # a resistance with a wider sigma is not kept for comparison
NONE = -32000
CONTACT_PERCENT = 130  # the fast part rose this much more than the whole: a contact
WEAK_PPM = 100000  # 1/capacity above the median, for certain (one sigma less)
WEAK_SIGMAS = 3
WEAK_S = 86400.0  # after a whole day of the site
SPREAD_PPM = 5000  # growth of the spread of SoC per week ...
SPREAD_STD_PPM = 2000  # ... and one sigma of the difference of two spreads, measured
OFFSET_PPM = 10000  # of C
OFFSET_SIGMAS = 3
DRIFT_PPM = 3000  # of C in a week
LOOK_MS = 3600000
KEEP = 5  # looks kept of resistance, one each 6 h: the oldest is a day old
KEEP_LEAKS = 3  # and of the leak
EVERY = 6
DAYS = 8


class Judge:
    """What is abnormal in one pack. count, nominal_mah: as for CellDeltas; state: as state() gave it or None
    (another count starts afresh; a damaged one raises KeyError, TypeError, IndexError or ValueError)."""

    def __init__(self, count, nominal_mah, state=None):
        self.count = count
        self.nominal_mah = nominal_mah
        self.looks = 0
        self.due_ms = 0
        self.kept = 0  # looks in the rings
        self.leaks = array("h", [0] * (count * KEEP_LEAKS))  # ppm of nominal per hour, newest first
        self.rises = array("h", [0] * (count * KEEP))  # resistance deviation, parts per thousand
        self.spreads = []  # ppm, one a day, newest first
        self.offsets = []  # ppm of C, one a day, newest first
        self.found = ()
        self._before = []
        if state is not None and len(state["rises"]) == count * KEEP:
            self._load(state)

    def look(self, clock_ms, cells, z=0.5, bias=None, fast=None):
        """Judge once an hour of clock_ms (operating time); returns the tuple of Anomaly that hold now.

        cells: CellDeltas. z: SoC of the mean cell (0..1). bias: Est of the current sensor's offset, mA, or
        None. fast: function -> (rise of the resistance at 10 s per cell, sigma per cell) in ppm, or None
        (edge.core.steps.Steps.rises).
        """
        if clock_ms < self.due_ms:
            return self.found
        self.due_ms = clock_ms + LOOK_MS
        found = []
        self._judge_leaks(cells, found)
        self._judge_rises(cells, None if fast is None else fast(), found)
        self._judge_capacity(cells, found)
        self._judge_spread(cells, z, found)
        self._judge_offset(bias, found)
        if self.looks % EVERY == 0:
            self._keep(cells)
        self.looks += 1
        # what one look sees, the next one must see too
        keys = [(LEAKS if each.kind == SHORT else each.kind, each.where) for each in found]
        self.found = tuple([found[i] for i in range(len(found)) if keys[i] in self._before])
        self._before = keys
        return self.found

    def _keep(self, cells):
        count = self.count
        for ring in (self.leaks, self.rises):
            for at in range(len(ring) - 1, count - 1, -1):
                ring[at] = ring[at - count]
        for i in range(count):
            leak = cells.x[i * c.WIDTH + c.LEAK]
            self.leaks[i] = _short(leak * 1e6) if leak > SIGMAS * cells.std(i, c.LEAK) else 0  # 0: not significant
            sure = cells.std(i, c.DR) < RISE_STD
            self.rises[i] = _short(cells.x[i * c.WIDTH + c.DR] * 1e3) if sure else NONE
        self.kept = min(self.kept + 1, KEEP)

    def _judge_leaks(self, cells, found):
        if cells.leak(0).value is None:
            return
        middle = median([cells.leak(i).value for i in range(self.count)])
        warn_ua = self.nominal_mah * 1000 // WARN_C
        for i in range(self.count):
            est = cells.leak(i)
            over = est.value - middle
            std = est.std
            if over <= warn_ua:
                continue
            if over <= SIGMAS * std:
                if est.why == W_HIDDEN:  # an alarm does not go because the cell can no longer be seen
                    found.extend([old for old in self.found if old.kind == SHORT and old.where == i])
                continue
            growing = self._growing(i, std)
            if over < self.nominal_mah * 1000 // LARGE_C and self._apart(cells, i):
                week = int(over * 168.0 / self.nominal_mah * 1000.0)
                found.append(Anomaly(DIVERGING, i, week, week * std // over, est.at_ms, T_APART))
            elif over > self.nominal_mah * 1000 // SHORT_C or growing:
                found.append(Anomaly(SHORT, i, over, std, est.at_ms, T_GROWING if growing else T_FAST))
            else:
                found.append(Anomaly(LEAKS, i, over, std, est.at_ms, T_LEAK))

    def _apart(self, cells, cell):
        """True while a cell that seems to lose charge may as well be a small one: its capacity is beyond the spread of
        a pack, and most places on the curve were not seen twice."""
        return cells.seen_s < WEAK_S and (cells.x[cell * c.WIDTH + c.DQ] + cells.std(cell, c.DQ)) * 1e6 > WEAK_PPM

    def _growing(self, cell, std_ua):
        """True when the last three kept leaks were significant each, and grew by more than the filter's settling."""
        if self.kept < 3:
            return False
        new, mid, old = [self.leaks[k * self.count + cell] * self.nominal_mah // 1000 for k in range(3)]
        return new > mid > old > SIGMAS * std_ua and new - old > 3 * std_ua and new - old > old // 2

    def _judge_rises(self, cells, fast, found):
        """A rise of the whole resistance (cells), or of its fast part (fast), which is seen sooner: only both tell
        cell and contact apart."""
        for i in range(self.count):
            rise, std = self._risen(cells, i)
            risen = rise > JUMP_PPM and rise > SIGMAS * std
            quick, quick_std = (fast[0][i], fast[1][i]) if fast else (0, 0)
            jumped = quick > JUMP_PPM and quick > SIGMAS * quick_std
            if not risen and not jumped:
                continue
            text = T_ROSE
            if not risen:
                rise, std = quick, quick_std
            elif jumped:
                if quick * 100 <= rise * CONTACT_PERCENT:
                    text = T_CELL
                elif not self._learning(cells, i, quick):
                    text = T_CONTACT
            found.append(Anomaly(CONTACT if text == T_CONTACT else JUMP, i, rise, std, cells.at_ms, text))

    def _learning(self, cells, cell, quick):
        """True while the whole resistance still follows: it grew since 6 to 12 h ago."""
        before = self.rises[self.count + cell]
        return before == NONE or int(cells.x[cell * c.WIDTH + c.DR] * 1e6) - before * 1000 > quick // 10

    def _risen(self, cells, cell):
        """(rise of its whole resistance against 12 to 24 h ago, sigma), ppm; (0, 0) when not known."""
        if self.kept < KEEP:
            return 0, 0
        before = [self.rises[k * self.count + cell] for k in range(2, KEEP)]
        if min(before) == NONE:
            return 0, 0
        est = cells.resistance_deviation(cell)
        most = max(before)
        return (est.value - most * 1000) * 1000 // max(1000 + most, 100), est.std * 1000 // max(1000 + most, 100)

    def _judge_capacity(self, cells, found):
        if cells.seen_s < WEAK_S:
            return
        each = [int(cells.x[i * c.WIDTH + c.DQ] * 1e6) for i in range(self.count)]
        middle = median(each)
        shorts = [short.where for short in found if short.kind == SHORT]
        for i in range(self.count):
            if i in shorts:  # what it loses looks like a small capacity
                continue
            est = cells.capacity_deviation(i)
            over = (each[i] - middle) * 1000 // (1000 + middle // 1000)
            if est.why == W_COUNTED and over > WEAK_PPM + est.std and over > WEAK_SIGMAS * est.std:
                found.append(Anomaly(WEAK, i, over, est.std, est.at_ms, T_SMALL))

    def _judge_spread(self, cells, z, found):
        """Once a day: the spread of SoC as it would be at half charge, where capacities do not matter."""
        if cells.soc_deviation(0).why != W_COUNTED:
            return
        low = high = low_cell = None
        for i in range(self.count):
            at_half = cells.x[i * c.WIDTH] + (0.5 - z) * cells.x[i * c.WIDTH + c.DQ]
            if low is None or at_half < low:
                low, low_cell = at_half, i
            if high is None or at_half > high:
                high = at_half
        if self.looks % 24 == 0:
            self.spreads = [int((high - low) * 1e6)] + self.spreads[: DAYS - 1]
        if len(self.spreads) < DAYS:
            return
        grown = self.spreads[0] - self.spreads[DAYS - 1]
        if grown > SPREAD_PPM and grown > 2 * SPREAD_STD_PPM:
            found.append(Anomaly(DIVERGING, low_cell, grown, SPREAD_STD_PPM, cells.at_ms, T_SPREAD))

    def _judge_offset(self, bias, found):
        if bias is None or bias.value is None:
            return
        ppm = bias.value * 1000000 // self.nominal_mah
        std = bias.std * 1000000 // self.nominal_mah + 1
        if self.looks % 24 == 0:
            self.offsets = [ppm] + self.offsets[: DAYS - 1]
        if abs(ppm) > OFFSET_PPM and abs(ppm) > OFFSET_SIGMAS * std:
            found.append(Anomaly(OFFSET, -1, bias.value * 1000, bias.std * 1000, bias.at_ms, T_OFFSET))
            return
        moved = ppm - self.offsets[-1] if len(self.offsets) == DAYS else 0
        if abs(moved) > DRIFT_PPM and abs(moved) > SIGMAS * std:
            moved_ua = moved * self.nominal_mah // 1000
            found.append(Anomaly(OFFSET, -1, moved_ua, bias.std * 1000, bias.at_ms, T_MOVES))

    def state(self):
        """Dict for the store; the tables themselves are in it."""
        return {
            "leaks": self.leaks,
            "rises": self.rises,
            "kept": self.kept,
            "looks": self.looks,
            "spreads": list(self.spreads),
            "offsets": list(self.offsets),
            "before": [list(pair) for pair in self._before],  # so that the first look after a restart counts
            "shorts": [[e.where, e.value, e.std, e.text] for e in self.found if e.kind == SHORT],
        }

    def _load(self, state):
        leaks = array("h", [_short(int(v)) for v in state["leaks"][: self.count * KEEP_LEAKS]])
        rises = array("h", [_short(int(v)) for v in state["rises"]])
        if len(leaks) != self.count * KEEP_LEAKS or not 0 <= state["kept"] <= KEEP:
            raise ValueError("size")
        spreads = [int(v) for v in state["spreads"]][:DAYS]
        offsets = [int(v) for v in state["offsets"]][:DAYS]
        looks = int(state["looks"])
        shorts = []
        for where, value, std, text in state.get("shorts") or ():  # a state of before has none
            if not (0 <= where < self.count and 0 <= text < len(TEXTS)):
                raise ValueError("short")
            shorts.append(Anomaly(SHORT, where, int(value), int(std), None, text))
        self.found = tuple(shorts)  # an alarm does not go because of a restart
        self._before = [(int(kind), int(where)) for kind, where in state["before"]]
        self.leaks, self.rises, self.kept = leaks, rises, state["kept"]
        self.looks, self.spreads, self.offsets = looks, spreads, offsets


def observable(cells, bias=None):
    """((kind, True or False), ...): could such an anomaly be seen now at all? False means: not known."""
    count = range(cells.count)
    leak = max(cells.std(i, c.LEAK) for i in count) * SIGMAS < 1.0 / SHORT_C
    rise = max(cells.std(i, c.DR) for i in count) * SIGMAS * 1e6 < 2 * JUMP_PPM
    capacity = max(cells.std(i, c.DQ) for i in count) * WEAK_SIGMAS * 1e6 < 2 * WEAK_PPM
    capacity = capacity and cells.seen_s >= WEAK_S
    charge = max(cells.std(i, c.DZ) for i in count) < c.HIDDEN[c.DZ]
    offset = bias is not None and bias.value is not None
    return ((LEAKS, leak), (JUMP, rise), (DIVERGING, charge), (WEAK, capacity), (OFFSET, offset))


def median(values):
    """The middle one, of an even number the upper."""
    return sorted(values)[len(values) // 2]


def _short(value):
    return int(min(max(value, -32000), 32000))
