# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The switches of a JBD: locked at once, released only as part of clearing, every frame through the real gate."""

from binascii import unhexlify

from bms_bridge.modbus import REFUSED, TIMEOUT
from bms_bridge.serial_bms import reply_payload
from bms_bridge.serial_frames import write_frame
from bms_bridge.serial_switch import RETRY_MS, SAY_MS, SwitchedBms
from bms_bridge.tables import load
from edge.core import faults as f
from edge.core.records import ALARMS, Command
from edge.core.tx_gate import CONTROL, LISTEN, READ, SENT, TxGate
from edge.shell.switching import Switching

# the vendor's examples of register E1
LOCK = unhexlify("DD5AE1020003FF1A77")
RELEASE = unhexlify("DD5AE1020000FF1D77")
ACK = unhexlify("DDE10000000077")
BASIC = unhexlify("DD03001D060B000001ED01F400002C7C00000000100080630204030BA00B9D0B98FA5577")  # switches locked
CONTACTOR = 1 << ALARMS.index("contactor_error")


class Bench:
    def __init__(self, mode=CONTROL):
        self.now = 0
        self.bms = SwitchedBms(load("jbd"), 0, {"id": "p", "cells": 4, "temps": 3})
        self.bms.gate = self.gate = TxGate("serial", mode, self.bms.gate_rules())
        self.sent = []  # (now_ms, frame) of switch frames that left
        self.answers = True
        self.decision = 0

    def run(self, duration_ms):
        end = self.now + duration_ms
        while self.now < end:
            request = self.bms.next_request(self.now)
            if request is not None:
                left = []
                if self.gate.send(self.now, request.data, left.append) != SENT:
                    self.bms.failed(self.now, request, REFUSED)
                elif request.index >= 0:
                    self.bms.failed(self.now, request, TIMEOUT)
                else:
                    self.sent.append((self.now, left[0]))
                    found = reply_payload(request, ACK)
                    if self.answers:
                        self.bms.reply(self.now, request, found[0])
                    else:
                        self.bms.failed(self.now, request, TIMEOUT)
            self.now += 20

    def command(self, charge_ma=5000, discharge_ma=5000):
        self.decision += 1
        return Command(-1, charge_ma, discharge_ma, None, 13000, None, None, self.now + 2000, self.decision)

    def frames(self):
        found = [frame for _, frame in self.sent]
        self.sent = []
        return found


def test_frames_are_the_vendors():
    assert write_frame("jbd", 0xE1, b"\x00\x03") == LOCK
    assert write_frame("jbd", 0xE1, b"\x00\x00") == RELEASE
    assert load("jbd").SWITCH == (0xE1, LOCK, RELEASE, CONTACTOR)


def test_locked_at_once_repeated_and_released_once():
    bench = Bench()
    bench.run(1000)
    assert bench.frames() == []
    at = bench.now
    bench.bms.lock(bench.now)
    bench.run(3 * SAY_MS)
    assert bench.sent[0] == (at, LOCK) and bench.bms.locked
    assert bench.frames() == [LOCK] * 3
    bench.bms.release(bench.now, bench.command())
    bench.run(3 * SAY_MS)
    assert bench.frames() == [RELEASE] and bench.bms.locked is False


def test_never_released_when_it_did_not_lock():
    bench = Bench()
    bench.bms.release(0, bench.command())
    bench.run(1000)
    assert bench.frames() == [] and bench.bms.locked is None


def test_a_release_waits_for_a_permit_above_zero():
    bench = Bench()
    bench.bms.lock(0)
    bench.run(1000)
    bench.frames()
    bench.bms.release(bench.now, bench.command(0, 0))
    bench.run(1000)
    assert bench.frames() == [] and bench.gate.refused > 0 and bench.bms.locked
    bench.bms.release(bench.now, bench.command(0, 1))
    bench.run(1000)
    assert bench.frames() == [RELEASE]


def test_an_unanswered_lock_is_repeated_sooner():
    bench = Bench()
    bench.answers = False
    bench.bms.lock(0)
    bench.run(10 * RETRY_MS)
    assert 9 <= len(bench.frames()) <= 11 and bench.bms.locked is None
    bench.answers = True
    bench.run(1000)
    assert bench.bms.locked


def test_nothing_is_switched_in_observe():
    for mode in (READ, LISTEN):
        bench = Bench(mode)
        bench.bms.lock(0)
        bench.run(SAY_MS)
        bench.bms.release(bench.now, bench.command())
        bench.run(SAY_MS)
        assert bench.sent == []
    lone = SwitchedBms(load("jbd"), 0, {"id": "p", "cells": 4, "temps": 3})
    lone.lock(0)
    assert lone.next_request(0).index >= 0


def test_the_alarm_of_our_own_lock_is_none():
    bench = Bench()
    question = [bench.bms.next_request(0) for _ in range(1)][0]
    assert bench.bms.reply(0, question, reply_payload(question, BASIC)[0])
    assert bench.bms.read(0).alarms & CONTACTOR  # somebody else locked it
    bench.bms.lock(0)
    bench.run(100)
    assert bench.bms.locked and not bench.bms.read(0).alarms & CONTACTOR


class Pack:
    mode = f.STARTING


class SiteNow:
    packs = (Pack(),)


class OutcomeNow:
    commands = ()


def test_it_follows_the_mode_of_its_pack():
    bench = Bench()
    site, outcome = SiteNow(), OutcomeNow()
    switching = Switching(((0, bench.bms),), bench)
    bench.now_ms = lambda: bench.now
    for mode, want in (
        (f.STARTING, []),
        (f.RUNNING, []),
        (f.STOPPED, []),
        (f.OPEN, [LOCK]),
        (f.LOCKED, [LOCK]),
        (f.STARTING, [LOCK]),
        (f.RUNNING, [RELEASE]),
        (f.RUNNING, []),
    ):
        site.packs[0].mode = mode
        outcome.commands = (bench.command(),)
        switching.told(site, outcome)
        bench.run(SAY_MS)
        assert bench.frames() == want, (mode, want)
