# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Digital modules on Modbus: safety inputs, relays that pull contactors, and the gate of their line."""

from bms_bridge import modbus
from bms_bridge.coils import FAULT_REFUSED, FAULT_WATCHDOG, OK, CoilContactor, OutputModule
from bms_bridge.digital import InputModule, bits_of
from bms_bridge.modules import load
from edge.core import tx_gate as g
from edge.core.coil_gate import CLOSE, PRECHARGE, CoilGate
from edge.core.records import Command

OWN = {"output": 2, "precharge": "output", "precharge_output": 3}
RULES = (((3, 1, 0, 5, 5),), ((3, 5, 2, 0, CLOSE), (3, 5, 3, 0, PRECHARGE), (3, 5, 4, 1, CLOSE)))


class Clock:
    ms = 0

    def now_ms(self):
        return self.ms


def say(contactor, precharge=0, until_ms=2000, decision=1, target=0):
    return Command(target, 0, 0, None, None, precharge, contactor, until_ms, decision)


def coil(kind, address, value, unit=3):
    pdu = bytes((5, address >> 8, address & 0xFF)) + value
    return modbus.tcp_frame(7, unit, pdu) if kind == "tcp" else modbus.rtu_frame(unit, pdu)


def test_bits():
    assert bits_of(2, b"\x05\x02", 10) == [True, False, True] + [False] * 6 + [True]
    assert bits_of(4, b"\x80\x01\x00\x02", 18) == [True] + [False] * 14 + [True, False, True]


def test_the_gate_closes_only_inside_a_live_command_of_that_pack():
    for kind in ("tcp", "rtu"):
        for contactor, precharge, address, value, now_ms, verdict in (
            (1, 0, 2, b"\xff\x00", 2000, g.SENT),
            (1, 0, 2, b"\xff\x00", 2001, g.REFUSED_VALUE),
            (0, 0, 2, b"\xff\x00", 0, g.REFUSED_VALUE),
            (None, 0, 2, b"\xff\x00", 0, g.REFUSED_VALUE),
            (0, 1, 2, b"\xff\x00", 0, g.REFUSED_VALUE),
            (0, 1, 3, b"\xff\x00", 0, g.SENT),
            (1, 0, 3, b"\xff\x00", 0, g.REFUSED_VALUE),
            (1, None, 3, b"\xff\x00", 0, g.REFUSED_VALUE),
            (1, 1, 4, b"\xff\x00", 0, g.REFUSED_VALUE),  # of another pack
            (1, 1, 5, b"\xff\x00", 0, g.REFUSED_ADDRESS),
            (1, 1, 2, b"\xff\x01", 0, g.REFUSED_VALUE),
            (1, 1, 2, b"\x00\x01", 0, g.REFUSED_VALUE),
            (1, 1, 2, b"\xfe\x00", 0, g.REFUSED_VALUE),
            (1, 1, 2, b"\x00\x00", 99999, g.SENT),  # opening always
            (0, 0, 4, b"\x00\x00", 0, g.SENT),
            (1, 1, 2, b"\xff\x00\x00", 0, g.REFUSED_FRAME),
        ):
            gate = CoilGate(kind, g.CONTROL, RULES)
            assert gate.permit_contactor(0, say(contactor, precharge))
            sent = []
            assert gate.send(now_ms, coil(kind, address, value), sent.append) == verdict
            assert len(sent) == (verdict == g.SENT) == gate.approved
        gate = CoilGate(kind, g.CONTROL, RULES)
        assert gate.send(0, coil(kind, 2, b"\xff\x00"), None) == g.REFUSED_VALUE  # nobody commanded anything
        assert gate.send(0, coil(kind, 2, b"\x00\x00", unit=4), None) == g.REFUSED_ADDRESS
        for mode in (g.LISTEN, g.READ):
            gate = CoilGate(kind, mode, RULES)
            gate.permit_contactor(0, say(1, 1))
            for value in (b"\xff\x00", b"\x00\x00"):
                assert gate.send(0, coil(kind, 2, value), None) == g.REFUSED_MODE
    gate = CoilGate("rtu", g.CONTROL, RULES)
    damaged = coil("rtu", 2, b"\x00\x00")[:-1] + b"\x00"
    assert gate.send(0, damaged, None) == g.REFUSED_FRAME
    sent = []
    assert gate.send(0, modbus.rtu_frame(3, modbus.read_pdu(1, 0, 5)), sent.append) == g.SENT  # reads as ever
    verdicts = [gate.send(0, coil("rtu", 2, b"\x00\x00"), sent.append) for _ in range(g.RATE_WRITES + 1)]
    assert verdicts == [g.SENT] * g.RATE_WRITES + [g.REFUSED_RATE]


def test_the_gate_takes_no_old_and_no_eternal_command():
    gate = CoilGate("tcp", g.CONTROL, RULES)
    for command, taken in (
        (say(1, decision=None), False),
        (say(1, until_ms=None), False),
        (say(1, until_ms=99), False),
        (say(1, until_ms=100 + g.LIFE_MAX_MS + 1), False),
        (say(1, until_ms=100 + g.LIFE_MAX_MS), True),
        (say(1), False),
        (say(0, decision=2), True),
        (say(1, decision=2), False),
        (say(1, decision=2, target=1), True),
        (say(1, decision=3, until_ms=100), True),
    ):
        assert gate.permit_contactor(100, command) == taken, command


