# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The gate of a line with relays that pull contactors: what TxGate lets out, and coils (function 5) of the whitelist.

A coil is opened at any time. It is closed only while the newest command of its pack, which went through the guard, says
so and has not expired. Imported only when a site has such a module.
"""

from struct import unpack_from

from edge.core.tx_gate import (
    CONTROL,
    LIFE_MAX_MS,
    REFUSED_ADDRESS,
    REFUSED_FRAME,
    REFUSED_MODE,
    REFUSED_VALUE,
    SENT,
    TxGate,
)

# What a coil does.
CLOSE = 0  # the main contactor of a pack
PRECHARGE = 1


class CoilGate(TxGate):
    """kind: "tcp" or "rtu". Its rules also hold writes (unit, 5, address, pack, CLOSE or PRECHARGE)."""

    def __init__(self, kind, mode, rules):
        super().__init__(kind, mode, rules)
        self._commands = {}  # pack -> (decision, until_ms, (contactor, precharge)) of its newest command

    def permit_contactor(self, now_ms, command):
        """Take command of the pack command.target as what its coils may do from now on; True if taken. Refused as by
        permit(): without the next decision number, without an expiry, expired, or living too long."""
        decision, until_ms = command.decision, command.valid_until_ms
        if decision is None or until_ms is None or not now_ms <= until_ms <= now_ms + LIFE_MAX_MS:
            return False
        if command.target in self._commands and decision <= self._commands[command.target][0]:
            return False
        self._commands[command.target] = (decision, until_ms, (command.contactor == 1, command.precharge == 1))
        return True

    def _judge(self, now_ms, frame):
        start = self._pdu_start(frame)
        if start is None or frame[start] != 5:
            return super()._judge(now_ms, frame)
        if self.mode != CONTROL:
            return REFUSED_MODE
        if len(frame) != (12 if self.kind == "tcp" else 8):
            return REFUSED_FRAME
        address, value = unpack_from(">HH", frame, start + 1)
        for rule in self.writes:
            if rule[:3] == (frame[start - 1], 5, address):
                verdict = self._judge_coil(now_ms, value, rule[3], rule[4])
                return self._rate(now_ms, True) if verdict == SENT else verdict
        return REFUSED_ADDRESS

    def _judge_coil(self, now_ms, value, pack, what):
        if value == 0:
            return SENT
        if value != 0xFF00 or pack not in self._commands:
            return REFUSED_VALUE
        _, until_ms, closes = self._commands[pack]
        return SENT if now_ms <= until_ms and closes[what] else REFUSED_VALUE
