# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The BMS of one simulated pack: sensors with vices, its own limits, alarms, balancing and SoC counter.

It makes a Sample out of the plant's truth: what a real BMS would say, wrong as real ones are. The
controller never sees the plant, only the bytes that this Sample is encoded to.
"""

from collections import namedtuple
from itertools import pairwise

import numpy as np

from edge.core.records import OK, Group, Sample

# offset_ma: added to the true current (+ charges: negative = reads too much discharge). gain_ppm on top.
# deadband_ma: the SoC counter ignores less. soc_error_ppm: at the start. counter_mah: what the counter
# believes the capacity to be. balance_ma: bleeding current of one cell near full. offset_mv: of every cell's
# voltage.
Vices = namedtuple(
    "Vices",
    (
        "offset_ma",
        "gain_ppm",
        "current_lsb_ma",
        "cell_lsb_mv",
        "temp_lsb_mc",
        "noise_ma",
        "noise_mv",
        "deadband_ma",
        "soc_error_ppm",
        "balance_ma",
        "offset_mv",
    ),
    defaults=(0.0,),
)
GOOD = Vices(20, 500, 10, 1, 100, 8.0, 0.3, 50, 5000, 100)
DEMO = Vices(-400, 1000, 10, 1, 100, 12.0, 0.4, 500, -20000, 100)

# Taper of the BMS's own limits: (mV of the highest cell, ppm), (mV of the lowest cell, ppm).
_TAPER = {
    "lfp": (((3430, 1000000), (3500, 60000), (3530, 0)), ((2750, 0), (2850, 100000), (3000, 1000000))),
    "nmc": (((4080, 1000000), (4150, 60000), (4170, 0)), ((3000, 0), (3150, 100000), (3300, 1000000))),
}
_FULL_MV = {"lfp": (3500, 3370), "nmc": (4150, 4080)}
_BALANCE_MV = {"lfp": 3340, "nmc": 4000}
_COLD = ((-20.0, 0.0), (0.0, 0.0), (10.0, 1.0))
_NOISE = 4096

# Bits of SunSpec 802 Evt1 that the BMS raises by itself.
_OVER_TEMP = 1 << 1
_UNDER_TEMP = 1 << 3
_OVER_VOLT = 1 << 9
_UNDER_VOLT = 1 << 11


def _line(curve, x):
    """y of a short curve at x, straight between points, end values outside."""
    if x <= curve[0][0]:
        return curve[0][1]
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return curve[-1][1]


class SimBms:
    """pack: the pack's settings. plant: its Plant. mishaps: Mishaps. index: of the pack."""

    def __init__(self, pack, plant, mishaps, seed, index=0, vices=GOOD):
        self.pack = pack
        self.plant = plant
        self.mishaps = mishaps
        self.index = index
        self.vices = vices
        self.maker = pack["maker"]
        rng = np.random.default_rng([seed, 2, index])
        self._noise = rng.standard_normal(_NOISE + pack["cells"])
        self._at = 0
        self._gradient_mc = rng.integers(-700, 700, pack["temps"]).tolist()
        self.counter_mah = plant.usable()[1] * 1000.0
        self.soc_mah = self.counter_mah * (plant.usable()[0] + vices.soc_error_ppm / 1e6)
        self.full = False
        self.balancing = False
        self.sample = None
        self._frozen = {}

    def step(self, now_ms, dt_s):
        """Measure, count, protect: makes self.sample for now_ms. dt_s: since the last step."""
        plant, vices = self.plant, self.vices
        self._at = (self._at + 97) % _NOISE
        noise = self._noise[self._at : self._at + self.plant.cells]
        true_ma = plant.current_a * 1000.0
        read_ma = true_ma * (1.0 + vices.gain_ppm / 1e6) + vices.offset_ma + vices.noise_ma * noise[0]
        current_ma = round(read_ma / vices.current_lsb_ma) * vices.current_lsb_ma
        if abs(current_ma) > vices.deadband_ma:
            self.soc_mah += current_ma * dt_s / 3600.0
        self.soc_mah = min(max(self.soc_mah, 0.0), self.counter_mah)
        volts = plant.cell_v * 1000.0
        volts += vices.noise_mv * noise
        volts += vices.offset_mv
        if vices.cell_lsb_mv != 1:
            volts /= vices.cell_lsb_mv
        cells = np.rint(volts).astype(int).tolist()
        if vices.cell_lsb_mv != 1:
            cells = [mv * vices.cell_lsb_mv for mv in cells]
        temps = self._temps()
        self._balance(cells)
        self.sample = self._sample(now_ms, current_ma, cells, temps)

    def _temps(self):
        lsb = self.vices.temp_lsb_mc
        base = self.plant.temp_c * 1000.0
        return [round((base + offset) / lsb) * lsb for offset in self._gradient_mc]

    def _balance(self, cells):
        """Bleed the cells that are more than 5 mV above the lowest while the pack is nearly full."""
        low = min(cells)
        wanted = low > _BALANCE_MV[self.pack["chemistry"]] and max(cells) > low + 5
        if wanted:
            bleed = np.array(cells) > low + 5
            self.plant.bleed(bleed * (self.vices.balance_ma / 1000.0))
        elif self.balancing:
            self.plant.bleed(0.0)
        self.balancing = wanted

    def _limits(self, high_mv, low_mv, temps):
        """The BMS's own (charge, discharge) limits in mA for the true extremes."""
        upper, lower = _TAPER[self.pack["chemistry"]]
        full_mv, again_mv = _FULL_MV[self.pack["chemistry"]]
        if high_mv >= full_mv and self.plant.current_a < 0.03 * self.plant.new_ah:
            self.full = True
        elif high_mv < again_mv and self.plant.current_a < -0.5:
            self.full = False
        charge = 0.0 if self.full else _line(upper, high_mv) / 1e6
        discharge = _line(lower, low_mv) / 1e6
        charge *= _line(_COLD, min(temps) / 1000.0)
        if max(temps) > self.maker["temp_max_mc"] - 5000:
            charge = discharge = 0.0
        charge_ma = int(self.maker["charge_ma"] * charge) // 1000 * 1000
        return charge_ma, int(self.maker["discharge_ma"] * discharge) // 1000 * 1000

    def _alarms(self, high_mv, low_mv, temps):
        maker = self.maker
        bits = _OVER_VOLT if high_mv > maker["cell_max_mv"] else 0
        bits |= _UNDER_VOLT if low_mv < maker["cell_min_mv"] else 0
        bits |= _OVER_TEMP if max(temps) > maker["temp_max_mc"] else 0
        bits |= _UNDER_TEMP if min(temps) < maker["temp_min_mc"] else 0
        return bits

    def _sample(self, now_ms, current_ma, cells, temps):
        high_mv, low_mv = max(cells), min(cells)
        charge_ma, discharge_ma = self._limits(high_mv, low_mv, temps)
        group = Group(OK, now_ms, 1)
        sample = Sample(
            now_ms,
            sum(cells),
            current_ma,
            high_mv,
            low_mv,
            max(temps),
            min(temps),
            tuple(cells),
            tuple(temps),
            round(self.soc_mah / self.counter_mah * 1e6),
            1000000,
            charge_ma,
            discharge_ma,
            self.pack["cells"] * _FULL_MV[self.pack["chemistry"]][0],
            self._alarms(high_mv, low_mv, temps),
            (group,) * 8,
        )
        if self.mishaps.active:
            return spoil(sample, self.mishaps, self.index, self._frozen)
        if self._frozen:
            self._frozen.clear()
        return sample


