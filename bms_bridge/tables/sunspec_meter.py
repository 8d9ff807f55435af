# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/sunspec_meter.yaml by bms_bridge.compile. Do not edit.

NAME = "sunspec_meter"

KIND = "meter"

INFO = {
    "title": "SunSpec energy meter (models 201 to 204, searched)",
    "source": "SunSpec Information Model Specification, models 1 and 201 to 204 as in pysunspec2 1.3 (Apache-2.0)",
    "licence": "Apache-2.0 (this file); SunSpec models are Apache-2.0",
    "line": "tcp",
    "proof": "synthesised",
}

CELLS = 0

TEMPS = 0

BLOCKS = ((3, 40070, 107, 1000, 1),)

SIZES = (214,)

FIELDS = (
    (
        ">36xh38xI12xI",
        (
            (3, 10, 1, 0, -32000, 32000, (-32768,), 0),
            (2, 1, 1, 0, 0, 4294967294, (4294967295,), 0),
            (1, 1, 1, 0, 0, 4294967294, (4294967295,), 0),
        ),
    ),
)

ARRAYS = ((),)

SHAPES = ((),)

ENUMS = ((),)

BITS = (None,)

CHECKS = ((">2xH", (105,), (1,)),)

DERIVED = ((),)

SLOTS = 4

LISTS = ()

GROUPS_OF = ((0,),)

BLOCKS_OF = ((0,), ())

SLOTS_OF = (((3, ()), (2, ()), (1, ())), ())

RATED = None

PERIODS_MS = (1000, None)

MODELS = ((40000, 0, 50000), 4000, (((201, 202, 203, 204), 0, (), 0),))

SCALES = (
    (0, 44, ((0, 0, 0, 1, 1, -320000, 320000, -32768, 32767),)),
    (0, 108, ((0, 0, 1, 1, 1, 0, 4294967294, 0, 4294967295), (0, 0, 2, 1, 1, 0, 4294967294, 0, 4294967295))),
)

WRITES = ()
