# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What the two uplinks share beside the outbox: topics, back-off, the inbox of orders and the replies to them."""

from edge.core.registry import KEYS
from edge.shell import cbor

BACKOFF_MIN_MS = 100
BACKOFF_MAX_MS = 10000
STEADY_MS = 3000  # a session that lived so long starts the back-off anew
MAX_ORDERS = 16  # orders that wait for the core; more are refused and counted
MAX_ORDER_BYTES = 4096
MAX_REPLIES = 16  # that wait for a connection; the records tell the rest
HOME_STATUS = "homeassistant/status"
ORDER_VERDICT = KEYS["order_verdict"]


def topic_root(settings):
    """Return the topic of the device without its last part, from the settings' org, site and device."""
    return "bess/v1/%s/%s/%s/" % (settings["org"], settings["site"], settings["device"])


def ack_key(settings):
    """Secret (bytes) that signs the acknowledgements, or None: the site takes unsigned ones."""
    return bytes.fromhex(settings["uplink"].get("ack_key") or "") or None


def form_of(settings):
    """form(payload): what travels for the CBOR bytes of an envelope; JSON when the settings ask for it."""
    if settings["uplink"].get("format") == "json":
        from edge.shell.as_json import to_json

        return to_json
    return _as_it_is


def home_of(settings):
    """edge.shell.home_assistant.HomeAssistant, or None: the settings do not ask for it."""
    if not settings["uplink"].get("home_assistant_s"):
        return None
    from edge.shell.home_assistant import HomeAssistant

    return HomeAssistant(settings)


def _as_it_is(payload):
    return payload


class Backoff:
    """Waiting times between sessions, with jitter, so that a fleet does not reconnect in step.

    seed: any integer, different per device (the epoch).
    """

    def __init__(self, seed):
        self._state = seed & 0x3FFFFFFF | 1
        self._ms = BACKOFF_MIN_MS

    def next_ms(self, lived_ms):
        """Return how long to wait after a session of lived_ms: half to all of 0.1 s, doubling to 10 s."""
        if lived_ms >= STEADY_MS:
            self._ms = BACKOFF_MIN_MS
        wait_ms = self._ms
        self._ms = min(wait_ms * 2, BACKOFF_MAX_MS)
        self._state = (self._state * 1103515245 + 12345) & 0x3FFFFFFF
        return wait_ms // 2 + (self._state >> 8) % (wait_ms // 2 + 1)


class Orders:
    """Inbox of raw orders, bounded. refused: retained (old), oversize or too many."""

    def __init__(self):
        self.refused = 0
        self._waiting = []

    def put(self, payload, retained):
        """Keep the bytes of one order for the core, or refuse and count it."""
        if retained or len(self._waiting) >= MAX_ORDERS or len(payload) > MAX_ORDER_BYTES:
            self.refused += 1
        else:
            self._waiting.append(payload)

    def take(self):
        """Return the list of waiting orders (bytes, not verified) and empty the inbox."""
        waiting, self._waiting = self._waiting, []
        return waiting


class Replies:
    """What became of orders, for whoever waits on .../rsp; the proof is the record. look() and take() may be called by
    different threads."""

    def __init__(self):
        self._waiting = []

    def look(self, record):
        """Keep `record` when it tells of an order."""
        if record.cls == "E" and len(self._waiting) < MAX_REPLIES:
            for pair in record.pairs:
                if pair[0] == ORDER_VERDICT:
                    self._waiting.append(record)

    def take(self):
        """The payload of the next reply, or None."""
        while self._waiting:
            try:
                return reply(self._waiting.pop(0))
            except ValueError:  # no encoding: the outbox has declared it
                pass
        return None


def reply(record):
    """A record about an order as the payload of a reply: the envelope without epoch, number, start and class."""
    _, pack, mono_ms, wall_ms, clock_quality, pairs = record
    fields = {0: 1, 4: mono_ms, 6: clock_quality, 8: pack, 9: dict(pairs)}
    if wall_ms is not None:
        fields[5] = wall_ms
    return cbor.encode(fields)


class Gather:
    """Lets telemetry and minutes wait for company: what each sending costs in TCP, TLS and answers is more than they
    are. gather_ms: how long at most; 0: nothing waits. Everything else goes at once and takes along what waits.
    """

    def __init__(self, gather_ms):
        self._gather_ms = gather_ms
        self._waits = self._urgent = False
        self._since_ms = None

    def offered(self, record):
        """A record came."""
        self._urgent = self._urgent or record.cls not in "TM"
        self._waits = True

    def holds(self, now_ms, outbox):
        """True while what came last may wait; not while there is a backlog to send, or an answer to wait for."""
        if not self._gather_ms or not self._waits:
            return False
        if self._since_ms is None:
            self._since_ms = now_ms
        young = now_ms - self._since_ms < self._gather_ms
        if young and not self._urgent and not outbox.flight and outbox.backlog < outbox.window:
            return True
        self._waits = self._urgent = False
        self._since_ms = None
        return False
