# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What may flow, and who says so: the minimum over named sources, made afresh in every step.

0 is a legal limit. A required input that is missing gives 0; SoC only narrows, and an unknown SoC caps
at a constant. Every division rounds toward zero current. Only the up-ramp remembers anything.
"""

from edge.core.bounds import bound
from edge.core.curve import inside
from edge.core.records import Limits

# Sources in the order of authority; the code is the index.
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
) = range(len(SOURCES))

PPM = 1000000

# Charge over the highest cell: mV relative to cell_max_mv of the maker, or of the test centre where that is
# narrower; discharge over the lowest cell: mV above cell_min_mv, the same way; share of the maker's current in
# ppm. Own choice for reused cells: earlier and softer than the curves of public BMS integrations (LFP: full
# current to 0.25 V, nothing at the maximum), because the strongest cell of a reused pack arrives early and alone.
CHARGE_BY_VOLTAGE = {
    "lfp": ((-4000, PPM), (-250, PPM), (-150, 400000), (-80, 100000), (-20, 20000), (0, 0)),
    "nmc": ((-4000, PPM), (-120, PPM), (-60, 300000), (-20, 50000), (0, 0)),
}
DISCHARGE_BY_VOLTAGE = {
    "lfp": ((0, 0), (50, 50000), (200, 300000), (400, PPM), (4000, PPM)),
    "nmc": ((0, 0), (50, 50000), (200, 300000), (500, PPM), (4000, PPM)),
}
# Charge and discharge over temperature in milli-°C; 0 outside. LFP and NMC charge at low temperature
# plates lithium: shape as vendors publish for LFP packs (0, 5, 10, 40, 45, 50, 55 °C).
CHARGE_BY_TEMPERATURE = {
    "lfp": ((0, 0), (5000, 200000), (12000, PPM), (40000, PPM), (45000, 500000), (55000, 0)),
    "nmc": ((0, 0), (5000, 150000), (15000, PPM), (40000, PPM), (45000, 500000), (55000, 0)),
}
DISCHARGE_BY_TEMPERATURE = {
    "lfp": ((-20000, 0), (-10000, 300000), (5000, PPM), (45000, PPM), (55000, 0)),
    "nmc": ((-20000, 0), (-10000, 300000), (5000, PPM), (45000, PPM), (55000, 0)),
}
CHARGE_BY_SOC = ((0, PPM), (950000, PPM), (1000000, 200000))
DISCHARGE_BY_SOC = ((0, 50000), (50000, PPM), (1000000, PPM))

# An LFP pack on its plateau must be able to move to learn its SoC: 0.2 C while the SoC is unknown.
UNKNOWN_SOC_PPM = 200000
UNKNOWN_STD_PPM = 200000  # an SoC less certain than +-20 % counts as unknown
# Up-ramp per second, share of the maker's current; down is at once.
RAMP_PPM_PER_S = 20000


def _least(sources):
    """(ma, source) of the smallest; None counts as 0; the first of equals binds."""
    least = None
    why = S_NONE
    for source, ma in sources:
        if ma is None:
            ma = 0
        if ma < 0:
            ma = 0
        if least is None or ma < least:
            least = ma
            why = source
    return (0, S_NONE) if least is None else (least, why)


def _share(reference_ma, ppm):
    return None if ppm is None else reference_ma * ppm // PPM


def _by_temperature(curve, believed, low_mc, high_mc, reference_ma):
    """Limit in mA by the hottest and the coldest sensor; None when the temperature is not known."""
    hot, cold = believed.temp_max_mc, believed.temp_min_mc
    if hot is None or cold is None:
        return None
    if hot >= high_mc or cold <= low_mc:
        return 0
    return _share(reference_ma, min(inside(curve, hot), inside(curve, cold)))


def _by_soc(pack, curve, soc, reference_ma):
    """SoC only narrows: unknown gives the constant cap, never zero and never no limit."""
    if soc.value is None or soc.std > UNKNOWN_STD_PPM:
        return min(reference_ma, pack["capacity_mah"] * UNKNOWN_SOC_PPM // PPM)
    return _share(reference_ma, inside(curve, soc.value))


def charge_sources(pack, believed, soc):
    """((source, mA or None), ...) for charging; None = a required input is missing."""
    maker, grade, contract = pack["maker"], pack["grade"], pack.get("contract")
    full = maker["charge_ma"]
    kind = pack["chemistry"]
    lsb = pack["facts"].get("cell_lsb_mv") or 1
    high = believed.cell_max_mv
    volts = None if high is None else inside(CHARGE_BY_VOLTAGE[kind], high + lsb - bound(pack, "cell_max_mv"))
    return (
        (S_MAKER, full),
        (S_GRADE, grade["charge_ma"]),
        (S_CONTRACT, contract["charge_ma"] if contract else full),
        (S_BMS, believed.bms_charge_ma),
        (S_VOLTAGE, _share(full, volts)),
        (
            S_TEMPERATURE,
            _by_temperature(
                CHARGE_BY_TEMPERATURE[kind],
                believed,
                bound(pack, "temp_min_charge_mc"),
                bound(pack, "temp_max_mc"),
                full,
            ),
        ),
        (S_SOC, _by_soc(pack, CHARGE_BY_SOC, soc, full)),
    )


def discharge_sources(pack, believed, soc):
    """((source, mA or None), ...) for discharging; None = a required input is missing."""
    maker, grade, contract = pack["maker"], pack["grade"], pack.get("contract")
    full = maker["discharge_ma"]
    kind = pack["chemistry"]
    lsb = pack["facts"].get("cell_lsb_mv") or 1
    low = believed.cell_min_mv
    volts = None if low is None else inside(DISCHARGE_BY_VOLTAGE[kind], low - lsb - bound(pack, "cell_min_mv"))
    return (
        (S_MAKER, full),
        (S_GRADE, grade["discharge_ma"]),
        (S_CONTRACT, contract["discharge_ma"] if contract else full),
        (S_BMS, believed.bms_discharge_ma),
        (S_VOLTAGE, _share(full, volts)),
        (
            S_TEMPERATURE,
            _by_temperature(
                DISCHARGE_BY_TEMPERATURE[kind], believed, bound(pack, "temp_min_mc"), bound(pack, "temp_max_mc"), full
            ),
        ),
        (S_SOC, _by_soc(pack, DISCHARGE_BY_SOC, soc, full)),
    )


def combine(pack, believed, soc, caps, ramp):
    """Limits of one pack now.

    soc: Est in ppm. caps: (charge, discharge), each None (no cap) or (source, 0): mode, input, fault or
    lateness force that direction to zero. ramp: (charge_ma, discharge_ma) that the up-ramp allows.
    """
    charge = charge_sources(pack, believed, soc)
    discharge = discharge_sources(pack, believed, soc)
    both = tuple([(charge[i][0], charge[i][1], discharge[i][1]) for i in range(len(charge))])
    # what forces zero comes first: of equal zeros the reader wants the cause, not the consequence
    if caps[0] is not None:
        charge = (caps[0],) + charge
    if caps[1] is not None:
        discharge = (caps[1],) + discharge
    charge_ma, charge_why = _least(charge + ((S_RAMP, ramp[0]),))
    discharge_ma, discharge_why = _least(discharge + ((S_RAMP, ramp[1]),))
    return Limits(charge_ma, charge_why, discharge_ma, discharge_why, believed.bms_charge_mv, both)


class Ramp:
    """Up-ramp of one pack: from 0 at boot, RAMP_PPM_PER_S of the maker's currents, down at once."""

    def __init__(self, maker):
        self.rates = (maker["charge_ma"] * RAMP_PPM_PER_S // PPM, maker["discharge_ma"] * RAMP_PPM_PER_S // PPM)
        self._last = (0, 0)
        self._at_ms = None

    def allowed(self, now_ms):
        """(charge_ma, discharge_ma) that may be reached now."""
        span_ms = 0 if self._at_ms is None else max(0, now_ms - self._at_ms)
        return tuple([self._last[i] + self.rates[i] * span_ms // 1000 for i in (0, 1)])

    def took(self, now_ms, charge_ma, discharge_ma):
        """Remember what was permitted in this step."""
        self._last = (charge_ma, discharge_ma)
        self._at_ms = now_ms
