# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`reuse-edge fleet DB`: every pack that a receiver's database knows, and whether it is well.

Everything is worked out from the rows: nothing that a controller says about its own completeness is believed.
"""

import argparse
import json
import os
import sqlite3
import sys
import time
from datetime import datetime, timedelta, timezone

from edge.core import faults as f
from edge.core import limits, records
from edge.shell import cbor
from host_tools import days, ledger, texts, twins
from host_tools.display import Look
from host_tools.explain_time import TimeError, zone_of
from host_tools.fleet_lines import is_grave, lines_of
from host_tools.screen import ascii_wanted
from host_tools.stream import epoch_text, values_of

ZONE = "Asia/Seoul"
QUIET_MS = 900000  # a pack whose newest record is older is not well
DAY_MS = 86400000
REGISTERS = ("wh_in", "wh_out", "meter_in", "meter_out")
MWH = 1000  # registers of the BMS side are in mWh, those of the meter in Wh


def survey(connection, now_ms, zone):
    """[site dict, ...]: one per device, with its packs. Meaning and units of the names: docs/UPLINK.md."""
    spans = days.windows(now_ms, zone)
    roots = {}
    for device, topic in connection.execute("SELECT device, topic FROM streams ORDER BY device, rowid"):
        roots[device] = topic
    return [_site(connection, device, root, spans, now_ms) for device, root in sorted(roots.items())]


def _site(connection, device, root, spans, now_ms):
    """Everything known of one device."""
    newest = {
        key: (mono_ms, wall_ms, values_of(cbor.encode(body)))
        for key, (mono_ms, wall_ms, body) in ledger.latest(connection, device).items()
    }
    numbers, undated = days.numbers(connection, device, spans)
    count, shown = twins.conflicts(connection, device)
    doubled = twins.twins(connection, device, now_ms - DAY_MS)
    energy = _energy(connection, device, spans[2])
    site = {
        "device": device,
        "org": root.split("/")[-4],
        "site": root.split("/")[-3],
        "conflicts": count,
        "conflicts_newest": [
            {"epoch": epoch_text(each[1]), "seq": each[2], "class": each[3], "received_ms": each[4]} for each in shown
        ],
        "doubled": [
            {"epochs": [epoch_text(e) for e in each.epochs], "since_ms": each.since_ms, "until_ms": each.until_ms}
            for each in doubled
        ],
        "undated": undated,
        "meter": _meter(energy),
        "packs": [],
    }
    for pack in sorted(number for number in next(iter(numbers.values())) if number >= 0):
        minutes = days.minutes(connection, device, pack, spans)
        account = {name: _account(numbers[name][pack], minutes[name]) for name in numbers}
        site["packs"].append(_pack(connection, device, pack, newest, account, energy.get(pack), now_ms))
    for pack in site["packs"]:
        pack["well"] = not pack["reasons"] and not count and not doubled
    site["well"] = not count and not doubled and all(pack["well"] for pack in site["packs"])
    return site


def _account(numbers, minutes):
    """Records and minutes of one pack and window, as a dict."""
    expected = sum(numbers)
    return {
        "received": numbers.received,
        "declared": numbers.declared,
        "missing": numbers.missing,
        "expected": expected,
        "complete_ppm": days.ppm(numbers.received + numbers.declared, expected),
        "minutes_expected": minutes.expected,
        "minutes_delivered": minutes.delivered,
        "minutes_blank": minutes.blank,
        "availability_ppm": days.ppm(minutes.delivered, minutes.expected),
    }


def _pack(connection, device, pack, newest, account, energy, now_ms):
    """Everything known of one pack, as a dict. reasons: why it is not well."""

    def value(name, *classes):
        for cls in classes:
            if (cls, pack) in newest:
                return newest[(cls, pack)][2].get(name)
        return None

    def known(name, *classes):
        return next((each for each in (value(name, cls) for cls in classes) if each is not None), None)

    last_ms, received_ms = _last(connection, device)
    alarms = value("alarms", "T") or 0
    force = _in_force(connection, device, pack) or newest.get(("M", pack), (None, None, {}))[2]
    result = {
        "pack": pack,
        "name": value("pack_id", "I") or "pack %d" % (pack + 1),
        "serial": value("serial", "I"),
        "last_ms": last_ms,
        "received_ms": received_ms,
        "age_ms": None if last_ms is None else max(0, now_ms - last_ms),
        "records": account,
        "soc_ppm": value("soc", "T", "M"),
        "soc_std_ppm": value("soc_std", "T", "M"),
        "capacity_mah": known("capacity", "M", "B", "T"),
        "capacity_std_mah": known("capacity_std", "M", "B", "T"),
        "faults": [
            f.NAMES[code] if 0 <= code < len(f.NAMES) else "fault %d" % code for code in force.get("active") or ()
        ],
        "alarms": [
            records.ALARMS[bit] if bit < len(records.ALARMS) else "bit %d" % bit
            for bit in range(alarms.bit_length())
            if alarms >> bit & 1
        ],
        "charge_ma": force.get("charge_limit"),
        "charge_why": _source(force.get("charge_why")),
        "discharge_ma": force.get("discharge_limit"),
        "discharge_why": _source(force.get("discharge_why")),
        "bms_in_wh": energy and energy["wh_in"],
        "bms_out_wh": energy and energy["wh_out"],
    }
    result["reasons"] = _reasons(result)
    return result


def _in_force(connection, device, pack):
    """Values of the newest record of a pack that tells its permits, telemetry or the record of a change; {}: none."""
    found, newest = {}, (-1, -1)
    for cls in "TE":
        rows = connection.execute(
            "SELECT boot, seq, body FROM records WHERE device = ? AND cls = ? AND pack = ?"
            " ORDER BY rowid DESC LIMIT 50",
            (device, cls, pack),
        )
        for boot, seq, body in rows:
            values = values_of(body) if (boot, seq) > newest else {}
            if "charge_limit" in values:
                found, newest = values, (boot, seq)
    return found


def _source(code):
    """Name of a source of limits, None when not known."""
    return limits.SOURCES[code] if isinstance(code, int) and 0 <= code < len(limits.SOURCES) else None


def _reasons(pack):
    """Why a pack is not well: names for programs."""
    month = pack["records"]["month"]
    share = month["availability_ppm"]
    found = {
        "silent": pack["age_ms"] is None or pack["age_ms"] > QUIET_MS,
        "missing": month["missing"] > 0,
        "availability": share is not None and share < days.BAR_PPM,
        "fault": any(is_grave(name) for name in pack["faults"]),
        "alarm": any(is_grave(name) for name in pack["alarms"]),
    }
    return [name for name, holds in found.items() if holds]


def _last(connection, device):
    """(own time, time of arrival) of the device's newest record; None where not known."""
    rows = connection.execute(
        "SELECT wall_ms, received_ms, clkq FROM records WHERE device = ? ORDER BY rowid DESC LIMIT 200", (device,)
    ).fetchall()
    dated = [wall_ms for wall_ms, _, clkq in rows if wall_ms is not None and clkq >= ledger.TRUSTED_CLOCK]
    received_ms = max((row[1] for row in rows), default=None)
    return (max(dated) if dated else received_ms), received_ms


