# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A virtual board for each test module, and mpremote to talk to it."""

import os
import subprocess
import sys

import pytest


class Desk:
    """A virtual board on the desk, and the folder its image is in."""

    def __init__(self, board, folder):
        self.board = board
        self.folder = folder

    def mpremote(self, *words, port=None):
        """(exit code, output, what went to stderr) of one mpremote call."""
        command = [sys.executable, "-m", "mpremote", "connect", port or self.board.port, *words]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def exec(self, script, *before):
        """Output of a script on the board, without the last line end."""
        code, out, err = self.mpremote(*before, "exec", script)
        assert code == 0, out + err
        return out.strip()

    def put(self, name, text):
        """Write a file onto the board."""
        source = self.folder / name
        source.write_text(text, encoding="utf-8")
        code, out, err = self.mpremote("fs", "cp", str(source), ":" + name)
        assert code == 0, out + err

    def hard_reset(self, wait_s="0.4"):
        """Reset the board; an mpremote that comes too soon would stop it before it does."""
        assert self.mpremote("reset", "sleep", wait_s)[0] == 0


@pytest.fixture(scope="module")
def desk(micropython, tmp_path_factory):
    """A fresh virtual board with console, TCP console and one UART."""
    if os.name == "nt":
        pytest.skip("the virtual board needs pseudo-terminals")
    pytest.importorskip("mpremote")
    from simulator.vboard import VirtualBoard

    folder = tmp_path_factory.mktemp("desk")
    with VirtualBoard(folder / "flash.img", tcp=True, uarts=(1,)) as board:
        yield Desk(board, folder)
