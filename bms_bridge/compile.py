# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Compiler of device profiles (host only): profiles/*.yaml become tables/*.py. docs/PROFILES.md.

python -m bms_bridge.compile            write the tables
python -m bms_bridge.compile --check    exit 1 when a table is not what its profile says
python -m bms_bridge.compile my.yaml    compile one file anywhere and say what it holds
"""

import argparse
import os
import sys

from bms_bridge.compile_bits import also_served, compile_alarms, templates
from bms_bridge.compile_can import compile_profile as compile_can
from bms_bridge.compile_digital import KINDS as DIGITAL
from bms_bridge.compile_digital import compile_digital
from bms_bridge.compile_examples import compile_examples
from bms_bridge.compile_layout import FIELDS, GROUP_NAMES, LISTS, TYPES, Layout
from bms_bridge.compile_models import extras
from bms_bridge.compile_serial import compile_serial
from bms_bridge.compile_texts import compile_texts, register_place
from bms_bridge.compile_told import compile_told
from bms_bridge.compile_writes import compile_writes
from bms_bridge.compile_yaml import ProfileError, read_yaml
from bms_bridge.modbus import data_size

__all__ = ["ProfileError", "compile_file", "load_profile", "main", "write_table"]

_REQUIRED = ("name", "kind", "title", "source", "licence", "blocks", "fields", "examples")
_OPTIONAL = {
    "bms": ("line", "cells", "temps", "cell_lsb_mv", "protection", "opens_by", "caveats", "alarms", "texts"),
    "pcs": ("line", "caveats", "writes", "fallback", "ramp"),
    "meter": ("line", "caveats"),
}
BUSES = ("modbus", "serial", "can")
_SHARED = ("bus", "require", "serve", "also_serve", "polling", "models")
_HERE = os.path.dirname(os.path.abspath(__file__))
_BOTH = os.path.join(os.path.dirname(_HERE), "tests", "both")
_HEAD = """# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
# Made from {origin} by bms_bridge.compile. Do not edit.
"""


class Table:
    """A table in memory: the same attributes as a module of bms_bridge.tables, with INVERSE filled."""

    def __init__(self, values):
        for name, value in values.items():
            setattr(self, name, value)


def compile_file(path):
    """Compile the profile at path: {attribute: value} of its table, with two keys more, INVERSE
    ({attribute: value} of the table that encode uses) and EXAMPLES (checked).

    Raises ProfileError (the file is wrong), FileNotFoundError.
    """
    top = read_yaml(path)
    kinds = (*_OPTIONAL, *DIGITAL)
    kind = top.table(("kind",), free=True)["kind"].word(kinds)
    if kind in DIGITAL:
        return compile_digital(top)
    bus = top.value["bus"].word(BUSES) if "bus" in top.value else "modbus"
    if bus == "can":
        return compile_told(top, _facts) if kind == "pcs" else compile_can(top, _facts)
    if bus == "serial":
        return compile_serial(top, kind, _facts)
    cells = top.table(_REQUIRED, _OPTIONAL[kind] + _SHARED)
    layout = Layout(top, kind)
    layout.fields(cells["fields"])
    if "require" in cells:
        layout.require(cells["require"])
    bits = compile_alarms(layout, cells["alarms"]) if "alarms" in cells else None
    if "texts" in cells:
        compile_texts(layout, cells["texts"], register_place(layout))
    values = _facts(cells, kind, layout)
    values.update(_rows(layout, bits))
    values.update(extras(layout, cells))
    values["WRITES"] = compile_writes(layout, cells["writes"]) if "writes" in cells else ()
    values["INVERSE"] = _inverse(layout, cells)
    examples = compile_examples(layout, Table(values), cells["examples"])
    proofs = []
    for row in examples:
        if row[0] not in proofs:
            proofs.append(row[0])
    values["INFO"]["proof"] = ", ".join(proofs)
    values["EXAMPLES"] = examples
    return values


def _lists(layout):
    """((slot, places), ...) of the lists of a record; a BMS that tells none has empty ones."""
    places = {FIELDS["bms"][name][0]: 0 for name in LISTS} if layout.kind == "bms" else {}
    places.update({slot: count for slot, (count, _) in layout.lengths.items()})
    return tuple(sorted(places.items()))


def _facts(cells, kind, layout):
    name = cells["name"].text()
    if not name.replace("_", "a").isalnum() or not name.islower() or not name.isascii():
        raise cells["name"].wrong(f"{name!r} is not a profile name", "small letters, digits and _")
    source = [item.text() for item in cells["source"].items()]
    if not source:
        raise cells["source"].wrong("no source", "say where the map comes from, with a link")
    info = {"title": cells["title"].text(), "source": " | ".join(source), "licence": cells["licence"].text()}
    if "line" in cells:
        line = cells["line"].table(("kind",), ("baud", "parity"))
        info["line"] = line["kind"].word(("tcp", "rtu"))
        if "baud" in line:
            info["baud"] = line["baud"].integer(300, 1000000)
        if "parity" in line:
            info["parity"] = line["parity"].word(("N", "E", "O"))
    if "fallback" in cells:  # what the document says of the limits after the watchdog has run out
        info["fallback"] = cells["fallback"].word(("zero", "unproved", "no limit"))
    if "ramp" in cells:
        info["ramp"] = cells["ramp"].text()
    values = {"NAME": name, "KIND": kind, "INFO": info}
    for key, slot in (("cells", 7), ("temps", 8)):
        count, spot = layout.lengths.get(slot, (0, cells.get("fields", cells["kind"])))
        stated = cells[key].integer(0, 400) if key in cells else 0
        if stated != count:
            reason = f"the fields hold {count} {key}, the profile says {stated}"
            raise cells.get(key, spot).wrong(reason, "make them agree")
        values[key.upper()] = count
    if kind == "bms":
        for key in ("cell_lsb_mv", "protection", "opens_by"):
            if key not in cells:
                raise cells["kind"].wrong(f"{key} is missing", f"add {key}: ...")
        values["CELL_LSB_MV"] = cells["cell_lsb_mv"].integer(1, 100)
        values["PROTECTION"] = cells["protection"].word(("self_opening", "requests_only", "none", "external_contactor"))
        values["OPENS_BY"] = cells["opens_by"].word(("none", "relay", "silence", "command"))
    return values


def _rows(layout, bits):
    """The attributes that decode reads."""
    blocks = range(len(layout.blocks))
    groups = 2 if layout.kind != "bms" else 8
    fields = [_scalars(sorted(layout.scalars[index], key=lambda row: row[0])) for index in blocks]
    checks = [_checks(sorted(layout.checks[index])) for index in blocks]
    of_group = tuple(tuple(i for i in blocks if layout.masks[i] & 1 << group) for group in range(groups))
    periods = tuple(max((layout.blocks[i][4] for i in members), default=None) for members in of_group)
    slots_of = tuple(tuple(layout.slots_of.get(group, ())) for group in range(groups))
    return {
        "BLOCKS": tuple(row[1:5] + (layout.masks[index],) for index, row in enumerate(layout.blocks)),
        "SIZES": tuple(data_size(row[1], row[3]) for row in layout.blocks),
        "FIELDS": tuple(fields),
        "ARRAYS": tuple(tuple(rows) for rows in layout.arrays),
        "SHAPES": tuple(tuple(rows) for rows in layout.shapes),
        "ENUMS": tuple(tuple(rows) for rows in layout.enums),
        "BITS": tuple(bits[1] if bits is not None and bits[0] == index else None for index in blocks),
        "CHECKS": tuple(checks),
        "DERIVED": tuple(tuple(rows) for rows in layout.derived),
        "SLOTS": layout.scratch,
        "LISTS": _lists(layout),
        "GROUPS_OF": tuple(tuple(g for g in range(groups) if layout.masks[i] & 1 << g) for i in blocks),
        "BLOCKS_OF": of_group,
        "SLOTS_OF": slots_of,
        "RATED": layout.rated,
        "PERIODS_MS": tuple(None if not slots_of[g] else periods[g] for g in range(groups)),
    }


def _scalars(rows):
    """(format of all scalar fields of a block, decode rows), None for none."""
    if not rows:
        return None
    return _form([(offset, code) for offset, code, _, _, _ in rows]), tuple(row[2] for row in rows)


def _checks(rows):
    if not rows:
        return None
    form = _form([(offset, code) for offset, code, _, _ in rows])
    return form, tuple(row[2] for row in rows), tuple(row[3] for row in rows)


def _form(places):
    """Format for struct that takes values at growing offsets and passes over the rest."""
    widths = {row[0]: 2 * row[1] for row in TYPES.values()} | {"B": 1}
    form, at = ">", 0
    for offset, code in places:
        form += ("%dx" % (offset - at) if offset > at else "") + code
        at = offset + widths[code]
    return form


def _inverse(layout, cells):
    caveats = cells["caveats"].items() if "caveats" in cells else ()
    return {
        "CAVEATS": tuple(item.text() for item in caveats),
        "FIELDS": tuple(tuple(row[3] for row in sorted(rows, key=lambda row: row[0])) for rows in layout.scalars),
        "ARRAYS": tuple(tuple(rows) for rows in layout.array_inverse),
        "PACKS": tuple(">%dH" % row[3] for row in layout.blocks),
        "TEMPLATES": templates(layout, cells.get("serve")),
        "SERVED": also_served(cells.get("also_serve")),
    }


def load_profile(path):
    """The profile at path (anywhere) as a table, without writing a file. Raises as compile_file does."""
    values = compile_file(path)
    if "INVERSE" in values:
        values["INVERSE"] = Table(values["INVERSE"])
    return Table(values)


def table_texts(values, origin):
    """(text of the table module, text of its inverse) for what compile_file gave."""
    head = _HEAD.format(origin=origin)
    skip = ("INVERSE", "EXAMPLES")
    names = [name for name in values if name not in skip]
    main_text = head + "".join(f"\n{name} = {_text(values[name], len(name) + 3)}\n" for name in names)
    back = values.get("INVERSE", {})
    return main_text, head + "".join(f"\n{name} = {_text(back[name], len(name) + 3)}\n" for name in back)


def write_table(path, out):
    """Compile the profile at path into the folder out: <name>.py and _<name>.py. Returns both paths."""
    values = compile_file(path)
    paths = []
    for prefix, text in zip(("", "_"), table_texts(values, "profiles/" + os.path.basename(path))):
        paths.append(os.path.join(out, prefix + values["NAME"] + ".py"))
        with open(paths[-1], "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return tuple(paths)


def _text(value, used=0, indent=0):
    """value as Python source, wrapped at 110 columns; the same on every version of Python."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return 'b"' + "".join("\\x%02x" % byte for byte in value) + '"'
    if isinstance(value, dict):
        pairs = [f"{_text(key)}: {_text(item)}" for key, item in value.items()]
        inner = "".join(f"{' ' * (indent + 4)}{pair},\n" for pair in pairs)
        return "{\n" + inner + " " * indent + "}"
    if not isinstance(value, tuple):
        return repr(value)
    parts = [_text(item, 0, indent + 4) for item in value]
    line = "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"
    if "\n" not in line and indent + used + len(line) <= 110:
        return line
    return "(\n" + "".join(f"{' ' * (indent + 4)}{part},\n" for part in parts) + " " * indent + ")"


