# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""tx_gate of kind can: which frames may leave. Every identifier is tried; frames are written by hand."""

from edge.core import tx_gate as g
from edge.core.records import Command

ASK = b"\x03\x22\x01\x01"
RULES = (
    ((0x7E4, ASK), (0x7E4, b"\x30\x00\x05"), (0x79B, b"\x02\x21\x02"), (0x98DADBF1, b"\x03\x22\x90\x01")),
    ((0x305, bytes(8), b"\xff" * 8), (0x200, b"\x00\x28\x00\x10\x00\x3b\xd0\x00", b"\xff\xff\xff\xff\xff\x00\xff\xff")),
)


def frame(key, data):
    return bytes((key >> 24, key >> 16 & 255, key >> 8 & 255, key & 255, len(data))) + data


def fill(start, byte=0):
    return start + bytes((byte,)) * (8 - len(start))


class Wire:
    def __init__(self):
        self.frames = []

    def __call__(self, data):
        self.frames.append(data)


def verdict(data, mode=g.CONTROL, rules=RULES):
    """What a fresh gate says; the wire has the frame exactly when it was sent."""
    gate, wire = g.TxGate("can", mode, rules), Wire()
    said = gate.send(0, data, wire)
    assert wire.frames == ([data] if said == g.SENT else [])
    assert gate.approved + gate.refused == 1
    return said


def test_questions_and_flow_control_of_the_whitelist():
    for key, start in RULES[0]:
        for pad in (0x00, 0x55, 0xAA, 0xFF):
            assert verdict(frame(key, fill(start, pad)), g.READ) == g.SENT
            assert verdict(frame(key, fill(start, pad)), g.LISTEN) == g.REFUSED_MODE


def test_cycles_only_in_control():
    for key, data, _ in RULES[1]:
        assert verdict(frame(key, data), g.CONTROL) == g.SENT
        assert verdict(frame(key, data), g.READ) == g.REFUSED_MODE
        assert verdict(frame(key, data), g.LISTEN) == g.REFUSED_MODE


def test_every_bit_of_a_frame_that_may_leave():
    """One bit turned round: refused, unless the bit is free or the filling stays even."""
    for key, data, mask in RULES[1]:
        for bit in range(64):
            wrong = bytearray(data)
            wrong[bit >> 3] ^= 1 << (bit & 7)
            free = not mask[bit >> 3] & 1 << (bit & 7)
            assert (verdict(frame(key, bytes(wrong))) == g.SENT) == free, (key, bit)
    for key, start in RULES[0]:
        for bit in range(64):
            wrong = bytearray(fill(start))
            wrong[bit >> 3] ^= 1 << (bit & 7)
            assert verdict(frame(key, bytes(wrong))) == g.REFUSED_ADDRESS, (key, bit)
        for bit in range(32):
            assert verdict(frame(key ^ 1 << bit, fill(start))) != g.SENT, (key, bit)


def test_every_identifier_of_11_bits():
    gate, wire = g.TxGate("can", g.CONTROL, RULES), Wire()
    datas = [fill(ASK), fill(b"\x30\x00\x05"), fill(b"\x02\x21\x02"), bytes(8), RULES[1][1][1]]
    datas += [fill(b"\x02\x10\x03"), fill(b"\x04\x2f\xf0\x32\x00"), b"", b"\x00", b"\xff" * 8]
    for key in range(2048):
        for data in datas:
            gate.send(10000 * key, frame(key, data), wire)
    want = [(0x200, 4), (0x305, 3), (0x79B, 2), (0x7E4, 0), (0x7E4, 1)]
    assert wire.frames == [frame(key, datas[k]) for key, k in want]
    assert gate.refused == 2048 * len(datas) - len(want)


def test_identifiers_of_29_bits_are_others():
    for key, start in RULES[0][:3]:
        assert verdict(frame(key | 0x80000000, fill(start))) == g.REFUSED_ADDRESS
    assert verdict(frame(0x98DADBF1, fill(b"\x03\x22\x90\x01"))) == g.SENT
    for bit in range(29):
        assert verdict(frame(0x98DADBF1 ^ 1 << bit, fill(b"\x03\x22\x90\x01"))) == g.REFUSED_ADDRESS


