# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""tx_gate: what may leave. Frames are written out by hand from the Modbus specification."""

from binascii import unhexlify

from edge.core import tx_gate as g
from edge.core.records import Command

# reads: unit 1 holding registers 100..149, at most 20; writes: 3 registers at 200:
# charge in 10 W per raw, discharge in percent of 10 kW, constant 1
RULES = (
    ((1, 3, 100, 150, 20),),
    ((1, 16, 200, 3, ((0, g.CHARGE_MW, 10000, 1), (1, g.DISCHARGE_MW, 100000, 1), (2, g.CONSTANT, 1, 0))),),
)


def command(charge_ma=10000, discharge_ma=20000, decision=1, until_ms=3000, pack_mv=50000):
    return Command(-1, charge_ma, discharge_ma, None, pack_mv, None, None, until_ms, decision)


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            odd = value & 1
            value >>= 1
            if odd:
                value ^= 0xA001
    return bytes((value & 255, value >> 8))


def tcp(pdu, unit=1):
    return bytes((0, 7, 0, 0, 0, len(pdu) + 1, unit)) + pdu


def rtu(pdu, unit=1):
    body = bytes((unit,)) + pdu
    return body + crc(body)


def read(address, count, function=3):
    return bytes((function, address >> 8, address & 255, count >> 8, count & 255))


def write(address, registers):
    data = b""
    for value in registers:
        data += bytes((value >> 8, value & 255))
    count = len(registers)
    return bytes((16, address >> 8, address & 255, 0, count, len(data))) + data


class Wire:
    """Collects what really went out."""

    def __init__(self):
        self.data = b""

    def __call__(self, frame):
        self.data += frame


def open_gate(kind="tcp", mode=g.CONTROL, permit=None):
    gate = g.TxGate(kind, mode, RULES)
    assert gate.permit(0, permit or command())
    return gate, Wire()


def test_crc_vector_of_the_specification():
    # Modbus over Serial Line V1.02, appendix: 02 07 -> 41 12
    assert crc(unhexlify("0207")) == unhexlify("4112")
    assert g._crc16(unhexlify("0207")) == 0x1241


def test_reads_inside_the_whitelist_only():
    rows = (
        (100, 20, g.SENT),
        (130, 20, g.SENT),
        (149, 1, g.SENT),
        (99, 2, g.REFUSED_ADDRESS),
        (131, 20, g.REFUSED_ADDRESS),
        (150, 1, g.REFUSED_ADDRESS),
        (100, 21, g.REFUSED_ADDRESS),
        (100, 0, g.REFUSED_ADDRESS),
    )
    for kind, frame in (("tcp", tcp), ("rtu", rtu)):
        for address, count, verdict in rows:
            gate, wire = open_gate(kind)
            assert gate.send(0, frame(read(address, count)), wire) == verdict, (kind, address, count)
            assert (wire.data != b"") == (verdict == g.SENT)


def test_modes():
    for mode, may_read, may_write in ((g.LISTEN, 1, 1), (g.READ, 0, 1), (g.CONTROL, 0, 0)):
        gate, wire = open_gate(mode=mode)
        assert gate.send(0, tcp(read(100, 1)), wire) == may_read
        assert gate.send(0, tcp(write(200, (0, 0, 1))), wire) == may_write


def test_values_against_the_permit():
    # permit: 10 A x 50 V = 500 W charge = 50 raw; 20 A x 50 V = 1 kW = 10 raw
    rows = (
        ((50, 10, 1), g.SENT),
        ((0, 0, 1), g.SENT),
        ((51, 10, 1), g.REFUSED_VALUE),
        ((50, 11, 1), g.REFUSED_VALUE),
        ((50, 10, 0), g.REFUSED_VALUE),
        ((50, 10, 2), g.REFUSED_VALUE),
        ((0x8000, 0, 1), g.REFUSED_VALUE),
        ((0xFFFF, 0, 1), g.REFUSED_VALUE),
        ((0, 0xFFFF, 1), g.REFUSED_VALUE),
    )
    for kind, frame in (("tcp", tcp), ("rtu", rtu)):
        for values, verdict in rows:
            gate, wire = open_gate(kind)
            assert gate.send(0, frame(write(200, values)), wire) == verdict, values
            assert (wire.data != b"") == (verdict == g.SENT)


def test_permit_expires_and_zero_always_passes():
    gate, wire = open_gate()
    assert gate.send(3000, tcp(write(200, (50, 0, 1))), wire) == g.SENT
    assert gate.send(3001, tcp(write(200, (1, 0, 1))), wire) == g.REFUSED_VALUE
    assert gate.send(3001, tcp(write(200, (0, 0, 1))), wire) == g.SENT
    fresh = g.TxGate("tcp", g.CONTROL, RULES)
    assert fresh.send(0, tcp(write(200, (1, 0, 1))), wire) == g.REFUSED_VALUE
    assert fresh.send(0, tcp(write(200, (0, 0, 1))), wire) == g.SENT


def test_permit_needs_the_next_decision_and_an_expiry():
    gate, wire = open_gate()
    assert not gate.permit(0, command(99000, decision=1))  # replayed
    assert not gate.permit(0, command(99000, decision=0))
    assert not gate.permit(0, command(99000, decision=None))
    assert not gate.permit(0, command(99000, decision=2, until_ms=None))
    assert not gate.permit(10, command(99000, decision=2, until_ms=9))
    assert gate.send(0, tcp(write(200, (51, 0, 1))), wire) == g.REFUSED_VALUE
    assert gate.permit(0, command(99000, decision=2))
    assert gate.send(0, tcp(write(200, (51, 0, 1))), wire) == g.SENT


