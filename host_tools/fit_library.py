# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The published half cells behind the built-in library, and the modules edge/core/cell_*.py made of cell files.

`python -m host_tools.fit_library half nmc811 half.csv ocv.csv info.json` writes a published half-cell pair as the
CSV that `reuse-edge fit --half` reads, the stoichiometries of its fresh cell and the OCV that follows from both.
`python -m host_tools.fit_library module cell.json NOTES.txt edge/core/cell_NAME.py` turns a cell file into a module;
the lines of NOTES.txt become its comment: where everything comes from and the commands.
"""

import json
import sys
from math import exp, tanh

import numpy as np

from host_tools import fit_file, fit_half


def nmc811_positive(y):
    """LG M50 NMC811 against lithium, V. Chen et al. 2020, J. Electrochem. Soc. 167 080534, eq. 8."""
    near = 17.5842 * tanh(15.9308 * (y - 0.3120)) - 17.7326 * tanh(15.7890 * (y - 0.3117))
    return 4.4875 - 0.8090 * y - 0.0428 * tanh(18.5138 * (y - 0.5542)) + near


def graphite_silicon(x):
    """LG M50 graphite with SiOx against lithium, V. Chen et al. 2020, J. Electrochem. Soc. 167 080534, eq. 9."""
    steps = 0.0909 * tanh(29.8538 * (x - 0.1234)) + 0.04478 * tanh(14.9159 * (x - 0.2769))
    return 1.9793 * exp(-39.3631 * x) + 0.2482 - steps - 0.0205 * tanh(30.4444 * (x - 0.6103))


def nmc532_positive(y):
    """NMC532 of the UM pouch cell against lithium, V. Mohtat et al. 2020, J. Electrochem. Soc. 167 110561."""
    whole = 4.3452 - 1.6518 * y + 1.6225 * y**2 - 2.0843 * y**3 + 3.5146 * y**4 - 2.2166 * y**5
    return whole - 0.5623e-4 * exp(109.451 * y - 100.006)


def graphite_um(x):
    """Graphite of the UM pouch cell against lithium, V. Mohtat et al. 2020, J. Electrochem. Soc. 167 110561."""
    steps = ((0.0120, 0.127, 0.016), (0.0118, 0.155, 0.016), (0.0035, 0.220, 0.020))
    steps += ((0.0095, 0.190, 0.013), (0.0145, 0.490, 0.020), (0.0800, 1.030, 0.055))
    return 0.063 + 0.8 * exp(-75.0 * (x + 0.001)) - sum(size * tanh((x - at) / wide) for size, at, wide in steps)


def lfp_positive(y):
    """LFP against lithium, V. Afshar et al. 2017, arXiv:1709.03970, as used with Prada et al. 2013."""
    return 3.4077 - 0.020269 * y + 0.5 * exp(-150.0 * y) - 0.9 * exp(-30.0 * (1.0 - y))


# name: (positive, negative, (x0, x100, y0, y100) of the fresh cell or None: fitted to the OCV of a real one)
PAIRS = {
    "nmc811": (nmc811_positive, graphite_silicon, (0.0263458, 0.910618, 0.853975, 0.263845)),
    "nmc532": (nmc532_positive, graphite_um, (0.0014992, 0.833395, 0.890908, 0.0335239)),
    "lfp": (lfp_positive, graphite_silicon, None),
}


def half_of(name):
    """The fit_half.Half of a published pair."""
    positive, negative, ends = PAIRS[name]
    sto = [float(value) for value in fit_half.STOICHIOMETRY]
    return fit_half.Half(np.array([positive(y) for y in sto]), np.array([negative(x) for x in sto]), ends, name)


def write_half(name, half_path, ocv_path, info_path):
    """Write the pair as sto,Up,Un; the ends as JSON; the fresh OCV as soc,ocv (both only where the ends are known)."""
    half = half_of(name)
    with open(half_path, "w", encoding="utf-8") as stream:
        stream.write("sto,Up,Un\n")
        for sto, up, un in zip(fit_half.STOICHIOMETRY, half.positive_v, half.negative_v):
            stream.write("%.4f,%.7f,%.7f\n" % (sto, up, un))
    if half.ends is None:
        return
    positive, negative, (x0, x100, y0, y100) = PAIRS[name]
    with open(info_path, "w", encoding="utf-8") as stream:
        json.dump({"x0": x0, "x100": x100, "y0": y0, "y100": y100}, stream)
    with open(ocv_path, "w", encoding="utf-8") as stream:
        stream.write("soc,ocv\n")
        for index in range(401):
            z = index / 400.0
            volt = positive(y0 + z * (y100 - y0)) - negative(x0 + z * (x100 - x0))
            stream.write("%.4f,%.7f\n" % (z, volt))


def write_module(cell_path, notes_path, module_path):
    """Turn a cell file into a module of the built-in library."""
    with open(cell_path, encoding="utf-8") as stream:
        cell = json.load(stream)
    with open(notes_path, encoding="utf-8") as stream:
        notes = stream.read().splitlines()
    title = "Built-in cell %s: %s." % (cell["name"], cell["source"])
    with open(module_path, "w", encoding="utf-8") as stream:
        stream.write(fit_file.module_text(cell, title, notes))


def main(argv):
    """The command line: see the module's docstring. Returns the exit code."""
    if argv[:1] == ["half"] and len(argv) == 5 and argv[1] in PAIRS:
        write_half(*argv[1:])
        return 0
    if argv[:1] == ["module"] and len(argv) == 4:
        write_module(*argv[1:])
        return 0
    sys.stderr.write(__doc__ + "\nnames: %s\n" % ", ".join(PAIRS))
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
