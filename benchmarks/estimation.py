# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""State of charge and capacity of second-life cells: errors and honesty of the estimator, beside what others use.

python -m benchmarks.estimation                      own aged cells from a seed, under two minutes
python -m benchmarks.estimation --data DIR           records of DIR (plant/index.json), cell files by `reuse-edge fit`,
                                                     packs in it (benchmarks.estimation_pack), and recordings of real
                                                     cells (DIR/real, benchmarks.estimation_real)
    [--only plant|real] [--sensors good,bad,ugly] [--cases GLOB] [--jobs 2] [--baselines] [--float32] [--cost] [-v]

Every case runs with every set of sensors, with a certificate 3 % high and 3 % low (it states 4 %), a first SoC 20 %
high and low, and with half-cell curves exact and 5 mV rms off. Nothing is asserted; the last line has the figures.
"""

import argparse
import contextlib
import fnmatch
import hashlib
import importlib.util
import io
import json
import os
import sys
import tempfile
import time
from multiprocessing import Pool

import numpy as np

from benchmarks import estimation_pack
from benchmarks import estimation_real as real
from benchmarks import estimation_runs as runs
from benchmarks.estimation_cost import main as cost
from benchmarks.estimation_cost import revision
from benchmarks.estimation_runs import Case, Job, inside, mean, most, table, text

# certificate, first SoC, seed of the wrong half cells
ERRORS = ((0.03, 0.2, 3), (-0.03, -0.2, 8))
CURVE_V = 0.005
KNEE_SOC = 0.98  # an LFP record that gets there has seen the upper knee
OWN_SEED = 20
OWN_AH = 100.0
_CASES = []


# ---- cases of a folder ----------------------------------------------------------------------------


def content(path):
    """Digest of a file's bytes: it does not depend on the file's name."""
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def kind(word):
    """ "nmc" or "lfp" of the index's word for a chemistry."""
    return "lfp" if word.startswith("lfp") else "nmc"


def fitted(plant, index, word, folder):
    """(cell file as a dict, digests of what it was made of): `reuse-edge fit` over the fresh cell's data."""
    from host_tools import fit

    name, facts = next((n, m) for n, m in index.items() if m["chem"] == word and m["prof"] == "char")
    named = ("%s.csv.gz" % name, "ocv_%s_fresh.csv" % word, "halfcell_%s.csv" % word, "halfcell_%s.json" % word)
    data, ocv, half, info = (os.path.join(plant, part) for part in named)
    with open(info, encoding="utf-8") as stream:
        limits = json.load(stream)
    out = os.path.join(folder, word + ".json")
    argv = [data, "--chemistry", kind(word), "--discharge-positive", "--ocv", ocv, "--half", half, "--half-info", info]
    argv += ["--nominal-ah", repr(facts["q_nom_Ah"]), "--capacity-ah", repr(facts["q_true_Ah"]), "--out", out]
    argv += ["--min-v", repr(limits["vmin"]), "--max-v", repr(limits["vmax"])]
    with contextlib.redirect_stdout(io.StringIO()):
        fit.main(argv)
    with open(out, encoding="utf-8") as stream:
        return json.load(stream), [content(path) for path in (data, ocv, half, info)]


def from_folder(folder, glob):
    """The cases of DIR/plant that the glob names; their chemistry and duty come from the index, never from names."""
    plant = os.path.join(folder, "plant")
    with open(os.path.join(plant, "index.json"), encoding="utf-8") as stream:
        index = json.load(stream)
    chosen = {n: m for n, m in index.items() if m["prof"] != "char" and fnmatch.fnmatch(n, glob)}
    cases = []
    with tempfile.TemporaryDirectory() as scratch:
        cells = {w: fitted(plant, index, w, scratch) for w in sorted({m["chem"] for m in chosen.values()})}
    for name, facts in chosen.items():
        path = os.path.join(plant, name + ".csv.gz")
        columns = np.genfromtxt(path, delimiter=",", names=True)
        cell, sources = cells[facts["chem"]]
        numbers = "%r %r" % (facts["q_nom_Ah"], facts["q_true_Ah"])
        cases.append(
            Case(
                name,
                kind(facts["chem"]),
                facts["prof"],
                facts["q_nom_Ah"],
                facts["q_true_Ah"],
                columns["t"],
                -columns["I"],
                columns["V"],
                columns["T"],
                columns["soc"],
                cell,
                (content(path), numbers, *sources),
            )
        )
    return cases


