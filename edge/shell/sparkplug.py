# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Sparkplug B payloads as bytes: the part of its protobuf that the live lane needs, both ways.

Field numbers are those of the Sparkplug B payload definition. Written is only what every known decoder reads alike:
whole numbers as Int64 or UInt32, both in long_value (Tahu's JavaScript reads UInt32 nowhere else), Boolean and String.
"""

from struct import unpack

INT64, UINT32, BOOLEAN, STRING = 4, 7, 11, 12

NAME, TYPE, IS_NULL, LONG, FLAG, TEXT = 1, 4, 7, 11, 14, 15
MAX_BYTES = 4096  # of a payload that is read
MAX_METRICS = 64  # in it
_WORD = 0xFFFFFFFFFFFFFFFF


def _varint(out, number):
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _number(out, field, value):
    out.append(field << 3)  # every field here is below 16: one byte
    _varint(out, value & _WORD if value < 0 else value)


def _bytes(out, field, data):
    out.append(field << 3 | 2)
    _varint(out, len(data))
    out.extend(data)


def metric(name, kind, value, at_ms, typed, unit=None):
    """One metric as a bytearray for payload().

    kind: INT64, UINT32, BOOLEAN or STRING; value: int, bool or str, None = is_null; at_ms: UTC, ms since 1970, None:
    without. typed: its datatype goes along, as every BIRTH wants. unit: text of its property engUnit.
    """
    out = bytearray()
    _bytes(out, NAME, name.encode())
    if at_ms is not None:
        _number(out, 3, at_ms)
    if typed:
        _number(out, TYPE, kind)
    if value is None:
        _number(out, IS_NULL, 1)
    if unit:
        text = unit.encode()
        size = len(text)
        # keys: engUnit; values: type String, the text
        _bytes(out, 9, b"\x0a\x07engUnit\x12" + bytes((size + 4, 8, STRING, 0x42, size)) + text)
    if value is None:
        return out
    if kind == STRING:
        _bytes(out, TEXT, value.encode())
    else:
        _number(out, FLAG if kind == BOOLEAN else LONG, int(value))
    return out


def payload(at_ms, seq, metrics):
    """A payload as bytes. at_ms: UTC ms; seq: 0 to 255; None: without. metrics: what metric() gave."""
    out = bytearray()
    if at_ms is not None:
        _number(out, 1, at_ms)
    for each in metrics:
        _bytes(out, 2, each)
    if seq is not None:
        _number(out, 3, seq)
    return bytes(out)


def decode(data):
    """(timestamp or None, seq or None, [(name or None, datatype or None, value or None), ...]) of a payload.

    Only values of simple types are taken; Int64 and Int32 with their sign when the datatype says so. Raises ValueError
    for what is no payload, too long or too much.
    """
    if len(data) > MAX_BYTES:
        raise ValueError("payload too long")
    at_ms = seq = None
    metrics = []
    for field, value in _fields(data):
        if field == 2:
            metrics.append(_metric(_of(bytes, value)))
            if len(metrics) > MAX_METRICS:
                raise ValueError("too many metrics")
        elif field == 1:
            at_ms = _of(int, value)
        elif field == 3:
            seq = _of(int, value)
    return at_ms, seq, metrics


def _metric(data):
    name = kind = value = None
    null = False
    for field, got in _fields(data):
        if field == NAME:
            name = _of(bytes, got).decode()
        elif field == TYPE:
            kind = _of(int, got)
        elif field == IS_NULL:
            null = bool(_of(int, got))
        elif field in (10, LONG):
            value = _of(int, got)
        elif field in (12, 13):
            value = _real(_of(bytes, got), field)
        elif field == FLAG:
            value = bool(_of(int, got))
        elif field == TEXT:
            value = _of(bytes, got).decode()
    if kind == INT64 and isinstance(value, int) and value >> 63:
        value -= 1 << 64
    return name, kind, None if null else value


def _real(data, field):
    size = 4 if field == 12 else 8
    if len(data) != size:
        raise ValueError("wrong length of a float")
    return unpack("<f" if size == 4 else "<d", data)[0]


def _of(kind, value):
    """value when it came in the wire type that belongs to kind."""
    if not isinstance(value, kind):
        raise ValueError("wrong wire type")
    return value


def _fields(data):
    """(field number, int or bytes) of a message, in order; a generator."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _read(data, at)
        wire = tag & 7
        size = 8 if wire == 1 else 4
        if not 0 < tag >> 3 < 1 << 29 or wire in (3, 4, 6, 7):
            raise ValueError("no such field")
        if wire == 0:
            value, at = _read(data, at)
        else:
            if wire == 2:
                size, at = _read(data, at)
            if size > end - at:
                raise ValueError("field cut off")
            value = data[at : at + size]
            at += size
        yield tag >> 3, value


def _read(data, at):
    """(varint at data[at], place behind it)."""
    number = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number & _WORD, at
        shift += 7
    raise ValueError("bad varint")
