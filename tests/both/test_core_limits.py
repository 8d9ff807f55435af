# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Limits: the minimum over named sources, with the reason that binds."""

from edge.core import limits as lim
from edge.core.records import Est
from edge.core.validate import Believed, Validator
from tests.both import core_help as h

FREE = h.FREE


def believed(pack=None, **changes):
    pack = pack or h.pack()
    return Validator(pack, 1000).step(0, h.sample(0, **changes), None)


def combine(pack=None, soc=500000, caps=(None, None), ramp=FREE, papers=h.NO_PAPERS, **changes):
    pack = pack or h.pack()
    return h.combined(pack, believed(pack, **changes), soc, caps, ramp, papers)


def test_the_smallest_source_binds_and_is_named():
    wide = {"charge_ma": 140000, "discharge_ma": 140000}
    rows = (
        ({}, {}, 80000, lim.S_CONTRACT, 80000, lim.S_CONTRACT),
        ({"contract": None}, {}, 90000, lim.S_GRADE, 100000, lim.S_GRADE),
        ({"contract": None, "grade": wide}, {}, 120000, lim.S_BMS, 120000, lim.S_BMS),
        ({"contract": None, "grade": wide}, {"bms_charge_ma": 999999}, 140000, lim.S_MAKER, 120000, lim.S_BMS),
        ({}, {"bms_charge_ma": 0, "bms_discharge_ma": 7}, 0, lim.S_BMS, 7, lim.S_BMS),
        ({}, {"mv": 3600}, 8213, lim.S_VOLTAGE, 80000, lim.S_CONTRACT),
        ({}, {"mv": 2600}, 80000, lim.S_CONTRACT, 18433, lim.S_VOLTAGE),
        ({}, {"temp_mc": (2000,) * 4}, 5600, lim.S_TEMPERATURE, 80000, lim.S_CONTRACT),
    )
    for packs, changes, charge, charge_why, discharge, discharge_why in rows:
        got = combine(h.pack(**packs), **changes)
        assert got[:4] == (charge, charge_why, discharge, discharge_why), (packs, changes, got)


def test_soc_only_narrows_and_unknown_is_a_cap():
    assert combine(soc=None).charge_ma == 56000  # 0.2 C of 280 Ah
    assert combine(soc=None).charge_why == lim.S_SOC
    assert combine(soc=1000000).charge_ma == 28000
    assert combine(soc=0).discharge_ma == 7000
    for soc in (None, 0, 500000, 1000000):
        got = combine(soc=soc)
        assert 0 < got.charge_ma <= 80000 and 0 < got.discharge_ma <= 80000


def test_none_of_a_required_value_is_zero():
    for changes, charge, discharge in (
        ({"cell_mv": (None,) * 16}, 0, 0),
        ({"temp_mc": (None,) * 4}, 0, 0),
        ({"bms_charge_ma": None}, 0, 0),  # the whole group of limits is not believed
    ):
        got = combine(**changes)
        assert (got.charge_ma, got.discharge_ma) == (charge, discharge), changes


def test_what_forces_zero_is_the_reason():
    got = combine(caps=((lim.S_FAULT, 0), None), bms_charge_ma=0)
    assert got[:4] == (0, lim.S_FAULT, 80000, lim.S_CONTRACT)


def test_the_border_of_voltage_counts_one_lsb_on_the_dangerous_side():
    for lsb in (1, 5):
        pack = h.pack(facts={"cell_lsb_mv": lsb})
        assert combine(pack, mv=3650 - lsb).charge_ma == 0
        assert combine(pack, mv=3650 - lsb - 1).charge_ma > 0
        assert combine(pack, mv=2500 + lsb).discharge_ma == 0
        assert combine(pack, mv=2500 + lsb + 2).discharge_ma > 0


def test_ramp_goes_up_slowly_and_down_at_once():
    ramp = lim.Ramp(h.pack()["maker"])
    assert ramp.allowed(0) == (0, 0)
    ramp.took(0, 0, 0)
    assert ramp.allowed(1000) == (2800, 2800)  # 2 % of 140 A
    assert ramp.allowed(1999) == (5597, 5597)
    assert ramp.allowed(-5000) == (0, 0)
    ramp.took(1000, 2800, 100)
    assert ramp.allowed(2000) == (5600, 2900)
    ramp.took(2000, 0, 0)
    assert ramp.allowed(2000) == (0, 0)
    ramp = lim.Ramp({"charge_ma": 100000, "discharge_ma": 300000})  # each direction has its own
    ramp.took(0, 10, 20)
    assert ramp.allowed(1000) == (2010, 6020)


