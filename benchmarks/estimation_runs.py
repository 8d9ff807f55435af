# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One run of the estimator, or of what others use, over one case: the work behind benchmarks.estimation.

A case is a record of one cell with its truth. Sensors are made bad when it is read; the estimator gets integers as on
site, one reading a row, and one slice of alignment for every second of the record.
"""

import time
from collections import namedtuple
from contextlib import contextmanager
from struct import pack, unpack

import numpy as np

from edge.core import align as al
from edge.core.joint import Joint
from edge.core.resistance import Resistance
from edge.core.soc import Soc

# time_s, current_a (+ charges), voltage_v, temp_c, soc: arrays. name: only to show. cell: cell file (dict).
Case = namedtuple("Case", "name chemistry duty nominal_ah true_ah time_s current_a voltage_v temp_c soc cell digest")
# What of a case is run: indices and words only. certificate: relative error; z_off: error of the first guess;
# curve_v: rms error of each half cell; seed: of that error.
Job = namedtuple("Job", "case sensors certificate z_off curve_v seed float32")

# Errors of the sensors of BMSs in the field. i_*: share of C (offset: + reads too much discharge), i_gain: share; V.
SENSORS = {
    "good": {"i_off": 0.0005, "i_gain": 0.003, "i_noise": 0.001, "v_noise": 0.0008, "v_lsb": 0.0005, "v_off": 0.0005},
    "bad": {"i_off": 0.004, "i_gain": -0.01, "i_noise": 0.004, "v_noise": 0.002, "v_lsb": 0.001, "v_off": -0.002},
    "ugly": {"i_off": -0.010, "i_gain": 0.02, "i_noise": 0.01, "v_noise": 0.003, "v_lsb": 0.005, "v_off": 0.004},
}
SENSOR_SEED = 5
GUESS_STD = 0.2
CERTIFICATE_STD = 0.04
FAR = 0.03  # converged: the error stays below this
KNOTS = 14  # of a smooth error of a half-cell curve
CAPACITY_FROM_H = 6.0
REST_C, REST_S = 0.02, 3600.0  # a rest, for what others use: below this current for so long
_VALUES = ("current_ma", "voltage_mv", "temp_mc")


def read(case, name):
    """What a BMS with those sensors reads: {"current_ma": .., ..} lists of integers; + charges."""
    s = SENSORS[name]
    rng = np.random.default_rng(SENSOR_SEED)
    n, q = len(case.time_s), case.nominal_ah
    out_a = -case.current_a * (1.0 + s["i_gain"]) + s["i_off"] * q + s["i_noise"] * q * rng.standard_normal(n)
    volt = case.voltage_v + s["v_off"] + s["v_noise"] * rng.standard_normal(n)
    temp = case.temp_c + 0.2 * rng.standard_normal(n)
    lsb = 0.0005 * q
    found = (
        -np.round(out_a / lsb) * lsb * 1e3,
        np.round(volt / s["v_lsb"]) * s["v_lsb"] * 1e3,
        np.round(temp / 0.5) * 500.0,
    )
    return {key: np.rint(values).astype(int).tolist() for key, values in zip(_VALUES, found)}


def wrong_curves(cell, rms_v, seed):
    """The cell file with a smooth error of rms_v in each half cell; the seed does not depend on the cell."""
    if not rms_v or cell["half"] is None:
        return cell
    rng = np.random.default_rng(seed)
    half = dict(cell["half"])
    for key in ("positive_uv", "negative_uv"):
        n = len(half[key])
        wave = np.interp(np.linspace(0, KNOTS - 1, n), np.arange(KNOTS), rng.standard_normal(KNOTS))
        wave = np.convolve(np.pad(wave, 12, mode="edge"), np.ones(25) / 25, mode="valid")
        wave = rms_v * 1e6 * (wave - wave.mean()) / wave.std()
        half[key] = [round(float(uv)) for uv in np.array(half[key]) + wave]
    return dict(cell, half=half)


def settings(case, job):
    """The pack's part of the settings, with a certificate that is off by job.certificate."""
    true_mah = case.true_ah * 1e3
    return {
        "cells": 1,
        "chemistry": case.chemistry,
        "capacity_mah": round(case.nominal_ah * 1e3),
        "grade": {
            "capacity_mah": round(true_mah * (1.0 + job.certificate)),
            "capacity_std_mah": round(true_mah * CERTIFICATE_STD),
        },
        "cell": wrong_curves(case.cell, job.curve_v, job.seed),
    }


def guess(case, job):
    """First guess of the SoC, off by z_off."""
    return min(max(float(case.soc[0]) + job.z_off, 0.02), 0.98)


# ---- single precision ----------------------------------------------------------------------------


