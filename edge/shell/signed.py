# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Signed documents on a controller: the envelope of docs/CERTIFICATE.md, read and verified.

Keys of two kinds: Ed25519 (gateways; checked by edge.shell.gateway_signed) and, for boards that cannot compute
that, HMAC-SHA256 with a key of this device alone, in the place of the signature.
"""

import binascii
import hashlib

from edge.shell import cbor

PREFIX = b"reuse-edge signed document\n"
VERSION = 1
MAX_BYTES = 4096
K_TYPE, K_VERSION, K_BODY, K_KEY, K_SIGNATURE = range(1, 6)
SIZES = ((K_KEY, 8, 8), (K_SIGNATURE, 32, 64), (K_BODY, 1, MAX_BYTES))
BLOCK = 64


def hmac_sha256(key, message):
    """HMAC-SHA256 (RFC 2104) of message. key: at most 64 bytes."""
    inner = bytes([byte ^ 0x36 for byte in key]) + b"\x36" * (BLOCK - len(key))
    outer = bytes([byte ^ 0x5C for byte in key]) + b"\x5c" * (BLOCK - len(key))
    return hashlib.sha256(outer + hashlib.sha256(inner + message).digest()).digest()


def same(one, other):
    """True when two byte strings are equal; takes as long whatever they differ in."""
    difference = len(one) ^ len(other)
    for a, b in zip(one, other):
        difference |= a ^ b
    return difference == 0


def by_hmac(row, message, signature):
    """True when signature is the HMAC of message under the key of row, which must be of that kind."""
    return row.get("kind") == "hmac" and same(hmac_sha256(binascii.unhexlify(row["key"]), message), signature)


def verifier(trust, check):
    """verify(raw) for edge.core.orders, over settings["trust"].

    check(row, message, signature) -> bool judges one signature. verify gives (role, key id, type, body, SHA-256
    in hex), or a text that says why the document is not believed. It never raises for any bytes.
    """
    rows = {row["id"]: row for row in trust}

    def verify(raw):
        parts = envelope(raw)
        if isinstance(parts, str):
            return parts
        key = binascii.hexlify(parts[K_KEY]).decode()
        row = rows.get(key)
        if row is None:
            return "key %s is not trusted" % key
        message = PREFIX + cbor.encode([parts[K_TYPE], parts[K_VERSION], parts[K_KEY], parts[K_BODY]])
        if not check(row, message, parts[K_SIGNATURE]):
            return "not signed by key %s" % key
        try:
            body = cbor.decode(parts[K_BODY])
        except cbor.CborError:
            return "the body is not readable"
        digest = binascii.hexlify(hashlib.sha256(raw).digest()).decode()
        return row.get("role") or "grade", key, parts[K_TYPE], body, digest

    return verify


def envelope(raw):
    """The five parts of a document, not verified, or a text that says what is wrong."""
    if len(raw) > MAX_BYTES:
        return "too large"
    try:
        parts = cbor.decode(raw)
    except cbor.CborError:
        return "damaged"
    if not isinstance(parts, dict) or len(parts) != 5:
        return "no signed document"
    for part, low, high in SIZES:
        data = parts.get(part)
        if not isinstance(data, bytes) or not low <= len(data) <= high:
            return "no signed document"
    if type(parts.get(K_TYPE)) is not int or type(parts.get(K_VERSION)) is not int or parts[K_VERSION] != VERSION:
        return "another version"
    return parts
