# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The frames of the journal's files: how one is written, and how a file of any content is read back.

A frame is kind (1 byte), size of the body (2), number (4), CRC-32 (4), for a kept one the chain (16), then the body.
The CRC covers the generation of the file, so a frame of another file, or a renamed file, does not count. Integers are
big-endian. Kinds: H the file's first frame, K kept and chained (classes E, B, X, I), P plain (M, T).
"""

import binascii
import hashlib
from struct import pack, unpack

from edge.shell import cbor

HEAD, KEPT, PLAIN = 0x48, 0x4B, 0x50
HEAD_BYTES = 11
CHAIN_BYTES = 16
MAX_BODY = 32768
START = bytes(CHAIN_BYTES)  # the chain before the first frame
STREAMS = "kmt"  # k: kept records, m: minutes, t: telemetry; what goes first when the budget is used stands last
KEPT_CLASSES = "EBXI"
MIXED = 1  # the first version: telemetry and minutes together in t
VERSION = 2


def place_of(cls):
    """Index in STREAMS of the stream that records of class cls go to."""
    return 0 if cls in KEPT_CLASSES else 1 if cls == "M" else 2


def name_of(stream, generation):
    """File name of a segment, for example k0000000a."""
    return "%s%08x" % (stream, generation)


def parts_of(name):
    """(stream, generation) of a file name, or None when it is no segment."""
    if len(name) != 9 or name[0] not in STREAMS:
        return None
    try:
        generation = int(name[1:], 16)
    except ValueError:
        return None
    return (name[0], generation) if name_of(name[0], generation) == name else None


def link(chain, body):
    """The chain after a kept frame with this body (bytes) when it was `chain` before."""
    return hashlib.sha256(chain + body).digest()[:CHAIN_BYTES]


def frame(generation, kind, number, body, chain=b""):
    """The bytes of one frame; ValueError when the body is too large."""
    if len(body) > MAX_BODY:
        raise ValueError(len(body))
    head = pack(">BHI", kind, len(body), number & 0xFFFFFFFF)
    crc = _crc(generation, head, chain, body)
    return head + pack(">I", crc) + chain + body


def _crc(generation, head, chain, body):
    crc = binascii.crc32(head, binascii.crc32(pack(">I", generation)))
    return binascii.crc32(body, binascii.crc32(chain, crc)) & 0xFFFFFFFF


def _at(file, generation, offset):
    """(kind, number, chain, body, end) of the whole frame at `offset`, or None."""
    file.seek(offset)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES or head[0] not in (HEAD, KEPT, PLAIN):
        return None
    kind, size, number, crc = unpack(">BHII", head)
    if size > MAX_BODY:
        return None
    chain = file.read(CHAIN_BYTES) if kind == KEPT else b""
    body = file.read(size)
    if len(body) != size or _crc(generation, head[:7], chain, body) != crc:
        return None
    return kind, number, chain, body, offset + HEAD_BYTES + len(chain) + size


def walk(file, generation, size, offset=0):
    """Yield (kind, number, chain, body, offset) of every whole frame of `file` (binary, seekable, `size` bytes) from
    `offset` on.

    Bytes that are no frame: (0, offset of the next whole frame, b"", b"", offset) when whole frames follow, they were
    damaged; (0, None, b"", b"", offset) when none does: the torn end of an interrupted write, or a damaged one.
    """
    while offset < size:
        found = _at(file, generation, offset)
        if found is None:
            following = offset + 1
            while following < size and found is None:
                found = _at(file, generation, following)
                following += 1
            if found is None:
                yield 0, None, b"", b"", offset
                return
            yield 0, following - 1, b"", b"", offset
            offset = following - 1
        yield found[0], found[1], found[2], found[3], offset
        offset = found[4]


def first(file, generation):
    """The header of a segment as a dict, or None when its first frame is not whole.

    Keys: 0 version, 1 epoch, 2 device, 3 boot, 4 monotonic ms, 5 wall ms or None, 6 number of the first frame that
    follows, 7 chain before it.
    """
    found = _at(file, generation, 0)
    if found is None or found[0] != HEAD:
        return None
    return header(found[3])


def header(body):
    """The header as a dict out of the body of an H frame, or None when this version cannot read it."""
    try:
        fields = cbor.decode(body)
    except cbor.CborError:
        return None
    return fields if isinstance(fields, dict) and fields.get(0) in (MIXED, VERSION) else None
