# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made by `python -m host_tools.docs` from edge/core/registry.py, host_tools/metrics.py and host_tools/home_table.py; do
# not edit.
"""What Home Assistant is shown of a pack."""

# (record class, key, name, what people see, unit, digits behind the point, device class, state class, words of a code,
# 1: not known while the BMS is not believed)
ROWS = (
    ("T", 1, "soc", "State of charge", "%", 4, "battery", "measurement", 0, 1),
    ("T", 4, "bms_soc", "State of charge by the BMS", "%", 4, "", "measurement", 0, 1),
    ("T", 20, "pack_v", "Voltage", "V", 3, "voltage", "measurement", 0, 1),
    ("T", 21, "current", "Current", "A", 3, "current", "measurement", 0, 1),
    ("M", 202, "power", "Power", "W", 0, "power", "measurement", 0, 1),
    ("T", 22, "cell_max", "Highest cell", "V", 3, "voltage", "measurement", 0, 1),
    ("T", 23, "cell_min", "Lowest cell", "V", 3, "voltage", "measurement", 0, 1),
    ("T", 24, "temp_max", "Highest temperature", "°C", 3, "temperature", "measurement", 0, 1),
    ("T", 25, "temp_min", "Lowest temperature", "°C", 3, "temperature", "measurement", 0, 1),
    ("M", 6, "capacity", "Capacity", "Ah", 3, "", "measurement", 0, 1),
    ("B", 50, "wh_in", "Energy in", "kWh", 6, "energy", "total_increasing", 0, 1),
    ("B", 51, "wh_out", "Energy out", "kWh", 6, "energy", "total_increasing", 0, 1),
    ("T", 30, "charge_limit", "Permitted to charge", "A", 3, "current", "measurement", 0, 0),
    ("T", 31, "charge_why", "Charging is limited by", "", 0, "", "", 3, 0),
    ("T", 32, "discharge_limit", "Permitted to discharge", "A", 3, "current", "measurement", 0, 0),
    ("T", 33, "discharge_why", "Discharging is limited by", "", 0, "", "", 3, 0),
    ("T", 34, "mode", "Mode", "", 0, "", "", 1, 0),
    ("T", 128, "active", "Faults", "", 0, "", "", 4, 0),
    ("T", 27, "quality", "Data", "", 0, "", "", 2, 0),
)
