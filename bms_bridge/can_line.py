# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CAN over a serial line (slcan, the ASCII protocol of Lawicel adapters) and the frame as the gate sees it. Pure.

t and T: frames of 11 and 29 bits; d, D, b, B: the same on CAN FD. Each line ends with CR; BEL says that the
adapter refused the line before.
"""

from bms_bridge.can_decode import EXTENDED

SPEEDS = (10000, 20000, 50000, 100000, 125000, 250000, 500000, 800000, 1000000)
SIZES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)  # bytes by length code
LINE_MAX = 1 + 8 + 1 + 128 + 4
_HEADS = {"t": 3, "T": 8, "d": 3, "D": 8, "b": 3, "B": 8}


def gate_frame(can_id, extended, data):
    """The bytes that the gate judges: identifier in four bytes (highest bit: 29 bits), length, data."""
    key = can_id | EXTENDED if extended else can_id
    return bytes((key >> 24, key >> 16 & 0xFF, key >> 8 & 0xFF, key & 0xFF, len(data))) + data


def split_frame(frame):
    """(can_id, extended, data) of a gate_frame."""
    key = frame[0] << 24 | frame[1] << 16 | frame[2] << 8 | frame[3]
    return key & 0x1FFFFFFF, key >= EXTENDED, bytes(frame[5:])


def opening(bitrate):
    """The lines that set an adapter to bitrate and open it. Raises ValueError for a speed that slcan has not."""
    return b"\rC\rS%d\rO\r" % SPEEDS.index(bitrate)


def encode_line(can_id, extended, data, fd=False):
    """The line that sends a frame. fd: as a CAN FD frame; its data must have one of SIZES."""
    head = "D%08X" % can_id if extended else "d%03X" % can_id
    if not fd:
        head = head[0].replace("D", "T").replace("d", "t") + head[1:]
    digits = data.hex() or ""  # MicroPython 1.25 gives bytes for no bytes
    return (head + "%X" % SIZES.index(len(data)) + digits.upper() + "\r").encode()


def decode_line(line):
    """(can_id, extended, data) of one line (bytes without CR), None when it is no whole frame."""
    if not line or chr(line[0]) not in _HEADS:
        return None
    kind = chr(line[0])
    start = 1 + _HEADS[kind]
    try:
        can_id = int(line[1:start].decode(), 16)
        code = int(line[start : start + 1].decode(), 16)
        if code > 8 and kind in "tT":
            return None
        size = SIZES[code]
        data = bytes.fromhex(line[start + 1 : start + 1 + 2 * size].decode())
    except ValueError:  # not hexadecimal, or not text at all
        return None
    if len(data) != size or can_id > (0x1FFFFFFF if start == 9 else 0x7FF):
        return None
    return can_id, start == 9, data


class Lines:
    """Cuts what an adapter sends into frames. broken: lines that were none; refused: BELs."""

    def __init__(self):
        self._buffer = b""
        self.broken = 0
        self.refused = 0

    def feed(self, chunk):
        """[(can_id, extended, data), ...] that chunk (bytes) completes."""
        frames = []
        for byte in chunk:
            if byte == 13:
                line, self._buffer = self._buffer, b""
                frame = decode_line(line)
                if frame is not None:
                    frames.append(frame)
                elif line and line[:1] not in b"zZ":
                    self.broken += 1
            elif byte == 7:
                self.refused += 1
                self._buffer = b""
            elif len(self._buffer) < LINE_MAX:
                self._buffer += bytes((byte,))
            else:
                self._buffer = b""
                self.broken += 1
        return frames
