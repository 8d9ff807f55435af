# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Cell layer on both runtimes: a small straight-line pack with known differences, and the same bits."""

from edge.core import anomalies as a
from edge.core import cells as c
from edge.core.cell import exponential, load, shared
from edge.core.collapse import missing_mv
from edge.core.power import CHARGE, DISCHARGE, R_SOC, R_UNKNOWN, R_VOLTAGE, Cell, Cells, cells_of, power
from edge.core.records import Est
from edge.core.resistance import Resistance
from edge.core.sensors import Temps
from edge.core.soc import W_COUNTED, W_HIDDEN
from edge.core.steps import Steps
from tests.both import core_help as h

CELLS = 6
NOMINAL_MAH = 5000
SLOPE = 0.8
R_OHM = 0.2
# Per cell: (dz, relative 1/capacity, relative resistance, leak in A)
TRUE = [(0.02, 0.0, 0.0, 0.0), (-0.03, 0.08, 0.2, 0.0), (0.0, 0.0, -0.1, 0.008)] + [(0.0, 0.0, 0.0, 0.0)] * 3
# Of the state after 48 h of the made-up duty: differs when one runtime computes otherwise.
DIGEST = 404729445
DIGEST_BENT = 129835441


def noise(seed):
    """Endless numbers -1..1, the same on both runtimes."""
    while True:
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        yield seed / 1073741823.5 - 1.0


def line(z):
    """A straight curve."""
    return 3.4 + SLOPE * z


def current_at(minute):
    """A day of charging 6 h, resting and discharging 6 h, A."""
    hour = minute // 60 % 24
    return 0.3 if 6 <= hour < 12 else -0.3 if 16 <= hour < 22 else 0.0


def run(hours, true=TRUE, slope=SLOPE, cells=None, missing=None, first=0, dz=None):
    """CellDeltas after hours of duty; missing: function (minute, cell) -> True where a cell is unknown."""
    made = cells or c.CellDeltas(CELLS, NOMINAL_MAH)
    random = noise(7)
    dz = dz or [each[0] for each in true]
    z = 0.3
    for minute in range(first, first + hours * 60):
        current = current_at(minute)
        move = current / 60.0 / 4.0
        z += move
        for i in range(CELLS):
            dz[i] += move * true[i][1] - true[i][3] / 60.0 / 4.0
        each = [slope * dz[i] + current * R_OHM * true[i][2] + 0.001 * next(random) for i in range(CELLS)]
        middle = 0.0
        for v in each:
            middle += v / CELLS
        each = [v - middle for v in each]
        if missing is not None:
            each = [None if missing(minute, i) else each[i] for i in range(CELLS)]
        made.update(60.0, current, (z, 0.003, slope, current * R_OHM, 4.0), each, None, minute * 60000)
    return made, dz


def mean_of(values):
    """Mean without sum()."""
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def near(est, true_ppm, sigmas=3):
    """True when an Est covers the truth."""
    return abs(est.value - true_ppm) <= sigmas * est.std


def test_finds_the_differences_with_honest_sigmas():
    made, dz = run(48)
    middle = mean_of(dz)
    for i in range(CELLS):
        assert near(made.soc_deviation(i), (dz[i] - middle) * 1e6), i
        assert near(made.leak(i), (TRUE[i][3] - 0.008 / CELLS) * 1e6), i
    assert abs(made.leak(2).value - 8000 + 1333) < 1000
    assert made.resistance_deviation(1).value > 100000
    assert made.capacity_deviation(1).value < -40000
    pack = Est(500000, 3000, 0, W_COUNTED)
    weakest, strongest = made.extremes(pack)
    assert weakest[0] == dz.index(min(dz)) and strongest[0] == 0
    assert weakest[1].value < 500000 < strongest[1].value
    assert made.limiting(0.5)[0] in (1, 2)


def test_flat_curve_tells_nothing_about_charge():
    made, _ = run(24, slope=0.0)
    for i in range(CELLS):
        assert abs(made.soc_deviation(i).value) < 1000
        assert made.soc_deviation(i).why == W_HIDDEN and made.leak(i).why == W_HIDDEN
    assert made.extremes(Est(500000, 3000, 0, W_COUNTED)) == (None, None)
    assert not dict(a.observable(made))[a.LEAKS]
    assert a.Judge(CELLS, NOMINAL_MAH).look(0, made) == ()


