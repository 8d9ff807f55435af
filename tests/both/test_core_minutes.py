# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One record of minimum, maximum and mean per pack and wall minute."""

from edge.core.registry import KEYS
from tests.both import core_help as h


def played(bench, steps, utc_of):
    """{metric name: value} of every M record, with its wall minute, of so many steps; utc_of(step) -> seconds."""
    known = {KEYS[name]: name for name in KEYS}
    minutes = []
    for number in range(steps):
        utc_s = utc_of(number)
        bench.utc = (utc_s, 0 if utc_s is None else 3)
        bench.step()
        for record in bench.outcome.records:
            if record.cls == "M":
                told = {known[key]: value for key, value in record.pairs}
                told["minute"] = None if record.wall_ms is None else record.wall_ms // 60000 - 1
                told["pack"] = record.pack
                minutes.append(told)
    return minutes


def test_exactly_one_per_pack_and_wall_minute():
    bench = h.Bench(h.site_settings([h.pack(), h.pack(id="b", serial="S2")]))
    start_s = 1780000017
    minutes = played(bench, 600, lambda number: start_s + number)
    first = start_s // 60
    for pack in (0, 1):
        assert [m["minute"] for m in minutes if m["pack"] == pack] == list(range(first, first + 10))
    assert [m["samples"] for m in minutes if m["pack"] == 0][1:] == [60] * 9


def test_without_a_wall_clock_the_monotonic_one_counts_and_a_clock_that_comes_starts_anew():
    bench = h.Bench()
    minutes = played(bench, 400, lambda number: None if number < 200 else 1780000000 + number)
    assert [m["minute"] for m in minutes[:3]] == [None] * 3
    told = [m["minute"] for m in minutes[3:]]
    assert len(set(told)) == len(told) and sum([m["samples"] for m in minutes]) > 330


def test_extremes_and_mean_of_everything_that_moves():
    bench = h.Bench()
    start_s = 1780000020

    def reads(now_ms, count):
        return h.sample(
            now_ms, count, mv=3300 + count % 60, current_ma=1000 * (count % 60), temp_mc=(25000, 26000 + count % 60) * 2
        )

    bench.reads[0] = reads
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, 1000 * (count % 60))
    told = played(bench, 181, lambda number: start_s + number)[1]
    assert (told["current_min"], told["current"], told["current_max"]) == (0, 29500, 59000)
    assert (told["cell_max_min"], told["cell_max"], told["cell_max_max"]) == (3300, 3330, 3359)
    assert (told["pack_v_min"], told["pack_v_max"]) == (16 * 3300, 16 * 3359)
    assert (told["temp_max_min"], told["temp_max_max"], told["temp_min"]) == (26000, 26059, 25000)
    assert "temp_min_min" not in told  # it did not change
    assert (told["power_min"], told["power_max"]) == (0, (59 * 16 * 3359 + 500) // 1000)
    assert told["power_min"] < told["power"] < told["power_max"]
    assert told["soc_min"] <= told["soc"] <= told["soc_max"]
    assert told["charge_limit"] > 0 and "charge_limit_min" not in told


def test_a_silent_minute_says_that_nothing_was_known():
    bench = h.Bench()
    start_s = 1780000020
    played(bench, 100, lambda number: start_s + number)
    bench.reads[0] = lambda now_ms, count: None
    told = played(bench, 200, lambda number: start_s + 100 + number)[-1]
    assert told["samples"] == 0 and "current" not in told and "pack_v" not in told
    assert told["charge_limit"] == 0
