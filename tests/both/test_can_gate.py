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
    rules = (((1, 3, 0, 10, 5),), ((1, 16, 0, 1, ((0, 99, 1, 1),)), (2, 16, 5, 1, ((0, g.CONSTANT, 7, 0),))))
    gate, wire = g.TxGate("tcp", g.CONTROL, rules), Wire()
    assert gate.permit(0, Command(-1, 9000, 9000, None, 50000, None, None, 3000, 1))

    def tcp(pdu):
        return bytes((0, 7, 0, 0, 0, len(pdu) + 1, 1)) + pdu

    assert gate.send(0, tcp(b"\x06\x00\x00\x00\x01"), wire) == g.REFUSED_ADDRESS
    assert gate.send(0, tcp(b"\x10\x00\x00\x00\x01"), wire) == g.REFUSED_FRAME
    assert gate.send(0, tcp(b"\x10\x00\x05\x00\x01\x02\x00\x07"), wire) == g.REFUSED_ADDRESS
    assert gate.send(0, tcp(b"\x10\x00\x00\x00\x01\x02\x00\x01"), wire) == g.REFUSED_VALUE  # a meaning nobody knows
    assert wire.frames == []


def test_lengths_and_identifiers_at_their_borders():
    mask = b"\xff" * 64
    lowest, highest, extended, last = 0x000, 0x7FF, 0x80000000, 0x9FFFFFFF
    rules = (
        (),
        tuple([(key, data, mask) for key in (lowest, highest, extended, last) for data in (b"\x05", bytes(64))]),
    )
    for key in (lowest, highest, extended, last):
        assert verdict(frame(key, b"\x05"), rules=rules) == g.SENT
        assert verdict(frame(key, bytes(64)), rules=rules) == g.SENT
        assert verdict(frame(key, b""), rules=rules) == g.REFUSED_FRAME
    wide = (
        (),
        (
            (0x7FF, bytes(65), b"\xff" * 65),
            (0x800, b"\x05", mask),
            (0x7FFFFFFF, b"\x05", mask),
            (0xA0000000, b"\x05", mask),
        ),
    )
    for key, data in ((0x7FF, bytes(65)), (0x800, b"\x05"), (0x7FFFFFFF, b"\x05"), (0xA0000000, b"\x05")):
        assert verdict(frame(key, data), rules=wide) == g.REFUSED_FRAME, key


def test_questions_with_an_address_in_front_and_without_any_service():
    plain, other = b"\x03\x22\xdd\xbf", b"\x30\x00\x05"
    rules = (((0x6F1, plain, b"\x07"), (0x6F1, other, b"\x12"), (0x615, plain, b"\x07\x07"), (0x305, None)), ())
    for key, data, sent in (
        (0x6F1, b"\x07" + plain + b"\x00\x00\x00", True),
        (0x6F1, b"\x07" + plain + b"\xaa\xaa\xaa", True),
        (0x6F1, b"\x12" + other + b"\x00\x00\x00\x00", True),
        (0x6F1, plain + b"\x00\x00\x00\x00", False),
        (0x6F1, b"\x08" + plain + b"\x00\x00\x00", False),
        (0x6F1, b"\x12" + plain + b"\x00\x00\x00", False),
        (0x615, b"\x07\x07" + plain + b"\x00\x00", False),  # more than one byte in front
        (0x305, bytes(8), True),
        (0x305, bytes(7), False),
        (0x305, bytes(9), False),
        (0x305, bytes(7) + b"\x01", False),
    ):
        want = g.SENT if sent else g.REFUSED_ADDRESS
        assert verdict(frame(key, data), g.READ, rules) == want, (key, data)


# bytes 0 and 1: A x 10 to charge; 2 and 3: to discharge; 4: bit 7 charging on, bit 6 discharging on; 5: 10..20
FIELDS = (
    (0, 2, g.CHARGE_MA, 100, 1),
    (2, 4, g.DISCHARGE_MA, 100, 1),
    (4, 5, g.CHARGE_ON, 0x80, 0),
    (4, 5, g.DISCHARGE_ON, 0x40, 0),
    (5, 6, g.BETWEEN, 10, 20),
)
LIMITED = ((), ((0x351, bytes(8), b"\x00" * 6 + b"\xff\xff", FIELDS),))


