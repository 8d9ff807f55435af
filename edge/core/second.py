# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Second opinions on what the current sensor counts: the BMS's own counters, and the energy meter.

Both compare increments of a minute and keep the sums of those minutes in which both sides knew everything
and current really flowed: at rest a counter's dead band and a converter's own use are all there is.
"""

from math import sqrt

from edge.core.records import UNKNOWN, Est
from edge.core.soc import W_COUNTED, W_HIDDEN, W_UNKNOWN

LOOK_MS = 60000
FLOW_PPM = 20000  # of C: below this mean current a minute is rest
LEAST_C = 2  # the counters are compared after so much of the capacity went through, in and out together ...
MOST_C = 20  # ... and older minutes count half from here on
EDGE_PPM = 1000  # of C: what the two ends of a span are apart, for a step of the counter and for its age
HELD_PPM = 5000  # one sigma: a reading is held until the next one
HIDDEN_PPM = 20000  # a ratio with a wider sigma is not observable
FLOW_W_PPM = 100000  # of the converter's rated power: below, its efficiency is anything
METER_PPM = 5000  # one sigma of an energy meter of class 1
VOLT_PPM = 2000  # and of the BMS's pack voltage
SIDES_PPM = 20000  # the efficiencies of the two directions are at most this far apart
EFFICIENCY_PPM = (850000, 1005000)  # of one direction; beyond it the meter counts something else as well
EDGE_MWH = 5000  # a step of the meter's register, for each span


class Counters:
    """The BMS's own charge counters against ours. state: list as state() gave it, or None."""

    def __init__(self, nominal_mah, state=None):
        self.nominal_mah = nominal_mah
        self.sums = [0, 0, 0]  # mAh by the BMS, mAh by us, ends of spans
        self.at_ms = None
        self.clock_ms = 0  # of the metering, at at_ms: it goes on across restarts
        self.told = None  # (mAh, monotonic ms): the capacity that the BMS says, when it says one
        self.charges = None  # (mAh in, mAh out) of its whole life, when it says so
        self._last = None
        self._flowing = False
        if state is not None:
            sums = [int(value) for value in state]
            if len(sums) != 4 or min(sums) < 0:
                raise ValueError("counters")
            self.clock_ms = sums.pop()
            self.sums = sums

    def take(self, info, registers):
        """Once per LOOK_MS. info: {name: (value, when)} of the device; registers: of Metering."""
        self.told = info.get("bms_capacity_mah", self.told)
        if "bms_in_mah" not in info or "bms_out_mah" not in info:
            return
        charged, came_ms = info["bms_in_mah"]
        self.charges = (charged, info["bms_out_mah"][0])
        if self.at_ms is None:
            self.at_ms = before(self.clock_ms, came_ms, registers[4] + registers[5])
        now = (charged + info["bms_out_mah"][0], registers[0] + registers[1], registers[4], registers[5], came_ms)
        last = self._last
        if last is not None and came_ms <= last[4]:
            return  # nothing new: this minute belongs to the next look
        self._last = now
        if last is None or now[3] != last[3]:
            self._flowing = False  # the first look, or we did not see all of it
            return
        theirs, ours = now[0] - last[0], now[1] - last[1]
        flows = ours * 3600000 * 1000000 > FLOW_PPM * self.nominal_mah * (now[2] - last[2])
        if not flows or not 0 <= theirs <= 3 * ours + self.nominal_mah // 50:
            self._flowing = False  # rest, or the BMS began to count afresh
            return
        sums = self.sums
        sums[2] += 0 if self._flowing else 1
        self._flowing = True
        sums[0] += theirs
        sums[1] += ours
        self.at_ms = came_ms
        self.clock_ms = registers[4] + registers[5]
        if sums[1] > MOST_C * self.nominal_mah:
            self.sums = [value // 2 for value in sums]

    def ratio(self):
        """Est in ppm: how much more charge the BMS counts than its own current readings hold."""
        theirs, ours, ends = self.sums
        if ours == 0 and self.at_ms is None:
            return UNKNOWN
        if ours < LEAST_C * self.nominal_mah:
            return Est(None, None, self.at_ms, W_UNKNOWN if ours == 0 else W_HIDDEN)
        edge = EDGE_PPM * sqrt(ends) * self.nominal_mah / ours
        std = int(sqrt(edge * edge + float(HELD_PPM) * HELD_PPM)) + 1
        if std > HIDDEN_PPM:
            return Est(None, std, self.at_ms, W_HIDDEN)
        return Est((theirs - ours) * 1000000 // ours, std, self.at_ms, W_COUNTED)

    def capacity(self, own):
        """Est in mAh: the capacity that the BMS says (its sigma is not known), else ours if its counters are right."""
        if self.told is not None:
            return Est(self.told[0], None, self.told[1], W_COUNTED)
        ratio = self.ratio()
        if ratio.value is None or own.value is None:
            return Est(None, None, ratio.at_ms, ratio.why)
        std = sqrt(float(own.std) * own.std + (own.value * (ratio.std / 1e6)) ** 2)
        return Est(own.value + own.value * ratio.value // 1000000, int(std) + 1, ratio.at_ms, W_COUNTED)

    def state(self):
        """List of integers for the store."""
        return self.sums + [self.clock_ms]


class Energy:
    """V I of all packs against the one meter, each direction for itself. power_w: of the converter; least_mwh: what
    must have flowed each way; state: list as state() gave it, or None."""

    def __init__(self, power_w, least_mwh, state=None):
        self.flow_w = power_w * FLOW_W_PPM // 1000000
        self.least_mwh = least_mwh
        self.sums = [0] * 7  # of charge: by the BMS, by the meter, sigma of the offset; of discharge; ends of spans
        self.at_ms = None
        self.clock_ms = 0  # as of Counters
        self.due_ms = None
        self._last = None
        self._flowing = None
        if isinstance(state, list) and len(state) == 8 and all([isinstance(v, int) and v >= 0 for v in state]):
            self.sums = state[:7]
            self.clock_ms = state[7]

    def take(self, now_ms, meter, packs):
        """Once per LOOK_MS. meter: MeterSample; packs: one (registers of Metering, pack_mv, Est of the offset) each."""
        self.due_ms = now_ms + LOOK_MS
        registers = [sum([pack[0][i] for pack in packs]) for i in range(6)]
        clock_ms = (registers[4] + registers[5]) // len(packs)
        if self.at_ms is None:
            self.at_ms = before(self.clock_ms, now_ms, clock_ms)
        now = (meter.at_ms, meter.in_wh, meter.out_wh, registers)
        last = self._last
        if last is not None and now[0] == last[0]:
            return  # nothing new: this minute belongs to the next look
        self._last = None if None in now else now
        flowing, self._flowing = self._flowing, None
        if last is None or self._last is None or registers[5] != last[3][5]:
            return
        energy = (registers[2] - last[3][2], registers[3] - last[3][3])
        metered = ((now[1] - last[1]) * 1000, (now[2] - last[2]) * 1000)
        span_ms = (registers[4] - last[3][4]) // len(packs)
        side = 0 if energy[0] >= energy[1] else 1
        if span_ms <= 0 or min(metered) < 0 or energy[1 - side] > 0 or energy[side] * 3600 < self.flow_w * span_ms:
            return  # rest, both ways within one minute, or a register that began afresh
        offset = std = 0
        for _, pack_mv, bias in packs:
            if pack_mv is None or bias.value is None:
                return
            offset += bias.value * pack_mv * span_ms // 3600000000
            std += bias.std * pack_mv * span_ms // 3600000000
        sums = self.sums
        sums[6] += flowing != side
        self._flowing = side
        sums[3 * side] += max(energy[side] + (offset if side else -offset), 0)
        sums[3 * side + 1] += metered[side]
        sums[3 * side + 2] += std
        self.at_ms = now[0]
        self.clock_ms = clock_ms
        if min(sums[1], sums[4]) > 4 * self.least_mwh:
            self.sums = [value // 2 for value in sums]

    def gain(self):
        """Est in ppm of the gain of the current sensor (of all packs together).

        Charging the ratio of battery to meter is gain times efficiency, discharging gain over efficiency: of their
        product the efficiency cancels, but for what the two directions differ. An efficiency that no converter has
        says that the meter counts something else: then, and before enough flowed each way, it is not observable.
        """
        packs_in, meter_in, std_in, packs_out, meter_out, std_out, ends = self.sums
        if min(meter_in, meter_out) < self.least_mwh or min(packs_in, packs_out) <= 0:
            return Est(None, None, self.at_ms, W_HIDDEN)
        charging, discharging = packs_in / float(meter_in), packs_out / float(meter_out)
        efficiency = sqrt(charging / discharging) * 1e6
        if not EFFICIENCY_PPM[0] < efficiency < EFFICIENCY_PPM[1]:
            return Est(None, None, self.at_ms, W_HIDDEN)
        offset = 0.5e6 * abs(std_in / float(packs_in) - std_out / float(packs_out))
        edge = 1e6 * EDGE_MWH * sqrt(ends) / min(meter_in, meter_out)
        sides = 0.5 * SIDES_PPM / 1.7320508
        variance = offset * offset + edge * edge + sides * sides + float(METER_PPM) * METER_PPM
        std = int(sqrt(variance + float(VOLT_PPM) * VOLT_PPM)) + 1
        if std > HIDDEN_PPM:
            return Est(None, std, self.at_ms, W_HIDDEN)
        return Est(int((sqrt(charging * discharging) - 1.0) * 1e6), std, self.at_ms, W_COUNTED)

    def state(self):
        """List of integers for the store."""
        return self.sums + [self.clock_ms]


def before(then_ms, now_ms, clock_ms):
    """Monotonic time at which the metering's clock stood at then_ms, before this start it is negative; None for 0:
    never. now_ms, clock_ms: both clocks now."""
    return None if then_ms == 0 else now_ms - max(clock_ms - then_ms, 0)
