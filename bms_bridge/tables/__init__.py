# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Compiled profiles: one module per device, data only (tuples, integers, strings), written by
bms_bridge.compile from profiles/*.yaml. Never edit a table by hand. A module whose name starts with _
belongs to bms_bridge.encode.
"""


def load(name):
    """The table called name, a module.

    Raises ImportError when name is not a plain word or no such table is installed.
    """
    for char in name:
        if not ("a" <= char <= "z" or "0" <= char <= "9" or char == "_"):
            raise ImportError("not a profile name: %s" % name)
    return __import__("bms_bridge.tables." + name, None, None, (name,))
