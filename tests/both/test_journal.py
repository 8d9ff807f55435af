# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The journal: what was synced survives a cut at any byte; budget, damage and a bad disk."""

import os

from edge.shell import cbor
from edge.shell.frames import START, link
from edge.shell.journal import BUDGET, DAMAGED, DISK, Journal
from edge.shell.journal_ports import Folder
from tests.both.journal_disk import Disk, PowerCut, read, record

PLAN = "TTEITMXTBTTETTMTTET"


def journal(disk, boot=1, limit=1 << 20, hold=65536):
    return Journal(disk, "dev", 100 + boot, boot, limit, hold)


def values(bodies):
    """Numbers that the records tell, gaps left out."""
    found = [cbor.decode(body)[9] for body in bodies]
    return [body[1] for body in found if 1 in body]


def gaps(disk, reason):
    bodies = [cbor.decode(body)[9] for body in read(disk, "k")[1]]
    return [body for body in bodies if body.get(73) == reason]


def play(disk, boot, plan=PLAN, limit=1 << 20, base=0):
    """Write a plan of classes, synced after each third record; the highest number known to be durable."""
    book = journal(disk, boot, limit)
    durable = [base]
    try:
        for index, cls in enumerate(plan):
            book.append(record(cls, base + index + 1, 4), index + 1)
            if index % 3 == 2:
                assert book.flush()
                durable[0] = base + index + 1
        book.close()
        durable[0] = base + len(plan)
    except PowerCut:
        return book, durable[0]
    return book, durable[0]


def in_order(disk):
    """All values in both streams; each stream's numbers grow by one, the chain holds."""
    found = []
    for letter in "kt":
        numbers, bodies, damaged, _ = read(disk, letter)
        assert numbers == list(range(len(numbers))) and damaged == 0, (letter, numbers)
        told = values(bodies)
        assert told == sorted(told), told
        found.extend(told)
    return sorted(found)


def test_what_was_written_comes_back_in_order_and_chained():
    disk = Disk()
    book, durable = play(disk, 1)
    assert durable == len(PLAN) == book.synced and book.lost == 0
    assert in_order(disk) == list(range(1, len(PLAN) + 1))
    chain = START
    for body in read(disk, "k")[1]:
        chain = link(chain, body)
    assert chain == book.chain
    again, _ = play(disk, 2, base=100)
    assert again.damaged == 0 and len(in_order(disk)) == 2 * len(PLAN)
    for body in read(disk, "k")[1][len([c for c in PLAN if c not in "TM"]) :]:
        chain = link(chain, body)
    assert chain == again.chain


def test_a_cut_at_any_byte_leaves_what_was_synced():
    whole = Disk()
    play(whole, 1)
    for cut in range(whole.written + 1):
        for unsynced in (False, True):
            disk = Disk(cut)
            _, durable = play(disk, 1)
            found = disk.after_cut(unsynced)
            told = in_order(found)
            assert told[:durable] == list(range(1, durable + 1)), (cut, told, durable)
            assert unsynced or told == list(range(1, durable + 1)), (cut, told, durable)
            # and the next start goes on behind it
            book = journal(found, 2)
            book.append(record("E", 999), 1)
            assert book.flush() and book.damaged == 0
            assert in_order(found) == told + [999]


