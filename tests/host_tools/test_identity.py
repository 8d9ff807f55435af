# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What `check` and the live view say of which pack it is."""

import importlib.util
import pathlib

from bms_bridge.tables import load
from host_tools.check import identity_of
from host_tools.view import render, text_of

SPEC = importlib.util.spec_from_file_location("view_states", pathlib.Path(__file__).parent / "view_states.py")


def test_check_says_what_will_be_compared():
    said = identity_of({"serial": "S1"}, load("seplos_v3"))
    assert "S1" in said and "locks" in said
    assert "B-7" in identity_of({"serial": "S1", "bms_serial": "B-7"}, load("seplos_v3"))
    assert "remembered" in identity_of({"serial": None}, load("sunspec_802_805"))
    assert identity_of({"serial": "S1"}, load("jk_pb")).startswith("unproved")
    assert "bank" in identity_of({"serial": "S1", "string": 2}, load("sunspec_string"))


def test_the_view_shows_the_number_and_marks_another_one():
    states = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(states)
    for proof, told, want in (
        ("proved", "SP05", "no. SP05 ✓"),
        ("other", "SP06", "no. SP06 ✕"),
        ("unproved", None, None),
    ):
        status = states.healthy()
        status["packs"][0]["identity"] = [proof, told, "SP05"]
        text = text_of(render(status, 120, 30))
        assert want in text if want else "no. " not in text
