# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/pylontech_pcs.yaml by bms_bridge.compile. Do not edit.

NAME = "pylontech_pcs"

KIND = "pcs"

INFO = {
    "title": "Inverter that speaks Pylontech low-voltage CAN; this controller is its battery",
    "source": "Pylontech, CAN-Bus-protocol-PYLON-low-voltage V1.2 (2018-04-08): vendor document | SMA, FSS-ConnectingBat-TI-en-10: 0x35A, 0x35F and the voltage of 0x351 bytes 6 and 7, which many inverters read too",
    "licence": "Apache-2.0 (this file); identifiers, places and scales are facts",
    "line": "can",
    "bitrate": 500000,
    "proof": "captured, synthesised, vendor document",
}

CELLS = 0

TEMPS = 0

BUS = "can"

BLOCKS = ()

SIZES = ()

FIELDS = ()

WRITES = ()

LISTS = ()

GROUPS_OF = ()

BLOCKS_OF = ()

SLOTS_OF = ()

INFOS = ()

SENDS = ()

SLOTS = 0

RATED = None

ALIVE = (773, 1000)

PERIODS_MS = (1000, None)

TOLD = (
    (
        849,
        1000,
        b"\x00\x00\x00\x00\x00\x00\x00\x00",
        (
            (0, 0, 2, 100, 1, 0, 0, 65535, None),
            (1, 2, 4, 100, 1, 0, 0, 32767, None),
            (2, 4, 6, 100, 1, 0, 0, 32767, None),
            (3, 6, 8, 100, 1, 1, 0, 65535, None),
        ),
        (),
        (),
    ),
    (860, 1000, b"\x00\x00", (), ((0, 128, 1, 100), (0, 64, 2, 100)), ()),
    (
        853,
        1000,
        b"\x00\x00\x00\x00",
        ((4, 0, 2, 10000, 1, 0, 0, 100, None), (5, 2, 4, 10000, 1, 0, 0, 100, None)),
        (),
        (),
    ),
    (
        854,
        1000,
        b"\x00\x00\x00\x00\x00\x00",
        (
            (6, 0, 2, 10, 1, 2, -32768, 32767, None),
            (7, 2, 4, 100, 1, 2, -32768, 32767, None),
            (8, 4, 6, 100, 1, 2, -32768, 32767, None),
        ),
        (),
        (),
    ),
    (
        857,
        1000,
        b"\x00\x00\x00\x00\x00\x50\x4e\x00",
        ((10, 4, 5, 1, 1, 0, 0, 255, 0),),
        (),
        (
            (0, 2, 0, 512),
            (0, 4, 0, 2048),
            (0, 8, 0, 2),
            (0, 16, 0, 8),
            (0, 128, 0, 128),
            (1, 1, 0, 32),
            (1, 8, 0, 3673464832),
            (2, 2, 0, 1024),
            (2, 4, 0, 4096),
            (2, 8, 0, 4),
            (2, 16, 0, 16),
            (2, 128, 0, 256),
            (3, 1, 0, 64),
            (3, 8, 0, 1),
        ),
    ),
    (
        858,
        1000,
        b"\x00\x00\x00\x00\x00\x00\x00\x00",
        (),
        (),
        (
            (0, 1, 2, 3672416257),
            (0, 4, 8, 512),
            (0, 16, 32, 2048),
            (0, 64, 128, 2),
            (1, 1, 2, 8),
            (1, 64, 128, 128),
            (2, 1, 2, 32),
            (2, 4, 8, 1048576),
            (4, 1, 2, 621363200),
            (4, 4, 8, 1024),
            (4, 16, 32, 4096),
            (4, 64, 128, 4),
            (5, 1, 2, 16),
            (5, 64, 128, 256),
            (6, 1, 2, 64),
            (7, 1, 2, 131072),
        ),
    ),
    (862, 1000, b"\x50\x59\x4c\x4f\x4e\x20\x20\x20", (), (), ()),
    (863, 1000, b"\xff\xff\x01\x00\x00\x00\xff\xff", ((9, 4, 6, 1000, 1, 0, 0, 65535, 65535),), (), ()),
)
