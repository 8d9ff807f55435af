# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""tx_gate: FC06, values as float32, and the switch frames of a serial BMS."""

from binascii import unhexlify

from edge.core import tx_gate as g
from edge.core.records import Command

# unit 71: charge and discharge in W as float32 at 1280 and 1282, high word first; the same low word first at
# 57358; time-out 30 s at 1288 in two registers; register 57348 = 4 by FC06
RULES = (
    (),
    (
        (71, 16, 1280, 4, ((0, g.CHARGE_MW, 1000, 1, g.FLOAT), (2, g.DISCHARGE_MW, 1000, 1, g.FLOAT))),
        (71, 16, 57358, 2, ((0, g.CHARGE_MW, 1000, 1, g.FLOAT_SWAPPED),)),
        (71, 16, 1288, 2, ((0, g.CONSTANT, 0, 1), (1, g.WATCHDOG_MS, 30, 30))),
        (71, 16, 1284, 2, ((0, g.CONSTANT, 0, 0, g.FLOAT),)),
        (71, 6, 57348, 1, ((0, g.CONSTANT, 4, 1),)),
        (71, 6, 4106, 1, ((0, g.CHARGE_MA, 100, 1),)),
    ),
)
OFF = unhexlify("dd5ae1020003ff1a77")
ON = unhexlify("dd5ae1020000ff1d77")


def command(charge_ma=10000, discharge_ma=20000, decision=1, until_ms=3000):
    return Command(-1, charge_ma, discharge_ma, None, 50000, None, None, until_ms, decision)


def tcp(pdu):
    pdu = unhexlify(pdu)
    return bytes((0, 7, 0, 0, 0, len(pdu) + 1, 71)) + pdu


def judge(frames, mode=g.CONTROL, permit=True, kind="tcp", rules=RULES, now_ms=1000):
    """Verdict of each frame, every one by a gate of its own."""
    verdicts = []
    for frame in frames:
        gate = g.TxGate(kind, mode, rules)
        if permit:
            assert gate.permit(1000, command())
        sent = []
        verdicts.append(g.VERDICTS[gate.send(now_ms, frame, sent.append)])
        assert sent == ([frame] if verdicts[-1] == "sent" else [])
    return verdicts


def test_a_float_is_held_against_the_permit():
    # 10 A and 20 A at 50 V: 500 W and 1000 W
    pdus = (
        "10050000040843fa0000447a0000",  # 500 W, 1000 W
        "10050000040843fa8000447a0000",  # 501 W
        "10050000040843fa0000447a4000",  # 1001 W
        "10050000040843fa0800447a0000",  # 500.0625 W: not whole
        "100500000408c3fa0000447a0000",  # -500 W
        "1005000004087f800000447a0000",  # infinite
        "1005000004087fc00000447a0000",  # not a number
        "1005000004088000000000000000",  # minus zero
        "1005000004080000000000000000",  # 0 W, 0 W
        "1005000004080000000100000000",  # the smallest number above zero
        "100500000408000043fa00000000",  # 500 W with its words the other way round: a fraction
    )
    assert judge([tcp(pdu) for pdu in pdus]) == ["sent"] + ["value"] * 7 + ["sent"] + ["value"] * 2
    assert judge([tcp(pdus[0]), tcp(pdus[8])], permit=False) == ["value", "sent"]
    assert judge([tcp(pdus[0]), tcp(pdus[8])], now_ms=3001) == ["value", "sent"]


def test_words_the_other_way_round():
    # 500 W; 501 W; a fraction; 512 W
    words = ("000043fa", "800043fa", "43fa0000", "00004400")
    assert judge([tcp("10e00e000204" + each) for each in words]) == ["sent", "value", "value", "value"]


def test_constants_and_time_out():
    pdus = (
        "1005080002040000001e",  # 30 s
        "1005080002040000001f",
        "1005080002040001001e",
        "10050400020400000000",  # fallback 0 W
        "1005040002043f800000",  # fallback 1 W
    )
    assert judge([tcp(pdu) for pdu in pdus]) == ["sent", "value", "value", "sent", "value"]


