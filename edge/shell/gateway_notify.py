# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a gateway tells systemd: ready after the first good step, alive after each one, stopping (sd_notify protocol).

systemd gives the address of its datagram socket in NOTIFY_SOCKET; one that begins with @ is abstract. Nothing is told
where there is none, and a message that cannot be given is not repeated: the watchdog is the judge.
"""

import os
import socket

READY = b"READY=1\nSTATUS=control loop runs\nWATCHDOG=1"
ALIVE = b"WATCHDOG=1"
STOPPING = b"STOPPING=1"


class Notify:
    """address: of the socket, or None. parts: [(name, function that says whether that part of the process is at work)].
    said(text): one line for the operator, or None."""

    def __init__(self, address, parts=(), said=None):
        self.parts = list(parts)
        self.said = said
        self._blamed = None
        self._ready = False
        self._address = "\0" + address[1:] if address and address[:1] == "@" else address
        self._socket = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)  # a step never waits for systemd

    def fed(self):
        """Call after each good step: its guard decided and every actuator has its command. Nothing is told while a
        part is not at work, and so systemd restarts the process."""
        blamed = next((name for name, at_work in self.parts if not at_work()), None)
        if blamed is None:
            self._tell(ALIVE if self._ready else READY)
            self._ready = True
        elif blamed != self._blamed and self.said:
            self.said("%s has ended or hangs: the watchdog is not fed" % blamed)
        self._blamed = blamed

    def stopping(self):
        """The process ends in peace."""
        self._tell(STOPPING)

    def _tell(self, message):
        if self._socket is None:
            return
        try:
            self._socket.sendto(message, self._address)
        except OSError:
            pass


def from_environment(said=None):
    """The Notify of the service that this process is; silent when it is none. A child does not inherit the address."""
    return Notify(os.environ.pop("NOTIFY_SOCKET", None), said=said)
