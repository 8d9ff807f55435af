# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`contactor:` of a pack, `inputs:` and `outputs:` of a site: contactors and safety inputs, on pins of a board or on
Modbus modules."""

from edge.core import settings as core
from host_tools.units import human

LOOPS = ("estop", "smoke", "insulation", "door")
BOARD = ("main_pin", "precharge_pin", "feedback_pin")
MODULE = ("output", "precharge_output", "feedback_input")


def read_contactor(spot, values):
    """Refuse what a contactor section may not say. values: its settings. spot: its place."""
    pins = [key for key in BOARD if values[key] is not None]
    relays = [key for key in MODULE if values[key] is not None]
    if pins and relays:
        mend = "a board has pins, a gateway has modules: keep one kind"
        raise spot.wrong("%s and %s are two ways to wire it" % (pins[0], relays[0]), mend)
    kind = MODULE if relays else BOARD
    if values[kind[0]] is None:
        mend = "add main_pin: the board's pin of its coil, or output: the relay of section outputs"
        raise spot.wrong("nothing pulls it", mend)
    if values["precharge"] == "output" and values[kind[1]] is None:
        raise spot.wrong("has no precharge output", "add %s:, or precharge: none" % kind[1])
    if values["precharge"] == "none" and values[kind[1]] is not None:
        raise spot.entries()[kind[1]].wrong("stands beside precharge: none", "remove one of them")


def read_module(values, entries, section, links, base, find):
    """Put link and facts of a digital module into values. find(spot, profile, base, kind): its table."""
    table = find(entries["profile"], values["profile"], base, section)
    for key in ("connection", "unit"):
        if key not in entries:
            raise entries["profile"].wrong("%s is missing" % key, "add %s: where the module is" % key)
    values["link"] = links.index(entries["connection"], values["link"])
    values["facts"] = {"periods_ms": list(table.PERIODS_MS)}
    return table


def read_wired(entries, settings, links, base, read_section, find):
    """Settings of inputs and outputs, checked against the packs' contactors. Raises SiteError."""
    packs = list(zip(settings["packs"], entries["packs"].items(), strict=True))
    modules = {}
    for section in ("inputs", "outputs"):
        settings[section] = None
        if section in entries:
            values, inside = read_section(entries[section], section)
            settings[section] = values
            if values["profile"]:
                modules[section] = read_module(values, inside, section, links, base, find)
    if "inputs" in entries:
        _loops(entries["inputs"], settings["inputs"])
    elif [1 for pack, _ in packs if pack.get("contactor") and pack["contactor"]["feedback_pin"] is not None]:
        settings["inputs"] = {row[1]: row[5] for row in core.rows("inputs")}  # nothing but auxiliary contacts
    _numbers(entries, settings, packs, modules)


def _loops(spot, values):
    """Pins or inputs of a module, never both, and at least one."""
    entries = spot.entries()
    wanted, other = ("_input", "_pin") if values["profile"] else ("_pin", "_input")
    for name in LOOPS:
        if values[name + other] is not None:
            mend = "write %s%s:%s" % (name, wanted, "" if values["profile"] else ", or name the module: profile:")
            raise entries[name + other].wrong("is not wired like this", mend)
    if not values["profile"] and values["link"] is not None:
        raise entries["connection"].wrong("which module?", "add profile: of the input module, or remove connection")


def _numbers(entries, settings, packs, modules):
    """Every pin, relay and input exists and has one user."""
    used: dict = {}
    rows = []
    if settings["inputs"] and "inputs" in entries:
        for name in LOOPS:
            for kind in ("pin", "input"):
                rows.append((entries["inputs"], settings["inputs"], "%s_%s" % (name, kind), kind))
    for pack, spot in packs:
        own = pack.get("contactor")
        for key in BOARD + MODULE if own else ():
            kind = key.rpartition("_")[2]
            rows.append((spot.entries()["contactor"], own, key, kind))
    for spot, values, key, kind in rows:
        number = values.get(key)
        if number is None:
            continue
        place = spot.entries()[key]
        if kind != "pin":
            _fits(place, number, modules.get(kind + "s"), kind)
        if (kind, number) in used:
            raise place.wrong("%s %d is used by %s" % (kind, number, used[kind, number]), "give each wire its own")
        used[kind, number] = place.place


def _fits(place, number, table, kind):
    """The number is one that the module has printed on it."""
    if table is None:
        mend = "add section %ss: with profile, connection and unit" % kind
        raise place.wrong("there is no module with that %s" % kind, mend)
    last = table.FIRST + table.POINTS - 1
    if not table.FIRST <= number <= last:
        raise place.wrong("%s has no %s %d" % (table.NAME, kind, number), "its own are %d to %d" % (table.FIRST, last))


def remarks(settings, entries):
    """What to look at, as host_tools.cautions has it: (Spot, problem, mend, forbids control)."""
    found = []
    for pack, spot in zip(settings["packs"], entries["packs"].items(), strict=True):
        own = pack.get("contactor")
        if not own:
            continue
        place = spot.entries()["contactor"]
        least_ms = settings["pcs"]["watchdog_ms"] + own["fuse_ms"]
        if own.get("hold_ms") is not None and own["hold_ms"] < least_ms:
            problem = "falls after %s, before the PCS has stopped" % human("_ms", own["hold_ms"])
            mend = "set hold_s to at least %s: PCS watchdog and fuse" % human("_ms", least_ms)
            found.append((place.entries()["hold_s"], problem, mend, True))
        if own["feedback_pin"] is None and own["feedback_input"] is None:
            problem = "has no auxiliary contact: a weld is not noticed before current flows"
            found.append((place, problem, "wire it: feedback_pin or feedback_input", False))
    if settings["inputs"] and "inputs" in entries:
        named = [name for name in LOOPS for kind in ("_pin", "_input") if settings["inputs"][name + kind] is not None]
        if "estop" not in named:
            found.append((entries["inputs"], "there is no emergency stop", "wire it: estop_pin or estop_input", False))
    return found
