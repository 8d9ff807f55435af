# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Framing as dialogues: what goes out, what comes in. Frames marked captured are of a real Seplos V3."""

from bms_bridge import modbus
from bms_bridge.poll import Request

# (request, frame on the serial line, answer, data in it or reason)
RTU_DIALOGUES = (
    # captured: syssi/esphome-seplos-bms docs/pdus/v3 (Apache-2.0)
    (
        Request(1, 4, 0x1000, 17, None, 0),
        "010410000011 34C6",
        "01042214CDFF776B4080E80122034003E7000A0CFF0B7F0D000CFF0B810B7E000000B400B4D32E",
        "14CDFF776B4080E80122034003E7000A0CFF0B7F0D000CFF0B810B7E000000B400B4",
    ),
    (Request(1, 1, 0x1200, 0x900, None, 2), "010112000900 3F22", "018102C191", modbus.EXCEPTION + 2),
    (Request(0, 4, 0x2100, 26, None, 0), "00042100001A7A2C", "0084029301", modbus.EXCEPTION + 2),
    # vendor document, section 5
    (
        Request(0, 1, 0x1200, 0x90, None, 2),
        "0001120000 90 38CF",
        "000112" + "00" * 8 + "10" + "00" * 6 + "030000" + "6A24",
        "00" * 8 + "10" + "00" * 6 + "030000",
    ),
    # synthesised: a write and its echo
    (
        Request(1, 16, 40134, 4, bytes.fromhex("0FA009C400000005"), -1),
        "01109CC60004080FA009C400000005",
        "01109CC60004",
        "",
    ),
)


def clean(text):
    return bytes.fromhex(text.replace(" ", ""))


def with_crc(frame):
    crc = modbus.crc16(frame)
    return frame + bytes((crc & 0xFF, crc >> 8))


def answer_of(request, text):
    frame = clean(text)
    return with_crc(frame) if request.function == 16 else frame


def test_rtu_dialogues():
    for request, sent, answer, want in RTU_DIALOGUES:
        frame = modbus.rtu_frame(request.unit, modbus.request_pdu(request))
        expected = clean(sent)
        assert frame == (with_crc(expected) if request.function == 16 else expected)
        reply = answer_of(request, answer)
        pdu, used = modbus.rtu_parse(reply, request.unit, request.function)
        assert used == len(reply)
        data, reason = modbus.reply_data(request, pdu)
        if isinstance(want, str):
            assert reason == 0 and data == bytes.fromhex(want)
        else:
            assert data is None and reason == want


def test_rtu_answer_is_found_between_noise():
    request = RTU_DIALOGUES[0][0]
    good = clean(RTU_DIALOGUES[0][2])
    own = modbus.rtu_frame(1, modbus.request_pdu(request))
    other = with_crc(b"\x02\x04\x02\x00\x01")
    broken = bytes((good[0], good[1], good[2], good[3] ^ 1)) + good[4:]
    for before in (b"\x00", b"\xff\x00\x00", other, own, broken, b"\x01\x04", b"\x01\x04\xff"):
        found = modbus.rtu_parse(before + good, 1, 4)
        assert found is not None and found[0] == good[1:-2], before
        assert found[1] == len(before + good)


def test_rtu_needs_every_byte_and_the_right_crc():
    good = clean(RTU_DIALOGUES[0][2])
    for length in range(len(good)):
        assert modbus.rtu_parse(good[:length], 1, 4) is None
    for place in range(len(good)):
        for bit in (0, 7):
            bad = bytearray(good)
            bad[place] ^= 1 << bit
            assert modbus.rtu_parse(bytes(bad), 1, 4) is None, place


def test_tcp_frames():
    frame = modbus.tcp_frame(7, 1, modbus.read_pdu(4, 0x1000, 17))
    assert frame == bytes.fromhex("000700000006010410000011")
    reply = modbus.tcp_frame(7, 1, b"\x04\x02\x12\x34")
    for length in range(len(reply)):
        assert modbus.tcp_parse(reply[:length]) is None
    assert modbus.tcp_parse(reply + b"\x00\x08") == (7, 1, b"\x04\x02\x12\x34", len(reply))


def test_a_request_on_tcp_is_its_pdu_in_a_frame():
    writes = (Request(1, 5, 3, 1, b"\xff\x00", -1), Request(0x201, 6, 40, 1, b"\x12\x34", -1))
    for request in [row[0] for row in RTU_DIALOGUES] + list(writes):
        assert modbus.tcp_request(7, request) == modbus.tcp_frame(7, request.unit, modbus.request_pdu(request))


def test_tcp_garbage_ends_the_connection():
    for text in ("0001000100060104", "0001000000000104", "000100000002010400", "0001FFFF00060104", "00010000FFFF0104"):
        assert modbus.tcp_parse(bytes.fromhex(text))[3] == 0, text


def test_answers_that_do_not_fit_are_refused():
    read = Request(1, 3, 10, 2, None, 0)
    write = Request(1, 16, 10, 1, b"\x00\x01", -1)
    cases = (
        (read, b"\x03\x04\x00\x01\x00\x02", 0),
        (read, b"\x03\x02\x00\x01", modbus.BAD_REPLY),
        (read, b"\x03\x04\x00\x01\x00", modbus.BAD_REPLY),
        (read, b"\x03\x04\x00\x01\x00\x02\x00", modbus.BAD_REPLY),
        (read, b"\x04\x04\x00\x01\x00\x02", modbus.BAD_REPLY),
        (read, b"\x83\x0b", modbus.EXCEPTION + 11),
        (read, b"\x83", modbus.BAD_REPLY),
        (read, b"", modbus.BAD_REPLY),
        (write, b"\x10\x00\x0a\x00\x01", 0),
        (write, b"\x10\x00\x0b\x00\x01", modbus.BAD_REPLY),
        (write, b"\x10\x00\x0a\x00\x02", modbus.BAD_REPLY),
        (write, b"\x90\x03", modbus.EXCEPTION + 3),
    )
    for request, pdu, reason in cases:
        assert modbus.reply_data(request, pdu)[1] == reason, (request, pdu)


def test_coil_answers_are_counted_in_bytes():
    assert [modbus.data_size(1, count) for count in (1, 8, 9, 144)] == [1, 1, 2, 18]
    assert modbus.data_size(4, 26) == 52


def test_every_reason_has_words():
    for reason in (0, modbus.TIMEOUT, modbus.LINK_DOWN, modbus.REFUSED, modbus.BAD_REPLY, modbus.EXCEPTION + 2):
        assert modbus.reason_text(reason)
