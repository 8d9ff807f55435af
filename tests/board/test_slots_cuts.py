# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Power cuts at the operations of the flash chip, in the real VM with littlefs and ROMFS (slots_cuts.py, rom_cuts.py)."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(vm, *words, program="slots_cuts.py"):
    """The process of a program beside this one, ended."""
    env = {**os.environ, "MICROPYPATH": "%s:.frozen" % ROOT}
    command = [vm, "-X", "heapsize=8M", str(ROOT / "tests" / "board" / program), *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=env, timeout=300, check=False)


def cuts(vm, stride):
    """Number of cuts that were survived."""
    done = run(vm, str(stride))
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    return int(re.match(r"(\d+) cuts, all survived", done.stdout)[1])


def test_some_operations(micropython):
    assert cuts(micropython, 17) >= 20


@pytest.mark.long
def test_every_operation(micropython):
    assert cuts(micropython, 1) >= 200


@pytest.mark.long
@pytest.mark.parametrize("plant", ["early", "same"])
def test_a_planted_mistake_is_found(micropython, plant):
    done = run(micropython, "17", plant)
    assert done.returncode != 0 and "AssertionError" in done.stdout + done.stderr, done.stdout + done.stderr


def test_the_copy_in_romfs_is_whole_after_every_cut(micropython, tmp_path):
    done = run(micropython, str(tmp_path), program="rom_cuts.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ cuts, \d+ rotten bytes, all survived$", done.stdout, re.M), done.stdout


def test_a_copy_that_nobody_looks_at_is_found(micropython, tmp_path):
    done = run(micropython, str(tmp_path), "blind", program="rom_cuts.py")
    assert done.returncode != 0 and "AssertionError" in done.stdout + done.stderr, done.stdout + done.stderr
