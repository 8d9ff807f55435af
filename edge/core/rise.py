# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Does the pack heat itself? The rise of the hottest sensor that its current does not explain.

Two signs. Fast: 1 K/s in three fresh readings in a row, the rate that GB 38031 and UN GTR 20 take for a thermal
runaway that has begun. Slow: 1 K in each of three minutes one after the other, beyond 1 K per minute that the maker's
current may cause (what flows counts by its square). Own choice: ten times what a rack of cells reaches in operation,
and 50 times above the 0.02 K/min at which self-heating is first measured in a calorimeter. A step of a sensor lies in
one minute and is none of both.
"""

from edge.core.exact import millionth, ppm_of

FAST_MC_PER_S = 1000
FAST_READS = 3
SLOW_MC = 1000
SLOW_MS = 60000
SLOW_TIMES = 3
JUMP_MC_PER_S = 5000  # more is no temperature: a sensor that came loose or came back


class Rise:
    """Rise of one pack's hottest sensor. most_ma: the maker's larger current."""

    def __init__(self, most_ma):
        self.most_ma = max(most_ma, 1)
        self._last = None  # (at_ms, mc) of the last reading
        self._fast = 0
        self._slow = 0
        self._minute = None  # (at_ms, mc) when this minute began
        self._heat_ppm = 0  # largest square of current over maker's current in this minute

    def step(self, at_ms, hot_mc, current_ma):
        """Take a fresh reading; True while it heats itself. None: not known, everything starts again."""
        if hot_mc is None or current_ma is None:
            self._last = self._minute = None
            self._fast = self._slow = 0
            return False
        if self._last is None:
            self._last = self._minute = (at_ms, hot_mc)
        span_ms = at_ms - self._last[0]
        rise_mc = hot_mc - self._last[1]
        self._last = (at_ms, hot_mc)
        if span_ms > 0:
            fast = FAST_MC_PER_S * span_ms <= rise_mc * 1000 <= JUMP_MC_PER_S * span_ms
            self._fast = self._fast + 1 if fast else 0
        share_ppm = ppm_of(abs(current_ma), self.most_ma)
        self._heat_ppm = max(self._heat_ppm, millionth(share_ppm, share_ppm))
        self._minutes(at_ms, hot_mc)
        return self._fast >= FAST_READS or self._slow >= SLOW_TIMES

    def _minutes(self, at_ms, hot_mc):
        """Close the minute when it is over."""
        if at_ms - self._minute[0] < SLOW_MS:
            return
        explained_mc = SLOW_MC * self._heat_ppm // 1000000
        grown = hot_mc - self._minute[1] >= SLOW_MC + explained_mc
        self._slow = self._slow + 1 if grown else 0
        self._minute = (at_ms, hot_mc)
        self._heat_ppm = 0
