# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Start-up of a controller on a MicroPython board: main.py calls main().

Needs /settings.json (made by `reuse-edge flash`). Every two seconds one line "~{json}" on the console
tells the status, so that it can be read without stopping the program. run() is what every MicroPython
start-up shares; it knows no pins.
"""

import asyncio
import gc
import json
import os
import sys
import time

from bms_bridge.tables import load
from edge.core.cell import BUILT_IN
from edge.loop import Late, loop
from edge.shell.board_uplink import BoardUplink
from edge.shell.control import Guarded, control
from edge.shell.link import ack_key
from edge.shell.status import serve, status_line
from edge.shell.store import FileStore
from edge.shell.wiring import Silent, Wiring

CONSOLE_S = 2
GC_BYTES = 24 * 1024  # collect after so many: waiting for a full heap leaves it in splinters
WATCHDOG_MS = 8000
JOURNAL_HOLD_BYTES = 4096  # RAM of records that wait for the flash; more than this is never written at once
RAM_BYTES = 8192  # of records that wait for the backend; older ones are read back from the flash
# Clocks of boards count from 2000 or from 1970; before this (2026-01-01) the RTC was never set.
OLDEST_UTC_S = 1767225600
EPOCH_2000_S = 946684800
FLOOR, RTC = 1, 2  # qualities of a wall clock


class TickClock:
    """Clock port over ticks_ms, which wraps every 12.4 days: unwrapped here, once.

    quality: of the wall clock, FLOOR or RTC. A clock that was never set is not known.
    """

    def __init__(self, quality=RTC):
        self._last = time.ticks_ms()
        self._ms = 0
        self._quality = quality
        self._offset_s = EPOCH_2000_S if time.gmtime(0)[0] == 2000 else 0

    def now_ms(self):
        """Monotonic milliseconds since start; needs a call at least every six days."""
        ticks = time.ticks_ms()
        self._ms += time.ticks_diff(ticks, self._last)
        self._last = ticks
        return self._ms

    def utc_s(self):
        """(seconds since 1970, quality), or (None, 0)."""
        now_s = int(time.time()) + self._offset_s
        return (now_s, self._quality) if now_s >= OLDEST_UTC_S else (None, 0)


def sync(file):
    """flush is fsync on this runtime."""
    file.flush()


def journaled(settings, folder, clock, epoch, boot, feed):
    """(uplink, feed) that also keep the journal in folder/journal; imported only when the settings give it room."""
    from edge.shell.journal import Journal
    from edge.shell.journal_ports import Folder, Journaled

    disk = Folder(folder + "/journal", sync)
    journal = Journal(disk, settings["device"], epoch, boot, 1024 * settings["journal_kb"], JOURNAL_HOLD_BYTES)

    if settings["black_box"] != "none":
        from edge.shell.boxes import Boxes

        journal.boxes = Boxes(Folder(folder + "/boxes", sync))

    def after_step():
        journal.after_step(clock.now_ms())
        if feed is not None:
            feed()

    if not settings["uplink"]:
        return Journaled(Silent(), journal), after_step
    from edge.shell.backlog import Backlog
    from edge.shell.cursor import Cursor
    from edge.shell.recent import Alone
    from edge.shell.shelf import Shelf

    key = ack_key(settings)
    outbox = Backlog(settings["device"], epoch, boot, journal, Shelf(disk), RAM_BYTES, Alone(), key, Cursor(disk))
    return Journaled(connected(settings, folder, epoch, boot, clock, outbox), journal, False), after_step


def connected(settings, folder, epoch, boot, clock, outbox=None):
    """The uplink of settings, at work; with TLS when they name an authority."""
    tls = None
    if secured(settings):
        from edge.shell.board_tls import BoardTls, keep

        tls = BoardTls(folder, settings["uplink"])
        if clock.utc_s()[1] == FLOOR:
            asyncio.create_task(keep(folder, clock))
    uplink = BoardUplink(settings, epoch, boot, tls=tls, outbox=outbox)
    asyncio.create_task(uplink.run(clock))
    return uplink


def secured(settings):
    """True when the uplink of settings is to use TLS."""
    return bool(settings["uplink"] and settings["uplink"].get("ca"))


def began(settings, folder, clock, epoch):
    """The first record of this start, with what the journal knows of the one before; and the hash of settings."""
    from edge.shell.started import digest_of, started

    settings["hash"] = digest_of(settings)
    if not settings.get("journal_kb"):
        return started(clock, epoch)
    from edge.shell.journal_ports import Folder
    from edge.shell.shelf import Shelf

    return started(clock, epoch, Shelf(Folder(folder + "/journal", sync)))


async def console(guarded, clock, uplink):
    """Print the status line for ever."""
    while True:
        await asyncio.sleep(CONSOLE_S)
        print("~", end="")
        for text in status_line(guarded, clock, uplink):
            print(text, end="")


def serve_line(link):
    """The task function of a line, by its kind; imported only when the site has such a line."""
    if link["kind"] == "can":
        from bms_bridge.transports.board_can import run_link
    elif link["kind"] == "serial":
        from bms_bridge.transports.board_serial import run_link
    else:
        from bms_bridge.transports.board_modbus import run_link
    return run_link


async def run(settings, folder, clock, feed, talk, trace):
    """Run the site of settings for ever.

    folder: where the state lives. feed(): watchdog, called after each guarded step, or None. talk: True
    for the console's status lines. trace: file for one line per step, or None.
    """
    gc.threshold(GC_BYTES)
    wiring = Wiring(settings, load, clock)
    store = FileStore(folder, sync)
    boot = boot_of(store)
    epoch = int.from_bytes(os.urandom(7), "big")
    if settings.get("journal_kb"):
        uplink, feed = journaled(settings, folder, clock, epoch, boot, feed)
    else:
        uplink = connected(settings, folder, epoch, boot, clock) if settings["uplink"] else Silent()
    uplink.offer(began(settings, folder, clock, epoch))
    forget("edge.shell.started")
    guarded = Guarded("micropython", feed, trace, wiring.told)
    actuators = list(wiring.actuators)
    if any([pack.get("contactor") for pack in settings["packs"]]) and not settings.get("outputs"):
        actuators += contactors_of(settings, clock)
    if settings.get("inputs") and not settings["inputs"]["profile"]:
        wiring.devices.append(inputs_of(settings))
    for link, devices, gate in wiring.lines:
        asyncio.create_task(serve_line(link)(link, devices, clock, gate))
    if settings["uplink"] and settings["uplink"]["status_port"]:
        await serve(guarded, clock, uplink, settings["uplink"]["status_port"])
    if talk:
        asyncio.create_task(console(guarded, clock, uplink))
    asyncio.create_task(tidy())

    def made():
        forget_cells(settings)

    steps = loop(settings, clock, wiring.devices, actuators, store, uplink, guarded.seen, verify_of(settings), made)
    try:
        await control(steps, clock)
    finally:
        steps.close()
        await asyncio.sleep(0.5)  # the last zero still has to reach the wire


def contactors_of(settings, clock):
    """The contactors on pins of this board, each with its own hold; imported only when a pack has one."""
    from machine import Pin

    from edge.shell.pins import contactors

    made = contactors(settings, lambda number: Pin(number, Pin.OUT, value=0), clock)
    for each in made:
        asyncio.create_task(each.hold())
    return made


def inputs_of(settings):
    """The safety inputs on pins of this board; imported only when the settings name some."""
    from machine import Pin

    from edge.shell.pins import inputs

    return inputs(settings, lambda number: Pin(number, Pin.IN, Pin.PULL_UP))


def verify_of(settings):
    """verify(raw) for the HMAC keys of settings, or None when there is none."""
    for row in settings.get("trust") or ():
        if row.get("kind") == "hmac":
            from edge.shell.signed import by_hmac, verifier

            return verifier(settings["trust"], by_hmac)
    return None


def read_settings(path):
    """The checked settings of the JSON file at path. What checked them is not needed again and let go."""
    from edge.core.settings import check

    with open(path, encoding="utf-8") as file:
        settings = check(json.load(file))
    del check
    forget("edge.core.settings")
    return settings


def boot_of(store):
    """Number of this start. A function of its own: what a task has on its stack stays in memory (12 KB)."""
    return ((store.look() or {}).get("boot") or 0) + 1


def forget_cells(settings):
    """The cells were read: their texts and tables go before the first step."""
    for pack in settings["packs"]:
        pack.pop("cell", None)
    for name in BUILT_IN.values():
        forget("edge.core." + name)


async def tidy():
    """What a pack says of itself is made once a day."""
    await asyncio.sleep(10)
    forget("edge.core.identity")


def forget(module):
    """Give back the memory of a module that has done its work (22 KB for the settings' table on a 64-bit VM)."""
    if sys.modules.pop(module, None) is not None:
        package, _, name = module.rpartition(".")
        delattr(sys.modules[package], name)
    gc.collect()


def main():
    """Run /settings.json on this board, under its watchdog."""
    import machine

    settings = read_settings("/settings.json")
    quality = RTC
    if secured(settings):
        from edge.shell.board_tls import floored

        quality = floored("", machine.RTC())
    watchdog = machine.WDT(timeout=WATCHDOG_MS)
    try:
        asyncio.run(run(settings, "", TickClock(quality), watchdog.feed, True, None))
    except Late as error:
        print(error)
        machine.reset()
