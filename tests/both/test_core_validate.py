# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Validity before value: every way in which a group of signals loses its credit."""

from edge.core import records as r
from edge.core.validate import Validator, stale_after_ms
from tests.both import core_help as h


def validator(**changes):
    return Validator(h.pack(**changes), 1000)


def fields(believed, group):
    """The believed values of a group."""
    return {
        r.G_PACK: (believed.pack_mv,),
        r.G_CURRENT: (believed.current_ma,),
        r.G_EXTREMES: (),
        r.G_CELLS: (believed.cell_max_mv, believed.cell_min_mv, believed.cell_mv),
        r.G_TEMPS: (believed.temp_max_mc, believed.temp_min_mc),
        r.G_STATE: (believed.bms_soc_ppm, believed.bms_soh_ppm),
        r.G_LIMITS: (believed.bms_charge_ma, believed.bms_discharge_ma, believed.bms_charge_mv),
        r.G_ALARMS: (believed.alarms,),
    }[group]


def test_stale_time():
    for period_ms, stale_ms in ((100, 1000), (333, 1000), (334, 1002), (1000, 3000), (2000, 6000)):
        assert stale_after_ms(period_ms) == stale_ms


def test_a_healthy_sample_is_believed():
    b = validator().step(10, h.sample(0, current_ma=-5000), None)
    assert b.worst == r.OK and b.quality == (r.OK,) * 8
    assert (b.pack_mv, b.current_ma, b.cell_max_mv, b.cell_min_mv) == (52800, -5000, 3300, 3300)
    assert (b.temp_max_mc, b.temp_min_mc, b.alarms, b.age_ms, b.fresh) == (25000, 25000, 0, 10, 1)


def test_no_sample_is_nothing_and_its_age_goes_on():
    v = validator()
    b = v.step(0, None, None)
    assert b.worst == r.MISSING and b.age_ms is None and b.cell_mv is None and b.fresh == 0
    v.step(1000, h.sample(900, 7), None)
    b = v.step(2000, None, None)
    assert b.worst == r.MISSING and b.age_ms == 1100 and b.fresh == 1
    assert v.step(3000, h.sample(2900, 8), None).fresh == 2


def test_each_group_alone_by_age_and_quality():
    for g in range(8):
        for group, code in (
            (r.Group(r.OK, 0, 1), r.STALE),
            (r.Group(r.OK, 5001, 1), r.IMPLAUSIBLE),  # from the future
            (r.NEVER, r.MISSING),
            (r.Group(r.OK, None, 1), r.MISSING),
            (r.Group(r.SENTINEL, 5000, 1), r.SENTINEL),
            (r.Group(r.IMPLAUSIBLE, 5000, 1), r.IMPLAUSIBLE),
        ):
            v = validator()
            b = v.step(5000, h.regroup(h.sample(5000), g, group), None)
            assert b.quality[g] == code, (g, code)
            assert b.worst == (r.OK if g == r.G_STATE else code)
            for value in fields(b, g):
                assert value is None
            for other in range(8):
                if other != g:
                    assert b.quality[other] == r.OK
                    assert None not in fields(b, other)


def test_the_border_of_stale():
    v = validator()
    one = h.sample(0)
    assert v.step(3000, one, None).worst == r.OK
    assert v.step(3001, one, None).worst == r.STALE


def test_a_missing_value_is_missing_whatever_the_quality_says():
    gap = (3300,) * 7 + (None,) + (3300,) * 8
    for change, g in (
        ({"pack_mv": None}, r.G_PACK),
        ({"current_ma": None}, r.G_CURRENT),
        ({"cell_mv": gap}, r.G_CELLS),
        ({"cell_mv": (3300,) * 15}, r.G_CELLS),
        ({"cell_mv": (None,) * 16}, r.G_CELLS),
        ({"temp_mc": (25000, None, 25000, 25000)}, r.G_TEMPS),
        ({"temp_mc": (None,) * 4}, r.G_TEMPS),
        ({"temp_mc": (25000,) * 3}, r.G_TEMPS),
        ({"bms_charge_ma": None}, r.G_LIMITS),
        ({"bms_discharge_ma": None}, r.G_LIMITS),
        ({"alarms": None}, r.G_ALARMS),
    ):
        v = validator()
        assert v.step(0, h.sample(0, 1), None).worst == r.OK
        # also when the current group did not count up: pages arrive one by one
        for count in (1, 2):
            b = v.step(10, h.sample(0, count, **change), None)
            assert b.quality[g] == r.MISSING and b.worst == r.MISSING, change
            for value in fields(b, g):
                assert value is None