class Bench:
    """A tM-R5 in words: registers as bytes by address."""

    def __init__(self, mode=g.CONTROL):
        self.clock = Clock()
        self.module = OutputModule(load("icpdas_tm_r5"), {"id": "outputs", "unit": 3}, (8000, 10000))
        self.one = CoilContactor(self.module, 0, OWN, 9000, self.clock)
        self.gate = CoilGate("rtu", mode, self.module.gate_rules())
        self.module.gate = self.gate
        self.coils = [0] * 5
        self.told = {488: b"\x00\x5a", 260: b"\x01", 128: b"\x00", 160: b"\x00"}
        self.sent = []
        self.decision = 0

    def say(self, contactor, precharge=0):
        self.decision += 1
        return self.one.apply(say(contactor, precharge, self.clock.ms + 2000, self.decision))

    def run(self, ms, renew=None):
        """ms pass in steps of 50; the coils that are on. renew: the command of each second."""
        for _ in range(ms // 50):
            self.clock.ms += 50
            if renew is not None and self.clock.ms % 1000 == 0:
                self.say(*renew)
            request = self.module.next_request(self.clock.ms)
            if request is None:
                continue
            frame = modbus.rtu_frame(3, modbus.request_pdu(request))
            if self.gate.send(self.clock.ms, frame, self.sent.append) != g.SENT:
                self.module.failed(self.clock.ms, request, modbus.REFUSED)
            elif request.function == 5:
                self.coils[request.address] = int(request.data[0] == 0xFF)
                data, _ = modbus.reply_data(request, frame[1:-2])
                assert self.module.reply(self.clock.ms, request, data)
            else:
                said = bytes((sum([bit << i for i, bit in enumerate(self.coils)]),))
                assert self.module.reply(self.clock.ms, request, self.told.get(request.address, said))
        return [place for place in range(5) if self.coils[place]]


def test_a_relay_follows_and_falls_when_nobody_renews_it():
    bench = Bench()
    bench.coils[2] = 1  # closed at boot: nobody said anything, so nothing is written
    assert bench.run(2000) == [2] and bench.module.writes == 0
    assert bench.say(None) == OK and bench.run(1000) == [2]
    assert bench.say(0) == OK and bench.run(100) == []
    assert bench.say(0, 1) == OK and bench.run(100) == [3]
    assert bench.run(2100) == []  # a precharge lives as long as its command
    assert bench.say(1) == OK and bench.run(100) == [2]
    assert bench.run(20000, (1,)) == [2]
    writes = bench.module.writes
    assert bench.run(5000, (1,)) == [2] and 4 <= bench.module.writes - writes <= 6
    bench.one.zero()
    assert bench.run(8000) == [2]  # the PCS stops first
    assert bench.run(1500) == []
    assert bench.say(1) == OK and bench.run(100) == [2]
    bench.coils[2] = 0  # somebody else opened it: read back and told again
    assert bench.run(1000, (1,)) == [2]


def test_nothing_is_closed_before_the_module_falls_by_itself():
    for address, data in (
        (488, b"\x00\x4f"),  # 7.9 s
        (488, b"\x00\x65"),  # 10.1 s
        (488, b"\x00\x00"),
        (260, b"\x00"),
        (128, b"\x04"),
        (160, b"\x04"),
    ):
        bench = Bench()
        bench.told[address] = data
        assert bench.run(2000) == []
        assert bench.say(1) == FAULT_WATCHDOG and bench.run(1000) == []
        del bench.told[address]
        bench.told[address] = {488: b"\x00\x50", 260: b"\x01"}.get(address, b"\x00")
        assert bench.run(6000, (1,)) == [2]


def test_below_control_nothing_is_written():
    bench = Bench(g.READ)
    bench.run(2000)
    assert bench.say(1, 1) == OK and bench.run(2000) == [] and bench.module.writes == 0
    assert [frame[1] for frame in bench.sent if frame[1] > 4] == []
    bench.module.gate = None
    assert bench.say(1) == FAULT_REFUSED
    bench.module.gate = bench.gate
    bench.decision = 0  # an old command
    assert bench.say(1) == FAULT_REFUSED


def test_inputs_of_a_module_number_as_printed():
    settings = {"id": "inputs", "unit": 1, "estop_input": 1, "door_input": 8}
    for name, first in (("waveshare_io_8ch", 1), ("moxa_e1214", 0)):
        table = load(name)
        own = dict(settings, estop_input=first, door_input=first + 5)
        module = InputModule(table, own, [first + 2, None])
        assert module.read(0) is None
        request = module.next_request(0)
        assert (request.function, request.address, request.count) == (2, 0, table.POINTS)
        assert module.gate_rules() == (((1, 2, 0, table.POINTS, table.POINTS),), ())
        assert not module.reply(10, request, b"\x00\x00")
        assert module.reply(10, request, b"\x25")
        assert module.read(99) == (10, False, False, False, False, (True, None))
        assert module.reply(20, request, b"\x00")
        assert module.read(99) == (20, True, False, False, True, (False, None))
