# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One device on a serial line that is not Modbus: the same Device port as bms_bridge.bms.Bms."""

from collections import namedtuple

from bms_bridge.decode import Assembler
from bms_bridge.modbus import BAD_REPLY, EXCEPTION
from bms_bridge.poll import BACKOFF_MAX_MS, BACKOFF_MIN_MS, GONE_MS, RARE_MOST_MS
from bms_bridge.serial_frames import parse_reply, request_frame, unfold

# One question. data: its bytes, whole. command, frames: what parse_reply needs. index: block of the table.
# gap_ms: silence before it.
Question = namedtuple("Question", ("unit", "framing", "command", "frames", "data", "index", "gap_ms"))

_SHARED = (
    "NAME KIND BLOCKS ANSWERS SIZES FIELDS SHAPES ENUMS BITS FIXED DERIVED SLOTS GROUPS_OF BLOCKS_OF SLOTS_OF RATED"
).split()


class Fitted:
    """A serial table as it looks to a pack with so many cells and temperature sensors, counted from the
    first place. A device that states other numbers has its list declared implausible as a whole."""

    def __init__(self, table, cells, temps):
        for name in _SHARED:
            setattr(self, name, getattr(table, name))
        lengths = {7: cells, 8: temps}
        self.LISTS = tuple([(slot, min(length, lengths[slot])) for slot, length in table.LISTS])
        self.ARRAYS = tuple([self._arrays(rows, table.SHAPES[i], lengths) for i, rows in enumerate(table.ARRAYS)])
        self.CHECKS = tuple([_check(row, lengths) for row in table.FIXED])

    def _arrays(self, rows, shapes, lengths):
        fitted = []
        for row, shape in zip(rows, shapes):
            slot, code, places = shape
            form = code[0]
            width = {"B": 1, "H": 2, "I": 4}[code[1].upper()]
            end = 0
            for at in places[: lengths[slot]]:
                if at > end:
                    form += "%dx" % (at - end)
                form += code[1]
                end = at + width
            fitted.append((row[0], form) + row[2:])
        return tuple(fitted)


def _check(row, lengths):
    if row is None:
        return None
    form, places = row
    expected = [
        value if kind == 0 else (1 << lengths[kind - 100]) - 1 if kind > 100 else lengths[kind]
        for kind, value, _ in places
    ]
    return form, tuple(expected), tuple([place[2] for place in places])


class Turns:
    """When each question of a device is due: one per period, the one that has waited longest first. A
    device that falls silent is asked less and less often; one that refuses a question loses only that."""

    def __init__(self, periods, rare=None):
        self._periods = periods
        self._rare = rare  # the question for a text
        self._silent_ms = None
        self._due_ms = [None] * len(periods)
        self._waits_ms = [0] * len(periods)
        self._pause_ms = 0
        self._until_ms = None
        self.failures = 0

    def due_ms(self, now_ms):
        """When the next question is due, monotonic ms; may lie in the past."""
        dues = [now_ms if due is None else due for due in self._due_ms]
        if self._rare is not None:  # a text has not waited, or other devices of the line would wait for it
            due = dues[self._rare]
            dues[self._rare] = max(due, min(now_ms, due + self._periods[self._rare]))
        soonest = min(dues)
        return soonest if self._until_ms is None else max(soonest, self._until_ms)

    def next_index(self, now_ms):
        """The question to ask now, None when none is due."""
        if self.due_ms(now_ms) > now_ms:
            return None
        # a question that was never asked waits from now on, so that a busy line starves none
        self._due_ms = [now_ms if due is None else due for due in self._due_ms]
        found = self._due_ms.index(min(self._due_ms))
        if found == self._rare:  # whatever else is due goes first, for at most a period
            others = [due for index, due in enumerate(self._due_ms) if index != found]
            if min(others) <= now_ms < self._due_ms[found] + self._periods[found]:
                found = self._due_ms.index(min(others))
        return found

    def answered(self, now_ms, index):
        """Question index was answered: its next turn is one period after its last, without catching up."""
        if self._silent_ms is not None and now_ms - self._silent_ms >= GONE_MS and self._rare is not None:
            self._due_ms[self._rare] = now_ms
        self._silent_ms = None
        self._until_ms = None
        self._pause_ms = 0
        self._waits_ms[index] = 0
        self.failures = 0
        self._again(now_ms, index)

    def failed(self, now_ms, index, reason):
        """Question index was not answered (reason: a code of bms_bridge.modbus)."""
        if index == self._rare:  # no text: the device is not held back for it
            self._waits_ms[index] = min(max(2 * self._waits_ms[index], self._periods[index]), RARE_MOST_MS)
            self._due_ms[index] = now_ms + self._waits_ms[index]
            return
        self.failures += 1
        if reason >= EXCEPTION or reason == BAD_REPLY:  # the device lives: only this question waits
            self._until_ms = None
            self._pause_ms = 0
            self._again(now_ms, index)
            return
        if self._silent_ms is None:
            self._silent_ms = now_ms
        # a question that this device ignores gets rarer by itself and starves none of the others
        self._waits_ms[index] = min(max(2 * self._waits_ms[index], self._periods[index]), BACKOFF_MAX_MS)
        self._due_ms[index] = now_ms + self._waits_ms[index]
        self._pause_ms = min(max(2 * self._pause_ms, BACKOFF_MIN_MS), BACKOFF_MAX_MS)
        self._until_ms = now_ms + self._pause_ms

    def soon(self, now_ms, ms):
        """The text is asked for again in ms; 0: in its period."""
        self._waits_ms[self._rare] = 0
        self._due_ms[self._rare] = now_ms + (ms or self._periods[self._rare])

    def _again(self, now_ms, index):
        period_ms = self._periods[index]
        due = self._due_ms[index]
        due = (now_ms if due is None else due) + period_ms
        self._due_ms[index] = due if due > now_ms else now_ms + period_ms


