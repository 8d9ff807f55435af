# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Resistances, time constants, Arrhenius factor and hysteresis rate of a cell from recordings, by least squares.

The model: V = OCV(z) + h * H(z) + R0(z) * i + v1 + v2 with dvj/dt = (Rj(z) * i - vj) / tauj. Once the
time constants, the hysteresis rate and the Arrhenius factor are fixed it is linear in the resistances at their
21 nodes, so that non-negative least squares finds the one best answer; the rest is a small grid.

What the slow RC pair must not swallow: a smooth error of the curve is fitted along and thrown away; rests weigh
little, because what is left of a pulse in an hour of rest comes through the steps of the OCV and not through a
resistance; and where the OCV is flat the slow resistance is drawn towards zero, by as much as the recordings are
rests of a quarter of an hour: duty without them shows the slow resistance itself. On simulated LFP the slow resistance
of the flat region fell from 97 to about 50 mohm*Ah by this, which is what days of duty show, and the duty was
predicted no worse. Time constants leave 30 and 600 s only for a gain of 10 %. (The model: Plett, Battery Management
Systems, vol. 1, chapters 2 and 3.)
"""

from collections import namedtuple

import numpy as np

NODES = 21
FAST_S = (5.0, 10.0, 20.0, 30.0, 60.0)
SLOW_S = (200.0, 400.0, 600.0, 1000.0, 1500.0)
ARRHENIUS_K = (0.0, 8000.0)  # what is believed of a fit
GAMMAS = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 90.0, 130.0, 180.0, 250.0, 350.0)
DEFAULT_ARRHENIUS_K = 2500.0
T25_K = 298.15
ERROR_KNOTS = 21
SOC_DOUBT = 0.003  # a counted SoC may be this wrong: steep stretches of the OCV weigh less
ERROR_V = 0.005  # expected size of the curve's own error
SMOOTH = 1e-3
FLAT_RIDGE = 0.44  # times the share of long rests: 0.3 for a pulse test with rests of an hour
LEAST_RIDGE = 0.05
LONG_REST_S = 900.0
MOST_SLOW = 8.0  # a slow resistance beyond this multiple of its median is a wrong SoC on a steep end of the OCV
FLAT_V = 0.3  # V per unit of SoC: flatter than this is flat
USUAL_S = (30.0, 600.0)
WORTH = 0.9  # other time constants must bring the rms below this share
DEFAULT_GAMMA = 60.0
ROWS = 15000  # rows that enter the least squares
REST_WEIGHT = 0.3  # the root of a resting row's weight
LONGEST_ROW_S = 60.0
LONGEST_STEP_S = 12.0
WARMER_K = 8.0  # recordings this far apart tell the Arrhenius factor


class Run:
    """One recording, prepared: time_s, current_a (+ charges), voltage_v, temp_c, soc 0..1, ocv_v, half gap hyst_v."""

    def __init__(self, record, soc, ocv, hyst, entropy=None):
        """record: fit_data.Record; soc: one per row; ocv, hyst (V at 25 C), entropy (V/K): even curves over SoC."""
        self.record = record
        self.time_s, self.current_a = record.time_s, record.current_a
        self.voltage_v, self.temp_c, self.soc = record.voltage_v, record.temp_c, soc
        self.ocv_v = on_curve(ocv, soc)
        self.slope_v = on_curve(np.abs(np.gradient(ocv, 1.0 / (len(ocv) - 1))), soc)
        if entropy is not None:
            self.ocv_v = self.ocv_v + on_curve(entropy, soc) * (record.temp_c - 25.0)
        self.hyst_v = on_curve(hyst, soc)
        self.dt_s = np.diff(self.time_s, prepend=self.time_s[0])
        before = np.concatenate((self.current_a[:1], self.current_a[:-1]))
        self.mean_a = 0.5 * (before + self.current_a)
        if record.ah is not None:
            far = self.dt_s > LONGEST_ROW_S
            self.mean_a[far] = np.diff(record.ah, prepend=0.0)[far] * 3600.0 / self.dt_s[far]
        self.start = 1.0 if soc[0] > 0.95 else -1.0 if soc[0] < 0.05 else 0.0


def on_curve(curve, soc):
    """The value of a curve with even steps over SoC 0..1 at each SoC (clipped to the ends)."""
    return np.interp(soc, np.linspace(0.0, 1.0, len(curve)), curve)


def hats(soc, nodes=NODES):
    """Piecewise linear basis: array (rows, nodes), each row adds up to 1."""
    at = np.clip(soc, 0.0, 1.0) * (nodes - 1)
    left = np.minimum(at.astype(int), nodes - 2)
    basis = np.zeros((len(soc), nodes))
    row = np.arange(len(soc))
    basis[row, left] = 1.0 - (at - left)
    basis[row, left + 1] = at - left
    return basis


def lagged(dt_s, columns, tau_s):
    """Each column (rows, n) behind a first-order lag of tau_s, starting from zero."""
    from scipy.signal import lfilter

    decay = np.exp(-np.round(dt_s, 2) / tau_s)
    out = np.empty_like(columns)
    state = np.zeros(columns.shape[1])
    edges = np.flatnonzero(np.diff(decay)) + 1
    for first, last in zip(np.concatenate(([0], edges)), np.concatenate((edges, [len(decay)]))):
        keep = decay[first]
        if last - first < 8:
            for row in range(first, last):
                state = keep * state + (1.0 - keep) * columns[row]
                out[row] = state
        else:
            out[first:last], _ = lfilter(
                [1.0 - keep], [1.0, -keep], columns[first:last], axis=0, zi=(keep * state)[None]
            )
            state = out[last - 1]
    return out


def hysteresis(run, gamma):
    """h of each row, -1..1: h' = -gamma * |dz| * (h - sign(i)); it stands still without current."""
    move = np.abs(np.diff(run.soc, prepend=run.soc[0]))
    sign = np.where(np.abs(run.mean_a) > 1e-9, np.sign(run.mean_a), 0.0)
    keep = np.exp(-gamma * move)
    out = np.empty(len(move))
    state = run.start
    for row, (factor, way) in enumerate(zip(keep.tolist(), sign.tolist())):
        if way:
            state = way + (state - way) * factor
        out[row] = state
    return out


