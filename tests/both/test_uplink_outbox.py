# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The outbox on both runtimes: order, window, acknowledgement, budget and declared gaps."""

from edge.core import registry
from edge.core.records import Record
from edge.shell import cbor
from edge.shell.outbox import MAX_EPOCH, Outbox, encode_record, envelope_head

EPOCH = 0x1234567890ABCDEF
GAP = [registry.key(name) for name in ("gap_from", "gap_to", "gap_class", "gap_reason")]


def record(number, cls="T", wall_ms=None):
    return Record(cls, 0, 1000 * number, wall_ms, 3, ((20, number), (21, -number)))


def outbox(limit_bytes=100000, window=64):
    return Outbox("dev", EPOCH, 7, limit_bytes, window)


def ack(upto, epoch=EPOCH):
    return cbor.encode({1: epoch, 2: upto})


def take_all(box, now_ms=0):
    taken = []
    while True:
        item = box.take(now_ms)
        if item is None:
            return taken
        taken.append((item[0], cbor.decode(item[1])))


def drain(box, now_ms=0):
    """Everything the box sends when each window is acknowledged: {seq: envelope}."""
    seen = {}
    for _ in range(100000):
        taken = take_all(box, now_ms)
        if not taken:
            return seen
        for seq, envelope in taken:
            assert seen.get(seq, envelope) == envelope  # one key, one content
            seen[seq] = envelope
        box.ack(ack(taken[-1][0]), now_ms)
    assert False, "does not end"


def covered(seen):
    """Numbers that arrived or were declared, and the declared ones."""
    arrived, declared = [], []
    for seq in seen:
        body = seen[seq][9]
        if GAP[0] in body:
            assert seen[seq][7] == ord("E") and body[GAP[1]] == seq
            declared.extend(range(body[GAP[0]], seq + 1))
        else:
            arrived.append(seq)
    return arrived, declared


def test_envelope_is_the_deterministic_encoding_of_its_map():
    for wall_ms in (None, 1795000000000):
        given = Record("M", -1, 123456789012, wall_ms, 2, ((1, None), (20, "text"), (300, True), (70000, -5)))
        expected = {0: 1, 1: EPOCH, 2: 99, 3: 7, 4: 123456789012, 6: 2, 7: ord("M"), 8: -1}
        expected[9] = {1: None, 20: "text", 300: True, 70000: -5}
        if wall_ms is not None:
            expected[5] = wall_ms
        assert encode_record(envelope_head(EPOCH), 7, 99, given) == cbor.encode(expected)


def test_numbers_begin_at_one_and_leave_in_order():
    box = outbox()
    assert [box.append(record(i)) for i in range(5)] == [1, 2, 3, 4, 5]
    taken = take_all(box)
    assert [seq for seq, _ in taken] == [1, 2, 3, 4, 5]
    assert [envelope[9][20] for _, envelope in taken] == [0, 1, 2, 3, 4]
    assert box.backlog == 5 and box.flight == 5


def test_window_stops_and_acknowledgement_moves_it():
    box = outbox(window=4)
    for i in range(10):
        box.append(record(i))
    assert [seq for seq, _ in take_all(box)] == [1, 2, 3, 4]
    assert box.ack(ack(2), 50)
    assert [seq for seq, _ in take_all(box)] == [5, 6]
    assert box.backlog == 8 and box.last_ack_ms == 50


def test_silent_backend_gets_the_window_again_after_ten_seconds():
    box = outbox(window=2)
    for i in range(5):
        box.append(record(i))
    first = take_all(box, 100)
    assert take_all(box, 10099) == []
    assert take_all(box, 10100) == first
    assert take_all(box, 20000) == []
    assert box.ack(ack(1), 20050)
    assert [seq for seq, _ in take_all(box, 20060)] == [3]
    assert take_all(box, 30049) == []
    assert [seq for seq, _ in take_all(box, 30050)] == [2, 3]


def test_reconnect_starts_again_at_the_oldest():
    box = outbox()
    for i in range(3):
        box.append(record(i))
    first = take_all(box)
    box.ack(ack(1), 0)
    box.rewind(0)
    assert take_all(box) == first[1:]


def test_the_same_acknowledgement_again_sends_the_window_again():
    box = outbox()
    for number in range(1, 6):
        box.append(record(number))
    assert [item[0] for item in take_all(box)] == [1, 2, 3, 4, 5]
    assert box.ack(ack(2), 1000) and not box.ack(ack(2), 2999)  # 3 may still be on its way
    assert take_all(box, 2999) == []
    assert not box.ack(ack(2), 3000)
    assert [item[0] for item in take_all(box, 3000)] == [3, 4, 5]
    assert not box.ack(ack(2), 4999) and take_all(box, 4999) == []
    assert not box.ack(ack(1), 9000) and take_all(box, 9000) == []  # an old message says nothing
    assert box.ack(ack(5), 9001) and box.backlog == 0


