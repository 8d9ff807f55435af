# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Sensors that another one contradicts: the gain of the current sensor, temperature sensors.

The gain cannot be seen from current and voltage (a battery of other size looks the same): only the
energy that the converter or the revenue meter counted over the same span tells it.
"""

from math import sqrt

from edge.core.anomalies import BMS_SOC, BMS_SOH, GAIN, T_BMS_SOC, T_BMS_SOH, T_ENERGY, T_TEMP, TEMP, Anomaly, median
from edge.core.records import Est
from edge.core.soc import W_COUNTED, W_HIDDEN

GAIN_PPM = 20000  # disagreement with the meter
GAIN_SIGMAS = 3
METER_PPM = 5000  # one sigma of an energy meter of class 1
HIDDEN_PPM = 20000  # a gain with a wider sigma is not observable
SOC_APART_PPM = 80000  # BMS and own SoC: field BMSs are commonly 15 % off, so this is early
SOH_APART_PPM = 50000
DIVERGED_SIGMAS = 3
TEMP_MC = 3000
TEMP_STD_MC = 500
TEMP_LOOKS = 60  # looks at rest that make "normal" ...
STRANGE_LOOKS = 10  # ... and strange ones in a row that make an anomaly


def gain(pack_mwh, meter_mwh, low_ppm, high_ppm, least_mwh):
    """Est in ppm of the current sensor's gain by the energies of one direction over the same span.

    pack_mwh: by the BMS's sensors, without its known offset. meter_mwh: by the meter. low_ppm, high_ppm:
    declared band of pack / meter (charging: the efficiency of the converter; discharging: its inverse).
    Below least_mwh of the meter, or with too wide a band, the reason is "not observable".
    """
    if pack_mwh is None or meter_mwh is None or meter_mwh <= 0 or meter_mwh < least_mwh:
        return Est(None, None, None, W_HIDDEN)
    middle = (low_ppm + high_ppm) // 2
    ratio = pack_mwh * 1000000 // meter_mwh
    value = (ratio - middle) * 1000000 // middle
    band = (high_ppm - low_ppm) / 2.0 * 1e6 / middle / 1.7320508
    std = int(sqrt(band * band + float(METER_PPM) * METER_PPM)) + 1
    if std > HIDDEN_PPM:
        return Est(None, std, None, W_HIDDEN)
    return Est(value, std, None, W_COUNTED)


def suspect_gain(est):
    """Anomaly for an Est of gain() that disagrees, else None."""
    if est.value is None or abs(est.value) <= GAIN_PPM or abs(est.value) <= GAIN_SIGMAS * est.std:
        return None
    return Anomaly(GAIN, -1, est.value, est.std, est.at_ms, T_ENERGY)


def diverged(soc, bms_soc_ppm, capacity, bms_soh_ppm, rated_mah):
    """Tuple of Anomaly: the BMS's SoC or SoH is further from ours than DIVERGED_SIGMAS and than a least distance.

    soc: Est in ppm, capacity: Est in mAh; bms_soc_ppm, bms_soh_ppm: as the BMS says them, None = it does not.
    """
    found = []
    if soc.value is not None and bms_soc_ppm is not None:
        away = bms_soc_ppm - soc.value
        if abs(away) > max(SOC_APART_PPM, DIVERGED_SIGMAS * soc.std):
            found.append(Anomaly(BMS_SOC, -1, away, soc.std, soc.at_ms, T_BMS_SOC))
    if bms_soh_ppm is not None and capacity.value is not None:
        away = bms_soh_ppm - capacity.value * 1000000 // rated_mah
        std = capacity.std * 1000000 // rated_mah + 1
        if abs(away) > max(SOH_APART_PPM, DIVERGED_SIGMAS * std):
            found.append(Anomaly(BMS_SOH, -1, away, std, capacity.at_ms, T_BMS_SOH))
    return tuple(found)


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
