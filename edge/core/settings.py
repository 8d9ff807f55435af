# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Every setting of a site: unit, bounds, default and reason, declared once.

The host makes a plain dict of integers and strings from site.yaml (host_tools/site.py) with this table;
the board and the gateway check the dict again with check() before anything runs.
"""

from edge.core.bounds import BOUNDS, bound, looser
from edge.core.records import G_CURRENT, G_MEASURE

VERSION = 1

REQUIRED = "required"  # no default is safe: the key must be given
OPTIONAL = None  # may be absent: the feature is off or the value unknown

# Sections: "" is the top, "pack.maker" the dict inside each pack. kind: "int", "str" or a tuple of the
# allowed words. low and high are inclusive and in the unit of the key.
# (section, key, kind, low, high, default, reason)
SETTINGS = (
    ("", "site", "str", 1, 40, REQUIRED, "name of the site; part of every topic"),
    ("", "org", "str", 1, 40, "local", "operator; first part of every topic"),
    ("", "device", "str", 1, 40, OPTIONAL, "name of this controller; the site's name when absent"),
    ("", "mode", ("observe", "control"), 0, 0, REQUIRED, "observe writes nothing; control is a decision of a person"),
    ("", "period_ms", "int", 100, 10000, 1000, "control period; commands live three of them"),
    ("", "late_ms", "int", 50, 5000, 300, "a later step gives zero permit: 300 gateway, 500 board, 1000 with PSRAM"),
    ("", "journal_kb", "int", 16, 1048576, OPTIONAL, "room for the journal on disk; absent: gateway 65536, board none"),
    ("", "black_box", ("none", "extremes", "cells"), 0, 0, OPTIONAL, "around trips; gateway cells, board extremes"),
    ("", "lease_ms", "int", 1000, 3000, 2000, "life of a command, three periods at most: 2 s gateway, 3 s board"),
    (
        "",
        "update_when",
        ("zero", "open", "any"),
        0,
        0,
        "zero",
        "board: an update starts at zero permit, at open contactors, or at once",
    ),
    ("", "ntp", "str", 7, 100, OPTIONAL, "board: numeric address of an NTP server; never moves the clock by a day"),
    ("", "led_pin", "int", 1, 99, OPTIONAL, "board: pin of a status LED; what it says: edge/shell/board_led.py"),
    ("network", "kind", ("wifi", "ethernet"), 0, 0, REQUIRED, "board: how it joins the network"),
    ("network", "ssid", "str", 1, 32, OPTIONAL, "name of the wireless network"),
    ("network", "password_file", "str", 1, 1000, OPTIONAL, "file that holds its password; absent: an open network"),
    ("network", "country", "str", 2, 2, OPTIONAL, "two letters: the radio keeps to the rules of that country (KR)"),
    ("", "sunspec_port", "int", 0, 65535, 0, "SunSpec server on the gateway for an energy manager on site; 0: none"),
    ("", "sunspec_host", "str", 1, 100, "127.0.0.1", "its address: anybody there may read, and ask for power"),
    ("pack", "id", "str", 1, 40, REQUIRED, "name of the pack in every record"),
    ("pack", "serial", "str", 1, 40, OPTIONAL, "serial on the label; another serial starts estimation afresh"),
    ("pack", "bms_serial", "str", 1, 40, OPTIONAL, "number that its BMS tells, where it is not the one on the label"),
    ("pack", "profile", "str", 1, 60, REQUIRED, "profile of the BMS"),
    ("pack", "link", "int", 0, 63, REQUIRED, "index of the line the BMS is on"),
    ("pack", "unit", "int", 0, 247, REQUIRED, "unit id on that line"),
    ("pack", "string", "int", 1, 64, OPTIONAL, "which string of a SunSpec bank; 1 when absent"),
    ("pack", "max_registers", "int", 2, 125, OPTIONAL, "most registers per request, below what its profile says"),
    ("pack", "bms_switch", "int", 0, 1, OPTIONAL, "1: in control its BMS locks its switches while the pack is open"),
    ("pack", "cells", "int", 1, 400, REQUIRED, "cells in series, fixed at commissioning; a change is a fault"),
    ("pack", "temps", "int", 1, 64, REQUIRED, "temperature sensors in use"),
    ("pack", "chemistry", ("lfp", "nmc", "lmo"), 0, 0, REQUIRED, "chooses OCV table and derating curves"),
    ("pack", "capacity_mah", "int", 100, 5000000, REQUIRED, "nameplate capacity, when new"),
    ("pack.maker", "charge_ma", "int", 0, 2000000, REQUIRED, "manufacturer's absolute charge current"),
    ("pack.maker", "discharge_ma", "int", 0, 2000000, REQUIRED, "manufacturer's absolute discharge current"),
    ("pack.maker", "cell_max_mv", "int", 2000, 4500, REQUIRED, "highest cell voltage"),
    ("pack.maker", "cell_min_mv", "int", 1500, 4000, REQUIRED, "lowest cell voltage"),
    ("pack.maker", "temp_max_mc", "int", 20000, 80000, REQUIRED, "highest cell temperature"),
    ("pack.maker", "temp_min_mc", "int", -40000, 20000, REQUIRED, "lowest cell temperature for discharge"),
    ("pack.maker", "temp_min_charge_mc", "int", -30000, 30000, REQUIRED, "lowest cell temperature for charge"),
    ("pack.grade", "charge_ma", "int", 0, 2000000, REQUIRED, "test centre's charge current"),
    ("pack.grade", "discharge_ma", "int", 0, 2000000, REQUIRED, "test centre's discharge current"),
    ("pack.grade", "capacity_mah", "int", 100, 5000000, REQUIRED, "measured capacity: prior of the estimator"),
    ("pack.grade", "capacity_std_mah", "int", 1, 500000, REQUIRED, "one standard deviation of that measurement"),
    ("pack.grade", "grade", "str", 1, 10, REQUIRED, "grade as printed on the certificate"),
    ("pack.grade", "body", "str", 1, 40, REQUIRED, "test centre"),
    ("pack.grade", "date", "str", 10, 10, REQUIRED, "date of the test, YYYY-MM-DD"),
    ("pack.grade", "resistance_uohm", "int", 100, 10000000, OPTIONAL, "pack's resistance after 10 s: prior"),
    ("pack.grade", "resistance_temp_mc", "int", -20000, 60000, OPTIONAL, "cell temperature at that measurement"),
    ("pack.grade", "cell_max_mv", "int", 2000, 4500, OPTIONAL, "highest cell voltage, narrower than the maker's"),
    ("pack.grade", "cell_min_mv", "int", 1500, 4000, OPTIONAL, "lowest cell voltage, narrower than the maker's"),
    ("pack.grade", "temp_max_mc", "int", 20000, 80000, OPTIONAL, "highest cell temperature, narrower"),
    ("pack.grade", "temp_min_mc", "int", -40000, 20000, OPTIONAL, "lowest cell temperature, narrower"),
    ("pack.grade", "temp_min_charge_mc", "int", -30000, 30000, OPTIONAL, "lowest for charge, narrower"),
    ("pack.grade", "number", "str", 1, 40, OPTIONAL, "number of the signed certificate"),
    ("pack.grade", "version", "int", 1, 1000000, OPTIONAL, "its version: a later one replaces an earlier one"),
    ("pack.grade", "valid_until", "str", 10, 10, OPTIONAL, "last day on which it holds"),
    ("pack.grade", "signer", "str", 16, 16, OPTIONAL, "id of the key that signed it; unsigned when absent"),
    ("pack.grade", "hash", "str", 64, 64, OPTIONAL, "SHA-256 of the signed certificate"),
    ("pack.contract", "charge_ma", "int", 0, 2000000, REQUIRED, "what the subscription allows"),
    ("pack.contract", "discharge_ma", "int", 0, 2000000, REQUIRED, "what the subscription allows"),
    ("pack.contactor", "break_ma", "int", 100, 2000000, REQUIRED, "largest current it may open, of its datasheet"),
    ("pack.contactor", "fuse_ms", "int", 0, 10000, 3000, "a larger current is opened after this time: the fuse"),
    ("pack.contactor", "join_mv", "int", 100, 10000, 1000, "it closes when pack and bus are this near, either way"),
    ("pack.contactor", "precharge", ("output", "none"), 0, 0, "output", "none: it waits for the bus to come near"),
    ("pack.contactor", "hold_ms", "int", 2000, 60000, OPTIONAL, "it falls by itself: PCS watchdog + fuse + 1 s"),
    ("pack.contactor", "main_pin", "int", 0, 99, OPTIONAL, "board: pin of the coil"),
    ("pack.contactor", "precharge_pin", "int", 0, 99, OPTIONAL, "board: pin of the precharge relay"),
    ("pack.contactor", "feedback_pin", "int", 0, 99, OPTIONAL, "board: pin of its auxiliary contact, to ground"),
    ("pack.contactor", "output", "int", 0, 64, OPTIONAL, "number of the relay of section outputs that pulls it"),
    ("pack.contactor", "precharge_output", "int", 0, 64, OPTIONAL, "number of the relay of its precharge"),
    ("pack.contactor", "feedback_input", "int", 0, 64, OPTIONAL, "number of the input of its auxiliary contact"),
    ("inputs", "id", "str", 1, 40, "inputs", "name of the input module"),
    ("inputs", "estop_pin", "int", 0, 99, OPTIONAL, "board: pin of the emergency stop, normally closed to ground"),
    ("inputs", "smoke_pin", "int", 0, 99, OPTIONAL, "board: pin of the smoke or off-gas detector, normally closed"),
    ("inputs", "insulation_pin", "int", 0, 99, OPTIONAL, "board: pin of the insulation monitor, normally closed"),
    ("inputs", "door_pin", "int", 0, 99, OPTIONAL, "board: pin of the door contact, normally closed"),
    ("inputs", "profile", "str", 1, 60, OPTIONAL, "profile of the input module; absent: pins of the board"),
    ("inputs", "link", "int", 0, 63, OPTIONAL, "index of the line the module is on"),
    ("inputs", "unit", "int", 0, 247, OPTIONAL, "unit id on that line"),
    ("inputs", "estop_input", "int", 0, 64, OPTIONAL, "number of the input of the emergency stop, normally closed"),
    ("inputs", "smoke_input", "int", 0, 64, OPTIONAL, "number of the input of the smoke detector, normally closed"),
    ("inputs", "insulation_input", "int", 0, 64, OPTIONAL, "number of the input of the insulation monitor"),
    ("inputs", "door_input", "int", 0, 64, OPTIONAL, "number of the input of the door contact, normally closed"),
    ("outputs", "id", "str", 1, 40, "outputs", "name of the relay module"),
    ("outputs", "profile", "str", 1, 60, REQUIRED, "profile of the relay module that pulls contactors"),
    ("outputs", "link", "int", 0, 63, REQUIRED, "index of the line the module is on"),
    ("outputs", "unit", "int", 0, 247, REQUIRED, "unit id on that line"),
    ("pcs", "id", "str", 1, 40, "pcs", "name of the PCS in every record"),
    ("pcs", "profile", "str", 1, 60, REQUIRED, "profile of the PCS"),
    ("pcs", "link", "int", 0, 63, REQUIRED, "index of the line the PCS is on"),
    ("pcs", "unit", "int", 0, 247, REQUIRED, "unit id on that line"),
    ("pcs", "power_w", "int", 100, 5000000, REQUIRED, "rated power: the percent registers refer to it"),
    ("pcs", "watchdog_ms", "int", 2000, 60000, 5000, "PCS falls to zero after this silence; 3 to 10 write periods"),
    ("pcs", "obey_ms", "int", 200, 60000, 2000, "the PCS follows a new limit within this time"),
    ("meter", "id", "str", 1, 40, "meter", "name of the meter in every record"),
    ("meter", "profile", "str", 1, 60, REQUIRED, "profile of the meter"),
    ("meter", "link", "int", 0, 63, REQUIRED, "index of the line the meter is on"),
    ("meter", "unit", "int", 0, 247, REQUIRED, "unit id on that line"),
    ("uplink", "host", "str", 1, 100, REQUIRED, "broker"),
    ("uplink", "port", "int", 1, 65535, 1883, "broker's port"),
    ("uplink", "keepalive_s", "int", 5, 60, 20, "a half-open connection is noticed within twice this"),
    ("uplink", "gather_s", "int", 0, 300, 60, "telemetry waits so long for company; 0: at once, half as dear again"),
    ("uplink", "ack_key", "str", 0, 64, "", "secret of the acknowledgements: the .mac file that the receiver has too"),
    ("uplink", "format", ("cbor", "json"), 0, 0, "cbor", "of what is published; JSON is about three times as long"),
    ("uplink", "ca", "str", 0, 1000, "", "TLS: the authority of the broker's certificate (PEM); port 8883 is usual"),
    ("uplink", "certificate", "str", 0, 1000, "", "TLS: this device's certificate (PEM); its common name is device"),
    ("uplink", "private_key", "str", 0, 1000, "", "TLS: the private key of that certificate (PEM)"),
    ("uplink", "home_assistant_s", "int", 0, 600, 0, "Home Assistant finds the packs and is told so often; 0: off"),
    ("uplink", "status_port", "int", 0, 65535, 0, "local status port for the live view, 0 = any free one"),
    ("uplink.sparkplug", "group", "str", 1, 40, REQUIRED, "group id: the live lane is on when this section is there"),
    ("uplink.sparkplug", "node", "str", 1, 40, OPTIONAL, "edge node id; the device's name when absent"),
    ("uplink.sparkplug", "interval_ms", "int", 100, 3600000, 1000, "changed values go so often: `check` says the cost"),
    ("uplink.sparkplug", "primary_host", "str", 1, 60, OPTIONAL, "host id whose STATE is waited for; absent: nobody's"),
    ("uplink.sparkplug", "datatype_in_data", ("no", "yes"), 0, 0, "no", "yes: for readers that forget the births"),
)

# Pairs (narrower, wider) that must not be looser: the smallest source wins, a looser one is refused.
NARROWER = (("grade", "maker"), ("contract", "maker"))

# Whose a trusted key is; what each may ask for stands in edge.core.orders.ROLES.
TRUST_ROLES = ("grade", "operator", "engineer", "commission", "release")

_LINK_KINDS = ("tcp", "rtu", "serial", "can")


class SettingsError(Exception):
    """Our own file is wrong. args: (place, what is wrong, mend)."""

    def __init__(self, place, problem, mend):
        super().__init__(place, problem, mend)  # MicroPython has no Exception.__init__
        self.place = place
        self.problem = problem
        self.mend = mend

    def __str__(self):
        return "%s: %s -> %s" % (self.place, self.problem, self.mend)


def rows(section):
    """The rows of SETTINGS of one section, in table order."""
    return tuple(row for row in SETTINGS if row[0] == section)


def check_value(place, row, value):
    """Return value if it fits row of SETTINGS, else raise SettingsError naming place."""
    kind, low, high = row[2], row[3], row[4]
    if isinstance(kind, tuple):
        if value not in kind:
            raise SettingsError(place, "%s is not allowed" % (value,), "use one of: %s" % ", ".join(kind))
    elif kind == "str":
        if not isinstance(value, str) or not low <= len(value) <= high:
            raise SettingsError(place, "needs a text of %d to %d characters" % (low, high), row[6])
    elif not isinstance(value, int) or value is True or value is False:
        raise SettingsError(place, "needs a whole number", row[6])
    elif not low <= value <= high:
        raise SettingsError(place, "%d is outside %d..%d" % (value, low, high), row[6])
    return value


TLS_KEYS = ("ca", "certificate", "private_key")  # all three or none
CELL_TABLES = (("ocv_uv", 101), ("r_uohm", 3), ("tau_ms", 2), ("hysteresis_uv", 21))
CELL_NUMBERS = ("nominal_mah", "cell_min_mv", "cell_max_mv", "ea_k", "gamma", "residual_uv")


def _check_section(place, section, given, extra):
    if not isinstance(given, dict):
        raise SettingsError(place, "is missing", "add the section")
    known = [row[1] for row in rows(section)] + list(extra)
    for key in given:
        if key not in known:
            raise SettingsError(place + key, "unknown key", "known are: %s" % ", ".join(known))
    for row in rows(section):
        key = row[1]
        if given.get(key) is None:
            if row[5] == REQUIRED:
                raise SettingsError(place + key, "is missing", row[6])
        else:
            check_value(place + key, row, given[key])


def _check_pack(place, pack, links):
    _check_section(place, "pack", pack, ("maker", "grade", "contract", "contactor", "facts", "cell"))
    if pack.get("cell") is not None:
        check_cell(place + "cell", pack["cell"])
    elif pack["chemistry"] == "lmo":
        raise SettingsError(place + "cell", "there is no built-in cell for lmo", "make its file with reuse-edge fit")
    _check_section(place + "maker.", "pack.maker", pack.get("maker"), ())
    _check_section(place + "grade.", "pack.grade", pack.get("grade"), ())
    if pack.get("contract") is not None:
        _check_section(place + "contract.", "pack.contract", pack["contract"], ())
    if pack.get("contactor") is not None:
        _check_section(place + "contactor.", "pack.contactor", pack["contactor"], ())
    for narrow, wide in NARROWER:
        for key, smaller in BOUNDS:
            value = pack[narrow].get(key) if pack.get(narrow) else None
            if value is not None and looser(value, pack[wide][key], smaller):
                raise SettingsError(
                    place + narrow + "." + key,
                    "%d is %s the %d of %s" % (value, "above" if smaller else "below", pack[wide][key], wide),
                    "a looser value is refused, not clamped: make it narrower or remove it",
                )
    _check_bounds(place, pack)
    _check_facts(place, pack.get("facts"), 8, G_CURRENT)
    if pack["link"] >= links:
        raise SettingsError(place + "link", "there is no line %d" % pack["link"], "there are %d lines" % links)


def check_cell(place, cell):
    """Raise SettingsError unless cell is a cell file whose tables have the lengths that edge.core.cell expects."""
    if not isinstance(cell, dict) or cell.get("version") != 1:
        raise SettingsError(place, "is not a cell file of version 1", "make one with reuse-edge fit")
    for key, count in CELL_TABLES:
        table = cell.get(key)
        if not isinstance(table, (list, tuple)) or len(table) != count:
            raise SettingsError(place + "." + key, "needs %d values" % count, "make the file again with reuse-edge fit")
    for key in CELL_NUMBERS:
        if not isinstance(cell.get(key), int):
            raise SettingsError(place + "." + key, "is not an integer", "make the file again with reuse-edge fit")
    half = cell.get("half")
    if half is not None and (not isinstance(half, dict) or len(half.get("positive_uv") or ()) < 50):
        raise SettingsError(place + ".half", "is not a pair of half-cells", "make the file again with reuse-edge fit")


def _check_bounds(place, pack):
    """Each source's bounds, and those of both together, leave something between them."""
    for name in ("maker", "grade"):
        at = place + name + "."
        limit = {key: bound(pack, key) if name == "grade" else pack["maker"][key] for key, _ in BOUNDS}
        if limit["cell_min_mv"] + 500 > limit["cell_max_mv"]:
            raise SettingsError(at + "cell_min_mv", "is not below cell_max_mv by 500 mV", "swap or correct them")
        if limit["temp_min_mc"] > limit["temp_max_mc"] or limit["temp_min_charge_mc"] > limit["temp_max_mc"]:
            raise SettingsError(at + "temp_min_mc", "is above temp_max_mc", "swap or correct them")


