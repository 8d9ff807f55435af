# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The demo says good when all is well, and bad for each planted fault: it is run as a user runs it.

A planted fault is one line put at the head of one function in a copy of the sources, so that the product
itself has no back door.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("edge", "bms_bridge", "simulator", "host_tools")
SECONDS = "15"

# name: (file, function, statement put at its head, check that must then be bad)
PLANTED = {
    "guard_returns_its_input": ("edge/core/guard.py", "guard", "return wanted, 0", "step without a guard decision"),
    "disobedience_unnoticed": ("edge/core/controller.py", "_flow", "return", "PCS ignores its limit"),
    "receiver_off": ("host_tools/receiver.py", "_on_message", "return", "records complete"),
    "limits_ignored": ("simulator/pcs.py", "limits_w", "return self.power_w, self.power_w", "BMS silent"),
    "soc_fixed": ("edge/core/soc.py", "soc", "return Est(900000, 10000, None, W_COUNTED)", "SoC right"),
}


def run_demo(root, *words):
    """Start the demo of the sources in root."""
    environ = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "host_tools.cli", "demo", "--seconds", SECONDS, *words]
    return subprocess.Popen(
        command, cwd=root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )


def plant(folder, file, function, statement):
    """Copy the sources to folder and put statement at the head of function in file."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / file
    text = path.read_text(encoding="utf-8")
    head = re.compile(r"^( *)(async )?def %s\(.*?\).*?:\n" % function, re.M | re.S)
    assert len(head.findall(text)) == 1, "%s: %s is not there once" % (file, function)
    path.write_text(head.sub(lambda m: m.group(0) + m.group(1) + "    " + statement + "\n", text), encoding="utf-8")


def output_of(process):
    """(exit code, output) of a demo."""
    text, _ = process.communicate(timeout=180)
    return process.returncode, text


def test_healthy_demo_exits_0():
    code, text = output_of(run_demo(ROOT))
    assert code == 0, text
    assert "BMS silent -> zero amps" in text and "broker killed -> control unchanged" in text
    assert "missing 0" in text


@pytest.mark.long
@pytest.mark.parametrize("name", PLANTED)
def test_planted_fault_exits_1(name, tmp_path):
    file, function, statement, bad = PLANTED[name]
    plant(tmp_path, file, function, statement)
    code, text = output_of(run_demo(tmp_path, "--cpython", "--days", "1"))
    assert code == 1, text
    assert any(line.startswith(("BAD", "the controller ended")) and bad in line for line in text.split("\n")), text


def test_too_short_is_wrong_use():
    process = subprocess.run(
        [sys.executable, "-m", "host_tools.cli", "demo", "--seconds", "5"],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert process.returncode == 2 and "15" in process.stderr
