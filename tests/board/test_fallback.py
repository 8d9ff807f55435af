# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A version that does not start, or starts and hangs, gives way to the one before; cables and power are cut while flash
works. Real mpremote, the virtual board, and a small program in the place of the controller.

BOARD_CUTS=200 makes so many cuts (CI: 20).
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
import zlib

import pytest

from host_tools import bundle as bundles
from host_tools import flash, flash_plan, remote
from host_tools.console import Console
from host_tools.remote import Board, FlashError

CUTS = int(os.environ.get("BOARD_CUTS", "20"))
BODY = """
import json, time
def main(folder):
    import edge.word as word
    while True:
        print("~" + json.dumps({"software": word.NAME}))
        time.sleep(0.1)
"""
CRASH = "raise ValueError('a version that cannot be imported')\n"
HANG = "import machine\ndef main(folder):\n    machine.WDT(timeout=300)\n    while True:\n        pass\n"
RAISE = "def main(folder):\n    raise ValueError('a version that ends')\n"
pytestmark = pytest.mark.long


def made(folder, name, body=BODY):
    """A small version called name, as flash takes it."""
    files = {"edge/__init__.py": b"", "edge/shell/__init__.py": b"", "edge/shell/board.py": body.encode()}
    files.update({"edge/more%d.py" % number: b"# %d\n" % number * 200 for number in range(4)})
    files["edge/word.py"] = ("NAME = '%s'\n" % name).encode()
    files["settings.json"] = json.dumps({"device": "x"}).encode()
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    lines = ["version %s" % name, "rollback 1", "board any"]
    lines += ["file %d %s %s" % (len(files[path]), digests[path], path) for path in sorted(files)]
    raw = ("\n".join(lines) + "\n").encode()
    raw += b"end %08x\n" % zlib.crc32(raw)
    files.update(bundles.starters(bundles.loader_code()))
    digests.update({path: hashlib.sha256(files[path]).hexdigest() for path in bundles.STARTERS})
    bundles.write_tree(folder, {**files, "manifest": raw})
    sizes = {path: len(data) for path, data in files.items()}
    head = {"version": name, "rollback": "1", "board": "any"}
    return flash_plan.Made(bundles.Bundle(folder, digests, sizes, (6, 3)), head, hashlib.sha256(raw).hexdigest(), raw)


def put(board, what):
    """Flash, without waiting for the result."""
    flash.write(board, what, flash_plan.make_plan(what, board.identify()))
    board.reset()


def confirm(board):
    """What a healthy controller does by itself."""
    from host_tools.remote import slots_text

    board.run(slots_text() + "\nSlots().confirm()\n")
    board.reset()


def runs(port, names, seconds=15.0):
    """Name of the version that speaks, one of names, within the time; None: none does."""
    with Console(port, 5.0) as console:
        status = console.wait_status(seconds, lambda status: status.get("software") in names)
    return status and status.get("software")


@pytest.mark.parametrize("body", [CRASH, RAISE, HANG], ids=["import", "raises", "hangs"])
def test_a_version_that_does_not_control_falls_back(desk, tmp_path, body):
    board = Board(desk.board.port)
    put(board, made(tmp_path / "good", "good"))
    assert runs(board.port, ("good",)) == "good"
    confirm(board)
    put(board, made(tmp_path / "bad", "bad", body))
    assert runs(board.port, ("good",)) == "good"
    slots = board.identify()["slots"]
    assert slots["active"] == slots["good"] and slots["bad"] and slots["why"], slots
    board.reset()


def test_a_board_that_nobody_comes_back_to_starts_what_it_has(desk, tmp_path, monkeypatch):
    board = Board(desk.board.port)
    put(board, made(tmp_path / "good", "good"))
    assert runs(board.port, ("good",)) == "good"
    monkeypatch.setattr(remote, "DEAD_MAN_MS", 1500)
    board.run("print(1)", resume=False)
    with Console(board.port) as console:
        assert console.wait_status(1.0) is None
    assert runs(board.port, ("good",)) == "good"


def cut_flash(board, desk, folder, delay_s, power):
    """Start a flash of the version in folder and cut it after delay_s; True when it came to its end before."""
    code = "import sys; from tests.board.test_fallback import put_from; put_from(sys.argv[1], sys.argv[2])"
    process = subprocess.Popen([sys.executable, "-c", code, board.port, str(folder)], start_new_session=True)
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        pass
    done = process.returncode == 0
    if power:
        desk.board.power_cut()
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass
    process.wait()
    return done


def put_from(port, folder):
    """In a process of its own: flash the version of folder. BOARD_PLANT=1 makes a mistake: it fills the slot that runs."""
    from pathlib import Path

    if os.environ.get("BOARD_PLANT"):
        flash_plan.target_of = lambda about: about["slots"]["active"]
    put(Board(port), made(Path(folder), Path(folder).name))


def cut_often(desk, folder, cuts, seed):
    """Cut so many flashes, after a whole one of each slot. Raises AssertionError when the board does not run the old
    version or the new one."""
    rng, board = random.Random(seed), Board(desk.board.port)
    for name in ("v0", "first"):
        begin = time.monotonic()
        put(board, made(folder / name, name))
        whole_s = time.monotonic() - begin + 1.0  # and the start of a process
        assert runs(board.port, (name,)) == name
        confirm(board)
    counts, running, begin = {"power": 0, "cable": 0, "new": 0, "old": 0}, "first", time.monotonic()
    for number in range(cuts):
        power, name = bool(number % 2), "v%d" % (number + 1)
        cut_flash(board, desk, folder / name, 0.5 + whole_s * rng.random(), power)
        if not power:
            replugged(board)
        found = runs(board.port, (running, name), 5.0)
        assert found in (running, name), (seed, number, found)
        counts["power" if power else "cable"] += 1
        counts["new" if found == name else "old"] += 1
        if found == name:
            confirm(board)
            running = name
    print("%d cuts, seed %d: %s in %.0f s" % (cuts, seed, counts, time.monotonic() - begin))


def test_cuts_of_cable_and_power_leave_a_board_that_starts(desk, tmp_path):
    cut_often(desk, tmp_path, CUTS, int(os.environ.get("BOARD_SEED", "1")))


def test_a_flash_that_overwrites_what_runs_is_found(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("BOARD_PLANT", "1")
    with pytest.raises(AssertionError):
        cut_often(desk, tmp_path, 12, 1)


def replugged(board):
    """Somebody comes back with the cable: a reset; what came half is no harm to a second try."""
    for _ in range(3):
        try:
            return board.reset()
        except FlashError:
            time.sleep(0.5)
    raise AssertionError("the board does not answer")
