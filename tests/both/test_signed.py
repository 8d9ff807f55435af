# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Signed documents on both runtimes: HMAC by published vectors, and everything that is not believed."""

import binascii
import hashlib

from edge.shell import cbor, signed

SECRET = bytes(range(32))
ROW = {"name": "desk", "id": "00112233445566ff", "key": binascii.hexlify(SECRET).decode(), "role": "operator"}
MAC = dict(ROW, kind="hmac")


def document(body=None, key_id=None, kind=3, version=1, secret=SECRET, prefix=signed.PREFIX):
    data = cbor.encode({1: "dev", 2: 7} if body is None else body)
    key = binascii.unhexlify(key_id or MAC["id"])
    signature = signed.hmac_sha256(secret, prefix + cbor.encode([kind, version, key, data]))
    return cbor.encode({1: kind, 2: version, 3: data, 4: key, 5: signature})


def test_hmac_of_the_published_vectors():
    # RFC 4231, cases 1 and 2
    rows = (
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    )
    for key, message, expected in rows:
        assert binascii.hexlify(signed.hmac_sha256(key, message)).decode() == expected


def test_a_genuine_document_is_believed_with_its_role_and_hash():
    raw = document()
    digest = binascii.hexlify(hashlib.sha256(raw).digest()).decode()
    verify = signed.verifier([MAC], signed.by_hmac)
    assert verify(raw) == ("operator", MAC["id"], 3, {1: "dev", 2: 7}, digest)
    plain = dict(MAC)
    del plain["role"]
    assert signed.verifier([plain], signed.by_hmac)(raw)[0] == "grade"


def test_what_is_not_believed_is_a_text():
    verify = signed.verifier([MAC], signed.by_hmac)
    good = document()
    rows = [
        b"",
        b"\xff",
        good[:-1],
        good + b"\x00",
        cbor.encode([1, 2, 3]),
        cbor.encode({1: 3, 2: 1, 3: b"", 4: b"12345678", 5: b"x" * 32}),
        cbor.encode({1: 3, 2: 1, 3: b"a", 4: b"12345678", 5: "x" * 32}),
        cbor.encode({1: 3, 2: 1, 3: b"a", 4: b"12345678", 6: b"x" * 32}),
        cbor.encode({1: True, 2: 1, 3: b"\xa0", 4: b"12345678", 5: b"x" * 32}),
        document(version=2),
        document(key_id="00112233445566fe"),
        document(secret=SECRET[1:] + b"x"),
        document(prefix=b"another program\n"),
        b"\x00" * 5000,
    ]
    for raw in rows:
        assert isinstance(verify(raw), str), raw
    unreadable = cbor.encode([3, 1, binascii.unhexlify(MAC["id"]), b"\xff"])
    parts = {1: 3, 2: 1, 3: b"\xff", 4: binascii.unhexlify(MAC["id"])}
    parts[5] = signed.hmac_sha256(SECRET, signed.PREFIX + unreadable)
    assert isinstance(verify(cbor.encode(parts)), str)
    # a key of another kind is never used for an HMAC: its public half is known to everybody
    assert isinstance(signed.verifier([ROW], signed.by_hmac)(good), str)


def test_every_flipped_bit_is_noticed():
    verify = signed.verifier([MAC], signed.by_hmac)
    good = document()
    for place in range(len(good)):
        for bit in range(8):
            raw = bytearray(good)
            raw[place] ^= 1 << bit
            assert isinstance(verify(bytes(raw)), str), (place, bit)
