# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Hostile and valid payloads for tests.both.hostile, each with what must become of it.

The genuine documents among the hostile ones are what somebody can record on the line or talk a desk into: old ones,
those of another device, of another time, of a role that may not, outside the envelope.
"""

import binascii
import hashlib

from edge.core import orders as o
from edge.core import terms as t
from edge.shell import acks, cbor, signed
from tests.both.backlog_help import DEVICE as ACK_DEVICE
from tests.both.backlog_help import KEY

DEVICE = "test"
UTC_S = 1800000000
ROLES = ("operator", "engineer", "commission")
SECRETS = dict([(role, hashlib.sha256(role.encode()).digest()) for role in ROLES])


def id_of(role):
    """Key id (bytes) of a role."""
    return hashlib.sha256(SECRETS[role]).digest()[:8]


def row(role):
    """The row of settings["trust"]."""
    key, secret = binascii.hexlify(id_of(role)).decode(), binascii.hexlify(SECRETS[role]).decode()
    return {"name": role, "id": key, "key": secret, "role": role, "kind": "hmac"}


TRUST = [row(role) for role in ROLES]


class Dice:
    """Numbers that are the same on every runtime."""

    def __init__(self, seed):
        self._state = (seed * 2654435761 + 1) & 0x3FFFFFFF

    def below(self, limit):
        """An integer from 0 to limit - 1."""
        self._state = (self._state * 1103515245 + 12345) & 0x3FFFFFFF
        return (self._state >> 8) % limit

    def noise(self, size):
        """Random bytes."""
        return bytes([self.below(256) for _ in range(size)])

    def one(self, rows):
        """One of rows."""
        return rows[self.below(len(rows))]


class Maker:
    """dice: Dice; box, backend: whose acknowledgements are forged."""

    def __init__(self, dice, box, backend):
        self.dice = dice
        self.box = box
        self.backend = backend
        self.counter = 0
        self.seen = []  # orders that were taken
        self.acks = []  # genuine acknowledgements that were given

    def signed(self, body, role, kind=t.ORDER, secret=None):
        """A document under the key of role; secret: another one than its own."""
        data = body if isinstance(body, bytes) else cbor.encode(body)
        key = id_of(role)
        message = signed.PREFIX + cbor.encode([kind, 1, key, data])
        code = signed.hmac_sha256(secret or SECRETS[role], message)
        return cbor.encode({1: kind, 2: 1, 3: data, 4: key, 5: code})

    def body(self, action, params, **more):
        """The body of an order with the next counter; the years around UTC_S."""
        self.counter += 1
        body = {1: DEVICE, 2: self.counter, 3: UTC_S - 10, 4: UTC_S + 10**8, 5: action, 7: params}
        for name in more:
            body[getattr(t, "K_" + name)] = more[name]
        return body

    def valid(self):
        """The bytes of an order that must be taken."""
        below = self.dice.below
        action, role, params = self.dice.one(
            (
                (t.LEASE, "operator", {1: [below(80001), 60, 0], 2: [below(80001), 60, 0]}),
                (t.LEASE, "commission", {1: [30000 + below(50001), 3600, 20000]}),
                (t.NARROW, "engineer", {1: 20000 + below(60000), 3: 20}),
                (t.POWER, "operator", {1: below(8000) - 4000, 2: 30}),
                (t.STOP, "commission", {1: below(2)}),
                (t.STOP, "commission", {1: 0}),
                (t.MODE, "commission", {1: 1}),
            )
        )
        raw = self.signed(self.body(action, params), role)
        self.seen.append(raw)
        self.seen = self.seen[-50:]
        return raw

    def hostile(self):
        """(last part of the topic, a whole one with / before it, or None: no PUBLISH; bytes, retained, what).

        what: verdict of the site, "link": refused before that, "foreign" or "future": counter of the
        acknowledgements, None: nothing at all.
        """
        way = self.dice.one((self.genuine, self.genuine, self.damaged, self.damaged, self.junk, self.ack, self.stray))
        return way()

    def genuine(self):
        """Signed by a trusted key, and not to be obeyed."""
        wide, below = {1: [80000, 3600, 80000]}, self.dice.below
        what, raw = self.dice.one(
            (
                (o.V_DEVICE, lambda: self.signed(self.body(t.LEASE, wide, DEVICE="other"), "operator")),
                (o.V_EXPIRED, lambda: self.signed(self.body(t.LEASE, wide, EXPIRES=UTC_S - 1), "operator")),
                (o.V_EARLY, lambda: self.signed(self.body(t.LEASE, wide, NOT_BEFORE=UTC_S + 10**7), "operator")),
                (o.V_ROLE, lambda: self.signed(self.body(t.MODE, {1: 1}), "operator")),
                (o.V_ROLE, lambda: self.signed(self.body(t.LEASE, wide), "engineer")),
                (o.V_LOOSER, lambda: self.signed(self.body(t.LEASE, {1: [80001 + below(10**5), 9, 0]}), "operator")),
                (o.V_LOOSER, lambda: self.signed(self.body(t.NARROW, {2: 80001, 3: 9}), "engineer")),
                (o.V_PACK, lambda: self.signed(self.body(t.LEASE, wide, PACK=1 + below(60)), "operator")),
                (o.V_REASON, lambda: self.signed(self.body(t.ACKNOWLEDGE, {}), "engineer")),
                (o.V_FIELD, lambda: self.signed(self.body(t.LEASE, self.odd()), "operator")),
                (o.V_FIELD, lambda: self.signed(self.dice.one(([], 5, {1: "x"}, {1: DEVICE, 2: True})), "operator")),
                (o.V_TYPE, lambda: self.signed(self.body(t.LEASE, wide), "operator", kind=self.dice.one((1, 2, 4, 9)))),
                (o.V_COUNTER, lambda: self.dice.one(self.seen)),
                (0, lambda: self.dice.one(self.seen)),
            )
        )
        if what == o.V_COUNTER and not self.seen:
            what, raw = o.V_SIGNATURE, lambda: b""
        if what == 0:  # a genuine one that the broker kept
            return "ord", raw() if self.seen else b"", True, o.V_DONE
        return "ord", raw(), False, what

    def odd(self):
        """Parameters of a lease that are none."""
        rows = (
            {},
            {1: 5},
            {1: [1, 2]},
            {1: [True, 5, 0]},
            {1: [5, 5, 6]},
            {3: [5, 5, 5]},
            {1: [5, 0, 5]},
            {"1": [5, 5, 0]},
        )
        return self.dice.one(rows + ({1: [-1, 5, -1]}, {1: [None, 5, 0]}, {1: [1 << 60, 5, 0]}))

    def damaged(self):
        """A valid order with something done to it, or signed with another secret."""
        wide = {1: [80000, 3600, 80000], 2: [80000, 3600, 80000]}
        raw = self.signed(self.body(t.LEASE, wide), "operator")
        kind = self.dice.below(7)
        if kind == 0:
            raw = raw[: self.dice.below(len(raw))]
        elif kind == 1:
            raw += self.dice.noise(1 + self.dice.below(40))
        elif kind == 2:
            raw = self.signed(self.body(t.LEASE, wide), "operator", secret=SECRETS["engineer"])
        elif kind == 3:
            raw = raw.replace(id_of("operator"), id_of("commission"))
        elif kind == 4:
            at = self.dice.below(len(raw))
            raw = raw[:at] + self.dice.noise(1) + raw[at:]
        else:
            changed = bytearray(raw)
            for _ in range(1 if kind == 5 else 1 + self.dice.below(5)):
                at = self.dice.below(8 * len(raw))
                changed[at // 8] ^= 1 << at % 8
            if changed == raw:
                changed[0] ^= 1
            raw = bytes(changed)
        return "ord", raw, False, o.V_SIGNATURE

    def junk(self):
        """Bytes that are no document, some of them huge or deep."""
        below, kind = self.dice.below, self.dice.below(9)
        raw = self.dice.noise(below(200))
        if kind == 0:
            raw = self.dice.one((b"\x81", b"\xa1\x00", b"\x9f", b"\xd8\x01", b"\xbf")) * (1 + below(1800))
        elif kind == 1:
            raw = self.dice.one((b"\x9b", b"\xbb", b"\x5b", b"\x7b")) + b"\xff" * 8 + raw
        elif kind == 2:
            raw = self.dice.one((b"\x00", b"\xff", b"{")) * (4000 + below(20000))
        elif kind == 3:
            raw = self.dice.one((b"", b"online", b'{"action": "lease"}', b"\xf9\x7e\x00", b"\xfb" + b"\x7f\xf0" * 4))
        elif kind == 4:
            raw = cbor.encode({1: 3, 2: 1, 3: b"\x81" * (1 + below(3000)), 4: id_of("operator"), 5: raw[:32]})
        elif kind == 5:  # deep, and genuine: the body is read only then
            raw = self.signed(b"\x81" * (1 + below(3000)), "operator")
        return "ord", raw, below(10) == 0, o.V_SIGNATURE

    def ack(self):
        """An acknowledgement that is not genuine, of the future, or long past."""
        top, kind, below = self.box.seq, self.dice.below(8), self.dice.below
        good = acks.make(ACK_DEVICE, KEY, 101, top, self.backend.now_ms + 10**6)
        if kind == 0:
            return "ack", acks.make(ACK_DEVICE, KEY, 101, top + 1 + below(10**6), below(10**9)), True, "future"
        if kind == 1:
            other = acks.make("other", KEY, 101, top, 10**9)
            return "ack", self.dice.one((other, acks.make(ACK_DEVICE, None, 101, top, 10**9))), True, "foreign"
        if kind == 2:
            return "ack", acks.make(ACK_DEVICE, KEY, 99 + 3 * below(2), below(10**6), 1), False, "foreign"
        if kind == 3 and self.acks:
            return "ack", self.dice.one(self.acks), True, None
        if kind == 4:
            return "ack", acks.make(ACK_DEVICE, self.dice.noise(32), 101, 0, 10**9, 1), True, "foreign"
        if kind == 5:
            return "ack", self.dice.noise(below(60)), False, "foreign"
        if kind == 6:
            return "ack", good[: below(len(good))], True, "foreign"
        changed = bytearray(good)
        at = below(8 * len(good))
        changed[at // 8] ^= 1 << at % 8
        return "ack", bytes(changed), True, "foreign"

    def stray(self):
        """What is not for us, and packets that are no PUBLISH."""
        raw = self.dice.one(self.seen) if self.seen else b"x"
        topic = self.dice.one(
            ("/spBv1.0/demo/NCMD/test", "/spBv1.0/demo/DCMD/test/pack-1", "cmd", "ord/x", "rec", "rsp", "", "/", "/x")
            + ("/bess/v1/demo/test/other/ord", "/bess/v1/demo/test/test/ORD", "/STATE/host", None)
        )
        if topic is None:
            raw = self.dice.one((b"", b"\x00", b"\xff\xff" + raw, b"\x00\x02\xff\xfe\x00\x01" + raw, b"\x00\x09ab"))
        return topic, raw, self.dice.below(2) == 0, None
