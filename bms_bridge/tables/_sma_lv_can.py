# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/sma_lv_can.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "No cell list crosses this protocol: a site that controls needs a second way to the cells, else check refuses control.",
    "Highest and lowest cell and temperature come only from devices with Victron's extension 0x373.",
    "Alarms are pairs of bits: 01 arrived, 10 gone. 11 counts as arrived.",
    "A temperature of -150.0 degrees has been seen for not known: outside the range.",
    "Many devices fall silent when nobody sends 0x305.",
)

FIELDS = (
    ((65535, 0, 65535), (-32768, -32768, 32767), (-32768, -32768, 32767)),
    ((65535, 0, 65535), (65535, 0, 65535)),
    ((-32768, -32768, 32767), (-32768, -32768, 32767)),
    (),
    ((65535, 0, 65535), (65535, 0, 65535), (65535, 0, 65535), (65535, 0, 65535)),
)

ARRAYS = ((), (), ((-32768, -32768, 32767),), (), ())

TEMPLATES = (
    b"\x00\x00\x00\x00\x00\x00\xc0\x01",
    b"\x00\x00\x00\x00",
    b"\x00\x00\x00\x00\x00\x00",
    b"\xaa\xaa\xaa\x02\xaa\xaa\xaa\x02",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
)

SERVED = ()
