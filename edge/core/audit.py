# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The audit: every change of what may flow with its reason, and a black box for every trip.

A limits record is made when the source that binds a direction changes, or a permit has moved by more than 5 % of the
maker's current, or to or from zero, since the last one. It holds all sources. A freeze-frame record holds the
validated samples of the last minute (edge.core.blackbox), and what was permitted before and after the step. Each at
most five times a minute and pack, then they are counted; what only moves (the up-ramp does, all the time) has its own
five and takes none from the rest.
"""

from edge.core import faults as f
from edge.core import limits as lim
from edge.core.registry import KEYS

MOVED_PPM = 50000
PER_MINUTE = 5
MINUTE_MS = 60000


class Audit:
    """The audit of one pack (edge.core.controller.Controller)."""

    def __init__(self, settings, pack):
        self.box = None
        if settings.get("black_box") != "none":
            from edge.core.blackbox import BlackBox

            self.box = BlackBox(settings, pack)
        self._moved_ma = [pack["maker"][key] * MOVED_PPM // lim.PPM for key in ("charge_ma", "discharge_ma")]
        self._told = None  # (charge_ma, why, discharge_ma, why, active faults) of the last limits record
        self._before = None  # the same of the step before, with the mode
        self._suppressed = 0
        self._minute_ms = None
        self._count = [0, 0, 0]  # of this minute: limits records with a new reason, freeze-frames, mere moves

    def step(self, now_ms, pack, sample, events):
        """((class, ((key, value), ...)), ...) of this step. sample: newest of the BMS or None; events: [(event, fault),
        ...] of this pack."""
        if self._minute_ms is None or now_ms - self._minute_ms >= MINUTE_MS:
            self._minute_ms = now_ms
            self._count = [0, 0, 0]
        if self.box is not None:
            self.box.take(now_ms, pack, sample)
        limits = pack.limits
        now = (limits.charge_ma, limits.charge_why, limits.discharge_ma, limits.discharge_why, pack.faults.names())
        made = ()
        cause = self._cause(events)
        if self.box is not None:
            if cause and self._allowed(1):
                self.box.trip(now_ms)
                made += (("X", self._frame(pack, now, cause) + self.box.part()),)
            for part in self.box.following(now_ms):
                made += (("X", ((KEYS["event"], f.E_BOX),) + part),)
        why = self._news(now)
        if why is not None and self._allowed(why):
            made += (("E", self._limits(pack, now)),)
            self._told = now
            self._suppressed = 0
        self._before = (now, pack.mode)
        return made

    def _allowed(self, which):
        if self._count[which] >= PER_MINUTE:
            self._suppressed += 1
            return False
        self._count[which] += 1
        return True

    def _news(self, now):
        """What a reader must hear of `now`: 0 another source or fault, or to or from zero; 2 a move by more than 5 %;
        None nothing."""
        if self._told is None or now[4] != self._told[4]:
            return 0
        return _differs(self._told, now, self._moved_ma)

    def _cause(self, events):
        """The gravest TRIP or LOCK that was raised in this step, or F_NONE."""
        cause = f.F_NONE
        for event, fault in events:
            if event == f.E_RAISED and f.LEVEL[fault] >= max(f.TRIP, f.LEVEL[cause] + (cause > 0)):
                cause = fault
        return cause

    def _limits(self, pack, now):
        before = self._told or (None, None, None, None)
        b = pack.believed
        soc = pack.soc.soc()
        return _change(pack, now, before) + (
            (KEYS["soc"], soc.value),
            (KEYS["soc_std"], soc.std),
            (KEYS["current"], b.current_ma),
            (KEYS["cell_max"], b.cell_max_mv),
            (KEYS["cell_min"], b.cell_min_mv),
            (KEYS["temp_max"], b.temp_max_mc),
            (KEYS["temp_min"], b.temp_min_mc),
            (KEYS["quality"], b.worst),
            (KEYS["age"], b.age_ms),
            (KEYS["event"], f.E_LIMITS),
            (KEYS["charge_document"], document(pack.pack, now[1])),
            (KEYS["discharge_document"], document(pack.pack, now[3])),
            (KEYS["sources"], flat(pack.limits.sources)),
            (KEYS["suppressed"], self._suppressed or None),
        )

    def _frame(self, pack, now, cause):
        before, mode = self._before or ((None, None, None, None), None)
        return _change(pack, now, before) + (
            (KEYS["event"], f.E_FRAME),
            (KEYS["fault"], cause),
            (KEYS["mode_before"], mode),
            (KEYS["age"], pack.believed.age_ms),
            (KEYS["alarms"], pack.believed.alarms),
        )


class Together:
    """The audit of what several packs allow together. packs: their settings."""

    def __init__(self, packs):
        self._moved_ma = [sum([pack["maker"][key] for pack in packs]) * MOVED_PPM // lim.PPM for key in lim.SIDES]
        self._told = None
        self._suppressed = 0
        self._minute_ms = None
        self._count = 0

    def step(self, now_ms, sharing):
        """[(class, ((key, value), ...))] of this step with the pack that binds, empty while nothing changed.

        sharing: edge.core.sharing.Sharing."""
        now = tuple(sharing.limits) + tuple(sharing.binds)
        if self._minute_ms is None or now_ms - self._minute_ms >= MINUTE_MS:
            self._minute_ms = now_ms
            self._count = 0
        before = self._told or (None, None, None, None)
        if self._told is not None and now[4:] == before[4:] and _differs(before, now, self._moved_ma) is None:
            return []
        if self._count >= PER_MINUTE:
            self._suppressed += 1
            return []
        self._count += 1
        self._told = now
        counted, self._suppressed = self._suppressed, 0
        more = (
            (KEYS["event"], f.E_LIMITS),
            (KEYS["charge_pack"], now[4]),
            (KEYS["discharge_pack"], now[5]),
            (KEYS["suppressed"], counted or None),
        )
        return [("E", _moves(now, before) + more)]


def _differs(old, new, moved_ma):
    """0 for another source, or to or from zero; 2 for a move by more than moved_ma; None for nothing to tell."""
    if new[1] != old[1] or new[3] != old[3] or (new[0] == 0) != (old[0] == 0) or (new[2] == 0) != (old[2] == 0):
        return 0
    return 2 if abs(new[0] - old[0]) > moved_ma[0] or abs(new[2] - old[2]) > moved_ma[1] else None


def _change(pack, now, before):
    """Pairs of what both records tell: the permit with its sources now and before, the faults and the mode."""
    return _moves(now, before) + ((KEYS["active"], now[4]), (KEYS["mode"], pack.mode))


def _moves(now, before):
    """Pairs of what may flow with its sources, now and before."""
    return (
        (KEYS["charge_limit"], now[0]),
        (KEYS["charge_why"], now[1]),
        (KEYS["discharge_limit"], now[2]),
        (KEYS["discharge_why"], now[3]),
        (KEYS["charge_before"], before[0]),
        (KEYS["charge_why_before"], before[1]),
        (KEYS["discharge_before"], before[2]),
        (KEYS["discharge_why_before"], before[3]),
    )


def flat(sources):
    """[code, charge_ma or None, discharge_ma or None, code, ...] of Limits.sources."""
    out = []
    for row in sources:
        out.extend(row)
    return out


def document(pack, source):
    """SHA-256 (hex text) of the signed document behind a source; None when there is none."""
    return pack["grade"].get("hash") if source == lim.S_GRADE else None
