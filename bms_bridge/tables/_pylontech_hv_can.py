# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/pylontech_hv_can.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "The battery answers to 0x4200 and is silent without it; the site asks once a second, in observe too. Every device answers to the same question.",
    "Without the marks of 0x4280 the alarms are not known: a battery that does not send them can only be observed.",
    "No cell list and no temperature list cross this protocol, only the extremes.",
    "The current's sign (positive charges) comes from sources, not from a recording with current: prove it on site.",
    "The discharge limit has been recorded positive and is described as negative; its sign is not used.",
    "Marks that forbid charging or discharging (0x4280, 0xAA) count as over_soc_alarm and under_soc_alarm: current in that direction stays 0.",
    "Makers differ: some send currents without the offset of 3000 A, some high byte first. Both are implausible here, never wrong values.",
    "Voltages below 50 V and currents above 1000 A are taken as not believable.",
    "0x3010, 0x8200 (wake, sleep) and 0x8210 (charge and discharge commands) are never sent.",
)

FIELDS = (
    ((65535, 0, 65535), (65535, 0, 65535), (255, 0, 255), (255, 0, 255)),
    ((65535, 0, 65535), (65535, 0, 65535), (65535, 0, 65535)),
    ((65535, 0, 65535), (65535, 0, 65535)),
    ((65535, 0, 65535), (65535, 0, 65535)),
    (),
    (),
)

ARRAYS = ((), (), (), (), (), ())

TEMPLATES = (
    b"\x00\x00\x30\x75\x4c\x04\x00\x00",
    b"\x00\x00\x00\x07\x30\x75\x30\x75",
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00",
)

SERVED = ()
