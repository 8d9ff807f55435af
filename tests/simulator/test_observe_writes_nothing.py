# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A whole day in observe: what arrives at the peers are reads, byte for byte what the gates approved.

The whole controller runs, wired as at start-up, on a clock that jumps; every frame passes its real gate and is
captured behind it, where the peer would see it.
"""

import zlib

import pytest

from bms_bridge.modbus import EXCEPTION, REFUSED, request_pdu, tcp_frame
from bms_bridge.tables import load
from edge.core.settings import with_defaults
from edge.core.site import Site
from edge.core.tx_gate import SENT
from edge.loop import loop
from edge.shell.wiring import Silent, Wiring
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import World


class Observed:
    """One site, its peers, and the frames that reached them. Clock port and Store port."""

    def __init__(self, mode, step_ms):
        site = with_defaults({**settings(mode=mode), "period_ms": step_ms})
        self.world = World(site, 7, step_ms=step_ms, **DEMO_TRUTH)
        self.wiring = Wiring(site, load, self)
        self.number = {device: number for number, device in enumerate(self.wiring.devices)}
        self.functions = {}
        self.sums = {gate: 1 for _, _, gate in self.wiring.lines}
        self.limited = 0
        self.steps = loop(Site(site), self, self.wiring.devices, self.wiring.actuators, self, Silent(), self.seen)
        self.saved = 0

    def now_ms(self):
        return self.world.now_ms

    def utc_s(self):
        return self.world.utc_s(), 3

    def save(self, state):
        self.saved = state.get("save", 0)

    def seen(self, site, outcome):
        command = outcome.commands[0]
        self.limited += command.charge_ma > 0 or command.discharge_ma > 0

    def serve(self):
        """Every line carries what is due now."""
        now_ms = self.now_ms()
        for _, devices, gate in self.wiring.lines:
            for device in devices:
                while (request := device.next_request(now_ms)) is not None:
                    self.exchange(now_ms, device, gate, request)

    def exchange(self, now_ms, device, gate, request):
        left = []
        if gate.send(now_ms, tcp_frame(1, request.unit, request_pdu(request)), left.append) != SENT:
            device.failed(now_ms, request, REFUSED)
            return
        self.sums[gate] = zlib.adler32(left[0], self.sums[gate])
        self.functions[left[0][7]] = self.functions.get(left[0][7], 0) + 1
        number = self.number[device]
        if request.data is not None:
            self.world.write(number, request.address, request.data)
            device.reply(now_ms, request, b"")
            return
        count = None if request.function <= 2 else request.count
        data = self.world.answer(number, request.function, request.address, count)
        if data is None:
            device.failed(now_ms, request, EXCEPTION + 2)
        else:
            device.reply(now_ms, request, data)

    def run(self, seconds):
        """Let so much time pass; the sums of captured and approved bytes must agree at its end."""
        end_ms = self.now_ms() + 1000 * seconds
        while self.now_ms() < end_ms:
            self.serve()
            self.world.advance(next(self.steps))
        self.steps.close()
        self.serve()
        for _, _, gate in self.wiring.lines:
            assert gate.approved_sum == self.sums[gate]
            assert gate.approved > 0


def only_reads(site):
    assert set(site.functions) <= {1, 2, 3, 4} and sum(site.functions.values()) > 100
    assert site.world.pcs.writes == 0 and site.limited > 0  # it computed what it would have permitted
    assert all(gate.refused == 0 for _, _, gate in site.wiring.lines)


def test_two_hours_in_observe_write_nothing():
    site = Observed("observe", 1000)
    site.run(7200)
    only_reads(site)


def test_the_same_site_in_control_writes():
    site = Observed("control", 1000)
    site.run(120)
    assert site.functions[16] > 10 and site.world.pcs.writes == site.functions[16]


@pytest.mark.long
def test_a_whole_day_in_observe_writes_nothing():
    site = Observed("observe", 1000)
    site.run(86400)
    only_reads(site)
