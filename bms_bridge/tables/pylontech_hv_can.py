# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/pylontech_hv_can.yaml by bms_bridge.compile. Do not edit.

NAME = "pylontech_hv_can"

KIND = "bms"

INFO = {
    "title": "Pylontech high-voltage CAN (Force H, PowerCube, and batteries of others that speak it)",
    "source": "https://github.com/ai-republic/bms-to-inverter issue 85: frames between a battery and a Growatt SPH inverter (bytes) | https://www.eevblog.com/forum/programming/pylontech-sc0500-protocol-hacking: recordings of an SC0500 (facts) | https://support.jinkosolar.us, battery error list for G5 PCS: vendor's table of the bits of 0x4250 | https://github.com/dalathegreat/Battery-Emulator PYLON-BATTERY (GPL-3.0) and diyBMS pylonforce_canbus, read for facts; no text or code taken: places, offsets, sign, device address",
    "licence": "Apache-2.0 (this file); identifiers, places and scales are facts",
    "line": "can",
    "bitrate": 500000,
    "proof": "captured, synthesised",
}

CELLS = 0

TEMPS = 0

CELL_LSB_MV = 1

PROTECTION = "self_opening"

OPENS_BY = "none"

BUS = "can"

BLOCKS = (
    (2147500560, 2, 0, 1000, 35),
    (2147500576, 2, 0, 1000, 64),
    (2147500592, 2, 0, 1000, 4),
    (2147500608, 2, 0, 1000, 4),
    (2147500624, 2, 0, 1000, 128),
    (2147500672, 2, 0, 1000, 128),
)

SIZES = ((8, 8), (8, 8), (4, 8), (4, 8), (8, 8), (2, 8))

MUX = (None, None, None, None, None, None)

SUMS = (None, None, None, None, None, None)

COUNTERS = (None, None, None, None, None, None)

CHECKS = ((), (), (), (), (), ())

FIELDS = (
    (
        (1, (0, 2, 1, 0, 65535, 0), 100, 1, 0, 500, 15000, (), (0,)),
        (2, (2, 4, 1, 0, 65535, 0), 100, 1, -3000000, 20000, 40000, (), (1,)),
        (9, (6, 7, 1, 0, 255, 0), 10000, 1, 0, 0, 100, (), (5,)),
        (10, (7, 8, 1, 0, 255, 0), 10000, 1, 0, 0, 100, (), (5,)),
    ),
    (
        (13, (0, 2, 1, 0, 65535, 0), 100, 1, 0, 500, 15000, (), (6,)),
        (11, (4, 6, 1, 0, 65535, 0), 100, 1, -3000000, 30000, 40000, (), (6,)),
        (15, (6, 8, 1, 0, 65535, 0), 100, 1, -3000000, 20000, 40000, (), (6,)),
    ),
    (
        (3, (0, 2, 1, 0, 65535, 0), 1, 1, 0, 500, 5000, (), (2,)),
        (4, (2, 4, 1, 0, 65535, 0), 1, 1, 0, 500, 5000, (), (2,)),
    ),
    (
        (5, (0, 2, 1, 0, 65535, 0), 100, 1, -100000, 500, 2200, (), (2,)),
        (6, (2, 4, 1, 0, 65535, 0), 100, 1, -100000, 500, 2200, (), (2,)),
    ),
    (),
    (),
)

ARRAYS = ((), (), (), (), (), ())

SHAPES = ((), (), (), (), (), ())

BITS = (
    None,
    None,
    None,
    None,
    (
        16,
        33554432,
        (
            (
                3,
                0,
                255,
                (
                    (1, 33554432),
                    (2, 33554432),
                    (4, 1),
                    (8, 512),
                    (16, 33554432),
                    (32, 1048576),
                    (64, 33554432),
                    (128, 33554432),
                ),
            ),
            (4, 0, 255, ((1, 4096), (2, 1024), (4, 4096), (8, 1024), (16, 16), (32, 4), (64, 16), (128, 4))),
            (5, 0, 15, ((1, 64), (2, 256), (4, 4096), (8, 1024))),
            (6, 0, 255, ((1, 2048), (2, 512), (4, 2048), (8, 512), (16, 8), (32, 2), (64, 8), (128, 2))),
            (7, 0, 15, ((1, 32), (2, 128), (4, 2048), (8, 512))),
        ),
        (),
    ),
    (17, 33554432, (), (((0, 1, 1, 0, 255, 0), 0, 0, 32768), ((1, 2, 1, 0, 255, 0), 0, 0, 8192))),
)

DERIVED = ((), ((6, 12, 15, 0, -1),), (), (), ((3, 14, (16, 17), (), 0),), ((3, 14, (16, 17), (), 0),))

SLOTS = 18

LISTS = ((7, 0), (8, 0))

GROUPS_OF = ((0, 1, 5), (6,), (2,), (2,), (7,), (7,))

BLOCKS_OF = ((0,), (0,), (2, 3), (), (), (0,), (1,), (4, 5))

SLOTS_OF = (
    ((1, ()),),
    ((2, ()),),
    ((3, ()), (4, ()), (5, ()), (6, ())),
    (),
    (),
    ((9, ()), (10, ())),
    ((13, ()), (11, ()), (12, ())),
    ((14, ()),),
)

RATED = None

PERIODS_MS = (1000, 1000, 1000, None, None, 1000, 1000, 1000)

WRITES = ()

ASKS = ()

POLLS = ((2147500544, 1000, (0, 1, 2, 3, 4, 5)),)

INFOS = ()

EVENTS = ()

SENDS = ()

ADDRESS = (0, 15, 1, 0, 0)
