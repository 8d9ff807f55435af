# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The estimator on recordings of real cells in DIR/real: part of benchmarks.estimation --data DIR.

Three families of folders are known by their names and columns. Every file of a family is taken; its temperature is
read from its name and columns. Cell files come from `reuse-edge fit` over characterisation and training recordings
only; nothing that is scored is ever fitted.

panasonic*  Kollmeyer's Panasonic 18650PF. OCV from the C/20 test, resistances from the pulse tests and from Cycle_1 and
            US06 of all temperatures, one cell file; the other drive cycles are scored, with a current sensor 0.02 A
            and -1 % off.
a123*       Plett's A123 cell, LFP. OCV from the C/30 branches, resistances from the dynamic scripts at the two other
            temperatures nearest 25 °C; every dynamic script is scored.
lfp_ucb*    Tao's LFP cell in the flat zone. OCV from the given branches, resistances from the first 30 000 s of the
            longest recording nearest 25 °C, of which only the rest is scored.

Truth is the tester's counter. The first SoC is 20 % wrong (both ways where 0..1 leaves room), the certificate is 3 %
high, right and 3 % low (it states 4 %). A recording is scored after its first quarter, at the latest after a day.
"""

import contextlib
import fnmatch
import glob
import io
import json
import os
import re
import tempfile
from collections import namedtuple

import numpy as np

from benchmarks.estimation_runs import CERTIFICATE_STD, GUESS_STD, inside, mean, most, table, text
from edge.core.soc import Soc

# current_a: + charges, as the tester measured it; soc: truth; temp: nominal, C; cell: cell file (dict) or None;
# offset_a, gain: errors of the current sensor that are added, the offset in the direction of discharge.
Real = namedtuple(
    "Real",
    "family name chemistry nominal_ah true_ah time_s current_a voltage_v temp_c soc temp offset_a gain cell",
    defaults=(None,),
)
CERTIFICATES = (0.03, 0.0, -0.03)
WRONG = 0.2
FAR = 0.03
MOST_GAP_MS = 10000  # between rows: more is a gap in the readings
TRAINING = ("cycle_1", "us06")
TRAINED_S = 30000.0
PANASONIC_AH, A123_AH, UCB_AH = 2.9, 2.3, 1.2
# family, part of the name, lowest and highest C of a row; what it is called; pass and stretch of the RMSE in %
GATES = (
    ("a123", "", 12.0, 48.0, "A123, 15 to 45 °C", 3.0, 1.5),
    ("ucb", "flat", 17.0, 40.0, "LFP flat zone, 25 °C", 2.2, 1.0),
    ("ucb", "flat", 5.0, 17.0, "LFP flat zone, 10 °C", 3.1, 1.0),
    ("panasonic", "", 17.0, 40.0, "Panasonic, 25 °C", 1.3, 0.9),
    ("panasonic", "", 5.0, 17.0, "Panasonic, 10 °C", 1.2, 0.9),
    ("panasonic", "", -5.0, 5.0, "Panasonic, 0 °C", 3.0, 1.8),
)


# ---- reading ------------------------------------------------------------------------------------


def degrees(path):
    """Temperature in °C that a path names: 25degC, n10degC, 25_degree, P15 and N05 in the names of scripts; None."""
    for part in reversed(path.split(os.sep)[-2:]):
        found = re.search(r"(?:^|_)(n|-)?(\d+)_?deg", part, re.IGNORECASE)
        if found:
            return float(found[2]) * (-1.0 if found[1] else 1.0)
        found = re.search(r"_([PN])(\d+)_S\d", part, re.IGNORECASE)
        if found:
            return float(found[2]) * (-1.0 if found[1].upper() == "N" else 1.0)
    return None


def columns(path):
    """The columns of a CSV by name, as arrays."""
    return np.genfromtxt(path, delimiter=",", names=True)


def files(folder, pattern):
    """The CSV files below a folder that the pattern names, sorted; letters of either size."""
    found = glob.glob(os.path.join(glob.escape(folder), "**", "*.csv*"), recursive=True)
    return sorted(path for path in found if re.search(pattern, os.path.relpath(path, folder), re.IGNORECASE))


def write(path, names, values):
    """Write columns as CSV; returns the path."""
    np.savetxt(path, np.column_stack(values), fmt="%.7g", delimiter=",", header=",".join(names), comments="")
    return path


def training(path, real, rows=slice(None)):
    """Write rows of a Real for `reuse-edge fit`; returns the path. + charges."""
    values = (real.time_s, real.current_a, real.voltage_v, real.temp_c, real.soc)
    return write(path, ("t", "I", "V", "T", "soc"), [np.asarray(part)[rows] for part in values])


def fitted(out, data, chemistry, nominal_ah, *options):
    """The cell file that `reuse-edge fit` makes of data."""
    from host_tools import fit

    argv = [*data, "--chemistry", chemistry, "--nominal-ah", repr(nominal_ah), *options, "--out", out]
    with contextlib.redirect_stdout(io.StringIO()):
        fit.main(argv)
    with open(out, encoding="utf-8") as stream:
        return json.load(stream)


# ---- families -----------------------------------------------------------------------------------


def panasonic(folder, scratch):
    """The drive cycles that are scored, all with one cell file."""
    slow, pulses = files(folder, r"c20_ocv_test"), files(folder, r"5pulse_hppc")
    cycles = [path for path in files(folder, r"drive_cycles[\\/]") if degrees(path) is not None]
    if not slow or not cycles:
        return []
    true_ah = panasonic_ah(folder, slow[0])
    reals = []
    for path in cycles:
        c = columns(path)
        soc = 1.0 + (c["Ah"] - max(c["Ah"][0], 0.0)) / true_ah
        whole = (c["t"] - c["t"][0], -c["I"], c["V"], c["T"], soc)
        reals.append(Real("panasonic", short(path), "nmc", PANASONIC_AH, true_ah, *whole, degrees(path), 0.02, -0.01))
    known = [real for real in reals if any(word in real.name.lower() for word in TRAINING)]
    data = [training(os.path.join(scratch, "p%d.csv" % k), real) for k, real in enumerate(known)]
    data += ["%s@sign=-1,soc=1" % path for path in pulses]
    data.append(slow[0] + "@sign=-1")
    if len(data) == 1:
        return []
    cell = fitted(os.path.join(scratch, "p.json"), data, "nmc", PANASONIC_AH, "--capacity-ah", repr(true_ah))
    return [real._replace(cell=cell) for real in reals if real not in known]


def panasonic_ah(folder, slow):
    """Capacity: what both ways of the C/20 test moved, their mean, or more when another test near 25 °C from full took
    more. One way alone moved 3.00 Ah, the other 2.61: the tester's offset at C/20, which the mean cancels."""
    c = columns(slow)
    ways = [np.ptp(c["Ah"][np.sign(np.round(c["I"], 2)) == way]) for way in (1.0, -1.0)]
    others = [columns(path)["Ah"] for path in files(folder, r"(^|[\\/])25degc__5_pulse")]
    return max(float(np.mean(ways)), *[-float(ah.min()) for ah in others if ah.max() < 0.1], 0.0)