def chosen_rows(run, share):
    """Indices of the rows that enter (every n-th, and each one at a step of the current) and their root weights."""
    every = max(1, int(len(run.time_s) / (ROWS * share)))
    scale = np.max(np.abs(run.current_a)) or 1.0
    step = np.abs(np.diff(run.current_a, prepend=run.current_a[0])) > 0.2 * scale
    keep = np.zeros(len(step), bool)
    keep[::every] = True
    if np.count_nonzero(step) < len(step) / 20:
        keep |= step
    keep &= (run.soc > -0.005) & (run.soc < 1.005)
    weight = np.sqrt(np.clip(run.dt_s, 0.05, LONGEST_ROW_S))
    weight = weight / (np.sqrt(np.mean(weight[keep] ** 2)) or 1.0)
    weight = np.where(np.abs(run.current_a) < 0.01 * scale, weight * REST_WEIGHT, weight)
    weight /= np.sqrt(1.0 + (run.slope_v * SOC_DOUBT / ERROR_V) ** 2)
    return np.flatnonzero(keep), weight


def rest_share(run):
    """Share of the time (gaps of more than a minute count as one) that lies in rests of at least LONG_REST_S."""
    weight = np.clip(run.dt_s, 0.0, LONGEST_ROW_S)
    still = np.abs(run.current_a) < 0.01 * (np.max(np.abs(run.current_a)) or 1.0)
    edges = np.flatnonzero(np.diff(still)) + 1
    parts = zip(np.concatenate(([0], edges)), np.concatenate((edges, [len(still)])))
    long = [(a, b) for a, b in parts if still[a] and run.time_s[b - 1] - run.time_s[a] >= LONG_REST_S]
    return sum(float(np.sum(weight[a:b])) for a, b in long) / (float(np.sum(weight)) or 1.0)


