# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The file store: old or new after every interrupted save, never a mix."""

import os
from array import array

from edge.shell.store import WIDTH, AfterWires, FileStore

STATE = {
    "version": 1,
    "text": "구미 ✓",
    "none": None,
    "empty": {},
    "long": [7919 * k for k in range(100)],
    "deep": {"packs": [{"x": [-1, 2, 10**17], "none": None}], "list": []},
}


def sync(file):
    file.flush()


def folder():
    name = "store_test_%d" % id(object())
    os.mkdir(name)
    return name


def remove(name):
    for entry in os.listdir(name):
        os.remove(name + "/" + entry)
    os.rmdir(name)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)


def test_what_was_saved_comes_back():
    place = folder()
    try:
        store = FileStore(place, sync)
        assert store.load() is None and store.problem is None
        for number in range(1, 6):
            state = dict(STATE)
            state["number"] = number
            store.save(state)
            again = FileStore(place, sync)
            assert again.load() == state and again.number == number
    finally:
        remove(place)


def test_parts_are_asked_for_when_their_turn_comes():
    place = folder()
    calls = []

    def part():
        calls.append(1)
        return {"in it": lambda: ("%d" % k for k in range(9)), "row": ["S1", {"a": True}], "none": lambda: iter(())}

    try:
        store = FileStore(place, sync)
        store.save({"n": 1, "array": array("h", range(9)), "part": part, "list": lambda: [part(), part()]})
        found = {"in it": ["%d" % k for k in range(9)], "row": ["S1", {"a": True}], "none": []}
        assert FileStore(place, sync).load() == {"n": 1, "array": list(range(9)), "part": found, "list": [found, found]}
        assert len(calls) == 3
        later = AfterWires(store)
        row = [1]
        later.save({"save": 5, "row": lambda: row})
        row.append(2)
        later.flush()
        assert FileStore(place, sync).load() == {"save": 5, "row": [1, 2]} and later.saved == 5
    finally:
        remove(place)


def test_power_lost_at_any_byte_leaves_the_old_or_the_new():
    place = folder()
    try:
        store = FileStore(place, sync)
        store.save({"n": 1})
        store.save({"n": 2})
        store.save({"n": 3, "list": [9] * 40})
        path = place + "/state.1"
        whole = content(path)
        for cut in range(len(whole)):
            # the body is written behind a blank header, the header last
            put(path, b" " * (WIDTH - 1) + b"\n" + whole[WIDTH : WIDTH + cut])
            assert FileStore(place, sync).load() == {"n": 2}, cut
        put(path, whole)
        assert FileStore(place, sync).load()["n"] == 3
    finally:
        remove(place)


def test_every_flipped_bit_is_seen():
    place = folder()
    try:
        store = FileStore(place, sync)
        store.save({"n": 1})
        path = place + "/state.1"
        whole = content(path)
        for bit in range(8 * len(whole)):
            at = bit // 8
            put(path, whole[:at] + bytes([whole[at] ^ 1 << bit % 8]) + whole[at + 1 :])
            broken = FileStore(place, sync)
            assert broken.load() == {"unreadable": 1} and broken.problem == "both state slots are unreadable", at
    finally:
        remove(place)


def test_a_rotten_slot_is_told_whichever_was_newer():
    for older in (False, True):
        place = folder()
        try:
            store = FileStore(place, sync)
            store.save({"n": 1})
            store.save({"n": 2, "save": 7})
            store.save({"n": 3, "save": 8})
            path = place + ("/state.0" if older else "/state.1")
            whole = content(path)
            for at in range(len(whole)):
                put(path, whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
                told = FileStore(place, sync)
                n, save = (3, 8) if older else (2, 7)
                assert told.load() == {"n": n, "save": save, "unreadable": 1}, at
                assert told.problem == "a state slot is damaged: it may have been newer", at
                assert told.saved == save
            for cut in range(1, len(whole)):
                put(path, whole[:cut])
                assert FileStore(place, sync).load()["unreadable"] == 1, cut
            told = FileStore(place, sync)
            told.load()
            told.save({"n": 4})  # over the rotten one
            again = FileStore(place, sync)
            assert told.problem is None and again.load() == {"n": 4} and again.problem is None
        finally:
            remove(place)


def test_a_save_that_was_cut_off_is_no_loss():
    place = folder()
    try:
        store = FileStore(place, sync)
        store.save({"n": 1})
        store.save({"n": 2})
        for left in (b"", b" ", b" " * (WIDTH - 1) + b"\n", b" " * (WIDTH - 1) + b'\n{"n":3}'):
            put(place + "/state.1", left)
            again = FileStore(place, sync)
            assert again.load() == {"n": 2} and again.problem is None
        put(place + "/state.0", b"")
        assert FileStore(place, sync).load() == {"unreadable": 1}
    finally:
        remove(place)


def test_a_whole_slot_that_is_no_state_counts_as_rotten():
    place = folder()
    try:
        store = FileStore(place, sync)
        store.save({"n": 1})
        store.save({"n": 2})
        store.save([3])
        assert FileStore(place, sync).load() == {"n": 2, "unreadable": 1}
    finally:
        remove(place)


def test_the_header_is_written_when_the_rest_is_durable():
    place = folder()
    seen = []

    def look(file):
        file.flush()
        seen.append(content(place + "/state.1"))

    try:
        FileStore(place, look).save({"n": 1})
        assert len(seen) == 2
        assert seen[0] == b" " * (WIDTH - 1) + b"\n" + seen[1][WIDTH:] and seen[1][:2] == b"1 "
    finally:
        remove(place)


def test_a_disk_that_cannot_be_written_is_counted():
    store = FileStore("no/such/folder", sync)
    store.save({"n": 1})
    assert store.failed_saves == 1 and store.problem
