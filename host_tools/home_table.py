# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""edge/shell/home_table.py: which metrics Home Assistant shows, and how (written by python -m host_tools.docs).

Keys come from edge.core.registry, record classes and units from host_tools.metrics. A board has no room for either.
"""

from pathlib import Path

from edge.core.registry import KEYS
from host_tools.metrics import METRICS

PATH = Path(__file__).resolve().parent.parent / "edge" / "shell" / "home_table.py"
# Unit of the registry: (unit of Home Assistant, digits behind the point).
UNITS = {
    "ppm": ("%", 4),
    "mV": ("V", 3),
    "mA": ("A", 3),
    "mAh": ("Ah", 3),
    "m°C": ("°C", 3),
    "W": ("W", 0),
    "mWh": ("kWh", 6),
}
# Device classes of numbers that have one; a class demands its unit.
CLASSES = {"mV": "voltage", "mA": "current", "m°C": "temperature", "W": "power", "mWh": "energy"}
# Words of a code: number in edge.shell.home_assistant.
MODES, QUALITIES, SOURCES, FAULTS = 1, 2, 3, 4
# (metric, name that people see, words of its code or 0, 1: it is not known while the BMS is not believed)
ENTITIES = (
    ("soc", "State of charge", 0, 1),
    ("bms_soc", "State of charge by the BMS", 0, 1),
    ("pack_v", "Voltage", 0, 1),
    ("current", "Current", 0, 1),
    ("power", "Power", 0, 1),
    ("cell_max", "Highest cell", 0, 1),
    ("cell_min", "Lowest cell", 0, 1),
    ("temp_max", "Highest temperature", 0, 1),
    ("temp_min", "Lowest temperature", 0, 1),
    ("capacity", "Capacity", 0, 1),
    ("wh_in", "Energy in", 0, 1),
    ("wh_out", "Energy out", 0, 1),
    ("charge_limit", "Permitted to charge", 0, 0),
    ("charge_why", "Charging is limited by", SOURCES, 0),
    ("discharge_limit", "Permitted to discharge", 0, 0),
    ("discharge_why", "Discharging is limited by", SOURCES, 0),
    ("mode", "Mode", MODES, 0),
    ("active", "Faults", FAULTS, 0),
    ("quality", "Data", QUALITIES, 0),
)
HEAD = '''# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made by `python -m host_tools.docs` from edge/core/registry.py, host_tools/metrics.py and host_tools/home_table.py; do
# not edit.
"""What Home Assistant is shown of a pack."""

# (record class, key, name, what people see, unit, digits behind the point, device class, state class, words of a code,
# 1: not known while the BMS is not believed)
ROWS = (
'''


def row(name, label, words, measured):
    """One row of the table, of a metric."""
    unit, classes, _ = METRICS[name]
    cls = next(each for each in "TMB" if each in classes)
    if words:
        return cls, KEYS[name], name, label, "", 0, "", "", words, measured
    shown, digits = UNITS[unit]
    device_class = "battery" if name == "soc" else CLASSES.get(unit, "")
    state_class = "total_increasing" if device_class == "energy" else "measurement"
    return cls, KEYS[name], name, label, shown, digits, device_class, state_class, 0, measured


def table_text():
    """The whole text of edge/shell/home_table.py."""
    lines = []
    for entity in ENTITIES:
        values = ['"%s"' % value if isinstance(value, str) else str(value) for value in row(*entity)]
        lines.append("    (%s),\n" % ", ".join(values))
    return HEAD + "".join(lines) + ")\n"
