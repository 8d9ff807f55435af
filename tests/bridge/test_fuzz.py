# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Every profile against truncated, reordered, flipped, random and lying answers. FUZZ_CASES (make soak:
100 000) and FUZZ_SEED change the run; a failure names profile, seed and case."""

import os

import pytest

from bms_bridge.reader import Reader
from tests.bridge import fuzz

CASES = int(os.environ.get("FUZZ_CASES", "1500"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
ACCEPTED_LEAST = 0.2  # so that refusing everything does not pass


@pytest.mark.parametrize("name", fuzz.PROFILES)
def test_bad_bytes_never_become_values(name):
    kept, accepted = fuzz.run(name, SEED, CASES)
    print("%s: %d cases, %d of %d with a good check accepted" % (name, CASES, accepted, kept))
    assert accepted >= ACCEPTED_LEAST * kept, (name, accepted, kept)


def test_every_profile_in_the_tree_is_here():
    assert {"seplos_v3", "sunspec_802_805", "jbd", "pylontech_rs485", "jk_pb_frames"} <= set(fuzz.PROFILES)


@pytest.mark.parametrize("name", [name for name in fuzz.PROFILES if getattr(fuzz.load(name), "ASKS", ())])
def test_every_diagnostic_question_is_asked_of_a_silent_device(name):
    """A device that ignores one question may answer the others: none waits for ever behind it."""
    from bms_bridge.can import CanBms

    device = CanBms(fuzz.load(name), {"id": "pack"})
    device.sending = False
    wanted = {row[2] for row in device.table.ASKS}
    head = 1 + len(device.table.ASKS[0][8])
    asked = set()
    for now_ms in range(0, 600000, 100):
        frame = device.next_frame(now_ms)
        if frame is not None:
            asked |= {request for request in wanted if frame[2][head : head + len(request)] == request}
    assert asked == wanted


class Liar(fuzz.Serial):
    """A device whose decoder has a planted fault."""

    fault = None

    def ask(self):
        payload = super().ask()
        self.good = self.frame(payload)
        return payload

    def give(self, wire):
        if self.fault == "deaf" or (self.fault == "strict" and wire != self.good):
            wire = b""
        taken = super().give(wire)
        values = self.device._state._values
        if self.fault == "partial" and not taken and self.device.read(0) is not None:
            values[1] = 1 + (values[1] or 0)
        if self.fault == "range" and taken:
            values[1] = 10**9
        if self.fault == "crash" and not taken:
            raise IndexError(0)
        self.device._state._newest = None
        return taken


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("partial", "jbd, seed %d, case" % SEED),
        ("range", "jbd, seed %d, case" % SEED),
        ("crash", "jbd, seed %d, case" % SEED),
        ("deaf", "does not recover"),
    ],
)
def test_planted_faults_are_found(fault, found, monkeypatch):
    monkeypatch.setitem(fuzz.BUSES, "serial", Liar)
    monkeypatch.setattr(Liar, "fault", fault)
    with pytest.raises(AssertionError, match=found):
        fuzz.run("jbd", SEED, 200)


def test_refusing_everything_does_not_pass(monkeypatch):
    monkeypatch.setitem(fuzz.BUSES, "serial", Liar)
    monkeypatch.setattr(Liar, "fault", "strict")
    kept, accepted = fuzz.run("jbd", SEED, 200)
    assert kept > 50 and accepted < ACCEPTED_LEAST * kept


@pytest.mark.parametrize("name", ["sdm630", "sunspec_string", "seplos_v3"])
def test_a_joined_answer_dealt_one_register_off_is_found(name, monkeypatch):
    padded = Reader._padded
    monkeypatch.setattr(Reader, "_padded", lambda *a: padded(*a[:3], a[3][2:] + a[3][:2]))
    with pytest.raises(AssertionError, match=r"not what the device says|does not recover"):
        fuzz.run(name, SEED, 1000)
