# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Did the demo go well? Judged from the receiver's database and the plant's truth, never from what the
controller says of itself.
"""

from collections import namedtuple

from edge.core import faults as f
from edge.core.cell import load
from edge.core.registry import key
from host_tools import ledger

# One look at the truth: world time, current at the terminals (mA, + charges), limits held by the PCS (W).
Look = namedtuple("Look", ("at_ms", "current_ma", "charge_w", "discharge_w"))
# One played mishap in world time; wall_s: host clock at its start.
Played = namedtuple("Played", ("name", "start_ms", "end_ms", "wall_s"))
Check = namedtuple("Check", ("name", "good", "text"))

ZERO_MA = 1000
FLOWS_MA = 3000
# The PCS needs 0.3 s to obey; the simulated bus, the VM and the host's scheduling get half a second.
SLACK_MS = 800
NOTICE_S = 6.0
MAX_STD_PPM = 50000
SIGMAS = 3
RECENT_S = 15.0


def judge(looks, write_times, played, truth_soc_ppm, db, settings, wall_end_s, rest_mv=None):
    """List of Check.

    looks: list of Look in time order. write_times: world times (ms) of limit writes at the PCS. played:
    list of Played. truth_soc_ppm: true SoC at the end. db: path of the receiver's database. settings: of
    the live controller. wall_end_s: host clock when the controller was stopped. rest_mv: what the mean cell
    would show at rest at the end, None = not known.
    """
    judges = {"bms_silent": _silent, "broker_killed": _broker, "pcs_ignores": _disobeyed}
    checks = [_flowed(looks, played)]
    for row in played:
        if row.name in judges:
            checks.append(judges[row.name](row, looks, write_times, db, settings))
    checks.append(_complete(db, wall_end_s))
    checks.append(_soc(db, truth_soc_ppm, _new_cell_ppm(settings["packs"][0], rest_mv)))
    return checks


def _flowed(looks, played):
    """Power really flowed before the first mishap that stops it: zero amps from the start prove nothing."""
    stops = [row.start_ms for row in played if row.name in ("bms_silent", "pcs_ignores")]
    until = min(stops) if stops else looks[-1].at_ms
    most = max((abs(look.current_ma) for look in looks if look.at_ms < until), default=0)
    return Check("power flowed", most > FLOWS_MA, "largest true current before it: %.1f A" % (most / 1000))


def _silent(row, looks, _writes, _db, settings):
    """BMS silent: zero amps within the stale time + one control period, and until it came back."""
    pack = settings["packs"][0]
    stale_ms = max(3 * max(p for p in pack["facts"]["periods_ms"] if p), 1000)
    due_ms = row.start_ms + stale_ms + settings["period_ms"] + SLACK_MS
    after = [look for look in looks if row.start_ms <= look.at_ms <= row.end_ms]
    flowing = [look.at_ms for look in after if abs(look.current_ma) > ZERO_MA]
    reached_ms = (flowing[-1] if flowing else row.start_ms) - row.start_ms
    good = bool(after) and after[-1].at_ms >= due_ms and not [at for at in flowing if at > due_ms]
    text = "true current was 0 A %.1f s after (allowed %.1f s)" % (reached_ms / 1000, (due_ms - row.start_ms) / 1000)
    return Check("BMS silent -> zero amps", good, text)


def _broker(row, looks, write_times, _db, settings):
    """Broker killed: the PCS is written to as before and its limits do not fall."""
    during = [at for at in write_times if row.start_ms <= at <= row.end_ms]
    edges = [row.start_ms, *during, row.end_ms]
    gap_ms = max(b - a for a, b in zip(edges, edges[1:]))
    allowed_ms = settings["pcs"]["watchdog_ms"] // 3 + settings["period_ms"] + SLACK_MS
    held = [look for look in looks if row.start_ms <= look.at_ms <= row.end_ms]
    first, last = held[0], held[-1]
    kept = last.charge_w * 10 >= first.charge_w * 9 and last.discharge_w * 10 >= first.discharge_w * 9
    alive = min(max(look.charge_w, look.discharge_w) for look in held) > 0
    text = "longest gap between writes to the PCS %.1f s, limits %s" % (
        gap_ms / 1000,
        "kept" if kept and alive else "fell",
    )
    return Check("broker killed -> control unchanged", gap_ms <= allowed_ms and kept and alive, text)


def _disobeyed(row, looks, _writes, db, _settings):
    """PCS ignores its limit: an event says so in time, and the limits written to it are zero."""
    at_s = _event_s(db, row.wall_s)
    held = [look for look in looks if row.start_ms <= look.at_ms <= row.end_ms + 2000]
    zeroed = any(look.charge_w == 0 and look.discharge_w == 0 for look in held)
    if at_s is None:
        return Check("PCS ignores its limit -> noticed", False, "no event arrived at the receiver")
    good = at_s <= NOTICE_S and zeroed
    return Check(
        "PCS ignores its limit -> noticed",
        good,
        "event %.1f s after, limits then %s" % (at_s, zeroed and "zero" or "not zero"),
    )


def _event_s(db, wall_s):
    """Seconds from wall_s to the first event of disobedience in the database, or None."""
    connection = ledger.open_read_only(db)
    try:
        rows = connection.execute("SELECT wall_ms, body FROM records WHERE cls = 'E' ORDER BY rowid").fetchall()
    finally:
        connection.close()
    for wall_ms, body in rows:
        values = ledger.cbor.decode(body)
        if wall_ms is None or wall_ms < wall_s * 1000 - 1000:
            continue
        raised = values.get(key("event")) == f.E_RAISED
        if raised and values.get(key("fault")) in (f.F_PCS_DISOBEYS, f.F_PCS_IGNORES_ZERO):
            return max(0.0, wall_ms / 1000 - wall_s)
    return None


def _complete(db, wall_end_s):
    """Every sequence number is there, and the last telemetry is recent."""
    try:
        rows = ledger.completeness(db)
        connection = ledger.open_read_only(db)
        newest = connection.execute("SELECT max(received_ms) FROM records").fetchone()[0]
        conflicts = connection.execute("SELECT count(*) FROM conflicts").fetchone()[0]
        connection.close()
    except ledger.sqlite3.Error as error:
        return Check("records complete", False, "the database cannot be read: %s" % error)
    count = sum(row.count for row in rows.values())
    missing = sum(row.missing for row in rows.values())
    recent = newest is not None and wall_end_s - newest / 1000 < RECENT_S
    good = count > 0 and missing == 0 and conflicts == 0 and recent
    text = "%d records, missing %d, conflicts %d" % (count, missing, conflicts)
    return Check("records complete", good, text if recent or not count else text + ", the last is too old")


def _new_cell_ppm(pack, rest_mv):
    """SoC in ppm that the table of the new cell gives for a rest voltage: what an aged cell misleads with."""
    if rest_mv is None:
        return None
    table = load(pack)["ocv_uv"]
    steps = len(table) - 1
    uv = min(max(rest_mv * 1000, table[0]), table[-1])
    above = next(k for k in range(1, steps + 1) if table[k] >= uv)
    low, high = table[above - 1], table[above]
    return round((above - 1 + (uv - low) / max(high - low, 1)) / steps * 1e6)


def _soc(db, truth_ppm, new_cell_ppm):
    """The newest SoC at the receiver against the plant's truth: inside 3 sigma, sigma at most 5 %."""
    connection = ledger.open_read_only(db)
    try:
        rows = connection.execute("SELECT body FROM records WHERE cls = 'T' ORDER BY rowid DESC LIMIT 1").fetchall()
    finally:
        connection.close()
    values = ledger.cbor.decode(rows[0][0]) if rows else {}
    soc, std = values.get(key("soc")), values.get(key("soc_std"))
    if soc is None or std is None:
        return Check("SoC right", False, "no SoC arrived at the receiver")
    good = abs(soc - truth_ppm) <= SIGMAS * std and std <= MAX_STD_PPM
    text = "ours %.1f %% ±%.1f, true %.1f %%" % (soc / 1e4, std / 1e4, truth_ppm / 1e4)
    if new_cell_ppm is not None:
        text += "; a new cell's table at rest: %.1f %%" % (new_cell_ppm / 1e4)
    return Check("SoC right", good, text)
