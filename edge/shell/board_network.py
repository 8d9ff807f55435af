# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A board joins its network, and joins it again whenever it is away: a task that only looks and starts things.

Control never waits for it: a connect is begun and looked at. Only the radio's own start stops everything, once, before
the first step. The password is read from the file of secrets for each attempt and let go. Imported only when the
settings have the section network.
"""

import asyncio
import json

from edge.core.faults import E_NETWORK
from edge.core.records import Record
from edge.core.registry import KEYS

LOOK_S = 0.25
TRY_MS = 20000  # an attempt takes so long at most
REST_MS = (1000, 60000)  # after the first attempt that failed; doubled up to the second
# Why there is no network: codes of the metric network_why.
WENT, PASSWORD, NOBODY, ADDRESS, OTHER = range(5)
TEXTS = ("it went", "the password is wrong", "no access point of that name", "no address", "it cannot be joined")
SECRETS = "/secrets.json"


def secret(path=SECRETS):
    """The password in the file of secrets; None: an open network, or nobody wrote one."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file).get("wifi_password")
    except (OSError, ValueError):
        return None


def joined(settings, clock, offer):
    """The Joined of section network on this board. offer(record): as the Uplink port has it."""
    import network

    if settings["kind"] == "ethernet":
        port = getattr(network, "LAN" if hasattr(network, "LAN") else "WIZNET5K")()  # pins: those of the firmware
        return Joined(port, lambda: None, {}, clock, offer)
    if settings["country"]:
        network.country(settings["country"])
    port = network.WLAN(network.STA_IF)
    name, has_password = settings["ssid"], settings["password_file"]

    def join():
        port.connect(name, secret() if has_password else None)

    known = (("STAT_WRONG_PASSWORD", PASSWORD), ("STAT_NO_AP_FOUND", NOBODY), ("STAT_CONNECT_FAIL", OTHER))
    codes = {getattr(network, word): why for word, why in known if hasattr(network, word)}
    return Joined(port, join, codes, clock, offer)


class Joined:
    """port: network.WLAN or network.LAN. join(): begins to connect; it raises OSError. codes: {status: why} of an
    attempt that has failed. clock: Clock port. offer(record): takes the record that follows an outage.

    why: of the last attempt that failed. tries: attempts since the network was there.
    """

    def __init__(self, port, join, codes, clock, offer):
        self.why = WENT
        self.tries = 0
        self._port = port
        self._join = join
        self._codes = codes
        self._clock = clock
        self._offer = offer
        self._since_ms = clock.now_ms()  # since when it is away
        self._began = True  # it was not there before
        self._said = None
        try:
            port.active(True)
        except OSError:
            self.why = OTHER

    async def run(self, beat):
        """Join for ever. beat: list whose first item is set to the time of each turn, or of its return from a rest."""
        rest_ms = REST_MS[0]
        while True:
            if self._port.isconnected() or await self._attempt(beat):
                rest_ms = REST_MS[0]
                self._came()
                while self._port.isconnected():
                    beat[0] = self._clock.now_ms()
                    await asyncio.sleep(LOOK_S)
                self._went()
            else:
                self._say(TEXTS[self.why])
                beat[0] = self._clock.now_ms() + rest_ms
                await asyncio.sleep(rest_ms / 1000)
                rest_ms = min(2 * rest_ms, REST_MS[1])

    async def _attempt(self, beat):
        """One attempt; True when the network is there."""
        self.tries += 1
        start_ms = beat[0] = self._clock.now_ms()
        why = ADDRESS if self._codes else OTHER
        try:
            self._join()
            while beat[0] - start_ms < TRY_MS:
                beat[0] = self._clock.now_ms()
                await asyncio.sleep(LOOK_S)
                if self._port.isconnected():
                    return True
                status = self._port.status()
                if status in self._codes:
                    why = self._codes[status]
                    break
            if self._codes:
                self._port.disconnect()  # or the firmware goes on by itself
        except (OSError, MemoryError, RuntimeError):
            why = OTHER
        self.why = why
        return False

    def _went(self):
        self._since_ms = self._clock.now_ms()
        self._began = False
        self.why = WENT
        self.tries = 0
        self._say(TEXTS[WENT])

    def _came(self):
        """It is there: the first record after an outage tells of it."""
        self._say("here")
        now_ms = self._clock.now_ms()
        if self._began and self.tries <= 1:
            return
        utc_s, quality = self._clock.utc_s()
        pairs = (
            (KEYS["event"], E_NETWORK),
            (KEYS["detail"], (now_ms - self._since_ms) // 1000),
            (KEYS["network_why"], self.why),
            (KEYS["network_tries"], self.tries),
        )
        self._offer(Record("E", -1, now_ms, None if utc_s is None else utc_s * 1000, quality, pairs))

    def _say(self, text):
        """On the console, when it is news."""
        if text != self._said:
            self._said = text
            print("network: %s" % text)
