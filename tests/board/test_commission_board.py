# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Commissioning of a board over its console: the virtual board, flashed by real mpremote, beside a simulated rack."""

import json

import pytest

from host_tools import cli
from host_tools.site import load_site
from tests.host_tools import commission_rig as rig


@pytest.mark.long
def test_a_board_from_observe_to_signed_control(desk, tmp_path):
    with rig.Rack() as rack:
        site = rig.site_yaml(rack, tmp_path)
        assert cli.main(["flash", desk.board.port, str(site), "--yes"]) == 0
        given = rig.answers(rack, **{"watchdog.stopped_s": 5.5})
        rack.world.mishaps.start("temp_open", rack.world.now_ms)
        code, said, _ = rig.commission(rack, site, given, target=desk.board.port)
        assert code == 1 and "STOPPED at sensors" in said and load_site(str(site))["mode"] == "observe", said
        rack.world.mishaps.stop("temp_open", rack.world.now_ms)
        code, said, out = rig.commission(rack, site, given, "--json", target=desk.board.port)
        assert code == 0 and "reuse-edge flash %s" % desk.board.port in said, said
    assert load_site(str(site))["mode"] == "control"
    trial = load_site(str(tmp_path / "trial-watchdog.yaml"))
    assert trial["mode"] == "control" and trial["packs"][0]["contract"] == {"charge_ma": 4500, "discharge_ma": 4500}
    found = {step["step"]: step["found"] for step in json.loads(out)["steps"]}
    assert found["identify"][1]["value"] == "micropython" and "by hand" in found["watchdog"][0]["what"]
