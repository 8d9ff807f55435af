# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Limits: the minimum over named sources, with the reason that binds."""

from edge.core import limits as lim
from edge.core.validate import Validator
from tests.both import core_help as h

FREE = h.FREE


def believed(pack=None, **changes):
    pack = pack or h.pack()
    return Validator(pack, 1000).step(0, h.sample(0, **changes), None)


def combine(pack=None, soc=500000, caps=(None, None), ramp=FREE, papers=h.NO_PAPERS, **changes):
    pack = pack or h.pack()
    return h.combined(pack, believed(pack, **changes), soc, caps, ramp, papers)


def test_the_smallest_source_binds_and_is_named():
    wide = {"charge_ma": 140000, "discharge_ma": 140000}
    rows = (
        ({}, {}, 80000, lim.S_CONTRACT, 80000, lim.S_CONTRACT),
        ({"contract": None}, {}, 90000, lim.S_GRADE, 100000, lim.S_GRADE),
        ({"contract": None, "grade": wide}, {}, 120000, lim.S_BMS, 120000, lim.S_BMS),
        ({"contract": None, "grade": wide}, {"bms_charge_ma": 999999}, 140000, lim.S_MAKER, 120000, lim.S_BMS),
        ({}, {"bms_charge_ma": 0, "bms_discharge_ma": 7}, 0, lim.S_BMS, 7, lim.S_BMS),
        ({}, {"mv": 3600}, 8213, lim.S_VOLTAGE, 80000, lim.S_CONTRACT),
        ({}, {"mv": 2600}, 80000, lim.S_CONTRACT, 18433, lim.S_VOLTAGE),
        ({}, {"temp_mc": (2000,) * 4}, 5600, lim.S_TEMPERATURE, 80000, lim.S_CONTRACT),
    )
    for packs, changes, charge, charge_why, discharge, discharge_why in rows:
        got = combine(h.pack(**packs), **changes)
        assert got[:4] == (charge, charge_why, discharge, discharge_why), (packs, changes, got)


def test_soc_only_narrows_and_unknown_is_a_cap():
    assert combine(soc=None).charge_ma == 56000  # 0.2 C of 280 Ah
    assert combine(soc=None).charge_why == lim.S_SOC
    assert combine(soc=1000000).charge_ma == 28000
    assert combine(soc=0).discharge_ma == 7000
    for soc in (None, 0, 500000, 1000000):
        got = combine(soc=soc)
        assert 0 < got.charge_ma <= 80000 and 0 < got.discharge_ma <= 80000


def test_none_of_a_required_value_is_zero():
    for changes, charge, discharge in (
        ({"cell_mv": (None,) * 16}, 0, 0),
        ({"temp_mc": (None,) * 4}, 0, 0),
        ({"bms_charge_ma": None}, 0, 0),  # the whole group of limits is not believed
    ):
        got = combine(**changes)
        assert (got.charge_ma, got.discharge_ma) == (charge, discharge), changes


def test_what_forces_zero_is_the_reason():
    got = combine(caps=((lim.S_FAULT, 0), None), bms_charge_ma=0)
    assert got[:4] == (0, lim.S_FAULT, 80000, lim.S_CONTRACT)


def test_the_border_of_voltage_counts_one_lsb_on_the_dangerous_side():
    for lsb in (1, 5):
        pack = h.pack(facts={"cell_lsb_mv": lsb})
        assert combine(pack, mv=3650 - lsb).charge_ma == 0
        assert combine(pack, mv=3650 - lsb - 1).charge_ma > 0
        assert combine(pack, mv=2500 + lsb).discharge_ma == 0
        assert combine(pack, mv=2500 + lsb + 2).discharge_ma > 0


def test_ramp_goes_up_slowly_and_down_at_once():
    ramp = lim.Ramp(h.pack()["maker"])
    assert ramp.allowed(0) == (0, 0)
    ramp.took(0, 0, 0)
    assert ramp.allowed(1000) == (2800, 2800)  # 2 % of 140 A
    assert ramp.allowed(1999) == (5597, 5597)
    assert ramp.allowed(-5000) == (0, 0)
    ramp.took(1000, 2800, 100)
    assert ramp.allowed(2000) == (5600, 2900)
    ramp.took(2000, 0, 0)
    assert ramp.allowed(2000) == (0, 0)


def test_sources_are_listed_for_the_reader():
    got = combine()
    assert [row[0] for row in got.sources] == [
        lim.S_MAKER,
        lim.S_GRADE,
        lim.S_BMS,
        lim.S_VOLTAGE,
        lim.S_TEMPERATURE,
        lim.S_SOC,
        lim.S_SOH,
        lim.S_IMBALANCE,
        lim.S_CONTRACT,
        lim.S_ENGINEER,
        lim.S_ORDER,
    ]
    assert got.sources[1] == (lim.S_GRADE, 90000, 100000)


def test_soc_that_is_hardly_known_counts_as_unknown():
    pack = h.pack()
    for std, expected in ((200000, 140000), (200001, 56000)):
        got = h.combined(pack, believed(), 500000, std=std)
        assert [row[1] for row in got.sources if row[0] == lim.S_SOC] == [expected]
    hardly = h.combined(pack, believed(), 1000000, std=300000)
    assert hardly.charge_ma == 28000  # and never allows more than a known one
