# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Words of the profile language: units, types of registers, fields of the records."""

# unit -> (unit of the record, how many of those)
UNITS = {
    "V": ("mv", 1000),
    "mV": ("mv", 1),
    "A": ("ma", 1000),
    "mA": ("ma", 1),
    "C": ("mc", 1000),
    "%": ("ppm", 10000),
    "W": ("w", 1),
    "kW": ("w", 1000),
    "Wh": ("wh", 1),
    "kWh": ("wh", 1000),
    "Ah": ("mah", 1000),
    "mAh": ("mah", 1),
    "Ohm": ("ohm", 1),
    "kOhm": ("ohm", 1000),
    "s": ("ms", 1000),
    "ms": ("ms", 1),
}
# type -> (format letter, words, lowest raw, highest raw)
TYPES = {
    "uint16": ("H", 1, 0, 0xFFFF),
    "int16": ("h", 1, -0x8000, 0x7FFF),
    "uint32": ("I", 2, 0, 0xFFFFFFFF),
    "int32": ("i", 2, -0x80000000, 0x7FFFFFFF),
    "uint8": ("B", 1, 0, 0xFF),
    "float32": ("I", 2, 0, 0xFFFFFFFF),
    "float32_swapped": ("I", 2, 0, 0xFFFFFFFF),  # low word first
}
FLOATS = ("float32", "float32_swapped")
# kind -> {field: (slot, group)}
FIELDS = {
    "bms": {
        "pack_mv": (1, 0),
        "current_ma": (2, 1),
        "cell_max_mv": (3, 2),
        "cell_min_mv": (4, 2),
        "temp_max_mc": (5, 2),
        "temp_min_mc": (6, 2),
        "cell_mv": (7, 3),
        "temp_mc": (8, 4),
        "bms_soc_ppm": (9, 5),
        "bms_soh_ppm": (10, 5),
        "bms_charge_ma": (11, 6),
        "bms_discharge_ma": (12, 6),
        "bms_charge_mv": (13, 6),
    },
    "pcs": {
        "dc_mv": (1, 0),
        "dc_ma": (2, 0),
        "dc_w": (3, 0),
        "state": (4, 0),
        "charge_w": (5, 1),
        "discharge_w": (6, 1),
        "watchdog_ms": (7, 1),
        "rated_w": (None, 1),
    },
    "meter": {"in_wh": (1, 0), "out_wh": (2, 0), "power_w": (3, 0)},
}
