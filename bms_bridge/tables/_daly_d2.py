# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/daly_d2.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "No charge or discharge limits are in this map: the profile is for observing until limits come from elsewhere.",
    "The unit id is 0xD2 (210) whatever the board number; one board per line.",
    "A temperature place that reads 0 (-40 °C) or 255 has no sensor.",
    "Bits of the alarm registers are known from drivers; only under_soc_alarm was seen set in a recording; bits without a meaning count as other_alarm.",
)

FIELDS = (
    (
        (1, 100, 1, 0, 40, 1, 65535, 0, 65535),
        (2, 100, 1, -3000000, 41, 1, 65535, 0, 65535),
        (9, 1000, 1, 0, 42, 1, 65535, 0, 65535),
        (3, 1, 1, 0, 43, 1, 65535, 0, 65535),
        (4, 1, 1, 0, 44, 1, 65535, 0, 65535),
        (5, 1000, 1, -40000, 45, 1, 0, 1, 65535),
        (6, 1000, 1, -40000, 46, 1, 0, 1, 65535),
    ),
)

ARRAYS = (((7, 1, 1, 0, 0, 1, 0, 32, 65535, 0, 65535), (8, 1000, 1, -40000, 32, 1, 0, 8, 0, 1, 65535)),)

PACKS = (">62H",)

TEMPLATES = (
    (
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        32,
        8,
        0,
        0,
        1,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ),
)

SERVED = ()
