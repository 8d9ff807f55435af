# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a machine lacks is summed up in one last line; in CI the same skip fails the run."""

import os
import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
SOURCE = """
import pytest
def test_there(): pass
@pytest.mark.parametrize("n", range(2))
def test_lacks(n): pytest.skip("no broker (apt install broker)")
"""


@pytest.mark.parametrize(("strict", "code", "jobs"), [("", 0, "0"), ("", 0, "2"), ("1", 1, "2")])
def test_skips_are_summed_up_and_fail_in_ci(strict, code, jobs, tmp_path):
    path = tmp_path / "test_sample.py"
    path.write_text(SOURCE, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(TESTS), "REUSE_EDGE_CI": strict}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-n", jobs, "-c", os.devnull, str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=env, cwd=tmp_path, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.splitlines()[-1].startswith("skipped 2: no broker (apt install broker)")