class System:
    """The design of all runs for every time constant of the grid; solve() takes two of them."""

    def __init__(self, runs, slope_v, arrhenius_k):
        """slope_v: |dOCV/dz| at the 21 nodes, V per unit of SoC (0 where unknown)."""
        self.slope_v = np.asarray(slope_v)
        self.runs = runs
        self.taus = FAST_S + SLOW_S
        total = sum(len(run.time_s) for run in runs)
        shares = [rest_share(run) * len(run.time_s) / total for run in runs]
        self.ridge = max(FLAT_RIDGE * sum(shares), LEAST_RIDGE)
        self.picked = [chosen_rows(run, len(run.time_s) / total) for run in runs]
        blocks, temps = [], []
        for run, (rows, weight) in zip(runs, self.picked):
            basis = hats(run.soc)
            drive = basis * run.mean_a[:, None]
            parts = [basis[rows] * run.current_a[rows, None]]
            parts += [lagged(run.dt_s, drive, tau_s)[rows] for tau_s in self.taus]
            parts.append(hats(run.soc[rows], ERROR_KNOTS))
            blocks.append(np.hstack(parts) * weight[rows, None])
            temps.append(run.temp_c[rows])
        self.rows = np.vstack(blocks)
        self.temp_c = np.concatenate(temps)
        self.resistive = NODES * (1 + len(self.taus))
        self.set_arrhenius(arrhenius_k)

    def set_arrhenius(self, arrhenius_k):
        """Scale the resistive columns to 25 C with R(T) = R25 * exp(ea * (1/T - 1/298.15))."""
        factor = np.exp(arrhenius_k * (1.0 / (self.temp_c + 273.15) - 1.0 / T25_K))
        self.design = self.rows.copy()
        self.design[:, : self.resistive] *= factor[:, None]
        self.gram = self.design.T @ self.design

    def aim(self, gamma):
        """Set the voltages to explain: V - OCV - h * H, with this hysteresis rate."""
        parts = []
        for run, (rows, weight) in zip(self.runs, self.picked):
            rest = run.voltage_v - run.ocv_v
            if gamma and np.any(run.hyst_v):
                rest = rest - run.hyst_v * hysteresis(run, gamma)
            parts.append(rest[rows] * weight[rows])
        self.goal = np.concatenate(parts)
        self.moment = self.design.T @ self.goal
        self.power = float(self.goal @ self.goal)

    def solve(self, fast_s, slow_s):
        """(resistances (3, 21) in ohm, curve error (21,) in V, mean square in V^2 with its penalties)."""
        from scipy.optimize import nnls

        columns, lift = self._columns(fast_s, slow_s)
        gram = lift.T @ self.gram[np.ix_(columns, columns)] @ lift
        moment = lift.T @ self.moment[columns]
        gram += self._penalty(gram)
        size = len(gram)
        low = np.linalg.cholesky(gram + 1e-12 * np.trace(gram) / size * np.eye(size))
        found, _ = nnls(low.T, np.linalg.solve(low, moment), maxiter=50 * size)
        cost = (self.power - 2.0 * found @ moment + found @ gram @ found) / len(self.goal)
        plain = lift @ found
        ohm = plain[: 3 * NODES].reshape(3, NODES).copy()
        ohm[2] = np.minimum(ohm[2], MOST_SLOW * np.median(ohm[2]) if np.median(ohm[2]) else ohm[2])
        return ohm, plain[3 * NODES :], float(cost)

    def _columns(self, fast_s, slow_s):
        """The columns of the design for two time constants, and the matrix from the unknowns (all >= 0) to them."""
        pick = [np.arange(NODES)]
        pick += [NODES * (1 + self.taus.index(tau_s)) + np.arange(NODES) for tau_s in (fast_s, slow_s)]
        pick.append(self.resistive + np.arange(ERROR_KNOTS))
        lift = np.eye(3 * NODES + ERROR_KNOTS)
        return np.concatenate(pick), np.hstack((lift, -lift[:, 3 * NODES :]))

    def _penalty(self, gram):
        """Smoothness over SoC of each resistance, the pull on the slow one where it is flat, the curve error's size."""
        out = np.zeros_like(gram)
        step = np.diff(np.eye(NODES), axis=0)
        bend = step.T @ step
        for index in range(3):
            part = slice(index * NODES, (index + 1) * NODES)
            out[part, part] = SMOOTH * np.trace(gram[part, part]) * bend
        slow = np.arange(2 * NODES, 3 * NODES)
        weigh = np.trace(gram[np.ix_(slow, slow)]) / NODES
        out[slow, slow] += self.ridge * weigh / (1.0 + (self.slope_v / FLAT_V) ** 2)
        last = np.arange(3 * NODES, len(gram))
        out[last, last] += np.mean(self.goal**2) / ERROR_V**2 * ERROR_KNOTS
        return out


def best_taus(system):
    """(fast_s, slow_s): the usual ones, unless others bring the residual down by more than a tenth."""
    costs = {(fast, slow): system.solve(fast, slow)[2] for fast in FAST_S for slow in SLOW_S}
    best = min(costs, key=costs.get)
    return best if costs[best] < costs[USUAL_S] * WORTH**2 else USUAL_S


def lowest(values, costs):
    """Where a parabola through the least cost and its neighbours is lowest; the least itself at an end."""
    at = int(np.argmin(costs))
    if at in (0, len(values) - 1):
        return values[at]
    a, b, _ = np.polyfit(values[at - 1 : at + 2], costs[at - 1 : at + 2], 2)
    return float(np.clip(-b / (2 * a), values[at - 1], values[at + 1])) if a > 0 else values[at]