def test_sources_are_listed_for_the_reader():
    got = combine()
    assert [row[0] for row in got.sources] == [
        lim.S_MAKER,
        lim.S_GRADE,
        lim.S_BMS,
        lim.S_VOLTAGE,
        lim.S_TEMPERATURE,
        lim.S_SOC,
        lim.S_SOH,
        lim.S_IMBALANCE,
        lim.S_CONTRACT,
        lim.S_ENGINEER,
        lim.S_ORDER,
    ]
    assert got.sources[1] == (lim.S_GRADE, 90000, 100000)


def test_soc_that_is_hardly_known_counts_as_unknown():
    pack = h.pack()
    for std, expected in ((200000, 140000), (200001, 56000)):
        got = h.combined(pack, believed(), 500000, std=std)
        assert [row[1] for row in got.sources if row[0] == lim.S_SOC] == [expected]
    hardly = h.combined(pack, believed(), 1000000, std=300000)
    assert hardly.charge_ma == 28000  # and never allows more than a known one


def test_pack_voltage_and_current_are_required():
    for place in (0, 1):
        values = list(believed())
        values[place] = None
        got = h.combined(h.pack(), Believed(*values))
        assert got[:4] == (0, lim.S_INPUT, 0, lim.S_INPUT)


def test_soh_and_imbalance_only_narrow_and_unknown_is_a_cap():
    pack = h.pack(contract=None, grade={"charge_ma": 140000, "discharge_ma": 140000})
    rows = (
        (280000, 120000),  # 100 %: the BMS binds
        (196000, 120000),  # 70 %
        (168000, 98000),  # 60 %: 0.7
        (84000, 0),  # 30 %
        (83000, 0),
        (None, 56000),
    )
    for capacity, expected in rows:
        got = h.combined(pack, believed(pack), capacity=capacity)
        assert (got.charge_ma, got.discharge_ma) == (expected, expected), capacity
        assert expected in (0, 120000) or got.charge_why == got.discharge_why == lim.S_SOH
    for low, expected in ((3102, 140000), (3002, 102666), (2402, 5600), (2302, 0)):
        cells = (3300,) * 15 + (low,)
        got = h.combined(pack, believed(pack, cell_mv=cells))
        found = [row for row in got.sources if row[0] == lim.S_IMBALANCE][0]
        assert found == (lim.S_IMBALANCE, expected, expected), (low, found)
    none = h.combined(pack, believed(pack, cell_mv=(None,) * 16))
    assert [row for row in none.sources if row[0] == lim.S_IMBALANCE] == [(lim.S_IMBALANCE, 56000, 56000)]


def test_the_coarse_temperature_counts_on_the_dangerous_side():
    fine = h.pack(facts={"temp_lsb_mc": 100})
    for mc, charge, side in ((54900, True, 0), (100, True, 0), (-19900, True, 1)):
        assert combine(fine, temp_mc=(mc,) * 4)[2 * side] == 0, mc
    assert combine(fine, temp_mc=(54899,) * 4).charge_ma > 0
    assert combine(temp_mc=(54000,) * 4).charge_ma == combine(temp_mc=(1000,) * 4).charge_ma == 0
    assert combine(temp_mc=(53000,) * 4).charge_ma > 0 and combine(temp_mc=(2000,) * 4).charge_ma > 0