def limited(charge, discharge, on, between):
    """Frame 0x351 of FIELDS, lowest byte first."""
    values = (charge & 255, charge >> 8, discharge & 255, discharge >> 8, on, between, 0, 0)
    return frame(0x351, bytes(values))


def permitting(charge_ma, discharge_ma, decision=1, until_ms=3000):
    return Command(-1, charge_ma, discharge_ma, None, 50000, None, None, until_ms, decision)


def test_a_frame_with_limits_stays_inside_the_permit():
    # 30 A and 60 A: 300 and 600
    for charge_ma, discharge_ma, values, sent in (
        (30000, 60000, (300, 600, 0xC0, 10), True),
        (30000, 60000, (300, 600, 0xC0, 20), True),
        (30000, 60000, (300, 600, 0xC0, 9), False),
        (30000, 60000, (300, 600, 0xC0, 21), False),
        (30000, 60000, (301, 600, 0xC0, 10), False),
        (30000, 60000, (300, 601, 0xC0, 10), False),
        (29999, 60000, (300, 600, 0xC0, 10), False),
        (30000, 59999, (300, 600, 0xC0, 10), False),
        (9999999, 9999999, (0x7FFF, 0, 0, 10), True),
        (9999999, 9999999, (0x8000, 0, 0, 10), False),
        (9999999, 9999999, (0xFFFF, 0, 0, 10), False),
        (9999999, 9999999, (0, 0x8000, 0, 10), False),
        (1, 1, (0, 0, 0xC0, 10), True),
        (0, 1, (0, 0, 0x40, 10), True),
        (0, 1, (0, 0, 0x80, 10), False),
        (1, 0, (0, 0, 0x80, 10), True),
        (1, 0, (0, 0, 0x40, 10), False),
        (0, 0, (0, 0, 0x3F, 10), True),  # bits that say nothing about a direction
        (0, 0, (1, 0, 0, 10), False),
        (0, 0, (0, 1, 0, 10), False),
        (0, 0, (0, 0, 0, 10), True),
    ):
        gate, wire = g.TxGate("can", g.CONTROL, LIMITED), Wire()
        assert gate.permit(0, permitting(charge_ma, discharge_ma))
        said = gate.send(0, limited(*values), wire)
        assert said == (g.SENT if sent else g.REFUSED_VALUE), (charge_ma, discharge_ma, values)
        assert len(wire.frames) == sent


def test_a_rounded_limit_is_the_most_that_it_can_mean():
    # three raw are an ampere
    rules = ((), ((0x351, bytes(1), b"\x00", ((0, 1, g.CHARGE_MA, 1000, 3),)),))
    for charge_ma, sent in ((333, False), (334, True)):
        gate = g.TxGate("can", g.CONTROL, rules)
        assert gate.permit(0, permitting(charge_ma, 0))
        assert (gate.send(0, frame(0x351, b"\x01"), len) == g.SENT) == sent


def test_the_same_limits_pass_until_the_permit_ends_or_narrows():
    gate, full, none = g.TxGate("can", g.CONTROL, LIMITED), limited(300, 600, 0xC0, 10), limited(0, 0, 0, 10)
    assert gate.send(0, full, len) == g.REFUSED_VALUE and gate.send(0, none, len) == g.SENT  # no permit yet
    assert gate.permit(0, permitting(30000, 60000))
    for now_ms, sent in ((0, True), (1000, True), (3000, True), (3001, False)):
        assert (gate.send(now_ms, full, len) == g.SENT) == sent, now_ms
    assert gate.permit(3001, permitting(30000, 60000, 2, 6000))
    assert gate.send(3001, full, len) == g.SENT
    assert gate.permit(3002, permitting(29999, 60000, 3, 6000))
    assert gate.send(3002, full, len) == g.REFUSED_VALUE
    assert g.TxGate("can", g.READ, LIMITED).send(0, none, len) == g.REFUSED_MODE


def test_the_second_rule_of_an_identifier_may_fit():
    rules = ((), LIMITED[1] + ((0x351, b"\xff" * 8, b"\xff" * 8),))
    gate = g.TxGate("can", g.CONTROL, rules)
    assert gate.send(0, frame(0x351, b"\xff" * 8), len) == g.SENT
    assert gate.send(0, limited(1, 0, 0, 10), len) == g.REFUSED_VALUE