def test_a_cut_while_segments_rotate_and_go():
    limit = 8 * 2048
    plan = "TTTETT" * 80
    whole = Disk()
    book, _ = play(whole, 1, plan, limit)
    assert book.lost > 100 and sum([len(data) for data in whole.files.values()]) <= limit
    for cut in range(whole.written // 2, whole.written, 193):
        disk = Disk(cut)
        _, durable = play(disk, 1, plan, limit)
        found = disk.after_cut(True)
        numbers, bodies, damaged, _ = read(found, "t")
        assert damaged == 0 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        dropped = sum([gap[135] for gap in gaps(found, BUDGET)])
        assert dropped >= numbers[0], (cut, dropped, numbers[0])  # what is not there was declared first
        assert max(values(bodies) + values(read(found, "k")[1])) >= durable


def test_the_budget_takes_telemetry_first_and_says_so():
    disk = Disk()
    limit = 8 * 2048
    book, _ = play(disk, 1, "TTTET" * 100, limit)
    assert sum([len(data) for data in disk.files.values()]) <= limit
    kept = values(read(disk, "k")[1])
    assert kept == [n + 1 for n in range(500) if "TTTET"[n % 5] == "E"]  # every kept one is there
    told = values(read(disk, "t")[1])
    declared = gaps(disk, BUDGET)
    assert declared and sum([gap[135] for gap in declared]) + len(told) == 400
    assert declared[0][70] == 1 and declared[-1][71] == told[0] - (2 if told[0] % 5 == 0 else 1)
    assert declared[0][72] == ord("M") and declared[0][132] == 1
    assert declared[0][133] == 1700000001000 and declared[-1][134] >= declared[0][134]


def test_kept_records_go_only_when_nothing_else_is_left():
    disk = Disk()
    limit = 8 * 2048
    book, _ = play(disk, 1, "E" * 400, limit)
    numbers, bodies, _, _ = read(disk, "k")
    declared = gaps(disk, BUDGET)
    assert numbers[0] > 0 and declared[-1][72] == ord("E")
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert values(bodies)[-1] == 400


def test_a_damaged_place_in_the_middle_is_found_and_declared():
    disk = Disk()
    play(disk, 1)
    name = sorted(disk.files)[0]
    data = disk.files[name]
    for at in (90, 170, 300):
        spoiled = Disk()
        spoiled.files = dict(disk.files)
        spoiled.files[name] = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        book = journal(spoiled, 2)
        book.append(record("E", 999), 1)
        assert book.flush() and book.damaged == 1, at
        assert gaps(spoiled, DAMAGED)[0][135] == 1
        told = values(read(spoiled, "k")[1])
        assert told[-1] == 999 and len(told) == len([c for c in PLAN if c not in "TM"])


def test_a_full_or_read_only_disk_is_survived_and_declared():
    """R9: nothing raises; what did not fit is declared."""
    for code in (28, 30, 5):
        disk = Disk()
        book = journal(disk, 1, hold=1000)
        book.append(record("E", 1), 1)
        assert book.flush()
        disk.fails = code
        for number in range(2, 60):
            book.append(record("E" if number % 4 == 0 else "T", number), number)
            book.after_step(1000 * number)
        assert book.problem and book.failures >= 1 and book.lost > 0
        disk.fails = None
        book.append(record("E", 60), 60)
        assert book.flush() and book.problem is None
        told = values(read(disk, "k")[1]) + values(read(disk, "t")[1])
        declared = gaps(disk, DISK)
        assert len(told) + sum([gap[135] for gap in declared]) == 60, (told, declared)
        assert 60 in told and 1 in told


def test_a_full_disk_makes_room_by_dropping_the_oldest():
    """R9: telemetry goes, what is kept stays."""
    disk = Disk()
    book, _ = play(disk, 1, "TTTET" * 40, 16 * 2048)
    before = len(disk.files)
    book = journal(disk, 2, 16 * 2048)
    disk.fails = 28
    book.append(record("E", 900), 1)
    assert not book.flush() and len(disk.files) == before - 1
    disk.fails = None
    assert book.flush() and gaps(disk, BUDGET)


def test_a_board_writes_kept_at_once_and_the_rest_in_company():
    disk = Disk()
    book = journal(disk, 1, hold=8192)
    for second in range(30):
        book.append(record("T", second), second + 1)
        book.after_step(1000 * second)
    assert book.synced == 0
    book.append(record("E", 30), 31)
    book.after_step(30000)
    assert book.synced == 31
    for second in range(31, 100):
        book.append(record("M", second), second + 1)
        book.after_step(1000 * second)
    assert book.synced >= 80


def test_a_record_without_encoding_is_declared():
    disk = Disk()
    book = journal(disk)
    bad = record("E", 1)
    book.append(bad._make(bad[:5] + (((1, 1.5),),)) if hasattr(bad, "_make") else record_of(bad), 1)
    assert book.lost == 1 and book.flush()
    assert gaps(disk, 2)[0][70] == 1


def record_of(bad):
    """A record with a float in it."""
    from edge.core.records import Record

    return Record(bad.cls, bad.pack, bad.mono_ms, bad.wall_ms, bad.clock_quality, ((1, 1.5),))


def test_folder_on_a_real_file_system():
    place = "journal_test_%d" % id(object())

    def sync(file):
        file.flush()

    try:
        for boot in (1, 2):
            book = journal(Folder(place, sync), boot, 16384)
            for number in range(200):
                book.append(record("E" if number % 9 == 0 else "T", number), number + 1)
                book.after_step(1000 * number)
            book.close()
        disk = Folder(place, sync)
        assert sum([disk.size(name) for name in disk.names()]) <= 16384
        assert len(values(read(disk, "k")[1])) == 46
        assert not read(disk, "k")[2]
    finally:
        for name in os.listdir(place):
            os.remove(place + "/" + name)
        os.rmdir(place)
