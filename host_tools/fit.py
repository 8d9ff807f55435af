# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge fit`: identify a cell file from characterisation data.

The recordings are slow branches (the open-circuit voltage), pulse tests or duty (resistances, time constants,
hysteresis rate), at one temperature or several (Arrhenius factor, entropy). What the data cannot tell keeps a
default, and the report says so.
"""

import argparse
import os

# scipy first: when neither is installed, the line that is printed names the extra that brings both
import scipy  # noqa: F401  isort: skip
import numpy as np  # isort: skip

from host_tools import fit_data, fit_ecm, fit_file, fit_half, fit_ocv

LIMITS_V = {"nmc": (2.5, 4.2), "lfp": (2.0, 3.6)}
LIBRARY = {"nmc": "nmc811", "lfp": "lfp"}
EPILOG = """\
DATA is CSV or .csv.gz with columns for time (s), current (A), voltage (V of one cell), and if there are any
temperature (°C), SoC (0..1) and a charge counter (Ah). + current charges. Options of one file stand behind @:
  run.csv@soc=1          SoC of the first row, where there is no column
  run.csv@temp=15,dt=1   temperature and time step, where there is no column
  run.csv@sign=-1        in this file + current discharges
Slow branches (slower than C/12, over at least 80 % of the charge) make the OCV; everything else the resistances.

  reuse-edge fit slow.csv.gz pulses.csv.gz@soc=1 --chemistry nmc --nominal-ah 5 --half nmc811 --out cell.json"""


def parse(argv):
    """The arguments of the verb."""
    parser = argparse.ArgumentParser(
        "reuse-edge fit",
        description=__doc__.split("\n")[0],
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    add = parser.add_argument
    add("data", nargs="+", metavar="DATA", help="recordings of one cell")
    add("--chemistry", choices=sorted(LIMITS_V), required=True)
    add("--nominal-ah", type=float, required=True, help="nominal capacity of the cell, Ah")
    add(
        "--capacity-ah",
        type=float,
        help="its measured capacity, where SoC is counted (default: slow branches, nominal)",
    )
    add("--ocv", metavar="FILE", help="OCV: columns soc, ocv in V; or soc, charge, discharge")
    add("--half", metavar="FILE|NAME", help="half cells: CSV sto,Up,Un in V, or %s" % ", ".join(fit_half.LIBRARY))
    add("--half-info", metavar="FILE", help="JSON with x0, x100, y0, y100 of the fresh cell (default: fitted)")
    add("--discharge-positive", action="store_true", help="in DATA + current discharges")
    add("--columns", default="", metavar="t=..,i=..", help="names of columns: t, i, v, temp, soc, ah")
    add("--min-v", type=float, help="voltage at SoC 0 (default: of the chemistry)")
    add("--max-v", type=float, help="voltage at SoC 1 (default: of the chemistry)")
    add("--verify", nargs="+", default=[], metavar="DATA", help="recordings that are only predicted, not fitted")
    add("--name", help="name of the cell (default: from --out)")
    add("--source", help="where the data come from, for the file (default: the names of DATA)")
    add("--out", default="cell.json", metavar="FILE")
    add("--plot", metavar="FILE", help="draw the fit (needs matplotlib)")
    args = parser.parse_args(argv)
    for name, low, high in (("nominal_ah", 0.01, 5000.0), ("capacity_ah", 0.01, 5000.0)):
        value = getattr(args, name)
        if value is not None and not low <= value <= high:
            parser.error("--%s must lie within %g..%g Ah" % (name.replace("_", "-"), low, high))
    if args.half_info and (not args.half or args.half in fit_half.LIBRARY):
        parser.error("--half-info belongs to a half-cell table of your own: --half FILE.csv")
    return args, columns_named(parser, args.columns)


def columns_named(parser, text):
    """{"t": "name", ...} of the option --columns."""
    named = {}
    for part in filter(None, text.split(",")):
        key, equals, name = part.partition("=")
        if key not in fit_data.WORDS or not equals:
            parser.error("--columns takes %s, not '%s'" % (", ".join("%s=NAME" % k for k in fit_data.WORDS), part))
        named[key] = name
    return named


def open_circuit(args, named, records):
    """(Ocv, the records that are left for the resistances)."""
    slow = {record.path: fit_ocv.branches(record, args.nominal_ah) for record in records}
    found = [branch for some in slow.values() for branch in some]
    rest = [record for record in records if not slow[record.path]]
    if args.ocv:
        return fit_ocv.from_file(args.ocv, named), rest
    if found:
        return fit_ocv.from_branches(found), rest
    ah = args.capacity_ah or args.nominal_ah
    points = []
    for record in rest:
        points += fit_ocv.rests(record, fit_ocv.soc_of(record, None, ah, args.nominal_ah), args.nominal_ah)
    ends_v = np.array(fit_half.library_cell(LIBRARY[args.chemistry])["ocv_uv"]) * 1e-6
    ocv = fit_ocv.from_rests(points, ends_v)
    if ocv is None:
        reason = "no OCV: neither --ocv, nor slow branches, nor %d rests of 15 minutes" % fit_ocv.FEWEST_RESTS
        raise fit_data.FitError(records[0].path, None, reason, "add a C/20 charge and discharge, or --ocv FILE")
    return ocv, rest


def prepare(args, records, ocv):
    """The Runs of records on an Ocv."""
    ah = args.capacity_ah or ocv.ah or args.nominal_ah
    out = []
    for record in records:
        soc = fit_ocv.soc_of(record, ocv, ah, args.nominal_ah)
        out.append(fit_ecm.Run(record, soc, ocv.ocv_v, ocv.half_gap_v, ocv.entropy_v_per_k))
    return out


def identify(args, records, ocv):
    """(Ocv with ohmic and fast voltage taken out of its gap, Runs, Fit)."""
    if args.chemistry != "lfp":
        ocv = ocv._replace(half_gap_v=np.zeros(fit_ocv.POINTS))
    raw = ocv.half_gap_v
    found = None
    for _ in range(2 if ocv.slow_a and np.any(raw) else 1):
        if found is not None:
            ohm = np.interp(fit_ocv.GRID, np.linspace(0, 1, fit_ecm.NODES), np.sum(found.ohm[:2], axis=0))
            ocv = ocv._replace(half_gap_v=np.maximum(raw - ohm * ocv.slow_a, 0.0))
        runs = prepare(args, records, ocv)
        found = fit_ecm.fit(runs, ocv.ocv_v)
    return ocv, runs, found


def half_cells(args, ocv):
    """(the cell file's part "half" or None, one line that says how well it fits)."""
    if not args.half:
        return None, "no half cells: the OCV of this cell does not age (--half)"
    built_in = args.half in fit_half.LIBRARY
    half = fit_half.from_library(args.half) if built_in else fit_half.from_csv(args.half, args.half_info)
    inside = (fit_ocv.GRID >= ocv.low) & (fit_ocv.GRID <= ocv.high)
    soc, volt = fit_ocv.GRID[inside], ocv.ocv_v[inside]
    shift_v = 0.0
    if half.ends:
        rms_v = float(np.sqrt(np.mean((fit_half.potential(half, half.ends, soc) - volt) ** 2)))
    else:
        half, rms_v, shift_v = fit_half.align(half, soc, volt)
    text = "half cells %s: rms %.1f mV, x %.3f..%.3f, y %.3f..%.3f" % (half.text, rms_v * 1e3, *half.ends)
    if shift_v:
        text += ", shifted by %.1f mV" % (shift_v * 1e3)
    doubt = fit_half.doubt(half, rms_v, shift_v)
    if doubt:
        text += "\n  %s: these half cells may not belong to this cell, and its OCV would age wrongly" % doubt
    return fit_half.section(half, args.capacity_ah or ocv.ah or args.nominal_ah), text


def report(ocv, found, rms_v, own_v, tenths):
    """The lines that say what was found and how well it fits."""
    middle = found.ohm[:, fit_ecm.NODES // 2] * 1e3
    told = "from the data" if "arrhenius" in found.known else "default: the data have one temperature"
    lines = [
        "OCV: " + ocv.text,
        "R at 50 %%: %.3g + %.3g (%.0f s) + %.3g (%.0f s) mΩ" % (middle[0], *zip2(middle[1:], found.tau_s)),
        "Arrhenius: %.0f K (%s)" % (found.arrhenius_k, told),
    ]
    if np.any(ocv.half_gap_v):
        told = "from the data" if "gamma" in found.known else "default"
        middle_mv = float(np.median(ocv.half_gap_v)) * 1e3
        lines.append("hysteresis: ±%.1f mV (median), gamma %.0f (%s)" % (middle_mv, found.gamma, told))
    lines.append("residual: %.2f mV rms; %.2f mV where steep OCV counts less" % (rms_v * 1e3, own_v * 1e3))
    lines += table(tenths)
    return lines


def zip2(first, second):
    """a1, b1, a2, b2."""
    return [value for pair in zip(first, second) for value in pair]


def table(tenths):
    """The residuals over SoC as lines of text."""
    lines = ["   SoC %     rows   mean mV    rms mV"]
    for index, row in enumerate(tenths):
        head = "  %3d-%-3d" % (index * 10, index * 10 + 10)
        lines.append(
            head + ("         -  no data" if row is None else "%9d %9.2f %9.2f" % (row[0], row[1] * 1e3, row[2] * 1e3))
        )
    return lines


def limits(args, ocv):
    """(min_v, max_v): as asked, else the OCV's own ends when it was measured to them, else the chemistry's."""
    ends = (ocv.ocv_v[0] - ocv.half_gap_v[0], ocv.ocv_v[-1] + ocv.half_gap_v[-1])
    ends = [round(float(value), 2) for value in ends]
    usual = LIMITS_V[args.chemistry]
    out = []
    for asked, measured, end, default in zip((args.min_v, args.max_v), (ocv.low <= 0, ocv.high >= 1), ends, usual):
        out.append(asked if asked is not None else end if measured else default)
    return out


def main(argv):
    """The verb: 0 when the cell file is written."""
    args, named = parse(argv)
    records = [fit_data.load(spec, named, args.discharge_positive, args.nominal_ah) for spec in args.data]
    ocv, moving = open_circuit(args, named, records)
    if not moving:
        reason = "only slow branches: they do not tell the resistances"
        raise fit_data.FitError(records[0].path, None, reason, "add a pulse test or duty of the same cell")
    min_v, max_v = limits(args, ocv)
    ocv, runs, found = identify(args, moving, ocv)
    rms_v, own_v, tenths = fit_ecm.residuals(runs, found)
    half, half_text = half_cells(args, ocv)
    facts = {
        "name": args.name or os.path.splitext(os.path.basename(args.out))[0],
        "source": args.source or ", ".join(os.path.basename(record.path) for record in records),
        "chemistry": args.chemistry,
        "nominal_ah": args.nominal_ah,
        "min_v": min_v,
        "max_v": max_v,
    }
    cell = fit_file.build(facts, ocv, found, half, own_v, tenths)
    print("\n".join([*report(ocv, found, rms_v, own_v, tenths), half_text]))
    for spec in args.verify:
        record = fit_data.load(spec, named, args.discharge_positive, args.nominal_ah)
        seen_v, own_v, _ = fit_ecm.residuals(prepare(args, [record], ocv), found)
        print("verify %s: %.2f mV rms; %.2f mV" % (record.path, seen_v * 1e3, own_v * 1e3))
    fit_file.write_json(cell, args.out)
    if args.plot:
        fit_file.plot(args.plot, cell, runs, found)
    print("written: %s%s" % (args.out, ", " + args.plot if args.plot else ""))
    return 0
