# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""site.yaml -> the plain settings dict that board and gateway run from.

People write units they think in (`charge_a: 140`), the controller gets integers (`charge_ma: 140000`).
Keys, bounds and reasons come from edge.core.settings.SETTINGS: the unit at the end of a key is the only
difference. The first thing that is wrong is told with its line, its place, the reason and the mend.
"""

import difflib
import os
import re
from decimal import Decimal, InvalidOperation

from edge.core import settings as core
from host_tools import (
    cautions,
    cell_site,
    certificate_site,
    commission_envelope,
    connections,
    documents,
    network_site,
    tls_site,
    wired,
)
from host_tools.places import SiteError, parse
from host_tools.units import human, human_key, unit_of

# Keys that only site.yaml has: `connection` becomes link, `bms` the profile of a pack, `certificate` the
# grade, `opening_path` and `commissioned` are for `check` alone.
RENAMED = {"link": "connection", "profile": "bms"}
HOST_KEYS = {"": ("commissioned",), "pack": ("opening_path", "certificate", "cell")}

SOURCES = {"maker": "manufacturer", "grade": "test centre", "contract": "contract"}
# (narrower, wider): the core's pairs, and a contract may not pass the test centre either (LIMITS 3.2).
NARROWER = (*core.NARROWER, ("contract", "grade"))
SMALLEST_WINS = "The smallest source always wins; a looser value is refused, not clamped."


def number_of(spot, row):
    """The integer of one number in site.yaml, in the unit of the settings key, inside its bounds."""
    key, low, high, reason = row[1], row[3], row[4], row[6]
    _, factor, sign = unit_of(key)
    text = spot.text()
    try:
        if spot.node.tag not in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") or spot.node.style:
            raise InvalidOperation
        number = Decimal(text)
    except InvalidOperation:
        raise spot.wrong(
            "'%s' is not a number" % text, "write a number%s: %s" % (" in " + sign if sign else "", reason)
        ) from None
    if not number.is_finite():
        raise spot.wrong("%s is not a limit" % text, "write a number: %s" % reason)
    scaled = number * factor
    if not low <= scaled <= high:
        bounds = "%s to %s" % (human(key, low), human(key, high))
        raise spot.wrong("%s is outside %s" % (text, bounds), reason)
    if scaled != int(scaled):
        step = human(key, 1) if factor > 1 else "1"
        raise spot.wrong("%s is finer than %s" % (text, step), "round it toward the safe side")
    return int(scaled)


def value_of(spot, row):
    """The settings value of one scalar, or None when it is empty."""
    kind, low, high, reason = row[2], row[3], row[4], row[6]
    text = spot.text()
    if text is None:
        return None
    if kind == "int":
        return number_of(spot, row)
    if isinstance(kind, tuple):
        if text not in kind:
            raise spot.wrong("'%s' is not allowed" % text, "use one of: %s (%s)" % (", ".join(kind), reason))
    elif not low <= len(text) <= high:
        raise spot.wrong("needs a text of %d to %d characters" % (low, high), reason)
    return text


def written_key(section, key):
    """How a settings key is written in this section of site.yaml."""
    if key == "link":
        return "connection"
    if key == "profile" and section == "pack":
        return "bms"
    return human_key(key)


def read_section(spot, section, inner=()):
    """(values {settings key: value}, entries {site.yaml key: Spot}) of one section.

    inner: keys that hold sections of their own. Raises SiteError for an unknown, missing or wrong key.
    """
    entries = spot.entries()
    rows = core.rows(section)
    known = {written_key(section, row[1]): row for row in rows}
    extra = (*inner, *HOST_KEYS.get(section, ()))
    for key, entry in entries.items():
        if key not in known and key not in extra:
            raise unknown_key(entry, key, [*known, *extra])
    values = {}
    for key, row in known.items():
        entry = entries.get(key)
        value = None
        if entry is not None:
            value = entry.text() if row[1] == "link" else value_of(entry, row)
        if value is None and row[5] == core.REQUIRED:
            raise (entry or spot).wrong("is empty" if entry else "%s is missing" % key, "add %s: %s" % (key, row[6]))
        values[row[1]] = value if value is not None else row[5]
    return values, entries


def unknown_key(entry, key, known):
    """The SiteError for a key that nothing reads, with the nearest one that something does."""
    near = difflib.get_close_matches(key, known, 1, 0.6)
    stem = [name for name in known if name.rpartition("_")[0] and name.rpartition("_")[0] == key.rpartition("_")[0]]
    near = [RENAMED[key]] if RENAMED.get(key) in known else near or stem
    mend = "did you mean %s?" % near[0] if near else "known here: %s" % ", ".join(sorted(known))
    return entry.wrong("unknown key", mend)


def is_path(profile):
    """True when a profile is named by its file and not by the name of one that ships with us."""
    return profile.endswith((".yaml", ".yml")) or "/" in profile or "\\" in profile


def table_of(profile, base="."):
    """The table of a profile: a name that ships with us, or a file (relative to base).

    Raises ProfileError (the file is wrong), FileNotFoundError or ImportError (there is none).
    """
    if is_path(profile):
        from bms_bridge import compile as compiler

        return compiler.load_profile(os.path.join(base, os.path.expanduser(profile)))
    from bms_bridge import modules, tables

    return modules.load(profile) if profile in shipped_profiles("modules") else tables.load(profile)


def shipped_profiles(room="tables"):
    """Names of the profiles in bms_bridge/tables, or in bms_bridge/modules."""
    import bms_bridge

    folder = os.path.join(os.path.dirname(bms_bridge.__file__), room)
    return sorted(name[:-3] for name in os.listdir(folder) if name.endswith(".py") and name[0] != "_")


def find_table(spot, profile, base, kind):
    """table_of with every way to be wrong told at spot; kind: bms, pcs, meter, inputs or outputs."""
    try:
        table = table_of(profile, base)
    except FileNotFoundError:
        raise spot.wrong("there is no file %s" % profile, "a path is taken from the folder of site.yaml") from None
    except ImportError:
        names = shipped_profiles("modules" if kind in ("inputs", "outputs") else "tables")
        near = difflib.get_close_matches(profile, names, 1, 0.5)
        mend = "did you mean %s?" % near[0] if near else "there are: %s" % ", ".join(names)
        raise spot.wrong("there is no profile '%s'" % profile, mend) from None
    if table.KIND != kind:
        raise spot.wrong("%s is a profile of a %s" % (profile, table.KIND), "name a profile of a %s" % kind)
    return table


def facts_of(table):
    """What the controller must know of a profile, as plain data."""
    if table.KIND != "bms":
        return {"periods_ms": list(table.PERIODS_MS)[:2]}
    return {
        "periods_ms": list(table.PERIODS_MS),
        "cell_lsb_mv": table.CELL_LSB_MV,
        "protection": table.PROTECTION,
        "opens_by": table.OPENS_BY,
    }


def refuse_looser(sources):
    """Raise SiteError when a narrower source allows more. sources: {name: (values, entries)}."""
    for narrow in ("grade", "contract"):
        values, entries = sources.get(narrow, ({}, {}))
        for key, smaller in core.BOUNDS:
            above = [
                wide
                for name, wide in NARROWER
                if name == narrow and wide in sources and sources[wide][0].get(key) is not None
            ]
            if values.get(key) is None or not above:
                continue
            wide = (min if smaller else max)(above, key=lambda name: sources[name][0][key])
            if core.looser(values[key], sources[wide][0][key], smaller):
                raise looser(entries[human_key(key)], key, narrow, wide, sources[wide], smaller)


def looser(spot, key, narrow, wide, source, smaller):
    """The SiteError for a limit that allows more than the one of the source wide."""
    limit = human(key, source[0][key])
    sides = ("above", "less") if smaller else ("below", "more")
    line = source[1][human_key(key)].line
    problem = "%s is %s the %s's %s (line %d)" % (spot.text(), sides[0], SOURCES[wide], limit, line)
    remove = ", or remove it" if narrow == "contract" else ""
    return spot.wrong(problem, "set it to %s or %s%s." % (limit.split()[0], sides[1], remove), SMALLEST_WINS)


def read_grade(pack, entries, base, keys):
    """(values, {key: Spot}) of the test centre's grade: of its signed certificate, or inline and unsigned."""
    if "certificate" in entries:
        if "grade" in entries:
            raise entries["grade"].wrong("stands beside a certificate", "remove it: the certificate says all of it")
        grade, inside, said = certificate_site.read(entries["certificate"], base, keys)
        certificate_site.refuse_other(pack, entries, said, inside)
    else:
        values, inside = read_section(entries["grade"], "pack.grade")
        certificate_site.refuse_unsigned(inside)
        grade = {key: value for key, value in values.items() if value is not None}
    certificate_site.refuse_absurd(pack, grade, inside)
    return grade, inside


