# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The cells of whole packs in DIR/plant: part of benchmarks.estimation --data DIR.

A pack is NAME.csv.gz with the columns t, I (discharge +), V0, T0, soc0, V1, ... of cells in series, and NAME.json, a
list of the facts of every cell (chem, q_nom_Ah, q_true_Ah, leak_A). The controller's own estimator reads it through
a sensor set of benchmarks.estimation; each cell's input is off by its own 1 mV rms besides. The certificate is 3 % high
or low.
"""

import fnmatch
import glob
import json
import os
import tempfile

import numpy as np

from benchmarks.estimation_runs import CERTIFICATE_STD, GUESS_STD, SENSORS, mean, most, table, text
from edge.core.anomalies import KINDS, LEAKS, SHORT
from edge.core.estimator import Estimator
from edge.core.metering import Metering
from host_tools.replay_core import Row

INPUT_V = 0.001
SEED = 5
GAP_MS = 30000
ERRORS = ((0.03, 0.2), (-0.03, -0.2))  # of the certificate, of the first SoC
SETTLED_H = 48.0


def packs(folder, fitted, names):
    """[(name, facts, columns, cell file)] of the packs in DIR/plant that names (a glob) takes. fitted: function
    chemistry -> cell file."""
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "plant", "*.csv.gz"))):
        name = os.path.basename(path)[: -len(".csv.gz")]
        told = os.path.join(folder, "plant", name + ".json")
        if os.path.exists(told) and fnmatch.fnmatch(name, names):
            with open(told, encoding="utf-8") as stream:
                facts = json.load(stream)
            found.append((name, facts, np.genfromtxt(path, delimiter=",", names=True), fitted(facts[0]["chem"])))
    return found


def all_of(folder, fitted, names="*"):
    """packs() with cell files by fitted(plant, index, chemistry, scratch) of benchmarks.estimation."""
    plant = os.path.join(folder, "plant")
    with open(os.path.join(plant, "index.json"), encoding="utf-8") as stream:
        index = json.load(stream)
    with tempfile.TemporaryDirectory() as scratch:
        return packs(folder, lambda chemistry: fitted(plant, index, chemistry, scratch)[0], names)


def readings(facts, columns, sensors):
    """(time in ms, current in mA, (rows, cells) of mV, temperature in mC) as the BMS reads them; + charges."""
    s, n = SENSORS[sensors], len(columns["t"])
    count, q = len(facts), facts[0]["q_nom_Ah"]
    rng = np.random.default_rng(SEED)
    current = -(columns["I"] * (1.0 + s["i_gain"]) + s["i_off"] * q + s["i_noise"] * q * rng.standard_normal(n))
    volt = np.array([columns["V%d" % k] for k in range(count)]).T + s["v_off"] + INPUT_V * rng.standard_normal(count)
    volt += s["v_noise"] * rng.standard_normal(volt.shape)
    temp = np.mean([columns["T%d" % k] for k in range(count)], axis=0) + 0.2 * rng.standard_normal(n)
    lsb_a = 0.0005 * q
    parts = (
        columns["t"] * 1e3,
        np.round(current / lsb_a) * lsb_a * 1e3,
        np.round(volt / s["v_lsb"]) * s["v_lsb"] * 1e3,
        np.round(temp / 0.5) * 500.0,
    )
    return [np.rint(part).astype(int).tolist() for part in parts]


def measure(job):
    """Figures of one pass. job: (one of packs(), sensors, error of the certificate, of the first SoC)."""
    (_, facts, columns, cell), sensors, certificate, z_off = job
    count = len(facts)
    true_ah = np.array([f["q_true_Ah"] for f in facts])
    true_z = np.array([columns["soc%d" % k] for k in range(count)]).T
    grade = {
        "capacity_mah": round(true_ah.mean() * 1e3 * (1.0 + certificate)),
        "capacity_std_mah": round(true_ah.mean() * 1e3 * CERTIFICATE_STD),
    }
    pack = {"cells": count, "chemistry": "lfp" if facts[0]["chem"].startswith("lfp") else "nmc", "temps": 1}
    pack.update(capacity_mah=round(facts[0]["q_nom_Ah"] * 1e3), grade=grade, cell=cell, maker=maker(facts, cell))
    first = min(max(float(true_z[0].mean()) + z_off, 0.02), 0.98)
    estimator, metering = Estimator(pack), Metering(GAP_MS)
    estimator.soc.hint(first, GUESS_STD)
    cells, errors, named, caps, last_ms = estimator.cells, [], {}, None, 0
    for k, (at_ms, ma, mv, mc) in enumerate(zip(*readings(facts, columns, sensors))):
        metering.step(last_ms, ma, sum(mv))  # what is logged stands for the interval that it ends
        spans = metering.step(at_ms, ma, sum(mv))
        estimator.step(at_ms, *spans, Row(at_ms, ma, sum(mv), mv, mc, mc), (mc,))
        for _ in range((at_ms - last_ms) // 1000):
            if not estimator.work():
                break
        last_ms, hour = at_ms, at_ms / 3.6e6
        for each in estimator.anomalies():
            named.setdefault((each.kind, each.where), hour)
        if hour >= SETTLED_H and at_ms % 3600000 == 0:
            mean_z = estimator.soc.soc().value * 1e-6
            own = np.array([mean_z + cells.x[i * (len(cells.x) // count)] for i in range(count)])
            errors.append(own - true_z[k])
            if caps is None:
                caps = found_ah(estimator, count)
    return figures(facts, np.array(errors), caps, found_ah(estimator, count), named, true_ah)


def maker(facts, cell):
    """The maker's limits that an Estimator wants to know of."""
    most_ma = round(facts[0]["q_nom_Ah"] * 1e3)
    low, high = (cell[key] for key in ("cell_min_mv", "cell_max_mv"))
    return {"charge_ma": most_ma, "discharge_ma": most_ma, "cell_min_mv": low, "cell_max_mv": high}


