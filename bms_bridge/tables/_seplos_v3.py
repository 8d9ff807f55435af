# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/seplos_v3.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "0x0AAB (0.0 °C) is what a place without a sensor answers; a sensor at exactly 0.0 °C is unknown for as long.",
    "Boards of 300 A and more send the current in 0.1 A (V0.2 of the document): they need a profile of their own.",
    "PIC counts coils (0x0090), not bytes: a recorded master that asked for 0x0900 got exception 2.",
    "The serial number is the QR code of the BMS board (0x1715, VIA); that of the pack (0x1724) is blank on many packs and not read. Its owner can change both.",
    "Address 0x1011 (precharge) is not read: the recorded masters ask for 17 registers, not 18.",
)

FIELDS = (
    (
        (1, 10, 1, 0, 0, 1, 65535, 0, 65535),
        (2, 10, 1, 0, 1, 1, -32768, -32768, 32767),
        (9, 1000, 1, 0, 5, 1, 65535, 0, 65535),
        (10, 1000, 1, 0, 6, 1, 65535, 0, 65535),
        (3, 1, 1, 0, 10, 1, 65535, 0, 65535),
        (4, 1, 1, 0, 11, 1, 65535, 0, 65535),
        (5, 100, 1, -273100, 12, 1, 2731, 0, 65535),
        (6, 100, 1, -273100, 13, 1, 2731, 0, 65535),
        (12, 1000, 1, 0, 15, 1, 65535, 0, 65535),
        (11, 1000, 1, 0, 16, 1, 65535, 0, 65535),
    ),
    (),
    (),
    (),
)

ARRAYS = (
    (),
    ((7, 1, 1, 0, 0, 1, 0, 16, 65535, 0, 65535), (8, 100, 1, -273100, 16, 1, 0, 4, 2731, 0, 65535)),
    (),
    (),
)

PACKS = (">17H", ">26H", ">144H", ">15H")

TEMPLATES = (
    (
        65535,
        65535,
        13412,
        28000,
        213,
        65535,
        65535,
        9,
        3271,
        2979,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
    ),
    (
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        65535,
        2731,
        2731,
        2731,
        2731,
        2956,
        2943,
    ),
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x03\x00\x00",
    (21328, 12336, 21296, 12336, 12336, 12336, 12336, 12288, 0, 0, 0, 0, 0, 0, 0),
)

SERVED = ()
