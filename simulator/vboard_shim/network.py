# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The module `network` of the virtual board: a radio that joins the access point that the supervisor puts into the air.

The numbers are those of an ESP32. Traffic goes over the host's network; simulator/vboard_fast.py lets it pass only
while this radio has joined.
"""

import time

import machine

STA_IF = 0
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202

JOIN_MS = 1500


def country(code=None):
    """Noted by nobody."""


class WLAN:
    """A station. It does not join again by itself."""

    def __init__(self, interface=STA_IF):
        self._on = False
        self._wanted = None
        self._since_ms = 0
        self._joined = None  # generation of the air that it joined
        self._told = False

    def active(self, on=None):
        """Switch the radio."""
        if on is not None:
            self._on = bool(on)
        return self._on

    def connect(self, ssid=None, key=None):
        """Begin to join; status() tells how it went."""
        if not self._on:
            raise OSError("Wifi Not Started")
        self._wanted = (ssid, key or "")
        self._since_ms = time.ticks_ms()
        self._joined = None

    def disconnect(self):
        """Leave."""
        self._wanted = self._joined = None
        self._tell(False)

    def status(self):
        """How it stands."""
        if self._wanted is None:
            return STAT_IDLE
        generation, ssid, password = machine.air()
        if self._joined is None:
            if time.ticks_diff(time.ticks_ms(), self._since_ms) < JOIN_MS:
                return STAT_CONNECTING
            if ssid == self._wanted[0] and password == self._wanted[1]:
                self._joined = generation
            elif ssid == self._wanted[0]:
                return STAT_WRONG_PASSWORD
        here = self._joined == generation
        self._tell(here)
        return STAT_GOT_IP if here else STAT_NO_AP_FOUND

    def isconnected(self):
        """True while it is in the network."""
        return self._on and self.status() == STAT_GOT_IP

    def _tell(self, here):
        if here != self._told:
            self._told = here
            machine.tell("net %d" % here)


class LAN:
    """A cable that is plugged in."""

    def active(self, on=None):
        """It is."""
        return True

    def isconnected(self):
        """It is."""
        return True

    def status(self):
        """It is there."""
        return STAT_GOT_IP
