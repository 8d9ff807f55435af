# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/jk_pb_frames.yaml by bms_bridge.compile. Do not edit.

NAME = "jk_pb_frames"

KIND = "bms"

INFO = {
    "title": "JK (Jikong) PB inverter series over RS485, 300-byte frames, up to 32 cells",
    "source": "Jikong BMS RS485 modbus protocol V1.1: vendor document | Replies of a JK_PB2A16S20P (firmware 15.41), published with the tests of a public driver: bytes only",
    "licence": "Apache-2.0 (this file); the layout is a fact of the vendor's document",
    "line": "serial",
    "baud": 115200,
    "parity": "N",
    "proof": "captured, synthesised",
}

CELLS = 32

TEMPS = 4

CELL_LSB_MV = 1

PROTECTION = "self_opening"

OPENS_BY = "none"

BUS = "serial"

FRAMING = "jk"

GAP_MS = 120

BLOCKS = ((5664, b"", 1, 1000, 251), (5662, b"", 1, 2000, 64), (5660, b"", 1, 300000, 0))

ANSWERS = ((0, ((0, 300),)), (0, ((0, 300),)), (0, ((0, 300),)))

SIZES = (300, 300, 300)

FIELDS = (
    (
        "<150xI4xi11xB16xB7xBB",
        (
            (1, 1, 1, 0, 5000, 150000, (), 0),
            (2, 1, 1, 0, -600000, 600000, (), 1),
            (9, 10000, 1, 0, 0, 100, (), 5),
            (10, 10000, 1, 0, 0, 100, (), 5),
            (16, 1, 1, 0, 0, 1, (), 6),
            (18, 1, 1, 0, 0, 1, (), 6),
        ),
    ),
    ("<50xI8xI", ((15, 1, 1, 0, 0, 600000, (), 6), (17, 1, 1, 0, 0, 600000, (), 6))),
    None,
)

ARRAYS = (
    (
        (7, "<6xHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH", 1, 1, 0, 500, 5000, (), 3),
        (8, "<162xhh90xhh", 100, 1, 0, -500, 1200, (-2000,), 4),
    ),
    (),
    (),
)

SHAPES = (
    (
        (
            7,
            "<H",
            (
                6,
                8,
                10,
                12,
                14,
                16,
                18,
                20,
                22,
                24,
                26,
                28,
                30,
                32,
                34,
                36,
                38,
                40,
                42,
                44,
                46,
                48,
                50,
                52,
                54,
                56,
                58,
                60,
                62,
                64,
                66,
                68,
            ),
        ),
        (8, "<h", (162, 164, 256, 258)),
    ),
    (),
    (),
)

ENUMS = ((), (), ())

BITS = (
    (
        14,
        7,
        None,
        33554432,
        (
            (
                166,
                255,
                (
                    (1, 67108864),
                    (2, 2),
                    (4, 268435456),
                    (8, 33554432),
                    (16, 512),
                    (32, 512),
                    (64, 32),
                    (128, 32),
                ),
            ),
            (167, 255, ((1, 2), (2, 8), (4, 1), (8, 2048), (16, 2048), (32, 128), (64, 128), (128, 2))),
            (168, 255, ((1, 1048576), (2, 1048576), (16, 1048576), (32, 2), (64, 33554432), (128, 67108864))),
            (169, 0, ()),
        ),
    ),
    None,
    None,
)

CHECKS = (None, None, None)

FIXED = (("<70xI", ((107, 0, 8),)), ("<114xI", ((7, 0, 64),)), None)

DERIVED = (
    ((1, 11, 15, 16, 1, 1), (1, 12, 17, 18, 1, 1)),
    ((1, 11, 15, 16, 1, 1), (1, 12, 17, 18, 1, 1)),
    ((5, 19, 86, 97),),
)

SLOTS = 20

LISTS = ((7, 32), (8, 4))

GROUPS_OF = ((0, 1, 3, 4, 5, 6, 7), (6,), ())

BLOCKS_OF = ((0,), (0,), (), (0,), (0,), (0,), (0, 1), (0,))

SLOTS_OF = (
    ((1, ()),),
    ((2, ()),),
    (),
    ((7, ()),),
    ((8, ()),),
    ((9, ()), (10, ())),
    ((11, ()), (12, ())),
    ((14, ()),),
)

RATED = None

PERIODS_MS = (1000, 1000, None, 1000, 1000, 1000, 2000, 1000)

WRITES = ()

SERIAL = (2, 19)
