# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/nissan_leaf.yaml by bms_bridge.compile. Do not edit.

NAME = "nissan_leaf"

KIND = "bms"

INFO = {
    "title": "Nissan Leaf battery 24, 30, 40 and 62 kWh (ZE0, AZE0, ZE1), 96 cell pairs",
    "source": "https://github.com/dalathegreat/Battery-Emulator NISSAN-LEAF-BATTERY (GPL-3.0, read for facts; no text or code taken): places, scales, frames of 62 kWh and older packs | https://github.com/dalathegreat/leaf_can_bus_messages: EV-CAN recordings of all generations (facts) | Answers to 21 02 and 21 04 recorded on a 30 kWh AZE0 in 2025-12 (bytes) | https://github.com/openvehicles/Open-Vehicle-Monitoring-System-3 vehicle_nissanleaf (MIT): recorded answers to 21 01 of three generations (bytes)",
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
    (1979, 1, 0, 60000, 0),
    (1979, 1, 0, 60000, 0),
    (1979, 1, 0, 5000, 20),
)

SIZES = ((8, 8), (8, 8), (8, 8), (8, 8), (196, 196), (39, 41), (51, 51), (14, 40))

MUX = (None, None, None, None, None, None, None, None)

SUMS = (
    ("crc8_85", (7, 8, 1, 0, 255, 0), 0, 7, 0, 0, (), None),
    ("crc8_85", (7, 8, 1, 0, 255, 0), 0, 7, 0, 0, (), None),
    ("crc8_85", (7, 8, 1, 0, 255, 0), 0, 7, 0, 0, (), None),
    None,
    None,
    None,
    None,
    None,
)

COUNTERS = (None, None, None, None, None, None, None, None)

CHECKS = ((), (), (), (), (), (), (), ())

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
    (
        (20, (22, 24, 0, 0, 65535, 0), 1000, 1, 0, 1, 60000, (65535,), (8,)),
        (22, (26, 28, 0, 0, 65535, 0), 3125, 32, 0, 11, 20480, (), (8,)),
        (24, (29, 32, 0, 0, 16777215, 0), 1, 1, 0, 0, 1000000, (), (8,)),
        (26, (33, 36, 0, 0, 16777215, 0), 1, 10, 0, 10000, 5000000, (), (8,)),
    ),
    (
        (21, (22, 24, 0, 0, 65535, 0), 1000, 1, 0, 1, 60000, (65535,), (8,)),
        (23, (28, 30, 0, 0, 65535, 0), 3125, 32, 0, 11, 20480, (), (8,)),
        (25, (31, 34, 0, 0, 16777215, 0), 1, 1, 0, 0, 1000000, (), (8,)),
        (27, (35, 38, 0, 0, 16777215, 0), 1, 10, 0, 10000, 5000000, (), (8,)),
    ),
    (),
)

ARRAYS = (
    (),
    (),
    (),
    (),
    ((7, ">96H", 1, 1, 0, 500, 5000, (), (3, 2), None),),
    (),
    (),
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
    (),
    (),
    ((8, 2, "b", 3, 0, 2, 0), (8, 11, "b", 1, 2, 1, 0), (8, 8, "b", 1, 3, 1, 0)),
)

BITS = (
    (
        28,
        33554432,
        ((1, 0, 255, ((1, 33554432), (2, 33554432), (4, 67108864), (8, 33554432), (16, 33554432))),),
        (),
    ),
    None,
    (29, 33554432, ((6, 0, 255, ((128, 8192),)),), ()),
    None,
    None,
    None,
    None,
    None,
)

DERIVED = (
    ((2, 12, 15, 1, 1000000), (2, 11, 16, 1, 1000000), (3, 14, (28, 29), (), 0)),
    ((2, 12, 15, 1, 1000000), (2, 11, 16, 1, 1000000)),
    ((3, 14, (28, 29), (), 0),),
    (),
    ((4, 3, (7,), 0, 0), (5, 4, (7,), 0, 0)),
    (),
    (),
    ((4, 5, (17, 18, 19), 0, 0), (5, 6, (17, 18, 19), 0, 0)),
)

