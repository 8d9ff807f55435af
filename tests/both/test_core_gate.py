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


def test_numbers_are_pinned():
    """Verdicts go upstream, meanings stand in tables; rates as the module explains them."""
    assert (g.LISTEN, g.READ, g.CONTROL) == (0, 1, 2)
    verdicts = (g.SENT, g.REFUSED_MODE, g.REFUSED_FRAME, g.REFUSED_ADDRESS, g.REFUSED_VALUE, g.REFUSED_RATE)
    assert verdicts == tuple(range(6)) and len(g.VERDICTS) == 6
    meanings = (g.CONSTANT, g.CHARGE_MW, g.DISCHARGE_MW, g.CHARGE_MA, g.DISCHARGE_MA, g.WATCHDOG_MS)
    assert meanings + (g.CHARGE_ON, g.DISCHARGE_ON, g.BETWEEN) == tuple(range(9))
    assert (g.FLOAT, g.FLOAT_SWAPPED) == (1, 2)
    assert (g.RATE_WINDOW_MS, g.RATE_FRAMES, g.RATE_WRITES, g.RATE_CYCLES) == (1000, 100, 20, 1000)
    assert g.LIFE_MAX_MS == 11000
    assert g._READ_FUNCTIONS == (1, 2, 3, 4)


def test_a_new_gate_has_let_nothing_out():
    gate = g.TxGate("tcp", g.CONTROL, RULES)
    assert (gate.approved, gate.approved_sum, gate.refused, gate.last_refusal, gate.sink) == (0, 1, 0, 0, None)
    assert gate.send(0, tcp(read(99, 1)), len) == gate.last_refusal == g.REFUSED_ADDRESS
    assert gate.send(0, tcp(write(200, (1, 0, 1))), len) == gate.last_refusal == g.REFUSED_VALUE
    assert (gate.approved, gate.refused) == (0, 2)


def test_every_read_function_and_only_those():
    for function in range(256):
        rules = (((1, function, 100, 150, 20),), ((1, function, 100, 1, ((0, g.CONSTANT, 1, 0),)),))
        want = g.SENT if function in (1, 2, 3, 4, 6) else g.REFUSED_FRAME if function == 16 else g.REFUSED_ADDRESS
        gate = g.TxGate("tcp", g.CONTROL, rules)
        assert gate.send(0, tcp(read(100, 1, function)), len) == want, function


def test_the_life_of_a_permit():
    for now_ms, until_ms, taken in (
        (5000, 4999, False),
        (5000, 5000, True),
        (5000, 5001, True),
        (5000, 16000, True),
        (5000, 16001, False),
    ):
        gate = g.TxGate("tcp", g.CONTROL, RULES)
        assert gate.permit(now_ms, command(until_ms=until_ms)) == taken, until_ms


def test_the_permit_to_the_last_unit():
    """One raw = 1 mW, 1 mW, 1 mA, 1 mA. Permit 100 mA and 200 mA at 50 V: 5 W and 10 W."""
    meanings = (g.CHARGE_MW, g.DISCHARGE_MW, g.CHARGE_MA, g.DISCHARGE_MA)
    fields = tuple([(i, meanings[i], 1, 1) for i in range(4)])
    rules = ((), ((1, 16, 0, 4, fields),))
    rows = (
        (command(100, 200), (5000, 10000, 100, 200)),
        (command(0, 0), (0, 0, 0, 0)),
        (command(None, None), (0, 0, 0, 0)),
        (command(-5, -1), (0, 0, 0, 0)),
        (command(100, 200, pack_mv=None), (0, 0, 0, 0)),
        (command(19, 39, pack_mv=50999), (968, 1988, 19, 39)),  # rounded down
        (command(300, 600, pack_mv=50999), (15299, 30599, 300, 600)),
    )
    for permit, most in rows:
        for place in range(4):
            for more, verdict in ((0, g.SENT), (1, g.REFUSED_VALUE)):
                values = [0, 0, 0, 0]
                values[place] = most[place] + more
                gate = g.TxGate("tcp", g.CONTROL, rules)
                assert gate.permit(0, permit)
                assert gate.send(0, tcp(write(0, values)), len) == verdict, (permit, place, more)


