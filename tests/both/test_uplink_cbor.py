# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CBOR on both runtimes: the vectors of RFC 8949 appendix A, and what must be refused."""

from binascii import hexlify, unhexlify

from edge.shell import cbor

# RFC 8949, appendix A (integers, strings, simple values, arrays, maps of definite length).
VECTORS = (
    (0, "00"),
    (1, "01"),
    (10, "0a"),
    (23, "17"),
    (24, "1818"),
    (25, "1819"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"),
    (-10, "29"),
    (-100, "3863"),
    (-1000, "3903e7"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"", "40"),
    (b"\x01\x02\x03\x04", "4401020304"),
    ("", "60"),
    ("a", "6161"),
    ("IETF", "6449455446"),
    ("\u00fc", "62c3bc"),
    ("\u6c34", "63e6b0b4"),
    ([], "80"),
    ([1, 2, 3], "83010203"),
    ([1, [2, 3], [4, 5]], "8301820203820405"),
    ({}, "a0"),
    ({1: 2, 3: 4}, "a201020304"),
    ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
)

# Section 4.2.1: keys in bytewise order of their encodings.
ORDERED = {10: 0, 100: 1, -1: 2, "z": 3, "aa": 4, 0: 5}
ORDERED_HEX = "a600050a00186401200261" + "7a0362616104"

REFUSED = (
    "",  # nothing
    "0000",  # bytes after the value
    "18",  # cut head
    "1817",  # longer than needed
    "190017",
    "1a00000017",
    "1b0000000000000017",
    "1c",  # reserved
    "1f",
    "61",  # cut text
    "4403",  # cut bytes
    "81",  # cut array
    "9affffffff",  # array of 4 thousand million items in no bytes
    "bbffffffffffffffff",
    "9fff",  # indefinite
    "5f4101ff",
    "c100",  # tag
    "f90000",  # floats
    "fa00000000",
    "fb0000000000000000",
    "f7",  # undefined
    "f818",
    "a201000100",  # repeated key
    "a202000100",  # keys out of order
    "a1f400",  # a key that is neither int nor str
    "a1410000",
    "61ff",  # not UTF-8
    "818181818181818181818100",  # too deep
)


def refuses(function, value):
    try:
        function(value)
    except cbor.CborError:
        return True
    return False


def test_vectors_of_the_standard():
    for value, text in VECTORS:
        assert hexlify(cbor.encode(value)).decode() == text, text
        assert cbor.decode(unhexlify(text)) == value, text


def test_map_keys_have_one_order():
    data = cbor.encode(ORDERED)
    assert hexlify(data).decode() == ORDERED_HEX
    assert cbor.decode(data) == ORDERED


def test_bytes_that_encode_would_not_write_are_refused():
    for text in REFUSED:
        assert refuses(cbor.decode, unhexlify(text)), text


def test_values_without_encoding_are_refused():
    deep = 1
    for _ in range(cbor.MAX_DEPTH + 1):
        deep = [deep]
    for value in (1.5, 1 << 64, -(1 << 64) - 1, {1.5: 1}, {None: 1}, {True: 1}, object(), [2.0], deep):
        assert refuses(cbor.encode, value), str(value)


def test_every_cut_of_a_value_is_refused():
    data = cbor.encode({1: 18446744073709551615, 9: {20: "hello", 21: [1, -500, None], 22: b"abc"}})
    for size in range(len(data)):
        assert refuses(cbor.decode, data[:size]), size


def test_any_two_bytes_decode_or_are_refused_and_come_back_equal():
    for first in range(256):
        for second in range(0, 256, 5):
            data = bytes((first, second))
            try:
                value = cbor.decode(data)
            except cbor.CborError:
                continue
            assert cbor.encode(value) == data
