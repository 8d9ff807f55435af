# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A bounded memory of what the pack did: points for the alignment, spread over charge and age.

Each point is a mean over BLOCK_S: counted charge and hours since the reference, cell voltage, and the current
through nothing and the two RC filters, times the resistance's temperature factor. Points fall into BINS by
their charge; a full bin gives up one of its points at random (by the time), so that old and new stay mixed.
"""

from array import array

BINS = 16
PER_BIN = 8
WIDTH = 6
BLOCK_S = 300.0
KEEP_H = 720.0  # a month; older points are given up


class Points:
    """Reservoir of at most BINS x PER_BIN points in single precision (3 kB)."""

    def __init__(self, capacity_ah):
        self.capacity_ah = capacity_ah
        self.data = array("f", [0.0] * (BINS * PER_BIN * WIDTH))
        self.count = [0] * BINS
        self.offset_a = 0.0  # best knowledge of the sensor's offset: keeps the bins in place
        self._sum = [0.0] * WIDTH
        self._span_s = 0.0

    def add(self, dt_s, point):
        """Take dt_s seconds of a point (q_ah, hours, cell_v, i0_a, i1_a, i2_a)."""
        for i in range(WIDTH):
            self._sum[i] += point[i] * dt_s
        self._span_s += dt_s
        if self._span_s >= BLOCK_S:
            self._keep([total / self._span_s for total in self._sum])
            self.cut()

    def cut(self):
        """Forget the block that is being averaged (after a gap)."""
        self._sum = [0.0] * WIDTH
        self._span_s = 0.0

    def _keep(self, point):
        place = int((point[0] - self.offset_a * point[1]) / self.capacity_ah * BINS) % BINS
        if self.count[place] < PER_BIN:
            slot = self.count[place]
            self.count[place] += 1
        else:
            slot = self._slot(place, point[1])
        base = (place * PER_BIN + slot) * WIDTH
        for i in range(WIDTH):
            self.data[base + i] = point[i]

    def _slot(self, place, hours):
        """The oldest point of the bin when it is too old, else any, by the time alone: a point in another bin must not
        change what all later ones do."""
        for slot in range(PER_BIN):
            if hours - self.data[(place * PER_BIN + slot) * WIDTH + 1] > KEEP_H:
                return slot
        dice = (int(hours * 12.0) * 1103515245 + 12345) & 0x7FFFFFFF
        return ((dice ^ (dice >> 12)) * 69069 >> 16) % PER_BIN

    def size(self):
        """Number of points."""
        return sum(self.count)

    def copy(self, ah, hours):
        """The points one after the other, WIDTH numbers each, as a new array; counts and hours against those given."""
        flat = array("f")
        for place in range(BINS):
            base = place * PER_BIN * WIDTH
            flat.extend(self.data[base : base + self.count[place] * WIDTH])
        for k in range(0, len(flat), WIDTH):
            flat[k] -= ah
            flat[k + 1] -= hours
        return flat
