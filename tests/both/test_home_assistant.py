# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What Home Assistant is told of a pack, on both runtimes: never an old number, nothing to command."""

import json

from edge.core.records import FROZEN, OK, STALE, Record
from edge.core.registry import KEYS
from edge.shell import link
from edge.shell.home_assistant import HomeAssistant, decimal, words
from edge.shell.home_table import ROWS

SETTINGS = {
    "org": "demo",
    "site": "here",
    "device": "gumi-014",
    "packs": [{"id": 'HK "1"', "profile": "daly", "serial": "S1"}, {"id": "팩 2", "profile": "jk"}],
    "uplink": {"home_assistant_s": 60},
}
TOLD = {
    "soc": 612345,
    "pack_v": 384120,
    "current": -500,
    "cell_max": 4000,
    "temp_min": -1250,
    "charge_limit": 0,
    "charge_why": 10,
    "mode": 2,
    "active": (1, 2),
    "quality": OK,
}


def record(mono_ms, cls="T", pack=0, **values):
    pairs = tuple(sorted([(KEYS[name], values[name]) for name in values]))
    return Record(cls, pack, mono_ms, None, 0, pairs)


def telemetry(mono_ms, pack=0, **changed):
    values = dict(TOLD)
    values.update(changed)
    return record(mono_ms, "T", pack, **values)


def all_of(home, now_ms):
    """[(topic, decoded payload, retained)] of what is to be published."""
    found = []
    while True:
        item = home.take(now_ms)
        if item is None:
            return found
        found.append((item[0], json.loads(item[1]), item[2]))


def quiet():
    """One that has said what there is."""
    home = HomeAssistant(SETTINGS)
    home.connected()
    all_of(home, 0)
    return home


def state_of(home, now_ms):
    found = all_of(home, now_ms)
    assert len(found) == 1 and found[0][0] == "bess/v1/demo/here/gumi-014/ha/0" and found[0][2] is False, found
    return found[0][1]


def test_it_is_there_only_when_the_settings_ask():
    assert link.home_of({"uplink": {}}) is None and link.home_of({"uplink": {"home_assistant_s": 0}}) is None
    assert link.home_of(SETTINGS) is not None


def test_numbers_are_exact_decimals():
    cases = (
        (612345, 4, "61.2345"),
        (-5, 3, "-0.005"),
        (0, 3, "0.000"),
        (123456789012, 6, "123456.789012"),
        (-7, 0, "-7"),
    )
    for value, digits, text in cases:
        assert decimal(value, digits) == text


def test_words_of_codes_and_of_later_versions():
    assert words((), 4) == "none" and words((1, 2), 4) == "bms_silent, input_invalid"
    assert words(2, 1) == "stopped" and words(999, 1) == "999"
    assert len(words(list(range(1, 40)), 4)) <= 255


def test_what_is_known_is_told_and_the_rest_is_null():
    home = quiet()
    home.look(record(900, "B", wh_in=12345678901))
    home.look(telemetry(1000))
    told = state_of(home, 1000)
    assert told["soc"] == 61.2345 and told["pack_v"] == 384.12 and told["current"] == -0.5 and told["temp_min"] == -1.25
    assert abs(told["wh_in"] - 12345.678901) < 0.001  # floats of 32 bits on some boards; the text is exact
    assert told["charge_limit"] == 0 and told["mode"] == "stopped" and told["quality"] == "ok"
    assert told["active"] == "bms_silent, input_invalid"
    assert told["cell_min"] is None and told["capacity"] is None
    assert sorted(told) == sorted([row[2] for row in ROWS])


def test_a_bms_that_is_not_believed_leaves_nothing_that_looks_live():
    for quality in (STALE, FROZEN, None):
        home = quiet()
        home.look(record(900, "B", wh_in=1))
        home.look(record(900, "M", power=77, capacity=5))
        home.look(telemetry(1000))
        assert state_of(home, 1000)["power"] == 77
        home.look(telemetry(11000, quality=quality) if quality is not None else record(11000, soc=1))
        told = state_of(home, 11000)  # at once: a minute is not waited for
        for row in ROWS:
            if row[9]:
                assert told[row[2]] is None, row
        assert told["charge_limit"] == (0 if quality is not None else None)


def test_a_state_in_its_period_and_none_that_waited_for_a_connection():
    home = quiet()
    for at_ms in range(0, 130000, 10000):
        home.look(telemetry(at_ms))
        assert len(all_of(home, at_ms)) == (1 if at_ms % 60000 == 0 else 0), at_ms
    home.look(telemetry(200000))
    assert all_of(home, 215000) == []


def test_discovery_says_what_there_is_and_nothing_to_command():
    home = HomeAssistant(SETTINGS)
    assert home.take(0) is None
    home.connected()
    found = all_of(home, 0)
    assert [each[0] for each in found] == ["homeassistant/device/gumi-014/%d/config" % pack for pack in (0, 1)]
    first, second = found[0][1], found[1][1]
    assert found[0][2] is True and found[1][2] is True
    assert first["dev"]["ids"] == "gumi-014_0" and first["dev"]["name"] == 'HK "1"' and first["dev"]["sn"] == "S1"
    assert second["dev"]["name"] == "팩 2" and "sn" not in second["dev"]
    assert first["avty_t"] == "bess/v1/demo/here/gumi-014/status"
    assert first["stat_t"] == "bess/v1/demo/here/gumi-014/ha/0" and second["stat_t"][-1] == "1"
    soc = first["cmps"]["soc"]
    assert soc["p"] == "sensor" and soc["unit_of_meas"] == "%" and soc["dev_cla"] == "battery" and soc["exp_aft"] == 90
    ids = [config["cmps"][name]["uniq_id"] for config in (first, second) for name in config["cmps"]]
    assert len(set(ids)) == 2 * len(ROWS)
    for name in first["cmps"]:
        assert first["cmps"][name]["val_tpl"] == "{{value_json.%s}}" % name
        for key in first["cmps"][name]:
            assert "cmd" not in key and "command" not in key


def test_discovery_again_when_home_assistant_comes_back_but_no_flood():
    home = quiet()
    home.look(telemetry(11000))
    all_of(home, 11000)
    for payload in (b"", b"offline", b"\xff\x00", b"online ", bytearray(b"Online")):
        home.heard(payload)
    assert all_of(home, 12000) == []
    for _ in range(100):
        home.heard(b"online")
        assert len(all_of(home, 12000)) in (0, 2)
    assert all_of(home, 12000) == []
    home.look(telemetry(21000))  # its state follows, whatever the period
    assert state_of(home, 21000)["soc"] == 61.2345
    assert len(all_of(home, 22001)) == 2  # what was asked meanwhile, once


def test_records_of_others_do_no_harm():
    home = quiet()
    home.look(record(1, "E", event=1))
    home.look(record(1, "T", -1, soc=1))
    home.look(record(1, "T", 2, soc=1))
    home.look(record(1, "X", 0, soc=1))
    assert all_of(home, 1) == []
