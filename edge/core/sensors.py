# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Who says otherwise: the BMS against us, the meter and the BMS's counters against the current sensor
(edge.core.second), one temperature sensor against the others, a resistance against the certificate.

The gain of the current sensor cannot be seen from current and voltage (a battery of other size looks the same): only
the energy that the meter counted over the same span tells it.
"""

from math import sqrt

from edge.core import anomalies as a
from edge.core.anomalies import T_TEMP, TEMP, Anomaly, median
from edge.core.records import Est
from edge.core.soc import W_HIDDEN

GAIN_PPM = 20000  # disagreement with the meter
GAIN_SIGMAS = 3
COUNT_PPM = 30000  # disagreement with the BMS's counters
SOC_APART_PPM = 80000  # BMS and own SoC: field BMSs are commonly 15 % off, so this is early
SOH_APART_PPM = 50000
CAPACITY_APART_PPM = 50000  # of the rated capacity
DIVERGED_SIGMAS = 3
DIVERGED_MS = 300000
OVER_PPM = 800000
RISEN_PPM = 300000  # above the certificate's resistance
RISEN_SIGMAS = 4
TEMP_MC = 3000
TEMP_STD_MC = 500
TEMP_LOOKS = 60  # looks at rest that make "normal" ...
STRANGE_LOOKS = 10  # ... and strange ones in a row that make an anomaly


def suspect_gain(est):
    """Anomaly for an Est of edge.core.second.Energy.gain() that disagrees, else None."""
    if est.value is None or abs(est.value) <= GAIN_PPM or abs(est.value) <= GAIN_SIGMAS * est.std:
        return None
    return Anomaly(a.GAIN, -1, est.value, est.std, est.at_ms, a.T_ENERGY)


def suspect_count(est):
    """Anomaly for an Est of edge.core.second.Counters.ratio() that disagrees, else None."""
    if est.value is None or abs(est.value) <= COUNT_PPM or abs(est.value) <= GAIN_SIGMAS * est.std:
        return None
    return Anomaly(a.BMS_COUNT, -1, est.value, est.std, est.at_ms, a.T_BMS_COUNT)


def suspect_rise(scale, std, expected, expected_std, at_ms):
    """Anomaly when the factor on the table's resistances is above what the certificate made it, else None."""
    ppm = int((scale / expected - 1.0) * 1e6)
    std_ppm = int(sqrt(std * std + (expected_std * scale / expected) ** 2) / expected * 1e6) + 1
    if ppm <= RISEN_PPM or ppm <= RISEN_SIGMAS * std_ppm:
        return None
    return Anomaly(a.JUMP, -1, ppm, std_ppm, at_ms, a.T_ABOVE)


# (kind, text, least distance in ppm)
_ROWS = (
    (a.BMS_SOC, a.T_BMS_SOC, SOC_APART_PPM),
    (a.BMS_SOH, a.T_BMS_SOH, SOH_APART_PPM),
    (a.BMS_CAPACITY, a.T_BMS_CAPACITY, CAPACITY_APART_PPM),
)


class Against:
    """What the BMS says of itself against what we know: SoC, SoH, capacity.

    It counts when the difference is above DIVERGED_SIGMAS and above a least distance, for DIVERGED_MS on end; it is
    over when the difference is below OVER of that. While our own value is not observable there is nothing to hold
    against the BMS.
    """

    def __init__(self):
        self.found = ()
        self._since = [None] * len(_ROWS)  # (direction, clock_ms) since when it is away

    def look(self, clock_ms, soc, capacity, bms, rated_mah):
        """Take soc (Est in ppm), capacity (Est in mAh) and bms (SoC ppm, SoH ppm, capacity mAh; None: it does not
        say); returns the tuple of Anomaly that hold now: value = BMS less ours, ppm (of rated_mah)."""
        share = Est(None, None, None, W_HIDDEN)
        if capacity.value is not None:
            std = capacity.std * 1000000 // rated_mah + 1
            share = Est(capacity.value * 1000000 // rated_mah, std, capacity.at_ms, capacity.why)
        told_ppm = None if bms[2] is None else bms[2] * 1000000 // rated_mah
        found = []
        for i, own, said in ((0, soc, bms[0]), (1, share, bms[1]), (2, share, told_ppm)):
            kind, text, least_ppm = _ROWS[i]
            if said is None or own.value is None or own.why == W_HIDDEN:
                self._since[i] = None
                continue
            away = said - own.value
            since = self._since[i]
            limit = max(least_ppm, DIVERGED_SIGMAS * own.std)
            held = since is not None and clock_ms - since[1] >= DIVERGED_MS
            if abs(away) <= (limit * OVER_PPM // 1000000 if held else limit):
                self._since[i] = None
                continue
            if since is None or since[0] != (away > 0):
                self._since[i] = (away > 0, clock_ms)
            elif held:
                found.append(Anomaly(kind, -1, away, own.std, own.at_ms, text))
        self.found = tuple(found)
        return self.found


class Temps:
    """Temperature sensors against each other, at rest. state: list as state() gave it, or None."""

    def __init__(self, count, state=None):
        self.count = count
        self.looks = 0
        self.normal = [0] * count  # thousandths of K times looks: against the others, at commissioning
        self.strange = [0] * count
        if state is not None and len(state) == count + 1:
            self.looks, self.normal = int(state[0]), [int(v) for v in state[1:]]

    def look(self, at_ms, temp_mc):
        """Take the readings (None: not known) of a pack at rest, at most once a minute; tuple of Anomaly."""
        learning = self.looks < TEMP_LOOKS
        each = list(temp_mc)
        for i in range(self.count):
            if each[i] is not None and not learning:
                each[i] -= self.normal[i] // TEMP_LOOKS
        known = [mc for mc in each if mc is not None]
        if len(known) < 3:  # two that disagree do not say which one is wrong
            return ()
        middle = median(known)
        found = []
        for i in range(self.count):
            if each[i] is None:
                continue
            off = each[i] - middle
            if learning:
                self.normal[i] += off
                continue
            self.strange[i] = self.strange[i] + 1 if abs(off) > TEMP_MC else 0
            if self.strange[i] >= STRANGE_LOOKS:
                found.append(Anomaly(TEMP, i, off, TEMP_STD_MC, at_ms, T_TEMP))
        if learning:
            self.looks += 1
        return tuple(found)

    def observable(self):
        """True when there was enough rest to know what is normal, and sensors enough to compare."""
        return self.count >= 3 and self.looks >= TEMP_LOOKS

    def state(self):
        """List of integers for the store."""
        return [self.looks] + self.normal
