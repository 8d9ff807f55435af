# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Profiles of digital modules (host only): kind inputs or outputs, a few bits at one place. docs/PROFILES.md."""

from bms_bridge.compile_examples import PROOFS
from bms_bridge.compile_layout import parse_unit
from bms_bridge.digital import bits_of
from bms_bridge.modbus import data_size

KINDS = ("inputs", "outputs")
_REQUIRED = ("name", "kind", "title", "source", "licence", "numbered_from", "points", "examples")
WATCHDOG_PERIOD_MS = 5000  # what somebody set once


def compile_digital(top):
    """{attribute: value} of a digital module's table, with EXAMPLES. top: Spot of the file. Raises ProfileError."""
    kind = top.value["kind"].word(KINDS)
    cells = top.table(_REQUIRED, ("line", "caveats") + (("watchdog",) if kind == "outputs" else ()))
    name = cells["name"].text()
    if not name.replace("_", "a").isalnum() or not name.islower() or not name.isascii():
        raise cells["name"].wrong(f"{name!r} is not a profile name", "small letters, digits and _")
    blocks = [_points(cells["points"], kind)]
    watch = _watchdog(cells["watchdog"], blocks) if "watchdog" in cells else ()
    if kind == "outputs" and not watch:
        raise top.wrong("outputs without a watchdog stay as they are when this controller dies", "add watchdog: ...")
    table = {
        "NAME": name,
        "KIND": kind,
        "INFO": _info(cells),
        "FIRST": cells["numbered_from"].integer(0, 1),
        "POINTS": blocks[0][2],
        "BLOCKS": tuple(blocks),
        "SIZES": tuple(data_size(row[0], row[2]) for row in blocks),
        "FIELDS": (None,) * len(blocks),
        "ARRAYS": ((),) * len(blocks),
        "PERIODS_MS": (blocks[0][3],),
        "WATCH": watch,
    }
    table["EXAMPLES"] = _examples(cells["examples"], blocks[0])
    return table


def _info(cells):
    sources = [item.text() for item in cells["source"].items()]
    if not sources:
        raise cells["source"].wrong("no source", "say where the map comes from, with a link")
    info = {"title": cells["title"].text(), "source": " | ".join(sources), "licence": cells["licence"].text()}
    for caveat in cells["caveats"].items() if "caveats" in cells else ():
        caveat.text()
    if "line" in cells:
        line = cells["line"].table(("kind",), ("baud", "parity"))
        info["line"] = line["kind"].word(("tcp", "rtu"))
        if "baud" in line:
            info["baud"] = line["baud"].integer(300, 1000000)
    return info


def _points(spot, kind):
    """(function, address, count, period, 1) of the bits themselves."""
    cells = spot.table(("function", "address", "count", "period_ms"))
    function = cells["function"].integer(1, 4 if kind == "inputs" else 1)
    return (*_place(cells, function), cells["period_ms"].integer(50, 1000), 1)


def _place(cells, function):
    count = cells["count"].integer(1, 64) if "count" in cells else 1
    return function, cells["address"].integer(0, 65535 - count), count


def _watchdog(spot, blocks):
    """((block, what), ...): what a step in ms, or the value that all its bits must have. Appends to blocks."""
    cells = spot.table(("time", "set", "safe"))
    found = []
    time = cells["time"].table(("function", "address", "unit"))
    places = [(time, time["function"].integer(3, 4), ("time", int(parse_unit(time["unit"], "ms"))))]
    for item, value in [(cells["set"], 1)] + [(item, 0) for item in cells["safe"].items()]:
        row = item.table(("function", "address"), ("count",))
        places.append((row, row["function"].integer(1, 2), ("bits", value)))
    for row, function, what in places:
        found.append((len(blocks), *what))
        blocks.append((*_place(row, function), WATCHDOG_PERIOD_MS, 2))
    return tuple(found)


def _examples(spot, points):
    rows = []
    for item in spot.items():
        cells = item.table(("proof", "origin", "data", "expect"))
        cells["origin"].text()
        data = bytes.fromhex("".join(str(cells["data"].value).split()))
        if len(data) != data_size(points[0], points[2]):
            raise cells["data"].wrong(f"{len(data)} bytes", f"the points have {data_size(points[0], points[2])}")
        expected = tuple(value.integer(0, 1) for value in cells["expect"].items())
        found = tuple(int(bit) for bit in bits_of(points[0], data, points[2]))
        if found != expected:
            raise item.wrong(f"decodes to {found}, the example says {expected}", "correct one of them")
        rows.append((cells["proof"].word(PROOFS), 0, data, expected))
    if not rows:
        raise spot.wrong("no example", "add bytes of the module with the bits they mean")
    return rows
