# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""SunSpec models 1, 802, 803, 804, 805 and 704 of a running site, as registers.

A model is a list of registers from its id on; the offsets are those of the SunSpec Information Model
Specification. Several packs are strings of one bank, each with one module. Evt1 has the packs' own alarms and
ours by meaning; EvtVnd1 and EvtVnd2 carry our fault codes, bit k of EvtVnd1 is fault k, of EvtVnd2 fault 32 + k.
"""

from struct import pack

from edge.core import faults as f
from edge.core.records import ALARMS, OK
from edge.core.report import VERSION_TEXT
from edge.shell.gateway_sunspec_power import PowerModel

BASE = 40000
NO_UINT = 0xFFFF
NO_INT = 0x8000
NO_LONG = (0xFFFF, 0xFFFF)
HEAD_802 = 64
HEAD_803 = 28
STRING_803 = 32
HEAD_804 = 48
MODULE_804 = 16
HEAD_805 = 44
CELL_805 = 4

# State of model 802 by the mode of the worst pack; StrSt of 803 and 804: enabled, contactor closed.
_STATES = {f.STARTING: 2, f.RUNNING: 3, f.STOPPED: 4, f.OPEN: 99, f.LOCKED: 99}
_DISCHARGING, _CHARGING, _HOLDING = 3, 4, 6
_LITHIUM_ION = 4
_REMOTE, _LOCAL = 0, 1  # LocRemCtl: requests for power are taken, or nothing is
_REST_PPM = 5000  # of the rated capacity per hour: less is at rest
LOOP_MS = 3000  # a step this much later than it was due: nothing counts as live any more

# What of ours has a name in Evt1. Every other fault of level WARN or above is other_alarm.
_EVENTS = {
    f.F_BMS_SILENT: "comm_error",
    f.F_INPUT_INVALID: "comm_error",
    f.F_PCS_SILENT: "comm_error",
    f.F_CELL_HIGH: "over_volt_warning",
    f.F_CELL_OVER_VOLT: "over_volt_alarm",
    f.F_CELL_LOW: "under_volt_warning",
    f.F_CELL_UNDER_VOLT: "under_volt_alarm",
    f.F_DEEP_DISCHARGE: "under_volt_alarm",
    f.F_TEMP_HIGH: "over_temp_warning",
    f.F_TEMP_OVER: "over_temp_alarm",
    f.F_TEMP_FAR_OVER: "over_temp_alarm",
    f.F_TEMP_LOW_CHARGE: "under_temp_warning",
    f.F_TEMP_LOW: "under_temp_warning",
    f.F_INSULATION: "ground_fault",
    f.F_DOOR: "open_door",
    f.F_FLOW_WHILE_OPEN: "contactor_error",
}
_COMM_ERROR = 1 << ALARMS.index("comm_error")


class Models:
    """Registers of the site of settings. They change with the steps of the loop; within one step every read
    sees the same."""

    def __init__(self, settings):
        self.settings = settings
        packs = settings["packs"]
        self.rated_mah = sum([row["capacity_mah"] for row in packs])
        most_ma = sum([max(row["maker"]["charge_ma"], row["maker"]["discharge_ma"]) for row in packs])
        self.amp_sf = 0 if most_ma > 1000000 else -1  # room for three times that in 16 bits
        self.capacity_sf = 0 if self.rated_mah > 6000000 else -1
        self.watt_sf = 0
        while settings["pcs"]["power_w"] > 30000 * 10**self.watt_sf:
            self.watt_sf += 1
        self.power = PowerModel(settings["pcs"]["power_w"])
        self.power_at = None  # address of model 704
        self.beat = 0
        self._fresh = None
        self._key = ()
        self._registers = []

    def read(self, site, now_ms, address, count):
        """Data (bytes) of count registers from address; None where no register is.

        site: edge.core.site.Site after a step, or None before the first. now_ms: monotonic.
        """
        live = is_live(site, now_ms)
        key = (live, site.decision if site is not None else None, self.power.changes)
        if key != self._key:
            self._key = key
            self._registers = self._build(site if live else None, now_ms)
        first = address - BASE
        if first < 0 or first + count > len(self._registers):
            return None
        return pack(">%dH" % count, *self._registers[first : first + count])

    def _build(self, site, now_ms):
        packs = [Pack(site, index, row) for index, row in enumerate(self.settings["packs"])]
        self._count_beat(site)
        words = [0x5375, 0x6E53]
        for model in [self._common(), self._bank(site, packs), self._strings(packs)]:
            words += model
        for one in packs:
            words += self._string(one)
        for one in packs:
            words += self._module(one)
        self.power_at = BASE + len(words)
        words += self.power.words(now_ms)
        return [word & 0xFFFF for word in words + [0xFFFF, 0]]

    def _count_beat(self, site):
        """One beat when every pack has brought a fresh value since the last."""
        if site is None:
            return
        fresh = [one.believed.fresh for one in site.packs]
        if self._fresh is None or not [1 for new, old in zip(fresh, self._fresh) if new == old]:
            self._fresh = fresh
            self.beat = self.beat + 1 & 0x7FFF

    def _common(self):
        words = [1, 66]
        for value, size in (
            ("reuse-edge", 16),
            ("second-life site", 16),
            ("", 8),
            (VERSION_TEXT, 8),
            (self.settings["device"], 16),
        ):
            words += text_words(value, size)
        return words + [1, NO_INT]

    def _bank(self, site, packs):
        """Model 802: the packs together."""
        words = [802, 62] + [NO_UINT] * (HEAD_802 - 2)
        words[2] = scaled(self.rated_mah, 3 + self.capacity_sf, False)
        words[4] = words[5] = self.settings["pcs"]["power_w"] // 10**self.watt_sf
        words[11] = share(packs, "soc_ppm")
        words[13] = share(packs, "soh_ppm")
        words[14:16] = long_words(most([one.cycles for one in packs]))
        current_ma = total([one.current_ma for one in packs])
        words[16] = flow(current_ma, self.rated_mah)
        words[17] = _REMOTE if site is not None and site.settings["mode"] == "control" else _LOCAL
        words[18] = self.beat
        words[20] = 0  # AlmRst
        words[21] = _LITHIUM_ION
        words[22] = NO_UINT if site is None else _STATES[max([one.mode for one in packs])]
        events = 0
        faults = 0
        for one in packs:
            events |= one.events
            faults |= one.faults
        words[26:28] = long_words(events)
        words[28:30] = [0, 0]
        words[30:34] = long_words(faults & 0xFFFFFFFF) + long_words(faults >> 32)
        volts = [one.pack_mv for one in packs]
        pack_mv = None if None in volts else sum(volts) // len(volts)
        words[34] = scaled(pack_mv, 2, False)
        charge_mv = [one.charge_mv for one in packs]
        words[35] = scaled(None if None in charge_mv else min(charge_mv), 2, False)
        highest = extreme(packs, "cell_max_mv", max)
        lowest = extreme(packs, "cell_min_mv", min)
        words[37:40] = [scaled(highest[0], 0, False), highest[1], highest[2]]
        words[40:43] = [scaled(lowest[0], 0, False), lowest[1], lowest[2]]
        words[44] = scaled(None if current_ma is None else -current_ma, 3 + self.amp_sf, True)
        charge_ma, _, discharge_ma, _ = site.site_limits if site is not None else (0, 0, 0, 0)
        words[45] = scaled(charge_ma, 3 + self.amp_sf, False)
        words[46] = scaled(discharge_ma, 3 + self.amp_sf, False)
        power_w = None if current_ma is None or pack_mv is None else -(pack_mv * current_ma // 1000000)
        words[47] = scaled(power_w, self.watt_sf, True)
        words[49] = NO_INT  # ReqW
        words[52:64] = [
            self.capacity_sf,
            NO_INT,
            self.watt_sf,
            NO_INT,
            -2,
            NO_INT,
            -2,
            -1,
            -3,
            self.amp_sf,
            self.amp_sf,
            self.watt_sf,
        ]
        return words

    def _strings(self, packs):
        """Model 803: one string per pack."""
        words = [803, HEAD_803 - 2 + STRING_803 * len(packs)] + [NO_UINT] * (HEAD_803 - 2)
        words[2] = len(packs)
        words[3] = len([one for one in packs if one.mode in (f.RUNNING, f.STOPPED)])
        hottest = extreme(packs, "temp_max_mc", max)
        coldest = extreme(packs, "temp_min_mc", min)
        words[4:7] = [scaled(hottest[0], 2, True), hottest[1], hottest[2]]
        words[7:10] = [scaled(coldest[0], 2, True), coldest[1], coldest[2]]
        words[10] = words[16] = words[18] = words[20] = NO_INT
        words[22:28] = [-3, -1, self.amp_sf, -2, -2, -1]
        for one in packs:
            row = [NO_UINT] * STRING_803
            row[0] = 1
            row[1:3] = long_words(one.status)
            row[4:6] = [percent(one.soc_ppm), percent(one.soh_ppm)]
            row[6] = self._amps(one)
            row[7:12] = cell_words(one)
            row[12:17] = temp_words(one)
            row[20:22] = long_words(one.events)
            row[22:24] = [0, 0]
            row[24:28] = long_words(one.faults & 0xFFFFFFFF) + long_words(one.faults >> 32)
            row[30:32] = [NO_INT, NO_INT]
            words += row
        return words

    def _string(self, one):
        """Model 804 of one pack."""
        words = [804, HEAD_804 - 2 + MODULE_804] + [NO_UINT] * (HEAD_804 - 2)
        words[2:4] = [one.index + 1, 1]
        words[4:6] = long_words(one.status)
        words[8] = percent(one.soc_ppm)
        words[10:12] = long_words(one.cycles)
        words[12] = percent(one.soh_ppm)
        words[13] = self._amps(one)
        words[14] = scaled(one.pack_mv, 2, False)
        words[15:20] = cell_words(one)
        words[20:25] = temp_words(one)
        words[25] = NO_INT
        words[28:30] = long_words(one.events)
        words[30:32] = [0, 0]
        words[32:36] = long_words(one.faults & 0xFFFFFFFF) + long_words(one.faults >> 32)
        words[38:48] = [-2, -2, NO_INT, self.amp_sf, -1, -3, -1, NO_INT, NO_INT, NO_INT]
        module = [NO_UINT] * MODULE_804
        module[0:3] = [one.row["cells"], percent(one.soc_ppm), percent(one.soh_ppm)]
        module[3:8] = cell_words(one, True)
        module[8:13] = temp_words(one)
        module[9] = module[11] = NO_UINT  # which cell a sensor sits at is not known
        module[13:16] = [NO_INT, NO_INT, NO_INT]
        return words + module

    def _module(self, one):
        """Model 805 of one pack: every cell."""
        cells = one.row["cells"]
        words = [805, HEAD_805 - 2 + CELL_805 * cells] + [NO_UINT] * (HEAD_805 - 2)
        words[2:5] = [one.index + 1, 1, cells]
        words[5] = percent(one.soc_ppm)
        words[7] = percent(one.soh_ppm)
        words[8:10] = long_words(one.cycles)
        words[10] = scaled(one.pack_mv, 2, False)
        words[11:16] = cell_words(one, True)
        words[16:21] = temp_words(one)
        words[17] = words[19] = NO_UINT
        words[22:38] = text_words(one.row.get("serial") or one.row["id"], 16)
        words[38:44] = [-2, -2, NO_INT, -1, -3, -1]
        for cell_mv in one.cell_mv:
            words += [scaled(cell_mv, 0, False), NO_INT, 0xFFFF, 0xFFFF]
        return words

    def _amps(self, one):
        return scaled(None if one.current_ma is None else -one.current_ma, 3 + self.amp_sf, True)


class Pack:
    """What is known now of pack number index (row: its settings). site None: nothing is known."""

    def __init__(self, site, index, row):
        self.index = index
        self.row = row
        self.mode = f.STARTING
        self.pack_mv = self.current_ma = self.cell_max_mv = self.cell_min_mv = None
        self.temp_max_mc = self.temp_min_mc = self.charge_mv = None
        self.soc_ppm = self.soh_ppm = self.cycles = None
        self.capacity_mah = row["capacity_mah"]
        self.cell_mv = (None,) * row["cells"]
        self.events = _COMM_ERROR
        self.faults = 0
        self.status = None
        if site is not None:
            self._look(site.packs[index])

    def _look(self, controller):
        believed = controller.believed
        self.mode = controller.mode
        self.status = 3 if controller.mode in (f.RUNNING, f.STOPPED) else 0
        self.pack_mv = believed.pack_mv
        self.current_ma = believed.current_ma
        self.cell_max_mv, self.cell_min_mv = believed.cell_max_mv, believed.cell_min_mv
        self.temp_max_mc, self.temp_min_mc = believed.temp_max_mc, believed.temp_min_mc
        self.charge_mv = believed.bms_charge_mv
        if believed.cell_mv is not None and len(believed.cell_mv) == len(self.cell_mv):
            self.cell_mv = believed.cell_mv
        self._events(controller, believed)
        if believed.worst != OK:
            return  # an estimate goes on without its BMS, but it is not live
        estimates = controller.estimates()
        self.soc_ppm = estimates.soc.value
        self.cycles = estimates.efc_ppm // 1000000
        if estimates.capacity_mah.value is not None:
            self.soh_ppm = estimates.capacity_mah.value * 1000000 // self.capacity_mah

    def _events(self, controller, believed):
        self.events = _COMM_ERROR if believed.alarms is None else believed.alarms & 0x7FFFFFFF
        for fault, active in enumerate(controller.faults.active):
            if active:
                self.faults |= 1 << fault
                if f.FAULTS[fault][1] != f.INFO:
                    self.events |= 1 << ALARMS.index(_EVENTS.get(fault, "other_alarm"))


def is_live(site, now_ms):
    """True when site has done a step, and the next one is not overdue."""
    return site is not None and site.wake_ms is not None and now_ms <= site.wake_ms + LOOP_MS


def scaled(value, digits, signed):
    """value (integer or None) divided by ten to the digits, toward zero, as a register; what is unknown or does
    not fit is "not implemented"."""
    blank = NO_INT if signed else NO_UINT
    if value is None:
        return blank
    size = abs(value) // 10**digits
    if size > (0x7FFF if signed else 0xFFFE) or (value < 0 and not signed):
        return blank
    return (-size if value < 0 else size) & 0xFFFF


def percent(ppm):
    """A share in ppm as a register in 0.01 %."""
    return scaled(ppm, 2, False)


def share(packs, name):
    """Share of the packs together, weighted by rated capacity, as a register in 0.01 %; unknown when one is."""
    values = [getattr(one, name) for one in packs]
    if None in values:
        return NO_UINT
    weights = [one.capacity_mah for one in packs]
    return percent(sum([value * weight for value, weight in zip(values, weights)]) // sum(weights))


def total(values):
    """Sum, None when one is unknown."""
    return None if None in values else sum(values)


def most(values):
    """Largest, None when one is unknown."""
    return None if None in values else max(values)


def extreme(packs, name, better):
    """(value, string, module) of the pack with the extreme value; unknown when one pack's is."""
    values = [getattr(one, name) for one in packs]
    if None in values:
        return None, NO_UINT, NO_UINT
    best = better(values)
    return best, values.index(best) + 1, 1


