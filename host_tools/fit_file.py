# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The cell file that `reuse-edge fit` writes: JSON of integers, the same as a Python module, and the plot."""

import json

import numpy as np

NODES = 21
HEADER = "# SPDX-License-Identifier: Apache-2.0\n# Copyright 2026 The reuse-edge authors\n"
WIDTH = 116


def micro(values):
    """A list of integers, millionths of the given numbers."""
    return [round(float(value) * 1e6) for value in values]


def every_fifth(curve):
    """The 21 values of a curve with 101."""
    return np.asarray(curve)[:: (len(curve) - 1) // (NODES - 1)]


def build(facts, ocv, found, half, rms_v, tenths):
    """The cell as a dict in the file's format. facts: name, source, chemistry, nominal_ah, min_v, max_v."""
    cell = {
        "version": 1,
        "name": facts["name"],
        "source": facts["source"],
        "chemistry": facts["chemistry"],
        "nominal_mah": round(facts["nominal_ah"] * 1e3),
        "cell_min_mv": round(facts["min_v"] * 1e3),
        "cell_max_mv": round(facts["max_v"] * 1e3),
        "ocv_uv": micro(ocv.ocv_v),
        "r_uohm": [micro(row) for row in found.ohm],
        "tau_ms": [round(tau_s * 1e3) for tau_s in found.tau_s],
        "ea_k": round(found.arrhenius_k),
        "hysteresis_uv": micro(every_fifth(ocv.half_gap_v)),
        "gamma": round(found.gamma) if np.any(ocv.half_gap_v) else 0,
        "residual_uv": round(rms_v * 1e6),
        "residual_tenths_uv": [None if row is None else round(row[2] * 1e6) for row in tenths],
        "half": half,
    }
    if ocv.entropy_v_per_k is not None:
        cell["entropy_uv_per_k"] = micro(every_fifth(ocv.entropy_v_per_k))
    return cell


def write_json(cell, path):
    """Write the cell file, one key a line."""
    lines = ["%s: %s" % (json.dumps(key), json.dumps(value, ensure_ascii=False)) for key, value in cell.items()]
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("{\n" + ",\n".join(lines) + "\n}\n")


def literal(value, indent):
    """A Python literal with tuples for lists (constants in MicroPython), broken into lines."""
    if isinstance(value, dict):
        inner = "".join(
            '%s    "%s": %s,\n' % (indent, key, literal(part, indent + "    ")) for key, part in value.items()
        )
        return "{\n%s%s}" % (inner, indent)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, list):
        return repr(value)
    parts = [literal(part, indent + "    ") for part in value]
    whole = "(%s)" % ", ".join(parts)
    if len(indent) + len(whole) < WIDTH - 40 and "\n" not in whole:
        return whole
    lines, line = [], ""
    for part in parts:
        if len(line) + len(part) + len(indent) + 6 > WIDTH or "\n" in part:
            lines.append(line)
            line = ""
        line += (" " if line else "") + part + ","
    lines.append(line)
    return "(\n%s%s)" % ("".join("%s    %s\n" % (indent, one) for one in lines if one), indent)


def module_text(cell, title, comment):
    """The source of a module with CELL = {...}; title: its docstring; comment: lines, where it comes from."""
    kept = {key: value for key, value in cell.items() if key != "residual_tenths_uv"}
    body = literal(kept, "")
    notes = "".join("# %s\n" % line if line else "#\n" for line in comment)
    return '%s"""%s"""\n\n%s# fmt: off\nCELL = %s\n' % (HEADER, title, notes, body)


def plot(path, cell, runs, found):
    """Draw OCV, resistances and residuals into a file (the ending says the format)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from host_tools import fit_ecm

    figure, axes = pyplot.subplots(2, 2, figsize=(12, 8))
    soc = np.linspace(0, 1, 101)
    axes[0][0].plot(soc, np.array(cell["ocv_uv"]) * 1e-6)
    axes[0][0].set(title="OCV, V", xlabel="SoC")
    nodes = np.linspace(0, 1, NODES)
    for row, label in zip(cell["r_uohm"], ("ohmic", *("%.0f s" % (tau / 1e3) for tau in cell["tau_ms"]))):
        axes[0][1].plot(nodes, np.array(row) * 1e-3, label=label)
    axes[0][1].set(title="resistance at 25 °C, mΩ", xlabel="SoC")
    axes[0][1].legend()
    axes[1][0].plot(nodes, np.array(cell["hysteresis_uv"]) * 1e-3)
    axes[1][0].set(title="half the hysteresis gap, mV", xlabel="SoC")
    for run in runs:
        error = run.voltage_v - fit_ecm.predict(run, found)
        axes[1][1].plot(run.soc[::10], error[::10] * 1e3, ".", ms=2, label=run.record.path[-30:])
    axes[1][1].set(title="measured - model, mV", xlabel="SoC")
    axes[1][1].legend(fontsize=6)
    figure.suptitle(cell["name"])
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
