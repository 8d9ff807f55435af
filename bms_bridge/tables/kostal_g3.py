# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/kostal_g3.yaml by bms_bridge.compile. Do not edit.

NAME = "kostal_g3"

KIND = "pcs"

INFO = {
    "title": "KOSTAL PLENTICORE G3, PLENTICORE MP G3 (Modbus TCP, battery limitation)",
    "source": "KOSTAL Interface description MODBUS (TCP) & SunSpec with control information, PIKO IQ/PLENTICORE, DOC02308910-0016 (10/2025), sections 3.2, 3.4 and 3.5: vendor document",
    "licence": "Apache-2.0 (this file); the register map is a fact of the vendor's document",
    "line": "tcp",
    "fallback": "zero",
    "ramp": "none stated for 0x500 and 0x502; local grid rules on gradients may slow the setpoint of 3.4",
    "proof": "synthesised",
}

CELLS = 0

TEMPS = 0

BLOCKS = (
    (3, 5, 1, 1000, 3),
    (3, 56, 2, 1000, 1),
    (3, 200, 18, 1000, 1),
    (3, 582, 1, 1000, 1),
    (3, 1034, 2, 1000, 0),
    (3, 1280, 10, 1000, 2),
)

SIZES = (2, 4, 36, 2, 4, 20)

FIELDS = (
    None,
    None,
    (">I28xI", ((11, 1, 1, 0, 0, 4294967295, (), 0), (8, 1, 1, 0, 0, 4294967295, (), 0))),
    (">h", ((3, -1, 1, 0, -32000, 32000, (-32768,), 0),)),
    None,
    (
        ">II10xH",
        (
            (9, 1, 1, 0, 0, 4294967295, (), 1),
            (10, 1, 1, 0, 0, 4294967295, (), 1),
            (7, 1000, 1, 0, 30, 10800, (0,), 1),
        ),
    ),
)

ARRAYS = ((), (), (), (), (), ())

SHAPES = ((), (), (), (), (), ())

ENUMS = (
    (),
    (
        (
            4,
            ">H",
            2,
            (
                (0, 0),
                (1, 1),
                (2, 1),
                (3, 1),
                (4, 1),
                (6, 2),
                (7, 2),
                (8, 0),
                (9, 0),
                (10, 1),
                (11, 1),
                (12, 1),
                (13, 0),
                (14, 3),
                (15, 0),
                (16, 3),
                (17, 2),
            ),
            0,
        ),
    ),
    (),
    (),
    (),
    (),
)

BITS = (None, None, None, None, None, None)

CHECKS = (
    (">H", (1,), (3,)),
    (">H", (0,), (1,)),
    None,
    None,
    None,
    (">8xHHHHH", (0, 0, 0, 0, 0), (2, 2, 2, 2, 2)),
)

DERIVED = (
    (),
    (),
    ((3, 1, 8, 0, 0, 1200000, 1000, 1), (3, 2, 11, 0, -200000, 200000, -1000, 1)),
    (),
    (),
    ((3, 5, 9, 1, 0, 1000000, 1, 1), (3, 6, 10, 1, 0, 1000000, 1, 1)),
)

SLOTS = 12

LISTS = ()

GROUPS_OF = ((0, 1), (0,), (0,), (0,), (), (1,))

BLOCKS_OF = ((0, 1, 2, 3), (0, 5))

SLOTS_OF = (((1, ()), (3, ()), (4, ()), (2, ())), ((5, ()), (6, ()), (7, ())))

RATED = None

PERIODS_MS = (1000, 1000)

WRITES = (
    (1284, 6, ((0, 0, 0, 1, 0, 1), (2, 0, 0, 1, 0, 1), (4, 0, 0, 1, 0), (5, 5, 1000, 1, 0)), 16, 1),
    (1280, 4, ((0, 1, 1000, 1, 0, 1), (2, 2, 1000, 1, 0, 1))),
    (1034, 2, ((0, 9, -1000, 1, 0, 1),)),
)
