# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The files of tests/both once more under the real MicroPython VM (pytest itself runs them under CPython)."""

import ast
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SLOW = ("test_core_soc", "test_core_cells", "test_backlog", "test_bridge_text", "test_journal")  # seconds in the VM
FILES = [
    pytest.param(path, id=path.stem, marks=pytest.mark.long if path.stem in SLOW else ())
    for path in sorted((ROOT / "tests" / "both").glob("test_*.py"))
]
RUNNER = ROOT / "tests" / "mprun.py"
HEAP = "4M"


def count_tests(path):
    """How many test functions a file defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return sum(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in tree.body)


def run_vm(vm, *paths):
    """The finished run of mprun.py over paths."""
    env = {**os.environ, "MICROPYPATH": "%s:.frozen" % ROOT}
    command = [vm, "-X", "heapsize=" + HEAP, str(RUNNER), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=env, timeout=300, check=False)


@pytest.mark.parametrize("path", FILES)
def test_file_passes_under_micropython(path, micropython):
    done = run_vm(micropython, path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "%d passed, 0 failed" % count_tests(path)


def test_runner_reports_a_failure(tmp_path, micropython):
    path = tmp_path / "test_bad.py"
    path.write_text("def test_a():\n    assert 1 == 2\ndef test_b():\n    pass\n", encoding="utf-8")
    done = run_vm(micropython, path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed"
    assert "AssertionError" in done.stdout
