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

MAX_HALF_PPM = 30000  # a wider band of the middle cell at the anchor: too flat here to compare cells
CELL_HALF_PPM = 22000  # a cell whose own band is wider is left out: its voltage says too little
REGION_PPM = 100000  # anchors are comparable when their SoC differs by less than this
READ_SHARE = 4  # noise and LSB of a reading (2 mV) are this part of the band's half width (8 mV)
SLOPE_PERCENT = 20  # the table's slope is not this cell's: relative deviation of every difference
BALANCE_STD_PPM = 2000  # what balancing may do to one deviation between two anchors
MIN_SPAN_MS = 12 * 3600000  # self-discharge needs at least half a day between two anchors
SIGNIFICANT = 3  # sigmas before a leak is reported
ALARM_C = 5000  # and more than capacity per this many hours


class Cells:
    """Deviations of the cells of one pack. state: dict as state() gave it or None."""

    def __init__(self, pack, state=None):
        self.cells = pack["cells"]
        self.last = None  # newest usable anchor: (clock_ms, soc_ppm, deviations ppm, half widths ppm)
        self.first = []  # oldest usable anchor of each region, same shape
        self.leak = None  # (cell, ma, std_ma, clock_ms)
        if state:
            self.last = self._anchor_of(state["last"]) if state["last"] is not None else None
            self.first = [self._anchor_of(saved) for saved in state["first"]]
            self.leak = tuple([int(state["leak"][i]) for i in range(4)]) if state["leak"] is not None else None

    def _anchor_of(self, saved):
        """An anchor as state() gave it; raises when it is not one of this pack."""
        each = tuple([int(ppm) for ppm in saved[2]])
        halves = tuple([int(ppm) for ppm in saved[3]])
        if len(each) != self.cells or len(halves) != self.cells:
            raise ValueError(saved)
        return (int(saved[0]), int(saved[1]), each, halves)

    def anchor(self, soc, cell_mv):
        """Take the relaxed cell voltages (tuple of mV) of an anchor of soc (edge.core.soc.Soc)."""
        mean_mv = sum(cell_mv) // len(cell_mv)
        z_ppm, half_ppm = soc.relaxed(mean_mv)
        if half_ppm > MAX_HALF_PPM:
            return
        bands = [soc.relaxed(mv) for mv in cell_mv]
        middle = sorted([band[0] for band in bands])[len(bands) // 2]
        each = tuple([band[0] - middle for band in bands])
        halves = tuple([band[1] for band in bands])
        now = (soc.clock_ms, z_ppm, each, halves)
        self.last = now
        for then in self.first:
            if abs(then[1] - z_ppm) < REGION_PPM:
                self._compare(soc, then, now)
                return
        self.first.append(now)

    def _compare(self, soc, then, now):
        """Look for the cell that lost most against its peers between two anchors of one region."""
        span_ms = now[0] - then[0]
        if span_ms < MIN_SPAN_MS:
            return
        clear = [i for i in range(self.cells) if max(then[3][i], now[3][i]) <= CELL_HALF_PPM]
        if len(clear) < 2:
            return
        lost = [then[2][i] - now[2][i] for i in clear]
        middle = sorted(lost)[len(lost) // 2]
        most = max(lost)
        cell = clear[lost.index(most)]
        # spread of capacities (5 %) acts on the difference of the two anchors' SoC
        seen_ppm = (then[3][cell] + now[3][cell]) // READ_SHARE + abs(now[1] - then[1]) // 20 + BALANCE_STD_PPM
        std_ppm = seen_ppm + abs(most - middle) * SLOPE_PERCENT // 100
        capacity_mah = soc.capacity().value
        leak_ma = (most - middle) * capacity_mah // 1000000 * 3600000 // span_ms
        std_ma = std_ppm * capacity_mah // 1000000 * 3600000 // span_ms + 1
        known = self.leak
        # an unsure slope scales the leak, but does not make one
        if most - middle > SIGNIFICANT * seen_ppm and leak_ma * ALARM_C > capacity_mah:
            if known is None or std_ma <= known[2] or cell == known[0]:
                self.leak = (cell, leak_ma, std_ma, now[0])
        elif known is not None and known[0] == cell and leak_ma < std_ma:
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
