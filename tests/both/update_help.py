# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Bundles, signed in plain Python, and a sender: for the tests of updates on both runtimes."""

import binascii
import hashlib
import os

from edge.core import orders as o
from edge.shell import ed25519
from edge.shell.pieces import CHUNK
from edge.shell.update import ASK, PREFIX, Update

SEED = bytes(range(32))
TOLD = (8, 1, "0" * 16, "d" * 64, None, None)
FILES = (("edge/loop.mpy", b"loop" * 300), ("edge/shell/board.mpy", b"board" * 900), ("settings.json", b"{}"))
OLD = (("edge/loop.mpy", b"loop" * 300), ("edge/shell/board.mpy", b"older" * 700), ("gone.mpy", b"gone"))


def remove(path):
    """Remove a folder with all below it."""
    for entry in os.listdir(path):
        try:
            os.remove(path + "/" + entry)
        except OSError:
            remove(path + "/" + entry)
    os.rmdir(path)


def done(steps):
    """The result of a generator."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def multiple(number):
    """number times the base point, as 32 bytes."""
    total, base = (0, 1, 1, 0), ed25519._extended(ed25519.BASE[0], ed25519.BASE[1])
    for bit in range(255, -1, -1):
        total = ed25519._double(total)
        if number >> bit & 1:
            total = ed25519._sum(total, base)
    inverse = done(ed25519.power(total[2], ed25519.P - 2))
    x, y = total[0] * inverse % ed25519.P, total[1] * inverse % ed25519.P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def key_of(seed):
    """(scalar, prefix, public key) of a private key."""
    digest = done(ed25519.sha512(seed))
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return scalar, digest[32:], multiple(scalar)


def sign(seed, message):
    """The signature (RFC 8032) of message."""
    scalar, prefix, public = key_of(seed)
    nonce = int.from_bytes(done(ed25519.sha512(prefix + message)), "little") % ed25519.ORDER
    first = multiple(nonce)
    factor = int.from_bytes(done(ed25519.sha512(first + public + message)), "little")
    return first + ((nonce + factor * scalar) % ed25519.ORDER).to_bytes(32, "little")


PUBLIC = key_of(SEED)[2]
KEY = binascii.hexlify(hashlib.sha256(PUBLIC).digest()[:8]).decode()
SETTINGS = {
    "device": "gumi 014",
    "trust": [{"id": KEY, "role": "release", "key": binascii.hexlify(PUBLIC).decode()}],
}


def manifest(files, rollback=5, device="gumi_014", board="virtual", mpy="6 3"):
    """The bytes of a manifest."""
    lines = ["device " + device, "board " + board, "mpy " + mpy, "version 0.2.0", "rollback %d" % rollback]
    for path, data in files:
        digest = binascii.hexlify(hashlib.sha256(data).digest()).decode()
        lines.append("file %d %s %s" % (len(data), digest, path))
    raw = ("\n".join(lines) + "\n").encode()
    return raw + b"end %08x\n" % binascii.crc32(raw)


def bundle(raw, files, seed=SEED, key=KEY):
    """The bytes of a bundle file."""
    signature = sign(seed, PREFIX + hashlib.sha256(raw).digest())
    line = "ed25519 %s %s\n" % (key, binascii.hexlify(signature).decode())
    return b"reuse-edge bundle 1 %d\n" % len(raw) + raw + line.encode() + b"".join([data for _, data in files])


def put(root, path, data):
    """Write a file below root, its folders made."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        try:
            os.mkdir(root + "/" + "/".join(parts[:depth]))
        except OSError:
            pass
    with open(root + "/" + path, "wb") as file:
        file.write(data)


def install(root, name, files, rollback=4):
    """A whole slot."""
    try:
        os.mkdir(root)
    except OSError:
        pass
    for path, data in files:
        put(root, name + "/" + path, data)
    put(root, name + "/manifest", manifest(files, rollback))


def sync(file):
    file.flush()


class Sender:
    """The other end: answers requests from the bytes of a bundle. spoil(offset, data): what arrives in their place."""

    def __init__(self, data, spoil=None):
        self.data = data
        self.spoil = spoil or (lambda offset, data: data)
        self.asked = []

    def answer(self, update):
        """Answer what is asked for, in pieces; a piece that was lost is asked for again."""
        wanted = update.wanted() or update.wanted(True)
        while wanted:
            offset, length = wanted
            self.asked.append(wanted)
            for at in range(offset, offset + length, CHUNK):
                data = self.spoil(at, self.data[at : min(at + CHUNK, offset + length)])
                if data:
                    update.put(update._pieces.digest[:8] + at.to_bytes(4, "big") + data)
            wanted = update.wanted()


def run(update, steps, sender, most=100000):
    """Drive the work to its end; the verdicts that it said."""
    said = []
    for state in steps:
        if state == ASK and update.lacks():
            sender.answer(update)
        if update.verdict is not None:
            said.append(update.verdict[0])
            update.verdict = None
        most -= 1
        if most < 0:
            return said
    if update.verdict is not None:
        said.append(update.verdict[0])
    return said


def order(raw, data, rollback=5):
    """The parameters of an order for a bundle."""
    return {1: hashlib.sha256(raw).digest(), 2: len(data), 3: rollback}


def updated(root, data, raw, rollback=5, spoil=None, settings=SETTINGS):
    """(verdicts, Update, Sender) of one whole update."""
    update, sender = Update(root, settings, sync), Sender(data, spoil)
    return run(update, update.begin(order(raw, data, rollback), TOLD), sender), update, sender


READY, DONE = o.V_READY, o.V_DONE
