# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Bounds of the test centre: narrower than the maker's they bind in limits and guard, looser ones nowhere."""

from edge.core import guard as g
from edge.core import records as r
from edge.core import settings as s
from edge.core.validate import Validator
from tests.both import core_help as h

# (key, narrower, looser, a sample at the narrower bound, direction that becomes 0)
ROWS = (
    ("cell_max_mv", 3500, 3700, {"mv": 3500}, "charge_ma"),
    ("cell_min_mv", 2900, 2400, {"mv": 2900}, "discharge_ma"),
    ("temp_max_mc", 40000, 60000, {"temp_mc": (40000,) * 4}, "charge_ma"),
    ("temp_max_mc", 40000, 60000, {"temp_mc": (40000,) * 4}, "discharge_ma"),
    ("temp_min_mc", 6000, -30000, {"temp_mc": (6000,) * 4}, "discharge_ma"),
    ("temp_min_charge_mc", 16000, -5000, {"temp_mc": (16000,) * 4}, "charge_ma"),
)


def enforced(pack, changes):
    """(limits, guard's command) of one pack at one sample."""
    sample = h.sample(1000, **changes)
    believed = Validator(pack, 1000).step(1000, sample, None)
    limits = h.combined(pack, believed)
    wanted = r.Command(0, 200000, 200000, 56000, None, None, 1, 4000, None)
    return limits, g.guard(1000, pack, g.stale_limits(pack, 1000), sample, wanted, 7)[0]


def test_a_narrower_bound_stops_the_current_in_limits_and_guard():
    for key, narrower, _, changes, side in ROWS:
        for given in enforced(h.pack(), changes):
            assert getattr(given, side) > 0, (key, side)
        for given in enforced(h.pack(grade={key: narrower}), changes):
            assert getattr(given, side) == 0, (key, side)


def test_a_looser_bound_changes_nothing_even_past_check():
    for key, _, looser, changes, side in ROWS:
        plain, wide = h.pack(), h.pack(grade={key: looser})
        makers = plain["maker"][key]
        assert s.bound(wide, key) == makers
        assert enforced(plain, changes) == enforced(wide, changes), key
        at_bound = {"mv": makers} if "mv" in changes else {"temp_mc": (makers,) * 4}
        for given in enforced(wide, at_bound):
            assert getattr(given, side) == 0, (key, side)


def test_check_refuses_a_looser_bound_and_takes_an_equal_one():
    for key, narrower, looser, _, _ in ROWS:
        for value, taken in ((narrower, True), (h.pack()["maker"][key], True), (looser, False)):
            try:
                s.check(h.site_settings([h.pack(grade={key: value})]))
                assert taken, key
            except s.SettingsError as error:
                assert not taken and error.place == "packs[0].grade." + key


def test_bounds_that_leave_nothing_between_them_are_refused():
    for grade in ({"cell_max_mv": 2900}, {"temp_max_mc": 20000, "temp_min_mc": 20000, "temp_min_charge_mc": 25000}):
        try:
            s.check(h.site_settings([h.pack(grade=grade)]))
        except s.SettingsError as error:
            assert error.place.startswith("packs[0].grade.")
        else:
            raise AssertionError(grade)


def test_trusted_keys_of_the_settings_are_checked():
    good = {"name": "ktr", "id": "0" * 16, "key": "0" * 64}
    s.check(h.site_settings(trust=[good]))
    for wrong in (None, "ktr.pub", {"name": "ktr"}, {"name": "ktr", "id": "0" * 16, "key": "00"}):
        try:
            s.check(h.site_settings(trust=[wrong]))
        except s.SettingsError as error:
            assert error.place == "trust[0]"
        else:
            raise AssertionError(wrong)


def test_a_small_test_cell_is_a_pack_too():
    for mah, good in ((99, False), (100, True), (740, True)):
        pack = h.pack(capacity_mah=mah)
        pack["grade"] = dict(pack["grade"], capacity_mah=mah)
        try:
            s.check(h.site_settings([pack]))
            assert good, mah
        except s.SettingsError as error:
            assert not good and "capacity_mah" in str(error), error
