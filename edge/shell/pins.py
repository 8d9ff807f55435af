# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A contactor on two pins of a board: the Actuator port, with a hold that falls by itself. Safety inputs on pins.

Imported only when a site has one of them. The pins are given by the start-up file; a reset of the board
lets both fall, so does its watchdog.
"""

import asyncio

from edge.core.records import Inputs

LOOK_MS = 100
LOOPS = ("estop", "smoke", "insulation", "door")


class PinContactor:
    """main, precharge: pins, callable with 0 or 1 as machine.Pin; precharge None: there is none. hold_ms: it opens
    when it was not renewed for so long: above the PCS's watchdog and the time of the fuse. clock: Clock port."""

    def __init__(self, main, precharge, hold_ms, clock):
        self.main = main
        self.precharge = precharge
        self.hold_ms = hold_ms
        self.clock = clock
        self._until_ms = None
        self._set(0, 0)

    def _set(self, main, precharge):
        if self.precharge is not None:
            self.precharge(precharge)
        self.main(main)

    def apply(self, command):
        """Take what command says of the contactor; None leaves it as it is and renews nothing. Never raises."""
        if command.contactor is None:
            return 0
        self._until_ms = self.clock.now_ms() + self.hold_ms
        self._set(1 if command.contactor == 1 else 0, 1 if command.precharge == 1 else 0)
        return 0

    def zero(self):
        """Precharge off. The contactor itself falls when its hold ends: the PCS stops first, nothing is cut under
        load."""
        if self.precharge is not None:
            self.precharge(0)

    def look(self):
        """Let go when nobody renewed it in time."""
        if self._until_ms is not None and self.clock.now_ms() > self._until_ms:
            self._until_ms = None
            self._set(0, 0)

    async def hold(self, beat):
        """Look for ever, beside the loop. beat: list whose first item is set to the time of each look."""
        while True:
            beat[0] = self.clock.now_ms()
            self.look()
            await asyncio.sleep(LOOK_MS / 1000)


def hold_ms(settings, pack):
    """Hold of the contactor of pack: its setting, or what the PCS's watchdog and the fuse need, and one second."""
    own = pack["contactor"]
    return own.get("hold_ms") or settings["pcs"]["watchdog_ms"] + own["fuse_ms"] + 1000


def contactors(settings, pin, clock):
    """PinContactors of every pack that has pins, in settings order. pin(number): makes an output that is off."""
    made = []
    for pack in settings["packs"]:
        own = pack.get("contactor")
        if own:
            second = None if own["precharge"] == "none" else pin(own["precharge_pin"])
            made.append(PinContactor(pin(own["main_pin"]), second, hold_ms(settings, pack), clock))
    return made


class PinInputs:
    """Device port of the safety inputs. pins: {loop: pin, callable without argument}, wired normally closed to ground
    with a pull-up: 1 = active, or the wire is open. What is not wired is quiet. contacts: pin of the auxiliary contact
    of each pack's contactor, closed to ground while that is closed; None: not wired, not known."""

    def __init__(self, pins, contacts):
        self.pins = pins
        self.contacts = contacts

    def read(self, now_ms):
        """Inputs as the wires say them now."""
        told = [name in self.pins and self.pins[name]() != 0 for name in LOOPS]
        closed = tuple([None if pin is None else pin() == 0 for pin in self.contacts])
        return Inputs(now_ms, told[0], told[1], told[2], told[3], closed)


def inputs(settings, pin):
    """PinInputs of the pins that settings name. pin(number): makes an input with a pull-up."""
    own = settings["inputs"]
    numbers = [(pack.get("contactor") or {}).get("feedback_pin") for pack in settings["packs"]]
    pins = {name: pin(own[name + "_pin"]) for name in LOOPS if own.get(name + "_pin") is not None}
    return PinInputs(pins, [None if number is None else pin(number) for number in numbers])
