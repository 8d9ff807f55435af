# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Deterministic CBOR (RFC 8949, section 4.2.1): one value has one encoding, and only that one is read.

Values: int (64 bits), None, bool, bytes, str, list or tuple, dict with int or str keys. Floats, tags and
indefinite lengths are refused both ways, so what is stored equals what was sent, byte for byte.
Runs on CPython and on MicroPython, where isinstance(True, int) is False and a dict has no order.
"""

MAX_DEPTH = 8
UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
_LIMIT = 1 << 64


class CborError(ValueError):
    """The value cannot be encoded, or the bytes are not one deterministic CBOR value."""


def encode_head(out, major, number):
    """Append the head of major type `major` (0x00, 0x20, ... 0xA0) with `number` (0 to 2**64 - 1) to out."""
    if number < 24:
        out.append(major | number)
    elif number < 0x100:
        out.append(major | 24)
        out.append(number)
    elif number < 0x10000:
        out.append(major | 25)
        out.append(number >> 8)
        out.append(number & 0xFF)
    elif number < 0x100000000:
        out.append(major | 26)
        out.extend(number.to_bytes(4, "big"))
    elif number < _LIMIT:
        out.append(major | 27)
        out.extend(number.to_bytes(8, "big"))
    else:
        raise CborError("integer of more than 64 bits")


def encode_int(out, number):
    """Append the integer `number` (-2**64 to 2**64 - 1) to the bytearray out; CborError outside."""
    if number >= 0:
        encode_head(out, UINT, number)
    else:
        encode_head(out, NEGATIVE, -1 - number)


def encode_into(out, value, depth=0):
    """Append the encoding of `value` to the bytearray out; CborError when its type has none."""
    if value is None:
        out.append(0xF6)
    elif value is True:
        out.append(0xF5)
    elif value is False:
        out.append(0xF4)
    elif isinstance(value, int):
        encode_int(out, value)
    elif isinstance(value, str):
        data = value.encode()
        encode_head(out, TEXT, len(data))
        out.extend(data)
    elif isinstance(value, (bytes, bytearray)):
        encode_head(out, BYTES, len(value))
        out.extend(value)
    elif depth >= MAX_DEPTH:
        raise CborError("deeper than %d" % MAX_DEPTH)
    elif isinstance(value, (list, tuple)):
        encode_head(out, ARRAY, len(value))
        for item in value:
            encode_into(out, item, depth + 1)
    elif isinstance(value, dict):
        _encode_map(out, value, depth)
    else:
        raise CborError("no encoding for %s" % type(value).__name__)


def _encode_map(out, value, depth):
    """Append a map with its keys in the order of their encodings."""
    rows = []
    for key in value:
        if key is True or key is False or not isinstance(key, (int, str)):
            raise CborError("a key is an int or a str")
        rows.append((encode(key), key))
    rows.sort()
    encode_head(out, MAP, len(rows))
    for encoded, key in rows:
        out.extend(encoded)
        encode_into(out, value[key], depth + 1)


def encode(value):
    """Return the deterministic CBOR bytes of `value`; CborError for floats and other types."""
    out = bytearray()
    encode_into(out, value)
    return bytes(out)


def decode(data):
    """Return the one value in `data` (bytes); CborError for anything that encode would not have written."""
    value, end = _item(data, 0, 0)
    if end != len(data):
        raise CborError("bytes after the value")
    return value


def read_head(data, at):
    """Return (major, number, index after the head) at index `at`; refuses cut and padded heads."""
    if at >= len(data):
        raise CborError("cut short")
    major = data[at] & 0xE0
    low = data[at] & 0x1F
    at += 1
    if low < 24:
        return major, low, at
    if low > 27 or major > MAP:
        raise CborError("head 0x%02x is not used here" % data[at - 1])
    size = 1 << (low - 24)
    if at + size > len(data):
        raise CborError("cut short")
    number = 0
    for index in range(at, at + size):
        number = number << 8 | data[index]
    if number < (24, 0x100, 0x10000, 0x100000000)[low - 24]:
        raise CborError("head is longer than needed")
    return major, number, at + size


def _item(data, at, depth):
    """Return (value, index after it) of the item at index `at`."""
    major, number, at = read_head(data, at)
    if major == UINT:
        return number, at
    if major == NEGATIVE:
        return -1 - number, at
    if major == BYTES or major == TEXT:
        return _string(data, at, number, major == TEXT)
    if major == ARRAY or major == MAP:
        if depth >= MAX_DEPTH:
            raise CborError("deeper than %d" % MAX_DEPTH)
        if number > len(data) - at:  # each item needs one byte at least: bounds the work
            raise CborError("cut short")
        return _array(data, at, number, depth) if major == ARRAY else _map(data, at, number, depth)
    if major == 0xE0 and 20 <= number <= 22:
        return (False, True, None)[number - 20], at
    raise CborError("type 0x%02x is not used here" % major)


def _string(data, at, size, text):
    """Return (bytes or str, index after it)."""
    if size > len(data) - at:
        raise CborError("cut short")
    value = bytes(data[at : at + size])
    if not text:
        return value, at + size
    try:
        return value.decode(), at + size
    except ValueError:
        raise CborError("text is not UTF-8")


def _array(data, at, number, depth):
    """Return (list, index after it)."""
    items = []
    for _ in range(number):
        item, at = _item(data, at, depth + 1)
        items.append(item)
    return items, at


def _map(data, at, number, depth):
    """Return (dict, index after it); keys must be int or str and in growing order of their encodings."""
    result = {}
    last = b""
    for _ in range(number):
        start = at
        key, at = _item(data, at, depth + 1)
        encoded = bytes(data[start:at])
        if encoded[0] & 0xE0 not in (UINT, NEGATIVE, TEXT) or encoded <= last:
            raise CborError("a key is out of order, repeated or of a wrong type")
        last = encoded
        result[key], at = _item(data, at, depth + 1)
    return result, at