def single(value):
    """A float as single precision holds it."""
    return unpack("f", pack("f", value))[0]


def singles(values):
    """A list of floats in single precision."""
    return list(unpack("%df" % len(values), pack("%df" % len(values), *values)))


@contextmanager
def rounding(on):
    """While it lasts every state, table, sum and factor of filter and alignment is kept in single precision."""
    if not on:
        yield
        return
    kept = (Joint._predict, Joint._correct, al._add, al.cholesky, al.solved, al.Align._row, al.Align.limit)
    predict, correct, _, cholesky, solved, row, limit = kept

    def rounded(method):
        def call(self, *args):
            out = method(self, *args)
            self.x, self.p = singles(self.x), singles(self.p)
            return out if out is None else single(out)

        return call

    def add(matrix, right, rows, knot, weight, error):
        places = (0, 1, 2, 3, 4, 5, 6, knot, knot + 1)
        weight, error = single(weight), single(error)
        for i in range(9):
            line = matrix[places[i]]
            scaled = single(rows[i] * weight)
            right[places[i]] = single(right[places[i]] + rows[i] * error)
            for j in range(i + 1):
                line[places[j]] = single(line[places[j]] + scaled * rows[j])

    def factor_of(matrix, damping):
        factor = yield from cholesky([singles(line) for line in matrix], damping)
        return factor if factor is None else [singles(line) for line in factor]

    def one_row(self, v, p, x0, x100, point):
        error, pol, rows, knot = row(self, singles(v), singles(p), x0, x100, point)
        return single(error), single(pol), singles(rows), knot

    Joint._predict, Joint._correct = rounded(predict), rounded(correct)
    al._add, al.cholesky, al.solved = add, factor_of, lambda factor, right: singles(solved(factor, right))
    al.Align._row = one_row
    al.Align.limit = lambda self, v, target_v: single(limit(self, singles(v), target_v))
    try:
        yield
    finally:
        Joint._predict, Joint._correct, al._add, al.cholesky, al.solved, al.Align._row, al.Align.limit = kept


# ---- our estimator ----------------------------------------------------------------------------------


