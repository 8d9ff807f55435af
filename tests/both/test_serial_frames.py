# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Serial framings on bytes of real devices: each answer is found whole, in noise, and never when a byte
is wrong. Origins: JBD syssi/esphome-jbd-bms docs/pdus (Apache-2.0), Pylontech Frankkkkk/python-pylontech
tests (MIT), JK the published replies of a PB inverter BMS."""

from binascii import hexlify, unhexlify

from bms_bridge import serial_frames as f

BASIC = "DD03001D06180000 01F201F400002C7C00000000000080640304030B8B0B8A0B84FA8D77"
DRAIN = "DD03001D0618FEE1 01F201F4002A2C7C00000000000080640304030B8B0B8A0B84F88477"
EMPTY = "DD03001700000000000027100000 2C5000000000000020000110 00FF0577"
CELLS = "DD0400080F450F3D0F370F3DFEC677"
CELLS16 = "DD0400200E100E100E100E100E100E100E100E100E100E100E100E100E100E100E100000FE1E77"
NAME = "DD0500194A42442D5350303453303334 2D4C34532D323030412D422D55FA0877"
COUNTS = "DDAA0018000000000000007A00020000000000000000000000000001FF6B77"
SWITCHED = "DDE10000000077"
THREE = (
    b"~20024600914211030F0CE70CE80CE60CE70CE80CE80CE80CE60CE50CE60CE80CE70CEA0CE50CE6050B910B870B870B870B87FFE6C18982"
    b"DC02C350001F0F0CE20CE60CE60CE10CE50CE70CE60CE30CE20CE50CE30CE90CE70CE90CE9050B910B870B870B870B87FFE7C17082DC02"
    b"C350001F0F0CE20CE50CE50CE20CE30CE30CE40CE50CE60CE60CE30CE40CE40CE60CE6050B910B7D0B7D0B7D0B7DFFE5C16082DC02C350"
    b"001FB476\r"
)
ONE = (
    b"~20024600D05E1002080D020D020D020D030D000D010D010D03050B7D0B690B690B690B73FFFA680EFFFF04FFFF00000174E401B198E906\r"
)
MANAGE = b"~20024600B014026EF05AA0022BFDD5C0F915\r"
JK_STATUS = (
    "55aaeb900200dd0cdd0cdd0cdd0cdd0cdd0cde0cdd0cde0cde0cde0cde0cde0cdd0cde0cdd0c000000000000000000000000"
    "0000000000000000000000000000000000000000ffff0000dd0c01000100330034003f0042004d0058006600710077007100"
    "660062005a004400400036000000000000000000000000000000000000000000000000000000000000000000cb0000000000"
    "d7cd00000000000000000000c300c6000000000000000037535e0200c04504003e00000086b70901640000000422e5020101"
    "0000000000000000000000000000ff00010000009703000000001671404000000000951400000001010100060000b4e3af00"
    "00000000cb00c200c7009703863ec40b100900008051010000000302000000000000000001feff7fdc2f0101b0cf07000021"
)
JK_SETTINGS = (
    "55aaeb900100ac0d00008c0a0000550b0000420e0000740d000005000000750d0000540b00007a0d0000160d0000c4090000"
    "60ea0000030000003c000000a08601002c0100003c00000005000000d00700005e010000400100005e010000400100003200"
    "00004600000020030000bc02000010000000010000000100000001000000c0450400dc050000700d00000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000030000000000000060e316000033000a18feffffff9fe99d030000000034"
)
JK_ACK = {0x1620: "03101620000105A9", 0x161E: "0310161E00016465"}


def raw(text):
    return unhexlify(text.replace(" ", ""))


def jk(register):
    return raw((JK_STATUS if register == 0x1620 else JK_SETTINGS) + JK_ACK[register])


# (framing, unit, command, frames, whole answer, bytes of payload)
ANSWERS = (
    ("jbd", 0, 0x03, 1, raw(BASIC), 29),
    ("jbd", 0, 0x03, 1, raw(DRAIN), 29),
    ("jbd", 0, 0x03, 1, raw(EMPTY), 23),
    ("jbd", 0, 0x04, 1, raw(CELLS), 8),
    ("jbd", 0, 0x04, 1, raw(CELLS16), 32),
    ("jbd", 0, 0x05, 1, raw(NAME), 25),
    ("jbd", 0, 0xAA, 1, raw(COUNTS), 24),
    ("jbd", 0, 0xE1, 1, raw(SWITCHED), 0),
    ("pylontech", 2, 0x42, 1, THREE, 161),
    ("pylontech", 2, 0x42, 1, ONE, 47),
    ("pylontech", 2, 0x92, 1, MANAGE, 10),
    ("jk", 3, 0x1620, 1, jk(0x1620), 300),
    ("jk", 3, 0x161E, 1, jk(0x161E), 300),
    ("daly", 1, 0x90, 1, raw("A5 01 90 08 01 0A 00 00 75 30 03 84 75"), 8),
)


def test_questions_are_the_recorded_ones():
    cases = (
        ("jbd", 0, 0x03, b"", raw("DDA50300FFFD77")),
        ("jbd", 0, 0x04, b"", raw("DDA50400FFFC77")),
        ("jbd", 0, 0x05, b"", raw("DDA50500FFFB77")),
        ("jbd", 0, 0xAA, b"", raw("DDA5AA00FF5677")),
        ("pylontech", 2, 0x42, b"\x02", b"~20024642E00202FD33\r"),
        ("jk", 3, 0x1620, b"", raw("031016200001020000CF91")),
        ("daly", 1, 0x90, b"", raw("A540900800000000000000007D")),
    )
    for framing, unit, command, body, frame in cases:
        made = f.request_frame(framing, unit, command, body)
        assert made == frame, (framing, hexlify(made))


def test_every_recorded_answer_is_found():
    for framing, unit, command, frames, answer, size in ANSWERS:
        payload, code, used = f.parse_reply(framing, answer, unit, command, frames)
        assert (len(payload), code, used) == (size, 0, len(answer)), (framing, hex(command))


def test_noise_and_echoes_are_passed_over():
    for framing, unit, command, frames, answer, size in ANSWERS:
        body = bytes((unit,)) if framing == "pylontech" else b""
        for noise in (b"\x00", b"\xdd", b"~", b"\x55\xaa", f.request_frame(framing, unit, command, body)):
            payload, code, used = f.parse_reply(framing, noise + answer, unit, command, frames)
            assert (len(payload), code, used) == (size, 0, len(noise) + len(answer)), (framing, noise)


def test_an_answer_is_nothing_until_it_is_whole():
    for framing, unit, command, frames, answer, _ in ANSWERS:
        for end in range(len(answer)):
            assert f.parse_reply(framing, answer[:end], unit, command, frames) is None, (framing, end)


def test_a_wrong_byte_is_found():
    """Any single changed byte: these sums find every one; start and end bytes are part of the frame."""
    for framing, unit, command, frames, answer, _ in ANSWERS:
        step = 1 if len(answer) < 60 else 7
        for place in range(0, len(answer), step):
            bad = bytearray(answer)
            bad[place] ^= 1 << place % 8
            assert f.parse_reply(framing, bytes(bad), unit, command, frames) is None, (framing, place)


def test_answers_of_others_are_not_ours():
    for framing, unit, command, frames, answer, _ in ANSWERS:
        if framing != "jbd":  # has no address
            assert f.parse_reply(framing, answer, unit + 1, command, frames) is None, framing
        if framing != "pylontech":  # does not repeat the command
            assert f.parse_reply(framing, answer, unit, command ^ 2, frames) is None, framing


def test_what_a_device_says_instead_of_data():
    refusal = raw("DD 03 80 00 FF80 77")
    assert f.parse_reply("jbd", refusal, 0, 3) == (b"", 0x80, 7)
    refusal = f.pylontech_frame(2, 0x04, b"")
    assert f.parse_reply("pylontech", refusal, 2, 0x42) == (b"", 4, len(refusal))


def daly(number, data, command=0x95):
    frame = bytes((0xA5, 1, command, 8, number)) + data
    return frame + bytes((sum(frame) & 0xFF,))


def test_an_answer_of_several_frames_must_be_in_order():
    parts = [daly(k + 1, bytes((k,)) * 7) for k in range(3)]
    payload, code, used = f.parse_reply("daly", b"".join(parts), 1, 0x95, 3)
    assert payload == b"\0" * 7 + b"\1" * 7 + b"\2" * 7 and code == 0 and used == 39
    assert f.parse_reply("daly", parts[1] + parts[0] + parts[2], 1, 0x95, 3) is None
    assert f.parse_reply("daly", parts[0] + parts[2], 1, 0x95, 3) is None
    again = parts[0] + parts[1] + b"".join(parts)  # begun twice
    assert f.parse_reply("daly", again, 1, 0x95, 3)[2] == 65


ANALOG = (
    2,
    (
        (f.COUNTED, 2, 16, 255),
        (f.COUNTED, 2, 8, 255),
        (f.BYTES, 6),
        (f.CHOICE, ((2, 4), (4, 10)), 10, 255),
    ),
)
CELL_SHAPE = (0, ((f.OPEN, 2, 32, 255),))
SWITCHES = (0, ((f.BYTES, 9), (f.BITS,)))
OPTIONS = (0, ((f.BYTES, 22), (f.COUNTED, 2, 8, 255), (f.TAIL,)))


def payload_of(row):
    framing, unit, command, frames, answer, _ = row
    return f.parse_reply(framing, answer, unit, command, frames)[0]


def test_lists_get_their_full_length():
    three = payload_of(ANSWERS[8])
    assert f.shape_size(ANALOG) == 2 + 33 + 17 + 6 + 11
    for record, first, last in ((0, 0x0CE7, 0x0CE6), (1, 0x0CE2, 0x0CE9), (2, 0x0CE2, 0x0CE6)):
        data = f.unfold(ANALOG, three, record)
        assert len(data) == f.shape_size(ANALOG) and data[2] == 15
        assert data[3] << 8 | data[4] == first and data[31] << 8 | data[32] == last and data[33:35] == b"\xff\xff"
    assert f.unfold(ANALOG, three) is None and f.unfold(ANALOG, three, 3) is None
    one = payload_of(ANSWERS[9])
    data = f.unfold(ANALOG, one)
    assert data[2] == 8 and data[58] == 4 and data[63:69] == raw("0174E401B198")
    cells = f.unfold(CELL_SHAPE, payload_of(ANSWERS[3]))
    assert cells[:9] == raw("040F450F3D0F370F3D") and cells[9:] == b"\xff" * 56
    switches = f.unfold(SWITCHES, payload_of(ANSWERS[10]))
    assert switches[9:] == bytes((0, 0, 0, 0, 0, 0, 1, 1))


def test_an_answer_that_does_not_fit_is_none():
    one = payload_of(ANSWERS[9])
    for end in range(len(one)):
        assert f.unfold(ANALOG, one[:end]) is None, end
    assert f.unfold(ANALOG, one + b"\0") is None
    assert f.unfold(CELL_SHAPE, bytes(7)) is None and f.unfold(CELL_SHAPE, bytes(66)) is None
    basic = payload_of(ANSWERS[0])
    assert f.unfold(OPTIONS, basic) == f.unfold(OPTIONS, basic + b"more")
    many = bytearray(one)
    many[2] = 17
    assert f.unfold(ANALOG, bytes(many)) is None


def test_fold_is_the_inverse():
    for shape, row in ((ANALOG, 9), (CELL_SHAPE, 3), (CELL_SHAPE, 4), (SWITCHES, 10), (OPTIONS, 0)):
        payload = payload_of(ANSWERS[row])
        assert f.fold(shape, f.unfold(shape, payload)) == payload, row
