# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The worked example of docs/ADD_A_BMS.md does what the page says."""

import os
import pathlib
import re

import pytest

from bms_bridge.compile import ProfileError, load_profile
from bms_bridge.encode import encode_all
from bms_bridge.modbus import rtu_frame
from host_tools import cli
from simulator.wire import Wire, WorldSource
from simulator.wire_serve import world_for

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "ADD_A_BMS.md").read_text(encoding="utf-8")


@pytest.fixture
def profile(tmp_path):
    path = tmp_path / "acme_16s.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", PAGE, re.S)[1], encoding="utf-8")
    return path


def test_the_example_compiles_and_provides_all_that_control_needs(profile):
    table = load_profile(str(profile))
    assert table.NAME == "acme_16s" and table.INFO["proof"] == "captured"
    assert all(period_ms is not None for period_ms in table.PERIODS_MS)


def test_the_example_is_served(profile):
    table = load_profile(str(profile))
    world, device = world_for(table)
    world.advance(500)
    wire = Wire("rtu", WorldSource(world, {1: device}))
    data = encode_all(table, world.samples[device])[0]
    reply = rtu_frame(1, bytes((3, len(data))) + data)
    assert wire.exchange(rtu_frame(1, bytes.fromhex("03000000") + bytes((11,)))) == [reply]


def test_the_error_of_the_page_is_the_error_of_the_compiler(profile):
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace("sign: discharge, ", ""), encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_profile(str(profile))
    shown = re.search(r"```\n(acme_16s.yaml.*?)\n```", PAGE, re.S)[1].splitlines()
    told = str(caught.value).replace(str(profile.parent) + os.sep, "").splitlines()
    assert [line.strip() for line in told] == [line.strip() for line in shown]


def test_every_verb_of_the_page_exists():
    for verb in re.findall(r"reuse-edge ((?:sim )?[a-z]+)", PAGE):
        assert verb in cli.VERBS


def test_the_issue_form_asks_for_a_log_and_for_leave():
    form = (ROOT / ".github" / "ISSUE_TEMPLATE" / "my-bms.md").read_text(encoding="utf-8")
    assert form.startswith("---\nname: my BMS\n")
    assert "sniff" in form and "Apache-2.0" in form
