# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The battery of an inverter on a real python-can bus: cantools reads it by a DBC written apart from the profile, and
in the simulated site the inverter obeys it."""

import pathlib
import threading

import can
import cantools

from bms_bridge.can_line import gate_frame
from bms_bridge.pcs_can import PcsCan
from bms_bridge.tables import load
from bms_bridge.transports import gateway_can
from edge.core.records import Command
from edge.core.tx_gate import CONTROL, TxGate, approved_sum
from simulator.rigs import Local
from simulator.sites import DEMO_TRUTH, settings, with_inverter
from simulator.world import World
from tests.both.test_pcs_can import KNOWN, VOLTS
from tests.bridge.rig import Clock, drive

DBC = pathlib.Path(__file__).resolve().parent / "dbc" / "pylontech_pcs.dbc"
CHANNEL = "test-inverter"


class Listener:
    """An inverter on a virtual bus: hears everything and says every 50 ms that it lives."""

    def __enter__(self):
        self.frames = []
        self._stopping = False
        self._bus = can.Bus(interface="virtual", channel=CHANNEL)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join(30)
        self._bus.shutdown()

    def _serve(self):
        while not self._stopping:
            message = self._bus.recv(0.05)
            if message is None:
                self._bus.send(can.Message(arbitration_id=0x305, is_extended_id=False, data=bytes(8)))
            else:
                self.frames.append((message.arbitration_id, message.is_extended_id, bytes(message.data)))


def test_cantools_reads_what_leaves_the_gateway():
    clock = Clock()
    pcs = PcsCan(load("pylontech_pcs"), {"id": "pcs"}, VOLTS, clock)
    pcs.gate = gate = TxGate("can", CONTROL, pcs.gate_rules())
    until_ms = clock.now_ms() + 5000
    with Listener() as inverter:
        assert pcs.apply(Command(-1, 56040, 42000, None, 52850, None, None, until_ms, 1)) > 0
        pcs.say(KNOWN, until_ms)
        link = {"kind": "can", "interface": "virtual", "channel": CHANNEL, "bitrate": 500000}
        drive(gateway_can.run_link, link, [pcs], gate, lambda: len(inverter.frames) >= 16 and pcs.read(0))
    assert len(inverter.frames) == gate.approved and gate.refused == 0
    total = 1
    said = {}
    dbc = cantools.database.load_file(DBC)
    for frame in inverter.frames:
        total = approved_sum(total, gate_frame(*frame))
        if frame[0] in (0x351, 0x355, 0x356, 0x359, 0x35C):
            said.update(dbc.decode_message(frame[0], frame[2]))
    assert total == gate.approved_sum
    want = {"charge_v": 58.4, "charge_a": 56.0, "discharge_a": 42.0, "discharge_v": 40.0, "soc": 48, "soh": 85}
    want.update({"volts": 52.85, "amperes": -0.4, "celsius": 22.6, "over_volt": 0, "system": 0, "modules": 1})
    want.update({"p": ord("P"), "n": ord("N"), "charge_on": 1, "discharge_on": 1, "full_charge": 0})
    want.update({"force_1": 0, "force_2": 0})
    assert {name: round(float(value), 3) for name, value in said.items()} == want
    assert pcs.read(0).groups[0].count > 0


def test_a_simulated_site_with_an_inverter():
    """Current flows inside the limits; a silent inverter takes the permit to zero; a mute controller stops it."""
    site = with_inverter(settings())
    world = World(site, 1, **DEMO_TRUTH)
    local = Local(world, site)
    rig, wire = local.rig, world.pcs.wire
    rig.captured = []

    permits = [(0, 0)]

    def run(seconds):
        for _ in range(seconds):
            turn = local.turn()
            permits.append((turn.commands[0].charge_ma, turn.commands[0].discharge_ma))
            # the rig stands still at each step: a frame that went out just before is not followed within GAP_MS
            for k, ampere in enumerate(wire.limits_a()):
                assert 1000 * ampere <= max(permits[-1][k], permits[-2][k])
            world.advance(turn.wake_ms)
        return turn

    assert run(60).commands[0].charge_ma > 30000 and world.pcs.now_w > 1000
    assert rig.gate.refused == 0
    assert approved_sum(1, b"".join(rig.captured)) == rig.gate.approved_sum
    wire.is_mute = True
    assert run(20).commands[0].charge_ma == 0 and wire.limits_a() == (0.0, 0.0) and world.pcs.now_w == 0.0
    wire.is_mute = False
    assert run(90).commands[0].charge_ma > 20000
    world.advance(world.now_ms + 6000)  # nobody steps the controller: the inverter's own time-out
    wire.due(world.now_ms)
    assert wire.limits_a() == (0.0, 0.0)
    rig.close()
