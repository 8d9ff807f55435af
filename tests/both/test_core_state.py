# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Saved state: through JSON, for another pack, damaged, and when it is saved."""

import json

from edge.core import faults as f
from tests.both import core_help as h


def running(seconds=60, **changes):
    """A bench whose ramp is through: 80 A both ways."""
    bench = h.Bench(**changes)
    command = bench.run(seconds)
    assert (command.charge_ma, command.discharge_ma) == (80000, 80000)
    return bench


def with_mv(mv):
    return lambda now_ms, count: h.sample(now_ms, count, mv=mv + count % 3)


def near(a, b):
    """Equal, but for the last digits of what was a float."""
    if isinstance(a, dict):
        return sorted(a) == sorted(b) and all([near(a[key], b[key]) for key in a])
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all([near(a[k], b[k]) for k in range(len(a))])
    if isinstance(a, int) and isinstance(b, int):
        return abs(a - b) <= max(1, abs(a) // 10**12)
    return a == b


def test_state_survives_json_and_a_swapped_pack_starts_afresh():
    bench = running()
    bench.current_ma = 50000
    bench.run(1000)
    saved = h.kept(bench.site.state())
    again = h.Bench(state=json.loads(json.dumps(saved)))
    kept = h.kept(again.site.packs[0].state())
    for part in (kept, saved["packs"][0]):  # polarisation and its covariances do not outlive a pause
        del part["estimator"]["soc"]["p"], part["estimator"]["soc"]["x"][1:3]
    assert near(kept, saved["packs"][0])
    assert again.site.boot == 2
    for change in ({"serial": "S9"}, {"id": "other"}, {"cells": 15}, {"chemistry": "nmc"}):
        swapped = h.Bench(h.site_settings([h.pack(**change)]), state=saved)
        assert swapped.site.packs[0].metering.totals == [0] * 6
        assert swapped.site.packs[0].soc.state()["known"] == 0
    assert h.Bench(h.site_settings([h.pack(), h.pack(id="b")]), state=saved).site.packs[0].soc.state()["known"] == 0


def damaged(node, put):
    """Every variant of a JSON value with one part replaced by put, depth first."""
    if isinstance(node, dict):
        for key in node:
            for part in damaged(node[key], put):
                copy = dict(node)
                copy[key] = part
                yield copy
            copy = dict(node)
            del copy[key]
            yield copy
    elif isinstance(node, list) and node:
        for part in damaged(node[0], put):
            yield [part] + node[1:]
        yield node[1:]
    yield put


def test_a_damaged_state_never_stops_the_start_and_never_frees_a_lock():
    bench = running()
    bench.run(20)
    bench.site.packs[0].faults.active[f.F_SMOKE] = True
    saved = h.kept(bench.site.state())
    count = 0
    for put in (None, "x", -1, [], {}, [None]):
        for broken in damaged(saved["packs"], put):
            state = dict(saved)
            state["packs"] = broken
            again = h.Bench(state=state)
            command = again.step()
            assert command.charge_ma == 0
            again.step()
            again.site.state()
            pack = again.site.packs[0]
            own = isinstance(broken, list) and broken and isinstance(broken[0], dict)
            if own and broken[0].get("pack") == saved["packs"][0]["pack"] and broken[0].get("version") == 1:
                if broken[0].get("faults") != saved["packs"][0]["faults"] and pack.mode != f.LOCKED:
                    # the lock itself is what was damaged: then the next trip locks, or the list was rewritten
                    rewritten = isinstance(broken[0].get("faults"), dict) and not broken[0]["faults"].get("locked")
                    assert rewritten or len(pack.faults.restarts) >= f.RESTARTS, broken[0].get("faults")
            count += 1
    assert count > 100
    for state in (
        {"boot": "x", "report": "x"},
        {"report": {"dropped": "x"}},
        {},
        {"packs": None},
        {"packs": [None]},
        {"packs": {}, "report": None},
        [],
        "x",
    ):
        assert h.Bench(state=state).step().charge_ma == 0


def test_events_are_saved_soon_and_locks_at_once():
    bench = running()
    saves = []
    for k in range(40):
        if k == 5:
            bench.reads[0] = with_mv(3652)
        if k == 6:
            bench.reads[0] = with_mv(3300)
        if k == 30:
            bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=1800)
        bench.step()
        if bench.outcome.state is not None:
            saves.append(k)
    locked = [k for k in saves if k >= 30]
    assert locked and locked[0] <= 33 and bench.site.packs[0].mode == f.LOCKED
    assert f.F_DEEP_DISCHARGE in bench.site.packs[0].state()["faults"]["locked"]


def test_an_event_inside_the_pause_is_saved_after_it():
    bench = h.Bench()
    assert bench.step() and bench.outcome.state is not None
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=2300)
    saves = [k for k in range(30) if bench.step() and bench.outcome.state is not None]
    assert saves and saves[0] <= 10
