# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Half cells: tables of both electrodes against lithium, and where the fresh cell sits on them.

V(z) = Up(y) - Un(x) with x = x0 + z * (x100 - x0) and y = y0 + z * (y100 - y0). The four ends follow from the OCV
of the fresh cell by least squares (Birkl et al. 2017, J. Power Sources 341: the alignment); with the cell's
charge they are the three capacities that ageing changes: positive, negative and lithium.
"""

import json
from collections import namedtuple

import numpy as np

from host_tools import fit_data

FIRST_PPM, STEP_PPM, POINTS = 5000, 5000, 200
STOICHIOMETRY = (FIRST_PPM + STEP_PPM * np.arange(POINTS)) * 1e-6
LIBRARY = ("nmc811", "nmc532", "lfp")
STARTS = (
    (0.01, 0.85, 0.95, 0.25),
    (0.03, 0.92, 0.88, 0.30),
    (0.005, 0.80, 0.90, 0.05),
    (0.02, 0.80, 0.71, 0.005),
    (0.02, 0.85, 0.95, 0.02),
)
SHIFT_V = 0.03
SOC_DOUBT = 0.01
BOUNDS = ((0.0, 0.5, 0.65, 0.0, -0.1), (0.1, 1.0, 1.0, 0.5, 0.1))  # x0, x100, y0, y100, shift in V
LOOSE_V = 0.01  # beyond this an OCV point counts less
WORST_V = 0.03
MOST_SHIFT_V = 0.05

# positive_v, negative_v: 200 V each on STOICHIOMETRY; ends: (x0, x100, y0, y100) of a cell, or None
Half = namedtuple("Half", "positive_v negative_v ends text")


def library_cell(name):
    """The built-in cell of that name: a dict in the cell file's format."""
    return __import__("edge.core.cell_" + name, None, None, ["CELL"]).CELL


def from_library(name):
    """The Half of a built-in cell, without its ends: the cell at hand has its own."""
    half = library_cell(name)["half"]
    positive, negative = (np.array(half[key]) * 1e-6 for key in ("positive_uv", "negative_uv"))
    return Half(positive, negative, None, "built-in %s" % name)


def from_csv(path, info):
    """The Half of a CSV (sto, Up, Un in V) and maybe a JSON file with x0, x100, y0, y100."""
    header, _ = fit_data.read_columns(path)
    names = {name.strip().lower(): name for name in header}
    columns = {}
    for key, words in (
        ("sto", "sto stoichiometry x"),
        ("up", "up positive positive_v"),
        ("un", "un negative negative_v"),
    ):
        found = next((names[word] for word in words.split() if word in names), None)
        if found is None:
            raise fit_data.FitError(path, 1, "no column %s (found: %s)" % (key, ", ".join(header)), "sto,Up,Un in V")
        columns[key] = found
    values, lines = fit_data.take_columns(path, columns, tuple(columns), ())
    sto = values["sto"]
    back = np.flatnonzero(np.diff(sto) <= 0)
    if len(back):
        raise fit_data.FitError(path, int(lines[back[0] + 1]), "stoichiometry does not rise", "sort the rows")
    if sto[0] < -0.001 or sto[-1] > 1.001:
        raise fit_data.FitError(path, None, "stoichiometry outside 0..1", "give it as 0..1")
    if np.mean(values["up"]) < np.mean(values["un"]):
        raise fit_data.FitError(path, None, "Up lies below Un", "Up is the positive electrode against lithium")
    curves = [extended(sto, values[key]) for key in ("up", "un")]
    return Half(curves[0], curves[1], read_info(info) if info else None, path)


def extended(sto, volt):
    """A half cell's potential on STOICHIOMETRY; beyond the data the slope of its last stretch goes on."""
    out = np.interp(STOICHIOMETRY, sto, volt)
    for edge, near, side in ((0, 2, STOICHIOMETRY < sto[0]), (-1, -3, STOICHIOMETRY > sto[-1])):
        slope = (volt[edge] - volt[near]) / (sto[edge] - sto[near])
        out[side] = volt[edge] + slope * (STOICHIOMETRY[side] - sto[edge])
    return out


