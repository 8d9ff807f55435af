# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""An update over the air: what is taken, what is refused and why, and that it goes on where it was cut."""

import os

from edge.core import orders as o
from edge.shell.cbor import decode
from edge.shell.pieces import AHEAD, CHUNK, Pieces
from edge.shell.slots import Slots, damage
from edge.shell.update import ASK, Update
from edge.shell.updater import ASK_MS, PATIENCE_MS, Updater, permits
from tests.both import update_help as h

ROOT = "update_test_%d" % id(object())
RAW = h.manifest(h.FILES)
DATA = h.bundle(RAW, h.FILES)


def tidy(test):
    """The test with a board of its own: slot a runs and is confirmed."""

    def run():
        try:
            h.install(ROOT, "a", h.OLD)
            slots = Slots(ROOT)
            slots.switch("a", "flash")
            slots.choose()
            slots.confirm()
            test()
        finally:
            h.remove(ROOT)

    return run


def untouched():
    """The old version runs on, and no half of another waits."""
    slots = Slots(ROOT)
    noted = "update.json" in os.listdir(ROOT)
    return slots.choose() == "a" and not slots.on_trial() and damage(ROOT + "/a") is None and not noted


@tidy
def test_a_whole_update_is_put_into_the_other_slot_and_starts_on_trial():
    said, update, sender = h.updated(ROOT, DATA, RAW)
    assert said == [h.READY] and update.switched
    slots = Slots(ROOT)
    assert (slots.active, slots.good, slots.choose()) == ("b", "a", "b") and damage(ROOT + "/b") is None
    assert "0.2.0" in slots.why and "update.json" not in os.listdir(ROOT)
    first = len(DATA) - sum([len(data) for _, data in h.FILES])
    loop = [at for at, _ in sender.asked if first <= at < first + len(h.FILES[0][1])]
    assert loop == []  # this file is the same in both versions: it is copied here
    slots.confirm()
    assert Slots(ROOT).highest == 5


@tidy
def test_what_an_earlier_version_left_in_the_slot_goes():
    h.install(ROOT, "b", (("edge/odd.mpy", b"odd"), ("edge/loop.mpy", b"broken")), 3)
    assert h.updated(ROOT, DATA, RAW)[0] == [h.READY]
    assert damage(ROOT + "/b") is None and "odd.mpy" not in os.listdir(ROOT + "/b/edge")


def refused(verdict, raw=RAW, data=DATA, rollback=5, spoil=None, settings=h.SETTINGS):
    said, update, _ = h.updated(ROOT, data, raw, rollback, spoil, settings)
    assert said == [verdict], (said, verdict)
    assert not update.switched and untouched()


@tidy
def test_signatures_that_are_not_of_a_release_key_are_refused():
    refused(o.V_UNSIGNED, data=h.bundle(RAW, h.FILES, seed=bytes(32)))
    refused(o.V_UNSIGNED, data=h.bundle(RAW, h.FILES, key="0" * 16))
    refused(o.V_UNSIGNED, data=DATA.replace(b"ed25519 ", b"unsigned"))
    for change in ({"role": "commission"}, {"kind": "hmac"}):
        refused(o.V_UNSIGNED, settings=dict(h.SETTINGS, trust=[dict(h.SETTINGS["trust"][0], **change)]))
    refused(o.V_UNSIGNED, settings=dict(h.SETTINGS, trust=[]))


@tidy
def test_what_is_for_another_device_or_board_is_refused():
    for words in ({"device": "gumi_015"}, {"board": "pico2w"}, {"mpy": "5 3"}):
        raw = h.manifest(h.FILES, **words)
        refused(o.V_BOARD, raw, h.bundle(raw, h.FILES))


@tidy
def test_what_is_older_than_permitted_is_refused():
    raw = h.manifest(h.FILES, 3)
    refused(o.V_OLDER, raw, h.bundle(raw, h.FILES), 3)
    refused(o.V_DAMAGED, raw, h.bundle(raw, h.FILES), 6)  # the order claims another number than the manifest


