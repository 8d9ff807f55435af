# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A board without MicroPython: what is told of it, what is written onto it, and which files are refused."""

import os
import struct
import sys

import pytest

from host_tools import boards, cli, firmware, remote
from host_tools.remote import FlashError
from tests.board.places import ROOT

SITE = str(ROOT / "examples" / "site.yaml")
RP2350, RP2040 = 0xE48BFF59, 0xE48BFF56
TEXT = b"MicroPython v1.28.0 on 2026-03-01; Raspberry Pi Pico 2 W with RP2350"


def uf2(text, family=RP2350):
    """A UF2 file with that text, which lies over the end of a block."""
    program = bytes(230) + text + bytes(100)
    parts = [program[at : at + 256].ljust(256, b"\0") for at in range(0, len(program), 256)]
    blocks = b""
    for number, part in enumerate(parts):
        head = struct.pack("<8I", *firmware.UF2_MAGIC, 0x2000, 256 * number, 256, number, len(parts), family)
        blocks += head + part + bytes(220) + struct.pack("<I", firmware.UF2_END)
    return blocks


def esp(text, chip=9):
    """The image of an ESP32 with that text."""
    return bytes([0xE9]) + bytes(11) + struct.pack("<H", chip) + bytes(100) + text


@pytest.fixture
def drive(tmp_path):
    """A folder like the drive of a Pico 2 in its boot mode."""
    folder = tmp_path / "RP2350"
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text(
        "UF2 Bootloader v1.0\nModel: Raspberry Pi RP2350\nBoard-ID: RP2350\n", encoding="utf-8"
    )
    return folder


def test_a_drive_is_recognised_and_the_step_told(drive, capsys):
    assert cli.main(["flash", str(drive), SITE]) == 3
    told = capsys.readouterr().err
    for word in ("RP2350", "RPI_PICO2_W-*-v1.28.0.uf2", "1.28.0", "--firmware", "micropython.org/download"):
        assert word in told, (word, told)
    (drive / "INFO_UF2.TXT").write_text("Board-ID: RPI-RP2\n", encoding="utf-8")
    assert cli.main(["flash", str(drive), SITE]) == 3
    assert "RP2040" in (told := capsys.readouterr().err) and "none that is known" in told
    (drive / "INFO_UF2.TXT").unlink()
    assert cli.main(["flash", str(drive), SITE]) == 3
    assert "without INFO_UF2.TXT" in capsys.readouterr().err


def test_firmware_is_copied_onto_the_drive(drive, tmp_path, capsys):
    file = tmp_path / "pico.uf2"
    file.write_bytes(uf2(TEXT))
    assert cli.main(["flash", str(drive), SITE, "--firmware", str(file)]) == 0
    assert (drive / "pico.uf2").read_bytes() == file.read_bytes()
    assert "reuse-edge board ls" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (uf2(TEXT, RP2040), "RP2040"),
        (uf2(TEXT.replace(b"2 W", b"2")), "RP2350"),
        (uf2(b"some program for the Pico 2 W"), "no MicroPython"),
        (uf2(TEXT)[:-1], "block 1"),
        (esp(b"MicroPython 1.28.0 with ESP32S3"), "for ESP32S3"),
        (b"PK\x03\x04", "neither"),
        (b"", "neither"),
    ],
    ids=["chip", "no radio", "not ours", "cut", "esp", "zip", "empty"],
)
def test_a_file_that_is_not_for_this_board_is_refused(drive, tmp_path, capsys, data, word):
    file = tmp_path / "wrong"
    file.write_bytes(data)
    assert cli.main(["flash", str(drive), SITE, "--firmware", str(file)]) == 2
    told = capsys.readouterr().err
    assert word in told and "→" in told
    assert [path.name for path in drive.iterdir()] == ["INFO_UF2.TXT"]


def test_images_of_the_esp32_are_told_apart(tmp_path, capsys):
    file = tmp_path / "esp.bin"
    file.write_bytes(esp(b"MicroPython 1.28.0 with ESP32S3"))
    assert firmware.board_of(file).name == "esp32s3"
    file.write_bytes(esp(b"MicroPython 1.27.0 with ESP32S3"))
    assert firmware.board_of(file).name == "esp32s3" and "not MicroPython 1.28.0" in capsys.readouterr().err
    for data in (esp(b"MicroPython with ESP32C3", 5), esp(b"MicroPython with ESP32", 0), esp(b"ESP32S3")):
        file.write_bytes(data)
        with pytest.raises(FlashError):
            firmware.board_of(file)


def test_what_esptool_says_names_the_step(monkeypatch):
    monkeypatch.setattr(firmware, "drives", list)
    monkeypatch.setattr(firmware, "esp_chip", lambda port: "ESP32S3")
    told = str(firmware.advised("/dev/ttyACM0", FlashError("could not enter raw repl", 3)))
    assert "write_flash 0x0 ESP32_GENERIC_S3-SPIRAM_OCT-*-v1.28.0.bin" in told and "/dev/ttyACM0" in told
    other = FlashError("/dev/ttyACM0: no such port", 3)
    assert firmware.advised("/dev/ttyACM0", other) is other
    monkeypatch.setattr(firmware, "esp_chip", lambda port: None)
    with pytest.raises(FlashError, match="esptool finds no ESP32"):
        firmware.written("/dev/ttyACM0", "x.bin", boards.board("esp32s3"))


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_silent_port_is_told_from_a_missing_one(capsys, monkeypatch, drive):
    pytest.importorskip("mpremote")
    monkeypatch.setattr(firmware, "drives", list)
    monkeypatch.setattr(remote, "SERVE_S", 2.0)
    master, slave = os.openpty()
    try:
        assert cli.main(["flash", os.ttyname(slave), SITE]) == 3
        told = capsys.readouterr().err
        assert "no MicroPython answers" in told and "RPI_PICO2_W" in told and "ESP32_GENERIC_S3" in told
        monkeypatch.setattr(firmware, "drives", lambda: ["/nonexistent", str(drive)])
        assert cli.main(["flash", os.ttyname(slave), SITE]) == 3
        assert str(drive) in capsys.readouterr().err
    finally:
        os.close(master)
        os.close(slave)
