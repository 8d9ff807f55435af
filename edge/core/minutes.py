# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One minute of one pack: lowest, highest and mean value of what moves.

The mean stands under the metric's own key. What did not change within the minute is its mean, and nothing more is
said. What was never known in the minute is absent.
"""

from edge.core.exact import millionth
from edge.core.registry import KEYS

# Keys of mean, lowest, highest of each channel, one byte each: a board has no room for tuples.
CHANNELS = bytes(
    (
        KEYS["pack_v"],
        KEYS["pack_v_min"],
        KEYS["pack_v_max"],
        KEYS["current"],
        KEYS["current_min"],
        KEYS["current_max"],
        KEYS["power"],
        KEYS["power_min"],
        KEYS["power_max"],
        KEYS["cell_max"],
        KEYS["cell_max_min"],
        KEYS["cell_max_max"],
        KEYS["cell_min"],
        KEYS["cell_min_min"],
        KEYS["cell_min_max"],
        KEYS["temp_max"],
        KEYS["temp_max_min"],
        KEYS["temp_max_max"],
        KEYS["temp_min"],
        KEYS["temp_min_min"],
        KEYS["temp_min_max"],
        KEYS["soc"],
        KEYS["soc_min"],
        KEYS["soc_max"],
        KEYS["charge_limit"],
        KEYS["charge_limit_min"],
        KEYS["charge_limit_max"],
        KEYS["discharge_limit"],
        KEYS["discharge_limit_min"],
        KEYS["discharge_limit_max"],
    )
)
CURRENT = 1
_EMPTY = (0, 0, None, None)  # count, sum, lowest, highest


class Minute:
    """Running minute of one pack: count, sum, lowest and highest of every channel in one flat list."""

    def __init__(self):
        self._sums = list(_EMPTY) * (len(CHANNELS) // 3)
        self._fresh = None

    def take(self, pack):
        """Take the step's believed values and permits (edge.core.controller.Controller)."""
        b = pack.believed
        if b.fresh != self._fresh:
            self._fresh = b.fresh
            power_w = None
            if b.current_ma is not None and b.pack_mv is not None:
                power_w = millionth(b.current_ma, b.pack_mv, 500000)
            self._put(0, b.pack_mv)
            self._put(1, b.current_ma)
            self._put(2, power_w)
            self._put(3, b.cell_max_mv)
            self._put(4, b.cell_min_mv)
            self._put(5, b.temp_max_mc)
            self._put(6, b.temp_min_mc)
        self._put(7, pack.soc_est.value)
        self._put(8, pack.limits.charge_ma)
        self._put(9, pack.limits.discharge_ma)

    def _put(self, channel, value):
        if value is None:
            return
        at = 4 * channel
        sums = self._sums
        sums[at] += 1
        sums[at + 1] += value
        if sums[at + 2] is None or value < sums[at + 2]:
            sums[at + 2] = value
        if sums[at + 3] is None or value > sums[at + 3]:
            sums[at + 3] = value

    def close(self):
        """((key, value), ...) of the minute, and begin the next one."""
        sums = self._sums
        pairs = [(KEYS["samples"], sums[4 * CURRENT])]
        for channel in range(len(CHANNELS) // 3):
            count, total, low, high = sums[4 * channel : 4 * channel + 4]
            if count:
                pairs.append((CHANNELS[3 * channel], (2 * total + count) // (2 * count)))
                if low != high:
                    pairs.append((CHANNELS[3 * channel + 1], low))
                    pairs.append((CHANNELS[3 * channel + 2], high))
        for at in range(len(sums)):
            sums[at] = _EMPTY[at % 4]
        return pairs