def spoiling(place, byte):
    """The spoil of a Sender that changes one byte of the bundle, each time it is sent."""

    def spoil(at, data):
        inside = place - at
        return data[:inside] + byte + data[inside + 1 :] if 0 <= inside < len(data) else data

    return spoil


@tidy
def test_damaged_pieces_are_refused():
    first = len(DATA) - sum([len(data) for _, data in h.FILES])
    for place, byte in (
        (100, b"?"),
        (first + 1, b"?"),
        (0, b"\n"),
    ):  # the manifest, a file that both have not, the head
        refused(o.V_DAMAGED, spoil=spoiling(place + 1200 if place > first else place, byte))
    refused(o.V_DAMAGED, raw=h.manifest(h.OLD))
    files = (("../a/settings.json", b"x"),)
    raw = h.manifest(files)
    refused(o.V_DAMAGED, raw, h.bundle(raw, files))


@tidy
def test_a_piece_that_is_spoilt_once_is_fetched_again():
    spoilt = []

    def spoil(at, data):
        if at > len(DATA) - 1500 and not spoilt:
            spoilt.append(at)
            return b"?" * len(data)
        return data

    assert h.updated(ROOT, DATA, RAW, spoil=spoil)[0] == [h.READY] and spoilt


@tidy
def test_no_room_is_refused():
    files = (("edge/big.mpy", b"x"),)
    raw = h.manifest(files).replace(b"file 1 ", b"file 15728640 ")
    body = raw[: raw.index(b"end ")]
    raw = body + b"end %08x\n" % h.binascii.crc32(body)
    data = h.bundle(raw, files) + bytes(200)
    update, sender = Update(ROOT, h.SETTINGS, h.sync), h.Sender(data)
    params = h.order(raw, data)
    params[2] = 1 << 24
    update._free = lambda: 400000
    assert h.run(update, update.begin(params, h.TOLD), sender) == [o.V_ROOM]
    assert untouched()


@tidy
def test_a_version_on_trial_takes_no_update():
    slots = Slots(ROOT)
    h.install(ROOT, "b", h.OLD + (("more.mpy", b"more"),), 4)
    slots.switch("b", "update")
    assert h.updated(ROOT, DATA, RAW)[0] == [o.V_BUSY] and Slots(ROOT).choose() == "b"


@tidy
def test_what_runs_already_is_said_and_not_fetched():
    with open(ROOT + "/a/manifest", "rb") as file:
        raw = file.read()
    said, update, sender = h.updated(ROOT, DATA, raw, 4)
    assert said == [h.DONE] and sender.asked == [] and not update.switched and untouched()


@tidy
def test_a_reset_after_any_piece_goes_on_there():
    """A reset after every fourth block: what lies on the flash is not written again, or it would never end."""
    files = h.FILES + (("edge/large.mpy", bytes(range(256)) * 400),)
    raw = h.manifest(files)
    data = h.bundle(raw, files)
    update, sender = Update(ROOT, h.SETTINGS, h.sync), h.Sender(data)
    steps = update.begin(h.order(raw, data), h.TOLD)
    resets = 0
    while not update.switched and resets < 50:
        written = 0
        for state in steps:
            if state == ASK and update.lacks():
                written += 1
                sender.answer(update)
            if written > 3:
                break
        else:
            break
        resets += 1
        assert untouched_but_noted()
        update = Update(ROOT, h.SETTINGS, h.sync)
        steps = update.resumed()
    assert resets >= 2 and update.switched and damage(ROOT + "/b") is None
    assert sum([length for _, length in sender.asked]) < len(data) + (resets + 1) * 2 * AHEAD


def untouched_but_noted():
    slots = Slots(ROOT)
    return slots.choose() == "a" and not slots.on_trial() and damage(ROOT + "/b") is not None


class Clock:
    now = 0

    def now_ms(self):
        return self.now

    def utc_s(self):
        return None, 0


