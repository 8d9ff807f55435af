# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Which slot of a board starts: trials are counted, what is damaged is left, nothing falls into an empty slot."""

import binascii
import hashlib
import os

from edge.shell.slots import BOOTS, Slots, damage, lines_of
from tests.both.update_help import remove

ROOT = "slots_test_%d" % id(object())


def mkdir(path):
    try:
        os.mkdir(path)
    except OSError:
        pass


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def fill(root, name, rollback=1, data=b"x"):
    """A whole slot with one file."""
    folder = root + "/" + name
    mkdir(folder)
    write(folder + "/it.mpy", data)
    digest = binascii.hexlify(hashlib.sha256(data).digest()).decode()
    head = ("version 1.%d\nrollback %d\nfile %d %s it.mpy\n" % (rollback, rollback, len(data), digest)).encode()
    write(folder + "/manifest", head + b"end %08x\n" % binascii.crc32(head))


def tidy(test):
    """The test in a folder of its own that goes with it."""

    def run():
        try:
            test()
        finally:
            remove(ROOT)

    return run


def board(*slots):
    """A fresh folder that stands for a board's file system."""
    mkdir(ROOT)
    for number, name in enumerate(slots):
        fill(ROOT, name, number + 1)
    return ROOT


@tidy
def test_blank_board_starts_nothing():
    assert Slots(board()).choose() is None


@tidy
def test_without_state_the_newer_whole_slot_starts_on_trial():
    root = board("a", "b")
    slots = Slots(root)
    assert (slots.active, slots.highest) == ("b", 2)
    assert slots.choose() == "b" and Slots(root).boots == 1


@tidy
def test_confirmed_slot_starts_for_ever_and_writes_nothing():
    root = board("a")
    Slots(root).switch("a", "flash")
    assert Slots(root).choose() == "a"
    Slots(root).confirm()
    before = Slots(root).number
    for _ in range(2 * BOOTS):
        assert Slots(root).choose() == "a"
    after = Slots(root)
    assert (after.number, after.good, after.boots, after.highest) == (before, "a", 0, 1)


def on_trial():
    root = board("a")
    slots = Slots(root)
    slots.switch("a", "flash")
    slots.choose()
    slots.confirm()
    fill(root, "b", 2)
    slots.switch("b", "update")
    return root


@tidy
def test_trial_without_confirmation_falls_back():
    root = on_trial()
    assert [Slots(root).choose() for _ in range(BOOTS + 1)] == ["b"] * BOOTS + ["a"]
    slots = Slots(root)
    assert (slots.active, slots.good, slots.bad, slots.highest) == ("a", "a", "b", 1)
    assert "b: %d starts" % BOOTS in slots.why
    assert Slots(root).choose() == "a"


@tidy
def test_confirmed_trial_stays_and_raises_the_floor():
    root = on_trial()
    slots = Slots(root)
    assert slots.choose() == "b"
    slots.confirm()
    assert [Slots(root).choose() for _ in range(BOOTS + 1)] == ["b"] * (BOOTS + 1)
    assert Slots(root).highest == 2


@tidy
def test_damaged_slot_is_left_at_once():
    root = on_trial()
    write(root + "/b/it.mpy", b"y")
    assert damage(root + "/b") == "it.mpy is damaged"
    assert Slots(root).choose() == "a"
    assert "damaged" in Slots(root).why


@tidy
def test_damaged_good_slot_gives_way_to_the_other_on_trial():
    root = on_trial()
    Slots(root).confirm()
    write(root + "/b/it.mpy", b"y")
    slots = Slots(root)
    assert slots.choose() == "a" and slots.on_trial() and slots.boots == 1
    slots.confirm()
    assert Slots(root).highest == 2  # what was known stays known


@tidy
def test_both_damaged_start_nothing():
    root = on_trial()
    write(root + "/b/it.mpy", b"y")
    write(root + "/a/it.mpy", b"y")
    assert Slots(root).choose() is None


@tidy
def test_the_only_slot_goes_on_without_confirmation():
    root = board("a")
    Slots(root).switch("a", "flash")
    assert [Slots(root).choose() for _ in range(BOOTS + 2)] == ["a"] * (BOOTS + 2)
    assert Slots(root).boots == BOOTS


@tidy
def test_two_bad_slots_do_not_take_turns():
    root = on_trial()
    slots = Slots(root)
    assert slots.choose() == "b"
    assert slots.fall("cannot be imported")
    assert not slots.fall("cannot be imported")
    assert Slots(root).active == "a"


@tidy
def test_exception_lowers_the_floor_and_a_switch_does_not():
    root = on_trial()
    Slots(root).confirm()
    Slots(root).switch("a", "older", 1)
    assert Slots(root).highest == 1
    Slots(root).switch("a", "older")
    assert Slots(root).highest == 1


@tidy
def test_any_damage_of_one_state_file_leaves_the_other():
    root = on_trial()
    number = Slots(root).number
    path = "%s/slots.%d" % (root, 2 - number % 2)
    with open(path, "rb") as file:
        data = file.read()
    for at in range(0, len(data), 7):
        write(path, data[:at] + b"\x00" + data[at + 1 :])
        assert (Slots(root).number, Slots(root).active) == (number - 1, "a"), at
    write(path, data[: len(data) // 2])
    assert Slots(root).number == number - 1
    write(path, data)
    assert (Slots(root).number, Slots(root).active) == (number, "b")


@tidy
def test_a_manifest_that_was_cut_or_changed_is_not_whole():
    root = board("a")
    path = root + "/a/manifest"
    with open(path, "rb") as file:
        data = file.read()
    assert damage(root + "/a") is None and len(list(lines_of(path))) == 3
    for size in range(len(data)):
        write(path, data[:size])
        assert damage(root + "/a") is not None, size
    write(path, data.replace(b"rollback 1", b"rollback 9"))
    assert damage(root + "/a") is not None