def test_fc06_has_its_own_rules():
    pdus = (
        "06e0040004",  # remote control
        "06e0040003",
        "06e0050004",
        "06e00400",  # too short
        "06e004000400",  # too long
        "10e0040001020004",  # FC16 to a register that is written with FC06
        "06050043fa",  # FC06 into a pair of registers
        "06100a0064",  # 10 A
        "06100a0065",
        "06100a8000",
    )
    want = ["sent", "value", "address", "frame", "frame", "address", "address", "sent", "value", "value"]
    assert judge([tcp(pdu) for pdu in pdus]) == want
    assert judge([tcp(pdus[0])], g.READ) == ["mode"]
    assert judge([tcp(pdus[0])], g.LISTEN) == ["mode"]


def test_serial_switch_frames():
    rules = ((b"question",), ((OFF, False), (ON, True)))
    assert judge([b"question", OFF, ON, OFF[:-1] + b"\0"], kind="serial", rules=rules) == [
        "sent",
        "sent",
        "sent",
        "address",
    ]
    # without a live permit it may be switched off, never on
    assert judge([OFF, ON], kind="serial", rules=rules, permit=False) == ["sent", "value"]
    assert judge([OFF, ON], kind="serial", rules=rules, now_ms=3001) == ["sent", "value"]
    assert judge([b"question", OFF, ON], g.READ, kind="serial", rules=rules) == ["sent", "mode", "mode"]
    assert judge([b"question", OFF, ON], g.LISTEN, kind="serial", rules=rules) == ["mode"] * 3
    for charge_ma, discharge_ma, verdict in ((0, 0, g.REFUSED_VALUE), (1, 0, g.SENT), (0, 1, g.SENT)):
        gate = g.TxGate("serial", g.CONTROL, rules)
        assert gate.permit(1000, command(charge_ma, discharge_ma))
        assert gate.send(1000, ON, len) == verdict


def test_writes_have_their_own_rate():
    gate = g.TxGate("serial", g.CONTROL, ((), ((OFF, False),)))
    verdicts = [gate.send(0, OFF, len) for _ in range(g.RATE_WRITES + 1)]
    assert verdicts == [g.SENT] * g.RATE_WRITES + [g.REFUSED_RATE]
    gate = g.TxGate("tcp", g.CONTROL, RULES)
    verdicts = [gate.send(0, tcp("06e0040004"), len) for _ in range(g.RATE_WRITES + 1)]
    assert verdicts == [g.SENT] * g.RATE_WRITES + [g.REFUSED_RATE]


def test_whole_floats():
    for bits, value in (
        (0, 0),
        (0x3F800000, 1),
        (0x40000000, 2),
        (0x40400000, 3),
        (0x4AFFFFFE, 8388607),
        (0x4B000000, None),
        (0x4B000001, None),
        (0x3F7FFFFF, None),
        (0x00800000, None),
        (0x3F000000, None),
        (0x3FC00000, None),
        (0x80000000, None),
        (0xBF800000, None),
        (0x7F800000, None),
        (0xFF800000, None),
        (1, None),
        (0x4AFFFFFF, None),
    ):
        assert g.whole_float(bits) == value


# An ordered power: register 10 charges with plus (1 W), 11 with minus, both as one write (a window); 20 and 30 are
# float32 with - charges; register 40 has one of three values. 10 A and 20 A at 50 V: 500 W and 1000 W.
ORDERED = (
    (),
    (
        (71, 16, 10, 2, ((0, g.SETPOINT_MW, 1000, 1), (1, g.SETPOINT_MW, -1000, 1))),
        (71, 16, 12, 1, ((0, g.SETPOINT_MW, 1000, 3),)),
        (71, 16, 20, 2, ((0, g.SETPOINT_MW, -1000, 1, g.FLOAT),)),
        (71, 16, 30, 2, ((0, g.SETPOINT_MW, -1000, 1, g.FLOAT_SWAPPED),)),
        (71, 6, 40, 1, ((0, g.CONSTANT, 7, 1),)),
        (71, 6, 40, 1, ((0, g.CONSTANT, 3, 1),)),
        (71, 6, 40, 1, ((0, g.CHARGE_MA, 1, 1),)),
    ),
)


def words(address, values):
    """FC16 of values (signed) to address."""
    data = b"".join([bytes((value >> 8 & 255, value & 255)) for value in values])
    return bytes((0, 7, 0, 0, 0, 7 + len(data), 71, 16, 0, address, 0, len(values), len(data))) + data


