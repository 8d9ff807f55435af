# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/jbd.yaml by bms_bridge.compile. Do not edit.

NAME = "jbd"

KIND = "bms"

INFO = {
    "title": "JBD / LLT / Xiaoxiang (UART, RS485), up to 32 cells",
    "source": "https://github.com/syssi/esphome-jbd-bms docs/pdus: recorded frames of JBD-SP04S034-L4S-200A-B-U and JBD-SP25S003-L16S-100A-100A-B (Apache-2.0) | https://github.com/FurTrader/OverkillSolarBMS Comm_Protocol_Documentation: register map",
    "licence": "Apache-2.0 (this file); the layout is a fact of the vendor's protocol",
    "line": "serial",
    "baud": 9600,
    "parity": "N",
    "proof": "captured, synthesised, vendor document",
}

CELLS = 32

TEMPS = 8

CELL_LSB_MV = 1

PROTECTION = "self_opening"

OPENS_BY = "command"

BUS = "serial"

FRAMING = "jbd"

GAP_MS = 30

BLOCKS = ((3, b"", 1, 1000, 179), (4, b"", 1, 1000, 8))

ANSWERS = ((0, ((0, 22), (1, 2, 8, 255), (4,))), (0, ((2, 2, 32, 255),)))

SIZES = (39, 65)

FIELDS = (
    (
        ">Hh15xB",
        (
            (1, 10, 1, 0, 100, 15000, (), 0),
            (2, 10, 1, 0, -32000, 32000, (), 1),
            (9, 10000, 1, 0, 0, 100, (), 5),
        ),
    ),
    None,
)

ARRAYS = (
    ((8, ">23xHHHHHHHH", 100, 1, -273100, 2231, 3931, (), 4),),
    ((7, ">1xHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH", 1, 1, 0, 500, 5000, (), 3),),
)

SHAPES = (
    ((8, ">H", (23, 25, 27, 29, 31, 33, 35, 37)),),
    (
        (
            7,
            ">H",
            (
                1,
                3,
                5,
                7,
                9,
                11,
                13,
                15,
                17,
                19,
                21,
                23,
                25,
                27,
                29,
                31,
                33,
                35,
                37,
                39,
                41,
                43,
                45,
                47,
                49,
                51,
                53,
                55,
                57,
                59,
                61,
                63,
            ),
        ),
    ),
)

ENUMS = ((), ())

BITS = (
    (
        14,
        7,
        None,
        33554432,
        (
            (16, 31, ((1, 32), (2, 128), (4, 128), (8, 33554432), (16, 1048576))),
            (17, 255, ((1, 512), (2, 2048), (4, 512), (8, 2048), (16, 2), (32, 8), (64, 2), (128, 8))),
        ),
    ),
    None,
)

CHECKS = (None, None)

FIXED = ((">22xB", ((8, 0, 16),)), (">B", ((7, 0, 8),)))

DERIVED = ((), ())

SLOTS = 15

LISTS = ((7, 32), (8, 8))

GROUPS_OF = ((0, 1, 4, 5, 7), (3,))

BLOCKS_OF = ((0,), (0,), (), (1,), (0,), (0,), (), (0,))

SLOTS_OF = (((1, ()),), ((2, ()),), (), ((7, ()),), ((8, ()),), ((9, ()),), (), ((14, ()),))

RATED = None

PERIODS_MS = (1000, 1000, None, 1000, 1000, 1000, None, 1000)

WRITES = ()

SWITCH = (225, b"\xdd\x5a\xe1\x02\x00\x03\xff\x1a\x77", b"\xdd\x5a\xe1\x02\x00\x00\xff\x1d\x77", 1048576)
