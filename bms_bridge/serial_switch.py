# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A serial BMS whose switches we may lock: the step "BMS permission off" of an open sequence (LIMITS 3.8).

It locks both switches when it is told so and repeats that; it releases them only when it locked them itself
and is told that the pack may carry current again. The gate lets a release out only inside a live permit.
"""

from bms_bridge.serial_bms import Question, SerialBms
from edge.core.records import Sample
from edge.core.tx_gate import CONTROL

OFF, ON = -1, -2  # index of the questions that switch
SAY_MS = 10000  # a lock is repeated this often: somebody's app may have released it
RETRY_MS = 500

_ALARMS = 14  # place of alarms in a Sample


class SwitchedBms(SerialBms):
    """See SerialBms. gate: TxGate of its line, set by the start-up file; without one, or below CONTROL, nothing
    is switched.

    locked: None (nothing was ever acknowledged), True or False.
    """

    def __init__(self, table, unit, settings):
        SerialBms.__init__(self, table, unit, settings)
        command, off, on, self._lock_alarms = table.SWITCH
        self._switches = {
            OFF: Question(unit, table.FRAMING, command, 1, off, OFF, table.GAP_MS),
            ON: Question(unit, table.FRAMING, command, 1, on, ON, table.GAP_MS),
        }
        self.gate = None
        self.locked = None
        self._want = None
        self._next_ms = None

    def lock(self, now_ms):
        """The pack must not carry current: lock both switches now, and keep them locked."""
        if self._want != OFF:
            self._want = OFF
            self._next_ms = now_ms

    def release(self, now_ms, command):
        """The pack may carry current again, inside command (edge.core.records.Command), which is the gate's permit
        from now on. Nothing happens unless we locked it."""
        if self.gate is not None:
            self.gate.permit(now_ms, command)
        if self._want == OFF:
            self._want = ON if self.locked is not False else None
            self._next_ms = now_ms

    def read(self, now_ms):
        """The newest record. The alarm that our own lock raises is no alarm while we hold it."""
        sample = SerialBms.read(self, now_ms)
        if sample is None or not self.locked or not sample.alarms or not sample.alarms & self._lock_alarms:
            return sample
        values = list(sample)
        values[_ALARMS] = sample.alarms & ~self._lock_alarms
        return Sample(*values)

    def due_ms(self, now_ms):
        """When the next question is due; a switch goes before any of them."""
        due_ms = SerialBms.due_ms(self, now_ms)
        return min(due_ms, self._next_ms) if self._switches_now(now_ms) else due_ms

    def next_request(self, now_ms):
        """The Question that is due now, or None: what switches first."""
        if self._switches_now(now_ms):
            return self._switches[self._want]
        return SerialBms.next_request(self, now_ms)

    def reply(self, now_ms, request, data):
        """Take the payload data (bytes)."""
        if request.index >= 0:
            return SerialBms.reply(self, now_ms, request, data)
        self.locked = request.index == OFF
        self._next_ms = now_ms + SAY_MS
        if self._want == ON and request.index == ON:
            self._want = None
        return True

    def failed(self, now_ms, request, reason):
        """request was not answered; reason: a code of bms_bridge.modbus."""
        if request.index >= 0:
            SerialBms.failed(self, now_ms, request, reason)
            return
        self.last_failure = reason
        self._next_ms = now_ms + RETRY_MS

    def gate_rules(self):
        """What the gate may let out: questions, the lock, and the release inside a permit; byte for byte."""
        questions, _ = SerialBms.gate_rules(self)
        return questions, ((self._switches[OFF].data, False), (self._switches[ON].data, True))

    def _switches_now(self, now_ms):
        if self._want is None or self.gate is None or self.gate.mode != CONTROL:
            return False
        return now_ms >= self._next_ms
