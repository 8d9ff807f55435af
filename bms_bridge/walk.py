# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Search for SunSpec models: "SunS" at one of the bases, then block after block of ID and length.

table.MODELS is (bases, reach, rows): no address at or behind base + reach is ever asked. A row, one per
block of the table: (model ids, offset in the model, ((register, value), ...), registers per string). A
model counts when its registers hold the values; the value 0 stands for the number of the string.
"""

from struct import unpack_from

from bms_bridge.modbus import EXCEPTION

MARK = (0x5375, 0x6E53)  # "SunS"
END = 0xFFFF
MODELS_MOST = 100
RETRY_MS = 10000  # after a search that found nothing, and between two searches
MISSING_MS = 60000  # after a search that did not find everything


class Walk:
    """One search, and the next when the models have moved. string: which string of a bank, from 1.

    done: True when found; then addresses and counts (registers, 0: not there) hold for the blocks of table.
    """

    def __init__(self, table, string):
        self._bases, self._reach, self._rows = table.MODELS
        self._sizes = [row[2] for row in table.BLOCKS]
        self._string = string
        self._until_ms = None
        self.done = False
        self._begin()

    def _begin(self):
        self._base = 0
        self._address = None  # of the model to look at; None: of the mark
        self._deep = 0  # registers of this model that decide, 0: the header only
        self._models = 0
        self.addresses = [row[1] for row in self._rows]
        self.counts = [0] * len(self._rows)
        self._found = [False] * len(self._rows)

    def due_ms(self, now_ms):
        """When the next request of the search is due."""
        return now_ms if self._until_ms is None else self._until_ms

    def wants(self):
        """(address, count) of the registers to read next."""
        if self._address is None:
            return self._bases[self._base], 2
        return self._address, self._deep or 2

    def take(self, now_ms, data):
        """Enter the registers that were asked for."""
        words = unpack_from(">%dH" % (len(data) // 2), data, 0)
        if self._address is None:
            if words == MARK:
                self._address = self._bases[self._base] + 2
            else:
                self._next_base(now_ms)
            return
        model, length = words[:2]
        self._models += 1
        after = self._address + 2 + length
        if model == END or not length or self._models > MODELS_MOST:
            self._finish(now_ms)
            return
        deep = self._decides(model)
        if deep > max(self._deep, 2):  # more than was read, also when the model is another than a moment ago
            self._deep = deep
            self._models -= 1
            return
        self._assign(model, length, words)
        self._deep = 0
        self._address = after
        if after + 2 > min(self._bases[self._base] + self._reach, 65536) or False not in self._found:
            self._finish(now_ms)

    def failed(self, now_ms, reason):
        """The registers did not come (reason: a code of bms_bridge.modbus). True when the device should be
        left alone for a while; False when the search goes on at once."""
        if reason < EXCEPTION:
            return True
        if self._address is None:
            self._next_base(now_ms)
        else:
            self._finish(now_ms)  # a chain without an end
        return False

    def watch(self, now_ms):
        """Search anew now and then as long as something was not found."""
        if self.done and False in self._found and now_ms >= self._until_ms - RETRY_MS + MISSING_MS:
            self.again(now_ms)

    def again(self, now_ms):
        """Search anew, at most every RETRY_MS."""
        if now_ms >= self._until_ms:
            self.done = False
            self._begin()

    def _next_base(self, now_ms):
        self._base += 1
        if self._base == len(self._bases):
            self._until_ms = now_ms + RETRY_MS
            self._begin()

    def _decides(self, model):
        """How many registers of this model must be seen to tell whose it is, 0 when its number says all."""
        most = 0
        for place, (models, _, where, _) in enumerate(self._rows):
            if model in models and not self._found[place]:
                for register, _ in where:
                    most = max(most, register + 1)
        return most

    def _assign(self, model, length, words):
        for place, (models, offset, where, stride) in enumerate(self._rows):
            if model not in models or self._found[place]:
                continue
            if [1 for register, value in where if words[register] != (value or self._string)]:
                continue
            offset += stride * (self._string - 1)
            self._found[place] = True
            self.addresses[place] = self._address + offset
            self.counts[place] = max(0, min(self._sizes[place], length + 2 - offset))

    def _finish(self, now_ms):
        self._until_ms = now_ms + RETRY_MS
        if True in self._found:
            self.done = True
        else:
            self._begin()
