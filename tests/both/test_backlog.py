# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The durable outbox: nothing is lost over restarts, lost messages, small RAM and a small disk, and no number gets two
contents."""

from edge.shell import acks
from edge.shell.shelf import Shelf, numbers_of
from tests.both import backlog_cuts
from tests.both.backlog_help import DEVICE, KEY, Backend, Unit
from tests.both.journal_disk import Disk

PLAN = "TTEITMXTBTTETTMTTET"


def whole(backend, *starts):
    """Every number of every (epoch, last) arrived or was declared; nothing in conflict."""
    for epoch, last in starts:
        assert backend.missing(epoch, last) == [], (epoch, last)
    assert backend.conflicts == 0


def test_only_synced_records_leave_and_in_order():
    unit, backend = Unit(Disk(), 1), Backend()
    unit.put(PLAN, flush=False)
    assert unit.send(backend) == 0
    unit.journal.flush()
    assert unit.send(backend, acked=False) == len(PLAN)
    assert sorted(backend.got[101]) == list(range(1, len(PLAN) + 1)) and unit.box.backlog == len(PLAN)
    assert unit.box.ack(backend.ack(101), unit.now_ms) and unit.box.backlog == 0 and unit.box.bytes == 0


def test_a_window_and_then_silence_until_it_is_sent_again():
    """R5: without acknowledgements the window stops, and RAM with it; 10 s later it is sent again."""
    unit, backend = Unit(Disk(), 1, window=8), Backend()
    unit.put("T" * 20)
    assert unit.send(backend, acked=False) == 8 and unit.send(backend, acked=False) == 0
    unit.now_ms += unit.box.resend_ms
    assert unit.send(backend, acked=False) == 8 and backend.repeats == 8
    backend.credit = 3
    assert unit.box.ack(backend.ack(101), unit.now_ms) and unit.send(backend, acked=False) == 3
    backend.credit = 10**9
    unit.box.ack(backend.ack(101), unit.now_ms)
    assert unit.box.window == 256


def test_what_ram_forgot_comes_from_the_disk():
    unit, backend = Unit(Disk(), 1, ram=1000), Backend()
    for _ in range(20):
        unit.put(PLAN)
    assert unit.box.bytes <= 1000
    unit.drain(backend)
    whole(backend, (101, 20 * len(PLAN)))
    assert backend.gone == {} and backend.repeats == 0


def test_earlier_starts_are_sent_and_the_newest_go_beside_them():
    disk, backend = Disk(), Backend()
    for boot in (1, 2, 3):
        unit = Unit(disk, boot)
        unit.put(PLAN * 10)
        unit.journal.close()
    unit = Unit(disk, 4)
    unit.put("TTTE")
    unit.box.rewind(0)
    unit.send(backend, count=10)
    assert 104 in backend.got and 101 in backend.got  # live data does not wait for the backlog
    unit.drain(backend)
    whole(backend, (101, 190), (102, 190), (103, 190), (104, 4))
    unit.now_ms += 10000
    assert unit.box.take(unit.now_ms) is None  # time to write the cursor
    again = Unit(disk, 5)
    again.put("E")
    sent = Backend()
    again.drain(sent)
    assert set(sent.got) == {105}


def test_lost_messages_and_lost_acknowledgements():
    unit, backend = Unit(Disk(), 1, ram=1500), Backend()
    count = [0]

    def lose(_):
        count[0] += 1
        return count[0] % 3 == 0

    for _ in range(10):
        unit.put(PLAN)
        unit.send(backend, 7, lose, acked=False)
    count[0] = 1
    unit.drain(backend, lambda _: lose(_) and count[0] < 300)
    whole(backend, (101, 10 * len(PLAN)))


def test_what_the_budget_took_is_declared_exactly():
    disk, backend = Disk(), Backend()
    unit = Unit(disk, 1, limit=8 * 2048, ram=1000)
    plan = "T" * 9 + "M" * 9 + "E"
    for _ in range(60):
        unit.put(plan)
    last = unit.box.seq
    shelf, held = Shelf(disk), set()
    shelf.seek(101, 1)
    while shelf.peek():
        held.add(shelf.peek()[0])
        shelf.skip(shelf.peek()[0])
    unit.drain(backend)
    whole(backend, (101, unit.box.seq))
    lost = set(range(1, last + 1)) - held
    assert lost and backend.gone[101] == lost and not lost & set(backend.got[101])
    assert all(plan[(number - 1) % len(plan)] in "TM" for number in lost)


def test_a_cut_at_any_byte_loses_nothing_that_was_synced():
    first = Disk()
    unit = Unit(first, 1, ram=1000)
    unit.put(PLAN)
    written = first.written
    for cut in range(0, written + 1, 7):
        for unsynced in (False, True):
            disk, backend = Disk(cut), Backend()
            durable = _until_cut(disk)
            unit = Unit(disk.after_cut(unsynced), 2, ram=1000)
            unit.put("EB")
            unit.drain(backend)
            whole(backend, (101, durable), (102, 2))


def _until_cut(disk):
    """Write PLAN in threes until the power goes; the highest number that was synced."""
    unit = Unit(disk, 1, ram=1000)
    try:
        for index in range(0, len(PLAN), 3):
            unit.put(PLAN[index : index + 3])
    except Exception as error:
        assert type(error).__name__ == "PowerCut"
    return unit.journal.durable


def test_a_backend_from_an_older_copy_gets_what_is_held():
    """R14: a backend that has less than it said gets it again."""
    disk = Disk()
    unit, backend = Unit(disk, 1), Backend()
    unit.put(PLAN * 3)
    unit.drain(backend)
    copy = Backend()
    copy.now_ms = backend.now_ms + 1000
    for number in range(1, 11):
        copy.take(backend.got[101][number])
    unit.put("T")
    unit.send(copy, 1)
    unit.drain(copy)
    whole(copy, (101, 3 * len(PLAN) + 1))
    empty = Backend()
    empty.now_ms = copy.now_ms + 1000
    unit.put("T")
    unit.drain(empty)
    whole(empty, (101, 3 * len(PLAN) + 2))


def test_a_copy_that_ends_in_an_earlier_start_gets_what_came_after_it():
    disk, backend = Disk(), Backend()
    first = Unit(disk, 1)
    first.put(PLAN * 3)
    first.drain(backend)
    first.journal.close()
    unit = Unit(disk, 2)
    unit.put(PLAN)
    unit.drain(backend)
    copy = Backend()
    copy.now_ms = backend.now_ms + 1000
    for number in range(1, 11):
        copy.take(backend.got[101][number])
    unit.box.ack(copy.ack(101), unit.now_ms)  # what a receiver says when it comes back
    unit.drain(copy)
    whole(copy, (101, 3 * len(PLAN)), (102, len(PLAN)))
    asked = unit.box.foreign
    unit.box.ack(copy.ack(101), unit.now_ms)  # complete: nothing is sent again
    assert unit.box.foreign == asked + 1 and unit.send(copy) == 0


def test_a_disk_that_fails_does_not_stop_the_reports():
    """R10: they leave unsynced, and every record arrives."""
    disk, backend = Disk(), Backend()
    unit = Unit(disk, 1)
    unit.put("TE")
    disk.fails = 28
    unit.put("TTE")
    assert unit.journal.problem and unit.send(backend) == 5
    disk.fails = None
    unit.put("E")
    unit.drain(backend)
    whole(backend, (101, 6))
    unit.journal.close()
    again = Unit(disk, 2)
    again.put("E")
    again.drain(backend)
    whole(backend, (101, 6), (102, 1))


def test_acknowledgements_that_are_not_genuine_do_nothing():
    unit, backend = Unit(Disk(), 1), Backend()
    unit.put(PLAN)
    unit.send(backend, 5, acked=False)
    good = acks.make(DEVICE, KEY, 101, 3, 7)
    for bad in (
        b"",
        b"\xff",
        good[:-1],
        good[:-1] + bytes([good[-1] ^ 1]),
        acks.make("other", KEY, 101, 3, 7),
        acks.make(DEVICE, b"x" * 32, 101, 3, 7),
        acks.make(DEVICE, None, 101, 3, 7),
        acks.make(DEVICE, KEY, 999, 3, 7),
    ):
        assert not unit.box.ack(bad, unit.now_ms)
    assert unit.box.foreign == 8 and unit.box.acked == 0
    assert not unit.box.ack(acks.make(DEVICE, KEY, 101, 6, 7), unit.now_ms) and unit.box.refused == 1
    assert unit.box.ack(good, unit.now_ms) and unit.box.acked == 3
    assert not unit.box.ack(acks.make(DEVICE, KEY, 101, 2, 6), unit.now_ms) and unit.box.acked == 3  # an old message
    for position in range(len(good) * 8):  # each bit of a good one
        data = bytearray(good)
        data[position // 8] ^= 1 << position % 8
        assert not unit.box.ack(bytes(data), unit.now_ms)
    assert unit.box.acked == 3


def test_a_record_without_an_encoding_is_declared():
    from edge.core.records import Record

    unit, backend = Unit(Disk(), 1), Backend()
    unit.put("T")
    unit.box.append(Record("T", 0, 1, None, 0, ((1, 1.5),)))
    unit.put("T")
    unit.drain(backend)
    whole(backend, (101, 3))
    assert backend.gone[101] == {2} and unit.box.dropped == 1


def test_numbers_of_an_envelope():
    unit = Unit(Disk(), 1)
    for _ in range(300):
        unit.put("E", flush=False)
    unit.journal.flush()
    assert [numbers_of(unit.box.take(k)[1]) for k in range(3)] == [(101, 1), (101, 2), (101, 3)]


def test_a_sample_of_power_cuts_and_flipped_bits():
    """R7, R8: `make chaos` plays all of them."""
    for play in (backlog_cuts.cuts, backlog_cuts.flips):
        cases, bad = play(499, 7)
        assert cases > 20 and not bad, bad