def read_pack(spot, links, base, keys=()):
    """The settings dict of one pack. keys: trusted keys for its certificate."""
    values, entries = read_section(spot, "pack", ("maker", "grade", "contract", "contactor"))
    sources = {}
    for name in ("maker", "grade", "contract"):
        entry = entries.get(name)
        if name == "grade" and (entry is not None or "certificate" in entries):
            sources[name] = read_grade(values, entries, base, keys)
            continue
        if entry is None or (name == "contract" and entry.node.tag.endswith(":null")):
            if name == "contract":
                continue
            raise spot.wrong("%s is missing" % name, "add the section %s: the %s's limits" % (name, SOURCES[name]))
        sources[name] = read_section(entry, "pack." + name)
    refuse_looser(sources)
    table = find_table(entries["bms"], values["profile"], base, "bms")
    for key, most in (("cells", table.CELLS), ("temps", table.TEMPS)):
        if most and values[key] > most:  # 0: the profile has no such list, only extremes
            raise entries[key].wrong(
                "%d is above the %d of profile %s" % (values[key], most, values["profile"]),
                "count the %s again" % key,
            )
    values["link"] = links.index(entries["connection"], values["link"], getattr(table, "BUS", "modbus"))
    values.update({name: source[0] for name, source in sources.items()})
    values.setdefault("contract", None)
    values["facts"] = facts_of(table)
    if "contactor" in entries:
        values["contactor"] = read_section(entries["contactor"], "pack.contactor")[0]
        wired.read_contactor(entries["contactor"], values["contactor"])
    if "cell" in entries:
        values["cell"] = cell_site.read(entries["cell"], values["chemistry"], base)
    return values


