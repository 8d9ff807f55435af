# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The boards that the controller is made for, as data, and what each can carry.

Bytes of RAM are those of a 32-bit board. What a site needs is summed up from bytes that were measured on the 64-bit VM
(benchmarks/memory.py, tests/board/test_soak.py) and halved.
"""

from collections import namedtuple

from edge.core.settings import rows as settings_rows
from host_tools import network_site, traffic
from host_tools.places import SiteError
from simulator.vboard_vm import BLOCK_BYTES, ROM_BLOCKS

DAY_S = 86400

# uarts: {number: (tx pin, rx pin)}. pins: that are free for contactors and inputs. can: machine (machine.CAN), slcan
# (an adapter on a UART) or None. network: what connects it. heap_bytes: that MicroPython gives to programs. late_ms:
# class of lateness (internal RAM 500, with PSRAM 1000). file_bytes: of the file system. rom_bytes: of the ROMFS
# partition of its firmware, 0: it has none. tls_bytes: of the heap that a
# TLS connection takes (0: outside of it). watchdog_max_ms: longest time-out of its watchdog. led_pin: or None.
# service_pin: to ground while power comes on, nothing is started. micropython, firmware: what to put on it. tested:
# "virtual", who and when on hardware, or None.
Board = namedtuple(
    "Board",
    (
        "name",
        "title",
        "chip",
        "uarts",
        "pins",
        "can",
        "network",
        "heap_bytes",
        "late_ms",
        "file_bytes",
        "rom_bytes",
        "tls_bytes",
        "watchdog_max_ms",
        "led_pin",
        "service_pin",
        "micropython",
        "firmware",
        "tested",
    ),
)

GATEWAY = {row[1]: row[5] for row in settings_rows("") if row[1] in ("late_ms", "lease_ms")}
LEASE_MS = 3000  # life of a command on a board, at most
TLS_BYTES = 40 * 1024

BOARDS = (
    Board(
        "esp32s3",
        "ESP32-S3 with 8 MB of octal PSRAM",
        "ESP32S3",
        {1: (17, 18), 2: (15, 16)},
        tuple([number for number in range(49) if not 22 <= number <= 37]),  # 22 to 25: none; 26 to 37: flash and PSRAM
        "slcan",
        "wifi",
        7 * 1024 * 1024,
        1000,
        2 * 1024 * 1024,  # of a module with 4 MB of flash; larger ones have more
        0,
        0,
        60000,
        None,
        0,
        "1.28.0",
        "ESP32_GENERIC_S3-SPIRAM_OCT-*-v1.28.0.bin",
        None,
    ),
    Board(
        "pico2w",
        "Raspberry Pi Pico 2 W",
        "RP2350",
        {0: (0, 1), 1: (4, 5)},
        tuple([number for number in range(29) if number not in (23, 24, 25)]),  # 23 to 25: its radio
        "slcan",
        "wifi",
        400 * 1024,
        500,
        2560 * 1024,
        0,
        TLS_BYTES,
        8388,
        "LED",
        22,
        "1.28.0",
        "RPI_PICO2_W-*-v1.28.0.uf2",
        None,
    ),
    Board(
        "virtual",
        "the virtual board of `reuse-edge sim board`",
        "linux",
        dict.fromkeys(range(4), (None, None)),
        tuple(range(64)),
        "slcan",
        "host",
        192 * 1024,
        500,
        1024 * 1024,
        BLOCK_BYTES * ROM_BLOCKS,
        0,
        60000,
        None,
        22,
        "1.28.0",
        None,
        "virtual",
    ),
)

# What a board's own name (sys.implementation._machine) holds, without hyphens: all of it.
MARKS = {"esp32s3": ("ESP32S3",), "pico2w": ("PICO 2 W", "RP2350"), "virtual": ("LINUX",)}

# Bytes of the heap of a 32-bit board (measured: 64-bit VM / 2, rounded up), for any site:
BASE_BYTES = 150 * 1024  # 147; code and controller of a site with one pack of no cells, in its MQTT uplink
ROM_SAVES_BYTES = 56 * 1024  # 57 to 61; of the code, when it lies in a ROMFS partition
PACK_BYTES = 16 * 1024  # 15
CELL_BYTES = 352  # 242, and what is garbage a moment later; least heaps that ran: 492k at 16 cells, 544k at 96
# ... and while a step is made: what is garbage a moment later, and the splinters between.
STEP_BYTES = 24 * 1024
# With a journal: its code, records that wait for the flash and those that wait for the backend.
JOURNAL_BYTES = 28 * 1024  # 14, and 12 of records
CODE_BYTES = 320 * 1024  # of the file system: .mpy files, settings, two slots of state, room of littlefs
SLOTS = 2  # an update lies beside what runs
FIRST_KB = 64  # least room for a journal that is worth its code


def board(name):
    """The Board called name. Raises KeyError when there is none."""
    for each in BOARDS:
        if each.name == name:
            return each
    raise KeyError(name)


def names():
    """Names of all boards."""
    return tuple([each.name for each in BOARDS])


def by_machine(text):
    """The Board that calls itself text (sys.implementation._machine), or None."""
    plain = text.replace("-", "").upper()
    for each in BOARDS:
        if all(mark in plain for mark in MARKS[each.name]):
            return each
    return None


def checked(board, settings, file="site.yaml"):
    """Raise SiteError with the first thing of settings that the board cannot do."""
    for place, problem, mend in fits(board, settings)[:1]:
        raise SiteError(file, None, place, problem, mend)


def base_bytes(board):
    """Bytes of the heap of the board that every site takes."""
    return BASE_BYTES - (ROM_SAVES_BYTES if board.rom_bytes else 0)


def needed_bytes(board, settings):
    """Bytes of the board's heap that the site of settings needs."""
    need = base_bytes(board) + STEP_BYTES
    for pack in settings["packs"]:
        need += PACK_BYTES + CELL_BYTES * pack["cells"]
    if settings.get("journal_kb"):
        need += JOURNAL_BYTES
    uplink = settings.get("uplink")
    if uplink and uplink.get("ca"):
        need += board.tls_bytes
    return need


