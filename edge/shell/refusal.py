# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A link that is refused for a certificate, told as an event: only where an uplink uses TLS."""

from edge.core.faults import E_REFUSED
from edge.core.records import Record
from edge.core.registry import KEYS

MOST = 100  # characters of the reason


class Telling:
    """Uplink port over another one with `refused`: a text while the broker's certificate, or ours, is not accepted.

    When that begins or ends, one event says so: detail 1 with the reason, or 0. It waits with the other records and
    arrives when the link is back.
    """

    def __init__(self, uplink):
        self.uplink = uplink
        self._told = False

    def __getattr__(self, name):
        return getattr(self.uplink, name)  # everything else is the uplink's

    def offer(self, record):
        """Take record and return its sequence number at once. Never raises."""
        why = self.uplink.refused
        if (why is not None) != self._told:
            self._told = why is not None
            pairs = ((KEYS["event"], E_REFUSED), (KEYS["detail"], int(self._told)))
            if why is not None:
                pairs += ((KEYS["refusal"], why[:MOST]),)
            self.uplink.offer(Record("E", -1, record.mono_ms, record.wall_ms, record.clock_quality, pairs))
        return self.uplink.offer(record)
