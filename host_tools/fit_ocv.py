# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The open-circuit voltage of a cell over SoC: from a file, from slow branches, or from the rests of a pulse test."""

from collections import namedtuple

import numpy as np

from host_tools import fit_data

POINTS = 101
NODES = 21
GRID = np.linspace(0.0, 1.0, POINTS)
SLOWEST_C, FASTEST_C = 1.0 / 80.0, 1.0 / 12.0
BRANCH_SHARE = 0.8  # of the nominal charge: less is no whole branch
REST_S = 900.0
REST_C = 0.004
FEWEST_RESTS = 5
MOST_ENTROPY = 0.0006  # V/K; what is more, at the ends of the curve, is a SoC that differs between the branches

# up: True when charging; soc, volt_v: arrays; mean_a: |current|; ah: charge of the branch; temp_c
Branch = namedtuple("Branch", "path up soc volt_v mean_a ah temp_c")
# ocv_v, half_gap_v (101 each) at 25 C; entropy_v_per_k (101) or None; slow_a: |current| of the branches (0: none);
# low, high: the SoC that the data covers; ah: charge of a whole branch or None; text: where it comes from
Ocv = namedtuple("Ocv", "ocv_v half_gap_v entropy_v_per_k slow_a low high ah text")


def branches(record, nominal_ah):
    """The whole slow branches (C/80..C/12, at least 80 % of the nominal charge) in one record."""
    rate = record.current_a / nominal_ah
    way = np.where(np.abs(rate) < SLOWEST_C, 0, np.where(np.abs(rate) > FASTEST_C, 9, np.sign(rate))).astype(int)
    edges = np.flatnonzero(np.diff(way)) + 1
    ah = fit_data.charge_ah(record)
    found = []
    for first, last in zip(np.concatenate(([0], edges)), np.concatenate((edges, [len(way)]))):
        part = slice(first, last)
        moved = abs(ah[last - 1] - ah[first])
        if way[first] not in (1, -1) or moved < BRANCH_SHARE * nominal_ah:
            continue
        soc = np.abs(ah[part] - ah[first]) / moved
        up = bool(way[first] > 0)
        mean_a = float(np.mean(np.abs(record.current_a[part])))
        temp_c = float(np.median(record.temp_c[part]))
        found.append(Branch(record.path, up, soc if up else 1.0 - soc, record.voltage_v[part], mean_a, moved, temp_c))
    return found


def on_grid(soc, value):
    """A curve on the 101 SoC points; soc in any order."""
    order = np.argsort(soc, kind="stable")
    soc, first = np.unique(soc[order], return_index=True)
    return np.interp(GRID, soc, value[order][first])


def from_branches(found):
    """The Ocv of slow branches: mean of both ways, half their gap, entropy when they lie 8 K apart."""
    temps = sorted({round(branch.temp_c / 4.0) for branch in found})
    means, gaps, at_c = [], [], []
    for temp in temps:
        here = [branch for branch in found if round(branch.temp_c / 4.0) == temp]
        ways = [[on_grid(b.soc, b.volt_v) for b in here if b.up is up] for up in (True, False)]
        sides = [np.mean(way, axis=0) for way in ways if way]
        means.append(np.mean(sides, axis=0))
        if len(sides) == 2:
            gaps.append(np.maximum(0.5 * (sides[0] - sides[1]), 0.0))
        at_c.append(float(np.mean([branch.temp_c for branch in here])))
    near = int(np.argmin(np.abs(np.array(at_c) - 25.0)))
    entropy = None
    ocv = means[near]
    if max(at_c) - min(at_c) >= 8.0:
        entropy = np.polyfit(np.array(at_c) - 25.0, np.array(means), 1)[0]
        entropy = np.clip(entropy, -MOST_ENTROPY, MOST_ENTROPY)
        ocv = ocv + entropy * (25.0 - at_c[near])
    both = len(gaps) == len(means)
    gap = gaps[near] if both else np.zeros(POINTS)
    ah = float(np.mean([branch.ah for branch in found]))
    slow_a = float(np.mean([branch.mean_a for branch in found]))
    text = "%s branches at C/%.0f, %s °C" % (
        "charge and discharge" if both else "one-way",
        ah / slow_a,
        ", ".join("%.0f" % value for value in at_c),
    )
    return Ocv(np.maximum.accumulate(ocv), gap, entropy, slow_a, 0.0, 1.0, ah, text)


