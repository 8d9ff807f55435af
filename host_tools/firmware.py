# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A board without MicroPython: what can be told of it, the exact step that puts MicroPython onto it, and that step.

An RP2 board in its boot mode is a drive with INFO_UF2.TXT; its firmware is a UF2 file that is copied there. An ESP32 is
asked and written by esptool, when it is installed. A firmware file is looked into before anything is written: its
format, its chip, and the name of the board that MicroPython says of itself.
"""

import importlib.util
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from host_tools import boards
from host_tools.remote import FlashError

INFO = "INFO_UF2.TXT"
UF2_MAGIC, UF2_END, UF2_BLOCK = (0x0A324655, 0x9E5D5157), 0x0AB16F30, 512
FAMILIES = {0xE48BFF56: "RP2040", 0xE48BFF59: "RP2350", 0xE48BFF5A: "RP2350 (RISC-V)"}  # of UF2 files
ABSOLUTE = 0xE48BFF57  # blocks that fit any of them
DRIVES = {"RP2350": "RP2350", "RPI-RP2": "RP2040"}  # Board-ID of a drive: chip
ESP_MAGIC, ESP_CHIPS = 0xE9, {0: "ESP32", 2: "ESP32S2", 5: "ESP32C3", 9: "ESP32S3", 13: "ESP32C6"}  # of .bin files
NAMES = {"esp32s3": b"ESP32S3", "pico2w": b"Pico 2 W"}  # in the text of the firmware
ESP_PLACE = {"ESP32S3": "0x0"}  # where esptool writes it
SITE = "https://micropython.org/download/"
ESPTOOL_S = 180
DONE = """%s: MicroPython is on the board, which starts it now as a serial port
  → reuse-edge board ls, then reuse-edge flash PORT site.yaml
"""


def by_chip(chip):
    """The Board of boards.BOARDS with that chip, or None."""
    return next((each for each in boards.BOARDS if each.chip == chip and each.firmware), None)


def drive_chip(folder):
    """The chip that a drive's INFO_UF2.TXT names (its Board-ID when that is not known); None: no such drive."""
    try:
        text = (Path(folder) / INFO).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"^Board-ID:\s*(\S+)", text, re.MULTILINE)
    return DRIVES.get(found[1], found[1]) if found else "unknown"


def drives():
    """Folders that may be the drive of a board in its boot mode, on Linux, macOS and Windows."""
    if os.name == "nt":
        return ["%s:\\" % letter for letter in "DEFGHIJKLMNOPQRSTUVWXYZ" if os.path.exists("%s:\\" % letter)]
    roots = [Path("/Volumes"), *Path("/media").glob("*"), *Path("/run/media").glob("*")]
    return [str(path) for root in roots if root.is_dir() for path in root.glob("*")]


def esp_chip(port):
    """The chip that esptool finds at a serial port, or None: none, or no esptool on this machine."""
    if importlib.util.find_spec("esptool") is None:
        return None
    command = [sys.executable, "-m", "esptool", "--port", port, "chip_id"]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return None
    found = re.search(r"(?:Chip is|Chip type:)\s+(ESP32(?:-?[A-Z]\d)?)", done.stdout)
    return found[1].replace("-", "") if found else None


def step(board, port):
    """The lines that say how MicroPython gets onto a Board at port."""
    yield "  → download %s (MicroPython %s, the version that was tested) from %s" % (
        board.firmware,
        board.micropython,
        SITE,
    )
    yield "  → reuse-edge flash %s site.yaml --firmware %s" % (port, board.firmware)
    if board.firmware.endswith(".bin"):
        yield "    or by hand: esptool --port %s erase_flash; esptool --port %s write_flash %s %s" % (
            port,
            port,
            ESP_PLACE[board.chip],
            board.firmware,
        )
    else:
        yield "    or by hand: hold BOOTSEL, plug the board in, and copy the file onto the drive that appears"


def found_text(what, board, port):
    """The text of an error about a board without MicroPython."""
    if board is None:
        known = ", ".join("%s (%s)" % (each.name, each.title) for each in boards.BOARDS if each.firmware)
        return "%s\n  → it is none that is known; known are %s" % (what, known)
    return "\n".join([what, *step(board, port)])


def refuse_drive(port):
    """Raise FlashError(3) when port is the drive of a board in its boot mode: there is no MicroPython to talk to."""
    chip = drive_chip(port) if os.path.isdir(port) else None
    if chip is not None:
        raise FlashError(
            found_text("%s: a board with %s in its boot mode, without MicroPython" % (port, chip), by_chip(chip), port),
            3,
        )
    if os.path.isdir(port):
        raise FlashError("%s: is a folder without %s\n  → name a serial port (`reuse-edge board ls`)" % (port, INFO), 3)


