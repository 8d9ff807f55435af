# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
"""What comes down: orders, acknowledgements, and the status that the broker shows to others."""

import asyncio
import threading

import paho.mqtt.client as paho
import pytest

from edge.core.records import Record
from edge.core.registry import KEYS
from edge.shell import board_uplink, cbor, gateway_uplink
from host_tools import envelopes, ledger
from simulator.broker import Broker
from tests.uplink import board_driver, rig

ROOT = "bess/v1/demo/here/board-1/"


def settings(port, form="cbor"):
    place = {"host": "127.0.0.1", "port": port, "keepalive_s": 5, "format": form}
    return {"org": "demo", "site": "here", "device": "board-1", "uplink": place}


class BoardThread:
    """The board uplink on an event loop of its own."""

    def __init__(self, port, form="cbor"):
        self.uplink = board_uplink.BoardUplink(settings(port, form), 5, 1)
        self.thread = threading.Thread(target=asyncio.run, args=(self._main(),), daemon=True)
        self.thread.start()

    async def _main(self):
        self.stopping = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        task = asyncio.create_task(self.uplink.run(board_driver.Clock()))
        await self.stopping.wait()
        task.cancel()

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join()


class GatewayThread:
    """The gateway uplink."""

    def __init__(self, port, form="cbor"):
        self.uplink = gateway_uplink.GatewayUplink(settings(port, form), 5, 1, gateway_uplink.MonotonicClock())
        self.uplink.start()

    def stop(self):
        self.uplink.stop()


@pytest.fixture(params=(BoardThread, GatewayThread), ids=("board", "gateway"))
def make(request):
    return request.param


@pytest.fixture
def backend():
    """(broker, client, {topic: [payload, ...]}) with a bare client that sees everything of the device."""
    seen = {}
    with Broker() as broker:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="backend")
        client.on_connect = lambda client, *_: client.subscribe(ROOT + "#", qos=1)
        client.on_message = lambda _c, _u, message: seen.setdefault(message.topic, []).append(message.payload)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        yield broker, client, seen
        client.disconnect()
        client.loop_stop()


def test_orders_arrive_once_and_retained_ones_never(make, backend):
    broker, client, _ = backend
    client.publish(ROOT + "ord", b"old", qos=1, retain=True).wait_for_publish(10)
    running = make(broker.port)
    uplink = running.uplink
    assert rig.until(lambda: uplink.connected)
    client.publish(ROOT + "ord", b"new", qos=1)
    got = []
    assert rig.until(lambda: got.extend(uplink.orders()) or got)
    assert got == [b"new"]
    running.stop()


def test_acknowledgement_frees_records(make, backend):
    broker, client, seen = backend
    running = make(broker.port)
    uplink = running.uplink
    for number in range(5):
        assert uplink.offer(board_driver.record(number)) == number + 1
    assert rig.until(lambda: len(seen.get(ROOT + "rec", ())) >= 5)
    assert uplink.backlog == 5 and uplink.last_ack_ms is None
    client.publish(ROOT + "ack", b"noise", qos=1)
    client.publish(ROOT + "ack", cbor.encode({1: 5, 2: 3}), qos=1)
    assert rig.until(lambda: uplink.backlog == 2)
    assert uplink.last_ack_ms is not None and uplink.lost == 0 and uplink.seq == 5
    running.stop()


def test_status_is_online_then_offline(make, backend):
    broker, _, seen = backend
    running = make(broker.port)
    assert rig.until(lambda: seen.get(ROOT + "status", [b""])[-1] == b"online")
    running.stop()
    assert rig.until(lambda: seen[ROOT + "status"][-1] == b"offline")


def test_offer_without_any_broker_is_cheap_and_bounded(make):
    running = make(9)  # nobody listens on the discard port
    uplink = running.uplink
    for number in range(3000):
        uplink.offer(board_driver.record(number))
    assert uplink.seq == 3000 and not uplink.connected and uplink.orders() == []
    assert uplink.outbox.bytes <= uplink.outbox.limit_bytes
    running.stop()


@pytest.mark.parametrize("form", ("cbor", "json"))
def test_the_verdict_on_an_order_is_a_record_and_a_reply(make, backend, form):
    broker, _, seen = backend
    running = make(broker.port, form)
    verdict = Record("E", 0, 12, None, 0, ((60, 14), (KEYS["order_verdict"], 8), (KEYS["order_hash"], "ab" * 32)))
    assert rig.until(lambda: running.uplink.connected)
    running.uplink.offer(board_driver.record(0))
    running.uplink.offer(verdict)
    assert rig.until(lambda: ROOT + "rsp" in seen and len(seen.get(ROOT + "rec", ())) == 2)
    running.stop()
    (reply,) = seen[ROOT + "rsp"]
    assert (reply[:1] == b"{") == (form == "json")
    assert envelopes.envelope_of(reply) == {0: 1, 4: 12, 6: 0, 8: 0, 9: dict(verdict.pairs)}
    assert sorted(ledger.parse(ROOT + "rec", each, 0).seq for each in seen[ROOT + "rec"]) == [1, 2]
