# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Validity before value, for every BMS profile over its own device: each quality of each group, what it costs
the others, and that a good read ends it."""

import pytest

from bms_bridge.bms import Bms
from bms_bridge.can import CanBms
from bms_bridge.can_decode import HIGHEST, LOWEST, decode_message
from bms_bridge.serial_bms import SerialBms
from edge.core.records import FROZEN, G_CURRENT, G_EXTREMES, IMPLAUSIBLE, MISSING, OK, SENTINEL, STALE
from edge.core.validate import Validator, stale_after_ms
from tests.both.test_every_profile import PROFILES, sample_of

BMS = [profile for profile in PROFILES if profile.table.KIND == "bms"]
CAPACITY_MAH = 100000
# Place of the record whose loss spoils each group.
SPOILS = {0: 1, 1: 2, 2: 3, 3: 7, 4: 8, 5: 9, 6: 11}


class Line:
    """A device of the profile that is given whole blocks, and the validator behind it."""

    def __init__(self, profile):
        self.profile = profile
        table = profile.table
        settings = {"id": "pack", "cells": table.CELLS, "temps": table.TEMPS}
        kinds = {"modbus": Bms, "serial": SerialBms}
        self.device = CanBms(table, settings) if profile.bus == "can" else kinds[profile.bus](table, 1, settings)
        self.state = self.device.reader.state if profile.bus == "modbus" else self.device._state
        facts = {"periods_ms": list(table.PERIODS_MS), "cell_lsb_mv": table.CELL_LSB_MV}
        # a site names its cells also where the protocol does not carry them: they are missing then
        pack = {"cells": table.CELLS or 16, "temps": table.TEMPS or 1, "capacity_mah": CAPACITY_MAH, "facts": facts}
        self.validator = Validator(pack, 1000)
        self.provided = [group for group, period_ms in enumerate(table.PERIODS_MS) if period_ms is not None]

    def hear(self, now_ms, sample, but=()):
        """Every block but those named arrives."""
        for index in self.profile.blocks:
            if index in but:
                continue
            data = self.profile.encode(index, sample)
            if self.profile.bus == "can":
                result = decode_message(self.device.table, index, bytes(data), self.state.slots)
                self.state.enter(now_ms, index, result)
            else:
                assert self.state.take(now_ms, index, bytes(data))

    def judge(self, now_ms, other_ma=None):
        """Quality per group as the core sees it."""
        return self.validator.step(now_ms, self.device.read(now_ms), other_ma).quality


def moving(profile, k):
    """A healthy sample that differs from the one before."""
    sample = sample_of(profile)
    table = profile.table
    cells = tuple([3600 + 2 * table.CELL_LSB_MV * (k % 3) for _ in range(table.CELLS)])
    pack_mv = sum(cells) if cells else sample.pack_mv
    low, high = ends(profile, 1)
    if not low <= pack_mv <= high:
        pack_mv = sample.pack_mv
        cells = (pack_mv // table.CELLS + table.CELL_LSB_MV * (k % 3),) * table.CELLS
    return sample._replace(
        pack_mv=pack_mv, current_ma=-10000 - 1000 * (k % 3), cell_mv=cells,
        cell_max_mv=cells[0] if cells else 3600 + 20 * (k % 3), cell_min_mv=cells[0] if cells else 3560,
    )  # fmt: skip


def ends(profile, slot):
    """(lowest, highest) value that the profile takes in a slot."""
    for index in profile.blocks:
        for row in profile.scalars(index):
            if row[0] == slot:
                values = [raw * row[1] // row[2] + row[3] for raw in (row[4], row[5])]
                return min(values), max(values)
    return 0, 1 << 40


def by_name(profile):
    return profile.name


@pytest.mark.parametrize("profile", BMS, ids=by_name)
def test_ok_and_missing(profile):
    line = Line(profile)
    assert line.judge(0) == (MISSING,) * 8
    line.hear(1000, moving(profile, 0))
    line.hear(1000, moving(profile, 0))  # a limit may need the voltage of another message
    quality = line.judge(1000)
    for group in range(8):
        lacks = group not in line.provided and group != G_EXTREMES
        assert quality[group] == (MISSING if lacks else OK), (group, quality)
    for index in profile.blocks:
        line = Line(profile)
        line.hear(1000, moving(profile, 0), but=(index,))
        line.hear(1000, moving(profile, 0), but=(index,))
        quality = line.judge(1000)
        for group in line.provided:
            waits = index in profile.table.BLOCKS_OF[group]
            record = line.device.read(1000)
            never = record is None or record.groups[group].at_ms is None
            assert never or not waits, (index, group)
            assert quality[group] != OK or not waits, (index, group)


@pytest.mark.parametrize("profile", BMS, ids=by_name)
def test_one_block_silent_makes_only_its_groups_stale(profile):
    for index in profile.blocks:
        line = Line(profile)
        for k in range(3):
            line.hear(1000 * k, moving(profile, k))
        longest = max(stale_after_ms(max(profile.table.PERIODS_MS[group], 1000)) for group in line.provided)
        now_ms = 2000
        for k in range(longest // 500 + 3):
            now_ms += 500
            line.hear(now_ms, moving(profile, k), but=(index,))
            quality = line.judge(now_ms)
        for group in line.provided:
            if index in profile.table.BLOCKS_OF[group]:
                assert quality[group] == STALE, (index, group)
            else:
                assert quality[group] in (OK, IMPLAUSIBLE), (index, group)  # neighbours may disagree with old ones
        now_ms += 500
        for k in range(4):
            line.hear(now_ms + 500 * k, moving(profile, k))
            quality = line.judge(now_ms + 500 * k)
        assert all(quality[group] == OK for group in line.provided), (index, quality)


@pytest.mark.parametrize("profile", BMS, ids=by_name)
def test_a_value_that_is_not_known_costs_its_group_and_comes_back(profile):
    marks = set()
    for group, slot in SPOILS.items():
        line = Line(profile)
        if group not in line.provided or slot not in [row[0] for row in profile.table.SLOTS_OF[group]]:
            continue
        for k in range(3):
            line.hear(1000 * k, moving(profile, k))
        good = moving(profile, 3)
        made = profile.bus == "can" and slot in [
            row[1] for rows in profile.table.DERIVED for row in rows if row[0] in (HIGHEST, LOWEST)
        ]
        if made or good[slot] == ():
            continue  # an extreme that is made of the list
        spoiled = (None, *good[slot][1:]) if isinstance(good[slot], tuple) else None
        bad = good._replace(**{good._fields[slot]: spoiled})
        line.hear(3000, bad)
        quality = line.judge(3000)
        assert quality[group] in (SENTINEL, IMPLAUSIBLE, MISSING), (group, quality)
        marks.add(quality[group])
        for k in range(4, 7):
            line.hear(1000 * k, moving(profile, k))
            line.hear(1000 * k, moving(profile, k))
            quality = line.judge(1000 * k)
        assert all(quality[one] == OK for one in line.provided), (group, quality)
    assert marks


@pytest.mark.parametrize("profile", BMS, ids=by_name)
def test_a_page_that_does_not_change_under_current_is_frozen(profile):
    line = Line(profile)
    found = None
    for k in range(70):
        line.hear(1000 * k, moving(profile, 0))
        if line.judge(1000 * k)[G_CURRENT] == FROZEN and found is None:
            found = k
    assert found is not None and found <= 61, profile.name
    assert {line.judge(69000)[group] for group in line.provided} <= {FROZEN}
    line.hear(70000, moving(profile, 1))
    assert line.judge(70000)[G_CURRENT] == OK


@pytest.mark.parametrize("profile", BMS, ids=by_name)
def test_frozen_at_rest_is_found_by_the_second_source(profile):
    line = Line(profile)
    rest = moving(profile, 0)._replace(current_ma=0)
    for k in range(10):
        line.hear(1000 * k, rest)
        assert line.judge(1000 * k, 0)[G_CURRENT] == OK
    seen = []
    for k in range(10, 14):
        line.hear(1000 * k, rest)
        seen.append(line.judge(1000 * k, 30000)[G_CURRENT])
    assert seen[-1] == IMPLAUSIBLE and seen.index(IMPLAUSIBLE) <= 3
    for k in range(14, 21):  # after a while of agreeing (edge.core.trust)
        line.hear(1000 * k, moving(profile, k))
        quality = line.judge(1000 * k, moving(profile, k).current_ma)
    assert quality[G_CURRENT] == OK