def test_a_group_that_the_profile_does_not_carry():
    for g in range(8):
        periods = [1000] * 8
        periods[g] = None
        v = validator(facts={"periods_ms": periods})
        b = v.step(20, h.regroup(h.sample(0), g, r.NEVER), None)
        if g in (r.G_EXTREMES, r.G_STATE):
            assert b.worst == r.OK and b.age_ms == 20, g
            assert b.cell_max_mv == 3300
        elif g != r.G_CURRENT:
            assert b.worst == r.MISSING


def frozen_after(seconds, at_rest_s=0, current_ma=20000, other_ma=20000):
    """Seconds until a content that never changes is called frozen, counting from the flow's start."""
    v = validator()
    now_ms = 0
    for count in range(at_rest_s):
        now_ms += 1000
        assert v.step(now_ms, h.sample(now_ms, count, current_ma=0), 0).worst == r.OK
    for k in range(seconds):
        now_ms += 1000
        b = v.step(now_ms, h.sample(now_ms, at_rest_s + k, current_ma=current_ma), other_ma)
        if b.worst == r.FROZEN:
            for g in range(8):
                assert None in fields(b, g) or g == r.G_EXTREMES
            return k
    return None


def test_frozen_content_under_load():
    assert frozen_after(100) == 30
    assert frozen_after(100, at_rest_s=500) == 30


def test_content_at_rest_is_not_called_frozen():
    assert frozen_after(500, current_ma=0, other_ma=0) is None
    assert frozen_after(500, current_ma=5600, other_ma=None) is None  # at the flow threshold


def test_frozen_stays_until_the_content_changes():
    v = validator()
    for k in range(40):
        b = v.step(k * 1000, h.sample(k * 1000, k, current_ma=2000), 8000)
    assert b.worst == r.FROZEN
    for k in range(40, 200):  # the current stops because of it: that proves nothing
        assert v.step(k * 1000, h.sample(k * 1000, k, current_ma=2000), 0).worst == r.FROZEN
    assert v.step(200000, h.sample(200000, 200, current_ma=2010), 0).worst == r.OK


def test_frozen_on_a_slow_bus_takes_at_most_a_minute():
    v = validator(facts={"periods_ms": [10000] * 8})
    found = None
    for k in range(20):
        if v.step(k * 10000, h.sample(k * 10000, k, current_ma=20000), None).worst == r.FROZEN and found is None:
            found = k * 10
    assert found == 60


def test_a_gap_in_the_reads_is_no_frozen_content():
    v = validator()
    v.step(0, h.sample(0, 1, current_ma=20000), None)
    for k in range(5):
        now_ms = 3600000 * (k + 1)
        assert v.step(now_ms, h.sample(now_ms, 2 + k, current_ma=20000), None).worst == r.OK


def cells_at(k, frozen=(), page=False):
    """Cells that swing by 20 mV; those in frozen do not."""
    swing = 0 if page else abs(k % 40 - 20)
    return tuple([3300 if i in frozen else 3290 + swing for i in range(16)])


def test_one_frozen_cell_and_its_return():
    v = validator()
    codes = []
    for k in range(400):
        cells = cells_at(k, (3,) if 60 <= k < 200 else ())
        codes.append(v.step(k * 1000, h.sample(k * 1000, k, cell_mv=cells, current_ma=1000 + k), None).worst)
    assert codes[:64] == [r.OK] * 64
    assert r.FROZEN in codes[64:110]
    assert codes[330:] == [r.OK] * 70


