# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/sunspec_pcs.yaml by bms_bridge.compile. Do not edit.

NAME = "sunspec_pcs"

KIND = "pcs"

INFO = {
    "title": "SunSpec storage inverter (models 103 and 124)",
    "source": "SunSpec Information Model Specification, models 1, 103 and 124 as in pysunspec2 1.3 (Apache-2.0)",
    "licence": "Apache-2.0 (this file); SunSpec models are Apache-2.0",
    "line": "tcp",
    "fallback": "unproved",
    "ramp": "WinTms 0: a limit holds at once; InOutWRte_RmpTms stays as the inverter has it",
    "proof": "synthesised",
}

CELLS = 0

TEMPS = 0

BLOCKS = ((3, 40070, 52, 1000, 1), (3, 40122, 26, 1000, 2))

SIZES = (104, 52)

FIELDS = (
    (
        ">54xH2xH2xh",
        (
            (11, 100, 1, 0, 0, 30000, (65535,), 0),
            (1, 100, 1, 0, 0, 20000, (65535,), 0),
            (3, -10, 1, 0, -32000, 32000, (-32768,), 0),
        ),
    ),
    (
        ">4xH18xhh2xH",
        (
            (8, 10, 1, 0, 10, 65535, (65535,), 1),
            (10, 1, 1, 0, -10000, 10000, (), 1),
            (9, 1, 1, 0, -10000, 10000, (), 1),
            (7, 1000, 1, 0, 0, 3600, (65535,), 1),
        ),
    ),
)

ARRAYS = ((), ())

SHAPES = ((), ())

ENUMS = (((4, ">H", 76, ((1, 0), (8, 1), (4, 2), (7, 3), (2, 1), (3, 1), (5, 2), (6, 2)), 0),), ())

BITS = (None, None)

CHECKS = ((">HH", (103, 50), (1, 1)), (">HH6xH38xh", (124, 24, 3, -2), (2, 2, 2, 2)))

DERIVED = (((0, 2, 11, 3, 1, 1),), ((1, 5, 9, 8, 1, 10000), (1, 6, 10, 8, 1, 10000)))

SLOTS = 12

LISTS = ()

GROUPS_OF = ((0,), (1,))

BLOCKS_OF = ((0,), (1,))

SLOTS_OF = (((1, ()), (3, ()), (4, ()), (2, ())), ((5, ()), (6, ()), (7, ())))

RATED = (8, 10)

PERIODS_MS = (1000, 1000)

SCALES = (
    (0, 56, ((0, 0, 0, 1000, 1, 0, 3000000, 0, 65535),)),
    (0, 60, ((0, 0, 1, 1000, 1, 0, 2000000, 0, 65535),)),
    (0, 64, ((0, 0, 2, -1, 1, -320000, 320000, -32768, 32767),)),
    (1, 36, ((1, 0, 0, 1, 1, 100, 6553400, 0, 65535),)),
)

WRITES = (
    (40134, 4, ((0, 2, 1, 10, 3), (1, 1, 1, 10, 3), (2, 0, 0, 1, 0), (3, 5, 1000, 1, 0))),
    (40127, 1, ((0, 0, 3, 1, 0),)),
)
