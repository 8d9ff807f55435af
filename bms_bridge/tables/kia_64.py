# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/kia_64.yaml by bms_bridge.compile. Do not edit.

NAME = "kia_64"

KIND = "bms"

INFO = {
    "title": "Hyundai/Kia 64 and 39 kWh (Kona, e-Niro, Soul EV), 98, 96, 90 or 88 cells",
    "source": "https://github.com/dalathegreat/Battery-Emulator KIA-HYUNDAI-64-BATTERY (GPL-3.0, read for facts; no text or code taken): broadcast frames | https://github.com/nickn17/evDash CarKiaEniro (MIT): recorded answers of the BMS to 22 01 01 to 22 01 05 (bytes) | https://github.com/JejuSoul/OBD-PIDs-for-HKMC-EVs: places and scales of the answers",
    "licence": "Apache-2.0 (this file); identifiers, places and scales are facts",
    "line": "can",
    "bitrate": 500000,
    "proof": "captured, synthesised",
}

CELLS = 98

TEMPS = 4

CELL_LSB_MV = 20

PROTECTION = "external_contactor"

OPENS_BY = "relay"

BUS = "can"

BLOCKS = (
    (1428, 0, 0, 100, 96),
    (1429, 0, 0, 100, 67),
    (1493, 0, 0, 1000, 128),
    (2028, 1, 0, 1000, 148),
    (2028, 1, 0, 1000, 8),
    (2028, 1, 0, 1000, 8),
    (2028, 1, 0, 1000, 8),
    (2028, 1, 0, 5000, 40),
)

SIZES = ((8, 8), (8, 8), (8, 8), (59, 64), (36, 40), (36, 40), (36, 40), (43, 48))

MUX = (None, None, None, None, None, None, None, None)

SUMS = (None, None, None, None, None, None, None, None)

COUNTERS = (None, None, None, None, None, None, None, None)

CHECKS = ((), (), (), (), (), (), (), ())

FIELDS = (
    (
        (15, (0, 2, 1, 0, 65535, 0), 5, 1, 0, 0, 50000, (), (6,)),
        (16, (2, 4, 1, 0, 65535, 0), 5, 1, 0, 0, 50000, (), (6,)),
        (9, (5, 6, 1, 0, 255, 0), 5000, 1, 0, 0, 200, (), (5,)),
    ),
    (
        (1, (6, 8, 1, 0, 65535, 0), 100, 1, 0, 1500, 4500, (), (0, 6)),
        (2, (4, 6, 1, 0, 65535, 32768), -100, 1, 0, -5000, 5000, (), (1,)),
    ),
    (),
    (
        (3, (23, 24, 1, 0, 255, 0), 20, 1, 0, 25, 250, (), (2,)),
        (4, (25, 26, 1, 0, 255, 0), 20, 1, 0, 25, 250, (), (2,)),
        (5, (14, 15, 1, 0, 255, 128), 1000, 1, 0, -50, 100, (), (2,)),
        (6, (15, 16, 1, 0, 255, 128), 1000, 1, 0, -50, 100, (), (2,)),
    ),
    (),
    (),
    (),
    ((10, (25, 27, 0, 0, 65535, 0), 1000, 1, 0, 10, 1200, (), (5,)),),
)

ARRAYS = (
    (),
    (),
    (),
    ((8, "<16x4b", 1000, 1, 0, -50, 100, (), (4,), None),),
    ((17, "<4x32B", 20, 1, 0, 25, 250, (), (3,), (0, 1)),),
    ((18, "<4x32B", 20, 1, 0, 25, 250, (), (3,), (0, 1)),),
    ((19, "<4x32B", 20, 1, 0, 25, 250, (), (3,), (0, 1)),),
    ((20, "<34x2B", 20, 1, 0, 25, 250, (), (3,), None),),
)

SHAPES = (
    (),
    (),
    (),
    ((8, 16, "b", 1, 0, 4, 1),),
    ((7, 4, "B", 1, 0, 32, 1),),
    ((7, 4, "B", 1, 32, 32, 1),),
    ((7, 4, "B", 1, 64, 32, 1),),
    ((7, 34, "B", 1, 96, 2, 1),),
)

BITS = (
    None,
    None,
    (21, 33554432, (), (((3, 4, 1, 0, 255, 0), 150, 255, 33554432),)),
    (22, 33554432, (), (((57, 59, 0, 0, 65535, 0), 50, 65535, 4194304),)),
    None,
    None,
    None,
    None,
)

DERIVED = (
    ((2, 11, 15, 1, 1000000), (2, 12, 16, 1, 1000000)),
    ((2, 11, 15, 1, 1000000), (2, 12, 16, 1, 1000000)),
    ((3, 14, (21, 22), (), 0),),
    ((3, 14, (21, 22), (), 0),),
    (),
    (),
    (),
    (),
)

SLOTS = 23

LISTS = ((7, 98), (8, 4))

GROUPS_OF = ((5, 6), (0, 1, 6), (7,), (2, 4, 7), (3,), (3,), (3,), (3, 5))

BLOCKS_OF = ((1,), (1,), (3,), (4, 5, 6, 7), (3,), (0, 7), (0, 1), (2, 3))

SLOTS_OF = (
    ((1, ()),),
    ((2, ()),),
    ((3, ()), (4, ()), (5, ()), (6, ())),
    ((7, (17, 18, 19, 20)),),
    ((8, ()),),
    ((9, ()), (10, ())),
    ((11, ()), (12, ())),
    ((14, ()),),
)

RATED = None

PERIODS_MS = (100, 100, 1000, 5000, 1000, 5000, 100, 1000)

WRITES = ()

ASKS = (
    (2020, 2028, b"\x22\x01\x01", b"\x62\x01\x01", b"\x30\x00\x05", 0, 3, 1000, b"", b""),
    (2020, 2028, b"\x22\x01\x02", b"\x62\x01\x02", b"\x30\x00\x05", 0, 4, 1000, b"", b""),
    (2020, 2028, b"\x22\x01\x03", b"\x62\x01\x03", b"\x30\x00\x05", 0, 5, 1000, b"", b""),
    (2020, 2028, b"\x22\x01\x04", b"\x62\x01\x04", b"\x30\x00\x05", 0, 6, 1000, b"", b""),
    (2020, 2028, b"\x22\x01\x05", b"\x62\x01\x05", b"\x30\x00\x05", 0, 7, 5000, b"", b""),
)

POLLS = ()

INFOS = ()

EVENTS = ()

SENDS = ()

ADDRESS = None
