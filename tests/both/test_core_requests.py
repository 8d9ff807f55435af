# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Power requests: clipped to the permit, over in time, told as requested, permitted and obeyed."""

from edge.core import requests as r
from edge.core.faults import E_REQUEST
from edge.core.records import NEVER, Command, PcsSample
from edge.core.registry import KEYS

UTC = (1795014000, 3)


def command(charge_ma, discharge_ma, pack_mv=50000):
    return Command(-1, charge_ma, discharge_ma, None, pack_mv, None, None, 3000, 1)


def pcs(dc_w):
    return PcsSample(0, 50000, None, dc_w, 2, None, None, None, (NEVER, NEVER))


def told(records):
    """[(class, requested, permitted, obeyed, source), ...]."""
    names = ("request_power", "request_permitted", "request_obeyed", "request_source")
    return [(row.cls,) + tuple([dict(row.pairs).get(KEYS[name]) for name in names]) for row in records]


def test_clip():
    rows = (
        (3000, 100000, 0, 3000),
        (6000, 100000, 0, 5000),
        (6000, 99999, 0, 4999),
        (-3000, 100000, 0, 0),
        (-3000, 0, 50000, -2500),
        (-3000, 0, 59999, -2999),
        (-1000, 0, 50000, -1000),
        (0, 100000, 100000, 0),
    )
    for power_w, charge_ma, discharge_ma, want in rows:
        assert r.clip(power_w, command(charge_ma, discharge_ma)) == want, (power_w, charge_ma, discharge_ma)
        assert r.clip(power_w, command(charge_ma, discharge_ma, None)) == 0


def test_what_is_no_request():
    site = r.Requests()
    for power_w, until_ms, source in (
        (r.MAX_W + 1, 2000, 1),
        (-r.MAX_W - 1, 2000, 1),
        (0, 1000, 1),
        (0, 999, 1),
        (0, 1001 + r.LIFE_MAX_MS, 1),
        (0, 2000, 0),
        (0, 2000, 4),
    ):
        assert not site.ask(1000, power_w, until_ms, source)
    assert site.step(1000, UTC, command(1, 1), None) == [] and site.now is None
    assert site.ask(1000, -r.MAX_W, 1000 + r.LIFE_MAX_MS, 3)


def test_a_request_lives_until_its_time_and_is_told():
    site = r.Requests()
    assert site.ask(0, 6000, 5000, r.S_SERVER)
    records = site.step(0, UTC, command(100000, 0), pcs(4900))
    assert told(records) == [("E", 6000, 5000, 4900, 2), ("T", 6000, 5000, 4900, 2)]
    assert dict(records[0].pairs)[KEYS["event"]] == E_REQUEST and records[0].wall_ms == 1795014000000
    assert site.now == (6000, 5000, 4900, r.S_SERVER, 5000)
    assert site.step(4999, UTC, command(100000, 0), None) == [] and site.now[2] is None
    assert site.step(5000, (None, 0), command(100000, 0), None) == [] and site.now is None
    records = site.step(r.EVENT_MS, (None, 0), command(100000, 0), None)
    assert told(records) == [("E", None, None, None, 0)] and records[0].wall_ms is None
    assert site.step(r.EVENT_MS + 1, UTC, command(0, 0), None) == []


def test_the_newest_counts_and_only_its_source_withdraws_it():
    site = r.Requests()
    site.ask(0, 6000, 50000, r.S_ORDER)
    site.ask(0, -2000, 50000, r.S_LOCAL)
    assert site.ask(0, None, 0, r.S_ORDER)
    site.step(0, UTC, command(100000, 100000), None)
    assert site.now[:2] == (-2000, -2000)
    assert site.ask(0, None, 0, r.S_LOCAL)
    site.step(1000, UTC, command(100000, 100000), None)
    assert site.now is None


def test_events_are_few_and_telemetry_goes_on():
    site = r.Requests()
    site.ask(0, 60000, 10**6, r.S_LOCAL)
    kinds = []
    for step in range(60):
        kinds += [row.cls for row in site.step(1000 * step, UTC, command(100000 + 1000 * step, 0), None)]
    assert kinds.count("E") == 5 and kinds.count("T") == 6