def test_a_frozen_cell_is_not_believed_again_because_the_pack_rests():
    v = validator()
    for k in range(130):
        b = v.step(k * 1000, h.sample(k * 1000, k, cell_mv=cells_at(k, (3,)), current_ma=1000 + k), None)
    assert b.quality[r.G_CELLS] == r.FROZEN
    for k in range(130, 400):
        b = v.step(k * 1000, h.sample(k * 1000, k, cell_mv=cells_at(0, (3,)), current_ma=k % 7), None)
        assert b.quality[r.G_CELLS] == r.FROZEN
    moving = [list(cells_at(0, (3,))) for _ in range(2)]
    moving[1][3] += 1
    for k in range(400, 530):
        cells = tuple(moving[k % 2])
        b = v.step(k * 1000, h.sample(k * 1000, k, cell_mv=cells, current_ma=k % 7), None)
    assert b.worst == r.OK


def test_the_cell_page_frozen_while_the_other_pages_live():
    v = validator()
    found = None
    for k in range(200):
        one = h.sample(
            k * 1000, k, cell_mv=cells_at(0, page=True), pack_mv=52640 + 16 * abs(k % 40 - 20), current_ma=9000 + k
        )
        if v.step(k * 1000, one, None).quality[r.G_CELLS] == r.FROZEN and found is None:
            found = k
    assert found is not None and found <= 62


def test_currents_that_disagree():
    v = validator()
    for k in range(10):
        b = v.step(k * 1000, h.sample(k * 1000, k, current_ma=k), 8401 + k)
        assert b.quality[r.G_CURRENT] == (r.IMPLAUSIBLE if k >= 2 else r.OK)
        assert v.step(k * 1000 + 500, h.sample(k * 1000, k, current_ma=k), 8401).fresh == k + 1
    for k in range(10, 16):  # 3 % of 280 Ah is allowed; five reads that agree bring the trust back
        b = v.step(k * 1000, h.sample(k * 1000, k + 1, current_ma=k), 8400 + k)
        assert b.worst == (r.OK if k >= 14 else r.IMPLAUSIBLE)
    v = validator()
    for k in range(10):
        b = v.step(k * 1000, h.sample(k * 1000, k, current_ma=50000 + k), -50000)
    assert b.quality[r.G_CURRENT] == r.IMPLAUSIBLE  # sign turned


