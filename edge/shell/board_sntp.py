# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The wall clock of a board from an NTP server (SNTP, RFC 4330), without waiting for it.

Nobody signs what such a server says. So it never sets the clock back below the floor (what was signed or journalled
last), never by more than a day from what is known, and its quality stays below that of a signed time. Imported only
when the settings name a server.
"""

import asyncio
import os
import socket
from struct import unpack_from

PORT = 123
ASK_S = 3600
RETRY_S = 60
WAIT_MS = 2000
LOOK_MS = 50
MOST_S = 86400
EPOCH_1900_S = 2208988800
ERA_S = 1 << 32  # NTP's seconds begin anew in 2036
OLDEST_UTC_S = 1767225600  # as in edge.shell.board
SIZE = 48


def question(cookie):
    """The 48 bytes of a question. cookie: 8 random bytes, which the answer has to give back."""
    return b"\x23" + bytes(39) + cookie


def answer_s(data, cookie):
    """Seconds since 1970 of an answer; None when it is none to that cookie, or its server knows no time."""
    if len(data) < SIZE or data[24:32] != cookie:
        return None
    if data[0] & 7 != 4 or data[0] >> 6 == 3 or not 1 <= data[1] <= 15:
        return None
    seconds = unpack_from(">I", data, 40)[0]
    if seconds == 0:
        return None
    at_s = seconds - EPOCH_1900_S
    return at_s if at_s >= OLDEST_UTC_S else at_s + ERA_S


def allowed(at_s, known_s, floor_s):
    """May an unsigned time set the clock? known_s: what it says now, None: nothing; floor_s: never below, or None."""
    if at_s < OLDEST_UTC_S or (floor_s is not None and at_s < floor_s):
        return False
    return known_s is None or abs(at_s - known_s) <= MOST_S


class Sntp:
    """clock: TickClock, or anything with utc_s() and set_utc(seconds). host: numeric address. floor_s: or None.

    refused: answers that were right in form and not allowed."""

    def __init__(self, clock, host, floor_s=None, port=PORT):
        self._clock = clock
        self._place = socket.getaddrinfo(host, port)[0][-1]
        self._floor_s = floor_s
        self.refused = 0

    async def run(self):
        """Ask for ever."""
        while True:
            try:
                done = await self.once()
            except OSError:
                done = False
            await asyncio.sleep(ASK_S if done else RETRY_S)

    async def once(self):
        """One question; True when its answer set the clock. Raises OSError."""
        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            line.setblocking(False)
            cookie = os.urandom(8)
            line.sendto(question(cookie), self._place)
            for _ in range(WAIT_MS // LOOK_MS):
                await asyncio.sleep(LOOK_MS / 1000)
                at_s = self._heard(line, cookie)
                if at_s is not None:
                    return self._take(at_s)
            return False
        finally:
            line.close()

    def _heard(self, line, cookie):
        """The time in the answer that has come, None without one; what is no answer to us is dropped."""
        while True:
            try:
                data = line.recv(2 * SIZE)
            except OSError:  # nothing there yet
                return None
            at_s = answer_s(data, cookie)
            if at_s is not None:
                return at_s

    def _take(self, at_s):
        if not allowed(at_s, self._clock.utc_s()[0], self._floor_s):
            self.refused += 1
            return False
        self._clock.set_utc(at_s)
        return True
