# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Registers: never from deltas, over restarts, on the monotonic clock, told before and after a stop."""

from edge.core import faults as f
from edge.core.registry import KEYS
from edge.core.site import Site
from edge.loop import loop
from edge.shell import cbor
from edge.shell.outbox import encode_record, envelope_head
from edge.shell.started import digest_of
from tests.both import core_help as h

NAMES = {KEYS[name]: name for name in KEYS}


def named(record):
    """{metric name: value} of a record."""
    return {NAMES[key]: value for key, value in record.pairs}


def registers(bench):
    """What a B record would say now."""
    return named(bench.site.reporter.registers(bench.now_ms, bench.utc, bench.site)[0])


def drive(bench, seconds, utc_of=None):
    """A bench that charges and discharges in turns; the B records of that time."""
    told = []
    for number in range(seconds):
        bench.current_ma = (40000, -30000, 0)[bench.count // 97 % 3]
        if utc_of is not None:
            bench.utc = utc_of(number)
        bench.step()
        told.extend([named(r) for r in bench.outcome.records if r.cls == "B"])
    return told


def test_energy_and_charge_in_both_directions_and_what_follows_from_them():
    bench = h.Bench()
    drive(bench, 1500)
    told = registers(bench)
    assert told["ah_in"] > 1000 and told["ah_out"] > 1000
    assert told["ah_through"] == told["ah_in"] + told["ah_out"]
    assert told["wh_through"] == told["wh_in"] + told["wh_out"]
    assert told["efc"] == told["ah_through"] * 1000 // (2 * 280000)
    assert abs(told["time_known"] - 1499000) <= 1000 and told["time_unknown"] == 0


def test_times_add_up():
    bench = h.Bench()
    drive(bench, 600)
    bench.reads[0] = lambda now_ms, count: None
    bench.run(60)
    told = registers(bench)
    parts = told["time_charging"] + told["time_discharging"] + told["time_idle"] + told["time_stale"]
    assert told["time_on"] == parts == 660000
    assert 50000 <= told["time_stale"] <= 60000
    assert 211000 <= told["time_charging"] <= 213000


def test_extremes():
    bench = h.Bench()
    bench.run(10)
    cases = (
        ("time_hot", {"temp_mc": (46000,) * 4}),
        ("time_cold", {"temp_mc": (-11000,) * 4}),
        ("time_cell_high", {"mv": 3601}),
        ("time_cell_low", {"mv": 2599}),
    )
    for name, change in cases:
        bench.reads[0] = bench.healthy
        bench.run(5)  # a step to the harmless side is believed late
        before = registers(bench)
        bench.reads[0] = lambda now_ms, count, change=change: h.sample(now_ms, count, **change)
        bench.run(20)
        after = registers(bench)
        assert 17000 <= after[name] - before[name] <= 20000, name
        for other, _ in cases:
            if other != name:
                assert after[other] - before[other] <= 1000, (name, other)
    assert registers(bench)["time_hot_charging"] == 0


def test_a_cold_charge_and_a_hot_one():
    bench = h.Bench()
    for name, temp_mc in (("time_cold_charging", 4000), ("time_hot_charging", 46000)):
        bench.current_ma = 20000
        bench.reads[0] = lambda now_ms, count, mc=temp_mc: h.sample(
            now_ms, count, mv=3300 + count % 3, current_ma=bench.current_ma, temp_mc=(mc,) * 4
        )
        bench.run(20)
        assert registers(bench)[name] >= 19000, name


def test_a_wall_clock_that_jumps_changes_no_register():
    hour = 3600
    jumps = {300: hour, 600: -2 * hour, 900: -1770000000, 1200: 2**31}

    def jumping(number):
        offset = sum([jumps[at] for at in jumps if at <= number])
        return (1780000000 + number + offset, 3)

    clocks = (lambda number: (1780000000 + number, 3), jumping, lambda number: (None, 0))
    ends = []
    for utc_of in clocks:
        bench = h.Bench()
        told = drive(bench, 1900, utc_of)
        ends.append((told, registers(bench), bench.site.packs[0].metering.totals))
    assert ends[0] == ends[1] == ends[2]
    assert len(ends[0][0]) == 2  # after 5 and 20 minutes


def test_they_survive_a_restart_and_what_was_told_is_saved():
    bench = h.Bench()
    told = saved = None
    for _ in range(1000):
        drive(bench, 1)
        for record in bench.outcome.records:
            if record.cls == "B":
                told = named(record)
                assert bench.outcome.state is not None
                saved = h.kept(bench.outcome.state)
    again = h.Bench(state=saved)
    again.step()
    first = registers(again)
    for name in ("ah_in", "ah_out", "wh_in", "wh_out", "time_on", "time_charging", "time_idle", "deep_discharges"):
        assert first[name] >= told[name] >= 0, name
    assert first["starts"] == told["starts"] + 1
    other = h.Bench(h.site_settings([h.pack(serial="S9")]), state=saved)
    other.step()
    assert registers(other)["time_on"] == 1000


def test_trips_and_deep_discharges_are_counted_once_each():
    bench = h.Bench()
    bench.run(60)
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=1800)
    bench.run(10)
    trips = registers(bench)["trips"]
    assert trips[trips.index(f.F_DEEP_DISCHARGE) + 1] == 1
    usage = bench.site.reporter.usages[0]
    believed = bench.site.packs[0].believed
    start = usage.deep_discharges
    for soc_ppm in (150000, 99000, 101000, 99000, 150000, 99000, 210000, 100000, None):
        usage.step(bench.now_ms, believed, soc_ppm, [])
    assert usage.deep_discharges == start + 2 - (start > 0)
    saved = h.kept(bench.site.state())
    assert h.Bench(state=saved).site.reporter.usages[0].trips == usage.trips


