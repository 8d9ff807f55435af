# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The Uplink port of a Linux gateway: paho-mqtt in one thread of its own, the outbox in front of it.

paho is not a store: each session gets a new client, and only the window of the outbox is ever in its
hands. The control thread only appends to the outbox under a short lock. Whatever the broker or the
network does happens in the uplink's thread.
"""

import contextlib
import select
import socket
import ssl
import threading
import time

import paho.mqtt.client as paho

from edge.shell import gateway_tls, link
from edge.shell.outbox import Outbox

LIMIT_BYTES = 8 * 1024 * 1024
CONNECT_S = 5.0
TICK_S = 0.2  # longest sleep of the thread: resend, keep-alive and deadlines are looked at
INFLIGHT = 512  # above every window: the outbox is the only queue
ANSWER_MS = 10000  # PUBACK overdue: the connection is dead
# Between two turns of a thread that is at work: a name server that is silent takes half a minute, the TLS handshake of
# paho a keep-alive (60 s at most), and a connect CONNECT_S for each address.
ALIVE_MS = 180000


class LinkError(OSError):
    """The session is over; the text says why."""


class GatewayUplink:
    """Uplink port over paho-mqtt.

    settings: the checked settings dict; epoch: random integer, new at each start; boot: start count; clock:
    Clock port (now_ms); limit_bytes: RAM of the outbox; outbox: Backlog in its place. tls: function
    that gives an ssl.SSLContext (OSError when it cannot), or None.
    start() and stop() run the thread. connected: the broker took our subscription. log: last change of the link.
    refused: text while a certificate is not accepted, None otherwise.
    """

    def __init__(self, settings, epoch, boot, clock, limit_bytes=LIMIT_BYTES, tls=None, outbox=None):
        self.outbox = outbox or Outbox(settings["device"], epoch, boot, limit_bytes, key=link.ack_key(settings))
        self.connected = False
        self.log = "never connected"
        self.refused = None
        self.reconnects = 0
        self._place = settings["uplink"]
        self._device = settings["device"]
        self._root = link.topic_root(settings)
        self._clock = clock
        self._tls = tls
        self._backoff = link.Backoff(epoch)
        self._orders = link.Orders()
        self._gather = link.Gather(1000 * self._place.get("gather_s", 0))
        self._replies = link.Replies()
        self._form = link.form_of(settings)
        self._home = link.home_of(settings)
        self._lock = threading.Lock()
        # a Backlog has a lock of its own: this one would hold up offer() while it reads the disk
        self._outbox_lock = self._lock if outbox is None else contextlib.nullcontext()
        self._stop = threading.Event()
        self._thread = None
        self._waiting = {}  # paho message number -> time of publishing
        self._failure = None
        self._turn_ms = 0  # time of the thread's last turn
        self._met = False  # the broker answered our CONNECT
        self._awake = False  # a wake-up byte is on its way
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    @property
    def backlog(self):
        """Number of records that the backend has not acknowledged."""
        return self.outbox.backlog

    @property
    def last_ack_ms(self):
        """Monotonic time of the last acknowledgement, None before the first."""
        return self.outbox.last_ack_ms

    @property
    def lost(self):
        """Number of records dropped and declared."""
        return self.outbox.dropped

    @property
    def seq(self):
        """Last sequence number given."""
        return self.outbox.seq

    def offer(self, record):
        """Take `record` (edge.core.records.Record) and return its sequence number at once. Never raises."""
        with self._outbox_lock:
            seq = self.outbox.append(record)
        self._gather.offered(record)
        self._replies.look(record)
        if self._home is not None:
            self._home.look(record)
        if self.connected and not self._awake:
            self._awake = True
            try:
                self._wake_in.send(b"x")
            except OSError:
                pass  # full: the thread wakes anyway
        return seq

    def orders(self):
        """Return the list of order payloads (bytes, not verified) that arrived since the last call."""
        with self._lock:
            return self._orders.take()

    def start(self):
        """Start the uplink's thread."""
        self._turn_ms = self._clock.now_ms()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self._thread.start()
        return self

    def is_alive(self):
        """True while the thread runs and does not hang, whatever the broker does."""
        turning = self._clock.now_ms() - self._turn_ms <= ALIVE_MS
        return turning and self._thread is not None and self._thread.is_alive()

    def stop(self):
        """End the thread; waits at most about CONNECT_S. What was not acknowledged is lost with the RAM."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(CONNECT_S + 2)
            self._thread = None

    def _run(self):
        """Thread: one session after the other, with back-off between them."""
        while not self._stop.is_set():
            start_ms = self._turn_ms = self._clock.now_ms()
            try:
                self._session()
            except Exception as error:  # noqa: BLE001 - the one broad catch of this shell: the link must come back
                self.log = f"link lost: {error}"
            self.connected = False
            self.reconnects += 1
            self._stop.wait(self._backoff.next_ms(self._clock.now_ms() - start_ms) / 1000)

    def _client(self):
        """Return a new paho client: nothing of the last session is left in it."""
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=self._device,
            clean_session=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_S
        client.on_socket_open = at_once
        client.max_inflight_messages_set(INFLIGHT)
        client.will_set(self._root + "status", b"offline", qos=1, retain=True)
        if self._tls is not None:
            client.tls_set_context(self._tls())
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def _session(self):
        """One connection, from connect to its end by LinkError (or to stop())."""
        self._waiting.clear()
        self._failure = None
        self._met = False
        client = self._client()
        try:
            self._connect(client)
            start_ms = self._clock.now_ms()
            while not self._stop.is_set():
                self._serve(client)
                now_ms = self._turn_ms = self._clock.now_ms()
                if self.connected:
                    self._pump(client, now_ms)
                elif now_ms - start_ms > CONNECT_S * 1000:
                    raise LinkError("broker does not answer")
                self._check(now_ms)
            client.publish(self._root + "status", b"offline", qos=1, retain=True)
            client.disconnect()
        finally:
            self.connected = False
            self._close(client)

    def _connect(self, client):
        """TCP, the TLS handshake and CONNECT; LinkError says what TLS did not like."""
        try:
            client.connect(self._place["host"], self._place["port"], self._place["keepalive_s"])
        except ssl.SSLError as error:
            raise self._refused(gateway_tls.why(error)) from error

    def _serve(self, client):
        """Wait for the socket, a new record or the tick, and let paho read and write."""
        sock = client.socket()
        if sock is None:
            raise self._gone("broker closed the connection")
        writers = [sock] if client.want_write() else []
        waiting = self._tls is not None and sock.pending()  # decrypted already: select does not see it
        readable, writable, _ = select.select([sock, self._wake_out], writers, [], 0 if waiting else TICK_S)
        if waiting and sock not in readable:
            readable.append(sock)
        if self._wake_out in readable:
            self._wake_out.recv(64)
            self._awake = False
        codes = [client.loop_read() if sock in readable else 0]
        codes.append(client.loop_write() if sock in writable else 0)
        codes.append(client.loop_misc())
        for code in codes:
            if code:
                raise self._gone(paho.error_string(code))

    def _gone(self, text):
        """The LinkError for a connection that ended. With TLS 1.3 a broker refuses our certificate like that."""
        return LinkError(text) if self._tls is None or self._met else self._refused(gateway_tls.REFUSED)

    def _refused(self, text):
        """The LinkError of a handshake that failed; while it is about a certificate, `refused` says so."""
        if "certificate" in text:
            self.refused = text
        return LinkError(text)

    def _pump(self, client, now_ms):
        """Give paho the replies to orders, and the records that the window allows."""
        while (data := self._replies.take()) is not None:
            self._publish(client, "rsp", data, now_ms)
        while self._home is not None and (item := self._home.take(now_ms)) is not None:
            self._waiting[client.publish(item[0], item[1], qos=1, retain=item[2]).mid] = now_ms
        if self._gather.holds(now_ms, self.outbox):
            return
        self._cork(client, 1)  # what goes together goes in few segments
        while True:
            with self._outbox_lock:
                item = self.outbox.take(now_ms)
            if item is None:
                break
            self._publish(client, "rec", item[1], now_ms)
        self._cork(client, 0)

    def _cork(self, client, on):
        """Where the system can: nothing but full segments leave until the cork is out."""
        sock = client.socket()
        if sock is not None and hasattr(socket, "TCP_CORK"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, on)

    def _publish(self, client, last, data, now_ms):
        info = client.publish(self._root + last, self._form(data), qos=1)
        self._waiting[info.mid] = now_ms

    def _check(self, now_ms):
        """Raise LinkError when paho reported one or a PUBACK is overdue."""
        if self._failure is not None:
            raise LinkError(self._failure)
        oldest_ms = min(self._waiting.values(), default=now_ms)
        if now_ms - oldest_ms > ANSWER_MS:
            raise LinkError(f"no PUBACK for {now_ms - oldest_ms} ms")

    def _close(self, client):
        """Close the socket of a client at once, whatever state it is in."""
        sock = client.socket()
        client.on_disconnect = None
        if sock is not None:
            sock.close()

    def _on_connect(self, client, _userdata, _flags, reason, _properties):
        self._met = True
        if reason.is_failure:
            self._failure = f"broker refuses: {reason}"
        else:
            home = [(link.HOME_STATUS, 1)] if self._home is not None else []
            client.subscribe([(self._root + "ack", 1), (self._root + "ord", 1), *home])

    def _on_subscribe(self, client, _userdata, _mid, reasons, _properties):
        if any(reason.is_failure for reason in reasons[:2]):  # the third only serves Home Assistant
            self._failure = "broker refuses a subscription"
            return
        client.publish(self._root + "status", b"online", qos=1, retain=True)
        with self._outbox_lock:
            self.outbox.rewind(self._clock.now_ms())
        if self._home is not None:
            self._home.connected()
        self.log = "connected"
        self.refused = None
        self.connected = True

    def _on_publish(self, _client, _userdata, mid, _reason, _properties):
        self._waiting.pop(mid, None)

    def _on_message(self, _client, _userdata, message):
        if message.topic == self._root + "ack":
            with self._outbox_lock:
                self.outbox.ack(message.payload, self._clock.now_ms())
        elif message.topic == self._root + "ord":
            with self._lock:
                self._orders.put(message.payload, message.retain)
        elif message.topic == link.HOME_STATUS and self._home is not None:
            self._home.heard(message.payload)


def at_once(_client, _userdata, sock):
    """on_socket_open of a paho client: a small packet does not wait for the answer to the one before (Nagle), which the
    other side delays by 40 ms."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class MonotonicClock:
    """now_ms() of the host: for tests and tools that need no wall time."""

    def now_ms(self):
        """Return monotonic milliseconds."""
        return time.monotonic_ns() // 1000000
