# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge sim board` as a newcomer starts it: it says where it is, answers mpremote, loses its power, stands still."""

import os
import subprocess
import sys

import pytest

from simulator import board_rack
from simulator.wire_serve import ServeError

SITE = "packs: [{bms: %s, connection: 'can:slcan:uart2:500000', cells: 16}]\npcs: {connection: 'rtu:uart1:19200'}\n"


def test_the_rack_is_wired_as_the_site_says_and_refuses_what_it_cannot(tmp_path):
    site = tmp_path / "site.yaml"
    assert board_rack.uarts_of(str(site)) == []
    site.write_text(SITE % "daly_can", encoding="utf-8")
    assert board_rack.uarts_of(str(site)) == [2, 1]
    rack = board_rack.Rack({1: "", 2: ""}, str(site))
    assert rack.told() == {1: "the PCS", 2: "the BMS on CAN, behind an slcan adapter,"}
    with pytest.raises(ServeError, match=r"no UART 2\n.*--uart 2"):
        board_rack.Rack({1: ""}, str(site))
    for text, word in (
        (SITE % "sunspec_pcs", "profile of a pcs"),
        (SITE % "dally", "no such profile"),
        ("a: [", "not YAML"),
    ):
        site.write_text(text, encoding="utf-8")
        with pytest.raises(ServeError, match=word):
            board_rack.Rack({1: "", 2: ""}, str(site))
    site.write_text("site: x\n", encoding="utf-8")
    with pytest.raises(ServeError, match=r"packs and pcs\n.*reuse-edge check"):
        board_rack.uarts_of(str(site))


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="the virtual board needs pseudo-terminals")
def test_sim_board_answers_mpremote_and_ends_with_q(micropython, tmp_path):
    pytest.importorskip("mpremote")
    words = [sys.executable, "-m", "host_tools.cli", "sim", "board", "--image", str(tmp_path / "board.img")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as board:
        try:
            first = board.stdout.readline()
            assert first.startswith("a virtual board is on /dev/")
            port = first.split()[5]
            rest = [board.stdout.readline() for _ in range(6)]
            assert "flash %s site.yaml" % port in rest[2] and "UART 1" in rest[1]

            def ask(script):
                command = [sys.executable, "-m", "mpremote", "connect", port, "exec", script]
                done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=True)
                return done.stdout.strip()

            assert ask("import machine; print(machine.reset_cause()); open('/kept', 'w').close()") == "5"
            board.stdin.write("p\n")
            board.stdin.flush()
            assert board.stdout.readline() == "power cut and back\n"
            assert ask("import os; print('kept' in os.listdir('/'))") == "True"
            board.stdin.write("b 300\n")
            board.stdin.flush()
            assert board.stdout.readline() == "it stands still for 300 ms\n"
            assert ask("print(1)") == "1"
            board.stdin.write("q\n")
            board.stdin.flush()
            assert board.wait(20) == 0
        finally:
            board.kill()
