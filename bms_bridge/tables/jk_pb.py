# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/jk_pb.yaml by bms_bridge.compile. Do not edit.

NAME = "jk_pb"

KIND = "bms"

INFO = {
    "title": "JK (Jikong) PB inverter BMS over RS485, registers (FC03), up to 32 cells",
    "source": "Jikong BMS RS485 Modbus protocol V1.1: vendor document (copies in public driver repositories) | https://github.com/mr-manuel/venus-os_dbus-serialbattery tests/bms/test_jkbms_pb.py: captured FC16 replies, whose status holds the same values at the same offsets; bytes only",
    "licence": "Apache-2.0 (this file); the register map is a fact of the vendor's document",
    "line": "rtu",
    "baud": 115200,
    "parity": "N",
    "proof": "synthesised",
}

CELLS = 32

TEMPS = 2

CELL_LSB_MV = 1

PROTECTION = "self_opening"

OPENS_BY = "none"

BLOCKS = ((3, 4608, 64, 1000, 8), (3, 4736, 64, 1000, 179), (3, 4140, 8, 2000, 64))

SIZES = (128, 128, 16)

FIELDS = (
    (">64xI", ((15, 1, 1, 0, 1, 4294967295, (), 3),)),
    (
        ">16xI4xi11xB16xB",
        (
            (1, 1, 1, 0, 5000, 150000, (), 0),
            (2, 1, 1, 0, -1000000, 1000000, (), 1),
            (9, 10000, 1, 0, 0, 100, (), 5),
            (10, 10000, 1, 0, 0, 100, (), 5),
        ),
    ),
    (">I8xI", ((11, 1, 1, 0, 0, 1000000, (), 6), (12, 1, 1, 0, 0, 1000000, (), 6))),
)

ARRAYS = (((7, ">32H", 1, 1, 0, 500, 5000, (), 3),), ((8, ">28x2h", 100, 1, 0, -500, 1200, (), 4),), ())

SHAPES = (((7, 0, "H", 2, 0, 32),), ((8, 28, "h", 2, 0, 2),), ())

ENUMS = ((), (), ())

BITS = (
    None,
    (
        14,
        7,
        None,
        33554432,
        (
            (32, 0, ()),
            (33, 255, ((1, 1048576), (2, 1048576), (16, 1048576), (32, 2), (64, 33554432), (128, 67108864))),
            (34, 255, ((1, 2), (2, 8), (4, 1), (8, 2048), (16, 2048), (32, 128), (64, 128), (128, 2))),
            (
                35,
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
        ),
    ),
    None,
)

CHECKS = (None, None, None)

DERIVED = (((2, 7, 15, 3),), (), ())

SLOTS = 16

LISTS = ((7, 32), (8, 2))

GROUPS_OF = ((3,), (0, 1, 4, 5, 7), (6,))

BLOCKS_OF = ((1,), (1,), (), (0,), (1,), (1,), (2,), (1,))

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

POLLING = (125, 8, 120, 2, 0)

WRITES = ()
