# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The inverter on a CAN bus that takes this controller for its battery: what is told, when, and what the gate lets
through. Limits are read out of the frames by hand."""

from collections import namedtuple

from bms_bridge.can_line import gate_frame
from bms_bridge.pcs_can import FAULT_REFUSED, FAULT_UNKNOWN, FAULT_WRITE, GAP_MS, VALUES, ZERO_MS, PcsCan, encode
from bms_bridge.tables import load
from edge.core import tx_gate as g
from edge.core.records import Command
from tests.both.told_vectors import VECTORS

VOLTS = (58400, 40000)
NAMES = ("pylontech_pcs", "sma_pcs")
Known = namedtuple("Known", "soc_ppm soh_ppm pack_mv current_ma temp_mc alarms capacity_mah packs")
KNOWN = Known(487502, 850000, 52850, -400, 22600, 0, 238000, 1)


class Clock:
    at_ms = 0

    def now_ms(self):
        return self.at_ms


class Bench:
    """A PcsCan behind its gate; wire: [(ms, key, data)] of what left."""

    def __init__(self, name="pylontech_pcs", mode=g.CONTROL):
        self.clock = Clock()
        self.pcs = PcsCan(load(name), {"id": "pcs"}, VOLTS, self.clock)
        self.gate = g.TxGate("can", mode, self.pcs.gate_rules())
        self.pcs.gate = self.gate
        self.decision = 0
        self.wire = []
        self.sum = 1

    def command(self, charge_ma, discharge_ma, known=KNOWN, pack_mv=52850, charge_mv=None, life_ms=2000):
        """One step of the loop; what apply said."""
        self.decision += 1
        until_ms = self.clock.at_ms + life_ms
        said = self.pcs.apply(
            Command(-1, charge_ma, discharge_ma, charge_mv, pack_mv, None, None, until_ms, self.decision)
        )
        self.pcs.say(known, until_ms)
        return said

    def run(self, span_ms):
        """Let time pass in steps of 20 ms; the frames that left meanwhile as {key: [(ms, data), ...]}."""
        first = len(self.wire)
        end_ms = self.clock.at_ms + span_ms
        while self.clock.at_ms < end_ms:
            self._send()
            self.clock.at_ms += 20
        found = {}
        for at_ms, key, data in self.wire[first:]:
            found.setdefault(key, []).append((at_ms, data))
        return found

    def _send(self):
        now_ms = self.clock.at_ms
        while True:
            frame = self.pcs.next_frame(now_ms)
            if frame is None:
                assert self.pcs.due_ms(now_ms) > now_ms
                return
            if self.gate.send(now_ms, gate_frame(*frame), self._write):
                self.pcs.refused(now_ms)
            else:
                self.wire.append((now_ms, frame[0], frame[2]))

    def _write(self, frame):
        self.sum = g.approved_sum(self.sum, frame)


def limits(data):
    """(charge_mv, charge_ma, discharge_ma, discharge_mv) of 0x351, by hand."""
    words = [data[k] | data[k + 1] << 8 for k in (0, 2, 4, 6)]
    return tuple([100 * word for word in words])


def test_vectors():
    assert VECTORS
    for name, index, values, alarms, data in VECTORS:
        assert encode(load(name).TOLD[index], values, alarms) == data, (name, index)


def test_all_is_told_every_second_and_equals_the_log():
    for name in NAMES:
        bench = Bench(name)
        assert bench.run(1000) == {}  # before the first command nothing is said
        frames = {}
        for _ in range(10):
            assert bench.command(56000, 42000) == 0 or not frames
            for key, rows in bench.run(1000).items():
                frames.setdefault(key, []).extend(rows)
        want = [0x351, 0x355, 0x356, 0x35A, 0x35E, 0x35F] + ([0x359, 0x35C] if name == "pylontech_pcs" else [])
        assert sorted(frames) == sorted(want)
        assert set([len(rows) for rows in frames.values()]) == {10}, name
        low = 41000 if name == "sma_pcs" else 40000
        assert limits(frames[0x351][-1][1]) == (58400, 56000, 42000, low)
        assert frames[0x355][-1][1] == b"\x30\x00\x55\x00"
        assert frames[0x356][-1][1] == bytes((0xA5, 0x14, 0xFC, 0xFF, 0xE2, 0x00))
        assert frames.get(0x35C, [(0, b"\xc0\x00")])[-1][1] == b"\xc0\x00"
        assert bench.gate.refused == 0 and bench.gate.approved_sum == bench.sum


def test_zero_is_zero_and_not_enabled():
    """One direction at zero: its current 0 and its bit off, at once; never anything but the two bits."""
    for charge_ma, discharge_ma, bits in ((0, 42000, 0x40), (56000, 0, 0x80), (0, 0, 0), (99, 99, 0), (100, 100, 0xC0)):
        bench = Bench()
        bench.command(56000, 42000)
        bench.run(1000)
        bench.command(charge_ma, discharge_ma)
        frames = bench.run(1000)
        at_ms, data = frames[0x351][0]
        assert limits(data)[1:3] == (charge_ma // 100 * 100, discharge_ma // 100 * 100)
        assert frames[0x35C][0] == (1000, bytes((bits, 0))) and at_ms == 1000


def test_a_lower_limit_does_not_wait_for_its_period():
    bench = Bench()
    bench.command(56000, 42000)
    bench.run(400)
    bench.command(5000, 42000)
    frames = bench.run(600)
    assert frames[0x351][0][0] == 400 and limits(frames[0x351][0][1])[1] == 5000 and 0x355 not in frames
    bench = Bench()
    bench.command(56000, 42000)
    bench.run(60)
    bench.command(5000, 42000)
    assert bench.run(600)[0x351][0][0] == GAP_MS  # not faster than the slowest reader allows


def test_an_unknown_state_of_charge_is_zero_and_silence_about_it():
    unknown = Known(None, 850000, 52850, -400, 22600, 0, 238000, 1)
    for known in (None, unknown):
        bench = Bench()
        assert bench.command(56000, 42000, known) == FAULT_UNKNOWN
        frames = bench.run(1000)
        assert limits(frames[0x351][-1][1])[1:3] == (0, 0) and frames[0x35C][-1][1] == b"\x00\x00"
        assert 0x355 not in frames
    assert 0x356 in frames  # what is known is told


def test_nothing_unknown_is_made_up():
    """Each value in turn is missing: its frame is left out, or says the mark for unknown."""
    for k in range(5):
        values = list(KNOWN)
        values[k] = None
        bench = Bench()
        bench.command(1000, 1000, Known(*values))
        frames = bench.run(1000)
        left_out = {0: 0x355, 1: 0x355, 2: 0x356, 3: 0x356, 4: 0x356}[k]
        assert left_out not in frames, VALUES[4 + k]
    bench = Bench("sma_pcs")
    bench.command(1000, 1000, Known(500000, 850000, 52850, None, None, 0, None, 1))
    frames = bench.run(1000)
    assert frames[0x356][0][1][2:] == b"\x00\x80\x00\x80" and frames[0x35F][0][1][4:6] == b"\xff\xff"


def test_voltages_only_narrow():
    bench = Bench()
    bench.command(1000, 1000, charge_mv=56000)
    assert limits(bench.run(1000)[0x351][0][1])[0] == 56000
    bench.command(1000, 1000, charge_mv=60000)
    assert limits(bench.run(1000)[0x351][0][1])[0] == 58400


def test_after_the_expiry_zero_then_silence():
    """A loop that hangs: zero within one turn, without a state of charge, then nothing at all."""
    for name in NAMES:
        bench = Bench(name)
        bench.command(56000, 42000)
        before = bench.run(2000)
        assert limits(before[0x351][-1][1])[1:3] == (56000, 42000)
        after = bench.run(ZERO_MS + 5000)
        at_ms = [at for at, data in after[0x351] if limits(data)[1:3] == (0, 0)][0]
        assert at_ms <= 2000 + GAP_MS and set([limits(data)[1:3] for at, data in after[0x351] if at >= at_ms]) == {
            (0, 0)
        }
        late = [at for rows in after.values() for at, _ in rows]
        assert max(late) <= 2000 + ZERO_MS and 9 <= len(after[0x351]) <= 12
        assert [at for at, _ in after.get(0x355, []) if at > 2000] == []
        assert bench.gate.refused == 0
        bench.command(3000, 3000)  # and back again
        assert limits(bench.run(1000)[0x351][0][1])[1:3] == (3000, 3000)


def test_zero_and_refused_commands():
    bench = Bench()
    bench.command(56000, 42000)
    bench.run(500)
    bench.pcs.zero()
    frames = bench.run(500)
    assert limits(frames[0x351][0][1])[1:3] == (0, 0) and frames[0x35C][0] == (500, b"\x00\x00")
    bench.decision = 0
    assert bench.command(1000, 1000) == FAULT_REFUSED  # a decision that was taken before
    assert limits(bench.run(1000)[0x351][-1][1])[1:3] == (0, 0)
    bench = Bench()
    assert bench.command(1000, 1000, pack_mv=None) == FAULT_UNKNOWN
    assert limits(bench.run(1000)[0x351][-1][1])[1:3] == (0, 0)


def test_observe_sends_nothing():
    for mode in (g.LISTEN, g.READ):
        bench = Bench(mode=mode)
        bench.command(1000, 1000)
        assert bench.run(3000) == {} and bench.pcs.due_ms(0) > 0
    bench.pcs.gate = None
    assert bench.pcs.apply(None) == FAULT_REFUSED and bench.pcs.next_frame(0) is None


def test_the_inverter_is_heard():
    pcs = Bench().pcs
    assert pcs.read(0) is None and pcs.wanted() == [0x305]
    assert not pcs.take(5, 0x305, True, bytes(8)) and not pcs.take(5, 0x351, False, bytes(8))
    assert pcs.take(5, 0x305, False, bytes(8)) and pcs.take(1005, 0x305, False, b"")
    sample = pcs.read(1005)
    assert sample.at_ms == 1005 and sample.groups[0] == (0, 1005, 2) and sample.groups[1].at_ms is None
    assert set(sample[1:8]) == {None}


def test_the_gate_knows_better():
    """Frames with more than the permit, force bits, wider voltages, foreign bytes: refused with the gate's numbers."""
    bench = Bench()
    bench.command(56050, 42000)
    bench.run(100)
    sent = []

    def judge(key, data):
        return bench.gate.send(bench.clock.at_ms, gate_frame(key, False, bytes(data)), sent.append)

    def words(*values):
        return b"".join([bytes((value & 0xFF, value >> 8)) for value in values])

    assert judge(0x351, words(584, 560, 420, 400)) == g.SENT
    for data in (
        words(584, 561, 420, 400),
        words(584, 560, 421, 400),
        words(585, 560, 420, 400),
        words(584, 560, 420, 399),
        words(584, 0x8000, 420, 400),
        words(584, 560, 0xFFFF, 400),
    ):
        assert judge(0x351, data) == g.REFUSED_VALUE, data
    for bits in range(256):
        assert (judge(0x35C, (bits, 0)) == g.SENT) == (bits & 0x3F == 0), bits
    assert judge(0x35C, (0xC0, 1)) == g.REFUSED_ADDRESS and judge(0x35C, (0xC0,)) == g.REFUSED_ADDRESS
    assert judge(0x359, (0, 0, 0, 0, 1, 0x50, 0x4F, 0)) == g.REFUSED_ADDRESS
    assert judge(0x360, bytes((0xFF,)) + bytes(7)) == g.REFUSED_ADDRESS  # force charge of Victron
    bench.command(0, 42000)
    assert judge(0x35C, (0x80, 0)) == g.REFUSED_VALUE and judge(0x35C, (0x40, 0)) == g.SENT
    assert judge(0x351, words(584, 560, 420, 400)) == g.REFUSED_VALUE  # what the permit before had let out
    assert judge(0x351, words(584, 0, 420, 400)) == g.SENT
    bench.clock.at_ms += 2001
    assert judge(0x351, words(584, 0, 420, 400)) == g.REFUSED_VALUE  # and it has expired
    assert judge(0x351, words(584, 0, 0, 400)) == g.SENT and judge(0x35C, (0x40, 0)) == g.REFUSED_VALUE


def test_every_identifier_but_its_own_is_blocked():
    for name in NAMES:
        bench = Bench(name)
        bench.command(56000, 42000)
        own = {row[0]: row[2] for row in load(name).TOLD}
        passed = []
        for key in range(2048):
            bench.gate.send(5000 * key, gate_frame(key, False, own.get(key, bytes(8))), passed.append)
        # a lowest voltage of 0 V is not what this battery allows
        assert len(passed) == len(own) - 1


def test_a_refusal_is_told_with_the_next_command():
    bench = Bench()
    bench.command(56000, 42000)
    bench.gate.writes = ()
    bench.run(500)
    assert bench.pcs.refusals > 0 and bench.pcs.sent == 0
    assert bench.command(56000, 42000) == FAULT_WRITE
