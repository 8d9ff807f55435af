# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/pylontech_pcs.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "The inverter's time-out can neither be set nor read back: control needs an independent opening path at every pack.",
    "Nothing in this protocol tells the inverter's current: the closed loop sees only what the BMS measures.",
    "A state of charge that is not known cannot be said: 0x355 is left out, currents are 0 and enable bits off.",
    "Force-charge and full-charge bits of 0x35C are never sent; the gate lets none through.",
    "Alarms of 0x35A are pairs of bits: 01 came, 10 went.",
)
