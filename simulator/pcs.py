# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The power side of the world: a factory's PV-and-load day, the PCS that serves it, the energy meter.

The PCS asks for what the factory would like (self-consumption) and lets flow what its limit registers
allow: SunSpec model 124, FC16 writes, percent x 100 of rated power, and a reversion time-out after which
both limits are zero. It obeys within OBEY_MS, unless the mishap pcs_ignores is on.
"""

from math import sin, tau

import numpy as np

from edge.core.records import OK, Group, MeterSample, PcsSample

# Registers of SunSpec model 124 (storage) with the model id at 40122.
STORCTL = 40127
OUT_RATE = 40134
IN_RATE = 40135
WINDOW = 40136
REVERT = 40137
_WRITABLE = (STORCTL, OUT_RATE, IN_RATE, WINDOW, REVERT)

OBEY_MS = 300
EFFICIENCY = 0.965
FULL_RATE = 10000  # 100.00 %
_HOUR = 3600.0
_RESERVE = 0.12


class FactoryDay:
    """What a factory with PV on the roof asks of its battery. seed: int. power_w: height of the day's
    surplus. sunny: share of days with sun; a dull day yields a quarter."""

    def __init__(self, seed, power_w, sunny=1.0):
        self.seed = seed
        self.power_w = power_w
        self.sunny = sunny
        self._empty = False
        self._new_day(0)

    def _new_day(self, day):
        rng = np.random.default_rng([self.seed, 3, day])
        self._day = day
        sun = rng.uniform(0.95, 1.1) if rng.random() < self.sunny else rng.uniform(0.2, 0.35)
        clouds = tuple((rng.uniform(0.02, 0.07), rng.uniform(300, 2400), rng.uniform(0, tau)) for _ in range(3))
        # the surplus starts with the sun; the evening shift takes it back
        self._shape = (sun, clouds, rng.uniform(6.6, 7.1) * _HOUR, rng.uniform(16.8, 17.2) * _HOUR)

    def request_w(self, local_s, soc):
        """Power wanted at local_s (seconds since midnight of day 0, local time), W, + charges.

        soc: 0..1 as the energy manager counts it; below the reserve it asks for no discharge until the
        sun has charged the battery again. Small surpluses are not worth switching for: zero.
        """
        day, second = divmod(local_s, 86400.0)
        if day != self._day:
            self._new_day(int(day))
        sun, clouds, rise_s, evening_s = self._shape
        if soc <= _RESERVE:
            self._empty = True
        elif soc > _RESERVE + 0.08:
            self._empty = False
        if rise_s < second < evening_s - 1800.0:
            return self._surplus(second, sun, clouds, rise_s)
        if self._empty or rise_s < second <= evening_s:
            return 0.0
        wave = sum(height * sin(second / length * tau + phase) for height, length, phase in clouds)
        share = 0.68 if second > evening_s else 0.40
        return -self.power_w * share * (1.0 + 2.0 * wave)

    def _surplus(self, second, sun, clouds, rise_s):
        high = sin((second - rise_s) / (10.4 * _HOUR) * 0.5 * tau)
        if high <= 0.0:
            return 0.0
        wave = sum(height * sin(second / length * tau + phase) for height, length, phase in clouds)
        power_w = self.power_w * (sun * high * (1.0 + wave) * 1.12 - 0.12)
        return power_w if power_w > 0.2 * self.power_w else 0.0


class SimPcs:
    """pcs: the PCS's settings. mishaps: Mishaps. Limits are zero until somebody writes them."""

    def __init__(self, pcs, mishaps):
        self.power_w = pcs["power_w"]
        self.mishaps = mishaps
        self.registers = {STORCTL: 3, OUT_RATE: 0, IN_RATE: 0, WINDOW: 0, REVERT: 0}
        self.written_ms = None
        self.reverted = False
        self.writes = 0
        self.now_w = 0.0
        self.dc_v = 0.0
        self.dc_a = 0.0

    def write(self, now_ms, address, data):
        """Take an FC16 write: data are the bytes of registers from address on. False (exception 2) when a
        register is not writable."""
        values = {}
        for at in range(0, len(data), 2):
            values[address + at // 2] = data[at] << 8 | data[at + 1]
        if not values or any(register not in _WRITABLE for register in values):
            return False
        self.registers.update(values)
        self.written_ms = now_ms
        self.reverted = False
        self.writes += 1
        return True

    def limits_w(self):
        """(charge_w, discharge_w) that the registers allow now; a side whose control bit is off is not
        limited below rated power. One below zero orders at least that much of the other direction."""
        control = self.registers[STORCTL]
        charge = signed(self.registers[IN_RATE]) * self.power_w / FULL_RATE if control & 1 else self.power_w
        discharge = signed(self.registers[OUT_RATE]) * self.power_w / FULL_RATE if control & 2 else self.power_w
        return charge, discharge

    def step(self, now_ms, dt_s, dc_v, request_w):
        """Power to the battery, W (+ charges), dt_s after the last step, for a wish of request_w at dc_v."""
        revert_ms = self.registers[REVERT] * 1000
        if revert_ms and self.written_ms is not None and now_ms - self.written_ms > revert_ms:
            self.registers.update({STORCTL: 3, OUT_RATE: 0, IN_RATE: 0})
            self.reverted = True
        charge_w, discharge_w = self.limits_w()
        if self.mishaps.get("pcs_ignores") is not None:
            charge_w = discharge_w = self.power_w
        wanted = min(max(request_w, -discharge_w), charge_w)
        most = self.power_w * dt_s * 1000.0 / OBEY_MS
        self.now_w += min(max(wanted - self.now_w, -most), most)
        self.dc_v = dc_v
        self.dc_a = self.now_w / dc_v if dc_v > 1.0 else 0.0
        return self.now_w

    def sample(self, now_ms):
        """PcsSample as the device would answer it."""
        charge_w, discharge_w = self.limits_w()
        group = Group(OK, now_ms, 1)
        return PcsSample(
            now_ms,
            round(self.dc_v * 1000.0),
            round(self.dc_a * 1000.0),
            round(self.now_w),
            2 if self.now_w else 1,
            int(charge_w),
            int(discharge_w),
            self.registers[REVERT] * 1000,
            (group, group),
        )


def signed(word):
    """A register's word as int16."""
    return word - 0x10000 if word & 0x8000 else word


class SimMeter:
    """AC energy meter of the PCS: registers that only grow, Wh."""

    def __init__(self):
        self.in_wh = 0.0
        self.out_wh = 0.0
        self.power_w = 0.0

    def step(self, dt_s, dc_w):
        """Count dt_s seconds of dc_w (W at the battery, + charges)."""
        self.power_w = dc_w / EFFICIENCY if dc_w > 0.0 else dc_w * EFFICIENCY
        if dc_w > 0.0:
            self.in_wh += self.power_w * dt_s / 3600.0
        else:
            self.out_wh -= self.power_w * dt_s / 3600.0

    def sample(self, now_ms):
        """MeterSample as the device would answer it."""
        group = Group(OK, now_ms, 1)
        return MeterSample(now_ms, int(self.in_wh), int(self.out_wh), round(self.power_w), (group, group))
