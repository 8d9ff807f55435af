# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/daly_d2.yaml by bms_bridge.compile. Do not edit.

NAME = "daly_d2"

KIND = "bms"

INFO = {
    "title": "Daly Modbus D2 (unit 0xD2), up to 32 cells",
    "source": "https://github.com/syssi/esphome-daly-bms docs/protocol-register-map.md and docs/pdus (recorded frames), Apache-2.0 | Meaning of the alarm bits: fault register labels of public drivers; one of them (SoC too low) seen set in a recording",
    "licence": "Apache-2.0 (this file); the register map is a fact of the device",
    "line": "rtu",
    "baud": 9600,
    "parity": "N",
    "proof": "captured, synthesised",
}

CELLS = 32

TEMPS = 8

CELL_LSB_MV = 1

PROTECTION = "self_opening"

OPENS_BY = "none"

BLOCKS = ((3, 0, 62, 1000, 191),)

SIZES = (124,)

FIELDS = (
    (
        ">80xHHHHHHH",
        (
            (1, 100, 1, 0, 50, 1500, (), 0),
            (2, 100, 1, -3000000, 20000, 40000, (), 1),
            (9, 1000, 1, 0, 0, 1000, (), 5),
            (3, 1, 1, 0, 500, 5000, (), 2),
            (4, 1, 1, 0, 500, 5000, (), 2),
            (5, 1000, 1, -40000, 0, 160, (0, 255), 2),
            (6, 1000, 1, -40000, 0, 160, (0, 255), 2),
        ),
    ),
)

ARRAYS = (((7, ">32H", 1, 1, 0, 500, 5000, (), 3), (8, ">64x8H", 1000, 1, -40000, 0, 160, (0, 255), 4)),)

SHAPES = (((7, 0, "H", 2, 0, 32), (8, 64, "H", 2, 0, 8)),)

ENUMS = ((),)

BITS = (
    (
        14,
        7,
        None,
        33554432,
        (
            (116, 255, ((1, 4), (2, 2), (4, 16), (8, 8), (16, 4), (32, 2), (64, 16), (128, 8))),
            (
                117,
                255,
                ((1, 1024), (2, 512), (4, 4096), (8, 2048), (16, 1024), (32, 512), (64, 4096), (128, 2048)),
            ),
            (118, 15, ((1, 131072), (2, 33554432), (4, 524288), (8, 262144))),
            (
                119,
                255,
                ((1, 64), (2, 32), (4, 256), (8, 128), (16, 65536), (32, 32768), (64, 16384), (128, 8192)),
            ),
            (
                120,
                255,
                (
                    (1, 33554432),
                    (2, 1),
                    (4, 33554432),
                    (8, 67108864),
                    (16, 67108864),
                    (32, 1048576),
                    (64, 1),
                    (128, 1),
                ),
            ),
            (
                121,
                255,
                ((1, 4), (2, 4), (4, 2), (8, 2), (16, 1048576), (32, 1048576), (64, 1048576), (128, 1048576)),
            ),
            (122, 0, ()),
            (123, 0, ()),
        ),
    ),
)

CHECKS = (None,)

DERIVED = ((),)

SLOTS = 15

LISTS = ((7, 32), (8, 8))

GROUPS_OF = ((0, 1, 2, 3, 4, 5, 7),)

BLOCKS_OF = ((0,), (0,), (0,), (0,), (0,), (0,), (), (0,))

SLOTS_OF = (
    ((1, ()),),
    ((2, ()),),
    ((3, ()), (4, ()), (5, ()), (6, ())),
    ((7, ()),),
    ((8, ()),),
    ((9, ()),),
    (),
    ((14, ()),),
)

RATED = None

PERIODS_MS = (1000, 1000, 1000, 1000, 1000, 1000, None, 1000)

WRITES = ()
