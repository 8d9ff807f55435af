# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""State of charge and capacity of one pack, independently of the BMS, with an honest standard deviation.

Three layers. The counter holds charge exactly, in mA ms. Every BLOCK_MS the joint filter (edge.core.joint)
takes the mean current and voltage of that block. From time to time the alignment (edge.core.align) fits the
electrodes to what the pack did since the reference; when its result is believed, the filter goes on with the
aged OCV table and with the alignment's state and deviations. work() does a slice of that when there is time.

A gap in the readings is never integrated: it widens the deviation. When more charge than LOST_SHARE of the
capacity may have flowed unseen, the points of the alignment no longer belong together and collecting starts
afresh; the capacity found so far stays as the new prior. A restart is such a gap.
"""

from array import array
from math import sqrt

from edge.core import prior
from edge.core.cell import OTHERS, at, built_in, shared
from edge.core.joint import Joint
from edge.core.records import UNKNOWN, Est

# Why a value is what it is.
WHY = ("unknown", "first voltage", "counted", "voltage", "certificate", "not observable", "alignment")
W_UNKNOWN, W_FIRST, W_COUNTED, W_VOLTAGE, W_CERTIFICATE, W_HIDDEN, W_ALIGNED = range(7)

BLOCK_MS = 10000
UNSEEN_C = 0.5  # what may flow while nobody looks, one standard deviation
LOST_SHARE = 0.003
MAX_GAP_V = 0.005  # half the distance of the branches
OFF_STD = 0.15  # SoC after a restart, against the one saved, when nobody knows how long it lasted
ALIGNED_CURVE_V = 0.005  # error of the OCV table after an alignment
ALIGNED_CURVE_Z = 0.003
STRANGE = 3.0  # a built-in cell stands for a chemistry, not for this type: its curves are that much worse
# A flat table and a voltage reading that is a few mV off: while the steepest place visited lately is s V per
# unit of SoC, the reading's constant error (and on LFP what is not known of the hysteresis) shifts the SoC by
# FLAT_V / s.
FLAT_V = {"nmc": 0.004, "lfp": 0.015, "lmo": 0.008}
STEEP_KEEPS_H = 36.0
STEEP_FITS_V = 0.03  # a place where the voltage is another one was not visited
FLOOR_SHARE = 0.6  # of the alignment's own variance: part of it is in the filter's already
HIDDEN_STD_PPM = 80000

_MA_MS_PER_AH = 3.6e9
_MS_PER_H = 3.6e6
_SCALE = 1e15


def alignable(cell):
    """True when electrodes can be told from this cell's voltage. cell: edge.core.cell.Cell.

    It needs half-cells, and branches that are close: in a simulation with branches 30 mV apart an alignment made
    the SoC of LFP worse (4.4 % rms against 2.9 % without).
    """
    return cell.half is not None and (cell.hysteresis is None or at(cell.hysteresis, 0.5)[0] <= MAX_GAP_V)


class Soc:
    """SoC and capacity of one pack. pack: its settings; state: dict as state() gave it or None."""

    def __init__(self, pack, state=None):
        grade = pack["grade"]
        self.cells = pack["cells"]
        self.chemistry = pack["chemistry"]
        self.cell = shared(pack)
        self.strange = 1.0 if pack.get("cell") is not None else STRANGE
        self.type = None  # name of the built-in type, when the alignment found it is another one
        self.capacity_ah = grade["capacity_mah"] / 1000.0
        self.capacity_std_ah = grade["capacity_std_mah"] / 1000.0
        self.certificate = (self.capacity_ah, self.capacity_std_ah)
        self.joint = Joint(self.cell, self.capacity_ah, self.capacity_std_ah / self.capacity_ah)
        self.joint.curve_v = prior.STD_OCV_V[self.chemistry] * self.strange
        self.joint.curve_z *= self.strange
        self.rounds = self._aligner()
        if self.cell.half is not None and self.certificate[0] < self.cell.nominal_ah:
            self._wear()
        self.electrodes = None  # (n, p, l) of the last believed alignment
        self.clock_ms = 0  # operating time: goes on across restarts
        self.informed_ms = None  # clock_ms when a voltage last told something
        self.aligned_ms = None
        self.floor = self._unaligned()
        self.why = W_UNKNOWN
        self._capacity = None  # (Ah, its deviation, Est) while there was no alignment
        self._std = (None, None, None, None, None)  # what std() is made of, and what it was
        self._known = False
        self._guess = None
        self._seen_ms = None
        self._temp_mc = None
        self._warmth = 1.0
        self._steep = 0.0
        self._block = [0, 0, 0, 0]  # mA ms, ms, mV ms of one cell, ms with a voltage
        self._reference()
        if state:
            self._load(state)

    def _reference(self):
        """Counts and hours of the alignment begin at zero here; its points go."""
        self.charge = 0  # mA ms since the reference
        self.span_ms = 0
        self._lost_ah = 0.0
        self.slow = [0.0, 0.0]
        if self.rounds is not None:
            self.rounds.reset(self)

    def _aligner(self):
        """The alignment's rounds, or None for a cell that cannot be aligned: their code is not even loaded then."""
        if not alignable(self.cell):
            return None
        align = __import__("edge.core.rounds", None, None, ("Rounds",))
        return align.Rounds(self)

    def _wear(self):
        """Take the OCV table that a cell of the certified capacity is expected to have."""
        self.joint.ocv = array("f", self.cell.ocv)
        if self.rounds is not None:
            align = self.rounds.align
        else:
            module = __import__("edge.core.align", None, None, ("Align",))
            align = module.Align(self.cell, self.capacity_ah, self.capacity_std_ah)
        align.worn(self.joint.ocv)

    def _unaligned(self):
        """Deviation of the SoC by the curve of the type, aged to the certificate."""
        return prior.soc_std(self.chemistry, 1.0 - self.certificate[0] / self.cell.nominal_ah, self.strange)

    def doubt(self):
        """What was believed once does not fit what came later: it stays, with the deviations of before."""
        self.floor = max(self.floor, self._unaligned())
        certified_ah, std_ah = self.certificate
        self.capacity_std_ah = max(self.capacity_std_ah, std_ah, abs(self.capacity_ah - certified_ah))

    def typed(self, name):
        """The cell of this size of a built-in type."""
        return shared({"cell": built_in(name), "capacity_mah": int(self.cell.nominal_ah * 1000.0 + 0.5)})

    def become(self, name, cell):
        """Go on as a cell of another built-in type; name None: it is the one at hand."""
        if name is not None:
            self.type = name
            self.cell = self.joint.cell = cell
            self.joint.ocv = cell.ocv

    def hint(self, z, std):
        """A first guess of the SoC from outside (0..1 and its deviation), before the first reading."""
        self._guess = (z, std)

    # ---- time update -------------------------------------------------------------------------

    def step(self, now_ms, charge_ma_ms, known_ms, unknown_ms, current_ma, pack_mv, temp_mc=None):
        """Take what the metering counted since the last fresh reading, and that reading (None = not known).

        Returns (seconds, mean current in A, mean cell voltage in V or None) when a block is complete, else None.
        """
        self._seen_ms = now_ms
        self.clock_ms += known_ms + unknown_ms
        if temp_mc is not None and temp_mc != self._temp_mc:
            self._temp_mc = temp_mc
            self._warmth = self.cell.warmth(temp_mc)
        if not self._known and current_ma is not None and pack_mv is not None:
            self._first(current_ma / 1000.0, pack_mv / 1000.0 / self.cells)
        block = self._block
        block[0] += charge_ma_ms
        block[1] += known_ms
        if pack_mv is not None:
            block[2] += pack_mv * known_ms // self.cells
            block[3] += known_ms
        if unknown_ms:
            self._fold()
            self._gap(unknown_ms / _MS_PER_H)
        elif block[1] >= BLOCK_MS:
            return self._fold()
        return None

    def _first(self, current_a, cell_v):
        """First SoC: by the first voltage, and by the guess or the saved value."""
        self._known = True
        z0, std0 = self._guess if self._guess is not None else (0.5, 1.0)
        self.joint.first(z0, std0, current_a, cell_v, self._warmth)
        self.why = W_FIRST

    def _fold(self):
        """Give the counted block to the filter and to the points."""
        charge, known_ms, mv_ms, volts_ms = self._block
        if known_ms == 0 or not self._known:
            return None
        self._block = [0, 0, 0, 0]
        dt_s = known_ms / 1000.0
        current_a = charge / 1000.0 / known_ms
        cell_v = mv_ms / 1000.0 / volts_ms if volts_ms * 2 > known_ms else None
        joint = self.joint
        informed = joint.step(dt_s, current_a, cell_v, self._warmth)
        if informed:
            self.informed_ms = self.clock_ms
        self.why = W_VOLTAGE if informed else W_COUNTED
        self._steep *= 1.0 - dt_s / 3600.0 / STEEP_KEEPS_H
        if -STEEP_FITS_V < joint.innovation_v < STEEP_FITS_V:
            self._steep = max(self._slope(), self._steep)
        self.charge += charge
        self.span_ms += known_ms
        warm_a = current_a * self._warmth
        slow = self.slow
        slow[0] += (1.0 - joint.a1) * (warm_a - slow[0])
        slow[1] += (1.0 - joint.a2) * (warm_a - slow[1])
        if self.rounds is not None:
            self.rounds.take(self, dt_s, cell_v, warm_a)
        return dt_s, current_a, cell_v

    def _slope(self):
        """Slope of the table where the pack is, the least within the filter's deviation: V per unit of SoC."""
        joint = self.joint
        z, std = joint.x[0], sqrt(max(joint.p[0], 0.0))
        return min([at(joint.ocv, place)[1] for place in (z - std, z, z + std)])

    def place(self):
        """(counted Ah, hours) since the reference."""
        return self.charge / _MA_MS_PER_AH, self.span_ms / _MS_PER_H

    def _gap(self, hours):
        """Nobody looked for that long: the deviation grows, nothing is integrated."""
        self.joint.gap(UNSEEN_C * self.cell.nominal_ah, hours)
        if self.rounds is not None:
            self.rounds.points.cut()
        self._lost_ah += UNSEEN_C * self.cell.nominal_ah * hours
        if self._lost_ah > LOST_SHARE * self.capacity_ah:
            self._forget()

    def _forget(self):
        """The count has a hole: what was learned of the capacity stays, the points go."""
        self._reference()

    # ---- alignment ---------------------------------------------------------------------------

    def work(self):
        """Do one slice of the alignment when a round is due or under way; True while there is work."""
        return self.rounds is not None and self.rounds.work(self)

    # ---- results -----------------------------------------------------------------------------------

    def _at_ms(self, clock_ms):
        """Monotonic time of a moment of the operating clock, or None; before this boot it is negative."""
        if clock_ms is None or self._seen_ms is None:
            return None
        return self._seen_ms - (self.clock_ms - clock_ms)

    def std(self):
        """One standard deviation of the SoC, 0..1."""
        kept, of_z = self._std, self.joint.p[0]
        if kept[0] is of_z and kept[1] is self.floor and kept[2] is self._steep and kept[3] is self.aligned_ms:
            return kept[4]
        variance = max(of_z, 0.0) + FLOOR_SHARE * self.floor * self.floor
        if self.aligned_ms is None:
            flat = FLAT_V[self.chemistry] * self.strange / max(self._steep, 0.01)
            variance += flat * flat
        std = min(sqrt(variance), 0.5)
        self._std = (of_z, self.floor, self._steep, self.aligned_ms, std)
        return std

    def soc(self):
        """Est of the pack's SoC in ppm, with the charge counted since the last block."""
        if not self._known:
            return UNKNOWN
        joint = self.joint
        ah = self._block[0] / _MA_MS_PER_AH - joint.x[3] * self._block[1] / _MS_PER_H
        z = joint.x[0] + ah / joint.capacity_ah
        std_ppm = int(self.std() * 1000000.0) + 1
        why = W_HIDDEN if std_ppm > HIDDEN_STD_PPM else self.why
        return Est(int(min(max(z, 0.0), 1.0) * 1000000.0 + 0.5), std_ppm, self._at_ms(self.informed_ms), why)

    def capacity(self):
        """Est of the present capacity in mAh; the sensor's unknown gain is part of the deviation."""
        kept = self._capacity
        if kept and self.aligned_ms is None and kept[0] is self.capacity_ah and kept[1] is self.capacity_std_ah:
            return kept[2]
        mah = int(self.capacity_ah * 1000.0 + 0.5)
        gain_ah = 0.0
        if self.aligned_ms is not None:
            gain_ah = self.capacity_ah * prior.gain_std(self.joint.x[3] / self.cell.nominal_ah)
        std_ah = sqrt(self.capacity_std_ah * self.capacity_std_ah + gain_ah * gain_ah)
        why = W_CERTIFICATE if self.aligned_ms is None else W_ALIGNED
        est = Est(mah, int(std_ah * 1000.0) + 1, self._at_ms(self.aligned_ms), why)
        self._capacity = (self.capacity_ah, self.capacity_std_ah, est) if self.aligned_ms is None else None
        return est

    def bias(self):
        """Est of the current sensor's offset in mA."""
        joint = self.joint
        std_ma = int(sqrt(max(joint.p[9], 0.0)) * 1000.0) + 1
        return Est(int(joint.x[3] * 1000.0), std_ma, self._at_ms(self.informed_ms), self.why)

    def ageing(self):
        """(LLI, LAM of the negative, LAM of the positive electrode) in ppm of the fresh cell, or None."""
        if self.electrodes is None:
            return None
        n, p, lithium = self.electrodes
        return tuple([int((1.0 - share) * 1000000.0) for share in (lithium, n, p)])

    # ---- saved state ---------------------------------------------------------------------------------

    def state(self):
        """Dict of integers for the store; floats are kept as parts of 10^15."""
        joint = self.joint
        aged = None
        if self.electrodes is not None:
            aged = {
                "electrodes": [int(share * _SCALE) for share in self.electrodes],
                "ocv_uv": [int(volt * 1000000.0 + 0.5) for volt in joint.ocv],
            }
        return {
            "x": [int(v * _SCALE) for v in joint.x],
            "p": [int(v * _SCALE * 1000.0) for v in joint.p],
            "more": [
                int(v * _SCALE) for v in (joint.ratio, joint.h, joint.h_std, joint.capacity_ah, self.floor, self._steep)
            ],
            "capacity": [int(self.capacity_ah * _SCALE), int(self.capacity_std_ah * _SCALE)],
            "known": 1 if self._known or self._guess is not None else 0,
            "clock_ms": self.clock_ms,
            "informed_ms": self.informed_ms,
            "aligned_ms": self.aligned_ms,
            "aged": aged,
            "type": self.type,
        }

    def _load(self, state):
        """Take a saved state; raises ValueError, KeyError or TypeError when it is damaged."""
        x = [int(v) / _SCALE for v in state["x"]]
        p = [int(v) / _SCALE / 1000.0 for v in state["p"]]
        ratio, h, h_std, joint_ah, floor, steep = [int(v) / _SCALE for v in state["more"]]
        capacity_ah, std_ah = [int(v) / _SCALE for v in state["capacity"]]
        nominal = self.cell.nominal_ah
        if len(x) != 7 or len(p) != 28 or not (-0.06 < x[0] < 1.06 and 0.1 < x[4] < 7.0 and 0.01 < ratio < 50.0):
            raise ValueError(state["x"])
        if not (0.2 < capacity_ah / nominal < 2.0 and 0.2 < joint_ah / nominal < 2.0 and 0.0 < std_ah < nominal):
            raise ValueError(state["capacity"])
        for i in (0, 2, 5, 9, 14, 20, 27):
            if p[i] < 0.0:
                raise ValueError(state["p"])
        for key in ("clock_ms", "informed_ms", "aligned_ms"):
            if not isinstance(state[key], int) and (key == "clock_ms" or state[key] is not None):
                raise ValueError(key)
        joint = self.joint
        joint.x, joint.p = x, p
        joint.ratio, joint.h, joint.h_std, joint.capacity_ah, self.floor = ratio, h, h_std, joint_ah, floor
        self.capacity_ah, self.capacity_std_ah = capacity_ah, std_ah
        self._steep = min(max(steep, 0.0), 50.0)
        self.clock_ms = state["clock_ms"]
        self.informed_ms, self.aligned_ms = state["informed_ms"], state["aligned_ms"]
        if state.get("type") is not None and self.strange > 1.0:
            self._typed(state["type"])
        if state["aged"] is not None:
            self._aged(state["aged"])
            if self.rounds is not None:
                self.rounds.others = ()  # the type was chosen then
        self._restart(bool(state["known"]))

    def _typed(self, name):
        if name not in OTHERS[self.chemistry]:
            raise ValueError(name)
        self.become(name, self.typed(name))
        self.rounds = self._aligner()

    def _aged(self, saved):
        table = [int(uv) / 1000000.0 for uv in saved["ocv_uv"]]
        shares = tuple([int(share) / _SCALE for share in saved["electrodes"]])
        if len(table) != len(self.joint.ocv) or len(shares) != 3 or not 0.2 < min(shares) <= max(shares) < 2.0:
            raise ValueError(saved)
        if min(table) < 1.0 or max(table) > 5.0:
            raise ValueError(saved["ocv_uv"])
        self.joint.ocv = array("f", table)
        self.electrodes = shares
        self.joint.curve_v = ALIGNED_CURVE_V * self.strange
        self.joint.curve_z = ALIGNED_CURVE_Z

    def _restart(self, known):
        """Nobody knows how long it was off: the first voltage judges the saved SoC."""
        self._forget()
        self.joint.restart()
        if known:
            self._guess = (self.joint.x[0], sqrt(self.joint.p[0] + OFF_STD * OFF_STD))

    def resumed(self, off_s):
        """A trusted clock says how long it was off (s): less may have flowed than over an unknown time."""
        if self._guess is not None and not self._known and off_s >= 0:
            unseen = min(UNSEEN_C * self.cell.nominal_ah * off_s / 3600.0 / self.capacity_ah, OFF_STD)
            self._guess = (self.joint.x[0], sqrt(self.joint.p[0] + unseen * unseen))
