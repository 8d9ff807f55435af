# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Black boxes on disk: apart from the budget, written once until exported, whole up to the last sync at every cut."""

import io

from edge.core.boxrows import unpacked
from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import cbor
from edge.shell.boxes import Boxes, box_name, numbers
from edge.shell.frames import KEPT, START, link, walk
from edge.shell.journal import Journal
from tests.both import core_help as h
from tests.both.journal_disk import Disk, PowerCut


def part(box, number, last=False, pack=0, data=b"x" * 220):
    """One class X record."""
    pairs = [(KEYS["frame"], data), (KEYS["box"], box), (KEYS["box_part"], number)]
    if last:
        pairs.append((KEYS["box_end"], 1))
    return Record("X", pack, 1000 * number, 1780000000000 + 1000 * number, 3, tuple(sorted(pairs)))


def journal_on(disk, boxes_disk, places=8):
    """A journal with boxes."""
    journal = Journal(disk, "dev", 7, 1, 1 << 16)
    journal.boxes = Boxes(boxes_disk, places)
    return journal


def frames(data, number):
    """Payloads of the whole frames of a box file; their chain must hold."""
    found, chain = [], START
    with io.BytesIO(data) as file:
        for kind, at, linked, body, _ in walk(file, number, len(data)):
            if kind != KEPT:
                break
            chain = link(chain, body)
            assert linked == chain and at == len(found)
            found.append(body)
    return found


def written(box_count, disk, places=8, parts=5, mark=()):
    """Boxes with so many finished boxes on disk."""
    journal = journal_on(Disk(), disk, places)
    seq = 0
    for box in range(1, box_count + 1):
        for number in range(parts):
            seq += 1
            journal.append(part(box, number, number == parts - 1), seq)
            journal.flush()
        if box in mark:
            disk.create(box_name(box, True))
    return journal.boxes


def test_eight_boxes_are_kept_and_never_overwritten():
    disk = Disk()
    boxes = written(8, disk)
    assert boxes.refused == 0 and boxes.problem is None
    before = dict(disk.files)
    again = Boxes(disk)
    for box in (9, 10):
        again.take(part(box, 0, True), b"payload")
        again.flush()
    assert again.refused == 2 and "export" in again.problem
    assert disk.files == before
    assert [len(frames(disk.files[box_name(number)], number)) for number in range(1, 9)] == [5] * 8


def test_an_exported_box_makes_room_the_oldest_first():
    disk = Disk()
    boxes = written(11, disk, mark=(2, 3, 8))
    found, exported = numbers(disk.names())
    assert found == [1, 4, 5, 6, 7, 9, 10, 11] and not exported and not boxes.refused


def test_two_packs_have_a_box_each_at_the_same_time():
    disk = Disk()
    boxes = Boxes(disk)
    for number in range(3):
        for pack in (0, 1):
            boxes.take(part(1, number, number == 2, pack), b"pack %d part %d" % (pack, number))
        boxes.flush()
    for pack in (0, 1):
        assert frames(disk.files[box_name(pack + 1)], pack + 1) == [b"pack %d part %d" % (pack, n) for n in range(3)]


def test_the_power_goes_at_every_byte():
    whole = Disk()
    written(2, whole, parts=3)
    total, cases = whole.written, 0
    for cut in range(total):
        disk = Disk(cut)
        try:
            written(2, disk, parts=3)
            raise AssertionError("no cut")
        except PowerCut:
            pass
        after = Disk()
        after.files = dict(disk.files)
        for number in numbers(after.names())[0]:
            kept = frames(after.files[box_name(number)], number)
            assert kept == frames(whole.files[box_name(number)], number)[: len(kept)]
            safe = disk.safe.get(box_name(number), b"")
            assert len(kept) >= len(frames(safe, number)) if safe else True
        old = dict(after.files)
        boxes = Boxes(after)
        boxes.take(part(1, 0, True), b"after the cut")
        boxes.flush()
        assert frames(after.files[box_name(max(numbers(after.names())[0]))], max(numbers(after.names())[0])) == [
            b"after the cut"
        ]
        for name in old:
            assert after.files[name] == old[name]
        cases += 1
    print("%d cuts" % cases)


def test_what_came_before_the_trip_is_durable_with_the_step_of_the_trip():
    disk, bench = Disk(), h.Bench(h.site_settings(black_box="cells"))
    journal = journal_on(Disk(), disk)
    seq = 0
    for number in range(103):
        if number == 100:
            bench.reads[0] = lambda now_ms, count: h.sample(now_ms, count, mv=1800)
        bench.step()
        for record in bench.outcome.records:
            seq += 1
            journal.append(record, seq)
        journal.after_step(bench.now_ms)  # as a board does after each step: then the power goes
        if disk.safe:
            break
    rows = []
    for payload in frames(disk.safe[box_name(1)], 1):
        body = cbor.decode(payload)[9]
        rows.extend(unpacked(body[KEYS["frame"]], body[KEYS["frame_cells"]], body[KEYS["frame_temps"]]))
    assert rows[-1][0] - rows[0][0] >= 60000 and rows[-1][3] == 1800


def test_a_disk_that_fails_costs_the_box_and_nothing_else():
    disk = Disk()
    journal = journal_on(Disk(), disk)
    disk.fails = 28
    for number in range(3):
        journal.append(part(1, number, number == 2), number + 1)
        assert journal.flush()
    assert journal.synced == 3 and "not written" in journal.boxes.problem
    disk.fails = None
    journal.append(part(2, 0, True), 4)
    assert journal.flush() and journal.boxes.problem is None
