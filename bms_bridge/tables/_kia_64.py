# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/kia_64.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "Silence on the bus does not open the contactors, and this product sends no diagnostic commands: only the supply of their coils opens them.",
    "Cell voltages come in steps of 20 mV: no estimate may take them for finer.",
    "The BMS states its limits in W; amperes are worked out with the pack voltage of the same moment.",
    "No alarm map of this BMS is known. Alarms are two of its measured values outside their limits: water in the case, insulation under 50 kOhm.",
    "Frames carry no checksum.",
    "Part number 37501-AO050 speaks CAN FD and froze its SoC in the field: not this profile.",
    "90 cells (39 kWh) or 88 (38 kWh): the site says cells: 90 or 88. Packs of the LG recall: fire warning of the manufacturer.",
    "The places of the charge and discharge limits in the answer 01 05 are only plausible; the broadcast ones are used.",
)

FIELDS = (
    ((65535, 0, 65535), (65535, 0, 65535), (255, 0, 255)),
    ((65535, 0, 65535), (-32768, -32768, 32767)),
    (),
    (
        (255, 0, 255),
        (255, 0, 255),
        (-128, -128, 127),
        (-128, -128, 127),
        (4294967295, 0, 4294967295),
        (4294967295, 0, 4294967295),
        (4294967295, 0, 4294967295),
        (4294967295, 0, 4294967295),
    ),
    (),
    (),
    (),
    ((65535, 0, 65535),),
)

ARRAYS = (
    (),
    (),
    (),
    ((-128, -128, 127),),
    ((255, 0, 255),),
    ((255, 0, 255),),
    ((255, 0, 255),),
    ((255, 0, 255),),
)

TEMPLATES = (
    b"\x00\x00\x00\x00\x00\x00\x01\x20",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\xa0\xc8\xa0\x00\x04",
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
)

SERVED = ()