def found_ah(estimator, count):
    """Capacity of every cell in Ah, of the mean cell's and its own deviation."""
    whole = estimator.soc.capacity().value * 1e-3
    return whole * np.array([estimator.cells.deviation(i)[2] for i in range(count)])


def figures(facts, errors, settled_ah, last_ah, named, true_ah):
    """{figure: value} of one pass."""
    leaky = [k for k, f in enumerate(facts) if f["leak_A"] > 0.0]
    sound = [k for k in range(len(facts)) if k not in leaky]
    alarms = sorted({(KINDS[kind], where) for kind, where in named if kind in (LEAKS, SHORT) and where in sound})
    hours = {k: min([named[key] for key in named if key in ((LEAKS, k), (SHORT, k))], default=None) for k in leaky}
    rms = np.sqrt(np.mean(errors**2, axis=0))
    return {
        "rms": [float(rms[k]) for k in sound],
        "caps": [float(settled_ah[k] / true_ah[k] - 1.0) for k in sound],
        "last_caps": [float(last_ah[k] / true_ah[k] - 1.0) for k in sound],
        "weakest": bool(np.argmin(settled_ah) == np.argmin(true_ah)),
        "strongest": bool(np.argmax(settled_ah) == np.argmax(true_ah)),
        "leaks": [(facts[k]["leak_A"] / facts[k]["q_nom_Ah"], hours[k]) for k in leaky],
        "false": alarms,
        "other": sorted({KINDS[kind] for kind, _ in named if kind not in (LEAKS, SHORT)}),
    }


def show(pool, found, sets):
    """Measure every pack with every set of sensors and print the rows of the gates."""
    if not found:
        return
    jobs = [(pack, name, *error) for name in sets for pack in found for error in ERRORS]
    results = pool.map(measure, jobs, chunksize=1)
    print("\npacks of cells in series, %d packs, %d runs; from 48 h on, sound cells only" % (len(found), len(jobs)))
    rows = []
    for name in sets:
        part = [r for job, r in zip(jobs, results) if job[1] == name]
        rates = sorted({round(1.0 / rate) for r in part for rate, _ in r["leaks"]})
        seen = [
            "C/%d %s" % (rate, told([hour for r in part for each, hour in r["leaks"] if round(1.0 / each) == rate]))
            for rate in rates
        ]
        socs, caps = ([v for r in part for v in r[key]] for key in ("rms", "caps"))
        right = "%d, %d of %d" % (sum(r["weakest"] for r in part), sum(r["strongest"] for r in part), len(part))
        alarms = sum(len(r["false"]) for r in part)
        others = ", ".join(sorted({kind for r in part for kind in r["other"]})) or "none"
        shown = [text(mean(each), most(each)) for each in (socs, caps)]
        rows.append([name, *shown, right, "; ".join(seen), str(alarms), others])
    heads = ["sensors", "SoC of a cell, rms: mean / worst, %", "capacity, mean / worst, %", "weakest, strongest right"]
    table(rows, [*heads, "leak named after, h", "leaks of sound cells", "other anomalies"])
    print("gates: 1.5 % (1.0); 4 % (2.5); right at 48 h; C/2500 36 h (24), C/625 12 h (6); 0")


def told(hours):
    """The hours in words: shortest to longest, or how often nothing was named."""
    known = [hour for hour in hours if hour is not None]
    words = "%.0f to %.0f" % (min(known), max(known)) if known else "never"
    return words if len(known) == len(hours) else "%s (%d of %d)" % (words, len(known), len(hours))
