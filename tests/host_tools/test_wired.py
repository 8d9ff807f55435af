# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Contactors, inputs and relays of a site.yaml: pins of a board or Modbus modules; every mistake is one clear line."""

import pathlib

import pytest

from edge.core import settings as core
from host_tools import cautions, site
from host_tools.bundle import BundleError, add_tables
from host_tools.places import SiteError
from tests.host_tools.test_site import TEXT, changed, write

PINS = """    contactor:
      break_a: 20
      main_pin: 4
      precharge_pin: 5
      feedback_pin: 6

pcs:"""
RELAYS = """    contactor:
      break_a: 20
      fuse_s: 2
      hold_s: 8
      output: 0
      precharge_output: 1
      feedback_input: 4

inputs:
  profile: moxa_e1214
  connection: tcp:192.0.2.13:502
  unit: 1
  estop_input: 0
  smoke_input: 1

outputs:
  profile: icpdas_tm_r5
  connection: rtu:/dev/serial/by-id/usb-x:9600
  unit: 3

pcs:"""
CONTROL = changed("mode: observe", "mode: control")


def with_pins(old="", new="", base=TEXT):
    return changed("\npcs:", PINS.replace(old, new), base)


def with_relays(old="", new="", base=TEXT):
    return changed("\npcs:", RELAYS.replace(old, new), base)


def test_pins_of_a_board(tmp_path):
    text = with_pins() + "\ninputs:\n  estop_pin: 10\n  door_pin: 11\n"
    settings = core.check(site.load_site(write(tmp_path, text)))
    own = settings["packs"][0]["contactor"]
    assert (own["break_ma"], own["fuse_ms"], own["join_mv"]) == (20000, 3000, 1000)
    assert (own["main_pin"], own["precharge_pin"], own["feedback_pin"], own["precharge"]) == (4, 5, 6, "output")
    assert settings["inputs"]["estop_pin"] == 10 and settings["inputs"]["profile"] is None
    only = site.load_site(write(tmp_path, with_pins()))
    assert only["inputs"]["estop_pin"] is None  # for the auxiliary contact alone
    assert site.load_site(write(tmp_path, TEXT))["inputs"] is None


def test_modules_of_a_gateway(tmp_path):
    settings = core.check(site.load_site(write(tmp_path, with_relays(base=CONTROL))))
    own = settings["packs"][0]["contactor"]
    assert (own["output"], own["precharge_output"], own["feedback_input"], own["hold_ms"]) == (0, 1, 4, 8000)
    assert settings["links"][settings["inputs"]["link"]]["host"] == "192.0.2.13"
    assert settings["links"][settings["outputs"]["link"]]["baud"] == 9600
    texts: dict = {}
    add_tables(settings, texts, str(tmp_path), pathlib.Path(__file__).resolve().parent.parent.parent)
    assert "bms_bridge.modules.moxa_e1214" in texts


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (with_pins("main_pin: 4", "output: 4"), "contactor", "two ways to wire it"),
        (with_pins("      main_pin: 4\n", ""), "contactor", "nothing pulls it"),
        (with_pins("      precharge_pin: 5\n", ""), "contactor", "has no precharge output"),
        (with_pins("main_pin: 4", "main_pin: 4\n      precharge: none"), "precharge_pin", "stands beside"),
        (with_pins("feedback_pin: 6", "feedback_pin: 5"), "feedback_pin", "pin 5 is used by"),
        (with_pins() + "\ninputs:\n  estop_pin: 6\n", "feedback_pin", "pin 6 is used by inputs.estop_pin"),
        (with_pins() + "\ninputs:\n  estop_input: 1\n", "estop_input", "is not wired like this"),
        (with_pins("break_a: 20", "breaks: 20"), "contactor.breaks", "unknown key"),
        (with_relays("output: 0\n      pre", "output: 5\n      pre"), "output", "has no output 5"),
        (with_relays("feedback_input: 4", "feedback_input: 6"), "feedback_input", "has no input 6"),
        (with_relays("feedback_input: 4", "feedback_input: 0"), "feedback_input", "input 0 is used by"),
        (with_relays("profile: moxa_e1214", "profile: moxa_e1215"), "inputs.profile", "there is no profile"),
        (with_relays("profile: moxa_e1214", "profile: icpdas_tm_r5"), "inputs.profile", "is a profile of"),
        (with_relays("  unit: 3\n", ""), "outputs", "unit is missing"),
        (with_relays("  estop_input: 0", "  estop_pin: 0"), "inputs.estop_pin", "is not wired like this"),
        (with_relays(base=CONTROL, old="hold_s: 8", new="hold_s: 6"), "hold_s", "before the PCS has stopped"),
    ],
)
def test_every_mistake_is_one_line(tmp_path, text, place, problem):
    with pytest.raises(SiteError) as caught:
        site.load_site(write(tmp_path, text))
    assert caught.value.place.endswith(place) and problem in caught.value.problem, str(caught.value)
    assert caught.value.mend


def test_relays_without_their_module(tmp_path):
    text = with_pins("main_pin: 4", "output: 1").replace("precharge_pin: 5", "precharge: none")
    with pytest.raises(SiteError, match="there is no module with that output"):
        site.load_site(write(tmp_path, text.replace("      feedback_pin: 6\n", "")))


def test_control_of_a_bms_that_only_requests_needs_a_contactor_or_another_path(tmp_path):
    settings, entries = site.read_site(write(tmp_path, with_pins(base=CONTROL)))
    pack, spot = settings["packs"][0], entries["packs"].items()[0]
    for protection, contactor, refused in (
        ("requests_only", None, True),
        ("none", None, True),
        ("requests_only", pack["contactor"], False),
        ("none", pack["contactor"], False),
        ("self_opening", None, False),
    ):
        changed_pack = dict(pack, contactor=contactor, facts=dict(pack["facts"], protection=protection))
        found = [row for row in cautions.pack_problems(changed_pack, spot) if "does not open by itself" in row[1]]
        assert bool(found) == refused and all(row[3] for row in found)


def test_a_board_without_the_pin_is_not_flashed(tmp_path):
    settings = site.load_site(write(tmp_path, with_pins()))
    settings["packs"][0]["contactor"]["main_pin"] = None
    with pytest.raises(BundleError, match="no main_pin"):
        add_tables(settings, {}, str(tmp_path), ".")
