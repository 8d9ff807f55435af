# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge check site.yaml`: what is wrong, what each limit will be and why, what to look at.

Static limits only: the live BMS limits and the derating curves may lower them further at any moment,
nothing may raise them.
"""

import argparse
import datetime
import json

from edge.core.records import G_ALARMS, G_CURRENT, G_EXTREMES, G_LIMITS, G_PACK, GROUPS, PcsSample
from edge.core.tx_gate import WATCHDOG_MS
from edge.core.validate import stale_after_ms
from host_tools.places import SiteError
from host_tools.site import SOURCES, human, read_site, tables_of

ABSOLUTE = ("cell_max_mv", "cell_min_mv", "temp_max_mc", "temp_min_mc", "temp_min_charge_mc")
REQUIRED_GROUPS = (G_PACK, G_CURRENT, G_EXTREMES, G_LIMITS, G_ALARMS)
SLOWEST_MS = 2000  # slower than this the site would need a cap of its own (LIMITS 3.4)
OLD_GRADE_DAYS = 3 * 365
NAMES = {
    "charge_ma": "charge",
    "discharge_ma": "discharge",
    "cell_max_mv": "cell, highest",
    "cell_min_mv": "cell, lowest",
    "temp_max_mc": "cell temperature, highest",
    "temp_min_mc": "cell temperature, lowest",
    "temp_min_charge_mc": "cell temperature, lowest for charge",
}


def limits_of(pack):
    """[{name, value, unit-bearing text, source, why, sources}] of one pack's settings."""
    rows = []
    for key in ("charge_ma", "discharge_ma"):
        sources = {name: pack[name][key] for name in SOURCES if pack.get(name)}
        # The last name among equals: the authority nearest to the site explains the number best.
        binds = min(reversed(list(sources)), key=lambda name: sources[name])
        why = "the smallest of " + ", ".join("%s %s" % (SOURCES[name], human(key, sources[name])) for name in sources)
        rows.append(limit_row(key, sources[binds], binds, why, sources))
    for key in ABSOLUTE:
        value = pack["maker"][key]
        rows.append(limit_row(key, value, "maker", "absolute value", {"maker": value}))
    return rows


def limit_row(key, value, source, why, sources):
    """One limit as a dict for the text and the JSON."""
    return {
        "name": key,
        "value": value,
        "text": human(key, value),
        "source": source,
        "why": why,
        "sources": sources,
    }


def pack_problems(settings, pack, spot):
    """[(Spot, problem, mend, forbids control)] of one pack."""
    facts = pack["facts"]
    found = []
    entries = spot.entries()
    if facts["protection"] != "self_opening" and "opening_path" not in entries:
        found.append(
            (
                entries["bms"],
                "the BMS of %s does not open by itself (%s)" % (pack["profile"], facts["protection"]),
                "name the independent opening path: opening_path: fuse and dead-man contactor K1",
                True,
            )
        )
    for group in REQUIRED_GROUPS:
        period = facts["periods_ms"][group]
        if period is None or period > SLOWEST_MS:
            what = "does not tell its %s" % GROUPS[group]
            if period is not None:
                what = "tells its %s only every %s" % (GROUPS[group], human("_ms", period))
            mend = "without it the current stays 0: use a profile that reads it within %s" % human("_ms", SLOWEST_MS)
            found.append((entries["bms"], "the BMS of %s %s" % (pack["profile"], what), mend, True))
    return found + grade_problems(pack, entries)