@tidy
def test_the_updater_asks_again_and_gives_up_at_last():
    clock, told = Clock(), []
    updater = Updater(ROOT, h.SETTINGS, h.sync, clock, told.append)
    updater._work = updater.update.begin(h.order(RAW, DATA), h.TOLD)
    for _ in range(5):
        updater.compute()
        updater.flush()
    wanted = updater.take()
    length = min(AHEAD, len(DATA))
    assert decode(wanted) == {0: 1, 10: h.order(RAW, DATA)[1], 11: 0, 12: length} and updater.take() is None
    clock.now += ASK_MS
    assert updater.take() == wanted
    updater.put(decode(wanted)[10][:8] + bytes(4) + DATA[:20])
    clock.now += ASK_MS - 1
    assert updater.take() is None  # a piece came: the others may be on their way
    clock.now += 1
    assert decode(updater.take())[11] == 20
    clock.now += PATIENCE_MS
    updater.compute()
    assert updater.take() is None and dict(told[-1].pairs)[152] == o.V_GIVEN_UP and untouched()


@tidy
def test_pieces_that_nobody_asked_for_change_nothing():
    update = Update(ROOT, h.SETTINGS, h.sync)
    steps = update.begin(h.order(RAW, DATA), h.TOLD)
    while next(steps) != ASK:
        pass
    digest = h.order(RAW, DATA)[1]
    first, begin = digest[:8] + bytes(4), DATA[:20]
    assert not update.put(first + begin)  # not asked for yet
    assert update.wanted()[0] == 0
    for odd in (b"", b"x" * 12, first, digest[:8] + b"\x00\x00\x00\x09xx", b"y" * 8 + bytes(4) + b"xx"):
        assert not update.put(odd) and update.lacks()
    assert not update.put(first + bytes(CHUNK + 1))
    assert update.put(first + begin) and not update.put(first + begin)  # once is enough
    assert update.put(digest[:8] + bytes(3) + b"\x14" + DATA[20:80]) and not update.lacks()


def test_never_more_lies_in_ram_than_was_asked_for():
    pieces = Pieces(bytes(32), 100000)
    assert pieces.wanted(False) is None and not pieces.put(bytes(12) + b"x")  # nobody uses it
    at = 0
    for _ in range(40):
        pieces.seek(at, 4096)
        wanted = pieces.wanted(False)
        while wanted:
            for offset in range(wanted[0], wanted[0] + wanted[1], CHUNK):
                end = min(offset + CHUNK, wanted[0] + wanted[1])
                assert pieces.put(bytes(8) + offset.to_bytes(4, "big") + bytes(end - offset))
            assert not pieces.put(bytes(8) + pieces._end.to_bytes(4, "big") + b"x")
            assert sum([len(part) for part in pieces._list]) <= AHEAD
            wanted = pieces.wanted(False)
        assert not pieces.lacks()
        at += len(pieces.take())
    assert at == 100000
    pieces.seek(500, 100)  # once more from an earlier place
    assert pieces.lacks() and pieces.wanted(False) == (500, AHEAD)
    pieces.seek(900, 100)  # or from one that was not asked for
    assert pieces.wanted(False) == (900, AHEAD)


class Command:
    def __init__(self, charge_ma, discharge_ma, contactor):
        self.charge_ma, self.discharge_ma, self.contactor = charge_ma, discharge_ma, contactor


def test_when_the_site_permits():
    off, on = Command(0, 0, None), Command(0, 5, None)
    opened, closed = Command(0, 0, 0), Command(0, 0, 1)
    for when, mode, commands, good in (
        ("zero", "control", (off,), True),
        ("zero", "control", (on,), False),
        ("zero", "control", (Command(5, 0, None),), False),
        ("zero", "control", (off, closed), True),
        ("open", "control", (off, closed), False),
        ("open", "control", (off, opened), True),
        ("open", "control", (on, opened), False),
        ("open", "control", (off,), True),
        ("any", "control", (on, closed), True),
        ("zero", "observe", (on, closed), True),
    ):
        assert permits({"update_when": when, "mode": mode}, commands) == good, (when, mode)
