# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/modules/moxa_e1214.yaml by bms_bridge.compile. Do not edit.

NAME = "moxa_e1214"

KIND = "inputs"

INFO = {
    "title": "Moxa ioLogik E1214, 6 digital inputs on Modbus TCP",
    "source": "Moxa ioLogik E1200 Series User's Manual, appendix A, E1214 Modbus mapping (default addresses): https://www.manualshelf.com/manual/moxa/iologik-e1210/user-s-manual-english/page-91.html | the same map as a file, from edition 16.1 of the manual: https://raw.githubusercontent.com/nobrega8/mbmap-library/main/maps/moxa/iologik-e1214.mbmap.json",
    "licence": "Apache-2.0 (this file); the register map is a fact of the vendor's document",
    "line": "tcp",
}

FIRST = 0

POINTS = 6

BLOCKS = ((2, 0, 6, 250, 1),)

SIZES = (1,)

FIELDS = (None,)

ARRAYS = ((),)

PERIODS_MS = (250,)

WATCH = ()