def read_device(spot, section, links, base):
    """The settings dict of the PCS or the meter."""
    values, entries = read_section(spot, section)
    table = find_table(entries["profile"], values["profile"], base, section)
    values["link"] = links.index(entries["connection"], values["link"], getattr(table, "BUS", "modbus"))
    values["facts"] = facts_of(table)
    if "cell" in entries:
        values["cell"] = cell_site.read(entries["cell"], values["chemistry"], base)
    return values


def read_uplink(spot, base, device):
    """The settings dict of the uplink of `device`; its ack_key as 64 hexadecimal digits."""
    values, entries = read_section(spot, "uplink", ("sparkplug",))
    if "sparkplug" in entries:
        values["sparkplug"] = read_section(entries["sparkplug"], "uplink.sparkplug")[0]
    if values["ack_key"] and values["ack_key"] != tls_site.ON_BOARD:
        key = certificate_site.opened(entries["ack_key"], base, lambda path: documents.device_key(documents.load(path)))
        if key is None:
            raise entries["ack_key"].wrong("is no device key", "make one: reuse-edge key new NAME --device")
        values["ack_key"] = key.raw.hex()
    tls_site.read(values, spot, entries, base, device)
    if values["home_assistant_s"] and not re.fullmatch("[A-Za-z0-9_-]+", device):
        mend = "give it one with `device`, of letters without accents, digits, - and _"
        raise entries["home_assistant_s"].wrong("Home Assistant cannot use the name %s" % device, mend)
    return values