# ---- own cases ----------------------------------------------------------------------------------


def wish(duty, seed, energy_wh):
    """Function (second, SoC) -> power in W: PV by day and factory by night, two peaks a day, or frequency keeping."""
    from simulator.pcs import FactoryDay

    if duty == "pv":
        return FactoryDay(seed, 0.24 * energy_wh, 0.85).request_w
    if duty == "peak":
        hours = {8: -0.5, 9: -0.4, 12: 0.3, 13: 0.3, 17: -0.6, 18: -0.45, 23: 0.3, 0: 0.3, 1: 0.2}
        return lambda second, soc: energy_wh * hours.get(int(second // 3600) % 24, 0.0)
    rng = np.random.default_rng([seed, 5])
    waves = [(rng.uniform(0.02, 0.12), rng.uniform(60, 9000), rng.uniform(0, 6.28)) for _ in range(12)]

    def keep(second, soc):
        swing = sum(size * np.sin(second / length * 6.28 + phase) for size, length, phase in waves)
        return energy_wh * (swing + 0.5 * (0.5 - soc))

    return keep


def own_case(number, chemistry, health, duty, days):
    """A record of one cell of the simulator's plant, every 10 s, with the cell file of the new cell."""
    from simulator.cells import cell_file
    from simulator.plant import Plant

    taper = {"nmc": (4.08, 4.17, 3.00, 3.30), "lfp": (3.43, 3.53, 2.75, 3.00)}[chemistry]
    pack = {"cells": 1, "chemistry": chemistry, "capacity_mah": round(OWN_AH * 1e3)}
    plant = Plant(pack, OWN_SEED + number, soc=0.9 if duty == "peak" else 0.45, health=health)
    ask = wish(duty, OWN_SEED + number, float(plant.cell_v.sum()) * float(plant.capacity_ah[0]))
    rows = []
    for k in range(round(days * 8640)):
        volt, second = float(plant.cell_v[0]), k * 10.0
        amps = ask(second, plant.mean_soc()) / volt
        room = (taper[1] - volt) / (taper[1] - taper[0]) if amps > 0 else (volt - taper[2]) / (taper[3] - taper[2])
        amps *= min(max(room, 0.0), 1.0)
        plant.step(10.0, amps, 22.0)
        rows.append((second, amps, float(plant.cell_v[0]), plant.temp_c, plant.mean_soc()))
    columns = np.array(rows).T
    name = "%s %.0f %% %s" % (chemistry, health * 100, duty)
    digest = hashlib.sha256(np.round(columns, 6).tobytes()).hexdigest()
    true_ah = float(plant.capacity_ah.mean())
    return Case(name, chemistry, duty, OWN_AH, true_ah, *columns, cell_file(chemistry), (digest,))


def own_cases(glob):
    """Aged cells of our own; their half cells are 5 mV off the published curves from the start."""
    named = [("nmc", h, d, n) for h in (0.88, 0.72) for d, n in (("pv", 3.0), ("peak", 3.0), ("fcr", 1.0))]
    named += [("lfp", 0.88, "pv", 3.0)]
    cases = [own_case(number, *words) for number, words in enumerate(named)]
    return [case for case in cases if fnmatch.fnmatch(case.name, glob)]


# ---- runs ---------------------------------------------------------------------------------------


def _take(cases):
    _CASES[:] = cases


def one(job):
    """(job, figures) in a worker."""
    return job, runs.ours(_CASES[job.case], job)


def other(job):
    """(job, figures of what others use) in a worker."""
    return job, runs.others(_CASES[job.case], job)


def jobs_of(cases, sets, curves):
    """Every Job; nothing of it depends on names."""
    return [
        Job(k, name, certificate, z_off, curve_v, seed, False)
        for name in sets
        for curve_v in curves
        for k in range(len(cases))
        for certificate, z_off, seed in ERRORS
    ]


def collect(pool, call, jobs, label):
    """Results in the order of jobs, with progress on stderr."""
    out, shown = [], time.monotonic()
    for result in pool.imap(call, jobs):
        out.append(result)
        if time.monotonic() - shown > 10.0:
            shown = time.monotonic()
            print("%s: %d of %d" % (label, len(out), len(jobs)), file=sys.stderr, flush=True)
    return out


# ---- figures ------------------------------------------------------------------------------------


def gates(results, cases):
    """[(gate, pass, stretch, measured)] of the results of one sensor set and one kind of half cells."""
    nmc = [r for job, r in results if cases[job.case].chemistry == "nmc"]
    lfp = [(r, float(cases[job.case].soc.max()) > KNEE_SOC) for job, r in results if cases[job.case].chemistry == "lfp"]
    knee, flat = [r for r, seen in lfp if seen], [r for r, seen in lfp if not seen]
    out = []
    if nmc:
        duty = {word: [] for word in sorted({case.duty for case in cases})}
        for job, r in results:
            if cases[job.case].chemistry == "nmc":
                duty[cases[job.case].duty].append(r)
        shown = ", ".join("%s %s" % (d, text(mean([r["rmse"] for r in of]))) for d, of in duty.items() if of)
        caps = ", ".join("%s %s" % (d, text(mean([r["capacity"] for r in of]))) for d, of in duty.items() if of)
        soc, cap = (inside([pair for r in nmc for pair in r[key]]) for key in ("soc", "caps"))
        pv = [r["rmse"] for r in duty.get("pv", [])]
        value = {key: [r[key] for r in nmc] for key in ("rmse", "worst", "capacity", "hours", "ohm", "bias_c")}
        ninth = float(np.percentile(value["worst"], 90))
        hours = "%.1f / %.1f" % (float(np.median(value["hours"])), max(value["hours"]))
        count = len([pair for r in nmc for pair in r["caps"]])
        out += [
            ("NMC SoC RMSE, mean, %", "1.2", "0.7", "%s (%s)" % (text(mean(value["rmse"])), shown)),
            ("NMC SoC RMSE, pv duty, %", "0.7", "0.25", text(mean(pv))),
            ("NMC largest error when settled: mean / p90 / worst, %", "5", "2.5",
             text(mean(value["worst"]), ninth, most(value["worst"]))),
            ("NMC time to 3 %: median / longest, h", "6", "1", hours),
            ("NMC capacity: mean / worst, %", "2.0 / 5", "1.0 / 3",
             "%s (%s)" % (text(mean(value["capacity"]), most(value["capacity"])), caps)),
            ("NMC resistance at 10 s: mean / worst, %", "3", "1.5", text(mean(value["ohm"]), most(value["ohm"]))),
            ("NMC current offset: mean / worst, % of C", "0.05", "0.02",
             text(mean(value["bias_c"]), most(value["bias_c"]), form="%.3f")),
            ("NMC SoC inside 2 sigma, %; median error/sigma", "90-99", "94-97", "%.1f; %.2f" % (soc[0] * 100, soc[1])),
            ("NMC capacity inside 2 sigma, %; median; estimates", "90-99; 0.5-1.2", "94-97",
             "%.1f; %.2f; %d" % (cap[0] * 100, cap[1], count)),
        ]  # fmt: skip
    for some, name, limits in ((knee, "with knee", ("1.2 / 3", "0.4 / 1.5")), (flat, "without knee", ("5", "2.5"))):
        if some:
            share, middle = inside([pair for r in some for pair in r["soc"]])
            figures = text(mean([r["rmse"] for r in some]), mean([r["capacity"] for r in some]))
            out.append(("LFP %s: SoC RMSE / capacity, %%" % name, *limits, figures))
            found = "%.1f; %.2f" % (share * 100, middle)
            out.append(("LFP %s: SoC inside 2 sigma, %%; median" % name, "90-99", "94-97", found))
    return out


def print_gates(results, cases, sets, curves):
    """The gate table of every sensor set, with a column for each kind of half cells."""
    for name in sets:
        columns = []
        for curve_v in curves:
            part = [(job, r) for job, r in results if job.sensors == name and job.curve_v == curve_v]
            columns.append({row[0]: row for row in gates(part, cases)})
        print("\n%s sensors, %d runs" % (name, sum(job.sensors == name for job, _ in results)))
        heads = ["half cells %s" % ("%.0f mV off" % (c * 1e3) if c else "as given") for c in curves]
        rows = [[*row[:3], *[column[gate][3] for column in columns]] for gate, row in columns[0].items()]
        table(rows, ["gate", "pass", "stretch", *heads])
        pooled = [r for job, r in results if job.sensors == name and cases[job.case].chemistry == "nmc"]
        shares = [(key, [pair for r in pooled for pair in r[key]]) for key in ("soc", "caps")]
        words = ["%s %.1f %%, median %.2f of %d" % (k, 100 * inside(p)[0], inside(p)[1], len(p)) for k, p in shares]
        print("NMC pooled, inside 2 sigma: %s" % "; ".join(words))


def print_others(found, cases, sets):
    """What others use, per sensor set: SoC RMSE by duty, worst error; capacity."""
    for name in sets:
        part = [(cases[job.case], result) for job, result in found if job.sensors == name]
        print("\n%s sensors, what others use (fresh tables, nominal capacity)" % name)
        rows = []
        groups = sorted({(case.chemistry, case.duty) for case, _ in part}, reverse=True)
        for method in part[0][1][0]:
            cells = []
            for group in groups:
                scores = [r[0][method] for case, r in part if (case.chemistry, case.duty) == group]
                cells.append(text(mean([s and s[0] for s in scores]), most([s and s[1] for s in scores]), form="%.1f"))
            rows.append([method, *cells])
        table(rows, ["SoC RMSE / worst, %", *["%s %s" % group for group in groups]])
        if any(r[0]["autotwin-bselib"] is None for _, r in part):
            print("autotwin-bselib is not installed: pip install --no-deps autotwin-bselib")
        for method in part[0][1][1]:
            errors = [r[1][method] for case, r in part if case.chemistry == "nmc"]
            known = sum(error is not None for error in errors)
            figures = text(mean(errors), most(errors), form="%.1f")
            print("NMC capacity, %s: mean / worst %s %%, %d of %d found" % (method, figures, known, len(errors)))


def print_float32(pool, jobs):
    """Differences of a run in single precision from one in double precision, over some jobs."""
    doubles = collect(pool, one, jobs, "double")
    rounded = collect(pool, one, [job._replace(float32=True) for job in jobs], "single")
    rows = []
    for (_, a), (_, b) in zip(doubles, rounded):
        path = max(abs(x - y) for x, y in zip(a["path"], b["path"]))
        rows.append((abs(a["rmse"] - b["rmse"]), path, abs(a["capacity"] - b["capacity"])))
    figures = [100.0 * max(column) for column in zip(*rows)]
    middle = [100.0 * float(np.median(column)) for column in zip(*rows)]
    print(
        "\nsingle precision against double, %d runs: SoC RMSE differs by %.3f %% at most (median %.3f), "
        "SoC itself by %.3f %% (%.3f), capacity by %.3f %% (%.3f)"
        % (len(rows), figures[0], middle[0], figures[1], middle[1], figures[2], middle[2])
    )


def summary(results):
    """The last line: every run counts once."""
    every = [r for _, r in results]
    soc, caps = (inside([pair for r in every for pair in r[key]])[0] * 100 for key in ("soc", "caps"))
    return (
        "mean SoC RMSE %.2f %%, worst SoC error %.2f %%, mean capacity error %.2f %%, worst capacity error %.2f %%, "
        "inside 2 sigma: SoC %.1f %%, capacity %.1f %%"
        % (
            100 * mean([r["rmse"] for r in every]),
            100 * most([r["worst"] for r in every]),
            100 * mean([r["capacity"] for r in every]),
            100 * most([r["capacity"] for r in every]),
            soc,
            caps,
        )
    )


def parse(words):
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--data", metavar="DIR", help="folder with plant/index.json (needs scipy); without it: own cells")
    add("--only", choices=("plant", "real"), help="only that part of --data")
    add("--sensors", default="good,bad,ugly")
    add("--cases", default="*", metavar="GLOB")
    add("--jobs", type=int, default=2)
    add("--baselines", action="store_true", help="also what others use")
    add("--float32", action="store_true", help="also in single precision, one run a case")
    add("--cost", action="store_true", help="only time and memory")
    add("-v", "--verbose", action="store_true", help="a line for every run")
    arguments = parser.parse_args(words)
    arguments.sensors = arguments.sensors.split(",")
    if set(arguments.sensors) - set(runs.SENSORS) or arguments.jobs < 1:
        parser.error("--sensors takes %s; --jobs at least 1" % ", ".join(runs.SENSORS))
    if arguments.only and not arguments.data:
        parser.error("--only needs --data DIR")
    if arguments.data and importlib.util.find_spec("scipy") is None:
        parser.error("--data fits cell files, which needs scipy: pip install reuse-edge[host]")
    return arguments


def main(words=None):
    """Command line; returns the exit code."""
    arguments = parse(words)
    if arguments.cost:
        return cost()
    if arguments.only == "real":
        with Pool(arguments.jobs) as pool:
            return 0 if real.show(pool, arguments.data, arguments.cases, arguments.verbose) else 2
    started, sets = time.monotonic(), arguments.sensors
    cases = from_folder(arguments.data, arguments.cases) if arguments.data else own_cases(arguments.cases)
    if not cases:
        print("no case is named %s" % arguments.cases, file=sys.stderr)
        return 2
    whole = hashlib.sha256("".join(sorted(part for case in cases for part in case.digest)).encode()).hexdigest()[:16]
    curves = (0.0, CURVE_V) if arguments.data else (0.0,)
    with Pool(arguments.jobs, _take, (cases,)) as pool:
        results = collect(pool, one, jobs_of(cases, sets, curves), "runs")
        if arguments.verbose:
            for job, r in results:
                figures = (job.sensors, 1e3 * job.curve_v, 100 * job.certificate, 100 * r["rmse"], 100 * r["worst"])
                print(cases[job.case].name, "%s %.0f mV %+.0f %%: RMSE %.2f worst %.2f" % figures, end=" ")
                print("capacity %+.2f %%, %.1f h, alignment %.1f s" % (100 * r["capacity"], r["hours"], r["align_s"]))
        print("estimator %s, data %s, %d cases, %d runs" % (revision(), whole, len(cases), len(results)))
        print_gates(results, cases, sets, curves)
        if not arguments.data:
            print("own cells: their half cells are 5 mV rms off the curves that the estimator is given")
        if arguments.data:
            estimation_pack.show(pool, estimation_pack.all_of(arguments.data, fitted, arguments.cases), sets)
        if arguments.data and arguments.only is None:
            real.show(pool, arguments.data, arguments.cases, arguments.verbose)
        slices_s = [r["align_s"] for _, r in results if r["aligned"]]
        if slices_s:
            print("\nalignment of a whole record: %.1f s mean, %.1f s longest" % (mean(slices_s), most(slices_s)))
        if arguments.baselines:
            print_others(collect(pool, other, jobs_of(cases, sets, (0.0,)), "others"), cases, sets)
        if arguments.float32:
            few = [job for job in jobs_of(cases, sets[-1:], curves[-1:]) if job.certificate > 0.0]
            print_float32(pool, few)
    print("took %.0f s" % (time.monotonic() - started))
    print(summary(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
