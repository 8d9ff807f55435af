# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The Uplink port of a board: an asyncio task beside the control task, on edge.shell.mqtt.

offer() only encodes into RAM. run() connects, publishes up to the window and takes acknowledgements; it
never blocks the event loop for longer than one small packet, and none of its failures leaves it.
"""

import asyncio

from edge.shell import link, mqtt
from edge.shell.outbox import Outbox

TICK_S = 0.05  # how often the sender looks for records: far below the control period
BURST = 8  # packets between two looks of the event loop at the other tasks
LIMIT_BYTES = 32 * 1024
HANDSHAKE_MS = 60000  # between two TLS handshakes: each may make a step late, and three in a minute restart a board


class BoardUplink:
    """Uplink port over MQTT for a board.

    settings: the checked settings dict (org, site, device, uplink); epoch: random integer, new at each start;
    boot: start count; limit_bytes: RAM of the outbox; tls: BoardTls or None; outbox: Backlog in its place; calm: Calm
    under which TLS shakes hands, or None. The host should be numeric.
    connected: the broker took our subscription. log: last change of the link, for the console. beat: list whose first
    item is the time of the last turn of run(), or that of its return from a rest.
    """

    def __init__(self, settings, epoch, boot, limit_bytes=LIMIT_BYTES, tls=None, outbox=None, calm=None):
        place = settings["uplink"]
        self.outbox = outbox or Outbox(settings["device"], epoch, boot, limit_bytes, key=link.ack_key(settings))
        self.connected = False
        self.log = "never connected"
        self.refused = None  # why, while a certificate is not accepted
        self.reconnects = 0
        self._root = link.topic_root(settings)
        self._client_id = settings["device"]
        self._keepalive_s = place["keepalive_s"]
        self._dialer = mqtt.Dialer(place["host"], place["port"], tls and tls.context)
        self._tls = tls
        self._calm = calm
        self._shaken_ms = None  # start of the last session that came to a TLS handshake
        self._met = False  # the broker took our CONNECT
        self._backoff = link.Backoff(epoch)
        self._orders = link.Orders()
        self._gather = link.Gather(1000 * place.get("gather_s", 0))
        self._replies = link.Replies()
        self._form = link.form_of(settings)
        self._home = link.home_of(settings)
        self._clock = None
        self._broken = None
        self.beat = [0]
        self.updates = None  # edge.shell.updater.Updater, once somebody takes updates

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
        self._replies.look(record)
        self._gather.offered(record)
        if self._home is not None:
            self._home.look(record)
        return self.outbox.append(record)

    def orders(self):
        """Return the list of order payloads (bytes, not verified) that arrived since the last call."""
        return self._orders.take()

    async def run(self, clock):
        """Keep the link up for ever: connect, publish, reconnect after 0.1 s to 10 s with jitter."""
        self._clock = clock
        try:
            while True:
                start_ms = self._at_work()
                opened = self._dialer.opened
                try:
                    await self._session()
                except (OSError, MemoryError) as error:
                    shaken = self._tls is not None and self._dialer.opened != opened
                    self._shaken_ms = start_ms if shaken else self._shaken_ms
                    if self._tls is not None and not self._met:
                        error = self._tls.why(error, shaken)
                        self.refused = error if "ertificate" in error else self.refused
                    self.log = "link lost: %s" % error
                self.reconnects += 1
                rest_ms = self._rest_ms(start_ms)
                self.beat[0] = clock.now_ms() + rest_ms
                await asyncio.sleep(rest_ms / 1000)
        finally:
            self._dialer.cancel()

    def _at_work(self):
        """The time, which is that of a turn."""
        now_ms = self.beat[0] = self._clock.now_ms()
        return now_ms

    def _rest_ms(self, start_ms):
        """How long to wait after a session that began at start_ms; between TLS handshakes HANDSHAKE_MS at least."""
        now_ms = self._clock.now_ms()
        wait_ms = self._backoff.next_ms(now_ms - start_ms)
        return wait_ms if self._shaken_ms is None else max(wait_ms, self._shaken_ms + HANDSHAKE_MS - now_ms)

    async def _session(self):
        """One connection, from connect to its end by MqttError."""
        now_ms = self._clock.now_ms
        will = (self._root + "status", b"offline")
        calm = self._calm
        shake = calm and calm.begin
        client = mqtt.Client(
            self._dialer, self._client_id, self._keepalive_s, self._on_message, will, shake=shake, beat=self._at_work
        )
        reader = None
        self._met = False
        try:
            try:
                await client.connect(now_ms())
            finally:
                if calm is not None:
                    calm.end()
            self._met = True
            topics = [self._root + "ack", self._root + "ord"]
            if self.updates is not None:
                topics.append(self._root + "upd")
            if self._home:
                topics.append(link.HOME_STATUS)
            await client.subscribe(topics, now_ms(), 2)
            await client.publish(self._root + "status", b"online", now_ms(), True)
            self.connected = True
            self.log = "connected"
            self.refused = None
            self.outbox.rewind(now_ms())
            if self._home is not None:
                self._home.connected()
            self._broken = None
            reader = asyncio.create_task(self._read(client))
            while self._broken is None:
                await client.service(self._at_work())
                if self._home is not None:
                    await self._show(client)
                await self._pump(client)
                await asyncio.sleep(TICK_S)
            raise mqtt.MqttError(str(self._broken))
        finally:
            self.connected = False
            if reader is not None:
                reader.cancel()
            client.close()

    async def _pump(self, client):
        """Publish the replies to orders and what the window allows, yielding to the other tasks."""
        topic = self._root + "rec"
        data = self._replies.take()
        while data is not None:
            await client.publish(self._root + "rsp", self._form(data), self._clock.now_ms())
            data = self._replies.take()
        wanted = self.updates and self.updates.take()
        if wanted:
            await client.publish(self._root + "rsp", wanted, self._clock.now_ms())
        if self._gather.holds(self._clock.now_ms(), self.outbox):
            return
        for number in range(self.outbox.window):
            item = self.outbox.take(self._clock.now_ms())
            if item is None:
                return
            await client.publish(topic, self._form(item[1]), self._clock.now_ms())
            if number % BURST == BURST - 1:
                await asyncio.sleep(0)

    async def _show(self, client):
        """Publish one message for Home Assistant, if there is one; for want of memory it is left out."""
        now_ms = self._clock.now_ms()
        try:
            item = self._home.take(now_ms)
            if item is not None:
                await client.publish(item[0], item[1], now_ms, item[2])
        except MemoryError:
            pass

    async def _read(self, client):
        """Handle incoming packets until the link breaks; the failure is left in self._broken."""
        try:
            while True:
                await client.receive()
        except (OSError, MemoryError) as error:
            self._broken = error

    def _on_message(self, topic, payload, retained):
        """Take one acknowledgement or order. Retained orders are old ones: refused."""
        if topic == self._root + "ack":
            self.outbox.ack(payload, self._clock.now_ms())
        elif topic == self._root + "ord":
            self._orders.put(payload, retained)
        elif topic == self._root + "upd" and self.updates is not None:
            self.updates.put(payload)
        elif topic == link.HOME_STATUS and self._home is not None:
            self._home.heard(payload)