def test_papers_hold_until_their_time_and_then_what_they_declare():
    papers = (
        ((lim.S_CONTRACT, 50000, 100, 7000), (lim.S_ENGINEER, 60000, 200, None), (lim.S_CONTRACT, 70000, None, None)),
        ((lim.S_ORDER, 0, None, None),),
    )
    for now_ms, charge, why in ((0, 50000, lim.S_CONTRACT), (99, 50000, lim.S_CONTRACT), (100, 7000, lim.S_CONTRACT)):
        got = h.combined(h.pack(), believed(), papers=papers, now_ms=now_ms)
        assert got[:4] == (charge, why, 0, lim.S_ORDER)
    engineer = ((lim.S_ENGINEER, 60000, 200, None),)
    assert h.combined(h.pack(), believed(), papers=(engineer, engineer), now_ms=199)[:2] == (60000, lim.S_ENGINEER)
    assert h.combined(h.pack(), believed(), papers=(engineer, engineer), now_ms=200)[:2] == (80000, lim.S_CONTRACT)
    assert lim.in_force(0, ((lim.S_ORDER, None, None, None),), lim.S_ORDER, 5) == 5


def test_least_of_nothing_is_nothing():
    assert lim.least((), 1) == (0, lim.S_NONE)
    assert lim.least(((3, 5), (4, 5)), 1) == (5, 3)
    assert lim.least(((3, 5), (4, -5), (5, None)), 1) == (0, 4)


def test_a_reading_that_recedes_counts_after_its_play():
    held = lim.Held(h.pack())
    rows = (
        # cells, held high, held low
        (3300, 3301, 3299),
        (3320, 3321, 3319 - 20),
        (3310, 3321, 3299),
        (3301, 3321, 3299),
        (3300, 3321, 3299),
        (3279, 3300, 3278),
        (None, None, None),
        (3290, 3300, 3278),
    )
    for mv, high, low in rows:
        cells = (mv,) * 16
        est = Est(500000, 1000, 0, 2)
        view = held.step(lim.readings(h.pack(), believed(cell_mv=cells), est, Est(238000, 1, 0, 2)))
        assert (view.high_mv, view.low_mv) == (high, low), mv
    coarse = lim.Held(h.pack(facts={"cell_lsb_mv": 15}))
    assert coarse._play[0] == 30 and coarse._play[2] == 2000 and coarse._play[4] == 20000


def transitions(steps):
    """Limits that change hands in an hour in which steps, (believed, soc), repeat once per second each."""
    held = lim.Held(h.pack())
    seen = []
    before = None
    for second in range(3600):
        values, soc = steps[second % len(steps)]
        if second % len(steps) == 0:
            if held._last == before:  # the state has come round, and with it the rest of the hour
                return seen
            before = list(held._last)
        limits = h.combined(h.pack(), values, soc, held=held)
        got = (limits.charge_ma, limits.discharge_ma)
        if not seen or seen[-1] != got:
            seen.append(got)
    return seen


def test_a_reading_that_swings_around_a_threshold_changes_little_in_an_hour():
    rows = []
    for mv in (3400, 3500, 3569, 3570, 3629, 3630, 3648, 3649, 3650, 2549, 2700, 2899, 2900, 2501, 2500):
        rows.append([{"mv": mv - 1}, {"mv": mv}, {"mv": mv + 1}])
    for mc in (-20000, -10000, 0, 5000, 12000, 40000, 45000, 54000, 55000):
        rows.append([{"temp_mc": (mc - 1000,) * 4}, {"temp_mc": (mc,) * 4}, {"temp_mc": (mc + 1000,) * 4}])
    for swing in rows:
        low, middle, high = [(believed(**change), 500000) for change in swing]
        seen = transitions((low, middle, high, middle))
        assert len(seen) <= 3, (swing, seen)
    for soc in (0, 50000, 950000, 1000000):
        steps = [(believed(), max(0, min(1000000, soc + step * 5000))) for step in (-1, 0, 1)]
        seen = transitions(steps)
        assert len(seen) <= 3, (soc, seen)


def rows_of(view, known=True, papers=h.NO_PAPERS, **packs):
    """{source: (charge_ma, discharge_ma)} of one View; everything else is healthy."""
    packs.setdefault("maker", {"charge_ma": 140000, "discharge_ma": 150000})
    packs.setdefault("contract", {"charge_ma": 80000, "discharge_ma": 70000})
    pack = h.pack(**packs)
    values = believed(bms_charge_ma=130000, bms_discharge_ma=110000)
    return {row[0]: row[1:] for row in lim.sources(0, pack, values, view, known, papers)}


