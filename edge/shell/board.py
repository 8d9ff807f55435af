# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Start-up of a controller on a MicroPython board: main.py calls main().

Needs /settings.json (made by `reuse-edge flash`). Every two seconds one line "~{json}" on the console
tells the status, so that it can be read without stopping the program. run() is what every MicroPython
start-up shares; it knows no pins.
"""

import asyncio
import binascii
import gc
import json
import os
import sys
import time

from edge.core.cell import BUILT_IN
from edge.loop import Late, loop
from edge.shell.control import ALIVE_MS, Guarded, Restart, Watch, control
from edge.shell.status import serve, status_line

CONSOLE_S = 2
# While it runs: collect after so many bytes at most, and after a quarter of what is free. Waiting for a full heap
# leaves it in splinters.
GC_BYTES = 24 * 1024
WATCHDOG_MS = 8000
# Clocks of boards count from 2000 or from 1970; before this (2026-01-01) the RTC was never set.
OLDEST_UTC_S = 1767225600
EPOCH_2000_S = 946684800
OWN_KEYS = "/tls/keys.json"  # made for this board alone when it was commissioned
FLOOR, RTC, NTP = 1, 2, 3  # qualities of a wall clock


class TickClock:
    """Clock port over ticks_ms, which wraps every 12.4 days: unwrapped here, once.

    quality: of the wall clock, FLOOR or RTC. A clock that was never set is not known. floor_s: earliest time that it
    can be, or None.
    """

    def __init__(self, quality=RTC, floor_s=None):
        self.floor_s = floor_s
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

    def set_utc(self, at_s):
        """It is at_s seconds since 1970, an NTP server says."""
        self._offset_s = at_s - int(time.time())
        self._quality = NTP


def sync(file):
    """flush is fsync on this runtime."""
    file.flush()


def with_journal(flush, journal, clock):
    """flush() and the journal's turn after each step."""

    def both():
        flush()
        journal.after_step(clock.now_ms())

    return both


def quiet(ports, clock, watchdog_ms):
    """A function: True when no write of ports (the PCS, relay modules) waits for its turn on a line (due_ms is then no
    watchdog in the past)."""

    def wires():
        now_ms = clock.now_ms()
        return min([port.due_ms(now_ms) for port in ports]) > now_ms - watchdog_ms

    return wires


def while_running(feed, rows, clock, told):
    """feed() as long as every task of the lines, the uplink, the contactors and the network is at work; one that has
    ended or hangs starves the watchdog, and told(text) says once which.

    rows: [time of its last turn, task, name] of each; told: None without a feed().
    """
    said = []

    def fed():
        now_ms = clock.now_ms()
        for at_ms, task, name in rows:
            if task.done() or now_ms - at_ms > ALIVE_MS:
                if not said:
                    said.append(name)
                    told("%s %s" % (name, "has ended" if task.done() else "hangs"))
                return
        feed()

    return fed


async def console(guarded, clock, uplink):
    """Print the status line for ever; one for which there is no memory is cut off."""
    while True:
        await asyncio.sleep(CONSOLE_S)
        print("~", end="")
        try:
            for text in status_line(guarded, clock, uplink):
                print(text, end="")
        except MemoryError:
            print()


