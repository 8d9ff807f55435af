# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The board's CAN line inside the MicroPython VM, over a pseudo-terminal instead of machine.UART.
Arguments: PATH PROFILE. Prints one line of JSON."""

import asyncio
import json
import sys

from bms_bridge.can import CanBms
from bms_bridge.tables import load
from bms_bridge.transports.board_can import run_link
from edge.core.tx_gate import READ, TxGate
from tests.bridge.rtu_port import Clock, Port, ended


async def main(path, profile):
    clock = Clock()
    pack = CanBms(load(profile), {"id": "pack"})
    pack.sending = False
    gate = TxGate("can", READ, pack.gate_rules())
    link = {"kind": "can", "path": path, "uart": 1, "baud": 115200, "bitrate": 500000}
    task = asyncio.create_task(
        run_link(link, [pack], clock, gate, lambda settings: asyncio.StreamReader(Port(settings["path"])))
    )
    end_ms = clock.now_ms() + 25000
    while clock.now_ms() < end_ms:
        sample = pack.read(0)
        if sample is not None and min([row.count for row in sample.groups]) >= 1:
            break
        await asyncio.sleep(0.05)
    await ended(task)
    sample = pack.read(0)
    print(json.dumps({
        "cell_mv": sample and sample.cell_mv,
        "current_ma": sample and sample.current_ma,
        "approved_sum": gate.approved_sum,
        "approved": gate.approved,
        "refused": gate.refused,
    }))  # fmt: skip


asyncio.run(main(sys.argv[1], sys.argv[2]))
