# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""Gives an order to a device through its broker and hears on .../rsp what became of it.

A reply is not signed: it is for the person who waits. The proof is the record of the same content that the receiver
has (docs/UPLINK.md).
"""

import hashlib
import queue
import time
from collections import namedtuple

from edge.core.orders import V_FETCHING, V_WAITS, VERDICTS
from edge.core.registry import KEYS
from host_tools.envelopes import envelope_of
from host_tools.receiver import new_client

TAKE_S = 10.0  # for the broker: to answer, to let us listen, to take the order

# verdict: code of edge.core.orders.VERDICTS; reason: text or None; ours: False when the device could not tell which
# order it speaks of (it did not believe one, or it was too long).
Reply = namedtuple("Reply", ("verdict", "reason", "ours"))


def reply_of(payload, digest):
    """The Reply in the bytes of a message about the order with that SHA-256 (hex text); None: about another one."""
    try:
        body = envelope_of(payload).get(9)
        verdict, named = body.get(KEYS["order_verdict"]), body.get(KEYS["order_hash"])
    except (AttributeError, ValueError):
        return None
    if type(verdict) is not int or not 0 < verdict < len(VERDICTS) or named not in (None, digest):
        return None
    reason = body.get(KEYS["order_reason"])
    return Reply(verdict, reason if isinstance(reason, str) else None, named is not None)


def is_last(reply):
    """True when nothing follows this Reply of the same order."""
    return reply.verdict not in (V_WAITS, V_FETCHING)


def exchange(host, port, root, data, wait_s, tls=None, chunks=None):
    """Give the order `data` to the device with the topic root `root`, then yield each Reply that comes within wait_s.

    tls: ssl.SSLContext or None. chunks: host_tools.chunks.Chunks of an update: what the device asks for is sent, and
    wait_s begins anew with each piece. Raises OSError; TimeoutError when the broker does not take it.
    """
    events: queue.Queue = queue.Queue()
    client = new_client(tls=tls)
    client.on_connect = lambda client, _data, _flags, reason, _more: (
        events.put(("refused", str(reason))) if reason.is_failure else client.subscribe(root + "rsp", qos=1)
    )
    client.on_subscribe = lambda *_: events.put(("listening", None))
    client.on_publish = lambda *_: events.put(("taken", None))
    client.on_message = lambda _client, _data, message: events.put(("message", message.payload))
    client.connect(host, port, 20)
    client.loop_start()
    try:
        _until(events, "listening")
        client.publish(root + "ord", data, qos=1, retain=False)
        early = _until(events, "taken")
        give = None if chunks is None else _giver(client, root, chunks)
        yield from _replies(events, early, hashlib.sha256(data).hexdigest(), wait_s, give)
    finally:
        client.disconnect()
        client.loop_stop()


def _until(events, wanted):
    """Wait for an event; the messages that came before it. TimeoutError when it does not come."""
    deadline_s = time.monotonic() + TAKE_S
    messages = []
    while True:
        try:
            what, detail = events.get(timeout=max(deadline_s - time.monotonic(), 0))
        except queue.Empty:
            raise TimeoutError("the broker did not answer") from None
        if what == "refused":
            raise TimeoutError("the broker refuses: %s" % detail)
        if what == wanted:
            return messages
        messages.append(detail)


def _giver(client, root, chunks):
    """give(payload): answers a request for pieces; True when it was one. What is lost the board asks for again."""

    def give(payload):
        parts = chunks.answer(payload)
        for part in parts:
            client.publish(root + "upd", part, qos=0, retain=False)
        return bool(parts)

    return give


def _replies(events, messages, digest, wait_s, give):
    """Yield each Reply about the order `digest` in messages and events. give: _giver(), or None."""
    deadline_s = time.monotonic() + wait_s
    while True:
        for payload in messages:
            if give is not None and give(payload):
                deadline_s = time.monotonic() + wait_s
                continue
            reply = reply_of(payload, digest)
            if reply is not None:
                yield reply
                if is_last(reply):
                    return
        try:
            messages = [events.get(timeout=max(deadline_s - time.monotonic(), 0))[1] or b""]
        except queue.Empty:
            return
