# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Units as people write them in site.yaml, and as the controller counts them."""

from decimal import Decimal

# unit at the end of a settings key: (unit at the end of the site.yaml key, factor, how people write it)
UNITS = {
    "ma": ("a", 1000, "A"),
    "mv": ("v", 1000, "V"),
    "mc": ("c", 1000, "°C"),
    "mah": ("ah", 1000, "Ah"),
    "uohm": ("mohm", 1000, "mΩ"),
    "ms": ("s", 1000, "s"),
    "s": ("s", 1, "s"),
    "w": ("w", 1, "W"),
    "wh": ("wh", 1, "Wh"),
}


def unit_of(key):
    """(site.yaml unit, factor, how people write it) of a settings key."""
    return UNITS.get(key.rpartition("_")[2], ("", 1, ""))


def human_key(key):
    """charge_ma -> charge_a: the key of site.yaml for a settings key."""
    stem, _, last = key.rpartition("_")
    return "%s_%s" % (stem, UNITS[last][0]) if last in UNITS else key


def human(key, value):
    """150000 of charge_ma -> '150 A'."""
    _, factor, sign = unit_of(key)
    number = Decimal(value) / factor
    text = format(number.normalize(), "f") if number else "0"
    return ("%s %s" % (text, sign)).strip()