def flow(current_ma, rated_mah):
    """ChaSt of model 802. current_ma: + charges, None unknown."""
    if current_ma is None:
        return NO_UINT
    if abs(current_ma) * 1000000 <= rated_mah * _REST_PPM:
        return _HOLDING
    return _CHARGING if current_ma > 0 else _DISCHARGING


def cell_words(one, places=False):
    """Highest cell, where, lowest cell, where, mean. places: where is the cell's number, else the module's."""
    known = None not in one.cell_mv
    mean = sum(one.cell_mv) // len(one.cell_mv) if known else None
    words = [scaled(one.cell_max_mv, 0, False), NO_UINT, scaled(one.cell_min_mv, 0, False), NO_UINT]
    if places and known:
        words[1] = one.cell_mv.index(max(one.cell_mv)) + 1
        words[3] = one.cell_mv.index(min(one.cell_mv)) + 1
    elif not places and one.cell_max_mv is not None:
        words[1] = words[3] = 1
    return words + [scaled(mean, 0, False)]


def temp_words(one):
    """Hottest, where, coldest, where, mean; the mean is not known."""
    where = NO_UINT if one.temp_max_mc is None else 1
    return [scaled(one.temp_max_mc, 2, True), where, scaled(one.temp_min_mc, 2, True), where, NO_INT]


def long_words(value):
    """Two registers of a value of 32 bits; None is not implemented."""
    return list(NO_LONG) if value is None else [value >> 16 & 0xFFFF, value & 0xFFFF]


def text_words(text, size):
    """size registers of text, cut or filled with zero bytes."""
    data = text.encode("ascii", "replace")[: 2 * size]
    data += bytes(2 * size - len(data))
    return [data[k] << 8 | data[k + 1] for k in range(0, len(data), 2)]