def test_services_that_change_a_device_never_pass_whatever_the_rules_say():
    """Open or close a contactor, start a session, write, reset: also with a rule that names them."""
    for service in range(256):
        for size in range(1, 7):
            start = bytes((size, service)) + bytes((1,)) * (size - 1)
            rules = (((0x7E4, start),), ())
            good = (service, size) in ((0x21, 2), (0x22, 3))
            said = verdict(frame(0x7E4, fill(start)), g.CONTROL, rules)
            assert said == (g.SENT if good else g.REFUSED_ADDRESS), (service, size)
    for start in (
        b"",
        b"\x00",
        b"\x01\x21",
        b"\x30",
        b"\x30\x00",
        b"\x30\x00\x00\x00",
        b"\x10\x14\x22\x01",
        b"\x21\x02\x01",
        b"\x04\x22\x01\x01",
    ):
        assert verdict(frame(0x7E4, fill(start)), g.CONTROL, (((0x7E4, start),), ())) == g.REFUSED_ADDRESS, start


def test_filling_is_one_byte_and_the_frame_has_eight():
    assert verdict(frame(0x7E4, ASK)) == g.REFUSED_ADDRESS
    assert verdict(frame(0x7E4, ASK + b"\x00\x00\x00")) == g.REFUSED_ADDRESS
    assert verdict(frame(0x7E4, ASK + b"\x00\x00\x00\x01")) == g.REFUSED_ADDRESS
    assert verdict(frame(0x7E4, ASK + b"\x01\x00\x00\x00")) == g.REFUSED_ADDRESS
    assert verdict(frame(0x7E4, ASK + bytes(8))) == g.REFUSED_ADDRESS
    assert verdict(frame(0x305, bytes(7))) == g.REFUSED_ADDRESS


def test_malformed_frames():
    good = frame(0x7E4, fill(ASK))
    for data in (
        b"",
        good[:4],
        good[:5],
        good[:-1],
        good + b"\x00",
        good[:4] + b"\x00",
        good[:4] + b"\x41" + bytes(65),
    ):
        assert verdict(data) == g.REFUSED_FRAME, data
    for key in (0x800, 0x7FFFFFFF, 0x20000305, 0x40000305, 0xA0000305, 0xFFFFFFFF):
        assert verdict(frame(key, bytes(8))) == g.REFUSED_FRAME, key


def test_rates():
    gate, wire = g.TxGate("can", g.CONTROL, RULES), Wire()
    for _ in range(g.RATE_FRAMES):
        assert gate.send(0, frame(0x7E4, fill(ASK)), wire) == g.SENT
    assert gate.send(999, frame(0x7E4, fill(ASK)), wire) == g.REFUSED_RATE
    for _ in range(g.RATE_CYCLES):
        assert gate.send(999, frame(0x305, bytes(8)), wire) == g.SENT
    assert gate.send(999, frame(0x305, bytes(8)), wire) == g.REFUSED_RATE
    assert gate.send(1000, frame(0x305, bytes(8)), wire) == g.SENT
    assert gate.send(1000, frame(0x7E4, fill(ASK)), wire) == g.SENT


def test_bytes_on_the_wire_equal_the_approved_sum():
    gate, wire = g.TxGate("can", g.CONTROL, RULES), Wire()
    for key in range(0x780, 0x800):
        gate.send(key * 1000, frame(key, fill(ASK)), wire)
        gate.send(key * 1000, frame(key, fill(b"\x02\x21\x02")), wire)
    assert len(wire.frames) == 2 and gate.approved_sum == g.approved_sum(1, b"".join(wire.frames))


def test_what_is_left_of_the_other_kinds():
    """Branches of the Modbus kinds that no other test reaches."""
    rules = (((1, 3, 0, 10, 5),), ((1, 16, 0, 1, ((0, 9, 1, 1),)), (2, 16, 5, 1, ((0, g.CONSTANT, 7, 0),))))
    gate, wire = g.TxGate("tcp", g.CONTROL, rules), Wire()
    assert gate.permit(0, Command(-1, 9000, 9000, None, 50000, None, None, 3000, 1))

    def tcp(pdu):
        return bytes((0, 7, 0, 0, 0, len(pdu) + 1, 1)) + pdu

    assert gate.send(0, tcp(b"\x06\x00\x00\x00\x01"), wire) == g.REFUSED_ADDRESS
    assert gate.send(0, tcp(b"\x10\x00\x00\x00\x01"), wire) == g.REFUSED_FRAME
    assert gate.send(0, tcp(b"\x10\x00\x05\x00\x01\x02\x00\x07"), wire) == g.REFUSED_ADDRESS
    assert gate.send(0, tcp(b"\x10\x00\x00\x00\x01\x02\x00\x01"), wire) == g.REFUSED_VALUE  # a meaning nobody knows
    assert wire.frames == []
