# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/sdm630.yaml by bms_bridge.compile. Do not edit.

NAME = "sdm630"

KIND = "meter"

INFO = {
    "title": "Eastron SDM630-Modbus energy meter",
    "source": "Eastron SDM630Modbus Smart Meter Modbus Protocol Implementation V1.8: vendor document",
    "licence": "Apache-2.0 (this file); the register map is a fact of the vendor's document",
    "line": "rtu",
    "baud": 9600,
    "parity": "N",
    "proof": "synthesised",
}

CELLS = 0

TEMPS = 0

BLOCKS = ((4, 52, 2, 1000, 1), (4, 72, 4, 1000, 1))

SIZES = (4, 8)

FIELDS = (
    (">I", ((4, 1, 1, 0, 0, 4294967295, (), 0),)),
    (">II", ((5, 1, 1, 0, 0, 4294967295, (), 0), (6, 1, 1, 0, 0, 4294967295, (), 0))),
)

ARRAYS = ((), ())

SHAPES = ((), ())

ENUMS = ((), ())

BITS = (None, None)

CHECKS = (None, None)

DERIVED = (
    ((3, 3, 4, 0, -200000, 200000, 1, 1),),
    ((3, 1, 5, 0, 0, 4294967294, 1000, 1), (3, 2, 6, 0, 0, 4294967294, 1000, 1)),
)

SLOTS = 7

LISTS = ()

GROUPS_OF = ((0,), (0,))

BLOCKS_OF = ((0, 1), ())

SLOTS_OF = (((3, ()), (1, ()), (2, ())), ())

RATED = None

PERIODS_MS = (1000, None)

POLLING = (80, 18, 0, 1, 0)

WRITES = ()
