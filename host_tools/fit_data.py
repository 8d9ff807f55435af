# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Recordings of one cell for `reuse-edge fit`: CSV with time, current, voltage, temperature and maybe SoC.

Every recording is checked before anything is fitted, and what is wrong is said with file, row and reason: a
column that is missing, what is not a number, a clock that goes back, a unit or a sign that cannot be right.
"""

import csv
import gzip
import os
import re
from collections import namedtuple

import numpy as np

# time_s from 0; + current charges; ah: the tester's own counter, + charged, from 0, or None; soc: array 0..1 or
# None; start_soc: number or None
Record = namedtuple("Record", "path time_s current_a voltage_v temp_c ah soc start_soc")

ALIASES = {
    "t": "t time times time_s testtime testtimes elapsed elapsedtime elapseds seconds totaltime".split(),
    "i": "i current currenta current_a i_a amps measuredcurrent".split(),
    "v": "v u voltage voltagev voltage_v v_v cellvoltage terminalvoltage measuredvoltage".split(),
    "temp": "temp temperature temp_c temperature_c tempc tcell t_cell t_c celltemperature".split(),
    "soc": "soc z stateofcharge soc_ocv".split(),
    "ah": "ah chargecounter charge_ah netah".split(),
}
WORDS = {
    "t": "time in s",
    "i": "current in A",
    "v": "voltage in V",
    "temp": "temperature in °C",
    "soc": "SoC 0..1",
    "ah": "counter in Ah",
}
OPTIONS = ("soc", "temp", "dt", "sign")
UNIT = re.compile(r"[(\[/](.*?)[)\]]?$")
BAD_UNITS = {
    "ma": "mA, not A", "mv": "mV, not V", "ms": "ms, not s", "min": "minutes, not s", "h": "hours, not s",
    "hours": "hours, not s", "k": "K, not °C", "%": "percent, not 0..1",
}  # fmt: skip


class FitError(Exception):
    """Input that cannot be used: file, row (None: the whole file), reason, and what mends it."""

    exit_code = 2

    def __init__(self, path, row, reason, mend):
        place = path if row is None else "%s: row %d" % (path, row)
        super().__init__("reuse-edge fit: %s: %s\n  → %s" % (place, reason, mend))


def plain(name):
    """A column name as the aliases write it: no unit, no blanks, small letters; a lone capital T is a temperature."""
    name = name.strip().lstrip("\ufeff")
    if name == "T":
        return "temp"
    return re.sub(r"[\s.\-]", "", re.sub(r"[(\[].*$", "", name)).lower()


def split_spec(spec):
    """("path", {"soc": .., "temp": .., "dt": .., "sign": ..}) of an argument like run.csv@soc=1,temp=15."""
    path, at, text = spec.rpartition("@")
    if not at or "=" not in text:
        return spec, {}
    options = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        if key not in OPTIONS:
            raise FitError(spec, None, "there is no option '%s' behind @" % key, "@ knows %s" % ", ".join(OPTIONS))
        options[key] = number(value, spec, None, key)
    return path, options


def number(text, path, row, column):
    """A float; FitError when the text is none, or is not finite."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise FitError(path, row, "%s is %r, not a number" % (column, text), "delete the row or mend the value")
    return value


def open_csv(path):
    """A text stream of a .csv or .csv.gz; FitError when it cannot be read as text."""
    if not os.path.isfile(path):
        raise FitError(path, None, "no such file", "check the path")
    opener = gzip.open if path.endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8-sig", newline="")


def read_columns(path):
    """(header, rows) of a CSV, rows as lists of text with their row number in the file (the header is row 1)."""
    with open_csv(path) as stream:
        try:
            rows = [(line, row) for line, row in enumerate(csv.reader(stream), 1) if any(map(str.strip, row))]
        except (UnicodeDecodeError, gzip.BadGzipFile, csv.Error) as error:
            raise FitError(path, None, "is not CSV text (%s)" % error, "export it as CSV, UTF-8") from error
    if len(rows) < 2:
        raise FitError(path, None, "holds no rows", "give a CSV with one header line and data")
    return rows[0][1], rows[1:]


