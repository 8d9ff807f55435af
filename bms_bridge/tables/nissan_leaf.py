# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/nissan_leaf.yaml by bms_bridge.compile. Do not edit.

NAME = "nissan_leaf"

KIND = "bms"

INFO = {
    "title": "Nissan Leaf battery 24, 30, 40 and 62 kWh (ZE0, AZE0, ZE1), 96 cell pairs",
    "source": "https://github.com/dalathegreat/Battery-Emulator NISSAN-LEAF-BATTERY (GPL-3.0, read for facts; no text or code taken): places, scales, frames of 62 kWh and older packs | https://github.com/dalathegreat/leaf_can_bus_messages: EV-CAN recordings of all generations (facts) | Answers to 21 02 and 21 04 recorded on a 30 kWh AZE0 in 2025-12 (bytes)",
    "licence": "Apache-2.0 (this file); identifiers, places and scales are facts",
    "line": "can",
    "bitrate": 500000,
    "proof": "captured, synthesised",
}

CELLS = 96

TEMPS = 4

CELL_LSB_MV = 1

PROTECTION = "external_contactor"

OPENS_BY = "relay"

BUS = "can"

BLOCKS = (
    (475, 0, 0, 10, 195),
    (476, 0, 0, 10, 64),
    (1371, 0, 0, 100, 160),
    (1468, 0, 0, 500, 32),
    (1979, 1, 0, 1000, 12),
    (1979, 1, 0, 5000, 20),
)

SIZES = ((8, 8), (8, 8), (8, 8), (8, 8), (196, 196), (14, 40))

MUX = (None, None, None, None, None, None)

SUMS = (
    ("crc8_85", (7, 8, 1, 0, 255, 0), 0, 7, 0, 0, (), None),
    ("crc8_85", (7, 8, 1, 0, 255, 0), 0, 7, 0, 0, (), None),
    ("crc8_85", (7, 8, 1, 0, 255, 0), 0, 7, 0, 0, (), None),
    None,
    None,
    None,
)

COUNTERS = (None, None, None, None, None, None)

CHECKS = ((), (), (), (), (), ())

FIELDS = (
    (
        (1, (2, 4, 0, 6, 1023, 0), 500, 1, 0, 300, 900, (1023,), (0, 6)),
        (2, (0, 2, 0, 5, 2047, 1024), 500, 1, 0, -1000, 1000, (), (1,)),
    ),
    (
        (15, (0, 2, 0, 6, 1023, 0), 250, 1, 0, 0, 1000, (1023,), (6,)),
        (16, (1, 3, 0, 4, 1023, 0), 250, 1, 0, 0, 1000, (1023,), (6,)),
    ),
    ((9, (0, 2, 0, 6, 1023, 0), 1000, 1, 0, 0, 1000, (1023,), (5,)),),
    ((10, (4, 5, 0, 1, 127, 0), 10000, 1, 0, 1, 120, (0,), (5,)),),
    (),
    (),
)

ARRAYS = (
    (),
    (),
    (),
    (),
    ((7, ">96H", 1, 1, 0, 500, 5000, (), (3, 2), None),),
    (
        (17, ">2xb2xb", 1000, 1, 0, -50, 100, (), (4, 2), None),
        (18, ">11x1b", 1000, 1, 0, -50, 100, (), (4, 2), None),
        (19, ">8x1b", 1000, 1, 0, -50, 100, (), (4, 2), None),
    ),
)

SHAPES = (
    (),
    (),
    (),
    (),
    ((7, 0, "H", 2, 0, 96, 0),),
    ((8, 2, "b", 3, 0, 2, 0), (8, 11, "b", 1, 2, 1, 0), (8, 8, "b", 1, 3, 1, 0)),
)

BITS = (
    (20, 33554432, ((1, 0, 255, ((1, 128), (2, 32), (4, 67108864), (8, 33554432), (16, 33554432))),), ()),
    None,
    (21, 33554432, ((6, 0, 255, ((128, 8192),)),), ()),
    None,
    None,
    None,
)

DERIVED = (
    ((2, 12, 15, 1, 1000000), (2, 11, 16, 1, 1000000), (3, 14, (20, 21), (), 0)),
    ((2, 12, 15, 1, 1000000), (2, 11, 16, 1, 1000000)),
    ((3, 14, (20, 21), (), 0),),
    (),
    ((4, 3, (7,), 0, 0), (5, 4, (7,), 0, 0)),
    ((4, 5, (17, 18, 19), 0, 0), (5, 6, (17, 18, 19), 0, 0)),
)

SLOTS = 22

LISTS = ((7, 96), (8, 4))

GROUPS_OF = ((0, 1, 6, 7), (6,), (5, 7), (5,), (2, 3), (2, 4))

BLOCKS_OF = ((0,), (0,), (4, 5), (4,), (5,), (2, 3), (0, 1), (0, 2))

SLOTS_OF = (
    ((1, ()),),
    ((2, ()),),
    ((3, ()), (4, ()), (5, ()), (6, ())),
    ((7, ()),),
    ((8, (17, 18, 19)),),
    ((9, ()), (10, ())),
    ((12, ()), (11, ())),
    ((14, ()),),
)

RATED = None

PERIODS_MS = (10, 10, 5000, 1000, 5000, 500, 10, 100)

WRITES = ()

ASKS = (
    (1947, 1979, b"\x21\x02", b"\x61\x02", b"\x30\x01\x00", 255, 4, 1000),
    (1947, 1979, b"\x21\x04", b"\x61\x04", b"\x30\x01\x00", 255, 5, 5000),
)

EVENTS = ()

SENDS = ()

ADDRESS = None
