# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Poll plan, back-off, and the PCS that takes limits, with the real gate: on both runtimes."""

from bms_bridge import pcs as pcs_module
from bms_bridge.bms import Bms
from bms_bridge.encode import encode_all
from bms_bridge.modbus import REFUSED, TIMEOUT, request_pdu, tcp_frame
from bms_bridge.pcs import Pcs
from bms_bridge.poll import SPAN, line_rules, pick
from bms_bridge.tables import load
from edge.core.records import Command, PcsSample
from edge.core.tx_gate import CONTROL, LISTEN, READ, SENT, TxGate

SETTINGS = {"id": "pcs", "power_w": 10000, "watchdog_ms": 6000}
LIMITS = 40134
CONTROL_MODE = 40127


class Clock:
    def __init__(self):
        self.now = 10000

    def now_ms(self):
        return self.now


class Bench:
    """A PCS on its gate and a line that answers at once with what was written."""

    def __init__(self, mode=CONTROL, rating_w=10000, rated=True):
        self.clock = Clock()
        self.pcs = Pcs(load("sunspec_pcs"), 1, SETTINGS, self.clock)
        self.gate = TxGate("tcp", mode, self.pcs.gate_rules())
        self.pcs.gate = self.gate
        self.wire = []  # (now_ms, address, registers) that left
        self.rating_w = rating_w
        self.decision = 0
        self.dead = False
        if rated:
            self.run(10)

    def command(self, charge_ma, discharge_ma, pack_mv=50000, lives_ms=2000):
        self.decision += 1
        until = self.clock.now + lives_ms
        return Command(-1, charge_ma, discharge_ma, None, pack_mv, None, None, until, self.decision)

    def run(self, duration_ms, step_ms=10):
        """Serve the line for duration_ms; every good frame passes the real gate."""
        end = self.clock.now + duration_ms
        while self.clock.now < end:
            request = self.pcs.next_request(self.clock.now)
            if request is None:
                self.clock.now += step_ms
                continue
            assert self.pcs.due_ms(self.clock.now) <= self.clock.now
            frame = tcp_frame(1, 1, request_pdu(request))
            left = []
            if self.gate.send(self.clock.now, frame, left.append) != SENT:
                self.pcs.failed(self.clock.now, request, REFUSED)
                continue
            if self.dead:
                self.clock.now += 800
                self.pcs.failed(self.clock.now, request, TIMEOUT)
                continue
            if request.function == 16:
                data = request.data
                registers = [data[k] << 8 | data[k + 1] for k in range(0, len(data), 2)]
                self.wire.append((self.clock.now, request.address, registers))
                self.pcs.reply(self.clock.now, request, b"")
            else:
                sample = PcsSample(0, 50000, 0, 0, 1, 0, 0, 6000, ())
                blocks = encode_all(self.pcs.table, sample, self.rating_w)
                data = b"".join(blocks) if request.index == SPAN else blocks[request.index]
                self.pcs.reply(self.clock.now, request, data)

    def limits(self):
        """The registers of the last limit write."""
        return [row for row in self.wire if row[1] == LIMITS][-1][2]


def test_pick_takes_the_one_that_waited_longest():
    first = Bms(load("seplos_v3"), 1, {"id": "a"})
    second = Bms(load("seplos_v3"), 2, {"id": "b"})
    for device, at in ((first, 100), (second, 50)):
        for index in range(len(device.table.BLOCKS)):
            device.plan.answered(at, index)
    device, due_ms = pick([first, second], 200)
    assert device is second and due_ms == 1050
    assert pick([], 0) == (None, None)


def test_rules_let_out_the_blocks_and_nothing_else():
    device = Bms(load("seplos_v3"), 1, {"id": "a"})
    gate = TxGate("tcp", READ, line_rules([device]))
    out = []
    for _ in range(3):
        request = device.next_request(0)
        assert gate.send(0, tcp_frame(1, 1, request_pdu(request)), out.append) == SENT
        device.plan.answered(0, request.index)
    assert len(out) == 3
    for unit, function, address, count in (
        (2, 4, 0x1000, 17),
        (1, 3, 0x1000, 17),
        (1, 4, 0x1001, 17),
        (1, 4, 0x1500, 1),
    ):
        frame = tcp_frame(1, unit, bytes((function, address >> 8, address & 0xFF, 0, count)))
        assert gate.send(0, frame, out.append) != SENT
    assert len(out) == 3


def test_pcs_starts_with_zero_and_both_controls_on():
    bench = Bench(rated=False)
    assert bench.pcs.read(bench.clock.now) is None
    bench.run(100)
    assert [row[1:] for row in bench.wire] == [(LIMITS, [0, 0, 0, 6]), (CONTROL_MODE, [3])]
    assert bench.pcs.read(bench.clock.now).watchdog_ms == 6000


def test_power_is_current_times_voltage_less_margin_rounded_down():
    cases = (
        (80000, 60000, 50000, [2940, 3920]),  # 4000 W x 0.98 = 39.2 % of 10 kW; discharge first
        (1, 0, 50000, [0, 0]),
        (100000, 100000, 99999, [9799, 9799]),
        (500000, 500000, 60000, [10000, 10000]),  # never above 100 %
        (None, 50000, 50000, [2450, 0]),
        (80000, None, 50000, [0, 3920]),
        (80000, 80000, None, [0, 0]),
        (-5, 80000, 50000, [3920, 0]),
    )
    for charge_ma, discharge_ma, pack_mv, want in cases:
        bench = Bench()
        assert bench.pcs.apply(bench.command(charge_ma, discharge_ma, pack_mv)) == pcs_module.OK
        bench.run(600)
        assert bench.limits()[:2] == want, (charge_ma, discharge_ma, pack_mv, bench.limits())
        assert bench.gate.refused == 0


