# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What single cells tell at rest: weakest, strongest, self-discharge.

At each anchor every cell's relaxed voltage gives its own state of charge from the OCV table. The
deviation from the middle cell is comparable only at a similar state of charge, so the first and the
last anchor of one region (low or high) are compared: a cell that lost charge against its peers in
between discharges itself. Where the curve is flat the deviations mean nothing and none is kept.
Idea of delta estimation against a reference cell: G. Plett, Battery Management Systems vol. 2, ch. 5.
"""

from edge.core.records import Est
from edge.core.soc import W_ANCHOR

MAX_HALF_PPM = 30000  # a wider band at the anchor: the curve is too flat here to compare cells
REGION_PPM = 100000  # anchors are comparable when their SoC differs by less than this
READ_STD_MV = 2  # noise and LSB of one relaxed cell reading
# What balancing and the table's shape may do to one deviation between two anchors.
BALANCE_STD_PPM = 4000
MIN_SPAN_MS = 12 * 3600000  # self-discharge needs at least half a day between two anchors
SIGNIFICANT = 3  # sigmas before a leak is reported
ALARM_C = 5000  # and more than capacity per this many hours


class Cells:
    """Deviations of the cells of one pack. state: dict as state() gave it or None."""

    def __init__(self, pack, state=None):
        self.cells = pack["cells"]
        self.last = None  # (clock_ms, soc_ppm, deviations ppm tuple) of the newest usable anchor
        self.first = []  # oldest usable anchor of each region, same shape
        self.leak = None  # (cell, ma, std_ma, clock_ms)
        if state:
            self.last = _tuple(state["last"])
            self.first = [_tuple(a) for a in state["first"]]
            self.leak = tuple(state["leak"]) if state["leak"] else None

    def anchor(self, soc, cell_mv):
        """Take the relaxed cell voltages (tuple of mV) of an anchor of soc (edge.core.soc.Soc)."""
        mean_mv = sum(cell_mv) // len(cell_mv)
        z_ppm, half_ppm = soc.relaxed(mean_mv)
        if half_ppm > MAX_HALF_PPM:
            return
        each = [soc.relaxed(mv)[0] for mv in cell_mv]
        middle = sorted(each)[len(each) // 2]
        now = (soc.clock_ms, z_ppm, tuple([z - middle for z in each]))
        self.last = now
        for index in range(len(self.first)):
            then = self.first[index]
            if abs(then[1] - z_ppm) < REGION_PPM:
                self._compare(soc, then, now, half_ppm)
                return
        self.first.append(now)

    def _compare(self, soc, then, now, half_ppm):
        span_ms = now[0] - then[0]
        if span_ms < MIN_SPAN_MS:
            return
        lost = [then[2][i] - now[2][i] for i in range(self.cells)]
        capacity_mah = soc.capacity().value
        middle = sorted(lost)[len(lost) // 2]
        worst = 0
        for i in range(1, self.cells):
            if lost[i] > lost[worst]:
                worst = i
        # ppm of capacity per span -> mA
        leak_ma = (lost[worst] - middle) * capacity_mah // 1000000 * 3600000 // span_ms
        # one reading's deviation in ppm: voltage noise over the local slope; two readings; the spread of
        # capacities (5 %) acts on the difference of the two anchors' SoC; balancing is not known
        from_mv = half_ppm * READ_STD_MV // 8
        std_ppm = from_mv * 3 // 2 + abs(now[1] - then[1]) // 20 + BALANCE_STD_PPM
        std_ma = std_ppm * capacity_mah // 1000000 * 3600000 // span_ms + 1
        if leak_ma > SIGNIFICANT * std_ma and leak_ma * ALARM_C > capacity_mah:
            self.leak = (worst, leak_ma, std_ma, now[0])
        elif self.leak is not None and self.leak[0] == worst and leak_ma < std_ma:
            self.leak = None

    def extremes(self, soc):
        """((cell, Est), (cell, Est)) of the weakest and strongest cell, or (None, None) when no anchor
        was steep enough to tell cells apart."""
        pack = soc.soc()
        if self.last is None or pack.value is None:
            return None, None
        deviations = self.last[2]
        low = high = 0
        for i in range(1, self.cells):
            if deviations[i] < deviations[low]:
                low = i
            if deviations[i] > deviations[high]:
                high = i
        at_ms = pack.at_ms
        result = []
        for cell in (low, high):
            value = min(max(pack.value + deviations[cell], 0), 1000000)
            result.append((cell, Est(value, pack.std, at_ms, W_ANCHOR)))
        return tuple(result)

    def leak_estimate(self):
        """(cell, Est in mA) of a significant self-discharge, or None."""
        if self.leak is None:
            return None
        return self.leak[0], Est(self.leak[1], self.leak[2], None, W_ANCHOR)

    def state(self):
        """Dict of integers for the store."""
        return {"last": self.last, "first": self.first, "leak": self.leak}


def _tuple(anchor):
    return (anchor[0], anchor[1], tuple(anchor[2])) if anchor else None
