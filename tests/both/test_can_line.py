# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""slcan lines: written, read, broken."""

from bms_bridge.can_line import LINE_MAX, SIZES, Lines, decode_line, encode_line, gate_frame, opening, split_frame


def test_lines_of_the_protocol():
    rows = (
        (b"t7E483220101000000000", None),  # 16 digits are data, one more is not looked at
        (b"t1DB80004C262000000BC", (0x1DB, False, b"\x00\x04\xc2\x62\x00\x00\x00\xbc")),
        (b"T18DADBF1803229001AAAAAAAA", (0x18DADBF1, True, b"\x03\x22\x90\x01\xaa\xaa\xaa\xaa")),
        (b"t0000", (0, False, b"")),
        (b"d7ED9" + b"01" * 12, (0x7ED, False, b"\x01" * 12)),
        (b"B000007EDF" + b"AB" * 64, (0x7ED, True, b"\xab" * 64)),
        (b"t1DB8" + b"00" * 8 + b"1A2B", (0x1DB, False, bytes(8))),  # with a time stamp
        (b"t1DB80004C262000000B", None),
        (b"t1DB9" + b"00" * 12, None),
        (b"tXYZ10A", None),
        (b"t80010A", None),
        (b"T2000000010A", None),
        (b"r1230", None),
        (b"t", None),
        (b"", None),
        (b"t1D\xff8", None),
        (b"\xff\xfe", None),
    )
    for line, want in rows[1:]:
        assert decode_line(line) == want, line
    assert decode_line(rows[0][0])[2] == b"\x32\x20\x10\x10\x00\x00\x00\x00"


def test_what_is_written_is_read():
    for size in SIZES:
        data = bytes([k + 1 for k in range(size)])
        for can_id, extended in ((0x7E4, False), (0x18DADBF1, True), (0, False), (0x1FFFFFFF, True)):
            fd = size > 8
            line = encode_line(can_id, extended, data, fd)
            assert line[-1:] == b"\r" and len(line) <= LINE_MAX
            assert decode_line(line[:-1]) == (can_id, extended, data)
            assert split_frame(gate_frame(can_id, extended, data)) == (can_id, extended, data)
    assert encode_line(0x305, False, bytes(8)) == b"t30580000000000000000\r"
    assert encode_line(0x7E4, False, bytes(8), True) == b"d7E480000000000000000\r"


def test_speeds():
    assert opening(500000) == b"\rC\rS6\rO\r" and opening(1000000) == b"\rC\rS8\rO\r"
    try:
        opening(83333)
    except ValueError:
        return
    raise AssertionError("slcan has no such speed")


def test_a_stream_in_any_pieces():
    good = encode_line(0x1DB, False, b"\x01\x02\x03") + encode_line(0x7BB, False, bytes(8))
    stream = b"\r\r" + good + b"z\r" + b"\x07" + b"t1DB\r" + b"x" * 400 + b"\r" + good
    for size in (1, 2, 7, 1000):
        lines = Lines()
        frames = []
        for at in range(0, len(stream), size):
            frames.extend(lines.feed(stream[at : at + size]))
        assert frames == [(0x1DB, False, b"\x01\x02\x03"), (0x7BB, False, bytes(8))] * 2
        assert lines.refused == 1 and lines.broken >= 2


def test_random_bytes_never_raise():
    seed = 20261124
    lines = Lines()
    alphabet = b"tTdDbB0123456789ABCDEF\r\x07\xff\x00"
    for _ in range(400):
        chunk = bytearray(20)
        for k in range(20):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            chunk[k] = alphabet[(seed >> 16) % len(alphabet)]
        for can_id, extended, data in lines.feed(bytes(chunk)):
            assert can_id <= 0x1FFFFFFF and len(data) <= 64
