# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CAN logs as candump writes them: `(1436509052.249713) can0 123#DEADBEEF` (candump -L, -l), CAN FD as
`123##1DEADBEEF`, and the lines that candump shows on a screen, `can0  123   [4]  DE AD BE EF`.

More than three digits of an identifier mean 29 bits, also when its zeros in front are gone. Remote and error
frames carry no data and are counted only. Read too: what SavvyCAN saves (GVRET csv), what python-can prints,
what Battery-Emulator logs; compressed by gzip; in any encoding in which hexadecimal digits are ASCII.
"""

import codecs
import io
import re
import zlib
from collections import namedtuple

# ts_us: microseconds as the log counts them. data: bytes. fd: True for CAN FD. line: line of the log, 1-based.
Frame = namedtuple("Frame", ("ts_us", "channel", "can_id", "extended", "data", "fd", "line"))

FD_SIZES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)
ERROR_FLAG = 0x20000000
_COMPACT = re.compile(r"\((\d+)\.(\d{1,9})\)\s+(\S+)\s+([0-9A-Fa-f]{3,8})#(\S*)(?:\s+[RT]\w*)?\s*$")
_SCREEN = re.compile(
    r"(?:\((\d+)\.(\d{1,9})\)\s+)?([A-Za-z]\w*)\s+(?:[RT]X\s+(?:[-BE]\s+){2})?([0-9A-Fa-f]{1,8})"
    r"\s+\[(\d{1,2})\]\s*((?:[0-9A-Fa-f]{2}(?:\s+|$))*|remote request)\s*(?:'.*)?$"
)


_GVRET = re.compile(r"(\d+),([0-9A-Fa-f]{1,8}),(true|false),(?:[RT]x,)?(\d+),(\d+),((?:[0-9A-Fa-f]{1,2},?)*),*$", re.I)
_PRINTED = re.compile(
    r"Timestamp:\s+(\d+)\.(\d{1,9})\s+ID:\s+([0-9A-Fa-f]+)\s+([SX])\b(.*?)\bDL:\s+(\d+)\s*((?:[0-9A-Fa-f]{2}\b\s*)*)"
)
_SHEET = "Time Stamp,"  # begin of the first line of a GVRET file


class LogError(Exception):
    """A line that is not a frame: file, line, what is wrong, what to do."""

    exit_code = 2

    def __init__(self, name, line, problem, mend):
        super().__init__("%s:%d: %s\n  → %s" % (name, line, problem, mend))
        self.line = line


def parse_line(text, name="log", line=1, before_us=0):
    """The Frame that one line says; None for a blank line, a comment, a remote or an error frame.

    before_us: time of a line that has no time of its own. Raises LogError.
    """
    text = text.strip().lstrip("\ufeff")
    if not text or text[0] in "#;" or text.startswith(_SHEET):
        return None
    other = _other_line(text, name, line)
    if other is not None:
        return other
    found = _COMPACT.match(text)
    if found:
        data, fd = _compact_data(found[5], name, line)
    else:
        found = _SCREEN.match(text)
        if not found:
            raise LogError(name, line, "not a frame: %s" % _short(text), "lines look like (0.010000) can0 123#DEADBEEF")
        data, fd = _screen_data(found[5], found[6], name, line)
    extended = len(found[4]) > 3
    can_id = int(found[4], 16)
    if data is None or can_id & ERROR_FLAG:
        return None
    if can_id > (0x1FFFFFFF if extended else 0x7FF):
        mend = "11 bits have three digits up to 7FF, 29 bits eight up to 1FFFFFFF"
        raise LogError(name, line, "%s is no CAN identifier" % found[4], mend)
    ts_us = before_us if found[1] is None else _us(found[1], found[2])
    return Frame(ts_us, found[3], can_id, extended, data, fd, line)


def _other_line(text, name, line):
    """The Frame of a line of SavvyCAN or python-can, None when it is neither. Raises LogError."""
    found = _GVRET.match(text)
    if found:
        ts_us, can_id, extended = int(found[1]), int(found[2], 16), found[3].lower() == "true"
        data = bytes(int(byte, 16) for byte in found[6].split(",") if byte)[: int(found[5])]
        size, channel = int(found[5]), "can" + found[4]
    else:
        found = _PRINTED.match(text)
        if not found:
            return None
        ts_us, can_id, extended = _us(found[1], found[2]), int(found[3], 16), found[4] == "X"
        data, size, channel = bytes.fromhex("".join(found[7].split())), int(found[6]), "can0"
    if len(data) != size:
        raise LogError(name, line, "%d bytes announced, the line has %d" % (size, len(data)), "was the line cut?")
    fd = size > 8
    return Frame(ts_us, channel, can_id, extended, _sized(data, fd, name, line), fd, line)


def _us(seconds, digits):
    """Microseconds of a time stamp in two parts."""
    return int(seconds) * 1000000 + int((digits + "00000")[:6])


def _compact_data(text, name, line):
    """(data, fd); data None for a remote frame."""
    fd = text.startswith("#")
    if fd:
        text = text[2:]
    elif text[:1] in ("R", "r"):
        return None, False
    text = text.replace(".", "").split("_")[0]
    try:
        data = bytes.fromhex(text)
    except ValueError:
        mend = "two hexadecimal digits for each byte; was the line cut?"
        raise LogError(name, line, "the data %s are no whole bytes" % _short(text), mend) from None
    return _sized(data, fd, name, line), fd


def _screen_data(size, text, name, line):
    if text.startswith("remote"):
        return None, False
    data = bytes.fromhex("".join(text.split()))
    if len(data) != int(size):
        problem = "[%s] announces %d bytes, the line has %d" % (size, int(size), len(data))
        raise LogError(name, line, problem, "was the line cut?")
    fd = len(data) > 8 or len(size) == 2
    return _sized(data, fd, name, line), fd


def _sized(data, fd, name, line):
    if len(data) > 8 and not fd:
        raise LogError(name, line, "%d bytes in a classic frame" % len(data), "CAN FD is written 123##0DATA")
    if len(data) not in FD_SIZES:
        raise LogError(name, line, "%d bytes: no CAN frame has that" % len(data), "was the line cut?")
    return data


def _short(text):
    return repr(text if len(text) <= 40 else text[:37] + "...")


def open_log(path):
    """The lines of a log file as a text stream: gzip and the marks of UTF-16 and UTF-8 are known by the first
    bytes; letters of another encoding are replaced. Raises OSError, and LogError when it is no text."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(data, path)
    encoding = "utf-8"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    if encoding != "utf-16" and b"\0" in data[:4096]:
        raise LogError(path, 1, "this is no text", "a candump log, or one of .asc .blf .csv .db .trc by its right name")
    return io.StringIO(data.decode(encoding, errors="replace"))


