# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/sdm630.yaml by bms_bridge.compile. Do not edit.

CAVEATS = (
    "The meter is wired so that imported energy flows into the battery: import is in, export is out, power is positive into it.",
    "Energy is a float of 24 bits: above 16 777 kWh its steps are larger than 1 Wh.",
    "No recorded frame was at hand: the map is the vendor's, the bytes of the examples are made by hand.",
)

FIELDS = (
    ((4, 1, 1, 0, 0, 2, 2143289344, 0, 4294967295),),
    ((5, 1, 1, 0, 0, 2, 2143289344, 0, 4294967295), (6, 1, 1, 0, 2, 2, 2143289344, 0, 4294967295)),
)

ARRAYS = ((), ())

PACKS = (">2H", ">4H")

TEMPLATES = ((0, 0), (0, 0, 0, 0))

SERVED = ()