def find_column(header, key, named):
    """Index of a column: the one that --columns names, else the first whose plain name is an alias; None."""
    if key in named:
        return header.index(named[key]) if named[key] in header else None
    exact = [index for index, name in enumerate(header) if name.strip() in (key, key.upper()) and key != "t"]
    names = [plain(name) for name in header]
    found = exact or [index for index, name in enumerate(names) if name in ALIASES[key]]
    return found[0] if found else None


def refuse_unit(path, name):
    """FitError when a column's own name says that its unit is not ours."""
    unit = UNIT.search(name.strip())
    reason = BAD_UNITS.get(unit.group(1).strip().lower()) if unit else None
    tail = name.strip().lower().rpartition("_")[2]
    reason = reason or (BAD_UNITS.get(tail) if tail in ("ma", "mv", "ms", "min") else None)
    if reason:
        raise FitError(path, 1, "column '%s' seems to be in %s" % (name, reason), "convert it first")


def take_columns(path, named, wanted, optional):
    """{key: array} of a CSV, and the rows' numbers in the file. FitError names what is missing or no number."""
    header, rows = read_columns(path)
    at = {}
    for key in (*wanted, *optional):
        index = find_column(header, key, named)
        if index is not None:
            refuse_unit(path, header[index])
            at[key] = index
        elif key in wanted or key in named:
            asked = named.get(key, WORDS.get(key, key))
            raise FitError(
                path, 1, "no column for %s (found: %s)" % (asked, ", ".join(header)), "name it: --columns %s=NAME" % key
            )
    values = {key: np.empty(len(rows)) for key in at}
    for place, (line, row) in enumerate(rows):
        for key, index in at.items():
            values[key][place] = number(row[index] if index < len(row) else None, path, line, header[index])
    return values, np.array([line for line, _ in rows])


def load(spec, named, discharge_positive, nominal_ah):
    """The checked Record of one argument of the command line."""
    path, options = split_spec(spec)
    wanted = ("i", "v") if "dt" in options else ("t", "i", "v")
    values, lines = take_columns(path, named, wanted, ("temp", "soc", "ah"))
    count = len(lines)
    time_s = np.arange(count) * options["dt"] if "dt" in options else values["t"]
    back = np.flatnonzero(np.diff(time_s) < 0)
    if len(back):
        row = back[0] + 1
        reason = "time goes back from %g to %g" % (time_s[row - 1], time_s[row])
        raise FitError(path, lines[row], reason, "one continuous recording per file: split it there")
    sign = options.get("sign", -1.0 if discharge_positive else 1.0)
    if sign not in (1.0, -1.0):
        raise FitError(path, None, "sign=%g" % sign, "sign is 1 (+ charges) or -1 (+ discharges)")
    current_a = values["i"] * sign
    temp_c = np.full(count, options["temp"]) if "temp" in options else values.get("temp")
    if temp_c is None:
        temp_c = np.full(count, 25.0)
    keep = np.concatenate((np.diff(time_s) > 0, [True]))
    soc = values.get("soc")
    record = Record(
        path,
        time_s[keep] - time_s[0],
        current_a[keep],
        values["v"][keep],
        temp_c[keep],
        counter(values.get("ah"), time_s, current_a, keep),
        None if soc is None else soc[keep],
        options.get("soc"),
    )
    check(record, lines[keep], nominal_ah)
    return record


def counter(ah, time_s, current_a, keep):
    """The tester's counter from 0 and with + charged, whatever its own sign; None when there is none."""
    if ah is None or np.max(ah) == np.min(ah):
        return None
    near = np.diff(time_s) < 130.0
    agree = float(np.sum(np.diff(ah)[near] * current_a[1:][near]))
    ah = ah[keep] - ah[0]
    return ah if agree >= 0 else -ah