def cells_left(board, settings):
    """How many more cells the heap of the board has room for; negative: so many too many."""
    return (board.heap_bytes - needed_bytes(board, settings)) // CELL_BYTES


def most_packs(board, cells, tls=True):
    """How many packs of so many cells the board carries, behind one PCS, with a journal."""
    room = board.heap_bytes - base_bytes(board) - STEP_BYTES - JOURNAL_BYTES - (board.tls_bytes if tls else 0)
    return max(0, min(16, room // (PACK_BYTES + CELL_BYTES * cells)))


def journal_kb_most(board):
    """The largest journal (KB) that the board's file system has room for."""
    return (board.file_bytes - SLOTS * CODE_BYTES) // 1024 * 7 // 8


def day_bytes(settings):
    """Bytes of records that a day makes in the journal; 0 without an uplink."""
    rows = [row for row in traffic.month(settings) if row.get("records")]
    return sum(row["records"] * row["record_bytes"] for row in rows) // 30


def offline_days(settings):
    """Days without a backend that lose no record, None without a journal or an uplink."""
    made = day_bytes(settings)
    kb = settings.get("journal_kb")
    return kb * 1024 / made if kb and made else None


def fits(board, settings):
    """[(place, what is wrong, what to do)] of a site that the board cannot run; empty: it fits."""
    wrong = []
    room = board.heap_bytes - needed_bytes(board, settings)
    if room < 0:
        cells = sum(pack["cells"] for pack in settings["packs"])
        problem = "%d packs with %d cells need %d KB of RAM, %s has %d KB" % (
            len(settings["packs"]),
            cells,
            -(-needed_bytes(board, settings) // 1024),
            board.name,
            board.heap_bytes // 1024,
        )
        wrong.append(("packs", problem, "take esp32s3 or a Linux gateway, or give each pack a board of its own"))
    kb = settings.get("journal_kb") or 0
    if kb > journal_kb_most(board):
        wrong.append(
            (
                "journal_kb",
                "%d KB do not fit beside two versions of the program, %s has room for %d KB"
                % (kb, board.name, journal_kb_most(board)),
                "write journal_kb: %d or less" % max(FIRST_KB, journal_kb_most(board)),
            )
        )
    for number, link in enumerate(settings["links"]):
        wrong += line_problems(board, number, link)
    wrong += network_site.problems(board, settings)
    return wrong + pin_problems(board, settings) + time_problems(board, settings)


def line_problems(board, number, link):
    """What a line of the site wants and the board has not."""
    place = "links[%d]" % number
    uart = link.get("uart")
    if link["kind"] == "can" and link.get("interface") == "machine":
        if board.can != "machine":
            yield place, "%s has no machine.CAN" % board.name, "connect an slcan adapter to a UART: slcan:1@BITRATE"
    elif link["kind"] != "tcp" and uart not in board.uarts:
        known = ", ".join("%d" % each for each in board.uarts)
        yield place, "%s has no UART %s" % (board.name, uart), "use one of its UARTs: %s" % known
    elif link["kind"] == "tcp" and board.network is None:
        yield place, "%s has no network" % board.name, "use a serial line, or a board with network"


def pins_of(settings):
    """[(place, pin number)] of every pin that settings name."""
    found = []
    for number, pack in enumerate(settings["packs"]):
        own = pack.get("contactor") or {}
        found += [("packs[%d].contactor.%s" % (number, key), own[key]) for key in own if key.endswith("_pin")]
    own = settings.get("inputs") or {}
    found += [("inputs." + key, own[key]) for key in own if key.endswith("_pin")]
    found.append(("led_pin", settings.get("led_pin")))
    return [(place, pin) for place, pin in found if pin is not None]


def pin_problems(board, settings):
    """Pins that the board has not, that a UART of the site has, or that are named twice."""
    taken: dict = {}
    for number, link in enumerate(settings["links"]):
        for pin in board.uarts.get(link.get("uart"), ()) if link["kind"] != "tcp" else ():
            if pin is not None:
                taken[pin] = "links[%d]" % number
    found = []
    for place, pin in pins_of(settings):
        if pin not in board.pins:
            found.append((place, "%s has no free pin %d" % (board.name, pin), "choose another pin"))
        elif pin in taken:
            found.append((place, "pin %d is that of %s already" % (pin, taken[pin]), "choose another pin"))
        taken[pin] = place
    return found


def time_problems(board, settings):
    """Times that are stricter than the board's class, or laxer than it may be."""
    late_ms = settings.get("late_ms")
    if late_ms is not None and late_ms > board.late_ms:
        problem = "%d ms is above the %d ms of this class of board" % (late_ms, board.late_ms)
        return [("late_ms", problem, "write late_ms: %d or leave it out" % board.late_ms)]
    return []


def adapted(board, settings):
    """A copy of settings (plain dict) for the board: the times of its class where the site says nothing or what a
    gateway has, and the pins of its UARTs."""
    made = dict(settings)
    for key, value in (("late_ms", board.late_ms), ("lease_ms", LEASE_MS)):
        if made.get(key) in (None, GATEWAY[key]):
            made[key] = value
    made["links"] = [dict(link) for link in settings["links"]]
    for link in made["links"]:
        tx, rx = board.uarts.get(link.get("uart"), (None, None))
        if tx is not None and link["kind"] != "tcp":
            link.update(tx=tx, rx=rx)
    return made


def carried(board, settings):
    """What check prints and build writes into its manifest: what the site needs and what the board has, as a dict."""
    days = offline_days(settings)
    return {
        "board": board.name,
        "title": board.title,
        "heap_bytes": board.heap_bytes,
        "needed_bytes": needed_bytes(board, settings),
        "cells_left": cells_left(board, settings),
        "late_ms": board.late_ms,
        "journal_kb": settings.get("journal_kb") or 0,
        "journal_kb_most": journal_kb_most(board),
        "offline_days": None if days is None else round(days, 1),
        "micropython": board.micropython,
        "firmware": board.firmware,
        "tested": board.tested,
        "network": network_site.told(board, settings),
    }


def show(row):
    """The lines that a person reads of carried()."""
    yield "board %s: %s" % (row["board"], row["title"])
    yield "  RAM %d KB of %d KB, room for %d more cells; a step later than %d ms is late" % (
        -(-row["needed_bytes"] // 1024),
        row["heap_bytes"] // 1024,
        row["cells_left"],
        row["late_ms"],
    )
    if row["offline_days"] is not None:
        yield "  journal %d KB (%d at most): %.1f days without a backend" % (
            row["journal_kb"],
            row["journal_kb_most"],
            row["offline_days"],
        )
    else:
        yield "  no journal: records are kept in RAM only (journal_kb: %d at most)" % row["journal_kb_most"]
    if row["firmware"]:
        yield "  MicroPython %s: %s from micropython.org/download" % (row["micropython"], row["firmware"])
    yield "  network: " + row["network"]
    if row["tested"] is None:
        yield "  never run on hardware: docs/BENCH.md says how to try it and tell us"
