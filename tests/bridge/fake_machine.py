# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Stands for the module `machine` of a board with machine.CAN, for tests on both runtimes.

CAN does what the documentation of machine.CAN in MicroPython 1.28 says (docs.micropython.org, library/machine.CAN;
repository docs/library/machine.CAN.rst), and refuses what it does not say: nothing is received before set_filters,
three places in each direction, send gives None when its queue is full or holds an equal identifier, OSError off the
bus, a handler has to call flags() until it gives 0. No such controller was at hand; bit times, error counters and
hard interrupts are not part of it.
"""

PLACES = 3
HEARD = []  # CAN objects in the order in which they were made


class _Irq:
    def __init__(self, can):
        self._can = can

    def flags(self):
        """The triggers that have come since the last call."""
        flags, self._can._pending = self._can._pending, 0
        return flags


class CAN:
    """machine.CAN(id, bitrate)."""

    FILTERS_MAX = 14
    TX_QUEUE_LEN = PLACES
    MODE_NORMAL, MODE_SLEEP, MODE_LOOPBACK, MODE_SILENT, MODE_SILENT_LOOPBACK = range(5)
    STATE_STOPPED, STATE_ACTIVE, STATE_WARNING, STATE_PASSIVE, STATE_BUS_OFF = range(5)
    FLAG_RTR, FLAG_EXT_ID, FLAG_UNORDERED = 1, 2, 4
    RECV_ERR_FULL, RECV_ERR_OVERRUN = 1, 2
    IRQ_TX, IRQ_RX, IRQ_STATE = 1, 2, 4

    def __init__(self, id, bitrate, mode=MODE_NORMAL, sample_point=75, sjw=1, tseg1=None, tseg2=None):
        if id not in (1, 2):
            raise ValueError("CAN(%d) doesn't exist" % id)
        self.id = id
        self._irq = _Irq(self)
        self.init(bitrate, mode, sample_point, sjw, tseg1, tseg2)
        HEARD.append(self)

    def init(self, bitrate, mode=MODE_NORMAL, sample_point=75, sjw=1, tseg1=None, tseg2=None):
        self.bitrate = bitrate
        self.filters = ()
        self._state = self.STATE_ACTIVE
        self._in, self.out = [], []
        self._errors = self._pending = self._trigger = 0
        self._handler = None

    def deinit(self):
        self._state = self.STATE_STOPPED
        self._in, self.out, self._handler = [], [], None

    def set_filters(self, filters):
        if filters is not None:
            filters = list(filters)
            if len(filters) > self.FILTERS_MAX:
                raise ValueError("too many filters")
            for can_id, mask, flags in filters:
                most = 0x1FFFFFFF if flags & self.FLAG_EXT_ID else 0x7FF
                if not (0 <= can_id <= most and 0 <= mask <= most):
                    raise ValueError("invalid id")
        self.filters = filters

    def send(self, id, data, flags=0):
        if self._state in (self.STATE_BUS_OFF, self.STATE_STOPPED):
            raise OSError(19)
        if not 0 <= id <= (0x1FFFFFFF if flags & self.FLAG_EXT_ID else 0x7FF) or len(data) > 8:
            raise ValueError("invalid id")
        if len(self.out) >= PLACES or (not flags & self.FLAG_UNORDERED and [1 for row in self.out if row[0] == id]):
            return None
        self.out.append((id, bool(flags & self.FLAG_EXT_ID), bytes(data)))
        return len(self.out) - 1

    def recv(self, arg=None):
        if not self._in:
            return None
        can_id, flags, data = self._in.pop(0)
        errors, self._errors = self._errors, 0
        return [can_id, memoryview(data), flags, errors]

    def irq(self, handler=None, trigger=0, hard=False):
        if handler is not None:
            self._handler, self._trigger = handler, trigger
        return self._irq

    def state(self):
        return self._state

    def restart(self):
        self._state, self.out = self.STATE_ACTIVE, []

    # ---- the bus, for the test -------------------------------------------------------------------

    def hear(self, can_id, extended, data, remote=False):
        """A frame passes on the bus; True when it was let through."""
        flags = (self.FLAG_EXT_ID if extended else 0) | (self.FLAG_RTR if remote else 0)
        if self._state in (self.STATE_BUS_OFF, self.STATE_STOPPED) or not self._accepts(can_id, extended):
            return False
        if len(self._in) >= PLACES:
            self._errors |= self.RECV_ERR_OVERRUN
        else:
            self._in.append((can_id, flags, bytearray(data)))
        self._pending |= self.IRQ_RX
        if self._handler is not None and self._trigger & self.IRQ_RX:
            self._handler(self)
            if self._pending:
                raise RuntimeError("the handler did not call flags() until 0")
        return True

    def _accepts(self, can_id, extended):
        if self.filters is None:
            return True
        for want, mask, flags in self.filters:
            if extended == bool(flags & self.FLAG_EXT_ID) and can_id & mask == want & mask:
                return True
        return False

    def take(self):
        """The frames that leave now, lowest identifier first: [(can_id, extended, data), ...]."""
        out, self.out = self.out, []
        return sorted(out)

    def leave(self):
        """Too many errors: the controller is off the bus."""
        self._state = self.STATE_BUS_OFF
