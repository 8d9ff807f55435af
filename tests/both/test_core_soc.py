# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Metering, SoC and the alignment of electrodes."""

import json

from edge.core import align as al
from edge.core import rounds
from edge.core import soc as s
from edge.core.cell import OTHERS, at, built_in, load
from edge.core.metering import Metering
from edge.core.soc import Soc
from tests.both import core_help as h

HOUR_MS = 3600000


def test_charge_is_exact_over_thirty_days():
    # small currents over long times are lost in float32 counters; integers keep every milliampere-millisecond
    m = Metering(3000)
    for k in range(30 * 24 * 1200 // 50 + 1):  # every fiftieth part of it, at 3 s
        m.step(k * 3000, 50, 53000)
    assert m.totals[0] == 50 * 30 * 24 * HOUR_MS // 50
    assert m.totals[2] == m.totals[0] * 53000


def test_reading_holds_until_the_next():
    m = Metering(3000)
    assert m.step(0, 1000, 50000) == (0, 0, 0)
    assert m.step(1000, -2000, 50000) == (1000000, 1000, 0)
    assert m.step(3000, 0, 50000) == (-4000000, 2000, 0)
    assert m.totals == [1000000, 4000000, 50000000000, 200000000000, 3000, 0]


def test_what_was_not_seen_is_not_integrated():
    m = Metering(3000)
    m.step(0, 1000, 50000)
    assert m.step(3001, 1000, 50000) == (0, 0, 3001)  # a gap
    assert m.step(4000, None, 50000) == (999000, 999, 0)
    assert m.step(5000, 1000, 50000) == (0, 0, 1000)  # the current was not known
    assert m.step(5000, 1000, 50000) == (0, 0, 0)  # no time went by
    assert m.step(4000, 1000, 50000) == (0, 0, 0)  # an older arrival


def test_energy_waits_for_a_voltage_and_charge_does_not():
    m = Metering(3000)
    m.step(0, 1000, None)
    m.step(1000, 1000, 50000)
    assert m.totals[:4] == [1000000, 0, 0, 0]


def test_registers_round_down_and_keep_the_remainder():
    m = Metering(3000)
    at_ms = 0
    m.step(at_ms, 999, 1000)
    for _ in range(3604):
        at_ms += 1000
        m.step(at_ms, 999, 1000)
    assert m.registers()[0] == 1000 and m.registers()[2] == 1000
    again = Metering(3000, json.loads(json.dumps(m.state())))
    assert again.totals == m.totals
    again.step(0, 999, 1000)
    again.step(1000, 999, 1000)
    assert again.totals[0] == m.totals[0] + 999000


def nmc(certified_mah=4200, **changes):
    """One cell of the built-in NMC type, 5 Ah new, with a certificate."""
    grade = {"capacity_mah": certified_mah, "capacity_std_mah": 170}
    settings = h.pack(chemistry="nmc", cells=1, capacity_mah=5000, grade=grade, **changes)
    settings["cell"] = load(settings)  # of this very type
    return settings


def drive(soc, seconds, current_ma, cell_mv, now_ms=0, step_s=10):
    """Constant current and voltage; returns the time after it."""
    for _ in range(seconds // step_s):
        now_ms += step_s * 1000
        soc.step(now_ms, current_ma * step_s * 1000, step_s * 1000, 0, current_ma, cell_mv * soc.cells, 25000)
    return now_ms


def cell_mv(soc, z):
    return int(at(soc.joint.ocv, z)[0] * 1000.0 + 0.5)


def test_unknown_until_a_voltage_comes():
    soc = Soc(h.pack())
    assert soc.soc().value is None
    soc.step(0, 0, 0, 0, None, None)
    assert soc.soc().value is None
    soc.step(0, 0, 0, 0, 0, None)
    assert soc.soc().value is None
    soc.step(0, 0, 0, 0, 0, 3300 * 16)
    assert soc.soc().value is not None and soc.soc().why in (s.W_FIRST, s.W_HIDDEN)
    assert soc.soc().at_ms is None


def test_a_flat_curve_tells_little_and_says_so():
    soc = Soc(h.pack())
    drive(soc, 7200, 0, cell_mv(soc, 0.8))
    assert soc.soc().std > 60000 and soc.soc().why == s.W_HIDDEN
    assert soc.capacity().why == s.W_CERTIFICATE and soc.capacity().at_ms is None


def test_a_built_in_cell_is_trusted_less():
    known, strange = Soc(nmc(5000)), Soc(dict(nmc(5000), cell=None))
    for soc in (known, strange):
        drive(soc, 3600, 0, cell_mv(soc, 0.5))
    assert strange.soc().std > 2 * known.soc().std


def test_a_steep_curve_tells_where_it_is():
    for z in (0.1, 0.5, 0.9):
        soc = Soc(nmc(5000))
        drive(soc, 3600, 0, cell_mv(soc, z))
        got = soc.soc()
        assert abs(got.value - int(z * 1000000.0)) < 15000 and got.std < 40000, (z, got)
        assert got.at_ms is not None


def test_what_is_lost_makes_the_new_curve_doubtful():
    wide = []
    for certified_mah in (5000, 4000, 3250):
        soc = Soc(nmc(certified_mah))
        drive(soc, 3600, 0, cell_mv(soc, 0.5))
        wide.append(soc.soc().std)
    assert wide[0] < 25000 and wide[1] > 28000 and wide[2] > 45000, wide


def test_a_week_at_one_place_tells_no_more_than_an_hour():
    # the table's error does not average out by waiting
    soc = Soc(nmc())
    now_ms = drive(soc, 7200, 0, 3700)
    hour = soc.soc().std
    drive(soc, 7 * 86400, 0, 3700, now_ms, step_s=600)
    assert soc.soc().std > hour // 2 and soc.soc().std > 10000


def test_a_wrong_guess_is_overcome():
    for guess in (0.3, 0.7):
        soc = Soc(nmc())
        soc.hint(guess, 0.2)
        drive(soc, 3600, 0, cell_mv(soc, 0.5))
        assert abs(soc.soc().value - 500000) < 20000, guess


def test_a_current_offset_is_found():
    soc = Soc(nmc())
    now_ms = 0
    for _ in range(8):  # rests at two places; the sensor shows 20 mA that do not flow
        now_ms = drive(soc, 6 * 3600, 20, cell_mv(soc, 0.6), now_ms)
    assert abs(soc.bias().value - 20) < 5 and soc.bias().std < 10


def test_unseen_time_widens_and_is_not_integrated():
    soc = Soc(nmc())
    now_ms = drive(soc, 3600, 0, 3700)
    before = soc.soc()
    soc.step(now_ms + HOUR_MS, 0, 0, HOUR_MS, 0, 3700)
    after = soc.soc()
    assert abs(after.value - before.value) < 3000
    assert after.std > 400000


def test_the_value_stays_inside():
    soc = Soc(nmc())
    now_ms = drive(soc, 3600, 0, 4190)
    drive(soc, 7200, 2500, 4200, now_ms)
    assert 990000 < soc.soc().value <= 1000000
    soc = Soc(nmc())
    now_ms = drive(soc, 3600, 0, 2700)
    drive(soc, 7200, -2500, 2500, now_ms)
    assert 0 <= soc.soc().value < 20000


def test_charge_counts_at_once_between_blocks():
    soc = Soc(nmc())
    now_ms = drive(soc, 3600, 0, 3700)
    before = soc.soc().value
    soc.step(now_ms + 9000, -2100 * 9000, 9000, 0, -2100, 3700)  # a ten-thousandth of 4.2 Ah a second and more
    assert -1400 < soc.soc().value - before < -1100


# ---- alignment ------------------------------------------------------------------------------------


def aged(soc, n=0.88, p=0.97, lithium=0.80):
    """A cell of the same type that lost active material and lithium: (function z -> V, capacity in Ah)."""
    align = soc.rounds.align
    values = [0.0, n, p, lithium, 0.0, 1.0, 1.0]
    low = align.limit(values, soc.cell.low_v)
    high = align.limit(values, soc.cell.high_v)
    capacity_ah = n * align.half.negative_ah * (high - low)
    return lambda z: align.open_v(values, low + z * (high - low)), capacity_ah


def days_of_duty(soc, ocv, capacity_ah, hours, ohm=0.06, offset_ma=10):
    """Charge and discharge between 15 and 85 %, with pauses; the sensor is off by offset_ma."""
    z = 0.5
    now_ms = 0
    for k in range(hours * 60):
        phase = k // 60 % 12
        ma = 600 if phase in (0, 1, 2, 9, 10) else -600 if phase in (4, 5, 6, 7, 8) else 0
        if (z > 0.85 and ma > 0) or (z < 0.15 and ma < 0):
            ma = 0
        z += ma / 60000.0 / capacity_ah
        volt = ocv(z) + ma / 1000.0 * ohm
        now_ms += 60000
        soc.step(now_ms, (ma + offset_ma) * 60000, 60000, 0, ma + offset_ma, int(volt * 1000.0 + 0.5), 25000)
        while soc.work():
            pass
    return z


def test_the_curve_ages_with_the_cell():
    soc = Soc(nmc())
    fresh = [at(soc.joint.ocv, k / 10.0)[0] for k in range(11)]
    ocv, capacity_ah = aged(soc)
    z = days_of_duty(soc, ocv, capacity_ah, 30)
    assert soc.rounds.refused == rounds.A_BELIEVED and soc.capacity().why == s.W_ALIGNED
    got = soc.capacity()
    assert abs(got.value - capacity_ah * 1000.0) < 2.5 * got.std and got.std < 130
    assert abs(got.value / capacity_ah / 1000.0 - 1.0) < 0.02
    assert abs(soc.soc().value / 1000000.0 - z) < 0.01
    assert abs(soc.bias().value - 10) < 4
    worst_fresh = max([abs(fresh[k] - ocv(k / 10.0)) for k in range(1, 10)])
    worst = max([abs(at(soc.joint.ocv, k / 10.0)[0] - ocv(k / 10.0)) for k in range(2, 9)])
    assert worst_fresh > 0.02 and worst < 0.006, (worst_fresh, worst)
    lli, _, _ = soc.ageing()
    assert 120000 < lli < 280000


def test_a_cell_without_a_file_finds_its_type():
    for name in (None,) + OTHERS["nmc"]:
        known = nmc() if name is None else dict(nmc(), cell=built_in(name))
        ocv, capacity_ah = aged(Soc(known))
        settings = dict(nmc(int(capacity_ah * 1030.0)), cell=None)
        soc = Soc(settings)
        z = days_of_duty(soc, ocv, capacity_ah, 30)
        assert soc.rounds.refused == rounds.A_BELIEVED and soc.type == name and soc.rounds.others == (), name
        assert abs(soc.capacity().value / capacity_ah / 1000.0 - 1.0) < 0.03
        assert abs(soc.soc().value / 1000000.0 - z) < 0.02
        again = Soc(settings, json.loads(json.dumps(soc.state())))
        assert again.type == name and again.rounds.others == () and again.capacity()[:2] == soc.capacity()[:2]
    soc.doubt()  # what came later does not fit
    assert soc.capacity().std >= 170 and soc.std() > 0.045
    state = soc.state()
    state["type"] = "cell_lfp"
    try:
        Soc(settings, state)
    except ValueError:
        return
    raise AssertionError("a type of another chemistry")


def test_a_filter_that_refuses_every_voltage_opens_again():
    soc = Soc(nmc(5000))
    now_ms = drive(soc, 7200, 0, cell_mv(soc, 0.5))
    kept = soc.joint.p
    soc.joint.p = [kept[k] if k in (2, 5, 9, 14, 20) else 0.0 for k in range(28)]
    soc.joint.x[0], soc.joint.p[0], soc.joint.p[27] = 0.9, 1e-6, 1e-6  # sure, and wrong
    drive(soc, 6 * 3600, 0, cell_mv(soc, 0.5), now_ms)
    assert abs(soc.joint.x[0] - 0.5) < 0.05


def test_lfp_is_aligned_only_without_hysteresis_and_after_a_knee():
    for flat in (False, True):
        settings = h.pack(cells=1, capacity_mah=5000, grade={"capacity_mah": 4200, "capacity_std_mah": 170})
        settings["cell"] = dict(load(settings))
        if flat:
            settings["cell"]["hysteresis_uv"] = [0] * 21
        soc = Soc(settings)
        ocv, capacity_ah = aged(soc) if flat else (lambda z: 3.2 + 0.1 * z, 4.0)
        days_of_duty(soc, ocv, capacity_ah, 7)
        if flat:
            assert soc.rounds.refused in (rounds.A_KNEE, rounds.A_POINTS, rounds.A_MISFIT)
        else:
            assert soc.rounds is None and not soc.work()
        assert soc.capacity().why == s.W_CERTIFICATE


def test_a_hole_in_the_count_starts_the_points_afresh():
    soc = Soc(nmc())
    ocv, capacity_ah = aged(soc)
    days_of_duty(soc, ocv, capacity_ah, 14)
    known = soc.capacity()
    assert soc.rounds.points.size() > 0
    soc.step(10**9, 0, 0, HOUR_MS, 0, 3700)
    assert soc.rounds.points.size() == 0 and soc.rounds.fit is None
    assert soc.capacity().value == known.value  # what was learned stays, as the new prior
    assert soc.rounds.align.certificate_ah == soc.capacity_ah


def test_slices_are_many_and_small():
    soc = Soc(nmc())
    ocv, capacity_ah = aged(soc)
    soc.work = lambda: False  # collect only
    days_of_duty(soc, ocv, capacity_ah, 6)
    count = 0
    while soc.rounds.work(soc):
        count += 1
    assert count > 300


def test_cholesky_solves():
    matrix = [[4.0], [2.0, 5.0], [1.0, 3.0, 6.0]]
    work = al.cholesky(matrix, 0.0)
    factor = None
    try:
        while True:
            next(work)
    except StopIteration as done:
        factor = done.value
    got = al.solved(factor, [7.0, 10.0, 10.0])
    for i, right in ((0, 7.0), (1, 10.0), (2, 10.0)):
        row = [matrix[max(i, j)][min(i, j)] for j in range(3)]
        assert abs(al.dot(row, got) - right) < 1e-6
    work = al.cholesky([[1.0], [2.0, 1.0]], 0.0)
    try:
        while True:
            next(work)
    except StopIteration as done:
        assert done.value is None  # not positive definite


# ---- saved state --------------------------------------------------------------------------------


def test_state_goes_through_json():
    soc = Soc(nmc())
    ocv, capacity_ah = aged(soc)
    days_of_duty(soc, ocv, capacity_ah, 14)
    again = Soc(nmc(), json.loads(json.dumps(soc.state())))
    assert again.capacity()[:2] == soc.capacity()[:2] and again.ageing() == soc.ageing()
    assert abs(again.bias().value - soc.bias().value) <= 1
    for k in range(11):
        assert abs(at(again.joint.ocv, k / 10.0)[0] - at(soc.joint.ocv, k / 10.0)[0]) < 2e-6
    # nobody knows how long it was off: the first voltage judges, and the deviation says so
    assert again.soc().value is None
    z = soc.joint.x[0]
    again.step(0, 0, 0, 0, 0, int(at(again.joint.ocv, z)[0] * 1000.0 + 0.5), 25000)
    assert abs(again.soc().value - int(z * 1000000.0)) < 20000 and again.soc().std >= soc.soc().std
    assert Soc(nmc(), json.loads(json.dumps(Soc(nmc()).state()))).soc().value is None


def test_a_trusted_clock_makes_a_short_pause_short():
    wide = {}
    for off_s in (None, 60, 4 * 3600):
        soc = Soc(nmc())
        drive(soc, 7200, 0, 3700)
        again = Soc(nmc(), json.loads(json.dumps(soc.state())))
        if off_s is not None:
            again.resumed(off_s)
        wide[off_s] = again._guess[1]
    assert wide[60] < 0.5 * wide[4 * 3600] and wide[4 * 3600] <= wide[None]


def test_a_damaged_state_is_refused():
    good = json.loads(json.dumps(Soc(nmc()).state()))
    for key, bad in (
        ("x", [0] * 6),
        ("x", [10**17] * 7),
        ("p", [-1] * 28),
        ("p", None),
        ("capacity", [0, 0]),
        ("clock_ms", None),
        ("aged", {"electrodes": [1], "ocv_uv": []}),
    ):
        damaged = dict(good)
        damaged[key] = bad
        try:
            Soc(nmc(), damaged)
        except (ValueError, KeyError, TypeError):
            continue
        raise AssertionError(key)
