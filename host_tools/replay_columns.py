# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Which column of a log is what, and in which unit.

Columns are found by name; a unit behind it counts: `current_ma`, `Voltage(V)`, `T [°C]`. Without one they are in
s, A, V, °C and 0..1.
"""

import re
from collections import namedtuple

from host_tools.replay_core import ReplayError

SECONDS = {"s": 1000, "sec": 1000, "ms": 1, "us": 0.001, "min": 60000, "h": 3600000}
AMPS = {"a": 1000, "ma": 1}
VOLTS = {"v": 1000, "mv": 1}
DEGREES = {"c": 1000, "mc": 1, "°c": 1000, "℃": 1000, "degc": 1000, "celsius": 1000}
SHARES = {"ppm": 1, "%": 10000, "pct": 10000, "percent": 10000, "": 1000000, "1": 1000000}
# what: (names without unit, blanks and dots; {unit: factor into ms, mA, mV, m°C, ppm}, unit when none is told)
KINDS: dict = {
    "t": (
        "t time times timestamp datetime date seconds testtime totaltime elapsed elapsedtime timesec utc ts".split(),
        SECONDS,
        "s",
    ),
    "i": ("i current amps currents packcurrent batterycurrent measuredcurrent ibat ipack".split(), AMPS, "a"),
    "v": (
        "v u volt volts voltage pack packvoltage packv terminalvoltage batteryvoltage measuredvoltage totalvoltage "
        "vbat vpack".split(),
        VOLTS,
        "v",
    ),
    "temp": ("temp temperature tcell celltemperature celltemp packtemp meantemp tempmean".split(), DEGREES, "c"),
    "soc": ("soc bmssoc socbms stateofcharge".split(), SHARES, ""),
}
WORDS = {"t": "time", "i": "current", "v": "voltage", "temp": "temperature", "soc": "BMS's SoC", "cells": "cells"}
TAILS = {*SECONDS, *AMPS, *VOLTS, *DEGREES, *SHARES, "k", "kv", "ka", "f", "°f", "mah", "ah", "w", "wh"} - {"1", ""}
CELL = re.compile(r"^(?:v|u|vc|vcell|ucell|cell|cells|cellv|cellmv|cellvolt|cellvoltage)(\d+)(?:mv|v|voltage)?$")
TEMP = re.compile(r"^(?:t|temp|tc|tcell|celltemp|temperature|ntc)(\d+)(?:c|mc)?$")
RANGE = re.compile(r"^(\D*)(\d+)(.*?)\.\.(\D*)(\d+)(.*)$")

# t, i, v, soc, truth: (index, factor) or None. temps, cells, truths: tuples of those.
Layout = namedtuple("Layout", "t i v temps cells soc truth truths")


def bare(text):
    """A name without blanks, dots, dashes and underscores, in small letters."""
    return "temp" if text.strip() == "T" else re.sub(r"[\s._\-]", "", text).lower()


def split_name(header):
    """(bare name, unit or None) of a column: "Voltage (mV)" -> ("voltage", "mv"). A lone T is a temperature."""
    text = header.strip()
    found = re.match(r"^(.*?)\s*[\[(/]\s*([^\])]*?)\s*[\])]?$", text)
    if found and found[1]:
        return bare(found[1]), found[2].lower()
    stem, _, tail = text.rpartition("_")
    if stem and tail.lower() in TAILS:
        return bare(stem), tail.lower()
    return bare(text), None


def parse(text):
    """{what: column name} of --columns t=..,i=..,cells=v0..v11. ReplayError for a word it does not know."""
    named = {}
    for part in filter(None, (text or "").split(",")):
        key, equals, name = part.partition("=")
        if not equals or key.strip() not in WORDS or not name.strip():
            known = "WHAT is one of: %s" % ", ".join(WORDS)
            raise ReplayError("--columns", None, "'%s' is not WHAT=NAME" % part, known)
        named[key.strip()] = name.strip()
    return named


def expand(text, header):
    """The columns that v0..v11 stands for; a name that is a column already stands for itself."""
    found = RANGE.match(text)
    if text in header or not found:
        return [text]
    width = len(found[2])
    first, last = int(found[2]), int(found[5])
    return ["%s%0*d%s" % (found[1], width, number, found[3] or found[6]) for number in range(first, last + 1)]


class Finder:
    """Looks for columns. name, line: file and line of the header; header: names; named: see parse()."""

    def __init__(self, name, line, header, named, cells):
        self.name = name
        self.line = line
        self.header = header
        self.named = named
        self.cells = cells

    def layout(self, truth):
        """The Layout for a pack of self.cells cells; truth: name of the column with the true SoC, or None."""
        cells = ()
        if self.cells > 1 or "cells" in self.named:
            cells = self._numbered("cells", self.named.get("cells"), CELL, VOLTS, "v")
        if cells and len(cells) != self.cells:
            names = (self.header[cells[0][0]], self.header[cells[-1][0]])
            problem = "%d cell columns (%s..%s), the settings say cells: %d" % (len(cells), *names, self.cells)
            raise ReplayError(self.name, self.line, problem, "mend `cells:`, or name them: --columns cells=v0..v11")
        whole, each = self._truth(truth)
        soc = self._one("soc", False)
        if truth is not None and soc is not None and self.header[soc[0]] == truth:
            soc = None
        return Layout(self._one("t"), self._one("i"), self._one("v", not cells), self._temps(), cells, soc, whole, each)

    def _temps(self):
        wanted = self.named.get("temp")
        if wanted is not None and (wanted in self.header or not RANGE.match(wanted)):
            return (self._one("temp"),)
        if wanted is None:
            single = self._one("temp", False)
            if single is not None:
                return (single,)
        return self._numbered("temp", wanted, TEMP, DEGREES, "c")

    def _one(self, what, needed=True):
        names, units, usual = KINDS[what]
        if what in self.named:
            name, colon, unit = self.named[what].rpartition(":")
            if not colon or self.named[what] in self.header:
                name, unit = self.named[what], None
            if name not in self.header:
                self._missing("no column '%s'" % name, what)
            index = self.header.index(name)
            return index, self._factor(index, what, units, usual, unit)
        for index, name in enumerate(self.header):
            stem, unit = split_name(name)
            if stem in names and (stem != "pack" or unit in units):
                return index, self._factor(index, what, units, usual, None)
        if needed:
            self._missing("no column for the %s" % WORDS[what], what)
        return None

    def _missing(self, problem, what):
        found = ", ".join(self.header[:12]) + (" ..." if len(self.header) > 12 else "")
        mend = "name it: --columns %s=NAME" % what
        raise ReplayError(self.name, self.line, "%s (found: %s)" % (problem, found), mend)

    def _factor(self, index, what, units, usual, unit):
        unit = (unit or split_name(self.header[index])[1] or usual).lower()
        if unit not in units:
            known = ", ".join(sorted(filter(None, units)))
            problem = "column '%s' is in %s" % (self.header[index], unit)
            mend = "units known here: %s; --columns %s=NAME:UNIT" % (known, what)
            raise ReplayError(self.name, self.line, problem, mend)
        return units[unit]

    def _numbered(self, what, wanted, pattern, units, usual):
        """((index, factor), ...) of numbered columns in the order of their numbers; () when there are none."""
        if wanted is not None:
            names = expand(wanted, self.header)
            lacking = [name for name in names if name not in self.header]
            if lacking:
                self._missing("no column '%s'" % lacking[0], what)
            found = [self.header.index(name) for name in names]
        else:
            marked = []
            for index, name in enumerate(self.header):
                match = pattern.match(split_name(name)[0]) or pattern.match(bare(name))
                if match:
                    marked.append((int(match[1]), index))
            marked.sort()
            found = [index for _, index in marked]
            if [number for number, _ in marked] != [marked[0][0] + place for place in range(len(found))]:
                return ()
        return tuple((index, self._cell_factor(index, what, units, usual)) for index in found)

    def _cell_factor(self, index, what, units, usual):
        unit = split_name(self.header[index])[1]
        if unit is None and "mv" in self.header[index].lower():
            unit = "mv"
        return self._factor(index, what, units, usual, unit)

    def _truth(self, truth):
        """(column of the true SoC or None, columns of every cell's)."""
        if truth is None:
            return None, ()
        if truth in self.header:
            return (self.header.index(truth), SHARES.get(split_name(truth)[1], SHARES[""])), ()
        for first in (0, 1):
            each = ["%s%d" % (truth, first + cell) for cell in range(self.cells)]
            if all(name in self.header for name in each):
                return None, tuple((self.header.index(name), SHARES[""]) for name in each)
        found = ", ".join(self.header[:12]) + (" ..." if len(self.header) > 12 else "")
        problem = "no column '%s' for --truth (found: %s)" % (truth, found)
        raise ReplayError(self.name, self.line, problem, "give the name of the column with the true SoC")
