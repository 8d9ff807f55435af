# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A battery behind an slcan adapter, as a process of its own on a pseudo-terminal. Arguments: PROFILE [fd].

Prints the path of the terminal; ends when its input ends and prints one line of JSON: the sum over the
frames that came (as the gate sums them), how many they were, and how often the adapter was opened.
"""

import json
import os
import pty
import select
import sys
import time
import tty

from bms_bridge.can_encode import Responder, encode_frames
from bms_bridge.can_line import decode_line, encode_line, gate_frame
from bms_bridge.tables import load
from edge.core.tx_gate import approved_sum
from tests.both.test_can_decode import sample_of


class Peer:
    """The adapter and the battery behind it."""

    def __init__(self, name, fd):
        self.table = load(name)
        self.sample = sample_of(self.table)
        self.fd = fd
        self.responder = Responder(self.table, 64 if fd else 8)
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.slave = slave
        self.total = 1
        self.count = self.opened = 0
        self.buffer = b""

    def send(self, frames):
        for can_id, extended, data in frames:
            os.write(self.master, encode_line(can_id, extended, data, self.fd))

    def take(self, line):
        if line == b"O":
            self.opened += 1
        frame = decode_line(line)
        if frame is not None:
            self.total = approved_sum(self.total, gate_frame(*frame))
            self.count += 1
            self.send(self.responder.take(*frame, self.sample))

    def run(self):
        print(os.ttyname(self.slave), flush=True)
        next_s = time.monotonic()
        rounds = 0
        while True:
            ready = select.select([self.master, sys.stdin], [], [], 0.02)[0]
            if sys.stdin in ready:
                break
            if self.master in ready:
                *lines, self.buffer = (self.buffer + os.read(self.master, 4096)).split(b"\r")
                for line in lines:
                    self.take(line)
            if self.opened and time.monotonic() >= next_s:
                next_s = time.monotonic() + 0.1
                self.send(encode_frames(self.table, self.sample))
                rounds += 1
                # noise that no decoder reads; once a byte that makes python-can's reader fail for good
                os.write(self.master, b"t1DB\rnoise\r" if rounds != 2 else b"\xff\r")
        print(json.dumps({"sum": self.total, "count": self.count, "opened": self.opened}), flush=True)


if __name__ == "__main__":
    Peer(sys.argv[1], "fd" in sys.argv[2:]).run()