def check_whole(spot, entries, settings):
    """What only the whole shows: the core's own check, its place turned into a line."""
    try:
        core.check(settings)
    except core.SettingsError as error:
        place = ".".join(human_key(part) for part in error.place.rstrip(".").split("."))
        top = place.split(".")[0].split("[")[0]
        where = entries.get(top, spot)
        raise SiteError(spot.file, where.line, place, error.problem, error.mend) from None


def read_site(path):
    """(settings, {top key: Spot}) of the file at path; load_site is what most callers want."""
    spot = parse(path)
    base = os.path.dirname(os.path.abspath(path))
    settings, entries = read_section(
        spot, "", ("packs", "pcs", "meter", "inputs", "outputs", "network", "uplink", "trust")
    )
    trust = certificate_site.trusted(entries.get("trust"), base)
    keys = certificate_site.certifiers(trust)
    if trust:
        settings["trust"] = trust
    links = connections.Links()
    settings["version"] = core.VERSION
    for name in ("packs", "pcs"):
        if name not in entries:
            raise spot.wrong("%s is missing" % name, "see examples/site.yaml")
    packs = entries["packs"].items()
    settings["packs"] = [read_pack(pack, links, base, keys) for pack in packs]
    refuse_twins(packs, settings["packs"])
    settings["pcs"] = read_device(entries["pcs"], "pcs", links, base)
    meter, uplink = entries.get("meter"), entries.get("uplink")
    settings["meter"] = read_device(meter, "meter", links, base) if meter else None
    settings["device"] = settings["device"] or settings["site"]
    settings["uplink"] = read_uplink(uplink, base, settings["device"]) if uplink else None
    settings["network"] = network_site.read(entries["network"], base, read_section) if "network" in entries else None
    wired.read_wired(entries, settings, links, base, read_section, find_table)
    settings["links"] = links.links
    check_whole(spot, entries, settings)
    return settings, entries


def refuse_twins(spots, packs):
    """Raise SiteError for two packs of one name or at one address."""
    for index, pack in enumerate(packs):
        for other in packs[:index]:
            if pack["id"] == other["id"]:
                raise spots[index].wrong("there are two packs '%s'" % pack["id"], "give each pack its own id")
            if (pack["link"], pack["unit"]) == (other["link"], other["unit"]):
                raise spots[index].wrong(
                    "has the connection and unit of %s" % other["id"], "give each BMS its own unit id"
                )


def load_site(path):
    """The settings dict of the site.yaml at path (integers and strings, as JSON would hold them).

    Raises SiteError (its text is the whole message, exit code 2) or bms_bridge's ProfileError.
    """
    settings, entries = read_site(path)
    cautions.refuse(settings, remarks_of(settings, entries, path))
    return settings


def remarks_of(settings, entries, path):
    """Every remark (host_tools.cautions) on the site at path, as read_site() gave it."""
    base = os.path.dirname(os.path.abspath(path))
    found = cautions.remarks(settings, entries, tables_of(settings, path))
    return found + commission_envelope.remarks(settings, entries, base)


def tables_of(settings, path):
    """{profile: table} of every device of settings that load_site(path) gave."""
    base = os.path.dirname(os.path.abspath(path))
    devices = [*settings["packs"], settings["pcs"], settings["meter"], settings["inputs"], settings["outputs"]]
    devices = [device for device in devices if device and device["profile"]]
    return {device["profile"]: table_of(device["profile"], base) for device in devices}