def charging(c):
    """1 where + charges in a script's column of current, else -1: the two counters tell (the slow scripts differ)."""
    return 1 if float(np.sum(np.diff(c["chgAh"] - c["disAh"]) * c["current"][1:])) > 0.0 else -1


def a123(folder, scratch):
    """The dynamic scripts, each with a cell file of the scripts at the other temperatures."""
    reals = []
    for path in files(folder, r"_dyn_.*_s1\.csv"):
        others = files(folder, re.escape(os.path.basename(path)).replace("_s1", "_s2"))
        if degrees(path) is None or not others:
            continue
        c, rest = columns(path), columns(others[0])
        out_ah = c["disAh"] - c["chgAh"]
        # from full to empty: this script and the next one, which ends at the lower limit
        true_ah = float(out_ah[-1] + rest["disAh"][-1] - rest["chgAh"][-1])
        temp_c = np.full(len(out_ah), degrees(path))
        time_s = c["time"] - c["time"][0]
        whole = (time_s, charging(c) * c["current"], c["voltage"], temp_c, 1.0 - out_ah / true_ah)
        reals.append(Real("a123", short(path), "lfp", A123_AH, true_ah, *whole, degrees(path), 0.0, 0.0))
    slow = []
    for path in files(folder, r"_ocv_.*_s[13]\.csv"):
        slow.append("%s@sign=%d,temp=%r" % (path, charging(columns(path)), degrees(path)))
    out = []
    for temp in sorted({real.temp for real in reals}):
        near = sorted({real.temp for real in reals} - {temp}, key=lambda at: abs(at - 25.0))[:2]
        known = [real for real in reals if real.temp in near]
        data = [training(os.path.join(scratch, "a%d.csv" % k), real) for k, real in enumerate(known)]
        if data and slow:
            cell = fitted(os.path.join(scratch, "a.json"), data + slow, "lfp", A123_AH)
            out += [real._replace(cell=cell) for real in reals if real.temp == temp]
    return out