def test_every_source_says_its_own_for_each_direction():
    view = lim.View(3570, 2550, 45000, 5000, 1000000, 0, 500000, 500)
    assert rows_of(view) == {
        lim.S_MAKER: (140000, 150000),
        lim.S_GRADE: (90000, 100000),
        lim.S_BMS: (130000, 110000),
        lim.S_VOLTAGE: (14000, 7500),
        lim.S_TEMPERATURE: (28000, 150000),
        lim.S_SOC: (28000, 7500),
        lim.S_SOH: (56000, 60000),
        lim.S_IMBALANCE: (28000, 30000),
        lim.S_CONTRACT: (80000, 70000),
        lim.S_ENGINEER: (140000, 150000),
        lim.S_ORDER: (140000, 150000),
    }
    papers = (((lim.S_ENGINEER, 5, None, None),), ((lim.S_ENGINEER, 6, None, None), (lim.S_ORDER, 7, None, None)))
    said = rows_of(view, papers=papers)
    assert (
        said[lim.S_ENGINEER] == (5, 6) and said[lim.S_ORDER] == (140000, 7) and said[lim.S_CONTRACT] == (80000, 70000)
    )


def test_what_is_not_known_is_missing_or_caps_and_the_maker_caps_it_again():
    nothing = lim.View(*((None,) * 8))
    small = {"charge_ma": 40000, "discharge_ma": 50000}
    for maker, caps in ((None, (56000, 56000)), (small, (40000, 50000))):
        said = rows_of(nothing, **({"maker": maker} if maker else {}))
        assert said[lim.S_VOLTAGE] == said[lim.S_TEMPERATURE] == (None, None)
        assert said[lim.S_SOC] == said[lim.S_SOH] == said[lim.S_IMBALANCE] == caps
    middle = lim.View(3300, 3300, 25000, 25000, 500000, 500000, 1000000, 0)
    assert rows_of(middle)[lim.S_SOC] == (140000, 150000)
    assert rows_of(middle, known=False)[lim.S_SOC] == (56000, 56000)
    assert rows_of(lim.View(3300, 3300, 25000, None, 0, 0, 0, 0))[lim.S_TEMPERATURE] == (None, None)
    assert rows_of(lim.View(3300, 3300, None, 25000, 0, 0, 0, 0))[lim.S_TEMPERATURE] == (None, None)
    assert rows_of(lim.View(None, 3300, 0, 0, 0, 0, 0, 0))[lim.S_VOLTAGE] == (None, 150000)
    assert rows_of(lim.View(3300, None, 0, 0, 0, 0, 0, 0))[lim.S_VOLTAGE] == (140000, None)


def test_the_bounds_of_temperature_are_exactly_zero():
    for hot, cold, grade, expected in (
        (40000, 25000, {"temp_max_mc": 40000}, (0, 0)),
        (39999, 25000, {"temp_max_mc": 40000}, (140000, 150000)),
        (25000, 16000, {"temp_min_charge_mc": 16000}, (0, 150000)),
        (25000, 16001, {"temp_min_charge_mc": 16000}, (140000, 150000)),
        (25000, 16000, {"temp_min_mc": 16000}, (140000, 0)),
        (55000, 25000, {}, (0, 0)),
        (25000, 0, {}, (0, 114999)),
        (25000, -20000, {}, (0, 0)),
    ):
        view = lim.View(3300, 3300, hot, cold, 500000, 500000, 1000000, 0)
        assert rows_of(view, grade=grade)[lim.S_TEMPERATURE] == expected, (hot, cold)


def test_caps_and_ramp_of_one_direction_leave_the_other():
    for caps, ramp, expected in (
        ((None, (lim.S_MODE, 0)), FREE, (80000, lim.S_CONTRACT, 0, lim.S_MODE)),
        (((lim.S_LATE, 0), None), FREE, (0, lim.S_LATE, 80000, lim.S_CONTRACT)),
        ((None, None), (1, 2), (1, lim.S_RAMP, 2, lim.S_RAMP)),
        ((None, None), (3, 80000), (3, lim.S_RAMP, 80000, lim.S_CONTRACT)),
        (((lim.S_INPUT, 0), None), (0, 0), (0, lim.S_INPUT, 0, lim.S_RAMP)),
        ((None, None), (-1, -5), (0, lim.S_RAMP, 0, lim.S_RAMP)),
    ):
        assert combine(caps=caps, ramp=ramp)[:4] == expected


