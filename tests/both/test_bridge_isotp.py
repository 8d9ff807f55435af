# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""crc and isotp: published check values, recorded frames of a car, and everything that may arrive instead."""

from binascii import unhexlify

from bms_bridge import crc
from bms_bridge.isotp import BROKEN, DONE, FLOW, WAIT, Receiver, flow_frame, segments, single_frame

# A Nissan Leaf (AZE0, 30 kWh) answers 21 02: 96 cells. Frames as an ELM327 wrote them.
LEAF_02 = (
    "10C661020F3D0F42 210F420F3F0F3E0F 223E0F420F3F0F3B 230F3E0F3E0F3F0F 243F0F3F0F420F3B 250F3F0F470F420F "
    "26400F3F0F3F0F42 270F3B0F440F420F 28420F440F420F42 290F420F3F0F420F 2A470F420F3F0F42 2B0F420F420F3F0F "
    "2C3F0F3F0F420F40 2D0F420F420F420F 2E3F0F420F3F0F3E 2F0F3F0F3E0F3D0F 203D0F3B0F420F42 210F420F420F420F "
    "22420F420F440F44 230F3F0F470F3B0F 24420F420F420F44 250F3F0F420F420F 263F0F3F0F420F42 270F3F0F3F0F420F "
    "283E0F440F3F0F42 290F420F3B0F3F0F 2A420F3E0F3B0F3E 2B0F3E0F3E0F4292 2C6A9218FFFFFFFF"
)


def frames_of(text):
    return [unhexlify(word) for word in text.split()]


def receive(receiver, frames):
    """The verdicts of all frames, in order."""
    return [receiver.take(10 * k, frame) for k, frame in enumerate(frames)]


def test_published_check_values():
    nine = b"123456789"
    assert crc.check("crc8_1d", nine, 0xFF, 0xFF) == 0x4B  # CRC-8/SAE-J1850
    assert crc.check("crc8_2f", nine, 0xFF, 0xFF) == 0xDF  # CRC-8/AUTOSAR
    assert crc.check("modbus_crc", nine) == 0x4B37
    assert crc.check("sum8", nine) == 0xDD
    assert crc.check("sum8", b"\xff\xff", 3, 0xFF) == 0xFE
    try:
        crc.check("crc8_99", nine)
    except KeyError:
        return
    raise AssertionError("an unknown name was taken")


def test_nissan_crc_of_recorded_frames():
    for text in ("0004C262000000BC", "D8800000E70010A6", "B4078FFD0CCCDC0A"):
        data = unhexlify(text)
        assert crc.check("crc8_85", data[:7]) == data[7]
        for bit in range(56):
            wrong = bytearray(data)
            wrong[bit >> 3] ^= 1 << (bit & 7)
            assert crc.check("crc8_85", wrong[:7]) != data[7]


def test_recorded_answer_with_the_sequence_wrapped():
    receiver = Receiver(b"\x30\x00\x00")
    frames = frames_of(LEAF_02)
    verdicts = receive(receiver, frames)
    assert verdicts == [FLOW] + [WAIT] * 27 + [DONE]
    assert len(receiver.payload) == 0xC6 and receiver.payload[:4] == b"\x61\x02\x0f\x3d"
    assert receiver.payload[-4:] == b"\x92\x6a\x92\x18"
    assert segments(receiver.payload, 0xFF) == frames


def test_flow_control_after_every_frame():
    receiver = Receiver(b"\x30\x01\x00")
    assert receive(receiver, frames_of(LEAF_02)) == [FLOW] * 28 + [DONE]
    receiver = Receiver(b"\x30\x0a\x00")
    verdicts = receive(receiver, frames_of(LEAF_02))
    assert [k for k, verdict in enumerate(verdicts) if verdict == FLOW] == [0, 10, 20]


def test_every_lost_doubled_or_swapped_frame_is_found():
    frames = frames_of(LEAF_02)
    last = len(frames) - 1
    for k in range(1, last + 1):
        lost = frames[:k] + frames[k + 1 :]
        swapped = frames[: k - 1] + [frames[k], frames[k - 1]] + frames[k + 1 :]
        doubled = frames[: k + 1] + frames[k:]
        for damaged in (lost, swapped) if k == last else (lost, swapped, doubled):
            assert DONE not in receive(Receiver(b"\x30\x00\x00"), damaged), k