# ---- energy -----------------------------------------------------------------------------------------


def _energy(connection, device, span):
    """{pack: {register: what it grew by in the window, Wh, or None}} from one record of registers per day.

    A register that falls was set back (a new meter, a lost state): that day is not known and left out.
    """
    rows = connection.execute(
        "SELECT pack, wall_ms, body FROM (SELECT pack, wall_ms, body, MAX(wall_ms) FROM records WHERE device = ?1 AND"
        " cls = 'B' AND clkq >= 2 AND wall_ms BETWEEN ?2 AND ?3 GROUP BY pack, wall_ms / 86400000"
        " UNION ALL SELECT pack, wall_ms, body, MIN(wall_ms) FROM records WHERE device = ?1 AND"
        " cls = 'B' AND clkq >= 2 AND wall_ms BETWEEN ?2 AND ?3 GROUP BY pack) ORDER BY pack, wall_ms",
        (device, span.since_ms, span.until_ms),
    )
    readings = {}
    for pack, _, body in rows:
        readings.setdefault(pack, []).append(values_of(body))
    return {pack: {name: _grown(name, found) for name in REGISTERS} for pack, found in readings.items()}


def _grown(name, readings):
    """What a register grew by, in Wh; None without two readings."""
    values = [row[name] for row in readings if row.get(name) is not None]
    if len(values) < 2:
        return None
    grown = sum(max(0, after - before) for before, after in zip(values, values[1:], strict=False))
    return grown // MWH if name.startswith("wh") else grown


