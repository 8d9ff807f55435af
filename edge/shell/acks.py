# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The acknowledgement of the backend: what it has committed, and the proof that it said so.

A CBOR map: 1 epoch, 2 number up to which all arrived or was declared lost, 3 time at which the backend made it
(its own clock in ms, for the order of acknowledgements only), 4 records that may be on the way at once (optional),
5 the first 16 bytes of HMAC-SHA256 over the map without key 5, with the device's name as key 0 (RFC 2104).
"""

from collections import namedtuple

from edge.shell import cbor

MAC_BYTES = 16

# at_ms, credit: None when not told.
Told = namedtuple("Told", ["epoch", "upto", "at_ms", "credit"])


def make(device, key, epoch, upto, at_ms, credit=None):
    """The bytes of an acknowledgement. key: secret (bytes) of the device, None: not signed."""
    fields = {1: epoch, 2: upto, 3: at_ms}
    if credit is not None:
        fields[4] = credit
    if key is not None:
        fields[5] = _mac(device, key, fields)
    return cbor.encode(fields)


def _mac(device, key, fields):
    signed = {number: value for number, value in fields.items() if number != 5}
    signed[0] = device
    return hmac_of(key, signed)


def hmac_of(key, signed):
    """The code (bytes) of the map `signed`, which has the device's name as key 0."""
    from edge.shell.signed import hmac_sha256  # only where acknowledgements are signed

    return hmac_sha256(key, cbor.encode(signed))[:MAC_BYTES]


def read(data, device, key):
    """The Told of any bytes, or None: not an acknowledgement, or not signed with `key` (None: not asked for)."""
    try:
        fields = cbor.decode(data)
    except cbor.CborError:
        return None
    if not isinstance(fields, dict) or not (_is_number(fields.get(1)) and _is_number(fields.get(2))):
        return None
    at_ms, credit, mac = fields.get(3), fields.get(4), fields.get(5)
    if not all([value is None or _is_number(value) for value in (at_ms, credit)]):
        return None
    if key is not None and not _is_genuine(mac, _mac(device, key, fields)):
        return None
    return Told(fields[1], fields[2], at_ms, credit)


def _is_genuine(mac, expected):
    """Compares without telling by its time how much is right."""
    from edge.shell.signed import same

    return isinstance(mac, bytes) and same(mac, expected)


def _is_number(value):
    return type(value) is int and value >= 0  # a bool is an int on CPython
