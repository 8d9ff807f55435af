# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The hash by which a record says under which settings it was made."""

import binascii
import hashlib

HASH_BYTES = 16
# Not in it: a certificate has its own, an order may replace it; the secret stays a secret.
APART = ("grade", "ack_key", "hash")


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
