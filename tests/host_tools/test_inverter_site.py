# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""site.yaml with an inverter on a CAN bus: what check says of it."""

import pytest

from host_tools import check, site
from host_tools.places import SiteError
from tests.host_tools.test_site import CONTROL, TEXT, changed, write

OPENING = "    opening_path: fuse F1 and dead-man contactor K1\n    cells: 16"


def with_inverter(text, profile="pylontech_pcs", speed=500000):
    text = changed("profile: sunspec_pcs", "profile: " + profile, text)
    return changed("connection: tcp:192.0.2.11:502", "connection: can:socketcan:can0:%d" % speed, text)


@pytest.mark.parametrize("profile", ["pylontech_pcs", "sma_pcs"])
def test_control_needs_an_opening_path(tmp_path, profile):
    for read in (check.examine, site.load_site):
        with pytest.raises(SiteError, match="the time-out of %s cannot be verified" % profile):
            read(write(tmp_path, with_inverter(CONTROL, profile)))
    text = changed("    cells: 16", OPENING, with_inverter(CONTROL, profile))
    settings = site.load_site(write(tmp_path, text))
    assert settings["links"][settings["pcs"]["link"]]["kind"] == "can"
    assert settings["pcs"]["facts"] == {"periods_ms": [1000, None]}


def test_observe_is_allowed_and_says_what_is_missing(tmp_path):
    assert site.load_site(write(tmp_path, with_inverter(TEXT)))["pcs"]["profile"] == "pylontech_pcs"
    said = str(check.examine(write(tmp_path, with_inverter(TEXT, speed=250000)))["warnings"])
    assert "closed loop sees only the BMS" in said and "500000 bit/s" in said


def test_another_line_is_refused(tmp_path):
    text = changed("profile: sunspec_pcs", "profile: pylontech_pcs", TEXT)
    with pytest.raises(SiteError, match="cannot be read over tcp"):
        site.load_site(write(tmp_path, text))
