# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the tests of the uplink share: the three uplinks as things that offer numbered records for a while."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from edge.shell import gateway_uplink
from tests.uplink import board_driver

ROOT = Path(__file__).resolve().parent.parent.parent
DRIVER = ROOT / "tests" / "uplink" / "board_driver.py"
EPOCH = 0x1122334455667788
ANSWER_MS = 1500
KEEPALIVE_S = 5  # as board_driver says too
PATIENCE_S = 60
BOARD_BYTES = 131072  # room for all records of a test in a heap of 512 KB


class BoardRun:
    """The board uplink in a process of its own, under the VM or under this Python."""

    def __init__(
        self,
        vm,
        port,
        count,
        period_ms=10,
        limit_bytes=BOARD_BYTES,
        answer_ms=ANSWER_MS,
        patience_s=PATIENCE_S,
    ):
        numbers = (port, count, period_ms, patience_s, EPOCH, answer_ms, limit_bytes)
        command = [vm, "-X", "heapsize=512k"] if vm else [sys.executable]
        self.process = subprocess.Popen(
            [*command, str(DRIVER), "127.0.0.1", *map(str, numbers)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "MICROPYPATH": f"{ROOT}:.frozen"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def result(self):
        """Wait for the end; the dict that board_driver printed."""
        try:
            text, _ = self.process.communicate(timeout=PATIENCE_S + 30)
        finally:
            self.process.kill()
        assert self.process.returncode == 0
        return json.loads(text)


class GatewayRun:
    """The paho uplink in this process; a thread plays the control loop."""

    def __init__(self, port, count, period_ms=10, limit_bytes=gateway_uplink.LIMIT_BYTES):
        place = {"host": "127.0.0.1", "port": port, "keepalive_s": KEEPALIVE_S}
        settings = {"org": "demo", "site": "here", "device": "board-1", "uplink": place}
        self.uplink = gateway_uplink.GatewayUplink(settings, EPOCH, 1, gateway_uplink.MonotonicClock(), limit_bytes)
        self.uplink.outbox.resend_ms = ANSWER_MS
        self.count, self.period_s = count, period_ms / 1000
        self.cost_us = []
        self.uplink.start()
        self.thread = threading.Thread(target=self._control, daemon=True)
        self.thread.start()

    def _control(self):
        for number in range(self.count):
            before_us = board_driver.now_us()
            self.uplink.offer(board_driver.record(number))
            self.cost_us.append(board_driver.now_us() - before_us)
            time.sleep(self.period_s)

    def result(self):
        """Wait until everything is acknowledged; a dict like that of board_driver."""
        self.thread.join(PATIENCE_S)
        until(lambda: not self.uplink.backlog)
        self.uplink.stop()
        outbox = self.uplink.outbox
        return {
            "offered": outbox.seq,
            "seq": outbox.seq,
            "backlog": outbox.backlog,
            "lost": outbox.dropped,
            "late_max_us": max(self.cost_us),
            "reconnects": self.uplink.reconnects,
        }


def until(condition, patience_s=PATIENCE_S):
    """Wait until condition() holds; True when it does in time."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False
