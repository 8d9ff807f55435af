# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/solaredge_storedge.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "The vendor's document itself was not at hand, only its table in public drivers: commissioning proves the time-out before control.",
    "An asked power is the limit of its direction, with mode 3 or 4; the other direction is shut.",
    "Values of two registers come low word first. The sign of 0xE174 is taken as + into the battery, as public drivers have it.",
    "Whether the time of 0xE00B starts anew with each write of mode or limits is not stated: both are written.",
    "Only one client may hold a Modbus TCP connection to the inverter.",
)

FIELDS = (
    (
        (7, 1000, 1, 0, 7, 1, 0, 1, 65535),
        (10, 1, 1, 0, 10, 2, 32704, 0, 4294967295),
        (11, 1, 1, 0, 12, 2, 32704, 0, 4294967295),
    ),
    (
        (8, 1, 1, 0, 0, 2, 32704, 0, 4294967295),
        (12, 1, 1, 0, 2, 2, 32704, 0, 4294967295),
        (9, 1, 1, 0, 4, 2, 32704, 0, 4294967295),
    ),
    (),
)

ARRAYS = ((), (), ())

PACKS = (">14H", ">6H", ">2H")

TEMPLATES = (
    (4, 1, 0, 0, 0, 0, 0, 65535, 0, 65535, 65535, 65535, 65535, 65535),
    (65535, 65535, 65535, 65535, 65535, 65535),
    (65535, 0),
)

SERVED = ()
