# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Framing of serial protocols that are not Modbus, by name and without I/O.

request_frame makes the exact bytes of a question, parse_reply finds the answer in what a line gave. A
framing says only where a frame begins and ends, whose it is and how it is checked; what the bytes mean
stands in the profile. unfold makes an answer with lists of any length one of fixed places.

jbd        DD A5 command length .. sum 77; answer DD command status length .. sum 77
pylontech  ~ version address 46 command length info sum CR, two ASCII characters per byte (V3.3)
jk         one register written with FC16; answer: 300 bytes from 55 AA EB 90 and the FC16 echo
daly       A5 40 command 08 .. sum; answer A5 01 command 08 .. sum, one or more of them
"""

from bms_bridge.modbus import crc16, rtu_frame, write_pdu

# Segments of a shape, as the compiler writes them.
BYTES = 0  # (BYTES, n): n bytes as they are
COUNTED = 1  # (COUNTED, width, most, fill): a count, then so many places of width bytes
OPEN = 2  # (OPEN, width, most, fill): places until the end of the answer, without a count
BITS = 3  # (BITS,): one byte becomes eight, 0 or 1, lowest bit first
TAIL = 4  # (TAIL,): whatever else comes, dropped
CHOICE = 5  # (CHOICE, ((value, n), ...), most, fill): a byte, then n bytes by its value

_JK_SIZE = 300
_JK_HEAD = b"\x55\xaa\xeb\x90"
_JK_TYPES = {0x161E: 1, 0x1620: 2, 0x161C: 3}  # register that is written: type of the answer
_HEX = b"0123456789ABCDEF"


def request_frame(framing, unit, command, body=b""):
    """The bytes of a question. unit: address of the device where the protocol has one. command: its
    number (jk: the register). body: data of the question."""
    if framing == "jbd":
        inner = bytes((command, len(body))) + body
        total = -sum(inner) & 0xFFFF
        return b"\xdd\xa5" + inner + bytes((total >> 8, total & 0xFF, 0x77))
    if framing == "pylontech":
        return pylontech_frame(unit, command, body)
    if framing == "jk":
        return rtu_frame(unit, write_pdu(command, b"\x00\x00"))
    frame = b"\xa5\x40" + bytes((command, 8)) + body + bytes(8 - len(body))
    return frame + bytes((sum(frame) & 0xFF,))


def write_frame(framing, command, body):
    """The bytes that set something: what a profile names under switch. framing: jbd, DD 5A in place of DD A5."""
    frame = request_frame(framing, 0, command, body)
    return frame[:1] + b"\x5a" + frame[2:]


def parse_reply(framing, buffer, unit, command, frames=1):
    """The answer to request_frame anywhere in buffer (bytes from a line).

    None when none is complete; else (payload, code, used): code 0 good, otherwise what the device said
    instead of data (payload is then empty); used: bytes up to its end. Noise, echoes, answers of others
    and frames with a wrong check are passed over. frames: how many frames make the answer (daly).
    """
    if framing == "daly":
        return _parse_daly(buffer, unit, command, frames)
    begin, find = _FINDERS[framing]
    start = buffer.find(begin)
    while start >= 0:
        found = find(buffer, start, unit, command)
        if found is not None:
            return found
        start = buffer.find(begin, start + 1)
    return None


def _find_jbd(buffer, start, unit, command):
    if len(buffer) < start + 7 or buffer[start + 1] != command:
        return None
    end = start + 7 + buffer[start + 3]
    if end > len(buffer) or buffer[end - 1] != 0x77:
        return None
    if (sum(buffer[start + 2 : end - 3]) + (buffer[end - 3] << 8 | buffer[end - 2])) & 0xFFFF:
        return None
    code = buffer[start + 2]
    return (b"" if code else bytes(buffer[start + 4 : end - 3])), code, end


def pylontech_frame(unit, code, info):
    """A frame of Pylontech RS485 V3.3. code: command (CID2) of a question, return code of an answer."""
    size = 2 * len(info)
    length = (-(size + (size >> 4) + (size >> 8)) & 15) << 12 | size
    text = _hex(bytes((0x20, unit, 0x46, code, length >> 8, length & 0xFF)) + info)
    total = -sum(text) & 0xFFFF
    return b"~" + text + _hex(bytes((total >> 8, total & 0xFF))) + b"\r"


def _hex(data):
    text = bytearray()
    for byte in data:
        text.append(_HEX[byte >> 4])
        text.append(_HEX[byte & 15])
    return bytes(text)


def _unhex(text):
    """The bytes that text stands for; None when it is not pairs of digits 0-9 A-F."""
    data = bytearray(len(text) // 2)
    if len(text) % 2:
        return None
    for place, char in enumerate(text):
        digit = _HEX.find(bytes((char,)))
        if digit < 0:
            return None
        data[place >> 1] = data[place >> 1] << 4 | digit
    return bytes(data)


def _find_pylontech(buffer, start, unit, command):
    end = buffer.find(b"\r", start)
    if end < start + 17:
        return None
    data = _unhex(buffer[start + 1 : end])
    if data is None or data[1] != unit or data[2] != 0x46 or data[3] == command:
        return None  # the last: an echo of the question
    if (sum(buffer[start + 1 : end - 4]) + (data[-2] << 8 | data[-1])) & 0xFFFF:
        return None
    length = data[4] << 8 | data[5]
    if ((length >> 12) + (length >> 8 & 15) + (length >> 4 & 15) + length) & 15:
        return None
    if length & 0xFFF != 2 * (len(data) - 8):
        return None
    return (b"" if data[3] else data[6:-2]), data[3], end + 1


def _find_jk(buffer, start, unit, command):
    end = start + _JK_SIZE + 8
    if end > len(buffer) or buffer[start + 4] != _JK_TYPES.get(command):
        return None
    last = start + _JK_SIZE - 1
    if sum(buffer[start:last]) & 0xFF != buffer[last]:
        return None
    echo = bytes((unit, 16, command >> 8, command & 0xFF, 0, 1))
    crc = crc16(echo)
    if bytes(buffer[last + 1 : end]) != echo + bytes((crc & 0xFF, crc >> 8)):
        return None  # the answer of another unit
    return bytes(buffer[start : last + 1]), 0, end


_FINDERS = {"jbd": (b"\xdd", _find_jbd), "pylontech": (b"~", _find_pylontech), "jk": (_JK_HEAD, _find_jk)}
FRAMINGS = ("jbd", "pylontech", "jk", "daly")


def _parse_daly(buffer, unit, command, frames):
    """Frames of one answer carry the numbers 1, 2, .. in their first byte when there are several."""
    payload = b""
    number = 0
    begin = bytes((0xA5, unit, command, 8))
    start = buffer.find(begin)
    while start >= 0 and len(buffer) >= start + 13:
        if sum(buffer[start : start + 12]) & 0xFF == buffer[start + 12]:
            if frames == 1:
                return bytes(buffer[start + 4 : start + 12]), 0, start + 13
            if buffer[start + 4] == 1:
                payload, number = b"", 0
            number += 1
            if buffer[start + 4] == number:
                payload += bytes(buffer[start + 5 : start + 12])
                if number == frames:
                    return payload, 0, start + 13
            else:
                payload, number = b"", 0
            start += 12
        start = buffer.find(begin, start + 1)
    return None


# ---- shapes: answers with lists of any length -------------------------------------------------


def unfold(shape, payload, record=None):
    """payload (bytes of an answer) with every list at its full length; missing places hold the fill byte.

    shape: (head, segments) of the table; head bytes come once, the segments once per pack in the answer.
    record: which pack of several; None: there must be exactly one. None when the bytes do not fit.
    """
    head, segments = shape
    at = head
    number = 0
    chosen = None
    while number == 0 or (head and at < len(payload)):
        data = bytearray(payload[:head])
        at = _take(segments, payload, at, data)
        if at is None:
            return None
        if number == (record or 0):
            chosen = bytes(data)
        number += 1
    if at != len(payload) or (record is None and number != 1):
        return None
    return chosen


def _take(segments, payload, at, data):
    """Append one record to data; where it ended in payload, None when it does not fit."""
    for segment in segments:
        kind = segment[0]
        fill = 0
        if kind == TAIL:
            return max(at, len(payload))
        if kind == BYTES:
            size = segment[1]
        elif kind == BITS:
            size = 1
        else:
            size, fill = _variable(segment, payload, at)
            if size is None:
                return None
        if at + size > len(payload):
            return None
        if kind == BITS:
            data.extend(bytes([payload[at] >> bit & 1 for bit in range(8)]))
        else:
            if kind == OPEN:
                data.append(size // segment[1])
            data.extend(payload[at : at + size])
            data.extend(bytes((segment[3],)) * fill if fill else b"")
        at += size
    return at


def _variable(segment, payload, at):
    """(bytes on the wire, bytes to fill) of a segment whose size the answer itself states; (None, 0)
    when it states something else than the shape knows."""
    kind, width, most, _ = segment
    if kind == OPEN:
        size = len(payload) - at
        return (None, 0) if size % width or size > width * most else (size, width * most - size)
    if at >= len(payload):
        return None, 0
    count = payload[at]
    if kind == COUNTED:
        return (None, 0) if count > most else (1 + count * width, (most - count) * width)
    for value, size in width:
        if value == count:
            return 1 + size, most - size
    return None, 0


def fold(shape, data):
    """The inverse of unfold for one pack: the payload that a device would send for data."""
    head, segments = shape
    payload = bytearray(data[:head])
    at = head
    for segment in segments:
        kind = segment[0]
        size = 0
        if kind == BYTES:
            size = segment[1]
            payload.extend(data[at : at + size])
        elif kind == BITS:
            size = 8
            payload.append(sum([(data[at + bit] & 1) << bit for bit in range(8)]))
        elif kind == CHOICE:
            size = 1 + segment[2]
            payload.extend(data[at : at + 1 + dict(segment[1]).get(data[at], 0)])
        elif kind != TAIL:
            size = 1 + segment[1] * segment[2]
            first = at + 1 if kind == OPEN else at
            payload.extend(data[first : at + 1 + data[at] * segment[1]])
        at += size
    return bytes(payload)


def shape_size(shape):
    """Bytes of what unfold gives."""
    size = shape[0]
    for segment in shape[1]:
        kind = segment[0]
        if kind == BYTES:
            size += segment[1]
        elif kind == BITS:
            size += 8
        elif kind == CHOICE:
            size += 1 + segment[2]
        elif kind != TAIL:
            size += 1 + segment[1] * segment[2]
    return size
