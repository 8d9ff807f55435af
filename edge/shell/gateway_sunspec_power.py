# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""SunSpec model 704 of a site: an energy manager asks for power, and reads what it asked.

Only the set active power group (WSetEna to WSetRvrtRem) is there; WSet is + to the grid (discharge). Every write of it
starts the reversion time anew, which must be above zero: a request without an end is not taken. What is asked is no
promise: it is clipped to what the controller permits (edge.core.requests).
"""

from edge.core.requests import S_SERVER

SIZE = 59
ENA, MOD, SET, PCT, TIME, REMAINS = 22, 23, 24, 28, 31, 33  # offsets of the points, and of their scale factors
SET_SF, PCT_SF = 55, 56
PERCENT, WATTS = 0, 1
FULL = 10000  # 100.00 %
LIFE_S = 60  # until somebody writes another reversion time
# What may be written: {offset: (registers, lowest, highest)}.
WRITABLE = {
    ENA: (1, 0, 1),
    MOD: (1, PERCENT, WATTS),
    SET: (2, -0x7FFFFFFF, 0x7FFFFFFF),
    PCT: (1, -FULL, FULL),
    TIME: (2, 1, 86400),
}
_LONG = (0x8000, 0)  # not implemented
# Points that are there and say nothing: 16 bits unsigned, and 16 and 32 bits signed.
_BLANK_INTS = (29, 53, 54, 57, 58)
_BLANK_LONGS = (26, 38, 40)


class PowerModel:
    """Model 704. power_w: rating of the PCS. changes: writes that were taken."""

    def __init__(self, power_w):
        self.power_w = power_w
        self.changes = 0
        self._points = {ENA: 0, MOD: WATTS, SET: 0, PCT: 0, TIME: LIFE_S}
        self._until_ms = None

    def words(self, now_ms):
        """The model's registers."""
        words = [704, SIZE - 2] + [0xFFFF] * (SIZE - 2)
        for at in _BLANK_INTS:
            words[at] = 0x8000
        for at in _BLANK_LONGS:
            words[at : at + 2] = _LONG
        left_s = self._left_s(now_ms)
        points = self._points
        words[ENA] = 1 if left_s else 0
        words[MOD] = points[MOD]
        words[SET : SET + 2] = long_of(points[SET])
        words[PCT] = points[PCT]
        words[30] = 0  # WSetEnaRvrt: disabled
        words[TIME : TIME + 2] = long_of(points[TIME])
        words[REMAINS : REMAINS + 2] = long_of(left_s)
        words[SET_SF], words[PCT_SF] = 0, -2
        return words

    def _left_s(self, now_ms):
        """Seconds that the request lives, rounded up; 0: there is none."""
        if self._until_ms is None or now_ms >= self._until_ms:
            return 0
        return (self._until_ms - now_ms + 999) // 1000

    def takes(self, first, count):
        """True when count registers from offset first are whole points that may be written."""
        at = first
        while at < first + count:
            if at not in WRITABLE:
                return False
            at += WRITABLE[at][0]
        return at == first + count

    def write(self, site, now_ms, first, values):
        """Take values (registers) for what takes() allows, and ask site for it; False, and nothing changes: a value
        that is none."""
        points = dict(self._points)
        points[ENA] = 1 if self._left_s(now_ms) else 0
        at = 0
        while at < len(values):
            size, low, high = WRITABLE[first + at]
            value = 0
            for word in values[at : at + size]:
                value = value << 16 | word
            if value >> 16 * size - 1:
                value -= 1 << 16 * size
            if not low <= value <= high:
                return False
            points[first + at] = value
            at += size
        until_ms = now_ms + 1000 * points[TIME] if points[ENA] else None
        if not site.request(now_ms, self._asked_w(points), until_ms, S_SERVER):
            return False
        self._points, self._until_ms = points, until_ms
        self.changes += 1
        return True

    def _asked_w(self, points):
        """W at the battery, + charges; None: nothing is asked."""
        if not points[ENA]:
            return None
        if points[MOD] == WATTS:
            return -points[SET]
        size_w = abs(points[PCT]) * self.power_w // FULL
        return size_w if points[PCT] < 0 else -size_w


def long_of(value):
    """Two registers of a 32 bit value, signed or not."""
    return [value >> 16 & 0xFFFF, value & 0xFFFF]
