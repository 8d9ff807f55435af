# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A profile table cut to the pack that a site has."""


def list_form(offset, code, stride, count):
    """Format for struct that takes count values from offset (bytes), one every stride bytes.
    code: format letter of one value."""
    width = 4 if code in "Ii" else 2
    lead = ">%dx" % offset if offset else ">"
    if stride == width:
        return lead + "%d%s" % (count, code)
    return lead + (code + "%dx" % (stride - width)) * (count - 1) + code


class Narrow:
    """A table as it looks to a pack with fewer cells or temperature sensors than the device has
    places for. cells, temps: how many there are, counted from the first place."""

    def __init__(self, table, cells, temps):
        copy_table(table, self)
        lengths = {7: cells, 8: temps}
        self.LISTS = tuple([(slot, min(length, lengths[slot])) for slot, length in table.LISTS])
        arrays = []
        for index, rows in enumerate(table.ARRAYS):
            kept = []
            for row, shape in zip(rows, table.SHAPES[index]):
                target, offset, code, stride, first, count = shape
                count = min(count, lengths[target] - first)
                form = list_form(offset, code, stride, count) if count > 0 else ">"
                kept.append((row[0], form) + row[2:])
            arrays.append(tuple(kept))
        self.ARRAYS = tuple(arrays)
        self._drop_unused(table)
        checks = list(table.CHECKS)
        for index, place, _ in getattr(table, "COUNTS", ()):  # a register that must hold the number of cells
            form, expected, masks = checks[index]
            checks[index] = (form, expected[:place] + (cells,) + expected[place + 1 :], masks)
        self.CHECKS = tuple(checks)

    def _drop_unused(self, table):
        """Blocks that hold nothing but places behind the last cell and sensor are not read at all."""
        unused = []
        for index, rows in enumerate(self.ARRAYS):
            other = (table.FIELDS[index], table.BITS[index], table.CHECKS[index])
            if rows and other == (None, None, None) and not table.ENUMS[index]:
                if not [1 for row in rows if row[1] != ">"]:
                    unused.append(index)
        gone = [row[0] for index in unused for row in self.ARRAYS[index]]
        self.UNUSED = tuple(unused)
        self.BLOCKS_OF = tuple([tuple([i for i in members if i not in unused]) for members in table.BLOCKS_OF])
        slots = []
        for rows in table.SLOTS_OF:
            slots.append(tuple([(slot, tuple([part for part in parts if part not in gone])) for slot, parts in rows]))
        self.SLOTS_OF = tuple(slots)


def copy_table(table, copy):
    """Give copy every attribute of table that reading needs."""
    for name in _NAMES:
        setattr(copy, name, getattr(table, name))
    for name in ("POLLING", "TURNS", "MODELS", "SCALES", "COUNTS", "UNUSED", "SERIAL"):
        if hasattr(table, name):
            setattr(copy, name, getattr(table, name))


_NAMES = (
    "NAME KIND BLOCKS SIZES CHECKS FIELDS ARRAYS ENUMS BITS DERIVED RATED SLOTS LISTS SHAPES "
    "GROUPS_OF BLOCKS_OF SLOTS_OF"
).split()
