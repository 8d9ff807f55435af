# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The simulated energy manager asks, the site clips and tells what is obeyed."""

import time

from edge.core import terms as t
from edge.core.registry import KEYS
from edge.shell.gateway_uplink import GatewayUplink, MonotonicClock
from edge.shell.link import topic_root
from host_tools.answers import exchange
from simulator.broker import Broker
from simulator.faults import Stage
from simulator.pcs import IN_RATE, OUT_RATE, signed
from simulator.requester import LIFE_MS, SelfConsumption
from simulator.rigs import Local
from simulator.scenarios_orders import TRUST, Desk
from simulator.site_rig import begin
from simulator.sites import DEMO_TRUTH, settings
from simulator.world import World


def test_self_consumption_is_clipped_and_told():
    site = settings()
    world = World(site, 1, **DEMO_TRUTH)
    local = Local(world, site)
    manager = SelfConsumption(world)
    world.advance(local.turn().wake_ms)
    for _ in range(60):
        manager.step(local.rig.site)
        turn = local.turn()
        asked, permitted, obeyed, _, _ = local.rig.site.requests.now
        command = turn.commands[0]
        assert 0 <= permitted <= min(asked, command.charge_ma * (command.pack_mv or 0) // 1000000)
        world.advance(turn.wake_ms)
    assert manager.asked == 6 and 1000 < permitted <= asked and obeyed > 1000
    keys = [dict(row.pairs).get(KEYS["request_permitted"]) for _, row in local.rig.uplink.records]
    assert len([watts for watts in keys if watts is not None]) >= 6
    for _ in range(LIFE_MS // 1000 + 1):
        world.advance(local.turn().wake_ms)
    assert local.rig.site.requests.now is None  # nobody asks any more: it is over


def window(world):
    """(InWRte, OutWRte) of the simulated PCS in W: both ends of what it may do."""
    registers, rated = world.pcs.registers, world.pcs.power_w
    return tuple(signed(registers[at]) * rated / 10000 for at in (IN_RATE, OUT_RATE))


def test_a_signed_order_by_mqtt_reaches_the_register_of_the_pcs():
    stage = Stage("seplos")
    desk = Desk(stage)  # signs; its own inbox is not used
    stage = Stage("seplos")
    with Broker() as broker:
        place = {"host": "127.0.0.1", "port": broker.port, "keepalive_s": 5}
        uplink = GatewayUplink({**stage.settings, "uplink": place}, 1, 1, MonotonicClock())
        uplink.start()
        try:
            world = begin(stage, uplink=uplink, trust=TRUST)
            desk.stage = stage
            stage.settle(0.0)
            root = topic_root(stage.settings)
            patience = time.monotonic() + 30
            while not uplink.connected and time.monotonic() < patience:
                time.sleep(0.01)
            idle = window(world)
            assert idle[0] > 1000 and idle[1] > 1000
            for power_w in (-1500, 700):
                raw = desk.order(t.POWER, {1: power_w, 2: 20}, "operator")
                list(exchange("127.0.0.1", broker.port, root, raw, 0))
                while not asked(stage, power_w) and time.monotonic() < patience:
                    stage.run(1000)
                    time.sleep(0.01)
                stage.run(2000)
                charge_w, discharge_w = window(world)
                assert charge_w == -discharge_w and abs(charge_w - power_w) <= 1
                assert abs(world.pcs.now_w - power_w) <= 2
            stage.run(25000)  # over in time: limits again
            assert not asked(stage, 700) and min(window(world)) > 1000
        finally:
            uplink.stop()


def asked(stage, power_w):
    """True when a request for power_w is in force."""
    requests = stage.rig.rig.site.requests
    return requests is not None and requests.now is not None and requests.now[0] == power_w