async def run(settings, folder, clock, feed, talk, trace, slot=None, before=()):
    """Run the site of settings for ever.

    folder: where the state lives. feed(): watchdog, called after each guarded step, or None. talk: True
    for the console's status lines. trace: file for one line per step, or None. slot: folder of the software when
    it runs in a slot of a board. before: pairs of the first record (edge.shell.board_crash).
    """
    from edge.shell.board_start import start

    ports = start(settings, folder, clock, sync, before)
    del start
    forget("edge.shell.board_start")
    forget("edge.shell.wiring")
    forget("edge.shell.started")
    uplink, flush = ports.uplink, ports.store.flush
    if ports.journal is not None:
        flush = with_journal(flush, ports.journal, clock)
    if slot:
        from edge.shell.trial import attend

        flush = attend(settings, clock, sync, uplink, ports.told, flush)
        del attend
        forget("edge.shell.trial")
        forget("edge.shell.slots")
    if feed:
        from edge.shell.board_crash import keep

        feed = while_running(feed, ports.tasks, clock, keep)
    guarded = Guarded("micropython", feed, trace, ports.told)
    if settings["uplink"] and settings["uplink"]["status_port"]:
        await serve(guarded, clock, uplink, settings["uplink"]["status_port"])
    if settings["led_pin"]:
        from machine import Pin

        from edge.shell.board_led import show

        asyncio.create_task(show(Pin(settings["led_pin"], Pin.OUT, value=0), guarded, settings["uplink"] and uplink))
    if settings["ntp"]:
        from edge.shell.board_sntp import Sntp

        asyncio.create_task(Sntp(clock, settings["ntp"], clock.floor_s).run())
    if talk:
        asyncio.create_task(console(guarded, clock, uplink))
    asyncio.create_task(tidy())
    gc.collect()
    gc.threshold(max(GC_BYTES // 8, min(GC_BYTES, gc.mem_free() // 4)))

    steps = loop(ports.site, clock, ports.devices, ports.actuators, ports.store, uplink, guarded.seen)
    watch = Watch(ports.devices[-1], clock) if settings.get("inputs") else None
    try:
        await control(steps, clock, watch, quiet(ports.writers, clock, settings["pcs"]["watchdog_ms"]), flush)
    finally:
        steps.close()
        await asyncio.sleep(0.5)  # the last zero still has to reach the wire
        ports.store.flush()


def kept_in(path):
    """The dict in the JSON file at path; {} without one."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def with_secrets(settings, path):
    """Put the keys of the JSON file at path into settings, where a bundle has none. A key that is not there is trusted
    by nobody."""
    kept, own = kept_in(path), kept_in(OWN_KEYS)
    known = kept.get("trust") or {}
    for row in settings.get("trust") or ():
        if row.get("kind") == "board":  # made for this board alone: [id, key]
            row["id"], row["key"] = own.get("order") or ("", None)
            row["kind"] = "hmac"
        elif row.get("kind") == "hmac" and not row["key"]:
            row["key"] = known.get(row["id"])
    settings["trust"] = [row for row in settings.get("trust") or () if row["key"]]
    place = settings.get("uplink")
    if place and place.get("ack_key") in ("secret", "board"):
        found = (own if place["ack_key"] == "board" else kept).get("ack_key")
        place["ack_key"] = found or binascii.hexlify(os.urandom(32)).decode()
    return settings


def read_settings(path, secrets=None):
    """The checked settings of the JSON file at path, with the keys of the file secrets. What checked them is not needed
    again and let go."""
    from edge.core.settings import check

    with open(path, encoding="utf-8") as file:
        settings = json.load(file)
    settings = check(settings if secrets is None else with_secrets(settings, secrets))
    del check
    forget("edge.core.settings")
    return settings


def secured(settings):
    """True when the uplink of settings is to use TLS."""
    return bool(settings["uplink"] and settings["uplink"].get("ca"))


def forget_cells(settings):
    """The cells were read: their texts and tables go before the first step."""
    for pack in settings["packs"]:
        pack.pop("cell", None)
    for name in BUILT_IN.values():
        forget("edge.core." + name)
    if "edge.core.rounds" not in sys.modules:  # the curve of an aged cell was made
        forget("edge.core.align")
        forget("edge.core.points")


async def tidy():
    """What a pack says of itself is made once a day."""
    await asyncio.sleep(10)
    forget("edge.core.nameplate")


def forget(module):
    """Give back the memory of a module that has done its work (22 KB for the settings' table on a 64-bit VM)."""
    if sys.modules.pop(module, None) is not None:
        package, _, name = module.rpartition(".")
        delattr(sys.modules[package], name)
    gc.collect()


def main(folder=""):
    """Run settings.json of folder (the slot's) on this board, under its watchdog.

    Nothing that an exception carries reaches the console: that may be a key (board_crash)."""
    import machine

    from edge.shell import board_crash

    told = board_crash.before(machine)
    asyncio.get_event_loop().set_exception_handler(board_crash.untold)
    try:
        begin(folder, machine, told)
    except (Late, Restart) as error:
        print(error)
        machine.reset()
    except Exception as error:
        board_crash.note(error)
        raise RuntimeError("the controller has ended")  # the watchdog resets the board; an engineer has its seconds


def begin(folder, machine, told):
    """Read what there is to run, start the watchdog and run it. told: pairs of the first record."""
    settings = read_settings(folder + "/settings.json", "/secrets.json")
    quality, floor_s = RTC, None
    if secured(settings):
        from edge.shell.board_tls import floor_of, floored

        floor_s = floor_of("")
        quality = floored("", machine.RTC())
    watchdog = machine.WDT(timeout=WATCHDOG_MS)
    asyncio.run(run(settings, "", TickClock(quality, floor_s), watchdog.feed, True, None, folder, told))