def _unpacked(data, path):
    """What of a gzip file can be read: a recorder that lost its power leaves it without an end."""
    parts = []
    try:
        while data[:2] == b"\x1f\x8b":
            packed = zlib.decompressobj(31)
            parts.append(packed.decompress(data))
            data = packed.unused_data
    except zlib.error as error:
        raise LogError(path, 1, "the gzip file is broken: %s" % error, "copy it again") from None
    return b"".join(parts)


class Log:
    """Frames of a log, one after the other: `for frame in Log(lines, name)`.

    A line that is no frame is put into bad (a list of LogError) and passed over; strict raises it. passed:
    how many remote and error frames, blank lines and comments. has_times: False when no line had a time.
    """

    def __init__(self, lines, name="log", strict=False):
        self._lines = lines
        self.name = name
        self.strict = strict
        self.bad = []
        self.frames = 0
        self.passed = 0
        self.has_times = False

    def __iter__(self):
        before_us = 0
        for number, text in enumerate(self._lines, 1):
            try:
                frame = parse_line(text, self.name, number, before_us)
            except LogError as error:
                if self.strict:
                    raise
                self.bad.append(error)
                continue
            if frame is None:
                self.passed += 1
                continue
            self.frames += 1
            self.has_times = self.has_times or frame.ts_us > 0
            before_us = frame.ts_us
            yield frame


def line_of(frame):
    """The line that candump -L writes for frame, without its end."""
    form = "%08X" if frame.extended else "%03X"
    mark = "##1" if frame.fd else "#"
    where = "(%d.%06d) %s " % (frame.ts_us // 1000000, frame.ts_us % 1000000, frame.channel)
    return where + form % frame.can_id + mark + frame.data.hex().upper()


def id_text(can_id, extended):
    """The identifier as candump writes it."""
    return ("%08X" if extended else "%03X") % can_id
