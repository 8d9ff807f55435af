# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Two sources of one current: when they are no longer believed, and when they are again. Cells that stand still."""

# So many fresh reads that disagree, one after the other: one of the two lies.
DISAGREE_READS = 3
# At rest they always agree: that proves little. So many agreeing reads with a content that has moved are needed
# before the current is believed again, twice as many each time, until they agreed for so long.
TRUST_READS = 5
TRUST_MOST = 640
TRUST_AGAIN = 3600
# Charge per mV of resolution after which some cell must read differently: on the plateau of LFP (about 40 mV over 60 %
# of the charge) 5 % are 3 mV.
STILL_PERCENT = 5


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


class Still:
    """Cells that stay the same to the last digit while much charge flows: an old page under a new time, whatever else
    is live. capacity_mah: of the pack; lsb_mv: of its cells' voltages."""

    def __init__(self, capacity_mah, lsb_mv):
        self._most = capacity_mah * 36000 * STILL_PERCENT * lsb_mv  # mA ms
        self._cells = self._at_ms = None
        self._moved = 0

    def is_frozen(self, now_ms, ma, cells, most_ms):
        """Take a fresh read: its current or None, its cells. A gap in the reads of more than most_ms proves nothing."""
        span_ms = 0 if self._at_ms is None or now_ms - self._at_ms > most_ms else now_ms - self._at_ms
        self._at_ms = now_ms
        if cells != self._cells:
            self._cells, self._moved = cells, 0
        elif ma is not None:
            self._moved += ma * span_ms
        return abs(self._moved) > self._most


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