def _meter(energy):
    """The site's meter against the sum of its packs by their BMS: deviation = BMS / meter - 1; None when not known."""
    result = {}
    for side in ("in", "out"):
        bms = [row["wh_" + side] for row in energy.values()]
        metered = [row["meter_" + side] for row in energy.values() if row["meter_" + side] is not None]
        meter_wh = max(metered, default=None)  # every pack's record carries the same meter
        bms_wh = sum(bms) if bms and None not in bms else None
        result["meter_%s_wh" % side] = meter_wh
        result["bms_%s_wh" % side] = bms_wh
        known = bms_wh is not None and meter_wh
        result["deviation_%s_ppm" % side] = (bms_wh - meter_wh) * 1000000 // meter_wh if known else None
    return result


# ---- the command ------------------------------------------------------------------------------------


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="reuse-edge fleet",
        description="Every pack in a receiver's database: is all there, what may flow, what is wrong.",
        epilog="exit codes: 0 all packs are well; 1 one is not: records missing, in conflict, two edges with one name, "
        "an alarm or a fault that stops, less than 90 % of the last month's minutes, silent for 15 min; 2 wrong use; "
        "3 no such database, or none that can be read",
    )
    parser.add_argument("db", metavar="DB", help="the receiver's database")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--at", metavar="TIME", type=_time, help="2026-03-02T14:03 instead of now: for a copy")
    parser.add_argument("--tz", metavar="ZONE", default=ZONE, help="whose days are counted (%(default)s)")
    parser.add_argument("--lang", choices=texts.LANGUAGES)
    parser.add_argument("--width", type=int, default=80, metavar="N", help="columns, 60 or more (%(default)s)")
    return parser.parse_args(argv)


def _time(text):
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("'%s' is no time, for example 2026-03-02T14:03" % text) from None


def _zone(name):
    """tzinfo of --tz; Seoul, which has no summer time, also where no table of zones is installed (Windows)."""
    try:
        return zone_of(name)
    except TimeError:
        if name != ZONE:
            raise
        return timezone(timedelta(hours=9), ZONE)


def _now_ms(at, zone):
    """Milliseconds since 1970 of --at, or of now."""
    if at is None:
        return time.time_ns() // 1000000
    return round((at if at.tzinfo or zone is None else at.replace(tzinfo=zone)).timestamp() * 1000)


def main(argv=None):
    """`reuse-edge fleet DB`; returns the exit code: see --help."""
    options = _arguments(argv)
    zone = _zone(options.tz)
    now_ms = _now_ms(options.at, zone)
    try:
        connection = ledger.open_read_only(options.db)
        try:
            connection.execute("BEGIN")  # one moment for all questions
            sites = survey(connection, now_ms, zone)
        finally:
            connection.close()
    except sqlite3.Error as error:
        mend = "is it the --db of reuse-edge receive?" if os.path.exists(options.db) else "there is no such file"
        print("%s: %s\n  → %s" % (options.db, error, mend), file=sys.stderr)
        return 3
    if options.json:
        print(json.dumps({"at_ms": now_ms, "tz": options.tz, "sites": sites}, ensure_ascii=False))
    else:
        look = Look(max(60, options.width), ascii_wanted(sys.stdout), texts.language(options.lang), zone)
        for line in lines_of(look, sites, options.tz):
            print("".join(text for text, _ in look.finish(line)).rstrip())
    return 0 if all(site["well"] for site in sites) else 1