def test_readings_stand_on_their_dangerous_side():
    est, mah = Est(512345, 1000, 0, 2), Est(238000, 5000, 0, 2)
    cells, temps = (3310,) + (3300,) * 14 + (3290,), (20000, 25000, 22000, 21000)
    for facts, lsb_mv, lsb_mc in (
        ({"cell_lsb_mv": 1}, 1, 1000),
        ({"cell_lsb_mv": 5, "temp_lsb_mc": 100}, 5, 100),
        ({"cell_lsb_mv": None, "temp_lsb_mc": None}, 1, 1000),
    ):
        view = lim.readings(h.pack(facts=facts), believed(cell_mv=cells, temp_mc=temps), est, mah)
        assert view == lim.View(
            3310 + lsb_mv, 3290 - lsb_mv, 25000 + lsb_mc, 20000 - lsb_mc, 512345, 512345, 850000, 20 + 2 * lsb_mv
        )


def test_readings_that_are_missing_one_by_one():
    pack = h.pack()
    for place, gone in ((2, {"high_mv", "spread_mv"}), (3, {"low_mv", "spread_mv"}), (4, {"hot_mc"}), (5, {"cold_mc"})):
        values = list(believed())
        values[place] = None
        less = Believed(*values)
        view = lim.readings(pack, less, Est(1, 1, 0, 2), Est(1, 1, 0, 2))
        names = ("high_mv", "low_mv", "hot_mc", "cold_mc", "full_ppm", "empty_ppm", "soh_ppm", "spread_mv")
        assert {key for key in names if getattr(view, key) is None} == gone, place
    view = lim.readings(pack, believed(), Est(None, None, 0, 2), Est(None, None, 0, 2))
    assert (view.full_ppm, view.empty_ppm, view.soh_ppm) == (None, None, None)


def test_each_reading_is_held_by_its_own_play():
    """Back by less than its play it stays where it was; back by more it counts that much less."""
    first = lim.View(3400, 3300, 30000, 20000, 600000, 500000, 900000, 100)
    dangerous = (1, -1, 1, -1, 1, -1, -1, 1)
    for lsb_mv, mv in ((1, 20), (10, 20), (11, 22), (None, 20)):
        pack = h.pack(facts={"cell_lsb_mv": lsb_mv})
        plays = (mv, mv, 2000, 2000, 20000, 20000, 20000, mv)
        for place in range(8):
            for back in (-1, 1, plays[place], plays[place] + 1):
                held = lim.Held(pack)
                assert held.step(first) == first
                values = list(first)
                values[place] -= dangerous[place] * back
                seen = held.step(lim.View(*values))
                values[place] += dangerous[place] * max(0, min(back, plays[place]))
                assert list(seen) == values, (lsb_mv, place, back)


def test_rows_that_say_the_same_are_kept_and_others_are_not():
    pack, values = h.pack(), believed(bms_charge_ma=130000, bms_discharge_ma=110000)

    def rows(hot_mc, told=values, before=()):
        view = lim.View(3300, 3300, hot_mc, 25000, 500000, 500000, 1000000, 0)
        return lim.sources(0, pack, told, view, True, h.NO_PAPERS, 0, before)

    first = rows(25000)
    assert rows(25000, before=first) is first
    warm = rows(42000, before=first)
    assert warm == rows(42000) != first
    assert [first[i][0] for i in range(len(first)) if warm[i] is not first[i]] == [lim.S_TEMPERATURE]
    lost = believed(pack_mv=None)
    assert rows(25000, lost, first) == rows(25000, lost) and rows(25000, before=rows(25000, lost)) == first
    for odd in ((130000.0, 110000), (130000, 110000.0)):
        told = believed(bms_charge_ma=odd[0], bms_discharge_ma=odd[1])
        row = [row for row in rows(25000, told, first) if row[0] == lim.S_BMS][0]
        assert isinstance(row[1], float) == isinstance(odd[0], float)
        assert isinstance(row[2], float) == isinstance(odd[1], float)