def grade_problems(pack, entries):
    """Remarks on the certificate."""
    spot = entries["grade"].entries()["date"]
    try:
        date = datetime.date.fromisoformat(pack["grade"]["date"])
    except ValueError:
        raise spot.wrong("'%s' is not a date" % pack["grade"]["date"], "write YYYY-MM-DD") from None
    days = (datetime.date.today() - date).days
    if days < 0:
        return [(spot, "%s is in the future" % date, "look at the certificate", False)]
    if days > OLD_GRADE_DAYS:
        return [(spot, "the test is %d years old" % (days // 365), "have the pack graded again", False)]
    return []


def line_problems(settings, entries):
    """Remarks on connections: a name that changes with the socket, a record that travels in clear text."""
    found = []
    devices = [*entries["packs"].items(), entries["pcs"], *([entries["meter"]] if settings["meter"] else [])]
    for device in devices:
        spot = device.entries()["connection"]
        if "/dev/ttyUSB" in spot.text() or "/dev/ttyACM" in spot.text():
            mend = "use its name in /dev/serial/by-id"
            found.append((spot, "%s may be another device after the next boot" % spot.text(), mend, False))
    uplink = settings["uplink"]
    if uplink and uplink["host"] not in ("127.0.0.1", "localhost", "::1"):
        spot = entries["uplink"].entries()["host"]
        found.append(
            (
                spot,
                "records travel to %s in clear text" % uplink["host"],
                "use a broker on this machine",
                False,
            )
        )
    if not uplink:
        found.append((entries["site"], "there is no uplink: records stay in memory", "add the section uplink", False))
    return found


def pcs_problems(settings, entries, table):
    """Remarks on the PCS: control needs a watchdog that can be verified (LIMITS 3.6)."""
    if has_watchdog(table):
        return []
    spot = entries["pcs"].entries()["profile"]
    problem = "%s has no watchdog that can be read back" % settings["pcs"]["profile"]
    return [(spot, problem, "use a PCS that falls to zero by itself", True)]


def has_watchdog(table):
    """True when the PCS's table both writes its watchdog and reads it back."""
    writes = any(field[1] == WATCHDOG_MS for row in table.WRITES for field in row[2])
    slot = PcsSample._fields.index("watchdog_ms")
    return writes and any(field[0] == slot for block in table.FIELDS if block for field in block[1])


def examine(path):
    """The whole answer as a dict. Raises SiteError when the site may not run like this."""
    settings, entries = read_site(path)
    tables = tables_of(settings, path)
    problems = line_problems(settings, entries) + pcs_problems(settings, entries, tables[settings["pcs"]["profile"]])
    packs = []
    for pack, spot in zip(settings["packs"], entries["packs"].items(), strict=True):
        problems += pack_problems(settings, pack, spot)
        table = tables[pack["profile"]]
        slowest = max((pack["facts"]["periods_ms"][group] or 0) for group in REQUIRED_GROUPS)
        packs.append(
            {
                "id": pack["id"],
                "profile": pack["profile"],
                "title": table.INFO.get("title", pack["profile"]),
                "cells": pack["cells"],
                "chemistry": pack["chemistry"],
                "zero_after_ms": stale_after_ms(slowest) + settings["period_ms"],
                "limits": limits_of(pack),
            }
        )
    if settings["mode"] == "control":
        for spot, problem, mend, forbids in problems:
            if forbids:
                raise spot.wrong("mode control is refused: " + problem, mend)
    warnings = [
        {"line": spot.line, "place": spot.place, "problem": problem, "mend": mend}
        for spot, problem, mend, _ in problems
    ]
    top = {key: settings[key] for key in ("site", "org", "device", "mode", "period_ms")}
    return {"ok": True, **top, "packs": packs, "warnings": warnings}


def show(answer, file):
    """The lines that a person reads."""
    does = "nothing but reads leaves" if answer["mode"] == "observe" else "limits are written to the PCS"
    yield "site %s, operator %s: mode %s, %s" % (answer["site"], answer["org"], answer["mode"], does)
    for pack in answer["packs"]:
        yield ""
        yield "%s  %s, %d cells, %s" % (pack["id"], pack["title"], pack["cells"], pack["chemistry"].upper())
        for row in pack["limits"]:
            name = NAMES[row["name"]]
            yield "  %-36s %8s ◂ %s: %s" % (name, row["text"], SOURCES[row["source"]], row["why"])
        yield "  %-36s %8s ◂ three missed reads and one step" % (
            "BMS silent: zero after",
            human("_ms", pack["zero_after_ms"]),
        )
    yield ""
    yield "The BMS's live limits and the derating curves may lower these at any moment; nothing raises them."
    for row in answer["warnings"]:
        yield "warning: %s:%d: %s: %s" % (file, row["line"], row["place"], row["problem"])
        yield "  → " + row["mend"]


def main(argv):
    """`reuse-edge check site.yaml [--json]`. Returns 0, or 2 when the site is wrong."""
    parser = argparse.ArgumentParser(
        "reuse-edge check", description="what is wrong with a site.yaml; its limits and why"
    )
    parser.add_argument("site", help="path of the site.yaml")
    parser.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    options = parser.parse_args(argv)
    try:
        answer = examine(options.site)
    except SiteError as error:
        if options.json:
            wrong = {"line": error.line, "place": error.place, "problem": error.problem, "mend": error.mend}
            print(json.dumps({"ok": False, "error": wrong}, ensure_ascii=False))
        raise
    if options.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        print("\n".join(show(answer, options.site)))
    return 0
