# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/bmw_i3.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "No single cell crosses this profile: this battery tells them one by one and only to a started routine (31 01 AD 6E), and nothing but 22 is ever sent. Highest and lowest cell are read; a site that controls needs a second way to the cells, else check refuses control.",
    "Nothing here closes the contactors: they follow 0x10B (a counter and CRC-8 1D, init 3F) that the vehicle or another controller sends every 20 ms, and open when it stays away.",
    "It talks while its wake-up pin has 12 V, without any frame from outside; its limits are 0 until the contactors may close.",
    "The limits in A (0x2F5) and in W (0x40D) are both read, the lower one counts. Powers out of the battery are sent as their distance below 0x10000: FFFC is 12 W and goes with 0 A in 0x2F5, F358 is 9.7 kW and goes with 30 A, 5F03 is 123.6 kW and goes with 409 A (three recordings). Read as a plain number it would say 196 kW for a battery that allows nothing.",
    "The sign of the current: two parked cars with closed contactors read -0.8 and -1.3 A. No recording under charge was found.",
    "The frames used here carry no checksum. 0x2BD has one (CRC-8 1D, init 15) that fits two recorded cars and never a recorded battery alone: it is not read.",
    "FF is sent for not known in the first seconds.",
    "A request to open the contactors, an open interlock and a stuck contactor are alarms; 3, which means that a state is not valid, counts as the alarm too.",
    "Two identifiers are those of BYD batteries towards inverters: a bus of its own.",
)

FIELDS = (
    ((65535, 0, 65535), (65535, 0, 65535), (4095, 0, 4095)),
    ((255, 0, 255), (255, 0, 255)),
    ((65535, 0, 65535), (65535, 0, 65535), (65535, 0, 65535)),
    ((65535, 0, 65535), (65535, 0, 65535)),
    ((65535, 0, 65535),),
    ((4095, 0, 4095),),
    ((65535, 0, 65535), (65535, 0, 65535)),
    ((4294967295, 0, 4294967295),),
    ((65535, 0, 65535),),
)

ARRAYS = ((), (), (), (), (), (), (), (), ())

TEMPLATES = (
    b"\x00\x00\x00\x00\x00\x70\x15\x5b",
    b"\x41\x69\x45\xf0\x4b\x4c\xff\xff",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xff\x94\x25\xac\x01\xff\xff\xff",
    b"\xd6\xff\xff\xff\xff\x4e\xf4\x4b",
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x00",
    b"\x2f\x09\x2f\xb6\x2f\x5c\x99\x33\x99\x52\x99\x3e\x08\x35\x08\x99\x08\x85\xff\xff\xff\xff\x29\x9f\x1c\xb3\x1d\x25\x1c\xea\x99\x34\x99\x52\x99\x43\x29\x9f",
)

SERVED = ()
