# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Scale factors as the device states them (SunSpec sunssf: value = raw x 10^SF), read with every poll.

table.SCALES: ((block, byte offset of the factor, users), ...); a user is a row of FIELDS (kind 0) or of
ARRAYS (kind 1): (block, kind, place, mul, div, low, high, raw low, raw high), mul / div of the record's
unit at factor 0, low and high in the record's unit. Until a factor is known, and while it is not
implemented or absurd, nothing that hangs on it is believed.
"""

from bms_bridge.decode import signed_word
from bms_bridge.narrow import copy_table

FACTOR_MOST = 10  # SunSpec: -10 to 10; 0x8000 is not implemented


class Scaled:
    """A table whose scale factors follow the device. table: of a profile, or Narrow."""

    def __init__(self, table):
        copy_table(table, self)
        self._scales = table.SCALES
        self._known = [None] * len(table.SCALES)
        self._masks = [0] * len(table.SCALES)
        self.FIELDS = list(table.FIELDS)
        self.ARRAYS = list(table.ARRAYS)
        for place in range(len(table.SCALES)):
            self._set(place, None)

    def notice(self, index, data):
        """Take the factors in the data of block index. Returns a bit mask of the groups whose values mean
        something else from now on, so that what was read before does not count."""
        changed = 0
        for place in range(len(self._scales)):
            row = self._scales[place]
            if row[0] == index and row[1] + 2 <= len(data):
                factor = signed_word(data, row[1])
                if factor != self._known[place]:
                    self._known[place] = factor
                    self._set(place, factor if -FACTOR_MOST <= factor <= FACTOR_MOST else None)
                    changed |= self._masks[place]
        return changed

    def _set(self, place, factor):
        for block, kind, row, mul, div, low, high, raw_low, raw_high in self._scales[place][2]:
            if factor is None:
                mul, div, first, last = 1, 1, 1, 0
            else:
                mul, div = _powers(mul, div, factor)
                ends = (
                    (-(-low * div // mul), high * div // mul) if mul > 0 else (-(-high * div // mul), low * div // mul)
                )
                first, last = max(ends[0], raw_low), min(ends[1], raw_high)
            if kind:
                self.ARRAYS[block] = _with(self.ARRAYS[block], row, 2, (mul, div), 5, (first, last))
                group = self.ARRAYS[block][row][8]
            else:
                form, rows = self.FIELDS[block]
                self.FIELDS[block] = (form, _with(rows, row, 1, (mul, div), 4, (first, last)))
                group = rows[row][7]
            self._masks[place] |= 1 << group


def _with(rows, place, at, step, ends_at, ends):
    """rows with one row changed: mul and div at `at`, lowest and highest raw value at ends_at."""
    row = rows[place]
    row = row[:at] + step + row[at + 2 : ends_at] + ends + row[ends_at + 2 :]
    return rows[:place] + (row,) + rows[place + 1 :]


def _powers(mul, div, factor):
    """mul / div times ten to the factor, in lowest terms of ten."""
    if factor >= 0:
        mul *= 10**factor
    else:
        div *= 10**-factor
    while mul % 10 == 0 and div % 10 == 0:
        mul //= 10
        div //= 10
    return mul, div