def test_a_raw_value_is_signed_unless_it_is_a_constant_or_a_time():
    rules = (
        (),
        (
            (1, 16, 0, 1, ((0, g.CHARGE_MA, 1, 1),)),
            (1, 16, 1, 1, ((0, g.CONSTANT, 0xFFFF, 0),)),
            (1, 16, 2, 1, ((0, g.WATCHDOG_MS, 0x8000, 0xFFFE),)),
            (1, 16, 3, 1, ((0, 99, 1, 1),)),
        ),
    )
    for address, raw, verdict in (
        (0, 0x7FFF, g.SENT),
        (0, 0x8000, g.REFUSED_VALUE),
        (0, 0x8001, g.REFUSED_VALUE),
        (1, 0xFFFF, g.SENT),
        (1, 0xFFFE, g.REFUSED_VALUE),
        (2, 0x8000, g.SENT),
        (2, 0x7FFF, g.REFUSED_VALUE),
        (2, 0xFFFE, g.SENT),
        (2, 0xFFFF, g.REFUSED_VALUE),
        (3, 1, g.REFUSED_VALUE),  # a meaning that nobody knows: nothing but zero
        (3, 0, g.SENT),
    ):
        gate, wire = g.TxGate("tcp", g.CONTROL, rules), Wire()
        assert gate.permit(0, command(1000000, 1000000))
        assert gate.send(0, tcp(write(address, (raw,))), wire) == verdict, (address, raw)


def test_addresses_that_are_not_counted_one_by_one():
    """A register that takes three addresses: only those that start one, and whole ones."""
    rules = (((1, 3, 100, 113, 4, 3),), ())
    for address, count, sent in (
        (100, 4, True),
        (103, 3, True),
        (103, 4, False),
        (109, 1, True),
        (112, 1, False),
        (101, 1, False),
        (102, 1, False),
        (104, 1, False),
        (100, 5, False),
    ):
        gate = g.TxGate("tcp", g.READ, rules)
        assert (gate.send(0, tcp(read(address, count)), len) == g.SENT) == sent, (address, count)


def test_the_header_of_a_frame():
    rules = (((1, 3, 0, 9, 9),), ((1, 16, 0, 1, ((0, g.CONSTANT, 0, 0),)),))
    good = tcp(read(0, 1))
    unknown = b"\x2b\x00\x00\x00"
    rows = (
        ("tcp", good, g.SENT),
        ("tcp", good[:2] + b"\x01" + good[3:], g.REFUSED_FRAME),  # protocol
        ("tcp", good[:3] + b"\x01" + good[4:], g.REFUSED_FRAME),
        ("tcp", good[:4] + b"\x01" + good[5:], g.REFUSED_FRAME),  # length, high byte
        ("tcp", good[:5] + b"\x05" + good[6:], g.REFUSED_FRAME),
        ("tcp", tcp(unknown), g.REFUSED_FRAME),  # shorter than any request
        ("tcp", tcp(unknown + b"\x00"), g.REFUSED_ADDRESS),
        ("rtu", rtu(read(0, 1)), g.SENT),
        ("rtu", rtu(unknown), g.REFUSED_FRAME),
        ("rtu", rtu(unknown + b"\x00"), g.REFUSED_ADDRESS),
        ("tcp", tcp(bytes((16, 0, 0, 0, 0, 0))), g.REFUSED_ADDRESS),  # writes nothing
        ("tcp", tcp(bytes((16, 0, 0, 0, 1))), g.REFUSED_FRAME),
        ("tcp", tcp(bytes((16, 0, 0, 0, 1, 2, 0, 0))), g.SENT),
        ("tcp", tcp(bytes((16, 0, 0, 0, 1, 2, 0, 0, 0))), g.REFUSED_FRAME),  # a byte too many
        ("tcp", tcp(bytes((16, 0, 0, 0, 1, 3, 0, 0, 0))), g.REFUSED_FRAME),  # its size is not two per register
        ("tcp", tcp(bytes((16, 0, 0, 0, 2, 2, 0, 0))), g.REFUSED_FRAME),
    )
    for kind, frame, verdict in rows:
        assert g.TxGate(kind, g.CONTROL, rules).send(0, frame, len) == verdict, (kind, frame)


def test_the_window_of_the_rates_moves_on():
    for start_ms in (0, 700):
        gate, _ = open_gate()
        zero = tcp(write(200, (0, 0, 1)))
        for frame, most in ((tcp(read(100, 1)), g.RATE_FRAMES), (zero, g.RATE_WRITES)):
            for now_ms in (start_ms, start_ms + 1000, start_ms + 2000):
                verdicts = [gate.send(now_ms + i, frame, len) for i in range(most + 1)]
                assert verdicts == [g.SENT] * most + [g.REFUSED_RATE]
            start_ms += 3000


def test_the_sum_over_long_frames():
    """Adler-32 as zlib computes it, past its modulus."""
    assert g.approved_sum(1, b"\xff" * 300) == 0xB90F2AE4
    assert g.approved_sum(1, bytes(range(256)) * 4) == 0xE4C9FE10
    assert g.approved_sum(g.approved_sum(1, b"Wiki"), b"pedia") == 0x11E60398
