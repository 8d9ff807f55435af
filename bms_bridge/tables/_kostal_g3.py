# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/kostal_g3.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "Battery limitation needs a PLENTICORE G3 with software 03.05 or later; other series do not have these registers.",
    "Its shortest time-out is 30 s: set pcs.watchdog_s to 30 or more and give the site a dead-man contactor (LIMITS 3.6).",
    "TCP port 1502, unit 71. Byte order must be big-endian (Settings, Modbus/SunSpec); with the other one nothing is believed.",
    "An asked power goes to register 1034 (- charges), which counts only with battery control set to external via Modbus TCP; it is written while somebody asks, then once 0, and the inverter's own logic goes on after its time-out.",
    "The limits are watts at the battery's DC side of this inverter; the sign of register 582 is taken as that of register 200 (- charges).",
)

FIELDS = (
    (),
    (),
    ((11, 1, 1, 0, 0, 2, 2143289344, 0, 4294967295), (8, 1, 1, 0, 16, 2, 2143289344, 0, 4294967295)),
    ((3, -1, 1, 0, 0, 1, -32768, -32767, 32767),),
    (),
    (
        (9, 1, 1, 0, 0, 2, 2143289344, 0, 4294967295),
        (10, 1, 1, 0, 2, 2, 2143289344, 0, 4294967295),
        (7, 1000, 1, 0, 9, 1, 0, 1, 65535),
    ),
)

ARRAYS = ((), (), (), (), (), ())

PACKS = (">1H", ">2H", ">18H", ">1H", ">2H", ">10H")

TEMPLATES = (
    (1,),
    (0, 65535),
    (65535, 65535, 0, 0, 0, 0, 0, 0, 16256, 0, 0, 0, 0, 0, 16840, 0, 65535, 65535),
    (65535,),
    (0, 0),
    (65535, 65535, 65535, 65535, 0, 0, 0, 0, 0, 65535),
)

SERVED = ()
