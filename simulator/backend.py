# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""A broker and the backend behind it in one, for one board, under somebody else's clock: turn(now_ms) takes what has
come over TCP (or TLS) and answers it at once. MQTT 3.1.1 as far as the board uses it."""

import select
import socket
import ssl
import time

from edge.shell import acks, cbor

ROOT_WORDS = 5  # bess/v1/ORG/SITE/DEVICE
MOMENT_S = 0.005


class Channel:
    """One connection; with a context its bytes are TLS. data: what came and is not used yet."""

    def __init__(self, connection, context):
        self.connection = connection
        self.connection.setblocking(False)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""
        self.gone = False
        self._tls = None
        self._met = False
        if context is not None:
            self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = context.wrap_bio(self._in, self._out, server_side=True)
            self._shaken = False
        self.greeted = False
        self.young = context is not None  # a TLS session that has not subscribed yet

    def read(self):
        """Take what has come; True when the other side has something to read now."""
        if self.young:  # bytes need a moment of real time, in which no simulated time may pass
            select.select([self.connection], [], [], MOMENT_S)
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.gone = True
            return False
        if self._tls is None:
            self.data += data
            return False
        self._in.write(data)
        self.greeted = not self._met
        self._met = True
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            while True:
                self.data += self._tls.read(65536)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.gone = True
        return self._flush()

    def write(self, data):
        """Send."""
        if self._tls is None:
            self._send(data)
        else:
            self._tls.write(data)
            self._flush()

    def _flush(self):
        data = self._out.read()
        if data:
            self._send(data)
        return bool(data)

    def _send(self, data):
        try:
            self.connection.sendall(data)
        except OSError:
            self.gone = True
        if self.young:
            time.sleep(MOMENT_S)


def packet_of(data):
    """(first byte, body, rest) of the first whole MQTT packet in data, or None."""
    length = shift = 0
    for at in range(1, 5):
        if at >= len(data):
            return None
        length |= (data[at] & 127) << shift
        shift += 7
        if data[at] < 128:
            if len(data) < at + 1 + length:
                return None
            return data[0], data[at + 1 : at + 1 + length], data[at + 1 + length :]
    return None


def packet(first, body):
    """One MQTT packet."""
    head, length = bytes((first,)), len(body)
    while length > 127:
        head += bytes((length & 127 | 128,))
        length >>= 7
    return head + bytes((length,)) + body


class Backend:
    """context: ssl context of the server, or None. hears False: nothing is taken or answered (the broker hangs).

    port. sessions: CONNECTs so far. records: {epoch: {seq: class}}; twice: records that came again. shaken_ms: times of
    connections.
    """

    def __init__(self, context=None):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.setblocking(False)
        self.port = self.server.getsockname()[1]
        self.hears = True
        self.greeted = False  # the first bytes of a TLS handshake have come
        self.sessions = self.twice = self.count = 0
        self.shaken_ms = []
        self.events = []  # bodies of the records of class E
        self.records = {}
        self._context = context
        self._channels = []
        self._pid = 0

    def turn(self, now_ms):
        """Take and answer; True when the board has something to read now."""
        if not self.hears:
            return False
        woken = False
        try:
            self._channels.append(Channel(self.server.accept()[0], self._context))
            self.shaken_ms.append(now_ms)
        except BlockingIOError:
            pass
        for channel in self._channels[:]:
            woken = channel.read() or woken
            while True:
                found = packet_of(channel.data)
                if found is None:
                    break
                channel.data = found[2]
                woken = self._take(channel, found[0], found[1], now_ms) or woken
            self.greeted, channel.greeted = self.greeted or channel.greeted, False
            if channel.gone:
                channel.connection.close()
                self._channels.remove(channel)
        return woken

    def trust(self, context):
        """From now on connections get that ssl context."""
        self._context = context

    def refuse(self):
        """There is no way to here: who comes newly is sent away, who was connected is neither heard nor told."""
        self.hears = False
        try:
            self.server.accept()[0].close()
        except BlockingIOError:
            pass

    def drop(self):
        """End every connection, as a broker that restarts does."""
        for channel in self._channels:
            channel.connection.close()
        self._channels = []

    def _take(self, channel, first, body, now_ms):
        kind = first & 0xF0
        if kind == 0x10:
            self.sessions += 1
            channel.write(b"\x20\x02\x00\x00")
        elif kind == 0x80:
            channel.young = False
            channel.write(packet(0x90, body[:2] + b"\x01\x01"))
        elif kind == 0xC0:
            channel.write(b"\xd0\x00")
        elif kind == 0x30:
            size = body[0] << 8 | body[1]
            topic, pid, payload = body[2 : 2 + size].decode(), body[2 + size : 4 + size], body[4 + size :]
            channel.write(b"\x40\x02" + pid)
            if topic.endswith("/rec"):
                self._record(channel, topic, payload, now_ms)
        else:
            return False
        return True

    def _record(self, channel, topic, payload, now_ms):
        """Keep one record and acknowledge all up to the first that is missing."""
        fields = cbor.decode(payload)
        seen = self.records.setdefault(fields[1], {0: ""})
        self.count += 1
        again = fields[2] in seen
        self.twice += again
        seen[fields[2]] = chr(fields[7])
        if fields[7] == ord("E") and not again:
            self.events.append(fields[9])
            del self.events[:-500]
        upto = seen.get("upto", 0)
        while upto + 1 in seen:
            upto += 1
        seen["upto"] = upto
        self._pid = self._pid % 65535 + 1
        root = topic[: -len("rec")]
        name = (root + "ack").encode()
        told = acks.make(root.split("/")[-2], None, fields[1], upto, now_ms)
        head = len(name).to_bytes(2, "big") + name + self._pid.to_bytes(2, "big")
        channel.write(packet(0x32, head + told))

    def missing(self):
        """Numbers below the highest of each epoch that never came."""
        return sum(max(n for n in seen if n != "upto") - seen["upto"] for seen in self.records.values())

    def close(self):
        """Close everything."""
        self.drop()
        self.server.close()