def advised(port, error):
    """The FlashError in the place of one from mpremote at a port that is there: what else may be at it."""
    if "raw repl" not in str(error) and "no output" not in str(error):
        return error
    for folder in drives():
        if drive_chip(folder) is not None:
            what = "%s: says nothing, but %s is the drive of a board in its boot mode" % (port, folder)
            return FlashError(found_text(what, by_chip(drive_chip(folder)), folder), 3)
    chip = None if "://" in port or port.startswith("/dev/pts/") else esp_chip(port)
    if chip is not None:
        return FlashError(found_text("%s: a board with %s, without MicroPython" % (port, chip), by_chip(chip), port), 3)
    lines = ["%s: no MicroPython answers here" % port]
    lines.append("  → press its reset button and try again; is it the right port? (`reuse-edge board ls`)")
    lines.append("  → a board that never had MicroPython:")
    for each in boards.BOARDS:
        if each.firmware:
            lines.append("    %s: %s from %s, then --firmware FILE" % (each.title, each.firmware, SITE))
    if importlib.util.find_spec("esptool") is None:
        lines.append("    (an ESP32 can be told apart when esptool is there: python -m pip install esptool)")
    return FlashError("\n".join(lines), 3)


def uf2(path, data):
    """(set of chips, bytes of the program) of a UF2 file. Raises FlashError(2)."""
    chips, parts = set(), []
    for at in range(0, len(data), UF2_BLOCK):
        head = struct.unpack_from("<8I", data, at) if at + UF2_BLOCK <= len(data) else (0,) * 8
        if head[:2] != UF2_MAGIC or struct.unpack_from("<I", data, at + UF2_BLOCK - 4)[0] != UF2_END:
            raise FlashError("%s: block %d is no UF2\n  → download it again from %s" % (path, at // UF2_BLOCK, SITE), 2)
        if head[7] != ABSOLUTE:
            chips.add(FAMILIES.get(head[7], "family %08x" % head[7]))
        parts.append(data[at + 32 : at + 32 + min(head[4], 476)])
    return chips, b"".join(parts)


def board_of(path):
    """The Board that a firmware file is for. Raises FlashError(2) for a file that is for none of ours."""
    data = Path(path).read_bytes()
    if data[:4] == struct.pack("<I", UF2_MAGIC[0]):
        chips, text = uf2(path, data)
    elif data[:1] == bytes([ESP_MAGIC]) and len(data) > 24:
        number = struct.unpack_from("<H", data, 12)[0]
        chips, text = {ESP_CHIPS.get(number, "chip number %d" % number)}, data
    else:
        raise FlashError("%s: is neither UF2 nor the image of an ESP32\n  → download it from %s" % (path, SITE), 2)
    board = by_chip(next(iter(chips))) if len(chips) == 1 else None
    if board is None or NAMES[board.name] not in text or b"MicroPython" not in text:
        known = " or ".join(each.firmware for each in boards.BOARDS if each.firmware)
        raise FlashError(
            "%s: is for %s, and no MicroPython of a board that is known\n  → take %s"
            % (path, ", ".join(sorted(chips)), known),
            2,
        )
    if board.micropython.encode() not in text:
        sys.stderr.write("%s: is not MicroPython %s, the version that was tested\n" % (path, board.micropython))
    return board


def put(port, path):
    """Put the firmware at path onto the board at port (a drive, or the serial port of an ESP32). False: it is at
    another port now.

    Raises FlashError: 2 for a file that is not for this board, 3 when it cannot be written."""
    board = board_of(path)
    if os.path.isdir(port):
        chip = drive_chip(port)
        if chip != board.chip:
            raise FlashError(
                "%s: this is %s, the file %s is for %s\n  → take the firmware of this board"
                % (port, chip or "no drive of a board", path, board.chip),
                2,
            )
        try:
            shutil.copyfile(path, os.path.join(port, os.path.basename(path)))
        except OSError as error:  # the board resets as soon as it has all
            sys.stderr.write("%s: %s\n" % (port, error))
        sys.stderr.write(DONE % port)
        return False
    if board.firmware.endswith(".uf2"):
        raise FlashError(
            "%s: %s goes onto the drive of the board\n  → hold BOOTSEL, plug it in, and name the drive in the place of "
            "the port" % (port, path),
            2,
        )
    written(port, path, board)
    return True


def written(port, path, board):
    """Let esptool write. Raises FlashError."""
    chip = esp_chip(port)
    if chip != board.chip:
        mend = "install esptool (python -m pip install esptool), hold BOOT while you press RESET, and try again"
        what = "esptool finds %s" % (chip or "no ESP32")
        raise FlashError("%s: %s, the file is for %s\n  → %s" % (port, what, board.chip, mend), 2 if chip else 3)
    tool = [sys.executable, "-m", "esptool", "--port", port]
    for words in (["erase_flash"], ["write_flash", ESP_PLACE[board.chip], str(path)]):
        sys.stderr.write("esptool %s\n" % " ".join(words))
        done = subprocess.run([*tool, *words], timeout=ESPTOOL_S, check=False)
        if done.returncode:
            raise FlashError("%s: esptool %s failed\n  → try again; a shorter cable may help" % (port, words[0]), 3)
