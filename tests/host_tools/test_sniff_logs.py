# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""reuse-edge sniff takes the log that a stranger has: every format and every damage names the right profile."""

import gzip
import json
import pathlib
import random

import can
import pytest

from bms_bridge.compile import load_profile
from host_tools import cli, sniff
from host_tools.candump import Frame, id_text, line_of, open_log, parse_line
from tests.host_tools.test_sniff import TABLES, traffic

NAMES = [name for name in TABLES if name != "acme_can"]
FAST = "nissan_leaf"
# Written by python-can itself; its TRC knows no CAN FD.
FORMATS = (".log", ".asc", ".blf", ".csv", ".db", ".trc")


@pytest.fixture(scope="module")
def recorded():
    """{profile: frames}; each is made once."""
    return {name: traffic(TABLES[name], 1.0)[0] for name in NAMES}


def message(frame):
    """The frame as python-can has it."""
    return can.Message(
        timestamp=frame.ts_us / 1e6, arbitration_id=frame.can_id, is_extended_id=frame.extended, data=frame.data,
        is_fd=frame.fd, channel=0,
    )  # fmt: skip


def first(path, capsys):
    """The profile that --identify ranks first for the log at path."""
    assert sniff.main([str(path), "--identify", "--json", "-q"]) == 0
    return json.loads(capsys.readouterr().out)[0]["profile"]


def compact(frames):
    return "\n".join(map(line_of, frames)) + "\n"


def screen(frames):
    """As candump shows it: no times."""
    return "".join(
        "  can0  %8s   [%d]  %s\n" % (id_text(row.can_id, row.extended), len(row.data), row.data.hex(" ").upper())
        for row in frames
    )


