# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The metric registry: every number that leaves a site, declared once.

From this table come the record bodies (integer keys), the decoder of the backend and the documents.
Keys are never reused; a reader ignores keys that it does not know. + current and power charge.
"""

# (key, name, unit, classes, meaning)
METRICS = (
    (1, "soc", "ppm", "TM", "state of charge of the pack, own estimate"),
    (2, "soc_std", "ppm", "TM", "one standard deviation of soc"),
    (3, "soc_why", "code", "T", "reason code of soc (edge.core.soc.WHY)"),
    (4, "bms_soc", "ppm", "TM", "state of charge as the BMS says it"),
    (5, "bms_soh", "ppm", "T", "state of health as the BMS says it"),
    (6, "capacity", "mAh", "TM", "present capacity, own estimate"),
    (7, "capacity_std", "mAh", "TM", "one standard deviation of capacity"),
    (8, "bias", "mA", "T", "offset of the BMS current sensor, own estimate"),
    (9, "leak_cell", "index", "T", "cell with the largest self-discharge, from 0"),
    (10, "leak", "mA", "T", "self-discharge of that cell"),
    (11, "leak_std", "mA", "T", "one standard deviation of leak"),
    (12, "weakest_cell", "index", "T", "cell with the lowest state of charge, from 0"),
    (13, "strongest_cell", "index", "T", "cell with the highest state of charge, from 0"),
    (20, "pack_v", "mV", "TM", "pack voltage"),
    (21, "current", "mA", "TM", "pack current as the BMS measures it"),
    (22, "cell_max", "mV", "TM", "highest cell voltage"),
    (23, "cell_min", "mV", "TM", "lowest cell voltage"),
    (24, "temp_max", "m°C", "TM", "highest temperature"),
    (25, "temp_min", "m°C", "TM", "lowest temperature"),
    (26, "alarms", "bits", "TE", "alarm bits of the BMS, SunSpec 802 Evt1"),
    (27, "quality", "code", "T", "worst quality of the required groups (edge.core.records.QUALITY)"),
    (28, "age", "ms", "T", "age of the oldest required group"),
    (30, "charge_limit", "mA", "TM", "permitted charge current"),
    (31, "charge_why", "code", "T", "source that binds it (edge.core.limits.SOURCES)"),
    (32, "discharge_limit", "mA", "TM", "permitted discharge current"),
    (33, "discharge_why", "code", "T", "source that binds it"),
    (34, "mode", "code", "TE", "mode of the site (edge.core.faults.MODES_NAMES)"),
    (40, "pcs_dc_current", "mA", "TM", "DC current as the PCS measures it"),
    (41, "pcs_dc_v", "mV", "T", "DC voltage as the PCS measures it"),
    (42, "pcs_charge_limit", "W", "T", "charge limit read back from the PCS"),
    (43, "pcs_discharge_limit", "W", "T", "discharge limit read back from the PCS"),
    (44, "pcs_power", "W", "TM", "DC power as the PCS measures it"),
    (50, "wh_in", "mWh", "B", "energy into the pack by the BMS's current and voltage, since installation"),
    (51, "wh_out", "mWh", "B", "energy out of the pack, since installation"),
    (52, "ah_in", "mAh", "B", "charge into the pack, since installation"),
    (53, "ah_out", "mAh", "B", "charge out of the pack, since installation"),
    (54, "meter_in", "Wh", "B", "energy register of the meter, into the battery"),
    (55, "meter_out", "Wh", "B", "energy register of the meter, out of the battery"),
    (56, "time_known", "ms", "B", "time integrated with a valid current"),
    (57, "time_unknown", "ms", "B", "time in which the current was not known: not integrated"),
    (60, "event", "code", "E", "what happened (edge.core.faults.EVENTS)"),
    (61, "fault", "code", "E", "fault concerned (edge.core.faults.FAULTS)"),
    (62, "detail", "number", "E", "number that decided, unit by fault"),
    (63, "late", "ms", "TE", "lateness of the step"),
    (64, "late_max", "ms", "T", "largest lateness since start"),
    (70, "gap_from", "seq", "E", "first sequence number that a budget dropped"),
    (71, "gap_to", "seq", "E", "last sequence number that a budget dropped"),
    (72, "gap_class", "code", "E", "class dropped, as the code of its letter"),
    (73, "gap_reason", "code", "E", "1 budget"),
    (80, "site", "text", "I", "name of the site"),
    (81, "pack_id", "text", "I", "name of the pack"),
    (82, "profile", "text", "I", "profile of the BMS"),
    (83, "version", "text", "I", "version of this software"),
    (84, "grade", "text", "I", "grade, test centre and date"),
    (85, "serial", "text", "I", "serial of the pack"),
    (86, "cells", "count", "I", "cells in series"),
    (90, "current_min", "mA", "M", "lowest pack current in the minute"),
    (91, "current_max", "mA", "M", "highest pack current in the minute"),
    (92, "samples", "count", "M", "fresh current readings in the minute"),
)


def key(name):
    """Key of the metric called name; raises ValueError when there is none."""
    for row in METRICS:
        if row[1] == name:
            return row[0]
    raise ValueError(name)


def name(number):
    """Name of the metric with that key, or None for a key of a later version."""
    for row in METRICS:
        if row[0] == number:
            return row[1]
    return None
