# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Two sources of one current: when they are no longer believed, and when they are again."""

# So many fresh reads that disagree, one after the other: one of the two lies.
DISAGREE_READS = 3
# At rest they always agree: that proves little. So many agreeing reads with a content that has moved are needed
# before the current is believed again, twice as many each time, until they agreed for so long.
TRUST_READS = 5
TRUST_MOST = 640
TRUST_AGAIN = 3600


class Trust:
    """Whether two sources of one current may be believed, after they disagreed."""

    def __init__(self):
        self._apart = 0
        self._agree = 0
        self._needed = TRUST_READS
        self._content = None  # of the read that gave the trust up; None: they are trusted

    def is_lost(self, apart, sample, cells):
        """Take a fresh read, a Sample with the cells that count; True: do not believe it."""
        if apart:
            self._apart += 1
            self._agree = 0
            if self._apart >= DISAGREE_READS:
                self._content = _moving(sample, cells)
        else:
            self._apart = 0
            content = () if self._content is None else _moving(sample, cells)
            self._agree += content != self._content
            if self._content is not None and self._agree >= self._needed:
                self._content = None
                self._needed = min(2 * self._needed, TRUST_MOST)
            elif self._agree >= TRUST_AGAIN:
                self._needed = TRUST_READS
        return self._content is not None


def _moving(sample, cells):
    """What moves while current flows."""
    return (cells, sample.pack_mv, sample.current_ma)


def is_same(one, other):
    """True when two samples of a BMS hold the same content."""
    return (
        one.cell_mv == other.cell_mv
        and one.pack_mv == other.pack_mv
        and one.current_ma == other.current_ma
        and one.cell_max_mv == other.cell_max_mv
        and one.cell_min_mv == other.cell_min_mv
    )
