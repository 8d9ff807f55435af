# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A step of an extreme that is larger than physics allows."""

JUMP_READS = 2  # so many fresh reads its dangerous side counts before it is accepted


class Jump:
    """The highest and lowest of a group as limits have to see them: after a jump of either the worse of old and new
    counts for JUMP_READS fresh reads, then the new one is accepted."""

    def __init__(self):
        self._last = None
        self._held = None
        self._reads = 0

    def fresh(self):
        """A fresh read came."""
        self._reads = max(0, self._reads - 1)

    def step(self, high, low, most):
        """(high, low) that count. most: a larger step of one of them is a jump."""
        before = self._last
        if before is None or before[0] != high or before[1] != low:
            self._last = (high, low)
        if before is not None and (abs(high - before[0]) > most or abs(low - before[1]) > most):
            if self._reads:  # back again, or further: one bad reading counts no longer than a step does
                before = max(before[0], self._held[0]), min(before[1], self._held[1])
            else:
                self._reads = JUMP_READS
            self._held = before
        if self._reads:
            return max(high, self._held[0]), min(low, self._held[1])
        return self._last