def _check_facts(place, facts, groups, needed):
    """facts: what the profile's table says; the group needed must have a period."""
    if not isinstance(facts, dict) or len(facts.get("periods_ms", ())) != groups:
        raise SettingsError(place + "facts", "periods_ms needs %d places" % groups, "compile the profile again")
    if not facts["periods_ms"][needed]:
        raise SettingsError(place + "facts", "the profile reads no current", "choose a profile that does")


def check(settings):
    """Return settings (dict as in the module text) with every default filled in.

    Raises SettingsError at the first thing that is wrong, naming the place and the mend.
    """
    if settings.get("version") != VERSION:
        raise SettingsError("version", "%s is not %d" % (settings.get("version"), VERSION), "flash matching versions")
    inner = ("version", "links", "packs", "pcs", "meter", "inputs", "outputs", "network", "uplink", "trust")
    _check_section("", "", settings, inner)
    links = settings.get("links") or ()
    for index, link in enumerate(links):
        if link.get("kind") not in _LINK_KINDS:
            mend = "use one of: %s" % ", ".join(_LINK_KINDS)
            raise SettingsError("links[%d].kind" % index, "%s" % link.get("kind"), mend)
    if not settings.get("packs"):
        raise SettingsError("packs", "there is no pack", "add at least one")
    for index, pack in enumerate(settings["packs"]):
        _check_pack("packs[%d]." % index, pack, len(links))
    _check_section("pcs.", "pcs", settings.get("pcs"), ("facts",))
    _check_facts("pcs.", settings["pcs"].get("facts"), 2, G_MEASURE)
    full = with_defaults(settings)
    if full["pcs"]["watchdog_ms"] < 3 * full["period_ms"]:
        raise SettingsError("pcs.watchdog_ms", "is under three control periods", "raise it or shorten period_ms")
    for index, key in enumerate(settings.get("trust") or ()):
        if not isinstance(key, dict) or len(key.get("key") or "") != 64 or len(key.get("id") or "") != 16:
            raise SettingsError("trust[%d]" % index, "is no public key", "make the settings from site.yaml again")
        if (key.get("role") or TRUST_ROLES[0]) not in TRUST_ROLES:
            raise SettingsError("trust[%d]" % index, "has an unknown role", "use one of: " + ", ".join(TRUST_ROLES))
    for name in ("meter", "uplink", "inputs", "outputs", "network"):
        if settings.get(name) is not None:
            _check_section(name + ".", name, settings[name], ("facts", "sparkplug"))
    _check_sparkplug(full)
    given = [bool((settings.get("uplink") or {}).get(key)) for key in TLS_KEYS]
    if any(given) and not all(given):
        place = "uplink." + TLS_KEYS[given.index(False)]
        raise SettingsError(place, "is missing", "TLS needs %s, %s and %s; without TLS none" % TLS_KEYS)
    return full


