# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Ed25519 for a gateway: the check that edge.shell.signed asks for."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.shell.signed import by_hmac, verifier


def by_key(row, message, signature):
    """True when signature is that of row's key: Ed25519, or the HMAC of a key of this device."""
    if row.get("kind") == "hmac":
        return by_hmac(row, message, signature)
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(row["key"])).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_of(settings):
    """verify(raw) for the keys of settings, or None when none is trusted."""
    return verifier(settings["trust"], by_key) if settings.get("trust") else None
