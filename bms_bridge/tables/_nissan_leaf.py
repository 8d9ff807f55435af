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
    "Some batteries fall silent without the frames of the vehicle. In control 0x1D4, 0x1F2, 0x50B and 0x50C are sent as a parked vehicle does (no torque, no charging, stay awake); ZE1 batteries note more missing frames (0x355, 0x3B8, 0x5C5, 0x5EC, 0x626) as faults. Never on a bus with a vehicle or a charger that sends them too.",
    "Capacity, Hx, insulation and the finer SoC of the answer 21 01 are information: its length tells the generation, another length is dropped.",
    "Highest and lowest cell and temperature are worked out from the lists; the battery does not state them on every generation.",
)

FIELDS = (
    ((1023, 0, 1023), (-1024, -1024, 1023)),
    ((1023, 0, 1023), (1023, 0, 1023)),
    ((1023, 0, 1023),),
    ((0, 0, 127),),
    (),
    ((65535, 0, 65535), (65535, 0, 65535), (16777215, 0, 16777215), (16777215, 0, 16777215)),
    ((65535, 0, 65535), (65535, 0, 65535), (16777215, 0, 16777215), (16777215, 0, 16777215)),
    (),
)

ARRAYS = (
    (),
    (),
    (),
    (),
    ((65535, 0, 65535),),
    (),
    (),
    ((-128, -128, 127), (-128, -128, 127), (-128, -128, 127)),
)

TEMPLATES = (
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x02\x0d\x02\x87\x00\x00\x03\x63\xff\xff\xff\xff\x00\x1c\x2a\xf8\x9a\x89\x2e\x4b\x03\xa4\x00\x5c\x26\x9a\x00\x0e\xcf\x81\x00\x09\xd7\xb0\x80\x00\x01",
    b"\xff\xff\xfc\x18\x02\xaf\xff\xff\xfb\x62\xff\xff\xf0\xdd\x0b\x1c\x30\xd4\x95\x1d\x33\x06\x03\x95\x00\x01\x70\x00\x26\x9a\x00\x0c\x44\xb5\x00\x11\x0b\xb8\x80\x00\x01\xff\xff\xfb\x62\xff\xff\xfc\xaa\x01\xad",
    b"\x02\xb3\x00\x02\xae\x00\x02\xb0\x00\x02\xb9\x00\x00\x00",
)

SERVED = ()
