# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a board does once, at its start: ports are made from the settings, and their tasks begin.

A module of its own, because board.py gives it back then, and the wiring with it. Nothing that lives on may be a
function of this module: one alone would hold it all.
"""

import asyncio
import os
from collections import namedtuple

from bms_bridge.tables import load
from edge.shell.board_uplink import BoardUplink
from edge.shell.store import AfterWires, FileStore
from edge.shell.wiring import Silent, Wiring

# The ports of edge.loop.loop, whom each step is told, the ports that write (the PCS and relay modules), and what says
# which start this is: (epoch, number of the start).
Ports = namedtuple("Ports", ("devices", "actuators", "store", "uplink", "verify", "told", "writers", "start"))


def start(settings, folder, clock, sync):
    """Ports of the site of settings; the tasks of its lines, its uplink and its contactors run from now on.

    folder: where the state lives. sync(file): makes what was written durable.
    """
    wiring = Wiring(settings, load, clock)
    files = FileStore(folder, sync)
    boot = ((files.look() or {}).get("boot") or 0) + 1
    epoch = int.from_bytes(os.urandom(7), "big")
    uplink = Silent()
    if settings["uplink"]:
        mqtt = BoardUplink(settings, epoch, boot)
        asyncio.create_task(mqtt.run(clock))
        uplink = mqtt
    actuators = list(wiring.actuators)
    if any([pack.get("contactor") for pack in settings["packs"]]) and not settings.get("outputs"):
        actuators += contactors_of(settings, clock)
    if settings.get("inputs") and not settings["inputs"]["profile"]:
        wiring.devices.append(inputs_of(settings))
    for link, devices, gate in wiring.lines:
        asyncio.create_task(serve_line(link)(link, devices, clock, gate))
    writers = [wiring.pcs] + wiring.relays
    verify = verify_of(settings)
    return Ports(wiring.devices, actuators, AfterWires(files), uplink, verify, wiring.told, writers, (epoch, boot))


def serve_line(link):
    """The task function of a line, by its kind; imported only when the site has such a line."""
    if link["kind"] == "can":
        from bms_bridge.transports.board_can import run_link
    elif link["kind"] == "serial":
        from bms_bridge.transports.board_serial import run_link
    else:
        from bms_bridge.transports.board_modbus import run_link
    return run_link


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
