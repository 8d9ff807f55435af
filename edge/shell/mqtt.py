# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A small MQTT 3.1.1 client on asyncio streams: QoS 1, last will, keep-alive, a deadline on every wait.

One write per packet. No queue and no reconnect: the outbox is the store, the uplink reconnects. Errors of
the link are OSErrors. Runs unchanged on CPython and MicroPython. Time is an argument (now_ms). Two tasks
may use a Client: one that calls receive() for ever, and one that does everything else and is the only
one that writes. receive() waits for as long as the peer is quiet: service() in the other task is its
deadline.
"""

import asyncio

CONNECT_MS = 5000  # TCP connect, CONNECT..CONNACK and SUBSCRIBE..SUBACK, each
ANSWER_MS = 10000  # PUBACK and PINGRESP
MAX_PACKET = 4096  # of an incoming packet: a longer one is read, acknowledged and thrown away
MAX_RECEIVED = 256  # messages that wait for our PUBACK: a flood ends the connection
_MAX_LENGTH = 268435455

_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _PINGRESP = 0x20, 0x30, 0x40, 0x90, 0xD0


class MqttError(OSError):
    """The link or the broker failed; the connection is of no more use."""


def text_field(data):
    """Return `data` (str or bytes) as an MQTT field: two bytes of length, then the bytes."""
    if isinstance(data, str):
        data = data.encode()
    if len(data) > 0xFFFF:
        raise MqttError("field of more than 65535 bytes")
    return len(data).to_bytes(2, "big") + data


def packet(first, *parts):
    """Return one MQTT packet: first byte, remaining length, the joined parts."""
    body = b"".join(parts)
    length = len(body)
    if length > _MAX_LENGTH:
        raise MqttError("packet too long")
    head = bytearray((first,))
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head) + body


def connect_packet(client_id, keepalive_s, will, user, password):
    """Return the CONNECT packet, clean session. will: (topic, payload) sent at QoS 1, retained, or None.

    A third item of will that is False: not retained.
    """
    flags = 0x02
    parts = [text_field(client_id)]
    if will:
        flags |= 0x2C if len(will) < 3 or will[2] else 0x0C
        parts.append(text_field(will[0]))
        parts.append(text_field(will[1]))
    if user is not None:
        flags |= 0x80
        parts.append(text_field(user))
    if password is not None:
        flags |= 0x40
        parts.append(text_field(password))
    fixed = b"\x00\x04MQTT\x04" + bytes((flags,)) + keepalive_s.to_bytes(2, "big")
    return packet(0x10, fixed, *parts)


class Dialer:
    """Opens TCP (or TLS) connections with a deadline, never more than one at a time.

    A connect that is not ready in time is not abandoned (MicroPython would leak its socket): the next call
    waits for the same one. host should be numeric: a name is looked up by open_connection, which blocks on
    MicroPython. tls: function that gives an ssl context with verification on (OSError or ValueError when it cannot), or
    None; the broker's certificate has to carry host. opened: number of connections that open() gave.
    """

    def __init__(self, host, port, tls=None):
        self.host = host
        self.port = port
        self.opened = 0
        self._tls = tls
        self._task = None
        self._streams = None
        self._error = None

    async def _open(self):
        """Keep the result, so that no task ends with an exception that nobody awaits."""
        try:
            extra = {"ssl": self._tls(), "server_hostname": self.host} if self._tls else {}
            self._streams = await asyncio.open_connection(self.host, self.port, **extra)
        except (OSError, ValueError, MemoryError) as error:  # ValueError: TLS on MicroPython
            self._error = error

    async def open(self, timeout_ms):
        """Return (reader, writer); MqttError when refused or not ready after about timeout_ms."""
        if self._task is None:
            self._streams = self._error = None
            self._task = asyncio.create_task(self._open())
        waited_ms, step_ms = 0, 2
        while not self._task.done():
            if waited_ms >= timeout_ms:
                raise MqttError("no connection after %d ms" % waited_ms)
            await asyncio.sleep(step_ms / 1000)
            waited_ms += step_ms
            step_ms = min(step_ms * 2, 50)
        self._task = None
        if self._streams is None:
            raise MqttError("no connection: %s" % self._error)
        streams, self._streams = self._streams, None
        self.opened += 1
        return streams

    def cancel(self):
        """Give up a connect that is still on its way: at the end of the program."""
        if self._task is not None:
            self._task.cancel()
            self._task = None


class Client:
    """One connection, from connect() to close(); make a new one for the next.

    dialer: Dialer; client_id: name at the broker; keepalive_s: 5 to 60. on_message(topic str, payload
    bytes, retained bool) is called by receive(). shake: awaited between TCP and TLS, whose handshake begins with the
    first write; it returns the time. beat(): called before each wait, of ANSWER_MS at most. Calls raise MqttError when
    the link is of no more use.
    """

    def __init__(
        self, dialer, client_id, keepalive_s, on_message, will=None, user=None, password=None, shake=None, beat=None
    ):
        self._dialer = dialer
        self._connect = connect_packet(client_id, keepalive_s, will, user, password)
        self._keepalive_ms = keepalive_s * 1000
        self._on_message = on_message
        self._shake = shake
        self._beat = beat
        self._reader = None
        self._writer = None
        self._pid = 0
        self._waiting = {}  # packet number -> time of sending: PUBACK is due
        self._received = []  # packet numbers of messages to acknowledge
        self._subscribed = None  # packet number of the SUBSCRIBE that waits
        self._needed = 0  # topics of it that must not be refused
        self._ping_ms = None  # time of the PINGREQ that waits
        self._written_ms = 0

    async def connect(self, now_ms):
        """Connect and await the broker's yes; MqttError when refused or late."""
        self._reader, self._writer = await self._dialer.open(CONNECT_MS)
        if self._shake is not None:
            now_ms = await self._shake()
        await self._send(self._connect, now_ms, CONNECT_MS)
        first, body = await self._timed(self._packet(), CONNECT_MS)
        if first != _CONNACK or len(body) != 2:
            raise MqttError("no CONNACK")
        if body[1]:
            raise MqttError("broker refuses: code %d" % body[1])

    async def subscribe(self, topics, now_ms, needed=None):
        """Subscribe to `topics` at QoS 1 and await the SUBACK; messages that arrive meanwhile are handled. needed: how
        many of them, from the first on, the broker must not refuse; None: all."""
        pid = self._next_pid()
        self._needed = len(topics) if needed is None else needed
        filters = b"".join([text_field(topic) + b"\x01" for topic in topics])
        self._subscribed = pid
        await self._send(packet(0x82, pid.to_bytes(2, "big"), filters), now_ms, CONNECT_MS)
        await self._timed(self._suback(), CONNECT_MS)

    async def _suback(self):
        while self._subscribed is not None:
            await self.receive()

    async def publish(self, topic, payload, now_ms, retain=False):
        """Publish at QoS 1 and return once written; service() waits for the PUBACK."""
        pid = self._next_pid()
        data = packet(0x33 if retain else 0x32, text_field(topic), pid.to_bytes(2, "big"), payload)
        self._waiting[pid] = now_ms
        await self._send(data, now_ms, ANSWER_MS)

    async def send(self, topic, payload, now_ms):
        """Publish at QoS 0: once, and nobody says whether it arrived."""
        await self._send(packet(0x30, text_field(topic), payload), now_ms, ANSWER_MS)

    async def service(self, now_ms):
        """Acknowledge what came, ping when idle, and raise MqttError when an answer is overdue."""
        if self._ping_ms is not None and now_ms - self._ping_ms > ANSWER_MS:
            raise MqttError("no PINGRESP for %d ms" % (now_ms - self._ping_ms))
        for pid in self._waiting:
            if now_ms - self._waiting[pid] > ANSWER_MS:
                raise MqttError("no PUBACK for %d ms" % (now_ms - self._waiting[pid]))
        while self._received:
            await self._send(b"\x40\x02" + self._received.pop(0), now_ms, ANSWER_MS)
        if self._ping_ms is None and now_ms - self._written_ms >= self._keepalive_ms // 2:
            self._ping_ms = now_ms
            await self._send(b"\xc0\x00", now_ms, ANSWER_MS)

    async def receive(self):
        """Await and handle one packet; a message goes to on_message."""
        first, body = await self._packet()
        kind = first & 0xF0
        if kind == _PUBLISH:
            self._publish_in(first, body)
        elif kind == _PUBACK and len(body) == 2:
            self._waiting.pop(body[0] << 8 | body[1], None)
        elif kind == _SUBACK and len(body) >= 3:
            if body[0] << 8 | body[1] == self._subscribed:
                if 0x80 in body[2 : 2 + self._needed]:
                    raise MqttError("broker refuses a subscription")
                self._subscribed = None
        elif kind == _PINGRESP:
            self._ping_ms = None
        else:
            raise MqttError("unexpected packet 0x%02x" % first)

    def close(self):
        """Drop the connection at once; never raises for a broken one."""
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError:
                pass  # it is closed already
            self._writer = None

    async def disconnect(self, now_ms):
        """Say goodbye, so that the broker does not publish the will, and close."""
        await self._send(b"\xe0\x00", now_ms, ANSWER_MS)
        self.close()

    def _publish_in(self, first, body):
        """Hand on one message; service() acknowledges it when it was sent at QoS 1."""
        size = body[0] << 8 | body[1] if len(body) >= 2 else len(body)
        at = 2 + size
        qos = first >> 1 & 3
        if at + (2 if qos else 0) > len(body) or qos > 1 or len(self._received) >= MAX_RECEIVED:
            raise MqttError("bad PUBLISH")
        try:
            topic = body[2:at].decode()
        except ValueError:
            raise MqttError("topic is not UTF-8")
        pid = body[at : at + 2]
        if qos:
            at += 2
        if len(body) <= MAX_PACKET:
            self._on_message(topic, body[at:], bool(first & 1))
        if qos == 1:
            self._received.append(pid)

    async def _packet(self):
        """Return (first byte, body) of the next packet; of a body above MAX_PACKET only the first part."""
        try:
            first = (await self._reader.readexactly(1))[0]
            length, shift = 0, 0
            while True:
                byte = (await self._reader.readexactly(1))[0]
                length |= (byte & 127) << shift
                if byte < 128:
                    break
                shift += 7
                if shift > 21:
                    raise MqttError("bad length")
            body = await self._reader.readexactly(min(length, MAX_PACKET + 1))
            length -= len(body)
            while length:
                length -= len(await self._reader.readexactly(min(length, 1024)))
            return first, body
        except (EOFError, ValueError) as error:  # ValueError: TLS on MicroPython
            raise MqttError("link closed: %s" % error)

    async def _send(self, data, now_ms, timeout_ms):
        """Write one packet with a deadline."""
        if self._writer is None:
            raise MqttError("closed")
        self._written_ms = now_ms
        try:
            self._writer.write(data)
            await self._timed(self._writer.drain(), timeout_ms)
        except ValueError as error:
            raise MqttError(str(error).strip())  # TLS on MicroPython: the broker's certificate

    async def _timed(self, awaitable, timeout_ms):
        """Await with a deadline; MqttError when it passes."""
        if self._beat is not None:
            self._beat()
        try:
            return await asyncio.wait_for(awaitable, timeout_ms / 1000)
        except asyncio.TimeoutError:
            raise MqttError("no answer within %d ms" % timeout_ms)

    def _next_pid(self):
        """Return the next free packet number, 1 to 65535."""
        while True:
            self._pid = self._pid % 65535 + 1
            if self._pid not in self._waiting:
                return self._pid