def test_constant_offset_is_no_leak():
    made, _ = run(48, true=[(0.01 * (i % 3 - 1), 0.0, 0.0, 0.0) for i in range(CELLS)])
    for i in range(CELLS):
        assert abs(made.leak(i).value) < 1000, made.leak(i)
    assert a.Judge(CELLS, NOMINAL_MAH).look(0, made) == ()


def test_missing_cell_keeps_its_place_and_is_less_sure():
    made, dz = run(30, missing=lambda minute, i: i == 4 and minute > 600)
    assert made.count == CELLS and made.std(4, c.DZ) > 2 * made.std(3, c.DZ)
    assert near(made.soc_deviation(4), (dz[4] - mean_of(dz)) * 1e6)
    again, dz = run(30, cells=made, first=30 * 60, dz=dz)
    assert again.std(4, c.DZ) < 1.5 * again.std(3, c.DZ)
    none = [None] * CELLS
    before = made.std(0, c.DZ)
    made.update(60.0, 0.0, (0.5, 0.003, SLOPE, 0.0, 4.0), none)
    made.gap(36000.0, 4.0)
    assert made.std(0, c.DZ) > before


def test_unknown_before_the_first_block():
    made = c.CellDeltas(CELLS, NOMINAL_MAH)
    assert made.soc_deviation(0).value is None and made.leak(0).value is None
    assert made.extremes(Est(500000, 3000, 0, W_COUNTED)) == (None, None)
    assert made.limiting(0.5) == (None, None) and cells_of(made, 0.5, 0.01, 0.02, Cells(CELLS)) is None


def test_state_survives_and_other_packs_start_afresh():
    made, dz = run(24)
    saved = h.kept(made.state())
    for text in saved["x"] + saved["p"] + saved["wide"]:
        assert isinstance(text, str) and len(text) <= c.TEXT
    again = c.CellDeltas(CELLS, NOMINAL_MAH, saved)
    for i in range(CELLS):
        assert abs(again.soc_deviation(i).value - made.soc_deviation(i).value) <= 1
        assert abs(again.std(i, c.LEAK) - made.std(i, c.LEAK)) < 1e-7
    run(1, cells=again, first=24 * 60, dz=dz)
    assert again.seen_s > 24 * 3600 - 1
    assert c.CellDeltas(CELLS + 1, NOMINAL_MAH, saved).seen_s == 0.0
    assert c.CellDeltas(CELLS, 280000, saved).seen_s == 0.0
    other = c.CellDeltas(CELLS, NOMINAL_MAH, saved)
    run(1, true=[(0.1 * (i % 2), 0.0, 0.0, 0.0) for i in range(CELLS)], cells=other)
    assert other.seen_s < 2 * 3600  # the voltages were not those of the saved cells


def test_damaged_state_raises():
    good = h.kept(run(1)[0].state())
    for key, value in (
        ("x", [0]),
        ("p", [0] * 105),
        ("wide", ["00" * 4 * CELLS]),
        ("x", ["text"]),
        ("x", ["0000c07f" * CELLS * c.WIDTH]),
        ("seen_s", None),
    ):
        bad = dict(good)
        bad[key] = value
        try:
            c.CellDeltas(CELLS, NOMINAL_MAH, bad)
        except (KeyError, TypeError, IndexError, ValueError):
            continue
        raise AssertionError(key)


def bent(z):
    """A curve that ends at 2.5 V and 4.3 V, steep at the lower end, and stays there beyond."""
    z = min(max(z, 0.0), 1.0)
    return 3.3 + z if z > 0.1 else 2.5 + 9.0 * z


