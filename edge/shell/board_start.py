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
from edge.core.site import Site
from edge.shell.board import FLOOR, forget_cells, secured
from edge.shell.board_uplink import BoardUplink
from edge.shell.link import ack_key
from edge.shell.store import AfterWires, FileStore
from edge.shell.wiring import Silent, Wiring

JOURNAL_HOLD_BYTES = 4096  # RAM of records that wait for the flash; more than this is never written at once
SPARKPLUG_REST_MS = 120000  # between two TLS handshakes of the live lane, beside those of the uplink
RAM_BYTES = 8192  # of records that wait for the backend; older ones are read back from the flash

# The site, the ports of edge.loop.loop, whom each step is told, the ports that write (the PCS and relay modules), the
# Journal or None, the tasks that must run: [time of its last turn, task, name] of each.
Ports = namedtuple("Ports", ("site", "devices", "actuators", "store", "uplink", "told", "writers", "journal", "tasks"))


def start(settings, folder, clock, sync, before):
    """Ports of the site of settings; the tasks of its lines, its uplink and its contactors run from now on.

    folder: where the state lives. sync(file): makes what was written durable. before: pairs of the first record.
    """
    from edge.shell.started import digest_of

    settings["hash"] = digest_of(settings)
    store = AfterWires(FileStore(folder, sync))
    # the site comes first: for a moment it takes as much again as it keeps
    site = Site(settings, store.load(), verify_of(settings))
    forget_cells(settings)
    wiring = Wiring(settings, load, clock)
    # imported by the first steps as well, when the memory has no long pieces any more
    import edge.core.nameplate  # noqa: F401

    if [device for device in wiring.devices if getattr(device, "serial", None) is not None]:
        import edge.core.identity  # noqa: F401
    epoch = int.from_bytes(os.urandom(7), "big")
    journal = journal_of(settings, folder, epoch, site.boot, sync) if settings.get("journal_kb") else None
    tasks: list = []
    uplink = uplink_of(settings, folder, epoch, site.boot, clock, journal, (wiring.told, tasks))
    uplink.offer(began(clock, epoch, journal, before))
    actuators = list(wiring.actuators)
    if any([pack.get("contactor") for pack in settings["packs"]]) and not settings.get("outputs"):
        actuators += contactors_of(settings, clock, tasks)
    if settings.get("inputs") and not settings["inputs"]["profile"]:
        wiring.devices.append(inputs_of(settings))
    for number, (link, devices, gate) in enumerate(wiring.lines):
        row = begun(tasks, clock, "links[%d]" % number)
        row[1] = asyncio.create_task(serve_line(link)(link, devices, clock, gate, beat=row))
    if settings["uplink"] and settings["uplink"].get("sparkplug"):
        uplink.live = sparkplug_of(settings, folder, clock, sync, epoch)
        wiring.told.append(uplink.live.node.told)
    writers = [wiring.pcs] + wiring.relays
    if settings.get("network"):
        from edge.shell.board_network import joined

        row = begun(tasks, clock, "network")
        row[1] = asyncio.create_task(joined(settings["network"], clock, uplink.offer).run(row))
    return Ports(site, wiring.devices, actuators, store, uplink, wiring.told, writers, journal, tasks)


def begun(tasks, clock, name):
    """A new row of tasks, for the task of that name, which sets its first item at each of its turns."""
    row = [clock.now_ms(), None, name]
    tasks.append(row)
    return row


def journal_of(settings, folder, epoch, boot, sync):
    """The Journal in folder/journal; imported only when the settings give it room."""
    from edge.shell.journal import Journal
    from edge.shell.journal_ports import Folder

    disk = Folder(folder + "/journal", sync)
    journal = Journal(disk, settings["device"], epoch, boot, 1024 * settings["journal_kb"], JOURNAL_HOLD_BYTES)
    if settings["black_box"] != "none":
        from edge.shell.boxes import Boxes

        journal.boxes = Boxes(Folder(folder + "/boxes", sync))
    return journal


def uplink_of(settings, folder, epoch, boot, clock, journal, hooks):
    """The uplink of settings, at work, with the journal behind it. hooks: (told, tasks) of the board, lists to which
    its own are added."""
    if journal is None:
        return connected(settings, folder, epoch, boot, clock, hooks) if settings["uplink"] else Silent()
    from edge.shell.journal_ports import Journaled

    if not settings["uplink"]:
        return Journaled(Silent(), journal)
    from edge.shell.backlog import Backlog
    from edge.shell.cursor import Cursor
    from edge.shell.recent import Alone
    from edge.shell.shelf import Shelf

    disk, key = journal.disk, ack_key(settings)
    outbox = Backlog(settings["device"], epoch, boot, journal, Shelf(disk), RAM_BYTES, Alone(), key, Cursor(disk))
    return Journaled(connected(settings, folder, epoch, boot, clock, hooks, outbox), journal, False)


def connected(settings, folder, epoch, boot, clock, hooks, outbox=None):
    """The MQTT uplink, at work; with TLS when the settings name an authority."""
    tls = calm = None
    if secured(settings):
        from edge.shell.board_calm import Calm

        calm = Calm(settings, clock)
        hooks[0].append(calm.told)
        from edge.shell.board_tls import BoardTls, keep

        tls = BoardTls(folder, settings["uplink"])
        if clock.utc_s()[1] == FLOOR:
            asyncio.create_task(keep(folder, clock))
    uplink = BoardUplink(settings, epoch, boot, tls=tls, outbox=outbox, calm=calm)
    uplink.beat = row = begun(hooks[1], clock, "uplink")
    row[1] = asyncio.create_task(uplink.run(clock))
    if tls is None:
        return uplink
    from edge.shell.refusal import Telling

    return Telling(uplink)


def sparkplug_of(settings, folder, clock, sync, seed):
    """The SparkplugLink of the live lane, at work; imported only when the settings ask for it."""
    from edge.shell.sparkplug_link import live

    context, rest_ms = None, 0
    if secured(settings):
        from edge.shell.board_tls import BoardTls

        context, rest_ms = BoardTls(folder, settings["uplink"]).context, SPARKPLUG_REST_MS
    lane = live(settings, folder, clock, sync, seed, context, rest_ms)
    asyncio.create_task(lane.run(clock))
    return lane


def began(clock, epoch, journal, before):
    """The first record of this start, with what the journal knows of the one before."""
    from edge.shell.started import started

    if journal is None:
        return started(clock, epoch, None, before)
    from edge.shell.shelf import Shelf

    return started(clock, epoch, Shelf(journal.disk), before)


def serve_line(link):
    """The task function of a line, by its kind; imported only when the site has such a line."""
    if link["kind"] == "can":
        from bms_bridge.transports.board_can import run_link
    elif link["kind"] == "serial":
        from bms_bridge.transports.board_serial import run_link
    else:
        from bms_bridge.transports.board_modbus import run_link
    return run_link


def contactors_of(settings, clock, tasks):
    """The contactors on pins of this board, each with its own hold; imported only when a pack has one."""
    from machine import Pin

    from edge.shell.pins import contactors

    made = contactors(settings, lambda number: Pin(number, Pin.OUT, value=0), clock)
    for number in range(len(made)):
        row = begun(tasks, clock, "contactor %d" % number)
        row[1] = asyncio.create_task(made[number].hold(row))
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