def test_limits_fall_to_zero_when_the_command_expires():
    bench = Bench()
    bench.pcs.apply(bench.command(80000, 80000, lives_ms=1500))
    until = bench.clock.now + 1500
    bench.run(5000)
    zero = [row for row in bench.wire if row[1] == LIMITS and row[0] > until][0]
    assert zero[2][:2] == [0, 0] and zero[0] <= until + 60


def test_refresh_three_times_per_watchdog():
    bench = Bench()
    start = bench.clock.now
    while bench.clock.now < start + 20000:
        bench.pcs.apply(bench.command(80000, 80000))
        bench.run(500)
    times = [row[0] for row in bench.wire if row[1] == LIMITS and row[0] >= start]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len(times) >= 10 and max(gaps) <= 2010


def test_lowering_goes_at_once_raising_waits():
    bench = Bench()
    bench.pcs.apply(bench.command(40000, 40000))
    bench.run(600)
    bench.pcs.apply(bench.command(60000, 60000))
    bench.run(20)
    raised = len(bench.wire)
    bench.pcs.apply(bench.command(80000, 80000))
    bench.run(100)
    assert len(bench.wire) == raised
    bench.pcs.apply(bench.command(10000, 80000))
    bench.run(20)
    assert bench.limits()[:2] == [2940, 490]
    bench.pcs.apply(bench.command(10000, 10000))
    bench.run(20)
    assert bench.limits()[:2] == [490, 490]
    bench.pcs.zero()
    bench.run(20)
    assert bench.limits()[:2] == [0, 0]


def test_one_side_falls_at_once_while_the_other_waits_to_rise():
    bench = Bench()
    bench.pcs.apply(bench.command(40000, 40000))
    bench.run(600)
    bench.pcs.apply(bench.command(50000, 40000))
    bench.run(20)
    bench.pcs.apply(bench.command(0, 80000))
    bench.run(30)
    assert bench.limits()[:2] == [1960, 0]
    bench.run(600)
    assert bench.limits()[:2] == [3920, 0]


def test_replayed_or_foreign_commands_mean_zero():
    bench = Bench()
    good = bench.command(80000, 80000)
    assert bench.pcs.apply(good) == pcs_module.OK
    bench.run(600)
    assert bench.pcs.apply(good) == pcs_module.FAULT_REFUSED
    bench.run(30)
    assert bench.limits()[:2] == [0, 0]


def test_nothing_but_zero_before_the_rating_is_known_or_when_it_differs():
    for rating_w in (20000, 5000, 9980):
        bench = Bench(rating_w=rating_w)
        assert bench.pcs.apply(bench.command(80000, 80000)) == pcs_module.FAULT_RATING
        bench.run(1000)
        assert bench.limits()[:2] == [0, 0]
    bench = Bench(rated=False)
    assert bench.pcs.apply(bench.command(80000, 80000)) == pcs_module.FAULT_RATING


def test_observing_or_without_a_gate_nothing_is_written():
    for mode in (LISTEN, READ):
        bench = Bench(mode=mode)
        bench.pcs.apply(bench.command(80000, 80000))
        bench.run(3000)
        assert bench.wire == []
    lone = Pcs(load("sunspec_pcs"), 1, SETTINGS, Clock())
    assert lone.next_request(0).function == 3


def test_a_dead_pcs_is_a_fault_and_gets_zero_first_when_it_returns():
    bench = Bench()
    bench.pcs.apply(bench.command(80000, 80000, lives_ms=1000))
    bench.run(600)
    bench.dead = True
    bench.run(10000)
    assert bench.pcs.apply(bench.command(0, 0)) == pcs_module.FAULT_WRITE
    bench.dead = False
    before = len(bench.wire)
    bench.run(3000)
    assert bench.wire[before][2][:2] == [0, 0]
    assert bench.pcs.apply(bench.command(0, 0)) == pcs_module.OK


def test_a_dead_pcs_leaves_the_line_to_others():
    """Between two tries of its writes there is a growing pause in which reads of others are due."""
    bench = Bench()
    bench.dead = True
    start = bench.clock.now
    tries = 0
    while bench.clock.now < start + 60000:
        request = bench.pcs.next_request(bench.clock.now)
        if request is None:
            bench.clock.now += 10
            continue
        tries += 1
        bench.clock.now += 800
        bench.pcs.failed(bench.clock.now, request, TIMEOUT)
    assert tries * 800 < 45000


def test_pcs_never_raises_on_a_strange_command():
    bench = Bench()
    for command in (
        Command(-1, None, None, None, None, None, None, None, None),
        Command(-1, 1, 1, None, 1, None, None, 99999999, None),
        Command(-1, 10**9, 10**9, None, 10**9, None, None, bench.clock.now + 100, 1),
    ):
        bench.pcs.apply(command)
        bench.run(50)
        assert bench.limits()[0] <= 10000
