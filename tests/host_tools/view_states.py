# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Status dicts of the situations an operator meets. Synthesised by hand from the Status contract."""

import copy

PACK = {
    "id": "pack-1",
    "profile": "seplos_v3",
    "title": "Seplos V3",
    "cells": 16,
    "grade": "B",
    "body": "KTR",
    "date": "2026-03-02",
    "age_ms": 400,
    "quality": "ok",
    "soc_ppm": 613000,
    "soc_std_ppm": 8000,
    "soc_why": "rest anchor",
    "bms_soc_ppm": 685000,
    "bms_soh_ppm": 1000000,
    "weakest": [4, 589000],
    "strongest": [10, 620000],
    "capacity_mah": 231400,
    "capacity_std_mah": 1900,
    "capacity_age_ms": 172900000,
    "rated_mah": 280000,
    "pack_mv": 52960,
    "current_ma": -17700,
    "power_w": -937,
    "cell_min_mv": 3296,
    "cell_max_mv": 3318,
    "temp_min_mc": 15200,
    "temp_max_mc": 18400,
    "cell_mv": [3312, 3310, 3311, 3309, 3296, 3312, 3313, 3312, 3311, 3310, 3318, 3301, 3311, 3312, 3310, 3312],
    "leak": [11, 2.1, 0.5],
    "currents_ma": [[140000, 112300, 41200], [140000, 133700, 88400]],
    "second": {"capacity_mah": [225100, None], "gain_ppm": [None, None]},
    "advice": "visit of the upper knee",
    "anomalies": [
        ["bms_soc", -1, 72000, 8000, "the BMS says another SoC"],
        ["self_discharge", 11, 2100, 500, "loses charge against the other cells"],
    ],
    "charge_ma": 74000,
    "charge_why": "temperature",
    "discharge_ma": 80000,
    "discharge_why": "contract",
    "sources": [
        ["maker", 140000, 140000],
        ["grade", 90000, 100000],
        ["contract", 80000, 80000],
        ["bms", 110000, 120000],
        ["cell voltage", 140000, 140000],
        ["temperature", 74000, 140000],
        ["SoC", 140000, 140000],
        ["ramp", 140000, 140000],
    ],
}

HEALTHY = {
    "v": 1,
    "device": "gumi-014",
    "site": "gumi-014",
    "now_ms": 274320000,
    "utc_s": 1795324987,
    "clkq": 3,
    "mode": "control",
    "state": "running",
    "version": "0.1.0",
    "runtime": "micropython",
    "late_ms": 3,
    "late_max_ms": 41,
    "packs": [PACK],
    "pcs": {
        "dc_mv": 52910,
        "dc_ma": -17650,
        "dc_w": -934,
        "state": 2,
        "charge_w": 3840,
        "discharge_w": 4150,
        "watchdog_ms": 5000,
        "age_ms": 600,
        "obeys": True,
    },
    "meter": {
        "in_wh": 12431000,
        "out_wh": 11508000,
        "today_in_wh": 34200,
        "today_out_wh": 31900,
        "bms_in_wh": 12502000,
        "bms_out_wh": 11466000,
        "age_ms": 900,
    },
    "faults": [],
    "last": [{"ago_ms": 296000, "text": "bms_silent -> command 0 A"}],
    "link": {"connected": True, "backlog": 0, "last_ack_ms_ago": 2000, "seq": 184233, "lost": 0},
}


def healthy():
    """A pack that runs well, with a BMS whose SoC has drifted and one leaking cell."""
    return copy.deepcopy(HEALTHY)


def bms_silent():
    """The BMS has not answered for 12 s: values are gone, nothing may flow."""
    status = healthy()
    status["state"] = "stopped"
    gone = ("pack_mv", "current_ma", "power_w", "cell_min_mv", "cell_max_mv", "temp_min_mc", "temp_max_mc")
    status["packs"][0].update(dict.fromkeys(gone))
    status["packs"][0].update(age_ms=12000, quality="stale", bms_soc_ppm=None, bms_soh_ppm=None)
    status["packs"][0].update(cell_mv=[None] * 16, charge_ma=0, discharge_ma=0)
    status["packs"][0].update(charge_why="input", discharge_why="input")
    status["packs"][0]["sources"].append(["input", 0, 0])
    status["faults"] = [["bms_silent", 2000], ["input_invalid", 9000]]
    status["last"] = [
        {"ago_ms": 2000, "text": "fault raised: bms_silent"},
        {"ago_ms": 9000, "text": "running -> stopped (input_invalid, age 3.1 s), command 0 A"},
        {"ago_ms": 3610000, "text": "pcs_disobeys -> guard lowered to 40 A"},
    ]
    status["pcs"].update(dc_ma=0, dc_w=0, charge_w=0, discharge_w=0)
    return status


