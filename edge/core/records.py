# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The records that cross the rooms. Tuples, built whole in one place, never changed.

Units are the last part of every name; integers everywhere; + current charges the battery.
None means not known: never 0 and never a plausible default. A list never changes its length:
position is identity, a dead sensor is one None. No record stores an age: an age is now_ms - at_ms,
computed where it is used.
"""

from collections import namedtuple

# Quality of a group of signals. Only OK lets a value through.
OK = 0
MISSING = 1
STALE = 2
FROZEN = 3
SENTINEL = 4
IMPLAUSIBLE = 5
QUALITY = ("ok", "missing", "stale", "frozen", "sentinel", "implausible")

# Groups of a BMS sample, in the order of Sample.groups.
G_PACK = 0  # pack voltage
G_CURRENT = 1
G_EXTREMES = 2  # highest and lowest cell and temperature as the BMS states them
G_CELLS = 3
G_TEMPS = 4
G_STATE = 5  # the BMS's own SoC and SoH: information only
G_LIMITS = 6  # the BMS's own charge and discharge limits
G_ALARMS = 7
GROUPS = ("pack", "current", "extremes", "cells", "temps", "state", "limits", "alarms")
# A PCS and a meter have two groups: what they measure, and what they were told (read back).
G_MEASURE = 0
G_READBACK = 1

# quality: one of the codes above. at_ms: monotonic arrival time of the last fresh read, None before
# the first. count: number of fresh reads so far (a transport that hangs does not count up).
Group = namedtuple("Group", ("quality", "at_ms", "count"))
NEVER = Group(MISSING, None, 0)

# What a BMS said. at_ms: newest arrival of any group. cell_mv, temp_mc: tuples, one place per sensor.
# bms_*_ma: the BMS's own limits as magnitudes >= 0. alarms: bits of SunSpec model 802 Evt1.
Sample = namedtuple(
    "Sample",
    (
        "at_ms",
        "pack_mv",
        "current_ma",
        "cell_max_mv",
        "cell_min_mv",
        "temp_max_mc",
        "temp_min_mc",
        "cell_mv",
        "temp_mc",
        "bms_soc_ppm",
        "bms_soh_ppm",
        "bms_charge_ma",
        "bms_discharge_ma",
        "bms_charge_mv",
        "alarms",
        "groups",
    ),
)

# What a PCS said. dc_ma, dc_w: + charges the battery. charge_w, discharge_w: the limits it holds now
# (read back, magnitudes). watchdog_ms: the time-out it holds now, 0 = off. state: 0 off, 1 standby,
# 2 running, 3 fault, None unknown.
PcsSample = namedtuple(
    "PcsSample",
    ("at_ms", "dc_mv", "dc_ma", "dc_w", "state", "charge_w", "discharge_w", "watchdog_ms", "groups"),
)

# What the energy meter said. in_wh: into the battery, out_wh: out of it (registers, only growing).
MeterSample = namedtuple("MeterSample", ("at_ms", "in_wh", "out_wh", "power_w", "groups"))

# Digital inputs as the wire says them. estop, smoke, door, insulation: True active, False quiet,
# None unknown (= active). contactor: True closed, False open, None not wired.
Inputs = namedtuple("Inputs", ("at_ms", "estop", "smoke", "insulation", "door", "contactor"))

# One estimate: value, one standard deviation, monotonic time of its last information, reason code
# of edge.core.soc.WHY. value None = not known (or not observable: the reason says which).
Est = namedtuple("Est", ("value", "std", "at_ms", "why"))
UNKNOWN = Est(None, None, None, 0)

# soc: ppm of the present capacity. weakest, strongest: (cell index, Est in ppm). leak: (cell index,
# Est in mA of self-discharge). bias: current sensor offset in mA.
Estimates = namedtuple(
    "Estimates",
    ("soc", "weakest", "strongest", "capacity_mah", "bias_ma", "resistance_uohm", "leak", "spread_mv", "efc_ppm"),
)

# What may flow now. charge_ma, discharge_ma: magnitudes >= 0. *_why: the source that binds.
# sources: ((source, charge_ma or None, discharge_ma or None), ...) of every source, for the reader.
Limits = namedtuple("Limits", ("charge_ma", "charge_why", "discharge_ma", "discharge_why", "charge_mv", "sources"))

# An instruction that expires. target: index of the pack, or -1 for the PCS. pack_mv: the battery
# voltage the limits were made for. contactor: 1 close, 0 open, None not ours. decision: the guard's
# decision counter; the gate takes no permit without the next one.
Command = namedtuple(
    "Command",
    (
        "target",
        "charge_ma",
        "discharge_ma",
        "charge_mv",
        "pack_mv",
        "precharge",
        "contactor",
        "valid_until_ms",
        "decision",
    ),
)

# One report. cls: one of the letters below. pairs: ((metric key, value), ...) by growing key.
Record = namedtuple("Record", ("cls", "pack", "mono_ms", "wall_ms", "clock_quality", "pairs"))
CLASSES = ("E", "X", "B", "M", "T", "I")

# The result of one step. commands: one per actuator, in settings order, always complete. state: dict
# to save or None when nothing needs saving.
Outcome = namedtuple("Outcome", ("commands", "records", "state", "wake_ms", "decision"))

# SunSpec model 802 Evt1: our alarm vocabulary (bit numbers).
ALARMS = (
    "comm_error",
    "over_temp_alarm",
    "over_temp_warning",
    "under_temp_alarm",
    "under_temp_warning",
    "over_charge_current_alarm",
    "over_charge_current_warning",
    "over_discharge_current_alarm",
    "over_discharge_current_warning",
    "over_volt_alarm",
    "over_volt_warning",
    "under_volt_alarm",
    "under_volt_warning",
    "under_soc_alarm",
    "under_soc_warning",
    "over_soc_alarm",
    "over_soc_warning",
    "volt_imbalance_warning",
    "temp_imbalance_alarm",
    "temp_imbalance_warning",
    "contactor_error",
    "fan_error",
    "ground_fault",
    "open_door",
    "current_imbalance_warning",
    "other_alarm",
    "other_warning",
    "reserved_27",
    "config_alarm",
    "config_warning",
)
