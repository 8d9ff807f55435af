# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A port that cannot be used: what is wrong with it, and what to do; which ports there are."""

import os
import socket
import sys

import pytest

from host_tools import cli, console, flash, ports
from host_tools.remote import GONE, Board

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ports are files here")


def test_each_reason_has_its_words_and_a_step(tmp_path, monkeypatch):
    file = tmp_path / "site.yaml"
    file.write_text("", encoding="utf-8")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = "socket://127.0.0.1:%d" % closed.getsockname()[1]
        for port, word, mend in (
            (str(tmp_path / "ttyNone"), "no such port", "plug the board in"),
            (str(file), "no serial port", "PORT site.yaml"),
            ("socket://127.0.0.1", "is not socket://HOST:PORT", "for example"),
            ("rfc2217://127.0.0.1:1", "is not socket://HOST:PORT", "for example"),
            (nobody, "nobody listens", "127.0.0.1"),
        ):
            what, todo = ports.trouble(port)
            assert word in what and mend in todo, (port, what, todo)
            assert not ports.is_port(port) or "://" in port
    monkeypatch.setattr(os, "access", lambda *_: False)
    what, todo = ports.trouble("/dev/null", False)
    assert "may not open" in what and ("usermod" in todo or "right" in todo)


def test_a_port_that_another_program_has(tmp_path):
    serial = pytest.importorskip("serial")
    pty = pytest.importorskip("pty")
    master, other = pty.openpty()
    port = os.ttyname(other)
    assert ports.trouble(port) is None and ports.is_port(port)
    with serial.Serial(port, exclusive=True):
        what, todo = ports.trouble(port)
        assert "another program has it" in what and "end the other" in todo
        with pytest.raises(console.ConsoleError, match="another program has it"):
            console.Console(port)
    with console.Console(port), pytest.raises(serial.SerialException):
        serial.Serial(port, exclusive=True)  # who reads what a board says does not share it
    os.close(master)
    os.close(other)


def test_a_board_that_was_there_has_gone_away(tmp_path):
    board = Board(str(tmp_path / "ttyNone"))
    assert "there is no such port" in str(board.failed("mpremote exec: failed to access it"))
    board.met = True
    error = board.failed("mpremote fs: read failed")
    assert error.exit_code == 3 and "has gone away" in str(error) and GONE in str(error)
    stays = Board("/dev/null").failed("mpremote exec: could not enter raw repl")
    assert "raw repl" in str(stays) and "reset button" in str(stays)


def test_words_that_changed_places(tmp_path, capsys):
    assert cli.main(["flash", "site.yaml", "/dev/null"]) == 2
    assert "a port, not a site.yaml\n  → reuse-edge flash PORT site.yaml" in capsys.readouterr().err


def test_the_result_says_what_comes_next():
    result = {
        "board": "b", "port": "/dev/ttyX", "micropython": "1.28.0", "slot": "a", "sent": [], "kept": [], "outside": [],
        "removed": [], "equal": 1, "verified": 1, "settings_sha256": "0" * 64, "healthy": True, "runs": True,
        "version": "1", "seconds": 2, "packs": [],
    }  # fmt: skip
    text = flash.page(result, "my.yaml")
    for words in ("board status /dev/ttyX", "board logs /dev/ttyX", "commission /dev/ttyX my.yaml"):
        assert "reuse-edge " + words in text
    assert "commission" not in flash.page({**result, "healthy": False, "state": "x", "faults": []})
