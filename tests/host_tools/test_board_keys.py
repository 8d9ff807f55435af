# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Keys that only a board has: what site.yaml may say of them, what flash refuses, what stays out of a bundle."""

import json

import pytest

from edge.core.settings import check
from edge.shell import board
from host_tools import bundle, cli, flash_plan
from host_tools.places import SiteError
from host_tools.remote import FlashError
from host_tools.site import load_site
from host_tools.tls_site import KEYS, PRIVATE, REQUEST, for_board, kept_on_board, place_of
from tests.uplink.certificates import Authority
from tests.uplink.rig import ROOT

DEVICE = "gumi-014"


@pytest.fixture
def site(tmp_path):
    """examples/site.yaml with TLS, whose keys are on the board."""
    Authority(tmp_path).issue(DEVICE)
    text = (ROOT / "examples" / "site.yaml").read_text(encoding="utf-8")
    tls = "  ca: authority.pem\n  certificate: %s.crt\n  private_key: board\n  ack_key: board\n" % DEVICE
    path = tmp_path / "site.yaml"
    path.write_text(text + "\n" + tls + "trust: {operator: [board]}\n", encoding="utf-8")
    return path


def test_a_bundle_has_no_key_and_the_board_puts_its_own_in(site, tmp_path, monkeypatch):
    settings, files = for_board(load_site(str(site)))
    assert sorted(files) == ["tls/built", place_of("ca"), place_of("certificate")]
    bare, secrets = bundle.without_secrets(settings)
    assert secrets == {} and bare["uplink"]["ack_key"] == "board" and bare["uplink"]["private_key"] == PRIVATE
    own = {"ack_key": "ab" * 32, "order": ["0123456789abcdef", "cd" * 32]}
    (tmp_path / "keys.json").write_text(json.dumps(own), encoding="utf-8")
    monkeypatch.setattr(board, "OWN_KEYS", str(tmp_path / "keys.json"))
    made = check(board.with_secrets(json.loads(bundle.as_json(bare)), str(tmp_path / "none.json")))
    assert made["uplink"]["ack_key"] == own["ack_key"]
    assert [(row["id"], row["key"], row["kind"], row["role"]) for row in made["trust"]] == [
        (*own["order"], "hmac", "operator")
    ]
    monkeypatch.setattr(board, "OWN_KEYS", str(tmp_path / "none.json"))
    made = board.with_secrets(json.loads(bundle.as_json(bare)), str(tmp_path / "none.json"))
    assert made["trust"] == [] and made["uplink"]["ack_key"] not in ("board", "", own["ack_key"])


def test_a_gateway_refuses_keys_that_are_elsewhere(site, capsys):
    assert kept_on_board(load_site(str(site))) == "uplink.private_key"
    assert cli.main(["run", str(site)]) == 2
    assert "only a board has" in capsys.readouterr().err


@pytest.mark.parametrize("role", ["release", "commission", "grade"])
def test_the_key_of_a_board_signs_nothing_but_orders(site, role):
    site.write_text(site.read_text(encoding="utf-8").replace("operator: [", role + ": ["), encoding="utf-8")
    with pytest.raises(SiteError, match="gives orders"):
        load_site(str(site))


@pytest.mark.parametrize(
    ("there", "sent", "word"),
    [
        ({REQUEST, PRIVATE}, {PRIVATE, place_of("certificate")}, "of its own"),
        (set(), {place_of("certificate")}, "there is none on the board"),
        ({REQUEST, PRIVATE, KEYS}, {place_of("certificate")}, None),
        ({PRIVATE}, {PRIVATE, place_of("certificate")}, None),  # a key of a file replaces one of a file
        (set(), set(), None),
    ],
)
def test_flash_never_replaces_what_the_board_owns(there, sent, word):
    about = {"files": dict.fromkeys(there, (1, "0" * 64))}
    made = flash_plan.Made(bundle.Bundle(None, dict.fromkeys(sent, "1" * 64), {}, (6, 3)), {}, "", b"")
    plan = flash_plan.Plan("a", [], [], sorted(sent), [], 0)
    if word is None:
        flash_plan.refuse_owned(about, made, plan, "/dev/ttyX")
        return
    with pytest.raises(FlashError, match=word) as error:
        flash_plan.refuse_owned(about, made, plan, "/dev/ttyX")
    assert error.value.exit_code == 2 and "→" in str(error.value)
