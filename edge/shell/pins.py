# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A contactor on two pins of a board: the Actuator port, with a hold that falls by itself. Safety inputs on pins.

Imported only when a site has one of them. The pins are given by the start-up file; a reset of the board
lets both fall, so does its watchdog.
"""

import asyncio

from edge.core.records import Inputs

LOOK_MS = 100


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

    async def hold(self):
        """Look for ever, beside the loop."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_MS / 1000)


def hold_ms(settings, pack):
    """Hold of the contactor of pack: what the PCS's watchdog and the fuse need, and one second."""
    return settings["pcs"]["watchdog_ms"] + pack["contactor"]["fuse_ms"] + 1000


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
    """Device port of the safety inputs. pins: {name of a field of Inputs: pin, callable without argument}, wired
    normally closed to ground with a pull-up: 1 = active, or the wire is open. What is not wired is quiet, an
    auxiliary contact that is not wired is not known."""

    def __init__(self, pins):
        self.pins = pins

    def read(self, now_ms):
        """Inputs as the wires say them now."""
        told = [self._active(name) for name in ("estop", "smoke", "insulation", "door")]
        closed = not self._active("contactor") if "contactor" in self.pins else None
        return Inputs(now_ms, told[0], told[1], told[2], told[3], closed)

    def _active(self, name):
        return name in self.pins and self.pins[name]() != 0
