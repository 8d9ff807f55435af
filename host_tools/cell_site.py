# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""`cell:` of a pack in site.yaml: a cell file of `reuse-edge fit`, or the name of a built-in cell."""

import json
import os

from edge.core import settings as core

BUILT_IN = ("nmc811", "nmc532", "lfp")


def read(spot, chemistry, base):
    """The cell of a pack as settings want it (dict of integers). spot: its place in site.yaml.

    Raises the spot's error for a name that is not there, a file that is not there or not a cell file, and a
    cell of another chemistry.
    """
    text = spot.text()
    if text in BUILT_IN:
        cell = __import__("edge.core.cell_" + text, fromlist=["CELL"]).CELL
    else:
        cell = _file(spot, text, base)
    if cell.get("chemistry") != chemistry:
        raise spot.wrong(
            "is a cell of %s, the pack is %s" % (cell.get("chemistry"), chemistry), "take the cell file of this type"
        )
    try:
        core.check_cell("cell", cell)
    except core.SettingsError as error:
        raise spot.wrong(str(error).splitlines()[0], "make the file again with reuse-edge fit") from None
    wanted = [row[0] for row in core.CELL_TABLES] + ["version", "name", "chemistry", "half", *core.CELL_NUMBERS]
    return {key: cell[key] for key in wanted if key in cell}


def _file(spot, text, base):
    path = os.path.join(base, os.path.expanduser(text))
    try:
        with open(path, encoding="utf-8") as file:
            cell = json.load(file)
    except FileNotFoundError:
        raise spot.wrong(
            "there is no file %s" % text, "give a file of reuse-edge fit, or one of: %s" % ", ".join(BUILT_IN)
        ) from None
    except (OSError, ValueError) as error:
        raise spot.wrong("%s cannot be read: %s" % (text, error), "make the file again with reuse-edge fit") from None
    if not isinstance(cell, dict):
        raise spot.wrong("%s is not a cell file" % text, "make one with reuse-edge fit")
    return cell
