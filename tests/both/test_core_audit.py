# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The audit: what changed and why, and the samples before every trip."""

from edge.core import faults as f
from edge.core import limits as lim
from edge.core.blackbox import SAMPLE_BYTES
from edge.core.boxrows import unpacked
from edge.core.registry import KEYS
from edge.shell import cbor
from edge.shell.outbox import encode_record, envelope_head
from tests.both.core_help import Bench, sample


class Watched(Bench):
    """A bench that keeps every record."""

    def __init__(self):
        super().__init__()
        self.records = []

    def step(self, late_ms=0):
        """One step."""
        command = super().step(late_ms)
        self.records.extend(self.outcome.records)
        return command

    def told(self, cls, event):
        """Bodies (by name) of the records of one class and event."""
        names = {KEYS[name]: name for name in KEYS}
        found = []
        for record in self.records:
            pairs = {names[key]: value for key, value in record.pairs}
            if record.cls == cls and pairs.get("event") == event:
                pairs["mono_ms"] = record.mono_ms
                found.append(pairs)
        return found


def hot(now_ms, count):
    """A pack that is far too hot."""
    return sample(now_ms, count, mv=3210 + count % 3, temp_mc=(69000,) * 4)


def rise(bench):
    """Until the ramp is up."""
    bench.run(70)
    return bench


def test_the_first_record_names_every_source():
    bench = Watched()
    bench.run(1)
    first = bench.told("E", f.E_LIMITS)[0]
    codes = [first["sources"][at] for at in range(0, len(first["sources"]), 3)]
    for source in (lim.S_MAKER, lim.S_GRADE, lim.S_CONTRACT, lim.S_BMS, lim.S_VOLTAGE, lim.S_TEMPERATURE, lim.S_SOC):
        assert source in codes
    assert first["charge_limit"] == bench.site.packs[0].limits.charge_ma
    assert "charge_before" not in first


def test_a_change_is_told_once_with_old_and_new():
    bench = rise(Watched())
    bench.run(70)
    before = len(bench.told("E", f.E_LIMITS))
    bench.run(60)
    assert len(bench.told("E", f.E_LIMITS)) == before  # nothing changed, nothing said
    old = bench.site.packs[0].limits
    bench.reads[0] = hot
    bench.run(3)
    told = bench.told("E", f.E_LIMITS)[before:]
    assert told[0]["charge_limit"] == 0 and told[0]["charge_before"] == old.charge_ma
    assert told[0]["charge_why_before"] == old.charge_why
    assert told[-1]["active"] == bench.site.packs[0].faults.names()


def test_published_is_enforced_at_every_record():
    bench = Watched()
    sources = 0
    for number in range(120):
        if number == 60:
            bench.reads[0] = hot
        count = len(bench.told("E", f.E_LIMITS))
        command = bench.step()
        for told in bench.told("E", f.E_LIMITS)[count:]:
            assert told["charge_limit"] == command.charge_ma
            assert told["discharge_limit"] == command.discharge_ma
        for record in bench.outcome.records:
            if record.cls == "T":
                assert dict(record.pairs)[KEYS["charge_limit"]] == command.charge_ma
                sources += KEYS["sources"] in dict(record.pairs)
    assert sources == 3  # once a minute and when one changes


def test_a_flood_is_five_a_minute_and_counted():
    bench = Watched()
    bench.run(200)
    start = len(bench.told("E", f.E_LIMITS))
    begin_ms = bench.now_ms

    def to_and_fro(now_ms, count):
        return sample(now_ms, count, mv=3210 + count % 3, bms_charge_ma=60000 if count % 2 else 20000)

    bench.reads[0] = to_and_fro
    bench.run(300)
    told = bench.told("E", f.E_LIMITS)[start:]
    minutes = {}
    for each in told:
        minute = (each["mono_ms"] - begin_ms) // 60000
        minutes[minute] = minutes.get(minute, 0) + 1
    assert max(minutes.values()) <= 15 and len(told) <= 35  # two minutes may meet in one; moves have their own five
    assert sum([each.get("suppressed", 0) for each in told]) > 100


def test_a_lock_freezes_the_minute_before():
    bench = rise(Watched())
    bench.run(30)
    bench.reads[0] = hot
    bench.run(5)
    frames = bench.told("X", f.E_FRAME)
    assert [frame["fault"] for frame in frames] == [f.F_TEMP_FAR_OVER]
    frame = frames[0]
    rows = unpacked(frame["frame"])
    assert len(rows) * SAMPLE_BYTES == len(frame["frame"])
    assert rows[-1][0] == frame["frame_at"] == frame["mono_ms"] and rows[-1][5] == 69000
    assert rows[-1][0] - rows[0][0] >= 60000 and rows[0][5] == 25000
    assert {b[0] - a[0] for a, b in zip(rows, rows[1:])} == {1000}
    assert frame["mode_before"] in (f.RUNNING, f.STOPPED) and frame["mode"] == f.LOCKED
    record = [r for r in bench.records if r.cls == "X"][0]
    payload = encode_record(envelope_head(1), 1, 7, record)
    assert cbor.decode(payload)[9][KEYS["frame"]] == frame["frame"]
