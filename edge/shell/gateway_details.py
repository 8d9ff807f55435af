# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a gateway's status holds beyond a board's: the values as the devices told them, before anybody judged them.

For commissioning (docs/COMMISSION.md): a wrong sign or a dead sensor must show, not vanish. A board has no room for it.
"""

from edge.core.contactor import STATE_NAMES


def details(site, devices, now_ms):
    """Dict of raw values; devices: Device ports in the order of the loop. None is not known."""
    settings = site.settings
    packs = [_pack(site.packs[i], devices[i].read(now_ms)) for i in range(len(site.packs))]
    rest = list(devices[len(packs) + 1 :])
    meter = rest.pop(0).read(now_ms) if settings.get("meter") else None
    inputs = rest.pop(0).read(now_ms) if settings.get("inputs") else None
    return {
        "settings": settings.get("hash"),
        "packs": packs,
        "meter_w": meter.power_w if meter else None,
        "inputs": _inputs(inputs, now_ms),
    }


def _pack(pack, sample):
    row = {"pack_mv": None, "current_ma": None, "cell_mv": None, "temp_mc": None, "contactor": None}
    if sample is not None:
        row.update(pack_mv=sample.pack_mv, current_ma=sample.current_ma)
        row.update(cell_mv=list(sample.cell_mv), temp_mc=list(sample.temp_mc))
    if pack.contactor is not None:
        own = pack.contactor
        row["contactor"] = {"state": STATE_NAMES[own.state_now], "tries": own.tries, "closings": own.closings}
    return row


def _inputs(inputs, now_ms):
    if inputs is None:
        return None
    row = {name: getattr(inputs, name) for name in ("estop", "smoke", "insulation", "door")}
    closed = inputs.contactor
    row["contactor"] = list(closed) if isinstance(closed, tuple) else closed
    row["age_ms"] = None if inputs.at_ms is None else now_ms - inputs.at_ms
    return row
