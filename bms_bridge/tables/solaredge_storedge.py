# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/solaredge_storedge.yaml by bms_bridge.compile. Do not edit.

NAME = "solaredge_storedge"

KIND = "pcs"

INFO = {
    "title": "SolarEdge StorEdge inverters (Global StorEdge Control Block)",
    "source": "SolarEdge Power Control Open Protocol for SolarEdge Inverters, Global StorEdge Control Block (0xE004 to 0xE011); its table as quoted in public drivers: | https://github.com/OpenEMS/openems io.openems.edge.solaredge (modes and limits), https://github.com/nymea/nymea-plugins-modbus sunspec/solaredgebattery (addresses of 0xE004 and of the battery block 0xE100)",
    "licence": "Apache-2.0 (this file); the register map is a fact of the vendor's document",
    "line": "tcp",
    "fallback": "unproved",
    "ramp": "none stated",
    "proof": "synthesised",
}

CELLS = 0

TEMPS = 0

BLOCKS = ((3, 57348, 14, 1000, 2), (3, 57712, 6, 1000, 1), (3, 57734, 2, 1000, 1))

SIZES = (28, 12, 4)

FIELDS = (
    (
        ">14xH4xII",
        (
            (7, 1000, 1, 0, 1, 3600, (0,), 1),
            (10, 1, 1, 0, 0, 4294967295, (), 1),
            (11, 1, 1, 0, 0, 4294967295, (), 1),
        ),
    ),
    (
        ">III",
        (
            (8, 1, 1, 0, 0, 4294967295, (), 0),
            (12, 1, 1, 0, 0, 4294967295, (), 0),
            (9, 1, 1, 0, 0, 4294967295, (), 0),
        ),
    ),
    None,
)

ARRAYS = ((), (), ())

SHAPES = ((), (), ())

ENUMS = ((), (), ((4, ">H", 0, ((0, 0), (1, 1), (3, 2), (2, 1), (4, 2), (5, 3), (7, 1)), 0),))

BITS = (None, None, None)

CHECKS = ((">H10xH2xH", (4, 0, 0), (2, 2, 2)), None, (">2xH", (0,), (1,)))

DERIVED = (
    ((4, 5, 10, 1, 0, 1000000, 1, 1), (4, 6, 11, 1, 0, 1000000, 1, 1)),
    (
        (4, 1, 8, 0, 0, 1200000, 1000, 1),
        (4, 3, 9, 0, -200000, 200000, 1, 1),
        (4, 2, 12, 0, -200000, 200000, 1000, 1),
    ),
    (),
)

SLOTS = 13

LISTS = ()

GROUPS_OF = ((1,), (0,), (0,))

BLOCKS_OF = ((1, 2), (0,))

SLOTS_OF = (((1, ()), (3, ()), (4, ()), (2, ())), ((5, ()), (6, ()), (7, ())))

RATED = None

PERIODS_MS = (1000, 1000)

WRITES = (
    (57358, 4, ((0, 1, 1000, 1, 0, 2), (2, 2, 1000, 1, 0, 2))),
    (57354, 1, ((0, 0, 0, 1, 0),), 6, 1),
    (57355, 2, ((0, 5, 1000, 1, 0), (1, 0, 0, 1, 0)), 16, 1),
    (57348, 1, ((0, 0, 4, 1, 0),), 6, 1),
    (57357, 1, ((0, 10, 7, 3, 4),), 6, 0),
)
