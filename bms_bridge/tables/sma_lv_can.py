# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/sma_lv_can.yaml by bms_bridge.compile. Do not edit.

NAME = "sma_lv_can"

KIND = "bms"

INFO = {
    "title": "Low-voltage CAN for SMA Sunny Island, with Victron's extremes",
    "source": "SMA, FSS-ConnectingBat-TI-en-10, CAN protocol of the Sunny Island: vendor document | https://github.com/Sleeper85/esphome-yambms issue 168: recorded frames (bytes); yambms_canbus.yaml read for 0x373 (facts)",
    "licence": "Apache-2.0 (this file); identifiers, places and scales are facts",
    "line": "can",
    "bitrate": 500000,
    "proof": "captured, vendor document, synthesised",
}

CELLS = 0

TEMPS = 1

CELL_LSB_MV = 1

PROTECTION = "self_opening"

OPENS_BY = "none"

BUS = "can"

BLOCKS = (
    (849, 0, 0, 1000, 64),
    (853, 0, 0, 1000, 32),
    (854, 0, 0, 1000, 19),
    (858, 0, 0, 1000, 128),
    (883, 0, 0, 1000, 4),
)

SIZES = ((6, 8), (4, 8), (6, 8), (8, 8), (8, 8))

MUX = (None, None, None, None, None)

SUMS = (None, None, None, None, None)

COUNTERS = (None, None, None, None, None)

CHECKS = ((), (), (), (), ())

FIELDS = (
    (
        (13, (0, 2, 1, 0, 65535, 0), 100, 1, 0, 200, 1000, (), (6,)),
        (11, (2, 4, 1, 0, 65535, 32768), 100, 1, 0, 0, 20000, (), (6,)),
        (12, (4, 6, 1, 0, 65535, 32768), 100, 1, 0, 0, 20000, (), (6,)),
    ),
    (
        (9, (0, 2, 1, 0, 65535, 0), 10000, 1, 0, 0, 100, (), (5,)),
        (10, (2, 4, 1, 0, 65535, 0), 10000, 1, 0, 0, 100, (), (5,)),
    ),
    (
        (1, (0, 2, 1, 0, 65535, 32768), 10, 1, 0, 2000, 10000, (), (0,)),
        (2, (2, 4, 1, 0, 65535, 32768), 100, 1, 0, -20000, 20000, (), (1,)),
    ),
    (),
    (
        (4, (0, 2, 1, 0, 65535, 0), 1, 1, 0, 500, 5000, (), (2,)),
        (3, (2, 4, 1, 0, 65535, 0), 1, 1, 0, 500, 5000, (), (2,)),
        (6, (4, 6, 1, 0, 65535, 0), 1000, 1, -273000, 223, 373, (), (2,)),
        (5, (6, 8, 1, 0, 65535, 0), 1000, 1, -273000, 223, 373, (), (2,)),
    ),
)

ARRAYS = ((), (), ((8, "<4x1h", 100, 1, 0, -500, 1000, (), (4,), None),), (), ())

SHAPES = ((), (), ((8, 4, "h", 2, 0, 1, 1),), (), ())

BITS = (
    None,
    None,
    None,
    (
        14,
        33554432,
        (
            (0, 0, 255, ((1, 33554432), (4, 512), (16, 2048), (64, 2))),
            (1, 0, 255, ((1, 8), (4, 2), (16, 8), (64, 128))),
            (2, 0, 255, ((1, 32), (4, 1048576), (16, 128), (64, 33554432))),
            (3, 0, 255, ((1, 131072),)),
            (4, 0, 255, ((1, 67108864), (4, 1024), (16, 4096), (64, 4))),
            (5, 0, 255, ((1, 16), (4, 4), (16, 16), (64, 256))),
            (6, 0, 255, ((1, 64), (4, 1048576), (16, 256), (64, 67108864))),
            (7, 0, 255, ((1, 131072),)),
        ),
        (),
    ),
    None,
)

DERIVED = ((), (), (), (), ())

SLOTS = 15

LISTS = ((7, 0), (8, 1))

GROUPS_OF = ((6,), (5,), (0, 1, 4), (7,), (2,))

BLOCKS_OF = ((2,), (2,), (4,), (), (2,), (1,), (0,), (3,))

SLOTS_OF = (
    ((1, ()),),
    ((2, ()),),
    ((4, ()), (3, ()), (6, ()), (5, ())),
    (),
    ((8, ()),),
    ((9, ()), (10, ())),
    ((13, ()), (11, ()), (12, ())),
    ((14, ()),),
)

RATED = None

PERIODS_MS = (1000, 1000, 1000, None, 1000, 1000, 1000, 1000)

WRITES = ()

ASKS = ()

POLLS = ()

INFOS = ()

EVENTS = ()

SENDS = (
    (773, 1000, (b"\x00\x00\x00\x00\x00\x00\x00\x00",), b"\xff\xff\xff\xff\xff\xff\xff\xff", None, None),
)

ADDRESS = None
