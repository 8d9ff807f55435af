# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Ready-made sites for demo, years and tests: settings dicts and the truth behind them."""

from bms_bridge.tables import load
from simulator.bms import DEMO, GOOD
from simulator.world import START_UTC_S

# 16 cells LFP 280 Ah: a retired rack module; 96 cells NMC 150 Ah: a retired car pack.
_LFP16 = {
    "cells": 16,
    "temps": 4,
    "chemistry": "lfp",
    "capacity_mah": 280000,
    "maker": {
        "charge_ma": 140000,
        "discharge_ma": 140000,
        "cell_max_mv": 3650,
        "cell_min_mv": 2500,
        "temp_max_mc": 55000,
        "temp_min_mc": -20000,
        "temp_min_charge_mc": 0,
    },
    "grade": {
        "charge_ma": 90000,
        "discharge_ma": 100000,
        "capacity_mah": 238000,
        "capacity_std_mah": 5000,
        "grade": "B",
        "body": "KTR",
        "date": "2026-03-02",
    },
    "contract": {"charge_ma": 80000, "discharge_ma": 80000},
}
_NMC96 = {
    "cells": 96,
    "temps": 8,
    "chemistry": "nmc",
    "capacity_mah": 150000,
    "maker": {
        "charge_ma": 110000,
        "discharge_ma": 150000,
        "cell_max_mv": 4200,
        "cell_min_mv": 2800,
        "temp_max_mc": 55000,
        "temp_min_mc": -20000,
        "temp_min_charge_mc": 0,
    },
    "grade": {
        "charge_ma": 80000,
        "discharge_ma": 90000,
        "capacity_mah": 127000,
        "capacity_std_mah": 2500,
        "grade": "B",
        "body": "KTR",
        "date": "2026-03-02",
    },
    "contract": {"charge_ma": 70000, "discharge_ma": 70000},
}


def _facts(table):
    """The facts of a profile that the core needs, from its table."""
    return {
        "periods_ms": list(table.PERIODS_MS),
        "cell_lsb_mv": getattr(table, "CELL_LSB_MV", 1),
        "protection": getattr(table, "PROTECTION", "self_opening"),
        "opens_by": getattr(table, "OPENS_BY", "none"),
    }


def _periods(table):
    return {"periods_ms": list(table.PERIODS_MS)[:2]}


def settings(kind="lfp16", packs=1, mode="control", period_ms=1000):
    """Settings dict of a simulated site: kind "lfp16" (Seplos V3) or "nmc96" (SunSpec 802/805)."""
    base, profile, power_w = (_LFP16, "seplos_v3", 10000) if kind == "lfp16" else (_NMC96, "sunspec_802_805", 40000)
    lines = [
        {"kind": "tcp", "host": "127.0.0.1", "port": 15021 + k, "uart": 0, "baud": 0, "parity": "N"} for k in range(3)
    ]
    many = []
    for index in range(packs):
        pack = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
        pack.update(id="pack-%d" % (index + 1), serial="SIM%04d" % index, profile=profile, link=0, unit=index + 1)
        pack["facts"] = _facts(load(profile))
        many.append(pack)
    return {
        "version": 1,
        "site": "sim-site",
        "org": "sim",
        "device": "sim-site",
        "mode": mode,
        "period_ms": period_ms,
        "late_ms": 300,
        "links": lines,
        "packs": many,
        "pcs": {
            "id": "pcs",
            "profile": "sunspec_pcs",
            "link": 1,
            "unit": 1,
            "power_w": power_w * packs,
            "watchdog_ms": 5000,
            "facts": _periods(load("sunspec_pcs")),
        },
        "meter": {
            "id": "meter",
            "profile": "sunspec_meter",
            "link": 2,
            "unit": 1,
            "facts": _periods(load("sunspec_meter")),
        },
        "inputs": None,
        "uplink": None,
    }


def with_inverter(site, profile="pylontech_pcs"):
    """site (settings) with an inverter on a CAN bus that takes it for its battery."""
    line = {"kind": "can", "interface": "virtual", "channel": "inverter", "bitrate": 500000}
    pcs = dict(site["pcs"], profile=profile, link=len(site["links"]), unit=0, facts=_periods(load(profile)))
    return dict(site, pcs=pcs, links=site["links"] + [line])


# How the truth behind a site is: keyword arguments of World beside settings and seed. The demo's world
# begins at ten in the morning, so that after whole days the sun shines and current flows.
DEMO_TRUTH = {
    "start_utc_s": START_UTC_S + 36000,
    "plants": [{"soc": 0.43, "health": 0.84, "leaks_ma": {11: 240.0}}],
    "vices": DEMO,
    "sunny": 1.0,
}
YEAR_TRUTH = {
    "plants": [{"soc": 0.45, "health": 0.84, "leaks_ma": {11: 6.0}}],
    "vices": GOOD,
    "sunny": 0.85,
}
