# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the status LED says."""

import asyncio

from edge.core.faults import LOCKED, RUNNING, TRIPPED
from edge.shell.board_led import MEANINGS, meaning, show


class Faults:
    """What a pack's faults are."""

    def __init__(self, active):
        self.active = active

    def names(self):
        """Those that are active."""
        return self.active


class Pack:
    """A pack in a mode."""

    def __init__(self, mode, active):
        self.mode = mode
        self.faults = Faults(active)


class Site:
    """A site of packs."""

    def __init__(self, *packs):
        self.packs = packs


class Guarded:
    """As edge.shell.control has it."""

    site = None


def name(site, connected=True):
    """What is shown."""
    return MEANINGS[meaning(site, connected)][0]


def test_the_worst_of_all_packs_is_shown():
    well, bad, locked = Pack(RUNNING, []), Pack(TRIPPED, [3]), Pack(LOCKED, [3])
    assert name(None) == "starting"
    assert name(Site(well)) == "well" and name(Site(well), False) == "unlinked"
    assert name(Site(well, bad)) == "fault" and name(Site(Pack(RUNNING, [1])), False) == "fault"
    assert name(Site(bad, locked)) == "locked"


def test_every_pattern_is_another_one_of_a_second():
    assert len({row[2] for row in MEANINGS}) == len(MEANINGS)
    assert {len(row[2]) for row in MEANINGS} == {8}


def test_the_pin_follows():
    seen = []

    async def run():
        task = asyncio.create_task(show(seen.append, Guarded(), None))
        await asyncio.sleep(0.3)
        task.cancel()

    asyncio.run(run())
    assert seen[:2] == [1, 1]
