# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The status of a running controller as one dict, for the live view; and the port that serves it.

Read-only: a connection gets one line of JSON and is closed. Nothing that arrives is looked at.
"""

import asyncio

from edge.core import faults as f
from edge.core.advice import ADVICE
from edge.core.anomalies import KINDS, TEXTS
from edge.core.limits import SOURCES
from edge.core.power import CHARGE, DISCHARGE
from edge.core.records import QUALITY
from edge.core.report import VERSION_TEXT
from edge.core.soc import WHY
from edge.shell.store import pieces


def status(guarded, clock, uplink):
    """Status dict of a running controller, or None before its first step.

    guarded: edge.shell.control.Guarded. uplink: Uplink port or None. Values may be None = not known.
    """
    site = guarded.site
    if site is None:
        return None
    now_ms = clock.now_ms()
    utc_s, quality = clock.utc_s()
    settings = site.settings
    line = {
        "v": 1,
        "device": settings["device"],
        "site": settings["site"],
        "now_ms": now_ms,
        "up_ms": now_ms - site.started_ms,
        "utc_s": utc_s,
        "clkq": quality,
        "mode": settings["mode"],
        "state": f.MODE_NAMES[max([pack.mode for pack in site.packs])],
        "version": VERSION_TEXT,
        "software": settings.get("software"),
        "runtime": guarded.runtime,
        "late_ms": site.late_ms,
        "late_max_ms": site.late_max_ms,
        "packs": [_pack(pack, site, now_ms) for pack in site.packs],
        "pcs": _pcs(site, now_ms),
        "request": _request(site, now_ms),
        "meter": _meter(site, now_ms),
        "faults": _faults(site, now_ms),
        "last": [_event(entry, now_ms) for entry in site.reporter.recent[-5:]],
        "link": _link(uplink, now_ms),
        "live": _live(getattr(uplink, "live", None)),
    }
    if guarded.details is not None:
        line["details"] = guarded.details(site, now_ms)
    return line


def _pack(pack, site, now_ms):
    b = pack.believed
    e = pack.estimates()
    grade = pack.pack["grade"]
    limits = pack.limits
    capacity_at = e.capacity_mah.at_ms
    power_w = None
    if b.pack_mv is not None and b.current_ma is not None:
        power_w = b.pack_mv * b.current_ma // 1000000
    return {
        "id": pack.pack["id"],
        "profile": pack.pack["profile"],
        "cells": pack.pack["cells"],
        "identity": _identity(pack),
        "grade": grade["grade"],
        "body": grade["body"],
        "date": grade["date"],
        "age_ms": b.age_ms,
        "quality": QUALITY[b.worst],
        "frozen_at_rest": "observable" if pack.validator.watched else "not observable",
        "soc_ppm": e.soc.value,
        "soc_std_ppm": e.soc.std,
        "soc_why": WHY[e.soc.why],
        "bms_soc_ppm": b.bms_soc_ppm,
        "bms_soh_ppm": b.bms_soh_ppm,
        "weakest": _cell(e.weakest),
        "strongest": _cell(e.strongest),
        "capacity_mah": e.capacity_mah.value,
        "capacity_std_mah": e.capacity_mah.std,
        "capacity_age_ms": None if capacity_at is None else now_ms - capacity_at,
        "rated_mah": pack.pack["capacity_mah"],
        "bias_ma": e.bias_ma.value,
        "bias_std_ma": e.bias_ma.std,
        "pack_mv": b.pack_mv,
        "current_ma": b.current_ma,
        "power_w": power_w,
        "cell_min_mv": b.cell_min_mv,
        "cell_max_mv": b.cell_max_mv,
        "temp_min_mc": b.temp_min_mc,
        "temp_max_mc": b.temp_max_mc,
        "cell_mv": b.cell_mv,
        "resistance_uohm": e.resistance_uohm.value,
        "resistance_std_uohm": e.resistance_uohm.std,
        "advice": ADVICE[pack.estimator.advice] if pack.estimator.advice else None,
        "currents_ma": _currents(pack.estimator.power),
        "second": _second(pack.estimator),
        "anomalies": [_anomaly(each) for each in pack.estimator.anomalies()],
        "leak": None if e.leak is None else [e.leak[0], e.leak[1].value, e.leak[1].std],
        "charge_ma": limits.charge_ma,
        "charge_why": _why(pack, limits.charge_why, f.CHARGE),
        "discharge_ma": limits.discharge_ma,
        "discharge_why": _why(pack, limits.discharge_why, f.DISCHARGE),
        "sources": [[SOURCES[code], charge, discharge] for code, charge, discharge in limits.sources],
    }


def _identity(pack):
    """[what is proved of it, number that the BMS tells or None, number that it should tell or None]."""
    known = pack.identity
    if known is None:
        return ["unproved", None, pack.pack.get("bms_serial") or pack.pack.get("serial")]
    from edge.core.identity import PROOFS

    return [PROOFS[known.proof()], known.told, known.given or known.first]


def _currents(limits):
    """[[charge for 10 s, 5 min, 1 h], [discharge ...]] in mA, or None."""
    return None if limits is None else [[limit[0] for limit in limits[side]] for side in (CHARGE, DISCHARGE)]


def _second(estimator):
    """Second opinions, [value, sigma] each: capacity by the BMS's counting, gain of the current sensor by the meter."""
    capacity, gain = estimator.second_capacity(), estimator.gain
    return {"capacity_mah": [capacity.value, capacity.std], "gain_ppm": [gain.value, gain.std]}