def ordered(frames, charge_ma=10000, discharge_ma=20000, now_ms=3000, permit=True):
    """True for each frame that goes out, by a gate of its own."""
    sent = []
    for frame in frames:
        gate = g.TxGate("tcp", g.CONTROL, ORDERED)
        if permit:
            assert gate.permit(1000, command(charge_ma, discharge_ma))
        sent.append(gate.send(now_ms, frame, len) == g.SENT)
    return sent


def test_an_ordered_power_lies_between_the_permits():
    values = (500, 501, -1000, -1001, 0, 32767, -32768)
    window = [words(10, (value, -value)) for value in values[:5]] + [words(10, (value, 0)) for value in values[5:]]
    assert ordered(window) == [True, False, True, False, True, False, False]
    # each end by itself: the other one orders nothing
    assert ordered([words(10, (value, 0)) for value in values[:4]]) == [True, False, True, False]
    assert ordered([words(10, (0, -value)) for value in values[:4]]) == [True, False, True, False]
    assert ordered([words(10, (501, 0))], 10020) == [True] and ordered([words(10, (501, 0))], 10019) == [False]
    assert ordered([words(10, (-1001, 0))], discharge_ma=20020) == [True]
    assert ordered([words(10, (-1001, 0))], discharge_ma=20019) == [False]
    # a permit that would take every raw value as unsigned: the sign still counts
    assert ordered([words(10, (-32768, 0)), words(10, (-1, 0)), words(10, (0, 1))], 10**7, 0) == [False] * 3
    assert ordered([words(10, (-32768, 0)), words(10, (0, 32767))], 0, 655360) == [True, True]


def test_an_ordered_power_and_its_fractions():
    # a third of a watt per step: exactly, neither up nor down
    assert ordered([words(12, (value,)) for value in (1500, 1501, -3000, -3001)]) == [True, False, True, False]


def test_no_order_without_a_live_permit():
    frames = [words(10, pair) for pair in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))]
    assert ordered(frames, now_ms=3000) == [True] * 5
    assert ordered(frames, now_ms=3001) == [True] + [False] * 4
    assert ordered(frames, permit=False) == [True] + [False] * 4
    assert ordered(frames, 0, 0) == [True] + [False] * 4
    assert ordered(frames, 10000, 0) == [True, True, False, False, True]
    assert ordered(frames, 0, 20000) == [True, False, True, True, False]


def test_an_ordered_power_as_a_float():
    # - charges: -500 W, -501 W, 1000 W, 1001 W, 0, minus zero, -0.5 W, -500.5 W, minus infinite, not a number
    bits = (
        (0xC3FA, 0, True),
        (0xC3FA, 0x8000, False),
        (0x447A, 0, True),
        (0x447A, 0x4000, False),
        (0, 0, True),
        (0x8000, 0, True),
        (0xBF00, 0, False),
        (0xC3FA, 0x4000, False),
        (0xFF80, 0, False),
        (0x7FC0, 0, False),
        (0x0080, 0, False),
    )
    for high, low, good in bits:
        assert ordered([words(20, (high, low)), words(30, (low, high))]) == [good, good], (high, low)
    assert ordered([words(20, (0xC3FA, 0)), words(20, (0, 0))], permit=False) == [False, True]


def test_signed_floats():
    for bits, value in (
        (0x3F800000, 1),
        (0xBF800000, -1),
        (0x40000000, 2),
        (0xC0000000, -2),
        (0x4AFFFFFE, 8388607),
        (0xCAFFFFFE, -8388607),
        (0x4AFFFFFF, None),
        (0xCAFFFFFF, None),
        (0, 0),
        (0x80000000, 0),
        (0x7F800000, None),
        (0xFF800000, None),
        (0x80000001, None),
    ):
        assert g.signed_float(bits) == value, bits


def test_one_of_several_rules():
    pdus = ("0600280007", "0600280003", "0600280005", "0600280000", "0600282711", "0600290007")
    want = ["sent", "sent", "sent", "sent", "value", "address"]
    assert judge([tcp(pdu) for pdu in pdus], rules=ORDERED) == want
    # 3 by the first rule that fits, also when none of the others does; what does not fit any is refused for its value
    assert judge([tcp(pdu) for pdu in pdus[:3]], rules=ORDERED, permit=False) == ["sent", "sent", "value"]


def test_the_number_of_a_meaning_is_pinned():
    assert g.SETPOINT_MW == 9
