# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge check site.yaml`: what is wrong, what each limit will be and why, what to look at.

Static limits only: the live BMS limits and the derating curves may lower them further at any moment,
nothing may raise them.
"""

import argparse
import json
import os

from edge.core.bounds import BOUNDS, bound
from edge.core.validate import stale_after_ms
from host_tools import boards, cautions, certificate, journal_size, live, traffic
from host_tools.places import SiteError
from host_tools.site import SOURCES, read_site, remarks_of, tables_of
from host_tools.units import human

ABSOLUTE = ("cell_max_mv", "cell_min_mv", "temp_max_mc", "temp_min_mc", "temp_min_charge_mc")
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
        sources = {name: pack[name][key] for name in ("maker", "grade") if pack[name].get(key) is not None}
        value = bound(pack, key)
        binds = "grade" if sources.get("grade") == value else "maker"
        why = "absolute value"
        if len(sources) > 1:
            why = "the narrower of " + ", ".join(
                "%s %s" % (SOURCES[name], human(key, sources[name])) for name in sources
            )
        rows.append(limit_row(key, value, binds, why, sources))
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


def examine(path, board=None):
    """The whole answer as a dict. Raises SiteError when the site may not run like this. board: name of one of
    host_tools.boards that it is meant for, or None."""
    settings, entries = read_site(path)
    tables = tables_of(settings, path)
    found = remarks_of(settings, entries, path)
    cautions.refuse(settings, found)
    packs = [describe(pack, tables[pack["profile"]], settings["period_ms"]) for pack in settings["packs"]]
    names = {key["id"]: key["name"] for key in settings.get("trust") or ()}
    for row, pack in zip(packs, settings["packs"]):
        row["certificate"] = certified(pack, names)
    warnings = [
        {"line": spot.line, "place": spot.place, "problem": problem, "mend": mend} for spot, problem, mend, _ in found
    ]
    top = {key: settings[key] for key in ("site", "org", "device", "mode", "period_ms")}
    answer = {
        "ok": True,
        **top,
        "packs": packs,
        "warnings": warnings,
        "month": traffic.month(settings) + live.rows(settings),
        "switches": traffic.switches(settings) + live.switches(settings),
        "journal": journal_size.table(settings),
    }
    if board is not None:
        boards.checked(boards.board(board), settings, os.path.basename(path))
        answer["board"] = boards.carried(boards.board(board), settings)
    return answer


def describe(pack, table, period_ms):
    """One pack of the answer."""
    slowest = max((pack["facts"]["periods_ms"][group] or 0) for group in cautions.REQUIRED_GROUPS)
    row = {key: pack[key] for key in ("id", "profile", "cells", "chemistry")}
    row["title"] = table.INFO.get("title", pack["profile"])
    row["identity"] = identity_of(pack, table)
    row["zero_after_ms"] = stale_after_ms(slowest) + period_ms
    row["limits"] = limits_of(pack)
    return row


def identity_of(pack, table):
    """What will be known of which pack it is, in words."""
    if not hasattr(table, "SERIAL"):
        return "unproved: this profile reads no serial number"
    if pack.get("string") is not None:
        return "unproved: the serial number is that of the bank, not of a string"
    expected = pack.get("bms_serial") or pack.get("serial")
    if expected is None:
        return "the first serial number that its BMS tells is remembered, another one locks"
    return (
        "its BMS must tell serial number %s, another one locks (bms_serial: where that is not the label's)" % expected
    )


def certified(pack, names):
    """What the test centre says of a pack and what that changes, as a dict. names: {key id: name} of trust."""
    grade = pack["grade"]
    row = {"signed": "signer" in grade, "key": names.get(grade.get("signer")), "key_id": grade.get("signer")}
    row["sha256"] = grade.get("hash")
    row["says"] = {field[1]: grade[field[1]] for field in certificate.FIELDS if field[1] in grade}
    changes = [("capacity_mah", pack["capacity_mah"])] + [(key, pack["maker"][key]) for key, _ in BOUNDS]
    row["changes"] = {key: [maker, grade[key]] for key, maker in changes if grade.get(key, maker) != maker}
    return row


def show_certificate(row):
    """The lines of certified()."""
    says = row["says"]
    if row["signed"]:
        until = ", valid until %s" % says["valid_until"] if "valid_until" in says else ", without expiry"
        signer = "%s %s version %d, signed by key %s (%s)" % (
            says["body"],
            says["number"],
            says["version"],
            row["key"],
            row["key_id"],
        )
        yield "  certificate: %s" % signer
        yield "    says    grade %s, tested %s%s" % (says["grade"], says["date"], until)
    else:
        yield "  certificate: none, the grade in this file is unsigned"
        yield "    says    %s, grade %s, tested %s" % (says["body"], says["grade"], says["date"])
    yield "            capacity %s ± %s" % tuple(
        human("_mah", says[key]) for key in ("capacity_mah", "capacity_std_mah")
    )
    if "resistance_uohm" in says:
        resistance = human("_uohm", says["resistance_uohm"])
        at = " at %s" % human("_mc", says["resistance_temp_mc"]) if "resistance_temp_mc" in says else ""
        yield "            resistance after 10 s %s%s" % (resistance, at)
    for key, (maker, now) in row["changes"].items():
        what = NAMES.get(key, "capacity: where the estimator begins")
        yield "    changes %s: manufacturer %s → %s" % (what, human(key, maker), human(key, now))
    if not row["changes"]:
        yield "    changes nothing: every value is the manufacturer's"


def show(answer, file):
    """The lines that a person reads."""
    does = "nothing but reads leaves" if answer["mode"] == "observe" else "limits are written to the PCS"
    yield "site %s, operator %s: mode %s, %s" % (answer["site"], answer["org"], answer["mode"], does)
    for pack in answer["packs"]:
        yield ""
        yield "%s  %s, %d cells, %s" % (pack["id"], pack["title"], pack["cells"], pack["chemistry"].upper())
        yield "  identity: " + pack["identity"]
        yield from show_certificate(pack["certificate"])
        for row in pack["limits"]:
            name = NAMES[row["name"]]
            yield "  %-36s %8s ◂ %s: %s" % (name, row["text"], SOURCES[row["source"]], row["why"])
        yield "  %-36s %8s ◂ three missed reads and one step" % (
            "BMS silent: zero after",
            human("_ms", pack["zero_after_ms"]),
        )
    yield ""
    yield "The BMS's live limits and the derating curves may lower these at any moment; nothing raises them."
    yield ""
    yield from traffic.show(answer["month"], answer["switches"])
    yield ""
    yield from journal_size.show(answer["journal"])
    if "board" in answer:
        yield ""
        yield from boards.show(answer["board"])
    for row in answer["warnings"]:
        yield "warning: %s:%d: %s: %s" % (file, row["line"], row["place"], row["problem"])
        yield "  → " + row["mend"]


def main(argv):
    """`reuse-edge check site.yaml [--board NAME] [--json]`. Returns 0, or 2 when the site is wrong."""
    parser = argparse.ArgumentParser(
        "reuse-edge check", description="what is wrong with a site.yaml; its limits and why"
    )
    parser.add_argument("site", help="path of the site.yaml")
    parser.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    parser.add_argument("--board", choices=boards.names(), help="does it fit on this board, and what is left")
    options = parser.parse_args(argv)
    try:
        answer = examine(options.site, options.board)
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
