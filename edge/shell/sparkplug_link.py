# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""The connection of the Sparkplug live lane: an MQTT session of its own beside that of the records.

Runs on both runtimes: a board has it as a task, a gateway in a thread with an event loop of its own
(edge/shell/gateway_sparkplug.py). It can hold up neither a step nor a record.
"""

import asyncio

from edge.shell import link, mqtt

TICK_S = 0.05


class _Opened:
    """Dialer that hands out the one connection that is already open: bdSeq counts CONNECTs, not attempts."""

    def __init__(self, streams):
        self._streams = streams

    async def open(self, timeout_ms):
        """The streams."""
        return self._streams


class SparkplugLink:
    """node: edge.shell.sparkplug_node.Node; settings: checked dict; seed: any integer, different per device; tls: as
    mqtt.Dialer wants it; rest_ms: least time between two sessions, and before the first (TLS handshakes on a board).

    stopping = True ends run() after an NDEATH. log: last change of the link. sessions: CONNECTs so far.
    """

    def __init__(self, node, settings, seed, tls=None, rest_ms=0):
        place = settings["uplink"]
        self.node = node
        self.stopping = False
        self.sessions = 0
        self.log = "never connected"
        self._dialer = mqtt.Dialer(place["host"], place["port"], tls)
        self._client_id = settings["device"] + "-live"
        self._keepalive_s = place["keepalive_s"]
        self._backoff = link.Backoff(seed)
        self._rest_ms = rest_ms
        self._broken = None

    async def run(self, clock):
        """Keep the lane up until stopping; never raises what the broker, the network or a message may cause."""
        await self._wait(self._rest_ms)
        try:
            while not self.stopping:
                start_ms = clock.now_ms()
                try:
                    await self._session(clock)
                except (OSError, MemoryError) as error:
                    self.log = "link lost: %s" % error
                wait_ms = self._backoff.next_ms(clock.now_ms() - start_ms)
                await self._wait(max(wait_ms, self._rest_ms))
        finally:
            self._dialer.cancel()

    async def _wait(self, wait_ms):
        while wait_ms > 0 and not self.stopping:
            await asyncio.sleep(min(wait_ms, 200) / 1000)
            wait_ms -= 200

    async def _session(self, clock):
        """One session: a will for this CONNECT, subscriptions, births and data until something ends it."""
        node, now_ms = self.node, clock.now_ms
        while not node.ready:
            if self.stopping:
                return
            await asyncio.sleep(TICK_S)
        opened = _Opened(await self._dialer.open(mqtt.CONNECT_MS))
        client = mqtt.Client(opened, self._client_id, self._keepalive_s, node.heard, node.will())
        reader = None
        self.sessions += 1
        try:
            await client.connect(now_ms())
            await client.subscribe(node.topics(), now_ms())
            self.log = "connected"
            self._broken = None
            reader = asyncio.create_task(self._read(client))
            while self._broken is None:
                if self.stopping or node.over:
                    await self._leave(client, clock)
                    return
                await client.service(now_ms())
                for topic, data in node.due(now_ms()):
                    await client.send(topic, data, now_ms())
                    await asyncio.sleep(0)
                await asyncio.sleep(TICK_S)
            raise mqtt.MqttError(str(self._broken))
        finally:
            if reader is not None:
                reader.cancel()
            client.close()

    async def _leave(self, client, clock):
        """The end on purpose: NDEATH at QoS 1 as the will would be, then DISCONNECT, after which the broker forgets the
        will."""
        if self.node.born:
            topic, data = self.node.death()
            await client.publish(topic, data, clock.now_ms())
        await client.disconnect(clock.now_ms())
        self.log = "left: the primary host is offline" if self.node.over else "left"

    async def _read(self, client):
        """Handle incoming packets until the link breaks; the failure is left in self._broken."""
        try:
            while True:
                await client.receive()
        except (OSError, MemoryError) as error:
            self._broken = error


def live(settings, folder, clock, sync, seed, tls=None, rest_ms=0):
    """The SparkplugLink of settings; its Node keeps bdSeq below folder."""
    import os

    from edge.shell.sparkplug_node import Node
    from edge.shell.store import FileStore

    place = folder + "/sparkplug"
    try:
        os.mkdir(place)
    except OSError:
        pass  # it is there, or the disk refuses: bdSeq begins at 0 after each start then
    return SparkplugLink(Node(settings, clock, FileStore(place, sync)), settings, seed, tls, rest_ms)
