# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/daly_p81.yaml by bms_bridge.compile. Do not edit.

NAME = "daly_p81"

KIND = "bms"

INFO = {
    "title": "Daly ESS \"p81\" (asked as 0x81, answers as 0x51), up to 48 cells",
    "source": "https://github.com/syssi/esphome-daly-bms docs/protocol-register-map.md and docs/pdus/ess-dl-bms-41_260321_0323.txt (recorded dialogue), Apache-2.0",
    "licence": "Apache-2.0 (this file); the register map is a fact of the device",
    "line": "rtu",
    "baud": 9600,
    "parity": "N",
    "proof": "captured, synthesised",
}

CELLS = 48

TEMPS = 8

CELL_LSB_MV = 1

PROTECTION = "self_opening"

OPENS_BY = "none"

BLOCKS = ((3, 0, 64, 1000, 63), (3, 65, 62, 1000, 132))

SIZES = (128, 124)

FIELDS = (
    (
        ">112xHHH6xH",
        (
            (1, 100, 1, 0, 50, 2500, (), 0),
            (2, 100, 1, -3000000, 20000, 40000, (), 1),
            (9, 1000, 1, 0, 0, 1000, (), 5),
            (3, 1, 1, 0, 500, 5000, (), 2),
        ),
    ),
    (">4xH2xH", ((5, 1000, 1, -40000, 0, 160, (0, 255), 2), (6, 1000, 1, -40000, 0, 160, (0, 255), 2))),
)

ARRAYS = (((7, ">48H", 1, 1, 0, 500, 5000, (), 3), (8, ">96x8H", 1000, 1, -40000, 0, 160, (0, 255), 4)), ())

SHAPES = (((7, 0, "H", 2, 0, 48), (8, 96, "H", 2, 0, 8)), ())

ENUMS = ((), ())

BITS = (None, (14, 7, None, 33554432, ((88, 0, ()), (89, 0, ()), (90, 0, ()), (91, 0, ()))))

CHECKS = (None, None)

DERIVED = ((), ())

SLOTS = 15

LISTS = ((7, 48), (8, 8))

GROUPS_OF = ((0, 1, 2, 3, 4, 5), (2, 7))

BLOCKS_OF = ((0,), (0,), (0, 1), (0,), (0,), (0,), (), (1,))

SLOTS_OF = (
    ((1, ()),),
    ((2, ()),),
    ((3, ()), (5, ()), (6, ())),
    ((7, ()),),
    ((8, ()),),
    ((9, ()),),
    (),
    ((14, ()),),
)

RATED = None

PERIODS_MS = (1000, 1000, 1000, 1000, 1000, 1000, None, 1000)

POLLING = (125, 8, 0, 1, 81)

WRITES = ()
