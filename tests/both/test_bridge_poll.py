# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Poll planning as dialogue pairs (what is asked, what comes back), through the real gate: both runtimes."""

from bms_bridge.bms import Bms
from bms_bridge.modbus import EXCEPTION, TIMEOUT, request_pdu, tcp_frame
from bms_bridge.poll import BACKOFF_MAX_MS, WINDOW_MOST, line_rules, pick, wide_values
from bms_bridge.tables import load
from edge.core.tx_gate import READ, SENT, TxGate

NO_SUCH_PLACE = EXCEPTION + 2
TOO_MANY = EXCEPTION + 3
BUSY = EXCEPTION + 6


class Map:
    """A table of registers only: rows (function, address, count, period_ms); each block reads one list."""

    NAME = "map"
    KIND = "bms"
    CELLS = TEMPS = 0
    LISTS = ()
    RATED = None
    SLOTS = 15
    GROUPS_OF = BLOCKS_OF = SLOTS_OF = ((),) * 200

    def __init__(self, rows, polling=None, turns=()):
        self.BLOCKS = tuple([tuple(row) + (0,) for row in rows])
        self.SIZES = tuple([2 * row[2] if row[0] > 2 else (row[2] + 7) // 8 for row in rows])
        self.TURNS = turns
        if polling is not None:
            self.POLLING = polling
        none = (None,) * len(rows)
        empty = ((),) * len(rows)
        self.CHECKS = self.FIELDS = self.BITS = none
        self.ARRAYS = self.ENUMS = self.DERIVED = self.SHAPES = empty


class Bench:
    """A device, its gate, and a wire with holes: missing (addresses that give exception 2), most (registers
    per request, more give exception 3), dead. asked: (now_ms, address, count)."""

    def __init__(self, table, missing=(), most=125, settings=None):
        self.device = Bms(table, 1, settings or {"id": "d"})
        self.gate = TxGate("tcp", READ, line_rules([self.device]))
        self.missing = missing
        self.most = most
        self.step = self.device.plan.step
        self.now = 0
        self.dead = False
        self.silent_above = None
        self.asked = []
        self.arrived = {}  # block -> [times]
        take = self.device.reader.state.take

        def noted(now_ms, index, data):
            assert data == self.content(table.BLOCKS[index][1], table.BLOCKS[index][2]), index
            self.arrived.setdefault(index, []).append(now_ms)
            return take(now_ms, index, data)

        self.device.reader.state.take = noted

    def content(self, address, count):
        return b"".join([bytes((a >> 8 & 0xFF, a & 0xFF)) for a in [address + self.step * k for k in range(count)]])

    def answer(self, request):
        if self.dead or (self.silent_above is not None and request.count > self.silent_above):
            self.now += 800
            return None, TIMEOUT
        if request.count > self.most:
            return None, TOO_MANY
        for k in range(request.count):
            if request.address + self.step * k in self.missing:
                return None, NO_SUCH_PLACE
        return self.content(request.address, request.count), 0

    def turn(self):
        """One request if any is due."""
        request = self.device.next_request(self.now)
        if request is None:
            return False
        left = []
        assert self.gate.send(self.now, tcp_frame(1, 1, request_pdu(request)), left.append) == SENT, request
        self.asked.append((self.now, request.address, request.count))
        data, reason = self.answer(request)
        if reason:
            self.device.failed(self.now, request, reason)
        else:
            self.device.reply(self.now, request, data)
        return True

    def run(self, until_ms, step_ms=10):
        while self.now < until_ms:
            if not self.turn():
                self.now += step_ms

    def spans(self, since_ms=0):
        return [row[1:] for row in self.asked if row[0] >= since_ms]


def holding(*places):
    """Rows of function 3 with a period of 1 s: (address, count), ..."""
    return [(3, address, count, 1000) for address, count in places]


def test_neighbours_come_together_over_small_holes():
    bench = Bench(Map(holding((100, 10), (112, 4), (124, 6), (139, 2))))
    bench.run(2500)
    # holes of 2 and 8 are read over, one of 9 is not
    assert bench.spans() == [(100, 30), (139, 2)] * 3
    assert all([len(times) == 3 for times in bench.arrived.values()]) and len(bench.arrived) == 4


def test_profile_and_device_set_the_limits():
    cases = (
        ((125, 8, 0, 1, 0), None, [(0, 125), (125, 60)]),
        ((125, 0, 0, 1, 0), None, [(0, 60), (64, 121)]),
        ((100, 8, 0, 1, 0), None, [(0, 60), (64, 61), (125, 60)]),
        ((125, 8, 0, 1, 0), 70, [(0, 60), (64, 61), (125, 60)]),
        ((125, 8, 0, 1, 0), 40, [(0, 40), (40, 20), (64, 40), (104, 21), (125, 40), (165, 20)]),
    )
    for polling, most, want in cases:
        bench = Bench(Map(holding((0, 60), (64, 61), (125, 60)), polling), settings={"id": "d", "max_registers": most})
        bench.run(500)
        assert sorted(bench.spans()) == sorted(want), (polling, most, bench.spans())
        assert len(bench.arrived) == 3


def test_an_exception_inside_a_joined_request_is_a_hole_that_is_remembered():
    bench = Bench(Map(holding((100, 10), (112, 4), (118, 6))), missing=(116,))
    bench.run(500)
    first = bench.spans()
    # the whole is refused, holes are given up one by one, every block comes in the same moment
    assert first == [(100, 24), (100, 10), (112, 12), (112, 4), (118, 6)] and len(bench.arrived) == 3
    bench.run(3500)
    assert bench.spans(900) == [(100, 10), (112, 4), (118, 6)] * 3
    assert bench.device.plan.failures == 0


def test_a_block_that_the_device_lacks_costs_only_itself():
    bench = Bench(Map(holding((100, 10), (110, 40))), missing=(120,))
    bench.run(900)
    # joined without a hole: the middle is given up, then sizes down to 8 are tried on the block alone
    assert bench.spans() == [(100, 50), (100, 10), (110, 40), (110, 20), (110, 10), (120, 10), (110, 8), (118, 8)]
    bench.run(4900)
    assert bench.device.plan.most == 125  # size was not the reason
    assert len(bench.arrived[0]) == 5 and 1 not in bench.arrived
    assert bench.spans(1000)[:2] == [(100, 10), (110, 40)]  # once a period, no search again
    bench.missing = ()
    bench.run(6900)
    assert len(bench.arrived[1]) == 2


def test_a_device_that_takes_16_registers_gets_16():
    table = Map(holding((0, 40), (40, 10)))
    bench = Bench(table, most=16)
    bench.run(900)
    assert len(bench.arrived[0]) == 1 and len(bench.arrived[1]) == 1
    bench.run(1900)
    assert sorted(bench.spans(1000)) == [(0, 10), (10, 10), (20, 10), (30, 10), (40, 10)]
    assert bench.device.plan.most == 10 and bench.device.plan.failures == 0


def test_a_device_that_keeps_silent_at_joined_requests_is_asked_block_by_block():
    bench = Bench(Map(holding((0, 10), (12, 10))))
    bench.silent_above = 16
    bench.run(6000)
    assert bench.spans()[:2] == [(0, 22), (0, 22)] and (0, 22) not in bench.spans()[2:]
    assert len(bench.arrived[0]) >= 3 and len(bench.arrived[1]) >= 3
    # a device that answered joined requests before is only silent
    bench = Bench(Map(holding((0, 10), (12, 10))))
    bench.run(500)
    bench.dead = True
    bench.run(30000)
    bench.dead = False
    bench.run(50000)
    assert bench.asked[-1][1:] == (0, 22)


def test_another_exception_waits_a_period():
    bench = Bench(Map(holding((0, 10), (12, 10))))
    bench.answer = lambda request: (None, BUSY)
    bench.run(3500)
    assert bench.asked == [(t, 0, 22) for t in (0, 1000, 2000, 3000)]


def test_silence_is_asked_less_and_less():
    bench = Bench(Map(holding((0, 10))))
    bench.dead = True
    bench.run(60000)
    times = [row[0] for row in bench.asked]
    pauses = [b - a - 800 for a, b in zip(times, times[1:])]
    early = len([at for at in times if at < 10000])
    assert pauses[:2] == [200, 400] and set(pauses[2 : early - 1]) == {800}  # back within 10 s: met within 1.6 s
    assert pauses[early : early + 3] == [1600, 3200, 6400] and set(pauses[early + 3 :]) == {BACKOFF_MAX_MS}
    bench.dead = False
    bench.run(bench.asked[-1][0] + 15000)
    assert bench.device.plan.failures == 0 and bench.now - bench.arrived[0][-1] <= 1000


def test_no_catching_up_after_a_gap():
    bench = Bench(Map(holding((0, 10))))
    bench.run(500)
    bench.now = 60000
    bench.run(62500)
    assert [row[0] for row in bench.asked] == [0, 60000, 61000, 62000]


def test_long_lists_take_turns_and_keep_their_age():
    # a header every second, 8 lists of 120 registers that may be 8 s old: each is asked every 4 s
    rows = [(3, 0, 20, 1000)] + [(3, 1000 + 120 * k, 120, 4000) for k in range(8)]
    bench = Bench(Map(rows, turns=(1, 2, 3, 4, 5, 6, 7, 8)))
    bench.run(60000)
    header = bench.arrived[0]
    assert max([b - a for a, b in zip(header, header[1:])]) == 1000
    per_second = {}
    for now_ms, address, _ in bench.asked:
        if now_ms >= 4000 and address >= 1000:
            per_second[now_ms // 1000] = per_second.get(now_ms // 1000, 0) + 1
    assert max(per_second.values()) <= 5
    for index in range(1, 9):
        times = bench.arrived[index]
        assert max([b - a for a, b in zip(times, times[1:])]) <= 4000
    # age of the list as a whole: from its oldest part to the moment the next round is complete
    rounds = list(zip(*[bench.arrived[index] for index in range(1, 9)]))
    assert max([max(after) - min(before) for before, after in zip(rounds, rounds[1:])]) <= 8000


def test_a_slow_line_serves_the_header_first():
    rows = [(3, 0, 20, 1000)] + [(3, 1000 + 120 * k, 120, 4000) for k in range(8)]
    bench = Bench(Map(rows, turns=(1, 2, 3, 4, 5, 6, 7, 8)))
    good = bench.answer

    def slow(request):
        bench.now += 300
        return good(request)

    bench.answer = slow
    bench.run(60000)
    header = bench.arrived[0]
    assert max([b - a for a, b in zip(header, header[1:])]) <= 1600
    assert max([b - a for a, b in zip(bench.arrived[8], bench.arrived[8][1:])]) <= 8000


def test_pause_between_requests_and_rate_cap():
    bench = Bench(Map(holding(*[(100 * k, 2) for k in range(6)]), (125, 8, 120, 1, 0)))
    bench.run(990)
    times = [row[0] for row in bench.asked]
    assert times == [0, 120, 240, 360, 480, 600]
    bench = Bench(Map([(3, 100 * k, 2, 1000) for k in range(80)]))
    for _ in range(200):
        bench.turn()
    assert len(bench.asked) == WINDOW_MOST and bench.device.due_ms(0) == 1000
    bench.run(1500)
    assert len(bench.arrived) == 80


def test_byte_addresses_step_by_two():
    table = Map(holding((0x1200, 64), (0x1280, 40), (0x12D8, 4)), (110, 8, 0, 2, 0))
    bench = Bench(table)
    assert bench.device.gate_rules()[0] == ((1, 3, 0x1200, 0x12E0, 110, 2),)
    bench.run(500)
    assert bench.spans() == [(0x1200, 104), (0x12D8, 4)] and len(bench.arrived) == 3
    frame = tcp_frame(1, 1, bytes((3, 0x12, 0x01, 0, 4)))  # between two registers
    assert bench.gate.send(0, frame, list().append) != SENT


def test_a_value_of_two_registers_is_not_read_in_two_requests():
    table = Map(holding((0, 20)), (6, 8, 0, 1, 0))
    table.FIELDS = ((">10xI", ()),)
    table.ARRAYS = (((0, ">22x2I", 1, 1, 0, 0, 1, (), 0),),)
    assert wide_values(table, 0) == [12, 14, 6]
    bench = Bench(table)
    bench.device.reader.state.take = lambda now_ms, index, data: True
    bench.run(500)
    assert bench.spans() == [(0, 5), (5, 6), (11, 6), (17, 3)]


def test_rules_are_the_joined_blocks_and_no_register_more():
    rows = holding((100, 10), (112, 4), (200, 60), (262, 80)) + [(1, 0, 16, 1000), (4, 110, 4, 1000)]
    device = Bms(Map(rows), 7, {"id": "d"})
    assert device.gate_rules() == (
        ((7, 1, 0, 16, 16), (7, 3, 100, 116, 16), (7, 3, 200, 342, 125), (7, 4, 110, 114, 4)),
        (),
    )
    gate = TxGate("tcp", READ, device.gate_rules())
    for address, count, good in ((100, 16, True), (99, 2, False), (114, 3, False), (200, 126, False), (116, 1, False)):
        frame = tcp_frame(1, 7, bytes((3, address >> 8, address & 0xFF, 0, count)))
        assert (gate.send(0, frame, list().append) == SENT) == good, address


def test_coils_are_asked_as_declared():
    bench = Bench(Map([(1, 0, 16, 1000), (1, 16, 16, 1000)]))
    bench.content = lambda address, count: bytes(count // 8) if count == 16 else b""
    bench.run(500)
    assert bench.spans() == [(0, 16), (16, 16)]


def test_profiles_that_ship_come_in_few_requests():
    for name, want in (("seplos_v3", 4), ("sunspec_802_805", 6), ("sunspec_pcs", 1)):  # with the serial number, once
        table = load(name)
        device = Bms(table, 1, {"id": "d"})
        asked = 0
        while True:
            request = device.next_request(0)
            if request is None:
                break
            asked += 1
            for index in device.reader._span.indexes:
                device.plan.answered(0, index)
        assert asked == want, (name, asked)


def test_a_dead_unit_keeps_the_age_of_the_others_under_twice_their_period():
    benches = [Bench(Map(holding((0, 60), (70, 60), (200, 60)))) for _ in range(4)]
    benches[1].dead = True
    devices = [bench.device for bench in benches]
    now = worst = 0
    while now < 120000:
        device, due_ms = pick(devices, now)
        if due_ms > now:
            now += 5
            continue
        bench = benches[devices.index(device)]
        bench.now = now + 40  # one exchange on the line
        if bench.dead:
            bench.now = now
        bench.turn()
        now = bench.now
        for other in benches:
            if not other.dead and now > 5000:
                worst = max(worst, now - min([times[-1] for times in other.arrived.values()]))
    assert 1000 < worst < 2000
    assert len(benches[1].asked) <= 20
