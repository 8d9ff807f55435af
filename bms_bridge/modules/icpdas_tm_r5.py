# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/modules/icpdas_tm_r5.yaml by bms_bridge.compile. Do not edit.

NAME = "icpdas_tm_r5"

KIND = "outputs"

INFO = {
    "title": "ICP DAS tM-R5, 5 relays on Modbus RTU with a host watchdog",
    "source": "ICP DAS tM-R5 Quick Start, Modbus Address Mapping: https://manuals.online/icp-das-usa/remote-control/tm-r5/user-manual/197tk",
    "licence": "Apache-2.0 (this file); the register map is a fact of the vendor's document",
    "line": "rtu",
    "baud": 9600,
}

FIRST = 0

POINTS = 5

BLOCKS = (
    (1, 0, 5, 500, 1),
    (3, 488, 1, 5000, 2),
    (1, 260, 1, 5000, 2),
    (1, 128, 5, 5000, 2),
    (1, 160, 5, 5000, 2),
)

SIZES = (1, 2, 1, 1, 1)

FIELDS = (None, None, None, None, None)

ARRAYS = ((), (), (), (), ())

PERIODS_MS = (500,)

WATCH = ((1, "time", 100), (2, "bits", 1), (3, "bits", 0), (4, "bits", 0))