def test_damaged_registers_start_afresh_and_stop_nothing():
    bench = h.Bench()
    drive(bench, 20)
    saved = h.kept(bench.site.state())
    whole = saved["report"]["usage"][0]
    broken = [None, "x", 1, [], [None], ["x"], [{}], [{"of": 1}]]
    for name in ("of", "ms", "deep", "trips"):
        for put in (None, "x", -1, [], [-1], [None], {}, [1, 2, 3], [999, 1]):
            part = dict(whole)
            part[name] = put
            broken.append([part])
    for usage in broken:
        state = dict(saved)
        state["report"] = {"dropped": 0, "usage": usage}
        again = h.Bench(state=state)
        assert again.step().charge_ma == 0
        registers(again)
        again.site.state()


class Line:
    """Ports of a loop: a clock that the test moves, a store, an uplink that keeps what it is offered."""

    saved = 0

    def __init__(self):
        self.now = 1000
        self.records = []
        self.states = []

    def now_ms(self):
        return self.now

    def utc_s(self):
        return (1780000000, 3)

    def save(self, state):
        self.states.append(state)

    def offer(self, record):
        self.records.append(record)

    def orders(self):
        return ()


class Bms:
    """A pack that charges."""

    def __init__(self, line):
        self.line = line

    def read(self, now_ms):
        return h.sample(now_ms, now_ms, mv=3300 + now_ms // 1000 % 3, current_ma=36000)


class Pcs:
    """A PCS that agrees."""

    def read(self, now_ms):
        return h.pcs_sample(now_ms, now_ms, 36000)

    def apply(self, command):
        return 0

    def zero(self):
        pass


def test_the_registers_are_told_when_the_loop_stops():
    line = Line()
    pcs = Pcs()
    steps = loop(Site(h.site_settings()), line, [Bms(line), pcs], [pcs], line, line)
    for _ in range(101):
        line.now = next(steps)
    steps.close()
    last = line.records[-1]
    assert last.cls == "B" and named(last)["ah_in"] >= 990
    assert h.kept(line.states[-1])["report"]["usage"][0]["ms"][0] == named(last)["time_on"]
    unused = loop(Site(h.site_settings()), line, [Bms(line), pcs], [pcs], line, line)
    unused.close()  # never started


def test_identity_at_the_start_and_when_the_certificate_changes():
    bench = h.Bench()
    bench.settings["hash"] = "ab" * 16
    told = []
    for number in range(100):
        if number == 50:
            grade = dict(bench.settings["packs"][0]["grade"])
            grade["number"], grade["capacity_mah"] = "KTR-2", 200000
            bench.settings["packs"][0]["grade"] = grade
        bench.step()
        told.extend([named(r) for r in bench.outcome.records if r.cls == "I"])
    assert len(told) == 2 and told[1]["grade_number"] == "KTR-2" and told[1]["grade_capacity"] == 200000
    assert told[0]["limits_maker"] == [140000, 140000, 3650, 2500, 55000, -20000, 0]
    assert told[0]["limits_grade"][:2] == [90000, 100000] and told[0]["limits_contract"] == [80000, 80000]
    assert told[0]["settings_hash"] == told[1]["settings_hash"] == "ab" * 16


def test_the_hash_of_the_settings_is_the_same_on_every_runtime():
    settings = {"b": [1, {"x": "ä"}, None], "a": -5, "grade": {"n": 1}, "none": None}
    assert digest_of(settings) == digest_of({"a": -5, "b": (1, {"x": "ä"}, None)}) == "d6fd3959bceeed54ef0bbb984d028287"
    assert digest_of({"a": -5}) != digest_of({"a": -6}) != digest_of({"a": "-6"})


def test_a_record_of_forty_metrics_is_at_most_200_bytes_and_its_envelope_60():
    pack = h.pack(cells=96, chemistry="nmc")
    bench = h.Bench(h.site_settings([pack]))
    bench.utc = (1780000000, 3)
    bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, cells=96, mv=3710 + count % 3, current_ma=50000)
    bench.pcs = lambda now_ms, count: h.pcs_sample(now_ms, count, 50000, 356000)
    scalars = {}
    sizes = []
    telemetry = None
    for number in range(130):
        bench.utc = (1780000000 + number, 3)
        bench.step()
        for record in bench.outcome.records:
            if record.cls in "TM":
                scalars.update({key: value for key, value in record.pairs if isinstance(value, int)})
                sizes.append(len(cbor.encode(dict(record.pairs))))
                telemetry = record if record.cls == "T" else telemetry
    pairs = tuple(sorted(scalars.items())[:40])
    assert len(pairs) == 40
    body = len(cbor.encode(dict(pairs)))
    whole = encode_record(envelope_head((1 << 56) - 1), 100000, 10**7, telemetry)
    envelope = len(whole) - len(cbor.encode(dict(telemetry.pairs)))
    assert body <= 200 and envelope <= 60, (body, envelope)
    assert min(sizes) <= 120 and sum(sizes) < 200 * len(sizes)  # what it says most of the time