SLOTS = 30

LISTS = ((7, 96), (8, 4))

GROUPS_OF = ((0, 1, 6, 7), (6,), (5, 7), (5,), (2, 3), (), (), (2, 4))

BLOCKS_OF = ((0,), (0,), (4, 7), (4,), (7,), (2, 3), (0, 1), (0, 2))

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
    (1947, 1979, b"\x21\x02", b"\x61\x02", b"\x30\x01\x00", 255, 4, 1000, b"", b""),
    (1947, 1979, b"\x21\x01", b"\x61\x01", b"\x30\x01\x00", 255, 5, 60000, b"", b""),
    (1947, 1979, b"\x21\x01", b"\x61\x01", b"\x30\x01\x00", 255, 6, 60000, b"", b""),
    (1947, 1979, b"\x21\x04", b"\x61\x04", b"\x30\x01\x00", 255, 7, 5000, b"", b""),
)

POLLS = ()

INFOS = (
    ("bms_insulation_ohm", 20, 5),
    ("bms_insulation_ohm", 21, 6),
    ("bms_hx_ppm", 22, 5),
    ("bms_hx_ppm", 23, 6),
    ("bms_soc_fine_ppm", 24, 5),
    ("bms_soc_fine_ppm", 25, 6),
    ("bms_capacity_mah", 26, 5),
    ("bms_capacity_mah", 27, 6),
)

EVENTS = ()

SENDS = (
    (
        468,
        10,
        (b"\x6e\x6e\x00\x04\x07\x46\xe0\x00",),
        b"\xff\xff\xff\xff\x3f\xff\xff\x00",
        (4, 5, 0, 6, 3, 0),
        ("crc8_85", (7, 8, 1, 0, 255, 0), 0, 7, 0, 0, (), None),
    ),
    (
        498,
        10,
        (
            b"\x10\x64\x00\xb0\x00\x1e\x00\x8f",
            b"\x10\x64\x00\xb0\x00\x1e\x01\x80",
            b"\x10\x64\x00\xb0\x00\x1e\x02\x81",
            b"\x10\x64\x00\xb0\x00\x1e\x03\x82",
            b"\x10\x64\x00\xb0\x00\x1e\x00\x8f",
            b"\x10\x64\x00\xb4\x00\x1e\x01\x84",
            b"\x10\x64\x00\xb4\x00\x1e\x02\x85",
            b"\x10\x64\x00\xb4\x00\x1e\x03\x86",
            b"\x10\x64\x00\xb4\x00\x1e\x00\x83",
            b"\x10\x64\x00\xb4\x00\x1e\x01\x84",
            b"\x10\x64\x00\xb0\x00\x1e\x02\x81",
            b"\x10\x64\x00\xb0\x00\x1e\x03\x82",
            b"\x10\x64\x00\xb0\x00\x1e\x00\x8f",
            b"\x10\x64\x00\xb0\x00\x1e\x01\x80",
            b"\x10\x64\x00\xb0\x00\x1e\x02\x81",
            b"\x10\x64\x00\xb4\x00\x1e\x03\x86",
            b"\x10\x64\x00\xb4\x00\x1e\x00\x83",
            b"\x10\x64\x00\xb4\x00\x1e\x01\x84",
            b"\x10\x64\x00\xb4\x00\x1e\x02\x85",
            b"\x10\x64\x00\xb4\x00\x1e\x03\x86",
        ),
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        None,
        None,
    ),
    (1291, 100, (b"\x00\x00\x06\xc0\x00\x00\x00",), b"\xff\xff\xff\xff\xff\xff\xff", None, None),
    (
        1292,
        100,
        (
            b"\x00\x00\x00\x00\x5d\xc8",
            b"\x00\x00\x00\x01\xb2\x31",
            b"\x00\x00\x00\x02\x5d\x63",
            b"\x00\x00\x00\x03\xb2\x9a",
        ),
        b"\xff\xff\xff\xff\xff\xff",
        None,
        None,
    ),
)

ADDRESS = None