def check(record, lines, nominal_ah):
    """FitError when a unit or a sign of a record cannot be right."""
    path = record.path

    def first(bad, reason, mend):
        if np.any(bad):
            raise FitError(path, int(lines[np.flatnonzero(bad)[0]]), reason, mend)

    volt = record.voltage_v
    middle = float(np.median(np.abs(volt)))
    if middle > 500:
        first(volt > 500, "voltage is %g: this looks like mV" % middle, "divide the column by 1000")
    first(volt > 6.0, "a voltage above 6 V is not one cell", "give the voltage of one cell in V")
    first(volt < 0.3, "a voltage below 0.3 V is not a lithium-ion cell in use", "cut the rows off")
    first(
        np.abs(record.current_a) > 30 * nominal_ah,
        "a current above 30 C of %g Ah: this looks like mA" % nominal_ah,
        "give the current in A, or mend --nominal-ah",
    )
    first(record.temp_c > 150, "a temperature above 150 °C: this looks like K", "give the temperature in °C")
    first(record.temp_c < -60, "a temperature below -60 °C", "mend the temperature")
    if record.soc is not None:
        if np.max(record.soc) > 1.5:
            first(record.soc > 1.5, "SoC above 1.5: this looks like percent", "give the SoC as 0..1")
        first((record.soc > 1.1) | (record.soc < -0.1), "SoC outside 0..1", "give the SoC as 0..1")
    check_sign(record)
    check_time(record, nominal_ah)


def check_sign(record):
    """FitError when the voltage falls where the current charges (steps of the current decide)."""
    step_a, step_v = np.diff(record.current_a), np.diff(record.voltage_v)
    near = np.diff(record.time_s) < 130.0
    big = near & (np.abs(step_a) > 0.1 * (np.max(np.abs(record.current_a)) or 1.0))
    agree = float(np.sum(step_a[big] * step_v[big]))
    if agree < 0 and float(np.sum(step_a[big] ** 2)) * 1e-4 < -agree:
        row = np.flatnonzero(big & (step_a * step_v < 0))[0] + 1
        reason = "voltage falls while charging (at %g s the current rises by %g A, the voltage by %g V)" % (
            record.time_s[row],
            step_a[row - 1],
            step_v[row - 1],
        )
        raise FitError(record.path, None, reason, "+ must charge: --discharge-positive turns the sign")


def charge_ah(record):
    """Charge since the first row, Ah, + into the cell: the tester's counter, else the current of two rows averaged."""
    if record.ah is not None:
        return record.ah
    mean_a = 0.5 * (record.current_a[1:] + record.current_a[:-1])
    return np.concatenate(([0.0], np.cumsum(mean_a * np.diff(record.time_s)))) / 3600.0


def check_time(record, nominal_ah):
    """FitError when the charge that flowed does not fit the cell: the unit of time, mostly."""
    ah = charge_ah(record)
    swing = (np.max(ah) - np.min(ah)) / nominal_ah
    mend = "give the time in s, or mend --nominal-ah (%g) and the current" % nominal_ah
    if swing > 3.0:
        reason = "%.1f times the nominal charge flowed: is the time in ms?" % swing
        raise FitError(record.path, None, reason, mend)
    if record.soc is None:
        return
    moved = float(np.max(record.soc) - np.min(record.soc))
    if moved > 0.1 and swing < 0.2 * moved:
        reason = "SoC moves by %.2f, but only %.3f of the nominal charge flowed: is the time in minutes or hours?" % (
            moved,
            swing,
        )
        raise FitError(record.path, None, reason, mend)
    ratio = float(np.sum((ah - np.mean(ah)) * (record.soc - np.mean(record.soc))))
    if moved > 0.02 and ratio < 0:
        raise FitError(
            record.path,
            None,
            "SoC falls while the current charges",
            "+ must charge: --discharge-positive turns the sign",
        )
