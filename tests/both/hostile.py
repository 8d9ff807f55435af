# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""R19: hostile payloads through the real way in, from the MQTT packet over the uplink to the step of the site.

    python -m tests.both.hostile COUNT SEED        micropython -m tests.both.hostile COUNT SEED

A twin of the site gets only the valid orders that lie between the hostile ones. After every step both must permit the
same. Every hostile payload has one verdict or counter that it must end in; all are compared at the end. Every record
must be at the backend, whatever acknowledgements said.
"""

import sys

from edge.core import orders as o
from edge.core.site import Site
from edge.shell import board_uplink, link, mqtt, signed
from tests.both import core_help as h
from tests.both import hostile_makers as makers
from tests.both.backlog_help import Backend, Unit
from tests.both.journal_disk import Disk

ROOT = "bess/v1/demo/test/%s/" % makers.DEVICE
PER_STEP = 12  # hostile payloads between two steps; now and then a flood
FLOOD = 60
DRAIN_STEPS = 40


class Clock:
    """The port that an uplink asks."""

    def __init__(self):
        self.ms = 1000

    def now_ms(self):
        return self.ms


class Board:
    """The way in on a board: packets of MQTT, as its client reads them."""

    most_bytes = mqtt.MAX_PACKET

    def __init__(self, settings, clock, box):
        self.uplink = board_uplink.BoardUplink(settings, 1, 1, outbox=box)
        self.uplink._clock = clock
        self._client = mqtt.Client(None, "x", 20, self.uplink._on_message)

    def deliver(self, topic, payload, retained):
        """One message at QoS 1, or a packet that is none: it ends the connection and nothing else."""
        body = payload if topic is None else mqtt.text_field(topic) + b"\x00\x01" + payload
        try:
            self._client._publish_in(0x33 if retained else 0x32, body)
        except mqtt.MqttError:
            pass
        self._client._received.clear()


class Run:
    """One play. way: class that makes the uplink (Board); seed: of all choices."""

    def __init__(self, way, seed):
        self.dice = makers.Dice(seed)
        self.settings = h.site_settings(trust=makers.TRUST)
        self.settings["uplink"] = {"host": "127.0.0.1", "port": 1, "keepalive_s": 20, "format": "cbor"}
        self.clock = Clock()
        self.unit = Unit(Disk(), 1, 1 << 24, 20000)
        self.backend = Backend()
        self.way = way(self.settings, self.clock, self.unit.box)
        self.maker = makers.Maker(self.dice, self.unit.box, self.backend)
        verify = signed.verifier(makers.TRUST, signed.by_hmac)
        self.site, self.twin = (
            Site(self.settings, None, verify),
            Site(h.site_settings(trust=makers.TRUST), None, verify),
        )
        self.count = self.valid = self.step_number = self.told = self.taken = 0
        self.expected, self.found = {}, {}
        self.inbox = []  # (is valid, verdict) of what must reach the site at the next step
        self._spy(self.site.orders)

    def _spy(self, orders):
        """Count every verdict, told or not."""
        told = orders._is_told

        def look(now_ms, verdict):
            self.found[verdict] = self.found.get(verdict, 0) + 1
            return told(now_ms, verdict)

        orders._is_told = look

    def expect(self, what):
        self.expected[what] = self.expected.get(what, 0) + 1

    def send(self, topic, payload, retained, what):
        """Deliver one hostile payload and note where it must end."""
        self.count += 1
        if topic is not None and topic[:1] != "/":
            topic = ROOT + topic
        if topic == ROOT + "ord" and type(what) is int:
            room = len(payload) <= link.MAX_ORDER_BYTES and len(self.inbox) < link.MAX_ORDERS
            what = what if room and not retained else "link"
            if what != "link":
                self.inbox.append(what)
        whole = topic is None or len(topic) + 4 + len(payload) <= self.way.most_bytes
        self.expect(what if whole else None)  # a longer packet is thrown away unread
        if not whole and what != "link" and type(what) is int:
            self.inbox.pop()
        self.way.deliver(topic, payload, retained)

    def step(self):
        """Some valid orders, many hostile payloads, one step of both sites."""
        self.step_number += 1
        valid = []
        for _ in range(self.dice.below(2)):
            raw = self.maker.valid()
            valid.append(raw)
            self.inbox.append(None)
            self.way.deliver(ROOT + "ord", raw, False)
        self.valid += len(valid)
        for _ in range(FLOOD if self.dice.below(25) == 0 else PER_STEP):
            self.send(*self.maker.hostile())
        if self.dice.below(3) == 0:
            self._report()
        orders, self.inbox = self.way.uplink.orders(), []
        mine, other = self._stepped(self.site, orders), self._stepped(self.twin, valid)
        for record in mine.records:
            self.unit.box.append(record)
            self.told += record.cls == "E" and 152 in [pair[0] for pair in record.pairs]
        self.unit.journal.flush()
        self.compare(mine.commands[0], other.commands[0])
        self.clock.ms = mine.wake_ms

    def _stepped(self, site, orders):
        number = self.step_number
        reads = [h.sample(self.clock.ms, number, mv=3210 + number % 3), h.pcs_sample(self.clock.ms, number)]
        site.saved = site.durable.made
        return site.step(self.clock.ms, (makers.UTC_S + self.clock.ms // 1000, 3), reads, orders)

    def compare(self, command, other):
        """Nothing that is hostile changed what may flow, or what is asked for."""
        one = (command.charge_ma, command.discharge_ma, self.site.orders.requested_w(self.clock.ms))
        two = (other.charge_ma, other.discharge_ma, self.twin.orders.requested_w(self.clock.ms))
        assert one == two and self.site.orders.papers() == self.twin.orders.papers(), (self.step_number, one, two)

    def _report(self):
        """Records leave, and some arrive; the genuine acknowledgement comes at times."""
        self.unit.now_ms = self.clock.ms
        self.unit.send(self.backend, 8, lambda _: self.dice.below(3) == 0, acked=False)
        if self.dice.below(2):
            data = self.backend.ack(101)
            self.maker.acks.append(data)
            before = self.unit.box.last_ack_ms
            self.way.deliver(ROOT + "ack", data, True)
            assert self.unit.box.last_ack_ms == self.clock.ms or before == self.clock.ms
            self.taken += 1

    def judge(self):
        """Everything is at the backend, every counter is right."""
        box, inbox = self.unit.box, self.way.uplink._orders
        counted = dict([(key, self.expected.get(key, 0)) for key in self.expected if type(key) is int])
        found = dict([(key, self.found[key]) for key in self.found if key not in (o.V_DONE, o.V_WAITS)])
        assert found == counted, (found, counted)
        assert self.found.get(o.V_DONE, 0) + self.found.get(o.V_WAITS, 0) == self.valid > 0, self.found
        assert inbox.refused == self.expected.get("link", 0), inbox.refused
        assert (box.foreign, box.refused) == (self.expected.get("foreign", 0), self.expected.get("future", 0))
        assert self.site.orders.refused <= sum(found.values()) <= self.site.orders.refused + self.told
        self.unit.now_ms = self.clock.ms
        self.unit.drain(self.backend)
        assert self.backend.missing(101, box.seq) == [] and not self.backend.gone and box.dropped == 0
        assert self.backend.conflicts == 0


def play(count, seed, way=Board):
    """A finished, judged Run of at least count hostile payloads."""
    run = Run(way, seed)
    while run.count < count:
        run.step()
    run.judge()
    return run


def text_of(run, seed):
    """One line of counts."""
    refused = sum([run.found[key] for key in run.found if key not in (o.V_DONE, o.V_WAITS)])
    return (
        "hostile payloads: %d (seed %d), 0 exceptions, 0 limits widened; %d orders refused by reason, %d before that, "
        "%d acknowledgements refused, %d valid orders taken, %d records, 0 missing"
    ) % (
        run.count,
        seed,
        refused,
        run.way.uplink._orders.refused,
        run.unit.box.foreign + run.unit.box.refused,
        run.valid,
        run.unit.box.seq,
    )


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:3]] + [3000, 1][len(sys.argv) - 1 :]
    print(text_of(play(numbers[0], numbers[1]), numbers[1]))
