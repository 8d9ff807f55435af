# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The simulated energy manager asks, the site clips and tells what is obeyed."""

from edge.core.registry import KEYS
from simulator.requester import LIFE_MS, SelfConsumption
from simulator.rigs import Local
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
