# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The board's line for serial protocols inside the MicroPython VM, over a pseudo-terminal instead of
machine.UART. Arguments: PROFILE PATH UNIT CELLS TEMPS ROUNDS. Prints one line of JSON."""

import asyncio
import json
import sys

from bms_bridge.serial_bms import SerialBms
from bms_bridge.tables import load
from bms_bridge.transports.board_serial import run_link
from edge.core.tx_gate import READ, TxGate
from tests.bridge.rtu_port import Clock, Port


async def main(profile, path, unit, cells, temps, rounds):
    clock = Clock()
    pack = SerialBms(load(profile), unit, {"id": "pack", "cells": cells, "temps": temps})
    gate = TxGate("serial", READ, pack.gate_rules())
    link = {"kind": "serial", "path": path, "uart": 1, "baud": 115200, "parity": "N"}
    task = asyncio.create_task(
        run_link(link, [pack], clock, gate, lambda settings: asyncio.StreamReader(Port(settings["path"])))
    )
    provided = [group for group in range(8) if pack.table.PERIODS_MS[group] is not None]
    end_ms = clock.now_ms() + 25000
    while clock.now_ms() < end_ms:
        sample = pack.read(0)
        if sample is not None and min([sample.groups[group].count for group in provided]) >= rounds:
            break
        await asyncio.sleep(0.02)
    task.cancel()
    sample = pack.read(0)
    print(json.dumps({
        "values": sample and list(sample)[1:15],
        "approved_sum": gate.approved_sum,
        "refused": gate.refused,
    }))  # fmt: skip


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])))
