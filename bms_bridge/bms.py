# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""One polled device that is only read: a BMS or an energy meter. The Device port, and the questions."""

from bms_bridge.decode import Assembler
from bms_bridge.reader import Reader


class Bms:
    """Device port over a profile table. table: from bms_bridge.tables.load. unit: Modbus unit id.
    settings: the device's settings dict: "id" for texts; of a pack also "cells" and "temps", which may
    be fewer than the profile has places for.

    A transport asks next_request, sends it, and reports reply or failed; read gives the newest record.
    """

    def __init__(self, table, unit, settings):
        self.table = table
        self.unit = unit
        self.name = settings["id"]
        cells = settings.get("cells", table.CELLS)
        temps = settings.get("temps", table.TEMPS)
        if cells < table.CELLS or temps < table.TEMPS:
            from bms_bridge.narrow import Narrow  # only where the profile has more places

            table = Narrow(table, cells, temps)
        if getattr(table, "SCALES", ()):
            from bms_bridge.scale import Scaled

            table = Scaled(table)
        self._state = Assembler(table)
        self.reader = Reader(table, unit, self._state, settings)
        self.plan = self.reader.plan
        self.serial = self.reader.serial  # bms_bridge.text.Serial, None when the profile reads none
        self.due_ms = self.reader.due_ms
        self.next_request = self.reader.next_request
        self.reply = self.reader.reply
        self.failed = self.reader.failed

    @property
    def last_failure(self):
        """Why the newest exchange failed (a code of bms_bridge.modbus), 0 when it did not."""
        return self.reader.last_failure

    def read(self, now_ms):
        """The newest record (Sample or MeterSample), None before the first answer. Never blocks.
        Its groups say how old it is; nothing happens to it when the device falls silent."""
        return self._state.record()

    def gate_rules(self):
        """What the gate may let out for this device: (reads, writes) as TxGate wants them."""
        return self.reader.rules(), ()
