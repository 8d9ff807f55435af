# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A power that somebody asks for, as each PCS of the profiles is told it: never beyond the permit, over in time."""

from edge.core.requests import S_SERVER, Requests
from edge.core.tx_gate import READ, signed_float
from tests.both import test_pcs_readback as rb

ENDLESS = 10**9


class Obey:
    again = False


class Site:
    """What a PCS looks at after a step."""

    def __init__(self):
        self.requests = Requests()
        self.obey = Obey()


class Asked(rb.Bench):
    """A Bench with a request; what it says after a step is as Site.step makes it."""

    def __init__(self, name, watchdog_ms, mode=rb.CONTROL):
        rb.Bench.__init__(self, name, watchdog_ms, mode)
        self.site = Site()
        self.name = name

    def ask(self, power_w, until_ms=ENDLESS):
        until_ms = min(until_ms, self.clock.now + 86400000)
        assert self.site.requests.ask(self.clock.now, power_w, until_ms, S_SERVER)

    def go(self, duration_ms, charge_ma=10000, discharge_ma=20000):
        """run, a second at a time, with what the step tells. 400 V: 4 kW and 8 kW, less 2 %."""
        for _ in range(duration_ms // 1000):
            now = self.clock.now
            self.site.requests.step(
                now, (None, 0), rb.Command(-1, charge_ma, discharge_ma, None, 400000, None, None, 0, 0), None
            )
            self.pcs.told(self.site, None)
            self.run(1000, charge_ma, discharge_ma)

    def orders(self):
        """(least, most) power in W that the device is told, + charges; None: its own logic, inside its limits."""
        words = self.device.words
        charge_w, discharge_w = self.device.limits_w()
        if self.name == "kostal_g3":
            bits = words[1034] << 16 | words[1035]
            value = signed_float(bits)
            return (-discharge_w, charge_w, -value)
        if self.name == "solaredge_storedge":
            return (-discharge_w, charge_w, words[0xE00D])
        return (-discharge_w, charge_w, None)


WATCHDOG_MS = {"sunspec_pcs": 6000, "kostal_g3": 30000, "solaredge_storedge": 15000}
# device, asked W, (least, most, how) that it must be told
TOLD = (
    ("sunspec_pcs", None, (-7840, 3920, None)),
    ("sunspec_pcs", 3000, (3000, 3000, None)),
    ("sunspec_pcs", 9000, (3920, 3920, None)),
    ("sunspec_pcs", -3000, (-3000, -3000, None)),
    ("sunspec_pcs", -9000, (-7840, -7840, None)),
    ("sunspec_pcs", 0, (0, 0, None)),
    ("kostal_g3", None, (-7840, 3920, 0)),
    ("kostal_g3", 3000, (-7840, 3920, 3000)),
    ("kostal_g3", 9000, (-7840, 3920, 3920)),
    ("kostal_g3", -9000, (-7840, 3920, -7840)),
    ("kostal_g3", 0, (-7840, 3920, 0)),
    ("solaredge_storedge", None, (-7840, 3920, 7)),
    ("solaredge_storedge", 3000, (0, 3000, 3)),
    ("solaredge_storedge", -3000, (-3000, 0, 4)),
    ("solaredge_storedge", -9000, (-7840, 0, 4)),
    ("solaredge_storedge", 0, (0, 0, 7)),
)


def test_each_device_is_told_what_is_asked_inside_the_permit():
    for name, power_w, want in TOLD:
        bench = Asked(name, WATCHDOG_MS[name])
        bench.go(20000)
        if power_w is not None:
            bench.ask(power_w)
        bench.go(3000)
        assert bench.orders() == want, (name, power_w, bench.orders())
        assert bench.gate.refused == 0 and bench.code == rb.OK and bench.pcs.unapplied == 0, (name, power_w)


def test_over_in_time_and_then_its_own_logic():
    for name, power_w, want in TOLD:
        if power_w is None:
            idle = want
            continue
        bench = Asked(name, WATCHDOG_MS[name])
        bench.go(20000)
        bench.ask(power_w, bench.clock.now + 4500)
        bench.go(4000)
        assert bench.orders() == want, (name, power_w)
        bench.run(1000)  # without a step: the order has its time in itself
        bench.run(1000)
        assert bench.orders() == idle, (name, power_w, bench.orders())


def test_zero_wins_at_once_and_is_over_with_the_command():
    for name, power_w, _ in TOLD:
        if not power_w:
            continue
        bench = Asked(name, WATCHDOG_MS[name])
        bench.go(20000)
        bench.ask(power_w)
        bench.go(3000)
        started = bench.clock.now
        bench.decision += 1
        bench.pcs.apply(rb.Command(-1, 0, 0, None, 400000, None, None, started + 2000, bench.decision))
        bench.run(200, None)
        assert bench.orders()[:2] == (0, 0) and bench.orders()[2] in (None, 0, 7), (name, power_w, bench.orders())
        bench.go(3000)
        assert bench.orders()[:2] != (0, 0), name
        bench.run(3000, None)  # nobody renews the command
        assert bench.orders()[:2] == (0, 0) and bench.orders()[2] in (None, 0, 7), (name, power_w, bench.orders())
        assert bench.gate.refused == 0, name


def test_one_direction_that_is_shut():
    for name, power_w, charge_ma, discharge_ma in (
        ("sunspec_pcs", 3000, 0, 20000),
        ("sunspec_pcs", -3000, 10000, 0),
        ("kostal_g3", 3000, 0, 20000),
        ("solaredge_storedge", -3000, 10000, 0),
    ):
        bench = Asked(name, WATCHDOG_MS[name])
        bench.go(20000)
        bench.ask(power_w)
        bench.go(3000, charge_ma, discharge_ma)
        least, most, how = bench.orders()
        assert (least, most) == (0, 0) or (name == "kostal_g3" and how == 0), (name, least, most, how)
        assert bench.gate.refused == 0, name


def test_from_one_direction_to_the_other():
    for name in WATCHDOG_MS:
        bench = Asked(name, WATCHDOG_MS[name])
        bench.go(20000)
        for power_w in (3000, -5000, 0, -1000, 2000):
            bench.ask(power_w)
            bench.go(1000)
            least, most, how = bench.orders()
            assert power_w in (least, most, how) or (least, most) == (0, 0), (name, power_w, bench.orders())
            if name == "sunspec_pcs":
                assert least == most == power_w
        assert bench.gate.refused == 0 and bench.pcs.unapplied == 0, name


def test_an_order_that_is_not_applied_means_zero():
    bench = Asked("sunspec_pcs", 6000)
    bench.go(20000)
    bench.ask(3000)
    bench.go(3000)
    bench.device.deaf = (40134,)  # keeps the order to charge
    bench.ask(-2000)
    bench.go(5000)
    assert bench.code == rb.FAULT_APPLIED and bench.device.words[40135] == 0


def test_what_is_not_asked_is_not_written():
    bench = Asked("kostal_g3", 30000)
    bench.go(60000)
    assert 1034 not in [row[1] for row in bench.device.writes]
    bench.ask(1000, bench.clock.now + 5000)
    bench.go(6000)
    count = len([row for row in bench.device.writes if row[1] == 1034])
    assert count >= 2 and [row for row in bench.device.writes if row[1] == 1034][-1][2] == (0, 0)
    bench.go(60000)
    assert len([row for row in bench.device.writes if row[1] == 1034]) == count


def test_a_zero_that_fails_is_said_again():
    bench = Asked("kostal_g3", 30000)
    bench.go(20000)
    bench.ask(3000, bench.clock.now + 3000)
    bench.go(3000)
    bench.device.refuses = (1034,)
    bench.go(3000)
    bench.device.refuses = ()
    assert bench.device.words[1034]
    bench.go(12000)
    assert bench.device.words[1034] == 0


def test_observe_forwards_nothing():
    bench = Asked("sunspec_pcs", 6000, READ)
    bench.ask(3000)
    bench.go(20000)
    assert bench.device.writes == []


def test_whatever_is_asked_and_permitted_nothing_leaves_the_permit():
    """Random permits and requests: the gate never has to refuse, and what the device holds stays inside."""
    seed = 7
    for name in WATCHDOG_MS:
        bench = Asked(name, WATCHDOG_MS[name])
        bench.go(20000)
        for _ in range(150):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            charge_ma = (0, 1, 2500, 10000, 24999)[seed >> 8 & 7 if seed >> 8 & 7 < 5 else 0]
            discharge_ma = (0, 777, 20000, 25000)[seed >> 12 & 3]
            if seed >> 16 & 1:
                bench.ask((seed >> 17 & 0x3FFF) - 8192, bench.clock.now + 500 + (seed >> 5 & 0xFFF))
            bench.go(1000, charge_ma, discharge_ma)
            least, most, how = bench.orders()
            seen = [least, most] + ([how] if name == "kostal_g3" else [])
            for power_w in seen:
                assert -discharge_ma * 4 <= power_w * 10 and power_w * 10 <= charge_ma * 4, (name, seen, charge_ma)
        assert bench.gate.refused == 0 and bench.pcs.unapplied == 0, name
