# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A contactor on pins: follows the command, falls by itself, never first under load."""

from edge.core.records import Command
from edge.shell.pins import contactors, inputs
from tests.both import core_help as h


class Pins:
    """Levels by pin number, and the clock."""

    def __init__(self):
        self.levels = {}
        self.ms = 0

    def pin(self, number):
        def level(value):
            self.levels[number] = value

        return level

    def now_ms(self):
        return self.ms


def say(contactor, precharge=0):
    return Command(0, 0, 0, None, None, precharge, contactor, 0, 1)


def test_it_follows_and_falls_by_itself():
    pins = Pins()
    own = {"break_ma": 20000, "main_pin": 4, "precharge_pin": 5}
    one = contactors(h.site_settings([h.pack(contactor=own)]), pins.pin, pins)[0]
    assert pins.levels == {4: 0, 5: 0}
    for command, levels in (
        (say(0, 1), {4: 0, 5: 1}),
        (say(1), {4: 1, 5: 0}),
        (say(None), {4: 1, 5: 0}),
        (say(0), {4: 0, 5: 0}),
        (say(1), {4: 1, 5: 0}),
    ):
        assert one.apply(command) == 0 and pins.levels == levels
    one.zero()
    assert pins.levels == {4: 1, 5: 0}
    for now_ms, level in ((9000, 1), (9001, 0)):  # 5 s watchdog, 3 s fuse, 1 s
        pins.ms = now_ms
        one.look()
        assert pins.levels[4] == level
    pins.ms = 20000
    one.apply(say(None))
    one.look()
    assert pins.levels[4] == 0


def test_none_without_pins_and_no_precharge():
    pins = Pins()
    assert contactors(h.site_settings(), pins.pin, pins) == []
    own = {"break_ma": 20000, "main_pin": 4, "precharge": "none"}
    one = contactors(h.site_settings([h.pack(contactor=own)]), pins.pin, pins)[0]
    one.apply(say(0, 1))
    one.zero()
    assert pins.levels == {4: 0}


def test_inputs_are_active_when_the_wire_is_open():
    levels = {1: 0, 2: 0, 3: 0, 4: 1}
    packs = [h.pack(contactor={"break_ma": 20000, "main_pin": 9, "feedback_pin": pin}) for pin in (3, None, 4)]
    for number in range(3):
        packs[number]["id"] = "p%d" % number
    made = h.site_settings(packs, inputs={"estop_pin": 1, "smoke_pin": 2})
    one = inputs(made, lambda number: lambda: levels[number])
    assert one.read(7) == (7, False, False, False, False, (True, None, False))
    levels[1] = levels[3] = 1
    assert one.read(8) == (8, True, False, False, False, (False, None, False))
    made = h.site_settings(inputs={"door_pin": 4})
    assert inputs(made, lambda number: lambda: levels[number]).read(9) == (9, False, False, False, True, (None,))


def test_the_hold_is_the_sites():
    pins = Pins()
    own = {"break_ma": 20000, "main_pin": 4, "precharge": "none", "hold_ms": 12000}
    assert contactors(h.site_settings([h.pack(contactor=own)]), pins.pin, pins)[0].hold_ms == 12000
