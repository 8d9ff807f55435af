# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The form of an order and the terms it sets: a value, its end, and what holds afterwards.

The body of an order is {1: device, 2: counter, 3: not before (UTC s), 4: expires (UTC s), 5: action, 6: index of
the pack (absent: all), 7: parameters, 8: reason}. Parameters: lease {1 charge, 2 discharge: [mA, seconds, mA
afterwards]}; narrow {1, 2: mA, 3: seconds}; grade {1: the whole certificate}; acknowledge {}; mode {1: 0 observe,
1 control}; power {1: W, + charges, 2: seconds}; stop {1: 1 stop, 0 release};
update {1: SHA-256 of the manifest, 2: bytes of the bundle, 3: its roll-back number}.
"""

from edge.core.faults import E_ORDER
from edge.core.limits import S_CONTRACT
from edge.core.records import Record
from edge.core.registry import KEYS

# Types of documents, as docs/CERTIFICATE.md numbers them.
CERTIFICATE, ORDER = 1, 3
MAX_BYTES = 4096
# Keys of the body.
K_DEVICE, K_COUNTER, K_NOT_BEFORE, K_EXPIRES, K_ACTION, K_PACK, K_PARAMS, K_REASON = range(1, 9)
NEEDED = (K_DEVICE, K_COUNTER, K_NOT_BEFORE, K_EXPIRES, K_ACTION, K_PARAMS)
# Actions; numbers are never used again for something else.
ACTIONS = ("none", "lease", "narrow", "grade", "acknowledge", "mode", "power", "stop", "update")
LEASE, NARROW, GRADE, ACKNOWLEDGE, MODE, POWER, STOP, UPDATE = range(1, 9)
MAX_UPDATE_BYTES = 1 << 24
MAX_COUNTER = 1 << 53
MAX_UTC_S = 1 << 33
MAX_MA = 2000000  # as edge.core.settings
MAX_LEASE_S = 400 * 86400
MAX_NARROW_S = 8 * 3600
MAX_REASON = 200


# What the key of a role may ask for.
ROLES = {
    "grade": (GRADE,),
    "operator": (LEASE, POWER, STOP),
    "engineer": (NARROW, ACKNOWLEDGE, STOP, UPDATE),
    "commission": (LEASE, NARROW, ACKNOWLEDGE, MODE, POWER, STOP, UPDATE),
    "release": (),
}
# What became of an order; codes go upstream: append only.
VERDICTS = (
    "none",
    "in force",
    "waits until it is durable",
    "larger than an order may be",
    "signature not believed",
    "no order",
    "a field is missing, unknown or out of range",
    "for another device",
    "counter was used before",
    "the key's role may not",
    "only tightening is taken without a trusted clock",
    "not valid yet",
    "expired",
    "no such pack",
    "looser than a source above it",
    "needs a reason",
    "certificate refused",
    "too many orders wait",
    "a lock of this pack needs a signed grade of a later day",
    "holds from before the used counters were lost: sign it anew, five minutes later",
    "this controller is not updated by orders: install the new version on it",
    "an update is announced: it is being fetched",
    "an update is whole: it starts when the site permits",
    "an update below the roll-back number of this device",
    "an update that is not what its manifest says",
    "an update that is not signed by a release key of this device",
    "an update for another device or another kind of board",
    "no room for an update",
    "an update that nobody sends any more",
)


def whole(value, low, high):
    """True when value is an integer (never a bool or a float) from low to high."""
    return type(value) is int and low <= value <= high


def is_order(body):
    """True when body has the keys of an order, and each of them its type and range."""
    if not isinstance(body, dict) or None in [body.get(key) for key in NEEDED]:
        return False
    for key in body:
        if not whole(key, K_DEVICE, K_REASON):
            return False
    reason = body.get(K_REASON, "")
    return (
        isinstance(body[K_DEVICE], str)
        and whole(body[K_COUNTER], 1, MAX_COUNTER)
        and whole(body[K_NOT_BEFORE], 0, MAX_UTC_S)
        and whole(body[K_EXPIRES], body[K_NOT_BEFORE], MAX_UTC_S)
        and whole(body[K_ACTION], LEASE, UPDATE)
        and whole(body.get(K_PACK, 0), 0, 63)
        and isinstance(body[K_PARAMS], dict)
        and isinstance(reason, str)
        and len(reason) <= MAX_REASON
    )


def leased(params):
    """[(side, value, seconds, value afterwards), ...] of a lease, or None when a field is wrong."""
    rows = []
    for key in params:
        row = params[key]
        if not whole(key, 1, 2) or not isinstance(row, (list, tuple)) or len(row) != 3:
            return None
        if not (whole(row[0], 0, MAX_MA) and whole(row[1], 1, MAX_LEASE_S) and whole(row[2], 0, row[0])):
            return None
        rows.append((key - 1, row[0], row[1], row[2]))
    return sorted(rows) or None


def narrowed(params):
    """[(side, value, seconds, None), ...] of an engineer's narrowing, or None when a field is wrong."""
    rows = []
    if not whole(params.get(3), 1, MAX_NARROW_S):
        return None
    for key in params:
        if key != 3:
            if not whole(key, 1, 2) or not whole(params[key], 0, MAX_MA):
                return None
            rows.append((key - 1, params[key], params[3], None))
    return sorted(rows) or None


