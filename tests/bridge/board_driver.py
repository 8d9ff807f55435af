# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The board transport inside the MicroPython VM: polls a BMS and commands a PCS on one TCP port, then
prints what it knows as one line of JSON. Arguments: PORT ROUNDS."""

import asyncio
import json
import sys
import time

from bms_bridge.bms import Bms
from bms_bridge.pcs import Pcs
from bms_bridge.poll import line_rules
from bms_bridge.tables import load
from bms_bridge.transports.board_modbus import run_link
from edge.core.records import Command
from edge.core.tx_gate import CONTROL, TxGate


class Clock:
    def now_ms(self):
        return time.ticks_ms()


async def main(port, rounds):
    clock = Clock()
    pack = Bms(load("seplos_v3"), 3, {"id": "pack", "cells": 16, "temps": 4})
    pcs = Pcs(load("sunspec_pcs"), 1, {"id": "pcs", "power_w": 10000, "watchdog_ms": 6000}, clock)
    gate = TxGate("tcp", CONTROL, line_rules([pack, pcs]))
    pcs.gate = gate
    link = {"kind": "tcp", "host": "127.0.0.1", "port": port}
    task = asyncio.create_task(run_link(link, [pack, pcs], clock, gate))
    end_ms = clock.now_ms() + 25000
    decision = 0
    fault = None
    while clock.now_ms() < end_ms:
        decision += 1
        now_ms = clock.now_ms()
        fault = pcs.apply(Command(-1, 80000, 60000, None, 50000, None, None, now_ms + 2000, decision))
        sample = pack.read(now_ms)
        if sample is not None and sample.groups[7].count >= rounds and pcs.writes >= 4 and fault == 0:
            break
        await asyncio.sleep(0.05)
    task.cancel()
    sample = pack.read(0)
    known = pcs.read(0)
    print(json.dumps({
        "cell_mv": sample and sample.cell_mv,
        "current_ma": sample and sample.current_ma,
        "counts": sample and [row.count for row in sample.groups],
        "watchdog_ms": known and known.watchdog_ms,
        "fault": fault,
        "approved": gate.approved,
        "approved_sum": gate.approved_sum,
        "refused": gate.refused,
    }))  # fmt: skip


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
