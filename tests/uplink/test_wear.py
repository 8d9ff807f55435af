# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a day of the journal costs a board's flash: blocks that littlefs erases."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DRIVER = ROOT / "tests" / "uplink" / "wear_driver.py"
MOST_PER_DAY = 6000  # of 350 blocks of 100 000 erasures each: 16 years
HOURS = 12


def test_a_day_erases_no_more_than_the_flash_bears(micropython):
    """1.4 MB of littlefs, almost full: journal of 512 KB in use, the cursor every minute, the state every ten."""
    environ = dict(os.environ, MICROPYPATH="%s:.frozen" % ROOT)
    words = [micropython, "-X", "heapsize=4M", str(DRIVER), str(HOURS), "350", "512"]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    erased, size = map(int, done.stdout.split()[1::2])
    print("%d blocks a day" % (erased * 24 // HOURS))
    assert erased * 24 // HOURS <= MOST_PER_DAY
    assert 400 * 1024 < size <= 512 * 1024
