# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Ed25519 and SHA-512 against the vectors of RFC 8032 and FIPS 180-4; nothing that is changed is believed."""

from binascii import unhexlify as raw

from edge.shell import ed25519

# RFC 8032, 7.1: (public key, message, signature)
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
)
ORDER = (1 << 252) + 27742317777372353535851937790883648493


def result(steps):
    """What a generator returns, and how often it gave way."""
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value, count
        count += 1


def test_the_vectors_of_the_standard():
    for key, message, signature in VECTORS:
        well, slices = result(ed25519.verify(raw(key), raw(message), raw(signature)))
        assert well is True and slices > 300


def test_any_changed_bit_is_refused():
    key, message, signature = [raw(part) for part in VECTORS[2]]
    for at in (0, 31, 32, 62):
        changed = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        assert result(ed25519.verify(key, message, changed))[0] is False
    assert result(ed25519.verify(key, message + b"x", signature))[0] is False
    assert result(ed25519.verify(raw(VECTORS[1][0]), message, signature))[0] is False


def test_forms_that_the_standard_forbids_are_refused():
    key, message, signature = [raw(part) for part in VECTORS[0]]
    number = int.from_bytes(signature[32:], "little") + ORDER  # the same signature in another form
    assert result(ed25519.verify(key, message, signature[:32] + number.to_bytes(32, "little"))) == (False, 0)
    assert result(ed25519.verify(key, message, signature[:63]))[0] is False
    assert result(ed25519.verify(key[:31], message, signature))[0] is False
    for odd in (b"\xff" * 32, (2).to_bytes(32, "little"), b"\x01" + bytes(30) + b"\x80"):
        assert result(ed25519.verify(odd, message, signature))[0] is False


def test_sha512_around_the_edges_of_a_block():
    for data, start in (
        (b"", "cf83e1357eefb8bdf1542850d66d8007"),
        (b"abc", "ddaf35a193617abacc417349ae204131"),
        (b"a" * 111, "fa9121c7b32b9e01733d034cfc78cbf6"),
        (b"a" * 112, "c01d080efd492776a1c43bd23dd99d0a"),
        (b"a" * 200, "4b11459c33f52a22ee8236782714c150"),
    ):
        assert result(ed25519.sha512(data))[0][:16] == raw(start), data