def emulator(frames):
    """As Battery-Emulator logs it: identifiers without zeros in front."""
    return "".join(
        "(%d.%03d) RX0 %X [%d] %s \n"
        % (row.ts_us // 10**6, row.ts_us // 1000 % 1000, row.can_id, len(row.data), row.data.hex(" ").upper())
        for row in frames
    )


def savvycan(frames):
    lines = ["Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8"]
    for row in frames:
        data = ",".join("%02X" % byte for byte in row.data)
        extended = str(row.extended).lower()
        lines.append("%d,%08X,%s,Rx,0,%d,%s," % (row.ts_us, row.can_id, extended, len(row.data), data))
    return "\n".join(lines) + "\n"


def printed(frames):
    """As can.Printer and `python -m can.logger` print it."""
    return "".join(str(message(row)) + "\n" for row in frames)


def stripped(frames):
    """29-bit identifiers without the zeros in front."""
    lines = compact(frames).splitlines()
    return "\n".join(
        line.replace(" " + id_text(row.can_id, True) + "#", " %04X#" % row.can_id) if row.extended else line
        for line, row in zip(lines, frames)
    )


def foreign(frames):
    """With other devices on the same bus."""
    rng = random.Random(7)
    keys = [(rng.randrange(0x700), False) for _ in range(30)] + [(rng.randrange(0x18F00000, 0x19000000), True)] * 3
    used = {row.can_id for row in frames}
    mixed = list(frames)
    for row in frames:
        for can_id, extended in rng.sample(keys, 2):
            if can_id not in used:
                mixed.append(Frame(row.ts_us + 300, "can0", can_id, extended, rng.randbytes(8), False, 0))
    return compact(sorted(mixed, key=lambda row: row.ts_us))


TEXTS = {
    "crlf": lambda frames: compact(frames).replace("\n", "\r\n").encode(),
    "cut": lambda frames: compact(frames)[:-8].encode(),
    "bom": lambda frames: compact(frames).encode("utf-8-sig"),
    "utf16": lambda frames: compact(frames).encode("utf-16"),
    "cp949": lambda frames: ("# 배터리 기록, 현장 7\n" + compact(frames)).encode("cp949"),
    "gzip": lambda frames: gzip.compress(compact(frames).encode()),
    "half_gzip": lambda frames: gzip.compress(compact(frames).encode(), 1)[:-6],
    "screen": lambda frames: screen(frames).encode(),
    "printed": lambda frames: printed(frames).encode(),
    "savvycan": lambda frames: savvycan(frames).encode(),
    "emulator": lambda frames: emulator(frames).encode(),
    "stripped": lambda frames: stripped(frames).encode(),
    "foreign": lambda frames: foreign(frames).encode(),
}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_what_python_can_writes(name, ending, recorded, tmp_path, capsys):
    if ending == ".trc" and any(frame.fd for frame in recorded[name]):
        return
    path = tmp_path / ("기록" + ending)
    with can.Logger(str(path)) if ending != ".trc" else can.TRCWriter(str(path)) as writer:
        for frame in recorded[name]:
            writer.on_message_received(message(frame))
    assert first(path, capsys) == name


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("name", NAMES)
def test_every_form_of_a_log(name, form, recorded, tmp_path, capsys):
    if form in ("screen", "emulator") and any(frame.fd for frame in recorded[name]):
        return
    path = tmp_path / ("log.csv" if form == "savvycan" else "log.txt")
    path.write_bytes(TEXTS[form](recorded[name]))
    assert first(path, capsys) == name


def test_a_cut_line_is_told_and_passed_over(recorded, tmp_path, capsys):
    path = tmp_path / "cut.log"
    path.write_bytes(TEXTS["cut"](recorded[FAST]))
    assert sniff.main([str(path), "--identify"]) == 0
    assert "cut.log:%d:" % len(recorded[FAST]) in capsys.readouterr().err


def test_what_is_no_log_is_said_so(tmp_path, capsys):
    for name, data, text in (
        ("a.log", bytes(range(256)), "no text"),
        ("b.log", b"", "no frame"),
        ("c.csv", "시간,전압\n1,2\n".encode("cp949"), "no frame"),
        ("d.asc", "날짜 없음\n".encode("cp949"), "d.asc"),
        ("e.blf", b"LOGG" + bytes(20), "e.blf"),
        ("f.db", b"SQLite format 3\0" + bytes(200), "f.db"),
        ("g.trc", bytes(range(256)), "g.trc"),
        ("h.log.gz", b"\x1f\x8b" + bytes(40), "broken"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        assert cli.main(["sniff", str(path)]) == 2, name
        said = capsys.readouterr().err
        assert text in said and "→" in said, (name, said)


def test_lines_of_others():
    frame = parse_line("12345678,00000123,false,Rx,2,3,01,02,FF,0,0,0,0,0,")
    assert frame is None or frame.data == b"\x01\x02\xff"
    frame = parse_line("12345678,18F128F4,true,0,2,AA,BB,,,,,,,")
    assert frame[:5] == (12345678, "can0", 0x18F128F4, True, b"\xaa\xbb")
    assert parse_line("(1.5) RX0 4210 [2] 01 02 ")[2:5] == (0x4210, True, b"\x01\x02")
    assert parse_line("\ufeff(1.0) can0 123#01").can_id == 0x123


def test_a_log_is_opened_once_and_closed(tmp_path):
    path = tmp_path / "x.log.gz"
    path.write_bytes(gzip.compress(b"(1.0) can0 123#01\n"))
    assert open_log(str(path)).read() == "(1.0) can0 123#01\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_skeleton_with_one_field_filled_in_compiles(name, recorded, tmp_path, monkeypatch):
    """The hints of the file are followed: one line under fields, one value under expect."""
    monkeypatch.chdir(tmp_path)
    frames = [Frame(1000 * k, "can0", 0x321, False, bytes((k & 255, 7, 1, 2, 3, 4, 5, 6)), False, 0) for k in range(40)]
    pathlib.Path("rec.log").write_text(compact(recorded[name] + frames), encoding="utf-8")
    assert sniff.main(["rec.log", "--new", "mine", "-q"]) == 0
    text = pathlib.Path("mine.yaml").read_text(encoding="utf-8")
    field = "{block: f_321, at: 0, type: uint16, order: big, unit: 0.1 V, range: [0, 6000000]}"
    text = text.replace("fields: {}", "fields:\n  pack_mv: %s" % field)
    parts = text.split("    block: f_321\n")
    for k, part in enumerate(parts[1:], 1):
        data = bytes.fromhex(part.split('"')[1])
        value = 100 * (data[0] << 8 | data[1])
        parts[k] = part.replace("expect: {}", "expect: {pack_mv: %d}" % value, 1)
    pathlib.Path("mine.yaml").write_text("    block: f_321\n".join(parts), encoding="utf-8")
    assert load_profile("mine.yaml").PERIODS_MS[0] is not None