def spoil(sample, mishaps, index, frozen):
    """sample as the mishaps of pack `index` make it. frozen: dict that keeps what stands still."""

    def on(name):
        parameters = mishaps.get(name, index)
        if parameters is None:
            frozen.pop(name, None)
        return parameters

    if on("page_frozen") is not None:
        return frozen.setdefault("page_frozen", sample)
    fields = sample._asdict()
    cells = list(sample.cell_mv)
    _spoil_cells(on, cells, frozen)
    fields["cell_mv"] = tuple(cells)
    known = [mv for mv in cells if mv is not None]
    fields["cell_max_mv"] = max(known) if known else None
    fields["cell_min_mv"] = min(known) if known else None
    broken = on("temp_open")
    if broken is not None:
        temps = list(sample.temp_mc)
        temps[broken["sensor"] % len(temps)] = None
        fields["temp_mc"] = tuple(temps)
    _spoil_current(on, fields)
    _spoil_limits(on, fields)
    alarm = on("alarm")
    if alarm is not None:
        fields["alarms"] |= 1 << alarm["bit"]
    return Sample(**fields)


def _spoil_cells(on, cells, frozen):
    still = on("cell_frozen")
    if still is not None:
        cell = still["cell"] % len(cells)
        cells[cell] = frozen.setdefault("cell_frozen", cells[cell])
    jump = on("cell_jump")
    if jump is not None:
        cells[jump["cell"] % len(cells)] += jump["mv"]
    invalid = on("sentinel")
    if invalid is not None:
        cells[invalid["cell"] % len(cells)] = None
    if on("cells_invalid") is not None:
        cells[:] = [None] * len(cells)


def _spoil_current(on, fields):
    offset = on("current_offset")
    if offset is not None:
        fields["current_ma"] += offset["ma"]
    if on("current_sign") is not None:
        fields["current_ma"] = -fields["current_ma"]
    scale = on("current_scale")
    if scale is not None:
        fields["current_ma"] *= scale["factor"]


def _spoil_limits(on, fields):
    spike = on("limits_spike")
    zero = on("limits_zero")
    missing = on("limits_missing")
    for key in ("bms_charge_ma", "bms_discharge_ma"):
        if spike is not None:
            fields[key] *= spike["factor"]
        if zero is not None:
            fields[key] = 0
        if missing is not None:
            fields[key] = None
