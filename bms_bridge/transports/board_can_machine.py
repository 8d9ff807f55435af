# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""CAN on a board whose MicroPython has machine.CAN (1.28: the stm32 port). A port for board_can.serve.

Written from the documentation of machine.CAN in MicroPython 1.28 (docs.micropython.org, library/machine.CAN);
never run on hardware. The class has no CAN FD. Boards without it use an slcan adapter on a UART.
"""

import asyncio

from bms_bridge.can_decode import EXTENDED
from bms_bridge.can_line import split_frame

RECEIVED = 128  # frames kept for a slow loop; newer ones are dropped and counted
WAITING = 16  # frames kept for a controller whose transmit queue is full
POLL_MS = 2


class MachinePort:
    """One controller. link: "controller" (its number) and "bitrate". keys: what the devices listen to (CanBms.wanted),
    for the controller's filters; when they are too many for it, everything is let through.

    lost: frames dropped by a full queue, ours or the controller's (at least).
    """

    def __init__(self, link, keys=()):
        self.is_open = False
        self.lost = 0
        self._link = link
        self._keys = keys
        self._can = None
        self._busy = False
        self._received = []
        self._waiting = []

    async def open(self):
        """Start the controller; True when it runs."""
        self._busy = False
        try:
            import machine

            controller = machine.CAN  # type: ignore[attr-defined]  # not on every port, nor in its stubs
            self._can = controller(self._link["controller"], self._link["bitrate"])
            self._can.irq(self._came, controller.IRQ_RX)
            self._listen()
        except (ImportError, AttributeError, OSError, ValueError):
            await self.close()
            return False
        self._received = []
        self._waiting = []
        self.is_open = True
        return True

    def _listen(self):
        """Set the filters; nothing is received before."""
        can = self._can
        if 0 < len(self._keys) <= can.FILTERS_MAX:
            rows = []
            for key in self._keys:
                extended = key >= EXTENDED
                mask = 0x1FFFFFFF if extended else 0x7FF
                rows.append((key & 0x1FFFFFFF, mask, can.FLAG_EXT_ID if extended else 0))
            try:
                can.set_filters(rows)
                return
            except ValueError:  # the controller counts in another way
                pass
        can.set_filters(None)

    async def close(self):
        """Stop the controller; what waits is dropped."""
        self.is_open = False
        can, self._can = self._can, None
        self._waiting = []
        if can is not None:
            can.deinit()

    def send(self, frame):
        """Queue one gate frame; only the gate calls this. Raises OSError when nothing gets out any more."""
        if len(self._waiting) >= WAITING:
            raise OSError("the bus takes nothing")
        self._waiting.append(frame)
        self._flush()

    def _flush(self):
        """Hand over what waits, in order, as far as the controller takes it."""
        can = self._can
        while self._waiting:
            can_id, extended, data = split_frame(self._waiting[0])
            if can.send(can_id, data, can.FLAG_EXT_ID if extended else 0) is None:
                return
            self._waiting.pop(0)

    def _came(self, can):
        """Interrupt handler (soft): take the frames out before the controller's few places are full."""
        while can.irq().flags():
            pass
        if can is self._can:
            self._drain()

    def _drain(self):
        """Fetch what the controller holds. The interrupt does not come between: what it would fetch stays for the
        next call, so that frames keep their order."""
        if self._busy:
            return
        self._busy = True
        can = self._can
        while True:
            message = can.recv()
            if message is None:
                break
            can_id, data, flags, errors = message
            if errors & can.RECV_ERR_OVERRUN:
                self.lost += 1
            if flags & can.FLAG_RTR:
                continue
            if len(self._received) >= RECEIVED:
                self.lost += 1
            else:
                self._received.append((can_id, bool(flags & can.FLAG_EXT_ID), bytes(data)))
        self._busy = False

    async def receive(self, wait_ms):
        """Frames that have come, waiting at most wait_ms for the first: [(can_id, extended, data), ...]. Raises
        OSError when the controller has left the bus."""
        await asyncio.sleep(0)
        while True:
            if self._can.state() in (self._can.STATE_BUS_OFF, self._can.STATE_STOPPED):
                raise OSError("off the bus")
            self._flush()
            self._drain()
            if self._received or wait_ms <= 0:
                break
            await asyncio.sleep(POLL_MS / 1000)
            wait_ms -= POLL_MS
        frames, self._received = self._received, []
        return frames