def read_info(path):
    """(x0, x100, y0, y100) of a JSON file; FitError names what is missing or cannot be."""
    with fit_data.open_csv(path) as stream:
        try:
            info = json.load(stream)
        except ValueError as error:
            raise fit_data.FitError(path, None, "is not JSON (%s)" % error, "give x0, x100, y0, y100") from error
    ends = []
    for key in ("x0", "x100", "y0", "y100"):
        value = info.get(key) if isinstance(info, dict) else None
        if not isinstance(value, (int, float)) or not -0.05 <= value <= 1.05:
            raise fit_data.FitError(path, None, "%s is %r" % (key, value), "a stoichiometry 0..1 belongs here")
        ends.append(float(value))
    return tuple(ends)


def potential(half, ends, soc):
    """Up - Un at each SoC, V. ends: (x0, x100, y0, y100)."""
    x0, x100, y0, y100 = ends
    y, x = y0 + soc * (y100 - y0), x0 + soc * (x100 - x0)
    return _at(half.positive_v, y) - _at(half.negative_v, x)


def _at(curve, sto):
    """A half cell's potential; outside the table it runs away by 50 V per unit, so that a fit comes back."""
    out = np.interp(sto, STOICHIOMETRY, curve)
    out = out + 50.0 * np.maximum(STOICHIOMETRY[0] - sto, 0.0)
    return out - 50.0 * np.maximum(sto - STOICHIOMETRY[-1], 0.0)


def align(half, soc, ocv_v):
    """(the Half with its ends and a shifted positive table, rms V, shift V): what explains an OCV best.

    The shift, held near 0 by a spread of 30 mV, takes up reference electrodes and temperature; published LFP
    tables lie 20 to 40 mV below real cells. Where the OCV is steep a point counts less.
    """
    from scipy.optimize import least_squares

    slope = np.abs(np.gradient(ocv_v, soc))
    weight = 1.0 / np.sqrt(1.0 + (slope * SOC_DOUBT / LOOSE_V) ** 2)

    def miss(ends):
        return potential(half, ends[:4], soc) + ends[4] - ocv_v

    def weighted(ends):
        return np.append(miss(ends) * weight, ends[4] / SHIFT_V * LOOSE_V)

    tries = [
        least_squares(
            weighted, (*start, 0.0), bounds=BOUNDS, loss="soft_l1", f_scale=LOOSE_V, x_scale=(1, 1, 1, 1, 0.1)
        )
        for start in STARTS
    ]
    best = min(tries, key=lambda one: one.cost).x
    found = half._replace(positive_v=half.positive_v + best[4], ends=tuple(float(value) for value in best[:4]))
    rms_v = float(np.sqrt(np.average(miss(best) ** 2, weights=weight**2)))
    return found, rms_v, float(best[4])


def doubt(half, rms_v, shift_v):
    """Why an alignment is not to be trusted, as text; None when nothing speaks against it."""
    if rms_v > WORST_V:
        return "rms %.0f mV" % (rms_v * 1e3)
    if abs(shift_v) > MOST_SHIFT_V:
        return "shift of %.0f mV" % (shift_v * 1e3)
    for name, value, low, high in zip(("x0", "x100", "y0", "y100"), half.ends, *BOUNDS):
        if value - low < 1e-4 and low > 0.0 or high - value < 1e-4:
            return "%s stopped at its bound %.2f" % (name, value)
    return None


def section(half, cell_ah):
    """The cell file's part "half": integers. half has its ends; cell_ah: charge of the fresh cell."""
    x0, x100, y0, y100 = half.ends
    negative, positive = cell_ah / (x100 - x0), cell_ah / (y0 - y100)
    return {
        "first_ppm": FIRST_PPM,
        "step_ppm": STEP_PPM,
        "positive_uv": [round(value * 1e6) for value in half.positive_v.tolist()],
        "negative_uv": [round(value * 1e6) for value in half.negative_v.tolist()],
        "positive_mah": round(positive * 1e3),
        "negative_mah": round(negative * 1e3),
        "lithium_mah": round((x0 * negative + y0 * positive) * 1e3),
        "x0_ppm": round(x0 * 1e6),
        "x100_ppm": round(x100 * 1e6),
    }
