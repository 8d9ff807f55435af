# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from profiles/modules/waveshare_io_8ch.yaml by bms_bridge.compile. Do not edit.

NAME = "waveshare_io_8ch"

KIND = "inputs"

INFO = {
    "title": "Waveshare Modbus RTU IO 8CH, 8 isolated digital inputs",
    "source": "Waveshare wiki, Modbus RTU IO 8CH, 9600 baud, N, 8, 1, device address 1: http://www.waveshare.com/wiki/Modbus_RTU_IO_8CH",
    "licence": "Apache-2.0 (this file); the register map is a fact of the vendor's document",
    "line": "rtu",
    "baud": 9600,
}

FIRST = 1

POINTS = 8

BLOCKS = ((2, 0, 8, 250, 1),)

SIZES = (1,)

FIELDS = (None,)

ARRAYS = ((),)

PERIODS_MS = (250,)

WATCH = ()
