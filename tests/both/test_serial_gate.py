# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""tx_gate on serial lines that are not Modbus: the questions of the profile, byte for byte, nothing else."""

from binascii import unhexlify

from edge.core import tx_gate as g
from edge.core.records import Command

READ_BASIC = unhexlify("DDA50300FFFD77")
READ_JK = unhexlify("031016200001020000CF91")
READ_PYLON = b"~20024642E00202FD33\r"
RULES = ((READ_BASIC, READ_JK, READ_PYLON), ())
# what must never leave: JBD opens its switches, JK writes a setting, Pylontech switches off
BLOCKED = (
    unhexlify("DD5AE1020003FF1A77"),
    unhexlify("DD5AE1020000FF1D77"),
    unhexlify("DDA50400FFFC77"),
    unhexlify("031010700002040000000000000000"),
    unhexlify("031016200001020001CF91"),
    b"~20024695E00202FD2B\r",
    b"",
    b"\x00",
)


class Wire:
    """Collects what really went out."""

    def __init__(self):
        self.data = b""

    def __call__(self, frame):
        self.data += frame


def test_the_questions_pass_and_are_summed():
    for mode in (g.READ, g.CONTROL):
        gate = g.TxGate("serial", mode, RULES)
        wire = Wire()
        for frame in (READ_BASIC, bytearray(READ_JK), memoryview(READ_PYLON)):
            assert gate.send(0, bytes(frame), wire) == g.SENT
        assert wire.data == READ_BASIC + READ_JK + READ_PYLON
        assert gate.approved == 3 and gate.approved_sum == g.approved_sum(1, wire.data)


def test_everything_else_is_refused():
    gate = g.TxGate("serial", g.CONTROL, RULES)
    assert gate.permit(0, Command(-1, 10000, 10000, None, 50000, None, None, 2000, 1))
    wire = Wire()
    frames = list(BLOCKED)
    for question in RULES[0]:
        frames.append(question[:-1])
        frames.append(question + b"\x00")
        frames.append(question + question)
        for place in range(len(question)):
            for bit in range(8):
                changed = bytearray(question)
                changed[place] ^= 1 << bit
                frames.append(bytes(changed))
    for frame in frames:
        assert gate.send(0, frame, wire) == g.REFUSED_ADDRESS, frame
    assert wire.data == b"" and gate.refused == len(frames) and gate.approved == 0


def test_a_line_that_listens_is_silent():
    gate = g.TxGate("serial", g.LISTEN, RULES)
    wire = Wire()
    assert gate.send(0, READ_BASIC, wire) == g.REFUSED_MODE and wire.data == b""
    empty = g.TxGate("serial", g.READ, ((), ()))
    assert empty.send(0, READ_BASIC, wire) == g.REFUSED_ADDRESS and wire.data == b""


def test_the_rate_is_capped():
    gate = g.TxGate("serial", g.READ, RULES)
    wire = Wire()
    sent = [gate.send(0, READ_BASIC, wire) for _ in range(g.RATE_FRAMES + 5)]
    assert sent.count(g.SENT) == g.RATE_FRAMES and sent[-1] == g.REFUSED_RATE
    assert gate.send(g.RATE_WINDOW_MS, READ_BASIC, wire) == g.SENT


def test_serial_rules_mean_nothing_on_a_modbus_line():
    """The two kinds never mix: an RTU gate refuses the JK question, although it is a well-formed FC16."""
    gate = g.TxGate("rtu", g.CONTROL, ((), ()))
    wire = Wire()
    assert gate.send(0, READ_JK, wire) == g.REFUSED_ADDRESS and wire.data == b""
