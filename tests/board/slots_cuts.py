# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Power cuts at every operation of the flash chip while a slot is switched, confirmed, left, and filled by an update.

    MICROPYPATH=.:.frozen micropython -X heapsize=8M tests/board/slots_cuts.py [STRIDE [PLANT]]

The chip is in RAM, with littlefs on it. After each cut the power comes back: the board must choose a slot that is whole,
the old one until the new one was switched to, and an update that goes on must end. Prints one line with the counts.
PLANT: a mistake that must be found: "early" switches before the slot is filled, "same" fills the slot that runs.
"""

import gc
import sys

import vfs

from edge.shell import update as update_module
from edge.shell.slots import Slots, damage
from edge.shell.update import Update
from tests.both import update_help as h

BLOCK, COUNT, AT = 512, 240, "/cut"


class Cut(Exception):
    """The power is gone."""


CUT = Cut()
FILES = h.FILES + (("edge/core/site.mpy", b"site" * 3500), ("bms_bridge/bms.mpy", b"bms" * 1500))


class Chip:
    """A flash chip that dies after `left` operations; half of the last one is done."""

    def __init__(self, data, left=None):
        self.data = data
        self.left = left
        self.done = 0
        self.dead = False

    def readblocks(self, block, buffer, offset=0):
        if self.dead:  # files that are closed later, by the collector, reach nothing
            return
        at = block * BLOCK + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def _live(self):
        self.done += 1
        if self.left is not None and self.done > self.left:
            self.dead = True
            raise CUT
        return self.left is None or self.done < self.left

    def writeblocks(self, block, buffer, offset=None):
        if self.dead:
            return
        if offset is None:
            self.ioctl(6, block)
            offset = 0
        size = len(buffer) if self._live() else len(buffer) // 2
        at = block * BLOCK + offset
        self.data[at : at + size] = buffer[:size]

    def ioctl(self, request, argument):
        if request == 4:
            return COUNT
        if request == 5:
            return BLOCK
        if request == 6 and not self.dead:
            size = BLOCK if self._live() else BLOCK // 2
            at = argument * BLOCK
            self.data[at : at + size] = b"\xff" * size
        return 0


def powered(data, work, left=None):
    """work() on the chip; (what it returned, or Cut, operations). The chip's content is data afterwards."""
    chip = Chip(data, left)
    vfs.mount(vfs.VfsLfs2(chip, readsize=64, progsize=64), AT)
    try:
        return work(), chip.done
    except (Cut, OSError):
        return Cut, chip.done
    finally:
        gc.collect()  # a file that is still open would be closed on a file system that is gone
        vfs.umount(AT)


def blank():
    """A chip with slot a confirmed."""
    data = bytearray(BLOCK * COUNT)
    vfs.VfsLfs2.mkfs(Chip(data), readsize=64, progsize=64)

    def fill():
        h.install(AT, "a", h.OLD)
        slots = Slots(AT)
        slots.switch("a", "flash")
        slots.choose()
        slots.confirm()

    assert powered(data, fill)[0] is not Cut
    return data


def with_b(data):
    """The same with a whole slot b beside it."""
    data = bytearray(data)
    assert powered(data, lambda: h.install(AT, "b", h.FILES, 5))[0] is not Cut
    return data


def chosen():
    """(slot that starts, what is wrong with it)."""
    name = Slots(AT).choose()
    return name, damage(AT + "/" + name) if name else "nothing starts"


def sweep(name, before, work, allowed):
    """Cut work at every operation; how many cuts. allowed: slots that may start after one."""
    whole = bytearray(before)
    result, total = powered(whole, work)
    assert result is not Cut, name
    for left in range(1, total + 1):
        data = bytearray(before)
        powered(data, work, left)
        (slot, wrong), _ = powered(data, chosen)
        assert slot in allowed and wrong is None, (name, left, slot, wrong)
    return total


def trial(data):
    """The chip after a switch to b and its first start."""
    data = bytearray(data)

    def work():
        Slots(AT).switch("b", "update")
        Slots(AT).choose()

    powered(data, work)
    return data


def after_boots(data):
    """The chip after three starts of b that were not confirmed."""
    data = trial(data)
    for _ in range(2):
        powered(data, chosen)
    return data


def update():
    """An update from its order, or from where a reset left it, to the switch; True when it was made."""
    raw = h.manifest(FILES)
    parcel = h.bundle(raw, FILES) if not PARCEL else PARCEL[0]
    PARCEL[:] = [parcel]
    under_way = (Early if PLANT == "early" else Update)(AT, h.SETTINGS, h.sync)
    steps = under_way.resumed() or under_way.begin(h.order(raw, parcel), h.TOLD)
    h.run(under_way, steps, h.Sender(parcel))
    return under_way.switched


class Early(Update):
    """A planted mistake: the switch comes first."""

    def _slot(self, *about):
        Slots(self.root).switch("b", "early")
        yield from Update._slot(self, *about)


PARCEL = []
PLANT = sys.argv[2] if len(sys.argv) > 2 else None


def sweep_update(before, stride):
    """Cut an update at every stride-th operation; then it has to come to its end. (cuts, operations)."""
    whole = bytearray(before)
    switched, total = powered(whole, update)
    assert switched is True
    cuts = 0
    for left in range(1, total + 1, stride):
        data = bytearray(before)
        powered(data, update, left)
        state = powered(data, lambda: (Slots(AT).active, Slots(AT).good))[0]
        (slot, wrong), _ = powered(data, chosen)
        assert wrong is None and slot == state[0] and state in (("a", "a"), ("b", "a")), (left, state, slot, wrong)
        if slot == "a":
            assert powered(data, update)[0] is True, left
            assert powered(data, chosen)[0] == ("b", None), left
        cuts += 1
    return cuts, total


def main(stride):
    """Run all sweeps; prints the counts."""
    if PLANT == "same":
        update_module.other_than = lambda name: name
    first = blank()
    both = with_b(first)
    counts = [
        ("switch", sweep("switch", both, lambda: Slots(AT).switch("b", "update"), "ab")),
        ("start", sweep("start", trial(both), lambda: Slots(AT).choose(), "b")),
        ("confirm", sweep("confirm", trial(both), lambda: Slots(AT).confirm(), "b")),
        ("fall", sweep("fall", after_boots(both), lambda: Slots(AT).choose(), "a")),
    ]
    cuts, total = sweep_update(first, stride)
    counts.append(("update", cuts))
    print("%d cuts, all survived: %s; the update has %d operations" % (sum([c for _, c in counts]), counts, total))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