def test_wrong_acknowledgements_free_nothing():
    box = outbox()
    for i in range(3):
        box.append(record(i))
    box.take(0)
    box.take(0)
    for data in (
        b"",
        b"\xff" * 20,
        cbor.encode(5),
        cbor.encode([EPOCH, 2]),
        cbor.encode({1: EPOCH}),
        cbor.encode({1: EPOCH, 2: None}),
        cbor.encode({1: EPOCH, 2: True}),
        cbor.encode({1: EPOCH, 2: "2"}),
        ack(2, EPOCH + 1),
    ):
        assert not box.ack(data, 9)
    assert box.foreign == 9
    assert not box.ack(ack(3), 9)  # never sent: of the future
    assert not box.ack(ack(1 << 63), 9)
    assert box.refused == 2
    assert box.backlog == 3 and box.last_ack_ms is None
    assert box.ack(ack(2), 10) and not box.ack(ack(1), 11) and not box.ack(ack(-5), 12)
    assert box.acked == 2 and box.backlog == 1


def test_full_drops_telemetry_first_then_minutes_and_declares_each():
    box = outbox(limit_bytes=6000)
    kept = []
    for i in range(400):
        cls = "E" if i % 50 == 7 else "B" if i % 50 == 9 else "M" if i % 6 == 0 else "T"
        seq = box.append(record(i, cls))
        assert box.bytes <= 6000
        if cls in "EB":
            kept.append(seq)
    assert box.dropped > 300
    seen = drain(box)
    arrived, declared = covered(seen)
    assert sorted(arrived + declared) == list(range(1, 401))  # each number once: nothing silent
    assert len(declared) == box.dropped
    for seq in kept:
        assert seq in arrived
    assert box.backlog == 0 and box.bytes == 0
    classes = [seen[seq][9][GAP[2]] for seq in seen if GAP[0] in seen[seq][9]]
    assert ord("T") in classes or ord("M") in classes
    assert ord("E") not in classes and ord("B") not in classes


def test_telemetry_goes_before_any_minute():
    box = outbox(limit_bytes=12000)
    for i in range(120):
        box.append(record(i, "M" if i % 3 == 0 else "T"))
    assert box.dropped
    seen = drain(box)
    for seq in seen:
        if GAP[0] in seen[seq][9]:
            assert seen[seq][9][GAP[2]] == ord("T") and seen[seq][9][GAP[3]] == 1


def test_adjacent_gaps_merge():
    box = outbox(limit_bytes=2000)
    for i in range(1000):
        box.append(record(i))
    assert box.backlog < 20
    seen = drain(box)
    gaps = [seq for seq in seen if GAP[0] in seen[seq][9]]
    assert len(gaps) == 1 and seen[gaps[0]][9][GAP[0]] == 1


def test_events_are_dropped_only_when_nothing_else_is_left():
    box = outbox(limit_bytes=1500)
    for i in range(50):
        box.append(record(i, "E"))
    assert box.dropped and box.bytes <= 1500
    arrived, declared = covered(drain(box))
    assert sorted(arrived + declared) == list(range(1, 51))


def test_what_was_sent_once_is_never_dropped():
    box = outbox(limit_bytes=3000, window=8)
    for i in range(10):
        box.append(record(i))
    first = take_all(box)
    for i in range(200):
        box.append(record(i + 10))
    box.rewind(0)
    assert take_all(box) == first
    seen = drain(box, 0)
    for seq, envelope in first:
        box.ack(ack(seq), 0)
    seen.update(drain(box, 0))
    seen.update(dict(first))
    arrived, declared = covered(seen)
    assert sorted(arrived + declared) == list(range(1, 211))


def test_drops_between_sends_never_give_one_number_two_contents():
    state = 12345
    for _ in range(20):
        box = outbox(limit_bytes=4000, window=5)
        seen, offered = {}, 0
        for _ in range(300):
            state = (state * 1103515245 + 12345) & 0x3FFFFFFF
            what = (state >> 8) % 8
            if what < 5:
                offered = box.append(record(offered, "TTTTMIXBE"[(state >> 12) % 9]))
            elif what == 5:
                item = box.take(0)
                if item:
                    envelope = cbor.decode(item[1])
                    assert seen.get(item[0], envelope) == envelope
                    seen[item[0]] = envelope
            elif what == 6:
                box.rewind(0)
            elif seen:
                box.ack(ack(max(seen)), 0)
        for seq, envelope in drain(box).items():
            assert seen.get(seq, envelope) == envelope
            seen[seq] = envelope
        arrived, declared = covered(seen)
        assert sorted(arrived + declared) == list(range(1, offered + 1))
        assert len(declared) == box.dropped and box.bytes == 0


def test_record_without_encoding_becomes_a_declared_gap():
    box = outbox()
    box.append(record(0))
    box.append(Record("E", 0, 5, None, 0, ((20, 1.5),)))
    box.append(Record("T", 0, 5, None, 0, ((21, 1), (20, 1))))  # keys out of order
    box.append(record(1))
    arrived, declared = covered(drain(box))
    assert sorted(arrived) == [1, 4] and declared == [2, 3] and box.dropped == 2


def test_unknown_class_is_kept_like_an_event():
    box = outbox(limit_bytes=2000)
    for i in range(100):
        box.append(record(i, ("T", "?", None)[i % 3]))
    arrived, declared = covered(drain(box))
    assert sorted(arrived + declared) == list(range(1, 101))


def test_epoch_fits_a_signed_database_integer():
    assert Outbox("d", (1 << 64) - 1, 0, 1000).epoch == MAX_EPOCH


def test_memory_of_the_list_is_given_back():
    box = outbox()
    for i in range(2000):
        box.append(record(i))
        taken = take_all(box)
        box.ack(ack(taken[-1][0]), 0)
    assert box.backlog == 0 and len(box._held) < 200