def arrhenius(runs):
    """The Arrhenius factor in K from the voltage steps at current steps, which no error of the OCV disturbs; None.

    Each run gives one resistance (regression of dV on dI, SoC 0.15..0.95) at its mean temperature.
    """
    inverse_k, log_ohm = [], []
    for run in runs:
        step_a, step_v = np.diff(run.current_a), np.diff(run.voltage_v)
        big = (np.abs(step_a) > 0.1 * np.max(np.abs(run.current_a))) & (run.dt_s[1:] < LONGEST_STEP_S)
        big &= (run.soc[1:] > 0.15) & (run.soc[1:] < 0.95)
        ohm = float(np.sum(step_a[big] * step_v[big])) / (float(np.sum(step_a[big] ** 2)) or 1.0)
        if np.count_nonzero(big) >= 10 and ohm > 0.0:
            inverse_k.append(1.0 / (float(np.mean(run.temp_c[1:][big])) + 273.15))
            log_ohm.append(float(np.log(ohm)))
    if len(inverse_k) < 2 or max(inverse_k) - min(inverse_k) < 0.5 * WARMER_K / T25_K**2:
        return None
    return float(np.clip(np.polyfit(inverse_k, log_ohm, 1)[0], *ARRHENIUS_K))


# ohm: (3, 21) at 25 C; tau_s: two; arrhenius_k; gamma; known: which of "arrhenius", "gamma" the data told
Fit = namedtuple("Fit", "ohm tau_s arrhenius_k gamma known")


def fit(runs, ocv_v):
    """The Fit of prepared runs. ocv_v: 101 V over SoC; it says where the curve is flat."""
    slope = np.abs(np.gradient(ocv_v, 1.0 / (len(ocv_v) - 1)))
    wide = np.convolve(np.pad(slope, 3, mode="edge"), np.ones(7) / 7.0, mode="valid")
    system = System(runs, wide[:: (len(ocv_v) - 1) // (NODES - 1)], DEFAULT_ARRHENIUS_K)
    gamma, arrhenius_k, known = DEFAULT_GAMMA, DEFAULT_ARRHENIUS_K, []
    system.aim(gamma)
    taus = best_taus(system)
    temps = [float(np.mean(run.temp_c)) for run in runs]
    if max(temps) - min(temps) >= WARMER_K:
        told = arrhenius(runs)
        if told is not None:
            arrhenius_k = told
            system.set_arrhenius(arrhenius_k)
            known.append("arrhenius")
    if any(np.max(run.hyst_v) > 0.001 for run in runs):
        costs = []
        for value in GAMMAS:
            system.aim(value)
            costs.append(system.solve(*taus)[2])
        gamma = lowest(GAMMAS, costs)
        known.append("gamma")
    system.aim(gamma)
    taus = best_taus(system)
    return Fit(system.solve(*taus)[0], taus, arrhenius_k, gamma, known)


def predict(run, found, scale=1.0):
    """The model's voltage of each row of a run, V. scale: factor on all resistances."""
    factor = scale * np.exp(found.arrhenius_k * (1.0 / (run.temp_c + 273.15) - 1.0 / T25_K))
    basis = hats(run.soc)
    out = run.ocv_v + (basis @ found.ohm[0]) * run.current_a * factor
    for ohm, tau_s in zip(found.ohm[1:], found.tau_s):
        out += lagged(run.dt_s, ((basis @ ohm) * run.mean_a * factor)[:, None], tau_s)[:, 0]
    if np.any(run.hyst_v):
        out += run.hyst_v * hysteresis(run, found.gamma)
    return out


def residuals(runs, found):
    """(rms V, rms V where steep stretches count less, [(rows, mean V, rms V) or None for each tenth of SoC]).

    Each row weighs by its duration. The second number is the model's own error: where the OCV is steep, most of the
    residual is a SoC that was counted a little wrong.
    """
    error = np.concatenate([run.voltage_v - predict(run, found) for run in runs])
    weight = np.concatenate([np.clip(run.dt_s, 0.0, LONGEST_ROW_S) for run in runs])
    steep = np.concatenate([run.slope_v for run in runs]) * SOC_DOUBT / ERROR_V
    soc = np.concatenate([run.soc for run in runs])

    def moments(chosen, weight):
        total = float(np.sum(weight[chosen])) or 1.0
        mean = float(np.sum(error[chosen] * weight[chosen])) / total
        return int(np.count_nonzero(chosen)), mean, float(np.sqrt(np.sum(error[chosen] ** 2 * weight[chosen]) / total))

    tenth = np.clip((soc * 10).astype(int), 0, 9)
    tenths = [moments(tenth == k, weight) if np.any(tenth == k) else None for k in range(10)]
    every = np.ones(len(soc), bool)
    return moments(every, weight)[2], moments(every, weight / (1.0 + steep**2))[2], tenths