def _all_texts():
    """{path: text} of every file that the shipped profiles make."""
    files = {}
    vectors: dict = {"modbus": [], "serial": [], "can": [], "told": []}
    folder = os.path.join(_HERE, "profiles")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".yaml"):
            values = compile_file(os.path.join(folder, name))
            texts = table_texts(values, "profiles/" + name)
            for prefix, text in zip(("", "_"), texts):
                files[os.path.join(_HERE, "tables", prefix + values["NAME"] + ".py")] = text
            bus = "told" if "TOLD" in values else values.get("BUS", "modbus")
            vectors[bus] += [(values["NAME"], *row[1:]) for row in values["EXAMPLES"]]
    digital = os.path.join(folder, "modules")
    for name in sorted(os.listdir(digital)):
        values = compile_file(os.path.join(digital, name))
        path = os.path.join(_HERE, "modules", values["NAME"] + ".py")
        files[path] = table_texts(values, "profiles/modules/" + name)[0]
    if os.path.isdir(_BOTH):
        files[os.path.join(_BOTH, "bridge_vectors.py")] = _vector_text("profile, block, data", vectors["modbus"])
        wire = "profile, block, data, values, unit, frame, payload, record, cells, temps"
        files[os.path.join(_BOTH, "serial_vectors.py")] = _vector_text(wire, vectors["serial"])
        heard = "profile, message, data, values given, values"
        files[os.path.join(_BOTH, "can_vectors.py")] = _vector_text(heard, vectors["can"])
        said = "profile, frame, values, alarms, data"
        files[os.path.join(_BOTH, "told_vectors.py")] = _vector_text(said, vectors["told"])
    return files