def switch(params):
    """0 or 1 of {1: 0 or 1}, or None."""
    return params[1] if len(params) == 1 and whole(params.get(1), 0, 1) else None


def envelope(pack, key):
    """The most that an order may name: the least of the maker, the test centre and the contract of the settings."""
    return min(pack["maker"][key], pack["grade"][key], (pack.get("contract") or pack["maker"])[key])


def is_update(params):
    """True for the parameters of an update."""
    digest = params.get(1)
    return (
        len(params) == 3
        and isinstance(digest, bytes)
        and len(digest) == 32
        and whole(params.get(2), 1, MAX_UPDATE_BYTES)
        and whole(params.get(3), 0, MAX_UTC_S)
    )


class Term:
    """A value with its end. after: what holds then (None: nothing more). until_ms: None while it is void.
    until_s: its end by the wall clock, None when that was not known. left_ms: what is left of a void one."""

    def __init__(self, value, after, until_ms, until_s, left_ms=0):
        self.value = value
        self.after = after
        self.until_ms = until_ms
        self.until_s = until_s
        self.left_ms = left_ms

    def paper(self, source):
        """As edge.core.limits.in_force and the guard read it."""
        if self.until_ms is None:
            return (source, self.after, None, None)
        return (source, self.value, self.until_ms, self.after)

    def now(self, now_ms):
        """The value that holds now."""
        return self.value if self.until_ms is not None and now_ms < self.until_ms else self.after

    def tightens(self, now_ms, other):
        """True when this one never allows more than other (Term or None) would, now and later."""
        if other is None:
            return True
        if self.value > other.now(now_ms) or self.after > other.after:
            return False
        return self.value <= other.after or self.until_ms <= other.until_ms

    def left_s(self, now_ms, up):
        """Seconds left, rounded up (1) or down (0)."""
        left_ms = self.left_ms if self.until_ms is None else max(self.until_ms - now_ms, 0)
        return (left_ms + 999 * up) // 1000


def stored(items, now_ms):
    """((place, Term), ...) as rows for the store: left is rounded down for a lease, up for a narrowing."""
    rows = []
    for place, term in items:
        up = 0 if place[2] == S_CONTRACT else 1
        rows.append([place[0], place[1], place[2], term.value, term.after, term.left_s(now_ms, up), term.until_s])
    return rows


def terms_of(rows, now_ms):
    """[(place, Term), ...] of rows that stored() made: a lease is void, a narrowing goes on."""
    found = []
    for name, side, source, value, after, left_s, until_s in rows:
        until_ms = None if source == S_CONTRACT else now_ms + left_s * 1000
        found.append(((name, side, source), Term(value, after, until_ms, until_s, left_s * 1000)))
    return found


def plain(operation, now_ms):
    """An operation as a row for the store."""
    return ["terms", stored(operation[1], now_ms)] if operation[0] == "terms" else list(operation)


def record(now_ms, utc, verdict, told, refused):
    """The record that tells what became of an order. told: (action, counter, key, digest, pack, reason), or None when
    it was not read so far; refused: refusals that were only counted."""
    action, counter, key, digest, pack, reason = told or (None,) * 6
    values = (
        (KEYS["event"], E_ORDER),
        (KEYS["detail"], refused),
        (KEYS["order_counter"], counter),
        (KEYS["order_action"], action),
        (KEYS["order_verdict"], verdict),
        (KEYS["order_key"], key),
        (KEYS["order_hash"], digest),
        (KEYS["order_reason"], reason),
    )
    pairs = tuple(sorted([pair for pair in values if pair[1] is not None]))
    wall_ms = None if utc[0] is None else utc[0] * 1000
    return Record("E", -1 if pack is None else pack, now_ms, wall_ms, utc[1], pairs)
