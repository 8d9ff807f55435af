# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Metering, SoC and single cells."""

import json

from edge.core import soc as s
from edge.core.anomalies import Cells
from edge.core.curve import OCV, clamped
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


def drive(soc, seconds, current_ma, mv_per_cell, now_ms=0, step_s=60):
    """Constant current and voltage; returns True when an anchor was taken."""
    anchored = False
    for _ in range(seconds // step_s):
        now_ms += step_s * 1000
        took = soc.step(now_ms, current_ma * step_s * 1000, step_s * 1000, 0, current_ma, mv_per_cell * soc.cells)
        anchored = anchored or took
    return anchored


def test_unknown_until_a_voltage_comes():
    soc = Soc(h.pack())
    assert soc.soc().value is None
    assert not soc.step(0, 0, 0, 0, None, None)
    assert soc.soc().value is None
    soc.step(0, 0, 0, 0, 0, 3300 * 16)
    assert soc.soc().value is not None and soc.soc().why == s.W_FIRST


def test_a_flat_curve_tells_little_and_says_so():
    soc = Soc(h.pack())
    drive(soc, 3600, 0, 3305)
    assert soc.soc().std > 60000
    assert soc.capacity().why == s.W_CERTIFICATE
    assert soc.anchor_ms is None


def test_a_steep_curve_anchors():
    for z_ppm in (200000, 500000, 900000):
        soc = Soc(h.pack(chemistry="nmc"))
        assert drive(soc, 3600, 0, clamped(OCV["nmc"], z_ppm))
        got = soc.soc()
        assert abs(got.value - z_ppm) < 15000 and got.std < 40000, (z_ppm, got)
        assert got.at_ms is not None


def test_counting_between_anchors():
    soc = Soc(h.pack(chemistry="nmc"))
    drive(soc, 3600, 0, 3751)
    before = soc.soc().value
    drive(soc, 3600, -23800, 3700, now_ms=HOUR_MS)  # a tenth of 238 Ah
    assert abs(before - soc.soc().value - 100000) < 3000
    drive(soc, 3600, 23800, 3700, now_ms=2 * HOUR_MS)
    assert abs(before - soc.soc().value) < 3000


def test_unseen_time_widens_and_is_not_integrated():
    soc = Soc(h.pack(chemistry="nmc"))
    drive(soc, 3600, 0, 3751)
    before = soc.soc()
    soc.step(5000000, 0, 0, HOUR_MS, 0, 3751 * 16)
    after = soc.soc()
    assert abs(after.value - before.value) < 3000
    assert after.std > 400000


def test_current_or_a_gap_restarts_the_rest():
    for current_ma, unknown_ms in ((6000, 0), (-6000, 0), (0, 1)):
        soc = Soc(h.pack(chemistry="nmc"))
        assert not drive(soc, 1740, 0, 3751)
        soc.step(1741000, 0, 1000, unknown_ms, current_ma, 3751 * 16)
        assert not drive(soc, 1740, 0, 3751, now_ms=1741000)
        assert drive(soc, 120, 0, 3751, now_ms=4000000)


def test_limits_of_the_value():
    soc = Soc(h.pack(chemistry="nmc"))
    drive(soc, 3600, 0, 4200)
    drive(soc, 36000, 100000, 4200, now_ms=HOUR_MS)
    assert soc.soc().value == 1000000
    drive(soc, 72000, -100000, 2600, now_ms=12 * HOUR_MS)
    assert soc.soc().value == 0


def test_state_goes_through_json():
    soc = Soc(h.pack(chemistry="nmc"))
    drive(soc, 3600, 0, 3751)
    drive(soc, 4000, -23800, 3700, now_ms=HOUR_MS)
    again = Soc(h.pack(chemistry="nmc"), json.loads(json.dumps(soc.state())))
    for name in ("soc", "capacity", "bias"):
        old, new = getattr(soc, name)(), getattr(again, name)()
        assert abs(old.value - new.value) <= 1 and abs(old.std - new.std) <= 1, name
    fresh = Soc(h.pack(chemistry="nmc"), json.loads(json.dumps(Soc(h.pack()).state())))
    assert fresh.soc().value is None


def test_no_rest_is_carried_over_a_restart():
    soc = Soc(h.pack(chemistry="nmc"))
    drive(soc, 1740, 0, 3751)
    again = Soc(h.pack(chemistry="nmc"), soc.state())
    assert not drive(again, 1740, 0, 3751)


def anchored_cells(days=2, leak_ppm_per_day=0, leaking=5, mv=3110):
    """Cells looked at once a day at a steep place of the LFP curve."""
    soc = Soc(h.pack())
    cells = Cells(h.pack())
    z_ppm = 65000
    for day in range(days + 1):
        soc.clock_ms = day * 24 * HOUR_MS
        lost = leak_ppm_per_day * day
        each = [z_ppm] * 16
        each[leaking] -= lost
        each[9] += 3000
        soc._branch = soc._branch_most
        soc.z = z_ppm / 1000000.0
        cells.anchor(soc, tuple([clamped(OCV["lfp"], z) + 15 for z in each]))
    return soc, cells


def test_a_leaking_cell_is_named_and_a_quiet_pack_is_not_accused():
    soc, cells = anchored_cells(days=6, leak_ppm_per_day=6000)
    cell, leak = cells.leak_estimate()
    truth_ma = 238000 * 6000 // 1000000 // 24
    assert cell == 5 and abs(leak.value - truth_ma) <= 3 * leak.std, (leak, truth_ma)
    soc, cells = anchored_cells(days=10)
    assert cells.leak_estimate() is None
    weak, strong = cells.extremes(soc)
    assert strong[0] == 9 and weak[1].value <= strong[1].value
    again = Cells(h.pack(), json.loads(json.dumps(cells.state())))
    assert again.last == cells.last and again.first == cells.first


def test_nothing_is_said_about_cells_on_the_plateau():
    soc = Soc(h.pack())
    cells = Cells(h.pack())
    cells.anchor(soc, (3305,) * 15 + (3300,))
    assert cells.last is None and cells.extremes(soc) == (None, None)