def _check_sparkplug(full):
    """The live lane's own section, and names that an MQTT topic can carry. full: with defaults."""
    place = (full["uplink"] or {}).get("sparkplug")
    if place is None:
        return
    _check_section("uplink.sparkplug.", "uplink.sparkplug", place, ())
    names = [("uplink.sparkplug." + key, place.get(key)) for key in ("group", "node", "primary_host")]
    names += [("device", full["device"])]
    names += [("packs[%d].id" % i, full["packs"][i]["id"]) for i in range(len(full["packs"]))]
    for where, name in names:
        if name and [sign for sign in "+/#" if sign in name]:
            raise SettingsError(where, "'%s' has a sign that Sparkplug names may not have" % name, "no + / # in it")


def with_defaults(settings):
    """A copy of settings with every absent optional key set to its default; nested dicts are copied."""
    full = dict(settings)
    _fill("", full)
    full["device"] = full["device"] or full["site"]
    full["packs"] = [_filled("pack", pack) for pack in settings.get("packs") or ()]
    for name in ("pcs", "meter", "uplink", "inputs", "outputs", "network"):
        full[name] = _filled(name, settings[name]) if settings.get(name) is not None else None
    return full


def _filled(section, given):
    holder = dict(given)
    _fill(section, holder)
    if section == "pack":
        holder["contract"] = given.get("contract")
        if given.get("contactor") is not None:
            holder["contactor"] = _filled("pack.contactor", given["contactor"])
    if section == "uplink" and isinstance(given.get("sparkplug"), dict):
        holder["sparkplug"] = _filled("uplink.sparkplug", given["sparkplug"])
    return holder


def _fill(section, holder):
    for row in rows(section):
        if holder.get(row[1]) is None and row[5] != REQUIRED:
            holder[row[1]] = row[5]
