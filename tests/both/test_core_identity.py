# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Which pack is it: the number that the BMS tells against the site's, the lock, and what is learned of another pack."""

from edge.core import faults as f
from edge.core.identity import COMMISSIONED, OTHER, PROVED, SURE, UNPROVED, Identity, plain
from edge.core.registry import KEYS
from tests.both import core_help as h


class Told:
    """As bms_bridge.text.Serial: text and count of readings."""

    def __init__(self):
        self.text = None
        self.count = 0

    def say(self, text):
        self.text = text
        self.count += 1


class Device:
    def __init__(self, serial):
        self.serial = serial


def site_of(**changes):
    return h.site_settings([h.pack(**changes)])


class Bench(h.Bench):
    """A bench whose BMS tells a number: one reading per step of 1 s while text is not False."""

    def __init__(self, settings, state=None):
        h.Bench.__init__(self, settings, state=state)
        self.told = Told()

    def read(self, text, seconds=1):
        command = None
        for _ in range(seconds):
            if text is not False:
                self.told.say(text)
            self.site.ask(self.now_ms, [Device(self.told)])
            command = self.run(1)
        return command

    def locked(self):
        return self.site.packs[0].faults.active[f.F_IDENTITY]


def test_what_people_write_in_different_ways_is_one_number():
    assert plain("sp05-b231 2190") == plain("SP05B2312190") == "SP05B2312190"
    assert plain(None) is None and plain(" -_ ") is None and plain("S1") != plain("S2")


def test_three_readings_of_another_number_lock():
    bench = Bench(site_of(serial="S1"))
    bench.read("s-1", 40)
    pack = bench.site.packs[0]
    assert pack.identity.proof() == PROVED and not bench.locked()
    bench.read("S2", 2)
    bench.read("S1", 3)
    bench.read("S2", 2)
    assert not bench.locked() and pack.identity.proof() == OTHER
    bench.read(False, 20)  # the same reading again and again is one
    assert not bench.locked()
    command = bench.read("S2")
    assert bench.locked() and pack.mode == f.LOCKED and (command.charge_ma, command.discharge_ma) == (0, 0)
    bench.read("S1", 10)
    assert bench.locked()


def test_a_bms_that_tells_none_is_unproved_and_no_fault():
    bench = Bench(site_of(serial="S1"))
    bench.read(None, 40)
    assert bench.site.packs[0].identity.proof() == UNPROVED and not bench.locked()
    bench.read("S2", 2)
    bench.read(None, 10)
    bench.read("S2", 2)
    assert not bench.locked()
    bench = Bench(site_of(serial="S1"))
    bench.read(False, 5)
    assert bench.site.packs[0].identity is None


def test_the_number_of_the_bms_may_be_another_than_the_label():
    bench = Bench(site_of(serial="S1", bms_serial="B-77"))
    bench.read("B77", 5)
    assert bench.site.packs[0].identity.proof() == PROVED
    bench.read("S1", 3)
    assert bench.locked()


def test_a_site_in_observe_reports_and_does_not_lock():
    settings = site_of(serial="S1")
    settings["mode"] = "observe"
    bench = Bench(settings)
    bench.read("S2", 10)
    assert bench.site.packs[0].identity.proof() == OTHER and not bench.locked()


def test_without_a_number_the_first_one_is_remembered():
    bench = Bench(site_of(serial=None))
    bench.read("A1", 2)
    assert bench.site.packs[0].identity.proof() == UNPROVED
    bench.read("A1", 2)
    assert bench.site.packs[0].identity.proof() == COMMISSIONED
    saved = h.kept(bench.site.state())
    assert saved["packs"][0]["identity"] == ["A1", "A1"]
    again = Bench(site_of(serial=None), saved)
    again.read(False, 3)
    assert h.kept(again.site.state())["packs"][0]["identity"] == ["A1", "A1"]  # not read yet, and not forgotten
    again.utc = (20000 * 86400, 3)
    again.read("B2", 3)
    assert again.locked()
    again.site.packs[0].acknowledge()
    assert again.locked()  # no grade of a later day
    grade = again.site.packs[0].pack["grade"]
    grade["signer"], grade["date"] = "0" * 16, "2099-01-01"
    again.site.packs[0].acknowledge()
    again.read("B2", 3)
    assert not again.locked() and again.site.packs[0].identity.first == "B2"


def test_with_a_number_in_the_settings_an_acknowledgement_alone_does_not_help():
    bench = Bench(site_of(serial="S1"))
    bench.utc = (20000 * 86400, 3)
    bench.read("S2", 4)
    grade = bench.site.packs[0].pack["grade"]
    grade["signer"], grade["date"] = "0" * 16, "2099-01-01"
    bench.site.packs[0].acknowledge()
    bench.read("S2", 1)
    assert bench.locked()


def test_another_pack_starts_afresh():
    bench = Bench(site_of(serial=None))
    bench.current_ma = 50000
    bench.read("A1", 600)
    pack = bench.site.packs[0]
    estimator, counted = pack.estimator, max(pack.metering.totals[:2])
    assert counted > 0
    bench.read("B2", SURE - 1)
    assert pack.estimator is estimator
    bench.read("B2")
    assert pack.estimator is not estimator and pack.soc is pack.estimator.soc
    assert max(pack.metering.totals[:2]) < counted // 100
    owner = pack.identity.owner
    bench.read("B2", 10)
    assert owner == "B2" and pack.identity.first == "A1"


def test_state_of_any_kind_is_taken_or_left():
    for saved in (None, [], "x", ["A1"], [1, 2], [None, None], {"a": 1}):
        one = Identity(h.pack(serial=None), saved)
        assert (one.first, one.owner) == (None, None)
    assert Identity(h.pack(serial=None), ["A1", None]).first == "A1"


def test_records_tell_the_number_and_what_it_proves():
    bench = Bench(site_of(serial="S1"))
    bench.read("S1", 2)
    bench.site.reporter._grades = [None]
    bench.read("S1")
    found = [dict(record.pairs) for record in bench.outcome.records if record.cls == "I"]
    assert found[0][KEYS["serial_told"]] == "S1" and found[0][KEYS["serial_proof"]] == PROVED
    bench = Bench(site_of(serial="S1"))
    bench.site.reporter._grades = [None]
    bench.read(False)
    found = [dict(record.pairs) for record in bench.outcome.records if record.cls == "I"]
    assert KEYS["serial_told"] not in found[0] and found[0][KEYS["serial_proof"]] == UNPROVED
