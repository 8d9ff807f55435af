# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Signed documents: one envelope for certificates, leases, orders and acknowledgements, and the keys for it.

A document is deterministic CBOR {1: type, 2: version, 3: body bytes, 4: key id, 5: Ed25519 signature}. The
signature covers PREFIX and the CBOR list [type, version, key id, body], so neither a document of another type
nor the signature of another program can pass for it. The body is CBOR with integer keys; what it means is
the business of its type. A document is refused whole or taken whole.
"""

import hashlib
import os
from collections import namedtuple

from edge.core.settings import TRUST_ROLES
from edge.shell import cbor
from edge.shell.signed import hmac_sha256
from host_tools import certificate_texts as texts

PREFIX = b"reuse-edge signed document\n"
# Numbers of the types are never used again for something else.
TYPES = {1: "certificate", 2: "lease", 3: "order", 4: "acknowledgement", 5: "commissioning", 6: "exception"}
CERTIFICATE, LEASE, ORDER, ACKNOWLEDGEMENT, COMMISSIONING, EXCEPTION = TYPES
VERSION = 1
MAX_BYTES = 4096
K_TYPE, K_VERSION, K_BODY, K_KEY, K_SIGNATURE = range(1, 6)
ID_BYTES, SIGNATURE_BYTES = 8, 64

# body: the bytes that were signed. digest: SHA-256 of the whole document in hex, the name an audit gives it.
Document = namedtuple("Document", ("type", "version", "body", "key_id", "signature", "digest"))
# name: the file's name without its ending. id: first 8 bytes of the SHA-256 of raw, in hex. raw: 32 bytes.
Key = namedtuple("Key", ("name", "id", "raw"))


class DocumentError(Exception):
    """A document or a key is refused. code: row of certificate_texts.PROBLEMS; detail: what fills its text."""

    exit_code = 2

    def __init__(self, code, *detail, file=None):
        self.code = code
        self.detail = detail
        self.problem, self.mend = texts.problem("en", code, detail)
        super().__init__("%s%s\n  → %s" % ("%s: " % file if file else "", self.problem, self.mend))


def id_of(raw):
    """Key id (16 hex digits) of a raw public key (32 bytes)."""
    return hashlib.sha256(raw).hexdigest()[: 2 * ID_BYTES]


def message(kind, version, key_id, body):
    """The bytes that are signed. kind: number of the type; key_id, body: bytes."""
    return PREFIX + cbor.encode([kind, version, key_id, body])


def sign(kind, body, private):
    """The signed document as bytes. kind: a key of TYPES; body: dict with integer keys; private: load_private()."""
    if kind not in TYPES:
        raise ValueError("type %r" % (kind,))
    data = cbor.encode(body)
    key_id = bytes.fromhex(public_of(private).id)
    signature = private.sign(message(kind, VERSION, key_id, data))
    done = {K_TYPE: kind, K_VERSION: VERSION, K_BODY: data, K_KEY: key_id, K_SIGNATURE: signature}
    document = cbor.encode(done)
    if len(document) > MAX_BYTES:
        raise DocumentError("large", len(document), MAX_BYTES)
    return document


def parse(data, kind=None):
    """The Document in data, NOT verified. kind: the type it must have, or None. Raises DocumentError."""
    if len(data) > MAX_BYTES:
        raise DocumentError("large", len(data), MAX_BYTES)
    try:
        given = cbor.decode(data)
    except cbor.CborError as error:
        raise DocumentError("damaged", error) from None
    if not isinstance(given, dict) or set(given) != set(range(1, 6)):
        raise DocumentError("damaged", "not the five parts of a signed document")
    if type(given[K_TYPE]) is not int or given[K_TYPE] not in TYPES or (kind and given[K_TYPE] != kind):
        raise DocumentError("type", TYPES.get(given[K_TYPE], given[K_TYPE]), TYPES.get(kind, "one we know"))
    if type(given[K_VERSION]) is not int or given[K_VERSION] != VERSION:
        raise DocumentError("version", given[K_VERSION], VERSION)
    sizes = ((K_BODY, None), (K_KEY, ID_BYTES), (K_SIGNATURE, SIGNATURE_BYTES))
    for part, size in sizes:
        if not isinstance(given[part], bytes) or (size and len(given[part]) != size):
            raise DocumentError("damaged", "part %d has a wrong size or type" % part)
    rest = (given[K_BODY], given[K_KEY].hex(), given[K_SIGNATURE], hashlib.sha256(data).hexdigest())
    return Document(given[K_TYPE], given[K_VERSION], *rest)


def verify(data, keys, kind):
    """(Document, the Key that signed it, body as dict). keys: trusted Keys; kind: the type it must have.

    Raises DocumentError: too large, damaged, another type, a key that is not trusted, a wrong signature.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    document = parse(data, kind)
    if not keys:
        raise DocumentError("no_trust", document.key_id)
    key = next((key for key in keys if key.id == document.key_id), None)
    if key is None:
        raise DocumentError("unknown_key", document.key_id, ", ".join("%s %s" % (key.name, key.id) for key in keys))
    signed = message(document.type, document.version, bytes.fromhex(document.key_id), document.body)
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(document.signature, signed)
    except InvalidSignature:
        raise DocumentError("signature", key.name) from None
    return document, key, body_of(document)


