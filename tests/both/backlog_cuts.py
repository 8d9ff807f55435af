# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Power cuts at every byte of every write path of the uplink, and flipped bits: what the next start makes of them.

    python -m tests.both.backlog_cuts [EVERY]        micropython -m tests.both.backlog_cuts [EVERY]

EVERY: of the cuts and bits one in so many (1: all). Prints the counts, ends with 1 when a recovery was bad.
"""

import io
import sys

from edge.shell.frames import HEAD_BYTES, KEPT, PLAIN, parts_of, walk
from edge.shell.shelf import numbers_of
from tests.both.backlog_help import Backend, Unit
from tests.both.journal_disk import Disk, PowerCut

PLAN = "TTEITMXTBTTETTMTTET"
LIMIT = 8 * 2048  # so that segments rotate and go
ROUNDS = 24


def life(disk, boot, backend, rounds=ROUNDS, sends=True):
    """Write and send until the power goes. {number: payload} of what was synced."""
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
            if sends and index % 2:
                unit.send(backend)
    except PowerCut:
        pass
    for number in given:
        if number <= unit.journal.durable:
            truth[number] = given[number]
    return truth


def judge(disk, truth, backend, held=(), boot=2):
    """Text of what is wrong after the next start has sent all that it finds, or None.

    Every synced record arrived, or was declared (damage, budget); what arrived is what was written. held: numbers that
    are whole on the disk: they must have arrived.
    """
    unit = Unit(disk, boot, LIMIT, 1500)
    unit.put("EB")
    unit.drain(backend)
    if backend.conflicts:
        return "a number with two contents"
    got, gone = backend.got.get(101, {}), backend.gone.get(101, ())
    for number in got:
        if number in truth and got[number] != truth[number]:
            return "number %d has another content" % number
        if numbers_of(got[number]) != (101, number):
            return "number %d says otherwise" % number
    for number in truth:
        if number not in got and number not in gone:
            return "number %d is neither there nor declared" % number
    for number in held:
        if number not in got:
            return "number %d is on the disk and did not arrive" % number
    return None


def places(files):
    """[(name, first byte, end, number)] of every record of the first start that is whole in files."""
    rows = []
    for name in files:
        parts = parts_of(name)
        if parts is None:
            continue
        for kind, _, chain, body, offset in walk(io.BytesIO(files[name]), parts[1], len(files[name])):
            if kind in (KEPT, PLAIN) and numbers_of(body)[1]:
                rows.append((name, offset, offset + HEAD_BYTES + len(chain) + len(body), numbers_of(body)[1]))
    return rows


def tails(disk):
    """[(what survived without a sync, bytes behind it)]."""
    rows = [
        (False, b""),
        (True, b""),
        (True, b"\x00" * 80),
        (True, b"\xff" * 80),
        (True, b"K\x00\x20\x00\x00\x00\x07" * 9),
    ]
    older = sorted([name for name in disk.files if disk.last and name[0] == disk.last[0] and name != disk.last])
    if older:  # what stood in this place when it belonged to an older file
        at = len(disk.safe.get(disk.last, b""))
        rows.append((False, disk.files[older[0]][at : at + 300] or disk.files[older[0]][-300:]))
    return rows


def cuts(every, offset=0):
    """(cases, [text of bad ones]) of power cuts."""
    whole = Disk()
    life(whole, 1, Backend())
    cases, bad = 0, []
    for cut in range(offset % every, whole.written + 1, every):
        disk, sent = Disk(cut), Backend()
        truth = life(disk, 1, sent)
        held = [row[3] for row in places(disk.safe) if row[0] in disk.files]
        for unsynced, tail in tails(disk):
            backend = Backend()
            backend.take_all(sent)
            found = judge(disk.after_cut(unsynced, tail), truth, backend, held)
            cases += 1
            if found:
                bad.append("cut %d, unsynced %s, tail %s: %s" % (cut, unsynced, tail[:4], found))
    return cases, bad


def flips(every, offset=0):
    """(cases, [text of bad ones]) of single flipped bits: in any file of a start that sent nothing, and in the cursor."""
    cases, bad = 0, []
    position = -1 - offset % every
    for sends in (False, True):
        whole, sent = Disk(), Backend()
        truth = life(whole, 1, sent, 12, sends)
        rows = places(whole.files)
        for name in sorted([name for name in whole.files if not sends or parts_of(name) is None]):
            for bit in range(8 * len(whole.files[name])):
                position += 1
                if position % every:
                    continue
                backend = Backend()
                backend.take_all(sent)
                held = [row[3] for row in rows if row[0] != name or not row[1] <= bit // 8 < row[2]]
                found = judge(flipped(whole, name, bit), truth, backend, held)
                cases += 1
                if found:
                    bad.append("%s bit %d: %s" % (name, bit, found))
    return cases, bad


def flipped(whole, name, bit):
    """A copy of a disk with one bit of a file flipped."""
    disk = Disk()
    disk.files = dict(whole.files)
    changed = bytearray(whole.files[name])
    changed[bit // 8] ^= 1 << bit % 8
    disk.files[name] = bytes(changed)
    return disk


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