def _vector_text(columns, rows):
    text = _HEAD.format(origin="the examples in profiles/*.yaml")
    if "values" not in columns:
        columns += ", ((slot, value), ...)"
    return text + f"# ({columns})\n\nVECTORS = {_text(tuple(rows), 10)}\n"


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _describe(path):
    values = compile_file(path)
    if values["KIND"] in DIGITAL:
        print(f"{values['NAME']}: {values['INFO']['title']}, {values['POINTS']} {values['KIND']}")
        return
    groups = GROUP_NAMES[values["KIND"]]
    print(f"{values['NAME']}: {values['INFO']['title']}")
    for group, period_ms in zip(groups, values["PERIODS_MS"]):
        print(f"  {group:9} {'not provided' if period_ms is None else f'every {period_ms} ms'}")
    print(f"  {len(values['EXAMPLES'])} examples decode as stated ({values['INFO']['proof']})")
    print("  serial number: %s" % ("read" if values.get("SERIAL") else "not told"))
    for caveat in values["INVERSE"]["CAVEATS"]:
        print(f"  note: {caveat}")


def main(arguments=None):
    """Command line. Returns 0 done, 1 a table is not current (--check), 2 a profile is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bms_bridge.compile", description="compile device profiles")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a table is not current")
    parser.add_argument("profile", nargs="*", help="a profile file to check, instead of those that ship")
    options = parser.parse_args(arguments)
    try:
        for path in options.profile:
            _describe(path)
        files = {} if options.profile else _all_texts()
    except (ProfileError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    stale = [path for path, text in files.items() if _read(path) != text]
    for path in stale:
        print(("not current: " if options.check else "wrote ") + os.path.relpath(path), file=sys.stderr)
        if not options.check:
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(files[path])
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
