# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Bytes of a device become a normalised record, by table. Pure: time is an argument.

A table (bms_bridge/tables) tells where each signal lies; nothing here knows a device. A value that
the device marks as unknown, or that lies outside its physical range, becomes None, and the quality of
its group says why. A block of the wrong length changes nothing.

Slots: a list with one place per field of the record (same position as in the record, place 0 is not
used) and behind them scratch places for parts of long lists and for factors of derived values.
"""

from struct import unpack_from

from edge.core.records import (
    IMPLAUSIBLE,
    MISSING,
    NEVER,
    OK,
    SENTINEL,
    Group,
    MeterSample,
    PcsSample,
    Sample,
)

# kind of table -> (record, position of its groups, number of groups)
RECORDS = {"bms": (Sample, 15, 8), "pcs": (PcsSample, 8, 2), "meter": (MeterSample, 4, 2)}

GROUPS = 9  # in a quality list; the last for signals that may be missing
_GOOD = [OK] * GROUPS

# Rows of table.DERIVED
SIGN_OF = 0  # target = a with the sign of b
PRODUCT = 1  # target = a * b * mul // div
PRESENT = 2  # (target, mask, group): places of the list target whose bit in mask is 0 are not known
FLOAT = 3  # (target, bits, group, low, high, mul, div): target = IEEE 754 bits * mul / div
FLOAT_SWAPPED = 4  # the same, the low word came first
TEXT = 5  # (target, first byte, end): a text


def decode_block(table, index, data, slots):
    """Decode data (bytes: registers as sent, or coils packed LSB first) of block index into slots.

    Returns None when the length is wrong (slots untouched), else (quality, void): quality is a list
    with one code per group (OK where this block has nothing against the group), void as decode_into gives it.
    """
    if len(data) != table.SIZES[index]:
        return None
    quality = [OK] * GROUPS
    return quality, decode_into(table, index, data, slots, quality)


def decode_into(table, index, data, slots, quality):
    """decode_block of data whose length is right, into a quality list that the caller keeps for it.

    Returns void, a bit mask of the groups that this block forbids as a whole, because a register that must hold a
    fixed value (model number, scale factor) holds another. Here and below nothing is made per value: a board decodes
    several blocks a second.
    """
    if quality != _GOOD:
        for group in range(GROUPS):
            quality[group] = OK
    void = 0
    check = table.CHECKS[index]
    if check is not None:
        form, expected, masks = check
        found = unpack_from(form, data, 0)
        if found != expected:
            for i in range(len(masks)):
                if found[i] != expected[i]:
                    void |= masks[i]
    fields = table.FIELDS[index]
    if fields is not None:
        form, rows = fields
        raws = unpack_from(form, data, 0)
        for place in range(len(rows)):
            raw = raws[place]
            slot, mul, div, add, low, high, unknown, group = rows[place]
            if low <= raw <= high and raw not in unknown:
                slots[slot] = (raw * mul + add) if div == 1 else (raw * mul // div + add)
            else:
                slots[slot] = None
                _worse(quality, group, SENTINEL if raw in unknown else IMPLAUSIBLE)
    for row in table.ARRAYS[index]:
        _decode_array(row, data, slots, quality)
    for row in table.ENUMS[index]:
        _decode_enum(row, data, slots, quality)
    bits = table.BITS[index]
    if bits is not None:
        _decode_bits(bits, data, slots, quality)
    for row in table.DERIVED[index]:
        if row[0] >= PRESENT:
            _derive_checked(row, slots, quality, data)
        else:
            _derive(row, slots)
    return void


def signed_word(data, at):
    """The register at byte `at` of data as a number with a sign; no tuple is made for it."""
    return (data[at] << 8 | data[at + 1]) - (data[at] >> 7 << 16)


def _worse(quality, group, code):
    if code > quality[group]:
        quality[group] = code


def _decode_array(row, data, slots, quality):
    """One list of equal signals; the common case (all plausible) makes no step per value."""
    slot, form, mul, div, add, low, high, unknown, group = row
    raws = unpack_from(form, data, 0)
    if not raws:
        slots[slot] = ()
        return
    good = min(raws) >= low and max(raws) <= high
    for code in unknown:
        if code in raws:
            good = False
    if not good:
        values = list(raws)
        for place in range(len(raws)):
            raw = raws[place]
            if low <= raw <= high and raw not in unknown:
                values[place] = raw * mul // div + add
            else:
                values[place] = None
                _worse(quality, group, SENTINEL if raw in unknown else IMPLAUSIBLE)
        slots[slot] = tuple(values)
    elif mul == 1 and div == 1 and not add:
        slots[slot] = raws
    elif not _is_scaled(slots[slot], raws, mul, div, add):
        slots[slot] = _scaled(raws, mul, div, add)


def _is_scaled(values, raws, mul, div, add):
    """True when values (tuple or None) are what raws mean: temperatures seldom change from one answer to the next."""
    if values is None or len(values) != len(raws):
        return False
    for place in range(len(raws)):
        if values[place] != raws[place] * mul // div + add:
            return False
    return True


def _scaled(raws, mul, div, add):
    return tuple([raw * mul // div + add for raw in raws])


def _decode_enum(row, data, slots, quality):
    slot, form, offset, pairs, group = row
    raw = unpack_from(form, data, offset)[0]
    for code, value in pairs:
        if code == raw:
            slots[slot] = value
            return
    slots[slot] = None
    _worse(quality, group, IMPLAUSIBLE)


def _decode_bits(bits, data, slots, quality):
    """Alarm bytes to bits of Evt1. A set bit without a meaning in the table is an alarm too."""
    slot, group, unknown, stray, rows = bits
    if unknown is not None:
        first, last, code = unknown
        if data.find(code, first, last) == first:
            slots[slot] = None
            _worse(quality, group, SENTINEL)
            return
    alarms = 0
    for place, known, pairs in rows:
        byte = data[place]
        if byte:
            for mask, alarm in pairs:
                if byte & mask:
                    alarms |= alarm
            if byte & ~known:
                alarms |= stray
    slots[slot] = alarms


def _derive(row, slots):
    kind, target, a, b, mul, div = row
    left = slots[a]
    right = slots[b]
    if left is None or right is None:
        slots[target] = None
    elif kind == SIGN_OF:
        slots[target] = -left if right < 0 else left
    else:
        slots[target] = left * right * mul // div


def _derive_checked(row, slots, quality, data):
    if row[0] == TEXT:
        from bms_bridge.text import text_of

        slots[row[1]] = text_of(data[row[2] : row[3]])
        return
    if row[0] >= FLOAT:
        kind, target, bits, group, low, high, mul, div = row
        bits = slots[bits]
        if kind == FLOAT_SWAPPED:
            bits = (bits & 0xFFFF) << 16 | bits >> 16
        value = float_value(bits, mul, div)
        if value is None or not low <= value <= high:
            _worse(quality, group, SENTINEL if value is None else IMPLAUSIBLE)
            value = None
        slots[target] = value
        return
    _keep_present(row, slots, quality)


def _keep_present(row, slots, quality):
    _, target, mask, group = row
    mask = slots[mask] or 0
    values = slots[target]
    if mask >> len(values):
        _worse(quality, group, IMPLAUSIBLE)  # the device sees more cells than the site says
    slots[target] = tuple([value if mask >> place & 1 else None for place, value in enumerate(values)])
    if mask & (1 << len(values)) - 1 != (1 << len(values)) - 1:
        _worse(quality, group, SENTINEL)


def float_value(bits, mul, div):
    """IEEE 754 single precision bits times mul / div, rounded to the nearest integer; None for infinite and
    for not a number. In whole numbers: boards compute floats with less precision than gateways."""
    exponent = bits >> 23 & 0xFF
    if exponent == 0xFF:
        return None
    num = (bits & 0x7FFFFF | (0x800000 if exponent else 0)) * mul
    shift = (exponent or 1) - 150
    if bits >> 31:
        num = -num
    if shift >= 0:
        num <<= shift
    elif shift < -100:
        return 0
    else:
        div <<= -shift
    return (2 * num + div) // (2 * div)


class Assembler:
    """Collects the blocks of one device into its newest record.

    A group becomes fresh when every block that carries it, or a scale factor of it, has arrived once
    more: its count is the smallest count of these blocks, its at_ms the oldest arrival, its quality
    the worst; until then it stays what it was, so that a list is never half old and half new. Values
    of a group that was never complete, or is void, are None.

    rated: (slot, value, tolerance, group) or None: the named slot must hold value +- tolerance
    (a PCS's rating against the site's), else the group is void.
    """

    def __init__(self, table, rated=None):
        self.table = table
        self.rated = rated
        self._notice = getattr(table, "notice", None)  # a table whose scale factors follow the device
        self.slots = [None] * table.SLOTS
        self.arrivals = 0
        blocks = len(table.BLOCKS)
        self._at_ms = [None] * blocks
        self._count = [0] * blocks
        self._quality = [[OK] * GROUPS for _ in range(blocks)]
        self._void = [0] * blocks
        self._make, end, groups = RECORDS[table.KIND]
        self._groups = [NEVER] * groups
        self._fresh = NEVER  # the newest Group: mostly others say the same
        self._values = [None] * (end + 1)  # the last place for the groups
        for slot, length in table.LISTS:
            self._values[slot] = (None,) * length
        self._blank = tuple(self._values)
        self._newest = None
        self._joined = []

    def take(self, now_ms, index, data):
        """Enter the data (bytes) of block index that arrived at now_ms; False when its length is wrong."""
        if len(data) != self.table.SIZES[index]:
            return False
        if self._notice is not None:
            changed = self._notice(index, data)
            if changed:
                self._distrust(changed)
        self._void[index] = decode_into(self.table, index, data, self.slots, self._quality[index])
        self._entered(now_ms, index)
        return True

    def enter(self, now_ms, index, result):
        """Enter block index, already decoded into slots; result: (quality, void) of its decoder."""
        self._quality[index], self._void[index] = result
        self._entered(now_ms, index)

    def _entered(self, now_ms, index):
        if self.rated is not None:
            self._judge_rating(index)
        self._at_ms[index] = now_ms
        self._count[index] += 1
        self.arrivals += 1
        for group in self.table.GROUPS_OF[index]:
            self._fresh = self._enter_group(group, self._fresh)
        self._values[0] = now_ms
        self._newest = None

    def value(self, place):
        """Value of the record at that place; the record itself is not made for it."""
        return self._values[place]

    def quality(self, group):
        """Quality of that group of the record."""
        return self._groups[group].quality

    def came_ms(self, index):
        """When block index came last, monotonic ms; None before the first."""
        return self._at_ms[index]

    def is_void(self, index):
        """True when the newest data of block index did not hold a value that it must."""
        return self._void[index] != 0

    def _judge_rating(self, index):
        slot, value, tolerance, group = self.rated
        found = self.slots[slot]
        if self.table.BLOCKS[index][4] & (1 << group):
            if found is None or abs(found - value) > tolerance:
                self._void[index] |= 1 << group

    def _enter_group(self, group, like):
        """Make the group fresh when the block that has just arrived was the last one missing. like: another
        Group, which is taken when it says the same. Returns the newest Group."""
        members = self.table.BLOCKS_OF[group]
        before = self._groups[group].count
        counts = self._count
        count = counts[members[0]]
        at_ms = self._at_ms[members[0]]
        quality = OK
        void = 0
        for index in members:
            if counts[index] <= before:
                return like
            if counts[index] < count:
                count = counts[index]
            if self._at_ms[index] < at_ms:
                at_ms = self._at_ms[index]
            if self._quality[index][group] > quality:
                quality = self._quality[index][group]
            void |= self._void[index] & 1 << group
        if void:
            quality = IMPLAUSIBLE
        if like.count != count or like.at_ms != at_ms or like.quality != quality:
            like = Group(quality, at_ms, count)
        self._groups[group] = like
        self._copy(group, void)
        return like

    def _distrust(self, mask):
        """The scale factors of these groups (bit mask) have changed: what was read before does not count."""
        for group in range(len(self._groups)):
            if mask & 1 << group:
                old = self._groups[group]
                read = max([0] + [self._count[index] for index in self.table.BLOCKS_OF[group]])
                self._groups[group] = Group(IMPLAUSIBLE if old.count else MISSING, old.at_ms, read)
                self._copy(group, True)

    def _copy(self, group, void):
        values = self._values
        slots = self.slots
        for slot, parts in self.table.SLOTS_OF[group]:
            if void:
                values[slot] = self._blank[slot]
            elif len(parts) > 1:
                joined = self._joined
                for part in parts:
                    joined.extend(slots[part])
                values[slot] = tuple(joined)
                joined.clear()  # and its memory is free again at once
            elif parts:
                values[slot] = slots[parts[0]]
            else:
                values[slot] = slots[slot]

    def record(self):
        """The newest record (Sample, PcsSample or MeterSample by the table's kind), None before the
        first block. The same object until the next block arrives."""
        if self._newest is None and self.arrivals:
            self._values[-1] = tuple(self._groups)
            self._newest = self._make(*self._values)
        return self._newest
