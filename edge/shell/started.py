# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What a start says of itself: which one was before it and how far that came, and under which settings it runs."""

import binascii
import hashlib

from edge.core.faults import E_STARTED
from edge.core.records import Record
from edge.core.registry import KEYS

HASH_BYTES = 16
# Not in it: a certificate has its own, an order may replace it; the secret stays a secret.
APART = ("grade", "ack_key", "hash")


def started(clock, epoch, shelf=None, more=()):
    """The first record of a start. epoch: its own; shelf: edge.shell.shelf.Shelf over the journal, or None; more: pairs
    of a board (edge.shell.board_crash). What the disk does not tell is left out: nobody waits for it."""
    before = None
    try:
        rows = [row for row in shelf.starts() if row[0] != epoch] if shelf is not None else []
        if rows:
            before = (rows[-1][0], shelf.last(rows[-1][0]))
    except (OSError, ValueError):
        pass
    pairs = ((KEYS["event"], E_STARTED),)
    if before is not None:
        pairs += ((KEYS["epoch_before"], before[0]), (KEYS["seq_before"], before[1]))
    utc_s, quality = clock.utc_s()
    return Record("E", -1, clock.now_ms(), None if utc_s is None else utc_s * 1000, quality, pairs + more)


def digest_of(settings):
    """The first HASH_BYTES of SHA-256 over settings as hex text: the same on every runtime, whatever the order."""
    sha = hashlib.sha256()
    _feed(sha, settings)
    return binascii.hexlify(sha.digest()[:HASH_BYTES]).decode()


def _feed(sha, value):
    if isinstance(value, dict):
        for key in sorted(value):
            if key not in APART and value[key] is not None:
                sha.update(("{%s:" % key).encode())
                _feed(sha, value[key])
        sha.update(b"}")
    elif isinstance(value, (list, tuple)):
        for each in value:
            sha.update(b"[")
            _feed(sha, each)
        sha.update(b"]")
    elif isinstance(value, str):
        data = value.encode()
        sha.update(b"%d'" % len(data))
        sha.update(data)
    else:
        sha.update(str(value).encode())
