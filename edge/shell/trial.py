# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a controller in a slot does about its slot: confirms it when it is well, tells of it, and takes updates."""

import asyncio

from edge.core.faults import E_SOFTWARE, RUNNING
from edge.core.records import OK, Record
from edge.core.registry import KEYS
from edge.shell.control import Restart
from edge.shell.slots import MANIFEST, Slots, digest_of, word_of

HEALTHY = 10  # decisions in which all is measured and may flow: then the slot is confirmed
TRIAL_MS = 300000  # without them for so long, while there is another slot: the next start is counted


class Trial:
    """Counts the healthy decisions of a slot on trial. slots: Slots; clock: Clock port. offer(record): takes what is to
    be told upstream."""

    def __init__(self, slots, clock, offer):
        self._slots = slots
        self._clock = clock
        self._offer = offer
        self._count = 0
        self._until_ms = clock.now_ms() + TRIAL_MS if slots.has_other() else None

    def told(self, site, outcome):
        """Take one decision."""
        if [pack for pack in site.packs if not is_healthy(pack)]:
            self._count = 0
        else:
            self._count += 1

    def flush(self):
        """Confirm, or give up: raises Restart, and the next start is counted."""
        if not self._slots.on_trial():
            return
        if self._count >= HEALTHY:
            try:
                self._slots.confirm()
            except OSError:
                self._count = 0  # a full disk: tried again later
                return
            print("slot %s is confirmed" % self._slots.active)
            self._offer(software(self._slots, self._clock))
        elif self._until_ms is not None and self._clock.now_ms() > self._until_ms:
            raise Restart("slot %s came to no healthy decision in %d s" % (self._slots.active, TRIAL_MS // 1000))


def is_healthy(pack):
    """True for a pack that runs, is measured and whose limits are known."""
    return pack.mode == RUNNING and pack.believed.worst == OK and pack.limits.charge_ma is not None


def software(slots, clock):
    """The record of what runs: slot and version, its starts on trial (0: confirmed), and why it is this one."""
    utc_s, quality = clock.utc_s()
    version = word_of(slots.folder(slots.active), "version", "?")
    values = (
        (KEYS["event"], E_SOFTWARE),
        (KEYS["slot"], "ab".index(slots.active)),
        (KEYS["slot_starts"], slots.boots),
        (KEYS["slot_version"], version),
        (KEYS["slot_why"], slots.why),
    )
    return Record("E", -1, clock.now_ms(), None if utc_s is None else utc_s * 1000, quality, tuple(sorted(values)))


def attend(settings, clock, sync, uplink, told, flush):
    """Begin all of this on a board; the flush() that is called after each step. told: list of what each step is told.

    uplink: its port; sync(file): makes what was written durable; flush(): what was called so far.
    """
    slots = Slots()
    if slots.number == 0:
        return flush
    uplink.offer(software(slots, clock))
    settings["software"] = digest_of(slots.folder(slots.active) + MANIFEST)[:16]
    parts = [flush]
    if slots.on_trial():
        trial = Trial(slots, clock, uplink.offer)
        told.append(trial.told)
        parts.append(trial.flush)
    if [row for row in settings.get("trust") or () if row.get("role") == "release"]:
        from edge.shell.updater import Updater

        updater = Updater("", settings, sync, clock, uplink.offer)
        getattr(uplink, "uplink", uplink).updates = updater
        told.append(updater.told)
        parts.append(updater.flush)
        asyncio.create_task(compute(updater))

    if len(parts) == 1:
        return flush  # nothing of this module lives on

    def flushed():
        for part in parts:
            part()

    return flushed


async def compute(updater):
    """The computing of updates, for ever, in slices between everything else."""
    while True:
        await asyncio.sleep(0.01 if updater.compute() else 0.2)