class Pass:
    """One pass of the estimator over a case. After go(): soc, std (arrays per row), capacities [(hour, Ah, std Ah)]."""

    def __init__(self, case, job):
        self.case, self.job = case, job
        self.estimator = Soc(settings(case, job))
        self.estimator.hint(guess(case, job), GUESS_STD)
        self.ohm = Resistance(round(case.nominal_ah * 1e3))
        self.soc = np.zeros(len(case.time_s))
        self.std = np.zeros(len(case.time_s))
        self.capacities = []
        self.align_s = 0.0

    def go(self):
        """Run it; returns itself."""
        seen = read(self.case, self.job.sensors)
        current, volt, temp = (seen[key] for key in _VALUES)
        soc = self.estimator
        span_ms = round((self.case.time_s[1] - self.case.time_s[0]) * 1e3)
        slices = max(1, span_ms // 1000)
        for k in range(len(current)):
            now_ms = k * span_ms
            block = soc.step(now_ms, current[k] * span_ms, span_ms, 0, current[k], volt[k], temp[k])
            if block is not None:
                self.ohm.step(now_ms, block[1], block[2])
            self.soc[k] = soc.joint.x[0]
            self.std[k] = soc.std()
            self._work(slices)
        return self

    def _work(self, slices):
        soc = self.estimator
        if not soc.work():
            return
        started, aligned = time.perf_counter(), soc.aligned_ms
        for _ in range(slices - 1):
            if not soc.work():
                break
        self.align_s += time.perf_counter() - started
        if soc.aligned_ms != aligned and soc.clock_ms >= CAPACITY_FROM_H * 3.6e6:
            self.capacities.append(told(soc))


def true_ohm(case):
    """Resistance at 10 s from the clean record: voltage steps against current steps of 10-s blocks."""
    size = max(1, round(10.0 / (case.time_s[1] - case.time_s[0])))
    n = len(case.time_s) // size * size
    step_a = np.diff(case.current_a[:n].reshape(-1, size).mean(axis=1))
    step_v = np.diff(case.voltage_v[:n].reshape(-1, size).mean(axis=1))
    big = np.abs(step_a) > 0.1 * case.nominal_ah
    return float(step_a[big] @ step_v[big] / (step_a[big] @ step_a[big])) if np.count_nonzero(big) >= 5 else None


def told(soc):
    """(capacity in Ah, its deviation) as the product tells it."""
    return tuple(value * 1e-3 for value in soc.capacity()[:2])


def settled(case):
    """Rows that are scored: after a day, with records of a day after 6 h."""
    return case.time_s > (86400.0 if case.time_s[-1] > 1.5 * 86400.0 else 6 * 3600.0)


def ours(case, job):
    """{figure: value} of one pass; shares as 0..1, soc and caps: lists of (error, sigma)."""
    with rounding(job.float32):
        done = Pass(case, job).go()
    soc, rows = done.estimator, settled(case)
    error = done.soc - case.soc
    hourly = np.arange(0, len(error), max(1, round(3600.0 / (case.time_s[1] - case.time_s[0]))))
    hourly = hourly[rows[hourly]]
    far = np.flatnonzero(np.abs(error) > FAR)
    ohm, real = done.ohm.est().value, true_ohm(case)
    caps = done.capacities or [told(soc)]
    offset_c = SENSORS[job.sensors]["i_off"]
    return {
        "rmse": float(np.sqrt(np.mean(error[rows] ** 2))),
        "worst": float(np.max(np.abs(error[rows]))),
        "capacity": told(soc)[0] / case.true_ah - 1.0,
        "hours": float(case.time_s[far[-1]] / 3600.0) if len(far) else 0.0,
        "bias_c": soc.joint.x[3] / case.nominal_ah + offset_c,
        "ohm": None if ohm is None or real is None else ohm * 1e-6 / real - 1.0,
        "soc": [(float(error[k]), float(done.std[k])) for k in hourly],
        "caps": [(ah / case.true_ah - 1.0, std / case.true_ah) for ah, std in caps],
        "aligned": soc.aligned_ms is not None,
        "align_s": done.align_s,
        "last_soc": float(done.soc[-1]),
        "path": done.soc[hourly].tolist(),
    }


# ---- what others use ----------------------------------------------------------------------------------


def tables(cell):
    """(SoC grid, OCV in V, (3, 21) resistances in ohm, time constants in s) of a cell file, for its own size."""
    return (
        np.linspace(0.0, 1.0, len(cell["ocv_uv"])),
        np.array(cell["ocv_uv"]) * 1e-6,
        np.array(cell["r_uohm"]) * 1e-6,
        np.array(cell["tau_ms"]) * 1e-3,
    )


def textbook(case, current_a, voltage_v, z0):
    """SoC by an extended Kalman filter with SoC and two RC pairs: white noise of 5 mV, nominal capacity."""
    grid, ocv, ohm, tau_s = tables(case.cell)
    dt_s = float(case.time_s[1] - case.time_s[0])
    decay = np.array([1.0, *np.exp(-dt_s / tau_s)])
    x, p = np.array([z0, 0.0, 0.0]), np.diag([0.04, 1e-6, 1e-6])
    noise = np.diag([1e-12 * dt_s, 1e-8 * dt_s, 1e-8 * dt_s])
    slope = np.gradient(ocv, grid)
    nodes = len(ohm[0]) - 1
    gain_z = dt_s / 3600.0 / case.nominal_ah
    spread = np.outer(decay, decay)
    found = np.empty(len(current_a))
    for k, amps in enumerate(current_a):
        r0, r1, r2 = ohm[:, min(max(round(x[0] * nodes), 0), nodes)]
        x = decay * x
        x += (gain_z * amps, (1.0 - decay[1]) * r1 * amps, (1.0 - decay[2]) * r2 * amps)
        p = spread * p + noise
        place = min(max(x[0], 0.0), 1.0) * (len(ocv) - 1)
        j = min(int(place), len(ocv) - 2)
        row = np.array([slope[j], 1.0, 1.0])
        miss = voltage_v[k] - (ocv[j] + (place - j) * (ocv[j + 1] - ocv[j]) + r0 * amps + x[1] + x[2])
        ph = p @ row
        s = row @ ph + 25e-6
        x = x + ph * (miss / s)
        p = p - np.outer(ph, ph) / s
        found[k] = x[0]
    return found


def rests(case, current_a, voltage_v):
    """[(counted Ah, SoC by the fresh OCV)] at the end of every rest."""
    grid, ocv, _, _ = tables(case.cell)
    dt_s = float(case.time_s[1] - case.time_s[0])
    ah = np.cumsum(current_a) * dt_s / 3600.0
    quiet = np.abs(current_a) < REST_C * case.nominal_ah
    ends, count = [], 0
    for k in range(len(quiet)):
        if quiet[k]:
            count += 1
        if count * dt_s >= REST_S and (not quiet[k] or k == len(quiet) - 1):
            ends.append((float(ah[k - 1]), float(np.interp(np.mean(voltage_v[k - 6 : k]), ocv, grid))))
        if not quiet[k]:
            count = 0
    return ends


def capacities(case, current_a, voltage_v):
    """(naive, AWTLS) capacity in Ah from rests: the widest pair, and total least squares over neighbours; None."""
    ends = rests(case, current_a, voltage_v)
    pairs = [(b[1] - a[1], b[0] - a[0]) for a in ends for b in ends if b[1] - a[1] > 0.02]
    naive = None if not pairs else max(pairs)[1] / max(pairs)[0]
    steps = [(b[1] - a[1], b[0] - a[0]) for a, b in zip(ends, ends[1:]) if abs(b[1] - a[1]) > 0.02]
    if not steps:
        return naive, None
    z, q = np.array(steps).T / np.array([[0.01], [0.005 * case.nominal_ah]])
    # equal relative weights: the quartic of Plett (2011) has a closed form, the slope of total least squares
    zz, qq, zq = z @ z, q @ q, z @ q
    if zq <= 0.0:
        return naive, None
    slope = (qq - zz + np.sqrt((qq - zz) ** 2 + 4.0 * zq * zq)) / (2.0 * zq)
    return naive, float(slope * 0.5 * case.nominal_ah)


def bselib(case, current_a, voltage_v, z0):
    """SoC per row by autotwin-bselib's filter at its own 60 s, or None when it is not installed."""
    try:
        from autotwin_bselib.ekf_core import OCVInterp, run_ekf
    except ImportError:
        return None
    grid, ocv, ohm, tau_s = tables(case.cell)
    dt_s = float(case.time_s[1] - case.time_s[0])
    size = max(1, round(60.0 / dt_s))
    n = len(current_a) // size * size
    amps, volts = (values[:n].reshape(-1, size).mean(axis=1) for values in (current_a, voltage_v))
    param = np.array([*np.median(ohm, axis=1), *tau_s, case.nominal_ah, 0.0, 0.0, 0.0])
    curve = OCVInterp(grid, ocv, grid, ocv)
    start = np.full(len(amps), z0 * 100.0)
    # the limits are those of the package's own command
    out = run_ekf(amps, volts, start, param, size * dt_s, curve, 0.0, 1.0, 0.001, 0.10, 0.20, 1e-5, 1)
    return np.interp(np.arange(len(current_a)), np.arange(len(amps)) * size + size - 1, out["soc_fused"])


def others(case, job):
    """{method: (SoC RMSE, worst)} and {method: relative error of capacity} of what others use; None: no result."""
    seen = read(case, job.sensors)
    current_a = np.array(seen["current_ma"]) * 1e-3
    voltage_v = np.array(seen["voltage_mv"]) * 1e-3
    grid, ocv, ohm, _ = tables(case.cell)
    dt_s = float(case.time_s[1] - case.time_s[0])
    z0 = guess(case, job)
    count = np.clip(z0 + np.cumsum(current_a) * dt_s / 3600.0 / case.nominal_ah, 0.0, 1.0)
    look = np.interp(voltage_v, ocv, grid)
    r_ohm = float(np.median(ohm[0] + ohm[1]))
    found = {
        "coulomb counting": count,
        "OCV look-up": look,
        "OCV look-up + IR": np.interp(voltage_v - r_ohm * current_a, ocv, grid),
        "2RC EKF": textbook(case, current_a, voltage_v, z0),
        "autotwin-bselib": bselib(case, current_a, voltage_v, z0),
    }
    rows = settled(case)
    scores = {}
    for name, soc in found.items():
        error = None if soc is None else (soc - case.soc)[rows]
        scores[name] = None if soc is None else (float(np.sqrt(np.mean(error**2))), float(np.max(np.abs(error))))
    naive, total = capacities(case, current_a, voltage_v)
    ah = {"nominal": case.nominal_ah, "naive": naive, "AWTLS": total}
    return scores, {name: None if value is None else value / case.true_ah - 1.0 for name, value in ah.items()}


# ---- figures ----------------------------------------------------------------------------------------


def mean(values):
    """Mean of the absolute values, None without any."""
    values = [abs(value) for value in values if value is not None]
    return sum(values) / len(values) if values else None


def most(values):
    """Largest absolute value, None without any."""
    return max([abs(value) for value in values if value is not None], default=None)


def inside(pairs):
    """(share within 2 sigma, median of error over sigma) of (error, sigma) pairs."""
    ratio = np.array([abs(error) / max(std, 1e-9) for error, std in pairs]) if pairs else np.array([np.nan])
    return float(np.mean(ratio < 2.0)), float(np.median(ratio))


def text(*values, scale=100.0, form="%.2f"):
    """Figures with " / " between; "-" for None."""
    return " / ".join("-" if value is None else form % (value * scale) for value in values)


def table(rows, heads):
    """Print rows of text in columns under heads."""
    rows = [heads, *rows]
    widths = [max(len(row[k]) for row in rows) for k in range(len(heads))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
