# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a site may do in `observe` but not in `control`, and what somebody should look at.

A remark is (Spot, problem, mend, forbids control).
"""

import datetime

from bms_bridge.can_decode import at_address
from edge.core.records import (
    G_ALARMS,
    G_CELLS,
    G_CURRENT,
    G_EXTREMES,
    G_LIMITS,
    G_PACK,
    G_TEMPS,
    GROUPS,
    PcsSample,
)
from edge.core.tx_gate import WATCHDOG_MS
from host_tools import certificate_site, tls_site, wired
from host_tools.units import human

REQUIRED_GROUPS = (G_PACK, G_CURRENT, G_EXTREMES, G_LIMITS, G_ALARMS)
SLOWEST_MS = 2000  # slower than this the site would need a cap of its own (LIMITS 3.4)
SLOWEST_STEP_MS = 2000  # a command lives one period and a second at least, and 3 s at most (LIMITS 3.6)
OLD_GRADE_DAYS = 3 * 365
# What a built-in cell of the chemistry costs: one sigma of SoC before an alignment, in % (edge.core: soc.STRANGE
# times prior.STD_SOC). An LFP pack with hysteresis is never aligned.
STAND_IN_PERCENT = {"nmc": 5, "lfp": 9}
STAND_IN_MEND = "cell: FILE of reuse-edge fit for this type, or nmc811, nmc532 or lfp where it is that very cell"
NO_OPENING = ("", "-", "?", "none", "no", "false", "off", "n/a", "tbd")  # this is no path that opens
DEAD_MAN_MS = 10000  # a residual time above this needs a contactor that falls by itself (LIMITS 3.6)
_WATCHDOG_SLOT = PcsSample._fields.index("watchdog_ms")


def remarks(settings, entries, tables):
    """Every remark on a site. entries: {top key: Spot}; tables: {profile: table}. Raises SiteError where packs
    on one CAN bus could not be told apart."""
    found = bus_problems(settings, entries, tables)
    if settings["period_ms"] > SLOWEST_STEP_MS:
        life = human("_ms", settings["period_ms"] + 1000)
        mend = "at most %s: a command must be over soon after the controller is" % human("_ms", SLOWEST_STEP_MS)
        found.append((entries["period_s"], "commands would live %s" % life, mend, True))
    found += line_problems(settings, entries) + pcs_problems(settings, entries, tables[settings["pcs"]["profile"]])
    for pack, spot in zip(settings["packs"], entries["packs"].items(), strict=True):
        found += pack_problems(pack, spot)
    return found + wired.remarks(settings, entries) + tls_site.remarks(settings, entries)


def refuse(settings, found):
    """Raise SiteError for the first remark that forbids control when the site is to control."""
    for spot, problem, mend, forbids in found if settings["mode"] == "control" else ():
        if forbids:
            raise spot.wrong("mode control is refused: " + problem, mend)


def bus_problems(settings, entries, tables):
    """Remarks on CAN buses: another speed than the profile's. Refused, in observe too: two packs that send the same
    identifier on one bus, and a device address that the profile has not."""
    found = []
    senders: dict = {}
    for pack, spot in zip(settings["packs"], entries["packs"].items(), strict=True):
        table, keys = tables[pack["profile"]], spot.entries()
        if getattr(table, "BUS", "modbus") != "can":
            continue
        address = getattr(table, "ADDRESS", None)
        if address and not address[0] <= pack["unit"] <= address[1]:
            mend = "set it to the address of the BMS: %d to %d" % address[:2]
            raise keys["unit"].wrong("%s knows no device %d" % (pack["profile"], pack["unit"]), mend)
        for row in at_address(table, pack["unit"]).BLOCKS:
            other = senders.setdefault((pack["link"], row[0]), pack["id"])
            if other != pack["id"]:
                problem = "%s and %s both send identifier %X on this bus" % (other, pack["id"], row[0] & 0x1FFFFFFF)
                mend = "give each BMS its own unit, and set it there too" if address else "give each BMS its own bus"
                raise keys["unit" if address else "connection"].wrong(problem, mend)
        link = settings["links"][pack["link"]]
        if table.INFO.get("bitrate", link["bitrate"]) != link["bitrate"]:
            problem = "%s speaks at %d bit/s" % (pack["profile"], table.INFO["bitrate"])
            found.append((keys["connection"], problem, "write :%d at its end" % table.INFO["bitrate"], False))
    return found


def pack_problems(pack, spot):
    """[(Spot, problem, mend, forbids control)] of one pack."""
    facts = pack["facts"]
    found = []
    entries = spot.entries()
    if facts["protection"] != "self_opening" and not (pack.get("contactor") or names_opening(entries)):
        found.append(
            (
                entries["bms"],
                "the BMS of %s does not open by itself (%s)" % (pack["profile"], facts["protection"]),
                "add contactor:, or name the independent opening path: opening_path: fuse and dead-man contactor K1",
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
    for group in (G_CELLS, G_TEMPS):
        if facts["periods_ms"][group] is None:
            mend = (
                "the guard wants every single one, else the current stays 0: observe, or use a profile that reads them"
            )
            problem = "the BMS of %s tells only the extremes of its %s" % (pack["profile"], GROUPS[group])
            found.append((entries["bms"], problem, mend, True))
    if pack.get("cell") is None:
        chemistry = pack["chemistry"]
        problem = "%s has no cell: a built-in %s cell stands in, and SoC is known to ±%d %% only (one sigma)"
        problem %= pack["id"], chemistry.upper(), STAND_IN_PERCENT[chemistry]
        found.append((entries["chemistry"], problem, STAND_IN_MEND, False))
    return found + grade_problems(pack, entries)


def names_opening(entries):
    """True when opening_path: among the entries of a pack names something."""
    spot = entries.get("opening_path")
    return spot is not None and (spot.text() or "").strip().lower() not in NO_OPENING


def grade_problems(pack, entries):
    """Remarks on the date of the test."""
    signed = "certificate" in entries
    spot = entries["certificate"] if signed else entries["grade"].entries()["date"]
    try:
        date = datetime.date.fromisoformat(pack["grade"]["date"])
    except ValueError:
        raise spot.wrong("'%s' is not a date" % pack["grade"]["date"], "write YYYY-MM-DD") from None
    found = certificate_site.remarks(pack, spot) if signed else []
    if found:
        return found
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
    pcs = settings["pcs"]
    keys = entries["pcs"].entries()
    spot = keys["profile"]
    if hasattr(table, "TOLD"):
        return inverter_problems(settings, entries, table)
    if not has_watchdog(table):
        problem = "%s has no watchdog that can be read back" % pcs["profile"]
        return [(spot, problem, "use a PCS that falls to zero by itself", True)]
    found = []
    if table.INFO.get("fallback") == "no limit":
        problem = "%s goes on without limits when its watchdog runs out" % pcs["profile"]
        found.append((spot, problem, "use a PCS that falls to zero by itself", True))
    low_ms, high_ms = watchdog_range(table)
    where = keys.get("watchdog_s", spot)
    if not low_ms <= pcs["watchdog_ms"] <= high_ms:
        problem = "%s takes a watchdog of %s to %s" % (pcs["profile"], human("_ms", low_ms), human("_ms", high_ms))
        found.append((where, problem, "set pcs.watchdog_s inside it", True))
    if pcs["watchdog_ms"] > DEAD_MAN_MS and not [1 for pack in settings["packs"] if pack.get("contactor")]:
        problem = "a PCS that goes on for %s after us needs a dead-man contactor" % human("_ms", pcs["watchdog_ms"])
        mend = "shorten pcs.watchdog_s to %s, or give each pack a contactor" % human("_ms", DEAD_MAN_MS)
        found.append((where, problem, mend, True))
    return found


def watchdog_range(table):
    """(shortest, longest) watchdog in ms that the PCS reads back as such."""
    rows = [row for block in table.FIELDS if block for row in block[1] if row[0] == _WATCHDOG_SLOT]
    _, mul, div, add, low, high = rows[0][:6]
    return low * mul // div + add, high * mul // div + add


def inverter_problems(settings, entries, table):
    """Remarks on an inverter that takes this controller for its battery: nothing sets or reads back its time-out, so
    control needs at every pack a path that opens without it (LIMITS 3.6, 3.7)."""
    profile = settings["pcs"]["profile"]
    keys = entries["pcs"].entries()
    problem = "%s does not tell its current: the closed loop sees only the BMS's" % profile
    found = [(keys["profile"], problem, "a second look at the current needs another PCS", False)]
    link = settings["links"][settings["pcs"]["link"]]
    if table.INFO["bitrate"] != link["bitrate"]:
        problem = "%s speaks at %d bit/s" % (profile, table.INFO["bitrate"])
        found.append((keys["connection"], problem, "write :%d at its end" % table.INFO["bitrate"], False))
    for pack, spot in zip(settings["packs"], entries["packs"].items(), strict=True):
        if pack.get("contactor") or names_opening(spot.entries()):
            continue
        problem = "the time-out of %s cannot be verified" % profile
        mend = "name the independent opening path of %s: opening_path: fuse and dead-man contactor K1" % pack["id"]
        found.append((keys["profile"], problem, mend, True))
    return found


def has_watchdog(table):
    """True when the PCS's table both writes its watchdog and reads it back."""
    writes = any(field[1] == WATCHDOG_MS for row in table.WRITES for field in row[2])
    return writes and any(field[0] == _WATCHDOG_SLOT for block in table.FIELDS if block for field in block[1])
