# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The metric registry: the key of every number that leaves a site, declared once.

From this table come the record bodies (integer keys) and the decoder of the backend; units, classes and meaning of
each stand in host_tools/metrics.py, which a board has no room for. Keys are never reused; a reader ignores keys that
it does not know. + current and power charge.
"""

KEYS = {
    "soc": 1,
    "soc_std": 2,
    "soc_why": 3,
    "bms_soc": 4,
    "bms_soh": 5,
    "capacity": 6,
    "capacity_std": 7,
    "bias": 8,
    "leak_cell": 9,
    "leak": 10,
    "leak_std": 11,
    "weakest_cell": 12,
    "strongest_cell": 13,
    "resistance": 14,
    "resistance_std": 15,
    "lli": 16,
    "lam_negative": 17,
    "lam_positive": 18,
    "pack_v": 20,
    "current": 21,
    "cell_max": 22,
    "cell_min": 23,
    "temp_max": 24,
    "temp_min": 25,
    "alarms": 26,
    "quality": 27,
    "age": 28,
    "charge_limit": 30,
    "charge_why": 31,
    "discharge_limit": 32,
    "discharge_why": 33,
    "mode": 34,
    "pcs_dc_current": 40,
    "pcs_dc_v": 41,
    "pcs_charge_limit": 42,
    "pcs_discharge_limit": 43,
    "pcs_power": 44,
    "wh_in": 50,
    "wh_out": 51,
    "ah_in": 52,
    "ah_out": 53,
    "meter_in": 54,
    "meter_out": 55,
    "time_known": 56,
    "time_unknown": 57,
    "event": 60,
    "fault": 61,
    "detail": 62,
    "late": 63,
    "late_max": 64,
    "gap_from": 70,
    "gap_to": 71,
    "gap_class": 72,
    "gap_reason": 73,
    "site": 80,
    "pack_id": 81,
    "profile": 82,
    "version": 83,
    "grade": 84,
    "serial": 85,
    "cells": 86,
    "current_min": 90,
    "current_max": 91,
    "samples": 92,
    "charge_10s": 100,
    "charge_5min": 101,
    "charge_1h": 102,
    "discharge_10s": 103,
    "discharge_5min": 104,
    "discharge_1h": 105,
    "anomaly": 110,
    "anomaly_where": 111,
    "anomaly_value": 112,
    "anomaly_std": 113,
    "anomaly_text": 114,
    "sources": 120,
    "charge_before": 121,
    "charge_why_before": 122,
    "discharge_before": 123,
    "discharge_why_before": 124,
    "charge_document": 125,
    "discharge_document": 126,
    "suppressed": 127,
    "active": 128,
    "mode_before": 129,
    "frame": 130,
    "frame_at": 131,
    "gap_boot": 132,
    "gap_since": 133,
    "gap_until": 134,
    "gap_count": 135,
    "grade_number": 136,
    "grade_version": 137,
    "grade_signer": 138,
    "grade_hash": 139,
    "grade_until": 140,
}


def key(name):
    """Key of the metric called name; raises KeyError when there is none."""
    return KEYS[name]


def name(number):
    """Name of the metric with that key, or None for a key of a later version."""
    for each in KEYS:
        if KEYS[each] == number:
            return each
    return None
