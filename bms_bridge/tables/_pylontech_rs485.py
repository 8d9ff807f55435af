# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/pylontech_rs485.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "Older packs speak at 9600 baud; the baud rate is a switch on the pack.",
    "Of the bits of the alarm answer (0x44) only under-voltage was seen set in a recording: check the others on the first pack.",
    "An answer does not repeat the question: it is told by its form. A line is read empty after each failure.",
    "The first temperature is that of the BMS, the others are those of groups of cells.",
    "The SoC is not stated, only ampere-hours; the BMS's SoC is not known.",
    "The pack voltage is the sum of the cells in every recorded frame: it is not a second measurement.",
)

FIELDS = (
    ((2, 100, 1, 0, ">h", 52, -32768, -32768, 32767), (1, 1, 1, 0, ">H", 54, 65535, 0, 65535)),
    (),
    (
        (13, 1, 1, 0, ">H", 1, 65535, 0, 65535),
        (15, 100, 1, 0, ">h", 5, -32768, -32768, 32767),
        (17, -100, 1, 0, ">h", 7, -32768, -32768, 32767),
        (18, 1, 1, 0, ">B", 15, 0, 0, 1),
        (16, 1, 1, 0, ">B", 16, 0, 0, 1),
    ),
    (),
)

ARRAYS = (
    (
        (7, 1, 1, 0, ">H", (3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33), 65535, 0, 65535),
        (8, 100, 1, -273100, ">H", (36, 38, 40, 42, 44, 46, 48, 50), 65535, 0, 65535),
    ),
    (),
    (),
    (),
)

SERVED = ()

TEMPLATES = (
    b"\x10\x02\x08\x0d\x02\x0d\x02\x0d\x02\x0d\x03\x0d\x00\x0d\x01\x0d\x01\x0d\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x05\x0b\x7d\x0b\x69\x0b\x69\x0b\x69\x0b\x73\xff\xff\xff\xff\xff\xff\xff\xfa\x68\x0e\xff\xff\x04\xff\xff\x00\x00\x01\x74\xe4\x01\xb1\x98",
    b"\x00\x02\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06\xc0\x00\x00",
    b"\x02\x6e\xf0\x5a\xa0\x02\x2b\xfd\xd5\x00\x00\x00\x00\x00\x00\x01\x01",
    b"\x02\x4b\x31\x37\x30\x36\x30\x31\x43\x30\x30\x37\x35\x35\x30\x35\x30",
)