def test_trust_comes_back_later_each_time_and_never_on_a_page_that_stands_still():
    v = validator()
    now = 0

    def read(ma, other_ma):
        nonlocal now
        now += 1000
        return v.step(now, h.sample(now, now // 1000, current_ma=ma), other_ma).quality[r.G_CURRENT]

    for needed in (5, 10, 20):
        for k in range(3):
            code = read(k, 20000)
        assert code == r.IMPLAUSIBLE
        assert [read(k, k) for k in range(3, 3 + needed)] == [r.IMPLAUSIBLE] * (needed - 1) + [r.OK]
    for _ in range(3):
        read(7, 20000)
    assert {read(7, 7) for _ in range(200)} == {r.IMPLAUSIBLE}
    assert [read(k, k) for k in range(8, 48)] == [r.IMPLAUSIBLE] * 39 + [r.OK]
    for k in range(3600):
        read(k, k)
    for k in range(3):
        read(k, 20000)
    assert [read(k, k) for k in range(3, 8)] == [r.IMPLAUSIBLE] * 4 + [r.OK]


def test_cells_that_do_not_add_up():
    for pack_mv, code in ((55800, r.OK), (55801, r.IMPLAUSIBLE), (49799, r.IMPLAUSIBLE), (5280, r.IMPLAUSIBLE)):
        v = validator()
        for k in range(5):
            b = v.step(k * 1000, h.sample(k * 1000, k, pack_mv=pack_mv), None)
            assert b.quality[r.G_PACK] == (code if k >= 2 else r.OK)
        assert b.quality[r.G_CELLS] == code


def test_extremes_that_are_worse_than_the_cells_count():
    b = validator().step(0, h.sample(0, cell_max_mv=3500, cell_min_mv=3100), None)
    assert (b.cell_max_mv, b.cell_min_mv) == (3500, 3100)
    b = validator().step(0, h.sample(0, cell_max_mv=3000, cell_min_mv=3400), None)
    assert (b.cell_max_mv, b.cell_min_mv) == (3300, 3300)
    b = validator().step(0, h.sample(0, temp_max_mc=60000, temp_min_mc=-30000), None)
    assert (b.temp_max_mc, b.temp_min_mc) == (60000, -30000)


def test_a_jump_counts_on_the_dangerous_side_for_two_reads():
    v = validator()
    seen = []
    for k, mv in enumerate((3300, 3301, 3600, 3600, 3600, 3300, 3300, 3300)):
        b = v.step(k * 1000, h.sample(k * 1000, k, mv=mv), None)
        seen.append((b.cell_min_mv, b.cell_max_mv))
    assert seen == [
        (3300, 3300),
        (3301, 3301),
        (3301, 3600),
        (3301, 3600),
        (3600, 3600),
        (3300, 3600),
        (3300, 3600),
        (3300, 3300),
    ]


def test_another_count_of_cells():
    assert not validator(cells=14).step(0, h.sample(0, cells=14), None).cells_wrong
    assert validator(cells=14).step(0, h.sample(0, cells=16), None).cells_wrong
    padded = (3300,) * 14 + (None, 0)
    b = validator(cells=14).step(0, h.sample(0, cell_mv=padded, pack_mv=46200), None)
    assert not b.cells_wrong and b.worst == r.OK and len(b.cell_mv) == 14


def test_a_count_that_starts_again_never_takes_fresh_reads_back():
    v = validator()
    last = 0
    for now_ms, count in enumerate((5, 6, 7, 1, 2, 2, 3)):
        fresh = v.step(now_ms, h.sample(now_ms, count), None).fresh
        assert fresh >= last
        last = fresh
    assert last == 6


def test_a_temperature_that_jumps_counts_on_the_dangerous_side():
    v = validator()
    seen = []
    for k, mc in enumerate((25000, 30000, 24999, 24999, 24999, 31000, 31000, 31000)):
        b = v.step(k * 1000, h.sample(k * 1000, k, temp_mc=(mc,) * 4), None)
        seen.append((b.temp_min_mc, b.temp_max_mc))
    assert seen == [
        (25000, 25000),
        (30000, 30000),
        (24999, 30000),
        (24999, 30000),
        (24999, 24999),
        (24999, 31000),
        (24999, 31000),
        (31000, 31000),
    ]
    v = validator()
    v.step(0, h.sample(0, 1, temp_mc=(25000,) * 4), None)
    b = v.step(2000, h.sample(2000, 2, temp_mc=(35000,) * 4), None)  # 5 K/s, over two seconds
    assert (b.temp_min_mc, b.temp_max_mc) == (35000, 35000)


def test_a_soc_that_steps_without_charge_is_not_believed():
    for step_ppm, current_ma, code in (
        (30000, 0, r.OK),
        (30001, 0, r.IMPLAUSIBLE),
        (-30001, 0, r.IMPLAUSIBLE),
        (30001, 5000, r.OK),
    ):
        v = validator()
        v.step(0, h.sample(0, 1, current_ma=current_ma), None)
        b = v.step(1000, h.sample(1000, 2, current_ma=current_ma, bms_soc_ppm=500000 + step_ppm), None)
        assert b.quality[r.G_STATE] == code and b.worst == r.OK, step_ppm
        again = h.sample(2000, 3, current_ma=current_ma + 1, bms_soc_ppm=500000 + step_ppm)
        assert v.step(2000, again, None).quality[r.G_STATE] == r.OK


def test_a_voltage_that_goes_against_the_current():
    for sign, apart_ms, expected in ((1, 0, r.OK), (-1, 0, r.IMPLAUSIBLE), (-1, 1, r.OK)):
        v = validator()
        for k in range(8):
            ma, mv = (28001, 33) if k % 2 else (0, 0)
            one = h.sample(k * 1000, k, current_ma=ma, pack_mv=52800 + sign * mv)
            if apart_ms:
                one = h.regroup(one, r.G_PACK, r.Group(r.OK, k * 1000 - apart_ms, k))
            b = v.step(k * 1000, one, None)
            assert b.quality[r.G_CURRENT] == (expected if k >= 3 else r.OK), (sign, k)
        # a step that is right ends it
        v.step(8000, h.sample(8000, 9, current_ma=0, pack_mv=52800), None)
        assert v.step(9000, h.sample(9000, 10, current_ma=28001, pack_mv=52900), None).worst == r.OK
    v = validator()
    for k in range(8):
        one = h.sample(k * 1000, k, current_ma=28000 * (k % 2), pack_mv=52800 - 500 * (k % 2))
        assert v.step(k * 1000, one, None).worst == r.OK  # too small a step


def test_extremes_that_leave_the_mean_outside():
    for low, high, code in ((3299, 3299, r.OK), (3298, 3298, r.IMPLAUSIBLE), (3302, 3400, r.IMPLAUSIBLE)):
        v = validator()
        for k in range(5):
            b = v.step(k * 1000, h.sample(k * 1000, k, cell_min_mv=low, cell_max_mv=high), None)
            assert b.quality[r.G_EXTREMES] == (code if k >= 2 else r.OK)


def test_a_lost_sensor_is_told_apart_from_what_its_neighbours_say():
    one = Validator(h.pack(), 1000)
    for sample, lost in (
        (None, True),
        (h.sample(1000, 1), False),
        (h.sample(2000, 2, current_ma=None), True),
        (h.sample(3000, 3, temp_mc=(None, 25000, 25000, 25000)), True),
        (h.regroup(h.sample(4000, 4), r.G_LIMITS, r.Group(r.SENTINEL, 4000, 4)), True),
        (h.regroup(h.sample(5000, 5), r.G_STATE, r.Group(r.SENTINEL, 5000, 5)), False),
        (h.sample(6000, 6, bms_soc_ppm=None), False),
    ):
        one.step(sample.at_ms if sample else 0, sample, None)
        assert one.lost == lost, sample
    one.step(9001, h.sample(6000, 6), None)
    assert one.lost
    for k in range(7, 12):  # it only disagrees with the PCS
        believed = one.step(1000 * k, h.sample(1000 * k, k, mv=3300 + k), 50000)
    assert believed.worst == r.IMPLAUSIBLE and not one.lost and one.watched
    one = Validator(h.pack(facts={"periods_ms": [1000] * 6 + [None, 1000]}), 1000)
    one.step(1000, h.sample(1000, 1), None)
    assert not one.lost and not one.watched  # a profile that never tells it


def test_the_sign_of_the_current_against_the_soc():
    for sign, bad in ((1, False), (-1, True)):
        one = Validator(h.pack(), 1000)
        marks = []
        for k in range(900):  # 280 A for 15 minutes: 25 % of C
            soc_ppm = 300000 + sign * k * 1000000 // 3600
            sample = h.sample(1000 * k, k + 1, mv=3300 + k % 3, current_ma=280000, bms_soc_ppm=soc_ppm)
            marks.append(one.step(1000 * k, sample, None).quality[r.G_CURRENT])
        assert (r.IMPLAUSIBLE in marks) == bad
        assert not bad or 360 <= marks.index(r.IMPLAUSIBLE) <= 365
    one = Validator(h.pack(), 1000)
    for k in range(900):  # a counter that is set right by a jump now and then proves nothing
        sample = h.sample(1000 * k, k + 1, mv=3300 + k % 3, current_ma=-280000, bms_soc_ppm=500000 + k // 150 * 40000)
        assert one.step(1000 * k, sample, None).quality[r.G_CURRENT] == r.OK
