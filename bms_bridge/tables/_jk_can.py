# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/jk_can.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "The protocol states no discharge limit: a site with this profile can only observe. jk_pb and jk_pb_frames read the limits of a PB model over RS-485.",
    "The BMS has to be set to the 250 k protocol of JK; in its Victron and Pylontech modes other identifiers come (pylontech_lv_can).",
    "Devices 0 to 11; beyond that the last byte of the identifier would overflow, and nobody has shown what the BMS does then.",
    "Alarm messages (0x7F4) come only while an alarm lasts; five periods without one, at least a second, end it. Every level of an alarm counts as the alarm.",
    "Bits 11 to 17 of the faults (0x18F328F4) differ by one between the vendor's table and its own example; the table is used.",
    "Firmware of the first version sends no cell messages and no faults; it lacks the groups cells and alarms here.",
    "CAN BMS_BB_PKG (relay packs) sends the same identifiers with another order of alarms and temperatures: not this profile.",
    "A cell of 0 mV is a place that is not fitted: the site names the cells that are.",
    "The third of the temperature places is the switches' (MOSFET) sensor.",
    "No frame recorded from a device was public; the examples are the vendor's or synthesised.",
)

FIELDS = (
    ((65535, 0, 65535), (65535, 0, 65535), (255, 0, 255)),
    ((65535, 0, 65535), (65535, 0, 65535)),
    ((255, 0, 255), (255, 0, 255)),
    (),
    (),
    (),
    ((255, 0, 255),),
    (),
    (),
    (),
    (),
    (),
    (),
)

ARRAYS = (
    (),
    (),
    (),
    (),
    ((255, 0, 255),),
    (),
    (),
    ((65535, 0, 65535),),
    ((65535, 0, 65535),),
    ((65535, 0, 65535),),
    ((65535, 0, 65535),),
    ((65535, 0, 65535),),
    ((65535, 0, 65535),),
)

TEMPLATES = (
    b"\x00\x00\xa0\x0f\x00",
    b"\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
)

SERVED = ()