def test_unknown_voltage_or_limit_is_zero():
    for broken in (command(pack_mv=None), command(None, None), command(-5, -5)):
        gate, wire = open_gate(permit=broken)
        assert gate.send(0, tcp(write(200, (1, 0, 1))), wire) == g.REFUSED_VALUE
        assert gate.send(0, tcp(write(200, (0, 1, 1))), wire) == g.REFUSED_VALUE
        assert gate.send(0, tcp(write(200, (0, 0, 1))), wire) == g.SENT


def test_rounding_is_up_to_the_most_that_a_register_can_mean():
    # 3 raw = 1 A: 1 raw is a third of an ampere and does not fit under 333 mA
    rules = ((), ((1, 16, 0, 1, ((0, g.CHARGE_MA, 1000, 3),)),))
    gate = g.TxGate("tcp", g.CONTROL, rules)
    assert gate.permit(0, command(333))
    assert gate.send(0, tcp(write(0, (1,))), Wire()) == g.REFUSED_VALUE
    assert gate.permit(0, command(334, decision=2))
    assert gate.send(0, tcp(write(0, (1,))), Wire()) == g.SENT


def test_watchdog_range_and_amperes():
    rules = ((), ((1, 16, 0, 2, ((0, g.WATCHDOG_MS, 3, 10), (1, g.DISCHARGE_MA, 1000, 1))),))
    for values, verdict in (
        ((3, 20), g.SENT),
        ((10, 20), g.SENT),
        ((2, 20), g.REFUSED_VALUE),
        ((11, 20), g.REFUSED_VALUE),
        ((0, 0), g.REFUSED_VALUE),
        ((3, 21), g.REFUSED_VALUE),
    ):
        gate = g.TxGate("tcp", g.CONTROL, rules)
        assert gate.permit(0, command())
        assert gate.send(0, tcp(write(0, values)), Wire()) == verdict, values


def test_a_register_without_a_rule_is_refused():
    rules = ((), ((1, 16, 0, 2, ((0, g.CONSTANT, 0, 0),)),))
    gate = g.TxGate("tcp", g.CONTROL, rules)
    assert gate.send(0, tcp(write(0, (0, 9))), Wire()) == g.REFUSED_ADDRESS


def test_malformed_frames():
    good = tcp(write(200, (0, 0, 1)))
    bad_protocol = good[:2] + b"\x00\x01" + good[4:]
    bad_length = good[:5] + bytes((good[5] + 1,)) + good[6:]
    size_lies = good[:12] + bytes((good[12] - 1,)) + good[13:]
    for frame in (b"", b"\x01", good[:11], good + b"\x00", bad_protocol, bad_length, size_lies):
        gate, wire = open_gate()
        assert gate.send(0, frame, wire) == g.REFUSED_FRAME, frame
        assert wire.data == b""
    serial = rtu(read(100, 1))
    for frame in (serial[:-1], serial[:-1] + bytes((serial[-1] ^ 1,)), serial + b"\x00", b"\x01\x03"):
        gate, wire = open_gate("rtu")
        assert gate.send(0, frame, wire) == g.REFUSED_FRAME, frame
    # a read with a tail, correctly framed
    gate, wire = open_gate()
    assert gate.send(0, tcp(read(100, 1) + b"\x00"), wire) == g.REFUSED_FRAME


def test_rate():
    gate, wire = open_gate()
    frame = tcp(read(100, 1))
    for _ in range(g.RATE_FRAMES):
        assert gate.send(0, frame, wire) == g.SENT
    assert gate.send(999, frame, wire) == g.REFUSED_RATE
    assert gate.send(1000, frame, wire) == g.SENT


def test_zero_is_not_held_up_by_the_rate_of_reads():
    gate, wire = open_gate()
    for _ in range(g.RATE_FRAMES):
        assert gate.send(0, tcp(read(100, 1)), wire) == g.SENT
    assert gate.send(500, tcp(write(200, (0, 0, 1))), wire) == g.SENT


def test_bytes_on_the_wire_equal_the_approved_log():
    gate, wire = open_gate()
    log = []
    gate.sink = log.append
    offered = (
        tcp(read(100, 1)),
        tcp(read(99, 1)),
        tcp(write(200, (50, 10, 1))),
        tcp(write(200, (51, 10, 1))),
        tcp(read(120, 5)),
    )
    for frame in offered:
        gate.send(0, frame, wire)
    assert b"".join(log) == wire.data == offered[0] + offered[2] + offered[4]
    assert gate.approved == 3 and gate.refused == 2
    assert gate.approved_sum == g.approved_sum(1, wire.data)
    # RFC 1950: Adler-32 of "Wikipedia" is 11E60398
    assert g.approved_sum(1, b"Wikipedia") == 0x11E60398


def test_a_failing_write_leaves():
    gate, _ = open_gate()

    def broken(frame):
        raise OSError(5)

    try:
        gate.send(0, tcp(read(100, 1)), broken)
    except OSError:
        return
    raise AssertionError("the error of the wire was swallowed")
