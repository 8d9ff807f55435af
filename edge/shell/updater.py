# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Lets an update over the air (edge/shell/update.py) work beside the control; imported only where keys are trusted."""

from edge.core import orders as o
from edge.core import terms as t
from edge.shell.control import Restart
from edge.shell.update import ASK, READY, SLICE, WRITE, Update

ASK_MS = 5000  # an answer that is not there is asked for again
BUSY_MS = 100  # of writing after one step
PATIENCE_MS = 6 * 3600000  # without a byte for so long: given up


class Updater:
    """Lets an Update work beside the control: a piece of computing at a time, writing only when flush() permits it.

    root, settings, sync: as Update. clock: Clock port. offer(record): takes what is to be told upstream. told() and
    flush() are called after each step; flush() raises Restart after the switch.
    """

    def __init__(self, root, settings, sync, clock, offer):
        self.update = Update(root, settings, sync)
        self._settings = settings
        self._clock = clock
        self._offer = offer
        self._work = self.update.resumed()
        self._state = SLICE
        self._asked_ms = clock.now_ms()
        self._heard_ms = clock.now_ms()
        self._idle = False

    def told(self, site, outcome):
        """Take the orders of a step, and what it lets flow."""
        if site.orders is not None:
            site.orders.updates = True
            if site.orders.update is not None:
                params, told = site.orders.update
                site.orders.update = None
                try:
                    self._work, self._state = self.update.begin(params, told), SLICE
                except OSError as error:
                    self._tell(o.V_ROOM, told[:5] + (str(error),))
                self._heard_ms = self._clock.now_ms()
        self._idle = permits(self._settings, outcome.commands)

    def flush(self):
        """The moment in which writing disturbs nobody."""
        end_ms = self._clock.now_ms() + BUSY_MS
        while self._work is not None and not self._waits():
            self._next()
            if self._clock.now_ms() >= end_ms:
                break
        if self.update.switched:
            raise Restart("an update starts on trial")

    def _waits(self):
        """True while bytes, or the site, are waited for."""
        return (self._state == READY and not self._idle) or (self._state == ASK and self.update.lacks())

    def compute(self):
        """A slice of the work, if there is any to be done now; True when there will be more at once."""
        now_ms = self._clock.now_ms()
        if self._work is None or self._state in (WRITE, READY):
            return False
        if self._waits():
            if now_ms - self._heard_ms > PATIENCE_MS:
                self._work = None
                self.update.give_up()
                self._say()
            return False
        self._heard_ms = now_ms
        self._next()
        return self._state == SLICE

    def _next(self):
        try:
            self._state = next(self._work)
        except StopIteration:
            self._work = None
        self._say()

    def _say(self):
        if self.update.verdict is not None:
            (verdict, told), self.update.verdict = self.update.verdict, None
            self._tell(verdict, told)

    def _tell(self, verdict, told):
        self._offer(t.record(self._clock.now_ms(), self._clock.utc_s(), verdict, tuple(told), 0))

    def put(self, payload):
        """A message of .../upd."""
        if self.update.put(payload):
            self._heard_ms = self._clock.now_ms()

    def take(self):
        """The request to publish now, or None; what did not come for ASK_MS is asked for again."""
        now_ms = self._clock.now_ms()
        wanted = self.update.request(now_ms - max(self._asked_ms, self._heard_ms) >= ASK_MS)
        if wanted:
            self._asked_ms = now_ms
        return wanted


def permits(settings, commands):
    """True when the site may restart now: settings["update_when"], over the commands of a step (PCS first)."""
    when = settings.get("update_when")
    if when == "any" or settings["mode"] != "control":
        return True
    zero = commands[0].charge_ma == 0 and commands[0].discharge_ma == 0
    if when == "zero" or len(commands) < 2:
        return zero
    return zero and not [command for command in commands[1:] if command.contactor]