def drained(hours, leak=0.02):
    """(CellDeltas, Judge, its kinds and cells, dz) of a resting pack at 20 % whose cell 3
    loses leak A and goes on below the end of the curve, where its voltage falls 50 mV an hour."""
    made = c.CellDeltas(CELLS, NOMINAL_MAH)
    judge = a.Judge(CELLS, NOMINAL_MAH)
    random = noise(7)
    kinds = set()
    below = 0.0
    for minute in range(hours * 60):
        lost = leak * minute / 60.0 / 4.0
        z = 0.2 - lost / CELLS
        dz = [0.2 - z] * CELLS
        dz[3] -= lost
        volts = [bent(z + each) + 0.001 * next(random) for each in dz]
        if z + dz[3] < 0.0:
            below += 0.05 / 60.0
            volts[3] -= below
        middle = mean_of(volts)
        each = [v - middle for v in volts]
        made.update(60.0, 0.0, (z, 0.003, 1.0, 0.0, 4.0), each, bent, minute * 60000)
        for found in judge.look(minute * 60000, made, z):
            kinds.add((a.KINDS[found.kind], found.where))
    return made, judge, kinds, dz


def test_a_cell_below_its_curve_does_not_move_the_others():
    before, _, _, _ = drained(39)  # empty after 40 h
    made, judge, kinds, dz = drained(72)
    for i in range(CELLS):
        est, old = made.leak(i), before.leak(i)
        assert abs(est.value - old.value) <= 3 * old.std, (i, est, old)
        assert est.std >= old.std * 2 // 3
        if i != 3:
            assert abs(made.soc_deviation(i).value - dz[i] * 1e6) < 20000, (i, dz[i])
        assert abs(made.capacity_deviation(i).value) < 150000
    assert kinds == {("internal_short", 3)}, kinds
    assert [(found.kind, found.where) for found in judge.found] == [(a.SHORT, 3)]
    assert made.x[3 * c.WIDTH] >= -0.2 - c.EDGE - 0.001


def test_a_block_beyond_the_curve_changes_nothing_but_the_covariance():
    made, _, _, _ = drained(30, leak=0.0)
    steps = [made.x[k] for k in range(CELLS * c.WIDTH) if k % c.WIDTH]
    before = made.std(0, c.DZ)
    for volts in (-1.2, 1.2):
        each = [0.0] * CELLS
        each[2] = volts
        for _ in range(60):
            made.update(60.0, 0.0, (0.2, 0.003, 1.0, 0.0, 4.0), each, bent, 0)
    assert [made.x[k] for k in range(CELLS * c.WIDTH) if k % c.WIDTH] == steps
    assert made.std(0, c.DZ) >= before


def test_one_cell_far_off_leaves_the_others_and_most_cells_far_off_move_none():
    made, dz = run(24)
    same, _ = run(24)
    for _ in range(60):
        each = [SLOPE * dz[i] - SLOPE * mean_of(dz) for i in range(CELLS)]
        same.update(60.0, 0.0, (0.5, 0.003, SLOPE, 0.0, 4.0), each)
        each[5] -= 0.4
        made.update(60.0, 0.0, (0.5, 0.003, SLOPE, 0.0, 4.0), each)
    for i in range(CELLS - 1):
        assert abs(made.soc_deviation(i).value - same.soc_deviation(i).value) < 1000, i
        assert abs(made.leak(i).value - same.leak(i).value) < 200, i
    assert made.soc_deviation(5).value < same.soc_deviation(5).value and made.std(5, c.DZ) > same.std(5, c.DZ)
    steps = [same.x[k] for k in range(CELLS * c.WIDTH) if k % c.WIDTH]
    same.update(60.0, 0.0, (0.5, 0.003, SLOPE, 0.0, 4.0), [0.5 * (i - 2.5) for i in range(CELLS)])
    assert [same.x[k] for k in range(CELLS * c.WIDTH) if k % c.WIDTH] == steps


