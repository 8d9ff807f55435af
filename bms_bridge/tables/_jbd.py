# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/jbd.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "The BMS states no limits of current: the controller only observes this pack.",
    "The protocol has no address: one BMS per line.",
    "The recorded SP25S003 said 0 V of pack voltage beside cells of 3.6 V: below 1 V the pack voltage is unknown.",
    "The state of its switches (byte 20: 1 charge, 2 discharge) is not an alarm and is not read.",
)

FIELDS = (
    (
        (1, 10, 1, 0, ">H", 0, 65535, 0, 65535),
        (2, 10, 1, 0, ">h", 2, -32768, -32768, 32767),
        (9, 10000, 1, 0, ">B", 19, 255, 0, 255),
    ),
    (),
)

ARRAYS = (
    ((8, 100, 1, -273100, ">H", (23, 25, 27, 29, 31, 33, 35, 37), 65535, 0, 65535),),
    (
        (
            7,
            1,
            1,
            0,
            ">H",
            (
                1,
                3,
                5,
                7,
                9,
                11,
                13,
                15,
                17,
                19,
                21,
                23,
                25,
                27,
                29,
                31,
                33,
                35,
                37,
                39,
                41,
                43,
                45,
                47,
                49,
                51,
                53,
                55,
                57,
                59,
                61,
                63,
            ),
            65535,
            0,
            65535,
        ),
    ),
)

SERVED = ()

TEMPLATES = (
    b"\x06\x18\x00\x00\x01\xf2\x01\xf4\x00\x00\x2c\x7c\x00\x00\x00\x00\x00\x00\x80\x64\x03\x04\x03\x0b\x8b\x0b\x8a\x0b\x84\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x04\x0f\x45\x0f\x3d\x0f\x37\x0f\x3d\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
)
