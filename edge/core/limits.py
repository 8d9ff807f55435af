# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What may flow, and who says so: the minimum over named sources, made afresh in every step.

0 is a legal limit. A required input that is missing gives 0; SoC, SoH and imbalance only narrow, and what
is not known of them caps at a constant of the chemistry. Every division rounds toward zero current. Only two
things remember anything, and both can only narrow: the up-ramp, and Held (hysteresis).
"""

from collections import namedtuple

from edge.core.bounds import bound
from edge.core.curve import inside
from edge.core.exact import millionth, ppm_of
from edge.core.records import Limits

# Codes of the sources are the index and go upstream: append only. sources() lists them in order of authority.
SOURCES = (
    "none",
    "mode",
    "input",
    "maker",
    "grade",
    "contract",
    "bms",
    "cell voltage",
    "temperature",
    "SoC",
    "fault",
    "ramp",
    "guard",
    "other pack",
    "late step",
    "SoH",
    "imbalance",
    "engineer",
    "order",
)
(
    S_NONE,
    S_MODE,
    S_INPUT,
    S_MAKER,
    S_GRADE,
    S_CONTRACT,
    S_BMS,
    S_VOLTAGE,
    S_TEMPERATURE,
    S_SOC,
    S_FAULT,
    S_RAMP,
    S_GUARD,
    S_OTHER_PACK,
    S_LATE,
    S_SOH,
    S_IMBALANCE,
    S_ENGINEER,
    S_ORDER,
) = range(len(SOURCES))

PPM = 1000000
SIDES = ("charge_ma", "discharge_ma")  # keys of the documents: charging first, everywhere

# Curves per chemistry. Every curve gives a share (ppm) of the maker's current and 0 outside its domain.
# Charge over the highest cell: mV relative to cell_max_mv of the maker, or of the test centre where that is
# narrower; discharge over the lowest cell: mV above cell_min_mv, the same way. Own choice for reused cells:
# earlier and softer than the curves of public BMS integrations (LFP: full current to 0.25 V, nothing at the
# maximum), because the strongest cell of a reused pack arrives early and alone. LMO (spinel, in the first Leaf
# packs blended with a layered oxide) has the window of NMC and a shorter knee at the bottom: NMC's upper curve,
# and full discharge current from 0.6 V above the minimum.
CHARGE_BY_VOLTAGE = {
    "lfp": ((-4000, PPM), (-250, PPM), (-150, 400000), (-80, 100000), (-20, 20000), (0, 0)),
    "nmc": ((-4000, PPM), (-120, PPM), (-60, 300000), (-20, 50000), (0, 0)),
    "lmo": ((-4000, PPM), (-120, PPM), (-60, 300000), (-20, 50000), (0, 0)),
}
DISCHARGE_BY_VOLTAGE = {
    "lfp": ((0, 0), (50, 50000), (200, 300000), (400, PPM), (4000, PPM)),
    "nmc": ((0, 0), (50, 50000), (200, 300000), (500, PPM), (4000, PPM)),
    "lmo": ((0, 0), (50, 50000), (250, 300000), (600, PPM), (4000, PPM)),
}
# Over temperature in milli-°C. Charging at low temperature plates lithium: shape as vendors publish it for LFP
# packs (0, 5, 10, 40, 45, 50, 55 °C; dbus-serialbattery) and inside the 0 to 45 °C and -20 to 45 °C that
# open BMS firmware (Libre Solar) sets for LFP and NMC. LMO loses manganese when it is hot: it goes down from 35 °C.
CHARGE_BY_TEMPERATURE = {
    "lfp": ((0, 0), (5000, 200000), (12000, PPM), (40000, PPM), (45000, 500000), (55000, 0)),
    "nmc": ((0, 0), (5000, 150000), (15000, PPM), (40000, PPM), (45000, 500000), (55000, 0)),
    "lmo": ((0, 0), (5000, 150000), (15000, PPM), (35000, PPM), (45000, 300000), (50000, 0)),
}
DISCHARGE_BY_TEMPERATURE = {
    "lfp": ((-20000, 0), (-10000, 300000), (5000, PPM), (45000, PPM), (55000, 0)),
    "nmc": ((-20000, 0), (-10000, 300000), (5000, PPM), (45000, PPM), (55000, 0)),
    "lmo": ((-20000, 0), (-10000, 300000), (5000, PPM), (40000, PPM), (50000, 0)),
}
CHARGE_BY_SOC = ((0, PPM), (950000, PPM), (1000000, 200000))
DISCHARGE_BY_SOC = ((0, 50000), (50000, PPM), (1000000, PPM))
# Over SoH, present capacity as a share of the nameplate: the maker's current as C-rate of what is left, from
# 70 % (where second life begins for most makers) down; nothing below 30 %. Own choice.
BY_SOH = ((300000, 0), (500000, 400000), (700000, PPM), (1500000, PPM))
# Over the spread of the cell voltages in mV: a spread that resistance and normal imbalance do not explain is a
# cell that is leaving. foxBMS, for comparison, warns at 300 mV from the mean. Own choice.
BY_SPREAD = {
    "lfp": ((0, PPM), (200, PPM), (500, 200000), (1000, 0)),
    "nmc": ((0, PPM), (150, PPM), (400, 200000), (800, 0)),
    "lmo": ((0, PPM), (150, PPM), (400, 200000), (800, 0)),
}
# What is not known caps at this C-rate: an LFP pack on its plateau must be able to move to learn its SoC.
UNKNOWN_PPM = {"lfp": 200000, "nmc": 200000, "lmo": 200000}
UNKNOWN_STD_PPM = 200000  # an SoC less certain than +-20 % counts as unknown

# Up-ramp per second, share of the maker's current; down is at once.
RAMP_PPM_PER_S = 20000

# Hysteresis: a reading that recedes counts only when it has receded by more than this.
HELD_MV = 20  # or two LSB of the cell voltage, where that is more
HELD_MC = 2000
HELD_PPM = 20000
TEMP_LSB_MC = 1000  # resolution of temperatures where a profile does not say it (facts["temp_lsb_mc"])

# What the derating looks at, each on its dangerous side by one LSB and held by the hysteresis; None = not known.
# full_ppm, empty_ppm: the SoC as charging and discharging see it. *_mv: cells. *_mc: temperatures.
View = namedtuple("View", ("high_mv", "low_mv", "hot_mc", "cold_mc", "full_ppm", "empty_ppm", "soh_ppm", "spread_mv"))
_WORSE = (1, -1, 1, -1, 1, -1, -1, 1)  # direction in which each of View is dangerous


def _lsb_mv(pack):
    return pack["facts"].get("cell_lsb_mv") or 1


def readings(pack, believed, soc, capacity):
    """View of this step, without hysteresis. soc: Est in ppm, capacity: Est in mAh."""
    facts = pack["facts"]
    lsb_mv = _lsb_mv(pack)
    lsb_mc = facts.get("temp_lsb_mc") or TEMP_LSB_MC
    high, low = believed.cell_max_mv, believed.cell_min_mv
    hot, cold = believed.temp_max_mc, believed.temp_min_mc
    mah = capacity.value
    return View(
        None if high is None else high + lsb_mv,
        None if low is None else low - lsb_mv,
        None if hot is None else hot + lsb_mc,
        None if cold is None else cold - lsb_mc,
        soc.value,
        soc.value,
        None if mah is None else ppm_of(mah, pack["capacity_mah"]),
        None if high is None or low is None else high - low + 2 * lsb_mv,
    )


class Held:
    """Hysteresis of one pack: every reading with a play, which follows at once to the dangerous side.

    What step() returns is never less dangerous than what it got, so it can only narrow. A reading that moves by
    less than its play changes nothing: a threshold crossed to and fro gives one transition.
    """

    def __init__(self, pack):
        play_mv = max(HELD_MV, 2 * _lsb_mv(pack))
        self._play = (play_mv, play_mv, HELD_MC, HELD_MC, HELD_PPM, HELD_PPM, HELD_PPM, play_mv)
        self._last = [None] * len(_WORSE)
        self._held = [None] * len(_WORSE)  # room for step()

    def step(self, view):
        """The View that counts. What is not known now is not known; what was held stays for its return."""
        held = self._held
        for i in range(len(_WORSE)):
            value = view[i]
            if value is not None:
                value = _WORSE[i] * value
                if self._last[i] is not None:
                    value = max(value, min(self._last[i], value + self._play[i]))
                self._last[i] = value
                value = _WORSE[i] * value
            held[i] = value
        return View(*held)


def in_force(now_ms, papers, source, ma, end_ms=0):
    """The smallest of ma and what the papers of source say from now to end_ms: no command outlives a lease.

    papers: ((source, value, until_ms or None, value afterwards or None), ...): None as a time = for ever, None
    as a value = says nothing.
    """
    for whose, value, until_ms, after in papers:
        if whose != source:
            continue
        if value is not None and (until_ms is None or now_ms < until_ms):
            ma = min(ma, value)
        if after is not None and until_ms is not None and max(now_ms, end_ms) >= until_ms:
            ma = min(ma, after)
    return ma


def _share(full_ma, ppm):
    return None if ppm is None else millionth(full_ma, ppm)


def _by_temperature(curve, view, low_mc, high_mc, full_ma):
    """Limit in mA by the hottest and the coldest sensor; None when the temperature is not known."""
    hot, cold = view.hot_mc, view.cold_mc
    if hot is None or cold is None:
        return None
    if hot >= high_mc or cold <= low_mc:
        return 0
    return _share(full_ma, min(inside(curve, hot), inside(curve, cold)))


def _narrowing(curve, x, known, full_ma, cap_ma):
    """Limit in mA by a curve that only narrows: unknown gives the cap, hardly known the smaller of both."""
    if x is None:
        return cap_ma
    ma = _share(full_ma, inside(curve, x))
    return ma if known else min(ma, cap_ma)


def _same(a, b):
    # of one type too: 5.0 is equal to 5 and counts as 0
    return a == b and type(a) is type(b)


def _add(rows, before, source, charge_ma, discharge_ma):
    """Append a row to rows: the same object as in the step before where it says the same, as most do."""
    if len(rows) < len(before):
        row = before[len(rows)]
        if row[0] == source and _same(row[1], charge_ma) and _same(row[2], discharge_ma):
            rows.append(row)
            return
    rows.append((source, charge_ma, discharge_ma))


def _derate(rows, before, pack, view, soc_known):
    """Add the rows of the local derating."""
    kind = pack["chemistry"]
    charge_ma, discharge_ma = pack["maker"]["charge_ma"], pack["maker"]["discharge_ma"]
    unknown_ma = millionth(pack["capacity_mah"], UNKNOWN_PPM[kind])
    charge_cap, discharge_cap = min(charge_ma, unknown_ma), min(discharge_ma, unknown_ma)
    high, low = view.high_mv, view.low_mv
    high_ppm = None if high is None else inside(CHARGE_BY_VOLTAGE[kind], high - bound(pack, "cell_max_mv"))
    low_ppm = None if low is None else inside(DISCHARGE_BY_VOLTAGE[kind], low - bound(pack, "cell_min_mv"))
    _add(rows, before, S_VOLTAGE, _share(charge_ma, high_ppm), _share(discharge_ma, low_ppm))
    hottest, coldest = bound(pack, "temp_max_mc"), bound(pack, "temp_min_charge_mc")
    warm_ma = _by_temperature(CHARGE_BY_TEMPERATURE[kind], view, coldest, hottest, charge_ma)
    coldest = bound(pack, "temp_min_mc")
    warm_out_ma = _by_temperature(DISCHARGE_BY_TEMPERATURE[kind], view, coldest, hottest, discharge_ma)
    _add(rows, before, S_TEMPERATURE, warm_ma, warm_out_ma)
    full_ma = _narrowing(CHARGE_BY_SOC, view.full_ppm, soc_known, charge_ma, charge_cap)
    empty_ma = _narrowing(DISCHARGE_BY_SOC, view.empty_ppm, soc_known, discharge_ma, discharge_cap)
    _add(rows, before, S_SOC, full_ma, empty_ma)
    aged_ma = _narrowing(BY_SOH, view.soh_ppm, True, charge_ma, charge_cap)
    _add(rows, before, S_SOH, aged_ma, _narrowing(BY_SOH, view.soh_ppm, True, discharge_ma, discharge_cap))
    curve = BY_SPREAD[kind]
    spread_ma = _narrowing(curve, view.spread_mv, True, charge_ma, charge_cap)
    _add(rows, before, S_IMBALANCE, spread_ma, _narrowing(curve, view.spread_mv, True, discharge_ma, discharge_cap))


def sources(now_ms, pack, believed, view, soc_known, papers, end_ms=0, before=()):
    """((source, charge_ma or None, discharge_ma or None), ...) in order of authority; None = a required input
    is missing. papers: (for charging, for discharging), and end_ms: see in_force(). before: what this gave in the
    step before; what has not changed is kept, so that a step takes little memory."""
    maker, grade = pack["maker"], pack["grade"]
    contract = pack.get("contract") or maker
    rows = []
    if believed.pack_mv is None or believed.current_ma is None:
        _add(rows, before, S_INPUT, None, None)
    _add(rows, before, S_MAKER, maker["charge_ma"], maker["discharge_ma"])
    _add(rows, before, S_GRADE, grade["charge_ma"], grade["discharge_ma"])
    _add(rows, before, S_BMS, believed.bms_charge_ma, believed.bms_discharge_ma)
    _derate(rows, before, pack, view, soc_known)
    for source in (S_CONTRACT, S_ENGINEER, S_ORDER):
        own = contract if source == S_CONTRACT else maker
        charge_ma = in_force(now_ms, papers[0], source, own["charge_ma"], end_ms)
        _add(rows, before, source, charge_ma, in_force(now_ms, papers[1], source, own["discharge_ma"], end_ms))
    return before if _is_kept(rows, before) else tuple(rows)


def _is_kept(rows, before):
    """True when every row is the one of the step before."""
    if len(rows) != len(before):
        return False
    for i in range(len(rows)):
        if rows[i] is not before[i]:
            return False
    return True


def least(rows, column):
    """(ma, source) of the smallest of rows[..][column]; what is no integer counts as 0, and so does what is below;
    the first of equals binds."""
    ma, why = None, S_NONE
    for row in rows:
        value = max(row[column], 0) if type(row[column]) is int else 0
        if ma is None or value < ma:
            ma, why = value, row[0]
    return ma or 0, why


def _binding(rows, column, cap, ramp_ma):
    """(ma, source) that binds: what forces zero comes first, because of equal zeros the reader wants the cause and
    not the consequence; the up-ramp comes last."""
    if cap is not None:
        return 0, cap[0]
    ma, why = least(rows, column)
    return (max(ramp_ma, 0), S_RAMP) if ramp_ma < ma else (ma, why)


def combine(now_ms, pack, believed, view, soc, caps, ramp, papers, end_ms=0, before=()):
    """Limits of one pack now.

    view: of Held. soc: Est in ppm. caps: (charge, discharge), each None (no cap) or (source, 0): mode, input,
    fault or lateness force that direction to zero. ramp: (charge_ma, discharge_ma) that the up-ramp allows.
    papers: of the orders in force, end_ms: of the command that this is for, and before: see sources().
    """
    soc_known = soc.std is not None and soc.std <= UNKNOWN_STD_PPM
    rows = sources(now_ms, pack, believed, view, soc_known, papers, end_ms, before)
    charge_ma, charge_why = _binding(rows, 1, caps[0], ramp[0])
    discharge_ma, discharge_why = _binding(rows, 2, caps[1], ramp[1])
    return Limits(charge_ma, charge_why, discharge_ma, discharge_why, believed.bms_charge_mv, rows)


class Ramp:
    """Up-ramp of one pack: from 0 at boot, RAMP_PPM_PER_S of the maker's currents, down at once."""

    def __init__(self, maker):
        self.rates = (maker["charge_ma"] * RAMP_PPM_PER_S // PPM, maker["discharge_ma"] * RAMP_PPM_PER_S // PPM)
        self._last = (0, 0)
        self._at_ms = None

    def allowed(self, now_ms):
        """(charge_ma, discharge_ma) that may be reached now."""
        span_ms = 0 if self._at_ms is None else max(0, now_ms - self._at_ms)
        last, rates = self._last, self.rates
        return last[0] + rates[0] * span_ms // 1000, last[1] + rates[1] * span_ms // 1000

    def took(self, now_ms, charge_ma, discharge_ma):
        """Remember what was permitted in this step."""
        self._last = (charge_ma, discharge_ma)
        self._at_ms = now_ms