def test_a_large_leak_stays_an_alarm_at_the_bound():
    # leak in A: inside the bound of 2 % of C per hour, and far beyond it
    for leak in (0.05, 0.4):
        true = [(0.0, 0.0, 0.0, 0.0)] * CELLS
        made, dz = run(12, true=true)
        judge = a.Judge(CELLS, NOMINAL_MAH)
        true = true[:2] + [(0.0, 0.0, 0.0, leak)] + true[3:]
        for hour in range(12, 28):
            made, dz = run(1, true=true, cells=made, first=hour * 60, dz=dz)
            judge.look(hour * 3600000, made)
            for i in range(CELLS):
                assert abs(made.x[i * c.WIDTH + c.LEAK]) <= c.MOST_LEAK * 1.001
                assert made.x[i * c.WIDTH + c.DQ] <= 1.5 and made.x[i * c.WIDTH + c.DQ] >= -0.601
            held = made.leak(2)
            if held.value > 99900:
                assert held.std >= 99900 and held.why == W_HIDDEN
        assert [(each.kind, each.where) for each in judge.found] == [(a.SHORT, 2)], judge.found
        saved = h.kept(judge.state())
        again = a.Judge(CELLS, NOMINAL_MAH, saved)
        assert [each[:4] for each in again.found] == [each[:4] for each in judge.found]
        last = made.leak(2)
        again.look(28 * 3600000, made)  # at the bound it cannot be seen, and stays
        assert [(each.kind, each.where) for each in again.found] == [(a.SHORT, 2)], last
        del saved["shorts"]  # of an older version
        assert a.Judge(CELLS, NOMINAL_MAH, saved).found == ()


def test_same_bits_with_a_cell_at_the_end_of_its_curve():
    made, _, _, _ = drained(44)
    assert not DOUBLE or digest_of(made) == DIGEST_BENT, digest_of(made)


DOUBLE = 1 + 1e-10 > 1  # a board's floats have 24 bits: its digits are its own


def digest_of(made):
    """The state in one number."""
    saved = h.kept(made.state())
    digest = 0
    for text in saved["x"] + saved["p"] + saved["wide"]:
        for sign in text:
            digest = (digest * 31 + ord(sign)) % 1000000007
    return digest


def test_same_bits_on_both_runtimes():
    made = run(48, missing=lambda minute, i: i == 3 and minute % 7 == 0)[0]
    assert not DOUBLE or digest_of(made) == DIGEST, digest_of(made)


def test_judge_names_the_leak_and_keeps_its_memory():
    judge = a.Judge(CELLS, NOMINAL_MAH)
    made, dz = None, None
    for hour in range(48):
        made, dz = run(1, cells=made, first=hour * 60, dz=dz)
        found = judge.look(hour * 3600000, made)
    kinds = [(each.kind, each.where) for each in found]
    assert (a.SHORT, 2) in kinds and [each for each in found if each.kind in (a.LEAKS, a.SHORT)][0].where == 2
    saved = h.kept(judge.state())
    again = a.Judge(CELLS, NOMINAL_MAH, saved)
    assert h.kept(again.state()) == saved
    assert a.Judge(CELLS + 1, NOMINAL_MAH, saved).kept == 0


def test_offset_of_the_current_sensor():
    made, _ = run(2)
    judge = a.Judge(CELLS, NOMINAL_MAH)
    # (mA, sigma, expected)
    for ma, std, expected in ((20, 5, False), (80, 5, True), (80, 40, False), (-80, 5, True)):
        for _ in range(2):  # the second look confirms the first
            judge.due_ms = 0
            found = judge.look(0, made, 0.5, Est(ma, std, 0, W_COUNTED))
        kinds = [each.kind for each in found]
        assert (a.OFFSET in kinds) == expected, (ma, std)


def test_resistance_that_jumps_within_a_day():
    judge = a.Judge(CELLS, NOMINAL_MAH)
    true = [list(each) for each in TRUE]
    for each in true:
        each[3] = 0.0
    made, dz, kinds = None, None, []
    for hour in range(72):
        if hour == 48:
            true[5][2] = 0.8  # of the whole, by a contact
        made, dz = run(1, true=true, cells=made, first=hour * 60, dz=dz)
        fast = ([2000000 if i == 5 and hour > 48 else 0 for i in range(CELLS)], [20000] * CELLS)
        for each in judge.look(hour * 3600000, made, fast=lambda: fast):
            kinds.append((a.KINDS[each.kind], each.where, each.text))
    # the fast part is known at once, the whole later, and when it grows no more it is a contact
    assert kinds[0] == ("resistance_jump", 5, a.T_ROSE), kinds[0]
    assert kinds[-1] == ("contact", 5, a.T_CONTACT), kinds
    assert {each[1] for each in kinds} == {5}


