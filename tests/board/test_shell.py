# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge board shell` on a terminal: the program rests, without the watchdog that would end the session, and starts
again afterwards."""

import os
import select
import sys
import time

import pytest

from host_tools.console import Console
from host_tools.remote import Board
from tests.board.test_fallback import BODY, confirm, made, put, runs

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="the virtual board needs pseudo-terminals"),
]
GUARDED = "import machine\n" + BODY.replace(
    "    while True:\n", "    dog = machine.WDT(timeout=1500)\n    while True:\n"
).replace("        time.sleep(0.1)", "        dog.feed()\n        time.sleep(0.1)")


def heard(line, word, seconds=20.0):
    """What a terminal says until word comes; AssertionError when it does not."""
    said, end = b"", time.monotonic() + seconds
    while word not in said:
        assert time.monotonic() < end, said
        if select.select([line], [], [], 0.2)[0]:
            said += os.read(line, 4096)
    return said


def test_a_session_outlives_the_watchdog_and_ends_with_a_controller_that_runs(desk, tmp_path):
    import pty

    board = Board(desk.board.port)
    put(board, made(tmp_path / "good", "good", GUARDED))
    assert runs(board.port, ("good",)) == "good"
    confirm(board)
    process, line = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-m", "host_tools.cli", "board", "shell", board.port])
    heard(line, b"exit this shell")
    os.write(line, b"\r")
    heard(line, b">>> ")
    os.write(line, b"import time; time.sleep(2); print(6 * 7)\r")
    assert b"42" in heard(line, b"\n42")
    os.write(line, b"\x18")
    heard(line, b"board status " + board.port.encode())
    assert os.waitpid(process, 0)[1] == 0
    os.close(line)
    with Console(board.port, 5.0) as console:
        assert console.wait_status(10.0)["software"] == "good"