def body_of(document):
    """The body as a dict with integer keys; DocumentError when it is none."""
    try:
        body = cbor.decode(document.body)
    except cbor.CborError as error:
        raise DocumentError("damaged", error) from None
    if not isinstance(body, dict) or any(type(key) is not int for key in body):
        raise DocumentError("damaged", "the body is no map with integer keys")
    return body


def load(path):
    """The bytes of a document file, at most MAX_BYTES + 1 of them. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(MAX_BYTES + 1)


# ---- keys: PEM files as openssl makes and reads them -------------------------------------------------


def public_of(private, name=""):
    """The Key that belongs to a private key; of a DeviceKey it holds the secret itself."""
    if isinstance(private, DeviceKey):
        return Key(name, id_of(private.raw), private.raw)
    from cryptography.hazmat.primitives import serialization as form

    raw = private.public_key().public_bytes(form.Encoding.Raw, form.PublicFormat.Raw)
    return Key(name, id_of(raw), raw)


def new_key(stem):
    """Write STEM.key (private, mode 0600) and STEM.pub; returns the Key. Raises DocumentError when one exists."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = private.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    for ending in (".key", ".pub"):
        if os.path.lexists(stem + ending):
            raise DocumentError("exists", stem + ending)
    write_new(stem + ".key", secret, 0o600)
    write_new(stem + ".pub", public)
    return public_of(private, os.path.basename(stem))


class DeviceKey:
    """A key that one board and the people who may give it orders share: HMAC-SHA256 in the place of Ed25519."""

    MARK = b"reuse-edge device key "

    def __init__(self, raw):
        self.raw = raw

    def sign(self, message):
        """HMAC of message, 32 bytes."""
        return hmac_sha256(self.raw, message)


def new_device_key(stem):
    """Write STEM.mac (secret, mode 0600); returns the Key. Raises DocumentError when it exists."""
    raw = os.urandom(32)
    write_new(stem + ".mac", DeviceKey.MARK + raw.hex().encode() + b"\n", 0o600)
    return Key(os.path.basename(stem), id_of(raw), raw)


def device_key(data):
    """The DeviceKey of the bytes of a .mac file, or None when they are none."""
    text = data[len(DeviceKey.MARK) :].strip()
    if not data.startswith(DeviceKey.MARK) or len(text) != 64:
        return None
    try:
        return DeviceKey(bytes.fromhex(text.decode("ascii")))
    except ValueError:
        return None


def load_signing(path, ask=None):
    """What signs: the DeviceKey of a .mac file, else load_private()."""
    return device_key(load(path)) or load_private(path, ask)


def trust_row(role, path):
    """One row of settings["trust"] for the key file at path; role: of TRUST_ROLES, "" for a test centre."""
    if role and role not in TRUST_ROLES:
        raise DocumentError("role", role, ", ".join(TRUST_ROLES))
    found = device_key(load(path))
    name = os.path.splitext(os.path.basename(path))[0][:40]
    if found is None:
        key = load_public(path)
        row = {"name": name, "id": key.id, "key": key.raw.hex()}
    else:
        row = {"name": name, "id": id_of(found.raw), "key": found.raw.hex(), "kind": "hmac"}
    if role and role != TRUST_ROLES[0]:
        row["role"] = role
    return row


def write_new(path, data, mode=0o644):
    """Write bytes to a file that must not exist yet. Raises DocumentError, OSError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    except FileExistsError:
        raise DocumentError("exists", path) from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def load_private(path, ask=None):
    """The Ed25519 private key of a PEM file. ask(): gives the passphrase (str) of an encrypted one.

    Raises DocumentError, OSError.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = load(path)
    try:
        try:
            private = load_pem_private_key(data, None)
        except TypeError:
            private = load_pem_private_key(data, ask().encode() if ask else b"?")
    except (ValueError, UnsupportedAlgorithm):
        raise DocumentError("not_private", os.path.basename(path)) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise DocumentError("not_private", os.path.basename(path))
    return private


def load_public(path):
    """The Key of a PEM file with an Ed25519 public key. Raises DocumentError, OSError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    data = load(path)
    name = os.path.basename(path)
    if b"PRIVATE KEY" in data:
        raise DocumentError("private_given", name)
    try:
        public = form.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise DocumentError("not_public", name) from None
    if not isinstance(public, Ed25519PublicKey):
        raise DocumentError("not_public", name)
    raw = public.public_bytes(form.Encoding.Raw, form.PublicFormat.Raw)
    return Key(os.path.splitext(name)[0], id_of(raw), raw)
