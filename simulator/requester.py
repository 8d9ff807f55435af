# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A plain energy manager beside the controller: it asks for what self-consumption wants, again and again.

It knows nothing of the battery's limits: the controller clips what it asks for.
"""

import socket
from struct import pack, unpack

from bms_bridge.modbus import tcp_frame, tcp_parse, write_pdu
from edge.core.requests import S_LOCAL

EVERY_MS = 10000
LIFE_MS = 30000


class SelfConsumption:
    """world: simulator.world.World whose PV and load it serves. asked: requests so far."""

    def __init__(self, world):
        self.world = world
        self.asked = 0
        self._due_ms = None

    def step(self, site):
        """Ask site (edge.core.site.Site) when it is time; call it before each step."""
        now_ms = self.world.now_ms
        if self._due_ms is not None and now_ms < self._due_ms:
            return
        self._due_ms = now_ms + EVERY_MS
        self.asked += 1
        site.request(now_ms, round(self.world.request_w), now_ms + LIFE_MS, S_LOCAL)


class SunSpecManager:
    """The same as a program of its own that knows only the site's SunSpec server: it finds model 704 and sets active
    power there. world: whose PV and load it serves. asked, refused: answers so far. Raises OSError."""

    BASE = 40000

    def __init__(self, world, host, port):
        self.world = world
        self.asked = 0
        self.refused = 0
        self._due_ms = None
        self._wire = socket.create_connection((host, port), timeout=10)
        self._power_at = self._find()

    def close(self):
        """Let the server go."""
        self._wire.close()

    def step(self):
        """Ask when it is time; call it before each step of the site."""
        now_ms = self.world.now_ms
        if self._due_ms is not None and now_ms < self._due_ms:
            return
        self._due_ms = now_ms + EVERY_MS
        self._write(31, pack(">I", LIFE_MS // 1000))  # WSetRvrtTms
        self._write(22, pack(">HHi", 1, 1, -round(self.world.request_w)))  # WSetEna, WSetMod: watts, WSet

    def _write(self, offset, data):
        good = self._ask(write_pdu(self._power_at + offset, data))[0] == 16
        self.asked += good
        self.refused += not good

    def _find(self):
        """Address of model 704."""
        at = self.BASE + 2
        while True:
            model, size = unpack(">HH", self._ask(pack(">BHH", 3, at, 2))[2:])
            if model == 704:
                return at
            if model == 0xFFFF:
                raise OSError("no model 704 there")
            at += 2 + size

    def _ask(self, pdu):
        self._wire.sendall(tcp_frame(1, 1, pdu))
        answer = b""
        while (found := tcp_parse(answer)) is None:
            chunk = self._wire.recv(1024)
            if not chunk:
                raise OSError("the server let go")
            answer += chunk
        return found[2]