def ucb(folder, scratch):
    """Recordings in the flat zone; of the one that trains only what comes after the training."""
    curves = files(folder, r"ocv")
    reals = []
    for path in sorted(set(files(folder, "")) - set(curves)):
        c = columns(path)
        time_s = np.arange(len(c["I"])) * 1.0
        slope = np.polyfit(np.cumsum(c["I"]) / 3600.0, c["soc"], 1)[0]
        temp_c = np.full(len(time_s), degrees(path) or 25.0)
        whole = (time_s, -c["I"], c["V"], temp_c, c["soc"])
        reals.append(Real("ucb", short(path), "lfp", UCB_AH, float(-1.0 / slope), *whole, temp_c[0], 0.0, 0.0))
    if not curves or not reals:
        return []
    c = columns(curves[0])
    ocv = os.path.join(scratch, "u_ocv.csv")
    write(ocv, ("soc", "charge", "discharge"), [c["SOC_OCV"] / 100.0, c["OCV_charge"], c["OCV_discharge"]])
    train = min(reals, key=lambda real: (abs(real.temp - 25.0), -len(real.time_s)))
    data = [training(os.path.join(scratch, "u.csv"), train, train.time_s < TRAINED_S)]
    cell = fitted(os.path.join(scratch, "u.json"), data, "lfp", UCB_AH, "--ocv", ocv)
    rest = train.time_s >= TRAINED_S
    cut = {name: getattr(train, name)[rest] for name in ("time_s", "current_a", "voltage_v", "temp_c", "soc")}
    return [(train._replace(**cut) if real is train else real)._replace(cell=cell) for real in reals if cut["soc"].size]


def short(path):
    """A recording's folder and name, without what every name ends with."""
    return "/".join(path.split(os.sep)[-2:]).partition(".csv")[0]


FAMILIES = (("a123*", a123), ("lfp_ucb*", ucb), ("panasonic*", panasonic))


# ---- runs ---------------------------------------------------------------------------------------


