# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One simulated BMS on a serial line that is not Modbus: exact questions in, answers out. Pure.

The same use as simulator.wire.Wire; simulator.wire_serve.SerialServer carries either.
"""

from bms_bridge.compile_texts import say_serial
from bms_bridge.encode import encode_all
from bms_bridge.serial_bms import SerialBms
from bms_bridge.serial_encode import answer_frame
from simulator.wire import Troubles

_LONGEST = 64  # no question is longer


class SerialWire(Troubles):
    """table: one with BUS "serial". sample: a function that gives the Sample to say. requests: whole
    questions so far."""

    def __init__(self, table, unit, sample, seed=1):
        super().__init__("serial", seed)
        self.table = table
        self.requests = 0
        self.serial = None  # what it says its number is; None: that of its profile's example
        self._unit = unit
        self._sample = sample
        self._frozen = None
        self._held = b""
        now = sample()
        twin = SerialBms(table, unit, {"id": "twin", "cells": len(now.cell_mv), "temps": len(now.temp_mc)})
        self._questions = {bytes(question): index for index, question in enumerate(twin.gate_rules()[0])}
        self.closed = True  # its switches carry current
        self._switch = getattr(table, "SWITCH", None)
        if self._switch is not None:
            self._questions.update({self._switch[1]: -1, self._switch[2]: -2})

    def stop(self, name):
        """Switch mishap `name` off; a frozen page thaws, an answer held back is gone."""
        super().stop(name)
        if name in ("page_frozen", "frozen_at_rest"):
            self._frozen = None
        if name == "late":
            self._held = b""

    def split(self, buffer):
        """(whole question, rest of buffer), or (None, rest) when more bytes are needed."""
        places = [(buffer.find(question), question) for question in self._questions]
        found = sorted((at, question) for at, question in places if at >= 0)
        if not found:
            return None, buffer[-_LONGEST:]
        at, question = found[0]
        return question, buffer[at + len(question) :]

    def exchange(self, question):
        """What the line carries back for one question: a list of byte strings, maybe empty."""
        self.requests += 1
        back = [question] if "echo" in self.active else []
        if "dead_unit" in self.active:  # there is one unit on such a line
            return back
        index = self._questions[question]
        if index < 0:
            self.closed = index == -2
            reply = bytes((0xDD, self._switch[0], 0, 0, 0, 0, 0x77))
        else:
            data = say_serial(self.table, index, encode_all(self.table, self._page())[index], self.serial)
            reply = answer_frame(self.table, index, self._unit, data)
        if self.strikes("crc_bad"):
            place = self.random.randrange(len(reply))
            reply = reply[:place] + bytes((reply[place] ^ 1 << self.random.randrange(8),)) + reply[place + 1 :]
        if "late" in self.active:
            reply, self._held = self._held, reply
        if not reply or self.strikes("lost"):
            return back
        return [*back, reply]

    def _page(self):
        """What the device says, or said when its page froze."""
        sample = self._sample()
        if not self.closed:
            sample = sample._replace(current_ma=0, alarms=(sample.alarms or 0) | self._switch[3])
        rest = self.active.get("frozen_at_rest")
        resting = rest is not None and sample.current_ma is not None and abs(sample.current_ma) < rest["ma"]
        if self._frozen is None and ("page_frozen" in self.active or resting):
            self._frozen = sample
        return self._frozen or sample