def test_a_jump_of_the_fast_part_is_seen_against_its_own_baseline():
    made = Steps(CELLS, NOMINAL_MAH)
    random = noise(11)
    found = []
    for block in range(3 * 4320):
        current = 1.5 if block // 30 % 2 else -1.0
        each = []
        for i in range(CELLS):
            ohm = 0.02 * (1.0 + 0.05 * (i - 2.5)) * (1.5 if i == 2 and block >= 8640 else 1.0)
            each.append(int(3700.0 + 1000.0 * ohm * current + 2.0 * next(random) + 0.5))
        if block == 4320:  # a restart
            made = Steps(CELLS, NOMINAL_MAH, h.kept(made.state()))
        each[0] = None if block % 7 == 0 else each[0]
        made.step(10.0, current, None if block % 500 == 0 else each)
        rises = made.rises() if block % 360 == 0 else None
        for i in range(CELLS if rises else 0):
            if rises[0][i] > a.JUMP_PPM and rises[0][i] > a.SIGMAS * rises[1][i]:
                found.append((block // 360, i))
    assert found and {each[1] for each in found} == {2} and 24 < found[0][0] <= 32, found[:3]
    for damage in (
        [99] + [0] * (CELLS + 1),
        [1, -1] + [0] * CELLS,
        [1, 0] + [-2000000] * CELLS,
        [1, 0] + ["x"] * CELLS,
    ):
        try:
            Steps(CELLS, NOMINAL_MAH, damage)
        except ValueError:
            continue
        raise AssertionError(damage)


def test_a_leak_that_may_be_a_small_capacity_is_no_short_yet():
    made, _ = run(24)
    for hours, kind in ((23, a.DIVERGING), (25, a.SHORT)):
        made.seen_s = hours * 3600.0
        made.x[2 * c.WIDTH + c.LEAK] = 0.004
        made.x[2 * c.WIDTH + c.DQ] = 0.25
        judge = a.Judge(CELLS, NOMINAL_MAH)
        for hour in range(2):
            found = judge.look(hour * 3600000, made)
        assert [(each.kind, each.where) for each in found if each.where == 2][0] == (kind, 2), found
    made.seen_s = 23 * 3600.0
    made.x[2 * c.WIDTH + c.DQ] = 0.0  # its capacity is like the others': nothing to wait for
    judge = a.Judge(CELLS, NOMINAL_MAH)
    for hour in range(2):
        found = judge.look(hour * 3600000, made)
    assert (a.SHORT, 2) in [(each.kind, each.where) for each in found]


def test_temperature_sensor_against_its_own_normal():
    temps = Temps(4)
    for minute in range(60):
        assert temps.look(minute, (25000, 25500, None, 29000)) == ()
    assert temps.observable()
    temps = Temps(4, temps.state())
    found = ()
    for minute in range(12):
        found = temps.look(minute, (25000, 30500, None, 29000))
    assert [each.where for each in found] == [1]
    for minute in range(12):
        found = temps.look(minute, (25000, 25400, 25000, 35000))
    assert [each.where for each in found] == [3] and abs(found[0].value - 6000) < 1000
    assert not Temps(2).observable()


def test_resistance_is_not_made_smaller_by_current_noise():
    random = noise(3)
    made = Resistance(NOMINAL_MAH)
    before = None
    for k in range(20000):
        level = (0.0, 0.0, 0.0, 0.7, 1.4, -0.9, 0.3)[k // 40 % 7] * (1 + k % 3 % 2)
        seen = level + 0.1 * (next(random) + next(random) + next(random))
        before = level
        made.step(k * 10000, seen, 3.6 + before * 0.05 + 0.001 * next(random))
    est = made.est()
    assert abs(est.value - 50000) < 2000 and est.why == W_COUNTED, est
    again = Resistance(NOMINAL_MAH, made.state())
    assert abs(again.est().value - est.value) <= 1
    made.step(0, None, 3.6)
    assert Resistance(NOMINAL_MAH).est().value is None


MAKER = {"charge_ma": 5000, "discharge_ma": 10000, "cell_max_mv": 4200, "cell_min_mv": 3000}
MODEL = (0.03, 0.01, 0.02, 30.0, 600.0, 0.0, 0.0, 4.0)


def test_exponential():
    # (t/tau, exp(-t/tau) in parts of 10^9)
    for ratio, value in ((0.0, 1000000000), (0.01, 990049834), (1.0, 367879441), (5.0, 6737947), (30.0, 0)):
        assert abs(exponential(-ratio) * 1e9 - value) < 300, ratio


def test_power_names_what_binds():
    cells = [Cell(0.5, 0.0, 1.0, 0.0), Cell(0.5, 0.0, 1.0, 0.0)]
    found = power(cells, MODEL, lambda z: 3.0 + 1.3 * z, MAKER)
    # 4.2 V - 3.65 V over 33 mOhm is more than the maker allows; over an hour the cell is full
    assert found[CHARGE][0][0] == 5000 and found[CHARGE][0][3] == -1
    assert found[CHARGE][2][2] in (R_SOC, R_VOLTAGE) and found[CHARGE][2][0] <= 2000
    for side in (CHARGE, DISCHARGE):
        each = [row[0] for row in found[side]]
        assert each[0] >= each[1] >= each[2] > 0
    weak = power([cells[0], Cell(0.2, 0.02, 1.5, 0.1)], MODEL, lambda z: 3.0 + 1.3 * z, MAKER)
    assert weak[DISCHARGE][1][3] == 1 and weak[DISCHARGE][1][0] < found[DISCHARGE][1][0]
    full = power([Cell(0.99, 0.02, 1.0, 0.0)], MODEL, lambda z: 3.0 + 1.3 * z, MAKER)
    assert full[CHARGE][0][0] == 0 and full[CHARGE][0][1] == 0
    unknown = power(None, MODEL, lambda z: 3.0, MAKER)
    assert unknown[CHARGE][0] == (None, None, R_UNKNOWN, -1)


def test_power_of_the_cell_layer():
    made, _ = run(24)
    found = power(cells_of(made, 0.5, 0.01, 0.02, Cells(CELLS)), MODEL, line, MAKER)
    assert 0 < found[DISCHARGE][2][0] < 2100 and found[DISCHARGE][2][3] in (1, 2)


def test_packs_of_one_type_share_their_tables():
    pack = {"chemistry": "nmc", "capacity_mah": 5000}
    one = shared(pack)
    assert shared(dict(pack)) is one
    other = shared({"chemistry": "nmc", "capacity_mah": 6000})
    assert other is not one and not other.same(one)
    tables = dict(load(pack))
    tables["ocv_uv"] = (tables["ocv_uv"][0] + 1000,) + tuple(tables["ocv_uv"][1:])
    assert shared(dict(pack, cell=tables)) is not one
    assert shared(dict(pack, cell=dict(load(pack)))) is one


def test_a_collapsed_cell_is_taken_out_of_the_pack_voltage():
    made, dz = run(24)
    mv = [int(1000.0 * line(0.3 + each)) for each in dz]
    assert missing_mv(made, mv, 0.3, SLOPE, 0.0, line) == 0
    assert missing_mv(made, [None] * CELLS, 0.3, SLOPE, 0.0, line) == 0
    low = mv[:3] + [mv[3] - 1000] + mv[4:]
    assert 950 < missing_mv(made, low, 0.3, SLOPE, 0.0, line) < 1050
    most = [each - 1000 * (i % 2) for i, each in enumerate(mv)]
    assert missing_mv(made, most, 0.3, SLOPE, 0.0, line) == 0  # half of them: nobody knows which half
    true = [(-0.3, 0.0, 0.0, 0.0)] + [(0.0, 0.0, 0.0, 0.0)] * (CELLS - 1)  # known to be low: no collapse
    made, dz = run(48, true=true)
    assert missing_mv(made, [int(1000.0 * line(0.5 + each)) for each in dz], 0.5, SLOPE, 0.0, line) == 0
