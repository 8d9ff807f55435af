# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The sender of an update over the air: answers a board's requests for pieces of a bundle (docs/UPLINK.md)."""

from edge.shell import cbor
from edge.shell.pieces import AHEAD, CHUNK, HEAD, PLACE

K_DIGEST, K_OFFSET, K_LENGTH = 10, 11, 12


class Chunks:
    """The pieces of one bundle. data: its bytes; digest: SHA-256 of its manifest. sent: bytes handed out so far."""

    def __init__(self, data, digest):
        self.data = data
        self.digest = digest
        self.sent = 0
        self.end = 0  # the furthest byte that was asked for

    def answer(self, payload):
        """The messages for .../upd that answer a message of .../rsp; none: it asks for nothing of this bundle."""
        try:
            asked = cbor.decode(payload)
        except cbor.CborError:
            return []
        if not isinstance(asked, dict) or asked.get(K_DIGEST) != self.digest:
            return []
        offset, length = asked.get(K_OFFSET), asked.get(K_LENGTH)
        if type(offset) is not int or type(length) is not int or not 0 < length <= AHEAD:
            return []
        if not 0 <= offset < len(self.data):
            return []
        end = min(offset + length, len(self.data))
        self.sent += end - offset
        self.end = max(self.end, end)
        return [self._piece(at, min(at + CHUNK, end)) for at in range(offset, end, CHUNK)]

    def _piece(self, at, end):
        return self.digest[:HEAD] + at.to_bytes(PLACE, "big") + self.data[at:end]
