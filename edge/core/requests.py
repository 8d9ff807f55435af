# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Who wants what power, what of it may flow, and what does: the product does not optimise, it passes requests on.

A request lives until its time and never longer; of several living ones the newest counts. It is clipped to the permit
of each step. Without one the PCS's own logic runs inside the limits. Imported only by a site that is asked.
"""

from edge.core.faults import E_REQUEST
from edge.core.records import Record
from edge.core.registry import KEYS

SOURCES = ("none", "order", "server", "local")
S_NONE, S_ORDER, S_SERVER, S_LOCAL = range(len(SOURCES))
MAX_W = 5000000
LIFE_MAX_MS = 86400000
T_MS = 10000
EVENT_MS = 12000  # events at most this often: five per minute; what changed between is in the next one


class Requests:
    """The power requests of one site.

    now: (requested_w, permitted_w, obeyed_w, source, valid_until_ms) of the newest step, None without a request;
    + charges; obeyed_w: what the PCS measures, None when it does not.
    """

    def __init__(self):
        self.now = None
        self._asked = None
        self._told = None
        self._told_ms = None
        self._event_ms = None

    def ask(self, now_ms, power_w, valid_until_ms, source):
        """Take a request for power_w (+ charges) until valid_until_ms; None withdraws the one of that source. False,
        and nothing changes: beyond every bound, already over, or from nobody."""
        if source not in (S_ORDER, S_SERVER, S_LOCAL):
            return False
        if power_w is None:
            if self._asked is not None and self._asked[2] == source:
                self._asked = None
            return True
        if not -MAX_W <= power_w <= MAX_W or not now_ms < valid_until_ms <= now_ms + LIFE_MAX_MS:
            return False
        self._asked = (power_w, valid_until_ms, source)
        return True

    def step(self, now_ms, utc, command, pcs):
        """Clip the living request to command (the site's, of this step); the records about it. pcs: PcsSample of a PCS
        that answers, else None."""
        if self._asked is not None and now_ms >= self._asked[1]:
            self._asked = None
        if self._asked is None:
            self.now = None
        else:
            power_w, until_ms, source = self._asked
            self.now = (power_w, clip(power_w, command), None if pcs is None else pcs.dc_w, source, until_ms)
        return self._records(now_ms, utc)

    def _records(self, now_ms, utc):
        said = None if self.now is None else (self.now[0], self.now[1], self.now[3])
        changed = said != self._told and (self._event_ms is None or now_ms - self._event_ms >= EVENT_MS)
        due = self.now is not None and (self._told_ms is None or now_ms - self._told_ms >= T_MS)
        records = []
        if changed:
            self._told = said
            self._event_ms = now_ms
            records.append(self._record("E", now_ms, utc))
        if due:
            self._told_ms = now_ms
            records.append(self._record("T", now_ms, utc))
        return records

    def _record(self, cls, now_ms, utc):
        now = self.now or (None, None, None, S_NONE)
        values = [
            (KEYS["request_power"], now[0]),
            (KEYS["request_permitted"], now[1]),
            (KEYS["request_obeyed"], now[2]),
            (KEYS["request_source"], now[3]),
        ]
        if cls == "E":
            values.append((KEYS["event"], E_REQUEST))
        pairs = tuple(sorted([row for row in values if row[1] is not None]))
        return Record(cls, -1, now_ms, None if utc[0] is None else utc[0] * 1000, utc[1], pairs)


def clip(power_w, command):
    """power_w (+ charges) inside what command allows, rounded toward zero; 0 without a known battery voltage."""
    if command.pack_mv is None:
        return 0
    if power_w >= 0:
        return min(power_w, command.charge_ma * command.pack_mv // 1000000)
    return -min(-power_w, command.discharge_ma * command.pack_mv // 1000000)
