# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The live view against golden screens: a change of what an operator sees is a visible diff.

After a wanted change: UPDATE_GOLDEN=1 pytest tests/host_tools/test_view.py
"""

import importlib.util
import io
import json
import os
import pathlib
import socket
import sys
import threading

import pytest

from edge.core import advice, anomalies, faults, limits
from host_tools import display, texts, top
from host_tools.view import render, text_of

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE / "golden"
SIZES = ((100, 30), (80, 24))


def load_states():
    """tests/host_tools/view_states.py as a module."""
    spec = importlib.util.spec_from_file_location("view_states", HERE / "view_states.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VIEWS = load_states()
CASES = [(name, size) for name in VIEWS.STATES for size in SIZES]
IDS = ["%s-%dx%d" % (name, *size) for name, size in CASES]


def draw(name, size):
    """The lines of one state at one size."""
    state, lang, ascii_only, notice = VIEWS.STATES[name]
    return render(state(), size[0], size[1], ascii_only, lang, notice=notice)


@pytest.mark.parametrize(("name", "size"), CASES, ids=IDS)
def test_screen_is_the_golden_one(name, size):
    path = GOLDEN / ("%s-%dx%d.txt" % (name, *size))
    shown = text_of(draw(name, size)) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "size"), CASES, ids=IDS)
def test_screen_fits(name, size):
    lines = draw(name, size)
    assert len(lines) <= size[1]
    assert max(display.line_width(line) for line in lines) <= size[0]


@pytest.mark.parametrize("width", [20, 40, 61, 79, 132, 200])
@pytest.mark.parametrize("height", [1, 5, 18, 60])
def test_any_size_fits_and_begins_with_the_verdict(width, height):
    for name in VIEWS.STATES:
        lines = draw(name, (width, height))
        assert all(display.line_width(line) <= width for line in lines)
        assert 1 <= len(lines) <= height
        assert height < 2 or width < 40 or text_of(lines).splitlines()[1][0] in "●◐○✕x"


def test_ascii_screen_is_ascii():
    for size in SIZES:
        assert text_of(draw("ascii", size)).isascii()


@pytest.mark.parametrize("name", ["at_boot", "nothing_known"])
def test_unknown_is_never_zero(name):
    text = text_of(draw(name, (100, 30)))
    for line in text.splitlines():
        if line.startswith(("SoC", "SoH", "now", "cells", "pcs", "meter")):
            assert "0" not in line, line


def test_no_status_and_empty_status():
    assert "nothing received yet" in text_of(render(None, 80, 24))
    assert "nothing received yet" in text_of(render({}, 80, 24))


def test_what_is_wrong_and_what_is_done_is_in_the_second_line():
    silent = text_of(draw("bms_silent", (80, 24))).splitlines()[1]
    assert "the BMS does not answer" in silent and "charge 0 A, discharge 0 A" in silent
    assert "the PCS does not obey" in text_of(draw("disobedience", (80, 24))).splitlines()[1]
    stale = VIEWS.bms_silent()
    stale["faults"] = [["input_invalid", 900]]
    assert "✕ BMS stale: a required value is not valid" in text_of(render(stale, 100, 30)).splitlines()[1]
    assert "231 records wait" in text_of(draw("two_packs", (80, 24))).splitlines()[1]


def test_gravest_fault_first():
    status = VIEWS.healthy()
    status["faults"] = [["door", 10], ["temp_far_over", 20], ["temp_over", 30]]
    text = text_of(render(status, 100, 30))
    assert text.index("temp_far_over") < text.index("temp_over") < text.index("door")


def test_limit_is_never_rounded_up():
    assert [display.limit_amps(ma) for ma in (None, 0, 99, 73999, 74000, 140050)] == [
        "–",
        "0",
        "0",
        "73.9",
        "74",
        "140",
    ]


def test_width_counts_display_cells():
    table = (("abc", 3), ("팩", 2), ("e\u0301", 1), ("●", 1), ("", 0), ("지령 불이행", 11))
    assert [display.width_of(text) for text, _ in table] == [cells for _, cells in table]
    assert display.clip("충전a", 3) == "충"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("lang", "parts"),
    [
        (
            "en",
            ("the BMS says another SoC +7.2 % ±0.8", "#12 loses charge against", "+2.1 mA ±0.5", "knee", "140 / 112.3"),
        ),
        (
            "ko",
            (
                "BMS SoC 불일치 +7.2 % ±0.8",
                "#12 다른 셀보다 자가 방전 큼 +2.1 mA ±0.5",
                "상단 전압까지",
                "충전 140 / 112.3",
            ),
        ),
    ],
)
def test_what_is_abnormal_is_shown_with_evidence_and_what_would_tell_more(lang, parts, size):
    text = text_of(render(VIEWS.healthy(), size[0], size[1], False, lang))
    for part in parts:
        assert part in text, part


def test_a_short_is_the_verdict_and_stands_first():
    status = VIEWS.healthy()
    status["packs"][0]["anomalies"].append(["internal_short", 4, 55000, 4000, "loses charge fast"])
    lines = text_of(render(status, 100, 30)).splitlines()
    assert lines[1] == "✕ #5 loses charge fast +55.0 mA ±4.0"
    assert [line for line in lines if line.startswith("signs")] == ["signs ✕ #5 loses charge fast +55.0 mA ±4.0"]
    status["packs"][0].update(anomalies=[["temp_sensor", 1, -7000, 500, "odd"]], advice=None)
    text = text_of(render(status, 100, 30))
    assert "◐ sensor 2 odd -7.0 K ±0.5" in text and "hint" not in text


def test_catalogue_is_complete():
    assert {row[0] for row in faults.FAULTS} - {"none"} == set(texts.FAULTS)
    assert set(limits.SOURCES) - {"none"} == set(texts.SOURCES)
    for table in (texts.WORDS, texts.FAULTS, texts.SOURCES):
        assert all(len(row) == len(texts.LANGUAGES) and all(row) for row in table.values())
    assert set(anomalies.TEXTS) | set(advice.ADVICE[1:]) == set(texts.KOREAN) and all(texts.KOREAN.values())
    for english, korean in texts.WORDS.values():
        assert english.count("%s") == korean.count("%s") and english.count("%d") == korean.count("%d")


@pytest.mark.parametrize(
    ("env", "language"), [({"LANG": "ko_KR.UTF-8"}, "ko"), ({"LANG": "C"}, "en"), ({}, "en"), ({"LC_ALL": "ko"}, "ko")]
)
def test_language_from_the_environment(monkeypatch, env, language):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert texts.language() == language
    assert texts.language("en") == "en"


# ---- top ----------------------------------------------------------------------------------------


class Served:
    """A status port that answers every connection with `answer`, as a controller does."""

    def __init__(self, answer):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run, args=(answer,))
        self.thread.start()

    def run(self, answer):
        """Answer until the socket is shut."""
        while True:
            try:
                line = self.socket.accept()[0]
            except OSError:
                return
            with line:
                line.sendall(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


def test_top_prints_json_once(capsys):
    with Served(json.dumps(VIEWS.healthy()).encode() + b"\n") as served:
        assert top.main(["127.0.0.1:%d" % served.port, "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["device"] == "gumi-014"


def test_top_finds_the_port_in_a_folder(tmp_path, capsys):
    with Served(json.dumps(VIEWS.bms_silent()).encode() + b"\n") as served:
        (tmp_path / "status.port").write_text("%d\n" % served.port, encoding="utf-8")
        assert top.main([str(tmp_path), "--once", "--lang", "en"]) == 0
    assert "the BMS does not answer" in capsys.readouterr().out


def test_top_without_a_controller_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(top, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    cases = ((str(tmp_path), 3), ("127.0.0.1:%d" % port, 3), ("no-port-here", 2), ("1:99999", 2))
    for target, code in cases:
        assert top.main([target, "--once"]) == code
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith(target) and "→" in told.err


@pytest.mark.parametrize("answer", [b"", b"{", b"[1]\n", b"\xff\xfe\n"])
def test_top_refuses_what_is_no_status(monkeypatch, capsys, answer):
    monkeypatch.setattr(top, "ANSWER_S", 0.2)
    with Served(answer) as served:
        assert top.main([str(served.port), "--once"]) == 3


def test_screen_prints_nothing_without_a_terminal(monkeypatch):
    from host_tools.screen import Screen

    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with Screen("en") as screen:
        screen.update(VIEWS.healthy(), ["footer"])
        assert screen.keys() == ""
    assert out.getvalue() == ""


def test_a_link_refused_for_a_certificate_is_said_first():
    """R18: an operator sees at once that it is a certificate and not the line."""
    state = VIEWS.STATES["two_packs"][0]()
    shown = []
    for why in (None, "broker's certificate is not accepted: certificate has expired"):
        state["link"].update(refused=why, log="link lost: %s" % why)
        shown.append(text_of(render(state, 100, 30)))
    assert "REFUSED for a certificate" in shown[1].splitlines()[1] and "has expired" in shown[1]
    assert "REFUSED" not in shown[0]
