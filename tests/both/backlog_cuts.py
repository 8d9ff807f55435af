# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Power cuts at every byte of every write path of the uplink, and flipped bits: what the next start makes of them.

    python -m tests.both.backlog_cuts [EVERY]        micropython -m tests.both.backlog_cuts [EVERY]

EVERY: of the cuts and bits one in so many (1: all). Prints the counts, ends with 1 when a recovery was bad.
"""

import sys

from edge.shell.shelf import numbers_of
from tests.both.backlog_help import Backend, Unit
from tests.both.journal_disk import Disk, PowerCut

PLAN = "TTEITMXTBTTETTMTTET"
LIMIT = 8 * 2048  # so that segments rotate and go
ROUNDS = 24


def life(disk, boot, backend, rounds=ROUNDS):
    """Write and send until the power goes. {number: payload} of what was synced, and the last cursor."""
    unit = Unit(disk, boot, LIMIT, 1500)
    truth = {}
    given = {}
    try:
        for index in range(rounds):
            for cls in PLAN[index % 3 : index % 3 + 7]:
                unit.put(cls, flush=False)
            row = unit.box._recent.at(0)
            while row is not None:
                given[row[0]] = row[1]
                row = unit.box._recent.at(row[0] + 1)
            unit.journal.flush()
            unit.now_ms += 4000
            if index % 2:
                unit.send(backend)
    except PowerCut:
        pass
    for number in given:
        if number <= unit.journal.durable:
            truth[number] = given[number]
    return truth


def judge(disk, truth, backend, boot=2):
    """Text of what is wrong after the next start has sent all that it finds, or None.

    Every synced record arrived, or was declared (damage, budget); what arrived is what was written.
    """
    unit = Unit(disk, boot, LIMIT, 1500)
    unit.put("EB")
    unit.drain(backend)
    if backend.conflicts:
        return "a number with two contents"
    for number, payload in backend.got.get(101, {}).items():
        if number in truth and payload != truth[number]:
            return "number %d has another content" % number
        if numbers_of(payload) != (101, number):
            return "number %d says otherwise" % number
    gone = backend.gone.get(101, ())
    for number in truth:
        if number not in backend.got.get(101, {}) and number not in gone:
            return "number %d is neither there nor declared" % number
    return None


def cuts(every, offset=0):
    """(cases, [text of bad ones]) of power cuts."""
    whole = Disk()
    life(whole, 1, Backend())
    cases, bad = 0, []
    for cut in range(offset % every, whole.written + 1, every):
        for unsynced in (False, True):
            disk, backend = Disk(cut), Backend()
            truth = life(disk, 1, backend)
            found = judge(disk.after_cut(unsynced), truth, backend)
            cases += 1
            if found:
                bad.append("cut %d, unsynced %s: %s" % (cut, unsynced, found))
    return cases, bad


def flips(every, offset=0):
    """(cases, [text of bad ones]) of single flipped bits, in any file."""
    whole = Disk()
    sent = Backend()
    truth = life(whole, 1, sent, 12)
    cases, bad = 0, []
    position = -1 - offset % every
    for name in sorted(whole.files):
        data = whole.files[name]
        for bit in range(8 * len(data)):
            position += 1
            if position % every:
                continue
            disk = Disk()
            disk.files = dict(whole.files)
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            disk.files[name] = bytes(changed)
            backend = Backend()
            backend.take_all(sent)
            found = judge(disk, truth, backend)
            cases += 1
            if found:
                bad.append("%s bit %d: %s" % (name, bit, found))
    return cases, bad


if __name__ == "__main__":
    step = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    wrong = []
    for what, play in (("power cuts", cuts), ("flipped bits", flips)):
        count, texts = play(step)
        print("%s: %d cases, %d bad" % (what, count, len(texts)))
        wrong += texts
    for text in wrong[:20]:
        print(text)
    sys.exit(1 if wrong else 0)
