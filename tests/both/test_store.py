# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The file store: old or new after every interrupted save, never a mix."""

import os

from edge.shell.store import WIDTH, FileStore

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
        assert again.look() == state and again.load() == state
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
            put(path, whole[:cut])
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
        for at in range(len(whole)):
            if whole[at : at + 1] in b" \n":
                continue  # blanks of the header
            put(path, whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            broken = FileStore(place, sync)
            assert broken.load() == {"unreadable": 1} and broken.problem == "both state slots are unreadable", at
    finally:
        remove(place)


def test_a_disk_that_cannot_be_written_is_counted():
    store = FileStore("no/such/folder", sync)
    store.save({"n": 1})
    assert store.failed_saves == 1 and store.problem
