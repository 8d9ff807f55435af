# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The JSON form of an envelope, and replies to orders, on both runtimes."""

import json

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import cbor, link
from edge.shell.as_json import to_json

CASES = (
    ({0: 1}, {"0": 1}),
    ({1: (1 << 63) - 1, 2: -(1 << 53), 3: (1 << 53) - 1}, {"1": {"n": "9223372036854775807"}}),
    ({9: {130: b"\x00\xff", 120: [3, None, -1], 80: '점검 "2"'}}, {"9": {"130": {"x": "00ff"}, "80": '점검 "2"'}}),
    ({9: {}}, {"9": {}}),
)


def test_every_value_has_a_form_in_json():
    for value, expected in CASES:
        found = json.loads(to_json(cbor.encode(value)))
        for key in expected:
            if isinstance(expected[key], dict) and "130" in expected[key]:
                assert found[key]["120"] == [3, None, -1]
                assert found[key]["130"] == expected[key]["130"] and found[key]["80"] == expected[key]["80"]
            else:
                assert found[key] == expected[key], (key, found)
    assert json.loads(to_json(cbor.encode(CASES[1][0])))["2"] == {"n": "-9007199254740992"}
    assert json.loads(to_json(cbor.encode(CASES[1][0])))["3"] == (1 << 53) - 1


def test_cbor_is_the_form_unless_the_settings_say_json():
    payload = cbor.encode({0: 1})
    assert link.form_of({"uplink": {}})(payload) is payload
    assert link.form_of({"uplink": {"format": "cbor"}})(payload) is payload
    assert json.loads(link.form_of({"uplink": {"format": "json"}})(payload)) == {"0": 1}


def test_replies_are_bounded_and_hold_only_what_tells_of_orders():
    replies = link.Replies()
    for number in range(link.MAX_REPLIES + 3):
        replies.look(Record("E", -1, number, 1000, 3, ((KEYS["order_verdict"], 1),)))
        replies.look(Record("E", -1, number, 1000, 3, ((KEYS["event"], 1),)))
    found = []
    data = replies.take()
    while data is not None:
        found.append(cbor.decode(data)[4])
        data = replies.take()
    assert found == list(range(link.MAX_REPLIES))


def test_a_reply_that_has_no_encoding_is_passed_over():
    replies = link.Replies()
    for value in (1.5, 2):
        replies.look(Record("E", 3, 5, 1000, 3, ((KEYS["order_verdict"], value),)))
    assert cbor.decode(replies.take()) == {0: 1, 4: 5, 5: 1000, 6: 3, 8: 3, 9: {KEYS["order_verdict"]: 2}}
    assert replies.take() is None