def run(real, certificate, z_off):
    """(SoC, sigma) per row, as the estimator finds them from what a BMS would read."""
    mah = real.true_ah * 1e3
    grade = {"capacity_mah": round(mah * (1.0 + certificate)), "capacity_std_mah": round(mah * CERTIFICATE_STD)}
    pack = {"cells": 1, "chemistry": real.chemistry, "capacity_mah": round(real.nominal_ah * 1e3)}
    soc = Soc(dict(pack, grade=grade, cell=real.cell))
    soc.hint(real.soc[0] + z_off, GUESS_STD)
    amps = real.current_a * (1.0 + real.gain) - real.offset_a
    span_s = np.diff(real.time_s, prepend=real.time_s[0] - 1.0)
    reads = zip(*(np.rint(1e3 * part).astype(int).tolist() for part in (span_s, amps, real.voltage_v, real.temp_c)))
    found = np.empty((2, len(amps)))
    now_ms = 0
    for k, (ms, ma, mv, mc) in enumerate(reads):
        now_ms += ms
        seen = ms <= MOST_GAP_MS
        soc.step(now_ms, ma * ms if seen else 0, ms if seen else 0, 0 if seen else ms, ma, mv, mc)
        for _ in range(max(1, min(ms, MOST_GAP_MS) // 1000)):
            if not soc.work():
                break
        found[:, k] = soc.joint.x[0], soc.std()
    return found


def guesses(real):
    """Errors of the first SoC that keep it within 0..1."""
    return [off for off in (WRONG, -WRONG) if 0.0 <= real.soc[0] + off <= 1.0]


def score(real):
    """{figure: value} over all runs of a recording: rmse (mean), worst, inside (share), hours to 3 % (longest)."""
    after = real.time_s - real.time_s[0]
    rows = after >= min(86400.0, 0.25 * after[-1])
    runs = []
    for certificate in CERTIFICATES:
        for z_off in guesses(real):
            soc, std = run(real, certificate, z_off)
            error = soc - real.soc
            far = np.flatnonzero(np.abs(error) > FAR)
            runs.append(
                (
                    float(np.sqrt(np.mean(error[rows] ** 2))),
                    float(np.max(np.abs(error[rows]))),
                    inside(list(zip(error[rows], std[rows])))[0],
                    float(after[far[-1]] / 3600.0) if len(far) else 0.0,
                )
            )
    rmse, worst, share, hours = zip(*runs)
    return {"rmse": mean(rmse), "worst": max(worst), "inside": mean(share), "hours": max(hours), "runs": len(runs)}


def measure(job):
    """[(Real without its rows, figures)] of one family below a folder; job: (index in FAMILIES, DIR, glob of names)."""
    pattern, read = FAMILIES[job[0]]
    out = []
    for folder in sorted(glob.glob(os.path.join(glob.escape(job[1]), "real", pattern))):
        with tempfile.TemporaryDirectory() as scratch:
            reals = read(folder, scratch)
        bare = dict.fromkeys(("time_s", "current_a", "voltage_v", "temp_c", "soc", "cell"))
        out += [(real._replace(**bare), score(real)) for real in reals if fnmatch.fnmatch(real.name, job[2])]
    return out


# ---- figures ------------------------------------------------------------------------------------


def verdict(rmse, limit, stretch):
    """What a RMSE in % is against the gate."""
    return "stretch" if rmse <= stretch else "pass" if rmse <= limit else "FAIL"


def rows(found):
    """Rows of the table of gates, of [(Real, figures)]; recordings that no gate asks for come after them."""
    out, left = [], list(found)
    for family, part, low, high, name, limit, stretch in GATES:
        asked = [r.family == family and low <= r.temp < high and part in r.name.lower() for r, _ in left]
        chosen = [pair for pair, take in zip(left, asked) if take]
        left = [pair for pair, take in zip(left, asked) if not take]
        out.append((name, "%.1f" % limit, "%.1f" % stretch, *_row(chosen, limit, stretch)))
    out.append(("Leaf pack, split-half R / capacity", "0.99 / 0.80", "same top 5", "no data", "-", "-", "-", "0"))
    for name in sorted({(r.family, r.temp) for r, _ in left}):
        chosen = [(r, f) for r, f in left if (r.family, r.temp) == name]
        out.append(("%s, others, %.0f °C" % name, "-", "-", *_row(chosen, None, None)))
    return out


def _row(chosen, limit, stretch):
    if not chosen:
        return "no data", "-", "-", "-", "0"
    rmse, worst = mean([f["rmse"] for _, f in chosen]), most([f["worst"] for _, f in chosen])
    told = "" if limit is None else " " + verdict(100.0 * rmse, limit, stretch)
    share, hours = mean([f["inside"] for _, f in chosen]), most([f["hours"] for _, f in chosen])
    return text(rmse) + told, text(worst), text(share, form="%.1f"), "%.1f" % hours, str(len(chosen))


def show(pool, folder, names, verbose):
    """Measure every family below a folder and print the table of gates. Returns True when there was a recording."""
    jobs = [(index, folder, names) for index in range(len(FAMILIES))]
    found = [pair for part in pool.map(measure, jobs, chunksize=1) for pair in part]
    print("\nreal cells, %d recordings, %d runs" % (len(found), sum(f["runs"] for _, f in found)))
    heads = ["gate", "pass", "stretch", "SoC RMSE, mean, %", "worst, %", "inside 2 sigma, %", "h to 3 %", "recordings"]
    table(rows(found), heads)
    if verbose:
        form = "%s: capacity %.3f Ah, RMSE %.2f %%, worst %.2f %%, inside 2 sigma %.1f %%, %.1f h to 3 %%"
        for real, f in found:
            figures = (100 * f["rmse"], 100 * f["worst"], 100 * f["inside"], f["hours"])
            print(form % (real.name, real.true_ah, *figures))
    return bool(found)
