# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Second opinions and what follows from them: the BMS's words and counters, the energy meter, the certificate's
resistance, and the advice when sigma is too wide. On both runtimes."""

from binascii import unhexlify

from bms_bridge.can import CanBms
from bms_bridge.isotp import segments
from bms_bridge.tables import load
from edge.core import advice as ad
from edge.core import anomalies as a
from edge.core import report
from edge.core import sensors as sn
from edge.core.cell import at
from edge.core.estimator import Estimator
from edge.core.records import Est, MeterSample
from edge.core.registry import KEYS
from edge.core.second import Counters, Energy
from edge.core.site import Site
from edge.core.soc import W_CERTIFICATE, W_COUNTED, W_HIDDEN
from tests.both import core_help as h
from tests.both.test_core_estimator import Plant, kinds, settings

MINUTE = 60000
SOC = Est(500000, 10000, 7, W_COUNTED)
CAPACITY = Est(80000, 1000, 9, W_COUNTED)  # of 100 Ah


def judged(rows):
    """Kinds after every row (minute, SoC, BMS's (SoC, SoH, capacity))."""
    made = sn.Against()
    return [[a.KINDS[each.kind] for each in made.look(m * MINUTE, soc, CAPACITY, bms, 100000)] for m, soc, bms in rows]


def test_the_bms_must_be_far_off_for_minutes_and_against_a_sigma_that_says_something():
    well, far = (510000, 800000, None), (600000, 800000, None)
    assert judged([(0, SOC, far), (4, SOC, far), (5, SOC, far)]) == [[], [], ["bms_soc"]]
    # a moment of agreement, or the other side, starts the time again
    assert judged([(0, SOC, far), (4, SOC, well), (5, SOC, far), (9, SOC, far)]) == [[]] * 4
    assert judged([(0, SOC, far), (4, SOC, (400000, 800000, None)), (6, SOC, (400000, 800000, None))]) == [[]] * 3
    for away, std, why, found in (
        (80000, 1000, W_COUNTED, []),  # the least distance
        (81000, 1000, W_COUNTED, ["bms_soc"]),
        (81000, 30000, W_COUNTED, []),  # three sigma
        (400000, 30000, W_COUNTED, ["bms_soc"]),
        (400000, 90000, W_HIDDEN, []),
    ):
        soc = Est(500000, std, 7, why)
        for sign in (1, -1):
            bms = (500000 + sign * away, None, None)
            assert judged([(0, soc, bms), (6, soc, bms)])[1] == found, (away, std)
    for bms, found in (
        ((None, 851000, None), ["bms_soh"]),
        ((None, 849000, None), []),
        ((None, None, 86000), ["bms_capacity"]),
        ((None, None, 74000), ["bms_capacity"]),
        ((None, None, 84000), []),
    ):
        assert judged([(0, SOC, bms), (6, SOC, bms)])[1] == found, bms


def test_an_alarm_that_holds_does_not_flicker():
    rows = [(0, SOC, (600000, None, None)), (5, SOC, (600000, None, None))]
    assert judged(rows + [(6, SOC, (570000, None, None)), (7, SOC, (563000, None, None))])[1:] == [
        ["bms_soc"],
        ["bms_soc"],
        [],
    ]


def test_evidence_is_both_values_and_sigma():
    made = sn.Against()
    made.look(0, SOC, CAPACITY, (600000, None, None), 100000)
    (found,) = made.look(5 * MINUTE, SOC, CAPACITY, (600000, None, None), 100000)
    assert (found.value, found.std, found.at_ms) == (100000, 10000, 7)


# ---- counters of the BMS ------------------------------------------------------------------------------


KIA = "620101FFF7E7FF99000000000300B10EFE120F11100F12000018C438C30B0000840000386400003585" + (
    "0000153A00001374000647010D017F0BDA0BDA03E8"
)


def kia_answers(device, now_ms, charged_mah, discharged_mah):
    """Let device ask, and answer 22 01 01 with these counters."""
    data = bytearray(unhexlify(KIA))
    for at_byte, mah in ((33, charged_mah), (37, discharged_mah)):
        for k in range(4):
            data[at_byte + k] = (mah // 100) >> (24 - 8 * k) & 0xFF
    for k in range(400):
        frame = device.next_frame(now_ms + k)
        if frame is not None and frame[0] == 0x7E4 and frame[2][1:4] == b"\x22\x01\x01":
            for part in segments(bytes(data), 0xAA):
                device.take(now_ms + k, 0x7EC, False, part)
            return
        if device._open is not None:
            device.failed(now_ms + k, 1)


def counted(factor, hours=12, hole=None, restart=None):
    """Counters after hours of 60 A in and out by turns, half an hour each, on a pack of 100 Ah whose BMS counts
    factor times what flows; hole: minutes in which we do not see the current; restart: minute of its counting afresh."""
    device = CanBms(load("kia_64"), {"id": "p", "cells": 98, "temps": 4})
    made = Counters(100000)
    theirs, ours, unknown_ms = [1443600, 1370100], [0, 0], 0
    for minute in range(hours * 60):
        side = minute // 30 % 2
        theirs[side] += int(1000 * factor)
        if hole is not None and minute in hole:
            unknown_ms += MINUTE
        else:
            ours[side] += 1000
        if minute == restart:
            theirs = [0, 0]
        kia_answers(device, minute * MINUTE, theirs[0], theirs[1])
        known_ms = minute * MINUTE - unknown_ms
        made.take(device.info(), (ours[0], ours[1], 0, 0, known_ms, unknown_ms))
    return made


def test_the_counters_of_a_kia_are_read_and_compared():
    device = CanBms(load("kia_64"), {"id": "p", "cells": 98, "temps": 4})
    kia_answers(device, 0, 1443600, 1370100)
    found = {name: value[0] for name, value in device.info().items()}
    assert found["bms_in_mah"] == 1443600 and found["bms_out_mah"] == 1370100
    assert found["bms_in_wh"] == 543400 and found["bms_out_wh"] == 498000
    for factor, suspect in ((1.0, False), (1.02, False), (1.06, True), (0.94, True)):
        made = counted(factor)
        ratio = made.ratio()
        assert abs(ratio.value - (factor - 1.0) * 1e6) < ratio.std and ratio.std < 10000, ratio
        assert ratio.at_ms is not None
        assert (sn.suspect_count(ratio) is not None) == suspect, factor
        second = made.capacity(Est(80000, 1000, 0, W_COUNTED))
        assert abs(second.value - 80000 * factor) < second.std and 1000 < second.std < 1500


def test_what_we_did_not_see_is_not_held_against_the_bms():
    hole = [minute for minute in range(720) if minute % 10 < 3]
    ratio = counted(1.0, hole=hole).ratio()
    assert abs(ratio.value) <= ratio.std and ratio.std > counted(1.0).ratio().std
    ratio = counted(1.0, restart=300).ratio()
    assert abs(ratio.value) <= ratio.std
    assert counted(1.0, hours=2).ratio()[0] is None and counted(1.0, hours=2).ratio().why == W_HIDDEN


def test_counters_survive_and_damage_starts_afresh():
    made = counted(1.06)
    again = Counters(100000, h.kept(made.state()))
    assert again.ratio()[:2] == made.ratio()[:2]
    # the age goes on: 60 s later by the metering, in a start that is 5 s old
    assert made.at_ms == made.clock_ms > 700 * MINUTE and again.at_ms is None
    again.take({"bms_in_mah": (0, 5000), "bms_out_mah": (0, 5000)}, (0, 0, 0, 0, made.clock_ms - 1, MINUTE + 1))
    assert again.ratio().at_ms == 5000 - MINUTE == again.capacity(CAPACITY).at_ms
    assert Counters(100000, again.state()).state() == made.state()
    assert Counters(100000).state() == [0, 0, 0, 0]
    made = Estimator(settings(), {"counters": [1, -2, 3, 4]})
    assert made.counters.sums == [0, 0, 0]


def test_a_capacity_that_the_bms_says_is_a_second_opinion():
    site = Site(h.site_settings())

    class Leaf:
        def info(self):
            return {"bms_capacity_mah": (200000, 5)}

    site.ask(0, [Leaf()])
    second = site.packs[0].estimator.second_capacity()
    assert (second.value, second.std, second.at_ms) == (200000, None, 5)
    site.ask(30000, [object()])  # a device that tells nothing more
    made = Estimator(settings())
    plant = Plant(made)
    for told, found in ((5000, []), (3500, ["bms_capacity"])):
        made.counters.take({"bms_capacity_mah": (told, plant.now_ms)}, ())
        plant.run(8)
        assert kinds(made) == found, told


# ---- energy meter ---------------------------------------------------------------------------------------


def weighed(gain=1.0, charging=0.96, discharging=0.96, hours=12, other_w=0, packs=1, idle_w=0, offset_ma=0, hole=0):
    """Gain by the meter after hours of 5 kW in and out by turns, an hour each, with a rest of half an hour
    between. offset_ma: of the sensor, known; hole: of every ten minutes so many of which half is not seen."""
    made = Energy(10000, 10000000)
    inside, outside = [0.0, 0.0], [0.0, 0.0]
    known_ms = unknown_ms = 0
    for minute in range(hours * 60):
        phase = minute % 180
        watts = 5000 if phase < 60 else -5000 if 90 <= phase < 150 else 0
        side = 0 if watts > 0 else 1
        seen = minute % 10 >= hole
        if watts:
            flows = abs(watts) * gain + offset_ma * (-0.05 if side else 0.05)
            inside[side] += flows * (1.0 if seen else 0.5) / 60 * 1000
        outside[side] += watts / charging / 60 if watts > 0 else -watts * discharging / 60
        outside[0] += idle_w / 60 if watts == 0 else 0
        outside[0 if watts >= 0 else 1] += (other_w if watts >= 0 else -other_w) / 60
        known_ms += MINUTE if seen else MINUTE // 2
        unknown_ms += 0 if seen else MINUTE // 2
        meter = MeterSample(minute * MINUTE, int(outside[0]), int(outside[1]), None, ())
        share = [0, 0, int(inside[0]) // packs, int(inside[1]) // packs, known_ms, unknown_ms]
        made.take(minute * MINUTE, meter, [(share, 50000, Est(offset_ma, 100, 0, W_COUNTED))] * packs)
    return made


def test_the_gain_of_the_sensor_by_the_meter():
    # (gain, efficiency of charge, of discharge, found in ppm or None, suspect)
    for gain, charging, discharging, found, suspect in (
        (1.0, 0.96, 0.96, 0, False),
        (1.0, 0.90, 0.90, 0, False),  # efficiency cancels
        (1.04, 0.96, 0.96, 40000, True),
        (0.96, 0.90, 0.90, -40000, True),
        (1.0, 0.95, 0.97, -10000, False),  # bounded, not cancelled
        (1.0, 0.80, 0.80, None, False),  # no converter is that bad: the meter counts something else
    ):
        est = weighed(gain, charging, discharging).gain()
        if found is None:
            assert est.value is None and est.why == W_HIDDEN, est
            continue
        assert abs(est.value - found) < 2000 and 5000 < est.std < 12000 and est.at_ms is not None, est
        assert (sn.suspect_gain(est) is not None) == suspect, (gain, est)


def test_rest_and_other_loads_are_no_gain():
    assert abs(weighed(idle_w=200).gain().value) < 2000
    assert weighed(other_w=1000).gain().value is None
    assert weighed(hours=4).gain().value is None  # not yet enough in both directions
    for gain in (1.0, 1.04):
        est = weighed(gain, hours=24, offset_ma=8000).gain()  # 8 % of the current, one way more, the other less
        assert abs(est.value - (gain - 1.0) * 1e6) < 3000, est
    for hole in (1, 5):
        assert abs(weighed(hours=24, hole=hole).gain().value) < 2000  # what was not seen is not missing
    both = weighed(1.04, packs=2).gain()
    assert abs(both.value - 40000) < 2000  # of both packs together


def test_an_energy_that_was_not_seen_whole_is_left_out():
    made = weighed()
    sums = list(made.sums)
    registers = [0, 0, 10**9, 0, 12 * 3600000, 5000]
    made.take(10**9, MeterSample(10**9, 10**6, 0, None, ()), [(registers, 50000, Est(0, 100, 0, W_COUNTED))])
    assert made.sums == sums
    again = Energy(10000, 1, h.kept(made.state()))
    assert again.sums == sums and again.at_ms is None and again.state() == made.state()
    twice = [(registers[:4] + [made.clock_ms + 30000, 0], 50000, Est(0, 100, 0, W_COUNTED))] * 2
    again.take(7000, MeterSample(7000, 0, 0, None, ()), twice)
    assert again.gain().at_ms == 7000 - 30000  # the age goes on
    for damage in (None, "x", [1], ["x"] * 8, [-1] * 8):
        assert Energy(10000, 1, damage).sums == [0] * 7


def test_without_a_meter_the_gain_is_not_observable_and_nothing_is_said():
    site = Site(h.site_settings())
    assert site.energy is None and site.packs[0].estimator.gain.value is None


# ---- certificate ---------------------------------------------------------------------------------------------


def with_resistance(uohm, temp_mc=25000):
    """The pack of four cells with a resistance in its certificate."""
    pack = settings()
    pack["grade"].update({"resistance_uohm": uohm, "resistance_temp_mc": temp_mc})
    return pack


def test_the_resistance_of_the_certificate_is_where_the_estimate_begins():
    plain, told = Estimator(settings()), Estimator(with_resistance(200000))
    assert plain.certificate is None and plain.resistance().value is None
    factor, std = told.certificate
    assert told.soc.joint.x[4] == factor and abs(told.soc.joint.p[14] - std * std) < 1e-9
    assert told.soc.joint.p[14] < plain.soc.joint.p[14]
    est = told.resistance()
    assert (est.value, est.std, est.at_ms, est.why) == (50000, 5001, None, W_CERTIFICATE)
    assert Estimator(with_resistance(400000)).certificate[0] > 1.9 * factor
    assert Estimator(with_resistance(200000, 0)).certificate[0] < 0.8 * factor  # measured cold: less at 25 °C
    Plant(told).run(10)
    saved = h.kept(told.state())
    assert Estimator(with_resistance(400000), saved).soc.joint.x[4] != 2 * factor  # a saved filter knows better


def test_a_resistance_far_above_the_certificate_is_said():
    made = Estimator(with_resistance(100000))
    Plant(made).run(2)
    joint = made.soc.joint
    for scale, std, found in ((1.2, 0.01, []), (1.7, 0.01, ["resistance_jump"]), (1.7, 0.3, []), (0.5, 0.01, [])):
        joint.x[4], joint.p[14] = made.certificate[0] * scale, (made.certificate[0] * std) ** 2
        made.certificate = (made.certificate[0], made.certificate[0] * 0.1)
        assert kinds(made) == found, (scale, std)


# ---- advice ----------------------------------------------------------------------------------------------------

STEEP = [3.0 + 0.012 * k for k in range(101)]
PLATEAU = [3.2 + 0.0005 * k if k < 95 else 3.2475 + 0.04 * (k - 95) for k in range(101)]


def test_the_advice_is_what_tells_most():
    week = ad.KNEE_MS
    for z, soc, capacity, table, lfp, knee_ms, found in (
        (0.5, 0.01, 0.01, STEEP, False, 0, ad.A_NONE),
        (0.5, 0.02, 0.03, STEEP, False, 10 * week, ad.A_NONE),  # nmc has no knee
        (0.5, 0.05, 0.01, STEEP, False, 0, ad.A_REST),
        (0.5, 0.01, 0.06, STEEP, False, 0, ad.A_SWING),
        (0.5, 0.01, 0.01, PLATEAU, True, 0, ad.A_NONE),
        (0.5, 0.01, 0.01, PLATEAU, True, week + 1, ad.A_KNEE),
        (0.5, 0.05, 0.01, PLATEAU, True, 0, ad.A_KNEE),
        (0.97, 0.01, 0.06, PLATEAU, True, 0, ad.A_SWING),
    ):
        assert ad.advise(z, soc, capacity, (table, 0.01), lfp, knee_ms) == found, (z, soc, capacity, lfp)
    assert ad.advise(0.5, 0.019, 0.01, (STEEP, 0.01), False, 0) == ad.A_NONE
    assert ad.advise(0.5, 0.019, 0.01, (STEEP, 0.01), False, 0, ad.A_REST) == ad.A_REST  # until it is really better


class Reported:
    """Enough of a Site for the reporter to look at one estimator's advice."""

    def __init__(self):
        self.site = Site(h.site_settings())
        self.reporter = report.Reporter(self.site.settings)

    def records(self, advice):
        self.site.packs[0].estimator.advice = advice
        found = []
        self.reporter._watch_advice(found, 0, (None, 0), self.site, 0)
        return [dict(record.pairs)[KEYS["advice"]] for record in found]


def test_one_record_says_it():
    made = Reported()
    assert [made.records(code) for code in (0, 2, 2, 3, 0, 0)] == [[], [2], [], [3], [0], []]


def test_the_estimator_advises_once_an_hour_and_remembers_the_knee():
    pack = settings()
    pack["grade"]["capacity_std_mah"] = 600
    made = Estimator(pack)
    plant = Plant(made)
    plant.run(58)
    assert made.advice == ad.A_NONE
    plant.run(4)
    first = made.advice
    assert first != ad.A_NONE
    for saved, found in ((first, first), (99, ad.A_NONE), ("x", ad.A_NONE), (None, ad.A_NONE)):
        assert Estimator(pack, dict(h.kept(made.state()), advice=saved)).advice == found
    made.advice, made.soc.floor, made.soc.capacity_std_ah = ad.A_REST, 0.0, 2.5
    made._advise(0.5)
    assert made.advice == ad.A_REST  # another one tells more, but not on the same day
    made.soc.clock_ms += 86400000
    made._advise(0.5)
    assert made.advice == ad.A_SWING
    lfp = h.pack(cells=4, temps=4, capacity_mah=5000, grade={"capacity_mah": 5000, "capacity_std_mah": 50})
    made = Estimator(lfp)
    plant = Plant(made, 0.999)
    made.hint = made.soc.hint(0.999, 0.001)
    plant.ocv = [at(plant.ocv, 0.01 * k)[0] + 0.1 for k in range(101)]
    plant.run(30)
    assert made._knee_ms > 0
    assert Estimator(lfp, h.kept(made.state()))._knee_ms == made._knee_ms
