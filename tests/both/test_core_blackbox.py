# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The black box: a minute before every trip and a minute after it, at the BMS's own rate, whatever phase the ring has."""

from edge.core import faults as f
from edge.core.blackbox import MOST_MS, SAMPLE_BYTES, BlackBox
from edge.core.boxrows import unpacked
from edge.core.registry import KEYS
from tests.both import core_help as h


class Believed:
    """What a test believes."""

    def __init__(self):
        self.fresh = 0
        self.current_ma = self.pack_mv = self.cell_max_mv = self.cell_min_mv = None
        self.temp_max_mc = self.temp_min_mc = None
        self.worst = 1


class Pack:
    """As much of a controller as the black box looks at."""

    def __init__(self):
        self.believed = Believed()
        self.mode = 0
        self.contactor = None


def taken(box, pack, fresh, now_ms, sample=None):
    """One fresh reading."""
    pack.believed.fresh = fresh
    box.take(now_ms, pack, sample)


def names(pairs):
    """{metric name: value}."""
    known = {KEYS[name]: name for name in KEYS}
    return {known[key]: value for key, value in pairs if value is not None}


def rows_of(parts):
    """All samples of parts, which follow each other."""
    rows = []
    for number, part in enumerate(parts):
        assert part["box_part"] == number
        rows.extend(unpacked(part["frame"], part.get("frame_cells", 0), part.get("frame_temps", 0)))
    return rows


def played(trips, seconds, form=None, **changes):
    """Parts of {box: [part]} when a trip comes at the given steps of so many seconds; {box: [time of its trips]}."""
    pack = h.pack(**changes)
    settings = {"period_ms": 1000, "black_box": form}
    box, live = BlackBox(settings, pack), Pack()
    boxes, begun = {}, {}
    for number in range(1, seconds):
        now_ms = number * 1000
        live.believed.current_ma = number
        live.mode = 1
        taken(box, live, number, now_ms, h.sample(now_ms, number, cells=pack["cells"], mv=3000 + number % 500))
        parts = []
        if number in trips:
            box.trip(now_ms)
            parts.append(box.part())
        parts.extend(box.following(now_ms))
        for part in parts:
            told = names(part)
            boxes.setdefault(told["box"], []).append(told)
        if number in trips:
            begun.setdefault(box.number, []).append(now_ms)
    return boxes, begun


def is_whole(parts, trips, rate_ms=1000):
    """True when parts hold every sample from a minute before the first trip to a minute after the last."""
    rows = rows_of(parts)
    times = [row[0] for row in rows]
    assert times == list(range(times[0], times[-1] + 1, rate_ms))
    assert [row[1] for row in rows] == [at // 1000 for at in times]
    ends = [part.get("box_end", 0) for part in parts]
    assert ends == [0] * (len(ends) - 1) + [1]
    return times[0] <= trips[0] - 60000 and times[-1] >= trips[-1] + 60000


def test_a_trip_at_every_phase_of_the_ring():
    for phase in range(66):
        boxes, begun = played((100 + phase,), 100 + phase + 75)
        assert list(boxes) == [1] and is_whole(boxes[1], begun[1])


def test_the_minute_before_goes_out_with_the_trip():
    for form in (None, "cells"):
        boxes, begun = played((150,), 151, form, cells=96)
        rows = rows_of(boxes[1])
        assert rows[-1][0] == begun[1][0] and rows[0][0] <= begun[1][0] - 60000


def test_a_trip_while_the_box_is_open_prolongs_it_and_a_late_one_opens_another():
    boxes, begun = played((100, 130), 200)
    assert list(boxes) == [1] and is_whole(boxes[1], begun[1])
    boxes, begun = played((100, 300), 400)
    assert sorted(boxes) == [1, 2] and is_whole(boxes[1], begun[1]) and is_whole(boxes[2], begun[2])
    trips = tuple(range(100, 100 + MOST_MS // 1000 + 60, 50))
    boxes, begun = played(trips, 700)
    assert sorted(boxes) == [1, 2] and is_whole(boxes[2], begun[2])


def test_every_cell_and_sensor_when_wanted():
    boxes, begun = played((100,), 170, "cells", cells=96, temps=4)
    assert is_whole(boxes[1], begun[1])
    assert max([len(part["frame"]) for part in boxes[1]]) <= 4096
    row = rows_of(boxes[1])[-1]
    assert len(row[10]) == 96 and row[10][0] == 3000 + row[1] % 500 and row[11] == (25000,) * 4


def test_it_holds_what_is_not_known_and_extremes():
    pack = h.pack()
    box, live = BlackBox({"period_ms": 1000}, pack), Pack()
    box.trip(0)
    assert unpacked(names(box.part())["frame"]) == []
    taken(box, live, 1, 5)
    taken(box, live, 1, 6)  # not fresh: the same reading
    assert unpacked(names(box.part())["frame"]) == [(5, None, None, None, None, None, None, 1, 0, 0, (), ())]
    b = live.believed
    b.current_ma, b.pack_mv = -(10**12), 800000
    b.cell_max_mv, b.cell_min_mv, b.temp_max_mc, b.temp_min_mc = 4200, 0, 215000, -40000
    live.mode = 3
    taken(box, live, 2, (1 << 32) + 7)
    told = names(box.part())
    assert unpacked(told["frame"])[0][:9] == (7, -0x7FFFFFFF, 800000, 4200, 0, 215000, -40000, 1, 3)
    assert told["frame_at"] == (1 << 32) + 7


def test_its_memory_is_what_the_rate_asks_for():
    sizes = {}
    for period_ms, form in ((1000, None), (1000, "cells"), (250, None), (2000, None)):
        facts = {"periods_ms": [period_ms] * 8}
        box = BlackBox({"period_ms": period_ms, "black_box": form}, h.pack(cells=96, temps=4, facts=facts))
        sizes[(period_ms, form)] = box.rows * box.row_bytes
    assert sizes[(1000, None)] == 64 * SAMPLE_BYTES == 1408
    assert sizes[(1000, "cells")] == 64 * 222
    assert sizes[(250, None)] == 244 * SAMPLE_BYTES and sizes[(2000, None)] < 800


def test_a_site_may_switch_it_off():
    bench = h.Bench(h.site_settings(black_box="none"))
    bench.run(70)
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=1800)
    bench.run(5)
    assert bench.site.packs[0].mode == f.LOCKED
    assert not [r for r in bench.outcome.records if r.cls == "X"]


def test_the_site_tells_a_whole_box():
    bench = h.Bench(h.site_settings(black_box="cells"))
    parts = []

    def run(seconds):
        for _ in range(seconds):
            bench.step()
            parts.extend([names(r.pairs) for r in bench.outcome.records if r.cls == "X"])

    run(100)
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=1800)
    run(70)
    assert parts[0]["event"] == f.E_FRAME and parts[0]["fault"] == f.F_DEEP_DISCHARGE
    assert {part["event"] for part in parts[1:]} == {f.E_BOX}
    first = [part for part in parts if part["box"] == 1]
    rows = rows_of(first)
    assert rows[-1][0] - rows[0][0] >= 120000 and rows[0][10] != rows[-1][10] == (1800,) * 16
