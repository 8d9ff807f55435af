# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""An envelope as JSON, for a backend that reads no CBOR: the same map, with the digits of its keys.

Bytes are {"x": hexadecimal digits}, an integer beyond 2^53 - 1 is {"n": its digits}: the way back is exact. What is
stored and numbered stays CBOR; only what is published is converted. Imported when the settings ask for it.
"""

import binascii
import json

from edge.shell import cbor

EXACT = (1 << 53) - 1  # what every reader of JSON keeps


def to_json(payload):
    """The JSON bytes of CBOR bytes; CborError when they are none."""
    return json.dumps(plain(cbor.decode(payload))).encode()


def plain(value):
    """A decoded value in the types of JSON."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return {"x": binascii.hexlify(value).decode()}
    if type(value) is int and not -EXACT <= value <= EXACT:
        return {"n": str(value)}
    return value
