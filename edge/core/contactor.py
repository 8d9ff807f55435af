# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The contactor of one pack that is ours: closed by measured voltage, never opened above what it can break.

Pure and without a clock. Closing waits until the state that says so is durable; opening waits for nothing but the
current, and for that no longer than the fuse needs. What its outputs say must be renewed: an actuator opens by itself.
Imported only when a pack has a section "contactor".
"""

OPEN, STORE, PRECHARGE, PAUSE, CLOSED, OPENING, BOOT = range(7)
STATE_NAMES = ("open", "storing", "precharge", "pause", "closed", "opening", "boot")

TRIES = 3
TRY_MS = 2000  # of one precharge, as long as a resistor of the usual size stays cool
PAUSE_MS = 3000  # between two tries: the resistor cools
SETTLED_MA = 500  # a precharge that still carries more has not ended
BOOK = 20  # closings in the life book; older ones are only counted


class Contactor:
    """settings: section "contactor" of a pack. durable: edge.core.durable.Durable. saved: dict of state() or None.

    contactor, precharge: what the outputs have to say (1 closed, 0 open, None left as they are).
    """

    def __init__(self, settings, durable, saved=None):
        self.settings = settings
        self.durable = durable
        saved = saved if isinstance(saved, dict) else {}
        # closed and not stopped in peace: nobody knows what happened to it meanwhile
        self.unexplained = bool(saved.get("closed")) and not saved.get("clean")
        self.failed = bool(saved.get("failed"))
        self.closings = int(saved.get("closings") or 0)
        self.book = [list(row) for row in saved.get("book") or ()][-BOOK:]
        self.state_now = BOOT
        self.contactor = None
        self.precharge = 0
        self.tries = 0
        self.carries = False  # closed before this step, and no contact says otherwise: current may flow
        self._closed = None  # what the auxiliary contact said last
        self._since_ms = None
        self._ticket = None
        self._began_ms = None

    def step(self, now_ms, want, at_once, delta_mv, current_ma, closed):
        """One step. want: the pack may be connected. at_once: open now, whatever flows. delta_mv: voltage of the bus
        less that of the pack; current_ma: the larger of BMS and PCS, a magnitude; closed: the auxiliary contact
        (True, False); None = not known, for each of the three."""
        self._closed = closed
        if self._since_ms is None:
            self._since_ms = now_ms
        waited_ms = now_ms - self._since_ms
        before = self.state_now
        if self.state_now in (BOOT, OPENING):
            self._open_slowly(now_ms, waited_ms, at_once, current_ma, closed)
        elif not want or at_once:
            self._leave(now_ms, at_once, current_ma)
        elif self.state_now == OPEN:
            if not self.failed:
                self.tries = 0
                self._ticket = self.durable.ticket()
                self._to(STORE, now_ms)
        elif self.state_now == STORE:
            if self.durable.kept(self._ticket):
                self._begin(now_ms, delta_mv, current_ma)
        elif self.state_now == PRECHARGE:
            self._charge(now_ms, waited_ms, delta_mv, current_ma)
        elif self.state_now == PAUSE and waited_ms >= PAUSE_MS:
            self._begin(now_ms, delta_mv, current_ma)
        self.carries = before == self.state_now == CLOSED and closed is not False
        self._say()

    def _say(self):
        state = self.state_now
        self.contactor = None if state == BOOT else int(state in (CLOSED, OPENING))
        self.precharge = int(state == PRECHARGE)

    def _to(self, state, now_ms):
        self.state_now = state
        self._since_ms = now_ms

    def _breakable(self, current_ma):
        return current_ma is not None and current_ma <= self.settings["break_ma"]

    def _open_slowly(self, now_ms, waited_ms, at_once, current_ma, closed):
        """Wait until the contactor may open: little current, or as long as the fuse needs, or at once."""
        open_already = self.state_now == BOOT and closed is False
        if at_once or open_already or self._breakable(current_ma) or waited_ms >= self.settings["fuse_ms"]:
            self._to(OPEN, now_ms)

    def _leave(self, now_ms, at_once, current_ma):
        """The pack may not be connected any more."""
        if self.state_now in (PRECHARGE, PAUSE):
            self.failed = True  # a fault during precharge: no second try without a person
        if self.state_now == CLOSED and not at_once and not self._breakable(current_ma):
            self._to(OPENING, now_ms)
        elif self.state_now != OPEN:
            self._to(OPEN, now_ms)

    def _joins(self, delta_mv):
        """True when the voltages are near enough, whichever is higher."""
        return delta_mv is not None and abs(delta_mv) <= self.settings["join_mv"]

    def _begin(self, now_ms, delta_mv, current_ma):
        """Durable, or after a pause: close at once between equal voltages, else precharge."""
        self._began_ms = now_ms
        if self._joins(delta_mv):
            self._close(now_ms, delta_mv, current_ma)
        elif self.settings["precharge"] == "none" or self.tries >= TRIES:
            self.failed = self.settings["precharge"] != "none"
            self._to(OPEN, now_ms)
        else:
            self.tries += 1
            self._to(PRECHARGE, now_ms)

    def _charge(self, now_ms, waited_ms, delta_mv, current_ma):
        if self._joins(delta_mv) and current_ma is not None and current_ma <= SETTLED_MA:
            self._close(now_ms, delta_mv, current_ma)
        elif waited_ms >= TRY_MS:
            self.failed = self.tries >= TRIES
            self._to(OPEN if self.failed else PAUSE, now_ms)

    def _close(self, now_ms, delta_mv, current_ma):
        self._to(CLOSED, now_ms)
        self.closings += 1
        self.book = (self.book + [[delta_mv, current_ma, now_ms - self._began_ms, self.tries]])[-BOOK:]

    def is_away(self):
        """True when the pack is off the bus, as far as we know: we say open, and no contact says that it is closed. A
        pack whose contactor has welded stays on the bus, and what it allows (nothing) binds the others."""
        return self._says_open() and self._closed is not True

    def _says_open(self):
        return self.state_now in (OPEN, STORE, PAUSE, PRECHARGE)

    def is_welded(self, closed):
        """True when the auxiliary contact (True, False, None unknown) says closed and we say open."""
        return self._says_open() and closed is True

    def does_not_close(self, closed):
        """True when we say closed and the auxiliary contact says open."""
        return self.state_now == CLOSED and closed is False

    def acknowledge(self):
        """A person looked at it."""
        self.failed = False
        self.unexplained = False

    def state(self, clean=False):
        """What must survive. clean: the controller stops in peace and opens it."""
        return {
            "closed": int(self.state_now not in (OPEN, BOOT) or (self.state_now == BOOT and self.unexplained)),
            "clean": int(clean),
            "failed": int(self.failed),
            "closings": self.closings,
            "book": self.book,
        }
