# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Compiled profiles of digital modules (inputs, relays): data only, written by bms_bridge.compile from
profiles/modules/*.yaml. Never edit one by hand.
"""


def load(name):
    """The table called name, a module.

    Raises ImportError when name is not a plain word or no such table is installed.
    """
    for char in name:
        if not ("a" <= char <= "z" or "0" <= char <= "9" or char == "_"):
            raise ImportError("not a profile name: %s" % name)
    return __import__("bms_bridge.modules." + name, None, None, (name,))