class SerialBms:
    """Device port over a serial table (bms_bridge.tables, BUS "serial"). unit: address, where the
    protocol has one. settings: of the device: "id" for texts; of a pack also "cells" and "temps", which
    must be what the device has.

    A transport asks next_request, sends its data, and reports reply or failed; read gives the newest
    record. reply takes the payload of the answer, as reply_payload gives it.
    """

    def __init__(self, table, unit, settings):
        self.table = table
        self.unit = unit
        self.name = settings["id"]
        row = getattr(table, "SERIAL", None)
        self.plan = Turns([block[3] for block in table.BLOCKS], None if row is None else row[0])
        self.last_failure = 0
        cells = settings.get("cells", table.CELLS)
        self._state = Assembler(Fitted(table, cells, settings.get("temps", table.TEMPS)))
        self.serial = None
        if row is not None:
            from bms_bridge.text import Serial  # only where a profile has one

            self.serial = Serial(row, self._state.slots)
        self._questions = [_question(table, unit, index) for index in range(len(table.BLOCKS))]

    def read(self, now_ms):
        """The newest record (Sample or MeterSample), None before the first answer. Never blocks."""
        return self._state.record()

    def due_ms(self, now_ms):
        """When the next question is due, monotonic ms."""
        return self.plan.due_ms(now_ms)

    def next_request(self, now_ms):
        """The Question that is due now, or None."""
        index = self.plan.next_index(now_ms)
        return None if index is None else self._questions[index]

    def reply(self, now_ms, request, data):
        """Take the payload data (bytes). False (and counted as a failure) when it does not have the form
        that the profile declares."""
        whole = unfold(self.table.ANSWERS[request.index], data)
        if whole is None or not self._state.take(now_ms, request.index, whole):
            self.failed(now_ms, request, BAD_REPLY)
            return False
        self.last_failure = 0
        self.plan.answered(now_ms, request.index)
        if self.serial is not None and request.index == self.serial.index:
            self.plan.soon(now_ms, self.serial.take())
        return True

    def failed(self, now_ms, request, reason):
        """request was not answered; reason: a code of bms_bridge.modbus."""
        self.last_failure = reason
        self.plan.failed(now_ms, request.index, reason)

    def gate_rules(self):
        """What the gate may let out for this device: its questions, byte for byte."""
        return tuple([question.data for question in self._questions]), ()


def _question(table, unit, index):
    command, body, frames, _, _ = table.BLOCKS[index]
    body = bytes((unit,)) if body is None else body
    data = request_frame(table.FRAMING, unit, command, body)
    return Question(unit, table.FRAMING, command, frames, data, index, table.GAP_MS)


def reply_payload(request, buffer):
    """The answer to request (Question) in buffer: None while there is none, else (payload, 0) or
    (None, reason) as bms_bridge.modbus numbers reasons."""
    found = parse_reply(request.framing, buffer, request.unit, request.command, request.frames)
    if found is None:
        return None
    payload, code, _ = found
    return (None, EXCEPTION + code) if code else (payload, 0)
