# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/pylontech_lv_can.yaml by bms_bridge.compile. Do not edit.

NAME = "pylontech_lv_can"

KIND = "bms"

INFO = {
    "title": "Pylontech low-voltage CAN V1.2 with Victron's extremes (many 48 V BMS speak it)",
    "source": "Pylontech, CAN-Bus-protocol-PYLON-low-voltage V1.2 (2018-04-08): vendor document | https://github.com/Sleeper85/esphome-yambms issue 168: recorded frames (bytes); yambms_canbus.yaml read for 0x373 (facts)",
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
    (857, 0, 0, 1000, 128),
    (883, 0, 0, 1000, 4),
)

SIZES = ((6, 8), (4, 8), (6, 8), (7, 8), (8, 8))

MUX = (None, None, None, None, None)

SUMS = (None, None, None, None, None)

COUNTERS = (None, None, None, None, None)

CHECKS = ((), (), (), (((5, 6, 1, 0, 255, 0), 80, 128), ((6, 7, 1, 0, 255, 0), 78, 128)), ())

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
            (0, 0, 158, ((2, 512), (4, 2048), (8, 2), (16, 8), (128, 128))),
            (1, 0, 9, ((1, 32), (8, 33554432))),
            (2, 0, 158, ((2, 1024), (4, 4096), (8, 4), (16, 16), (128, 256))),
            (3, 0, 9, ((1, 64), (8, 1))),
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