def test_truncated_frames_are_broken():
    frames = frames_of(LEAF_02)
    for size in range(8):
        receiver = Receiver(b"\x30\x00\x00")
        assert receiver.take(0, frames[0][:size]) == BROKEN
    for size in range(1, 8):
        receiver = Receiver(b"\x30\x00\x00")
        receiver.take(0, frames[0])
        assert receiver.take(1, frames[1][:size]) == BROKEN
        assert receiver.take(2, frames[2]) == WAIT and receiver.payload == b""
    receiver = Receiver(b"\x30\x00\x00")
    receive(receiver, frames[:-1])
    assert receiver.take(1, frames[-1][:3]) == BROKEN
    receiver = Receiver(b"\x30\x00\x00")
    receive(receiver, frames[:-1])
    assert receiver.take(1, frames[-1][:4]) == DONE  # without filling bytes


def test_single_frames_of_both_kinds():
    rows = (
        (b"\x03\x62\x01\x01\xaa\xaa\xaa\xaa", b"\x62\x01\x01"),
        (b"\x07\x01\x02\x03\x04\x05\x06\x07", b"\x01\x02\x03\x04\x05\x06\x07"),
        (b"\x01\x7e", b"\x7e"),
        (b"\x00\x0a" + bytes(range(14)), bytes(range(10))),
        (b"\x00\x00\x00\x00\x00\x00\x00\x00", None),
        (b"\x08\x01\x02\x03\x04\x05\x06\x07", None),
        (b"\x00\x0f" + bytes(10), None),
        (b"\x04\x01\x02", None),
        (b"\x40\x01\x02", None),
        (b"", None),
    )
    for data, want in rows:
        receiver = Receiver(b"\x30\x00\x00")
        assert receiver.take(0, data) == (BROKEN if want is None else DONE), data
        assert want is None or receiver.payload == want


def test_first_frames_that_lie_about_the_length():
    for head in (b"\x10\x06", b"\x10\x00\x00\x00\x00\x00", b"\x10\x00\x00\x10\x00\x00", b"\x10\x00\xff\xff\xff\xff"):
        receiver = Receiver(b"\x30\x00\x00")
        assert receiver.take(0, head + bytes(8 - len(head))) == BROKEN, head
    receiver = Receiver(b"\x30\x00\x00")
    assert receiver.take(0, b"\x10\x00\x00\x00\x00\x0b\x01\x02") == FLOW
    assert receiver.take(0, b"\x21\x03\x04\x05\x06\x07\x08\x09") == WAIT
    assert receiver.take(0, b"\x22\x0a\x0b\x00\x00\x00\x00\x00") == DONE
    assert receiver.payload == bytes(range(1, 12))


def test_segments_come_back_whole():
    for size in (8, 64):
        for length in (1, 7, 8, 13, 14, 61, 62, 63, 64, 130, 300, 4095):
            payload = bytes([k & 0xFF for k in range(length)])
            receiver = Receiver(b"\x30\x00\x00")
            verdicts = receive(receiver, segments(payload, 0xAA, size))
            assert verdicts[-1] == DONE and receiver.payload == payload, (size, length)
            assert DONE not in verdicts[:-1]


def test_silence_expires():
    receiver = Receiver(b"\x30\x00\x00")
    receiver.start(5000)
    assert not receiver.expired(6000) and receiver.expired(6001)
    receiver.take(6000, frames_of(LEAF_02)[0])
    assert not receiver.expired(7000) and receiver.expired(7001)


def test_requests():
    assert single_frame(b"\x22\x01\x01", 0) == b"\x03\x22\x01\x01\x00\x00\x00\x00"
    assert single_frame(b"\x21\x02", 0xFF) == b"\x02\x21\x02\xff\xff\xff\xff\xff"
    assert flow_frame(b"\x30\x00\x05", 0) == b"\x30\x00\x05\x00\x00\x00\x00\x00"
    for payload in (b"", bytes(8)):
        try:
            single_frame(payload, 0)
        except ValueError:
            continue
        raise AssertionError(payload)


def test_random_frames_never_raise():
    seed = 20261123
    receiver = Receiver(b"\x30\x02\x00")
    for k in range(1500):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        size = seed >> 16 & 15
        data = bytearray(size)
        for i in range(size):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            data[i] = seed >> 16 & 0xFF
        assert receiver.take(k, bytes(data)) in (WAIT, FLOW, DONE, BROKEN)
