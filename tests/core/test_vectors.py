# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Limits, guard and faults are the same to the bit on both runtimes. VECTORS=1000000 for a long run (make soak)."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COUNT = os.environ.get("VECTORS", "2000")
SEED = os.environ.get("FUZZ_SEED", "1")


def said(command, **env):
    """The last line of a run of tests/vectors.py."""
    command = [*command, "tests/vectors.py", COUNT, SEED]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def test_both_runtimes_agree_on_every_vector(micropython):
    ours = said([sys.executable], PYTHONPATH=str(ROOT))
    assert said([micropython, "-X", "heapsize=16M"], MICROPYPATH="%s:.frozen" % ROOT) == ours
    print(ours)
    flowing = int(ours.split()[4])
    assert 0.1 * int(COUNT) < flowing < int(COUNT)
