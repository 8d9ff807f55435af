# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Power cuts at the operations of the flash chip, in the real VM with littlefs (tests/board/slots_cuts.py)."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def cuts(vm, stride):
    """Number of cuts that were survived."""
    env = {**os.environ, "MICROPYPATH": "%s:.frozen" % ROOT}
    command = [vm, "-X", "heapsize=8M", str(ROOT / "tests" / "board" / "slots_cuts.py"), str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=env, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    return int(re.match(r"(\d+) cuts, all survived", done.stdout)[1])


def test_some_operations(micropython):
    assert cuts(micropython, 17) >= 20


@pytest.mark.long
def test_every_operation(micropython):
    assert cuts(micropython, 1) >= 200