def _anomaly(each):
    return [KINDS[each.kind], each.where, each.value, each.std, TEXTS[each.text]]


def _cell(pair):
    return None if pair is None else [pair[0], pair[1].value]


def _why(pack, source, side):
    """Name of the binding source; for a fault, the fault's own name."""
    fault = pack.faults.blocking(side)
    return f.NAMES[fault] if SOURCES[source] in ("fault", "input") and fault else SOURCES[source]


def _pcs(site, now_ms):
    pcs = site.pcs
    if pcs is None:
        return None
    active = [pack.faults.active for pack in site.packs]
    disobeys = any([a[f.F_PCS_DISOBEYS] or a[f.F_PCS_IGNORES_ZERO] for a in active])
    return {
        "dc_mv": pcs.dc_mv,
        "dc_ma": pcs.dc_ma,
        "dc_w": pcs.dc_w,
        "state": pcs.state,
        "charge_w": pcs.charge_w,
        "discharge_w": pcs.discharge_w,
        "watchdog_ms": pcs.watchdog_ms,
        "age_ms": None if pcs.at_ms is None else now_ms - pcs.at_ms,
        "obeys": None if site.settings["mode"] != "control" else not disobeys,
    }


def _request(site, now_ms):
    """The request for power in force: W, + charges; None: nobody asks."""
    if site.requests is None or site.requests.now is None:
        return None
    from edge.core.requests import SOURCES

    asked_w, permitted_w, obeyed_w, source, until_ms = site.requests.now
    return {
        "asked_w": asked_w,
        "permitted_w": permitted_w,
        "obeyed_w": obeyed_w,
        "by": SOURCES[source],
        "left_ms": max(0, until_ms - now_ms),
    }


def _meter(site, now_ms):
    registers = site.packs[0].metering.registers()
    meter = site.meter
    result = {"bms_in_wh": registers[2] // 1000, "bms_out_wh": registers[3] // 1000}
    result["in_wh"] = meter.in_wh if meter else None
    result["out_wh"] = meter.out_wh if meter else None
    result["age_ms"] = now_ms - meter.at_ms if meter and meter.at_ms is not None else None
    return result


def _faults(site, now_ms):
    found = []
    for pack in site.packs:
        for fault in pack.faults.names():
            raised_ms = pack.faults.raised_ms[fault]
            found.append([f.NAMES[fault], None if raised_ms is None else now_ms - raised_ms])
    return found


def _event(entry, now_ms):
    at_ms, _, event, fault, detail = entry
    text = f.EVENTS[event]
    if event == f.E_MODE:
        text = "-> " + f.MODE_NAMES[fault]
    elif event in (f.E_RAISED, f.E_CLEARED):
        text = f.NAMES[fault] + (" raised" if event == f.E_RAISED else " cleared")
    if detail is not None:
        text += " (age %d.%d s)" % (detail // 1000, detail % 1000 // 100)
    return {"ago_ms": now_ms - at_ms, "text": text}


def _link(uplink, now_ms):
    if uplink is None:
        return None
    ack_ms = uplink.last_ack_ms
    return {
        "connected": uplink.connected,
        "log": getattr(uplink, "log", None),
        "refused": getattr(uplink, "refused", None),
        "backlog": uplink.backlog,
        "last_ack_ms_ago": None if ack_ms is None else now_ms - ack_ms,
        "seq": uplink.seq,
        "lost": uplink.lost,
    }


def _live(lane):
    """The Sparkplug live lane (edge.shell.sparkplug_link.SparkplugLink), None when the site has none."""
    if lane is None:
        return None
    return {"log": lane.log, "sessions": lane.sessions, "born": lane.node.born, "ignored": lane.node.ignored}


def status_line(guarded, clock, uplink):
    """The status as one line of JSON in pieces (text), "{}" before the first step; a generator.

    The whole line would need 3 KB in one piece, which a board that has run for a while does not have.
    """
    yield from pieces(status(guarded, clock, uplink) or {})
    yield "\n"


async def serve(guarded, clock, uplink, port):
    """Start the status server on 127.0.0.1:port (not 0); returns the server object."""

    async def answer(reader, writer):
        try:
            for text in status_line(guarded, clock, uplink):
                writer.write(text.encode())
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port)
