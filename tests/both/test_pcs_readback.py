# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Every PCS of the profiles over Modbus: set, verified at the start, and found out when it does not do what it says.

The device is a map of registers behind the real gate; what it holds is what was written to it.
"""

from struct import pack, unpack

from bms_bridge.encode import encode_block
from bms_bridge.modbus import EXCEPTION, REFUSED, request_pdu, tcp_frame
from bms_bridge.pcs import FAULT_APPLIED, FAULT_WATCHDOG, OK, Pcs
from bms_bridge.tables import load
from edge.core.records import Command, PcsSample
from edge.core.tx_gate import CONTROL, SENT, SETPOINT_MW, TxGate

# profile, watchdog in ms, address of the charge limit, of the watchdog
DEVICES = (
    ("sunspec_pcs", 6000, 40135, 40137),
    ("kostal_g3", 30000, 1280, 1289),
    ("solaredge_storedge", 15000, 0xE00E, 0xE00B),
)
POWER_W = 10000


class Clock:
    now = 0

    def now_ms(self):
        return self.now


class Device:
    """deaf: addresses that acknowledge a write and keep what they had. refuses: that answer one with an exception."""

    def __init__(self, table):
        self.table = table
        self.words = {}
        self.deaf = ()
        self.refuses = ()
        self.writes = []
        sample = PcsSample(0, 400000, 0, 0, 1, 9000, 9000, 1000000, ())
        for index, row in enumerate(table.BLOCKS):
            data = encode_block(table, index, sample, POWER_W)
            for place, word in enumerate(unpack(">%dH" % row[2], data)):
                self.words[row[1] + place] = word

    def answer(self, request):
        """(data, 0) or (None, reason)."""
        if request.function == 3:
            return pack(">%dH" % request.count, *[self.words[request.address + k] for k in range(request.count)]), 0
        values = unpack(">%dH" % request.count, request.data)
        self.writes.append((request.function, request.address, values))
        for place, value in enumerate(values):
            if request.address + place not in self.words or request.address in self.refuses:
                return None, EXCEPTION + 2
            if request.address + place not in self.deaf:
                self.words[request.address + place] = value
        return b"", 0

    def limits_w(self):
        """(charge, discharge) that the device holds, as its profile reads them."""
        pcs = Pcs(self.table, 1, {"id": "x", "power_w": POWER_W, "watchdog_ms": 1000}, Clock())
        for index, row in enumerate(self.table.BLOCKS):
            data = pack(">%dH" % row[2], *[self.words[row[1] + k] for k in range(row[2])])
            pcs._state.take(0, index, data)
        record = pcs.read(0)
        return record.charge_w, record.discharge_w


class Bench:
    def __init__(self, name, watchdog_ms, mode=CONTROL):
        self.clock = Clock()
        self.pcs = Pcs(load(name), 1, {"id": "pcs", "power_w": POWER_W, "watchdog_ms": watchdog_ms}, self.clock)
        self.pcs.gate = self.gate = TxGate("tcp", mode, self.pcs.gate_rules())
        self.device = Device(self.pcs.table)
        self.decision = 0
        self.code = None

    def run(self, duration_ms, charge_ma=10000, discharge_ma=20000):
        """Renew the command every second, serve the line; charge_ma None: nobody renews it."""
        end = self.clock.now + duration_ms
        while self.clock.now < end:
            if charge_ma is not None and self.clock.now % 1000 == 0:
                self.decision += 1
                until = self.clock.now + 2000
                self.code = self.pcs.apply(
                    Command(-1, charge_ma, discharge_ma, None, 400000, None, None, until, self.decision)
                )
            request = self.pcs.next_request(self.clock.now)
            if request is not None:
                left = []
                if self.gate.send(self.clock.now, tcp_frame(1, 1, request_pdu(request)), left.append) != SENT:
                    self.pcs.failed(self.clock.now, request, REFUSED)
                else:
                    data, reason = self.device.answer(request)
                    if reason:
                        self.pcs.failed(self.clock.now, request, reason)
                    else:
                        self.pcs.reply(self.clock.now, request, data)
            self.clock.now += 20


def test_nothing_but_zero_before_the_watchdog_was_read_back():
    for name, watchdog_ms, _, watchdog_at in DEVICES:
        bench = Bench(name, watchdog_ms)
        bench.device.deaf = (watchdog_at,)  # it says yes and keeps another time-out
        bench.run(20000)
        assert bench.code == FAULT_WATCHDOG, name
        assert bench.device.limits_w() in ((0, 0), (None, None)), name
        assert bench.pcs.unapplied > 0, name
        bench.device.deaf = ()
        bench.run(20000)
        assert bench.code == OK, (name, bench.code)
        assert bench.device.words[watchdog_at] == watchdog_ms // 1000


def test_limits_are_inside_the_permit_and_kept_alive():
    for name, watchdog_ms, _, _ in DEVICES:
        bench = Bench(name, watchdog_ms)
        bench.run(20000)
        charge_w, discharge_w = bench.device.limits_w()
        assert 3900 <= charge_w <= 4000 and 7800 <= discharge_w <= 8000, (name, charge_w, discharge_w)
        assert bench.gate.refused == 0, name
        before = len(bench.device.writes)
        bench.run(2 * watchdog_ms)  # nothing changes: between 3 and 10 writes of the limits per watchdog
        kept = [row for row in bench.device.writes[before:] if row[1] == limit_row(bench.pcs.table)[0]]
        assert 6 <= len(kept) <= 20, (name, len(kept))


def test_what_stays_in_the_device_is_written_once():
    for name, watchdog_ms, _, _ in DEVICES:
        bench = Bench(name, watchdog_ms)
        bench.run(60000)
        for row in bench.pcs.table.WRITES:
            count = len([1 for write in bench.device.writes if write[1] == row[0]])
            if len(row) > 4 and row[4]:
                assert count == 1, (name, row[0], count)
            elif row[2][0][1] == SETPOINT_MW:
                assert count == 0, (name, row[0], count)  # nobody asks
                continue
            else:
                assert count > 3, (name, row[0], count)
            function = row[3] if len(row) > 3 else 16
            assert [1 for write in bench.device.writes if write[:2] == (function, row[0])], (name, row[0])


def test_acknowledged_and_not_applied_is_a_fault_and_means_zero():
    for name, watchdog_ms, charge_at, _ in DEVICES:
        bench = Bench(name, watchdog_ms)
        bench.run(20000)
        assert bench.code == OK and bench.pcs.unapplied == 0, name
        bench.device.deaf = (charge_at, charge_at + 1) if name != "sunspec_pcs" else (charge_at,)
        bench.run(6000, 1000, 20000)  # lowered: it says yes and keeps the higher limit
        assert bench.pcs.unapplied > 0, name
        assert bench.code == FAULT_APPLIED, (name, bench.code)
        assert bench.device.limits_w()[1] == 0, name  # what it does obey is zero
        bench.device.deaf = ()
        bench.run(10000, 1000, 20000)
        assert bench.code == OK, (name, bench.code)
        assert 0 < bench.device.limits_w()[0] <= 400, name


def test_a_fixed_register_that_changes_means_zero_until_it_is_set_again():
    for name, address, value in (
        ("sunspec_pcs", 40127, 1),  # only one limit in force
        ("kostal_g3", 1284, 0x447A),  # fallback 1000 W
        ("solaredge_storedge", 0xE00A, 7),  # after the time-out it would go on by itself
    ):
        watchdog_ms = [row[1] for row in DEVICES if row[0] == name][0]
        bench = Bench(name, watchdog_ms)
        bench.run(20000)
        wanted = bench.device.words[address]
        bench.device.words[address] = value
        bench.run(1200)
        assert bench.device.words[address] == value or bench.device.limits_w()[0] is not None
        bench.run(20000)
        assert bench.device.words[address] == wanted, name
        assert bench.code == OK, name


def test_the_limits_end_with_the_command():
    for name, watchdog_ms, _, _ in DEVICES:
        bench = Bench(name, watchdog_ms)
        bench.run(20000)
        bench.run(3000, None)
        assert bench.device.limits_w() == (0, 0), name


def limit_row(table):
    """The write that carries limits."""
    return [row for row in table.WRITES if [1 for field in row[2] if field[1] in (1, 2)]][0]
