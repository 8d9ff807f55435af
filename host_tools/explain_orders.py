# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The orders behind a moment, out of the records that tell what became of them: in force in the step that tells so,
while the next record of the limits may come ten seconds later when what may flow is the same."""

from collections import namedtuple

from edge.core import faults as f
from edge.core import limits as lim
from edge.core import terms
from edge.core.orders import V_DONE, V_WAITS

ACTIONS = {"contract": (terms.LEASE,), "engineer": (terms.NARROW,), "order": (terms.MODE, terms.STOP)}

# behind: {source: newest order in force behind it, or None}; a release is behind nothing. late: sources whose order
# came into force after the record with the limits. release: an order that lifted a stop after that record, or None.
Orders = namedtuple("Orders", ("behind", "late", "release"))


def orders_of(before, pack, base):
    """The Orders of a pack. before: entries up to the moment, oldest first; base: the one with the limits, or None."""
    rows = [e for e in before if e.pack in (pack, -1) and e.body.get("event") == f.E_ORDER]
    waited = {_name(e) for e in rows if e.body.get("order_verdict") == V_WAITS}
    done = [e for e in rows if e.body.get("order_verdict") == V_DONE]
    behind, late, release = {}, set(), None
    for source, actions in ACTIONS.items():
        taken = [e for e in done if e.body.get("order_action") in actions]
        # what stops or only observes acts at once, what lifts it waits until it is durable
        lifts = [e for e in taken if source == "order" and _name(e) in waited]
        holds = [e for e in taken if e not in lifts]
        behind[source] = holds[-1] if holds else None
        if holds and _is_late(holds[-1], base):
            late.add(source)
        if lifts and lifts[-1] is taken[-1] and _is_late(lifts[-1], base):
            late.discard(source)
            release = lifts[-1]
    return Orders(behind, late, release)


def obeyed(base, orders):
    """base with the zero of a stop that came after it: nothing may flow from the step that took it."""
    if base is None or "order" not in orders.late:
        return base
    body = dict(base.body)
    flat = list(body["sources"])
    for at in range(0, len(flat), 3):
        if flat[at] == lim.S_ORDER:
            flat[at + 1 : at + 3] = [0, 0]
    body["sources"] = flat
    for side in ("charge", "discharge"):
        if body[side + "_limit"]:
            body[side + "_limit"], body[side + "_why"] = 0, lim.S_ORDER
    return base._replace(body=body)


def _name(entry):
    return entry.body.get("order_key"), entry.body.get("order_counter")


def _is_late(order, base):
    if base is None:
        return False
    return (order.boot, order.epoch, order.mono_ms) > (base.boot, base.epoch, base.mono_ms)
