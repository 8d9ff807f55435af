# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The Sparkplug live lane on a Linux gateway: the same link as on a board, in a thread of its own.

Not over paho: paho keeps a queue and resends an old will when it reconnects, and this lane wants neither.
"""

import asyncio
import os
import threading

from edge.shell import gateway_tls
from edge.shell.sparkplug_link import live

STOP_S = 7.0


class GatewaySparkplug:
    """settings: checked dict with uplink.sparkplug; folder: where bdSeq is kept; sync(file): makes a file durable.

    told(site, outcome) is for the control step. stop() ends it with an NDEATH. link: the SparkplugLink.
    """

    def __init__(self, settings, folder, clock, sync):
        seed = int.from_bytes(os.urandom(4), "big")
        self.link = live(settings, folder, clock, sync, seed, gateway_tls.of(settings["uplink"]))
        self.told = self.link.node.told
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="sparkplug", daemon=True)

    def start(self):
        """Start the thread."""
        self._thread.start()
        return self

    def stop(self):
        """Say NDEATH and end; waits at most STOP_S."""
        self.link.stopping = True
        self._thread.join(STOP_S)

    def _run(self):
        while not self.link.stopping:
            try:
                asyncio.run(self.link.run(self._clock))
            except Exception as error:  # noqa: BLE001 - the one broad catch of this shell: the lane must come back
                self.link.log = f"link lost: {error!r}"
                threading.Event().wait(1.0)
