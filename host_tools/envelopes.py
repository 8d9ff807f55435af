# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""An envelope as it arrives: deterministic CBOR, or the JSON of edge.shell.as_json. Both give the same map."""

import json

from edge.shell import cbor

MAX_DIGITS = 20


def envelope_of(payload):
    """The map in the bytes of a message; ValueError (CborError) for anything that no uplink writes."""
    if payload[:1] != b"{":  # no envelope in CBOR begins like this
        return cbor.decode(payload)
    try:
        tree = json.loads(payload, object_pairs_hook=_map, parse_float=_no_number, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None
    cbor.encode(tree)  # the same bounds as in the other form
    return tree


def _no_number(text):
    raise ValueError("%s is no integer" % text)


def _map(pairs):
    """A map, or what stands for bytes or a large integer."""
    if len(pairs) == 1 and pairs[0][0] == "x":
        return _bytes(pairs[0][1])
    if len(pairs) == 1 and pairs[0][0] == "n":
        return _integer(pairs[0][1])
    made = {_integer(key): value for key, value in pairs}
    if len(made) != len(pairs):
        raise ValueError("a key comes twice")
    return made


def _bytes(text):
    if not isinstance(text, str):
        raise ValueError("bytes are hexadecimal digits")
    return bytes.fromhex(text)


def _integer(text):
    if not isinstance(text, str) or len(text) > MAX_DIGITS or str(int(text)) != text:
        raise ValueError("no integer in digits")
    return int(text)
