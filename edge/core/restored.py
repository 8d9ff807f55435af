# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a pack's controller finds of its saved state: another pack, another version or a damaged part starts afresh, and
says so where a lock may be forgotten."""

from edge.core import faults as f
from edge.core.estimator import DAMAGED
from edge.core.faults import Faults
from edge.core.metering import FIELDS

STATE_VERSION = 1


def usable(pack, state):
    """state when it belongs to this pack and version, else None."""
    if not isinstance(state, dict) or state.get("version") != STATE_VERSION:
        return None
    same = [pack["id"], pack.get("serial"), pack["cells"], pack["chemistry"]]
    saved = state.get("pack")
    return state if isinstance(saved, (list, tuple)) and list(saved) == same else None


def own_state(pack, states):
    """(state of this pack in the list states, or None; True when one is there that cannot be used: another version, or
    the pack is described in another way, or named in another way under the same serial number. Its locks would be
    forgotten)."""
    lost = False
    for state in states:
        if usable(pack, state) is not None:
            return state, False
        said = state.get("pack") if isinstance(state, dict) else None
        if isinstance(said, (list, tuple)) and len(said) > 1:
            named = said[0] == pack["id"] and None in (said[1], pack.get("serial"))
            lost = lost or named or (said[1] is not None and said[1] == pack.get("serial"))
    return None, lost


def part(make, state, name):
    """make(state[name]), or None when there is none or it is damaged."""
    if state is None:
        return None
    try:
        return make(state[name])
    except DAMAGED:
        return None


def metering_state(saved):
    """The totals of the metering as saved. Raises ValueError when they cannot be."""
    totals = [int(value) for value in saved]
    if len(totals) != len(FIELDS) or min(totals) < 0:
        raise ValueError(totals)
    return totals


def faults_of(state, durable):
    """Faults as saved. A damaged part of this pack's own state hides locks and spent restarts: then the
    budget counts as used, and it is a trip: the pack locks when that ends."""
    if state is None:
        return Faults(None, durable)
    try:
        return Faults(state["faults"], durable) if state.get("faults") else _spent(durable)
    except DAMAGED:
        return _spent(durable)


def _spent(durable):
    restored = Faults(None, durable)
    restored.restarts = [0] * f.RESTARTS
    restored.active[f.F_STATE_LOST] = True
    return restored