def disobedience():
    """The PCS draws more than it may."""
    status = healthy()
    status["faults"] = [["pcs_disobeys", 4200]]
    status["state"] = "stopped"
    status["packs"][0].update(current_ma=-96000, power_w=-5084, charge_ma=0, discharge_ma=0)
    status["packs"][0].update(charge_why="fault", discharge_why="fault")
    status["packs"][0]["sources"].append(["fault", 0, 0])
    status["pcs"].update(dc_ma=-96000, dc_w=-5084, obeys=False)
    status["last"] = [{"ago_ms": 4200, "text": "pcs_disobeys -> command 0 A"}]
    return status


def at_boot():
    """Just started: nothing has arrived yet."""
    status = dict.fromkeys(HEALTHY)
    status.update(v=1, device="gumi-014", site="gumi-014", now_ms=1200, clkq=0, mode="control", state="starting")
    status.update(version="0.1.0", runtime="cpython", faults=[], last=[])
    pack = dict.fromkeys(PACK)
    pack.update(id="pack-1", title="Seplos V3", cells=16, grade="B", body="KTR", date="2026-03-02")
    pack.update(quality="missing", charge_ma=0, charge_why="input", discharge_ma=0, discharge_why="input")
    pack.update(rated_mah=280000, sources=[["input", 0, 0], ["maker", 140000, 140000], ["bms", None, None]])
    status["packs"] = [pack]
    status["link"] = {"connected": False, "backlog": 1, "last_ack_ms_ago": None, "seq": 1, "lost": 0}
    return status


def many_cells():
    """A pack of 96 cells; one of them has no reading."""
    status = healthy()
    pack = status["packs"][0]
    voltages = [3905 + (7 * i) % 13 for i in range(96)]
    voltages[55], voltages[11], voltages[70] = 3880, 3894, None
    pack.update(id="HK64-0231", title="Kia e-Niro 64 kWh", cells=96, pack_mv=374860, power_w=-6635)
    pack.update(cell_min_mv=3880, cell_max_mv=3917, cell_mv=voltages, weakest=[55, 589000], leak=[11, 2.1, 0.5])
    return status


def two_packs():
    """Two packs on one PCS; the broker is away."""
    status = healthy()
    second = copy.deepcopy(status["packs"][0])
    second.update(id="pack-2", soc_ppm=598000, current_ma=-12100, age_ms=3100)
    status["packs"].append(second)
    status["link"].update(connected=False, backlog=231, last_ack_ms_ago=190000)
    return status


def nothing_known():
    """Every value of the status is None."""
    return dict.fromkeys(HEALTHY)


# name: (state, language, ASCII only, notice)
def requested():
    """An energy manager asks for more than may flow."""
    status = healthy()
    status["request"] = {"asked_w": 5000, "permitted_w": 3200, "obeyed_w": 3120, "by": "server", "left_ms": 47000}
    status["pcs"].update(dc_ma=58900, dc_w=3120, charge_w=3200, discharge_w=-3200)
    status["packs"][0].update(current_ma=58900, power_w=3120)
    return status


def requested_in_observe():
    """The same by a signed order, out of the battery, where nothing is forwarded and the time is not known."""
    status = requested()
    status["request"].update(asked_w=-800, permitted_w=-800, obeyed_w=None, by="order")
    status.update(mode="observe", utc_s=None, clkq=0)
    return status


STATES = {
    "healthy": (healthy, "en", False, None),
    "bms_silent": (bms_silent, "en", False, None),
    "disobedience": (disobedience, "en", False, None),
    "at_boot": (at_boot, "en", False, None),
    "cells_96": (many_cells, "en", False, None),
    "two_packs": (two_packs, "en", False, None),
    "korean": (disobedience, "ko", False, None),
    "ascii": (bms_silent, "en", True, None),
    "no_answer": (healthy, "en", False, "no answer since 5.0 s (127.0.0.1:40123)"),
    "requested": (requested, "en", False, None),
    "requested_ko": (requested, "ko", False, None),
    "requested_observe": (requested_in_observe, "en", False, None),
    "nothing_known": (nothing_known, "en", False, None),
}