def from_file(path, named):
    """The Ocv of a CSV with soc and ocv, or with soc, charge and discharge branches (V)."""
    header, _ = fit_data.read_columns(path)
    names = [fit_data.plain(name) for name in header]

    def pick(*words):
        return next((header[k] for k, name in enumerate(names) if name in words), None)

    soc = named.get("soc") or pick("soc", "z", "soc_ocv", "stateofcharge")
    up, down = pick("charge", "ocv_charge", "charge_v"), pick("discharge", "ocv_discharge", "discharge_v")
    mean = pick("ocv", "ocv_v", "voltage", "v", "u", "ocv_mean", "meanocv")
    if soc is None or (mean is None and (up is None or down is None)):
        reason = "no columns soc and ocv, or soc, charge and discharge (found: %s)" % ", ".join(header)
        raise fit_data.FitError(path, 1, reason, "rename the columns")
    columns = {"soc": soc, "up": up, "down": down} if up and down else {"soc": soc, "v": mean}
    values, lines = fit_data.take_columns(path, columns, tuple(columns), ())
    z = values["soc"]
    bad = np.flatnonzero((z < -0.001) | (z > 1.001))
    if len(bad):
        raise fit_data.FitError(path, int(lines[bad[0]]), "SoC %g is outside 0..1" % z[bad[0]], "give the SoC as 0..1")
    sides = [on_grid(z, values[key]) for key in columns if key != "soc"]
    curve = np.mean(sides, axis=0)
    if np.max(curve) > 6.0:
        raise fit_data.FitError(path, None, "an OCV above 6 V is not one cell in V", "give V of one cell")
    fall = np.flatnonzero(np.diff(curve) < -0.005)
    if len(fall):
        raise fit_data.FitError(path, None, "OCV falls near SoC %.2f" % GRID[fall[0]], "OCV must rise with SoC")
    gap = np.maximum(0.5 * (sides[0] - sides[1]), 0.0) if len(sides) == 2 else np.zeros(POINTS)
    low, high = max(float(np.min(z)), 0.0), min(float(np.max(z)), 1.0)
    return Ocv(np.maximum.accumulate(curve), gap, None, 0.0, low, high, None, "file %s" % path)


def rests(record, soc, nominal_ah):
    """[(SoC, V at the end of the rest, direction before: +1, -1)] of the rests of at least 15 minutes."""
    still = np.abs(record.current_a) < REST_C * nominal_ah
    edges = np.flatnonzero(np.diff(still.astype(int))) + 1
    found = []
    for first, last in zip(np.concatenate(([0], edges)), np.concatenate((edges, [len(still)]))):
        if first and still[first] and record.time_s[last - 1] - record.time_s[first] >= REST_S:
            found.append(
                (float(soc[last - 1]), float(record.voltage_v[last - 1]), np.sign(record.current_a[first - 1]))
            )
    return found


def from_rests(points, ends_v):
    """The Ocv through rested points, mean of those after charge and after discharge where both exist.

    ends_v: 101 V of a cell of this chemistry; its shape continues the curve beyond the first and the last point.
    """
    from scipy.interpolate import PchipInterpolator

    def side(way):
        chosen = sorted({round(z, 4): v for z, v, before in points if before == way}.items())
        if len(chosen) < FEWEST_RESTS:
            return None
        return np.array(chosen).T

    sides = [one for one in (side(1.0), side(-1.0)) if one is not None]
    if not sides:
        return None
    low, high = min(one[0][0] for one in sides), max(one[0][-1] for one in sides)
    at = np.clip(GRID, max(one[0][0] for one in sides), min(one[0][-1] for one in sides))
    gap = np.zeros(POINTS)
    if len(sides) == 2:
        gap = 0.5 * (PchipInterpolator(*sides[0])(at) - PchipInterpolator(*sides[1])(at))
    middles = []
    for one, turn in zip(sides, (-1.0, 1.0)):
        curve = PchipInterpolator(*one)(np.clip(GRID, one[0][0], one[0][-1])) + turn * gap
        middles.append(np.where((one[0][0] <= GRID) & (one[0][-1] >= GRID), curve, np.nan))
    covered = (low <= GRID) & (high >= GRID)
    mean = np.interp(GRID, GRID[covered], np.nanmean(np.array(middles)[:, covered], axis=0))
    gap = np.where(covered, np.maximum(gap, 0.0), 0.0)
    mean = continued(mean, low, high, ends_v)
    text = "%d rests, SoC %.2f..%.2f; beyond them the library's curve" % (len(points), low, high)
    return Ocv(np.maximum.accumulate(mean), gap, None, 0.0, low, high, None, text)


def continued(mean, low, high, ends_v):
    """The curve with its ends taken from another curve, scaled so that it stays continuous and ends where that ends."""
    out = mean.copy()
    for edge, end, part in ((low, 0, GRID < low), (high, POINTS - 1, GRID > high)):
        at, other = float(np.interp(edge, GRID, mean)), float(np.interp(edge, GRID, ends_v))
        span = ends_v[end] - other
        factor = (ends_v[end] - at) / span if abs(span) > 1e-6 else 1.0
        out[part] = at + np.clip(factor, 0.2, 5.0) * (ends_v[part] - other)
    return out


def soc_of(record, ocv, ah, nominal_ah):
    """SoC of each row: the file's own, else counted from @soc=, else from the rested voltage of the first row."""
    if record.soc is not None:
        return record.soc
    start = record.start_soc
    if start is None:
        if ocv is None:
            raise fit_data.FitError(
                record.path, None, "no soc column and no start", "say the SoC of the first row: FILE@soc=1"
            )
        slope = np.gradient(ocv.ocv_v, GRID)
        start = float(np.interp(record.voltage_v[0], ocv.ocv_v, GRID))
        if abs(record.current_a[0]) > REST_C * nominal_ah or float(np.interp(start, GRID, slope)) < 0.3:
            reason = "SoC of the first row is not known: no soc column, not at rest, or the OCV is flat there"
            raise fit_data.FitError(record.path, None, reason, "say it: FILE@soc=1 (0..1)")
    soc = start + fit_data.charge_ah(record) / ah
    if np.max(soc) > 1.1 or np.min(soc) < -0.1:
        reason = "counted SoC runs from %.2f to %.2f with %g Ah" % (np.min(soc), np.max(soc), ah)
        raise fit_data.FitError(record.path, None, reason, "mend @soc= or give --capacity-ah, the cell's own capacity")
    return soc
