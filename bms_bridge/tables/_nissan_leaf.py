# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/nissan_leaf.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "The contactors belong to whoever drives their coils: the battery controller asks for a cut and cannot do it. A supervised contactor circuit of the site is needed.",
    "Order of the temperature sensors is 1, 2, 4, 3: batteries since 2013 have no sensor 3, their site says temps: 3.",
    "The battery states its limits in kW; amperes are worked out with the pack voltage of the same moment.",
    "SoC of the battery follows its own counters and is not corrected until its 12 V supply is taken away for a while: information only.",
    "SoC 0x3FF and capacity 1023 are sent for some seconds after power-up.",
    "The interlock bit is not used: recordings disagree about its meaning.",
    "Some batteries fall silent without the frames of the vehicle (0x1D4, 0x1F2, 0x50B, 0x50C; ZE1 more): their contents are not part of this profile.",
    "Highest and lowest cell and temperature are worked out from the lists; the battery does not state them on every generation.",
)

FIELDS = (
    ((1023, 0, 1023), (-1024, -1024, 1023)),
    ((1023, 0, 1023), (1023, 0, 1023)),
    ((1023, 0, 1023),),
    ((0, 0, 127),),
    (),
    (),
)

ARRAYS = ((), (), (), (), ((65535, 0, 65535),), ((-128, -128, 127), (-128, -128, 127), (-128, -128, 127)))

TEMPLATES = (
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x02\xb3\x00\x02\xae\x00\x02\xb0\x00\x02\xb9\x00\x00\x00",
)

SERVED = ()
